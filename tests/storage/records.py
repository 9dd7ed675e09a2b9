"""Records as the tests of the journal write them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from msgspec.structs import replace

from shared.storage.codec import packed
from shared.storage.journal import Journal
from shared.storage.record_table import Stored
from shared.storage.records import (
    DeviceFile,
    DeviceOutcome,
    DeviceWithdrawal,
    Submission,
)
from shared.storage.submissions import SubmissionEntry
from shared.vocabulary import FileState, Outcome, SubmissionState

NOW = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)
CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"


def device_file(**changes: object) -> DeviceFile:
    return replace(
        DeviceFile(
            customer_id=CUSTOMER,
            file_id=str(uuid4()),
            path=f"{CUSTOMER}/Test/devices.csv",
            etag="0x8",
            name="devices.csv",
            batch_id="Test",
            size=10,
            state=FileState.RECEIVED,
            received_at=NOW,
            due_at=NOW + timedelta(minutes=5),
            claimed_until=NOW + timedelta(minutes=5),
            devices_per_submission=500,
            default_batch=None,
            history=("2026-11-20 12:00:00 Received.",),
        ),
        **changes,
    )


def submission_of(file: DeviceFile, number: str = "1", **changes: object) -> Submission:
    return replace(
        Submission(
            file_id=file.file_id,
            reading_id=file.reading_id,
            number=number,
            customer_id=CUSTOMER,
            batch_id="Test",
            devices=2,
            payload=f"{file.file_id}/1/{number}.json",
            rows=None,
            first_row=1,
            last_row=2,
            payload_digest="d1",
            state=SubmissionState.PENDING,
            due_at=NOW,
        ),
        **changes,
    )


def entered(journal: Journal, submission: Submission) -> Stored[Submission]:
    (stored,) = journal.submissions.add([SubmissionEntry(submission, packed(b"[]"))])
    return stored


def outcome_of(file: DeviceFile, row: int, **changes: object) -> DeviceOutcome:
    outcome = DeviceOutcome(
        reading_id=file.reading_id, row=row, outcome=Outcome.REGISTERED, serial_number=f"SN-{row}", batch_id="Test"
    )
    return replace(outcome, **changes)


def withdrawn(file: DeviceFile, row: int, **changes: object) -> DeviceWithdrawal:
    return replace(DeviceWithdrawal(reading_id=file.reading_id, row=row, run=1, batch_id="Test"), **changes)
