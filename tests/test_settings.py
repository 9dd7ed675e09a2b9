"""Settings: a missing or malformed one stops the start with one line that names it and its cure."""

import re
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.pipeline.composition import compose
from shared.settings import (
    AppUserSettings,
    BlobTriggerSource,
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    SettingsError,
    StaticTokenSettings,
    StorageConnectionString,
    StorageIdentity,
    WebhookFormat,
    WebhookSettings,
    WorkloadIdentitySettings,
    is_loopback,
    settings_from,
)
from tests.examples import examples

TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"
IDENTITY = "77777777-8888-7777-6666-555555555555"
REFRESH_TOKEN_SECRET = "https://device-drop.vault.azure.net/secrets/partner-center-refresh-token"
APP_ONLY = {
    "DeviceStorage": "UseDevelopmentStorage=true",
    "PARTNER_CENTER_TENANT_ID": TENANT,
    "PARTNER_CENTER_CLIENT_ID": CLIENT,
    "PARTNER_CENTER_CLIENT_SECRET": "s3cret-value",
}
LOCAL = {
    "DeviceStorage": "UseDevelopmentStorage=true",
    "PARTNER_CENTER_URL": "http://127.0.0.1:7071",
    "PARTNER_CENTER_TOKEN": "t0ken-value",
}


def _fault(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_from(environment)
    return str(caught.value)


def test_only_storage_and_sign_in_must_be_set() -> None:
    settings = settings_from(APP_ONLY)
    assert settings.partner_center_url == "https://api.partnercenter.microsoft.com"
    assert (settings.devices_per_submission, settings.advanced.inline_submissions) == (500, 4)
    assert settings.advanced.outcome_deadline == timedelta(hours=48)
    assert settings.retention == timedelta(days=90)
    assert settings.blob_trigger_source is BlobTriggerSource.EVENT_GRID
    assert settings.default_batch is None
    assert not settings.refuses_device_identifiers_of(TENANT)
    assert not settings.paused


OTHERS = [
    *("DEVICES_PER_SUBMISSION", "INLINE_SUBMISSIONS", "POLL_FIRST_DELAY_SECONDS", "POLL_MAX_DELAY_SECONDS"),
    *("OUTCOME_DEADLINE_HOURS", "CLAIM_SECONDS", "RETENTION_DAYS", "PAUSED", "BLOB_TRIGGER_SOURCE", "SWEEP_SCHEDULE"),
    *("DEFAULT_BATCH", "REFUSE_DEVICE_IDENTIFIERS", "NOTIFY_WEBHOOK_URL", "NOTIFY_WEBHOOK_FORMAT", "PAGE_URL"),
    *("PARTNER_CENTER_URL", "PARTNER_CENTER_TENANT_ID", "PARTNER_CENTER_REFRESH_TOKEN_SECRET", "AZURE_CLIENT_ID"),
]


def test_an_empty_environment_names_everything_that_is_missing_at_once() -> None:
    fault = _fault({})
    assert "Setting DeviceStorage: it is missing; set it to the connection string" in fault
    assert "PARTNER_CENTER_CLIENT_SECRET" in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEVICES_PER_SUBMISSION", "0"),
        ("DEVICES_PER_SUBMISSION", "1001"),
        ("DEVICES_PER_SUBMISSION", "12.5"),
        ("DEVICES_PER_SUBMISSION", "many"),
        ("DEVICES_PER_SUBMISSION", "nan"),
        ("INLINE_SUBMISSIONS", "-1"),
        ("POLL_FIRST_DELAY_SECONDS", "0"),
        ("POLL_MAX_DELAY_SECONDS", "1"),
        ("OUTCOME_DEADLINE_HOURS", "inf"),
        ("CLAIM_SECONDS", "1"),
        ("RETENTION_DAYS", "0"),
        ("PAUSED", "perhaps"),
        ("BLOB_TRIGGER_SOURCE", "Magic"),
        ("PARTNER_CENTER_URL", "http://api.example.com"),
        ("PARTNER_CENTER_URL", "https://user@api.example.com"),
        ("PARTNER_CENTER_URL", "ftp://api.example.com"),
        ("PARTNER_CENTER_URL", "https://[abc"),
        ("PARTNER_CENTER_URL", "https://h:99999999"),
        ("DEFAULT_BATCH", ".."),
        ("REFUSE_DEVICE_IDENTIFIERS", "Contoso"),
        ("REFUSE_DEVICE_IDENTIFIERS", f"{TENANT}; {CLIENT}"),
        ("SWEEP_SCHEDULE", "every five minutes please now"),
        *(("SWEEP_SCHEDULE", schedule) for schedule in ("99 * * * * *", "* * * * *", "0 0 0 30 2 *", "@hourly")),
        *(("PARTNER_CENTER_URL", f"https://{host}") for host in ("a" * 64, "a..b", ".a", "a b", "*.example.com")),
        ("PARTNER_CENTER_TENANT_ID", "contoso"),
        ("PARTNER_CENTER_CLIENT_ID", ""),
    ],
)
def test_a_malformed_setting_is_named_with_its_cure(name: str, value: str) -> None:
    fault = _fault(APP_ONLY | {name: value})
    assert fault.startswith(f"Setting {name}: ")
    assert "; set it to" in fault
    assert len(fault.splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", (False, False, False)),
        (f"{TENANT.upper()} , ", (True, False, False)),
        (f"{TENANT},{CLIENT}", (True, True, False)),
        ("All", (True, True, True)),
    ],
)
def test_customers_are_listed_by_id_or_all_of_them(value: str, expected: tuple[bool, ...]) -> None:
    settings = settings_from(APP_ONLY | {"REFUSE_DEVICE_IDENTIFIERS": value})
    assert tuple(map(settings.refuses_device_identifiers_of, (TENANT, CLIENT, None))) == expected


