"""What a token says of itself."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest

from shared.partner_center.sign_in.claims import TokenClaims, claims_of


def token(claims: object) -> str:
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims, {}))


def test_the_claims_that_matter_are_read() -> None:
    claims = {
        "aud": "https://api.partnercenter.microsoft.com",
        "tid": "tenant",
        "appid": "app",
        "roles": ["one"],
        "scp": "user_impersonation other",
        "amr": ["pwd", "mfa"],
        "exp": 1_795_000_000,
        "upn": "somebody@example.com",
    }
    assert claims_of(token(claims)) == TokenClaims(
        audience="https://api.partnercenter.microsoft.com",
        tenant_id="tenant",
        client_id="app",
        roles=("one",),
        scopes=("user_impersonation", "other"),
        methods=("pwd", "mfa"),
        expires_at=datetime.fromtimestamp(1_795_000_000, UTC),
    )


def test_what_a_token_lacks_or_writes_in_another_way_is_unknown() -> None:
    assert claims_of(token({})) == TokenClaims()
    odd = {"aud": 1, "roles": "one", "scp": ["x"], "amr": "mfa", "exp": 1e300, "azp": "app"}
    assert claims_of(token(odd)) == TokenClaims(client_id="app")


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b", "a.b.c", "a.é.c", f"a.{urlsafe_b64encode(b'[').decode()}.c", "...."]
)
def test_what_is_no_json_web_token_has_no_claims(text: str) -> None:
    assert claims_of(text) is None
    assert claims_of(token([1])) is None
