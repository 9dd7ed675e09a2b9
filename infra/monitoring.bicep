// Log Analytics and Application Insights.
param workspaceName string
param insightsName string
param location string
param tags object

module workspace 'br/public:avm/res/operational-insights/workspace:0.11.1' = {
  name: 'workspace'
  params: {
    name: workspaceName
    location: location
    tags: tags
    skuName: 'PerGB2018'
    dataRetention: 30
    enableTelemetry: false
  }
}

module insights 'br/public:avm/res/insights/component:0.6.0' = {
  name: 'insights'
  params: {
    name: insightsName
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    // Entra-only ingestion. Both ends sign in with APPLICATIONINSIGHTS_AUTHENTICATION_STRING: the host, and the worker's
    // own export, whose exporter reads that setting when nobody hands it a credential.
    disableLocalAuth: true
    enableTelemetry: false
  }
}

output workspaceId string = workspace.outputs.resourceId
