"""How a device of an upload ends."""

import pytest

from local.partner_center import provoked
from tests.local.partner_center.calling import ALREADY_ASSIGNED, OTHER_CUSTOMER, OTHER_TENANT, REGISTERED, Caller, pc


def test_a_device_known_to_the_same_or_another_customer_is_told_so(caller: Caller) -> None:
    known = {"hardwareHash": "QUJD", "productKey": "K", "serialNumber": "S"}
    caller.create([known | pc("S")])
    for again in ({"hardwareHash": "QUJD"}, {"productKey": "K"}, pc("S")):
        assert caller.outcomes(caller.append([again])) == [ALREADY_ASSIGNED]
    assert caller.outcomes(caller.create([{"productKey": "K"}], customer=OTHER_CUSTOMER)) == [OTHER_TENANT]


def test_a_twin_in_one_upload_is_a_duplicate_without_a_number(caller: Caller) -> None:
    outcomes = caller.outcomes(caller.create([pc("S"), pc("S"), pc("s")]))
    assert outcomes == [REGISTERED, ("finished_with_errors", None, "ZtdDeviceDuplicated"), REGISTERED]


def test_a_hash_that_is_not_base64_fails(caller: Caller) -> None:
    outcomes = caller.outcomes(caller.create([{"hardwareHash": "not base64!"}]))
    assert outcomes == [("finished_with_errors", "802", "InvalidZtdHardwareHash")]


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("STANDIN-808-X", OTHER_TENANT),
        ("standin-806-X", ALREADY_ASSIGNED),
        ("STANDIN-806OTHER-X", ("finished_with_errors", "806", "ZtdDeviceAssignedToOtherTenant")),
        ("STANDIN-HashNot4k-X", ("finished_with_errors", None, "HashNot4k")),
        (
            "STANDIN-ZtdDeviceAssignedToAnotherTenant-X",
            ("finished_with_errors", "808", "ZtdDeviceAssignedToAnotherTenant"),
        ),
        ("STANDIN-899-X", ("finished_with_errors", "899", "ZtdUndocumented")),
        ("STANDIN-NOREASON-X", ("finished_with_errors", None, None)),
        ("STANDIN-0-X", ("finished", "0", None)),
        ("STANDIN-STUCK-X", ("in-progress", None, None)),
        ("STANDIN-WHATEVER-X", REGISTERED),
    ],
)
def test_a_serial_number_provokes_its_outcome(
    caller: Caller, serial: str, expected: tuple[str, str | None, str | None]
) -> None:
    assert caller.outcomes(caller.create([pc(serial)])) == [expected]


@pytest.mark.parametrize("number", [801, 802, 803, 806, 807, 808, 809, 810, 811, 812, 813, 814])
def test_every_documented_number_can_be_provoked(number: int) -> None:
    verdict = provoked(f"STANDIN-{number}-1", sent_before=False)
    assert verdict is not None
    assert (verdict.status, verdict.code) == ("finished_with_errors", str(number))
    assert verdict.name


def test_a_passing_error_passes(caller: Caller) -> None:
    assert caller.outcomes(caller.create([pc("STANDIN-StorageError-1")])) == [
        ("finished_with_errors", None, "StorageError")
    ]
    assert caller.outcomes(caller.append([pc("STANDIN-StorageError-1")])) == [REGISTERED]
