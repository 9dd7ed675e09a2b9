"""Headers: whether a line is one, and which column of it means what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.device_files.cells import clean
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.placeholders import is_manufacturer, is_product_key
from shared.device_files.rows import ADDED_TO_FIX, IDENTIFYING, NAMES_OF_A_DEVICE, Column, Header, header_of
from shared.device_files.tables.header_names import Sureness, folded, meaning, meaning_again
from shared.reasons import FileReason, UnreadableDeviceFile

FEWEST_NAMES = 2
"""So many known names make a line a header wherever it stands."""
_HARMLESS_TWICE = frozenset({Column.ORDER_NUMBER, Column.ASSIGNED_USER}) | ADDED_TO_FIX
"""Nothing that is sent depends on which column is meant."""
_BETWEEN_CELLS = re.compile(r"[\s,;|^]")
_OF_COMPUTER_SYSTEM_PRODUCT = frozenset({"identifyingnumber", "name", "vendor"})
"""Of Win32_ComputerSystemProduct, whose name is the model."""
_DEVICE_NAME = folded("device name")
"""A model beside the manufacturer in one specification; elsewhere the name of a PC."""

STANDARD_NAMES = {
    Column.SERIAL_NUMBER: "Device Serial Number",
    Column.PRODUCT_KEY: "Windows Product ID",
    Column.HARDWARE_HASH: "Hardware Hash",
    Column.MANUFACTURER: "Manufacturer name",
    Column.MODEL: "Device model",
    Column.GROUP_TAG: "Group Tag",
    Column.ORDER_NUMBER: "Purchase Order",
    Column.PROFILE: "Profile",
    Column.ASSIGNED_USER: "Assigned User",
}
"""The names of the Partner Center template, and of Intune for what that does not have."""


@dataclass(frozen=True, slots=True)
class FoundHeader:
    """A line that is a header, and what a person should know about it."""

    header: Header
    """Without the empty cells at the end of the line."""
    width: int
    """Cells of the line as it is written."""
    ignored: tuple[str, ...] = ()
    """Names of columns that are not used."""
    preferred: tuple[str, ...] = ()
    """For each meaning that several columns claim: which one has it, and over which."""
    twins: tuple[tuple[int, int], ...] = ()
    """Places of a column and of another that claims its meaning as surely: their cells may not differ."""
    other_tags: tuple[int, ...] = ()
    """Places of group tags that are less surely meant: they count where the surest is empty."""


_Claims = dict[Column, list[tuple[Sureness, int]]]
"""Which columns claim each meaning, and how surely."""


def find_header(cells: Sequence[str], *, is_first: bool = True) -> FoundHeader | None:
    """The header that a line is, or `None` when it is none. `is_first`: no header is known so far."""
    width, cells = len(cells), _rejoined(cells)
    names = tuple(map(clean, cells))
    while names and not names[-1]:
        names = names[:-1]
    claims = _claims_of(names)
    if not _is_header(names, claims, width, is_first=is_first):
        return None
    columns, twins = _columns_of(names, claims)
    preferred: list[str] = []
    for column, claimed in claims.items():
        if len(claimed) > 1:
            at = columns.index(column)
            others = ", ".join(names[place] for _, place in claimed if place != at)
            preferred.append(f"{names[at]} (not {others})")
    named = list(zip(names, columns, strict=True))
    ignored = [name for name, column in named if name and column is None]
    ignored += [name for name, column in named if column in (Column.ASSIGNED_USER, Column.ORDER_NUMBER)]
    header = header_of(columns, cells[: len(names)])
    tags = [place for _, place in sorted(claims.get(Column.GROUP_TAG, ()), reverse=True)]
    return FoundHeader(header, len(cells), tuple(ignored), tuple(preferred), twins, tuple(tags[1:]))


def _rejoined(cells: Sequence[str]) -> Sequence[str]:
    """Names of which one lost its quotes: what begins with a blank, as no other does, goes on with the one before."""
    parted = [cell[:1] == " " and bool(cell.strip()) and meaning(clean(cell)) is None for cell in cells]
    if not any(parted) or sum(cell[:1] == " " for cell in cells[1:]) * 2 >= len(cells):
        return cells
    joined: list[str] = []
    for cell, is_parted in zip(cells, parted, strict=True):
        if is_parted and joined and meaning(clean(joined[-1])) is None:
            joined[-1] = f"{joined[-1].rstrip()},{cell}"
        else:
            joined.append(cell)
    return joined


@lru_cache(maxsize=4096)
def item_header(names: tuple[str, ...], filled: tuple[bool, ...]) -> Header | None:
    """The header of a record whose values have names; of several names of one meaning, the surest that is filled.

    `None`: two equally sure names of one meaning have values.
    """
    claims = _claims_of(tuple(name if is_filled else "" for name, is_filled in zip(names, filled, strict=True)))
    columns, twins = _columns_of(names, claims)
    return None if twins else header_of(columns, names)


def sense_of(cells: Sequence[str]) -> int:
    """How many cells show that a line was cut at the right places: header names, a hash, a manufacturer."""
    names = tuple(map(clean, cells))
    claims = _claims_of(names)
    if _is_header(names, claims, len(cells), is_first=True):
        return max(len(claims), FEWEST_NAMES if _identifies_alone(claims) else 0)
    if any(starts_as_hash(cell) and not _BETWEEN_CELLS.search(cell.strip()) for cell in cells):
        return 1
    if len(names) > 1 and any(map(is_product_key, names)):
        return 1
    return int(len(names) >= len(NAMES_OF_A_DEVICE) and any(map(is_manufacturer, names)))


def _columns_of(names: tuple[str, ...], claims: _Claims) -> tuple[list[Column | None], tuple[tuple[int, int], ...]]:
    """Which column has each meaning: the one whose name has it most surely; with those that have it as surely."""
    columns: list[Column | None] = [None] * len(names)
    twins = []
    for column, claimed in claims.items():
        most = max(sureness for sureness, _ in claimed)
        first, *others = (place for sureness, place in claimed if sureness is most)
        columns[first] = column
        twins += [(first, other) for other in others if column not in _HARMLESS_TWICE]
    return columns, tuple(twins)


def _claims_of(names: tuple[str, ...]) -> _Claims:
    claims: _Claims = {}
    for place, name in enumerate(names):
        found = meaning(name) if name else None
        if found is not None:
            claims.setdefault(found[0], []).append((found[1], place))
    identifying = IDENTIFYING & claims.keys()
    for place, name in enumerate(names if identifying else ()):
        if (again := meaning_again(name)) in identifying:
            claims[again].append((max(claims[again])[0], place))
    if Column.MODEL not in claims:
        beside = (place + 1 for _, place in claims.get(Column.MANUFACTURER, ()))
        models = [(Sureness.PLAIN, at) for at in beside if folded(" ".join(names[at : at + 1])) == _DEVICE_NAME]
        folded_names = [*map(str.casefold, names)]
        if _OF_COMPUTER_SYSTEM_PRODUCT.issubset(folded_names):
            models = [(Sureness.PLAIN, folded_names.index("name"))]
        claims |= {Column.MODEL: models} if models else {}
    keys = claims.get(Column.PRODUCT_KEY, [])
    if keys and all(sureness is Sureness.PLAIN for sureness, _ in keys) and claims.keys() >= NAMES_OF_A_DEVICE:
        # A product id beside serial number, manufacturer and model is the article's number, not a key of Windows.
        del claims[Column.PRODUCT_KEY]
    return claims


def _is_header(names: tuple[str, ...], claims: _Claims, width: int, *, is_first: bool) -> bool:
    known = claims.keys()
    if not known & IDENTIFYING or any(starts_as_hash(name) or is_product_key(name) for name in names):
        return False
    if len(known) >= FEWEST_NAMES:
        # The values of a row may be words that are names too.
        return is_first or sum(map(is_value, names)) < len(known)
    claimed = {place for claim in claims.values() for _, place in claim}
    others = [name for place, name in enumerate(names) if name and place not in claimed]
    if not others:
        return is_first or width == 1 or _identifies_alone(claims)
    return _identifies_alone(claims) and not any(map(is_value, others))


def _identifies_alone(claims: _Claims) -> bool:
    """Whether one name is enough for a header wherever it stands: that of the hash, or a clear one of the key."""
    is_key = any(sureness > Sureness.PLAIN for sureness, _ in claims.get(Column.PRODUCT_KEY, ()))
    return is_key or Column.HARDWARE_HASH in claims


def is_value(text: str) -> bool:
    """Whether a cell beside the only known name is rather a value than a name."""
    return is_manufacturer(text) or sum(character.isdecimal() for character in folded(text)) > 1


def columns_twice(header: Header, place: int, other: int) -> UnreadableDeviceFile:
    """The refusal of a file in which two columns of one meaning differ."""
    shown = (
        f"{clean(header.names[place])!r} (column {place + 1}) and {clean(header.names[other])!r} (column {other + 1})"
    )
    what = (header.columns[place] or Column.SERIAL_NUMBER).name.lower().replace("_", " ")
    return UnreadableDeviceFile(FileReason.COLUMNS_TWICE, f"Both {shown} are named like the {what}.")
