"""What a source of bearer tokens is, and the simplest one."""

import re
from typing import Protocol

from shared.partner_center.errors import Unauthorised

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
