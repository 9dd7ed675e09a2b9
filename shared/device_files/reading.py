"""A device file from its bytes to its checked rows: the one way in. Pure: knows no storage and no network.

bytes -> parts of cells or items (formats) -> device rows (tables) -> decisions (checks) -> checked rows
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from shared.device_files.account import FileAccount
from shared.device_files.cells import CellType, type_of
from shared.device_files.checks.duplicates import DuplicateIndex, Findings, ReadAgain
from shared.device_files.checks.serial_numbers import unwrapped
from shared.device_files.checks.validation import LONGEST_CELL, Decision, Validation
from shared.device_files.formats.containers import Opener
from shared.device_files.formats.file_types import is_log
from shared.device_files.formats.parts import ItemsPart, Part, TablePart, UnreadPart
from shared.device_files.placeholders import is_product_key
from shared.device_files.rows import CheckedRow, DeviceRow, Rules, SendableDevice
from shared.device_files.tables.header_names import column_named
from shared.device_files.tables.headerless import IDENTIFIERS
from shared.device_files.tables.headers import sense_of
from shared.device_files.tables.items import item_rows
from shared.device_files.tables.table import table_rows
from shared.device_files.tables.tool_output import NO_DELIMITER, holds_names
from shared.reasons import (
    FILE_REASONS,
    PASSED_OVER,
    FileNote,
    FileReason,
    Note,
    PassedOverKind,
    RowReason,
    UnreadableDeviceFile,
)

OpenFile = Callable[[], Iterable[bytes]]
"""Opens the file's bytes anew, in chunks of any size."""

_OF_A_PART = (RowReason.UNREADABLE_MEMBER, RowReason.PART_NOT_UNDERSTOOD)
"""Rows that stand for a part of which nothing was read."""
_OF_THE_WHOLE = (FileReason.ARCHIVE_TOO_LARGE, FileReason.TOO_MANY_ROWS)
"""Why a member of an archive is the end of all of it."""
_MOST_NAMED = 3
_NOTHING = SendableDevice()


def read_device_file(
    open_file: OpenFile,
    *,
    name: str,
    rules: Rules,
    now: datetime,
    findings: Findings | None = None,
    account: FileAccount | None = None,
) -> Iterator[CheckedRow]:
    """The rows of a device file, each judged: lazily, and in memory that grows by the rows' digests alone.

    The same bytes, name, rules, now and findings give the same rows. `account` is told what is no row.

    Raises:
        UnreadableDeviceFile: nothing of the file can be sent; also half-way through.
        ReadAgain: discard the rows, and read again with its findings and a new account; at most twice a file.
    """
    findings = findings or Findings()
    account = account or FileAccount()
    index = DuplicateIndex(now=now, findings=findings, rules=rules)
    validation = Validation(rules, now, keys_are_copied=findings.keys_are_copied)
    if findings.keys_are_copied:
        account.note(FileNote.PRODUCT_KEYS_COPIED)
    are_identifiers = True
    for number, row in device_rows(open_file, name=name, account=account):
        if number > rules.maximum_rows:
            raise UnreadableDeviceFile(
                FileReason.TOO_MANY_ROWS, f"It has more than {rules.maximum_rows:,} rows.", file=name
            )
        are_identifiers = are_identifiers and row.header is IDENTIFIERS
        if row.group_tag and row.group_tag.casefold() == unwrapped(row.serial_number).casefold():
            row = replace(row, group_tag="", notes=(*row.notes, Note.TAG_REPEATS_SERIAL))  # noqa: PLW2901
        yield _checked(number, row, validation.decide(row), index)
    if are_identifiers:
        if rules.refuse_device_identifiers:
            raise UnreadableDeviceFile(FileReason.DEVICE_IDENTIFIERS_REFUSED, file=name)
        account.note(FileNote.DEVICE_IDENTIFIERS)
    if findings.winners is None and (found := index.winners()) is not None:
        raise ReadAgain(found)


