"""The records of files, submissions, rows and devices that the JSON serves and the page renders.

The OpenAPI document is made from these records: their docstrings and descriptions are the reference of the API.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from shared.pipeline.profiles import LONGEST_PROFILE
from shared.storage.inventories import DriftKind
from shared.vocabulary import (
    ActKind,
    CheckState,
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

Whole = Annotated[int, msgspec.Meta(ge=0)]
Identifier = Annotated[str, msgspec.Meta(description="A GUID.", examples=["c7f3c849-129f-4b85-a96d-4f8e88b315a3"])]
CustomerId = Annotated[
    str | None,
    msgspec.Meta(
        description="The customer's tenant. Null for a file whose path names no customer; addresses have `_` instead."
    ),
]
NextPage = Annotated[
    str | None,
    msgspec.Meta(
        description="The cursor of the next page: give it as the parameter `next`, with the same filters. Null on the "
        "last page. A page may hold fewer items than `limit`, or none, and not be the last."
    ),
]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all records that are shown."""


class OutcomeCounts(View, frozen=True, kw_only=True):
    """Rows by outcome. Once the file has been read, the total is the sum of the others; before that it is 0."""

    total: Whole = 0
    registered: Whole = 0
    already_registered: Whole = 0
    removed: Whole = 0
    not_registered: Whole = 0
    failed: Whole = 0
    rejected: Whole = 0
    duplicate: Whole = 0
    unknown: Whole = 0
    cancelled: Whole = 0
    open: Annotated[int, msgspec.Meta(ge=0, description="Rows that have no outcome yet.")] = 0


class WithdrawalView(View, frozen=True, kw_only=True):
    """The withdrawal of a file: the devices that it newly registered are deleted again."""

    state: WithdrawalState
    asked_at: datetime
    finished_at: datetime | None
    total: Annotated[int, msgspec.Meta(ge=0, description="Devices to be withdrawn.")]
    withdrawn: Whole
    already_gone: Whole
    refused: Whole
    last_answer: Annotated[str | None, msgspec.Meta(description="What Partner Center answered last.")]


class StandstillKind(StrEnum):
    """Why something stands still."""

    HELD = "held"
    STOPPED = "stopped"
    PAUSED = "paused"
    LIMIT_REACHED = "limit_reached"
    SIGN_IN_REFUSED = "sign_in_refused"
    NOT_ALLOWED = "not_allowed"
    THROTTLED = "throttled"
    SERVICE_AWAY = "service_away"


class Standstill(View, frozen=True, kw_only=True):
    """Something that stands still now: since when, why, and who must do what."""

    kind: StandstillKind
    customer_id: Annotated[
        str | None, msgspec.Meta(description="The customer concerned. Null: everything stands still.")
    ]
    customer_name: str | None
    file_id: Annotated[
        str | None, msgspec.Meta(description="The file concerned. Null: all files of the customer, or everything.")
    ] = None
    since: datetime | None
    tried_again_at: Annotated[
        datetime | None, msgspec.Meta(description="When the service is tried next, if all requests wait for that.")
    ]
    reason: Annotated[str, msgspec.Meta(description="The last answer, as a sentence.")]
    what_to_do: Annotated[str, msgspec.Meta(description="Who must do what.")]


Stopped = Annotated[
    list[Standstill],
    msgspec.Meta(description="What stands still now, the oldest first; empty in normal operation."),
]


class FileLinks(View, frozen=True, kw_only=True):
    """Links of a file: absolute over HTTP, paths in the output of commands. Null while there is nothing to fetch."""

    file: str
    outcomes: str
    page: Annotated[str, msgspec.Meta(description="The page for people, who sign in.")]
    results_csv: Annotated[
        str | None,
        msgspec.Meta(description="Every row with its outcome; while the file is registering, the rows so far."),
    ]
    results_xlsx: Annotated[
        str | None, msgspec.Meta(description="The same for spreadsheets: every cell is text, and none is changed.")
    ] = None
    to_fix_csv: Annotated[
        str | None,
        msgspec.Meta(description="The rows that a person can fix; while the file is registering, the rows so far."),
    ]
    to_fix_xlsx: Annotated[
        str | None, msgspec.Meta(description="The same for spreadsheets: every cell is text, and none is changed.")
    ] = None
    withdrawals_csv: Annotated[
        str | None, msgspec.Meta(description="Every registered row with the end of its withdrawal, once that is over.")
    ] = None
    report_html: Annotated[
        str | None, msgspec.Meta(description="One page that can be mailed, once the file is closed.")
    ]
    parent: Annotated[
        str | None, msgspec.Meta(description="The file whose rows this file sends again, as they were or fixed.")
    ]


