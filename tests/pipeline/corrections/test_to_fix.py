"""to_fix.csv: broken rows come back, are fixed, dropped again and registered."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from local.in_memory_storage import InMemoryContainer
from local.partner_center import Behaviour, StandIn
from shared.device_files.csv_defusing import marked_as_text
from shared.partner_center.client import CallIds
from shared.pipeline.blob_names import private_copy
from shared.pipeline.closing.csv_output import results_csv
from shared.pipeline.closing.summary import folder_of
from shared.pipeline.closing.workbook_output import workbook
from shared.pipeline.corrections.closed_file import CopyExpired
from shared.pipeline.corrections.to_fix import to_fix_csv, to_fix_rows
from shared.storage.records import Counts, DeviceOutcome
from shared.vocabulary import FileState, Outcome, Remedy
from tests.device_files.cases import archive
from tests.device_files.given import HASHES
from tests.device_files.workbook_builder import Sheet, Workbook
from tests.examples import examples
from tests.pipeline.world import CUSTOMER, HEADER, Clock, World

NAMES = (*HEADER.split(","), "Note")
SERIAL, KEY, HASH, MAKER, MODEL, NOTE = NAMES
HASHED = [serial for serial in HASHES if serial != "SMBIOS_STRING_INDEX_0"]
MARK = "\ufeff"


def to_fix(world: World, file_id: str) -> str:
    return b"".join(to_fix_csv(world.pipeline, world.file(file_id))).decode()


def lines(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix(MARK), newline=""), delimiter=delimiter))


@dataclass(frozen=True)
class Row:
    """A row as first dropped, and the person's correction when it comes back; None for a good row."""

    cells: dict[str, str]
    fixed: dict[str, str]

    @property
    def serial(self) -> str:
        return (self.cells | self.fixed)[SERIAL]

    @property
    def is_broken(self) -> bool:
        return bool(self.fixed)


