"""A managed identity as the credential of a registered application (federated identity credential)."""

from collections.abc import Callable

from shared.partner_center.sign_in.transport import client_options

TOKEN_EXCHANGE_SCOPE = "api://AzureADTokenExchange/.default"  # noqa: S105
"""The audience of an assertion (Microsoft Entra, "Configure an application to trust a managed identity")."""


def assertion_of(identity_client_id: str) -> Callable[[], str]:
    """A function that returns the current assertion of the user-assigned identity with this client id."""
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - only where it is used

    identity = ManagedIdentityCredential(client_id=identity_client_id, **client_options())
    return lambda: identity.get_token(TOKEN_EXCHANGE_SCOPE).token
