"""Sign-in: the sources of bearer tokens. Each credential library is imported only when used.

App-only sign-in is documented for appending, status and lists; for creating a batch the pages name only app+user.
"""

from shared.partner_center.sign_in.app_only import AppOnly
from shared.partner_center.sign_in.app_user import AppUser
from shared.partner_center.sign_in.exchange import EntraExchange
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens, azure_sign_in
from shared.partner_center.sign_in.source import (
    PARTNER_CENTER_SCOPE,
    RENEWAL_SECONDS,
    BoundedSignIn,
    SignIn,
    StaticToken,
)
from shared.settings import AppSettings, AppUserSettings, SignInSettings, StaticTokenSettings

__all__ = [
    "PARTNER_CENTER_SCOPE",
    "RENEWAL_SECONDS",
    "AppOnly",
    "AppUser",
    "BoundedSignIn",
    "SignIn",
    "StaticToken",
    "sign_in_from",
]


def sign_in_from(settings: SignInSettings, seconds: float) -> SignIn:
    """The sign-in that `settings` describe, limited to `seconds`.

    It fetches nothing before the first token is needed.
    """
    match settings:
        case StaticTokenSettings(token):
            return StaticToken(token)
        case _:
            return BoundedSignIn(_unbounded(settings), seconds)


def _unbounded(settings: AppUserSettings | AppSettings) -> SignIn:
    match settings:
        case AppUserSettings(app, refresh_token_secret, vault_identity):
            return AppUser(
                EntraExchange(app),
                KeyVaultRefreshTokens(refresh_token_secret, azure_sign_in(vault_identity)),
            )
        case app:
            return AppOnly.of(app)