class ProfileCountsView(View, frozen=True, kw_only=True):
    """The number of rows with each profile outcome."""

    assigned: Whole
    failed: Whole
    rejected: Whole
    unknown: Whole
    cancelled: Whole

    @property
    def not_assigned(self) -> int:
        """Rows whose devices did not get their profile, or may not have it."""
        return self.failed + self.rejected + self.unknown + self.cancelled


class FileView(View, frozen=True, kw_only=True):
    """One device file: one version of one dropped blob."""

    file_id: Identifier
    customer_id: CustomerId
    customer_name: Annotated[str | None, msgspec.Meta(description="The name of the customer, if it was given one.")]
    batch_id: Annotated[str | None, msgspec.Meta(description="Null when the group tag of each row is its batch.")]
    sent_by: Annotated[
        str | None,
        msgspec.Meta(
            description="The person who sent it on the page; null for a file that was dropped in another way."
        ),
    ] = None
    name: str
    order: Annotated[FileOrder, msgspec.Meta(description="What is asked for with its devices.")] = FileOrder.REGISTER
    path: Annotated[str, msgspec.Meta(description="Below the container device-files.")]
    state: FileState
    is_final: Annotated[bool, msgspec.Meta(description="Whether the file has reached its last state.")]
    reason: Annotated[str | None, msgspec.Meta(description="Why it was rejected: one value of the public vocabulary.")]
    what_happened: Annotated[
        str | None, msgspec.Meta(description="Why it was rejected and what to do, as sentences.")
    ] = None
    received_at: datetime
    closed_at: datetime | None
    size: Annotated[int, msgspec.Meta(ge=0, description="Bytes.")]
    counts: OutcomeCounts
    is_incomplete: Annotated[
        bool,
        msgspec.Meta(
            description="Whether the file may hold devices that are in none of its rows: something that was passed "
            "over looks like a device, or part of the file could not be understood. Known once the file has been read."
        ),
    ] = False
    submissions: Annotated[int, msgspec.Meta(ge=0, description="Requests with devices of this file to Partner Center.")]
    submissions_final: Annotated[int, msgspec.Meta(ge=0, description="How many of them are final.")]
    parent_file_id: Annotated[
        str | None, msgspec.Meta(description="The file whose rows this file sends again, as they were or fixed.")
    ]
    elsewhere: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Of the rows already registered, those whose device does not stand under the batch of the row, "
            "or nobody can tell where.",
        ),
    ] = 0
    registered_later: Annotated[
        int,
        msgspec.Meta(ge=0, description="Rows that were not registered, or removed, and that files made of them did."),
    ] = 0
    fixed_later: Annotated[
        int, msgspec.Meta(ge=0, description="Of these, the rows that a person fixed and dropped again.")
    ] = 0
    profiles: Annotated[
        ProfileCountsView | None,
        msgspec.Meta(description="Rows by profile outcome once it is closed; null where no row has one."),
    ] = None
    withdrawal: Annotated[
        WithdrawalView | None, msgspec.Meta(description="The withdrawal of the devices that it newly registered.")
    ] = None
    assigned_customer_id: Annotated[
        str | None,
        msgspec.Meta(description="The customer to whom a person sent it, after its path had named no known customer."),
    ] = None
    assigned_file_id: Annotated[str | None, msgspec.Meta(description="The file as which it was sent there.")] = None
    needs_attention: Annotated[
        bool,
        msgspec.Meta(
            description="Whether somebody must look at it: a row is not registered, or not removed, or stands under "
            "another batch, a device did not get its profile, the file was rejected, may hold more devices, stands "
            "still, or was withdrawn in part. Rows that are cancelled are no reason."
        ),
    ] = False
    links: FileLinks

    @property
    def rows_left(self) -> int:
        """The rows that did not end as the file asks, here or in a later file; duplicates are none."""
        counts = self.counts
        ended_badly = counts.failed + counts.rejected + counts.unknown + counts.cancelled
        return ended_badly + self.elsewhere - self.registered_later

    @property
    def without_profile(self) -> int:
        """The rows whose devices did not get the profile that they should have."""
        return 0 if self.profiles is None else self.profiles.not_assigned

    @property
    def rows_done(self) -> int:
        """The rows that ended as the file asks.

        Their devices are registered under their batch, or removed: by this file, before it, or by a later file.
        """
        counts = self.counts
        done = counts.registered + counts.already_registered + counts.removed + counts.not_registered
        return done - self.elsewhere + self.registered_later


