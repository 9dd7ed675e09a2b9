"""The records of the journal. Pure."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from shared.vocabulary import (
    ActKind,
    FileOrder,
    FileState,
    HoldState,
    Outcome,
    Priority,
    ProfileOutcome,
    Remedy,
    SubmissionState,
    WithdrawalResult,
    WithdrawalState,
)

LONGEST_HISTORY = 60
"""Most sentences kept of a history: the first and the latest."""

LONGEST_SENTENCE = 400
"""Most characters of a sentence in a history: all sentences together must fit a property."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: one without cannot be compared with the others of a list."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of rows with each outcome. In a closed file, the total is the sum of the others."""

    total: int = 0
    registered: int = 0
    already_registered: int = 0
    removed: int = 0
    not_registered: int = 0
    failed: int = 0
    rejected: int = 0
    duplicate: int = 0
    unknown: int = 0
    cancelled: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    @property
    def done(self) -> int:
        """Rows that ended as their file asks, wherever their device was registered before."""
        return self.registered + self.already_registered + self.removed + self.not_registered

    @property
    def ended(self) -> int:
        """Rows that have their outcome."""
        return sum(getattr(self, outcome) for outcome in Outcome)


class ProfileCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of rows with each profile outcome."""

    assigned: int = 0
    failed: int = 0
    rejected: int = 0
    unknown: int = 0
    cancelled: int = 0

    @property
    def not_assigned(self) -> int:
        """Rows whose devices did not get their profile, or may not have it."""
        return self.failed + self.rejected + self.unknown + self.cancelled


class ProfileOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A profile that is being assigned to the devices of a closed file."""

    profile: str
    run: int
    """Counts the requests of this kind for the file; the numbers of its assignments have it."""
    asked_at: Moment
    asked_by: str = ""


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """The withdrawal of the devices that a closed file newly registered. Part of the file's record."""

    state: WithdrawalState = WithdrawalState.UNDER_WAY
    asked_at: Moment
    asked_by: str = ""
    run: int = 1
    """Counts the requests for it: a later run retries the devices that the service refused."""
    sequence: int = 0
    """Counts its changes; a wake-up with a lower number is out of date."""
    due_at: Moment
    claimed_until: Moment | None = None
    attempts: int = 0
    """Consecutive requests without a usable answer."""
    forbidden: int = 0
    """Consecutive steps of deletions that were ended by what is not allowed (403)."""
    next_row: int = 1
    total: int
    """Devices to be withdrawn."""
    withdrawn: int = 0
    already_gone: int = 0
    refused: int = 0
    last_answer: str | None = None
    finished_at: Moment | None = None

    @property
    def done(self) -> int:
        """Devices whose result is known."""
        return self.withdrawn + self.already_gone + self.refused

    @property
    def is_under_way(self) -> bool:
        """Whether it has not ended."""
        return self.state is WithdrawalState.UNDER_WAY


class ReasonTally(msgspec.Struct, frozen=True, kw_only=True):
    """The number of rows of a file with one outcome for one reason, as each row's own outcome says it."""

    outcome: Outcome
    reason: str
    """Their `error_code`."""
    name: str = ""
    """The service's name of the reason, where its description is one word."""
    remedy: Remedy = Remedy.NOTHING
    sentence: str = ""
    """The reason and what to do, for people; empty where the outcome alone says it."""
    rows: int

    @property
    def is_elsewhere(self) -> bool:
        """Whether the devices are registered already but not under the batch of their rows."""
        return self.outcome is Outcome.ALREADY_REGISTERED and self.remedy is not Remedy.NOTHING

    @property
    def is_failure(self) -> bool:
        """Whether something kept the devices from being registered under the batch of their rows."""
        return self.is_elsewhere or self.outcome in (Outcome.FAILED, Outcome.REJECTED, Outcome.UNKNOWN)


def elsewhere_in(tallies: Iterable[ReasonTally]) -> int:
    """The rows whose devices are registered already but not under the batch of the row, or nobody can tell where."""
    return sum(tally.rows for tally in tallies if tally.is_elsewhere)


