"""Records as rows: additions of a later version survive a change, and unreadable values are named."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.storage.codec import (
    SHORTENED,
    UnreadableRecord,
    from_entity,
    packed,
    to_entity,
    unpacked,
    with_unknown,
)
from shared.storage.records import Counts, DeviceFile, PassedOverTally, ReasonTally, Withdrawal
from shared.storage.tables import Entity
from shared.vocabulary import FileState

NOW = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)
KEY = ("customer", "file")
FILE = DeviceFile(
    customer_id="customer",
    file_id="file",
    path="customer/Test/devices.csv",
    etag="0x8",
    name="devices.csv",
    size=10,
    state=FileState.CLOSED,
    received_at=NOW,
    due_at=NOW,
    claimed_until=NOW,
    devices_per_submission=500,
    passed_over=(PassedOverTally(kind="sheet", count=1), PassedOverTally(kind="line", count=2)),
    withdrawal=Withdrawal(asked_at=NOW, due_at=NOW, total=3),
    history=("Received.",),
)


def _later(**properties: object) -> Entity:
    """The row of `FILE` as a later version might have written it; values that are not plain are JSON."""
    row = dict(to_entity(FILE, KEY))
    for name, value in properties.items():
        row[name] = json.dumps(value) if name.endswith("_json") else value  # type: ignore[assignment]
    return row


def _changed(row: Entity, changed: DeviceFile) -> Entity:
    """The row after this version read it and wrote `changed`."""
    return with_unknown(to_entity(changed, KEY), row, DeviceFile)


def test_a_row_without_anything_unknown_is_replaced_by_the_record_alone() -> None:
    changed = replace(FILE, state=FileState.READ, claimed_until=None, passed_over=(), withdrawal=None, history=("a",))
    assert _changed(to_entity(FILE, KEY), changed) == to_entity(changed, KEY)


def test_a_property_that_is_no_field_survives_whatever_it_holds() -> None:
    added = {"weight": 2**40, "seen_at": NOW, "text": "x" * 20_000, "no_json": "{", "items_json": [1, 2]}
    row = _later(**added)
    assert from_entity(row, DeviceFile) == FILE
    changed = _changed(row, replace(FILE, state=FileState.READ))
    assert {name: changed[name] for name in added} == {name: row[name] for name in added}
    assert changed["state"] == "read"


def test_a_field_that_was_emptied_does_not_come_back() -> None:
    assert "claimed_until" not in _changed(_later(later=1), replace(FILE, claimed_until=None))


def test_an_unknown_member_of_a_nested_object_survives_the_change_of_its_neighbours() -> None:
    withdrawal = {
        **json.loads(str(to_entity(FILE, KEY)["withdrawal_json"])),
        "approved_by": {"name": "someone"},
    }
    row = _later(withdrawal_json=withdrawal)
    assert FILE.withdrawal is not None
    file = replace(FILE, withdrawal=replace(FILE.withdrawal, sequence=7, finished_at=NOW + timedelta(hours=1)))
    changed = _changed(row, file)
    assert json.loads(str(changed["withdrawal_json"]))["approved_by"] == {"name": "someone"}
    assert from_entity(changed, DeviceFile) == file
    assert "withdrawal_json" not in _changed(row, replace(FILE, withdrawal=None))


def test_unknown_members_in_a_list_survive_until_this_version_changes_the_list() -> None:
    items = json.loads(str(to_entity(FILE, KEY)["passed_over_json"]))
    row = _later(passed_over_json=[{**item, "later": number} for number, item in enumerate(items)])
    untouched = _changed(row, replace(FILE, state=FileState.READ, history=("Received.", "Read.")))
    assert json.loads(str(untouched["passed_over_json"])) == json.loads(str(row["passed_over_json"]))
    shorter = replace(FILE, passed_over=FILE.passed_over[:1])
    assert from_entity(_changed(row, shorter), DeviceFile) == shorter


def test_an_object_that_an_earlier_version_wrote_with_fewer_members_is_written_whole() -> None:
    row = _later(read_counts_json={"total": 2, "later": 1})
    changed = _changed(row, replace(FILE, read_counts=Counts(total=3, rejected=1)))
    assert json.loads(str(changed["read_counts_json"])) == {
        "later": 1,
        "total": 3,
        "registered": 0,
        "already_registered": 0,
        "removed": 0,
        "not_registered": 0,
        "failed": 0,
        "rejected": 1,
        "duplicate": 0,
        "unknown": 0,
        "cancelled": 0,
    }


@pytest.mark.parametrize(
    "damage",
    [
        {"state": "archived"},
        {"size": "ten"},
        {"received_at": "yesterday"},
        {"withdrawal_json": {"state": "under_review"}},
        {"history_json": "Received."},
    ],
)
def test_a_value_that_this_version_does_not_know_makes_the_record_unreadable_by_name(damage: dict[str, object]) -> None:
    with pytest.raises(UnreadableRecord, match="DeviceFile customer/file cannot be read by this version"):
        from_entity(_later(**damage), DeviceFile)


def test_json_that_is_none_makes_the_record_unreadable() -> None:
    with pytest.raises(UnreadableRecord):
        from_entity({**_later(), "history_json": "["}, DeviceFile)


def test_a_row_without_a_field_that_has_no_default_is_unreadable() -> None:
    row = {name: value for name, value in _later().items() if name != "size"}
    with pytest.raises(UnreadableRecord, match="size"):
        from_entity(row, DeviceFile)


def test_rows_that_are_too_large_for_the_journal_are_not_packed() -> None:
    assert packed(random.Random(1).randbytes(80_000)) is None


def test_packed_content_comes_back_whatever_its_size() -> None:
    for content in (b"", b"[]", bytes(range(256)) * 150):
        pack = packed(content)
        assert pack is not None
        assert unpacked({"PartitionKey": "p", **pack}) == content


@given(
    sentences=st.lists(st.text(max_size=400), max_size=60),
    reasons=st.lists(st.builds(ReasonTally, reason=st.text(max_size=256)), max_size=20),
)
@example(sentences=["\x00" * 400] * 60, reasons=[])
@example(sentences=["\U0001f4bb" * 400] * 60, reasons=[])
def test_every_property_of_a_record_fits_table_storage(sentences: list[str], reasons: list[ReasonTally]) -> None:
    entity = to_entity(replace(FILE, history=tuple(sentences), reasons=tuple(reasons)), KEY)
    for value in entity.values():
        assert not isinstance(value, str) or len(value.encode("utf-16-le")) <= 65_536


def test_a_list_that_does_not_fit_keeps_its_ends_and_says_so() -> None:
    sentences = tuple(f"{number} " + '"' * 390 for number in range(60))
    entity = to_entity(replace(FILE, history=sentences), KEY)
    kept = from_entity(entity, DeviceFile).history
    assert (kept[0], kept[-1]) == (sentences[0], sentences[-1])
    assert 2 < len(kept) < len(sentences)
    assert entity[SHORTENED] == "history"
