"""The templates agree with the code and keep their promises: keys, names, settings, events, retention."""

import json
import re
from typing import Any

import pytest
from azure.monitor.opentelemetry._utils.configurations import _get_configurations
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader

from shared.pipeline.blob_names import DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, STAGING_CONTAINER
from shared.settings import (
    AppUserSettings,
    BlobTriggerSource,
    ClientSecretSettings,
    ManagedIdentitySettings,
    SettingsError,
    StorageIdentity,
    settings_from,
)
from shared.storage.connection import (
    BLOB_POISON_QUEUE,
    FILE_EVENTS_QUEUE,
    SUBMISSIONS_POISON_QUEUE,
    SUBMISSIONS_QUEUE,
)
from shared.storage.customers import CUSTOMERS_TABLE
from shared.storage.journal import TableName
from shared.vocabulary import Outcome
from tests.infra.bicep import INFRA, ROOT, BicepFile, Expression, bicep_files

DEAD_LETTERS = "dead-letters"
PACKAGE_CONTAINER = "app-package"
GUID = "11111111-2222-3333-4444-555555555555"


def infra(name: str) -> BicepFile:
    return bicep_files()[f"{name}.bicep"]


# --- the files hang together


def test_every_file_parses_and_says_what_it_is_for() -> None:
    assert len(bicep_files()) >= 10
    for file in bicep_files().values():
        assert file.text.startswith("// "), file.name


def test_every_module_of_our_own_is_given_what_it_declares_and_nothing_else() -> None:
    for file in bicep_files().values():
        for name, module in file.modules.items():
            if not module.is_local:
                continue
            called = bicep_files()[module.reference]
            given = set(module.parameters)
            needed = {parameter for parameter, declared in called.parameters.items() if declared.is_required}
            assert given <= set(called.parameters), f"{file.name}: {name}"
            assert needed <= given, f"{file.name}: {name}"


def test_every_file_but_those_that_follow_is_deployed_by_main() -> None:
    called = {module.reference for module in infra("main").modules.values() if module.is_local}
    assert called == set(bicep_files()) - {"main.bicep", "events.bicep", "customer.bicep"}


def test_every_declared_name_is_used() -> None:
    for file in bicep_files().values():
        for name in [*file.parameters, *file.variables]:
            assert len(re.findall(rf"\b{name}\b", file.text)) > 1, f"{file.name}: {name}"


def test_verified_modules_are_pinned_to_a_version() -> None:
    modules = [module for file in bicep_files().values() for module in file.modules.values()]
    verified = [module.reference for module in modules if not module.is_local]
    assert len(verified) >= 8
    for reference in verified:
        assert re.fullmatch(r"br/public:avm/res/[a-z/-]+:\d+\.\d+\.\d+", reference)


def test_azd_gives_main_every_parameter_it_needs_and_none_it_does_not_know() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    declared = infra("main").parameters
    assert set(declared) - set(given) == {"pythonVersion"}, "requirements.lock decides it"
    assert set(given) <= set(declared)


# --- keys and secrets


@pytest.mark.parametrize("account", ["host", "drop"])
def test_a_storage_account_takes_no_key_and_shows_nothing_to_everybody(account: str) -> None:
    parameters = infra("storage").modules[account].parameters
    assert parameters["allowSharedKeyAccess"] is False
    assert parameters["allowBlobPublicAccess"] is False
    assert parameters["minimumTlsVersion"] == "TLS1_2"
    soft_delete = infra("storage").variable("softDelete")
    assert soft_delete["deleteRetentionPolicyEnabled"] is True
    assert soft_delete["containerDeleteRetentionPolicyEnabled"] is True
    assert "union(softDelete, " in infra("storage").text


def test_no_key_is_read_but_the_one_that_events_are_sent_with() -> None:
    for file in bicep_files().values():
        keys = re.findall(r"\b(list[A-Z]\w*)\(", file.text)
        assert keys == (["listKeys"] if file.name == "events.bicep" else []), file.name
        assert "AccountKey" not in file.text
        assert "SharedAccess" not in file.text
    assert "systemKeys.blobs_extension" in infra("events").text


def test_no_output_shows_a_secret() -> None:
    for file in bicep_files().values():
        secrets = [name for name, parameter in file.parameters.items() if "secure" in parameter.decorators]
        for line in (line for line in file.text.splitlines() if line.startswith("output ")):
            assert not re.search(r"list[A-Z]|onnectionString|InstrumentationKey|[kK]eys\b", line), line
            assert not [name for name in secrets if re.search(rf"\b{name}\b", line)]


