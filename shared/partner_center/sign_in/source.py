"""The interface of a source of bearer tokens, and the simplest source."""

import re
from typing import Protocol

from shared.bounded_exchange import bounded_exchange
from shared.partner_center.errors import NeverSent, Unauthorised

PARTNER_CENTER_SCOPE = "https://api.partnercenter.microsoft.com/.default"

RENEWAL_SECONDS = 30.0
"""A younger credential is not renewed again: threads that got a 401 at the same time renew it once."""


class SignIn(Protocol):
    """A source of bearer tokens, shared by all threads."""

    def token(self) -> str:
        """A valid token.

        Raises:
            Unauthorised: when no token is available until a person acts.
            NeverSent: when the sign-in service cannot be reached.
        """

    def renew(self) -> None:
        """Discard the current token: the service rejected it."""


class StaticToken:
    """One fixed token, for the stand-in; it cannot be renewed."""

    def __init__(self, token: str) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Unauthorised("The bearer token is empty or holds blanks or control characters: set it again")
        self._token = token

    def token(self) -> str:
        return self._token

    def renew(self) -> None:
        """See `SignIn`. There is no other token, so the next call gets a 401 again."""


class BoundedSignIn:
    """A sign-in with a time limit in seconds, however slowly the sign-in service and the vault answer."""

    def __init__(self, sign_in: SignIn, seconds: float) -> None:
        self._sign_in = sign_in
        self._seconds = seconds

    def token(self) -> str:
        with bounded_exchange(self._seconds) as exchange:
            try:
                return self._sign_in.token()
            except (NeverSent, Unauthorised) as error:
                if exchange.is_over:
                    raise NeverSent(
                        f"Signing in to Partner Center took longer than {self._seconds:g} seconds; it will be tried"
                        " again. If this continues, check the network and the proxy between the app,"
                        " login.microsoftonline.com and the vault"
                    ) from error
                raise

    def renew(self) -> None:
        self._sign_in.renew()
