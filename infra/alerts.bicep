// The alerts; docs/runbook.md says what to do for each. Every query searches for a sentence that the code logs
// (shared/pipeline) or for a metric that it records (shared/telemetry.py).
param insightsName string
param workspaceName string
param topicName string
param location string
param tags object
param alertEmail string

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: 'device-drop'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'DeviceDrop'
    enabled: true
    emailReceivers: [{ name: 'operators', emailAddress: alertEmail, useCommonAlertSchema: true }]
  }
}

var actionGroups = empty(alertEmail) ? [] : [people.id]

// `over` is the time window, `every` how often the query runs. The number of rows found is compared with `limit`, by `sense`:
// of all rows, or of the rows of each value in the columns that `by` names.
var rules = [
  {
    name: 'file-not-closed'
    severity: 2
    title: 'A device file was not closed within a day'
    advice: 'Check the file\'s summary.json, and the circuit breakers and submissions of its customer. A file that waits for Partner Center has no fault itself. Runbook, section 6.'
    every: 'PT1H'
    over: 'P2D' // the longest window that a rule allows
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where message == "A device file was received" and timestamp < ago(1d)
      | extend file_id = tostring(customDimensions.file_id)
      | join kind=leftanti (
          traces
          | where message in ("A device file was closed", "A device file was ended without sending")
          | extend file_id = tostring(customDimensions.file_id)
        ) on file_id
    '''
  }
  // The service level: 95 % of the files are closed within CLOSED_WITHIN_MINUTES. Its error budget, 5 % of a month's files, burns
  // 14.4 times too fast when 72 % are late (a fiftieth of the budget in an hour), six times when 30 % are (a twentieth in
  // six hours). The short window ends the alert soon after files are in time again. An open file that is late counts as of now.
  // From two late files on: one alone is what file-not-closed is for.
  {
    name: 'closed-late-fast'
    severity: 1
    title: 'Most device files of the last hour are late'
    advice: 'Nothing is lost. See what the late files wait for: the workbook lists it under Why submissions wait. Runbook, section 15.'
    every: 'PT5M'
    over: 'P2D' // a file may be received long before it is late
    sense: 'GreaterThan'
    limit: 0
    query: '''
      let settled = ago(5m); // what was logged before has arrived
      traces
      | where message in ("A device file was received", "A device file was closed", "A device file was ended without sending")
      | extend seconds = todouble(customDimensions.seconds_to_closed), allowed = todouble(customDimensions.seconds_allowed)
      | where isnotnull(allowed)
      | summarize received_at = min(timestamp - coalesce(seconds, 0.0) * 1s), seconds = min(seconds), allowed = min(allowed) by file_id = tostring(customDimensions.file_id)
      | extend is_open = isnull(seconds)
      | extend is_late = iff(is_open, received_at + allowed * 1s < settled, seconds > allowed)
      | extend ended_at = iff(is_open, settled, received_at + seconds * 1s)
      | where (is_late or not(is_open)) and ended_at > settled - 1h
      | summarize late = countif(is_late), files = count(), late_now = countif(is_late and ended_at > settled - 5m), files_now = countif(ended_at > settled - 5m)
      | where late >= 2 and late > 0.72 * files and late_now > 0.72 * files_now
    '''
  }
  {
    name: 'closed-late-slow'
    severity: 2
    title: 'Many device files of the last six hours are late'
    advice: 'Nothing is lost. If this happens every day, raise CLOSED_WITHIN_MINUTES to what Partner Center needs, or send less at once. Runbook, section 15.'
    every: 'PT15M'
    over: 'P2D'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      let settled = ago(5m); // what was logged before has arrived
      traces
      | where message in ("A device file was received", "A device file was closed", "A device file was ended without sending")
      | extend seconds = todouble(customDimensions.seconds_to_closed), allowed = todouble(customDimensions.seconds_allowed)
      | where isnotnull(allowed)
      | summarize received_at = min(timestamp - coalesce(seconds, 0.0) * 1s), seconds = min(seconds), allowed = min(allowed) by file_id = tostring(customDimensions.file_id)
      | extend is_open = isnull(seconds)
      | extend is_late = iff(is_open, received_at + allowed * 1s < settled, seconds > allowed)
      | extend ended_at = iff(is_open, settled, received_at + seconds * 1s)
      | where (is_late or not(is_open)) and ended_at > settled - 6h
      | summarize late = countif(is_late), files = count(), late_now = countif(is_late and ended_at > settled - 30m), files_now = countif(ended_at > settled - 30m)
      | where late >= 2 and late > 0.30 * files and late_now > 0.30 * files_now
    '''
  }
  {
    name: 'customer-files-failing'
    severity: 2
    title: 'The files of a customer fail'
    advice: 'The dimension customer of this alert has the customer\'s id; its search results have the commonest reason. Runbook, section 16.'
    every: 'PT15M'
    over: 'P1D'
    sense: 'GreaterThan'
    limit: 0
    // One alert for each customer, which names it.
    by: ['customer']
    // A file fails that was rejected, or of whose rows more than 30 % did. More than half of the customer's files do, and
    // they are at least two or have at least 50 such rows.
    query: '''
      traces
      | where message in ("A device file was closed", "A device file was ended without sending") and customDimensions.file_state != "gone"
      | summarize arg_min(timestamp, customDimensions) by file_id = tostring(customDimensions.file_id)
      | extend rows = toint(customDimensions.rows), failed_rows = toint(customDimensions.failed_rows)
      | where isnotnull(failed_rows)
      | extend fails = customDimensions.file_state == "rejected" or failed_rows > 0.3 * rows
      | summarize files = count(), failing = countif(fails), failed_rows = sum(failed_rows) by customer = coalesce(tostring(customDimensions.customer_id), "nobody"), reason = tostring(customDimensions.reason)
      | extend weight = max_of(failing, failed_rows)
      | summarize arg_max(weight, reason), files = sum(files), failing = sum(failing), failed_rows = sum(failed_rows) by customer
      | where failing * 2 > files and (failing >= 2 or failed_rows >= 50)
    '''
  }
  {
    name: 'file-held-by-the-app'
    severity: 2
    title: 'A file is on hold because its devices fail'
    advice: 'The page of the file says the commonest reason. A person lets the file go on, or stops it. Runbook, section 17.'
    every: 'PT15M'
    over: 'PT15M'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where message == "A file is held because its devices fail"
    '''
  }
  {
    name: 'submission-not-accepted'
    severity: 1
    title: 'Submissions have waited two days to be accepted'
    advice: 'The workbook lists what Partner Center answered under Why submissions wait. The submissions are still being sent; nothing is lost. Runbook, section 5.'
    every: 'PT1H'
    over: 'PT1H'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where message startswith "Submissions of a file have waited two days to be accepted"
    '''
  }
  {
    name: 'sign-in-failing'
    severity: 1
    title: 'Signing in to Partner Center fails'
    advice: 'The message names the code and the fix. All submissions wait until the sign-in works again; nothing is lost. Runbook, section 2.'
    every: 'PT5M'
    over: 'PT1H' // the app tries at least every half hour, so the alert lasts while signing in fails
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where message startswith "Signing in to Partner Center failed"
          or message startswith "There is no refresh token"
          or message startswith "Key Vault refuses"
          or (severityLevel >= 3 and customDimensions.scope == "partner")
          or (customDimensions.scope == "partner" and customDimensions.error == "Unauthorised")
          or message == "The next token could not be had; the current one is still good"
    '''
  }
  {
    name: 'customer-refused'
    severity: 2
    title: 'Partner Center refuses the requests for a customer'
    advice: 'The message says what is missing: the reseller relationship, GDAP or a role. Runbook, section 3.'
    every: 'PT15M'
    over: 'PT1H'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where customDimensions.scope startswith "customer "
          and (severityLevel >= 3 or customDimensions.error == "Unauthorised")
    '''
  }
  {
    name: 'poison'
    severity: 1
    title: 'The host gave up on a message'
    advice: 'The sweep has sent the message again. If the alert returns, check the exceptions of the function at that time. Runbook, section 7.'
    every: 'PT5M'
    over: 'PT15M'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where message == "The host gave up on a message"
    '''
  }
  {
    name: 'function-failing'
    severity: 2
    title: 'A function failed'
    advice: 'List the exceptions: their customDimensions name the function, the file and the submission, or the method and path of a request. The host and the sweep try again; nothing is lost. Runbook, section 7.'
    every: 'PT15M'
    over: 'PT1H'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      exceptions
      | where outerMessage in ("A function failed", "A request failed")
    '''
  }
  {
    name: 'throttled-for-long'
    severity: 2
    title: 'Partner Center throttled the app for more than half of the last hour'
    advice: 'Lower MAXIMUM_INSTANCES or DEVICES_PER_SUBMISSION if this happens every day; otherwise wait. Runbook, section 4.'
    every: 'PT15M'
    over: 'PT1H'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      customMetrics
      | where name == "device_drop.throttled"
      | summarize seconds = sum(valueSum)
      | where seconds > 1800
    '''
  }
  {
    name: 'row-without-outcome'
    severity: 0
    title: 'A row of a finished file had no outcome'
    advice: 'The row was recorded as unknown. This breaks a promise of the product: keep the logs and report it. Runbook, section 14.'
    every: 'PT15M'
    over: 'PT1H'
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where message == "A row of a finished file has no outcome"
    '''
  }
  {
    name: 'sweep-not-running'
    severity: 1
    title: 'The sweep has not run for half an hour'
    advice: 'Lost events and messages are not found until the sweep runs. Check the exceptions of the function sweep, and whether the app starts. Runbook, section 11.'
    every: 'PT15M'
    over: 'P2D'
    // Only a sweep that has run can stop: a first deployment has no code for some minutes.
    sense: 'GreaterThan'
    limit: 0
    query: '''
      traces
      | where message == "The sweep is done"
      | summarize last_sweep = max(timestamp)
      | where last_sweep < ago(30m)
    '''
  }
]

