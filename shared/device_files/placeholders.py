"""Facts of the world that checking needs: placeholders, default UUIDs, template samples, spellings of manufacturers.

What is listed stands in `placeholders.csv`, each text with its kind: what is `no_name` may be a group tag all the same.

Placeholders are what firmware and people leave where a serial number, manufacturer or model should be. Sources, read in
November 2026: `Blacklist::getDefaults` of GLPI (glpi-project/glpi, src/Blacklist.php), `inventorycomputerblacklists` of
FusionInventory (fusioninventory-for-glpi, install/mysql/plugin_fusioninventory-empty.sql), `blacklist_serials` of OCS
Inventory (OCSInventory-ocsreports, files/ocsbase.sql), `ffIsSmbiosValueSet` of fastfetch, the texts of dmidecode, and
reports of lshw and dmidecode (`BSS-0123456789`, `SSN12345678901234567`, `NB-0123456789`). fwupd and lshw have no list.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

_NOT_COMPARED = re.compile(r"[\W_]+")


def _compared(text: str) -> str:
    """A text without case, blanks and punctuation."""
    return _NOT_COMPARED.sub("", unicodedata.normalize("NFKC", text).casefold())


def _listed() -> dict[str, list[str]]:
    """The texts of the table by their kinds."""
    kinds: dict[str, list[str]] = {}
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as table:
        for kind, text in csv.reader(table):
            kinds.setdefault(kind, []).append(text)
    return kinds


_LISTED = _listed()
_NO_VALUE = frozenset(map(_compared, _LISTED["no_value"]))
"""What says of anything that there is none, also in brackets: `(null string)` is no template text."""
_AS_ABOVE = frozenset(map(_compared, _LISTED["as_above"]))
_BEGINNINGS = tuple(_LISTED["beginning"])
"""Placeholders with any tail: `To be filled by O.E.M. by More String`, `SMBIOS_STRING_INDEX_0`."""
_PREFIXES = ("sys", "ssn", "csn", "msn", "mb", "bss", "nb", "asset", "atn", "sn", "serial", "serialnumber")
_LONG_RUN = 9
"""A run behind a prefix, such as SYS-1234567890. Shorter ones are of counters, but for SN-12345, which is listed."""


def _runs() -> Iterator[str]:
    """What is typed without a thought: digits or letters in order, from the first one, as long as on the lists.

    A padded counter (0000123, 00123456) is a serial number, and so is what is longer.
    """
    for row, shortest in (
        ("12345678901234567", 5), ("01234567890123456", 8), ("9876543210", 9), ("12345678900000000", 10),
        ("0123456789abcdef", 11), ("123456789abcdef0", 10), ("abcdefghijklmnop", 6), ("qwertyuiop", 5),
        ("qwertzuiop", 6), ("azertyuiop", 5), ("asdfghjkl", 4), ("zxcvbnm", 5), ("yxcvbnm", 5),
    ):  # fmt: skip
        yield from (row[:length] for length in range(shortest, len(row) + 1))


_PLACEHOLDERS = (
    _NO_VALUE
    | _AS_ABOVE
    | frozenset(map(_compared, _LISTED["no_name"]))
    | frozenset(map(_compared, _LISTED["firmware_text"]))
    | frozenset(_runs())
    | {prefix + run for prefix in _PREFIXES for run in _runs() if len(run) >= _LONG_RUN or prefix == "sn"}
    | {prefix + "x" * length for prefix in _PREFIXES for length in range(3, 25)}
)
_MASK = "xxxxx"
"""Of a serial number that documentation or a screenshot hides: 5CGXXXXXXX."""
_FEWEST_REPEATED = 3
"""Two equal letters, or a single one, may be all that is wanted; not so 0, 1 and x."""
_SPREADSHEET_ERROR = re.compile(r"#+[A-Za-z#]")
"""#N/A, #NULL! and #### are damage, which `checks` tells of as such."""


