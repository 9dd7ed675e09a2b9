"""What an access token says of itself: for whom it was issued, to whom, and how its user signed in. Pure.

Nothing is decided by it but what people are told of a sign-in: the token is not verified, and only the service it was
issued for may rely on what it says (Microsoft identity platform, "Access tokens").
"""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime

SECOND_FACTOR = "mfa"
"""The method in `amr` that stands for a second factor."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims that matter for Partner Center; empty or None where the token lacks them."""

    audience: str = ""
    tenant_id: str = ""
    client_id: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    methods: tuple[str, ...] | None = None
    """How the user signed in (`amr`); None where the token does not say, as that of an app alone."""
    expires_at: datetime | None = None


def claims_of(token: str) -> TokenClaims | None:
    """The claims of a token; None if it is no JSON Web Token."""
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(claims, dict):
        return None
    return TokenClaims(
        audience=_text(claims.get("aud")),
        tenant_id=_text(claims.get("tid")),
        client_id=_text(claims.get("appid")) or _text(claims.get("azp")),
        roles=_texts(claims.get("roles")) or (),
        scopes=tuple(_text(claims.get("scp")).split()),
        methods=_texts(claims.get("amr")),
        expires_at=_time(claims.get("exp")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else None


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None
