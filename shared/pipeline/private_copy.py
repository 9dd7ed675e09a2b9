"""Reads the private copy of a device file by the file's own rules, even if settings or the dropped blob changed."""

from collections.abc import Iterator

from shared.device_files.account import FileAccount
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, Rules
from shared.pipeline.blob_names import private_copy
from shared.storage.blobs import Container
from shared.storage.records import DeviceFile
from shared.vocabulary import FileOrder


def rules_of(file: DeviceFile) -> Rules:
    """The rules by which the file is read."""
    return Rules(
        trust_hash_serial=file.trust_hash_serial,
        reject_bad_checksum_of_unknown_tools=file.reject_unknown_checksums,
        oldest_hash_days=file.oldest_hash_days,
        batch_by_group_tag=file.batch_id is None,
        has_default_batch=file.default_batch is not None,
        serial_number_is_enough=file.order is FileOrder.REMOVE,
        refuse_device_identifiers=file.refuse_device_identifiers,
    )


def read_copy(
    private: Container, file: DeviceFile, findings: Findings | None = None, account: FileAccount | None = None
) -> Iterator[CheckedRow]:
    """The rows of a file. Raises VersionGone when its copy is missing, and the errors of `read_device_file`."""
    return read_device_file(
        lambda: private.stream(private_copy(file.file_id)),
        name=file.name,
        rules=rules_of(file),
        now=file.received_at,
        findings=findings,
        account=account,
    )


def rows_as_read(private: Container, file: DeviceFile) -> Iterator[CheckedRow]:
    """The rows of a file as its final reading produced them.

    Raises:
        VersionGone: its copy is missing.
        UnreadableDeviceFile, ReadAgain: another version of the app reads the file differently.
    """
    # In a first reading, no later row changed the outcome of an earlier row.
    return read_copy(private, file, None if file.reading == 1 else _findings(private, file))


def _findings(private: Container, file: DeviceFile) -> Findings | None:
    """The findings of the readings before the final one, repeating as many readings as needed."""
    findings: Findings | None = None
    while True:
        try:
            for _ in read_copy(private, file, findings):
                pass
        except ReadAgain as again:
            findings = again.findings
        else:
            return findings
