// Every role assignment of the product, each with its reason.
param identityName string
param hostStorageName string
param dropStorageName string
param vaultName string
param insightsName string
param topicName string
param operatorId string
param signInWithUser bool

var roleIds = {
  blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  secretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  secretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource package 'containers' existing = {
      name: 'app-package'
    }
  }
}

resource dropStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dropStorageName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource deviceFiles 'containers' existing = {
      name: 'device-files'
    }

    resource results 'containers' existing = {
      name: 'results'
    }

    resource deadLetters 'containers' existing = {
      name: 'dead-letters'
    }
  }
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

// The host keeps leases, receipts and its keys as blobs, and downloads the app's package.
resource appHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostStorage.id, identity.id, roleIds.blobOwner)
  scope: hostStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobOwner)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The blob extension queues the events it receives in the host's account (azure-webjobs-blobtrigger-*).
resource appHostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostStorage.id, identity.id, roleIds.queueContributor)
  scope: hostStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.queueContributor)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The host writes start-up errors into a table of its own.
resource appHostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostStorage.id, identity.id, roleIds.tableContributor)
  scope: hostStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.tableContributor)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The app reads and copies device files, writes bodies and results, and deletes old ones. The blob trigger's documentation
// asks for Owner; without a hierarchical namespace Owner allows no more than Contributor. Both may ask for user delegation keys, with
// which the app signs the address of a browser's upload.
resource appDropBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dropStorage.id, identity.id, roleIds.blobOwner)
  scope: dropStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobOwner)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The app sends and takes wake-ups; the host writes both poison queues, and the sweep empties them.
resource appDropQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dropStorage.id, identity.id, roleIds.queueContributor)
  scope: dropStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.queueContributor)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The app writes and reads the journal: files, submissions, outcomes, batches and their indexes.
resource appDropTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dropStorage.id, identity.id, roleIds.tableContributor)
  scope: dropStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.tableContributor)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// Host and worker send logs; ingestion accepts no key.
resource appInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, identity.id, roleIds.metricsPublisher)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.metricsPublisher)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The app reads the refresh token, and the client secret if there is one; the vault holds nothing else.
resource appSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, roleIds.secretsUser)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.secretsUser)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// No built-in role allows setting a secret without also allowing to delete or purge all of them.
resource setSecret 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (signInWithUser) {
  name: guid(vault.id, 'set secret')
  properties: {
    roleName: 'Device Drop: set a secret (${vaultName})'
    description: 'Store a new version of a Key Vault secret, and nothing else.'
    type: 'CustomRole'
    permissions: [{ dataActions: ['Microsoft.KeyVault/vaults/secrets/setSecret/action'] }]
    assignableScopes: [resourceGroup().id]
  }
}

// Each exchange of the refresh token returns a newer one, which the app writes back once a day.
resource appSetSecret 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (signInWithUser) {
  name: guid(vault.id, identity.id, 'set secret')
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', setSecret.name)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// Event Grid writes undeliverable events into this one container.
resource topicDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dropStorage::blobs::deadLetters.id, topic.id, roleIds.blobContributor)
  scope: dropStorage::blobs::deadLetters
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobContributor)
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

// The operator who deploys, and so may replace the code, tries before the upload whether roles on this account have taken
// effect (infra/hooks.py).
resource operatorPackage 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(hostStorage::blobs::package.id, operatorId, roleIds.blobContributor)
  scope: hostStorage::blobs::package
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobContributor)
    principalId: operatorId
  }
}

// The operator who deploys drops the first device file.
resource operatorFiles 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(dropStorage::blobs::deviceFiles.id, operatorId, roleIds.blobContributor)
  scope: dropStorage::blobs::deviceFiles
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobContributor)
    principalId: operatorId
  }
}

// The operator who deploys reads its results.
resource operatorResults 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(dropStorage::blobs::results.id, operatorId, roleIds.blobReader)
  scope: dropStorage::blobs::results
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobReader)
    principalId: operatorId
  }
}

// The operator who deploys stores the first refresh token, and the client secret if there is one.
resource operatorSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(vault.id, operatorId, roleIds.secretsOfficer)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.secretsOfficer)
    principalId: operatorId
  }
}
