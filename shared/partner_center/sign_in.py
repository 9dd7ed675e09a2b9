"""Where the bearer token comes from. azure-identity is imported only when one of its credentials is used.

App-only sign-in is documented for appending, status and lists; for creating a batch the pages name app+user alone.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.settings import (
    CertificateSettings,
    ClientSecretSettings,
    SignInSettings,
    StaticTokenSettings,
    WorkloadIdentitySettings,
)

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

PARTNER_CENTER_SCOPE = "https://api.partnercenter.microsoft.com/.default"

RENEWAL_SECONDS = 30.0
"""A credential younger than this is not renewed again: the threads that met a 401 together renew it once."""


class SignIn(Protocol):
    """A source of bearer tokens, shared by all threads."""

    def token(self) -> str:
        """A token that is good now.

        Raises:
            Unauthorised: when there is none to be had until a person acts.
            NeverSent: when the sign-in service cannot be reached.
        """
        ...

    def renew(self) -> None:
        """Forget the token in use: the service did not take it."""
        ...


class StaticToken:
    """One fixed token, as the stand-in takes; it cannot be renewed."""

    def __init__(self, token: str) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Unauthorised("The bearer token is empty or holds blanks or control characters: set it anew")
        self._token = token

    def token(self) -> str:
        """See `SignIn`."""
        return self._token

    def renew(self) -> None:
        """See `SignIn`. There is no other token, so the next 401 comes with the next call."""


class AppOnly:
    """The app's own token through azure-identity, which caches it and fetches the next before it expires."""

    def __init__(
        self, make_credential: "Callable[[], TokenCredential]", clock: Callable[[], float] = monotonic
    ) -> None:
        """`clock` is in seconds; `make_credential` makes one without any token cached."""
        self._make_credential = make_credential
        self._clock = clock
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None
        self._made_at = 0.0

    def token(self) -> str:
        """See `SignIn`."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - only where it is used

        try:
            return self._current().get_token(PARTNER_CENTER_SCOPE).token
        except (AzureError, ValueError, OSError) as error:
            raise _sign_in_error(error) from error

    def renew(self) -> None:
        """See `SignIn`."""
        with self._lock:
            if self._credential is not None and self._clock() - self._made_at >= RENEWAL_SECONDS:
                self._credential = None

    def _current(self) -> "TokenCredential":
        with self._lock:
            if self._credential is None:
                self._credential = self._make_credential()
                self._made_at = self._clock()
            return self._credential


def sign_in_from(settings: SignInSettings) -> SignIn:
    """The sign-in that `settings` describe; nothing is fetched before the first token is asked for."""
    match settings:
        case StaticTokenSettings(token):
            return StaticToken(token)
        case ClientSecretSettings():
            return AppOnly(lambda: _client_secret(settings))
        case CertificateSettings():
            return AppOnly(lambda: _certificate(settings))
        case WorkloadIdentitySettings():
            return AppOnly(lambda: _workload_identity(settings))


def _client_secret(settings: ClientSecretSettings) -> "TokenCredential":
    from azure.identity import ClientSecretCredential  # noqa: PLC0415

    return ClientSecretCredential(settings.tenant_id, settings.client_id, settings.client_secret)


def _certificate(settings: CertificateSettings) -> "TokenCredential":
    from azure.identity import CertificateCredential  # noqa: PLC0415

    return CertificateCredential(settings.tenant_id, settings.client_id, settings.path, password=settings.password)


def _workload_identity(settings: WorkloadIdentitySettings) -> "TokenCredential":
    from azure.identity import WorkloadIdentityCredential  # noqa: PLC0415

    return WorkloadIdentityCredential(
        tenant_id=settings.tenant_id, client_id=settings.client_id, token_file_path=settings.token_file
    )


_CURES: Mapping[str, str] = {
    "AADSTS7000215": "the client secret is wrong: set its value (not its id) anew",
    "AADSTS7000222": "the client secret has expired: make a new one in the app registration and set it",
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
    "AADSTS65001": "nobody has consented to the app: have an administrator consent",
    "AADSTS50076": "a second factor is asked for: have a person consent anew with multi-factor authentication",
    "AADSTS50173": "the sign-in was revoked: have a person consent anew",
    "AADSTS53003": "Conditional Access blocks this sign-in: exclude the app or allow its addresses",
}
"""Microsoft Entra error codes to what a person does about them."""

_PASSING = frozenset({"AADSTS90033", "AADSTS90006", "AADSTS90009", "AADSTS50196", "AADSTS90010"})
"""Codes of errors that pass by themselves (Microsoft Entra authentication and authorization error codes)."""


def _sign_in_error(error: Exception) -> Unauthorised | NeverSent:
    """What a failed sign-in means. azure-identity wraps network errors as such; the causes tell them apart."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError  # noqa: PLC0415
    from azure.identity import CredentialUnavailableError  # noqa: PLC0415

    causes = tuple(_chain(error))
    code = next((found[0] for cause in causes if (found := re.search(r"AADSTS\d+", str(cause)))), None)
    passing = code in _PASSING or any(
        isinstance(cause, ServiceRequestError | ServiceResponseError)
        or (isinstance(cause, HttpResponseError) and (cause.status_code or 0) >= 500)  # noqa: PLR2004
        for cause in causes
    )
    if passing and code not in _CURES:
        return NeverSent(
            "Partner Center was not called: the sign-in service (login.microsoftonline.com) did not answer"
            f"{f' ({code})' if code else ''}; it is tried again. If it lasts, check the network and proxy"
        )
    if code:
        cure = _CURES.get(code, "look the code up at login.microsoftonline.com/error")
        return Unauthorised(f"Signing in to Partner Center failed with {code}: {cure}", code=code)
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


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
