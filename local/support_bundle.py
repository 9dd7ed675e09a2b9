"""A bundle about one file for people who help: what the journal says, without hashes, keys, tokens, serials and names.

Two allow lists decide. Of each record only the fields below are taken; a field that a later version adds is left out
until it is added here. And texts keep only words of the product itself (`local.known_words`), so that a file's name, a
batch, a customer's name or a service's text that quotes one of them is left out. A row is named by its number in the
file, not by its serial number. Pure.
"""

import io
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec

from local.known_words import in_known_words
from shared.pipeline.sweep_record import SweepRecord
from shared.status.schemas import CheckView
from shared.storage.records import (
    Act,
    AnswerIds,
    Assignment,
    Counts,
    DeviceFile,
    DeviceOutcome,
    Gate,
    JournaledRequest,
    PassedOverTally,
    ReasonTally,
    Remark,
    ServiceFault,
    Submission,
    Withdrawal,
)
from shared.version import VERSION

MOST_ROWS = 1_000
"""Rows that need attention, the first of the file; the tallies by reason count them all."""

ALLOWED: Mapping[type[msgspec.Struct], tuple[str, ...]] = {
    DeviceFile: (
        *("file_id", "customer_id", "order", "state", "size", "received_at", "due_at", "claimed_until", "reading"),
        *(
            "first_accepted_at",
            "closed_at",
            "devices_per_submission",
            "trust_hash_serial",
            "reject_unknown_checksums",
            "oldest_hash_days",
        ),
        *("refuse_device_identifiers", "submissions", "read_counts", "closed_counts", "reasons", "passed_over"),
        *("remarks", "is_incomplete", "reason", "reason_text", "parent", "retry", "retried_rows", "fixes", "assigned"),
        *("webhook_told_at", "withdrawal", "changes_since_closed", "history"),
    ),
    Counts: (
        *("total", "registered", "already_registered", "removed", "not_registered", "failed", "rejected"),
        *("duplicate", "unknown", "cancelled"),
    ),
    ReasonTally: ("outcome", "reason", "name", "remedy", "rows"),
    PassedOverTally: ("kind", "count", "may_hold_device"),
    Remark: ("note",),
    Assignment: ("customer_id", "file_id"),
    Withdrawal: (
        *("state", "asked_at", "run", "sequence", "due_at", "claimed_until", "attempts", "forbidden", "next_row"),
        *("total", "withdrawn", "already_gone", "refused", "last_answer", "finished_at"),
    ),
    Submission: (
        *("reading_id", "number", "customer_id", "order", "devices", "first_row", "last_row", "state", "sequence"),
        *("due_at", "claimed_until", "attempts", "request", "first_sent_at", "create_refused", "answer_lost"),
        *("first_lost_at", "without_link", "forbidden", "tracking_id", "accepted_at", "deadline_at", "polled_at"),
        *("job_status", "job_started", "job_completed", "written", "counts", "reasons", "last_answer", "last_status"),
        *("last_code", "answer_ids", "history"),
    ),
    JournaledRequest: ("kind", "method", "request_id", "correlation_id", "sent_at"),
    ServiceFault: ("code", "description", "may_be_one_device"),
    AnswerIds: ("request_id", "correlation_id"),
    DeviceOutcome: (
        *("row", "outcome", "error_code", "error_description", "what_to_do", "remedy", "notes", "submission"),
        *("tracking_id", "device_id", "device_status"),
    ),
    Act: ("kind", "asked_at"),
    Gate: (
        *("scope", "closed_until", "since", "probing_until", "failures", "reason", "is_throttled", "is_notice", "hold"),
        *("customer_id", "file_id"),
    ),
    SweepRecord: ("ended_at", "version", "counts", "failed_duties", "settings"),
    CheckView: ("name", "title", "state", "found", "cure", "seconds"),
}
"""The fields of each record that everybody may see. A record of any other kind is left out."""

README = f"""\
What Device Drop {VERSION} knows about one device file, for people who help to find a fault.

file.json           the file: its states, counts, reasons and history
submissions.json    its requests to Partner Center, with their ids, answers and history
rows.json           the first {MOST_ROWS} rows that need attention, by their number in the file
acts.json           what was asked for this file, and when
standstills.json    what stands still now
sweep.json          the last sweep: its findings, the version, and the app's settings without secrets
health.json         what python -m local doctor finds
versions.json       the versions on the machine that wrote this

It holds no hash, token, key, serial number, name of a file, customer, batch or person: only fields that are known to be
free of them were taken, and [...] stands for every word of a text that is not the product's own.
"""


@dataclass(frozen=True, slots=True)
class FileRecords:
    """What the journal has of a file, and of the app around it."""

    file: DeviceFile
    submissions: Sequence[Submission] = ()
    rows: Sequence[DeviceOutcome] = ()
    acts: Sequence[Act] = ()
    standstills: Sequence[Gate] = ()
    sweep: SweepRecord | None = None
    health: Sequence[CheckView] = ()


def support_bundle(records: FileRecords) -> bytes:
    """The bundle as a ZIP archive. The same records make the same archive on one machine."""
    documents: dict[str, object] = {
        "file.json": records.file,
        "submissions.json": records.submissions,
        "rows.json": records.rows[:MOST_ROWS],
        "acts.json": records.acts,
        "standstills.json": records.standstills,
        "sweep.json": records.sweep,
        "health.json": records.health,
    }
    texts = {name: json.dumps(redacted(document), indent=2) for name, document in documents.items()}
    versions = {"device_drop": VERSION, "python": platform.python_version(), "system": platform.system()}
    texts |= {"versions.json": json.dumps(versions, indent=2), "README.txt": README}
    whole = io.BytesIO()
    with ZipFile(whole, "w", ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return whole.getvalue()


def redacted(value: object) -> object:
    """`value` for JSON: the allowed fields of records, and the known words of texts."""
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat()
        case str():
            return in_known_words(value)
        case Mapping():
            return {in_known_words(str(name)): redacted(item) for name, item in value.items()}
        case Iterable():
            return [redacted(item) for item in value]
        case msgspec.Struct():
            return {name: redacted(getattr(value, name)) for name in ALLOWED.get(type(value), ())}
        case _:
            return None
