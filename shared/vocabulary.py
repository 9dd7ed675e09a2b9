"""The product's words that more than one package uses, stored and shown exactly as here."""

from enum import StrEnum


class Outcome(StrEnum):
    """How one row of a device file ended. Every row ends in exactly one of these."""

    REGISTERED = "registered"
    ALREADY_REGISTERED = "already_registered"
    REMOVED = "removed"
    """The file asks to remove its devices: the service deleted this one."""
    NOT_REGISTERED = "not_registered"
    """The file asks to remove its devices: there was nothing to remove."""
    FAILED = "failed"
    """The service refused the device."""
    REJECTED = "rejected"
    """The row was never sent, for the reason given."""
    DUPLICATE = "duplicate"
    """Another row of the same file, which the outcome names, is the same device."""
    UNKNOWN = "unknown"
    """The service gave no verdict before the deadline."""
    CANCELLED = "cancelled"
    """Somebody stopped the file before the row was sent."""


class FileOrder(StrEnum):
    """What is to be done with the devices of a file."""

    REGISTER = "register"
    REMOVE = "remove"
    """Delete them from the batches of the customer."""
    MOVE = "move"
    """Delete them from the batches that they stand under, then register them under the batch of the file."""

    @property
    def folder(self) -> str | None:
        """The folder above those of the customers for files of this order; None for the usual one."""
        return None if self is FileOrder.REGISTER else f"{self}{_ORDER_ENDING}"


_ORDER_ENDING = "-devices"
RESERVED_FOLDERS = frozenset(filter(None, (order.folder for order in FileOrder)))
"""Folders above those of the customers, which no customer may be named like."""


class Remedy(StrEnum):
    """The next action that a person can take on a row."""

    NOTHING = "nothing"
    SEND_AGAIN = "send_again"
    """The same row may be sent again unchanged."""
    FIX = "fix"
    """A person can fix the row, or its folder, and drop it again."""
    ASK = "ask"
    """Another party must act first: the other tenant, or Microsoft support."""


class ProfileOutcome(StrEnum):
    """How assigning a profile to the device of a row ended. It stands beside the outcome of the row, never instead."""

    NONE = ""
    """No profile was wished for, the device is not registered for the customer, or the end is not known yet."""
    ASSIGNED = "assigned"
    FAILED = "failed"
    """The service did not assign it, for the reason given."""
    REJECTED = "rejected"
    """It was not asked for, for the reason given."""
    UNKNOWN = "unknown"
    """The service gave no verdict before the deadline."""
    CANCELLED = "cancelled"
    """Somebody stopped the file before it was asked for."""

    @property
    def is_missing(self) -> bool:
        """Whether the device did not get the profile that it should have, or may not have it."""
        return self not in (ProfileOutcome.NONE, ProfileOutcome.ASSIGNED)


class FileState(StrEnum):
    """The state of a device file. The last three are final."""

    RECEIVED = "received"
    """In the journal; its rows are being read. Nothing has been sent."""
    READ = "read"
    """Every row is journaled; its submissions may be sent."""
    CLOSING = "closing"
    """Every row has its outcome; the results are being written."""
    CLOSED = "closed"
    REJECTED = "rejected"
    """No row of it was sent, for the reason given."""
    GONE = "gone"
    """This version was deleted or overwritten before it could be read."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the file."""
        return self in (FileState.CLOSED, FileState.REJECTED, FileState.GONE)


