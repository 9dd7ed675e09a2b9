// Private endpoints of both storage accounts and the vault, and the DNS names that resolve to them. The app itself stays
// reachable: Event Grid calls it from outside, and the status page requires everybody to sign in.
param networkName string
param hostStorageName string
param dropStorageName string
param vaultName string
param location string
param tags object

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' existing = {
  name: networkName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

resource dropStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dropStorageName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

var services = ['blob', 'queue', 'table']
var storageSuffix = environment().suffixes.storage
var zoneNames = [
  'privatelink.blob.${storageSuffix}'
  'privatelink.queue.${storageSuffix}'
  'privatelink.table.${storageSuffix}'
  'privatelink.vaultcore.azure.net'
]

module zones 'br/public:avm/res/network/private-dns-zone:0.8.1' = [
  for zone in zoneNames: {
    name: 'zone-${zone}'
    params: {
      name: zone
      tags: tags
      virtualNetworkLinks: [{ virtualNetworkResourceId: network.id, registrationEnabled: false }]
      enableTelemetry: false
    }
  }
]

module hostEndpoints 'br/public:avm/res/network/private-endpoint:0.12.1' = [
  for (service, index) in services: {
    name: 'host-${service}'
    params: {
      name: 'pe-${hostStorageName}-${service}'
      location: location
      tags: tags
      subnetResourceId: '${network.id}/subnets/endpoints'
      privateLinkServiceConnections: [
        { name: service, properties: { privateLinkServiceId: hostStorage.id, groupIds: [service] } }
      ]
      privateDnsZoneGroup: {
        privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zones[index].outputs.resourceId }]
      }
      enableTelemetry: false
    }
  }
]

module dropEndpoints 'br/public:avm/res/network/private-endpoint:0.12.1' = [
  for (service, index) in services: {
    name: 'drop-${service}'
    params: {
      name: 'pe-${dropStorageName}-${service}'
      location: location
      tags: tags
      subnetResourceId: '${network.id}/subnets/endpoints'
      privateLinkServiceConnections: [
        { name: service, properties: { privateLinkServiceId: dropStorage.id, groupIds: [service] } }
      ]
      privateDnsZoneGroup: {
        privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zones[index].outputs.resourceId }]
      }
      enableTelemetry: false
    }
  }
]

module vaultEndpoint 'br/public:avm/res/network/private-endpoint:0.12.1' = {
  name: 'vault-endpoint'
  params: {
    name: 'pe-${vaultName}'
    location: location
    tags: tags
    subnetResourceId: '${network.id}/subnets/endpoints'
    privateLinkServiceConnections: [
      { name: 'vault', properties: { privateLinkServiceId: vault.id, groupIds: ['vault'] } }
    ]
    privateDnsZoneGroup: {
      privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zones[3].outputs.resourceId }]
    }
    enableTelemetry: false
  }
}
