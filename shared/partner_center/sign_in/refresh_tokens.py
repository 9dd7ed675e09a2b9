"""Stores the refresh token between exchanges."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in.azure_clients import client_options

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.secrets import SecretClient

REFRESH_TOKEN_LIFE = timedelta(days=90)
"""The life of an unused token (Microsoft identity platform, "Refresh tokens"); shown in the vault as its expiry."""

SIGN_IN_COMMAND = "python -m local sign-in"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token, and when it was stored."""

    value: str = field(repr=False)
    stored_at: datetime


class KeyVaultRefreshTokens:
    """One secret of a Key Vault keeps the token for all instances; each stored token becomes a new version."""

    def __init__(
        self,
        secret_uri: str,
        make_credential: "Callable[[], TokenCredential]",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **client_options: Any,  # noqa: ANN401 - those of SecretClient
    ) -> None:
        """`secret_uri` is `https://{vault}.vault.azure.net/secrets/{name}`."""
        self._vault_url, _, self._name = secret_uri.partition("/secrets/")
        self._make_credential = make_credential
        self._now = now
        self._client_options = client_options
        self._client: SecretClient | None = None

    def read(self) -> RefreshToken:
        """The latest token.

        Raises:
            Unauthorised: no token is stored, or reading it is forbidden.
            NeverSent: the vault cannot be reached.
        """
        with self._errors():
            secret = self._connected().get_secret(self._name)
        properties = secret.properties
        stored_at = properties.updated_on or properties.created_on or datetime.min.replace(tzinfo=UTC)
        if not secret.value:
            raise Unauthorised(f"Secret {self._name} in {self._vault_url} is empty: sign in with '{SIGN_IN_COMMAND}'")
        return RefreshToken(secret.value, stored_at)

    def write(self, value: str) -> None:
        """Store a newer token. Raises as `read` does."""
        with self._errors():
            self._connected().set_secret(
                self._name,
                value,
                content_type="refresh token for Partner Center",
                expires_on=self._now() + REFRESH_TOKEN_LIFE,
            )

    def _connected(self) -> "SecretClient":
        from azure.keyvault.secrets import SecretClient  # noqa: PLC0415 - only where it is used

        if self._client is None:
            options = client_options() | self._client_options
            self._client = SecretClient(self._vault_url, self._make_credential(), **options)
        return self._client

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of the vault into sign-in errors that never contain the secret."""
        from azure.core.exceptions import (  # noqa: PLC0415 - only where it is used
            AzureError,
            ClientAuthenticationError,
            HttpResponseError,
            ResourceNotFoundError,
        )

        where = f"secret {self._name} of {self._vault_url}"
        try:
            yield
        except ResourceNotFoundError:
            raise Unauthorised(
                f"There is no refresh token: {where} does not exist. Sign in with '{SIGN_IN_COMMAND}'"
            ) from None
        except ClientAuthenticationError as error:
            raise Unauthorised(
                f"There is no sign-in to Azure that Key Vault accepts for {where}: in Azure, check that the app's"
                " identity exists and AZURE_CLIENT_ID names it; on a developer's machine, run 'az login'"
            ) from error
        except HttpResponseError as error:
            if error.status_code == 403:  # noqa: PLR2004
                raise Unauthorised(
                    f"Key Vault refuses {where}: give the app's identity the role Key Vault Secrets User and the right"
                    " to set the secret, enable the secret, and let the vault's firewall admit the app"
                ) from error
            raise _unreachable(where, f"status {error.status_code}") from error
        except AzureError as error:
            raise _unreachable(where, type(error).__name__) from error
        except ValueError as error:
            raise Unauthorised(
                f"The server that answered for {where} requested a token for another service and got none: check the"
                " address of the vault and the proxy"
            ) from error


def _unreachable(where: str, reason: str) -> NeverSent:
    return NeverSent(
        f"Partner Center was not called: Key Vault did not answer for {where} ({reason}); it will be tried again. If"
        " this continues, check the vault's name, its firewall and the network"
    )


def azure_sign_in(identity_client_id: str | None) -> "Callable[[], TokenCredential]":
    """A function that creates this machine's Azure credential: a managed identity if there is one, else `az login`."""

    def make() -> "TokenCredential":
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - only where it is used

        if identity_client_id is None:
            return DefaultAzureCredential(**client_options())
        return DefaultAzureCredential(managed_identity_client_id=identity_client_id, **client_options())

    return make