def is_placeholder(text: str) -> bool:
    """Whether a serial number, manufacturer or model is empty or one of the texts that stand in place of one.

    Called for every row. One character repeated is such a text, too: 0, -1, FFFFFFFF, 00-00-00.
    """
    if text[:1] == "#" and _SPREADSHEET_ERROR.match(text):
        return False
    compared = text.lower() if text.isalnum() and text.isascii() else _compared(text)
    first, length = compared[:1], len(compared)
    return (
        compared in _PLACEHOLDERS
        or (first == compared[-1:] and compared == first * length and (length >= _FEWEST_REPEATED or first in "01x"))
        or compared.startswith(_BEGINNINGS)
        or _MASK in compared
    )


_NO_TAG = _NO_VALUE | frozenset(map(_compared, _LISTED["no_tag"]))
_SHORTEST_WORD = 3
_DITTO_MARK = re.compile(
    "[-\\s.,]*(?:[\"\u201c-\u201f\u2033\u3003\xab\xbb]|'')[-\\s.,\"'\u201c-\u201f\u2033\u3003\xab\xbb]*"
)


def says_none(tag: str) -> bool:
    """Whether a group tag says that there is none: `n/a`, `(blank)`, a dash, its column's name. `NA` is a region."""
    return not _compared(tag) or _is_word_of(_NO_TAG, tag)


def says_as_above(tag: str) -> bool:
    """Whether a group tag stands for the one in the row above: `ditto`, `do.`, a ditto mark; `DO` is a place."""
    return _DITTO_MARK.fullmatch(tag) is not None or _is_word_of(_AS_ABOVE, tag)


def _is_word_of(family: frozenset[str], tag: str) -> bool:
    compared = _compared(tag)
    return compared in family and (len(compared) >= _SHORTEST_WORD or not tag.isalnum())


_KEY_DIGITS = 13
_LEADING_ZEROS = "0" * 9
"""Product key ids in use are numbers of trillions."""
_PLACEHOLDER_KEYS = frozenset(
    {digit * _KEY_DIGITS for digit in "0123456789"}
    | {("1234567890" * 3)[start : start + _KEY_DIGITS] for start in range(10)}
    | {("9876543210" * 3)[start : start + _KEY_DIGITS] for start in range(10)}
)
TEMPLATE_SERIALS = frozenset({"R9-ZNP67"})
TEMPLATE_PRODUCT_KEYS = frozenset({"123451234567"})
TEMPLATE_HASH = "T0FzAQEAHAAAAAoA6AOCOgEABgBgW7EdzorHH3g"
"""The sample values of the template that Partner Center offers for download."""


def is_placeholder_key(text: str) -> bool:
    """Whether a product key id is digits that stand in place of one: one repeated, in order, zeros, a sample."""
    return text in _PLACEHOLDER_KEYS or text in TEMPLATE_PRODUCT_KEYS or text.startswith(_LEADING_ZEROS)


def is_product_key(text: str) -> bool:
    """Whether a text is a product key id: 13 digits, and no placeholder."""
    return len(text) == _KEY_DIGITS and text.isascii() and text.isdigit() and not is_placeholder_key(text)


_TEMPLATE_BEGINNINGS = frozenset("<{[(%#$@«.…")
_WORD = r"(?:[^\W\d_]+\d{0,2}|\d{1,2}[^\W\d_]*)"
_PHRASE = rf"(?=[^<>{{}}()\[\]]*[^\W\d_])[\s_]*{_WORD}(?:[\s_.,:/'\u2019-]+{_WORD})*[\s_.…]*"
"""A name, as no serial number, key or hash is: each of its words has letters and hardly a digit."""
_TEMPLATE = re.compile(
    rf"[$@#%]?\{{{{?{_PHRASE}\}}?\}}|<<?{_PHRASE}>?>|«{_PHRASE}»|([%#]){_PHRASE}\1|\$[^\W\d][\w.:]*|\$\(.+\)"
    r"|[.…]{2,}|…|[<{\[(][.…\s]+[>}\])]"
)
_BRACKETED = re.compile(rf"\[{_PHRASE}\]|\({_PHRASE}\)")
_OF_A_FIELD = re.compile(
    r"(?i)serial|number|hash|model|manufactur|make|vendor|tag\b|key|product|user|device|value|here|text"
    r"|required|optional|mandatory|leave|erforderlich|obligat|facultatif|opcional|requerido|verplicht|pflicht"
)
"""A group tag may stand in square brackets; one of these there is a name of a field, or a remark on it."""
_LONGEST_NAME = 128