class UnreadableView(View, frozen=True, kw_only=True):
    """A record that the running version cannot read, such as one of a later version that was rolled back."""

    file_id: Annotated[str | None, msgspec.Meta(description="The file that it is part of, as far as that is known.")]
    name: Annotated[str | None, msgspec.Meta(description="The name of the file, if the record is readable so far.")]
    message: Annotated[str, msgspec.Meta(description="Which record it is, why it cannot be read, and what to do.")]


Unreadables = Annotated[
    list[UnreadableView],
    msgspec.Meta(description="Records that are left out because the running version cannot read them."),
]


class DayTotals(View, frozen=True, kw_only=True):
    """The files that were received today (UTC) so far."""

    files: Whole
    in_progress: Whole
    need_attention: Annotated[int, msgspec.Meta(ge=0, description="Files that have ended and somebody must look at.")]
    newly_registered: Annotated[int, msgspec.Meta(ge=0, description="Devices that their files newly registered.")]
    not_registered: Annotated[
        int, msgspec.Meta(ge=0, description="Rows of files that have ended whose devices no file registered.")
    ]
    is_cut_short: Annotated[bool, msgspec.Meta(description="Whether the day has more files than were added up.")]


class DriftView(View, frozen=True, kw_only=True):
    """A registered device that somebody else deleted, moved or registered. Nothing is repaired by itself."""

    kind: DriftKind
    batch_id: Annotated[str, msgspec.Meta(description="Where it stood; of a registered one, where it stands.")]
    new_batch_id: Annotated[str, msgspec.Meta(description="Where a moved one stands; empty otherwise.")]
    device_id: str
    serial_number: str
    product_key: str
    manufacturer: str
    model: str
    who: Annotated[str, msgspec.Meta(description="Who did it; empty where Partner Center does not tell.")]
    since: Annotated[datetime, msgspec.Meta(description="It happened after this time.")]
    seen_at: Annotated[datetime, msgspec.Meta(description="It was found at this time.")]


class DriftNotice(View, frozen=True, kw_only=True):
    """A customer of whose registered devices some were changed by somebody else within the last week."""

    customer_id: str
    customer_name: str | None
    devices: Annotated[int, msgspec.Meta(ge=1, description="How many were found last.")]
    found_at: datetime
    page: str


class FilePage(View, frozen=True, kw_only=True):
    """Files, newest first by the time they were received."""

    stopped: Stopped = []
    files: list[FileView]
    today: Annotated[
        DayTotals | None, msgspec.Meta(description="Totals of the day; null on later pages and where a filter is set.")
    ] = None
    unreadable: Unreadables = []
    drift: Annotated[
        list[DriftNotice],
        msgspec.Meta(description="On the first page: customers whose registered devices somebody else changed lately."),
    ] = []
    next: NextPage


