"""The records of the journal, and how a record becomes a row of a table. Pure.

Names of properties are the names of fields; what is no plain value is written as JSON under its name and `_json`; what
is None is left out. So a person reads the tables with any storage tool.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from shared.storage.tables import PARTITION_KEY, ROW_KEY, Entity, Value
from shared.vocabulary import FileState, Outcome, SubmissionState

LONGEST_HISTORY = 60
"""Sentences of a history that are kept: the first and the latest."""

LONGEST_SENTENCE = 400
"""Characters of one of them: all of them together must fit a property."""

LONGEST_TEXT = 8_000
"""Characters of one text property that are kept. A property holds 32,768; an entity 1 MiB."""

IS_OPEN = "is_open"
"""Property of a submission's row that says whether it is not final, so that storage can filter by it."""

_JSON = "_json"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How rows ended. Of a closed file: the total is the sum of the rest."""

    total: int = 0
    registered: int = 0
    already_registered: int = 0
    failed: int = 0
    rejected: int = 0
    duplicate: int = 0
    unknown: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    @property
    def ended(self) -> int:
        """Rows that have their outcome."""
        return sum(getattr(self, outcome) for outcome in Outcome)


class DeviceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one dropped blob."""

    customer_id: str | None = None
    file_id: str
    path: str
    etag: str
    name: str
    batch_id: str | None = None
    size: int
    state: FileState
    received_at: datetime
    due_at: datetime
    """When someone should have looked at it again; the sweep does after that."""
    claimed_until: datetime | None = None
    """Until when its reader has it for itself."""
    reading: int = 1
    """How often its reading was begun. Everything that a reading writes bears its number, so that a late reader writes
    beside what counts and never over it."""
    devices_per_submission: int
    default_batch: str | None = None
    trust_hash_serial: bool = False
    reject_unknown_checksums: bool = False
    oldest_hash_days: int | None = None
    """With the ones before: the settings its reading uses, so that a take-over reads it alike."""
    submissions: int = 0
    """How many it was cut into, once it is `read`."""
    read_counts: Counts = Counts()
    """Total, rejected and duplicate rows, once it is `read`."""
    reason: str | None = None
    """Why it was rejected: one word of the public vocabulary."""
    reason_text: str | None = None
    closed_at: datetime | None = None
    closed_counts: Counts | None = None
    history: tuple[str, ...] = ()

    @property
    def reading_id(self) -> str:
        """Names what the present reading writes."""
        return f"{self.file_id}.{self.reading}"


class RequestKind(StrEnum):
    """The two ways of sending devices."""

    APPEND = "append"
    """To a batch that exists."""
    CREATE = "create"
    """A new batch, with these devices."""


class JournaledRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The POST as it is sent. Its body is the submission's payload, in the form that `kind` says."""

    kind: RequestKind
    method: str
    url: str
    batch_id: str
    """In the service's own spelling."""
    request_id: str
    correlation_id: str
    """New at every sending, unlike the request id."""
    sent_at: datetime


