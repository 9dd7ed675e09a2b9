"""A file that has ended, and the rows of its private copy, for retries and to_fix.csv."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.device_files.rows import CheckedRow
from shared.errors import DeviceDropError
from shared.pipeline.blob_names import private_copy
from shared.pipeline.composition import Pipeline
from shared.pipeline.private_copy import rows_as_read
from shared.storage.blobs import VersionGone
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile


class FileUnknown(DeviceDropError):
    """The journal has no such file of the customer, or no longer has it."""


class FileStillOpen(DeviceDropError):
    """The file has not ended, so some of its rows have no outcome yet."""


class CopyExpired(DeviceDropError):
    """The private copy of the file is past its retention and was deleted."""


def ended_file(pipeline: Pipeline, customer_id: str, file_id: str) -> Stored[DeviceFile]:
    """A file of the customer that has ended.

    Raises:
        FileUnknown: no file has that id.
        FileStillOpen: it has not ended.
    """
    stored = pipeline.journal.files.get(customer_id, file_id)
    if stored is None:
        raise FileUnknown(
            f"Customer {customer_id} has no file {file_id}. Look its id up in the results; files past their retention "
            "(setting RETENTION_DAYS) are deleted."
        )
    if not stored.record.state.is_final:
        raise FileStillOpen(
            f"File {file_id} ({stored.record.name}) is not closed yet, it is {stored.record.state}. "
            "Wait until it is closed, then try again."
        )
    return stored


def rows_again(pipeline: Pipeline, file: DeviceFile) -> Iterator[CheckedRow]:
    """The rows of a file as its final reading produced them.

    Raises:
        CopyExpired: the copy was deleted.
        UnreadableDeviceFile, ReadAgain: another version of the app reads the file differently.
    """
    with _copy_of(file):
        yield from rows_as_read(pipeline.private, file)


def copied_bytes(pipeline: Pipeline, file: DeviceFile) -> Iterator[bytes]:
    """The private copy in pieces.

    Raises:
        CopyExpired: the copy was deleted.
    """
    with _copy_of(file):
        yield from pipeline.private.stream(private_copy(file.file_id))


def expect_copy(pipeline: Pipeline, file: DeviceFile) -> None:
    """Check that the private copy exists before the response begins.

    Raises:
        CopyExpired: the copy was deleted.
    """
    if pipeline.private.version(private_copy(file.file_id)) is None:
        raise _expired(file)


@contextmanager
def _copy_of(file: DeviceFile) -> Iterator[None]:
    try:
        yield
    except VersionGone as gone:
        raise _expired(file) from gone


def _expired(file: DeviceFile) -> CopyExpired:
    return CopyExpired(
        f"The copy of file {file.file_id} ({file.name}) is past its retention (setting RETENTION_DAYS) and was "
        "deleted. Drop the rows from your own copy of the file."
    )
