"""Log lines hold names and numbers: no request, answer text, token or hash."""

from dataclasses import fields

import msgspec
import pytest

from shared.partner_center.errors import Refused, ServiceIds, Throttled
from shared.pipeline import log_fields
from shared.storage.records import AnswerIds, JournaledRequest, RequestKind, Submission
from shared.vocabulary import SubmissionState
from tests.pipeline.world import START

SECRET = "T0CF-secret"
SUBMISSION = Submission(
    file_id="file",
    reading_id="file.1",
    number="7",
    customer_id="customer",
    batch_id="Sales",
    devices=2,
    payload=SECRET,
    payload_digest=SECRET,
    first_row=1,
    last_row=2,
    state=SubmissionState.ACCEPTED,
    due_at=START,
    tracking_id="job",
    attempts=3,
    request=JournaledRequest(
        kind=RequestKind.APPEND,
        method="POST",
        url=SECRET,
        batch_id="Sales",
        request_id=SECRET,
        correlation_id=SECRET,
        sent_at=START,
    ),
    last_answer=SECRET,
    history=(SECRET,),
    answer_ids=AnswerIds(correlation_id="of-the-answer", request_id=SECRET),
)


def test_a_submission_is_named_with_the_id_that_support_asks_for() -> None:
    assert log_fields.of_submission(SUBMISSION) == {
        "file_id": "file",
        "submission": "7",
        "customer_id": "customer",
        "submission_state": "accepted",
        "correlation_id": "of-the-answer",
    }
    assert log_fields.of_step(SUBMISSION) == {
        "submission": "7",
        "customer_id": "customer",
        "batch_id": "Sales",
        "devices": 2,
        "attempts": 3,
        "tracking_id": "job",
    }


def test_a_wake_up_is_named_by_its_file_too() -> None:
    named = log_fields.of_wake_up("file.2", "7", 4)
    assert named == {"file_id": "file", "reading_id": "file.2", "submission": "7", "sequence": 4}


@pytest.mark.parametrize("error", [Refused(SECRET, status=400), Throttled(SECRET, status=429)])
def test_an_error_is_logged_without_its_words(error: Refused | Throttled) -> None:
    logged = log_fields.of_error(error)
    assert (logged["error"], logged["status"]) == (type(error).__name__, error.status)
    assert SECRET not in str(logged)


def test_the_correlation_id_of_a_failed_answer_is_logged() -> None:
    ids = ServiceIds(**{field.name: f"the {field.name}" for field in fields(ServiceIds)})
    assert log_fields.of_error(Refused("No.", service_ids=ids))["correlation_id"] == "the correlation_id"


def test_nothing_that_was_sent_or_answered_is_logged() -> None:
    assert SECRET in msgspec.json.encode(SUBMISSION).decode()
    assert SECRET not in str(log_fields.of_submission(SUBMISSION) | log_fields.of_step(SUBMISSION))
