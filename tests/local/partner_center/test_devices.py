"""Which devices an upload may have."""

from typing import Any

import pytest

from local.partner_center import Behaviour, PartnerCenterStandIn
from tests.local.partner_center.calling import REGISTERED, Caller, pc


@pytest.mark.parametrize(
    "device",
    [
        {"hardwareHash": "QUJD", "productKey": "K"},
        {"hardwareHash": "QUJD", "serialNumber": "S"},
        {"hardwareHash": "QUJD", "serialNumber": "S", "productKey": "K"},
        {"hardwareHash": "QUJD"},
        {"productKey": "K"},
        {"serialNumber": "S", "oemManufacturerName": "O", "modelName": "M"},
    ],
)
def test_every_accepted_combination_is_registered(caller: Caller, device: dict[str, str]) -> None:
    assert caller.outcomes(caller.create([device])) == [REGISTERED]


@pytest.mark.parametrize(
    "device",
    [
        {},
        {"serialNumber": "S"},
        {"serialNumber": "S", "modelName": "M"},
        {"oemManufacturerName": "O", "modelName": "M"},
        {"productKey": "", "hardwareHash": None},
    ],
)
def test_every_other_combination_is_refused(caller: Caller, device: dict[str, Any]) -> None:
    refused = caller.create([pc("S"), device])
    assert refused.fault == (400, "3000")
    assert refused.json["source"] == "PartnerFD"
    assert refused.json["data"] == ["devices[1]"]


@pytest.mark.parametrize(
    "body",
    [
        {"devices": [pc("S")]},
        None,
        "text",
        [],
        [None],
        [{"serialNumber": 5}],
        [{"productKey": "K", "policies": {}}],
        [{"productKey": "K", "groupTag": "Sales"}],
        [pc(f"S{number}") for number in range(1001)],
        b"{",
        b"",
    ],
)
def test_a_malformed_append_is_refused_whole(caller: Caller, service: PartnerCenterStandIn, body: Any) -> None:
    caller.create([pc("FIRST")])
    assert caller.append(b"null" if body is None else body).fault == (400, "800002")
    assert list(service.report()["devices"].values()) == [1]


def test_a_thousand_devices_are_taken(caller: Caller) -> None:
    assert caller.outcomes(caller.create([pc(f"S{number}") for number in range(1000)])) == [REGISTERED] * 1000


def test_an_upload_beyond_a_smaller_limit_is_too_large() -> None:
    with PartnerCenterStandIn(Behaviour(most_devices=2)) as service:
        caller = Caller(service.url)
        assert [caller.create([pc(f"S{number}") for number in range(size)]).status for size in (3, 2)] == [413, 202]


def test_a_malformed_device_has_its_whole_upload_refused(caller: Caller) -> None:
    refused = caller.create([pc("S"), pc("STANDIN-MALFORMED-1")])
    assert refused.fault == (400, "800002")
    assert "MALFORMED" not in refused.json["description"]