@pytest.mark.parametrize("name", ["DeviceStorage", "PARTNER_CENTER_CLIENT_SECRET", "DEVICES_PER_SUBMISSION"])
def test_a_key_vault_reference_that_was_not_resolved_counts_as_missing(name: str) -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://vault.example.com/secrets/n)"
    assert f"Setting {name}: its Key Vault reference was not resolved" in _fault(APP_ONLY | {name: reference})


def test_storage_by_identity_names_every_kind() -> None:
    uris = {f"DeviceStorage__{kind}ServiceUri": f"https://x.{kind}.example.com" for kind in ("blob", "queue", "table")}
    environment = {
        **APP_ONLY,
        **uris,
        "DeviceStorage__credential": "managedidentity",
        "DeviceStorage__clientId": CLIENT,
    }
    del environment["DeviceStorage"]
    assert settings_from(environment).storage == StorageIdentity(
        "https://x.blob.example.com", "https://x.queue.example.com", "https://x.table.example.com", CLIENT
    )


def test_half_an_identity_says_which_half_is_missing() -> None:
    environment = {**APP_ONLY, "DeviceStorage__blobServiceUri": "https://x.blob.example.com"}
    del environment["DeviceStorage"]
    fault = _fault(environment)
    assert "DeviceStorage__queueServiceUri: it is missing" in fault
    assert "DeviceStorage__tableServiceUri: it is missing" in fault
    assert "blobServiceUri: it is missing" not in fault


def test_a_malformed_storage_connection_is_named_and_its_key_is_not_shown() -> None:
    fault = _fault({**APP_ONLY, "DeviceStorage": "AccountKey=s3cret-key"})
    assert fault.startswith("Setting DeviceStorage: it is not a connection string; ")
    assert "s3cret-key" not in fault


def test_a_password_in_an_address_is_not_shown() -> None:
    assert "s3cret" not in _fault(APP_ONLY | {"PARTNER_CENTER_URL": "https://user:s3cret@api.example.com"})


def test_an_address_of_storage_that_is_none_is_named() -> None:
    uris = {f"DeviceStorage__{kind}ServiceUri": "http://x.example.com" for kind in ("blob", "queue", "table")}
    fault = _fault({**APP_ONLY, **uris, "DeviceStorage": ""})
    assert fault.count("ServiceUri: it reads 'http://x.example.com'") == 3


def test_a_connection_string_is_storage_with_a_key() -> None:
    assert settings_from(APP_ONLY).storage == StorageConnectionString("UseDevelopmentStorage=true")


