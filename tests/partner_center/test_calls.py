"""The client over HTTP makes every call of the protocol."""

from shared.partner_center.calls import PartnerCenter
from shared.partner_center.client import PartnerCenterClient


def test_the_client_fulfils_the_protocol(client: PartnerCenterClient) -> None:
    as_protocol: PartnerCenter = client
    assert as_protocol is client
