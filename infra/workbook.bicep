// The operators' dashboard: devices by outcome, open files and submissions, and why submissions wait.
param insightsName string
param location string
param tags object

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(insights.id, 'device-drop')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Device Drop'
    category: 'workbook'
    sourceId: insights.id
    serializedData: loadTextContent('workbook.json')
  }
}