def tuple_of(serial: str) -> dict[str, str]:
    return {SERIAL: serial, MAKER: "LENOVO", MODEL: "21R3001BUK"}


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows that are good, or broken in a known way."""
    with_hash = iter(draw(st.permutations(HASHED)))
    made: list[Row] = []
    for number in range(draw(st.integers(1, 8))):
        serial = f"SN-{number}"
        kind = draw(
            st.sampled_from(["good", "alone", "placeholder", "damaged", "812", "cut", "mismatch", "key", "wrong hash"])
        )
        match kind:
            case "good":
                row = Row(tuple_of(serial), {})
            case "alone":
                row = Row({SERIAL: serial}, {MAKER: "LENOVO", MODEL: "21R3001BUK"})
            case "placeholder":
                row = Row(tuple_of("To be filled by O.E.M."), {SERIAL: serial})
            case "damaged":
                row = Row(tuple_of("1.65208E+11"), {SERIAL: serial})
            case "812":
                row = Row(tuple_of(f"STANDIN-812-{number}"), {SERIAL: serial})
            case "key":
                row = Row({KEY: "3.30525E+12"}, {SERIAL: serial, KEY: "", MAKER: "LENOVO", MODEL: "21R3001BUK"})
            case _:
                serial = next(with_hash)
                good = HASHES[serial]
                broken, fixed = {
                    "cut": ({SERIAL: serial, HASH: good[:500]}, {HASH: good}),
                    "mismatch": ({SERIAL: f"OTHER-{number}", HASH: good}, {SERIAL: serial}),
                    "wrong hash": ({SERIAL: serial, HASH: "+" + good[1:]}, {HASH: good}),
                }[kind]
                row = Row(broken, fixed)
        note = draw(
            st.sampled_from(["", "=1+1", '=cmd|"/c calc"!A1', "@SUM(1)", "<b>", "-1", "'x", "a,b;c", "two\nlines"])
        )
        made.append(replace(row, cells=row.cells | {NOTE: note}))
    return made


def as_csv(given_rows: list[Row], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(NAMES)
    writer.writerows([row.cells.get(name, "") for name in NAMES] for row in given_rows)
    return text.getvalue()


FORMS = {
    "csv": lambda given_rows: as_csv(given_rows).encode(),
    "semicolons in UTF-16": lambda given_rows: as_csv(given_rows, ";").encode("utf-16"),
    "a file in an archive": lambda given_rows: archive(**{"one.csv": as_csv(given_rows).encode()}),
    "two files glued together": lambda given_rows: (as_csv(given_rows[:2]) + as_csv(given_rows[2:])).encode(),
    "a workbook": lambda given_rows: Workbook(
        [Sheet("Devices", [NAMES, *([row.cells.get(name, "") for name in NAMES] for row in given_rows)])]
    ).data(),
    "JSON": lambda given_rows: json.dumps([row.cells for row in given_rows]).encode(),
}


def fixed(text: str, broken: list[Row], delimiter: str) -> str:
    """to_fix.csv after a person has fixed it in a spreadsheet."""
    own = ";" if ";" in text.partition("\n")[0] else ","
    header, *given_lines = lines(text, own)
    assert len(given_lines) == len(broken)
    missing = [name for name in NAMES if name not in header]
    header += missing
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    for line, row in zip(given_lines, broken, strict=True):
        cells = line + [""] * len(missing)
        for name, cell in row.fixed.items():
            cells[header.index(name)] = cell
        writer.writerow(cells)
    return out.getvalue()


Encoding = Literal["utf-8-sig", "utf-16", "cp1252"]


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
@given(
    rows(),
    st.sampled_from(list(FORMS)),
    st.sampled_from([",", ";"]),
    st.sampled_from(["utf-8-sig", "utf-16", "cp1252"]),
)
def test_rows_that_broke_are_fixed_and_registered(
    given_rows: list[Row], form: str, delimiter: str, encoding: Encoding
) -> None:
    clock = Clock()
    with StandIn(Behaviour(), clock=clock.seconds) as service:
        world = World(service, clock)
        first = world.drop_file(FORMS[form](given_rows))
        world.run()
        broken = [row for row in given_rows if row.is_broken]
        again = world.drop_file(fixed(to_fix(world, first), broken, delimiter).encode(encoding))
        world.run()
        if broken:
            assert [row["outcome"] for row in world.rows(again)] == ["registered"] * len(broken)
        ids = CallIds(request_id=str(uuid4()), correlation_id=str(uuid4()))
        there = [device.serial_number for device in world.partner_center.batch_devices(CUSTOMER, "Test", ids)]
    assert sorted(filter(None, there)) == sorted(row.serial for row in given_rows)


def test_it_is_a_csv_that_excel_opens_with_what_to_do_in_the_last_column(world: World) -> None:
    file = world.drop_file("Room,Serial Number,Make,Model\r\n12,A-1,HP,M\r\n13,B-1,,\r\n")
    world.run()
    text = to_fix(world, file)
    assert text.startswith(MARK + "fix_reason,fix_source,Room,Serial Number,Make,Model,what_to_do\r\n")
    (row,) = lines(text)[1:]
    assert row == ["serial_alone", "line 3", "13", "B-1", "", "", world.rows(file)[1]["what_to_do"]]


def test_its_delimiter_is_that_of_the_file_as_is_that_of_the_results(world: World) -> None:
    file = world.drop_file("Room;Serial Number;Make;Model\r\n12;A-1;HP;M\r\n13;B-1;;\r\n")
    world.run()
    assert world.file(file).delimiter == ";"
    assert lines(to_fix(world, file), ";")[1][2:6] == ["13", "B-1", "", ""]
    results = b"".join(world.results.stream(f"{folder_of(world.file(file))}/results.csv")).decode()
    assert results.startswith(MARK + "row;serial_number;")


def test_only_rows_that_a_person_can_fix_stand_in_it(world: World) -> None:
    serials = [
        "STANDIN-812-1",
        "STANDIN-808-1",
        "STANDIN-NOREASON-1",
        "STANDIN-806-1",
        "FINE-1",
        "FINE-1",
        "STANDIN-802-1",
    ]
    file = world.drop_file("\r\n".join([HEADER, *(f"{serial},,,LENOVO,M" for serial in serials), "ALONE-1,,,,", ""]))
    world.run()
    assert [line[2] for line in lines(to_fix(world, file))[1:]] == ["STANDIN-812-1", "STANDIN-802-1", "ALONE-1"]


def test_without_a_row_to_fix_it_is_a_header(world: World) -> None:
    file = world.drop_file(f"{HEADER}\r\nA-1,,,LENOVO,M\r\n")
    world.run()
    world.private.delete(private_copy(file))
    assert lines(to_fix(world, file)) == [["fix_reason", "fix_source", *HEADER.split(","), "what_to_do"]]


def test_of_a_file_that_was_rejected_it_is_a_header(world: World) -> None:
    file = world.drop_file(b"%PDF-1.7")
    assert world.file(file).state is FileState.REJECTED
    assert len(lines(to_fix(world, file))) == 1


def test_rows_can_be_fixed_before_the_file_is_closed(world: World) -> None:
    file = world.drop_file(f"{HEADER}\r\nA-1,,,LENOVO,M\r\nALONE-1,,,,\r\n")
    assert world.file(file).state is FileState.READ
    assert [line[2] for line in lines(to_fix(world, file))[1:]] == ["ALONE-1"]


def test_dropped_again_as_a_workbook_it_is_read_as_it_was(world: World) -> None:
    file = world.drop_file("Room;Serial Number;Make;Model\r\n0042;00123;;\r\n=1+1;1E5;HP;\r\n")
    world.run()
    data = b"".join(workbook(to_fix_rows(world.pipeline, world.file(file)), world.file(file).received_at))
    again = world.drop_file(data, f"{CUSTOMER}/Test/devices - fix of {file[:8]}.xlsx")
    world.run()
    assert world.file(again).parent == file
    assert [(row.serial_number, row.error_code) for row in _outcomes(world, again)] == [
        (row.serial_number, row.error_code) for row in _outcomes(world, file)
    ]


def test_a_copy_past_its_retention_is_said_at_once_with_what_to_do(world: World) -> None:
    file = world.drop_file(f"{HEADER}\r\nALONE-1,,,,\r\n", path := f"{CUSTOMER}/Test/my devices.csv")
    world.run()
    assert world.outcomes(file, path) == ["rejected"]
    world.private.delete(private_copy(file))
    with pytest.raises(CopyExpired) as raised:
        to_fix_csv(world.pipeline, world.file(file))
    assert "my devices.csv" in str(raised.value)
    assert "Drop the rows from your own copy" in str(raised.value)


def test_a_copy_that_goes_half_way_is_said(world: World) -> None:
    file = world.drop_file("\r\n".join([HEADER, *(f"ALONE-{number:0100},,,," for number in range(5_000)), ""]))
    pieces = to_fix_csv(world.pipeline, world.file(file))
    next(pieces)
    world.private.delete(private_copy(file))
    with pytest.raises(CopyExpired):
        list(pieces)


def test_a_file_that_is_read_in_another_way_by_now_gives_no_wrong_row(world: World) -> None:
    file = world.drop_file(f"{HEADER}\r\nALONE-1,,,,\r\nA-1,,,LENOVO,M\r\n")
    world.private.put(private_copy(file), f"{HEADER}\r\n\r\nOTHER,,,,\r\n".encode())
    (_, line) = lines(to_fix(world, file))
    assert line[0].startswith("# line 3: The file is now read differently")


def test_a_member_that_could_not_be_read_is_named_in_a_comment(world: World) -> None:
    data = archive(**{"good.csv": f"{HEADER}\r\nALONE-1,,,,\r\n".encode(), "bad.pdf": b"%PDF-1.7"})
    file = world.drop_file(data)
    _, row, comment = lines(to_fix(world, file))
    assert row[2] == "ALONE-1"
    assert comment == [
        "# bad.pdf (The file is of a kind that is not read.): Repair this one and drop it again by itself."
    ]


def test_no_cell_of_it_or_of_the_results_is_run_by_a_spreadsheet_or_a_terminal(world: World) -> None:
    hostile = ['=cmd|"/c calc"!A1', "+1", "@x", "-2+3", "<script>alert(1)</script>", "\x1b]0;x\x07y"]
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in hostile]
    file = world.drop_file("\r\n".join([f"{HEADER},=Note", *(f"{cell},,,,,{cell}" for cell in quoted), ""]))
    world.run()
    for text in (to_fix(world, file), b"".join(results_csv(_outcomes(world, file), ",")).decode()):
        cells = [cell for line in lines(text) for cell in line]
        assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]
        assert "\x1b" not in text
    assert [row["serial_number"] for row in world.rows(file)][:2] == ["'" + hostile[0], "'+1"]
    again = world.drop_file(to_fix(world, file))
    assert [outcome.serial_number for outcome in _outcomes(world, again)] == [
        outcome.serial_number for outcome in _outcomes(world, file)
    ]


def _outcomes(world: World, file: str) -> Iterator[DeviceOutcome]:
    return world.journal.outcomes.of_rows(world.file(file).reading_id, 1, 1_000)


@settings(max_examples=examples(200))
@given(st.text())
def test_whatever_a_cell_of_the_results_holds_is_marked_once(cell: str) -> None:
    outcome = DeviceOutcome(reading_id="f.1", row=1, outcome=Outcome.FAILED, serial_number=cell)
    (_, line) = lines(b"".join(results_csv([outcome], ",")).decode())
    assert line[1] == marked_as_text(cell).encode("utf-8", "replace").decode()


def test_many_rows_with_hashes_are_sent_back_in_little_memory(world: World) -> None:
    good = HASHES[HASHED[0]]
    file = world.put(b"replaced below")
    row = f",,{good[:3990]},,\r\n"
    count = 3_000

    class Streamed(InMemoryContainer):
        """A container whose one blob is never held whole."""

        def stream(self, path: str) -> Iterator[bytes]:
            assert path == private_copy(file)
            yield f"{HEADER}\r\n".encode()
            for number in range(count):
                yield f"S{number}{row}".encode()

    world.receive()
    opened = world.file(file)
    outcomes = (
        DeviceOutcome(
            reading_id=opened.reading_id,
            row=number,
            outcome=Outcome.REJECTED,
            error_code="hash_cut",
            what_to_do="Copy the whole hash.",
            remedy=Remedy.FIX,
            source=f"line {number + 1}",
        )
        for number in range(1, count + 1)
    )
    world.journal.outcomes.write(outcomes)
    closed = structs.replace(opened, state=FileState.CLOSED, closed_counts=Counts(total=count, rejected=count))
    private = Streamed()
    private.put(private_copy(file), b"")
    pipeline = world.pipeline_with(private=private)
    tracemalloc.start()
    written = sum(map(len, to_fix_csv(pipeline, closed)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written > count * 3990
    assert peak < 4 * 1024 * 1024