class SubmissionView(View, frozen=True, kw_only=True):
    """One POST of devices to one batch, or the PATCH that gives some of them their profiles."""

    number: Annotated[
        str,
        msgspec.Meta(
            description="Within its file; the halves of submission N are `N-0` and `N-1`, and the assignment of its "
            "profiles is `N-p`. Of a move, `N-0` registers the devices that N removed, and `N-1` those that stood "
            "nowhere."
        ),
    ]
    order: Annotated[FileOrder, msgspec.Meta(description="What it does with its devices.")] = FileOrder.REGISTER
    batch_id: str
    devices: Whole
    state: SubmissionState
    assigns_profiles: Annotated[
        bool, msgspec.Meta(description="Whether it gives devices their profiles; its rows are counted elsewhere.")
    ] = False
    tracking_id: str | None
    correlation_id: Annotated[
        str | None, msgspec.Meta(description="Of Partner Center's last answer; its support asks for it.")
    ]
    sent_at: Annotated[datetime | None, msgspec.Meta(description="When it was first sent.")]
    accepted_at: datetime | None
    finished_at: datetime | None
    next_poll_at: Annotated[
        datetime | None, msgspec.Meta(description="While it is open: when it is polled or sent next.")
    ]
    counts: OutcomeCounts
    last_event: Annotated[str, msgspec.Meta(description="What happened to it last, as a sentence.")]


class Waiting(View, frozen=True, kw_only=True):
    """The rows of an open file that have no outcome yet."""

    to_be_sent: Annotated[int, msgspec.Meta(ge=0, description="Rows that Partner Center has not accepted yet.")]
    without_verdict: Annotated[int, msgspec.Meta(ge=0, description="Rows that Partner Center accepted.")]
    verdict_until: Annotated[
        datetime | None,
        msgspec.Meta(
            description="When the last accepted row without a verdict becomes `unknown`. It moves on while the service "
            "gives no usable answer."
        ),
    ]
    failing: Annotated[
        str | None,
        msgspec.Meta(description="The last answer of a submission whose requests have failed three times or more."),
    ] = None


class TimeLineEntry(View, frozen=True, kw_only=True):
    """One event in the life of a file."""

    at: datetime
    what: Annotated[str, msgspec.Meta(description="The event, as a sentence.")]
    submission: Annotated[
        str | None, msgspec.Meta(description="The number of the submission, if the event is about one.")
    ] = None


class ReasonCount(View, frozen=True, kw_only=True):
    """The number of rows with one outcome, reason and remedy, as the rows themselves say it."""

    outcome: Outcome
    reason: Annotated[str, msgspec.Meta(description="The `error_code` of the rows; empty if they have none.")]
    name: Annotated[str, msgspec.Meta(description="The service's name of the reason, if it gave one.")] = ""
    remedy: Annotated[Remedy, msgspec.Meta(description="The kind of thing to do about these rows.")] = Remedy.NOTHING
    sentence: Annotated[
        str, msgspec.Meta(description="The reason and what to do; empty where the outcome alone says it.")
    ] = ""
    rows: Whole


class FileNoteView(View, frozen=True, kw_only=True):
    """A note on a file as a whole."""

    note: Annotated[str, msgspec.Meta(description="One value of the public vocabulary.")]
    detail: Annotated[
        str, msgspec.Meta(description="What the note is about in this file, such as the names of columns.")
    ]
    sentence: str
    what_to_do: str


class PassedOverView(View, frozen=True, kw_only=True):
    """The parts of one kind in a file that are neither row nor header nor blank, and so were not sent."""

    kind: Annotated[str, msgspec.Meta(description="One value of the public vocabulary.")]
    meaning: Annotated[str, msgspec.Meta(description="The kind in plain words.")]
    count: Whole
    places: Annotated[list[str], msgspec.Meta(description="Where the first of them are in the file.")]
    excerpts: Annotated[list[str], msgspec.Meta(description="How these begin; nothing of a hash is shown.")]
    may_hold_device: Annotated[bool, msgspec.Meta(description="Whether one of them looks like a device.")]


