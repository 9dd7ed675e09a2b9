"""Strategies that write devices down in every form that is read, whole or damaged, with what must come of them."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from operator import and_
from typing import Any, TypeVar
from uuid import UUID
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from shared.device_files.rows import Column
from tests.device_files.hash_builder import build_hash
from tests.device_files.workbook_builder import Sheet, Workbook

T = TypeVar("T")
S, K, H, M, D, T_, O, P, U, W, *_ = Column  # noqa: E741 - one letter for each column of a table
_DELIMITERS = (",", ";", "\t", "|", "^")


class Kind(StrEnum):
    """What identifies a device in the file."""

    HASH = "hash"
    NAMES = "names"
    KEY = "key"


class Trouble(StrEnum):
    """The faults of a table; those of issue 21 by their numbers there."""

    WORDS = "words"
    """1: rows that look like prose, comments or templates, and sentences in front of rows."""
    PARTS = "parts"
    """2: a part that is not understood beside an understood one."""
    HEADERS = "headers"
    """3: more tables below, with other delimiters, names and columns."""
    QUOTES = "quotes"
    """4: stray quotes, ditto and inch marks."""
    SHIFTS = "shifts"
    """5: quotes lost around commas, and cells too many or too few at the ends of rows."""
    NAMES = "names"
    """6: names of columns that hold the delimiter."""


@dataclass(frozen=True)
class Device:
    kind: Kind
    serial: str
    maker: str
    model: str
    key: str = ""
    tag: str = ""
    number: int = 0

    @property
    def hash(self) -> str:
        return _hash_of(self.serial, self.maker, self.model, self.number) if self.kind is Kind.HASH else ""

    def cell(self, column: Column) -> str:
        cells = {S: self.serial, K: self.key, H: self.hash, M: self.maker, D: self.model, T_: self.tag}
        return cells.get(column, {O: "PO 4711", U: "ada@contoso.com"}.get(column, ""))


@lru_cache(maxsize=4096)
def _hash_of(serial: str, maker: str, model: str, number: int) -> str:
    return build_hash(serial, maker, model, uuid=UUID(int=1000 + number), tpm_key=bytes([1 + number]) * 256)


@dataclass(frozen=True)
class Written:
    """A device as it stands in a file."""

    device: Device
    prefix: str
    """Of its place: `member.csv `."""
    line: int
    """0 where it has none."""
    tag: str
    """The tag that stands beside it."""


@dataclass(frozen=True)
class DeviceFile:
    data: bytes
    written: tuple[Written, ...]
    is_whole: bool
    """Nothing about it is damaged or unclear: each device is sent."""
    may_be_refused: bool = False
    """As a whole, though nothing is damaged: an encoding begins without a mark, and nothing shows it beyond doubt."""
    chunk: int = 4096
    name: str = "devices.csv"
    shown: str = ""

    def __repr__(self) -> str:
        written = "\n  ".join(
            f"{one.prefix}line {one.line}: {replace(one.device)} tag={one.tag!r}" for one in self.written
        )
        return f"{self.name}, is_whole={self.is_whole}, chunk={self.chunk}:\n{self.shown}\n  {written}\n"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """What hypothesis shows of a file that was not read as it should be."""
        printer.text(repr(self))


# Devices

_SERIALS = (
    "5CG9041ABC", "PF3ABC01", "0012345", "8166846 B", "00123456", "7890 2345 AB", "BXKLMNP", "MXL-0042", "R90ABCDE",
    "VMware-56 4d 8a 01 2b", "12345678901234567890", "SN.4711/B", "042-0815", "0012E5",
    "C02XK0AAJHD2", "4CE0460D0G", "Parallels-1C 2A 77", "T0E1X55", "HP0815", "a1b2c3d4", "000000000123",
    "GM02T2R7", "CN-0X1Y2Z-74261",
)  # fmt: skip
_KNOWN_MAKERS = (
    "HP", "LENOVO", "Dell Inc.", "Microsoft Corporation", "VMware, Inc.", "Samsung Electronics Co., Ltd.",
)  # fmt: skip
_OTHER_MAKERS = (
    "Contoso", "Müller & Söhne, Köln", 'Firma "Büro" GmbH', "Acme (Europe) B.V.", "Ünlü Bilişim A.Ş.", "富士山電機",
    "Rechner; Halle", "A|B Computers", "No Such Maker",
)  # fmt: skip
_MACHINE_TYPE = "21R3001BUK"
_MODELS = (
    "ProBook 450 G10", _MACHINE_TYPE, "VMware20,1", "Latitude 5530", "HP EliteBook 840 G8 Notebook PC",
    "Standard PC (Q35 + ICH9, 2009)", 'Büro "Pro" 14', "Modell; schwarz", "X1", "漢字ノート", "Book3 (15.6 inch)",
    'Book 13"', "Notebook, 14 Zoll",
)  # fmt: skip
_TAGS = (
    "", "Kiosk", "Sales", "HP", "Le", "D", "A|B", 'Tag "x"', "Büro 1", "0042", "Köln; West", "R&D, Lab", "東京", "#3",
)  # fmt: skip


@st.composite
def devices(draw: st.DrawFn, kinds: Sequence[Kind] = tuple(Kind), most: int = 5) -> list[Device]:
    """One to a few devices, each with a serial number of its own."""
    serials = draw(st.lists(st.sampled_from(_SERIALS), min_size=1, max_size=most, unique=True))
    # Most serial numbers are plain, and so are most makers and models.
    plain = draw(st.booleans())
    made = []
    for serial in serials:
        kind = draw(st.sampled_from(kinds))
        maker = draw(st.sampled_from(_KNOWN_MAKERS[:4] if plain else _KNOWN_MAKERS + _OTHER_MAKERS))
        model = draw(st.sampled_from(_MODELS[:5] if plain else _MODELS))
        has_key = kind is Kind.KEY or draw(st.integers(0, 4)) == 4
        number = _SERIALS.index(serial)
        key = f"33{7 * number + 10:011}" if has_key else ""
        if kind is not Kind.HASH and not plain and maker in _OTHER_MAKERS and not any(map(str.isdigit, serial)):
            maker = "HP"  # Words alone, without a maker that is known, might be names of columns.
        # A maker that is known in another column is the maker, rather than a text that nobody knows in its own.
        tag = draw(st.sampled_from([tag for tag in _TAGS if tag != "HP" or maker in _KNOWN_MAKERS]))
        made.append(Device(kind, serial, maker, model, key, tag, number))
    return made


# Tables of text

_STYLED = [column for column in Column if column is not Column.PROFILE]

_STYLES: Mapping[str, Mapping[Column, str]] = {
    style: dict(zip(_STYLED, (*names.split("/"), "what_to_do", "fix_reason", "fix_source"), strict=True))
    for style, names in {
        "partner": "Device Serial Number/Windows Product ID/Hardware Hash/Manufacturer name/Device model/Group Tag"
        "/Purchase Order/Assigned User",
        "api": "serialNumber/productKey/hardwareHash/oemManufacturerName/modelName/groupTag/purchaseOrderIdentifier"
        "/userPrincipalName",
        "plain": "Serial/Product Key/4K Hash/Manufacturer/Model/Tag/PO Number/User",
        "sql": "SerialNumber0/Windows Product ID/DeviceHardwareData0/Manufacturer0/Model0/Group Tag/Order ID/UPN",
        "sharepoint": "Device_x0020_Serial_x0020_Number/Windows_x0020_Product_x0020_ID/Hardware_x0020_Hash"
        "/Manufacturer_x0020_name/Device_x0020_model/Group_x0020_Tag/Purchase_x0020_Order/Assigned_x0020_User",
        "remarks": "Serial Number (required)/Product Key (optional)/Hardware Hash (4K)/Manufacturer (exact)"
        "/Model (required)/Group Tag (optional)/Order Number/Assigned User (optional)",
        "de": "Seriennummer des Geräts/Windows-Produkt-ID/Hardwarehash/Herstellername/Gerätemodell/Gruppentag"
        "/Bestell-ID/Zugewiesener Benutzer",
        "nl": "Serienummer van apparaat/Windows product-id/hardware-hash/fabrikantnaam/apparaatmodel/groepstag"
        "/bestellings-id/toegewezen gebruiker",
        "ja": "デバイスのシリアル番号/Windows 製品 ID/ハードウェアハッシュ/製造元名/デバイスモデル/グループ タグ"
        "/注文番号/割り当てられたユーザー",
    }.items()
}
_UNKNOWN_NAMES = ("Raum", "Standort", "Bemerkung", "Asset", "Datum", "Etage (alt)", "Notes", "Kosten €")
_NAMES_WITH_DELIMITERS = ("Ort; Raum", "Price, net", "Breite | Tiefe", "Notes, internal; private", 'Zoll (")')
_FILLERS = ("", "Berlin", "12", "ok", "2024-05-01", "Halle 3; Regal 2", "EUR 1,099.00", "a|b", "#A17", "x", "2. OG")
_WORDY_FILLERS = ("# 17", "#A17", "to be checked by Ada on Monday", "<see list>", "---", "sep=;", "(2 rows affected)")
_SENTENCES = (
    "Nothing.",
    "Add manufacturer and model exactly as the firmware spells them. Or add the hardware hash.",
    "Enter the serial number printed on the device. Give each device a row of its own.",
    "Collect the hardware hash on the device again (Get-WindowsAutopilotInfo) and drop the new file.",
)
_SENTENCES_WITH_COMMAS = (
    "Add manufacturer and model exactly as the firmware spells them, or the hardware hash.",
    "Put cells with a comma between double quotes, so that each stands below its header.",
    "Halle 3, Regal zwei links hinten",
)
_LINES_ABOVE = (
    "", "Devices of our branch office", "made by Ada", "# collected on Monday",
    "#TYPE System.Management.Automation.PSCustomObject",
    "Report created;2024-05-01", "Contoso device list 2024", "Customer,0815", "**********************", ",,,",
    "PS C:\\Users\\ada> Get-WindowsAutopilotInfo", "Windows PowerShell transcript start", "Start time: 20240501093000",
)  # fmt: skip
_WORDS_OF_COLUMNS = (
    ["Lager Köln", "Herr Meier", "Tor", "Hof"], ["Serial Number", "Typ", "Fabrikat", "Lieferant"],
    ["S/N2", "Typ2", "Fabrikat2", "Raum2"], ["", "Model", "Lager", "Manufacturer"], ["Kennung", "Typ", "Fabrikat"],
)  # fmt: skip
_LINES_BETWEEN = (
    "", ",,,,", ";;", "# second floor", "# second floor, collected by Ada", "Devices of the second floor", " ", "\t\t",
    "**********************", "(2 rows affected)",
)  # fmt: skip
_LINES_BELOW = (
    "", "(2 rows affected)", "Total: 5 devices", "PS C:\\Users\\ada>", "End of the list of Ada",
    "Windows PowerShell transcript end",
    "Completion time: 2024-05-01T09:30:00.0000000+02:00", "\x1a", ",,,,,,,,",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Of a text, with the devices that stand on it."""

    text: str
    devices: tuple[Device, ...] = ()
    has_tag: bool = False
    """The tags of its devices stand beside them."""


