"""Rows whose cells do not stand below their headers, put right where one reading alone makes sense.

The cause is nearly always a comma in a manufacturer or model that lost its quotes: Get-WindowsAutopilotInfo strips
every quote, so that `VMware, Inc.` and `Standard PC (Q35 + ICH9, 2009)` fall apart. What a row with a hash should say
is known from the hash; a row without one is believed where its manufacturer is known.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import unescape
from itertools import chain, product
from typing import NamedTuple

from msgspec import Struct

from shared.device_files.cells import TypedCell, clean
from shared.device_files.hardware_hash.verification import VerifiedHash, starts_as_hash, verify
from shared.device_files.placeholders import is_manufacturer, is_placeholder, is_product_key
from shared.device_files.rows import ABSENT, ADDED_TO_FIX, FIELDS, NAMES_OF_A_DEVICE, Column, Header, header_of

_MOST_EXTRA_CELLS = 8
_TEXT = (Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG)
"""The columns whose cells have commas and decide on something."""
_JOINED_ALONE = (None, Column.ORDER_NUMBER, Column.PROFILE, Column.ASSIGNED_USER, Column.WHAT_TO_DO)
"""Those of which one may have fallen apart besides."""
_LEGAL_FORM = re.compile(r"(?:Inc|Ltd|LTD|LLC|L\.L\.C|Corp|Co|GmbH|S\.A|AG|Limited|Incorporated)\b\.?", re.IGNORECASE)
_NO_LETTERS = re.compile(r"[\W_]+")
_QUOTES = "\"'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_QUOTED = re.compile(
    f"[{_QUOTES}]++([^{_QUOTES}]+)[{_QUOTES}]++|[{_QUOTES}]{{2,}}()"
    f"|[{_QUOTES[2:]}]([^{_QUOTES}]+)|([^{_QUOTES}]*[^0-9{_QUOTES}])[{_QUOTES[2:]}]"
    '|\'(.+)\'|"([^"]+)"'
)
"""A text between quotes, perhaps with others inside; of typographic ones one may be missing that is no inch mark."""
_ENTITY = re.compile(r"&(?:amp|quot|apos|lt|gt|nbsp|#[0-9]{1,5}|#x[0-9A-Fa-f]{1,4});")
_MOST_ESCAPES = 4
"""Times that a text was escaped, one tool after the other."""
UNTOLD_NAME = "column {}"
"""Of a column of which nobody could tell what it is, where a row is sent back."""
_UNTOLD_NAME = re.compile(UNTOLD_NAME.format(r"\d+"))
_DELIMITERS = (",", ";", "|", "^")
_PROOFS: Mapping[Column | None, Callable[[str], bool]] = {
    Column.HARDWARE_HASH: starts_as_hash,
    Column.PRODUCT_KEY: is_product_key,
    Column.MANUFACTURER: is_manufacturer,
    Column.ASSIGNED_USER: lambda user: "@" in user,
}
"""What shows that a cell can stand below its own name alone."""
_MODEL_WITH_COMMA = re.compile(r"(?:VMware|i?Mac\w*?|Parallels\w*?)[0-9]+,[0-9]+", re.IGNORECASE)
"""VMware20,1 and MacBookPro18,1."""


class Fields(NamedTuple):
    """The fields of one row, in the order of `Column`."""

    serial_number: str = ""
    product_key: str = ""
    hardware_hash: str = ""
    manufacturer: str = ""
    model: str = ""
    group_tag: str = ""
    order_number: str = ""
    profile: str = ""


def cleaned(cell: str) -> str:
    """A cell cleaned of what nobody sees, of quotes around it and of escapes; one with a type has none of it."""
    if isinstance(cell, TypedCell):
        return cell
    text = cell.strip().replace('\\"', '"')
    for _ in range(_MOST_ESCAPES):
        if not _ENTITY.search(text):
            break
        text = unescape(text).strip()
    return _unquoted(clean(_unquoted(text)))


def _unquoted(text: str) -> str:
    quoted = _QUOTED.fullmatch(text) if text and (text[0] in _QUOTES or text[-1] in _QUOTES) else None
    return text if quoted is None else quoted[quoted.lastindex or 0].strip()


def fields_of(header: Header, cells: Sequence[str]) -> Fields:
    """The fields of a row whose cells stand below their headers; cells that are missing at its end are empty."""
    count = len(cells)
    serial, key, hash_, *texts = (cells[at] if ABSENT < at < count else "" for at in header.places)
    hash_ = hash_ if hash_[:2] == "T0" else cleaned(hash_)
    return Fields(cleaned(serial), cleaned(key), hash_, *map(cleaned, texts))


def looks_shifted(header: Header, cells: Sequence[str]) -> bool:
    """Whether a row that is not too long still seems to have lost quotes: what belongs together stands apart."""
    at = header.place(Column.HARDWARE_HASH)
    found = verify(cells[at]) if ABSENT < at < len(cells) and starts_as_hash(cells[at]) else None
    if isinstance(found, VerifiedHash):
        for column, whole in ((Column.MANUFACTURER, found.manufacturer), (Column.MODEL, found.model)):
            if _goes_on(cells, header.place(column), whole):
                return True
        model, tag = (_cell(cells, header.place(column)).casefold() for column in (Column.MODEL, Column.GROUP_TAG))
        if model and tag == found.model.casefold() != model:
            return True
    known = [place for place, column in enumerate(header.columns) if column is not None and column not in ADDED_TO_FIX]
    return _is_misplaced(header, cells) or _is_parted(header, cells, known)


def _goes_on(cells: Sequence[str], place: int, whole: str) -> bool:
    """Whether a cell and the one behind it are what the hash says in one."""
    begin, following, wanted = (
        _NO_LETTERS.sub("", text.casefold()) for text in (_cell(cells, place), _cell(cells, place + 1), whole)
    )
    return bool(begin and following) and begin != wanted and wanted.startswith(begin + following)


def _places_of(header: Header, columns: Sequence[Column]) -> list[int]:
    return [place for place in map(header.place, columns) if place != ABSENT]


def _is_misplaced(header: Header, cells: Sequence[str]) -> bool:
    """Whether a manufacturer or product key that is known as such stands below another name."""
    maker, model, tag = (_cell(cells, header.place(column)) for column in _TEXT)
    if any(map(is_product_key, (maker, model, tag))):
        return True
    key = _cell(cells, header.place(Column.PRODUCT_KEY))
    if " " in key and any(is_product_key(clean(cell)) for cell in cells):
        return True
    places = _places_of(header, (Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.MODEL))
    if len(cells) < header.width:
        # A name of the header may have fallen apart.
        places += [place for place, column in enumerate(header.columns) if column is None]
    is_elsewhere = any(is_manufacturer(_cell(cells, place)) for place in places)
    return bool(maker) and not is_manufacturer(maker) and is_elsewhere


def _is_parted(header: Header, cells: Sequence[str], places: Sequence[int]) -> bool:
    """Whether one of the cells at `places` goes on with the one before it, or the model with the one behind it.

    A model or tag that begins with a legal form, brackets left open, or the blank that follows a comma where the other
    cells have none.
    """
    model = header.place(Column.MODEL)
    if model != ABSENT and _MODEL_WITH_COMMA.fullmatch(f"{_cell(cells, model)},{_cell(cells, model + 1)}"):
        return True
    for place in places:
        text, before = _cell(cells, place), _cell(cells, place - 1)
        is_text = header.columns[place] in _TEXT if place < header.width else False
        has_form = header.columns[place] is not Column.MANUFACTURER and _LEGAL_FORM.match(text) if is_text else None
        has_blank = place < len(cells) and cells[place][:1] == " " and text and before
        if has_form or has_blank or (is_text and _open_brackets(text)):
            return True
    return False


def columns_in_doubt(header: Header, cells: Sequence[str]) -> frozenset[Column]:
    """The columns of a row that is not too long whose cells may be those of other columns.

    Its group tag may have lost its quotes and go on in the next cell. In a row with fewer cells than names, two names
    that nobody knows may be one that fell apart. A cell that can stand below its own name alone proves those before it.
    """
    tag, known, is_short = header.place(Column.GROUP_TAG), header.columns, len(cells) < header.width
    pairs = range(1, len(cells) if is_short else 0)
    starts = [place for place in pairs if known[place - 1] is known[place] is None]
    if ABSENT < tag < min(len(cells), header.width) - 1 and _cell(cells, tag):
        starts += [tag] if _may_be_rest(known[tag + 1], cells[tag + 1], is_short=is_short) else []
    told = [(place, _PROOFS[column]) for place, column in enumerate(known) if column in _PROOFS]
    proved = max((place for place, proves in told if proves(_cell(cells, place))), default=ABSENT)
    start = min((start for start in starts if start > proved), default=len(cells))
    return frozenset(column for column in list(Column)[:FIELDS] if start <= header.place(column) < len(cells))


def _may_be_rest(column: Column | None, cell: str, *, is_short: bool) -> bool:
    """Whether a cell may rather be the rest of the one before it: what else fills a row that has fewer cells."""
    is_odd = (column is Column.ORDER_NUMBER and not any(map(str.isdecimal, cell))) or (
        column is Column.ASSIGNED_USER and not any(mark in cell for mark in "@\\")
    )
    return bool(clean(cell)) and (cell[0] == " " or (is_short and is_odd))


def _cell(cells: Sequence[str], place: int) -> str:
    return clean(cells[place]) if 0 <= place < len(cells) else ""


Aligned = tuple[Header, tuple[str, ...]]
"""A row whose cells stand below their headers."""


def realigned(header: Header, cells: Sequence[str], delimiter: str = ",") -> Aligned | None:
    """A row that did not fit its header, put right; `None` when no reading of it makes sense, or more than one."""
    hashes = [place for place, cell in enumerate(cells) if starts_as_hash(cell)]
    if len(hashes) > 1:
        return None
    found = verify(cells[hashes[0]]) if hashes else None
    record = found if isinstance(found, VerifiedHash) and not found.old_form else None
    if hashes and record is None and hashes[0] != header.place(Column.HARDWARE_HASH):
        return None
    readings = [reading for reading in _readings(header, cells, record) if _agrees(reading.fields, record)]
    if readings or record is None or hashes[0] == header.place(Column.HARDWARE_HASH):
        only = _only(readings)
        return None if only is None else (header, tuple(map(delimiter.join, only.pieces)))
    return _gathered(header, cells, hashes[0], record)


class _Reading(Struct, frozen=True):
    """One way to join cells that a delimiter parted."""

    pieces: list[list[str]]
    """Of each cell."""
    fields: Fields
    is_recognised: bool
    """All that was joined is a manufacturer or a model."""
    is_doubtful: bool
    """What is joined, or left over, may as well belong to the group tag or the model."""


def _only(readings: Sequence[_Reading]) -> _Reading | None:
    """The one reading that counts: a recognised one before others, and none where another one is in doubt."""
    counted = [reading for reading in readings if reading.is_recognised] or readings
    if len({reading.fields for reading in counted}) != 1 or any(reading.is_doubtful for reading in counted):
        return None
    return counted[0]


def _readings(header: Header, cells: Sequence[str], record: VerifiedHash | None) -> Iterator[_Reading]:
    """Every way to join cells whose joints make sense: those of free text, and of one column without a meaning."""
    extra = len(cells) - header.width
    if not -header.width < extra <= _MOST_EXTRA_CELLS:
        return
    texts = _places_of(header, _TEXT)
    others = [place for place, column in enumerate(header.columns) if column in _JOINED_ALONE]
    if header.columns[-1] is Column.WHAT_TO_DO:
        # We write it last, with nothing in it that could fall apart: what follows are cells of the row before it.
        others.pop()
    most = extra if extra > 0 else 2
    for shares in product(range(most + 1), repeat=len(texts)):
        if sum(shares) > most:
            continue
        left = extra - sum(shares)
        for other in (None, *others) if left > 0 else (None,):
            widths = dict(zip(texts, shares, strict=True)) | ({other: left} if other is not None else {})
            joined = _joined(cells, widths)
            rest = joined[other][1:] if other is not None else []
            if not all(map(str.strip, rest)) or (record is None and any(piece[0] != " " for piece in rest)):
                # Only the blank behind its comma shows that a text without a meaning fell apart; it ends in none.
                continue
            if _makes_sense(header, joined, record):
                yield _reading(header, joined, other, record)


def _reading(header: Header, joined: list[list[str]], other: int | None, record: VerifiedHash | None) -> _Reading:
    tag = _pieces(joined, header.place(Column.GROUP_TAG))
    # Only a hash, or a manufacturer that is known, behind what was joined shows that it was joined rightly.
    is_unproved = other is not None and record is None and other > header.place(Column.MANUFACTURER)
    user = header.columns.index(Column.ASSIGNED_USER) if Column.ASSIGNED_USER in header.columns else ABSENT
    # A user below its header shows that no cell before it fell apart, though it proves nothing of those behind it.
    is_in_doubt = any('"' in piece for pieces in joined[header.width :] for piece in pieces)
    follows_tag = any(map(clean, chain.from_iterable(joined[header.place(Column.GROUP_TAG) + 1 : header.width])))
    is_proved = user > max(map(header.place, _TEXT)) or not (is_in_doubt or follows_tag)
    has_all_in_place = is_proved and "@" in _pieces(joined, user)[0]
    may_have_parted = bool(clean(tag[0])) and not has_all_in_place
    last = max(map(header.place, NAMES_OF_A_DEVICE))
    if record is None and clean(_pieces(joined, last + 1)[0]):
        # What stands behind the names may be one of them, moved by what fell apart before it.
        between = range(header.place(Column.MANUFACTURER) + 1, last)
        may_have_parted |= any(header.columns[place] is None and clean(joined[place][0]) for place in between)
    is_left_over = len(joined) > header.width and may_have_parted
    aligned = tuple(",".join(pieces) for pieces in joined[: header.width])
    return _Reading(
        pieces=joined[: header.width],
        fields=fields_of(header, aligned),
        is_recognised=other is None and len(tag) == 1 and not is_left_over,
        is_doubtful=len(tag) > 1 or is_unproved or is_left_over,
    )


def _makes_sense(header: Header, joined: list[list[str]], record: VerifiedHash | None) -> bool:
    maker, model, tag = (_pieces(joined, header.place(column)) for column in _TEXT)
    if len(tag) > 1 and not all(map(str.strip, tag)):
        return False
    if any(clean(cell).endswith(_DELIMITERS) for cell in (maker[-1], model[-1], tag[-1])):
        return False  # A stray quote enclosed it.
    if not _is_explained(joined[header.width :], record):
        return False
    if record is not None:
        return _is_named(maker, record.manufacturer) and _is_named(model, record.model)
    if not any(clean(",".join(pieces)) for pieces in (maker, model, tag)):
        return max(map(len, joined)) == 1
    aligned = [",".join(pieces) for pieces in joined]
    places = range(max(0, header.place(Column.MANUFACTURER)), header.width)
    is_apart = _is_misplaced(header, aligned) or _is_parted(header, aligned, places)
    has_model = header.place(Column.MODEL) == ABSENT or bool(clean(",".join(model)))
    return has_model and _is_manufacturer(maker) and _is_model(model) and not is_apart


def _pieces(joined: list[list[str]], place: int) -> list[str]:
    return joined[place] if ABSENT < place < len(joined) else [""]


def _joined(cells: Sequence[str], shares: dict[int, int]) -> list[list[str]]:
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
    if not text.strip(', "'):
        return True
    names = (record.manufacturer.casefold(), record.model.casefold()) if record is not None else ()
    return text in (*names, ",".join(names))


def _is_named(pieces: list[str], wanted: str) -> bool:
    """Whether pieces between commas are what the hash says, or nothing."""
    text = clean(",".join(pieces))
    return text.casefold() == wanted.casefold() or (len(pieces) == 1 and not text)


def _is_manufacturer(pieces: list[str]) -> bool:
    text = clean(",".join(pieces))
    has_legal_form = len(pieces) > 1 and all(_LEGAL_FORM.match(piece.strip()) for piece in pieces[1:])
    return is_manufacturer(text) or (has_legal_form and bool(pieces[0].strip()))


def _is_model(pieces: list[str]) -> bool:
    text = clean(",".join(pieces))
    if len(pieces) == 1:
        return not _open_brackets(text)
    beginnings = (",".join(pieces[:count]) for count in range(1, len(pieces)))
    is_bracketed = _open_brackets(text) == 0 and all(_open_brackets(beginning) > 0 for beginning in beginnings)
    return is_bracketed or _MODEL_WITH_COMMA.fullmatch(text) is not None


def _open_brackets(text: str) -> int:
    return text.count("(") - text.count(")")


def _agrees(fields: Fields, record: VerifiedHash | None) -> bool:
    """Whether a reading says what the row's hash says, if it has one."""
    serial = fields.serial_number
    is_own = record is None or is_placeholder(serial) or serial.casefold() == record.serial_number.casefold()
    return is_own and (record is None or starts_as_hash(fields.hardware_hash))


