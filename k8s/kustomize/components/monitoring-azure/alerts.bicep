// The alerts for Azure Managed Prometheus, which knows no PrometheusRule: made of the same files as those of the operator.
// az deployment group create --resource-group RG --template-file alerts.bicep --parameters workspace=ID cluster=NAME
@description('The id of the Azure Monitor workspace that the metrics are in.')
param workspace string

@description('The name of the cluster, as the label cluster of its metrics has it.')
param cluster string

@description('The ids of the action groups that are told; none: alerts are only shown.')
param actionGroups array = []

param location string = resourceGroup().location

var groups = concat(
  loadYamlContent('../monitoring-operator/longspan-prometheusrule.yaml').spec.groups,
  loadYamlContent('../monitoring-operator/tempo-prometheusrule.yaml').spec.groups
)
var severities = { critical: 1, warning: 2, info: 3 }

resource alerts 'Microsoft.AlertsManagement/prometheusRuleGroups@2023-03-01' = [
  for group in groups: {
    name: '${group.name}-${cluster}'
    location: location
    properties: {
      clusterName: cluster
      enabled: true
      interval: 'PT1M'
      scopes: [workspace]
      rules: map(group.rules, rule => {
        alert: rule.alert
        expression: rule.expr
        // 5m is PT5M: all of them are whole minutes.
        for: 'PT${toUpper(rule.for)}'
        labels: rule.labels
        annotations: rule.annotations
        severity: severities[rule.labels.severity]
        enabled: true
        resolveConfiguration: { autoResolved: true, timeToResolve: 'PT10M' }
        actions: map(actionGroups, id => { actionGroupId: id })
      })
    }
  }
]
