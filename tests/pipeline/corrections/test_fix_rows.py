"""Rows that a person fixes on the page: what changes, what is sent, and what becomes of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.rows import UNKNOWN_COLUMNS, Column, DeviceRow, header_of
from shared.pipeline.corrections import fix_rows
from shared.pipeline.corrections.fix_rows import (
    EDITABLE,
    FOR_ALL,
    Edit,
    Edits,
    NotFixableHere,
    NothingChanged,
    RowToFix,
    changed_rows,
    rows_to_fix,
    send_fixed,
    what_would_happen,
)
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import Outcome, Remedy
from tests.device_files.given import HASHES
from tests.examples import examples
from tests.pipeline.world import CUSTOMER, HEADER, World

SERIAL, (GOOD_SERIAL, HASH) = "SN-1", next(iter(HASHES.items()))
BROKEN = "\r\n".join([HEADER, "SN-1,,,LENOVO,", "SN-2,,,LENOVO,T14", "SN-3,,,,", f"OTHER-1,,{HASH},,", ""])
"""Row 1 has no model, 2 is good, 3 has neither maker nor model, 4 has the serial number of another device."""


def dropped(world: World, content: str, path: str = f"{CUSTOMER}/Test/devices.csv") -> DeviceFile:
    identifier = world.drop_file(content, path)
    world.run()
    return world.file(identifier)


def fixed(world: World, file: DeviceFile, edits: Edits) -> str:
    return send_fixed(world.pipeline, file, changed_rows(rows_to_fix(world.pipeline, file), edits))


def test_the_rows_that_can_be_fixed_are_shown_as_they_stand_in_the_file(world: World) -> None:
    rows = rows_to_fix(world.pipeline, dropped(world, BROKEN))
    assert [row.outcome.row for row in rows] == [1, 3, 4]
    assert rows[0].cells == dict(zip(EDITABLE, ("SN-1", "", "LENOVO", "", ""), strict=True))
    assert [bool(row.row.hardware_hash) for row in rows] == [False, False, True]
    assert [tuple(fix_rows.cells_at_fault(row)) for row in rows] == [
        (Column.MANUFACTURER, Column.MODEL),
        (Column.MANUFACTURER, Column.MODEL),
        (Column.SERIAL_NUMBER,),
    ]


def test_the_changed_rows_are_registered_and_their_file_names_its_parent(world: World) -> None:
    file = dropped(world, BROKEN)
    edits = Edits(
        {
            1: Edit({Column.MODEL: "T14"}),
            3: Edit({Column.SERIAL_NUMBER: "SN-3"}),
            4: Edit({Column.SERIAL_NUMBER: GOOD_SERIAL}),
        }
    )
    path = send_fixed(world.pipeline, file, changed_rows(rows_to_fix(world.pipeline, file), edits), "Ánna")
    assert path == f"{CUSTOMER}/Test/devices - fix of {file.file_id[:8]}.csv"
    world.receive(path)
    world.run()
    (child_id,) = world.file(file.file_id).fixes
    child = world.file(child_id)
    assert (child.parent, child.sent_by) == (file.file_id, "Ánna")
    outcomes = list(world.journal.outcomes.of_rows(child.reading_id, 1, 10))
    assert [(one.serial_number, one.outcome) for one in outcomes] == [
        ("SN-1", Outcome.REGISTERED),
        (GOOD_SERIAL, Outcome.REGISTERED),
    ]


def test_one_value_for_all_rows_goes_into_each_but_where_a_person_wrote_another(world: World) -> None:
    file = dropped(world, BROKEN)
    edits = Edits({3: Edit({Column.MODEL: "X1"})}, {Column.MANUFACTURER: "LENOVO", Column.MODEL: "T14"})
    rows = changed_rows(rows_to_fix(world.pipeline, file), edits)
    assert [(row.cells[Column.MANUFACTURER], row.cells[Column.MODEL]) for row in rows] == [
        ("LENOVO", "T14"),
        ("LENOVO", "X1"),
        ("LENOVO", "T14"),
    ]


def test_without_a_batch_folder_the_tag_says_the_batch(world: World) -> None:
    file = dropped(world, f"{HEADER}\r\nSN-1,,,LENOVO,T14\r\n", f"{CUSTOMER}/devices.csv")
    (row,) = rows_to_fix(world.pipeline, file)
    assert fix_rows.cells_at_fault(row) == (Column.GROUP_TAG,)
    world.receive(fixed(world, file, Edits(for_all={Column.GROUP_TAG: "Sales"})))
    world.run()
    (child,) = world.file(file.file_id).fixes
    (outcome,) = world.journal.outcomes.of_rows(world.file(child).reading_id, 1, 1)
    assert (outcome.outcome, outcome.batch_id) == (Outcome.REGISTERED, "Sales")


def test_a_value_for_all_rows_sends_no_cell_that_is_no_text_in_the_file(world: World) -> None:
    content = '[{"serialNumber":12e3,"manufacturer":"LENOVO","model":"T14"}]'
    file = dropped(world, content, f"{CUSTOMER}/devices.json")
    rows = changed_rows(rows_to_fix(world.pipeline, file), Edits(for_all={Column.GROUP_TAG: "Sales"}))
    found = what_would_happen(world.pipeline, file, rows, world.clock())
    assert (found.sends, [row.reason for row in found.rejected]) == (0, ["serial_damaged"])


def test_a_row_may_be_sent_without_its_hash(world: World) -> None:
    content = f"{HEADER}\r\nSN-7,,{HASH[:2000]},LENOVO,T14\r\n"
    file = dropped(world, content)
    (row,) = changed_rows(rows_to_fix(world.pipeline, file), Edits({1: Edit(without_hash=True)}))
    assert row.line() == ["1", "SN-7", "", "", "LENOVO", "T14", "", "", ""]
    assert what_would_happen(world.pipeline, file, [row], world.clock()).sends == 1


def test_rows_that_would_be_rejected_again_are_told_before_anything_is_sent(world: World) -> None:
    file = dropped(world, BROKEN)
    rows = changed_rows(rows_to_fix(world.pipeline, file), Edits({3: Edit({Column.MANUFACTURER: "LENOVO"})}))
    found = what_would_happen(world.pipeline, file, rows, world.clock())
    assert [(row.row, row.reason) for row in found.rejected] == [(1, "serial_alone")]


def test_the_same_fix_twice_is_one_file_and_another_one_a_second(world: World) -> None:
    file = dropped(world, BROKEN)
    first, other = Edits({1: Edit({Column.MODEL: "T14"})}), Edits({1: Edit({Column.MODEL: "T15"})})
    assert fixed(world, file, first) == fixed(world, file, first)
    assert fixed(world, file, other).endswith(f" - fix of {file.file_id[:8]} (2).csv")
    for version in list(world.drop.versions(f"{CUSTOMER}/Test/devices -")):
        world.receive(version.path)
    assert len(world.file(file.file_id).fixes) == 2


def test_without_a_change_nothing_is_sent(world: World) -> None:
    file = dropped(world, BROKEN)
    for edits in (Edits(), Edits({1: Edit({Column.MODEL: "T14"}, left_out=True)}), Edits({1: Edit(without_hash=True)})):
        with pytest.raises(NothingChanged):
            fixed(world, file, edits)


def test_too_many_rows_are_fixed_in_a_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fix_rows, "MOST_ROWS", 2)
    with pytest.raises(NotFixableHere, match=r"to_fix\.xlsx"):
        rows_to_fix(world.pipeline, dropped(world, BROKEN))


def test_a_row_of_which_nobody_knows_the_cells_is_fixed_in_its_file(world: World) -> None:
    file = dropped(world, f"{HEADER}\r\nSN-1,,,LENOVO,T14\r\nSN-2,,x,y,z,LENOVO,T14,1\r\n")
    (row,) = rows_to_fix(world.pipeline, file)
    assert not row.has_fields
    assert changed_rows([row], Edits({2: Edit({Column.MODEL: "T15"})}, {Column.MANUFACTURER: "HP"})) == []


# --- the kind, generated

KNOWN = header_of(list(EDITABLE))
texts = st.sampled_from(["", "a", "b"])
cells = st.dictionaries(st.sampled_from(EDITABLE), texts)


@st.composite
def rows(draw: st.DrawFn) -> list[RowToFix]:
    def row(number: int) -> RowToFix:
        values = draw(st.tuples(*[texts] * len(EDITABLE)))
        is_known = draw(st.booleans())
        names = ("serial_number", "product_key", "manufacturer", "model", "group_tag")
        read = DeviceRow(
            source=f"line {number}",
            hardware_hash=draw(st.sampled_from(["", "T0hash"])),
            header=KNOWN if is_known else UNKNOWN_COLUMNS,
            cells=values,
            **dict(zip(names, values, strict=True)),
        )
        outcome = DeviceOutcome(
            reading_id="r", row=number, outcome=Outcome.REJECTED, remedy=Remedy.FIX, source=read.source
        )
        return RowToFix(outcome, read)

    return [row(number) for number in range(1, draw(st.integers(1, 4)) + 1)]


@settings(max_examples=examples(200))
@given(
    rows(),
    st.dictionaries(st.integers(1, 5), st.builds(Edit, cells, st.booleans(), st.booleans())),
    st.dictionaries(st.sampled_from(FOR_ALL), st.sampled_from(["a", "b"])),
)
def test_a_row_is_sent_only_changed_and_with_its_own_hash_or_none(
    originals: list[RowToFix], by_row: dict[int, Edit], for_all: dict[Column, str]
) -> None:
    changed = changed_rows(originals, Edits(by_row, for_all))
    assert [row.original for row in changed] == [row for row in originals if row in {one.original for one in changed}]
    for row in changed:
        edit = by_row.get(row.original.outcome.row, Edit())
        assert not edit.left_out
        assert row.original.has_fields
        assert row.cells != row.original.cells or (row.without_hash and row.original.row.hardware_hash)
        assert row.line()[3] == ("" if row.without_hash else row.original.row.hardware_hash)
        for column in EDITABLE:
            given_cells = {edit.cells.get(column), for_all.get(column), row.original.cells[column]}
            assert row.cells[column] in given_cells
