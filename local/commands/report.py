"""`python -m local report --month YYYY-MM`: the outcomes of a month's devices, by customer and batch, as CSV."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain

import msgspec

from local.commands import account
from local.commands.ending import ExitCode, ended
from local.commands.showing import print_json, write_bytes
from shared.pipeline.closing.csv_output import csv_text
from shared.pipeline.composition import Pipeline
from shared.status.queries import customer_names
from shared.storage.codec import UnreadableRecord
from shared.storage.keys import time_cursor
from shared.storage.record_table import OnUnreadable, raise_unreadable
from shared.storage.records import Counts, DeviceFile, DeviceOutcome
from shared.vocabulary import FileState, Outcome, Remedy

_DECEMBER = 12
_COUNTS = ("total", *Outcome)


class Line(msgspec.Struct, kw_only=True):
    """One customer and batch in a month. Rows of files without a batch folder that were never sent have no batch."""

    customer_id: str
    customer_name: str
    batch_id: str
    files: int = 0
    counts: Counts = Counts()
    withdrawn: int = 0
    """Devices that were registered and withdrawn since; they count in the total alone."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--month",
        required=True,
        type=_month,
        metavar="YYYY-MM",
        help="the month in which the files were received (UTC)",
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Write the report: 0 when it is written."""
    return ended(arguments, lambda: _report(arguments))


def _report(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    unreadable: list[UnreadableRecord] = []
    lines = monthly(pipeline, arguments.month, unreadable.append)
    for record in unreadable:
        print(f"Not counted: {record}", file=sys.stderr)
    if arguments.json:
        print_json(lines)
    else:
        columns = ("month", "customer_id", "customer", "batch_id", "files", *_COUNTS, "withdrawn")
        write_bytes(csv_text(chain([columns], (_cells(arguments.month, line) for line in lines))))
    return ExitCode.NOT_ALL_WELL if unreadable else ExitCode.DONE


def _cells(month: datetime, line: Line) -> list[str]:
    counts = (str(getattr(line.counts, name)) for name in _COUNTS)
    return [
        f"{month:%Y-%m}",
        line.customer_id,
        line.customer_name,
        line.batch_id,
        str(line.files),
        *counts,
        str(line.withdrawn),
    ]


def monthly(pipeline: Pipeline, month: datetime, unreadable: OnUnreadable = raise_unreadable) -> list[Line]:
    """A line for each customer and batch of the closed files received in `month`, by customer and batch.

    Each device counts once, as the best of its rows in the month: a row that was corrected or sent again is no second
    device. A row that names no device counts as itself. Records that cannot be read are given to `unreadable`, and
    counted nowhere.
    """
    names = customer_names(pipeline)
    lines: dict[tuple[str, str], Line] = {}
    devices: dict[bytes, Device] = {}
    for file in _closed_in(pipeline, month, unreadable):
        customer_id = file.customer_id or ""
        batches: set[str] = set()
        for number, (device, name) in enumerate(_devices(pipeline, file)):
            batches.add(device.batch_id)
            key = _digest(customer_id, name) if name else _digest(file.file_id, str(number))
            known = devices.get(key)
            if known is None or device.rank > known.rank:
                devices[key] = device
        for batch_id in batches:
            line = lines.setdefault(
                (customer_id, batch_id.casefold()),
                Line(customer_id=customer_id, customer_name=names.name_of(customer_id) or "", batch_id=batch_id),
            )
            line.files += 1
    for device in devices.values():
        line = lines[device.customer_id, device.batch_id.casefold()]
        line.withdrawn += device.is_withdrawn
        line.counts += Counts(total=1) if device.is_withdrawn else Counts(total=1, **{str(device.outcome): 1})
    return [lines[key] for key in sorted(lines)]


@dataclass(frozen=True, slots=True)
class Device:
    """One row of a month's files, as far as the report needs it."""

    customer_id: str
    batch_id: str
    outcome: Outcome
    is_withdrawn: bool
    at: datetime
    """When the file of the row was received, or the device withdrawn."""

    @property
    def rank(self) -> tuple[int, datetime]:
        """Greater for the row that says best how the device stands."""
        outcome = Outcome.REGISTERED if self.outcome is Outcome.REMOVED else self.outcome
        return _RANKS.index(Outcome.ALREADY_REGISTERED if self.is_withdrawn else outcome), self.at