@dataclass(frozen=True)
class Text:
    lines: tuple[Line, ...]
    is_whole: bool = True


class Quoting(StrEnum):
    AS_NEEDED = "as needed"
    ALWAYS = "always"
    NEVER = "never"
    AFTER_BLANK = "always, after a blank"
    NEEDED_AFTER_BLANK = "as needed, after a blank"
    TYPOGRAPHIC = "typographic"
    WHOLE_LINE = "whole line"
    APOSTROPHES = "always, with apostrophes"
    BACKSLASHES = "always, with quotes behind backslashes"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _as_needed(cell: str, delimiter: str) -> str:
    return _quoted(cell) if any(mark in cell for mark in (delimiter, '"', "\n", "\r")) else cell


def _line(cells: Sequence[str], delimiter: str, quoting: Quoting) -> str:
    match quoting:
        case Quoting.ALWAYS:
            return delimiter.join(map(_quoted, cells))
        case Quoting.AFTER_BLANK:
            return f"{delimiter} ".join(map(_quoted, cells))
        case Quoting.NEEDED_AFTER_BLANK:
            return f"{delimiter} ".join(_as_needed(cell, delimiter) for cell in cells)
        case Quoting.TYPOGRAPHIC:
            return delimiter.join(f"\u201c{cell}\u201d" for cell in cells)
        case Quoting.NEVER:
            return delimiter.join(cells)
        case Quoting.APOSTROPHES:
            return delimiter.join(f"'{cell}'" for cell in cells)
        case Quoting.BACKSLASHES:
            return delimiter.join('"' + cell.replace('"', '\\"') + '"' for cell in cells)
        case Quoting.WHOLE_LINE:
            return _quoted(delimiter.join(_as_needed(cell, delimiter) for cell in cells))
        case Quoting.AS_NEEDED:
            return delimiter.join(_as_needed(cell, delimiter) for cell in cells)


