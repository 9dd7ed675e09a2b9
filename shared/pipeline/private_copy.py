"""Reads the private copy of a device file: by its rules, whatever the settings and the dropped blob are by now."""

from collections.abc import Iterator

from shared.device_files.account import FileAccount
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, Rules
from shared.pipeline.blob_names import private_copy
from shared.storage.blobs import Container
from shared.storage.records import DeviceFile


def rules_of(file: DeviceFile) -> Rules:
    """The rules that the file is read by."""
    return Rules(
        trust_hash_serial=file.trust_hash_serial,
        reject_bad_checksum_of_unknown_tools=file.reject_unknown_checksums,
        oldest_hash_days=file.oldest_hash_days,
        batch_by_group_tag=file.batch_id is None,
        has_default_batch=file.default_batch is not None,
        refuse_device_identifiers=file.refuse_device_identifiers,
    )


def read_copy(
    private: Container, file: DeviceFile, findings: Findings | None = None, account: FileAccount | None = None
) -> Iterator[CheckedRow]:
    """The rows of a file. Raises VersionGone when its copy is not there, and what `read_device_file` raises."""
    return read_device_file(
        lambda: private.stream(private_copy(file.file_id)),
        name=file.name,
        rules=rules_of(file),
        now=file.received_at,
        findings=findings,
        account=account,
    )


def rows_as_read(private: Container, file: DeviceFile) -> Iterator[CheckedRow]:
    """The rows of a file as the reading that counts gave them.

    Raises:
        VersionGone: its copy is not there.
        UnreadableDeviceFile, ReadAgain: another version of the app reads the file in another way.
    """
    # In a first reading no later row has changed what becomes of an earlier one.
    return read_copy(private, file, None if file.reading == 1 else _findings(private, file))


def _findings(private: Container, file: DeviceFile) -> Findings | None:
    """What the readings before the one that counts found out; as many readings as that takes."""
    findings: Findings | None = None
    while True:
        try:
            for _ in read_copy(private, file, findings):
                pass
        except ReadAgain as again:
            findings = again.findings
        else:
            return findings
