"""Which device a row for removal means, and whether it may be deleted."""

import pytest

from shared.partner_center.models import Device
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.removal_decisions import RUN, to_remove
from shared.pipeline.submissions.removal_search import Placed, Search
from shared.reasons import RemovalReason
from shared.storage.records import DeviceWithdrawal
from shared.vocabulary import FileOrder, WithdrawalResult
from tests.pipeline.world import START
from tests.storage.records import device_file, submission_of

ROW = SentRow(row=1, serial_number="SN-1")
FOUND = Placed("Sales", Device(id="d-1", serial_number="SN-1"))
ALSO = Placed("Lab", Device(id="d-2", serial_number="SN-1"))


def _decided(search: Search, row: SentRow = ROW, batch_id: str = "") -> DeviceWithdrawal:
    return to_remove(submission_of(device_file(), batch_id=batch_id, order=FileOrder.REMOVE), row, search, START)


def test_the_only_device_that_fits_is_deleted_from_its_batch() -> None:
    device = _decided(Search({1: [FOUND]}, {1: [ALSO]}))
    assert (device.device_id, device.batch_id, device.result, device.run) == ("d-1", "Sales", None, RUN)


@pytest.mark.parametrize(
    ("search", "row", "batch_id", "reason", "begins"),
    [
        (Search(), ROW, "", RemovalReason.NOT_THERE, "Nothing."),
        (Search(), ROW, "Sales", RemovalReason.NOT_IN_BATCH, "Nothing if"),
        (
            Search({1: [FOUND, ALSO]}),
            ROW,
            "",
            RemovalReason.SEVERAL_DEVICES,
            "It stands under the batches Sales and Lab.",
        ),
        (Search({}, {1: [ALSO]}), ROW, "", RemovalReason.ANOTHER_DEVICE, "That device stands under the batch Lab."),
        (Search(), SentRow(row=1), "", RemovalReason.NOTHING_TO_FIND_IT_BY, "Add the serial number"),
        (
            Search({1: [FOUND]}, {}, [f"b{number}" for number in range(7)]),
            ROW,
            "",
            RemovalReason.SEARCH_INCOMPLETE,
            "Not searched to its end: the batches b0 and b1 and b2 and b3 and b4 and 2 more.",
        ),
        (
            Search({1: [Placed("Sales", Device())]}),
            ROW,
            "",
            RemovalReason.WITHOUT_ID,
            "It stands under the batch Sales.",
        ),
    ],
)
def test_a_device_that_is_not_certain_is_not_deleted_and_the_reason_names_the_batches(
    search: Search, row: SentRow, batch_id: str, reason: RemovalReason, begins: str
) -> None:
    device = _decided(search, row, batch_id)
    assert (device.result, device.error_code) == (WithdrawalResult.REFUSED, reason)
    assert device.what_to_do.startswith(begins)


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        (None, ""),
        ((), ""),
        (("GET", "DELETE"), ""),
        (("GET", "PATCH"), RemovalReason.DELETION_NOT_ALLOWED),
    ],
)
def test_the_allowed_operations_say_whether_a_device_may_be_deleted(
    operations: tuple[str, ...] | None, reason: str
) -> None:
    found = Placed("Sales", Device(id="d-1", serial_number="SN-1", allowed_operations=operations))
    assert _decided(Search({1: [found]})).error_code == reason
