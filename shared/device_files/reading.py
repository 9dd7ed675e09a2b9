"""A device file from its bytes to its checked rows: the one way in. Pure: knows no storage and no network."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from shared.device_files.checking import LONGEST_CELL, Judgement, judge
from shared.device_files.containers import device_rows
from shared.device_files.duplicates import BetterRecordFound, DuplicateIndex, Winners
from shared.device_files.reasons import FileReason, Note, RowReason, UnreadableDeviceFile
from shared.device_files.rows import CheckedRow, DeviceRow, Rules

OpenFile = Callable[[], Iterable[bytes]]
"""Opens the file's bytes anew, in chunks of any size."""


def read_device_file(
    open_file: OpenFile, *, name: str, rules: Rules, now: datetime, winners: Winners | None = None
) -> Iterator[CheckedRow]:
    """The rows of a device file, each judged: lazily, and in memory that grows by the rows' digests alone.

    The same bytes, name, rules and now give the same rows.

    Raises:
        UnreadableDeviceFile: nothing of the file can be sent; also half-way through.
        BetterRecordFound: at the end of a reading without `winners`: discard its rows, read again with these winners.
    """
    index = DuplicateIndex(now=now, winners=winners)
    count = 0
    is_readable = False
    try:
        for count, row in _numbered(device_rows(open_file, name), rules.maximum_rows):
            is_readable = is_readable or row.problem is not RowReason.UNREADABLE_MEMBER
            yield _checked(count, row, judge(row, rules, now), index)
    except UnreadableDeviceFile as error:
        error.file = error.file or name
        raise
    if not is_readable:
        raise UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, file=name)
    found = index.winners() if winners is None else None
    if found is not None:
        raise BetterRecordFound(found)


def _numbered(rows: Iterable[DeviceRow], maximum: int) -> Iterator[tuple[int, DeviceRow]]:
    for number, row in enumerate(rows, start=1):
        if number > maximum:
            raise UnreadableDeviceFile(FileReason.TOO_MANY_ROWS, f"It has more than {maximum:,} rows.")
        yield number, row


def _checked(number: int, row: DeviceRow, judgement: Judgement, index: DuplicateIndex) -> CheckedRow:
    device, reason, notes, known = judgement.device, judgement.reason, judgement.notes, judgement.hardware_hash
    duplicate_of: int | None = None
    if device is None:
        index.skip()
    else:
        verdict = index.place(row, device, known)
        if verdict.sent != number:
            duplicate_of, reason = verdict.sent, RowReason.DUPLICATE
        elif verdict.shares_identity:
            notes = (*notes, Note.SHARES_IDENTITY)
    return CheckedRow(
        row=number,
        source=row.source,
        serial_number=(device and device.serial_number) or _shown(row.serial_number),
        product_key=(device and device.product_key) or _shown(row.product_key),
        manufacturer=(device and device.manufacturer)
        or _shown(row.manufacturer or (known.manufacturer if known else "")),
        model=(device and device.model) or _shown(row.model or (known.model if known else "")),
        group_tag=_shown(row.group_tag),
        device=None if duplicate_of else device,
        reason=reason,
        duplicate_of=duplicate_of,
        notes=notes,
    )


def _shown(cell: str) -> str:
    """A cell as it is shown: the beginning of what is too long to be sent."""
    return cell if len(cell) <= LONGEST_CELL else cell[: LONGEST_CELL - 1] + "…"
