"""What of a file is in no row, as people and scripts see it: the same on the page, in its JSON and in its report."""

import re

from msgspec.structs import replace

from shared.reasons import FILE_NOTES, FileNote
from shared.status.page import summary
from shared.status.page.labels import FILE_STATES, MAY_BE_INCOMPLETE, file_label
from shared.status.queries import file as file_details
from shared.status.schemas import FileNoteView, PassedOverView
from shared.storage.records import DeviceFile, PassedOverTally, Remark
from shared.vocabulary import FileState
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered, tuples
from tests.status.client import Client

KNOWN = ",,,LENOVO,21R3001BUK"
DEVICE_IN_A_COMMENT = f"{HEADER}\r\nFINE-1{KNOWN}\r\n# PF3ABCDE is on <b>its</b> way\r\nFINE-2{KNOWN}\r\n"
WARNING = FILE_NOTES[FileNote.MAY_HOLD_DEVICES].sentence


def closed(world: World, content: str) -> str:
    identifier = world.drop_file(content)
    world.run()
    return identifier


def record(world: World, identifier: str) -> DeviceFile:
    stored = world.journal.files.get(CUSTOMER, identifier)
    assert stored is not None
    return stored.record


def page_of(client: Client, identifier: str) -> str:
    return client.get(f"/api/status/{CUSTOMER}/{identifier}", {"x-functions-key": None}).body.decode()


def test_scripts_get_what_was_passed_over_and_that_the_file_may_hold_more(world: World, client: Client) -> None:
    file = closed(world, DEVICE_IN_A_COMMENT)
    details = client.get(f"/api/files/{CUSTOMER}/{file}").json
    assert details["file"]["is_incomplete"]
    (kept,) = details["passed_over"]
    assert (kept["kind"], kept["meaning"], kept["count"], kept["places"], kept["may_hold_device"]) == (
        "comment",
        "comments",
        1,
        ["line 3"],
        True,
    )
    assert {note["note"]: note["detail"] for note in details["notes"]}["may_hold_devices"] == "line 3"
    (listed,) = client.get("/api/files").json["files"]
    assert listed["is_incomplete"], "the list says it too"


def test_the_page_and_the_report_warn_of_what_may_be_a_device(world: World, client: Client) -> None:
    file = closed(world, DEVICE_IN_A_COMMENT)
    report = client.get(f"/api/files/{CUSTOMER}/{file}/report.html").body.decode()
    for shown in (page_of(client, file), report):
        assert WARNING in shown
        assert "All 2 devices are registered; the file may hold more" in shown
        assert "Check what was passed over." in shown
        assert "Passed over: comments (1)" in shown
        assert "&lt;b&gt;its" in shown
        assert "<b>" not in shown
    listed = client.get("/api/status", {"x-functions-key": None}).body.decode()
    assert re.search(r'class="badge rejected">.*?closed, may be incomplete', listed)


def test_a_warning_is_shown_while_the_file_is_under_way(world: World, client: Client) -> None:
    file = world.drop_file(DEVICE_IN_A_COMMENT)
    assert WARNING in page_of(client, file)


def test_a_file_of_rows_alone_shows_nothing_beside_them(world: World, client: Client) -> None:
    file = closed(world, numbered(2))
    shown = page_of(client, file)
    assert "Notes on the file" not in shown
    assert WARNING not in shown
    assert "All 2 devices are registered<" in shown
    listed = client.get("/api/status", {"x-functions-key": None}).body.decode()
    assert re.search(r'class="badge registered">.*?closed<', listed)


def test_notes_that_are_no_warning_are_shown_quietly_with_their_cure(world: World, client: Client) -> None:
    file = closed(world, numbered(2))
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    changed = record_with(stored.record, Remark(note="columns_ignored", detail="Room <1>"), Remark(note="newer_note"))
    world.journal.files.change(stored, changed)
    shown = page_of(client, file)
    assert "Notes on the file" in shown
    assert FILE_NOTES[FileNote.COLUMNS_IGNORED].sentence in shown
    assert FILE_NOTES[FileNote.COLUMNS_IGNORED].what_to_do in shown
    assert "Room &lt;1&gt;" in shown
    assert "newer_note." in shown
    assert "closed, may be incomplete" not in shown


def test_more_than_is_kept_is_counted(world: World, client: Client) -> None:
    file = closed(world, numbered(1))
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    kept = PassedOverTally(kind="prose", count=1_234, places=("line 1", "line 2"), excerpts=("a word", ""))
    world.journal.files.change(stored, record_with(stored.record, kept=kept))
    shown = page_of(client, file)
    assert "Passed over: lines of text (1,234)" in shown
    assert "and 1,232 more" in shown


def record_with(file: DeviceFile, *remarks: Remark, kept: PassedOverTally | None = None) -> DeviceFile:
    return replace(file, remarks=remarks, passed_over=() if kept is None else (kept,))


def test_one_word_says_how_a_file_ended_wherever_it_is_shown(world: World) -> None:
    view = file_details(world.pipeline, CUSTOMER, closed(world, numbered(1))).file
    assert file_label(view) == FILE_STATES[FileState.CLOSED]
    assert file_label(replace(view, is_incomplete=True)) == MAY_BE_INCOMPLETE
    assert file_label(replace(view, is_incomplete=True, state=FileState.READ)) == FILE_STATES[FileState.READ]


def test_what_was_passed_over_is_to_be_checked_beside_rows_to_fix(world: World) -> None:
    details = file_details(world.pipeline, CUSTOMER, closed(world, tuples(["FINE-1"]) + "ALONE,,,,\r\n"))
    kept = PassedOverView(
        kind="prose", meaning="lines of text", count=1, places=["line 1"], excerpts=["x"], may_hold_device=True
    )
    note = FileNoteView(note="may_hold_devices", detail="line 1", sentence=WARNING, what_to_do="Look.")
    told = summary.summarize(replace(details, passed_over=[kept], notes=[note]))
    assert [todo.title for todo in told.todos] == ["Fix 1 row.", "Check what was passed over."]
    assert told.headline == "1 of 2 devices is registered; 1 is not"


def test_the_order_number_of_a_row_is_shown(world: World, client: Client) -> None:
    content = f"{HEADER},Purchase Order\r\nFINE-1{KNOWN},PO-7\r\n"
    file = closed(world, content)
    (row,) = client.get(f"/api/files/{CUSTOMER}/{file}/outcomes").json["outcomes"]
    assert row["order_number"] == "PO-7"
    assert "Order <bdi>PO-7</bdi>" in page_of(client, file)
    (device,) = client.get(f"/api/devices/{CUSTOMER}?serial=FINE-1").json["devices"]
    assert device["outcome"]["order_number"] == "PO-7"


def test_the_api_describes_what_it_tells_file_notes(client: Client) -> None:
    schemas = client.get("/api/openapi.json").json["components"]["schemas"]
    assert {"notes", "passed_over"} <= set(schemas["FileDetails"]["properties"])
    assert {"kind", "count", "places", "excerpts", "may_hold_device"} <= set(schemas["PassedOverView"]["properties"])
    assert "is_incomplete" in schemas["FileView"]["properties"]
