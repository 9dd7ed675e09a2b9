"""The same devices in every form that a table can have: whatever the form, the same is sent."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.rows import Column, SendableDevice
from shared.device_files.tables.header_names import all_names
from tests.device_files.given import HASHES, read
from tests.examples import examples

_SERIALS = [serial for serial in HASHES if serial != "SMBIOS_STRING_INDEX_0"]
_WITHOUT_HASH = [
    ("PF-001", "LENOVO", "21R3001BUK"),
    ("0123", "Dell Inc.", "Latitude 5530"),
    ("5CD-9", "SAMSUNG ELECTRONICS CO., LTD.", "960XFG"),
    ("VM 1", "VMware, Inc.", "VMware20,1"),
    ("Q1", "QEMU", "Standard PC; Q35 + ICH9, 2009"),
]
_TAGS = ["", "Kiosk", "Büro 3"]
_NAMES = {
    column: [
        name
        for name, meant, _ in all_names()
        if meant is column and name.encode("latin-1", "ignore").decode("latin-1") == name
    ]
    for column in Column
}


@dataclass(frozen=True)
class Row:
    """One device as a row holds it."""

    serial: str
    hash: str
    manufacturer: str
    model: str
    tag: str

    def cell(self, column: Column) -> str:
        fields = {
            Column.SERIAL_NUMBER: self.serial,
            Column.HARDWARE_HASH: self.hash,
            Column.MANUFACTURER: self.manufacturer,
            Column.MODEL: self.model,
            Column.GROUP_TAG: self.tag,
        }
        return fields.get(column, "")

    @property
    def device(self) -> SendableDevice:
        if self.hash:
            return SendableDevice(serial_number=self.serial, hardware_hash=self.hash)
        return SendableDevice(serial_number=self.serial, manufacturer=self.manufacturer, model=self.model)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    hashed = draw(st.lists(st.sampled_from(_SERIALS), unique=True, max_size=4))
    named = draw(st.lists(st.sampled_from(_WITHOUT_HASH), unique=True, min_size=0 if hashed else 1, max_size=4))
    devices = [Row(serial, HASHES[serial], "", "", draw(st.sampled_from(_TAGS))) for serial in hashed]
    devices += [Row(serial, "", maker, model, draw(st.sampled_from(_TAGS))) for serial, maker, model in named]
    return draw(st.permutations(devices))


def _spelled(draw: st.DrawFn, column: Column | None) -> str:
    if column is None:
        return draw(st.sampled_from(["Room", "UploadedUtc", "Bemerkung", "what_to_do"]))
    name = draw(st.sampled_from(_NAMES[column]))
    name = draw(st.sampled_from([name, name.title(), name.upper(), name.replace(" ", "_"), name.replace(" ", "")]))
    return draw(st.sampled_from([name, f" {name} ", f"{name}*", f"\u200b{name}\u00a0"]))


@st.composite
def tables(draw: st.DrawFn, given_rows: Sequence[Row]) -> bytes:
    """A table of the rows in any form that a table can have."""
    columns: list[Column | None] = [*Column, *draw(st.lists(st.none(), max_size=2))]
    columns = draw(st.permutations(columns))
    header = [_spelled(draw, column) for column in columns]
    delimiter = draw(st.sampled_from(",;\t|"))
    buffer = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if draw(st.booleans()) else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(header)
    for row in given_rows:
        for line in draw(st.lists(st.sampled_from(["\n", f"{delimiter * 3}\n", "# a comment\n", " \n"]), max_size=2)):
            buffer.write(line)
        if draw(st.integers(0, 5)) == 0:
            writer.writerow(header)
        cells = [row.cell(column) if column is not None else "12" for column in columns]
        # A blank behind a comma that is not in quotes shows that a cell fell apart.
        may_begin_with_blank = quoting == csv.QUOTE_ALL or delimiter in "|\t"
        padding = [" "] if may_begin_with_blank else [""]
        padded = [draw(st.sampled_from([cell, f"{padding[0]}{cell}", f"{cell} "])) for cell in cells]
        # Cells too many behind a group tag may be the rest of it.
        writer.writerow([*padded, *draw(st.lists(st.just(""), max_size=0 if row.tag else 2))])
    text = buffer.getvalue().replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"])))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]))
    return text.encode(encoding, "ignore")


@settings(max_examples=examples(400))
@given(st.data())
def test_the_form_of_a_table_changes_nothing_about_what_is_sent(data: st.DataObject) -> None:
    wanted = data.draw(rows())
    table = data.draw(tables(wanted))
    checked = read(table)
    assert [row.device for row in checked] == [row.device for row in wanted]
    assert [row.group_tag for row in checked] == [row.tag for row in wanted]