def test_the_app_opens_to_no_password() -> None:
    policies = infra("app").resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies").values()
    assert {policy.body["name"]: policy.body["properties"] for policy in policies} == {
        "ftp": {"allow": False},
        "scm": {"allow": False},
    }
    site = site_properties()
    assert site["httpsOnly"] is True
    assert site["siteConfig"]["minTlsVersion"] == "1.2"


def site_properties() -> dict[str, Any]:
    [site] = infra("app").resources("Microsoft.Web/sites").values()
    properties = site.body["properties"]
    assert isinstance(properties, dict)
    return properties


def test_logs_are_taken_from_known_identities_alone() -> None:
    assert infra("monitoring").modules["insights"].parameters["disableLocalAuth"] is True
    settings = infra("app").variable("hostSettings")
    assert settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"].endswith(";Authorization=AAD")


def test_what_is_exported_is_what_our_own_modules_log() -> None:
    settings = infra("app").variable("hostSettings")
    assert settings["PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"] == "true"
    assert settings["AzureWebJobsDisableHomepage"] == "true"
    package = settings["PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME"]
    # log_lines writes nothing itself: it passes on what others log.
    for file in set((ROOT / package).rglob("*.py")) - {ROOT / package / "log_lines.py"}:
        loggers = re.findall(r"getLogger\(([^)]*)\)", file.read_text())
        assert set(loggers) <= {"__name__"}, file.name


def test_the_trace_of_a_file_is_kept_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in infra("app").variable("hostSettings").items():
        if name.startswith("OTEL_"):
            monkeypatch.setenv(name, value)
    configured: dict[str, Any] = dict(_get_configurations(connection_string=f"InstrumentationKey={GUID}"))
    assert configured["sampling_ratio"] == 1
    assert "traces_per_second" not in configured, "whose decisions change while a file is on its way"


def test_no_request_is_traced_whose_address_may_name_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    disabled = infra("app").variable("hostSettings")["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"]
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", disabled)
    configured: dict[str, Any] = dict(_get_configurations(connection_string=f"InstrumentationKey={GUID}"))
    options = configured["instrumentation_options"]
    assert not [name for name in ("azure_sdk", "requests", "urllib", "urllib3") if options[name]["enabled"]]


def test_the_vault_knows_roles_alone_and_keeps_what_is_deleted() -> None:
    parameters = infra("vault").modules["vault"].parameters
    assert parameters["enableRbacAuthorization"] is True
    assert parameters["enablePurgeProtection"] is True
    assert parameters["diagnosticSettings"]


# --- names


def test_containers_queues_and_tables_are_those_of_the_code() -> None:
    storage = infra("storage")
    assert set(storage.variable("containers")) == {
        DROP_CONTAINER,
        PRIVATE_CONTAINER,
        RESULTS_CONTAINER,
        STAGING_CONTAINER,
        DEAD_LETTERS,
    }
    queues = {SUBMISSIONS_QUEUE, SUBMISSIONS_POISON_QUEUE, BLOB_POISON_QUEUE, FILE_EVENTS_QUEUE}
    assert set(storage.variable("queues")) == queues
    assert set(storage.variable("tables")) == {*TableName, CUSTOMERS_TABLE}
    for kind in ("containers", "queues", "tables"):
        assert f"{{ {kind}: {kind.removesuffix('s')}Objects" in storage.text


def test_a_browser_may_upload_from_the_page_alone() -> None:
    cors = infra("storage").variable("uploadsOfThePage")
    assert (cors["allowedOrigins"], cors["allowedMethods"]) == (Expression("pageOrigins"), ["PUT"])
    assert "*" not in cors["allowedHeaders"]
    assert "corsRules: [uploadsOfThePage]" in infra("storage").text
    assert "azurewebsites.net'], proxyOrigins)" in infra("main").text


def test_the_roles_name_containers_that_exist() -> None:
    containers = re.findall(r"'containers' existing = {\s+name: '([\w-]+)'", infra("roles").text)
    assert set(containers) == {DROP_CONTAINER, RESULTS_CONTAINER, DEAD_LETTERS, PACKAGE_CONTAINER}
    containers = re.findall(r"'containers' existing = {\s+name: '([\w-]+)'", infra("customer").text)
    assert set(containers) == {DROP_CONTAINER, RESULTS_CONTAINER}


# --- retention