def _gathered(header: Header, cells: Sequence[str], hash_at: int, record: VerifiedHash) -> Aligned | None:
    """A row in which the hash stands in another column: each cell is recognised by what the hash says.

    A cell that stays unexplained could be a group tag; where the file has tags, the row is not guessed at.
    """
    left_out = {place for place, column in enumerate(header.columns) if column in ADDED_TO_FIX}
    texts = {place: clean(cell) for place, cell in enumerate(cells) if place not in (hash_at, *left_out)}
    serials = [place for place, text in texts.items() if text.casefold() == record.serial_number.casefold() != ""]
    keys = [place for place, text in texts.items() if is_product_key(text) and place not in serials]
    known = {"", record.manufacturer.casefold(), record.model.casefold()}
    unexplained = [
        place for place, text in texts.items() if text.casefold() not in known and place not in (*serials, *keys)
    ]
    if not serials or len(keys) > 1 or any(_may_be_tag(header, place) for place in unexplained):
        return None
    places = (serials[0], *keys, hash_at, *unexplained)
    columns = [
        Column.SERIAL_NUMBER,
        *[Column.PRODUCT_KEY] * len(keys),
        Column.HARDWARE_HASH,
        *[None] * len(unexplained),
    ]
    return header_of(columns, [UNTOLD_NAME.format(place + 1) for place in places]), tuple(cells[at] for at in places)


def _may_be_tag(header: Header, place: int) -> bool:
    """Whether a cell may be a group tag: the file has a column of these, or the cell stands below no real name."""
    name = header.names[place] if place < len(header.names) else ""
    return header.place(Column.GROUP_TAG) != ABSENT or _UNTOLD_NAME.fullmatch(name) is not None
