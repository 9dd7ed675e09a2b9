"""Rows whose cells do not stand below their headers: put right where one way gives known values, else rejected.

The cause is nearly always a comma in a manufacturer or model that lost its quotes: Get-WindowsAutopilotInfo strips
every quote, so that `VMware, Inc.` and `Standard PC (Q35 + ICH9, 2009)` fall apart. From left to right, cells that are
one are joined. Then the row is right if its hash says the same, or its manufacturer is known.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from shared.device_files.cells import clean
from shared.device_files.formats.parts import DOUBT
from shared.device_files.hardware_hash.verification import VerifiedHash, starts_as_hash, verify
from shared.device_files.placeholders import is_like_manufacturer, is_manufacturer, is_placeholder, is_product_key
from shared.device_files.rows import ABSENT, ADDED_TO_FIX, NAMES_OF_A_DEVICE, Column, Header, header_of
from shared.device_files.tables.fields import cleaned, fields_of

_MOST_PIECES = 4
"""Into which a manufacturer or model falls apart."""
_TEXT = (Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG)
"""The columns whose cells have commas and decide on something."""
_ANY_TEXT = (None, Column.ORDER_NUMBER, Column.PROFILE, Column.ASSIGNED_USER, Column.WHAT_TO_DO)
"""Those whose cells decide on nothing that is sent."""
_BEHIND_MODEL = (Column.GROUP_TAG, Column.ORDER_NUMBER, Column.PROFILE, Column.ASSIGNED_USER)
_MAY_HOLD_MAKER = (Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.MODEL, Column.GROUP_TAG)
_LEGAL_FORM = r"(?:Inc|Ltd|LTD|LLC|L\.L\.C|Corp|Co|GmbH|S\.A|AG|Limited|Incorporated)\.?"
_REST_OF_MAKER = re.compile(rf"\s*{_LEGAL_FORM}\s*", re.IGNORECASE)
_ENDS_IN_FORM = re.compile(rf"\W*\w.*,\s*{_LEGAL_FORM}", re.IGNORECASE)
_MODEL_WITH_COMMA = re.compile(r"(?:VMware|i?Mac\w*?|Parallels\w*?)[0-9]+,[0-9]+", re.IGNORECASE)
"""VMware20,1 and MacBookPro18,1."""
_DELIMITERS = (",", ";", "|", "^")
_PARTED_NUMBER = re.compile(
    r"(?i)price|preis|prix|pre[cz]+io|prijs|cena|amount|betrag|cost|wert|value|date|datum|fecha|data|deliver|liefer|livr"
)
_END_OF_NUMBER = re.compile(r"\d{2}|20\d{2}")
"""Cents, or the year, of what stands below such a name in front: 1199,00 and November 3, 2026."""
_IN_TEXT = (",", ";")
"""A blank behind one of these shows that it was part of a text."""
UNTOLD_NAME = "column {}"
"""Of a column of which nobody could tell what it is, where a row is sent back."""

Aligned = tuple[Header, Sequence[str]]
"""A row whose cells stand below their headers."""


def is_in_place(header: Header, cells: Sequence[str], width: int, delimiter: str | None) -> bool:
    """Whether the cells of a row stand below their headers, as far as anybody can tell.

    `width`: cells of the header as it is written; `delimiter`: at which a cell without quotes fell apart, if it could.
    """
    if len(cells) > width or any(map(clean, cells[header.width :])):
        return False
    at = header.place(Column.HARDWARE_HASH)
    hash_ = cells[at] if ABSENT < at < len(cells) and starts_as_hash(cells[at]) else ""
    if not hash_ and any(map(starts_as_hash, cells)):
        return False
    table = _Table(header, width, delimiter or "", _record(hash_))
    if delimiter is None:
        return not table.has_moved(cells)
    return table.joined(cells) == list(cells) and table.is_plausible(cells)


def realigned(header: Header, cells: Sequence[str], width: int, delimiter: str = ",") -> Aligned | None:
    """A row that did not fit its header, put right; `None` where that gives no known values."""
    hashes = [place for place, cell in enumerate(cells) if starts_as_hash(cell)]
    record = _record(cells[hashes[0]]) if hashes else None
    if len(hashes) > 1 or (record is None and hashes not in ([], [header.place(Column.HARDWARE_HASH)])):
        return None
    table = _Table(header, width, delimiter, record)
    joined = table.joined(cells)
    if joined[-1] == DOUBT and len(joined) <= width:
        return None
    if table.is_right(joined, is_joined=len(joined) < len(cells)):
        return header, tuple(joined[: header.width])
    if record is None or hashes[0] == header.place(Column.HARDWARE_HASH):
        return None
    return _gathered(header, cells, hashes[0], record)


def _record(hash_: str) -> VerifiedHash | None:
    """What a sound hash tells of its device."""
    found = verify(hash_) if hash_ else None
    return found if isinstance(found, VerifiedHash) and not found.old_form else None


@dataclass(frozen=True, slots=True)
class _Table:
    """What the cells of a row are held against."""

    header: Header
    width: int
    """Cells of the header as it is written."""
    delimiter: str
    record: VerifiedHash | None
    """What the hash of the row says, if it has one."""

    def joined(self, cells: Sequence[str]) -> list[str]:
        """The cells, those that are one joined again; where that leaves more of them than names, the rest too."""
        rest, joined = list(cells), list[str]()
        for column in self.header.columns:
            count = self._count_of(column, rest, len(rest) + len(joined) - self.width)
            joined.append(rest[0] if count == 1 else self.delimiter.join(rest[:count]))
            del rest[:count]
            if not rest:
                break
        return joined + rest

    def _count_of(self, column: Column | None, rest: Sequence[str], extra: int) -> int:
        """How many of the next cells are the one below `column`, in a row with so many cells too many."""
        if column in (Column.MANUFACTURER, Column.MODEL):
            is_one = self._is_manufacturer if column is Column.MANUFACTURER else self._is_model
            filled = list(takewhile(str.strip, rest[:_MOST_PIECES]))
            return next((count for count in range(len(filled), 1, -1) if is_one(filled[:count])), 1)
        if column not in _ANY_TEXT or rest[0][:1] == " ":
            return 1
        # Only the blank behind its comma shows that a text without a meaning fell apart.
        following = takewhile(lambda cell: cell[:1] == " " and cell.strip(), rest[1 : 1 + max(0, extra)])
        return 1 + sum(1 for _ in following)

    def _is_manufacturer(self, pieces: Sequence[str]) -> bool:
        text = clean(self.delimiter.join(pieces))
        is_of_hash = self.record is not None and text.casefold() == self.record.manufacturer.casefold()
        return is_of_hash or is_manufacturer(text) or all(map(_REST_OF_MAKER.fullmatch, pieces[1:]))

    def _is_model(self, pieces: Sequence[str]) -> bool:
        text = clean(self.delimiter.join(pieces))
        is_of_hash = self.record is not None and text.casefold() == self.record.model.casefold()
        beginnings = (self.delimiter.join(pieces[:count]) for count in range(1, len(pieces)))
        is_bracketed = not _open_brackets(text) and all(_open_brackets(beginning) > 0 for beginning in beginnings)
        return is_of_hash or is_bracketed or _MODEL_WITH_COMMA.fullmatch(text) is not None

    def is_plausible(self, cells: Sequence[str]) -> bool:
        """Whether nothing in a row shows that a cell is one of another column, or goes on in the next one."""
        names = [_cell(cells, self.header.place(column)) for column in _TEXT]
        # A stray quote leaves a delimiter at the end of a name, or two quotes in it.
        has_stray_quote = any(name.endswith(_DELIMITERS) or '""' in name for name in names)
        if has_stray_quote or any(is_product_key(name) or _open_brackets(name) for name in names):
            return False
        goes_on = self.delimiter in _IN_TEXT and _goes_on(self.header, cells)
        return not (self.has_moved(cells) or goes_on or _is_behind_parted_name(self.header, cells))

    def has_moved(self, cells: Sequence[str]) -> bool:
        """Whether a known manufacturer, or the model of the hash, stands below another name than its own."""
        header, record = self.header, self.record
        maker, model, tag = (_field(cells, header.place(column)).casefold() for column in _TEXT)
        of_hash = (record.manufacturer.casefold(), record.model.casefold()) if record is not None else ("", "")
        serial_at = header.place(Column.SERIAL_NUMBER)
        serials = [at for at, cell in enumerate(cells) if record and cleaned(cell) == record.serial_number != ""]
        if serials and serial_at not in serials:
            return True
        behind = (_field(cells, place) for place, column in enumerate(header.columns) if column in _BEHIND_MODEL)
        if of_hash[1] not in ("", model) and of_hash[1] in map(str.casefold, behind):
            return True
        is_short = len(cells) < header.width
        if not maker or is_like_manufacturer(maker) or maker == of_hash[0]:
            # Rows without a header may end at their tag, which may be called like a maker.
            return is_short and not maker and bool(header.names) and is_like_manufacturer(tag)
        if record is not None and header.place(Column.GROUP_TAG) >= len(cells):
            return True  # A row of a tool, under another header: what stands below the manufacturer is the tag.
        places = [header.place(column) for column in _MAY_HOLD_MAKER]
        if is_short:
            # A name of the header may have fallen apart.
            places += [place for place, column in enumerate(header.columns) if column is None]
        return any(is_like_manufacturer(_field(cells, place)) for place in places)

    def is_right(self, joined: Sequence[str], *, is_joined: bool) -> bool:
        """Whether a row whose cells were joined again gives known values, and nothing is left over."""
        header, record = self.header, self.record
        fields = fields_of(header, joined[: header.width])
        maker, model = fields.manufacturer.casefold(), fields.model.casefold()
        left = clean(",".join(joined[header.width :])).casefold().strip(', "')
        of_hash = (record.manufacturer.casefold(), record.model.casefold()) if record is not None else ("", "")
        if left not in ("", *of_hash, ",".join(of_hash)) or not self.is_plausible(joined[: header.width]):
            return False
        has_rest = self.delimiter in _IN_TEXT and len(joined) > self.width and _has_rest(header, joined)
        if has_rest or (len(joined) > self.width and (fields.group_tag or _may_be_moved(header, joined))):
            return False
        if record is None:
            is_known = is_manufacturer(maker) or _ENDS_IN_FORM.fullmatch(maker) is not None
            return is_known or not (maker or model or fields.group_tag or is_joined)
        serial = fields.serial_number
        is_own = is_placeholder(serial) or serial.casefold() == record.serial_number.casefold()
        return (
            is_own and starts_as_hash(fields.hardware_hash) and maker in ("", of_hash[0]) and model in ("", of_hash[1])
        )


def _open_brackets(text: str) -> int:
    return text.count("(") - text.count(")")


def _goes_on(header: Header, cells: Sequence[str]) -> bool:
    """Whether a cell that means something, or follows the group tag, has the blank behind a comma before it.

    A row of our own, with its sentence in its place at the end, would be longer if its group tag had fallen apart.
    """
    has_sentence = header.columns[-1] in ADDED_TO_FIX and bool(_cell(cells, header.width - 1))
    for place in range(1, min(len(cells), header.width)):
        before, column = header.columns[place - 1 : place + 1]
        # Our own sentences begin with no blank.
        if column is Column.GROUP_TAG and before is None and _is_end_of_number(header, cells, place):
            return True
        is_told = before in ADDED_TO_FIX or (column in ADDED_TO_FIX and before not in _TEXT)
        if is_told or (column is None and (has_sentence or before not in _TEXT)):
            continue
        texts = _cell(cells, place - 1), _cell(cells, place)
        # A hash or key goes on in no other cell, nor does it end one.
        has_whole = any(starts_as_hash(text) or is_product_key(text) for text in texts)
        if cells[place][:1] == " " and all(texts) and not has_whole:
            return True
    return False


def _is_end_of_number(header: Header, cells: Sequence[str], place: int) -> bool:
    """Whether a group tag is rather the end of a price or date that lost its quotes."""
    name, number = (_cell(row, place - 1) for row in (header.names, cells))
    is_number = _PARTED_NUMBER.search(name) is not None and number[-1:].isdecimal()
    return is_number and _END_OF_NUMBER.fullmatch(_cell(cells, place)) is not None


def _is_behind_parted_name(header: Header, cells: Sequence[str]) -> bool:
    """Whether, in a row with fewer cells than names, two unknown names side by side may be one that fell apart.

    A hash, key or manufacturer behind them that is known shows that they are two.
    """
    columns = header.columns[: len(cells)]
    pairs = (at for at in range(1, len(columns)) if columns[at - 1] is columns[at] is None)
    start = next(pairs, len(columns)) if len(cells) < header.width else len(columns)
    behind = [(column, _cell(cells, at)) for at, column in enumerate(columns) if at > start and column in _SENT]
    return bool(behind) and not any(_SENT[column](text) for column, text in behind if column is not None)


_SENT = {
    **dict.fromkeys((Column.SERIAL_NUMBER, Column.MODEL, Column.GROUP_TAG), lambda _: False),
    Column.HARDWARE_HASH: starts_as_hash,
    Column.PRODUCT_KEY: is_product_key,
    Column.MANUFACTURER: is_manufacturer,
}


def _cell(cells: Sequence[str], place: int) -> str:
    return clean(cells[place]) if 0 <= place < len(cells) else ""


def _field(cells: Sequence[str], place: int) -> str:
    return cleaned(cells[place]) if 0 <= place < len(cells) else ""


def _may_be_moved(header: Header, cells: Sequence[str]) -> bool:
    """Whether what stands behind the names may be one of them, moved by a text that fell apart between them."""
    last = max(map(header.place, NAMES_OF_A_DEVICE))
    between = range(header.place(Column.MANUFACTURER) + 1, last)
    return bool(_cell(cells, last + 1)) and any(header.columns[at] is None and _cell(cells, at) for at in between)


def _has_rest(header: Header, cells: Sequence[str]) -> bool:
    """Whether the blank behind a comma shows the rest of a manufacturer, model or group tag, in any column."""
    rests = (at for at in range(1, header.width) if cells[at][:1] == " " and header.columns[at - 1] in _TEXT)
    return any(_cell(cells, at) and _cell(cells, at - 1) for at in rests)


def _gathered(header: Header, cells: Sequence[str], hash_at: int, record: VerifiedHash) -> Aligned | None:
    """A row in which the hash stands in another column, where the hash tells what each of its cells is."""
    left_out = {hash_at, *(place for place, column in enumerate(header.columns) if column in ADDED_TO_FIX)}
    texts = {place: clean(cell) for place, cell in enumerate(cells) if place not in left_out}
    serials = [place for place, text in texts.items() if text.casefold() == record.serial_number.casefold() != ""]
    keys = [place for place, text in texts.items() if is_product_key(text) and place not in serials]
    names = sorted([record.manufacturer.casefold(), record.model.casefold()])
    others = sorted(text.casefold() for place, text in texts.items() if text and place not in (*serials, *keys))
    # A manufacturer without its model may be a group tag that is called like it.
    if not serials or len(keys) > 1 or others not in ([], [record.model.casefold()], names):
        return None
    places = (serials[0], *keys, hash_at)
    columns = [Column.SERIAL_NUMBER, *[Column.PRODUCT_KEY] * len(keys), Column.HARDWARE_HASH]
    return header_of(columns, [UNTOLD_NAME.format(place + 1) for place in places]), tuple(cells[at] for at in places)
