// The function app on Flex Consumption. A plain resource: the verified module would hand on every one of these properties,
// under names of its own.
param name string
param planName string
param location string
param tags object
param identityName string
param hostStorageName string
param dropStorageName string
param vaultName string
param insightsName string
param partnerTenantId string
param partnerClientId string
param refreshTokenSecret string
param clientSecretName string
param webhookSecretName string
param pageClientId string
param retentionDays int
param pythonVersion string
param siteUpdate string
param maximumInstances int
param instanceMemory int
param networkName string
param appSettings object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostStorageName
}

resource dropStorage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: dropStorageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

var vaultSecrets = 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets'

// What the host itself reads. Each kind of storage is named on its own: the binding of a blob as a client knows no other
// way for a connection that is not the host's.
var hostSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AzureWebJobsStorage__blobServiceUri: hostStorage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: hostStorage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: hostStorage.properties.primaryEndpoints.table
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  // The worker exports its own log lines: through the host they would lose their fields, which alerts and workbook read.
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // Our own alone: what the libraries say of each request would be paid for line by line.
  PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME: 'shared'
  // By the trace id, which is the file id: of a file all steps are kept or none. The distro's own default, a number of
  // traces a second, would tear files apart. With less than 1 that share of the files is kept; metrics and logs all are.
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: '1'
  // The steps of a file are enough: every request to storage would be paid for, and some name a serial number.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,requests,urllib,urllib3'
  // As many threads as host.json lets in at once: 8 wake-ups, 2 blobs, the sweep, and a few for the page.
  PYTHON_THREADPOOL_THREAD_COUNT: '16'
  // The status page's sign-in proves itself with the app's identity instead of a secret.
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identity.properties.clientId
}

// What shared/settings.py reads. Everything else has a default there, or is given by the parameter appSettings.
var deviceDropSettings = {
  DeviceStorage__credential: 'managedidentity'
  DeviceStorage__clientId: identity.properties.clientId
  DeviceStorage__blobServiceUri: dropStorage.properties.primaryEndpoints.blob
  DeviceStorage__queueServiceUri: dropStorage.properties.primaryEndpoints.queue
  DeviceStorage__tableServiceUri: dropStorage.properties.primaryEndpoints.table
  AZURE_CLIENT_ID: identity.properties.clientId
  BLOB_TRIGGER_SOURCE: 'EventGrid'
  PARTNER_CENTER_TENANT_ID: partnerTenantId
  PARTNER_CENTER_CLIENT_ID: partnerClientId
  RETENTION_DAYS: string(retentionDays)
}

// One of these proves the application, as clientSecretName says.
var identityProof = { PARTNER_CENTER_MANAGED_IDENTITY: identity.properties.clientId }
var secretProof = { PARTNER_CENTER_CLIENT_SECRET: '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/${clientSecretName})' }
var proofSettings = empty(clientSecretName) ? identityProof : secretProof

// The address of the secret and no reference to it: the app reads it anew at every renewal, and writes it.
var withUser = { PARTNER_CENTER_REFRESH_TOKEN_SECRET: '${vaultSecrets}/${refreshTokenSecret}' }
var userSettings = empty(refreshTokenSecret) ? {} : withUser

// Who is told that a file has ended. The address holds its own key, so it stands in the vault.
var withWebhook = { NOTIFY_WEBHOOK_URL: '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/${webhookSecretName})' }
var webhookSettings = empty(webhookSecretName) ? {} : withWebhook

var subnet = empty(networkName) ? null : resourceId('Microsoft.Network/virtualNetworks/subnets', networkName, 'app')

module plan 'br/public:avm/res/web/serverfarm:0.1.1' = {
  name: 'plan'
  params: {
    name: planName
    location: location
    tags: tags
    sku: { name: 'FC1', tier: 'FlexConsumption' }
    reserved: true
    enableTelemetry: false
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
  properties: {
    serverFarmId: plan.outputs.resourceId
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: subnet
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorage.properties.primaryEndpoints.blob}app-package'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstances
        instanceMemoryMB: instanceMemory
        // One instance that always waits for blobs: events of a blob trigger do not start the first one.
        alwaysReady: [{ name: 'blob', instanceCount: 1 }]
      }
      siteUpdateStrategy: { type: siteUpdate }
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(appSettings, hostSettings, deviceDropSettings, proofSettings, userSettings, webhookSettings)
  }

  // Signs people in for the status page, and lets everybody else through ("Allow unauthenticated access"): the host asks
  // scripts for a function key and Event Grid for the extension's, and the app shows no page to who has not signed in.
  // Every path passes through it, so nobody but it can say who a request comes from; where it is off, without
  // pageClientId, the app believes no such word and shows the page to nobody.
  resource authentication 'config' = {
    name: 'authsettingsV2'
    properties: {
      platform: { enabled: !empty(pageClientId) }
      globalValidation: {
        requireAuthentication: false
        unauthenticatedClientAction: 'AllowAnonymous'
        redirectToProvider: 'azureactivedirectory'
      }
      httpSettings: { requireHttps: true }
      identityProviders: {
        azureActiveDirectory: {
          enabled: !empty(pageClientId)
          registration: {
            clientId: pageClientId
            clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
            openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          }
          validation: {
            allowedAudiences: ['api://${pageClientId}', pageClientId]
            // Otherwise every application of the tenant could come with a token of its own ("Daemon client application").
            defaultAuthorizationPolicy: { allowedApplications: [pageClientId] }
          }
        }
      }
      login: { tokenStore: { enabled: false } }
    }
  }

  // Deployments come with an Entra token; no password opens the app.
  resource noFtpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noDeploymentPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}