class AnswerIds(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the service's last answer, which its support asks for."""

    request_id: str | None = None
    correlation_id: str | None = None
    trace_vector: str | None = None
    server_id: str | None = None


class ServiceFault(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal in the service's own words."""

    code: str
    description: str
    may_be_one_device: bool = False
    """Whether a part of the devices might be taken."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One POST of devices to one batch, from held to the last of its outcomes."""

    file_id: str
    reading_id: str
    number: str
    customer_id: str
    batch_id: str
    devices: int
    payload: str
    """Blob of its request body."""
    rows: str
    """Blob that says which rows they are."""
    first_row: int
    last_row: int
    payload_digest: str
    state: SubmissionState
    sequence: int = 0
    """Counts its changes; a wake-up of an older one has been overtaken."""
    due_at: datetime
    claimed_until: datetime | None = None
    attempts: int = 0
    """POSTs, then status requests, without a usable answer in a row."""
    request: JournaledRequest | None = None
    """Kept while its answer is awaited or lost; None when the next POST gets a new request id."""
    first_sent_at: datetime | None = None
    create_refused: ServiceFault | None = None
    """What the service said when it would not create the batch; the batches are listed again before it is believed."""
    answer_lost: bool = False
    """Whether the service may have taken it at a POST whose answer was lost."""
    without_link: int = 0
    """How often it was accepted without saying where to ask."""
    tracking_id: str | None = None
    accepted_at: datetime | None = None
    deadline_at: datetime | None = None
    looked_at: datetime | None = None
    job_status: str | None = None
    job_started: str | None = None
    job_completed: str | None = None
    written: int = 0
    """Outcomes written so far."""
    counts: Counts = Counts()
    last_answer: str | None = None
    last_status: int | None = None
    last_code: str | None = None
    answer_ids: AnswerIds = AnswerIds()
    history: tuple[str, ...] = ()


class DeviceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one row ended; absent fields are empty text."""

    reading_id: str
    row: int
    outcome: Outcome
    source: str = ""
    serial_number: str = ""
    product_key: str = ""
    manufacturer: str = ""
    model: str = ""
    error_code: str = ""
    error_description: str = ""
    what_to_do: str = ""
    notes: str = ""
    batch_id: str = ""
    submission: str = ""
    tracking_id: str = ""
    device_id: str = ""
    device_status: str = ""
    """The device's own status, as the service gave it."""


class BatchState(StrEnum):
    """What is known of a device batch."""

    LOOKING = "looking"
    """One submission finds or creates it while others wait."""
    KNOWN = "known"
    """It exists at the service."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A device batch of a customer. The service compares names without case and keeps the spelling it was given."""

    customer_id: str
    batch_id: str
    state: BatchState
    claimed_by: str
    claimed_until: datetime


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Something that all submissions of `scope` must wait for; there is none while all is well."""

    scope: str
    closed_until: datetime
    probing_until: datetime | None = None
    """Until when one submission tries whether it is over, while the others wait."""
    failures: int = 0
    """How often it has been closed in a row."""
    reason: str


class FileMention(msgspec.Struct, frozen=True, kw_only=True):
    """A device file as an index names it."""

    customer_id: str | None = None
    file_id: str
    received_at: datetime


class DeviceMention(msgspec.Struct, frozen=True, kw_only=True):
    """A row as the index of serial numbers names it."""

    serial_number: str
    customer_id: str
    file_id: str
    row: int


Record = TypeVar("Record", bound=msgspec.Struct)


def to_entity(record: msgspec.Struct, partition: str, row: str) -> Entity:
    """`record` as a row under these keys."""
    values: dict[str, Value] = {PARTITION_KEY: partition, ROW_KEY: row}
    for name, value in _fields(record):
        if isinstance(value, list | tuple | dict):
            values[name + _JSON] = msgspec.json.encode(value).decode()
        elif isinstance(value, str):
            values[name] = value[:LONGEST_TEXT]
        elif value is not None:
            values[name] = value
    if isinstance(record, Submission):
        values[IS_OPEN] = not record.state.is_final
    return values


def from_entity(values: Mapping[str, Value], kind: type[Record]) -> Record:
    """The record of `kind` in a row."""
    fields: dict[str, object] = {}
    for name, value in values.items():
        if name.endswith(_JSON) and isinstance(value, str):
            fields[name.removesuffix(_JSON)] = msgspec.json.decode(value)
        else:
            fields[name] = value
    return msgspec.convert(fields, kind)


def with_sentence(history: tuple[str, ...], sentence: str, now: datetime) -> tuple[str, ...]:
    """`history` and one more plain sentence; a long one keeps how it began and how it goes on."""
    longer = (*history, f"{now:%Y-%m-%d %H:%M:%S} {sentence[:LONGEST_SENTENCE]}")
    if len(longer) <= LONGEST_HISTORY:
        return longer
    half = LONGEST_HISTORY // 2
    return longer[:half] + longer[-half:]


def _fields(record: msgspec.Struct) -> list[tuple[str, Any]]:
    return list(msgspec.to_builtins(record, builtin_types=(datetime,)).items())