def device_rows(
    open_file: OpenFile, *, name: str, account: FileAccount | None = None
) -> Iterator[tuple[int, DeviceRow]]:
    """The rows of a device file as they stand in it, with their numbers from 1: not yet judged.

    Raises:
        UnreadableDeviceFile: nothing of it can be read, or not to its end. A bad member of an archive, or a sheet, is
            no more than one rejected row.
    """
    account = account or FileAccount()
    number, unread = 0, list[DeviceRow]()
    has_rows = False
    try:
        for part in Opener(account, sense_of, column_named).parts(open_file(), name):
            for row in _rows_of(part, account):
                number += 1
                has_rows = has_rows or row.problem not in _OF_A_PART
                if not has_rows:
                    unread.append(row)
                yield number, row
    except UnreadableDeviceFile as error:
        error.file = error.file or name
        raise
    if not has_rows:
        raise _no_device_rows(unread, account, name)


def _rows_of(part: Part, account: FileAccount) -> Iterator[DeviceRow]:
    """The rows of one part. Of an archive or a workbook, a part that cannot be read is one rejected row."""
    if isinstance(part, UnreadPart):
        yield _unread(part.label, part.reason)
        return
    count = 0
    if isinstance(part, ItemsPart):
        rows = item_rows(part.items, account, part.prefix)
    else:
        rows = table_rows(part.records, account, part.prefix, part.delimiter, is_log=is_log(part.member))
    try:
        for row in rows:
            count += 1
            yield row
    except UnreadableDeviceFile as error:
        if not part.member or error.reason in _OF_THE_WHOLE:
            raise
        if error.reason is not FileReason.NOT_DEVICES or isinstance(part, TablePart) or not is_log(part.member):
            count += 1
            yield _unread(part.member, error.reason)
    if not count and part.member:
        account.pass_over(PassedOverKind.ARCHIVE_MEMBER, part.member, may_hold_device=False)


def _unread(label: str, reason: FileReason) -> DeviceRow:
    sentence = FILE_REASONS[reason].sentence
    return DeviceRow(source=f"{label} ({sentence})", problem=RowReason.UNREADABLE_MEMBER)


def _no_device_rows(unread: list[DeviceRow], account: FileAccount, name: str) -> UnreadableDeviceFile:
    """The refusal of a file in which nothing was read as a row, with what it holds instead."""
    held = [row.source for row in unread[:_MOST_NAMED]]
    held += [
        f"{PASSED_OVER[over.kind]} ({over.places[0]}: {over.excerpts[0]})" for over in account.passed_over[:_MOST_NAMED]
    ]
    names = (over for over in account.passed_over if over.kind is PassedOverKind.UNKNOWN_HEADER)
    if any(holds_names(line) for over in names for line in over.excerpts):
        return UnreadableDeviceFile(FileReason.NOT_DEVICES, NO_DELIMITER, file=name)
    if (unreadable := next((text for text in held if "\ufffd" in text), None)) is not None:
        detail = f"Letters of it cannot be read: {unreadable}."
        return UnreadableDeviceFile(FileReason.ENCODING_UNKNOWN, detail, file=name)
    detail = f"It holds: {' / '.join(held)}." if held else "It has nothing but blank lines and column names."
    return UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, detail, file=name)


def _checked(number: int, row: DeviceRow, decision: Decision, index: DuplicateIndex) -> CheckedRow:
    device, known = decision.device, decision.hardware_hash
    if row.product_key and is_product_key(row.product_key):
        index.expect_not_copied(row.product_key, known.serial_number if known else row.serial_number)
    verdict = index.place(row, device, known)
    sent, manufacturer, model = device or _NOTHING, row.manufacturer, row.model
    if known is not None:
        manufacturer = (manufacturer and _shown(manufacturer)) or known.manufacturer
        model = (model and _shown(model)) or known.model
    return CheckedRow(
        number,
        row.source,
        sent.serial_number or _shown(row.serial_number),
        sent.product_key or (row.product_key and _shown(row.product_key)),
        sent.manufacturer or _shown(manufacturer),
        sent.model or _shown(model),
        row.group_tag and _shown(row.group_tag),
        row.order_number and _shown(row.order_number),
        row.profile and _shown(row.profile),
        None if verdict.reason is not None else device,
        decision.reason or verdict.reason,
        verdict.duplicate_of,
        decision.notes + verdict.notes,
    )


def _shown(cell: str) -> str:
    """A cell as it is shown: the beginning of what is too long to be sent, and nothing of a formula without value."""
    if type(cell) is str and len(cell) <= LONGEST_CELL:
        return cell
    if type_of(cell) is CellType.FORMULA:
        return ""
    return str(cell) if len(cell) <= LONGEST_CELL else cell[: LONGEST_CELL - 1] + "…"