def test_every_container_with_device_data_is_emptied_after_the_retention_at_last() -> None:
    storage = infra("storage")
    assert "[\n  for name in containers: {\n    name: 'retention-${name}'" in storage.text
    assert "prefixMatch: ['${name}/']" in storage.text
    assert "daysAfterModificationGreaterThan: name == 'staging' ? stagingDays : lifecycleDays" in storage.text
    days = re.search(r"var lifecycleDays = retentionDays \+ (\d+)", storage.text)
    assert days is not None
    assert int(days[1]) > 0
    assert storage.modules["drop"].parameters["managementPolicyRules"] == Expression("lifecycleRules")


def test_nothing_of_the_host_ages_out() -> None:
    assert "managementPolicyRules" not in infra("storage").modules["host"].parameters
    assert not [name for name in infra("storage").variable("containers") if name.startswith("azure-webjobs")]


# --- settings


def app_settings(*, with_secret: bool = False, with_user: bool = True) -> dict[str, str]:
    """The settings of the app, with something plausible for what only Azure knows."""
    app = infra("app")
    proof = app.variable("secretProof" if with_secret else "identityProof")
    user = app.variable("withUser") if with_user else {}
    given = app.variable("deviceDropSettings") | proof | user
    return {name: value if name in LITERAL else plausible(name) for name, value in given.items()}


LITERAL = {"DeviceStorage__credential", "BLOB_TRIGGER_SOURCE"}


def plausible(name: str) -> str:
    values = {
        "RETENTION_DAYS": "90",
        "PARTNER_CENTER_CLIENT_SECRET": "resolved",
        "PARTNER_CENTER_REFRESH_TOKEN_SECRET": "https://kv-x.vault.azure.net/secrets/partner-center-refresh-token",
    }
    return values.get(name, f"https://x.{name}.example.com" if name.endswith("Uri") else GUID)


def test_the_app_starts_with_the_settings_it_is_given() -> None:
    settings = settings_from(app_settings())
    assert isinstance(settings.storage, StorageIdentity)
    assert settings.blob_trigger_source is BlobTriggerSource.EVENT_GRID
    assert isinstance(settings.sign_in, AppUserSettings)
    assert isinstance(settings.sign_in.app, ManagedIdentitySettings)
    assert settings.sign_in.vault_identity == GUID


def test_the_app_starts_with_a_client_secret_and_without_a_user() -> None:
    settings = settings_from(app_settings(with_secret=True, with_user=False))
    assert isinstance(settings.sign_in, ClientSecretSettings)
    secret = infra("app").variable("secretProof")["PARTNER_CENTER_CLIENT_SECRET"]
    assert secret.startswith("@Microsoft.KeyVault(SecretUri=")
    assert "PARTNER_CENTER_REFRESH_TOKEN_SECRET: '${vaultSecrets}/${refreshTokenSecretName}'" in infra("app").text


SAY_THE_DEFAULT = {*LITERAL, "RETENTION_DAYS"}


@pytest.mark.parametrize("name", sorted(set(app_settings()) - SAY_THE_DEFAULT))
def test_no_setting_is_given_in_vain(name: str) -> None:
    def outcome(environment: dict[str, str]) -> object:
        try:
            return settings_from(environment)
        except SettingsError as error:
            return str(error)

    less = {other: value for other, value in app_settings().items() if other != name}
    assert outcome(less) != outcome(app_settings())


def test_a_setting_that_operators_add_replaces_none_that_infra_gives() -> None:
    given = "hostSettings, deviceDropSettings, proofSettings, userSettings, webhookSettings"
    assert f"union(appSettings, {given})" in infra("app").text


def test_the_address_of_a_webhook_stands_in_the_vault_alone() -> None:
    assert infra("app").variable("withWebhook")["NOTIFY_WEBHOOK_URL"].startswith("@Microsoft.KeyVault(SecretUri=")
    assert infra("main").parameters["webhookSecretName"].default == ""


def test_there_are_threads_for_all_that_the_host_lets_in_at_once() -> None:
    extensions = json.loads((ROOT / "host.json").read_text())["extensions"]
    at_once = extensions["queues"]["batchSize"] + extensions["queues"]["newBatchThreshold"]
    at_once += extensions["blobs"]["maxDegreeOfParallelism"] + 1
    assert int(infra("app").variable("hostSettings")["PYTHON_THREADPOOL_THREAD_COUNT"]) >= at_once


