"""to_fix and results as CSV and as workbooks: opened in a spreadsheet, saved, and dropped again.

A workbook comes back as it was, whatever the country of the machine and whatever it is saved as. So does a CSV, as far
as marks can keep its cells text. A round trip through LibreOffice takes a second, so only a campaign makes them.
"""

import csv
import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest

from shared.device_files.csv_defusing import safe_original
from shared.device_files.reading import device_rows
from shared.device_files.rows import Column, DeviceRow, header_of
from shared.device_files.to_fix import Fix, table_to_fix
from shared.pipeline.closing.csv_output import csv_text, results_table
from shared.pipeline.closing.workbook_output import workbook
from shared.reasons import REASONS, RowReason
from shared.storage.records import DeviceOutcome
from shared.vocabulary import Outcome
from tests.device_files.given import HASHES

MADE_AT = datetime(2026, 11, 20, tzinfo=UTC)
NAMES = ("Device Serial Number", "Windows Product ID", "Hardware Hash", "Manufacturer name", "Device model")
HEADER = header_of([*list(Column)[:6], None], [*NAMES, "Group Tag", "Remark"])
FIX = Fix(RowReason.SERIAL_ALONE, REASONS[RowReason.SERIAL_ALONE].what_to_do)

CELLS = (
    *("0042", "000000", "1E5", "12E3", "00123E4", "3305250000019", "3305250000019123", "00000000000000000042"),
    *("1-2", "3-4-2026", "2026-11-20", "1/2", "5-Jan", "JAN1", "MAY2026", "1.2.2026", "20.11.2026", "11.20"),
    *("12:30", "50%", "1,5", "1.5", "1,000", "1.000", "1 1/2", "TRUE", "WAHR", "FALSCH", "=1+1", "-7", "+49", "@x"),
    *("'tis", "'0042", "PF3ABC01", "5CG0123456", "Büro 1", "Halle 3, Regal; links", 'the "blue" one', "€5", "5€", "$5"),
)
"""What spreadsheets take for numbers, dates, times, amounts and formulas, and plain words."""

CHANGED_IN_A_CSV = frozenset({"JAN1", "MAY2026", "TRUE", "WAHR", "FALSCH", "€5", "$5"})
"""Those that begin with no digit: no mark can be put before them which reading could tell from an apostrophe."""


@dataclass(frozen=True, slots=True)
class Country:
    """Where a spreadsheet runs: the language of the machine, and the delimiter of its CSVs."""

    language: str
    delimiter: str


COUNTRIES = [Country("en-US", ","), Country("de-DE", ";")]


def rows_to_fix() -> list[tuple[DeviceRow, Fix]]:
    """Each of the cells as a serial number, as a group tag, as a model and as a remark; and as keys and hashes are."""
    serial, hardware_hash = next((serial, known) for serial, known in HASHES.items() if serial.isalnum())
    cells = [
        *((cell, "", "", "LENOVO", "21R3001BUK", "Sales", "") for cell in CELLS),
        *((f"TAG{number}", "", "", "LENOVO", "21R3001BUK", cell, cell) for number, cell in enumerate(CELLS)),
        *((f"MODEL{number}", "", "", "HP", cell, "Sales", "") for number, cell in enumerate(CELLS)),
        ("", "3305250000019", "", "", "", "0042", ""),
        (serial, "", hardware_hash, "", "", "1E5", "0042"),
    ]
    return [(DeviceRow(f"line {number}", header=HEADER, cells=each), FIX) for number, each in enumerate(cells, 2)]


def to_fix_table() -> list[Sequence[str]]:
    return list(table_to_fix(lambda: iter(rows_to_fix())))


def results_of_cells() -> list[Sequence[str]]:
    return list(
        results_table(
            DeviceOutcome(
                reading_id="r", row=row, outcome=Outcome.FAILED, serial_number=cell, product_key=cell, error_code=cell
            )
            for row, cell in enumerate(CELLS, 1)
        )
    )


Device = tuple[str, ...]


def devices(data: bytes, name: str) -> list[Device]:
    """The rows as the reader of device files reads them."""
    return [
        (row.serial_number, row.product_key, row.hardware_hash, row.manufacturer, row.model, row.group_tag)
        for _, row in device_rows(lambda: [data], name=name)
    ]


