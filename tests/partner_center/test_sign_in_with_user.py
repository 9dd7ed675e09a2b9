"""App and user: exchange, rotation and renewal against stand-ins for Microsoft Entra and Key Vault."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in import AppUser, BoundedSignIn, sign_in_from
from shared.partner_center.sign_in.exchange import EntraExchange, HttpClient
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens, RefreshToken
from shared.settings import (
    AppSettings,
    AppUserSettings,
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    WorkloadIdentitySettings,
)
from tests.dribbling_server import DribblingAnswer, DribblingServer
from tests.partner_center.entra import (
    APP,
    MFA_MISSING,
    REVOKED,
    SECRET,
    TENANT,
    Entra,
    Redirected,
    access_token,
)
from tests.partner_center.key_vault import (
    NAME,
    SECRET_URI,
    VAULT,
    KeyVault,
    Loopback,
    VaultCredential,
    vault_credential,
)
from tests.partner_center.test_sign_in import certificate_with_key

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WITH_SECRET = ClientSecretSettings(TENANT, APP, SECRET)


@dataclass
class Clocks:
    """A monotonic clock in seconds, and the machine's time, which may be wrong."""

    seconds: float = 1000.0
    time: datetime = NOW

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.time += timedelta(seconds=seconds)


@dataclass
class Cloud:
    """Both stand-ins, the clocks, and a sign-in on them."""

    entra: Entra
    vault: KeyVault
    clocks: Clocks

    def sign_in(self, app: AppSettings = WITH_SECRET) -> AppUser:
        def clock() -> float:
            return self.clocks.seconds

        def now() -> datetime:
            return self.clocks.time

        store = KeyVaultRefreshTokens(SECRET_URI, vault_credential, now, **self.vault.client_options())
        return AppUser(EntraExchange(app, self.entra.http_client), store, clock, now)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Entra() as entra, KeyVault(now=NOW) as vault:
        vault.put("refresh-0", NOW)
        yield Cloud(entra, vault, Clocks())


def refused(sign_in: AppUser) -> str:
    """The message that explains why there is no token."""
    with pytest.raises(Unauthorised) as caught:
        sign_in.token()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- refresh


def test_the_refresh_token_in_the_vault_is_exchanged_for_a_token_for_partner_center(cloud: Cloud) -> None:
    assert cloud.sign_in().token() == access_token(1)
    [request] = cloud.entra.requests
    assert request["grant_type"] == "refresh_token"
    assert request["refresh_token"] == "refresh-0"
    assert request["client_id"] == APP
    scopes = set(request["scope"].split())
    assert scopes == {"https://api.partnercenter.microsoft.com/user_impersonation", *_OPENID}


_OPENID = {"openid", "profile", "offline_access"}


