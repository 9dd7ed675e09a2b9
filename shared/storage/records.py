"""The records of the journal. Pure."""

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.vocabulary import FileState, Outcome, SubmissionState, WithdrawalResult, WithdrawalState

LONGEST_HISTORY = 60
"""Sentences of a history that are kept: the first and the latest."""

LONGEST_SENTENCE = 400
"""Characters of one of them: all of them together must fit a property."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows ended with each outcome. Of a closed file, the total is the sum of the others."""

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


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """The withdrawal of the devices that a closed file newly registered. Part of the file's record."""

    state: WithdrawalState = WithdrawalState.UNDER_WAY
    asked_at: datetime
    asked_by: str = ""
    run: int = 1
    """Counts the requests for it: a later run tries again what the service refused."""
    sequence: int = 0
    """Counts its changes; a wake-up of an older one has been overtaken."""
    due_at: datetime
    claimed_until: datetime | None = None
    attempts: int = 0
    """Requests without a usable answer in a row."""
    forbidden: int = 0
    """Deletions in a row that were not allowed (403)."""
    next_row: int = 1
    total: int
    """Devices to be withdrawn."""
    withdrawn: int = 0
    already_gone: int = 0
    refused: int = 0
    last_answer: str | None = None
    finished_at: datetime | None = None

    @property
    def done(self) -> int:
        """Devices whose result is known."""
        return self.withdrawn + self.already_gone + self.refused

    @property
    def is_under_way(self) -> bool:
        """Whether it has not ended."""
        return self.state is WithdrawalState.UNDER_WAY


class ReasonTally(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a file ended with one outcome for one reason, which is their `error_code`."""

    outcome: Outcome
    reason: str
    rows: int


class PassedOverTally(msgspec.Struct, frozen=True, kw_only=True):
    """Content of one kind that is neither row nor header nor blank; the reader bounds how much of it is kept."""

    kind: str
    count: int
    places: tuple[str, ...] = ()
    """Of the first few."""
    excerpts: tuple[str, ...] = ()
    """Their beginnings."""
    may_hold_device: bool = False


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A note on a file as a whole: one word of the public vocabulary, and its detail in this file."""

    note: str
    detail: str = ""


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
    """When the next step of its work is due; the sweep wakes a file that is overdue."""
    claimed_until: datetime | None = None
    """Until when its owner, who reads or closes it, has it to itself."""
    reading: int = 1
    """How often its reading was begun. Everything that a reading writes bears its number, so that a late reader writes
    beside what counts and never over it."""
    devices_per_submission: int
    default_batch: str | None = None
    trust_hash_serial: bool = False
    reject_unknown_checksums: bool = False
    oldest_hash_days: int | None = None
    refuse_device_identifiers: bool = False
    """With the ones before: the settings its reading uses, so that a take-over reads it alike."""
    submissions: int = 0
    """How many it was cut into, once it is `read`."""
    read_counts: Counts = Counts()
    """Total, rejected and duplicate rows, once it is `read`."""
    passed_over: tuple[PassedOverTally, ...] = ()
    remarks: tuple[Remark, ...] = ()
    is_incomplete: bool = False
    """Whether it may hold devices that are in none of its rows. Like the two fields before, known once it is `read`."""
    reason: str | None = None
    """Why it was rejected: one word of the public vocabulary."""
    reason_text: str | None = None
    closed_at: datetime | None = None
    closed_counts: Counts | None = None
    reasons: tuple[ReasonTally, ...] = ()
    """Its rows by outcome and reason: of those never sent once it is `read`, of all once it is closed."""
    parent: str | None = None
    """The file of whose rows this one was made."""
    retry: str | None = None
    """The file that was made of those of its rows that could be sent again unchanged."""
    retried_rows: int = 0
    webhook_told_at: datetime | None = None
    withdrawal: Withdrawal | None = None
    changes_since_closed: int = 0
    """Counts the changes after it was closed, so that an older summary never replaces a newer one."""
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
    correlation_vector: str | None = None
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
    rows: str | None = None
    """Blob that says which rows they are, when they are too large to stand beside it in the journal."""
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
    """The refusal to create the batch; the batches are listed once more before it counts."""
    answer_lost: bool = False
    """Whether the service may have taken it at a POST whose answer was lost."""
    without_link: int = 0
    """How often it was accepted without a link to its status."""
    tracking_id: str | None = None
    accepted_at: datetime | None = None
    deadline_at: datetime | None = None
    polled_at: datetime | None = None
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
    order_number: str = ""
    batch_id: str = ""
    submission: str = ""
    tracking_id: str = ""
    device_id: str = ""
    device_status: str = ""
    """The device's own status, as the service gave it."""


class DeviceWithdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """The withdrawal of the device of one row. The outcome of the row stays as it was."""

    reading_id: str
    row: int
    run: int
    result: WithdrawalResult | None = None
    """None until the service has answered."""
    batch_id: str
    device_id: str = ""
    request_id: str = ""
    """Of the deletion whose answer is awaited or was lost; empty when none was sent."""
    answer_lost: bool = False
    """Whether the service may have deleted it at an earlier request, of another id."""
    error_code: str = ""
    error_description: str = ""
    what_to_do: str = ""
    notes: str = ""
    correlation_id: str = ""
    """Of the service's answer, which its support asks for."""
    at: datetime | None = None


class BatchState(StrEnum):
    """How far a device batch is known."""

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
    """A closed gate, at which all submissions of `scope` wait. None exists while all is well."""

    scope: str
    closed_until: datetime
    probing_until: datetime | None = None
    """Until when one submission probes the service, while the others wait."""
    failures: int = 0
    """How often it has been closed in a row."""
    reason: str
    is_throttled: bool = False
    """Whether throttling closed it, and not a missing permission."""


class FileMention(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a file in the index of open files."""

    customer_id: str | None = None
    file_id: str
    path: str
    name: str
    batch_id: str | None = None
    received_at: datetime


class FileListing(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a final device file in the indexes by time and by customer: all that a list shows of it."""

    customer_id: str | None = None
    file_id: str
    path: str
    name: str
    batch_id: str | None = None
    size: int
    state: FileState
    reason: str | None = None
    received_at: datetime
    closed_at: datetime | None = None
    counts: Counts = Counts()
    is_incomplete: bool = False
    submissions: int = 0
    parent: str | None = None
    """The file of whose rows this one was made."""


class WithdrawalMention(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a file in the index of withdrawals in progress."""

    customer_id: str
    file_id: str
    asked_at: datetime


class DeviceMention(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a row in the index of serial numbers."""

    serial_number: str
    customer_id: str
    file_id: str
    row: int


def with_sentence(history: tuple[str, ...], sentence: str, now: datetime) -> tuple[str, ...]:
    """`history` and one more plain sentence; a long one keeps how it began and how it goes on."""
    longer = (*history, f"{now:%Y-%m-%d %H:%M:%S} {sentence[:LONGEST_SENTENCE]}")
    if len(longer) <= LONGEST_HISTORY:
        return longer
    half = LONGEST_HISTORY // 2
    return longer[:half] + longer[-half:]