// Nothing is logged for the rest of the day, so no other alert would say that anything is wrong.
var fullLog = {
  name: 'daily-log-full'
  severity: 2
  title: 'Log Analytics takes no more logs today'
  advice: 'The daily limit of logs (DAILY_LOG_GB) is reached: other alerts are blind until tomorrow. Devices are still registered. Find out what logs so much, or raise the limit. Runbook, section 12.'
  every: 'PT15M'
  over: 'PT1H'
  sense: 'GreaterThan'
  limit: 0
  query: '''
    _LogOperation
    | where Category =~ "Ingestion" and Detail contains "OverQuota"
  '''
}

// What every alert tells people to do first.
var doctorFirst = 'Begin with the page Health, or with python -m local doctor.'

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in concat(rules, [fullLog]): {
    name: 'device-drop-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      description: '${doctorFirst} ${rule.advice}'
      severity: rule.severity
      enabled: true
      scopes: [rule.name == fullLog.name ? workspace.id : insights.id]
      evaluationFrequency: rule.every
      windowSize: rule.over
      // A table that does not exist yet does not make the rule invalid.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            dimensions: map(rule.?by ?? [], column => { name: column, operator: 'Include', values: ['*'] })
            operator: rule.sense
            threshold: rule.limit
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      actions: { actionGroups: actionGroups }
    }
  }
]

// Events in the dead-letter container, and events that did not even get there. The sweep finds their blobs nevertheless.
var lostEvents = ['DeadLetteredCount', 'DroppedEventCount']
var metricActions = empty(alertEmail) ? [] : [{ actionGroupId: people.id }]

resource eventAlerts 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for metric in lostEvents: {
    name: 'device-drop-${metric}'
    location: 'global'
    tags: tags
    properties: {
      description: '${doctorFirst} Event Grid could not deliver an event. Deploy infra/events.bicep again: the webhook\'s key may have changed. Runbook, section 8.'
      severity: 1
      enabled: true
      scopes: [topic.id]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: metric
            criterionType: 'StaticThresholdCriterion'
            metricName: metric
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: 0
          }
        ]
      }
      autoMitigate: true
      actions: metricActions
    }
  }
]
