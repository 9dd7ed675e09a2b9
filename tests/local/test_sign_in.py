"""`python -m local sign-in` against stand-ins for Microsoft Entra and Key Vault."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.processes import PROJECT
from local.sign_in import SignInEndedError, add_arguments, main, sign_in
from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens
from tests.partner_center.entra import APP, MFA_MISSING, TENANT, Entra
from tests.partner_center.key_vault import SECRET_URI, KeyVault, vault_credential

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def entra() -> Iterator[Entra]:
    with Entra(pending_polls=2) as entra:
        yield entra


@pytest.fixture
def vault() -> Iterator[KeyVault]:
    with KeyVault(now=NOW) as vault:
        yield vault


def run(entra: Entra, vault: KeyVault) -> list[str]:
    """Sign in; returns the lines shown to the person."""
    said: list[str] = []
    store = KeyVaultRefreshTokens(SECRET_URI, vault_credential, **vault.client_options())
    sign_in(TENANT, APP, store, entra.http_client, said.append)
    return said


def test_a_person_is_told_where_to_enter_the_code_and_the_refresh_token_goes_into_the_vault(
    entra: Entra, vault: KeyVault
) -> None:
    [said] = run(entra, vault)
    assert "https://microsoft.com/devicelogin" in said
    assert "ABCD-1234" in said
    assert [version["value"] for version in vault.versions] == ["refresh-1"]
    assert {request["device_code"] for request in entra.requests} == {"the-device-code"}


def test_a_sign_in_without_a_second_factor_is_not_stored(entra: Entra, vault: KeyVault) -> None:
    entra.methods = ["pwd"]
    with pytest.raises(SignInEndedError, match="without a second factor"):
        run(entra, vault)
    assert vault.versions == []


def test_a_refused_sign_in_names_its_code_and_stores_nothing(entra: Entra, vault: KeyVault) -> None:
    entra.refuse = MFA_MISSING
    with pytest.raises(Unauthorised, match="AADSTS50076"):
        run(entra, vault)
    assert vault.versions == []


def test_a_vault_that_may_not_be_written_names_the_role(entra: Entra, vault: KeyVault) -> None:
    vault.refuse = 403
    with pytest.raises(Unauthorised, match="role Key Vault Secrets User and the right to set"):
        run(entra, vault)


def test_a_sign_in_service_that_does_not_answer_is_told_apart(entra: Entra, vault: KeyVault) -> None:
    entra.raw = (503, b"")
    with pytest.raises(NeverSent, match="sign-in service"):
        run(entra, vault)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--tenant"),
        (["--tenant", "contoso", "--client", APP, "--secret", SECRET_URI], "contoso"),
        (["--tenant", TENANT, "--client", APP, "--secret", f"{SECRET_URI}/0123"], "--secret"),
        (["--tenant", TENANT, "--client", APP, "--secret", "https://example.com/secrets/n"], "--secret"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(arguments: list[str], named: str) -> None:
    program = f"""
import argparse, local.__main__ as commands
parser = commands._Parser(prog="sign-in")
from local import sign_in
sign_in.add_arguments(parser)
parser.parse_args({arguments!r})
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert named in line


def test_a_failure_is_one_line_on_the_error_stream_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise SignInEndedError("nobody came")

    monkeypatch.setattr("local.sign_in.sign_in", fail)
    arguments = argparse.Namespace(tenant=TENANT, client=APP, secret=SECRET_URI)
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "nobody came\n")


def test_what_the_environment_holds_need_not_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, value in (("TENANT_ID", TENANT), ("CLIENT_ID", APP), ("REFRESH_TOKEN_SECRET", SECRET_URI)):
        monkeypatch.setenv(f"PARTNER_CENTER_{setting}", value)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert vars(parser.parse_args([])) == {"tenant": TENANT, "client": APP, "secret": SECRET_URI}