def is_template_text(text: str) -> bool:
    """Whether a text is a name in brackets, or dots, that documentation has where a value belongs.

    `{serialNumber}`, `<hardwareHash>`, `[model]`, `%SERIAL%`, `$serial`, `(required)`, `...`; not `(null string)`,
    which is what a device says.
    """
    if text[:1] not in _TEMPLATE_BEGINNINGS or len(text) > _LONGEST_NAME or _compared(text) in _NO_VALUE | _AS_ABOVE:
        return False
    if _BRACKETED.fullmatch(text):
        return _OF_A_FIELD.search(text) is not None
    return _TEMPLATE.fullmatch(text) is not None


_DEFAULT_UUIDS = frozenset(
    order for text in _LISTED["default_uuid"] for order in (UUID(text).bytes, UUID(text).bytes_le)
)
"""SMBIOS UUIDs that boards share because their maker never wrote one; the last three of GLPI and osquery."""

_FIRMWARE_SPELLINGS = frozenset(_LISTED["firmware_spelling"])
"""What the firmware of these makers' devices says, letter by letter: decoded hardware hashes, and what the Linux kernel
compares with `DMI_SYS_VENDOR`. The service compares case as well (Partner Center: "case-sensitive")."""
_KNOWN_MAKER = re.compile(
    r"(?i)(?:acer|asus(?:tek)?|dell|fujitsu|hp|hewlett[\W_]*packard|lenovo|micro[\W_]*star|msi|microsoft|panasonic|samsung"
    r"|toshiba|vmware)(?![^\W_])"
)
MANUFACTURERS = frozenset(map(str.casefold, (*_FIRMWARE_SPELLINGS, *_LISTED["manufacturer"])))
"""Manufacturers as firmware spells them, case-folded. Used only to recognise which cell is the manufacturer."""


def is_default_uuid(uuid: bytes) -> bool:
    """Whether an SMBIOS UUID, in either byte order, is one that many boards share, or one byte repeated."""
    return uuid in _DEFAULT_UUIDS or (uuid[:1] == uuid[-1:] and 0 < len(uuid) == uuid.count(uuid[0]))


def is_manufacturer(text: str) -> bool:
    """Whether a text is the name of a manufacturer as firmware spells it, without regard to case."""
    return text.casefold() in MANUFACTURERS


_FORM_AT_END = re.compile(r"(?:[\W_]+(?:inc|corp|corporation|group|ltd|limited|gmbh))+\W*$", re.IGNORECASE)
_COMPARED_MANUFACTURERS = frozenset(map(_compared, MANUFACTURERS))


def is_like_manufacturer(text: str) -> bool:
    """Whether a whole cell is the name of a manufacturer as people spell it: `Hewlett Packard`, `Acer Inc.`"""
    if len(text) > _LONGEST_NAME:
        return False
    spellings = {_compared(text), _compared(_FORM_AT_END.sub("", text))}
    return is_manufacturer(text) or not spellings.isdisjoint(_COMPARED_MANUFACTURERS)


_WORDS = re.compile(r"[^\W_]+")
_MANUFACTURER_WORDS = frozenset(
    name.partition(" ")[0].partition(",")[0] for name in MANUFACTURERS if len(name.partition(" ")[0]) > 1
)


def names_manufacturer(text: str) -> bool:
    """Whether one of the words of a text begins the name of a known manufacturer."""
    return any(word.casefold() in _MANUFACTURER_WORDS for word in _WORDS.findall(text))


def spelling_differs(manufacturer: str) -> bool:
    """Whether a maker is known whose firmware spells the name otherwise: `HP Inc.`, `Lenovo`, `Dell`."""
    return manufacturer not in _FIRMWARE_SPELLINGS and _KNOWN_MAKER.match(manufacturer) is not None
