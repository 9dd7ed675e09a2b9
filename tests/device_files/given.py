"""What the tests of device files share: the samples, and one way to read bytes to their end."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from shared.device_files.account import FileAccount
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, Rules

SAMPLES = Path(__file__).with_name("samples")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
_MOST_READINGS = 3


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def sample_hashes() -> list[tuple[str, str]]:
    """Serial number and hash of each of the ten sample devices, in order."""
    text = sample("hardware_hashes_utf16le.csv").decode("utf-16")
    return [(row[0], row[2]) for row in list(csv.reader(io.StringIO(text)))[1:]]


HASHES = dict(sample_hashes())
"""Hashes by serial number; of the two with the same placeholder, the last."""


def read(
    data: bytes | Iterable[bytes], *, name: str = "devices.csv", rules: Rules | None = None, now: datetime = NOW
) -> list[CheckedRow]:
    """The rows of a file as a caller ends up with them: read again while a later row changes an earlier one."""
    return read_with_account(data, name=name, rules=rules, now=now)[0]


def read_with_account(
    data: bytes | Iterable[bytes], *, name: str = "devices.csv", rules: Rules | None = None, now: datetime = NOW
) -> tuple[list[CheckedRow], FileAccount]:
    """The rows of a file, and what became of everything in it that is none."""
    chunks = [data] if isinstance(data, bytes) else list(data)
    findings = Findings()
    for _ in range(_MOST_READINGS):
        account = FileAccount()
        try:
            rows = read_device_file(
                lambda: chunks, name=name, rules=rules or Rules(), now=now, findings=findings, account=account
            )
            return list(rows), account
        except ReadAgain as again:
            findings = again.findings
    raise AssertionError(f"The file is to be read more than {_MOST_READINGS} times.")
