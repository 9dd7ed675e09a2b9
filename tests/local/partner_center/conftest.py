"""A running stand-in and a caller."""

from collections.abc import Iterator

import pytest

from local.partner_center import PartnerCenterStandIn
from tests.local.partner_center.calling import Caller


@pytest.fixture
def service() -> Iterator[PartnerCenterStandIn]:
    with PartnerCenterStandIn() as running:
        yield running


@pytest.fixture
def caller(service: PartnerCenterStandIn) -> Caller:
    return Caller(service.url)
