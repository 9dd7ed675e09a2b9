"""What a source of bearer tokens is, and the simplest one."""

import re
from typing import Protocol

from shared.bounded_exchange import bounded_exchange
from shared.partner_center.errors import NeverSent, Unauthorised

PARTNER_CENTER_SCOPE = "https://api.partnercenter.microsoft.com/.default"

RENEWAL_SECONDS = 30.0
"""A credential younger than this is not renewed again: the threads that met a 401 together renew it once."""


class SignIn(Protocol):
    """A source of bearer tokens, shared by all threads."""

    def token(self) -> str:
        """A token that is good now.

        Raises:
            Unauthorised: when there is none to be had until a person acts.
            NeverSent: when the sign-in service cannot be reached.
        """
        ...

    def renew(self) -> None:
        """Forget the token in use: the service did not take it."""
        ...


class StaticToken:
    """One fixed token, as the stand-in takes; it cannot be renewed."""

    def __init__(self, token: str) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Unauthorised("The bearer token is empty or holds blanks or control characters: set it anew")
        self._token = token

    def token(self) -> str:
        """See `SignIn`."""
        return self._token

    def renew(self) -> None:
        """See `SignIn`. There is no other token, so the next 401 comes with the next call."""


class BoundedSignIn:
    """A sign-in that ends within so many seconds, whatever the sign-in service and the vault answer."""

    def __init__(self, sign_in: SignIn, seconds: float) -> None:
        self._sign_in = sign_in
        self._seconds = seconds

    def token(self) -> str:
        """See `SignIn`."""
        with bounded_exchange(self._seconds) as exchange:
            try:
                return self._sign_in.token()
            except (NeverSent, Unauthorised) as error:
                if exchange.is_over:
                    raise NeverSent(
                        f"Signing in to Partner Center was not over after {self._seconds:g} seconds; it is tried again."
                        " If it lasts, check the network and the proxy between the app, login.microsoftonline.com and"
                        " the vault"
                    ) from error
                raise

    def renew(self) -> None:
        """See `SignIn`."""
        self._sign_in.renew()