class FileDetails(View, frozen=True, kw_only=True):
    """A device file in detail, without its rows."""

    stopped: Stopped = []
    file: FileView
    what_happened: Annotated[str | None, msgspec.Meta(description="Why it was rejected and what to do, as sentences.")]
    time_line: Annotated[list[TimeLineEntry], msgspec.Meta(description="Oldest first.")]
    submissions: Annotated[list[SubmissionView], msgspec.Meta(description="By number.")]
    submissions_left_out: Annotated[
        int, msgspec.Meta(ge=0, description="Submissions beyond those listed; the open ones are listed first.")
    ]
    reasons: Annotated[
        list[ReasonCount],
        msgspec.Meta(description="Most rows first. While the file is open, the rows that have their outcome so far."),
    ]
    notes: Annotated[list[FileNoteView], msgspec.Meta(description="Notes on the file as a whole.")] = []
    passed_over: Annotated[
        list[PassedOverView],
        msgspec.Meta(description="Parts of the file that are neither row nor header nor blank, by kind."),
    ] = []
    unreadable: Unreadables = []
    retry_file_id: Annotated[str | None, msgspec.Meta(description="The file that sends rows of this file again.")]
    fix_file_ids: Annotated[
        list[str], msgspec.Meta(description="The files in which fixed rows of this file were dropped again.")
    ] = []
    withdrawal: WithdrawalView | None
    assigning_profile: Annotated[
        str | None, msgspec.Meta(description="The profile that is being assigned to its devices now that it is closed.")
    ] = None
    waiting: Annotated[
        Waiting | None, msgspec.Meta(description="The rows that have no outcome yet, while the file is registering.")
    ] = None


class OutcomeView(View, frozen=True, kw_only=True):
    """The outcome of one row. A value that is not known is empty."""

    row: Annotated[
        int, msgspec.Meta(ge=1, description="The number of the row in the file, from 1; `source` says where it is.")
    ]
    source: str
    serial_number: str
    product_key: str
    manufacturer: str
    model: str
    order_number: Annotated[
        str, msgspec.Meta(description="The order number, if the file has one; it is never sent.")
    ] = ""
    outcome: Outcome
    profile: Annotated[
        str,
        msgspec.Meta(description="The profile that its device is to have: the name or id of a configuration policy."),
    ] = ""
    profile_outcome: Annotated[
        ProfileOutcome,
        msgspec.Meta(
            description="How assigning it ended, beside the outcome. Empty: no profile was wished for, the device is "
            "not registered for the customer, or the end is not known yet."
        ),
    ] = ProfileOutcome.NONE
    profile_reason: Annotated[str, msgspec.Meta(description="Why the profile was not assigned: a word or code.")] = ""
    profile_what_to_do: str = ""
    error_code: str
    error_description: str
    what_to_do: str
    remedy: Annotated[Remedy, msgspec.Meta(description="The kind of thing to do.")]
    registered_by: Annotated[
        str,
        msgspec.Meta(description="The customer and file of ours that registered the device, if it stands elsewhere."),
    ] = ""
    notes: str
    batch_id: str
    moved_from: Annotated[
        str, msgspec.Meta(description="The batch from which a move removed the device before it was sent.")
    ] = ""
    submission: str
    tracking_id: str
    device_id: str
    withdrawal: Annotated[
        WithdrawalResult | None,
        msgspec.Meta(description="What became of the device's withdrawal. The outcome of the row does not change."),
    ] = None
    seen_at: Annotated[
        datetime | None,
        msgspec.Meta(
            description="Of a row without a verdict: when its device was seen registered in its batch later. The "
            "outcome of the row does not change."
        ),
    ] = None


class OutcomePage(View, frozen=True, kw_only=True):
    """Rows that have their outcome, in the order of the file."""

    file_id: Identifier
    outcomes: list[OutcomeView]
    next: NextPage


class DeviceView(View, frozen=True, kw_only=True):
    """A row of a closed file with the serial number of the search."""

    customer_id: str
    customer_name: str | None
    file_id: Identifier
    file_name: str
    received_at: datetime
    outcome: OutcomeView
    links: FileLinks


class DevicePage(View, frozen=True, kw_only=True):
    """The rows of closed files with one serial number, newest first."""

    stopped: Stopped = []
    serial_number: Annotated[str, msgspec.Meta(description="As it was given; capital and small letters are the same.")]
    devices: list[DeviceView]
    files_not_searched: Annotated[
        int, msgspec.Meta(ge=0, description="Files of the customer that are still open; their rows are not found yet.")
    ]
    unreadable: Unreadables = []
    next: NextPage