def _is_sound(cells: Sequence[str], delimiter: str, quoting: Quoting) -> bool:
    """Whether the cells can be told apart again."""
    if quoting is Quoting.NEVER:
        return not any(mark in cell for cell in cells for mark in (delimiter, '"'))
    mark = {Quoting.TYPOGRAPHIC: '"', Quoting.APOSTROPHES: "'"}.get(quoting)
    return mark is None or not any(mark in cell for cell in cells)


@dataclass(frozen=True)
class Layout:
    """The columns of a table: known ones, and unknown ones by their names."""

    columns: tuple[Column | str, ...]
    delimiter: str
    quoting: Quoting
    style: str = "partner"
    has_header: bool = True
    empty_end: int = 0
    """Empty cells at the end of the header and of every row."""

    def names(self) -> list[str]:
        style = _STYLES[self.style]
        named = [style[column] if isinstance(column, Column) else column for column in self.columns]
        return [*named, *[""] * self.empty_end]


def _often(draw: st.DrawFn, of_ten: int) -> bool:
    return draw(st.integers(1, 10)) > 10 - of_ten


def _needed(device: Device) -> tuple[Column, ...]:
    match device.kind:
        case Kind.HASH:
            return (H,)
        case Kind.KEY:
            return (K,)
        case Kind.NAMES:
            return (S, M, D)


@st.composite
def layouts(draw: st.DrawFn, of: Sequence[Device], troubles: frozenset[Trouble]) -> Layout:
    needed = {column for device in of for column in _needed(device)}
    optional = draw(st.sets(st.sampled_from([S, K, M, D, T_, O, U]))) | ({T_} if _often(draw, 5) else set())
    columns: list[Column | str] = [column for column in Column if column in needed | optional]
    if _often(draw, 5):
        columns = list(draw(st.permutations(columns)))
    names = (*_UNKNOWN_NAMES, *(_NAMES_WITH_DELIMITERS if Trouble.NAMES in troubles else ()))
    for name in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
        columns.insert(draw(st.integers(0, len(columns))), name)
    if Trouble.NAMES in troubles:
        columns.insert(draw(st.integers(0, len(columns))), draw(st.sampled_from(_NAMES_WITH_DELIMITERS)) + " 2")
    if _often(draw, 1):
        columns.insert(0, "#")
    if Trouble.SHIFTS in troubles and _often(draw, 3):
        columns.insert(draw(st.sampled_from([0, len(columns)])), W)
    quotings = list(Quoting) if not troubles & {Trouble.QUOTES, Trouble.SHIFTS} else [Quoting.NEVER, Quoting.AS_NEEDED]
    return Layout(
        tuple(columns),
        draw(st.sampled_from(_DELIMITERS)),
        draw(st.sampled_from(quotings)),
        draw(st.sampled_from(list(_STYLES))),
        empty_end=draw(st.sampled_from([0, 0, 0, 0, 2])),
    )