class PassedOverTally(msgspec.Struct, frozen=True, kw_only=True):
    """Content of one kind that is neither row nor header nor blank; the reader limits how much of it is kept."""

    kind: str
    count: int
    places: tuple[str, ...] = ()
    """The places of the first few."""
    excerpts: tuple[str, ...] = ()
    """The beginnings of the first few."""
    may_hold_device: bool = False


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A note on a file as a whole: one word of the public vocabulary, and its detail in this file."""

    note: str
    detail: str = ""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The file as which a file without a customer was dropped again for the customer that a person chose."""

    customer_id: str
    file_id: str = ""
    """Empty, as the path, until it is dropped: the choice stands before."""
    path: str = ""


class DeviceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one dropped blob."""

    customer_id: str | None = None
    file_id: str
    path: str
    etag: str
    name: str
    batch_id: str | None = None
    order: FileOrder = FileOrder.REGISTER
    sent_by: str = ""
    """The person who sent it on the page."""
    content_digest: str = ""
    """Of a file that was sent on the page (SHA-256)."""
    size: int
    state: FileState
    received_at: Moment
    due_at: Moment
    """The due time of its next step; the sweep wakes an overdue file."""
    claimed_until: Moment | None = None
    """The end of the claim of its owner, which reads or closes it."""
    reading: int = 1
    """Counts its readings. Every key that a reading writes has its number, so that a late reader never overwrites the
    rows of the reading in use."""
    devices_per_submission: int
    default_batch: str | None = None
    trust_hash_serial: bool = False
    reject_unknown_checksums: bool = False
    oldest_hash_days: int | None = None
    refuse_device_identifiers: bool = False
    """With the fields before: the settings of its reading, so that a take-over reads the file the same way."""
    priority: Priority = Priority.NORMAL
    """Of its customer when it was received."""
    is_known_good: bool = False
    """Whether its shape is known to be good, once it is `read`: it waits for one poll of its canary only."""
    submissions: int = 0
    """The number of its submissions, once it is `read`; once it is closed, the halves of a split one count in its
    place."""
    read_counts: Counts = Counts()
    """Total, rejected and duplicate rows, once it is `read`."""
    passed_over: tuple[PassedOverTally, ...] = ()
    remarks: tuple[Remark, ...] = ()
    is_incomplete: bool = False
    """Whether it may hold devices that are in none of its rows. Like the two fields before, known once it is `read`."""
    delimiter: Annotated[str, msgspec.Meta(pattern=r"^[,;\t|^]\Z")] = ","
    """Of its table, and so of every CSV that answers it; known once it is `read`."""
    reason: str | None = None
    """The reason why it was rejected: one word of the public vocabulary."""
    reason_text: str | None = None
    first_accepted_at: Moment | None = None
    """When the service accepted the first of its submissions, known once it is closed; None where it accepted none."""
    closed_at: Moment | None = None
    closed_counts: Counts | None = None
    reasons: tuple[ReasonTally, ...] = ()
    """Its rows by outcome and reason: the rows never sent once it is `read`, all rows once it is closed."""
    profiles: ProfileCounts | None = None
    """Its rows by profile outcome, once it is closed; None where no row has one."""
    profile_order: ProfileOrder | None = None
    """The profile that somebody has assigned to its devices now that it is closed; None when that is done."""
    profile_runs: int = 0
    """How often somebody has asked for that."""
    parent: str | None = None
    """The file whose rows this file sends again."""
    retry: str | None = None
    """The file made of its rows that could be sent again unchanged."""
    retried_rows: int = 0
    fixes: tuple[str, ...] = ()
    """The files in which rows of it that a person fixed were dropped again, the first few."""
    assigned: Assignment | None = None
    webhook_told_at: Moment | None = None
    withdrawal: Withdrawal | None = None
    changes_since_closed: int = 0
    """Counts changes after it was closed, so that an older summary never replaces a newer one."""
    history: tuple[str, ...] = ()

    @property
    def reading_id(self) -> str:
        """Identifies the keys and blobs of the current reading."""
        return f"{self.file_id}.{self.reading}"

    @property
    def without_profile(self) -> int:
        """The rows whose devices did not get the profile that they should have."""
        return 0 if self.profiles is None else self.profiles.not_assigned

    @property
    def rows_to_fix(self) -> int:
        """The rows that a person can fix."""
        return sum(tally.rows for tally in self.reasons if tally.remedy is Remedy.FIX)


class RequestKind(StrEnum):
    """The ways of sending devices."""

    APPEND = "append"
    """To a batch that exists."""
    CREATE = "create"
    """A new batch, with these devices."""
    UPDATE = "update"
    """Devices that are registered get their profiles."""


class JournaledRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The POST as sent. Its body is the submission's payload, in the form given by `kind`."""

    kind: RequestKind
    method: str
    url: str
    batch_id: str
    """In the service's own spelling; empty in an update, which names no batch."""
    request_id: str
    correlation_id: str
    """New each time it is sent, unlike the request id."""
    sent_at: Moment


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
    """Whether the service might accept some of the devices."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One POST of devices to one batch, or the removal of devices, from held to the last of its outcomes."""

    file_id: str
    reading_id: str
    number: str
    customer_id: str
    batch_id: str
    """Of a removal: the only batch to remove from; empty for any. Of a move: the batch to move to."""
    order: FileOrder = FileOrder.REGISTER
    """Of a move, until its devices are removed: those go on as a submission that registers them."""
    removed_before: int = 0
    """Its devices that a move removed from another batch, all of them or none: they are registered nowhere until it is
    accepted, so that no stop and no daily limit keeps it back."""
    devices: int
    payload: str
    """The blob of its request body."""
    rows: str | None = None
    """The blob with its list of rows, if the list is too large for the journal."""
    first_row: int
    last_row: int
    payload_digest: str
    is_canary: bool = False
    """Whether it is the first of several submissions of its file, or a part of it: the others wait for its verdicts."""
    wishes_profiles: bool = False
    """Whether a device of it is to have a profile: when it is finished, an assignment of profiles follows it."""
    assigns_profiles: bool = False
    """Whether it is such an assignment: a PATCH that gives profiles to devices that another submission registered. Its
    payload is the list of them, and empty until that is made."""
    profile: str = ""
    """The profile that an assignment after the file was closed gives to all devices; empty: to each that of its row."""
    state: SubmissionState
    sequence: int = 0
    """Counts its changes; a wake-up with a lower number is out of date."""
    due_at: Moment
    claimed_until: Moment | None = None
    attempts: int = 0
    """Consecutive POSTs, then status requests, without a usable answer."""
    request: JournaledRequest | None = None
    """Kept while its answer is awaited or lost; None when the next POST gets a new request id."""
    first_sent_at: Moment | None = None
    counted_on: date | None = None
    """Of a part split off for a customer's daily limit: the day (UTC) whose limit it is counted in already."""
    create_refused: ServiceFault | None = None
    """The refusal to create the batch; the batches are listed once more before it counts."""
    answer_lost: bool = False
    """Whether the service may have accepted it at a POST whose answer was lost."""
    first_lost_at: Moment | None = None
    """When the first of these POSTs was sent; None in a record of an earlier version, which did not keep it."""
    without_link: int = 0
    """The number of times it was accepted without a link to its status."""
    forbidden: int = 0
    """Consecutive steps of deletions that were ended by what is not allowed (403)."""
    tracking_id: str | None = None
    accepted_at: Moment | None = None
    deadline_at: Moment | None = None
    polled_at: Moment | None = None
    job_status: str | None = None
    job_started: str | None = None
    job_completed: str | None = None
    written: int = 0
    """Outcomes written so far."""
    counts: Counts = Counts()
    """Its rows by outcome so far."""
    reasons: tuple[ReasonTally, ...] = ()
    """The same rows by outcome and reason."""
    last_answer: str | None = None
    last_status: int | None = None
    last_code: str | None = None
    answer_ids: AnswerIds = AnswerIds()
    history: tuple[str, ...] = ()

    @property
    def is_followed(self) -> bool:
        """Whether an assignment of profiles follows it: it is finished, and a device that is there may get one."""
        there = self.counts.registered + self.counts.already_registered
        return self.wishes_profiles and self.state is SubmissionState.FINISHED and there > 0


class DeviceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one row; absent fields are empty text."""

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
    remedy: Remedy = Remedy.NOTHING
    """Decided once, together with `what_to_do`."""
    registered_by: str = ""
    """The customer and file of ours that registered the device elsewhere; never in a file that customers may read."""
    notes: str = ""
    order_number: str = ""
    profile: str = ""
    """The profile that its device is to have: the name or id of a configuration policy."""
    profile_outcome: ProfileOutcome = ProfileOutcome.NONE
    profile_reason: str = ""
    """Why it was not assigned: our word, or the service's code and name."""
    profile_what_to_do: str = ""
    batch_id: str = ""
    moved_from: str = ""
    """The batch from which a move removed the device before it was sent."""
    submission: str = ""
    tracking_id: str = ""
    device_id: str = ""
    device_status: str = ""
    """The device's own status as received from the service."""


class DeviceWithdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """The deletion of the device of one row: by a withdrawal, which leaves the row's outcome, or by a removal."""

    reading_id: str
    row: int
    run: int
    """0 of a file that asks to remove or move devices; of a withdrawal from 1."""
    result: WithdrawalResult | None = None
    """None until the service has answered."""
    batch_id: str
    device_id: str = ""
    request_id: str = ""
    """The id of the deletion whose answer is awaited or was lost; empty when none was sent."""
    answer_lost: bool = False
    """Whether the service may have deleted it at an earlier request with another id."""
    searched_again: bool = False
    """Whether a removal searched for it a second time, because the device found first was gone at its deletion."""
    error_code: str = ""
    error_description: str = ""
    what_to_do: str = ""
    notes: str = ""
    correlation_id: str = ""
    """The id of the service's answer, which its support asks for."""
    at: Moment | None = None

    @property
    def is_of_withdrawal(self) -> bool:
        """Whether a withdrawal deletes the device, rather than its own file."""
        return self.run > 0


