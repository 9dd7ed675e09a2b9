"""results.csv and to_fix.csv through `Import-Csv | Where-Object | Sort-Object | Export-Csv` and back.

PowerShell changes no cell on that way: it drops and sorts rows, and writes them with another delimiter, other quotes
and in another encoding. Each device that it wrote is sent as what it is, or rejected aloud; nothing else is sent.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.csv_defusing import safe_original
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, Column, DeviceRow, Rules, SendableDevice, header_of
from shared.device_files.to_fix import Fix, table_to_fix
from shared.pipeline.closing.csv_output import csv_text, results_csv
from shared.reasons import REASONS, RowReason
from shared.storage.records import DeviceOutcome
from shared.vocabulary import Outcome

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HASHES = Path(__file__).parents[2] / "device_files" / "samples" / "hardware_hashes_utf16le.csv"
BATCH = "Kiosk, hall 2"

NAMES = ("Device Serial Number", "Windows Product ID", "Hardware Hash", "Manufacturer name", "Device model")
HEADER = header_of([*list(Column)[:6], None], [*NAMES, "Group Tag", "Remark"])


@dataclass(frozen=True, slots=True)
class Given:
    """A device as it stands in the file that came back from us."""

    serial: str
    maker: str = ""
    model: str = ""
    tag: str = ""
    remark: str = ""
    hardware_hash: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        return self.serial, "", self.hardware_hash, self.maker, self.model, self.tag, self.remark

    @property
    def is_broken(self) -> bool:
        """Whether it is not fixed yet."""
        return not (self.hardware_hash or self.maker)


PLAIN = [
    Given("PF3ABC01", "LENOVO", "21R3001BUK", "Sales", "Halle 3"),
    Given("0000789", "HP", "HP ProBook 450 G10", "0042", "-1"),
    Given("70231159846201", "Dell Inc.", "Latitude 7440", "", "=1+1"),
    Given("VMware-56 4d 8a 01", "VMware Inc.", "VMware7", "Büro 1", "für später"),
    Given("ALONE77"),
    Given("5CG0123456", "HP", "HP Elite x360", "Sales", ""),
]
NASTY = [
    Given("MJ0AB12C", "VMware, Inc.", "VMware7,1", "Kiosk", "Halle 3, Regal; links… 14″ ‰"),
    Given("CZC1234ABC", "HP", 'HP 14" Notebook', "Sales", 'the "blue" one'),
    Given("ALONE88", "", "", "Sales, 2nd floor"),
    Given("PC0TAB55", "LENOVO", "20XW\tS00", "Tag;1", "Halle 3"),
    Given("R90LINES", "LENOVO", "21R3001BUK", "Kiosk", "two\r\nlines"),
]


# --- our files


def to_fix(devices: Sequence[Given], *unread: DeviceRow, delimiter: str = ",") -> bytes:
    """to_fix.csv: each row with the sentence of another reason; `unread` are parts that could not be read."""
    fixes = [Fix(reason, explanation.what_to_do) for reason, explanation in REASONS.items()]
    rows = [
        (DeviceRow(f"line {number + 2}", header=HEADER, cells=device.cells), fixes[number % len(fixes)])
        for number, device in enumerate(devices)
    ]
    rows += [(row, Fix("", REASONS[RowReason.UNREADABLE_MEMBER].what_to_do)) for row in unread]
    return b"".join(csv_text(table_to_fix(lambda: iter(rows)), delimiter, safe_original))


def results(devices: Sequence[Given], delimiter: str = ",") -> bytes:
    """results.csv: broken rows were rejected, all others failed in the words of the service."""
    outcomes = [
        DeviceOutcome(
            reading_id="r",
            row=number,
            source=f"devices.csv line {number + 1}",
            outcome=Outcome.REJECTED if device.is_broken else Outcome.FAILED,
            serial_number=device.serial,
            manufacturer=device.maker,
            model=device.model,
            error_code=RowReason.SERIAL_ALONE if device.is_broken else "ZtdDeviceAssignedToOtherTenant",
            error_description="" if device.is_broken else f'Device "{device.serial}", of another tenant;\r\nsee 1, 2',
            what_to_do=REASONS[RowReason.SERIAL_ALONE].what_to_do,
            batch_id=BATCH,
            tracking_id="a3d1c3f0-1d5a-4b07-9c3e-0a9e2b7c1d11",
        )
        for number, device in enumerate(devices, 1)
    ]
    return b"".join(results_csv(outcomes, delimiter))


# --- PowerShell's version of them


class Quotes(StrEnum):
    ALWAYS = "Always"
    AS_NEEDED = "AsNeeded"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of Export-Csv; Windows PowerShell 5.1 writes a line with the type, quotes always and ASCII."""

    quotes: Quotes = Quotes.ALWAYS
    delimiter: str = ","
    encoding: str = "utf-8"
    has_type_line: bool = False
    newline: str = "\r\n"

    def line(self, cells: Sequence[str]) -> str:
        return self.delimiter.join(map(self._cell, cells)) + self.newline

    def _cell(self, text: str) -> str:
        needs_quotes = any(mark in text for mark in (self.delimiter, '"', "\r", "\n"))
        if self.quotes is Quotes.ALWAYS or (self.quotes is Quotes.AS_NEEDED and needs_quotes):
            return '"' + text.replace('"', '""') + '"'
        return text

    def keeps_apart(self, cells: Iterable[str]) -> bool:
        is_split = any(cell.startswith('"') or set(cell) & {self.delimiter, "\r", "\n"} for cell in cells)
        return self.quotes is not Quotes.NEVER or not is_split

    def encoded(self, text: str) -> bytes:
        if self.encoding == "utf-16-le":
            return codecs.BOM_UTF16_LE + text.encode(self.encoding)
        return text.encode(self.encoding, "replace")

    def kept(self, text: str) -> str:
        """A text as it is after this encoding."""
        return text.encode(self.encoding, "replace").decode(self.encoding)