def _is_understood(layout: Layout, *, is_first: bool) -> bool:
    """Whether a header line of this layout is one beyond doubt: the hash, or two names of which one identifies."""
    known = {column for column in layout.columns if isinstance(column, Column)}
    return bool({S, K, H} & known) and (len(known) > 1 or H in known or (is_first and len(layout.columns) == 1))


_SHAPES: Sequence[tuple[tuple[Column, ...], Sequence[Kind]]] = (
    ((S, K, H), (Kind.HASH,)),
    ((S, K, H, T_), (Kind.HASH,)),
    ((S, K, H, T_, U), (Kind.HASH,)),
    ((H,), (Kind.HASH,)),
    ((S, K, H, M, D), (Kind.HASH, Kind.NAMES)),
    ((S, K, H, M, D, T_), (Kind.HASH, Kind.NAMES)),
    ((M, D, S), (Kind.NAMES,)),
)
"""Columns that are known without a header, and what can be told of them."""


@st.composite
def without_header(draw: st.DrawFn, of: Sequence[Device]) -> tuple[Layout, bool]:
    """A layout without a header line, and whether it is known."""
    delimiter, quoting = draw(st.sampled_from(_DELIMITERS)), draw(st.sampled_from(list(Quoting)))
    kinds = {device.kind for device in of}
    fitting = [columns for columns, of_shape in _SHAPES if kinds <= set(of_shape)]
    if fitting and _often(draw, 8):
        columns = draw(st.sampled_from(fitting))
        is_known = M not in columns or all(device.maker in _KNOWN_MAKERS for device in of)
        if columns[0] is M:
            # Of other makers than Lenovo a machine type is rather a serial number.
            is_known = is_known and all(device.maker == "LENOVO" or device.model != _MACHINE_TYPE for device in of)
        return Layout(columns, delimiter, quoting, has_header=False), is_known
    # In the places of the shapes above a maker says what the other cells are: nobody could know better.
    others = draw(st.permutations([S, K, H, M, D, T_]).filter(lambda drawn: {drawn[0], drawn[3]}.isdisjoint({M, T_})))
    return Layout(tuple(others), delimiter, quoting, has_header=False), False


@st.composite
def tables(
    draw: st.DrawFn, of: Sequence[Device], troubles: frozenset[Trouble], layout: Layout, *, has_header: bool = True
) -> Text:
    """The lines of one table. `has_header`: a header line stands above its rows."""
    is_whole = True
    lines: list[Line] = []
    if has_header:
        names = layout.names()
        is_whole = _is_sound(names, layout.delimiter, layout.quoting)
        lines.append(Line(_line(names, layout.delimiter, layout.quoting)))
        if _often(draw, 1):
            lines.append(Line(layout.delimiter.join("-" * (1 + len(name)) for name in names)))
        if _often(draw, 1):
            texts = (_STYLES["api"][column] if isinstance(column, Column) else "x" for column in layout.columns)
            lines.append(Line(layout.delimiter.join(f"<{text}>" for text in texts)))
        # Two damages may look like none: below a header with cells too many each row has as many as it should.
        if not is_whole:
            layout, troubles = replace(layout, quoting=Quoting.AS_NEEDED), troubles - {Trouble.QUOTES, Trouble.SHIFTS}
    first_row = len(lines)
    for device in of:
        line, is_sound = draw(rows(device, layout, troubles))
        is_whole = is_whole and is_sound
        lines.append(line)
    if has_header and _often(draw, 1):
        lines.insert(draw(st.integers(first_row, len(lines))), lines[0])
    if Trouble.WORDS in troubles and _often(draw, 2):
        words = layout.delimiter.join(draw(st.sampled_from(_WORDS_OF_COLUMNS))[: len(layout.columns)])
        lines.insert(draw(st.integers(first_row, len(lines))), Line(words))
        is_whole = False
    for text in draw(st.lists(st.sampled_from(_LINES_BETWEEN), max_size=2)):
        lines.insert(draw(st.integers(first_row, len(lines))), Line(text))
    return Text(tuple(lines), is_whole)