class BatchState(StrEnum):
    """The state of our knowledge of a device batch."""

    LOOKING = "looking"
    """One submission finds or creates it while others wait."""
    KNOWN = "known"
    """It exists at the service."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A device batch of a customer. The service compares names without case and keeps the spelling of its creation."""

    customer_id: str
    batch_id: str
    state: BatchState
    claimed_by: str
    claimed_until: Moment


class DailyLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The most devices that are newly sent for a customer on one day (UTC), and how many were."""

    devices: int
    day: date | None = None
    """The day that `counted` is about; None before the first device is counted."""
    counted: int = 0
    reached_at: Moment | None = None
    """When the first submission had to wait for the next day; None while none has."""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A closed gate, at which all submissions of `scope` wait. In normal operation there are none.

    The service's answers close a gate, or people do (`hold`).
    Or a notice of another standstill, for people to read: it holds nothing back.
    Or the daily limit of a customer (`limit`), which closes the gate when it is reached.
    """

    scope: str
    closed_until: Moment
    """Of a notice: when it was seen last."""
    since: Moment | None = None
    """When it was closed first without having been opened since."""
    probing_until: Moment | None = None
    """The end of the time in which one submission probes the service while the others wait."""
    failures: int = 0
    """The number of consecutive closings."""
    reason: str
    is_throttled: bool = False
    """Whether throttling closed it, rather than a missing permission."""
    is_notice: bool = False
    hold: HoldState | None = None
    """Of a hold: a gate that a person closes, and opens. The fields below are those of a hold."""
    customer_id: str | None = None
    """None in the hold of everything."""
    file_id: str | None = None
    """Only in the hold of a file."""
    held_by: str = ""
    is_of_the_app: bool = False
    """Whether the app held the file, because it fails."""
    announced_at: Moment | None = None
    """When the event that the app holds the file was sent."""
    webhook_told_at: Moment | None = None
    """When the webhook was notified of it."""
    limit: DailyLimit | None = None
    """Of the daily limit of the customer `customer_id`."""


class StagedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a person chose on the page, and what became of it."""

    name: str
    size: int
    """As the browser declared it before the upload."""
    path: str = ""
    """Where it was dropped; empty while it is not sent."""
    file_id: str = ""
    sent_at: Moment | None = None


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """The files that a person chose together, for one customer and batch. Goes after a day."""

    upload_id: str
    customer_id: str
    batch_id: str | None = None
    order: FileOrder = FileOrder.REGISTER
    staged_by: str = ""
    staged_at: Moment
    files: tuple[StagedFile, ...]


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """A drop on the page by a person, entered before it is made."""

    sending_id: str
    sent_at: Moment
    sent_by: str
    content_digest: str = ""
    """Of a file that was chosen on the page (SHA-256)."""
    file_id: str = ""
    """The file that its blob became; empty until it is received."""


class SentContent(msgspec.Struct, frozen=True, kw_only=True):
    """A content that was sent to a customer on the page, or is being sent: it is sent once."""

    customer_id: str
    digest: str
    """SHA-256, behind the order of a file that asks for something else than registering."""
    upload_id: str
    name: str
    """Of the file in its upload."""
    path: str
    """Where it is dropped."""
    file_id: str = ""
    """Empty until it is dropped."""
    sent_by: str = ""
    sent_at: Moment


class FileMention(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a file in the index of open files."""

    customer_id: str | None = None
    file_id: str
    path: str
    name: str
    batch_id: str | None = None
    received_at: Moment


class FileListing(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a final device file in the indexes by time and by customer: all that a list shows of it."""

    customer_id: str | None = None
    file_id: str
    path: str
    name: str
    batch_id: str | None = None
    order: FileOrder = FileOrder.REGISTER
    sent_by: str = ""
    size: int
    state: FileState
    reason: str | None = None
    reason_text: str | None = None
    received_at: Moment
    closed_at: Moment | None = None
    counts: Counts = Counts()
    elsewhere: int = 0
    """Rows whose devices are registered already but not under the batch of the row."""
    profiles: ProfileCounts | None = None
    is_incomplete: bool = False
    submissions: int = 0
    parent: str | None = None
    """The file whose rows this file sends again."""
    retry: str | None = None
    """The file made of its rows that could be sent again unchanged."""
    fixes: tuple[str, ...] = ()
    """The files in which rows of it that a person fixed were dropped again."""
    rows_to_fix: int = 0
    assigned: Assignment | None = None
    withdrawal: Withdrawal | None = None
    """Its withdrawal, without what only its steps need."""


class WithdrawalMention(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a file in the index of withdrawals in progress."""

    customer_id: str
    file_id: str
    asked_at: Moment


class DeviceMention(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a row in the index of serial numbers, by its serial number or by its product key."""

    serial_number: str
    """Empty in an entry by the product key."""
    product_key: str = ""
    """Empty in an entry by the serial number."""
    customer_id: str
    file_id: str
    row: int


def with_sentence(history: tuple[str, ...], sentence: str, now: datetime) -> tuple[str, ...]:
    """`history` and one more plain sentence; a long history keeps its beginning and its latest sentences."""
    longer = (*history, f"{now:%Y-%m-%d %H:%M:%S} {sentence[:LONGEST_SENTENCE]}")
    if len(longer) <= LONGEST_HISTORY:
        return longer
    half = LONGEST_HISTORY // 2
    return longer[:half] + longer[-half:]


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked the app to do, written before it is done: no change stands without its act."""

    act_id: str
    asked_at: Moment
    kind: ActKind
    who: str
    """The name of the person who signed in, or the way in where nobody signs in."""
    person_id: str = ""
    """The object id of the person in Entra; empty where nobody signs in."""
    subject: str
    """The name of the file or customer."""
    customer_id: str | None = None
    file_id: str | None = None
    detail: str = ""