FORMS = [
    Form(quotes, delimiter, encoding, has_type_line)
    for quotes, delimiter, encoding, has_type_line in product(
        Quotes, ",;\t", ("utf-8", "utf-8-sig", "utf-16-le", "ascii", "cp1252"), (False, True)
    )
]

Record = dict[str, str]


def import_csv(data: bytes) -> list[Record]:
    text = data.decode("utf-8-sig")
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    return list(csv.DictReader(io.StringIO(text, newline=""), restval="", delimiter=delimiter))


@dataclass(frozen=True, slots=True)
class Exported:
    data: bytes
    lines: Sequence[range]
    """The lines of each record."""
    are_whole: Sequence[bool]
    """Whether each record can still be split into its cells: without quotes that is uncertain."""


def export_csv(records: Sequence[Record], columns: Sequence[str], form: Form) -> Exported:
    text = f"#TYPE System.Management.Automation.PSCustomObject{form.newline}" if form.has_type_line else ""
    text += form.line(columns)
    lines: list[range] = []
    for record in records:
        first = 1 + text.count("\n")
        text += form.line([record[name] for name in columns])
        lines.append(range(first, 1 + text.count("\n")))
    return Exported(form.encoded(text), lines, [form.keeps_apart(record.values()) for record in records])


# --- the rows read from it


def read(data: bytes) -> list[CheckedRow]:
    findings = Findings()
    for _ in range(3):
        try:
            return list(read_device_file(lambda: [data], name="export.csv", rules=Rules(), now=NOW, findings=findings))
        except ReadAgain as again:
            findings = again.findings
    raise AssertionError("It is read twice again at most.")


def faults(devices: Sequence[Given], exported: Exported, form: Form, tags: Sequence[str] = ()) -> Iterator[str]:
    """Every device that is neither sent correctly nor rejected visibly, and everything else that is sent."""
    rows = read(exported.data)
    by_serial = {form.kept(device.serial): device for device in devices}
    for row in rows:
        if row.device is None:
            continue
        device = by_serial.get(row.device.serial_number or "")
        if device is None:
            yield f"sent, but none of the devices: {row}"
        elif not _is_sent_as_it_is(row, row.device, device, form, tags):
            yield f"sent with cells of others: {row}"
    for device, lines, is_whole in zip(devices, exported.lines, exported.are_whole, strict=True):
        own = [row for row in rows if row.serial_number == form.kept(device.serial) or _line_of(row) in lines]
        if not own:
            yield f"vanished: {device}"
        elif is_whole and not device.is_broken and not any(row.device for row in own) and _is_kept(device, form):
            yield f"not sent: {device}, {own}"


def _is_sent_as_it_is(row: CheckedRow, sent: SendableDevice, device: Given, form: Form, tags: Sequence[str]) -> bool:
    if sent.hardware_hash is not None:
        identity_is_right = sent.hardware_hash == device.hardware_hash
    else:
        names = (sent.manufacturer, sent.model)
        identity_is_right = names == tuple(_as_read(form.kept(name)) for name in (device.maker, device.model))
    return identity_is_right and row.group_tag in {_as_read(form.kept(device.tag)), *map(form.kept, tags)}


def _as_read(cell: str) -> str:
    return cell.replace("\t", " ")


def _is_kept(device: Given, form: Form) -> bool:
    """Whether the encoding kept every cell that is sent: a lost letter of a tag may reject the row."""
    return all(form.kept(cell) == cell for cell in device.cells[:-1])


def _line_of(row: CheckedRow) -> int:
    return int(row.source.rpartition(" ")[2])


# --- and back


