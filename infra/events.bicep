// Notifies the app of every dropped blob. Deployed after the code: the address contains a key that the blob extension creates
// when the app first runs. Deploy it again after that key is rotated, or events become dead letters.
param appName string
param topicName string
param dropStorageName string

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource drop 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dropStorageName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'device-files'
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.receive_device_file&code=${listKeys('${app.id}/host/default', '2025-03-01').systemKeys.blobs_extension}'
        maxEventsPerBatch: 1
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      // It ends with a slash to exclude other containers whose names start with this one.
      subjectBeginsWith: '/blobServices/default/containers/device-files/blobs/'
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    // Event Grid does not retry an event that was answered with 400, 401, 403 or 413; without this, such an event is lost.
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: drop.id, blobContainerName: 'dead-letters' }
      }
    }
  }
}