class InventoryView(View, frozen=True, kw_only=True):
    """How the reading of a customer's registered devices stands."""

    asked_at: Annotated[datetime | None, msgspec.Meta(description="When the devices were asked for last.")]
    read_at: Annotated[datetime | None, msgspec.Meta(description="When the last complete reading began.")]
    is_in_progress: Annotated[bool, msgspec.Meta(description="Whether the devices are being read, or wait for that.")]
    sentence: Annotated[str, msgspec.Meta(description="The same in words, and why a reading waits or was given up.")]


class BatchInventoryView(View, frozen=True, kw_only=True):
    """A batch whose devices were read, or are to be read."""

    batch_id: str
    devices: Annotated[int, msgspec.Meta(ge=0, description="The devices in it when it was read.")]
    read_at: Annotated[datetime | None, msgspec.Meta(description="When it was read; null while it was not.")]
    sentence: Annotated[str, msgspec.Meta(description="Why it was not read; empty when it was.")]


class RegistrationView(View, frozen=True, kw_only=True):
    """The row of ours that registered a device, or found it registered under its batch."""

    file_id: Identifier
    file_name: str
    received_at: datetime
    row: Whole
    outcome: Outcome
    page: Annotated[str, msgspec.Meta(description="The page of the file.")]


class RegisteredDeviceView(View, frozen=True, kw_only=True):
    """A device that is registered, as Partner Center listed it. A text that Partner Center does not tell is empty."""

    batch_id: str
    serial_number: str
    product_key: str
    manufacturer: str
    model: str
    device_id: str
    uploaded_at: datetime | None
    uploaded_by: str
    allowed_operations: Annotated[list[str], msgspec.Meta(description="What Partner Center allows, such as delete.")]
    profiles: Annotated[list[str], msgspec.Meta(description="The ids of the profiles assigned to it.")]
    profile_names: Annotated[
        list[str], msgspec.Meta(description="The name of each of these profiles; empty where it is not known.")
    ]
    seen_at: Annotated[datetime | None, msgspec.Meta(description="When its batch was read, which had the device then.")]
    registered_by: Annotated[
        RegistrationView | None, msgspec.Meta(description="Null when no file that the app still knows registered it.")
    ]


class ProfileListingView(View, frozen=True, kw_only=True):
    """How the list of the customer's profiles stands, which tells their names."""

    read_at: Annotated[datetime | None, msgspec.Meta(description="When Partner Center listed them; null: never.")]
    is_in_progress: Annotated[bool, msgspec.Meta(description="Whether they are being listed now.")]
    sentence: str


class RegisteredDevicePage(View, frozen=True, kw_only=True):
    """Registered devices of a customer as last read, in the order in which Partner Center lists them."""

    customer_id: str
    customer_name: str | None
    reading: InventoryView
    total: Annotated[int, msgspec.Meta(ge=0, description="The devices of all these batches.")]
    not_watched: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Those of them that Partner Center lists with neither a serial number nor a product key: what "
            "somebody else does with one is no `drift`.",
        ),
    ]
    batches: list[BatchInventoryView]
    drift: Annotated[
        list[DriftView], msgspec.Meta(description="What somebody else did, newest first: the latest hundred devices.")
    ]
    devices: list[RegisteredDeviceView]
    profile_names: Annotated[
        ProfileListingView | None, msgspec.Meta(description="Null when no device of this page has a profile.")
    ]
    next: NextPage


class ActView(View, frozen=True, kw_only=True):
    """What somebody asked the app to do."""

    asked_at: datetime
    kind: ActKind
    who: Annotated[
        str, msgspec.Meta(description="The name of the person who signed in, or the way in where nobody signs in.")
    ]
    person_id: Annotated[str, msgspec.Meta(description="The person's object id in Entra; empty where nobody signs in.")]
    subject: Annotated[str, msgspec.Meta(description="The name of the file or customer.")]
    customer_id: CustomerId
    customer_name: str | None
    file_id: str | None
    detail: str
    link: Annotated[str | None, msgspec.Meta(description="The page of the file; null when the act is about no file.")]


