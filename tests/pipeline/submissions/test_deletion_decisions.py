"""What becomes of a device that is being deleted: each answer, and each silence."""

import pytest
from msgspec.structs import replace

from shared.partner_center.client import ServiceIds
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.pipeline.submissions.deletion_decisions import (
    MOST_FORBIDDEN,
    begun,
    deleted,
    is_done,
    is_verdict,
    may_be_ours,
    refused,
    unanswered,
)
from shared.reasons import SentNote
from shared.storage.records import DeviceWithdrawal
from shared.vocabulary import WithdrawalResult
from tests.pipeline.world import START

DEVICE = DeviceWithdrawal(reading_id="r.1", row=1, run=1, batch_id="Test", device_id="id-1")
IDS = ServiceIds(correlation_id="correlation-1")


def not_found() -> Refused:
    return Refused("It is not there.", status=404, service_ids=IDS)


def test_a_deleted_device_is_withdrawn_under_the_id_of_the_answer() -> None:
    device = deleted(begun(DEVICE, 1, "request-1"), IDS, START)
    assert (device.result, device.request_id, device.at) == (WithdrawalResult.WITHDRAWN, "", START)
    assert device.correlation_id == "correlation-1"


def test_a_device_that_is_not_there_is_gone_already_unless_an_answer_of_ours_was_lost() -> None:
    first, again = (refused(DEVICE, not_found(), START, repeated=repeated) for repeated in (False, True))
    assert (first.result, first.notes) == (WithdrawalResult.ALREADY_GONE, "")
    assert (again.result, again.notes) == (WithdrawalResult.WITHDRAWN, SentNote.FIRST_ANSWER_LOST)


def test_any_other_refusal_is_kept_in_the_words_of_the_service() -> None:
    error = Refused("Refused.", status=400, code="812", description="Assigned to a user.", service_ids=IDS)
    device = refused(DEVICE, error, START, repeated=True)
    assert device.result is WithdrawalResult.REFUSED
    assert (device.error_code, device.error_description) == ("812", "Assigned to a user.")


@pytest.mark.parametrize(
    ("error", "repeated", "request_id", "answer_lost"),
    [
        (AnswerLost("lost"), False, "request-1", False),
        (AnswerLost("lost"), True, "request-1", False),
        (NeverSent("no network"), True, "request-1", False),
        (NeverSent("no network"), False, "", False),
        (Unavailable("busy", status=503), False, "", True),
        (Throttled("slower", status=429), False, "", False),
        (Throttled("slower", status=429), True, "", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, PartnerCenterError) else str(value),
)
def test_a_request_without_a_verdict_keeps_what_it_may_have_done(
    error: PartnerCenterError, repeated: bool, request_id: str, answer_lost: bool
) -> None:
    device = unanswered(begun(DEVICE, 1, "request-1"), error, repeated=repeated)
    assert (device.result, device.request_id, device.answer_lost) == (None, request_id, answer_lost)
    assert may_be_ours(device) == (bool(request_id) or answer_lost)


def test_a_request_whose_answer_was_lost_is_repeated_under_its_own_id() -> None:
    assert begun(begun(DEVICE, 1, "request-1"), 1, "request-2").request_id == "request-1"


def test_a_refused_device_is_tried_again_by_the_next_run_alone() -> None:
    device = refused(DEVICE, Refused("Refused.", status=400), START, repeated=False)
    assert is_done(device, run=1)
    assert not is_done(device, run=2)
    assert begun(device, 2, "request-2") == replace(DEVICE, run=2, request_id="request-2")
    assert is_done(deleted(DEVICE, IDS, START), run=2)


def test_a_403_decides_after_several_in_a_row_alone() -> None:
    forbidden = Unauthorised("no", status=403)
    assert [is_verdict(forbidden, number) for number in (0, MOST_FORBIDDEN - 1, MOST_FORBIDDEN)] == [False, False, True]
    assert is_verdict(not_found(), 0)
    assert not any(is_verdict(error, 99) for error in (Unauthorised("no", status=401), Unavailable("busy")))
