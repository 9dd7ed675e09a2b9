"""The fields of a row: its cells below their headers, cleaned of what is no part of them."""

import re
from collections.abc import Sequence
from html import unescape
from typing import NamedTuple

from shared.device_files.cells import TypedCell, clean
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.placeholders import is_manufacturer
from shared.device_files.rows import ABSENT, Header

_QUOTES = "\"'`\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_QUOTED = re.compile(
    f"[{_QUOTES}]++([^{_QUOTES}]+)[{_QUOTES}]++|[{_QUOTES}]{{2,}}()"
    f"|[{_QUOTES[2:]}]([^{_QUOTES}]+)|([^{_QUOTES}]*[^0-9{_QUOTES}])[{_QUOTES[2:]}]"
    f"|'(.+)'|\"([^\"]+)\"|'(?![a-z][ -])([^{_QUOTES}]+)"
)
"""A text between quotes, perhaps with others inside; of typographic ones one may be missing that is no inch mark.

A spreadsheet's mark of text is one in front: not so in `'s-Hertogenbosch`."""
_ENTITY = re.compile(r"&(?:amp|quot|apos|lt|gt|nbsp|#[0-9]{1,5}|#x[0-9A-Fa-f]{1,4});")
_SERIAL_LIKE = re.compile(r"(?=.*[0-9])(?=.*[A-Z])[0-9A-Z]{7,32}")
_MOST_ESCAPES = 4
"""Times that a text was escaped, one tool after the other."""


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


def may_be_another_device(ignored: Sequence[str]) -> bool:
    """Whether cells that are not used hold a hash, or a known manufacturer beside what looks like a serial number."""
    if any(map(starts_as_hash, ignored)):
        return True
    return any(map(is_manufacturer, ignored)) and any(map(_SERIAL_LIKE.fullmatch, ignored))
