"""A stand-in with a client beside it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import sleep
from uuid import uuid4

import pytest

from local.partner_center import Behaviour, PartnerCenterStandIn
from shared.partner_center.client import CallIds, PartnerCenterClient
from shared.partner_center.sign_in import StaticToken

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MakeClient = Callable[..., PartnerCenterClient]


@pytest.fixture
def stand_in() -> Iterator[PartnerCenterStandIn]:
    """A stand-in that accepts only one token, and finishes an upload at once."""
    with PartnerCenterStandIn(Behaviour(token="a-token")) as service:
        yield service


@pytest.fixture
def client_of() -> Iterator[MakeClient]:
    """Makes clients of a base address."""
    clients: list[PartnerCenterClient] = []

    def make(
        url: str, *, token: str = "a-token", exchange_timeout: float = 3.0, sleep: Callable[[float], None] = sleep
    ) -> PartnerCenterClient:
        client = PartnerCenterClient(
            base_url=url,
            sign_in=StaticToken(token),
            clock=lambda: NOW,
            connect_timeout=2.0,
            exchange_timeout=exchange_timeout,
            sleep=sleep,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(stand_in: PartnerCenterStandIn, client_of: MakeClient) -> PartnerCenterClient:
    """A client of the stand-in."""
    return client_of(stand_in.url)


@pytest.fixture
def new_ids() -> Callable[[], CallIds]:
    """Fresh identifiers for one call."""
    return lambda: CallIds(request_id=str(uuid4()), correlation_id=str(uuid4()))
