"""What would happen to each row of a device file if it were dropped: one truth for `check`, `drop` and the page. Pure.

Intake decides by the same reader, the same rules and the same choice of batches.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.device_files.account import FileAccount
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import OpenFile, read_device_file
from shared.device_files.rows import CheckedRow, FileRemark, PassedOver, Rules
from shared.errors import DeviceDropError
from shared.pipeline.intake.rules import (
    MOST_BATCHES,
    FileRejected,
    batch_of_row,
    default_batch_for,
    rules_for,
    too_many_batches,
)
from shared.reasons import REMOVAL_REASONS, FileNote, Note, RemovalReason, RowReason, UnreadableDeviceFile
from shared.settings import Settings
from shared.vocabulary import FileOrder, counted

MOST_ROWS_KEPT = 100
"""Rows of each kind that a preview keeps to be shown; the counts go on."""

_ROWS_BETWEEN_LOOKS_AT_THE_TIME = 256

_READ_IN_ANY_CASE = 4 * 1024 * 1024
"""Bytes, of which the worst kind takes a few seconds."""


class _OutOfTime(DeviceDropError):
    """The time is up in the middle of what holds no rows, such as comments."""


class Fate(StrEnum):
    """What would become of a row."""

    SEND = "send"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


def fate_of(row: CheckedRow) -> Fate:
    """What would become of a row."""
    if row.device is not None:
        return Fate.SEND
    return Fate.DUPLICATE if row.duplicate_of is not None else Fate.REJECTED


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a file would be dropped."""

    rules: Rules
    batch_id: str | None = None
    """The batch folder. Without one, the group tag of each row names its batch if the rules say so."""
    default_batch: str | None = None
    order: FileOrder = FileOrder.REGISTER

    def batch_of(self, row: CheckedRow) -> str | None:
        """The batch of a row that would be sent; None where the batch does not matter."""
        if self.batch_id is None and not self.rules.batch_by_group_tag:
            return None
        return batch_of_row(row.group_tag, self.batch_id, self.default_batch)


def destination_for(
    settings: Settings, customer_id: str | None, batch_id: str | None, order: FileOrder = FileOrder.REGISTER
) -> Destination:
    """The destination of a file that is dropped for this customer now, in a batch folder or (None) without one."""
    rules = rules_for(settings, customer_id, batch_id, order)
    return Destination(rules, batch_id, default_batch_for(settings, order), order)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why no row of a file would be sent."""

    reason: str
    """One word of the public vocabulary."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The rows of a file, counted by what would become of them."""

    fates: Mapping[Fate, int] = field(default_factory=dict)
    reasons: Mapping[RowReason, int] = field(default_factory=dict)
    """The rejected rows, the most frequent reason first."""
    notes: Mapping[Note, int] = field(default_factory=dict)
    """The notes on rows that would be sent, the most frequent first."""
    batches: Mapping[str, int] = field(default_factory=dict)
    """The rows that would be sent, by their batch, in the first spelling of each; to be removed from any: empty."""
    nameless: int = 0
    """The rows of devices to be removed or moved that have no name by which the device could be found."""
    rejected: tuple[CheckedRow, ...] = ()
    """The first rejected rows."""
    noted: tuple[CheckedRow, ...] = ()
    """The first rows that would be sent and have a note."""
    passed_over: tuple[PassedOver, ...] = ()
    remarks: tuple[FileRemark, ...] = ()
    fault: Fault | None = None
    is_cut_short: bool = False
    """Whether the time was up before the end of the file: the counts are those of its first rows."""
    findings: Findings | None = None
    """With these, one more reading gives each row its final outcome."""

    @property
    def rows(self) -> int:
        """The rows of the file."""
        return sum(self.fates.values())

    @property
    def sends(self) -> int:
        """The rows that would be sent."""
        return self.fates.get(Fate.SEND, 0)

    @property
    def nameless_sentence(self) -> str:
        """How many rows are nameless, and what becomes of them; empty where none is."""
        if not self.nameless:
            return ""
        explanation = REMOVAL_REASONS[RemovalReason.NOTHING_TO_FIND_IT_BY]
        ends = f"{counted(self.nameless, 'row')} will end as {RemovalReason.NOTHING_TO_FIND_IT_BY}"
        return f"{ends}: {explanation.sentence} {explanation.what_to_do}"

    @property
    def is_incomplete(self) -> bool:
        """Whether the file may hold devices that are in none of its rows."""
        return any(remark.note is FileNote.MAY_HOLD_DEVICES for remark in self.remarks)


