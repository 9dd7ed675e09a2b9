"""An app that signs in by itself: it uses one credential until renewal, and names a missing setting or file."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in import AppOnly, sign_in_from
from shared.settings import (
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    WorkloadIdentitySettings,
)
from tests.partner_center.entra import (
    APP,
    TENANT,
)
from tests.partner_center.sign_in.cloud import (
    FakeCredential,
    certificate_with_key,
)


class FakeClock:
    """Seconds that pass only when a test lets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


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


def test_a_managed_identity_proves_the_app_on_its_own_too(identity: list[str], monkeypatch: pytest.MonkeyPatch) -> None:

    def refuse(*_: Any, **__: Any) -> None:
        raise ServiceRequestError("there is no network in tests")

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.send", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)
    sign_in = sign_in_from(ManagedIdentitySettings(TENANT, APP, "the identity"), 10)
    with pytest.raises(NeverSent):
        sign_in.token()
    assert identity[0] == "the identity"
