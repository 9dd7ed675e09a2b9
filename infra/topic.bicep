// The source of events about dropped blobs. Its subscription is in events.bicep, which is deployed after the code.
param name string
param dropStorageName string
param location string
param tags object

resource drop 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dropStorageName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  // The identity that writes dead letters.
  identity: { type: 'SystemAssigned' }
  properties: { source: drop.id, topicType: 'Microsoft.Storage.StorageAccounts' }
}
