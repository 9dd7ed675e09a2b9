"""Plain rows, quickly: those that stand in a file as tools write them, from their lines to their checked rows.

Nearly every row is plain: its cells are clean and below their headers, its serial number is letters and digits, its
hash is whole and says the same. What the careful path (`delimited`, `table`, `checking`) finds in such a row follows
from its serial number, its hash, and what was found in an earlier row whose other cells were the same. Any other row is
left to the careful path, which stays the definition; tests hold both to the same rows.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from shared.device_files.checks import excel_damage as excel
from shared.device_files.checks.duplicates import (
    NEW,
    DuplicateIndex,
    name_part,
    name_start,
    tpm_part,
    with_verdict,
)
from shared.device_files.checks.validation import LONGEST_CELL, is_key_id, model_notes, old_collections
from shared.device_files.formats.decoding import clean
from shared.device_files.formats.delimited import Records
from shared.device_files.hardware_hash.layout import HASH_CHARACTERS, IdSource, OsType, text_of
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.placeholders import (
    PLACEHOLDERS,
    TEMPLATE_SERIALS,
    is_default_uuid,
    is_placeholder,
)
from shared.device_files.plain_hashes import PlainHashes
from shared.device_files.reasons import Note
from shared.device_files.rows import CheckedRow, CheckedRun, DeviceRow, Rules, SendableDevice
from shared.device_files.tables.headers import ABSENT, Column, Header, column_named
from shared.device_files.tables.table import Table
from shared.device_files.tables.table import device_rows as careful_device_rows

_MOST_AT_ONCE = 256
"""Lines that are judged before the first of their rows is given out."""
_MOST_COLUMNS = 64
_MOST_LEARNT = 1024
"""Rows of more models, group tags and the like than this below one header are read the careful way."""
_LONGEST_LEARNT = 1024
"""Characters of the cells of one of them."""

_DOUBTFUL_STARTS = frozenset({"0", "00", "x", "xx", "ff", "t0", "1s"})
"""So fillers begin, hashes and bar codes."""
_WITH_DASHES = re.compile(r"[0-9A-Za-z]+(?:-[0-9A-Za-z]+)+")
_FROM_WINPE = OsType.WINPE.to_bytes(1, "little")
_TPM_KEY = IdSource.TPM_KEY.to_bytes(1, "little")


class _Model(Struct, frozen=True):
    """What follows from manufacturer and model in a hash and from the cells around it."""

    manufacturer: str
    """As shown."""
    model: str
    name_start: str
    notes: tuple[Note, ...]


class _Common(Struct, frozen=True):
    """The cells of a row beside its serial number and its hash, which it has in common with many others."""

    product_key: str
    manufacturer: str
    model: str
    group_tag: str
    name_start: str


class _Below:
    """The place of the cells below a header, and what was learnt of rows there; `False`: not plain."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.width = header.width
        self.serial_at = header.place(Column.SERIAL_NUMBER)
        self.hash_at = header.place(Column.HARDWARE_HASH)
        self.after_hash = self.width - self.hash_at - 1
        self.ignored = [place for place in range(self.width) if place not in header.places]
        self.can_be_plain = self.serial_at != ABSENT and self.width <= _MOST_COLUMNS
        self.with_hash: dict[tuple[str, ...], _Common | Literal[False]] = {}
        self.without_hash: dict[tuple[str, ...], _Common | Literal[False]] = {}
        self.models: dict[tuple[str, str, bytes, bytes], _Model | Literal[False]] = {}
        """By manufacturer and model in the row, and their blocks in the hash."""

    def cells(self, line: str, delimiter: str) -> list[str]:
        """The cells of a line without quotes. One with a hash is cut from both its ends: the hash is not searched."""
        if len(line) < HASH_CHARACTERS or self.hash_at == ABSENT:
            return line.split(delimiter)
        cells = line.split(delimiter, self.hash_at)
        if self.after_hash:
            cells += cells.pop().rsplit(delimiter, self.after_hash)
        return cells