def test_the_connections_of_the_host_name_every_service() -> None:
    settings = infra("app").variable("hostSettings") | infra("app").variable("deviceDropSettings")
    for connection in ("AzureWebJobsStorage", "DeviceStorage"):
        for what in ("credential", "clientId", "blobServiceUri", "queueServiceUri", "tableServiceUri"):
            assert f"{connection}__{what}" in settings


def test_metrics_are_exported_as_often_as_the_costs_say(monkeypatch: pytest.MonkeyPatch) -> None:
    interval = infra("app").variable("hostSettings")["OTEL_METRIC_EXPORT_INTERVAL"]
    assert f"\nEXPORT_SECONDS = {int(interval) // 1000}\n" in (INFRA / "cost.py").read_text()
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", interval)
    # As the distro makes it: with nothing but its exporter.
    reader = PeriodicExportingMetricReader(ConsoleMetricExporter())
    try:
        assert reader._export_interval_millis == int(interval)
    finally:
        reader.shutdown()


# --- the app


def test_an_instance_waits_for_blobs() -> None:
    scale = site_properties()["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["alwaysReady"] == [{"name": "blob", "instanceCount": 1}]


def test_a_deployment_uses_no_preview_unless_it_is_chosen() -> None:
    assert site_properties()["functionAppConfig"]["siteUpdateStrategy"] == {"type": Expression("siteUpdate")}
    assert infra("main").parameters["siteUpdate"].default == "Recreate"


NOT_ON_FLEX_CONSUMPTION = {
    "alwaysOn",
    "containerSize",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "isReserved",
    "isXenon",
    "javaVersion",
    "limits",
    "linuxFxVersion",
    "minimumElasticInstanceCount",
    "netFrameworkVersion",
    "nodeVersion",
    "phpVersion",
    "powerShellVersion",
    "preWarmedInstanceCount",
    "pythonVersion",
    "reserved",
    "use32BitWorkerProcess",
    "vnetRouteAllEnabled",
    "websiteTimeZone",
    "windowsFxVersion",
}
"""Properties of other plans, which a site on Flex Consumption refuses."""

NO_SETTINGS_ON_FLEX_CONSUMPTION = {
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "ENABLE_ORYX_BUILD",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
}
"""Settings of other plans, likewise."""


def test_the_site_has_only_properties_and_settings_that_flex_consumption_takes() -> None:
    site = site_properties()
    assert not NOT_ON_FLEX_CONSUMPTION & {*site, *site["siteConfig"]}
    given = [value for value in infra("app").variables.values() if isinstance(value, dict)]
    assert not NO_SETTINGS_ON_FLEX_CONSUMPTION & {name for settings in given for name in settings}


def test_what_the_compiler_is_told_to_pass_over_has_a_reason() -> None:
    for file in bicep_files().values():
        lines = file.text.splitlines()
        for number, line in enumerate(lines):
            if "#disable" in line:
                assert line.strip() == "#disable-next-line BCP037", file.name
                assert lines[number - 1].strip().startswith("// "), file.name


def test_every_rule_of_the_compiler_that_is_named_is_an_error() -> None:
    rules = json.loads((INFRA / "bicepconfig.json").read_text())["analyzers"]["core"]["rules"]
    assert {rule["level"] for rule in rules.values()} == {"error"}
    assert {"secure-secrets-in-params", "no-unused-params", "use-recent-api-versions"} <= set(rules)


def test_addresses_of_people_are_masked_and_logs_are_limited() -> None:
    monitoring = infra("monitoring")
    assert monitoring.modules["insights"].parameters["disableIpMasking"] is False
    assert monitoring.modules["workspace"].parameters["dailyQuotaGb"] == Expression("string(dailyLogGigabytes)")
    assert infra("main").parameters["dailyLogGigabytes"].default == 1


CHOSEN: dict[tuple[str, str], dict[str, Any]] = {
    ("monitoring", "workspace"): {"dataRetention": 30, "forceCmkForQuery": False, "skuName": "PerGB2018"},
    ("monitoring", "insights"): {"retentionInDays": 30, "disableIpMasking": False, "disableLocalAuth": True},
    ("storage", "host"): {"skuName": "Standard_LRS", "defaultToOAuthAuthentication": True},
    ("storage", "drop"): {"defaultToOAuthAuthentication": True},
    ("vault", "vault"): {
        "sku": "standard",
        "enableVaultForDeployment": False,
        "enableVaultForDiskEncryption": False,
        "enableVaultForTemplateDeployment": False,
    },
    ("app", "plan"): {"skuName": "FC1", "kind": "functionapp", "reserved": True},
}
"""Where a module's default would cost more, keep longer or open what is not needed."""


@pytest.mark.parametrize(("file", "module"), CHOSEN, ids=" ".join)
def test_what_costs_keeps_or_opens_is_chosen_and_no_modules_default(file: str, module: str) -> None:
    given = infra(file).modules[module].parameters
    assert {name: given.get(name) for name in CHOSEN[file, module]} == CHOSEN[file, module]


def test_no_module_reports_its_use() -> None:
    for file in bicep_files().values():
        for name, module in file.modules.items():
            assert module.is_local or module.parameters["enableTelemetry"] is False, f"{file.name}: {name}"


def test_the_drop_account_is_as_redundant_as_its_region_allows() -> None:
    assert infra("storage").modules["drop"].parameters["skuName"] == Expression("dropRedundancy")
    redundancy = infra("main").parameters["storageRedundancy"]
    assert redundancy.default == "Standard_ZRS"
    assert "Standard_LRS" in redundancy.decorators["allowed"][0]


def test_a_number_or_choice_of_azd_is_one_that_main_takes() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    for name, parameter in infra("main").parameters.items():
        default = re.fullmatch(r"\$\{\w+=(.*)\}", given.get(name, {"value": ""})["value"])
        if default is None:
            continue
        value = default[1] if parameter.type == "string" else json.loads(default[1])
        assert value == parameter.default, name
        assert value in parameter.decorators.get("allowed", ([value],))[0], name


def test_an_object_of_azd_has_its_default_in_main() -> None:
    """azd's substitution ends a default at the first brace, so `${NAME={}}` would add one to a value that is given."""
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    objects = {name for name, parameter in infra("main").parameters.items() if parameter.type == "object"}
    assert {given[name]["value"] for name in objects} == {"${APP_SETTINGS}"}


def test_the_platform_signs_people_in_on_every_path_and_lets_keys_through() -> None:
    authentication = infra("app").resources()["app::authentication"].body["properties"]
    assert authentication["platform"] == {"enabled": Expression("!empty(pageClientId)")}
    assert authentication["globalValidation"] == {
        "requireAuthentication": False,
        "unauthenticatedClientAction": "AllowAnonymous",
        "redirectToProvider": "azureactivedirectory",
    }, "on a path left out, anybody could say who they are"
    assert "/runtime/webhooks/blobs?functionName=" in infra("events").text


def test_a_token_that_another_application_asked_for_opens_no_page() -> None:
    authentication = infra("app").resources()["app::authentication"].body["properties"]
    validation = authentication["identityProviders"]["azureActiveDirectory"]["validation"]
    assert validation["defaultAuthorizationPolicy"] == {"allowedApplications": [Expression("pageClientId")]}


def test_nothing_of_ours_takes_the_place_of_what_the_platform_says_of_itself() -> None:
    for setting in ("WEBSITE_AUTH_ENABLED", "WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID"):
        for file in bicep_files().values():
            assert setting not in file.text, file.name


# --- events


def test_events_come_from_the_drop_container_alone_and_reach_its_function() -> None:
    [subscription] = infra("events").resources("Microsoft.EventGrid/systemTopics/eventSubscriptions").values()
    properties = subscription.body["properties"]
    assert properties["filter"] == {
        "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "subjectBeginsWith": f"/blobServices/default/containers/{DROP_CONTAINER}/blobs/",
    }
    function = re.search(r"functionName=Host\.Functions\.(\w+)", infra("events").text)
    assert function is not None
    assert f"def {function[1]}(blob:" in (ROOT / "function_app.py").read_text()


def test_an_event_that_cannot_be_delivered_is_kept_and_told_of() -> None:
    [subscription] = infra("events").resources("Microsoft.EventGrid/systemTopics/eventSubscriptions").values()
    dead_letter = subscription.body["properties"]["deadLetterWithResourceIdentity"]
    assert dead_letter["identity"] == {"type": "SystemAssigned"}
    assert dead_letter["deadLetterDestination"]["properties"]["blobContainerName"] == DEAD_LETTERS
    assert "identity: { type: 'SystemAssigned' }" in infra("topic").text
    assert infra("alerts").variable("lostEvents") == ["DeadLetteredCount", "DroppedEventCount"]


# --- watched


def test_there_is_an_alert_for_everything_a_person_must_know() -> None:
    rules = alert_rules()
    assert set(rules) >= {"file-not-closed", "sign-in-failing", "poison", "throttled-for-long", "sweep-not-running"}
    for rule in rules.values():
        assert rule["advice"].endswith(".")
    [alert] = infra("alerts").resources("Microsoft.Insights/scheduledQueryRules").values()
    assert alert.loop is not None
    assert alert.loop.startswith("[\n  for rule in concat(rules, [fullLog]): ")
    assert alert.body["properties"]["scopes"] == [Expression("rule.name == fullLog.name ? workspace.id : insights.id")]


def alert_rules() -> dict[str, dict[str, Any]]:
    alerts = infra("alerts")
    return {rule["name"]: rule for rule in [*alerts.variable("rules"), alerts.variable("fullLog")]}


def test_no_alert_fires_because_nothing_was_logged_yet() -> None:
    """A first deployment has no logs: every rule counts rows that say something, and none counts their absence."""
    for rule in alert_rules().values():
        assert (rule["sense"], rule["limit"]) == ("GreaterThan", 0), rule["name"]
        # A summary by something has no row where nothing was logged.
        summaries = [each for each in re.findall(r"summarize (.*)", rule["query"]) if " by " not in each]
        assert all(f"where {summary.split(' = ')[0]} " in rule["query"] for summary in summaries), rule["name"]


def test_the_alert_on_failing_files_names_the_customer() -> None:
    [alert] = infra("alerts").resources("Microsoft.Insights/scheduledQueryRules").values()
    [criterion] = alert.body["properties"]["criteria"]["allOf"]
    dimension = "{ name: column, operator: 'Include', values: ['*'] }"
    assert criterion["dimensions"] == Expression(f"map(rule.?by ?? [], column => {dimension})")
    rule = alert_rules()["customer-files-failing"]
    assert rule["by"] == ["customer"]
    assert re.search(r"by customer\n\s*\| where .*\n\s*$", rule["query"]), "no later step removes the column"


def test_late_files_are_told_of_by_a_fast_and_a_slow_burn_rate_each_over_two_windows() -> None:
    """A burn rate of 14.4 over an hour and five minutes, and of 6 over six hours and half an hour, for 95 % in time."""
    fast, slow = (alert_rules()[f"closed-late-{speed}"]["query"] for speed in ("fast", "slow"))
    numbers = re.compile(r"settled - (\w+)|> ([\d.]+) \* files")
    assert ["".join(found) for found in numbers.findall(fast)] == ["1h", "5m", "5m", "0.72", "0.72"]
    assert ["".join(found) for found in numbers.findall(slow)] == ["6h", "30m", "30m", "0.30", "0.30"]
    assert numbers.sub("", fast) == numbers.sub("", slow)
    assert [(1 - 0.95) * rate for rate in (14.4, 6)] == pytest.approx([0.72, 0.30])


def test_the_longest_service_level_fits_into_the_logs_that_the_alerts_see() -> None:
    with pytest.raises(SettingsError, match="from 1 to 1440"):
        settings_from({**app_settings(), "CLOSED_WITHIN_MINUTES": "1441"})
    for speed in ("fast", "slow"):
        assert alert_rules()[f"closed-late-{speed}"]["over"] == "P2D"


def test_the_workbook_is_what_a_workbook_looks_like() -> None:
    workbook = json.loads((INFRA / "workbook.json").read_text())
    assert workbook["version"] == "Notebook/1.0"
    names = [item["name"] for item in workbook["items"]]
    assert len(names) == len(set(names))
    assert {"devices-by-outcome", "open-submissions", "service-level", "durations", "failures-by-customer"} <= set(
        names
    )
    [by_customer] = [item["content"]["query"] for item in workbook["items"] if item["name"] == "devices-by-customer"]
    for outcome in Outcome:
        assert f" {outcome} = sum(toint(customDimensions.{outcome}))" in by_customer
    assert "loadTextContent('workbook.json')" in infra("workbook").text


# --- network


def test_a_private_network_closes_storage_and_vault_and_leads_to_every_service() -> None:
    assert "defaultAction: privateNetwork ? 'Deny' : 'Allow'" in infra("storage").text
    assert "defaultAction: privateNetwork ? 'Deny' : 'Allow'" in infra("vault").text
    endpoints = infra("endpoints")
    assert endpoints.variable("services") == ["blob", "queue", "table"]
    zones = endpoints.variable("zoneNames")
    assert [zone.split(".")[1] for zone in zones] == ["blob", "queue", "table", "vaultcore"]
    for module in ("network", "endpoints"):
        assert f"module {module} '{module}.bicep' = if (privateNetwork)" in infra("main").text