_RANKS = (
    Outcome.DUPLICATE,
    Outcome.NOT_REGISTERED,
    Outcome.REJECTED,
    Outcome.CANCELLED,
    Outcome.FAILED,
    Outcome.UNKNOWN,
    Outcome.ALREADY_REGISTERED,
    Outcome.REGISTERED,
)
"""From the row that says least about a device to the one that says most. Of a device that one file registered and
another removed, the later row counts.

A device that one file registered and others found registered is gone once it is withdrawn: of a withdrawal and a row
that found the device registered, the later one tells.
"""


def _devices(pipeline: Pipeline, file: DeviceFile) -> Iterator[tuple[Device, str]]:
    """Each row of a file, with what identifies its device among those of the customer, if anything does."""
    total = file.read_counts.total
    known = pipeline.journal.withdrawals.devices(file.reading_id, 1, total) if file.withdrawal is not None else ()
    gone = {
        device.record.row: device.record.at or file.received_at
        for device in known
        if device.record.result is not None and device.record.result.is_gone and device.record.is_of_withdrawal
    }
    fixed = _fixed_in_its_month(pipeline, file)
    for row in pipeline.journal.outcomes.of_file(file):
        if row.remedy is Remedy.FIX and fixed.replaces(_name(row)):
            continue
        batch_id = file.batch_id or row.batch_id
        withdrawn_at = gone.get(row.row)
        device = Device(
            file.customer_id or "",
            batch_id,
            row.outcome,
            is_withdrawn=withdrawn_at is not None,
            at=withdrawn_at or file.received_at,
        )
        yield device, _name(row)


def _name(row: DeviceOutcome) -> str:
    """What identifies the device of a row among those of its customer; empty when nothing does."""
    return (row.serial_number or row.product_key).strip().casefold()


@dataclass(slots=True)
class _Fixed:
    """The devices of the files in which rows of one file were fixed."""

    names: set[str] = field(default_factory=set)
    renamed: int = 0
    """Devices that had another name, or none, before their rows were fixed."""

    def replaces(self, name: str) -> bool:
        """Whether a row to fix stands for a device that another file counts under its new name."""
        if name in self.names or not self.renamed:
            return False
        self.renamed -= 1
        return True


def _fixed_in_its_month(pipeline: Pipeline, file: DeviceFile) -> _Fixed:
    """The devices of the files of the month in which rows of a file stand fixed: those count them."""
    found = (pipeline.journal.files.get(file.customer_id, fix) for fix in file.fixes)
    fixes = [stored.record for stored in found if stored is not None and stored.record.closed_counts is not None]
    in_month = [fix for fix in fixes if (fix.received_at.year, fix.received_at.month) == _year_and_month(file)]
    if not in_month:
        return _Fixed()
    names = {_name(row) for fix in in_month for row in pipeline.journal.outcomes.of_file(fix)} - {""}
    before = {_name(row) for row in pipeline.journal.outcomes.of_file(file) if row.remedy is Remedy.FIX}
    return _Fixed(names, len(names - before))


def _year_and_month(file: DeviceFile) -> tuple[int, int]:
    return file.received_at.year, file.received_at.month


def _digest(*parts: str) -> bytes:
    """Identities are held as digests: a month may have very many devices."""
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()


def _closed_in(pipeline: Pipeline, month: datetime, unreadable: OnUnreadable) -> Iterator[DeviceFile]:
    for _, listing in pipeline.journal.files.final(time_cursor(_next(month)), unreadable=unreadable):
        if listing.received_at < month:
            return
        if listing.received_at < _next(month) and listing.state is FileState.CLOSED:
            try:
                stored = pipeline.journal.files.get(listing.customer_id, listing.file_id)
            except UnreadableRecord as record:
                unreadable(record)
                continue
            if stored is not None:
                yield stored.record


def _month(text: str) -> datetime:
    try:
        month = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        _next(month)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month such as 2026-11") from None
    return month


def _next(month: datetime) -> datetime:
    if month.month == _DECEMBER:
        return month.replace(year=month.year + 1, month=1)
    return month.replace(month=month.month + 1)