class PlainRows:
    """Reads tables with their plain rows judged already."""

    def __init__(self, rules: Rules, now: datetime, index: DuplicateIndex) -> None:
        """`index` is also told of every row that the careful path judges."""
        self._index = index
        self._maximum_rows = rules.maximum_rows
        self._old = old_collections(rules, now)
        self._hashes = PlainHashes()
        self._below: _Below | None = None

    def device_rows(self, records: Iterable[tuple[int, Sequence[str]]], prefix: str = "") -> Iterator[DeviceRow]:
        """The device rows of a table, as `table.device_rows` gives them, or runs of plain rows in their place."""
        if not isinstance(records, Records):
            yield from careful_device_rows(records, prefix)
            return
        table = Table(prefix)
        while True:
            if table.header is not None and records.is_settled:
                yield from self._runs(records, table.header, f"{prefix}line ")
            record = next(records, None)
            if record is None:
                return
            yield from table.read(*record)

    def _runs(self, records: Records, header: Header, where: str) -> Iterator[CheckedRun]:
        """The plain rows that come next, taken from `records`."""
        below = self._below if self._below is not None and self._below.header == header else _Below(header)
        self._below = below
        is_plain = below.can_be_plain
        while is_plain:
            first, ahead = records.lines.ahead(min(_MOST_AT_ONCE, self._maximum_rows - self._index.rows))
            checked: list[CheckedRow] = []
            is_plain = bool(ahead)
            number, taken = self._index.rows, 0
            for line in ahead:
                if line:
                    number += 1
                    cells = below.cells(line, records.delimiter)
                    row = self._row(below, cells, number, f"{where}{first + taken}")
                    if row is None:
                        is_plain = False
                        break
                    checked.append(row)
                taken += 1
            records.lines.take(taken)
            if checked:
                yield CheckedRun(checked[0].source, checked=checked)

    def _row(self, below: _Below, cells: list[str], number: int, source: str) -> CheckedRow | None:
        """The next row, if it is plain."""
        if len(cells) != below.width:
            return None
        serial = cells[below.serial_at]
        folded = serial.casefold()
        if not _is_plain_serial(serial, folded):
            return None
        cells[below.serial_at] = ""
        if below.hash_at != ABSENT and cells[below.hash_at]:
            return self._row_with_hash(below, cells, number, source, serial, folded)
        common = below.without_hash.get(tuple(cells))
        if common is None:
            common = _learn(below, cells, with_hash=False)
        if not common:
            return None
        verdict = self._index.place_without_hash(name_part(common.name_start + folded))
        maker, model = common.manufacturer, common.model
        device = SendableDevice(serial, None, None, maker, model)
        row = CheckedRow(
            number, source, serial, common.product_key, maker, model, common.group_tag, device, None, None, ()
        )
        return row if verdict is NEW else with_verdict(row, verdict)

    def _row_with_hash(
        self, below: _Below, cells: list[str], number: int, source: str, serial: str, folded: str
    ) -> CheckedRow | None:
        text = cells[below.hash_at]
        found = self._hashes.fields(text)
        if found is None or (below.ignored and not _leave_out(cells, below.ignored)):
            return None
        cells[below.hash_at] = ""
        common = below.with_hash.get(tuple(cells))
        if common is None:
            common = _learn(below, cells, with_hash=True)
        if not common:
            return None
        serial_block, maker_block, model_block, uuid, seconds, os_type, id_source, tpm_key = found
        if serial_block != serial.encode() + b"\0":
            serial = text_of(serial_block)
            if serial.casefold() != folded:
                return None
        model = below.models.get((common.manufacturer, common.model, maker_block, model_block))
        if model is None:
            model = _learn_model(below, (common.manufacturer, common.model, maker_block, model_block))
        if is_default_uuid(uuid):
            uuid = b""
        tpm_key = tpm_part(tpm_key) if id_source == _TPM_KEY else b""
        if not (model and (uuid or tpm_key)):
            return None
        from_winpe = os_type == _FROM_WINPE
        collected = int.from_bytes(seconds, "little")
        notes = model.notes
        if from_winpe or collected in self._old:
            more = ((Note.HASH_FROM_WINPE, from_winpe), (Note.HASH_OLD, collected in self._old))
            notes = (*notes, *(note for note, is_so in more if is_so))
        parts = (uuid, tpm_key, name_part(model.name_start + folded))
        verdict = self._index.place_with_hash(parts, from_winpe=from_winpe, collected=collected)
        row = CheckedRow(
            number,
            source,
            serial,
            common.product_key,
            model.manufacturer,
            model.model,
            common.group_tag,
            SendableDevice(serial, None, text),
            None,
            None,
            notes,
        )
        return row if verdict is NEW else with_verdict(row, verdict)


