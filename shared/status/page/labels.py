"""The words, icons and colours with which the page shows states, outcomes and remedies. Pure."""

from dataclasses import dataclass

from shared.device_files.rows import Column
from shared.pipeline.closing.summary import standing
from shared.pipeline.default_profiles import ProfileSource
from shared.pipeline.inventory.drift_events import DRIFT_WORDS
from shared.pipeline.inventory.plan import Place
from shared.pipeline.inventory.planned_profiles import ProfileFate
from shared.reasons import explanation_of
from shared.status.schemas import FileView, StandstillKind
from shared.storage.inventories import DriftKind
from shared.vocabulary import (
    ActKind,
    CheckState,
    FileOrder,
    FileState,
    Outcome,
    Remedy,
    Standing,
    SubmissionState,
    WithdrawalResult,
)

OPEN = "open"
"""Stands in the place of an outcome for rows that have none yet."""


@dataclass(frozen=True, slots=True)
class Label:
    """A value of the vocabulary as people see it. `icon` and `tone` are names in macros.html and in status.css."""

    text: str
    icon: str
    tone: str


OUTCOMES: dict[Outcome, Label] = {
    Outcome.REGISTERED: Label("registered", "registered", "registered"),
    Outcome.ALREADY_REGISTERED: Label("already registered", "already_registered", "already_registered"),
    Outcome.REMOVED: Label("removed", "removed", "removed"),
    Outcome.NOT_REGISTERED: Label("not registered", "not_registered", "not_registered"),
    Outcome.FAILED: Label("failed", "failed", "failed"),
    Outcome.REJECTED: Label("rejected", "rejected", "rejected"),
    Outcome.UNKNOWN: Label("unknown", "unknown", "unknown"),
    Outcome.CANCELLED: Label("cancelled", "cancelled", "cancelled"),
    Outcome.DUPLICATE: Label("duplicate", "duplicate", "duplicate"),
}
"""In the order in which they are shown: done, then those that need attention, then duplicates."""

DONE: dict[FileOrder, str] = {
    FileOrder.REGISTER: "registered",
    FileOrder.REMOVE: "removed",
    FileOrder.MOVE: "moved",
}
"""What the devices of a file are when it is done with them."""

ORDERS: dict[FileOrder, str] = {
    FileOrder.REGISTER: "to register",
    FileOrder.REMOVE: "to remove",
    FileOrder.MOVE: "to move",
}
"""What is to be done with the devices of a file."""

OPEN_ROWS = Label("in progress", "open", "open")

FILE_STATES: dict[FileState, Label] = {
    FileState.RECEIVED: Label(Standing.READING, "work", "in-progress"),
    FileState.READ: Label(Standing.REGISTERING, "work", "in-progress"),
    FileState.CLOSING: Label(Standing.WRITING_RESULTS, "work", "in-progress"),
    FileState.CLOSED: Label(Standing.CLOSED, "done", "registered"),
    FileState.REJECTED: Label(Standing.REJECTED, "rejected", "rejected"),
    FileState.GONE: Label(Standing.GONE, "unknown", "duplicate"),
}

WITHDRAWN = Label(Standing.WITHDRAWN, "undo", "duplicate")
MAY_BE_INCOMPLETE = Label(Standing.MAY_BE_INCOMPLETE, "attention", "rejected")
PROFILES_MISSING = Label(Standing.PROFILES_MISSING, "attention", "rejected")

