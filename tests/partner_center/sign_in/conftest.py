"""A sign-in between its stand-ins, or without any network."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError

from tests.partner_center.entra import (
    Entra,
)
from tests.partner_center.key_vault import (
    KeyVault,
)
from tests.partner_center.sign_in.cloud import (
    NOW,
    Clocks,
    Cloud,
)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Entra() as entra, KeyVault(now=NOW) as vault:
        vault.put("refresh-0", NOW)
        yield Cloud(entra, vault, Clocks())


@pytest.fixture
def refuse_all_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every request of azure-core fail at once, as without a network."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ServiceRequestError("there is no network in tests")

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.send", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A managed identity that gives an assertion, and records its client id and the requested scopes."""

    asked: list[str] = []

    class Identity:
        def __init__(self, *, client_id: str, **_: Any) -> None:
            asked.append(client_id)

        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            asked.extend(scopes)
            return AccessToken("an assertion of the identity", 4_000_000_000)

    monkeypatch.setattr("azure.identity.ManagedIdentityCredential", Identity)
    return asked