def as_csv(delimiter: str) -> bytes:
    return b"".join(csv_text(to_fix_table(), delimiter, safe_original))


def as_workbook(table: Sequence[Sequence[str]]) -> bytes:
    return b"".join(workbook(table, MADE_AT))


def as_given() -> list[Device]:
    """The rows as they were when the file was dropped first."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER.names, *(row.cells or () for row, _ in rows_to_fix())])
    return devices(text.getvalue().encode(), "devices.csv")


def test_rows_to_fix_are_read_as_they_were_out_of_either_form() -> None:
    given = as_given()
    assert devices(as_csv(","), "a.csv") == given
    assert devices(as_csv(";"), "a.csv") == given
    assert devices(as_workbook(to_fix_table()), "a.xlsx") == given


# --- through LibreOffice


class Spreadsheet:
    """LibreOffice on a machine of one country, with its usual settings."""

    def __init__(self, country: Country, folder: Path) -> None:
        self._country = country
        self._folder = folder
        settings = folder / "profile" / "user" / "registrymodifications.xcu"
        settings.parent.mkdir(parents=True)
        settings.write_text(
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N">'
            f'<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>{country.language}</value></prop>'
            "</item></oor:items>",
            encoding="utf-8",
        )

    def opened_and_saved(self, data: bytes, ending: str, saved_as: str) -> bytes:
        """`data`, a file of this ending, opened and saved with another ending."""
        options = f"{ord(self._country.delimiter)},34,76,1,,0,false,true,false"
        (self._folder / f"given{ending}").write_bytes(data)
        kind = f"csv:Text - txt - csv (StarCalc):{options}" if saved_as == ".csv" else saved_as.removeprefix(".")
        subprocess.run(
            [
                *("soffice", f"-env:UserInstallation={(self._folder / 'profile').as_uri()}", "--headless"),
                *([f"--infilter=CSV:{options}"] if ending == ".csv" else []),
                *("--convert-to", kind, "--outdir", str(self._folder / "saved"), str(self._folder / f"given{ending}")),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        return (self._folder / "saved" / f"given{saved_as}").read_bytes()


@pytest.fixture(params=COUNTRIES, ids=lambda country: country.language)
def country(request: pytest.FixtureRequest) -> Country:
    found: Country = request.param
    return found


@pytest.fixture
def spreadsheet(country: Country, tmp_path: Path, *, campaign: bool) -> Spreadsheet:
    if not campaign:
        pytest.skip("A campaign goes through LibreOffice (--campaign).")
    if which("soffice") is None:
        pytest.skip("LibreOffice is not installed: on Debian, apt install libreoffice-calc.")
    return Spreadsheet(country, tmp_path)


@pytest.mark.parametrize("saved_as", [".csv", ".xlsx"])
def test_a_workbook_to_fix_comes_back_from_a_spreadsheet(spreadsheet: Spreadsheet, saved_as: str) -> None:
    saved = spreadsheet.opened_and_saved(as_workbook(to_fix_table()), ".xlsx", saved_as)
    assert devices(saved, f"a{saved_as}") == as_given()


@pytest.mark.parametrize("saved_as", [".csv", ".xlsx"])
def test_a_csv_to_fix_comes_back_from_a_spreadsheet(spreadsheet: Spreadsheet, country: Country, saved_as: str) -> None:
    saved = spreadsheet.opened_and_saved(as_csv(country.delimiter), ".csv", saved_as)
    pairs = zip(as_given(), devices(saved, f"a{saved_as}"), strict=True)
    assert [(old, new) for old, new in pairs if old != new and not CHANGED_IN_A_CSV.intersection(old)] == []


def test_results_in_a_workbook_come_back_from_a_spreadsheet_cell_by_cell(
    spreadsheet: Spreadsheet, country: Country
) -> None:
    saved = spreadsheet.opened_and_saved(as_workbook(results_of_cells()), ".xlsx", ".csv").decode("utf-8")
    assert list(csv.reader(io.StringIO(saved, newline=""), delimiter=country.delimiter)) == [
        list(row) for row in results_of_cells()
    ]
