"""What is shown of files, submissions, rows and devices: the records that the JSON serves and the page renders.

The OpenAPI document is made from these records, so their field documentation is the reference that people read.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState, WithdrawalState

Whole = Annotated[int, msgspec.Meta(ge=0)]
Identifier = Annotated[str, msgspec.Meta(description="A GUID.", examples=["c7f3c849-129f-4b85-a96d-4f8e88b315a3"])]
CustomerId = Annotated[
    str | None,
    msgspec.Meta(
        description="The customer's tenant; null for a file whose path names none, which has `_` in its addresses."
    ),
]
NextPage = Annotated[
    str | None,
    msgspec.Meta(
        description="Give it back as the parameter `next` with the same filters for what follows. Null on the last "
        "page. A page may hold less than was asked for, or nothing, and yet not be the last one."
    ),
]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Something shown."""


class OutcomeCounts(View, frozen=True, kw_only=True):
    """How many rows ended how. The total is the sum of the rest once the file has been read; before that it is 0."""

    total: Whole = 0
    registered: Whole = 0
    already_registered: Whole = 0
    failed: Whole = 0
    rejected: Whole = 0
    duplicate: Whole = 0
    unknown: Whole = 0
    open: Annotated[int, msgspec.Meta(ge=0, description="Rows that have no outcome yet.")] = 0


class FileLinks(View, frozen=True, kw_only=True):
    """Where else to look: whole addresses, but paths in what commands write. Null where there is nothing (yet)."""

    file: str
    outcomes: str
    page: Annotated[str, msgspec.Meta(description="For people, who sign in.")]
    results_csv: Annotated[str | None, msgspec.Meta(description="Every row with its outcome, once it is closed.")]
    to_fix_csv: Annotated[str | None, msgspec.Meta(description="The rows that a person can fix, once it is closed.")]
    report_html: Annotated[str | None, msgspec.Meta(description="One page to be mailed, once it is closed.")]
    parent: Annotated[str | None, msgspec.Meta(description="The file of whose rows this one was made.")]


class FileView(View, frozen=True, kw_only=True):
    """One device file: one version of one dropped blob."""

    file_id: Identifier
    customer_id: CustomerId
    customer_name: Annotated[str | None, msgspec.Meta(description="The name given to the customer, if any.")]
    batch_id: Annotated[str | None, msgspec.Meta(description="Null when each row's group tag is its batch.")]
    name: str
    path: Annotated[str, msgspec.Meta(description="Below the container device-files.")]
    state: FileState
    is_final: Annotated[bool, msgspec.Meta(description="Whether nothing more will happen to it.")]
    reason: Annotated[str | None, msgspec.Meta(description="Why it was rejected, in one word.")]
    received_at: datetime
    closed_at: datetime | None
    size: Annotated[int, msgspec.Meta(ge=0, description="Bytes.")]
    counts: OutcomeCounts
    is_incomplete: Annotated[
        bool,
        msgspec.Meta(
            description="Whether it may hold devices that are in none of its rows: something that was passed over "
            "looks like a device, or a part of it could not be read or understood. Known once it has been read."
        ),
    ] = False
    submissions: Annotated[int, msgspec.Meta(ge=0, description="How many POSTs of devices it has become.")]
    submissions_final: Annotated[int, msgspec.Meta(ge=0, description="How many of them are over.")]
    parent_file_id: Annotated[str | None, msgspec.Meta(description="The file of whose rows this one was made.")]
    links: FileLinks


class FilePage(View, frozen=True, kw_only=True):
    """Files, newest first by the time they were received."""

    files: list[FileView]
    next: NextPage


class SubmissionView(View, frozen=True, kw_only=True):
    """One POST of devices to one batch."""

    number: Annotated[str, msgspec.Meta(description="Within its file; the halves of a split one are `N-0`, `N-1`.")]
    batch_id: str
    devices: Whole
    state: SubmissionState
    tracking_id: str | None
    correlation_id: Annotated[str | None, msgspec.Meta(description="Of the service's last answer, for its support.")]
    sent_at: Annotated[datetime | None, msgspec.Meta(description="First sent.")]
    accepted_at: datetime | None
    finished_at: datetime | None
    next_poll_at: Annotated[
        datetime | None, msgspec.Meta(description="While it is open: when it is polled or sent next.")
    ]
    counts: OutcomeCounts
    last_event: Annotated[str, msgspec.Meta(description="What happened to it last, as a sentence.")]


class TimeLineEntry(View, frozen=True, kw_only=True):
    """One thing that happened to a file, in plain words."""

    at: datetime
    what: Annotated[str, msgspec.Meta(description="A plain sentence.")]
    submission: Annotated[str | None, msgspec.Meta(description="The submission's number, when it is about one.")] = None


class ReasonCount(View, frozen=True, kw_only=True):
    """How many rows ended with one outcome for one reason."""

    outcome: Outcome
    reason: Annotated[str, msgspec.Meta(description="The rows' `error_code`; empty for those without one.")]
    rows: Whole


class WithdrawalView(View, frozen=True, kw_only=True):
    """How far the devices that a file newly registered have been deleted again."""

    state: WithdrawalState
    asked_at: datetime
    finished_at: datetime | None
    total: Annotated[int, msgspec.Meta(ge=0, description="Devices to be withdrawn.")]
    withdrawn: Whole
    already_gone: Whole
    refused: Whole
    last_answer: Annotated[str | None, msgspec.Meta(description="What Partner Center answered last.")]