def _leave_out(cells: list[str], ignored: Sequence[int]) -> bool:
    """Empty the cells that mean nothing beside a hash; whether they really do not."""
    for place in ignored:
        cell = cells[place]
        if cell:
            if '"' in cell or starts_as_hash(cell):
                return False
            cells[place] = ""
    return True


def _is_plain_serial(serial: str, folded: str) -> bool:
    """Letters and digits alone, and nothing that means anything but a serial number; `folded` is without case.

    A spreadsheet's damage shows in other characters.
    """
    if not (serial.isalnum() and serial.isascii()):
        return "-" in serial and _is_plain_with_dashes(serial)
    if folded[:2] in _DOUBTFUL_STARTS and (folded[:2] == "1s" or starts_as_hash(serial) or is_placeholder(serial)):
        return False
    return len(serial) <= LONGEST_CELL and folded not in PLACEHOLDERS


def _is_plain_with_dashes(serial: str) -> bool:
    is_something_else = (
        serial[:2].casefold() == "1s"
        or starts_as_hash(serial)
        or serial in TEMPLATE_SERIALS
        or excel.is_damaged(serial)
        or is_placeholder(serial)
    )
    return len(serial) <= LONGEST_CELL and _WITH_DASHES.fullmatch(serial) is not None and not is_something_else


def _learn(below: _Below, cells: Sequence[str], *, with_hash: bool) -> _Common | Literal[False]:
    """Judge the cells that a row has in common with others, and remember that."""
    known = below.with_hash if with_hash else below.without_hash
    if len(known) >= _MOST_LEARNT or sum(map(len, cells)) > _LONGEST_LEARNT:
        return False
    known[tuple(cells)] = common = _common(below.header, cells, with_hash=with_hash)
    return common


def _common(header: Header, cells: Sequence[str], *, with_hash: bool) -> _Common | Literal[False]:
    """The fields in `cells`, of which serial number and hash are left out; `False` where they are not plain."""
    places = map(header.place, (Column.PRODUCT_KEY, Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG))
    fields = [cells[at] if at != ABSENT else "" for at in places]
    key, maker, model, tag = fields
    is_clean = all(clean(cell) == cell and len(cell) <= LONGEST_CELL for cell in fields)
    has_no_key = is_placeholder(key) and not is_key_id(key)
    if not (is_clean and has_no_key) or any('"' in cell for cell in cells):
        return False
    start = name_start(maker, model)
    if not (with_hash or (start and _show_no_other_row(cells))):
        return False
    return _Common(key, maker, model, tag, start)


def _show_no_other_row(cells: Sequence[str]) -> bool:
    """Whether nothing here makes a header, a comment or a row with a hash of a row without one.

    A serial number may be the name of a column: one name among other cells makes no header.
    """
    is_comment = clean(cells[0])[:1] == "#"
    return not (is_comment or any(column_named(cell) is not None or starts_as_hash(cell) for cell in cells))


def _learn_model(below: _Below, key: tuple[str, str, bytes, bytes]) -> _Model | Literal[False]:
    """Judge manufacturer and model in the row and in its hash, and remember that."""
    if len(below.models) >= _MOST_LEARNT or sum(map(len, key)) > _LONGEST_LEARNT:
        return False
    in_row, in_hash = key[:2], (text_of(key[2]), text_of(key[3]))
    start = name_start(*in_hash)
    maker, model = (of_row or of_hash for of_row, of_hash in zip(in_row, in_hash, strict=True))
    is_plain = bool(start) and len(maker) <= LONGEST_CELL and len(model) <= LONGEST_CELL
    below.models[key] = found = is_plain and _Model(maker, model, start, tuple(model_notes(in_row, in_hash)))
    return found
