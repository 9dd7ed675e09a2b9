"""What of the changes between two readings somebody else did."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.pipeline.inventory.changes import drift_in
from shared.storage.inventories import DeviceChange, DriftKind
from tests.pipeline.world import CUSTOMER, START

THERE = DeviceChange(
    customer_id=CUSTOMER,
    change_id="there",
    is_there=True,
    batch_id="B",
    device_id="d-2",
    serial_number="SN-1",
    uploaded_by="anna@example.com",
    since=START,
    seen_at=START,
)
GONE = replace(THERE, change_id="gone", is_there=False, batch_id="A", device_id="d-1", serial_number="sn-1 ")


@pytest.mark.parametrize(
    ("changes", "ours", "expected"),
    [
        ([THERE], [], [(DriftKind.REGISTERED, "B", "")]),
        ([THERE], ["there"], []),
        ([GONE], [], [(DriftKind.DELETED, "A", "")]),
        ([GONE], ["gone"], []),
        ([GONE, THERE], [], [(DriftKind.MOVED, "A", "B")]),
        ([GONE, THERE], ["gone", "there"], []),
        ([GONE, THERE], ["gone"], [(DriftKind.REGISTERED, "B", "")]),
        ([GONE, THERE], ["there"], [(DriftKind.DELETED, "A", "")]),
        ([GONE, replace(THERE, batch_id="A")], [], [(DriftKind.REGISTERED, "A", "")]),
        ([GONE, replace(THERE, batch_id="A")], ["there", "gone"], []),
        ([GONE, replace(THERE, batch_id="A", device_id="d-1", model="now listed")], [], []),
        ([replace(GONE, serial_number=""), replace(THERE, batch_id="A", device_id="d-1")], [], []),
        ([replace(THERE, serial_number="", product_key="33")], [], [(DriftKind.REGISTERED, "B", "")]),
        ([replace(THERE, serial_number="")], [], []),
        ([replace(GONE, serial_number="To be filled by O.E.M.")], [], []),
    ],
)
def test_what_the_app_did_itself_is_no_drift(
    changes: list[DeviceChange], ours: list[str], expected: list[tuple[DriftKind, str, str]]
) -> None:
    assert [(one.kind, one.batch_id, one.new_batch_id) for one in drift_in(changes, ours)] == expected


LATER = replace(GONE, change_id="gone later", batch_id="B", device_id="d-2", seen_at=START + timedelta(days=1))


@pytest.mark.parametrize(
    ("changes", "ours", "expected"),
    [
        ([LATER, GONE, THERE], [], [(DriftKind.MOVED, "A", "B"), (DriftKind.DELETED, "B", "")]),
        ([LATER, GONE, THERE], ["gone", "there"], [(DriftKind.DELETED, "B", "")]),
        ([LATER, GONE, THERE], ["gone later"], [(DriftKind.MOVED, "A", "B")]),
        ([LATER, THERE], [], [(DriftKind.REGISTERED, "B", ""), (DriftKind.DELETED, "B", "")]),
        ([LATER, THERE], ["there"], [(DriftKind.DELETED, "B", "")]),
    ],
)
def test_a_device_that_changed_more_than_once_before_the_decision_is_told_each_time(
    changes: list[DeviceChange], ours: list[str], expected: list[tuple[DriftKind, str, str]]
) -> None:
    assert [(one.kind, one.batch_id, one.new_batch_id) for one in drift_in(changes, ours)] == expected


def test_two_makers_that_use_one_serial_number_are_two_devices() -> None:
    hp, dell = replace(GONE, manufacturer="HP"), replace(THERE, manufacturer="Dell Inc.")
    assert [one.kind for one in drift_in([hp, dell], [])] == [DriftKind.REGISTERED, DriftKind.DELETED]
    both = [hp, replace(GONE, change_id="other", manufacturer="Dell Inc.", batch_id="C")]
    assert [one.batch_id for one in drift_in(both, [])] == ["A", "C"]
    assert [one.kind for one in drift_in([*both, dell], [])] == [DriftKind.MOVED, DriftKind.DELETED]


def test_the_drift_names_who_uploaded_the_device() -> None:
    (moved,) = drift_in([GONE, THERE], [])
    assert (moved.who, moved.serial_number) == ("anna@example.com", "sn-1 ")
    (deleted,) = drift_in([GONE], [])
    assert deleted.who == ""
