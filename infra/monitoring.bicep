// Log Analytics and Application Insights.
param workspaceName string
param insightsName string
param location string
param tags object
param dailyLogGigabytes int

module workspace 'br/public:avm/res/operational-insights/workspace:0.16.1' = {
  name: 'workspace'
  params: {
    name: workspaceName
    location: location
    tags: tags
    skuName: 'PerGB2018'
    dataRetention: 30
    // Queries are saved without a storage account of their own.
    forceCmkForQuery: false
    dailyQuotaGb: string(dailyLogGigabytes)
    enableTelemetry: false
  }
}

module insights 'br/public:avm/res/insights/component:0.8.0' = {
  name: 'insights'
  params: {
    name: insightsName
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    // Entra-only ingestion. Both the host and the worker sign in with APPLICATIONINSIGHTS_AUTHENTICATION_STRING; the
    // worker's exporter reads that setting when it is given no credential.
    disableLocalAuth: true
    // The last part of people's addresses is not kept.
    disableIpMasking: false
    retentionInDays: 30
    enableTelemetry: false
  }
}

output workspaceId string = workspace.outputs.resourceId
