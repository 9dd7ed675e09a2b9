// Lets the people of one customer drop device files and download results, only in their own folders. Deployed once per
// customer, by hand: see docs/tenancy.md.
@description('The tenant id of the customer, in lower case: the name of its folder.')
@minLength(36)
@maxLength(36)
param customerId string

@description('Object id of the group (or person) of the customer, as a guest in this tenant.')
param principalId string

@allowed(['Group', 'User', 'ServicePrincipal'])
param principalType string = 'Group'

param dropStorageName string

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
  }
}

var blobActions = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
var folder = '${toLower(customerId)}/'

// Each line: not this action, or its blob is in the folder. A list is limited by the prefix that it requests.
var readsTheFolder = '((!(ActionMatches{\'${blobActions}/read\'} AND NOT SubOperationMatches{\'Blob.List\'})) OR (@Resource[${blobActions}:path] StringStartsWith \'${folder}\'))'
var listsTheFolder = '((!(ActionMatches{\'${blobActions}/read\'} AND SubOperationMatches{\'Blob.List\'})) OR (@Request[${blobActions}:prefix] StringStartsWith \'${folder}\'))'
var writesTheFolder = '((!(ActionMatches{\'${blobActions}/write\'}) AND !(ActionMatches{\'${blobActions}/add/action\'}) AND !(ActionMatches{\'${blobActions}/delete\'})) OR (@Resource[${blobActions}:path] StringStartsWith \'${folder}\'))'

var blobReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'

// Storage Blob Data Contributor could also delete the container, and no condition can prevent that.
resource dropRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(dropStorage.id, 'drop device files')
  properties: {
    roleName: 'Device Drop: drop files (${dropStorageName})'
    description: 'Read, write and delete blobs, with no rights on their container.'
    type: 'CustomRole'
    permissions: [
      { dataActions: ['${blobActions}/read', '${blobActions}/write', '${blobActions}/add/action', '${blobActions}/delete'] }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

// The customer's people drop device files into their own folder, and may delete them.
resource customerFiles 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dropStorage::blobs::deviceFiles.id, principalId, customerId)
  scope: dropStorage::blobs::deviceFiles
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dropRole.name)
    principalId: principalId
    principalType: principalType
    conditionVersion: '2.0'
    condition: '${readsTheFolder} AND ${listsTheFolder} AND ${writesTheFolder}'
  }
}

// The customer's people read the results of their files.
resource customerResults 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dropStorage::blobs::results.id, principalId, customerId)
  scope: dropStorage::blobs::results
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobReader)
    principalId: principalId
    principalType: principalType
    conditionVersion: '2.0'
    condition: '${readsTheFolder} AND ${listsTheFolder}'
  }
}
