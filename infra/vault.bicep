// The vault for the refresh token, and for the application's client secret if there is one.
param name string
param location string
param tags object
param workspaceId string
param privateNetwork bool
param allowedAddresses array

var addressRules = [for address in allowedAddresses: { value: address }]

module vault 'br/public:avm/res/key-vault/vault:0.14.0' = {
  name: 'key-vault'
  params: {
    name: name
    location: location
    tags: tags
    sku: 'standard'
    enableRbacAuthorization: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    enableVaultForDeployment: false
    enableVaultForDiskEncryption: false
    enableVaultForTemplateDeployment: false
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
      ipRules: addressRules
    }
    // Records who read the refresh token, and when.
    diagnosticSettings: [{ workspaceResourceId: workspaceId }]
    enableTelemetry: false
  }
}
