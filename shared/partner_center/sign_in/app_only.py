"""App-only sign-in: the application's own token, through azure-identity."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from shared.partner_center.sign_in.azure_clients import assertion_of, client_options
from shared.partner_center.sign_in.entra_errors import sign_in_error
from shared.partner_center.sign_in.source import PARTNER_CENTER_SCOPE, RENEWAL_SECONDS
from shared.settings import (
    AppSettings,
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    WorkloadIdentitySettings,
)

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


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

    @classmethod
    def of(cls, app: AppSettings) -> "AppOnly":
        """The sign-in of a registered application."""
        return cls(lambda: _credential(app))

    def token(self) -> str:
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - only where it is used

        try:
            return self._current().get_token(PARTNER_CENTER_SCOPE).token
        except (AzureError, ValueError, OSError) as error:
            raise sign_in_error(error) from error

    def renew(self) -> None:
        with self._lock:
            if self._credential is not None and self._clock() - self._made_at >= RENEWAL_SECONDS:
                self._credential = None

    def _current(self) -> "TokenCredential":
        with self._lock:
            if self._credential is None:
                self._credential = self._make_credential()
                self._made_at = self._clock()
            return self._credential


def _credential(app: AppSettings) -> "TokenCredential":
    from azure.identity import (  # noqa: PLC0415 - takes half a second, which a fixed token saves
        CertificateCredential,
        ClientAssertionCredential,
        ClientSecretCredential,
        WorkloadIdentityCredential,
    )

    match app:
        case ClientSecretSettings(tenant_id, client_id, client_secret):
            return ClientSecretCredential(tenant_id, client_id, client_secret, **client_options())
        case CertificateSettings(tenant_id, client_id, path, password):
            return CertificateCredential(tenant_id, client_id, path, password=password, **client_options())
        case WorkloadIdentitySettings(tenant_id, client_id, token_file):
            return WorkloadIdentityCredential(
                tenant_id=tenant_id, client_id=client_id, token_file_path=token_file, **client_options()
            )
        case ManagedIdentitySettings(tenant_id, client_id, identity_client_id):
            return ClientAssertionCredential(tenant_id, client_id, assertion_of(identity_client_id), **client_options())
