"""Rows whose cells do not stand below their headers: put right where one way gives known values, else rejected.

The cause is nearly always a comma in a manufacturer or model that lost its quotes: Get-WindowsAutopilotInfo strips
every quote, so that `VMware, Inc.` and `Standard PC (Q35 + ICH9, 2009)` fall apart. From left to right, cells that are
one are joined. Then the row is right if its hash says the same, or its manufacturer is known.
"""

import re
from collections.abc import Sequence
from itertools import takewhile

from shared.device_files.cells import clean
from shared.device_files.hardware_hash.verification import VerifiedHash, starts_as_hash, verify
from shared.device_files.placeholders import is_manufacturer, is_placeholder, is_product_key
from shared.device_files.rows import ABSENT, ADDED_TO_FIX, NAMES_OF_A_DEVICE, Column, Header, header_of
from shared.device_files.tables.fields import fields_of

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
_ENDS_IN_FORM = re.compile(rf".*\w.*,\s*{_LEGAL_FORM}", re.IGNORECASE)
_MODEL_WITH_COMMA = re.compile(r"(?:VMware|i?Mac\w*?|Parallels\w*?)[0-9]+,[0-9]+", re.IGNORECASE)
"""VMware20,1 and MacBookPro18,1."""
_DELIMITERS = (",", ";", "|", "^")
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
    record = _record(hash_)
    if delimiter is None:
        return not _has_moved(header, cells, record)
    return _joined(header, cells, width, delimiter, record) == list(cells) and _is_plausible(header, cells, record)


def realigned(header: Header, cells: Sequence[str], width: int, delimiter: str = ",") -> Aligned | None:
    """A row that did not fit its header, put right; `None` where that gives no known values."""
    hashes = [place for place, cell in enumerate(cells) if starts_as_hash(cell)]
    record = _record(cells[hashes[0]]) if hashes else None
    joined = _joined(header, cells, width, delimiter, record)
    if len(hashes) > 1 or (record is None and hashes not in ([], [header.place(Column.HARDWARE_HASH)])):
        return None
    if _is_right(header, joined, width, record, is_joined=len(joined) < len(cells)):
        return header, tuple(joined[: header.width])
    if record is None or hashes[0] == header.place(Column.HARDWARE_HASH):
        return None
    return _gathered(header, cells, hashes[0], record)


def _record(hash_: str) -> VerifiedHash | None:
    """What a sound hash tells of its device."""
    found = verify(hash_) if hash_ else None
    return found if isinstance(found, VerifiedHash) and not found.old_form else None


def _joined(header: Header, cells: Sequence[str], width: int, delimiter: str, record: VerifiedHash | None) -> list[str]:
    """The cells of a row, those that are one joined again; where that leaves more of them than names, the rest too."""
    rest, joined = list(cells), list[str]()
    for column in header.columns:
        count = _count_of(column, rest, len(rest) + len(joined) - width, delimiter, record)
        joined.append(rest[0] if count == 1 else delimiter.join(rest[:count]))
        del rest[:count]
        if not rest:
            break
    return joined + rest


def _count_of(
    column: Column | None, rest: Sequence[str], extra: int, delimiter: str, record: VerifiedHash | None
) -> int:
    """How many of the next cells are the one below `column`, in a row with so many cells too many."""
    count = 1
    if column in _ANY_TEXT and rest[0][:1] != " ":
        # Only the blank behind its comma shows that a text without a meaning fell apart.
        while count <= min(extra, len(rest) - 1) and rest[count][:1] == " " and rest[count].strip():
            count += 1
    elif column in (Column.MANUFACTURER, Column.MODEL):
        is_one = _is_manufacturer if column is Column.MANUFACTURER else _is_model
        filled = list(takewhile(str.strip, rest[:_MOST_PIECES]))
        counts = range(len(filled), 1, -1)
        count = next((count for count in counts if is_one(filled[:count], delimiter, record)), 1)
    return count


def _is_manufacturer(pieces: Sequence[str], delimiter: str, record: VerifiedHash | None) -> bool:
    text = clean(delimiter.join(pieces))
    is_of_hash = record is not None and text.casefold() == record.manufacturer.casefold()
    return is_of_hash or is_manufacturer(text) or all(map(_REST_OF_MAKER.fullmatch, pieces[1:]))


def _is_model(pieces: Sequence[str], delimiter: str, record: VerifiedHash | None) -> bool:
    text = clean(delimiter.join(pieces))
    if record is not None and text.casefold() == record.model.casefold():
        return True
    is_open = [_open_brackets(delimiter.join(pieces[:count])) > 0 for count in range(1, len(pieces))]
    return _MODEL_WITH_COMMA.fullmatch(text) is not None or (all(is_open) and not _open_brackets(text))


def _open_brackets(text: str) -> int:
    return text.count("(") - text.count(")")


