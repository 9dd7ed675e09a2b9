"""`python -m local sign-in`: a user signs in once, with a second factor, so that the app can act in their name.

The command obtains the first refresh token of the secure application model with a device code and puts it into Key
Vault, where the app finds it. It needs `az login` with an account that may set that secret.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import requests

from shared.errors import DeviceDropError
from shared.partner_center.sign_in.entra_errors import refusal, sign_in_error
from shared.partner_center.sign_in.exchange import (
    AUTHORITY,
    USER_SCOPE,
    EntraHttpClient,
    second_factor_missing,
)
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens, azure_sign_in
from shared.settings import KEY_VAULT_SECRET


class SignInEndedError(DeviceDropError):
    """The sign-in ended without a usable refresh token; nothing was stored."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command; what the environment holds need not be given."""
    for option, setting, kind, words in (
        ("--tenant", "PARTNER_CENTER_TENANT_ID", _guid, "the partner's own tenant id"),
        ("--client", "PARTNER_CENTER_CLIENT_ID", _guid, "the application id of the app registered in Partner Center"),
        ("--secret", "PARTNER_CENTER_REFRESH_TOKEN_SECRET", _secret, "the address of the Key Vault secret to write"),
    ):
        value = os.environ.get(setting)
        parser.add_argument(
            option, type=kind, default=value, required=not value, metavar=setting, help=f"{words} (default: {setting})"
        )


def main(arguments: argparse.Namespace) -> int:
    """Sign in and store the refresh token: 0 when it is stored."""
    store = KeyVaultRefreshTokens(arguments.secret, azure_sign_in(None))
    try:
        sign_in(arguments.tenant, arguments.client, store)
    except DeviceDropError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The refresh token is stored in {arguments.secret}. The app uses it from its next sign-in on.")
    return 0


def sign_in(
    tenant_id: str,
    client_id: str,
    store: KeyVaultRefreshTokens,
    make_http_client: Callable[[], EntraHttpClient] = EntraHttpClient,
    say: Callable[[str], None] = print,
) -> None:
    """Let a person sign in to the application with a device code, and keep the refresh token in `store`.

    Raises:
        SignInEndedError: nobody signed in, or the sign-in lacked the second factor that Partner Center requires.
        Unauthorised: Microsoft Entra or the store refused.
        NeverSent: one of them could not be reached.
    """
    result = _device_code_sign_in(tenant_id, client_id, make_http_client(), say)
    if "access_token" not in result:
        raise refusal(result)
    if second_factor_missing(result["access_token"]):
        raise SignInEndedError(
            "The sign-in was without a second factor, and Partner Center would refuse it: nothing was stored. Require"
            " multi-factor authentication for this user and sign in again."
        )
    if "refresh_token" not in result:
        raise SignInEndedError(
            "Microsoft Entra issued no refresh token: nothing was stored. Check that the app registration has Partner"
            " Center's delegated permission user_impersonation, and sign in again."
        )
    store.write(result["refresh_token"])


def _device_code_sign_in(
    tenant_id: str, client_id: str, http_client: EntraHttpClient, say: Callable[[str], None]
) -> Mapping[str, Any]:
    from msal import PublicClientApplication  # noqa: PLC0415 - only where it is used
    from msal.exceptions import MsalError  # noqa: PLC0415

    try:
        client = PublicClientApplication(client_id, authority=AUTHORITY + tenant_id, http_client=http_client)
        flow: dict[str, Any] = client.initiate_device_flow([USER_SCOPE])
        if "user_code" not in flow:
            raise refusal(flow)
        say(str(flow["message"]))
        result: Mapping[str, Any] = client.acquire_token_by_device_flow(flow)
    except (MsalError, requests.RequestException, ValueError, OSError) as error:
        raise sign_in_error(error) from error
    return result


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a GUID") from None


def _secret(text: str) -> str:
    if not re.fullmatch(KEY_VAULT_SECRET, text):
        raise argparse.ArgumentTypeError(
            "the address of a Key Vault secret looks like https://VAULT.vault.azure.net/secrets/NAME"
        )
    return text
