"""The exchange of a refresh token at Microsoft Entra, through MSAL."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from shared.bounded_exchange import BoundedAdapter
from shared.partner_center.sign_in.app_user import Exchanged
from shared.partner_center.sign_in.azure_clients import assertion_of
from shared.partner_center.sign_in.claims import SECOND_FACTOR, claims_of
from shared.partner_center.sign_in.entra_errors import refusal, sign_in_error
from shared.settings import (
    AppSettings,
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    WorkloadIdentitySettings,
)

if TYPE_CHECKING:
    from msal import ConfidentialClientApplication

AUTHORITY = "https://login.microsoftonline.com/"
USER_SCOPE = "https://api.partnercenter.microsoft.com/user_impersonation"

_TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and between two reads of an answer."""


class EntraHttpClient:
    """The HTTP client of MSAL, with timeouts and without redirects: a refresh token must reach no other host."""

    def __init__(self) -> None:
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, BoundedAdapter(max_retries=1))

    def post(self, url: str, **request: Any) -> requests.Response:  # noqa: ANN401 - MSAL's own interface
        """POST."""
        return self._session.post(url, **request, timeout=_TIMEOUT, allow_redirects=False)

    def get(self, url: str, **request: Any) -> requests.Response:  # noqa: ANN401
        """GET."""
        return self._session.get(url, **request, timeout=_TIMEOUT, allow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class EntraExchange:
    """Exchanges refresh tokens issued to a registered application. Threads share it and use it one at a time."""

    def __init__(self, app: AppSettings, make_http_client: Callable[[], EntraHttpClient] = EntraHttpClient) -> None:
        self._app = app
        self._make_http_client = make_http_client
        self._client: ConfidentialClientApplication | None = None

    def __call__(self, refresh_token: str) -> Exchanged:
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - only where it is used
        from msal.exceptions import MsalError  # noqa: PLC0415

        try:
            result = self._connected().acquire_token_by_refresh_token(refresh_token, [USER_SCOPE])
        except (AzureError, MsalError, requests.RequestException, ValueError, TypeError, OSError) as error:
            # TypeError: the certificate's key is encrypted and no password was given.
            raise sign_in_error(error) from error
        if "access_token" not in result:
            raise refusal(result)
        return Exchanged(result["access_token"], float(result["expires_in"]), result.get("refresh_token"))

    def _connected(self) -> "ConfidentialClientApplication":
        """The client of the application; creating it requests the sign-in service's endpoints."""
        from msal import ConfidentialClientApplication  # noqa: PLC0415 - only where it is used

        if self._client is None:
            self._client = ConfidentialClientApplication(
                self._app.client_id,
                client_credential=client_credential(self._app),
                authority=AUTHORITY + self._app.tenant_id,
                http_client=self._make_http_client(),
            )
        return self._client


def client_credential(app: AppSettings) -> str | dict[str, Any]:
    """The credential of a registered application, in MSAL's form."""
    match app:
        case ClientSecretSettings(client_secret=secret):
            return secret
        case WorkloadIdentitySettings(token_file=file):
            return {"client_assertion": lambda: Path(file).read_text(encoding="ascii")}
        case ManagedIdentitySettings(identity_client_id=identity):
            return {"client_assertion": assertion_of(identity)}
        case CertificateSettings(path=path, password=password):
            return _certificate(Path(path), password)


def _certificate(path: Path, password: str | None) -> dict[str, Any]:
    content = path.read_bytes()
    passphrase = {} if password is None else {"passphrase": password}
    if b"-----BEGIN" not in content:
        return {"private_key_pfx_path": str(path), **passphrase}
    text = content.decode()
    return {"private_key": text, "public_certificate": text, **passphrase}


def second_factor_missing(access_token: str) -> bool:
    """Whether the claim `amr` of `access_token` shows that its user signed in without a second factor."""
    claims = claims_of(access_token)
    return claims is not None and claims.methods is not None and SECOND_FACTOR not in claims.methods
