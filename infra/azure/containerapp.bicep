// Makes: an Azure Container App of the image, that scales to zero, in an environment that is there.
//   az deployment group create -g GROUP --template-file infra/azure/containerapp.bicep --parameters environmentName=ENVIRONMENT
// First: `coldframe build --target server`, push the image (infra/docker/Dockerfile.gpu, or .server without a GPU), and where
// config.yaml declares secrets, add keyVaultName=VAULT identityId=ID: an identity that may read the vault's secrets
// <name>-<secret>. With a GPU the environment needs the workload profile:
//   az containerapp env workload-profile add -g GROUP -n ENVIRONMENT --workload-profile-name TYPE --workload-profile-type TYPE
// where TYPE is gpu.azure of deployment.json; Azure has T4 and A100.
// Idle cost: none without replicas. A call may take 240 s.

param environmentName string
param location string = resourceGroup().location
param appName string = ''
param maxReplicas int = 3
param external bool = true
param registryServer string = ''
param keyVaultName string = ''
param identityId string = ''

var facts = any(loadJsonContent('../../dist/server/deployment.json'))
// Those with a default need no vault. Azure allows no underscores.
var secrets = map(filter(facts.secrets, secret => !secret.has_default), secret => {
  name: toLower(replace(replace(secret.name, '_', '-'), '.', '-'))
  variable: secret.variable
})

resource host 'Microsoft.App/managedEnvironments@2025-01-01' existing = {
  name: environmentName
}

resource app 'Microsoft.App/containerApps@2025-01-01' = {
  name: empty(appName) ? take(facts.name, 32) : appName
  location: location
  identity: empty(identityId) ? { type: 'None' } : { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    environmentId: host.id
    workloadProfileName: facts.gpu == null ? 'Consumption' : facts.gpu.azure
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: external
        targetPort: facts.port
        transport: 'http'
        allowInsecure: false
      }
      registries: empty(registryServer) ? [] : [{ server: registryServer, identity: identityId }]
      secrets: map(secrets, secret => {
        name: secret.name
        keyVaultUrl: 'https://${keyVaultName}${environment().suffixes.keyvaultDns}/secrets/${facts.name}-${secret.name}'
        identity: identityId
      })
    }
    template: {
      terminationGracePeriodSeconds: facts.termination_grace_seconds
      containers: [
        {
          name: 'model'
          image: facts.image
          resources: {
            cpu: json(facts.cpu)
            memory: facts.memory
          }
          env: concat(
            [
              { name: 'PORT', value: string(facts.port) }
              { name: 'SHUTDOWN_GRACE_MS', value: string(facts.termination_grace_seconds * 1000) }
            ],
            map(items(facts.environment), variable => { name: variable.key, value: variable.value }),
            map(secrets, secret => {
              name: secret.variable
              secretRef: secret.name
            })
          )
          // Without these, default probes end replicas that load for long. The server is up before the model is: its
          // start is that it listens, and no call comes before it is ready.
          probes: [
            {
              type: 'Startup'
              periodSeconds: 5
              failureThreshold: 10
              timeoutSeconds: 5
              httpGet: { path: '/health/live', port: facts.port }
            }
            {
              type: 'Readiness'
              periodSeconds: 5
              failureThreshold: 2
              timeoutSeconds: 5
              httpGet: { path: '/health/ready', port: facts.port }
            }
            {
              type: 'Liveness'
              periodSeconds: 10
              failureThreshold: 6
              timeoutSeconds: 5
              httpGet: { path: '/health/live', port: facts.port }
            }
          ]
        }
      ]
      scale: {
        minReplicas: 0
        maxReplicas: maxReplicas
        rules: [
          {
            name: 'calls'
            http: { metadata: { concurrentRequests: string(facts.concurrency) } }
          }
        ]
      }
    }
  }
}

output url string = 'https://${app.properties.configuration.ingress.fqdn}'