def sample_device() -> Given:
    text = HASHES.read_bytes().decode("utf-16")
    row = list(csv.reader(io.StringIO(text)))[1]
    return Given(row[0], tag="Pilot", hardware_hash=row[2])


def sorted_by_any_column(records: Sequence[Record]) -> Iterator[list[Record]]:
    for name in records[0]:
        yield sorted(records, key=lambda record: record[name].casefold())


def orders_of_properties(record: Record) -> list[list[str]]:
    """As imported; and as Select-Object or the properties of a hashtable put them."""
    return [list(record), list(reversed(record)), sorted(record)]


@dataclass(frozen=True, slots=True)
class Extent:
    """The share of people's possible actions that a run tries."""

    form: Form
    is_campaign: bool

    def covers(self, place: int) -> bool:
        """Whether the action at `place` is tried: always in a campaign; else with every third form."""
        return self.is_campaign or (place + FORMS.index(self.form)) % 3 == 0


@pytest.fixture
def extent(form: Form, campaign: bool) -> Extent:
    return Extent(form, campaign)


def round_trip(
    devices: Sequence[Given], written: bytes, serial: str, extent: Extent, tags: Sequence[str] = ()
) -> set[str]:
    """The failures with any order of rows and columns, and any subset of the rows."""
    form = extent.form
    imported = import_csv(written)
    assert len(imported) == len(devices)
    by_record = {record[serial]: device for record, device in zip(imported, devices, strict=True)}
    found: set[str] = set()
    ways = product(sorted_by_any_column(imported), orders_of_properties(imported[0]), (1, 2))
    for place, (records, columns, step) in enumerate(ways):
        if extent.covers(place // 2):
            kept = records[::step]
            exported = export_csv(kept, columns, form)
            found.update(faults([by_record[record[serial]] for record in kept], exported, form, tags))
    return found


def own_delimiter(extent: Extent) -> str:
    """The delimiter that our file has, as the file that it answers: now one, now the other."""
    return ",;"[FORMS.index(extent.form) % 2]


def _named(form: Form) -> str:
    delimiter = {",": "comma", ";": "semicolon", "\t": "tab"}[form.delimiter]
    return f"{form.quotes} {delimiter} {form.encoding}{' #TYPE' if form.has_type_line else ''}"


@pytest.mark.parametrize("form", FORMS, ids=_named)
def test_rows_to_fix_come_back_from_powershell(extent: Extent) -> None:
    devices = [*PLAIN, sample_device()]
    assert round_trip(devices, to_fix(devices, delimiter=own_delimiter(extent)), NAMES[0], extent) == set()


@pytest.mark.parametrize("form", FORMS, ids=_named)
def test_rows_to_fix_with_delimiters_and_quotes_in_their_cells_come_back_from_powershell(extent: Extent) -> None:
    devices = [*PLAIN[:2], *NASTY, *PLAIN[4:]]
    assert round_trip(devices, to_fix(devices, delimiter=own_delimiter(extent)), NAMES[0], extent) == set()


@pytest.mark.parametrize("form", FORMS, ids=_named)
def test_results_come_back_from_powershell(extent: Extent) -> None:
    written = results(PLAIN, own_delimiter(extent))
    assert round_trip(PLAIN, written, "serial_number", extent, ["", BATCH.replace(",", "")]) == set()


@pytest.mark.parametrize("form", FORMS, ids=_named)
def test_the_line_of_a_part_that_could_not_be_read_becomes_no_device(form: Form) -> None:
    part = DeviceRow("more.zip!PF9XYZ42.csv", problem=RowReason.UNREADABLE_MEMBER)
    imported = import_csv(to_fix(PLAIN, part))
    assert len(imported) == len(PLAIN) + 1
    for columns in orders_of_properties(imported[0]):
        rows = read(export_csv(imported, columns, form).data)
        sent = {row.device.serial_number for row in rows if row.device}
        assert sent == {device.serial for device in PLAIN if not device.is_broken}


CELLS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n", exclude_categories=["Cc"]), max_size=12)
TEXTS = CELLS | st.sampled_from(["a,b", "a;b", 'a"b', '"', ",", ";;", "a\tb", "a\nb", "'", "# a", " "])


@given(
    st.lists(st.builds(Given, st.from_regex(r"[A-HJ-NP-Z0-9]{2}[0-9]{6}Z", fullmatch=True), st.just("LENOVO"), st.just(
        "21R3001BUK"), st.just("Sales"), TEXTS), min_size=1, max_size=6, unique_by=lambda device: device.serial),
    st.sampled_from(FORMS),
)  # fmt: skip
def test_whatever_people_remark_the_devices_beside_it_come_back(devices: list[Given], form: Form) -> None:
    imported = import_csv(to_fix(devices))
    exported = export_csv(imported, list(imported[0]), form)
    assert list(faults(devices, exported, form)) == []
