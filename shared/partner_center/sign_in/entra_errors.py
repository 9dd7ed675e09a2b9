"""Explains a failed sign-in at Microsoft Entra: one line with the code and the fix, or that waiting helps."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in.refresh_tokens import SIGN_IN_COMMAND

_SIGN_IN_ANEW = f"have a user sign in again with '{SIGN_IN_COMMAND}'"

_CURES: Mapping[str, str] = {
    "AADSTS7000215": "the client secret is wrong: set its value (not its id)",
    "AADSTS7000222": "the client secret has expired: create a new one in the app registration and set it",
    "AADSTS700016": "the app is not known in this tenant: check client id and tenant id",
    "AADSTS7000112": "the app is disabled: enable it in Microsoft Entra ID",
    "AADSTS90002": "the tenant is not known: check the tenant id",
    "AADSTS900023": "the tenant id is malformed: check it",
    "AADSTS700027": "the certificate is not the app's: upload its public part to the app registration",
    "AADSTS700213": "no federated credential of the app matches this token: check its issuer, subject and audience",
    "AADSTS70021": "no federated credential of the app matches this token: check its issuer, subject and audience",
    "AADSTS700024": "the assertion is not valid now: check the clock of this machine and the federated token file",
    "AADSTS500011": "Partner Center is not known in this tenant: sign in with the partner's own tenant id",
    "AADSTS650057": "the app has no permission for Partner Center: add it in the app registration",
    "AADSTS65001": "the app lacks consent: have an administrator consent to it",
    "AADSTS53003": "Conditional Access blocks this sign-in: exclude the app or allow its addresses",
    "AADSTS50057": "the user's account is disabled: enable it, or " + _SIGN_IN_ANEW + " as another user",
    "AADSTS700025": "the app is registered as a public client: remove its mobile and desktop redirect addresses",
    "AADSTS7000218": "the app has no credential: set its secret, certificate or managed identity",
    "AADSTS9002313": "the request is malformed: the stored value is not a refresh token; " + _SIGN_IN_ANEW,
    "AADSTS50076": "a second factor is required: " + _SIGN_IN_ANEW + " with multi-factor authentication",
    "AADSTS50079": "the user must set up a second factor: do so, then " + _SIGN_IN_ANEW,
    "AADSTS50158": "a further challenge is required: " + _SIGN_IN_ANEW + " and pass it",
    "AADSTS50173": "the sign-in was revoked, for example by a changed password: " + _SIGN_IN_ANEW,
    "AADSTS50078": "the second factor has expired: " + _SIGN_IN_ANEW,
    "AADSTS54005": "the token was used up: " + _SIGN_IN_ANEW,
    "AADSTS70000": "the refresh token is not valid for this app and tenant: " + _SIGN_IN_ANEW,
    "AADSTS70008": "the refresh token has expired: " + _SIGN_IN_ANEW,
    "AADSTS700082": "the refresh token was not used for too long: " + _SIGN_IN_ANEW,
    "AADSTS700084": "the refresh token has reached the end of its life: " + _SIGN_IN_ANEW,
    "AADSTS65005": "the app asks for more than it was registered for: add Partner Center's user_impersonation to it",
}
"""Microsoft Entra error codes, each with its cause and fix."""

_PASSING = frozenset({"AADSTS90033", "AADSTS90006", "AADSTS90009", "AADSTS50196", "AADSTS90010"})
"""Codes of transient errors (Microsoft Entra authentication and authorization error codes)."""

_PASSING_ERRORS = frozenset({"temporarily_unavailable", "server_error"})


def sign_in_error(error: Exception) -> Unauthorised | NeverSent:
    """The error for a failed sign-in. azure-identity wraps network errors as sign-in errors; their causes differ."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError  # noqa: PLC0415
    from azure.identity import CredentialUnavailableError  # noqa: PLC0415
    from msal.exceptions import MsalServiceError  # noqa: PLC0415

    no_answer = (
        ServiceRequestError,
        ServiceResponseError,
        MsalServiceError,
        requests.RequestException,
        json.JSONDecodeError,
    )
    causes = tuple(_chain(error))
    code = next((found for cause in causes if (found := _code_in(str(cause)))), None)
    passing = code in _PASSING or any(
        isinstance(cause, no_answer) or (isinstance(cause, HttpResponseError) and (cause.status_code or 0) >= 500)  # noqa: PLR2004
        for cause in causes
    )
    if passing and code not in _CURES:
        return _no_answer(code)
    if code:
        return _refused(code)
    if isinstance(error, CredentialUnavailableError):
        return Unauthorised(
            "Signing in to Partner Center failed: no credential is available; check the sign-in settings"
        )
    files = [str(cause.filename) for cause in causes if isinstance(cause, OSError) and cause.filename]
    where = f"; {files[0]} cannot be read" if files else ""
    return Unauthorised(
        f"Signing in to Partner Center failed ({type(causes[-1]).__name__}){where}: check tenant id, client id and the"
        " secret, certificate or token file of the sign-in settings"
    )


def refusal(result: Mapping[str, Any]) -> Unauthorised | NeverSent:
    """The error for an answer of the token endpoint without a token (RFC 6749, 5.2; its text is Entra's)."""
    error = str(result.get("error") or "no reason given")
    code = _code_in(str(result.get("error_description") or ""))
    if code in _PASSING or (code not in _CURES and error in _PASSING_ERRORS):
        return _no_answer(code or error)
    if code is not None and code in _CURES:
        return _refused(code)
    if error == "invalid_grant":
        return Unauthorised(
            f"Signing in to Partner Center failed with {code or error}: the refresh token is no longer accepted;"
            f" {_SIGN_IN_ANEW}",
            code=code,
        )
    return _refused(code or error)


def _no_answer(code: str | None) -> NeverSent:
    return NeverSent(
        "Partner Center was not called: the sign-in service (login.microsoftonline.com) did not answer"
        f"{f' ({code})' if code else ''}; it will be tried again. If this continues, check the network and proxy"
    )


def _refused(code: str) -> Unauthorised:
    cure = _CURES.get(code, "look the code up at login.microsoftonline.com/error")
    return Unauthorised(f"Signing in to Partner Center failed with {code}: {cure}", code=code)


def _code_in(text: str) -> str | None:
    found = re.search(r"AADSTS\d+", text)
    return found[0] if found else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
