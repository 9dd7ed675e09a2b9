"""Whose registration a device of the batch is that is to be withdrawn."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.partner_center.models import Device
from shared.pipeline.corrections.withdrawal_decisions import identified, to_withdraw
from shared.pipeline.outcome_rules import CLOCKS_MAY_DIFFER
from shared.reasons import WithdrawalReason
from shared.storage.records import DeviceOutcome, DeviceWithdrawal
from shared.vocabulary import FileState, Outcome, WithdrawalResult
from tests.pipeline.world import START
from tests.storage.records import device_file

OUTCOME = DeviceOutcome(
    reading_id="r.1", row=1, outcome=Outcome.REGISTERED, serial_number="5CG1", batch_id="Test", device_id="id-1"
)
DEVICE = to_withdraw(OUTCOME, run=1)
FILE = device_file(state=FileState.CLOSED, received_at=START, closed_at=START + timedelta(hours=1))


@pytest.mark.parametrize(
    ("came_after", "result"),
    [
        (-CLOCKS_MAY_DIFFER - timedelta(seconds=1), WithdrawalResult.REFUSED),
        (-CLOCKS_MAY_DIFFER, None),
        (timedelta(hours=1) + CLOCKS_MAY_DIFFER, None),
        (timedelta(hours=1, seconds=1) + CLOCKS_MAY_DIFFER, WithdrawalResult.ALREADY_GONE),
    ],
)
def test_a_device_of_the_batch_is_ours_if_it_came_while_the_file_was_open(
    came_after: timedelta, result: WithdrawalResult | None
) -> None:
    came = Device(id="id-9", serial_number="5cg1 ", uploaded_date=(START + came_after).isoformat())
    (device,) = identified(FILE, [(OUTCOME, _without_id())], [came], START)
    assert device.result is result
    assert device.device_id == ("" if result else "id-9")


def test_a_device_that_no_name_identifies_is_left_alone() -> None:
    nameless = replace(OUTCOME, serial_number="")
    (device,) = identified(FILE, [(nameless, _without_id())], [Device(id="id-9", serial_number="")], START)
    assert (device.result, device.error_code) == (WithdrawalResult.REFUSED, WithdrawalReason.DEVICE_NOT_IDENTIFIED)
    assert device.what_to_do


def test_a_device_that_is_no_longer_in_its_batch_is_gone() -> None:
    (device,) = identified(FILE, [(OUTCOME, _without_id())], [Device(id="id-9", serial_number="other")], START)
    assert device.result is WithdrawalResult.ALREADY_GONE


def _without_id() -> DeviceWithdrawal:
    return replace(DEVICE, device_id="")
