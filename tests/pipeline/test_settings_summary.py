"""The settings without what is secret."""

import re

import pytest

from shared.pipeline.settings_summary import settings_summary, sign_in_words
from shared.settings import (
    AppUserSettings,
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    SignInSettings,
    StaticTokenSettings,
    WorkloadIdentitySettings,
    settings_from,
)

GUID = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
SECRETS = {
    "DeviceStorage": "DefaultEndpointsProtocol=https;AccountName=planted;AccountKey=cGxhbnRlZA==",
    "PARTNER_CENTER_CLIENT_SECRET": "planted-secret",
    "PARTNER_CENTER_TENANT_ID": GUID,
    "PARTNER_CENTER_CLIENT_ID": GUID,
    "PARTNER_CENTER_REFRESH_TOKEN_SECRET": "https://planted.vault.azure.net/secrets/planted",
    "PARTNER_CENTER_URL": "https://planted.example.com",
    "NOTIFY_WEBHOOK_URL": "https://planted.example.com/planted",
    "DEFAULT_BATCH": "Planted Person",
    "PAGE_URL": "https://planted.example.com",
    "REFUSE_DEVICE_IDENTIFIERS": GUID,
}


def test_nothing_that_is_secret_or_named_by_a_person_is_shown() -> None:
    shown = settings_summary(settings_from(SECRETS))
    text = " ".join(shown.values())
    assert not re.search("planted|cGxhbnRlZA|0c39d6d5", text, re.IGNORECASE)
    assert shown["PARTNER_CENTER_URL"] == "another address"
    assert shown["DEFAULT_BATCH"] == "set"
    assert shown["REFUSE_DEVICE_IDENTIFIERS"] == "1"


def test_what_is_no_secret_is_shown_as_it_is_set() -> None:
    shown = settings_summary(settings_from(SECRETS | {"DEVICES_PER_SUBMISSION": "200", "PAUSED": "1"}))
    assert (shown["DEVICES_PER_SUBMISSION"], shown["PAUSED"], shown["RETENTION_DAYS"]) == ("200", "true", "90")
    assert shown["SWEEP_SCHEDULE"] == "0 */5 * * * *"


@pytest.mark.parametrize(
    ("sign_in", "words"),
    [
        (StaticTokenSettings("t"), "a fixed token, for a stand-in on this machine"),
        (ClientSecretSettings(GUID, GUID, "s"), "app-only, client secret"),
        (CertificateSettings(GUID, GUID, "p", None), "app-only, certificate"),
        (WorkloadIdentitySettings(GUID, GUID, "f"), "app-only, workload identity"),
        (AppUserSettings(ManagedIdentitySettings(GUID, GUID, GUID), "s", None), "app and user, managed identity"),
    ],
)
def test_each_way_to_sign_in_has_its_words(sign_in: SignInSettings, words: str) -> None:
    assert sign_in_words(sign_in) == words