_STANDINGS: dict[Standing, Label] = {
    Standing.BEING_WITHDRAWN: Label(Standing.BEING_WITHDRAWN, "undo", "in-progress"),
    Standing.PARTLY_WITHDRAWN: Label(Standing.PARTLY_WITHDRAWN, "attention", "rejected"),
    Standing.WITHDRAWN: WITHDRAWN,
    Standing.PARTLY_REGISTERED: Label(Standing.PARTLY_REGISTERED, "attention", "rejected"),
    Standing.NONE_REGISTERED: Label(Standing.NONE_REGISTERED, "attention", "failed"),
    Standing.NOTHING_TO_REGISTER: Label(Standing.NOTHING_TO_REGISTER, "done", "duplicate"),
    Standing.REMOVING: Label(Standing.REMOVING, "work", "in-progress"),
    Standing.PARTLY_REMOVED: Label(Standing.PARTLY_REMOVED, "attention", "rejected"),
    Standing.NONE_REMOVED: Label(Standing.NONE_REMOVED, "attention", "failed"),
    Standing.NOTHING_TO_REMOVE: Label(Standing.NOTHING_TO_REMOVE, "done", "duplicate"),
    Standing.MOVING: Label(Standing.MOVING, "work", "in-progress"),
    Standing.PARTLY_MOVED: Label(Standing.PARTLY_MOVED, "attention", "rejected"),
    Standing.NONE_MOVED: Label(Standing.NONE_MOVED, "attention", "failed"),
    Standing.NOTHING_TO_MOVE: Label(Standing.NOTHING_TO_MOVE, "done", "duplicate"),
    Standing.MAY_BE_INCOMPLETE: MAY_BE_INCOMPLETE,
    Standing.PROFILES_MISSING: PROFILES_MISSING,
}
"""The standings of closed files beside `closed` itself, and of files that ask for something else than registering."""

SUBMISSION_STATES: dict[SubmissionState, Label] = {
    SubmissionState.PENDING: Label("to be sent", "open", "open"),
    SubmissionState.ACCEPTED: Label("accepted", "work", "in-progress"),
    SubmissionState.FINISHED: Label("finished", "done", "registered"),
    SubmissionState.REFUSED: Label("refused", "failed", "failed"),
    SubmissionState.SPLIT: Label("split", "duplicate", "duplicate"),
}

REMEDIES: dict[Remedy, Label] = {
    Remedy.FIX: Label("fix", "fix", "rejected"),
    Remedy.SEND_AGAIN: Label("send again", "send", "in-progress"),
    Remedy.ASK: Label("needs someone else", "ask", "unknown"),
    Remedy.NOTHING: Label("nothing", "done", "registered"),
}


_PLACES: dict[Place, Label] = {
    Place.NEW: Label("new", "registered", "registered"),
    Place.IN_THIS_BATCH: Label("in this batch", "already_registered", "already_registered"),
    Place.IN_OTHER_BATCH: Label("in batch", "attention", "rejected"),
    Place.AT_OTHER_CUSTOMER: Label("at our customer", "failed", "failed"),
    Place.CANNOT_BE_TOLD: Label("cannot be told", "unknown", "unknown"),
}
_PLACES_OF_ORDER: dict[FileOrder, dict[Place, Label]] = {
    FileOrder.REGISTER: {},
    FileOrder.REMOVE: {
        Place.NEW: Label("not registered", "not_registered", "not_registered"),
        Place.IN_THIS_BATCH: Label("in batch", "removed", "removed"),
        Place.IN_OTHER_BATCH: Label("only in batch", "attention", "rejected"),
    },
    FileOrder.MOVE: {Place.IN_OTHER_BATCH: Label("in batch", "registered", "registered")},
}


def places_for(order: FileOrder) -> dict[Place, Label]:
    """Where the device of a row stands before its file of this order is sent; the batch or customer follows the words.

    A device that is to be removed is in "this" batch where the removal searches for it.
    """
    return _PLACES | _PLACES_OF_ORDER[order]


def place_headings(order: FileOrder) -> dict[Place, str]:
    """The same places of several rows, with no batch or customer behind the words."""
    names = {place: label.text for place, label in places_for(order).items()}
    names |= {Place.IN_OTHER_BATCH: "in another batch", Place.AT_OTHER_CUSTOMER: "at another customer"}
    return names | ({Place.IN_THIS_BATCH: "registered"} if order is FileOrder.REMOVE else {})


PROFILE_FATES: dict[ProfileFate, Label] = {
    ProfileFate.HAS_IT: Label("has it", "already_registered", "already_registered"),
    ProfileFate.GETS_IT: Label("gets it", "registered", "registered"),
    ProfileFate.NO_SUCH_PROFILE: Label("no such profile", "failed", "failed"),
    ProfileFate.AMBIGUOUS: Label("several profiles of this name", "attention", "rejected"),
    ProfileFate.GETS_NONE: Label("gets none", "not_registered", "not_registered"),
    ProfileFate.CANNOT_BE_TOLD: Label("cannot be told", "unknown", "unknown"),
}
"""What would come of the profile that a row wishes for."""

