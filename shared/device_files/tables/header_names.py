"""The names that columns of device files have, and what each one means: `header_names.csv`, and how names are compared.

Names *in use* are those of Get-WindowsAutopilotInfo, the Partner Center template and API, Intune's import and export
(`Serial number,Manufacturer,Model,Group tag,Profile status,Purchase order,...`), Microsoft Graph, Configuration Manager
(report and SQL views), Win32_ComputerSystemProduct and resellers' spreadsheets. An order number is never a group tag,
though Intune took `OrderID` for one until 2019.

Names of *pages of Microsoft* are as public copies on GitHub had them between 2018 and 2022. Serial number to model: the
header line of "Add devices to a customer's account" (`partner-center/autopilot.md` in partner-center-pr.* of
MicrosoftDocs: cs-cz de-de es-es fr-fr hu-hu it-it ja-jp ko-kr pt-br ru-ru zh-cn zh-tw, and in copies of it: nl-nl pl-pl
pt-pt sv-se tr-tr), and those of "Device list CSV file" and "Add Autopilot devices and profile"
(`microsoft-365/admin/misc/device-list.md`, `microsoft-365/business/add-autopilot-devices-and-profile.md` in
microsoft-365-docs-pr.* of MicrosoftDocs and copies of it). Group tag, user and the order id of before
2019: the sentence on the CSV file in `intune/enrollment-autopilot.md` (IntuneDocs.*) and
`memdocs/autopilot/add-devices.md` (memdocs.*), in the singular. For *usual words* no page was found that has them as
headers. A *remark* may stand in brackets behind a name.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

from shared.device_files.placeholders import is_template_text
from shared.device_files.rows import Column


class Sureness(IntEnum):
    """How surely a name has its meaning: of two columns that claim one, the surer has it."""

    PLAIN = 1
    """A word that other things share: `serial`, `make`, `tag`."""
    COMMON = 2
    """The usual name: `serial number`, `manufacturer`. Monitors have these as well."""
    STANDARD = 3
    """A name of Microsoft's own pages, tools and APIs, which nothing else has: `Device Serial Number`."""


_ESCAPED = re.compile(r"_x([0-9a-f]{4})_", re.IGNORECASE)
"""How SharePoint writes a blank or a letter with accent in the internal name of a column: `_x0020_`."""
_REMARK = re.compile(r"[(\[<]([^()\[\]<>]*)[)\]>]")
_SPECIAL_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
)
_NOT_COMPARED = re.compile(r"[\W_]+")
_WRITTEN_UMLAUT = re.compile(r"(?<=\w)([aou])e(?=\w)")
_PREFIX = re.compile(
    r"^\s*(?:details_table\d+_|u_|\(?\d{1,2}[.)]\s*|(?:(?:win32|cim|sms_g_system|v_gs)_(?:pc_)?)?"
    r"(?:bios|computer_?system(?:_?product)?|device|hardware|column\d*|value)0?\.)",
    re.IGNORECASE,
)
"""A number (`1. Serial Number`), or where a name is from: Configuration Manager's report, a class or a record."""
_BRACKETED = re.compile(r"\s*\[([^\[\]]+)\]\s*")
"""How SQL writes a name. Of template texts, those in square brackets alone may be names of columns."""
_SECOND = re.compile(
    r"^(?:replacement|new|old|former|previous|ersatz|neue?[rs]?|alte?[rs]?|2nd|second|zweite|nouve(?:au|lle)|ancien(?:ne)?"
    r"|nuev[oa]|nuov[oa]|vecchi[oa]|nieuwe?|oude?)[\W_]*"
    r"|[\W_]*(?:[0-9]{1,2}|new|old|neu|alt)\W*$|[\W_]+(?:[xy]|left|right|copy|kopie|duplicate|(?:neu|alt)gerät)\W*$",
    re.IGNORECASE,
)
"""What tells one column from another of its name: `Serial Number.1`, `serialNumber2`, `Replacement Serial Number`, and
`Serial Number_y` where a program joined two tables."""
_SEPARATORS = tuple(map(re.compile, (r"[()\[\]<>]", r"[|:;,\n]|\s[-\u2013\u2014/]\s", "/")))
"""Between two names of one thing: `Serial number (S/N)`, `Hersteller / Manufacturer`."""
_MOST_PARTS = 6
_ENDINGS = ("0", "00", "s", "es", "e", "n")
"""Of names in Configuration Manager's SQL (`Model0`), and of plurals."""
_SHORTEST_WITH_ENDING = 5
"""`SN0` may be a serial number."""
_GROUP_TAG_LENGTHS = re.compile(r"g(?=.*t)[a-z]{5,9}$")
_SURE_ENOUGH = 0.85
"""A group tag with a letter or two wrong, as in `Grup Tag`: without it devices would go to another batch, unlike
those without a serial number or manufacturer, which are not sent."""
_LONGEST_NAME = 128