def test_a_token_serves_until_five_minutes_before_its_end(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    assert [sign_in.token(), sign_in.token()] == [access_token(1)] * 2
    cloud.clocks.pass_by(3599 - 301)
    assert sign_in.token() == access_token(1)
    cloud.clocks.pass_by(2)
    assert sign_in.token() == access_token(2)


def test_a_short_lived_token_is_renewed_at_half_of_its_life(cloud: Cloud) -> None:
    cloud.entra.lifetime = "100"
    sign_in = cloud.sign_in()
    sign_in.token()
    cloud.clocks.pass_by(49)
    assert sign_in.token() == access_token(1)
    cloud.clocks.pass_by(2)
    assert sign_in.token() == access_token(2)


def test_a_token_that_the_service_does_not_take_is_exchanged_anew_but_not_twice_at_once(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    sign_in.token()
    sign_in.renew()
    assert sign_in.token() == access_token(1)
    cloud.clocks.pass_by(60)
    sign_in.renew()
    assert sign_in.token() == access_token(2)


def test_a_token_that_is_over_already_is_exchanged_again(cloud: Cloud) -> None:
    cloud.entra.lifetime = 0
    sign_in = cloud.sign_in()
    assert [sign_in.token(), sign_in.token()] == [access_token(1), access_token(2)]


# --- rotation


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


def test_a_person_who_signs_in_anew_is_noticed_without_a_restart(cloud: Cloud) -> None:
    cloud.entra.refresh_tokens.clear()
    sign_in = cloud.sign_in()
    refused(sign_in)
    cloud.entra.refresh_tokens.add("signed in anew")
    cloud.vault.put("signed in anew", NOW)
    cloud.clocks.pass_by(31)
    assert sign_in.token() == access_token(1)


# --- two renewals at once


def test_threads_that_need_a_token_together_exchange_once(cloud: Cloud) -> None:
    cloud.entra.seconds_to_answer = 0.05
    sign_in = cloud.sign_in()
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait()
        return sign_in.token()

    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(ask, range(8)))
    assert tokens == {access_token(1)}
    assert len(cloud.entra.requests) == 1


def test_while_one_thread_renews_the_others_go_on_with_the_token_that_is_still_good(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    sign_in.token()
    cloud.clocks.pass_by(3400)
    cloud.entra.seconds_to_answer = 0.5
    renewal = threading.Thread(target=sign_in.token)
    renewal.start()
    while len(cloud.entra.requests) < 2:
        pass
    assert sign_in.token() == access_token(1)
    renewal.join()
    assert sign_in.token() == access_token(2)
    assert len(cloud.entra.requests) == 2


# --- refusals


@pytest.mark.parametrize(
    ("description", "code", "cure"),
    [
        (REVOKED, "AADSTS50173", "python -m local sign-in"),
        (MFA_MISSING, "AADSTS50076", "multi-factor authentication"),
        ("AADSTS700082: inactive for 90 days", "AADSTS700082", "python -m local sign-in"),
        ("AADSTS7000222: The secret has expired", "AADSTS7000222", "create a new one"),
        ("AADSTS65001: no consent", "AADSTS65001", "consent"),
        ("AADSTS999999: something new", "AADSTS999999", "python -m local sign-in"),
        ("without a code", "invalid_grant", "python -m local sign-in"),
    ],
)
def test_a_refused_exchange_names_its_code_and_cure_in_one_line(
    cloud: Cloud, description: str, code: str, cure: str
) -> None:
    cloud.entra.refuse = description
    line = refused(cloud.sign_in())
    assert code in line
    assert cure in line
    assert "Trace ID" not in line


def test_a_refusal_is_asked_for_once_and_not_once_a_submission(cloud: Cloud) -> None:
    cloud.entra.refuse = REVOKED
    sign_in = cloud.sign_in()
    assert len({refused(sign_in) for _ in range(20)}) == 1
    assert len(cloud.entra.requests) == 1
    assert cloud.vault.reads == 1


def test_a_revoked_sign_in_lets_the_token_in_hand_serve_to_its_end(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in = cloud.sign_in()
    sign_in.token()
    cloud.clocks.pass_by(3400)
    cloud.entra.refuse = REVOKED
    assert [sign_in.token(), sign_in.token()] == [access_token(1)] * 2
    assert len(cloud.entra.requests) == 2
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "The next token could not be had; the current one is still good"
    ]
    cloud.clocks.pass_by(200)
    assert "AADSTS50173" in refused(sign_in)


def test_a_wrong_secret_of_the_app_is_told_apart_from_a_revoked_user(cloud: Cloud) -> None:
    wrong = ClientSecretSettings(TENANT, APP, "another-secret")
    assert "the client secret is wrong" in refused(cloud.sign_in(wrong))


def test_a_tenant_that_is_not_known_is_named_as_such(cloud: Cloud) -> None:
    elsewhere = ClientSecretSettings("2f3c849a-129f-4b85-a96d-4f8e88b315a3", APP, SECRET)
    assert "tenant" in refused(cloud.sign_in(elsewhere))


# --- transient failures


@pytest.mark.parametrize(
    "raw",
    [
        (503, b"{}"),
        (500, b"<html>"),
        (200, b"<html>a portal in between</html>"),
        (400, b'{"error":"temporarily_unavailable","error_description":"AADSTS90033: try again"}'),
        (400, b'{"error":"server_error","error_description":""}'),
    ],
)
def test_a_sign_in_service_that_cannot_answer_costs_waiting_only(cloud: Cloud, raw: tuple[int, bytes]) -> None:
    cloud.entra.raw = raw
    with pytest.raises(NeverSent, match="sign-in service"):
        cloud.sign_in().token()


def test_an_unreachable_sign_in_service_costs_waiting_only(cloud: Cloud) -> None:
    class Unreachable:
        def post(self, url: str, **_: Any) -> requests.Response:
            raise requests.ConnectionError(f"no route to {url}")

        get = post

        def close(self) -> None:
            return

    make: Callable[[], HttpClient] = Unreachable
    store = KeyVaultRefreshTokens(SECRET_URI, vault_credential, **cloud.vault.client_options())
    with pytest.raises(NeverSent, match="sign-in service"):
        AppUser(EntraExchange(WITH_SECRET, make), store).token()


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


# --- refusals of the vault


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


# --- clock skew


@pytest.mark.parametrize("wrong_by", [timedelta(days=400), timedelta(days=-400), timedelta(hours=2)])
def test_a_wrong_clock_changes_neither_the_token_nor_when_it_is_renewed(cloud: Cloud, wrong_by: timedelta) -> None:
    cloud.clocks.time += wrong_by
    sign_in = cloud.sign_in()
    assert sign_in.token() == access_token(1)
    cloud.clocks.time -= wrong_by
    cloud.clocks.seconds += 3000
    assert sign_in.token() == access_token(1)
    cloud.clocks.seconds += 400
    assert sign_in.token() == access_token(2)


def test_an_assertion_that_entra_finds_too_old_asks_for_the_clock_to_be_checked(cloud: Cloud) -> None:
    cloud.entra.refuse, cloud.entra.error = "AADSTS700024: not within its valid time range", "invalid_client"
    assert "check the clock" in refused(cloud.sign_in())


# --- where tokens go


def test_a_redirected_exchange_is_not_followed(cloud: Cloud) -> None:
    with Entra() as elsewhere:
        cloud.entra.redirect_to = f"{elsewhere.url}/{TENANT}/oauth2/v2.0/token"
        with pytest.raises(NeverSent):
            cloud.sign_in().token()
        assert elsewhere.requests == []


def test_no_token_and_no_secret_is_logged_or_shown(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in = cloud.sign_in()
    cloud.clocks.pass_by(90_000)
    sign_in.token()
    cloud.entra.refuse = REVOKED
    cloud.clocks.pass_by(4000)
    line = refused(sign_in)
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    shown = f"{line} {logged} {sign_in!r} {RefreshToken('refresh-0', NOW)!r} {WITH_SECRET!r}"
    for secret in ("refresh-0", "refresh-1", SECRET, access_token(1), "vault-token"):
        assert secret not in shown


# --- the app's credential


def test_a_federated_token_is_read_from_its_file_at_every_exchange(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "token"
    sign_in = cloud.sign_in(WorkloadIdentitySettings(TENANT, APP, str(file)))
    for assertion in ("first", "second"):
        file.write_text(assertion)
        sign_in.token()
        cloud.clocks.pass_by(3600)
    assert [request["client_assertion"] for request in cloud.entra.requests] == ["first", "second"]


def test_a_missing_federated_token_is_named(cloud: Cloud) -> None:
    assert "/nowhere/token" in refused(cloud.sign_in(WorkloadIdentitySettings(TENANT, APP, "/nowhere/token")))


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A managed identity that gives an assertion, and records its client id and the requested scopes."""
    from azure.core.credentials import AccessToken

    asked: list[str] = []

    class Identity:
        def __init__(self, *, client_id: str, **_: Any) -> None:
            asked.append(client_id)

        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            asked.extend(scopes)
            return AccessToken("an assertion of the identity", 4_000_000_000)

    monkeypatch.setattr("azure.identity.ManagedIdentityCredential", Identity)
    return asked


def test_a_managed_identity_proves_the_app_without_a_secret(cloud: Cloud, identity: list[str]) -> None:
    assert cloud.sign_in(ManagedIdentitySettings(TENANT, APP, "the identity")).token() == access_token(1)
    assert identity == ["the identity", "api://AzureADTokenExchange/.default"]
    [request] = cloud.entra.requests
    assert request["client_assertion"] == "an assertion of the identity"
    assert "client_secret" not in request


def test_a_managed_identity_proves_the_app_on_its_own_too(identity: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.exceptions import ServiceRequestError

    def refuse(*_: Any, **__: Any) -> None:
        raise ServiceRequestError("there is no network in tests")

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.send", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)
    sign_in = sign_in_from(ManagedIdentitySettings(TENANT, APP, "the identity"), 10)
    with pytest.raises(NeverSent):
        sign_in.token()
    assert identity[0] == "the identity"


@pytest.mark.parametrize("form", ["PEM", "PKCS12"])
def test_a_certificate_proves_the_app(cloud: Cloud, tmp_path: Path, form: str) -> None:
    file = tmp_path / "app"
    pem = certificate_with_key(password=b"pass phrase")
    file.write_bytes(pem if form == "PEM" else as_pkcs12(pem, b"pass phrase"))
    assert cloud.sign_in(CertificateSettings(TENANT, APP, str(file), "pass phrase")).token() == access_token(1)
    assert cloud.entra.requests[0]["client_assertion"].count(".") == 2


@pytest.mark.parametrize("password", [None, "another phrase"])
def test_a_certificate_that_its_password_does_not_open_is_refused_without_showing_it(
    cloud: Cloud, tmp_path: Path, password: str | None
) -> None:
    file = tmp_path / "app.pem"
    file.write_bytes(certificate_with_key(password=b"pass phrase"))
    line = refused(cloud.sign_in(CertificateSettings(TENANT, APP, str(file), password)))
    assert "certificate" in line
    assert "phrase" not in line
    assert cloud.entra.requests == []


def as_pkcs12(pem: bytes, password: bytes) -> bytes:
    """The same key and certificate in the other form."""
    key = serialization.load_pem_private_key(pem, password)
    assert isinstance(key, rsa.RSAPrivateKey)
    encryption = serialization.BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"app", key, x509.load_pem_x509_certificate(pem), None, encryption)


def test_settings_with_a_refresh_token_ask_the_vault_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.exceptions import ServiceRequestError

    monkeypatch.setattr("shared.partner_center.sign_in.azure_sign_in", lambda _: vault_credential)

    def refuse(*_: Any, **__: Any) -> None:
        raise ServiceRequestError("there is no network in tests")

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.send", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises((NeverSent, Unauthorised), match=VAULT):
        sign_in_from(AppUserSettings(WITH_SECRET, SECRET_URI, None), 10).token()


@pytest.mark.parametrize("answer", DribblingAnswer)
def test_a_sign_in_service_or_vault_whose_answer_never_ends_is_left_at_the_deadline(
    cloud: Cloud, answer: DribblingAnswer
) -> None:
    with DribblingServer(answer) as slow:
        slow_vault = KeyVaultRefreshTokens(
            SECRET_URI, vault_credential, transport=Loopback(slow.port), retry_backoff_factor=0.0
        )
        slow_entra = EntraExchange(WITH_SECRET, lambda: Redirected(slow.url))
        for sign_in in (
            AppUser(EntraExchange(WITH_SECRET, cloud.entra.http_client), slow_vault),
            AppUser(slow_entra, KeyVaultRefreshTokens(SECRET_URI, vault_credential, **cloud.vault.client_options())),
        ):
            with pytest.raises(NeverSent, match=r"took longer than 0\.3 seconds"):
                BoundedSignIn(sign_in, 0.3).token()


def test_threads_that_wait_for_a_sign_in_share_its_failure(cloud: Cloud) -> None:
    store = KeyVaultRefreshTokens(SECRET_URI, vault_credential, **cloud.vault.client_options())
    threads = 8
    with DribblingServer(DribblingAnswer.SILENCE) as slow, ThreadPoolExecutor(threads) as executor:
        sign_in = BoundedSignIn(AppUser(EntraExchange(WITH_SECRET, lambda: Redirected(slow.url)), store), 0.5)
        together = threading.Barrier(threads)

        def token() -> str:
            together.wait()
            return sign_in.token()

        failures = [future.exception() for future in [executor.submit(token) for _ in range(threads)]]
    assert {type(failure) for failure in failures} == {NeverSent}
    assert slow.connections == 1
