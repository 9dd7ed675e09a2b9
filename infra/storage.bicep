// Two storage accounts: one for the Functions host's own records and the app's package, one for device files, their results,
// the queue and the journal. People get access only to the second.
param hostName string
param dropName string
param dropRedundancy string
param location string
param tags object
param retentionDays int
param privateNetwork bool
param allowedAddresses array
@description('Scheme and host of the status page, which alone may upload from a browser.')
param pageOrigins array

// The names are the code's own (shared/pipeline/blob_names.py, shared/storage/connection.py, shared/storage/journal.py,
// shared/storage/customers.py).
var containers = ['device-files', 'submissions', 'results', 'dead-letters', 'staging']
var queues = ['submissions', 'submissions-poison', 'webjobs-blobtrigger-poison', 'file-events']
var tables = [
  'DeviceFiles'
  'Submissions'
  'DeviceOutcomes'
  'DeviceWithdrawals'
  'Batches'
  'OpenFiles'
  'FilesByTime'
  'DevicesBySerial'
  'Gates'
  'Acts'
  'PartnerCustomers'
  'Uploads'
  'Inventories'
  'Customers'
]

// The app deletes blobs older than RETENTION_DAYS, and files that were chosen on the page and not sent for a day; these rules
// cover any that it misses.
var lifecycleDays = retentionDays + 7
var stagingDays = 1

var softDelete = {
  deleteRetentionPolicyEnabled: true
  deleteRetentionPolicyDays: 7
  containerDeleteRetentionPolicyEnabled: true
  containerDeleteRetentionPolicyDays: 7
}

var containerObjects = [for name in containers: { name: name, publicAccess: 'None' }]
var queueObjects = [for name in queues: { name: name }]
var tableObjects = [for name in tables: { name: name }]
var addressRules = [for address in allowedAddresses: { value: address, action: 'Allow' }]

// A browser uploads large files by an address that the app signs for one blob (shared/storage/upload_addresses.py).
var uploadsOfThePage = {
  allowedOrigins: pageOrigins
  allowedMethods: ['PUT']
  allowedHeaders: ['content-type', 'x-ms-*']
  exposedHeaders: ['x-ms-error-code']
  maxAgeInSeconds: 3600
}

// Event Grid writes dead letters as a trusted service, which a default of deny still allows.
var networkAcls = {
  bypass: 'AzureServices'
  defaultAction: privateNetwork ? 'Deny' : 'Allow'
  ipRules: addressRules
}

var lifecycleRules = [
  for name in containers: {
    name: 'retention-${name}'
    enabled: true
    type: 'Lifecycle'
    definition: {
      filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: ['${name}/'] }
      actions: {
        baseBlob: { delete: { daysAfterModificationGreaterThan: name == 'staging' ? stagingDays : lifecycleDays } }
      }
    }
  }
]

module host 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'host-storage'
  params: {
    name: hostName
    location: location
    tags: tags
    skuName: 'Standard_LRS'
    allowSharedKeyAccess: false
    // The portal shows blobs with the rights of the person, since there is no key.
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    networkAcls: networkAcls
    // No lifecycle here: the host's containers (azure-webjobs-*) hold leases and receipts that must not age out.
    blobServices: union(softDelete, { containers: [{ name: 'app-package', publicAccess: 'None' }] })
    enableTelemetry: false
  }
}

module drop 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'drop-storage'
  params: {
    name: dropName
    location: location
    tags: tags
    skuName: dropRedundancy
    allowSharedKeyAccess: false
    // The portal shows blobs with the rights of the person, since there is no key.
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    networkAcls: networkAcls
    blobServices: union(softDelete, { containers: containerObjects, corsRules: [uploadsOfThePage] })
    queueServices: { queues: queueObjects }
    tableServices: { tables: tableObjects }
    managementPolicyRules: lifecycleRules
    enableTelemetry: false
  }
}
