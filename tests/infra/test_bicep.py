"""What is deployed agrees with the code, and keeps what it promises: keys, names, settings, events, retention."""

import json
import re
from typing import Any

import pytest
from azure.monitor.opentelemetry._utils.configurations import _get_configurations

from shared.pipeline.blob_names import DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER
from shared.pipeline.sweep import SweepReport
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
from shared.telemetry import Metric
from tests.infra.bicep import INFRA, ROOT, bicep_files, configuration, kusto_queries

DEAD_LETTERS = "dead-letters"
GUID = "11111111-2222-3333-4444-555555555555"


def infra(name: str) -> Any:
    return bicep_files()[f"{name}.bicep"]


# --- the files hang together


def test_every_file_parses_and_says_what_it_is_for() -> None:
    assert len(bicep_files()) >= 10
    for file in bicep_files().values():
        assert file.text.startswith("// "), file.name


def test_every_module_of_our_own_is_given_what_it_declares_and_nothing_else() -> None:
    for file in bicep_files().values():
        for name, module in file.modules.items():
            if module["type"] != "local":
                continue
            called = bicep_files()[module["detail"]["full"]]
            given = set(file.module_parameters(name))
            needed = {parameter for parameter, declared in called.parameters.items() if declared.get("default") is None}
            assert given <= set(called.parameters), f"{file.name}: {name}"
            assert needed <= given, f"{file.name}: {name}"


def test_every_file_but_those_that_follow_is_deployed_by_main() -> None:
    called = {module["detail"]["full"] for module in infra("main").modules.values() if module["type"] == "local"}
    assert called == set(bicep_files()) - {"main.bicep", "events.bicep", "customer.bicep"}


def test_every_declared_name_is_used() -> None:
    for file in bicep_files().values():
        for name in [*file.parameters, *file.tree.get("variables", {})]:
            assert len(re.findall(rf"\b{name}\b", file.text)) > 1, f"{file.name}: {name}"


