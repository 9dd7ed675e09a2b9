"""A device file from its bytes to its checked rows: the one way in. Pure: knows no storage and no network."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from shared.device_files.checks.duplicates import NEW, BetterRecordFound, DuplicateIndex, Winners, with_verdict
from shared.device_files.checks.validation import LONGEST_CELL, Judgement, judge
from shared.device_files.formats.containers import Readers, device_rows
from shared.device_files.plain_rows import PlainRows
from shared.device_files.reasons import FileReason, RowReason, UnreadableDeviceFile
from shared.device_files.rows import CheckedRow, CheckedRun, DeviceRow, Rules

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
    readers = Readers(read_table=PlainRows(rules, now, index).device_rows)
    is_readable = False
    try:
        for row in device_rows(open_file, name, readers):
            if isinstance(row, CheckedRun):
                is_readable = True
                yield from row.checked
                continue
            _refuse_more_than(rules.maximum_rows, index.rows + 1)
            is_readable = is_readable or row.problem is not RowReason.UNREADABLE_MEMBER
            yield _checked(row, judge(row, rules, now), index)
    except UnreadableDeviceFile as error:
        error.file = error.file or name
        raise
    if not is_readable:
        raise UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, file=name)
    found = index.winners() if winners is None else None
    if found is not None:
        raise BetterRecordFound(found)


def _refuse_more_than(maximum: int, number: int) -> None:
    if number > maximum:
        raise UnreadableDeviceFile(FileReason.TOO_MANY_ROWS, f"It has more than {maximum:,} rows.")


def _checked(row: DeviceRow, judgement: Judgement, index: DuplicateIndex) -> CheckedRow:
    device, known = judgement.device, judgement.hardware_hash
    verdict = NEW
    if device is None:
        index.skip()
    else:
        verdict = index.place(row, device, known)
    checked = CheckedRow(
        row=index.rows,
        source=row.source,
        serial_number=(device and device.serial_number) or _shown(row.serial_number),
        product_key=(device and device.product_key) or _shown(row.product_key),
        manufacturer=(device and device.manufacturer)
        or _shown(row.manufacturer or (known.manufacturer if known else "")),
        model=(device and device.model) or _shown(row.model or (known.model if known else "")),
        group_tag=_shown(row.group_tag),
        device=device,
        reason=judgement.reason,
        duplicate_of=None,
        notes=judgement.notes,
    )
    return checked if verdict is NEW else with_verdict(checked, verdict)


def _shown(cell: str) -> str:
    """A cell as it is shown: the beginning of what is too long to be sent."""
    return cell if len(cell) <= LONGEST_CELL else cell[: LONGEST_CELL - 1] + "…"