def test_each_way_to_sign_in_is_chosen_by_its_own_setting() -> None:
    base = {name: value for name, value in APP_ONLY.items() if name != "PARTNER_CENTER_CLIENT_SECRET"}
    assert settings_from(APP_ONLY).sign_in == ClientSecretSettings(TENANT, CLIENT, "s3cret-value")
    assert settings_from(base | {"PARTNER_CENTER_CERTIFICATE_PATH": "/c.pem"}).sign_in == CertificateSettings(
        TENANT, CLIENT, "/c.pem", None
    )
    assert settings_from(base | {"PARTNER_CENTER_FEDERATED_TOKEN_FILE": "/t"}).sign_in == WorkloadIdentitySettings(
        TENANT, CLIENT, "/t"
    )
    assert settings_from(LOCAL).sign_in == StaticTokenSettings("t0ken-value")


def test_a_managed_identity_is_named_by_its_client_id() -> None:
    base = {name: value for name, value in APP_ONLY.items() if name != "PARTNER_CENTER_CLIENT_SECRET"}
    assert settings_from(base | {"PARTNER_CENTER_MANAGED_IDENTITY": IDENTITY}).sign_in == ManagedIdentitySettings(
        TENANT, CLIENT, IDENTITY
    )
    assert _fault(base | {"PARTNER_CENTER_MANAGED_IDENTITY": "my identity"}).startswith(
        "Setting PARTNER_CENTER_MANAGED_IDENTITY: it is not a GUID"
    )


def test_a_refresh_token_adds_a_user_to_any_app() -> None:
    app = ClientSecretSettings(TENANT, CLIENT, "s3cret-value")
    with_user = APP_ONLY | {"PARTNER_CENTER_REFRESH_TOKEN_SECRET": REFRESH_TOKEN_SECRET}
    assert settings_from(with_user).sign_in == AppUserSettings(app, REFRESH_TOKEN_SECRET, None)
    assert settings_from(with_user | {"AZURE_CLIENT_ID": IDENTITY}).sign_in == AppUserSettings(
        app, REFRESH_TOKEN_SECRET, IDENTITY
    )
    assert _fault(with_user | {"AZURE_CLIENT_ID": "my identity"}).startswith(
        "Setting AZURE_CLIENT_ID: it is not a GUID"
    )


def test_a_user_alone_is_half_a_sign_in() -> None:
    alone = {"DeviceStorage": "x", "PARTNER_CENTER_REFRESH_TOKEN_SECRET": REFRESH_TOKEN_SECRET}
    assert "no way to sign in is set" in _fault(alone)
    half = APP_ONLY | {"PARTNER_CENTER_TENANT_ID": "", "PARTNER_CENTER_REFRESH_TOKEN_SECRET": REFRESH_TOKEN_SECRET}
    assert _fault(half).startswith("Setting PARTNER_CENTER_TENANT_ID: it is missing")


def test_a_fixed_token_has_no_user() -> None:
    fault = _fault(LOCAL | {"PARTNER_CENTER_REFRESH_TOKEN_SECRET": REFRESH_TOKEN_SECRET})
    assert fault.startswith("Setting PARTNER_CENTER_REFRESH_TOKEN_SECRET: it is set beside PARTNER_CENTER_TOKEN")


@pytest.mark.parametrize(
    "value",
    [
        "0.AXoA-a-refresh-token-that-a-reference-resolved-to",
        "https://device-drop.vault.azure.net/secrets/token/0123456789abcdef0123456789abcdef",
        "https://device-drop.vault.azure.net.example.com/secrets/token",
        "http://device-drop.vault.azure.net/secrets/token",
        "https://vault.example.com/secrets/token",
    ],
)
def test_what_is_no_address_of_a_secret_is_refused_and_never_shown(value: str) -> None:
    fault = _fault(APP_ONLY | {"PARTNER_CENTER_REFRESH_TOKEN_SECRET": value})
    assert fault.startswith("Setting PARTNER_CENTER_REFRESH_TOKEN_SECRET: it is not the address of a Key Vault secret")
    assert value not in fault


WEBHOOK = "https://hooks.example.com/services/T000/B000/s3cret-value?sig=1"


