"""The exchange with Microsoft Entra: the app's credential, and the errors for refusals and silence."""

from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from shared.partner_center.errors import NeverSent
from shared.partner_center.sign_in import AppUser
from shared.partner_center.sign_in.exchange import EntraExchange, EntraHttpClient
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens
from shared.settings import (
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    WorkloadIdentitySettings,
)
from tests.partner_center.entra import (
    APP,
    MFA_MISSING,
    REVOKED,
    SECRET,
    TENANT,
    Entra,
    access_token,
)
from tests.partner_center.key_vault import (
    SECRET_URI,
    vault_credential,
)
from tests.partner_center.sign_in.cloud import (
    WITH_SECRET,
    Cloud,
    certificate_with_key,
    refused,
)


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


def test_a_wrong_secret_of_the_app_is_told_apart_from_a_revoked_user(cloud: Cloud) -> None:
    wrong = ClientSecretSettings(TENANT, APP, "another-secret")
    assert "the client secret is wrong" in refused(cloud.sign_in(wrong))


def test_a_tenant_that_is_not_known_is_named_as_such(cloud: Cloud) -> None:
    elsewhere = ClientSecretSettings("2f3c849a-129f-4b85-a96d-4f8e88b315a3", APP, SECRET)
    assert "tenant" in refused(cloud.sign_in(elsewhere))


def test_an_assertion_that_entra_finds_too_old_asks_for_the_clock_to_be_checked(cloud: Cloud) -> None:
    cloud.entra.refuse, cloud.entra.error = "AADSTS700024: not within its valid time range", "invalid_client"
    assert "check the clock" in refused(cloud.sign_in())


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
    class Unreachable(EntraHttpClient):
        def post(self, url: str, **_: Any) -> requests.Response:
            raise requests.ConnectionError(f"no route to {url}")

        get = post

    store = KeyVaultRefreshTokens(SECRET_URI, vault_credential, **cloud.vault.client_options())
    with pytest.raises(NeverSent, match="sign-in service"):
        AppUser(EntraExchange(WITH_SECRET, Unreachable), store).token()


def test_a_redirected_exchange_is_not_followed(cloud: Cloud) -> None:
    with Entra() as elsewhere:
        cloud.entra.redirect_to = f"{elsewhere.url}/{TENANT}/oauth2/v2.0/token"
        with pytest.raises(NeverSent):
            cloud.sign_in().token()
        assert elsewhere.requests == []


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


def test_a_managed_identity_proves_the_app_without_a_secret(cloud: Cloud, identity: list[str]) -> None:
    assert cloud.sign_in(ManagedIdentitySettings(TENANT, APP, "the identity")).token() == access_token(1)
    assert identity == ["the identity", "api://AzureADTokenExchange/.default"]
    [request] = cloud.entra.requests
    assert request["client_assertion"] == "an assertion of the identity"
    assert "client_secret" not in request


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