class ActPage(View, frozen=True, kw_only=True):
    """What people and scripts asked the app to do, newest first."""

    acts: list[ActView]
    unreadable: Unreadables = []
    next: NextPage


class CheckView(View, frozen=True, kw_only=True):
    """One check of the app's health."""

    name: str
    title: Annotated[str, msgspec.Meta(description="The subject of the check, for people.")]
    state: CheckState
    found: Annotated[str, msgspec.Meta(description="What the check found, as sentences.")]
    cure: Annotated[str, msgspec.Meta(description="What to do; empty where all is well.")]
    seconds: Annotated[float, msgspec.Meta(ge=0, description="How long it took.")]


class HealthView(View, frozen=True, kw_only=True):
    """The health of the app: the checks that were done for this answer, side by side."""

    state: Annotated[CheckState, msgspec.Meta(description="The worst state of the checks.")]
    checked_at: datetime
    seconds: Annotated[float, msgspec.Meta(ge=0, description="How long all checks took together.")]
    checks: list[CheckView]


class CustomerNameView(View, frozen=True, kw_only=True):
    """A name of a customer, under which files may be dropped."""

    name: str
    notes: str
    added_at: datetime


class DailyLimitView(View, frozen=True, kw_only=True):
    """The most devices that are newly sent for a customer on one day (UTC)."""

    devices: Annotated[int, msgspec.Meta(ge=1)]
    sent_today: Annotated[int, msgspec.Meta(ge=0, description="Devices counted since 00:00 UTC.")]


class CustomerView(View, frozen=True, kw_only=True):
    """A customer with a name, or on Partner Center's list of the partner's customers."""

    customer_id: Identifier
    name: Annotated[
        str | None, msgspec.Meta(description="At Partner Center; null where its list has no such customer.")
    ]
    domain: str | None
    relationship: Annotated[
        str | None,
        msgspec.Meta(description="Partner Center's word for it, such as reseller; with `none`, files are refused."),
    ]
    names: list[CustomerNameView]
    priority: Annotated[
        Priority, msgspec.Meta(description="Whose submissions wait first when there is a queue: those of `low`.")
    ]
    daily_limit: Annotated[DailyLimitView | None, msgspec.Meta(description="Null: there is none.")] = None

    @property
    def is_listed(self) -> bool:
        """Whether Partner Center's list has the customer."""
        return self.relationship is not None

    @property
    def shown_name(self) -> str:
        """What people call the customer."""
        return self.name or (self.names[0].name if self.names else self.customer_id)


class ProfileView(View, frozen=True, kw_only=True):
    """A profile: a configuration policy of a customer in Partner Center."""

    id: str
    name: str
    description: str
    settings: Annotated[list[str], msgspec.Meta(description="Partner Center's words, such as `skip_eula`.")]
    devices: Annotated[int | None, msgspec.Meta(description="Devices that have it; null if Partner Center says none.")]


class DefaultProfileView(View, frozen=True, kw_only=True):
    """The profile of devices whose rows name none."""

    batch_id: Annotated[str | None, msgspec.Meta(description="Null: of all batches that have no default of their own.")]
    profile: Annotated[str, msgspec.Meta(description="The name or id of a profile.")]
    fault: Annotated[
        str,
        msgspec.Meta(
            description="Why no device gets it, by the profiles as last listed; empty where they tell of no fault."
        ),
    ]


class CustomerProfiles(View, frozen=True, kw_only=True):
    """The profiles of a customer as Partner Center last listed them, and the defaults for its batches."""

    customer_id: Identifier
    customer_name: str | None
    read_at: Annotated[datetime | None, msgspec.Meta(description="When they were last listed.")]
    is_in_progress: Annotated[bool, msgspec.Meta(description="Whether they are being listed now.")]
    sentence: Annotated[str, msgspec.Meta(description="All of this for people.")]
    profiles: Annotated[list[ProfileView], msgspec.Meta(description="By name.")]
    defaults: list[DefaultProfileView]


