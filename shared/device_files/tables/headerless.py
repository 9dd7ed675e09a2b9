"""Rows without a header: the forms that Get-WindowsAutopilotInfo writes, where a row shows which one it has."""

import re
from collections.abc import Sequence

from shared.device_files.cells import clean
from shared.device_files.hardware_hash.verification import VerifiedHash, starts_as_hash, verify
from shared.device_files.placeholders import is_manufacturer, is_placeholder, is_product_key
from shared.device_files.rows import UNKNOWN_COLUMNS, Column, Header, header_of
from shared.device_files.tables.fields import cleaned

SERIAL_KEY_HASH = header_of(
    [Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH, Column.GROUP_TAG, Column.ASSIGNED_USER]
)
"""What Get-WindowsAutopilotInfo writes, with its header line skipped."""
FOR_PARTNERS = header_of(list(Column)[: Column.GROUP_TAG + 1])
"""With -Partner."""
IDENTIFIERS = header_of([Column.MANUFACTURER, Column.MODEL, Column.SERIAL_NUMBER])
"""With -Identifier: a corporate device identifier."""
HASH_ALONE = header_of([Column.HARDWARE_HASH])

_HASH_AT = SERIAL_KEY_HASH.place(Column.HARDWARE_HASH)
_MOST_PIECES = 3
"""Cells into which commas part the name of a manufacturer."""
_TWO_CELLS = re.compile(r"[^(]*[,;|\t][^\s\d].*")
"""A model that may have its group tag behind it, between quotes that went astray; not `VMware20,1`."""
_OF_A_USER = ("@", "\\")
_MODELS_ARE_WORDS = re.compile(r"(?:dell|hewlett-packard|hp|lenovo|microsoft)\b", re.IGNORECASE)
_SERIAL = re.compile(r"(?=[^0-9]*[0-9])[0-9A-Z]{7,12}")


def columns_of(cells: Sequence[str], *, is_named: bool) -> Header | None:
    """The columns of a row without a header; `None` where nothing shows that it is a device.

    `UNKNOWN_COLUMNS`: it is a device, and its cells are unclear. `is_named`: a line of unknown names stands above it,
    so that no column is guessed at by its place.
    """
    hashes = [place for place, cell in enumerate(cells) if starts_as_hash(cell)]
    if len(cells) == 1 or is_named:
        return HASH_ALONE if hashes else None
    if hashes == [_HASH_AT]:
        return _columns_around_hash(cells)
    if hashes:
        return HASH_ALONE
    if _is_identifier(cells):
        return UNKNOWN_COLUMNS if _is_serial_number_first(*map(clean, cells[:2])) else IDENTIFIERS
    if not _is_for_partners(cells):
        return None
    is_short = len(cells) < FOR_PARTNERS.width
    return UNKNOWN_COLUMNS if is_short and _TWO_CELLS.fullmatch(cells[-1]) else FOR_PARTNERS


def _columns_around_hash(cells: Sequence[str]) -> Header:
    texts, found = list(map(cleaned, cells)), verify(cells[_HASH_AT])
    names = (found.serial_number, found.manufacturer, found.model) if isinstance(found, VerifiedHash) else ("", "", "")
    serial_number, manufacturer, model = map(str.casefold, names)
    behind = [text.casefold() for text in texts[_HASH_AT + 1 :]]
    has_serial_elsewhere = serial_number in (*behind, texts[1].casefold()) and not is_placeholder(serial_number)
    if has_serial_elsewhere or not (is_placeholder(texts[1]) or texts[1].isalnum() or "-" in texts[1]):
        return UNKNOWN_COLUMNS
    if _names_manufacturer(texts[_HASH_AT + 1 :], manufacturer):
        return FOR_PARTNERS
    tag, user = (*behind, "", "")[:2]
    is_user = not user or any(mark in user for mark in _OF_A_USER)
    return SERIAL_KEY_HASH if is_user and (not tag or tag != model) else UNKNOWN_COLUMNS


def _names_manufacturer(following: Sequence[str], in_hash: str) -> bool:
    """Whether what follows a hash is the manufacturer with a model, rather than a group tag with a user.

    A tag may be the name of a manufacturer, or begin with it: the cell behind it decides.
    """
    behind = "".join(following[1:2])
    if not behind or any(mark in behind for mark in _OF_A_USER):
        return False
    if not in_hash:
        return is_manufacturer(following[0])
    return any(", ".join(following[:end]).casefold() == in_hash for end in range(1, _MOST_PIECES + 1))


def _is_identifier(cells: Sequence[str]) -> bool:
    """Manufacturer, model and serial number; a manufacturer may have lost its quotes."""
    texts = list(map(clean, cells))
    if len(texts) < IDENTIFIERS.width or not all(texts):
        return False
    if not (any(map(str.isdecimal, texts[-1])) or (texts[-1].isalpha() and texts[-1].isupper())):
        # A word is rather a model.
        return False
    return is_manufacturer(texts[0]) or is_manufacturer(clean(",".join(cells[:2])))


def _is_serial_number_first(manufacturer: str, model: str) -> bool:
    """Whether what stands in the place of the model is rather a serial number, as in `LENOVO,PF3ABCDE,21R3001BUK`.

    These makers' models are words, but for Lenovo's machine types, which begin with a digit.
    """
    is_machine_type = manufacturer.casefold() == "lenovo" and model[:1].isdecimal()
    return (
        _MODELS_ARE_WORDS.match(manufacturer) is not None
        and not is_machine_type
        and _SERIAL.fullmatch(model) is not None
    )


def _is_for_partners(cells: Sequence[str]) -> bool:
    """Serial number, perhaps a product key, no hash, a known manufacturer and a model."""
    place = FOR_PARTNERS.place(Column.MANUFACTURER)
    key, hardware_hash = (*map(clean, cells[1 : _HASH_AT + 1]), "", "")[:2]
    if len(cells) <= FOR_PARTNERS.place(Column.MODEL) or hardware_hash or (key and not is_product_key(key)):
        return False
    return any(is_manufacturer(clean(",".join(cells[place : place + count]))) for count in range(1, _MOST_PIECES + 1))