PROFILE_SOURCES: dict[ProfileSource, str] = {
    ProfileSource.ROW: "",
    ProfileSource.BATCH: "default of the batch",
    ProfileSource.CUSTOMER: "default of the customer",
}
"""Where the wish comes from, if not from the row itself."""


DRIFT: dict[DriftKind, Label] = {
    DriftKind.DELETED: Label(DRIFT_WORDS[DriftKind.DELETED], "failed", "failed"),
    DriftKind.MOVED: Label(DRIFT_WORDS[DriftKind.MOVED], "attention", "rejected"),
    DriftKind.REGISTERED: Label(DRIFT_WORDS[DriftKind.REGISTERED], "ask", "unknown"),
}


def file_label(file: FileView) -> Label:
    """The state of a file for people; a closed file looks done only if every device of it is as it asks."""
    stands = standing(
        file.state,
        order=file.order,
        done=file.rows_done,
        left=max(0, file.rows_left),
        total=file.counts.total,
        is_incomplete=file.is_incomplete,
        without_profile=file.without_profile,
        withdrawal=file.withdrawal,
    )
    return _STANDINGS.get(stands, FILE_STATES[file.state])


def outcome_label(name: str) -> str:
    """An outcome, or `open`, for people."""
    return OPEN_ROWS.text if name == OPEN else OUTCOMES[Outcome(name)].text


STANDSTILLS: dict[StandstillKind, str] = {
    StandstillKind.HELD: "Sending is on hold",
    StandstillKind.STOPPED: "The file is being stopped",
    StandstillKind.PAUSED: "Sending is paused",
    StandstillKind.LIMIT_REACHED: "Today's limit is reached",
    StandstillKind.SIGN_IN_REFUSED: "Everything stands still: the sign-in to Partner Center is refused",
    StandstillKind.NOT_ALLOWED: "Sending stands still: Partner Center does not allow it",
    StandstillKind.THROTTLED: "Sending waits: Partner Center asked for fewer requests",
    StandstillKind.SERVICE_AWAY: "Partner Center gives no usable answer",
}
"""The titles of what stands still."""

FIX_COLUMNS: dict[Column, str] = {
    Column.SERIAL_NUMBER: "Serial number",
    Column.PRODUCT_KEY: "Product key",
    Column.MANUFACTURER: "Manufacturer",
    Column.MODEL: "Model",
    Column.GROUP_TAG: "Group tag (batch)",
}

CHECK_STATES: dict[CheckState, Label] = {
    CheckState.WELL: Label("well", "done", "registered"),
    CheckState.WARNING: Label("needs a look", "attention", "rejected"),
    CheckState.BROKEN: Label("broken", "failed", "failed"),
    CheckState.CANNOT_BE_TOLD: Label("cannot be told", "unknown", "unknown"),
}
"""What a check of the app's health found."""

ACTS: dict[ActKind, str] = {
    ActKind.SEND: "Send a file",
    ActKind.REMOVE: "Remove devices",
    ActKind.MOVE: "Move devices",
    ActKind.FIX: "Send fixed rows",
    ActKind.SEND_AGAIN: "Send rows again",
    ActKind.WITHDRAW: "Withdraw devices",
    ActKind.HOLD: "Hold what is sent",
    ActKind.GO_ON: "Let it go on",
    ActKind.STOP: "Stop a file",
    ActKind.NAME_CUSTOMER: "Name a customer",
    ActKind.RENAME_CUSTOMER: "Rename a customer",
    ActKind.REMOVE_CUSTOMER: "Remove a customer's name",
    ActKind.PRIORITISE_CUSTOMER: "Set a customer's priority",
    ActKind.LIMIT_CUSTOMER: "Set a customer's daily limit",
    ActKind.ASSIGN_PROFILE: "Assign a profile",
    ActKind.SET_PROFILE: "Set a default profile",
}

WITHDRAWALS: dict[WithdrawalResult, Label] = {
    WithdrawalResult.WITHDRAWN: Label("withdrawn since", "undo", "duplicate"),
    WithdrawalResult.ALREADY_GONE: Label("withdrawn since: it was gone already", "undo", "duplicate"),
    WithdrawalResult.REFUSED: Label("Partner Center refused to withdraw it", "attention", "rejected"),
}


def note_meaning(name: str) -> str:
    """The sentence of a note on a row; a note that this version of the app does not know is shown as it is."""
    explanation = explanation_of(name)
    return name if explanation is None else explanation.sentence