class CustomerListView(View, frozen=True, kw_only=True):
    """The last reading of Partner Center's list of the partner's customers."""

    read_at: Annotated[datetime | None, msgspec.Meta(description="When it was last read to its end.")]
    customers: Annotated[int, msgspec.Meta(ge=0, description="The customers on it then.")]
    failed_at: Annotated[datetime | None, msgspec.Meta(description="When it could not be read; null once it is read.")]
    failure: str
    sentence: Annotated[str, msgspec.Meta(description="All of this for people.")]


class CustomerPage(View, frozen=True, kw_only=True):
    """Customers: first those with a name, then the others of Partner Center's list, each by name."""

    reading: CustomerListView
    customers: list[CustomerView]
    total: Annotated[int, msgspec.Meta(ge=0, description="Customers that match the search, on all pages.")]
    next: NextPage


class RetryView(View, frozen=True, kw_only=True):
    """A file that sends rows of another file again."""

    parent_file_id: Identifier
    file_id: Annotated[
        str | None, msgspec.Meta(description="The new file; null when no row can be sent again as it is.")
    ]
    path: Annotated[str | None, msgspec.Meta(description="Its path in the container device-files.")]
    rows: Whole
    is_new: Annotated[
        bool, msgspec.Meta(description="Whether this request made it; a second request makes no second file.")
    ]
    link: Annotated[str | None, msgspec.Meta(description="The address of the new file, once it is received.")]


class WithdrawalRequest(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Confirms that the devices which a file newly registered shall be deleted."""

    name: Annotated[str, msgspec.Meta(description="The `name` of the file.", min_length=1, max_length=1024)]


class WithdrawalAnswer(View, frozen=True, kw_only=True):
    """The answer to a request to withdraw a file."""

    file_id: Identifier
    is_new: Annotated[bool, msgspec.Meta(description="Whether this request started the withdrawal.")]
    withdrawal: Annotated[WithdrawalView | None, msgspec.Meta(description="Null when the file registered no device.")]


class ProfileRequest(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names the profile that the registered devices of a file shall have."""

    profile: Annotated[str, msgspec.Meta(description="Its name or id.", min_length=1, max_length=LONGEST_PROFILE)]


class ProfileAnswer(View, frozen=True, kw_only=True):
    """The answer to a request to assign a profile. `GET files/{customer_id}/{file_id}` shows how it goes on."""

    file_id: Identifier
    assigning_profile: Annotated[str, msgspec.Meta(description="The profile that is being assigned to its devices.")]
    is_new: Annotated[bool, msgspec.Meta(description="Whether this request started that.")]


class HoldView(View, frozen=True, kw_only=True):
    """What is held, or goes on: a file, a customer, or everything."""

    customer_id: Annotated[str | None, msgspec.Meta(description="Null: everything.")]
    file_id: Annotated[str | None, msgspec.Meta(description="Null: all files of the customer, or everything.")]
    hold: Annotated[HoldState | None, msgspec.Meta(description="Null: it is not held. Something else may hold it.")]
    is_new: Annotated[bool, msgspec.Meta(description="Whether this request changed it.")]


class ErrorCode(StrEnum):
    """The kinds of errors."""

    BAD_REQUEST = "bad_request"
    BAD_PARAMETER = "bad_parameter"
    BAD_PAGE = "bad_page"
    KEY_IN_ADDRESS = "key_in_address"
    NOT_SIGNED_IN = "not_signed_in"
    FORBIDDEN = "forbidden"
    FORGED = "forged"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    GONE = "gone"
    LENGTH_REQUIRED = "length_required"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class ErrorView(View, frozen=True, kw_only=True):
    """The answer to a request that failed."""

    code: ErrorCode
    message: Annotated[str, msgspec.Meta(description="What happened and what to do.")]
    parameter: Annotated[str | None, msgspec.Meta(description="The parameter at fault, if there is one.")] = None
    correlation_id: Annotated[str, msgspec.Meta(description="Finds this answer in the logs.")]
