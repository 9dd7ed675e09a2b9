"""Stand-ins for Microsoft Entra and Key Vault, with the clocks of the app between them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from shared.partner_center.errors import Unauthorised
from shared.partner_center.sign_in import AppUser
from shared.partner_center.sign_in.exchange import EntraExchange
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens
from shared.settings import (
    AppSettings,
    ClientSecretSettings,
)
from tests.partner_center.entra import (
    APP,
    SECRET,
    TENANT,
    Entra,
)
from tests.partner_center.key_vault import (
    SECRET_URI,
    KeyVault,
    vault_credential,
)

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


def refused(sign_in: AppUser) -> str:
    """The message that explains why there is no token."""
    with pytest.raises(Unauthorised) as caught:
        sign_in.token()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def certificate_with_key(*, password: bytes) -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    ).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    return private + certificate.public_bytes(Encoding.PEM)


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
