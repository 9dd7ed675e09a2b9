"""The refresh token in Key Vault: it is read and replaced by newer tokens, and errors name the secret."""

from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in import AppUser, sign_in_from
from shared.partner_center.sign_in.exchange import EntraExchange
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens
from shared.settings import (
    AppUserSettings,
)
from tests.partner_center.entra import (
    access_token,
)
from tests.partner_center.key_vault import (
    NAME,
    SECRET_URI,
    VAULT,
    VaultCredential,
    vault_credential,
)
from tests.partner_center.sign_in.cloud import (
    NOW,
    WITH_SECRET,
    Cloud,
    refused,
)


def test_a_fresh_refresh_token_is_not_written_back(cloud: Cloud) -> None:
    cloud.sign_in().token()
    assert [version["value"] for version in cloud.vault.versions] == ["refresh-0"]


def test_a_day_old_refresh_token_is_replaced_by_the_newer_one_once_a_day(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    for hours in range(72):
        cloud.vault.now = cloud.clocks.time = NOW + timedelta(hours=hours)
        cloud.clocks.seconds += 3600
        sign_in.token()
    stored = [version["stored_at"] for version in cloud.vault.versions]
    assert stored == [NOW, NOW + timedelta(days=1), NOW + timedelta(days=2)]
    assert len(cloud.entra.requests) == 72


def test_instances_share_what_one_of_them_wrote_back(cloud: Cloud) -> None:
    cloud.clocks.pass_by(90_000)
    cloud.vault.now = cloud.clocks.time
    for _ in range(3):
        cloud.sign_in().token()
    assert [version["value"] for version in cloud.vault.versions] == ["refresh-0", "refresh-1"]
    assert [request["refresh_token"] for request in cloud.entra.requests] == ["refresh-0", "refresh-1", "refresh-1"]


def test_what_is_written_back_says_what_it_is_and_when_it_ends(cloud: Cloud) -> None:
    cloud.clocks.pass_by(90_000)
    cloud.sign_in().token()
    written = cloud.vault.versions[-1]
    assert written["contentType"] == "refresh token for Partner Center"
    assert written["attributes"]["exp"] == int((cloud.clocks.time + timedelta(days=90)).timestamp())


def test_a_vault_that_takes_no_write_costs_no_token(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    cloud.clocks.pass_by(90_000)
    cloud.vault.refuse_to_set = 403
    assert cloud.sign_in().token() == access_token(1)
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_unavailable_vault_costs_waiting_only(cloud: Cloud, status: int) -> None:
    cloud.vault.refuse = status
    sign_in = cloud.sign_in()
    with pytest.raises(NeverSent, match=r"Key Vault did not answer for secret partner-center-refresh-token of https:"):
        sign_in.token()
    cloud.vault.refuse = None
    assert sign_in.token() == access_token(1)


def test_an_unreachable_vault_costs_waiting_only(cloud: Cloud) -> None:
    options = cloud.vault.client_options()
    cloud.vault.__exit__()
    sign_in = AppUser(
        EntraExchange(WITH_SECRET, cloud.entra.http_client),
        KeyVaultRefreshTokens(SECRET_URI, vault_credential, **options),
    )
    with pytest.raises(NeverSent, match="Key Vault did not answer"):
        sign_in.token()
    cloud.vault.__enter__()


def test_an_unavailable_vault_lets_the_token_in_hand_serve_and_is_not_hammered(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    sign_in.token()
    cloud.clocks.pass_by(3400)
    cloud.vault.refuse = 503
    assert [sign_in.token(), sign_in.token()] == [access_token(1)] * 2
    cloud.vault.refuse = None
    cloud.clocks.pass_by(61)
    assert sign_in.token() == access_token(2)


def test_a_secret_that_is_missing_is_named_with_the_command_that_makes_it(cloud: Cloud) -> None:
    cloud.vault.versions.clear()
    line = refused(cloud.sign_in())
    assert NAME in line
    assert VAULT in line
    assert "python -m local sign-in" in line


def test_an_empty_secret_counts_as_none(cloud: Cloud) -> None:
    cloud.vault.put("", NOW)
    assert "is empty" in refused(cloud.sign_in())


def test_a_missing_role_on_the_vault_is_named(cloud: Cloud) -> None:
    cloud.vault.refuse = 403
    assert "Key Vault Secrets User" in refused(cloud.sign_in())


def test_an_identity_that_does_not_exist_is_named(cloud: Cloud) -> None:
    store = KeyVaultRefreshTokens(SECRET_URI, lambda: VaultCredential(refused=True), **cloud.vault.client_options())
    assert "AZURE_CLIENT_ID" in refused(AppUser(EntraExchange(WITH_SECRET, cloud.entra.http_client), store))


def test_a_vault_that_asks_for_a_token_of_another_service_gets_none(cloud: Cloud) -> None:
    cloud.vault.resource = "https://vault.example.com"
    assert "another service" in refused(cloud.sign_in())


def test_settings_with_a_refresh_token_ask_the_vault_for_it(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr("shared.partner_center.sign_in.azure_sign_in", lambda _: vault_credential)

    def refuse(*_: Any, **__: Any) -> None:
        raise ServiceRequestError("there is no network in tests")

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.send", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises((NeverSent, Unauthorised), match=VAULT):
        sign_in_from(AppUserSettings(WITH_SECRET, SECRET_URI, None), 10).token()
