"""How a test says what becomes of a row: `Sent`, `Rejected` or `Duplicate`, with everything that a person would see."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.device_files.rows import CheckedRow, SendableDevice
from shared.reasons import Note, RowReason


@dataclass(frozen=True)
class Sent:
    serial: str | None = None
    key: str | None = None
    hash: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    notes: tuple[Note, ...] = ()
    tag: str = ""
    source: str | None = None


@dataclass(frozen=True)
class Rejected:
    reason: RowReason
    notes: tuple[Note, ...] = ()
    source: str | None = None


@dataclass(frozen=True)
class Duplicate:
    of: int
    notes: tuple[Note, ...] = ()


Expected = Sent | Rejected | Duplicate


def assert_rows(rows: Sequence[CheckedRow], expected: Sequence[Expected]) -> None:
    """Every row is what it should be: outcome, reason, notes and the exact device that is sent."""
    assert [row.row for row in rows] == list(range(1, len(rows) + 1)), "rows are numbered without gaps"
    found = [_as_expected(row, wanted) for row, wanted in zip(rows, [*expected, *rows[len(expected) :]], strict=False)]
    assert found == list(expected)


def _as_expected(row: CheckedRow, wanted: Expected | CheckedRow) -> Expected:
    if row.duplicate_of is not None:
        assert row.reason is RowReason.DUPLICATE
        assert row.device is None
        return Duplicate(row.duplicate_of, row.notes)
    source = row.source if getattr(wanted, "source", None) is not None else None
    if row.device is None:
        assert row.reason is not None
        return Rejected(row.reason, row.notes, source)
    assert row.reason is None
    device: SendableDevice = row.device
    assert (row.serial_number, row.product_key) == (
        device.serial_number or row.serial_number,
        device.product_key or row.product_key,
    )
    return Sent(
        device.serial_number,
        device.product_key,
        device.hardware_hash,
        device.manufacturer,
        device.model,
        row.notes,
        row.group_tag,
        source,
    )