@st.composite
def rows(draw: st.DrawFn, device: Device, layout: Layout, troubles: frozenset[Trouble]) -> tuple[Line, bool]:
    """The line of a device, and whether it can be read for certain."""
    fillers = (*_FILLERS, *(_WORDY_FILLERS if Trouble.WORDS in troubles else ()))
    own = [device.cell(column) for column in layout.columns if isinstance(column, Column)]
    if Trouble.QUOTES in troubles and _is_sound(own, layout.delimiter, layout.quoting):
        # One damage a row: two may look like none.
        fillers = (*(filler for filler in fillers if layout.delimiter not in filler), '15"', '"', "''", '"ok')
    cells: list[str] = []
    for column in layout.columns:
        if column is W:
            cells.append(draw(st.sampled_from(("", *_SENTENCES, *_SENTENCES_WITH_COMMAS))))
        elif isinstance(column, Column):
            cells.append(device.cell(column))
        else:
            cells.append(draw(st.sampled_from(fillers)))
    cells += [""] * layout.empty_end
    is_whole = _is_sound(cells, layout.delimiter, layout.quoting)
    if Trouble.SHIFTS in troubles and _often(draw, 1):
        cells, is_sound = draw(_with_maker_elsewhere(cells, device, layout))
        is_whole = is_whole and is_sound
    if Trouble.SHIFTS in troubles and _often(draw, 3):
        cells += [""] * draw(st.integers(1, 3))
        is_whole = False
    elif _often(draw, 1) and (
        is_whole or all(f"{layout.delimiter} " in cell for cell in cells if layout.delimiter in cell)
    ):
        # Without a blank to show it, nobody can tell that a cell fell apart in a row that was cut.
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
        # Who quotes as he should writes every cell: fewer of them are doubtful beside a delimiter in quotes, and below
        # two unknown names that may be one.
        unknown = [isinstance(column, str) for column in layout.columns]
        is_certain = not any(layout.delimiter in cell for cell in cells) and not any(map(and_, unknown, unknown[1:]))
        is_whole = is_whole and (len(cells) >= len(layout.columns) + layout.empty_end or is_certain)
    text = _line(cells, layout.delimiter, layout.quoting)
    if is_whole and Trouble.QUOTES in troubles and _often(draw, 4):
        text, is_whole = draw(_with_stray_quotes(text, layout.delimiter)), False
    return Line(text, (device,), T_ in layout.columns), is_whole


@st.composite
def _with_maker_elsewhere(draw: st.DrawFn, cells: list[str], device: Device, layout: Layout) -> tuple[list[str], bool]:
    """Cells of which a known maker has changed places with another; and whether they are as they were."""
    places = [at for at, column in enumerate(layout.columns) if column in (S, K, D, T_) and cells[at]]
    places = [at for at in places if cells[at] not in _KNOWN_MAKERS]
    if M not in layout.columns or device.maker not in _KNOWN_MAKERS or not places:
        return cells, True
    at, maker_at = draw(st.sampled_from(places)), layout.columns.index(M)
    changed = {at: cells[maker_at], maker_at: cells[at]}
    return [changed.get(place, cell) for place, cell in enumerate(cells)], False


@st.composite
def _with_stray_quotes(draw: st.DrawFn, line: str, delimiter: str) -> str:
    cells = line.split(delimiter)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(cells) - 1))
        # A ditto mark stands where nothing else does: in the place of a name it would be another name.
        marked = [f'"{cells[at]}', f'{cells[at]}"', f'"" {cells[at]}'] if cells[at] else ['"']
        cells[at] = draw(st.sampled_from(marked))
    return delimiter.join(cells)


@st.composite
def texts(draw: st.DrawFn, troubles: frozenset[Trouble] = frozenset(), most: int = 5) -> Text:
    """A text with one table or several."""
    of = draw(devices(most=most))
    parts = draw(_shared_out(of, 3)) if Trouble.HEADERS in troubles or _often(draw, 2) else [of]
    if len(parts) > 1 and _often(draw, 2):
        parts[-1].append(parts[0][0])  # A device may stand in two tables.
    lines: list[Line] = []
    is_whole = True
    layout: Layout | None = None
    for place, part in enumerate(parts):
        wish = draw(st.integers(0, 9))
        if place and Trouble.HEADERS in troubles and wish == 9:
            lines += draw(_table_of_unknown_names(part))
            layout, is_whole = None, False
            continue
        if place and layout is not None and layout.has_header and _can_hold(layout, part) and wish < 3:
            # Rows appended without a header, written by another program.
            other = replace(layout, quoting=draw(st.sampled_from(list(Quoting))))
            text = draw(tables(part, troubles, other, has_header=False))
        elif not place and wish < 2:
            layout, is_known = draw(without_header(part))
            text = draw(tables(part, troubles, layout, has_header=False))
            is_whole = is_whole and is_known
        else:
            layout = draw(layouts(part, troubles))
            text = draw(tables(part, troubles, layout))
            is_whole = is_whole and _is_understood(layout, is_first=not place)
        is_whole = is_whole and text.is_whole
        lines += text.lines
    if Trouble.PARTS in troubles:
        lines, is_whole = [*draw(_parts_not_understood()), *lines], False
    above = draw(st.lists(st.sampled_from(_LINES_ABOVE), max_size=2))
    if _often(draw, 1):
        above = [f"Zeile {number} der Liste" for number in range(150)]
    below = draw(st.lists(st.sampled_from(_LINES_BELOW), max_size=2))
    return Text((*map(Line, above), *lines, *map(Line, below)), is_whole)


def _can_hold(layout: Layout, of: Sequence[Device]) -> bool:
    return all(column in layout.columns for device in of for column in _needed(device))


