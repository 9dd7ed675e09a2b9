"""Content outside the rows is recorded with the file, and a file that may hold more devices never looks complete."""

import csv
import io
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.account import FileAccount
from shared.pipeline.closing.accounting import accounted, explained, kind_in_words, passed_over_csv
from shared.pipeline.closing.event_formats import card_of, file_closed_of, headline, slack_message, teams_message
from shared.pipeline.corrections.retry import retry
from shared.reasons import FILE_NOTES, PASSED_OVER, FileNote, PassedOverKind, RowReason
from shared.storage.codec import from_entity, to_entity
from shared.storage.records import DeviceFile, PassedOverTally, ReasonTally, Remark
from shared.vocabulary import FileState, Outcome
from tests.device_files.given import sample
from tests.device_files.hash_builder import build_hash
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, START, World, numbered

LARGEST_PROPERTY = 32_768
"""Most UTF-16 units of a property (Azure Table Storage, "Understanding the Table service data model")."""

KNOWN = ",,,LENOVO,21R3001BUK"
DEVICE_IN_A_COMMENT = f"{HEADER}\r\nFINE-1{KNOWN}\r\n# PF3ABCDE is on its way\r\nFINE-2{KNOWN}\r\n"


def device_file(reasons: Sequence[ReasonTally] = ()) -> DeviceFile:
    return DeviceFile(
        file_id="f",
        path="p",
        etag="e",
        name="n",
        size=1,
        state=FileState.READ,
        received_at=START,
        due_at=START,
        devices_per_submission=500,
        reasons=tuple(reasons),
    )


def rejected(reason: RowReason) -> ReasonTally:
    return ReasonTally(outcome=Outcome.REJECTED, reason=reason, rows=1)


TEXTS = st.text(st.characters() | st.sampled_from('"\\\ud800\U0001f600\x00'), max_size=700)


