"""The messages of a failed sign-in, and the failures that are transient."""

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in import AppOnly
from tests.partner_center.sign_in.cloud import (
    FakeCredential,
)


def wrapped(cause: Exception) -> ClientAuthenticationError:
    """`cause` as azure-identity wraps any error of a sign-in."""
    error = ClientAuthenticationError(message=f"Authentication failed: {cause}")
    error.__cause__ = cause
    return error


def failing_with(error: Exception) -> AppOnly:
    return AppOnly(lambda: FakeCredential(error=error))


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
