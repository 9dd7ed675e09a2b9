"""What is asked of a file that has ended: the file itself, and the rows of its private copy, read as they were."""

from collections.abc import Iterator

from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, Rules
from shared.errors import DeviceDropError
from shared.pipeline.blob_names import private_copy
from shared.pipeline.composition import Pipeline
from shared.storage.blobs import VersionGone
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile


class FileUnknown(DeviceDropError):
    """The journal knows no such file of the customer, or no longer."""


class FileStillOpen(DeviceDropError):
    """What is asked needs every row's outcome, and the file has not ended."""


class CopyExpired(DeviceDropError):
    """The private copy of the file is past its retention and was deleted."""


def ended_file(pipeline: Pipeline, customer_id: str, file_id: str) -> Stored[DeviceFile]:
    """A file of the customer that has ended.

    Raises:
        FileUnknown: there is none of that id.
        FileStillOpen: it is still worked on.
    """
    stored = pipeline.journal.files.get(customer_id, file_id)
    if stored is None:
        raise FileUnknown(
            f"Customer {customer_id} has no file {file_id}. Look its id up in the results; files past their retention "
            "(setting RETENTION_DAYS) are forgotten."
        )
    if not stored.record.state.is_final:
        raise FileStillOpen(
            f"File {file_id} ({stored.record.name}) is not closed yet, it is {stored.record.state}. "
            "Wait until it is closed, then ask again."
        )
    return stored


def rules_of(file: DeviceFile) -> Rules:
    """The rules that the file is read by, whatever the settings are now."""
    return Rules(
        trust_hash_serial=file.trust_hash_serial,
        reject_bad_checksum_of_unknown_tools=file.reject_unknown_checksums,
        oldest_hash_days=file.oldest_hash_days,
        batch_by_group_tag=file.batch_id is None,
        has_default_batch=file.default_batch is not None,
        refuse_device_identifiers=file.refuse_device_identifiers,
    )


def rows_again(pipeline: Pipeline, file: DeviceFile) -> Iterator[CheckedRow]:
    """The rows of a file, from its private copy, as the reading that counts gave them.

    Raises:
        CopyExpired: the copy is not there any more.
        UnreadableDeviceFile, ReadAgain: another version of the app reads the file in another way.
    """
    findings = None
    if file.reading > 1:
        # Only then may a later row have changed what became of an earlier one.
        findings = _findings(pipeline, file)
    return _rows(pipeline, file, findings)


def _findings(pipeline: Pipeline, file: DeviceFile) -> Findings | None:
    """What the readings before the one that counts found out; it takes as many as they were."""
    findings: Findings | None = None
    while True:
        try:
            for _ in _rows(pipeline, file, findings):
                pass
        except ReadAgain as again:
            findings = again.findings
        else:
            return findings


def _rows(pipeline: Pipeline, file: DeviceFile, findings: Findings | None) -> Iterator[CheckedRow]:
    return read_device_file(
        lambda: copied_bytes(pipeline, file),
        name=file.name,
        rules=rules_of(file),
        now=file.received_at,
        findings=findings,
    )


def copied_bytes(pipeline: Pipeline, file: DeviceFile) -> Iterator[bytes]:
    """The private copy in pieces.

    Raises:
        CopyExpired: the copy is not there any more.
    """
    try:
        yield from pipeline.private.stream(private_copy(file.file_id))
    except VersionGone as gone:
        raise _expired(file) from gone


def expect_copy(pipeline: Pipeline, file: DeviceFile) -> None:
    """Make sure of the private copy before anything is answered.

    Raises:
        CopyExpired: the copy is not there any more.
    """
    if pipeline.private.version(private_copy(file.file_id)) is None:
        raise _expired(file)


def _expired(file: DeviceFile) -> CopyExpired:
    return CopyExpired(
        f"The copy of file {file.file_id} ({file.name}) is past its retention (setting RETENTION_DAYS) and was "
        "deleted. Drop the rows from your own copy of the file."
    )