def preview(
    open_file: OpenFile,
    *,
    name: str,
    destination: Destination,
    now: datetime,
    is_late: Callable[[], bool] = lambda: False,
) -> Preview:
    """What would happen to the rows of a file. `is_late`: whether the time for it is up."""
    findings: Findings | None = None
    while True:
        tally, account = _Tally(destination), FileAccount()
        rows = read_device_file(
            lambda: _in_time(open_file, is_late),
            name=name,
            rules=destination.rules,
            now=now,
            findings=findings,
            account=account,
        )
        try:
            for row in rows:
                tally.add(row)
                if row.row % _ROWS_BETWEEN_LOOKS_AT_THE_TIME == 0 and is_late():
                    return tally.result(account, findings, is_cut_short=True)
        except ReadAgain as again:
            findings = again.findings
        except _OutOfTime:
            return tally.result(account, findings, is_cut_short=True)
        except (UnreadableDeviceFile, FileRejected) as error:
            return Preview(fault=Fault(error.reason, str(error)))
        else:
            return tally.result(account, findings)


def _in_time(open_file: OpenFile, is_late: Callable[[], bool]) -> Iterator[bytes]:
    """The pieces of a file. Raises _OutOfTime when the time is up and more than its first part was read."""
    size = 0
    for piece in open_file():
        if size > _READ_IN_ANY_CASE and is_late():
            raise _OutOfTime
        size += len(piece)
        yield piece


@dataclass(slots=True)
class _Tally:
    """Counts the rows of one reading."""

    destination: Destination
    fates: Counter[Fate] = field(default_factory=Counter)
    reasons: Counter[RowReason] = field(default_factory=Counter)
    notes: Counter[Note] = field(default_factory=Counter)
    batches: Counter[str] = field(default_factory=Counter)
    spellings: dict[str, str] = field(default_factory=dict)
    nameless: int = 0
    rejected: list[CheckedRow] = field(default_factory=list)
    noted: list[CheckedRow] = field(default_factory=list)

    def add(self, row: CheckedRow) -> None:
        """Count one row. Raises FileRejected when the rows name too many batches."""
        fate = fate_of(row)
        self.fates[fate] += 1
        if fate is Fate.SEND:
            self._add_sent(row)
        elif fate is Fate.REJECTED:
            if row.reason is not None:
                self.reasons[row.reason] += 1
            if len(self.rejected) < MOST_ROWS_KEPT:
                self.rejected.append(row)

    def _add_sent(self, row: CheckedRow) -> None:
        self.notes.update(row.notes)
        if self.destination.order is not FileOrder.REGISTER and not (row.serial_number or row.product_key):
            self.nameless += 1
        if row.notes and len(self.noted) < MOST_ROWS_KEPT:
            self.noted.append(row)
        if (batch := self.destination.batch_of(row)) is not None:
            self.batches[self.spellings.setdefault(batch.casefold(), batch)] += 1
            if len(self.batches) > MOST_BATCHES:
                raise too_many_batches()

    def result(self, account: FileAccount, findings: Findings | None, *, is_cut_short: bool = False) -> Preview:
        """The preview of the rows counted so far."""
        return Preview(
            fates=self.fates,
            reasons=dict(self.reasons.most_common()),
            notes=dict(self.notes.most_common()),
            batches=dict(self.batches.most_common()),
            nameless=self.nameless,
            rejected=tuple(self.rejected),
            noted=tuple(self.noted),
            passed_over=account.passed_over,
            remarks=account.remarks,
            is_cut_short=is_cut_short,
            findings=findings,
        )