def test_verified_modules_are_pinned_to_a_version() -> None:
    modules = [module for file in bicep_files().values() for module in file.modules.values()]
    verified = [module["detail"] for module in modules if module["type"] != "local"]
    assert len(verified) >= 8
    for detail in verified:
        assert re.fullmatch(r"avm/res/[a-z/-]+", detail["path"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", detail["tag"])


def test_azd_gives_main_every_parameter_it_needs_and_none_it_does_not_know() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    declared = infra("main").parameters
    assert set(given) <= set(declared)
    assert {name for name, parameter in declared.items() if parameter.get("default") is None} <= set(given)


def test_the_deployment_of_the_events_is_given_outputs_of_main() -> None:
    text = (ROOT / "azure.yaml").read_text()
    assert (ROOT / "infra" / "package.py").exists()
    assert text.count("--template-file infra/events.bicep") == 2
    given = dict(re.findall(r'(\w+)="\$(\w+)"', text))
    assert set(given) == set(infra("events").parameters)
    assert set(given.values()) <= set(infra("main").outputs)
    assert '"$AZURE_RESOURCE_GROUP"' in text
    assert dict(re.findall(r"(\w+)=\$env:(\w+)", text)) == given


# --- keys and secrets


@pytest.mark.parametrize("account", ["host", "drop"])
def test_a_storage_account_takes_no_key_and_shows_nothing_to_everybody(account: str) -> None:
    parameters = infra("storage").module_parameters(account)
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
        secrets = [name for name, parameter in file.parameters.items() if {"type": "secure"} in parameter["decorators"]]
        for line in (line for line in file.text.splitlines() if line.startswith("output ")):
            assert not re.search(r"list[A-Z]|onnectionString|InstrumentationKey|[kK]eys\b", line), line
            assert not [name for name in secrets if re.search(rf"\b{name}\b", line)]


def test_the_app_opens_to_no_password() -> None:
    text = infra("app").text
    assert text.count("'basicPublishingCredentialsPolicies'") == 2
    assert text.count("properties: { allow: false }") == 2
    assert "httpsOnly: true" in text
    assert "minTlsVersion: '1.2'" in text
    assert "ftpsState: 'Disabled'" in text


def test_logs_are_taken_from_known_identities_alone() -> None:
    assert infra("monitoring").module_parameters("insights")["disableLocalAuth"] is True
    settings = infra("app").variable("hostSettings")
    assert settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"].endswith(";Authorization=AAD")


def test_what_is_exported_is_what_our_own_modules_log() -> None:
    settings = infra("app").variable("hostSettings")
    assert settings["PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"] == "true"
    package = settings["PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME"]
    for file in (ROOT / package).rglob("*.py"):
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
    parameters = infra("vault").module_parameters("vault")
    assert parameters["enableRbacAuthorization"] is True
    assert parameters["enablePurgeProtection"] is True
    assert parameters["diagnosticSettings"]


# --- names


def test_containers_queues_and_tables_are_those_of_the_code() -> None:
    storage = infra("storage")
    assert set(storage.variable("containers")) == {DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, DEAD_LETTERS}
    queues = {SUBMISSIONS_QUEUE, SUBMISSIONS_POISON_QUEUE, BLOB_POISON_QUEUE, FILE_EVENTS_QUEUE}
    assert set(storage.variable("queues")) == queues
    assert set(storage.variable("tables")) == {*TableName, CUSTOMERS_TABLE}
    for kind in ("containers", "queues", "tables"):
        assert f"{{ {kind}: {kind.removesuffix('s')}Objects }}" in storage.text


def test_the_roles_name_containers_that_exist() -> None:
    containers = re.findall(r"'containers' existing = {\s+name: '([\w-]+)'", infra("roles").text)
    assert set(containers) == {DROP_CONTAINER, RESULTS_CONTAINER, DEAD_LETTERS}
    containers = re.findall(r"'containers' existing = {\s+name: '([\w-]+)'", infra("customer").text)
    assert set(containers) == {DROP_CONTAINER, RESULTS_CONTAINER}


# --- retention


def test_every_container_with_device_data_is_emptied_after_the_retention_at_last() -> None:
    storage = infra("storage")
    assert "[\n  for name in containers: {\n    name: 'retention-${name}'" in storage.text
    assert "prefixMatch: ['${name}/']" in storage.text
    assert "daysAfterModificationGreaterThan: lifecycleDays" in storage.text
    days = re.search(r"var lifecycleDays = retentionDays \+ (\d+)", storage.text)
    assert days is not None
    assert int(days[1]) > 0
    assert storage.module_parameters("drop")["managementPolicyRules"] == "lifecycleRules"


def test_nothing_of_the_host_ages_out() -> None:
    assert "managementPolicyRules" not in infra("storage").module_parameters("host")
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
    assert "PARTNER_CENTER_REFRESH_TOKEN_SECRET: '${vaultSecrets}/${refreshTokenSecret}'" in infra("app").text


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
    assert infra("main").parameters["webhookSecretName"]["default"] == ""


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


# --- the app


def test_an_instance_waits_for_blobs_and_a_deployment_lets_what_runs_end() -> None:
    text = infra("app").text
    assert "alwaysReady: [{ name: 'blob', instanceCount: 1 }]" in text
    assert "siteUpdateStrategy: { type: siteUpdate }" in text
    assert infra("main").parameters["siteUpdate"]["default"] == "RollingUpdate"


def test_the_platform_signs_people_in_on_every_path_and_lets_keys_through() -> None:
    text = infra("app").text
    assert "platform: { enabled: !empty(pageClientId) }" in text
    assert "requireAuthentication: false" in text
    assert "unauthenticatedClientAction: 'AllowAnonymous'" in text
    assert "excludedPaths" not in text, "on a path left out, anybody could say who they are"
    assert "/runtime/webhooks/blobs?functionName=" in infra("events").text


def test_a_token_that_another_application_asked_for_opens_no_page() -> None:
    assert "defaultAuthorizationPolicy: { allowedApplications: [pageClientId] }" in infra("app").text


def test_nothing_of_ours_takes_the_place_of_what_the_platform_says_of_itself() -> None:
    for setting in ("WEBSITE_AUTH_ENABLED", "WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID"):
        for file in bicep_files().values():
            assert setting not in file.text, file.name


# --- events


def test_events_come_from_the_drop_container_alone_and_reach_its_function() -> None:
    [subscription] = infra("events").resources("Microsoft.EventGrid/systemTopics/eventSubscriptions").values()
    properties = subscription["properties"]
    assert properties["filter"] == {
        "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "subjectBeginsWith": f"/blobServices/default/containers/{DROP_CONTAINER}/blobs/",
    }
    function = re.search(r"functionName=Host\.Functions\.(\w+)", infra("events").text)
    assert function is not None
    assert f"def {function[1]}(blob:" in (ROOT / "function_app.py").read_text()


def test_an_event_that_cannot_be_delivered_is_kept_and_told_of() -> None:
    [subscription] = infra("events").resources("Microsoft.EventGrid/systemTopics/eventSubscriptions").values()
    dead_letter = subscription["properties"]["deadLetterWithResourceIdentity"]
    assert dead_letter["identity"] == {"type": "SystemAssigned"}
    assert dead_letter["deadLetterDestination"]["properties"]["blobContainerName"] == DEAD_LETTERS
    assert "identity: { type: 'SystemAssigned' }" in infra("topic").text
    assert infra("alerts").variable("lostEvents") == ["DeadLetteredCount", "DroppedEventCount"]


# --- watched


def test_there_is_an_alert_for_everything_a_person_must_know() -> None:
    rules = {rule["name"]: rule for rule in infra("alerts").variable("rules")}
    assert set(rules) >= {"file-not-closed", "sign-in-failing", "poison", "throttled-for-long", "sweep-not-running"}
    assert rules["sweep-not-running"]["sense"] == "LessThan"
    for rule in rules.values():
        assert rule["advice"].endswith(".")
    [alert] = infra("alerts").resources("Microsoft.Insights/scheduledQueryRules").values()
    assert configuration(alert)["properties"]["scopes"]


def logged_sentences() -> str:
    """The source of everything deployed: what a query looks for must stand in it."""
    return "\n".join(file.read_text() for file in (ROOT / "shared").rglob("*.py"))


@pytest.mark.parametrize("query", list(kusto_queries()), ids=lambda query: query.strip()[:60])
def test_a_query_looks_for_sentences_and_fields_that_the_code_logs(query: str) -> None:
    source = logged_sentences()
    searched = re.sub(r'" *\n *f?"', "", source)
    sentences = re.findall(r'message (?:==|startswith) "([^"]+)"', query)
    sentences += [
        text for group in re.findall(r"message in \(([^)]*)\)", query) for text in re.findall('"([^"]+)"', group)
    ]
    metrics = re.findall(r'name == "([^"]+)"', query)
    assert set(metrics) <= set(Metric)
    assert sentences or metrics or re.search(r"customDimensions\.(scope|file_id)", query)
    for sentence in sentences:
        assert sentence in searched, sentence
    for name in re.findall(r"customDimensions\.(\w+)", query):
        assert f'"{name}"' in source or name in SweepReport.__dataclass_fields__, name


def test_the_workbook_is_what_a_workbook_looks_like() -> None:
    workbook = json.loads((INFRA / "workbook.json").read_text())
    assert workbook["version"] == "Notebook/1.0"
    names = [item["name"] for item in workbook["items"]]
    assert len(names) == len(set(names))
    assert {"devices-by-outcome", "open-submissions"} <= set(names)
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