@given(
    st.lists(st.tuples(st.sampled_from(PassedOverKind), TEXTS, TEXTS), max_size=60),
    st.lists(st.tuples(st.sampled_from(FileNote), st.lists(TEXTS, max_size=8)), max_size=20),
)
def test_whatever_is_passed_over_and_noted_fits_the_table_and_comes_back_as_it_was(
    parts: list[tuple[PassedOverKind, str, str]], notes: list[tuple[FileNote, list[str]]]
) -> None:
    account = FileAccount()
    for kind, place, text in parts:
        account.pass_over(kind, place, text)
    for note, details in notes:
        account.note(note, *details)
    file = accounted(device_file(), account)
    entity = to_entity(file, ("p", "r"))
    texts = [value for value in entity.values() if isinstance(value, str)]
    assert max(len(text.encode("utf-16-le")) // 2 for text in texts) <= LARGEST_PROPERTY
    assert from_entity(entity, DeviceFile) == file
    assert sum(kept.count for kept in file.passed_over) == len(parts)
    assert {remark.note for remark in file.remarks} >= {str(note) for note, _ in notes}
    b"".join(passed_over_csv(file.passed_over, ",")).decode()


def test_the_longest_account_fits_the_table() -> None:
    account = FileAccount()
    for kind in PassedOverKind:
        for number in range(9):
            account.pass_over(kind, f"{number}" + "\U0001f600" * 700, '\\"' * 700)
    for note in FileNote:
        account.note(note, *(f"{number}" + "\U0001f600" * 700 for number in range(9)))
    entity = to_entity(accounted(device_file(), account), ("p", "r"))
    texts = [value for value in entity.values() if isinstance(value, str)]
    assert max(len(text.encode("utf-16-le")) // 2 for text in texts) <= LARGEST_PROPERTY


@pytest.mark.parametrize("reason", [RowReason.UNREADABLE_MEMBER, RowReason.PART_NOT_UNDERSTOOD])
def test_a_part_that_was_not_read_leaves_a_file_incomplete(reason: RowReason) -> None:
    assert accounted(device_file([rejected(reason)]), FileAccount()).is_incomplete


def test_what_may_be_a_device_leaves_a_file_incomplete_and_nothing_else_does() -> None:
    harmless, suspicious, warned = FileAccount(), FileAccount(), FileAccount()
    harmless.pass_over(PassedOverKind.PROSE, "line 1", "our devices")
    harmless.note(FileNote.COLUMNS_IGNORED, "Room")
    suspicious.pass_over(PassedOverKind.PROSE, "line 1", "PF3ABCDE and more")
    warned.note(FileNote.MAY_HOLD_DEVICES, "line 3")
    file = device_file([rejected(RowReason.NO_IDENTITY)])
    assert [accounted(file, account).is_incomplete for account in (harmless, suspicious, warned)] == [False, True, True]


def test_a_word_of_another_version_of_the_app_stands_for_itself() -> None:
    assert explained("new_note").sentence == "new_note."
    assert kind_in_words("new_kind") == "new_kind"
    assert all(explained(note) == FILE_NOTES[note] for note in FileNote)
    assert all(kind_in_words(kind) == PASSED_OVER[kind] for kind in PassedOverKind)


def test_the_csv_has_a_line_for_each_place_and_nothing_in_it_is_run() -> None:
    kept = PassedOverTally(
        kind="prose", count=9, places=("line 1", "=a.csv line 2"), excerpts=('=cmd|"/c calc"!A1', "a, b")
    )
    text = b"".join(passed_over_csv([kept], ",")).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["kind", "count", "place", "excerpt", "may_hold_device"],
        ["prose", "9", "line 1", '\'=cmd|"/c calc"!A1', "false"],
        ["prose", "9", "'=a.csv line 2", "a, b", "false"],
    ]


# --- the whole way


def passed_over(world: World, identifier: str) -> list[dict[str, str]] | None:
    content = world.results.read(f"{world.folder(identifier, f'{CUSTOMER}/Test/devices.csv')}/passed_over.csv")
    return None if content is None else list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_device_in_a_comment_is_told_of_in_the_summary_and_beside_the_results(world: World) -> None:
    file = world.drop_file(DEVICE_IN_A_COMMENT)
    assert world.summary(file)["is_incomplete"], "as soon as it is read"
    world.run()
    assert world.outcomes(file) == ["registered"] * 2
    summary = world.summary(file)
    assert (summary["state"], summary["is_incomplete"]) == ("closed", True)
    (kept,) = summary["passed_over"]
    assert (kept["kind"], kept["count"], kept["places"], kept["may_hold_device"]) == ("comment", 1, ["line 3"], True)
    warning = next(note for note in summary["notes"] if note["note"] == "may_hold_devices")
    assert (warning["detail"], warning["sentence"]) == ("line 3", FILE_NOTES[FileNote.MAY_HOLD_DEVICES].sentence)
    (line,) = passed_over(world, file) or []
    assert (line["kind"], line["count"], line["place"], line["may_hold_device"]) == ("comment", "1", "line 3", "true")
    assert "PF3ABCDE" in line["excerpt"]


def test_an_event_and_the_cards_made_of_it_say_that_a_file_may_hold_more(world: World) -> None:
    file = world.drop_file(DEVICE_IN_A_COMMENT)
    world.run()
    (event,) = world.events.of(file)
    assert event["data"]["is_incomplete"]
    told = file_closed_of(world.file(file), world.settings)
    assert headline(told) == "devices.csv: 2 rows, 2 registered"
    (attachment,) = teams_message(card_of(told))["attachments"]
    assert attachment["content"]["body"][0]["inlines"][0]["color"] == "Warning"
    for card in (teams_message(card_of(told)), slack_message(card_of(told))):
        assert "may hold devices that were not sent" in json.dumps(card)


def test_a_file_of_rows_alone_has_nothing_beside_its_results(world: World) -> None:
    file = world.drop_file(numbered(2))
    world.run()
    summary = world.summary(file)
    assert (summary["is_incomplete"], summary["passed_over"], summary["notes"]) == (False, [], [])
    assert passed_over(world, file) is None
    assert not world.events.of(file)[0]["data"]["is_incomplete"]


def test_a_file_that_is_read_again_is_accounted_for_once(world: World) -> None:
    better = f"PF3ABCDE,,{build_hash('PF3ABCDE', uuid=None, tpm_key=None)},,"
    file = world.drop_file(f"{HEADER}\r\nPF3ABCDE,,,Contoso,Laptop 7\r\n# PF3ABCDF\r\n{better}\r\n")
    assert world.file(file).reading == 2
    world.run()
    assert world.outcomes(file) == ["duplicate", "registered"]
    assert [kept["count"] for kept in world.summary(file)["passed_over"]] == [1]


def test_the_order_number_is_kept_with_the_row_wherever_it_ends_and_is_sent_on(world: World) -> None:
    rows = [f"FINE-1{KNOWN},PO-1", "ALONE,,,,,PO-2", f"STANDIN-StorageError-1{KNOWN},PO-3", f"FINE-2{KNOWN},"]
    file = world.drop_file("\r\n".join([f"{HEADER},Purchase Order", *rows, ""]))
    world.run()
    assert [row["order_number"] for row in world.rows(file)] == ["PO-1", "PO-2", "PO-3", ""]
    assert world.outcomes(file) == ["registered", "rejected", "failed", "registered"]
    again = retry(world.pipeline, CUSTOMER, file)
    assert again.path is not None
    assert again.file_id is not None
    world.receive(again.path)
    world.run()
    (row,) = world.rows(again.file_id, again.path)
    assert (row["serial_number"], row["order_number"]) == ("STANDIN-StorageError-1", "PO-3")


def test_a_customer_may_refuse_device_identifiers_and_another_not(make_world: MakeWorld) -> None:
    identifiers = "LENOVO,21R3001BUK,PF3ABCDE\r\nLENOVO,21R3001BUK,PF3ABCDF\r\n"
    other = "11111111-2222-3333-4444-555555555555"
    world = make_world(REFUSE_DEVICE_IDENTIFIERS=CUSTOMER)
    refused = world.drop_file(identifiers)
    taken = world.drop_file(identifiers, path := f"{other}/Test/devices.csv")
    assert (world.summary(refused)["state"], world.summary(refused)["reason"]) == (
        "rejected",
        "device_identifiers_refused",
    )
    assert "device_identifiers" in [note["note"] for note in world.summary(taken, path)["notes"]]


def test_without_a_batch_folder_a_row_with_a_tag_is_sent_in_place_of_its_twin_without(world: World) -> None:
    path = f"{CUSTOMER}/devices.csv"
    rows = [f"PF3ABCDE{KNOWN},", f"PF3ABCDE{KNOWN},Sales", f"PF3ABCDF{KNOWN},"]
    file = world.drop_file("\r\n".join([f"{HEADER},Group Tag", *rows, ""]), path)
    world.run()
    assert [(row["outcome"], row["error_code"]) for row in world.rows(file, path)] == [
        ("duplicate", "duplicate"),
        ("registered", ""),
        ("rejected", "no_batch"),
    ]


def test_a_remark_is_kept_with_its_detail() -> None:
    account = FileAccount()
    account.note(FileNote.COLUMNS_IGNORED, "Room", "Asset")
    assert accounted(device_file(), account).remarks == (Remark(note="columns_ignored", detail="Room; Asset"),)


def test_what_a_file_says_of_the_type_of_a_cell_ends_as_plain_text(world: World) -> None:
    devices = [
        {"productKey": 3305250000123, "groupTag": 1.5, "modelName": 5},
        {"serialNumber": 47110815, "oemManufacturerName": "LENOVO", "modelName": 20211, "Purchase Order": 77},
        {"serialNumber": True, "oemManufacturerName": "LENOVO", "modelName": 20211},
    ]
    file = world.drop_file(json.dumps(devices))
    world.run()
    rows = world.rows(file)
    assert [row["outcome"] for row in rows] == ["registered", "registered", "rejected"]
    assert [(row["product_key"], row["serial_number"], row["order_number"]) for row in rows[:2]] == [
        ("3305250000123", "", ""),
        ("", "47110815", "77"),
    ]
    workbook = world.drop_file(sample("field/w_cx_bool_err_date.xlsx"), path := f"{CUSTOMER}/Test/typed.xlsx")
    assert world.outcomes(workbook, path) == ["rejected"] * 5
