"""The sources of tokens, and the messages of a failed sign-in. No sign-in service is called."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in import AppOnly, StaticToken, sign_in_from
from shared.settings import (
    CertificateSettings,
    ClientSecretSettings,
    StaticTokenSettings,
    WorkloadIdentitySettings,
)

TENANT = "0f3c849a-129f-4b85-a96d-4f8e88b315a3"
APP = "1f3c849a-129f-4b85-a96d-4f8e88b315a3"


class FakeCredential:
    """Returns the given token and records the scopes, or raises."""

    def __init__(self, token: str = "token", error: Exception | None = None) -> None:
        self.scopes: list[str] = []
        self._token = token
        self._error = error

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        if self._error:
            raise self._error
        return AccessToken(self._token, 0)


class FakeClock:
    """Seconds that pass only when a test lets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wrapped(cause: Exception) -> ClientAuthenticationError:
    """`cause` as azure-identity wraps any error of a sign-in."""
    error = ClientAuthenticationError(message=f"Authentication failed: {cause}")
    error.__cause__ = cause
    return error


def failing_with(error: Exception) -> AppOnly:
    return AppOnly(lambda: FakeCredential(error=error))


def test_a_static_token_is_given_as_it_is() -> None:
    sign_in = sign_in_from(StaticTokenSettings(token="a-token"), 10)
    sign_in.renew()
    assert sign_in.token() == "a-token"


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "\xe9"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        StaticToken(token)
    assert not token or token not in str(caught.value)


def test_the_token_is_for_partner_center() -> None:
    credential = FakeCredential()
    assert AppOnly(lambda: credential).token() == "token"
    assert credential.scopes == ["https://api.partnercenter.microsoft.com/.default"]


def test_one_credential_serves_until_it_is_renewed() -> None:
    made: list[FakeCredential] = []
    clock = FakeClock()

    def make() -> FakeCredential:
        made.append(FakeCredential(f"token {len(made)}"))
        return made[-1]

    sign_in = AppOnly(make, clock)
    assert [sign_in.token(), sign_in.token()] == ["token 0", "token 0"]
    clock.now += 60
    sign_in.renew()
    assert sign_in.token() == "token 1"


def test_threads_that_meet_a_401_together_renew_once() -> None:
    made: list[FakeCredential] = []
    clock = FakeClock()
    together = threading.Barrier(8)

    def make() -> FakeCredential:
        made.append(FakeCredential())
        return made[-1]

    sign_in = AppOnly(make, clock)
    sign_in.token()
    clock.now += 60

    def meet_a_401(_: int) -> None:
        together.wait()
        sign_in.renew()
        sign_in.token()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(meet_a_401, range(8)))
    assert len(made) == 2


@pytest.mark.parametrize(
    ("words", "code", "cure"),
    [
        ("AADSTS7000222: The provided client secret keys are expired.", "AADSTS7000222", "create a new one"),
        ("AADSTS7000215: Invalid client secret provided.", "AADSTS7000215", "not its id"),
        ("AADSTS50076: multi-factor", "AADSTS50076", "second factor"),
        ("AADSTS999999: something new", "AADSTS999999", "login.microsoftonline.com/error"),
    ],
)
def test_a_refused_sign_in_names_its_code_and_cure_in_one_line(words: str, code: str, cure: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        failing_with(ClientAuthenticationError(message=f"Authentication failed: {words} Trace ID: x\r\nmore")).token()
    assert caught.value.code == code
    assert code in str(caught.value)
    assert cure in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ServiceRequestError("no route"),
        wrapped(ServiceRequestError("no route")),
        wrapped(HttpResponseError(message="AADSTS90033: A transient error has occurred.")),
        ClientAuthenticationError(message="Authentication failed: AADSTS90033: A transient error has occurred."),
    ],
    ids=["network", "wrapped network", "wrapped transient", "transient"],
)
def test_a_sign_in_service_that_cannot_answer_costs_waiting_only(error: Exception) -> None:
    with pytest.raises(NeverSent, match="sign-in service"):
        failing_with(error).token()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CredentialUnavailableError(message="nothing configured"), "no credential is available"),
        (wrapped(FileNotFoundError(2, "No such file", "/var/token")), "/var/token cannot be read"),
        (wrapped(ValueError("Unable to get authority configuration")), "check tenant id"),
    ],
)
def test_every_other_failure_asks_for_the_settings_to_be_checked(error: Exception, words: str) -> None:
    with pytest.raises(Unauthorised, match=words):
        failing_with(error).token()


@pytest.mark.usefixtures("refuse_all_network")
@pytest.mark.parametrize(
    "settings",
    [
        CertificateSettings(TENANT, APP, path="/nowhere/app.pem", password="pass phrase"),
        WorkloadIdentitySettings(TENANT, APP, token_file="/nowhere/token"),
    ],
)
def test_a_missing_file_is_named_when_a_token_is_asked_for(
    settings: CertificateSettings | WorkloadIdentitySettings,
) -> None:
    sign_in = sign_in_from(settings, 10)
    with pytest.raises(Unauthorised, match="/nowhere/") as caught:
        sign_in.token()
    assert "pass phrase" not in str(caught.value)


@pytest.mark.usefixtures("refuse_all_network")
def test_an_unreachable_sign_in_service_is_told_apart_from_a_refusal() -> None:
    sign_in = sign_in_from(ClientSecretSettings(TENANT, APP, client_secret="a-secret"), 10)
    with pytest.raises(NeverSent) as caught:
        sign_in.token()
    assert "a-secret" not in f"{caught.value} {sign_in!r}"


@pytest.mark.usefixtures("refuse_all_network")
def test_a_certificate_is_read_with_its_password(tmp_path: Path) -> None:
    path = tmp_path / "app.pem"
    path.write_bytes(certificate_with_key(password=b"pass phrase"))
    right = sign_in_from(CertificateSettings(TENANT, APP, path=str(path), password="pass phrase"), 10)
    wrong = sign_in_from(CertificateSettings(TENANT, APP, path=str(path), password="another phrase"), 10)
    with pytest.raises(NeverSent):
        right.token()
    with pytest.raises(Unauthorised, match="certificate"):
        wrong.token()


@pytest.mark.usefixtures("refuse_all_network")
def test_a_federated_token_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-federated-token")
    sign_in = sign_in_from(WorkloadIdentitySettings(TENANT, APP, token_file=str(tmp_path / "token")), 10)
    with pytest.raises(NeverSent):
        sign_in.token()


def certificate_with_key(*, password: bytes) -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    ).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    return private + certificate.public_bytes(Encoding.PEM)


@pytest.fixture
def refuse_all_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every request of azure-core fail at once, as without a network."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ServiceRequestError("there is no network in tests")

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.send", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)


def test_azure_identity_is_not_imported_for_a_static_token() -> None:
    program = (
        "import sys; from shared.partner_center.sign_in import StaticToken; StaticToken('t').token();"
        " sys.exit('azure.identity' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