def _is_plausible(header: Header, cells: Sequence[str], record: VerifiedHash | None) -> bool:
    """Whether nothing in a row shows that a cell is one of another column, or goes on in the next one."""
    names = [_cell(cells, header.place(column)) for column in _TEXT]
    if any(is_product_key(name) or name.endswith(_DELIMITERS) or _open_brackets(name) for name in names):
        return False
    return not (_has_moved(header, cells, record) or _goes_on(header, cells) or _is_behind_parted_name(header, cells))


def _has_moved(header: Header, cells: Sequence[str], record: VerifiedHash | None) -> bool:
    """Whether a known manufacturer, or the model of the hash, stands below another name than its own."""
    maker, model, tag = (_cell(cells, header.place(column)).casefold() for column in _TEXT)
    of_hash = (record.manufacturer.casefold(), record.model.casefold()) if record is not None else ("", "")
    behind = (_cell(cells, place) for place, column in enumerate(header.columns) if column in _BEHIND_MODEL)
    if of_hash[1] not in ("", model) and of_hash[1] in map(str.casefold, behind):
        return True
    is_short = len(cells) < header.width
    if not maker or is_manufacturer(maker) or maker == of_hash[0]:
        return is_short and not maker and is_manufacturer(tag)
    places = [header.place(column) for column in _MAY_HOLD_MAKER]
    if is_short:
        # A name of the header may have fallen apart.
        places += [place for place, column in enumerate(header.columns) if column is None]
    return any(is_manufacturer(_cell(cells, place)) for place in places)


def _goes_on(header: Header, cells: Sequence[str]) -> bool:
    """Whether a cell that means something, or follows the group tag, has the blank behind a comma before it."""
    for place in range(1, min(len(cells), header.width)):
        before, column = header.columns[place - 1 : place + 1]
        is_told = {column, before} & ADDED_TO_FIX or (column is None and before is not Column.GROUP_TAG)
        if cells[place][:1] == " " and not is_told and cells[place].strip():
            text = _cell(cells, place - 1)
            if text and not (starts_as_hash(text) or is_product_key(text)):
                return True
    return False


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


def _is_right(
    header: Header, joined: Sequence[str], width: int, record: VerifiedHash | None, *, is_joined: bool
) -> bool:
    """Whether a row whose cells were joined again gives known values, and nothing is left over."""
    fields = fields_of(header, joined[: header.width])
    maker, model = fields.manufacturer.casefold(), fields.model.casefold()
    left = clean(",".join(joined[header.width :])).casefold().strip(', "')
    of_hash = (record.manufacturer.casefold(), record.model.casefold()) if record is not None else ("", "")
    if left not in ("", *of_hash, ",".join(of_hash)) or not _is_plausible(header, joined[: header.width], record):
        return False
    if len(joined) > width and (fields.group_tag or _may_be_moved(header, joined)):
        return False
    if record is None:
        is_known = is_manufacturer(maker) or _ENDS_IN_FORM.fullmatch(maker) is not None
        return is_known or not (maker or model or fields.group_tag or is_joined)
    serial = fields.serial_number
    is_own = is_placeholder(serial) or serial.casefold() == record.serial_number.casefold()
    return is_own and starts_as_hash(fields.hardware_hash) and maker in ("", of_hash[0]) and model in ("", of_hash[1])


def _may_be_moved(header: Header, cells: Sequence[str]) -> bool:
    """Whether what stands behind the names may be one of them, moved by a text that fell apart between them."""
    last = max(map(header.place, NAMES_OF_A_DEVICE))
    between = range(header.place(Column.MANUFACTURER) + 1, last)
    return bool(_cell(cells, last + 1)) and any(header.columns[at] is None and _cell(cells, at) for at in between)


def _gathered(header: Header, cells: Sequence[str], hash_at: int, record: VerifiedHash) -> Aligned | None:
    """A row in which the hash stands in another column, where the hash tells what each of its cells is."""
    left_out = {hash_at, *(place for place, column in enumerate(header.columns) if column in ADDED_TO_FIX)}
    texts = {place: clean(cell) for place, cell in enumerate(cells) if place not in left_out}
    serials = [place for place, text in texts.items() if text.casefold() == record.serial_number.casefold() != ""]
    keys = [place for place, text in texts.items() if is_product_key(text) and place not in serials]
    known = {"", record.manufacturer.casefold(), record.model.casefold()}
    others = (text for place, text in texts.items() if place not in (*serials, *keys))
    if not serials or len(keys) > 1 or any(text.casefold() not in known for text in others):
        return None
    places = (serials[0], *keys, hash_at)
    columns = [Column.SERIAL_NUMBER, *[Column.PRODUCT_KEY] * len(keys), Column.HARDWARE_HASH]
    return header_of(columns, [UNTOLD_NAME.format(place + 1) for place in places]), tuple(cells[at] for at in places)
