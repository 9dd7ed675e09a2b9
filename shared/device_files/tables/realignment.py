"""Rows whose cells do not stand below their headers, put right where one reading alone makes sense.

The cause is nearly always a comma in a manufacturer or model that lost its quotes: Get-WindowsAutopilotInfo strips
every quote, so that `VMware, Inc.` and `Standard PC (Q35 + ICH9, 2009)` fall apart. What a row with a hash should say
is known from the hash.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from shared.device_files.checks.validation import is_key_id
from shared.device_files.formats.decoding import NumberCell, clean
from shared.device_files.hardware_hash.verification import VerifiedHash, starts_as_hash, verify
from shared.device_files.placeholders import is_manufacturer, is_placeholder
from shared.device_files.tables.headers import ABSENT, Column, Header

_MOST_EXTRA_CELLS = 8
_FREE_TEXT = (Column.MANUFACTURER, Column.MODEL)
"""The columns whose cells are known to have commas. A group tag is not put together: it decides on the batch."""
_LEGAL_FORM = re.compile(r"(?:Inc|Ltd|LTD|LLC|L\.L\.C|Corp|Co|GmbH|S\.A|AG|Limited|Incorporated)\b\.?", re.IGNORECASE)
_MODEL_WITH_COMMA = re.compile(r"[A-Za-z]+[0-9]+,[0-9]+")
"""VMware20,1 and MacBookPro18,1."""


class Fields(Struct, frozen=True):
    """The fields of one row."""

    serial_number: str = ""
    product_key: str = ""
    hardware_hash: str = ""
    manufacturer: str = ""
    model: str = ""
    group_tag: str = ""


def fields_of(header: Header, cells: Sequence[str]) -> Fields:
    """The fields of a row whose cells stand below their headers; cells that are missing at its end are empty."""
    count = len(cells)
    serial, key, hash_, maker, model, tag = (cells[at] if ABSENT < at < count else "" for at in header.places)
    serial = serial if isinstance(serial, NumberCell) else clean(serial)
    hash_ = hash_ if hash_[:2] == "T0" else clean(hash_)
    return Fields(serial, clean(key), hash_, clean(maker), clean(model), clean(tag))


def realigned(header: Header, cells: Sequence[str]) -> Fields | None:
    """The fields of a row that does not fit its header; `None` when no reading of it makes sense, or more than one."""
    hashes = [place for place, cell in enumerate(cells) if starts_as_hash(cell)]
    if len(hashes) > 1:
        return None
    found = verify(cells[hashes[0]]) if hashes else None
    record = found if isinstance(found, VerifiedHash) and not found.old_form else None
    if hashes and record is None:
        return None
    readings = {fields for fields in _readings(header, cells, record) if _agrees(fields, record)}
    if readings or record is None or hashes[0] == header.place(Column.HARDWARE_HASH):
        return readings.pop() if len(readings) == 1 else None
    return _gathered(header, cells, hashes[0], record)


def _readings(header: Header, cells: Sequence[str], record: VerifiedHash | None) -> Iterator[Fields]:
    """Every way to give the cells too many to the columns of free text whose joints make sense."""
    extra = len(cells) - header.width
    if not 0 <= extra <= _MOST_EXTRA_CELLS:
        return
    places = sorted(at for at in map(header.place, _FREE_TEXT) if at != ABSENT)
    for shares in _shares(extra, len(places)):
        joined = _joined(cells, dict(zip(places, shares, strict=True)))
        rest = joined[header.width :]
        if (
            all(_is_one_cell(joined[at], header.columns[at], record) for at in places)
            and _is_explained(rest, record)
            and not (record is None and _boundaries_join(joined, places))
        ):
            yield fields_of(header, [",".join(pieces) for pieces in joined[: header.width]])


def _shares(extra: int, columns: int) -> Iterator[tuple[int, ...]]:
    """Every way to share out at most so many extra cells; what is left over stays at the end of the row."""
    if columns == 0:
        yield ()
        return
    for first in range(extra + 1):
        for others in _shares(extra - first, columns - 1):
            yield (first, *others)


def _joined(cells: Sequence[str], shares: Mapping[int, int]) -> list[list[str]]:
    """The pieces of each cell when the cell at each place takes so many of those after it."""
    rest = list(cells)
    joined: list[list[str]] = []
    while rest:
        width = 1 + shares.get(len(joined), 0)
        joined.append(rest[:width])
        del rest[:width]
    return joined


def _is_explained(rest: Sequence[Sequence[str]], record: VerifiedHash | None) -> bool:
    """Whether cells beyond the last header say only what the hash says too."""
    text = clean(",".join(chain.from_iterable(rest))).casefold()
    if not text:
        return True
    names = (record.manufacturer.casefold(), record.model.casefold()) if record is not None else ()
    return text in (*names, ",".join(names))


def _is_one_cell(pieces: Sequence[str], column: Column | None, record: VerifiedHash | None) -> bool:
    """Whether pieces between commas make one manufacturer or model."""
    text = clean(",".join(pieces))
    if record is not None:
        wanted = record.manufacturer if column is Column.MANUFACTURER else record.model
        return text.casefold() == wanted.casefold() or (len(pieces) == 1 and not text)
    if len(pieces) == 1:
        return True
    if column is Column.MANUFACTURER:
        return is_manufacturer(text) or all(_LEGAL_FORM.match(piece.strip()) for piece in pieces[1:])
    is_bracketed = _open_brackets(text) == 0 and any(_open_brackets(piece) for piece in pieces)
    return is_bracketed or _MODEL_WITH_COMMA.fullmatch(text) is not None


def _boundaries_join(joined: Sequence[Sequence[str]], places: Sequence[int]) -> bool:
    """Whether what was left apart belongs together: brackets left open, or a cell that begins with a legal form."""
    texts = [",".join(joined[at]).strip() for at in places]
    return any(_open_brackets(text) or _LEGAL_FORM.match(text) for text in texts)


def _open_brackets(text: str) -> int:
    return text.count("(") - text.count(")")


def _agrees(fields: Fields, record: VerifiedHash | None) -> bool:
    """Whether a reading says what the row's hash says, if it has one."""
    if record is None:
        return not fields.hardware_hash
    serial = fields.serial_number
    return starts_as_hash(fields.hardware_hash) and (
        is_placeholder(serial) or serial.casefold() == record.serial_number.casefold()
    )


def _gathered(header: Header, cells: Sequence[str], hash_at: int, record: VerifiedHash) -> Fields | None:
    """A row in which the hash stands in another column: each cell is recognised by what the hash says.

    A cell that stays unexplained could be a group tag; where the file has tags, the row is not guessed at.
    """
    remark = header.columns.index(Column.WHAT_TO_DO) if Column.WHAT_TO_DO in header.columns else ABSENT
    others = [clean(cell) for place, cell in enumerate(cells) if place not in (hash_at, remark)]
    filled = [cell for cell in others if cell]
    serials = [cell for cell in filled if cell.casefold() == record.serial_number.casefold()]
    keys = [cell for cell in filled if is_key_id(cell) and cell not in serials]
    known = {record.manufacturer.casefold(), record.model.casefold(), *map(str.casefold, (*serials, *keys))}
    unexplained = [cell for cell in filled if cell.casefold() not in known]
    if not serials or len(keys) > 1 or (unexplained and header.place(Column.GROUP_TAG) != ABSENT):
        return None
    return Fields(serials[0], keys[0] if keys else "", cells[hash_at])
