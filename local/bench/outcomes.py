"""The cost of writing outcomes, compared with the storage client's own transactions on the same Azurite.

The product starts with the bytes of a job's status and ends with its rows in the table: decoded, matched, explained,
written. The client starts with entities that are ready, and only calls `submit_transaction`, a hundred at a time.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
from azure.data.tables import TableClient, TableServiceClient, UpdateMode

from local.app_settings import app_settings
from local.azurite import running_azurite
from local.bench.bench import BATCH, CUSTOMER, Bench, BenchError
from local.bench.device_files import serial_number
from local.bench.goals import Figure, Measured
from local.bench.timing import Spent, spent
from shared.partner_center.models import decode_upload_details
from shared.pipeline.composition import compose
from shared.pipeline.outcome_rules import outcome_from_verdict
from shared.pipeline.submissions.matching import SentRow, match
from shared.settings import settings_from
from shared.storage.codec import to_entity
from shared.storage.journal import Journal
from shared.storage.records import DeviceOutcome, Submission
from shared.vocabulary import SubmissionState

ROWS = 500
_TRANSACTION = 100
_ROWS_IN_A_PARTITION = 1_000
_EVERY_FAILED = 20
"""The service refuses one device in so many, so that its words are explained and written too."""
_SDK_TABLE = "SdkOutcomes"


def measure(bench: Bench) -> Measured:
    """CPU per row, and rows per second compared with the client."""
    number = bench.sizes.outcome_submissions
    with running_azurite(bench.toolchain) as azurite:
        settings = app_settings({}, storage=azurite.connection_string, partner_center_url="http://127.0.0.1")
        journal = compose(settings_from(settings)).journal
        journal.prepare()
        table = TableServiceClient.from_connection_string(azurite.connection_string).create_table(_SDK_TABLE)
        status = status_of_finished_job()
        _round(journal, table, status, number)
        bench.say("warm; measuring")
        rounds = [_round(journal, table, status, number) for _ in range(bench.sizes.outcome_rounds)]
    rows = number * ROWS
    return Measured(
        figures={
            "outcome_cpu_ms_per_row": Figure.of([ours.cpu * 1000 / rows for ours, _ in rounds]),
            "outcome_rows_vs_sdk": Figure.of([sdk.wall / ours.wall for ours, sdk in rounds]),
        },
        raw={
            "rows": rows,
            "ours": _raw([ours for ours, _ in rounds], rows),
            "sdk": _raw([sdk for _, sdk in rounds], rows),
        },
    )


def _raw(rounds: list[Spent], rows: int) -> dict[str, float | None]:
    return {
        "rows_per_second": Figure.of([rows / took.wall for took in rounds]).value,
        "cpu_ms_per_row": Figure.of([took.cpu * 1000 / rows for took in rounds]).value,
    }


def status_of_finished_job() -> bytes:
    """The answer of Get BatchJobStatus for 500 devices, as the service writes it."""
    devices = [
        {
            "deviceId": str(uuid4()),
            "serialNumber": serial_number(number),
            "productKey": "",
            "status": "finished" if number % _EVERY_FAILED else "finished_with_errors",
            "errorCode": None if number % _EVERY_FAILED else "808",
            "errorDescription": None if number % _EVERY_FAILED else "ZtdDeviceAssignedToOtherTenant",
            "attributes": {"objectType": "DeviceUploadDetails"},
        }
        for number in range(1, ROWS + 1)
    ]
    return msgspec.json.encode({"batchTrackingId": str(uuid4()), "status": "finished", "devicesStatus": devices})


def outcomes_of(status: bytes, submission: Submission) -> list[DeviceOutcome]:
    """The outcomes of the rows of `submission`.

    Raises:
        BenchError: a row has no outcome.
    """
    rows = [
        SentRow(row=submission.first_row + place, source=f"line {place + 2}", serial_number=serial_number(place + 1))
        for place in range(ROWS)
    ]
    verdicts = match(rows, decode_upload_details(status).devices_status or ())
    outcomes = [
        outcome_from_verdict(submission, row, verdict)
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict is not None
    ]
    if len(outcomes) != ROWS:
        raise BenchError(f"{ROWS - len(outcomes)} of {ROWS} verdicts were not matched.")
    return outcomes


def _round(journal: Journal, table: TableClient, status: bytes, number: int) -> tuple[Spent, Spent]:
    """The product, then the client, each with new rows. The client's are ready before its clock starts."""
    submissions = _submissions(number)
    ours = spent(lambda: _write_ours(journal, status, submissions))
    entities = [_entities(status, submission) for submission in _submissions(number)]
    return ours, spent(lambda: _write_with_sdk(table, entities))


def _write_ours(journal: Journal, status: bytes, submissions: Sequence[Submission]) -> None:
    for submission in submissions:
        journal.outcomes.write(outcomes_of(status, submission))


def _write_with_sdk(table: TableClient, submissions: Sequence[Sequence[Mapping[str, object]]]) -> None:
    for entities in submissions:
        for start in range(0, ROWS, _TRANSACTION):
            group = entities[start : start + _TRANSACTION]
            table.submit_transaction(("upsert", entity, {"mode": UpdateMode.REPLACE}) for entity in group)


def _entities(status: bytes, submission: Submission) -> list[dict[str, object]]:
    """The rows, two submissions per partition, as in the product."""
    partition = f"{submission.reading_id}.{(submission.first_row - 1) // _ROWS_IN_A_PARTITION:06d}"
    return [dict(to_entity(outcome, (partition, f"{outcome.row:08d}"))) for outcome in outcomes_of(status, submission)]


def _submissions(number: int) -> list[Submission]:
    """Finished submissions of a new file: two per block of 1,000 rows."""
    file, now = str(uuid4()), datetime.now(UTC)
    return [
        Submission(
            file_id=file,
            reading_id=f"{file}.1",
            number=str(place + 1),
            customer_id=CUSTOMER,
            batch_id=BATCH,
            devices=ROWS,
            payload="",
            rows="",
            first_row=first,
            last_row=first + ROWS - 1,
            payload_digest="",
            state=SubmissionState.ACCEPTED,
            due_at=now,
            tracking_id=str(uuid4()),
        )
        for place, first in enumerate(itertools.islice(itertools.count(1, ROWS), number))
    ]
