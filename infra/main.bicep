// All resources of Device Drop, in one resource group. `azd up` deploys this, then the code, then events.bicep, which needs
// a key that only a running app has.
targetScope = 'subscription'

@description('Name of the azd environment; part of every name and tag.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region, which must offer Flex Consumption.')
@minLength(1)
param location string

@description('Tenant id of the partner, which holds its users and its registered application.')
param partnerTenantId string

@description('Client id of the application that is registered in Partner Center under App management.')
param partnerClientId string

@description('Whether the app also signs in as a user (secure application model), which creating a batch requires.')
param signInWithUser bool = true

@description('Name of a secret in the vault with the application\'s client secret. Empty: the app\'s managed identity is the credential (federated credential), which requires the application to be in the tenant of this subscription.')
param clientSecretName string = ''

@description('Name of a secret in the vault with the address of the webhook to call when a file ends. Empty: none is called.')
param webhookSecretName string = ''

@description('Client id of the application with which people sign in to the status page. Empty: nobody can sign in.')
param pageClientId string = ''

@description('Object id of the operator who deploys: may store the refresh token and drop files. Empty: nobody.')
param operatorId string = ''

@description('Days for which rows, results and copies are kept (setting RETENTION_DAYS).')
@minValue(1)
@maxValue(3650)
param retentionDays int = 90

@description('Email address that receives alerts. Empty: alerts are only shown in the portal.')
param alertEmail string = ''

@description('Puts storage and vault behind private endpoints and the app into a virtual network.')
param privateNetwork bool = false

@description('IPv4 addresses (198.51.100.7) and ranges (198.51.100.0/24) from which storage and vault can still be reached when privateNetwork is on. Storage refuses ranges of /31 and /32: list their addresses.')
param allowedAddresses array = []

@description('Redundancy of the storage account with device files and journal. Standard_ZRS needs a region with availability zones: Standard_LRS keeps all copies in one data center.')
@allowed(['Standard_ZRS', 'Standard_LRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_ZRS'

@description('Logs of a day in GB after which Log Analytics takes no more until the next day; an alert says so. -1: no limit.')
@minValue(-1)
@maxValue(1000)
param dailyLogGigabytes int = 1

@description('Python version of the app, for which requirements.lock is made.')
@allowed(['3.13'])
param pythonVersion string = '3.13'

@description('What a deployment does with running work. Recreate ends it; another instance takes it over. RollingUpdate (a preview of Flex Consumption) lets it finish.')
@allowed(['Recreate', 'RollingUpdate'])
param siteUpdate string = 'Recreate'

@description('Maximum number of instances. Partner Center throttles the partner as a whole, so more instances are of little use.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

@description('Memory of an instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemory int = 2048

@description('Further app settings, by name, such as DEVICES_PER_SUBMISSION.')
param appSettings object = {}

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var names = {
  app: 'func-${token}'
  plan: 'plan-${token}'
  identity: 'id-${token}'
  hostStorage: 'sthost${token}'
  dropStorage: 'stdrop${token}'
  vault: 'kv-${token}'
  workspace: 'log-${token}'
  insights: 'appi-${token}'
  topic: 'evgt-${token}'
  network: 'vnet-${token}'
}
// The address that people open: the app's own, and that of a proxy before it (PAGE_URL), without its path.
var proxyParts = split(appSettings.?PAGE_URL ?? '', '/')
var proxyOrigins = length(proxyParts) > 2 ? [join(take(proxyParts, 3), '/')] : []
var pageOrigins = union(['https://${names.app}.azurewebsites.net'], proxyOrigins)
var refreshTokenSecretName = 'partner-center-refresh-token'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity'
  scope: group
  params: { name: names.identity, location: location, tags: tags, enableTelemetry: false }
}

module network 'network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: { name: names.network, location: location, tags: tags }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: names.workspace
    insightsName: names.insights
    location: location
    tags: tags
    dailyLogGigabytes: dailyLogGigabytes
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    hostName: names.hostStorage
    dropName: names.dropStorage
    dropRedundancy: storageRedundancy
    location: location
    tags: tags
    retentionDays: retentionDays
    privateNetwork: privateNetwork
    allowedAddresses: allowedAddresses
    pageOrigins: pageOrigins
  }
}

module vault 'vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: names.vault
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    privateNetwork: privateNetwork
    allowedAddresses: allowedAddresses
  }
}

module endpoints 'endpoints.bicep' = if (privateNetwork) {
  name: 'endpoints'
  scope: group
  params: {
    networkName: names.network
    hostStorageName: names.hostStorage
    dropStorageName: names.dropStorage
    vaultName: names.vault
    location: location
    tags: tags
  }
  dependsOn: [network, storage, vault]
}

module topic 'topic.bicep' = {
  name: 'topic'
  scope: group
  params: { name: names.topic, dropStorageName: names.dropStorage, location: location, tags: tags }
  dependsOn: [storage]
}

// Before the app, which cannot start without these roles.
module roles 'roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    identityName: names.identity
    hostStorageName: names.hostStorage
    dropStorageName: names.dropStorage
    vaultName: names.vault
    insightsName: names.insights
    topicName: names.topic
    operatorId: operatorId
    signInWithUser: signInWithUser
  }
  dependsOn: [identity, storage, vault, monitoring, topic]
}

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: names.app
    planName: names.plan
    location: location
    tags: tags
    identityName: names.identity
    hostStorageName: names.hostStorage
    dropStorageName: names.dropStorage
    vaultName: names.vault
    insightsName: names.insights
    partnerTenantId: partnerTenantId
    partnerClientId: partnerClientId
    refreshTokenSecretName: signInWithUser ? refreshTokenSecretName : ''
    clientSecretName: clientSecretName
    webhookSecretName: webhookSecretName
    pageClientId: pageClientId
    retentionDays: retentionDays
    pythonVersion: pythonVersion
    siteUpdate: siteUpdate
    maximumInstances: maximumInstances
    instanceMemory: instanceMemory
    networkName: privateNetwork ? names.network : ''
    appSettings: appSettings
  }
  dependsOn: [roles, endpoints]
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    insightsName: names.insights
    workspaceName: names.workspace
    topicName: names.topic
    location: location
    tags: tags
    alertEmail: alertEmail
  }
  dependsOn: [monitoring, topic]
}

module workbook 'workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: { insightsName: names.insights, location: location, tags: tags }
  dependsOn: [monitoring]
}

output AZURE_RESOURCE_GROUP string = group.name
output DEVICE_DROP_APP string = names.app
output DEVICE_DROP_URL string = 'https://${app.outputs.hostName}'
output DEVICE_DROP_TOPIC string = names.topic
output DEVICE_DROP_HOST_STORAGE string = names.hostStorage
output DEVICE_DROP_STORAGE string = names.dropStorage
output DEVICE_DROP_VAULT string = names.vault
output DEVICE_DROP_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output DEVICE_DROP_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output PARTNER_CENTER_TENANT_ID string = partnerTenantId
output PARTNER_CENTER_CLIENT_ID string = partnerClientId
output PARTNER_CENTER_REFRESH_TOKEN_SECRET string = 'https://${names.vault}${environment().suffixes.keyvaultDns}/secrets/${refreshTokenSecretName}'
