"""The words of the product that more than one part of the house uses, stored and shown as they stand here."""

from enum import StrEnum


class Outcome(StrEnum):
    """How one row of a device file ended. Every row ends in exactly one of these."""

    REGISTERED = "registered"
    ALREADY_REGISTERED = "already_registered"
    FAILED = "failed"
    """The service said no."""
    REJECTED = "rejected"
    """It was never sent, for the reason given."""
    DUPLICATE = "duplicate"
    """Another row of the same file, which is named, is the same device."""
    UNKNOWN = "unknown"
    """The service gave no verdict before the deadline."""


class Remedy(StrEnum):
    """What a person does next about a row."""

    NOTHING = "nothing"
    SEND_AGAIN = "send_again"
    """The same row may simply be sent again."""
    FIX = "fix"
    """A person can fix the row, or where it lies, and drop it again."""
    ASK = "ask"
    """Someone else must act first: the other tenant, or Microsoft's support."""


class FileState(StrEnum):
    """How far a device file has come. The last three are final."""

    RECEIVED = "received"
    """Known to the journal; its rows are being read. Nothing has been sent."""
    READ = "read"
    """Every row is journaled; its submissions may be sent."""
    CLOSING = "closing"
    """Every row has its outcome; the results are being written."""
    CLOSED = "closed"
    REJECTED = "rejected"
    """Nothing of it was sent, for the reason given."""
    GONE = "gone"
    """This version was deleted or overwritten before it could be read."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the file."""
        return self in (FileState.CLOSED, FileState.REJECTED, FileState.GONE)


class WithdrawalState(StrEnum):
    """How far the withdrawal of a file's devices has come."""

    UNDER_WAY = "under_way"
    FINISHED = "finished"


class WithdrawalResult(StrEnum):
    """What became of one device that was to be withdrawn. The outcome of its row stays what it was."""

    WITHDRAWN = "withdrawn"
    """The service deleted it."""
    ALREADY_GONE = "already_gone"
    """It was not there any more."""
    REFUSED = "refused"
    """The service would not delete it, or it could not be told which one it is."""


class SubmissionState(StrEnum):
    """How far one POST of devices has come. The last three are final."""

    PENDING = "pending"
    """Not accepted yet; it may be sent once its file is `read`."""
    ACCEPTED = "accepted"
    """The service took it and works on it."""
    FINISHED = "finished"
    """Every device of it has its outcome."""
    REFUSED = "refused"
    """The service refused it as a whole; every device of it is `failed`."""
    SPLIT = "split"
    """The service refused it as a whole; its halves, `{number}-0` and `{number}-1`, go on."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the submission itself."""
        return self not in (SubmissionState.PENDING, SubmissionState.ACCEPTED)