class FileNoteView(View, frozen=True, kw_only=True):
    """Something to know about a file as a whole."""

    note: Annotated[str, msgspec.Meta(description="One word of the public vocabulary.")]
    detail: Annotated[str, msgspec.Meta(description="What it is about in this file, such as the names of columns.")]
    sentence: str
    what_to_do: str


class PassedOverView(View, frozen=True, kw_only=True):
    """All parts of one kind in a file that are neither row nor header nor blank, and so were not sent."""

    kind: Annotated[str, msgspec.Meta(description="One word of the public vocabulary.")]
    meaning: Annotated[str, msgspec.Meta(description="The kind in plain words.")]
    count: Whole
    places: Annotated[list[str], msgspec.Meta(description="Where the first few stand.")]
    excerpts: Annotated[list[str], msgspec.Meta(description="The beginnings of these, without anything of a hash.")]
    may_hold_device: Annotated[bool, msgspec.Meta(description="Whether something of it looks like a device.")]


class FileDetails(View, frozen=True, kw_only=True):
    """A device file with all that is known of it but its rows."""

    file: FileView
    what_happened: Annotated[str | None, msgspec.Meta(description="Why it was rejected and what to do, in words.")]
    time_line: Annotated[list[TimeLineEntry], msgspec.Meta(description="Oldest first.")]
    submissions: Annotated[list[SubmissionView], msgspec.Meta(description="By number.")]
    submissions_left_out: Annotated[
        int, msgspec.Meta(ge=0, description="Submissions beyond those listed; the open ones are listed first.")
    ]
    reasons: Annotated[
        list[ReasonCount],
        msgspec.Meta(description="Most rows first. While the file is open: of the submissions that are over."),
    ]
    notes: Annotated[list[FileNoteView], msgspec.Meta(description="On the file as a whole.")] = []
    passed_over: Annotated[
        list[PassedOverView], msgspec.Meta(description="What of the file is neither row nor header nor blank, by kind.")
    ] = []
    retry_file_id: Annotated[str | None, msgspec.Meta(description="The file by which rows of this one are sent again.")]
    withdrawal: WithdrawalView | None


class OutcomeView(View, frozen=True, kw_only=True):
    """How one row ended. What is not known is empty text."""

    row: Annotated[int, msgspec.Meta(ge=1, description="Within the file, from 1; `source` says where in it.")]
    source: str
    serial_number: str
    product_key: str
    manufacturer: str
    model: str
    order_number: Annotated[str, msgspec.Meta(description="Of the customer's order, if the file says; never sent.")] = (
        ""
    )
    outcome: Outcome
    error_code: str
    error_description: str
    what_to_do: str
    remedy: Annotated[Remedy, msgspec.Meta(description="What kind of thing there is to do.")]
    notes: str
    batch_id: str
    submission: str
    tracking_id: str
    device_id: str


class OutcomePage(View, frozen=True, kw_only=True):
    """Rows that have their outcome, in the order of the file."""

    file_id: Identifier
    outcomes: list[OutcomeView]
    next: NextPage


class DeviceView(View, frozen=True, kw_only=True):
    """One row of a closed file that bears the serial number which was asked for."""

    customer_id: str
    customer_name: str | None
    file_id: Identifier
    file_name: str
    received_at: datetime
    outcome: OutcomeView
    links: FileLinks


class DevicePage(View, frozen=True, kw_only=True):
    """Where a device was, newest first."""

    serial_number: Annotated[str, msgspec.Meta(description="As it was asked for; letters of any case are the same.")]
    devices: list[DeviceView]
    files_not_searched: Annotated[
        int, msgspec.Meta(ge=0, description="Files of the customer that are still open: their rows are not found yet.")
    ]
    next: NextPage


class RetryView(View, frozen=True, kw_only=True):
    """The rows of a file that are sent again."""

    parent_file_id: Identifier
    file_id: Annotated[
        str | None, msgspec.Meta(description="The file that was made; null when no row can simply be sent again.")
    ]
    path: Annotated[str | None, msgspec.Meta(description="Where it lies in the container device-files.")]
    rows: Whole
    is_new: Annotated[bool, msgspec.Meta(description="Whether it was made just now; asking twice makes one.")]
    link: Annotated[str | None, msgspec.Meta(description="The new file, from the moment that it is received.")]


class WithdrawalRequest(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Confirms that the devices which a file newly registered are to be deleted."""

    name: Annotated[
        str, msgspec.Meta(description="The name of the file, as its `name` says.", min_length=1, max_length=1024)
    ]


class WithdrawalAnswer(View, frozen=True, kw_only=True):
    """How far the withdrawal is."""

    file_id: Identifier
    is_new: Annotated[bool, msgspec.Meta(description="Whether it was asked for just now.")]
    withdrawal: Annotated[WithdrawalView | None, msgspec.Meta(description="Null when the file registered no device.")]


class ErrorCode(StrEnum):
    """What kind of error an answer is."""

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
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class ErrorView(View, frozen=True, kw_only=True):
    """What every answer that is an error says."""

    code: ErrorCode
    message: Annotated[str, msgspec.Meta(description="What happened and what to do.")]
    parameter: Annotated[str | None, msgspec.Meta(description="The parameter that is at fault, if one is.")] = None
    correlation_id: Annotated[str, msgspec.Meta(description="Finds the answer in the logs.")]