class Standing(StrEnum):
    """How a file stands, in the words of lists, commands, events and summaries: a closed file is not always done."""

    READING = "reading"
    REGISTERING = "registering"
    WRITING_RESULTS = "writing results"
    CLOSED = "closed"
    PARTLY_REGISTERED = "closed, partly registered"
    NONE_REGISTERED = "closed, nothing registered"
    NOTHING_TO_REGISTER = "closed, nothing to register"
    REMOVING = "removing devices"
    PARTLY_REMOVED = "closed, partly removed"
    NONE_REMOVED = "closed, nothing removed"
    NOTHING_TO_REMOVE = "closed, nothing to remove"
    MOVING = "moving devices"
    PARTLY_MOVED = "closed, partly moved"
    NONE_MOVED = "closed, nothing moved"
    NOTHING_TO_MOVE = "closed, nothing to move"
    MAY_BE_INCOMPLETE = "closed, may be incomplete"
    PROFILES_MISSING = "closed, profiles missing"
    """Each device is as the file asks, but some did not get the profile that its row wishes for, or may not have it."""
    REJECTED = "rejected"
    GONE = "deleted before it was read"
    BEING_WITHDRAWN = "being withdrawn"
    PARTLY_WITHDRAWN = "withdrawn in part"
    WITHDRAWN = "withdrawn"


class WithdrawalState(StrEnum):
    """The state of withdrawing a file's devices."""

    UNDER_WAY = "under_way"
    FINISHED = "finished"


class WithdrawalResult(StrEnum):
    """The result for one device to be withdrawn. The outcome of its row does not change."""

    WITHDRAWN = "withdrawn"
    """The service deleted it."""
    ALREADY_GONE = "already_gone"
    """It no longer existed."""
    REFUSED = "refused"
    """The service refused to delete it, or its device in the batch could not be identified."""

    @property
    def is_gone(self) -> bool:
        """Whether the device is no longer registered."""
        return self is not WithdrawalResult.REFUSED


class SubmissionState(StrEnum):
    """The state of one POST of devices. The last three are final."""

    PENDING = "pending"
    """Not accepted yet; it may be sent once its file is `read`."""
    ACCEPTED = "accepted"
    """The service accepted it and is processing it."""
    FINISHED = "finished"
    """Each of its devices has an outcome."""
    REFUSED = "refused"
    """The service refused it as a whole; each of its devices is `failed`."""
    SPLIT = "split"
    """The service refused it as a whole; its halves, `{number}-0` and `{number}-1`, continue."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the submission itself."""
        return self not in (SubmissionState.PENDING, SubmissionState.ACCEPTED)


class HoldState(StrEnum):
    """What a hold says of the sending that it concerns."""

    HELD = "held"
    """Nothing is sent until somebody lets it go on."""
    STOPPED = "stopped"
    """Nothing more is sent, for good. Of files only."""
    SENT_ON = "sent_on"
    """Somebody let a file go on that the app held because it fails: the app does not hold it again."""


class ActKind(StrEnum):
    """What a person or script asked the app to do."""

    SEND = "send"
    """Send a file that was dropped on the page."""
    REMOVE = "remove"
    """Send a file that asks to remove its devices."""
    MOVE = "move"
    """Send a file that asks to move its devices."""
    FIX = "fix"
    """Send rows of a file again that were fixed on the page."""
    SEND_AGAIN = "send_again"
    WITHDRAW = "withdraw"
    HOLD = "hold"
    """Send nothing of a file, a customer, or at all."""
    GO_ON = "go_on"
    """End a hold."""
    STOP = "stop"
    """Send nothing more of a file, for good."""
    NAME_CUSTOMER = "name_customer"
    RENAME_CUSTOMER = "rename_customer"
    REMOVE_CUSTOMER = "remove_customer"
    PRIORITISE_CUSTOMER = "prioritise_customer"
    LIMIT_CUSTOMER = "limit_customer"
    """Set or remove the daily limit of a customer."""
    ASSIGN_PROFILE = "assign_profile"
    """Assign a profile to the devices of a closed file."""
    SET_PROFILE = "set_profile"
    """Set or remove the default profile of a customer or of one of its batches."""


class Priority(StrEnum):
    """Whose submissions wait first when there is a queue: those of the lowest priority."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class CheckState(StrEnum):
    """What a check of the app's health found."""

    WELL = "well"
    WARNING = "warning"
    """It works, and somebody should look at it."""
    BROKEN = "broken"
    CANNOT_BE_TOLD = "cannot_be_told"
    """It gave no answer in time, or cannot be seen from here."""


def grouped(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 row`, `12,345 rows`."""
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"
