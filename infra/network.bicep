// The virtual network of privateNetwork: one subnet that the app's calls leave from, one for private endpoints.
param name string
param location string
param tags object

module network 'br/public:avm/res/network/virtual-network:0.10.1' = {
  name: 'virtual-network'
  params: {
    name: name
    location: location
    tags: tags
    addressPrefixes: ['10.60.0.0/24']
    subnets: [
      // Flex Consumption requires this delegation.
      { name: 'app', addressPrefix: '10.60.0.0/26', delegation: 'Microsoft.App/environments' }
      { name: 'endpoints', addressPrefix: '10.60.0.64/26', privateEndpointNetworkPolicies: 'Disabled' }
    ]
    enableTelemetry: false
  }
}
