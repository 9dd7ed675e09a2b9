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