def test_nobody_is_told_unless_a_webhook_is_set() -> None:
    assert settings_from(APP_ONLY).webhook is None
    assert settings_from(APP_ONLY | {"NOTIFY_WEBHOOK_URL": WEBHOOK}).webhook == WebhookSettings(
        WEBHOOK, WebhookFormat.CLOUD_EVENTS
    )
    told_in = {"NOTIFY_WEBHOOK_URL": WEBHOOK, "NOTIFY_WEBHOOK_FORMAT": "teams"}
    assert settings_from(APP_ONLY | told_in).webhook == WebhookSettings(WEBHOOK, WebhookFormat.TEAMS)


@pytest.mark.parametrize(
    "value",
    [
        "http://hooks.example.com/s3cret-value",
        "https://user:s3cret-value@hooks.example.com/",
        "https://10.0.0.5/s3cret-value",
        "https://127.0.0.1/s3cret-value",
        "https://[::1]/s3cret-value",
        "https://[::ffff:169.254.169.254]/s3cret-value",
        "https://168.63.129.16/s3cret-value",
        "https://localhost/s3cret-value",
        "https://hooks.example.com:0/s3cret-value",
        "https://hooks.example.com:99999/s3cret-value",
        "https://hooks.example.com/s3cret value",
        "https://hooks.example.com/s3cret-value\r\nX: y",
        "https://hooks.example.com/#s3cret-value",
        "https:///s3cret-value",
        "s3cret-value",
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused_and_never_shown(value: str) -> None:
    fault = _fault(APP_ONLY | {"NOTIFY_WEBHOOK_URL": value})
    assert fault.startswith(
        "Setting NOTIFY_WEBHOOK_URL: it is not the address of a webhook; set it to the https address"
    )
    assert "s3cret" not in fault


def test_a_private_address_of_a_webhook_is_allowed_by_a_setting() -> None:
    for host in ("10.0.0.5", "localhost", "[::1]"):
        address = {"NOTIFY_WEBHOOK_URL": f"https://{host}/x", "NOTIFY_WEBHOOK_ALLOW_PRIVATE": "true"}
        webhook = settings_from(APP_ONLY | address).webhook
        assert webhook is not None
        assert webhook.allows_private
    allowed = {"NOTIFY_WEBHOOK_ALLOW_PRIVATE": "true", "NOTIFY_WEBHOOK_URL": "http://10.0.0.5/x"}
    assert "it is not the address of a webhook" in _fault(APP_ONLY | allowed)


def test_a_webhook_does_not_show_in_settings() -> None:
    assert "s3cret-value" not in repr(settings_from(APP_ONLY | {"NOTIFY_WEBHOOK_URL": WEBHOOK}))


def test_an_unknown_format_of_a_webhook_is_named() -> None:
    fault = _fault(APP_ONLY | {"NOTIFY_WEBHOOK_FORMAT": "pigeon"})
    assert fault == "Setting NOTIFY_WEBHOOK_FORMAT: it reads 'pigeon'; set it to cloudevents, teams, slack."


def test_the_page_stands_where_it_is_said_to_else_where_the_platform_puts_the_app() -> None:
    assert settings_from(APP_ONLY).page_url is None
    hosted = APP_ONLY | {"WEBSITE_HOSTNAME": "func-x.azurewebsites.net"}
    assert settings_from(hosted).page_url == "https://func-x.azurewebsites.net"
    assert settings_from(hosted | {"PAGE_URL": "https://drop.example.com/"}).page_url == "https://drop.example.com"
    assert settings_from(APP_ONLY | {"WEBSITE_HOSTNAME": "localhost:7071"}).page_url == "http://localhost:7071"
    assert settings_from(APP_ONLY | {"WEBSITE_HOSTNAME": "no host"}).page_url is None
    assert _fault(APP_ONLY | {"PAGE_URL": "http://drop.example.com"}).startswith("Setting PAGE_URL: it reads")


@pytest.mark.parametrize(
    "value",
    [
        *(
            "AccountName=a;AccountKey=no base64!",
            "AccountName=a;AccountKey=abc",
            "AccountName=a",
            "UseDevelopmentStorage=1",
        ),
        *("BlobEndpoint=https://a.blob.core.windows.net", "AccountName=;AccountKey=a2V5", "x", "AccountKey=a2V5", ";;"),
    ],
)
def test_a_connection_string_is_read_with_the_clients_that_will_use_it(value: str) -> None:
    fault = _fault(APP_ONLY | {"DeviceStorage": value})
    assert fault.startswith("Setting DeviceStorage: it is not a connection string")
    assert value not in fault or value == "x"


@pytest.mark.parametrize(
    "value", ["UseDevelopmentStorage=true;", "AccountName=a;AccountKey=a2V5;EndpointSuffix=x.com;"]
)
def test_a_connection_string_that_every_client_understands_is_taken(value: str) -> None:
    settings = settings_from(APP_ONLY | {"DeviceStorage": value})
    compose(settings)


WAYS = {
    "PARTNER_CENTER_TOKEN": "t",
    "PARTNER_CENTER_CLIENT_SECRET": "s",
    "PARTNER_CENTER_CERTIFICATE_PATH": "/c.pem",
    "PARTNER_CENTER_FEDERATED_TOKEN_FILE": "/t",
    "PARTNER_CENTER_MANAGED_IDENTITY": CLIENT,
}


@pytest.mark.parametrize("chosen", list(combinations(WAYS, 2)))
def test_an_error_names_the_settings_that_were_set_and_no_other(chosen: tuple[str, str]) -> None:
    environment = {name: value for name, value in APP_ONLY.items() if name not in WAYS}
    fault = _fault(environment | {name: WAYS[name] for name in chosen})
    named = fault.partition(":")[0]
    assert {name for name in WAYS if name in named} == set(chosen)


@given(
    st.dictionaries(st.sampled_from([*WAYS, *OTHERS]), st.sampled_from(["", "x", "1", "-1", CLIENT, "99 * * * * *"]))
)
@hypothesis_settings(max_examples=examples(150))
def test_every_fault_is_of_a_setting_that_was_set_or_is_missing(changes: dict[str, str]) -> None:
    environment = APP_ONLY | changes
    try:
        settings_from(environment)
    except SettingsError as error:
        for line in str(error).splitlines():
            names = line.partition(":")[0].removeprefix("Setting ").split(" and ")
            assert all(environment.get(name) for name in names) or " is missing" in line or "no way to" in line, line


def test_two_ways_to_sign_in_are_one_too_many() -> None:
    assert "2 ways to sign in are set" in _fault(APP_ONLY | {"PARTNER_CENTER_CERTIFICATE_PATH": "/c.pem"})


def test_a_fixed_token_is_refused_for_any_other_machine() -> None:
    fault = _fault({**LOCAL, "PARTNER_CENTER_URL": "https://api.partnercenter.microsoft.com"})
    assert fault.startswith("Setting PARTNER_CENTER_TOKEN: a fixed token is never sent to another machine")


@pytest.mark.parametrize("environment", [APP_ONLY, LOCAL])
def test_no_secret_shows_in_settings_or_faults(environment: dict[str, str]) -> None:
    shown = repr(settings_from(environment)) + _fault({**environment, "CLAIM_SECONDS": "x"})
    assert "s3cret-value" not in shown
    assert "t0ken-value" not in shown
    assert "UseDevelopmentStorage" not in shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:80", True),
        ("http://[::1]:80", True),
        ("http://localhost", True),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://10.0.0.1", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


NAMES = [*APP_ONLY, *LOCAL, "DEVICES_PER_SUBMISSION", "CLAIM_SECONDS", "PAUSED", "SWEEP_SCHEDULE", "RETENTION_DAYS"]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)))
def test_any_environment_gives_settings_or_a_settings_error(environment: dict[str, str]) -> None:
    try:
        settings = settings_from(environment)
    except SettingsError as error:
        settings, faults = None, str(error).splitlines()
    else:
        faults = []
    assert (settings is None) == bool(faults)
    assert all(fault.startswith("Setting ") for fault in faults)


def test_every_setting_is_documented() -> None:
    root = Path(__file__).parent.parent
    source, document = (root / "shared/settings.py").read_text(), (root / "docs/settings.md").read_text()
    names = set(re.findall(r'"([A-Z][A-Z_]{4,})"', source))
    assert len(names) > 15
    assert not {name for name in names if f"`{name}`" not in document}