@st.composite
def _shared_out(draw: st.DrawFn, of: Sequence[T], most: int) -> list[list[T]]:
    """In a few parts, in order, each with something."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(of) - 1)), max_size=most - 1)) - {len(of)})
    return [list(of[start:end]) for start, end in zip([0, *cuts], [*cuts, len(of)], strict=True)]


@st.composite
def _table_of_unknown_names(draw: st.DrawFn, of: Sequence[Device]) -> list[Line]:
    delimiter, columns = draw(st.sampled_from(_DELIMITERS)), draw(st.permutations([S, M, D]))
    names = {S: "Kennung", M: "Lieferant", D: "Bauart"}
    rows = [
        Line(_line([device.cell(column) for column in columns], delimiter, Quoting.ALWAYS), (device,)) for device in of
    ]
    return [Line(delimiter.join(names[column] for column in columns)), *rows]


@st.composite
def _parts_not_understood(draw: st.DrawFn) -> list[Line]:
    """Devices in a table that nobody can read, above those of another: unknown names, none at all, or turned."""
    of = [replace(device, serial=f"Q7{device.serial}", key="", kind=Kind.NAMES) for device in draw(devices(most=3))]
    form = draw(st.integers(0, 3))
    if form == 0:
        return draw(_table_of_unknown_names(of))
    delimiter = draw(st.sampled_from(_DELIMITERS))
    columns = draw(st.permutations([S, M, D]).filter(lambda drawn: form != 1 or drawn[0] is not M))
    if form == 1:
        cells = [[device.cell(column) for column in columns] for device in of]
        rows = [Line(_line(row, delimiter, Quoting.ALWAYS), (device,)) for row, device in zip(cells, of, strict=True)]
        return rows * draw(st.sampled_from([1, 60]))
    style = _STYLES[draw(st.sampled_from(list(_STYLES)))]
    if form == 2:
        turned = [[style[column], *(device.cell(column) for device in of)] for column in columns]
        return [
            Line(_line(row, delimiter, Quoting.AS_NEEDED), tuple(of) if column is S else ())
            for row, column in zip(turned, columns, strict=True)
        ]
    return [Line(f"{style[column]}: {of[0].cell(column)}", (of[0],) if column is S else ()) for column in columns]


# Texts to bytes

_CODECS: Mapping[str, tuple[bytes, str]] = {
    "utf-8": (b"", "utf-8"),
    "utf-8 with mark": (b"\xef\xbb\xbf", "utf-8"),
    "utf-16-le with mark": (b"\xff\xfe", "utf-16-le"),
    "utf-16-be with mark": (b"\xfe\xff", "utf-16-be"),
    "utf-16-le": (b"", "utf-16-le"),
    "utf-16-be": (b"", "utf-16-be"),
    "cp1252": (b"", "cp1252"),
    "utf-32-le with mark": (b"\xff\xfe\x00\x00", "utf-32-le"),
    "utf-32-be with mark": (b"\x00\x00\xfe\xff", "utf-32-be"),
    "utf-32-le": (b"", "utf-32-le"),
}
_WIDE = ("utf-16", "utf-32")
_LONG_ENOUGH = 10
"""Bytes of a line that is not taken for a word of East Asia in UTF-16."""
_CHUNKS = (4096, 1000, 64, 7, 1, 100_000)


def _encodes(lines: Sequence[Line], encoding: str) -> bool:
    try:
        for line in lines:
            line.text.encode(_CODECS[encoding][1])
    except UnicodeEncodeError:
        return False
    return True


@st.composite
def encoded(
    draw: st.DrawFn, text: Text, *, is_mixed: bool = False, encodings: Sequence[str] = ()
) -> tuple[bytes, list[tuple[Line, int]], dict[int, str]]:
    """The bytes of a text, the line in which each device stands, and the encoding that begins at each line."""
    segments = draw(_shared_out(text.lines, 3)) if is_mixed else [list(text.lines)]
    end = draw(st.sampled_from(["\r\n", "\n", "\r"]))
    has_last_end = draw(st.booleans())
    data, places, number, used = b"", list[tuple[Line, int]](), 1, dict[int, str]()
    for place, segment in enumerate(segments):
        fitting = [encoding for encoding in encodings or _CODECS if _encodes(segment, encoding)]
        encoding = draw(st.sampled_from(fitting))
        mark, codec = _CODECS[encoding]
        used[number] = encoding
        data += mark
        for at, line in enumerate(segment):
            is_last = place == len(segments) - 1 and at == len(segment) - 1
            data += (line.text + (end if has_last_end or not is_last else "")).encode(codec)
            if line.devices:
                places.append((line, number))
            number += 1
    return data, places, used


def _are_plain(lines: Sequence[Line], used: Mapping[int, str]) -> bool:
    """Whether it shows at each line with which an encoding begins that it does, so that the file must be read."""
    before = ""
    for number, encoding in used.items():
        line, above = lines[number - 1].text, lines[number - 2].text if number > 1 else ""
        codec = _CODECS[encoding][1]
        is_behind_bytes = not before.startswith(_WIDE)
        if codec.startswith(_WIDE):
            # In UTF-32, cells without letters look like such that are filled up with NUL.
            has_letters = codec.startswith("utf-16") or any(map(str.isalnum, line[1:]))
            begins_plainly = len(line) > 1 and line[:2].isascii() and has_letters and len(above) != 1
            is_plain = before == codec or begins_plainly
        else:
            # A line end of bytes in front of NUL may be half of one in UTF-16.
            is_long_enough = len(line.encode(codec)) >= _LONG_ENOUGH and number + 1 not in used
            is_plain = is_behind_bytes or (is_long_enough and (codec == "utf-8" or line.isascii()))
        if not is_plain and not encoding.endswith("mark"):
            return False
        before = codec
    return True


def _shown(text: Text, hashes: Sequence[Device]) -> str:
    shown = "\n".join(line.text for line in text.lines)
    for device in hashes:
        if device.hash:
            shown = shown.replace(device.hash, f"⟨hash of {device.serial}⟩")
    return shown


@st.composite
def table_files(draw: st.DrawFn, troubles: frozenset[Trouble] = frozenset(), *, is_mixed: bool = False) -> DeviceFile:
    """A text file, in one encoding or in several."""
    text = draw(texts(troubles))
    data, places, used = draw(encoded(text, is_mixed=is_mixed))
    written = tuple(
        Written(device, "", number, device.tag if line.has_tag else "")
        for line, number in places
        for device in line.devices
    )
    # Such quotes are letters of other code pages, and believed in simple cases alone.
    is_typographic = any("\u201c" in line.text for line in text.lines)
    return DeviceFile(
        data,
        written,
        text.is_whole and not (is_typographic and "cp1252" in used.values()),
        not _are_plain(text.lines, used),
        draw(st.sampled_from(_CHUNKS)),
        shown=f"{_shown(text, [one.device for one in written])}\n{used}",
    )


# JSON and XML

_JSON_NAMES: Sequence[Mapping[Column, str]] = (
    _STYLES["api"],
    {**_STYLES["api"], H: "hardwareIdentifier", M: "manufacturer", D: "model"},
    {**_STYLES["api"], S: "SerialNumber", K: "ProductKey", H: "HardwareHash", M: "Manufacturer", D: "Model"},
    _STYLES["partner"],
    _STYLES["de"],
)
_MORE_VALUES: Sequence[tuple[str, Any]] = (
    ("id", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("@odata.type", "#microsoft.graph.windowsAutopilotDeviceIdentity"),
    ("enrollmentState", "unknown"),
    ("lastContactedDateTime", "0001-01-01T00:00:00Z"),
    ("isManaged", True),
    ("count", 17),
    ("state", {"deviceImportStatus": "complete", "deviceErrorCode": 0}),
    ("owners", []),
    ("note", None),
    ("displayName", "PC-0815"),
)


@st.composite
def _items(draw: st.DrawFn, of: Sequence[Device]) -> list[dict[str, Any]]:
    names = draw(st.sampled_from(_JSON_NAMES))
    absent = draw(st.sampled_from(["left out", "", None]))
    more = draw(st.lists(st.sampled_from(_MORE_VALUES), max_size=3, unique_by=lambda pair: pair[0]))
    columns = draw(st.permutations([S, K, H, M, D, T_]))
    found = []
    for device in of:
        item = {names[column]: device.cell(column) or absent for column in columns}
        item = {name: value for name, value in item.items() if value != "left out"}
        found.append(draw(st.sampled_from([{**item, **dict(more)}, {**dict(more), **item}])))
    return found


def _dumped(value: Any, indent: int | None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)


_WRAPPERS: Sequence[Callable[[Any], Any]] = (
    lambda items: items,
    lambda items: {"value": items},
    lambda items: {"@odata.context": "https://graph.microsoft.com/beta/$metadata", "@odata.count": 7, "value": items},
    lambda items: {"orderId": "4711", "customer": {"name": "Contoso", "id": 17}, "devices": items},
    lambda items: {"log": [{"time": "09:30", "text": "started"}], "devices": items, "errors": []},
    lambda items: {"order": {"id": "B-1", "positions": {"devices": items}}},
    lambda items: {"sites": [{"site": "Berlin", "devices": items[:1]}, {"site": "Köln", "devices": items[1:]}]},
    lambda items: [items[:1], items[1:]],
    lambda items: {"new": items[:1], "old": items[1:]},
    lambda items: [None, *items],
    lambda items: {"number": "LS-2024-17", "manufacturer": "HP", "devices": items},
)


@st.composite
def json_files(draw: st.DrawFn) -> DeviceFile:
    of = draw(devices())
    items = draw(_items(of))
    form = draw(st.sampled_from(["one", "lines", "documents", "single"]))
    wrap, indent = draw(st.sampled_from(_WRAPPERS)), draw(st.sampled_from([None, 2]))
    if form == "lines":
        documents = [_dumped(item, None) for item in items]
    elif form == "documents":
        documents = [_dumped(wrap(part), indent) for part in draw(_shared_out(items, 3))]
    elif form == "single":
        documents = [_dumped(item, indent) for item in items]
    else:
        documents = [_dumped(wrap(items), indent)]
    between = "\n" if form == "lines" else draw(st.sampled_from(["\n", "", "\r\n\r\n", "\ufeff"]))
    encoding = draw(
        st.sampled_from(["utf-8", "utf-8 with mark", "utf-16-le with mark", "utf-16-be with mark", "utf-16-le"])
    )
    mark, codec = _CODECS[encoding]
    data = mark + between.join(documents).encode(codec)
    written = tuple(Written(device, "", 0, device.tag) for device in of)
    text = Text(tuple(map(Line, documents)))
    chunk = draw(st.sampled_from(_CHUNKS))
    return DeviceFile(
        data, written, is_whole=True, chunk=chunk, name="devices.json", shown=f"{_shown(text, of)}\n{encoding}"
    )


@st.composite
def oa3_files(draw: st.DrawFn) -> DeviceFile:
    of = draw(devices(kinds=(Kind.HASH, Kind.KEY)))
    keys = []
    for device in of:
        key = f"<ProductKeyID>{device.key}</ProductKeyID>" if device.key else ""
        text = f"<HardwareHash>{escape(device.hash)}</HardwareHash>" if device.hash else ""
        fields = draw(st.permutations([key, text, "<ProductKeyState>3</ProductKeyState>"]))
        keys.append(f"<Key>{''.join(fields)}</Key>")
    is_single = len(keys) == 1 and draw(st.booleans())
    between = draw(st.sampled_from(["", "\n", "\r\n  "]))
    body = keys[0] if is_single else f"<Keys>{between}{between.join(keys)}{between}</Keys>"
    encoding = draw(st.sampled_from(["utf-8", "utf-8 with mark", "utf-16-le with mark"]))
    declaration = draw(st.sampled_from(["", f'<?xml version="1.0" encoding="{encoding[:6]}"?>\n']))
    mark, codec = _CODECS[encoding]
    data = mark + (declaration + body).encode(codec)
    written = tuple(Written(device, "", 0, "") for device in of)
    chunk = draw(st.sampled_from(_CHUNKS))
    shown = _shown(Text((Line(body),)), of)
    return DeviceFile(data, written, is_whole=True, chunk=chunk, name="OA3.xml", shown=shown)


# Archives and workbooks


@st.composite
def archives(draw: st.DrawFn) -> DeviceFile:
    """A zip of several files whose devices differ, or one file in gzip."""
    one = draw(st.one_of(table_files(), table_files(is_mixed=True), json_files(), oa3_files()))
    chunk = draw(st.sampled_from(_CHUNKS))
    if _often(draw, 3):
        return replace(one, data=gzip.compress(one.data), name=f"{one.name}.gz", chunk=chunk)
    members = {one.name: one, "readme.txt": None, "more/second.csv": draw(table_files())}
    buffer, written, is_whole, may_be_refused = io.BytesIO(), list[Written](), True, False
    known: set[str] = set()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, member in members.items():
            if member is None:
                package.writestr(name, "Devices of our branch office\n")
                continue
            package.writestr(name, member.data)
            # The same serial number may stand in two members, with another maker: then they are two devices.
            written += [replace(each, prefix=f"{name} ") for each in member.written]
            serials = {each.device.serial for each in member.written}
            is_whole = is_whole and member.is_whole and not known & serials
            known |= serials
            may_be_refused = may_be_refused or member.may_be_refused
    shown = "\n".join(f"{name}:\n{member.shown}" for name, member in members.items() if member is not None)
    return DeviceFile(
        buffer.getvalue(), tuple(written), is_whole, may_be_refused, chunk=chunk, name="devices.zip", shown=shown
    )


@st.composite
def workbooks(draw: st.DrawFn) -> DeviceFile:
    """One to three sheets, each with a table somewhere on it."""
    parts = draw(_shared_out(draw(devices()), 3))
    sheets, written, is_whole, shown = list[Sheet](), list[Written](), True, list[str]()
    for number, part in enumerate(parts, start=1):
        layout = draw(layouts(part, frozenset(draw(st.sampled_from([(), (Trouble.NAMES,)])))))
        has_header = _often(draw, 9)
        if not has_header:
            layout, is_known = draw(without_header(part))
            is_whole = is_whole and is_known
        first_row, first_column = draw(st.integers(0, 3)), draw(st.integers(0, 2))
        above = [[""] * first_column + [draw(st.sampled_from(_LINES_ABOVE))] for _ in range(first_row)]
        table = [layout.names()] if has_header else []
        is_whole = is_whole and (not has_header or _is_understood(layout, is_first=True))
        for device in part:
            written.append(
                Written(
                    device,
                    f"devices.xlsx!Sheet{number} ",
                    len(above) + len(table) + 1,
                    device.tag if T_ in layout.columns else "",
                )
            )
            table.append([_text_cell(draw, device, column) for column in layout.columns])
        grid = [*above, *([""] * first_column + row for row in table)]
        sheets.append(Sheet(f"Sheet{number}", grid))
        shown.append(f"Sheet{number}: {layout}")
    data = Workbook(sheets).data()
    text = "\n".join(shown)
    return DeviceFile(
        data, tuple(written), is_whole, name="devices.xlsx", shown=text, chunk=draw(st.sampled_from(_CHUNKS))
    )


def _text_cell(draw: st.DrawFn, device: Device, column: Column | str) -> str:
    return device.cell(column) if isinstance(column, Column) else draw(st.sampled_from(_FILLERS))
