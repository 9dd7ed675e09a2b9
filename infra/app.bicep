// The function app on Flex Consumption. A plain resource: the verified module would only pass these properties on, under
// other names.
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
param refreshTokenSecretName string
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

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

resource dropStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dropStorageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

var vaultSecrets = 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets'

// The settings that the host reads. Each kind of storage is named separately: the binding of a blob as a client supports no
// other way for a connection that is not the host's.
var hostSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AzureWebJobsStorage__blobServiceUri: hostStorage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: hostStorage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: hostStorage.properties.primaryEndpoints.table
  // Otherwise the platform's landing page answers GET /, without the headers that every answer of ours bears.
  AzureWebJobsDisableHomepage: 'true'
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  // The worker exports its own log lines: through the host they would lose the fields that alerts and workbook read.
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // Only the app's own log lines: the libraries log every request, and every line costs money.
  PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME: 'shared'
  // Sampling by the trace id, which is the file id, keeps all steps of a file or none. The distro's default, a number of
  // traces per second, would keep parts of files. A value below 1 keeps that share of the files, and all metrics and logs.
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: '1'
  // The steps of a file are enough: a span for every request to storage costs money, and some contain a serial number.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,requests,urllib,urllib3'
  // Metrics every five minutes, as often as the sweep runs: by the minute, the default, they cost more than everything else
  // that is logged.
  OTEL_METRIC_EXPORT_INTERVAL: '300000'
  // As many threads as host.json allows at once: 8 wake-ups, 2 blobs, the sweep, and a few for the page.
  PYTHON_THREADPOOL_THREAD_COUNT: '16'
  // The status page's sign-in authenticates with the app's identity instead of a secret.
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identity.properties.clientId
}

// The settings that shared/settings.py reads. All others have a default there, or come from the parameter appSettings.
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

// One of these is the application's credential, depending on clientSecretName.
var identityProof = { PARTNER_CENTER_MANAGED_IDENTITY: identity.properties.clientId }
var secretProof = { PARTNER_CENTER_CLIENT_SECRET: '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/${clientSecretName})' }
var proofSettings = empty(clientSecretName) ? identityProof : secretProof

// The address of the secret instead of a reference: the app reads it again at every renewal, and writes it.
var withUser = { PARTNER_CENTER_REFRESH_TOKEN_SECRET: '${vaultSecrets}/${refreshTokenSecretName}' }
var userSettings = empty(refreshTokenSecretName) ? {} : withUser

// The webhook to call when a file ends. Its address contains a key, so it is stored in the vault.
var withWebhook = { NOTIFY_WEBHOOK_URL: '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/${webhookSecretName})' }
var webhookSettings = empty(webhookSecretName) ? {} : withWebhook

var subnet = empty(networkName) ? null : resourceId('Microsoft.Network/virtualNetworks/subnets', networkName, 'app')

module plan 'br/public:avm/res/web/serverfarm:0.7.0' = {
  name: 'plan'
  params: {
    name: planName
    location: location
    tags: tags
    skuName: 'FC1'
    kind: 'functionapp'
    reserved: true
    enableTelemetry: false
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
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
    // Flex Consumption refuses the properties of other plans, such as ftpsState and alwaysOn (error 51021).
    siteConfig: {
      minTlsVersion: '1.2'
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
        // One always-ready instance for blobs: events of a blob trigger do not start the first instance.
        alwaysReady: [{ name: 'blob', instanceCount: 1 }]
      }
      // The service takes it, but no published type has it yet.
      #disable-next-line BCP037
      siteUpdateStrategy: { type: siteUpdate }
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(appSettings, hostSettings, deviceDropSettings, proofSettings, userSettings, webhookSettings)
  }

  // Signs people in for the status page, and lets all other requests through ("Allow unauthenticated access"): the host
  // requires a function key from scripts and the extension's key from Event Grid, and the app shows the page only to people
  // who have signed in. Every path passes through it, so only it can set the header that names the user. Without
  // pageClientId it is off; the app then ignores that header and shows the page to nobody.
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
            // Otherwise every application of the tenant could present a token of its own ("Daemon client application").
            defaultAuthorizationPolicy: { allowedApplications: [pageClientId] }
          }
        }
      }
      login: { tokenStore: { enabled: false } }
    }
  }

  // Deployments use an Entra token; no password gives access to the app.
  resource noFtpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noDeploymentPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

output hostName string = app.properties.defaultHostName