def _letters(text: str) -> str:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_SPECIAL_LETTERS)
    return _WRITTEN_UMLAUT.sub(r"\1", _NOT_COMPARED.sub("", text.casefold()))


_DEVICE_WORDS = (
    *("device", "pc", "computer", "notebook", "laptop", "desktop", "tablet", "workstation", "system", "machine"),
    *("hardware", "host", "unit", "gerate", "gerat"),
)
"""Before or behind a name they say whose serial number, hash, manufacturer or model is meant."""
_OF_THE_DEVICE = frozenset({Column.SERIAL_NUMBER, Column.HARDWARE_HASH, Column.MANUFACTURER, Column.MODEL})
_TAG_WORDS = ("ap", "autopilot", "ztd", "intune", "mdm", "entra", "aad", "azuread")
"""The same with the group tag."""
with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as _table:
    _NAMES = [(entry["name"], entry["column"], entry["sureness"]) for entry in csv.DictReader(_table)]
_HARMLESS_REMARKS = frozenset(
    map(_letters, ("", *_DEVICE_WORDS, *(name for name, column, _ in _NAMES if column == "remark")))
)
"""What may stand in brackets behind a name. Any other remark is part of it: `Serial number (monitor)`."""


def folded(name: str) -> str:
    """A name as it is compared: its letters and digits, without case, accents and harmless remarks in brackets."""
    name = _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), _PREFIX.sub("", name))
    return _letters(_REMARK.sub(lambda remark: "" if _is_harmless(remark[1]) else remark[0], name))


def _is_harmless(remark: str) -> bool:
    return all(_letters(part) in _HARMLESS_REMARKS for part in re.split("[,;]", remark))


def meaning(name: str) -> tuple[Column, Sureness] | None:
    """The column that a name of up to 128 characters means, and how surely; `None` where it means none that is read."""
    return _meaning(name) if len(name) <= _LONGEST_NAME else None


def meaning_again(name: str) -> Column | None:
    """The column that a name of up to 128 characters means once more, beside one of that meaning; else `None`."""
    again = meaning(_SECOND.sub("", name)) if len(name) <= _LONGEST_NAME else None
    return None if again is None or meaning(name) is not None else again[0]


def column_named(name: str) -> Column | None:
    """The column that a name means, or `None` where it means none that is read."""
    found = meaning(name)
    return None if found is None else found[0]


@lru_cache(maxsize=4096)
def _meaning(name: str) -> tuple[Column, Sureness] | None:
    bracketed = _BRACKETED.fullmatch(name)
    name = bracketed[1] if bracketed else name
    return None if is_template_text(name) else _known(folded(name)) or _of_parts(name)


def _of_parts(name: str) -> tuple[Column, Sureness] | None:
    """The meaning that all parts of a name have, besides harmless remarks: `Serial number (S/N)`."""
    separator = next((each for each in _SEPARATORS if each.search(name)), None)
    parts = separator.split(name, _MOST_PARTS) if separator else []
    if len(parts) > _MOST_PARTS:
        return None
    meanings = {_letters(part): _known(folded(part)) or _of_parts(part) for part in parts}
    sure = {letters: each for letters, each in meanings.items() if each is not None}
    columns = {column for column, _ in sure.values()}
    if columns == {Column.GROUP_TAG, Column.ORDER_NUMBER}:
        # Until 2019 the group tag was called order id.
        return Column.GROUP_TAG, Sureness.COMMON
    if len(columns) != 1 or not meanings.keys() - sure.keys() <= _HARMLESS_REMARKS:
        return None
    return max(sure.values())


def _known(compared: str) -> tuple[Column, Sureness] | None:
    if compared in _BY_NAME:
        return _BY_NAME[compared]
    for ending in _ENDINGS if len(compared) > _SHORTEST_WITH_ENDING else ():
        found = _BY_NAME.get(compared.removesuffix(ending))
        if found is not None and found[1] > Sureness.PLAIN:
            return found
    for words, columns in ((_DEVICE_WORDS, _OF_THE_DEVICE), (_TAG_WORDS, {Column.GROUP_TAG})):
        for word in words if compared.startswith(words) or compared.endswith(words) else ():
            rest = _BY_NAME.get(compared.removeprefix(word)) or _BY_NAME.get(compared.removesuffix(word))
            if rest is not None and rest[0] in columns:
                return rest[0], max(Sureness.COMMON, rest[1])
    is_near = _GROUP_TAG_LENGTHS.match(compared) and SequenceMatcher(None, compared, "grouptag").ratio() >= _SURE_ENOUGH
    return (Column.GROUP_TAG, Sureness.PLAIN) if is_near else None


def all_names() -> Iterator[tuple[str, Column, Sureness]]:
    """Every name of the table with its meaning."""
    for name, column, sureness in _NAMES:
        if sureness:
            yield name, Column[column.upper()], Sureness[sureness.upper()]


_BY_NAME = {
    folded(name): (column, sureness) for name, column, sureness in sorted(all_names(), key=lambda entry: entry[2])
}
"""A name with several sources has the surest of its meanings."""
