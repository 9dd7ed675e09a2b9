"""Where the bearer token comes from. Every credential library is imported only when it is used.

App-only sign-in is documented for appending, status and lists; for creating a batch the pages name app+user alone.
"""

from shared.partner_center.sign_in.app_only import AppOnly
from shared.partner_center.sign_in.app_user import AppUser
from shared.partner_center.sign_in.exchange import EntraExchange
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens, azure_sign_in
from shared.partner_center.sign_in.source import PARTNER_CENTER_SCOPE, RENEWAL_SECONDS, SignIn, StaticToken
from shared.settings import AppUserSettings, SignInSettings, StaticTokenSettings

__all__ = ["PARTNER_CENTER_SCOPE", "RENEWAL_SECONDS", "AppOnly", "AppUser", "SignIn", "StaticToken", "sign_in_from"]


def sign_in_from(settings: SignInSettings) -> SignIn:
    """The sign-in that `settings` describe; nothing is fetched before the first token is asked for."""
    match settings:
        case StaticTokenSettings(token):
            return StaticToken(token)
        case AppUserSettings(app, refresh_token_secret, vault_identity):
            return AppUser(
                EntraExchange(app),
                KeyVaultRefreshTokens(refresh_token_secret, azure_sign_in(vault_identity)),
            )
        case app:
            return AppOnly.of(app)
