"""The Azure clients that signing in uses: their options, and a managed identity as an application's credential."""

from collections.abc import Callable
from typing import Any

from shared.plain_session import PlainSession

TIMEOUT_SECONDS = 10
RETRIES = 2

TOKEN_EXCHANGE_SCOPE = "api://AzureADTokenExchange/.default"  # noqa: S105
"""The audience of an assertion (Microsoft Entra, "Configure an application to trust a managed identity")."""


def client_options() -> dict[str, Any]:
    """Options of an Azure client: few retries, short timeouts, and a transport that `bounded_exchange` can end."""
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - only where it is used

    return {
        "transport": RequestsTransport(session=PlainSession(connections=2), session_owner=False),
        "retry_total": RETRIES,
        "connection_timeout": TIMEOUT_SECONDS,
        "read_timeout": TIMEOUT_SECONDS,
    }


def assertion_of(identity_client_id: str) -> Callable[[], str]:
    """A function that returns the current assertion of the user-assigned identity with this client id."""
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - only where it is used

    identity = ManagedIdentityCredential(client_id=identity_client_id, **client_options())
    return lambda: identity.get_token(TOKEN_EXCHANGE_SCOPE).token
