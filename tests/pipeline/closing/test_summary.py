"""summary.json: it tells of the file's latest state, and a late worker does not take it back."""

from typing import Any

import pytest
from msgspec.structs import replace

from shared.pipeline.closing.summary import folder_of, standing_of, summary, write_summary
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.storage.records import Counts, ProfileCounts, Remark
from shared.vocabulary import FileOrder, FileState, Standing
from tests.pipeline.world import CUSTOMER, World, numbered, tuples
from tests.storage.records import device_file


def test_the_summary_of_an_open_file_lists_its_submissions_and_the_rows_that_have_ended(world: World) -> None:
    identifier = world.drop_file(tuples(["SN-1", "", "SN-2"]))
    written = world.summary(identifier)
    assert (written["state"], written["closed_at"]) == ("read", None)
    assert (written["counts"]["total"], written["counts"]["rejected"]) == (3, 1)
    assert [(each["number"], each["devices"], each["state"]) for each in written["submissions"]] == [
        ("1", 2, "pending")
    ]


def test_a_late_summary_of_an_earlier_state_replaces_none(world: World) -> None:
    identifier = world.drop_file(numbered(2))
    read = world.file(identifier)
    world.run()
    closed = world.summary(identifier)
    for late in (replace(read, state=FileState.RECEIVED), read):
        write_summary(world.journal, world.results, late)
        assert world.summary(identifier) == closed


def test_a_later_change_of_a_closed_file_replaces_its_summary_and_an_earlier_one_does_not(world: World) -> None:
    identifier = world.drop_file(numbered(2))
    world.run()
    first = world.file(identifier)
    retried = replace(first, retry="another-file", changes_since_closed=first.changes_since_closed + 1)
    for file in (retried, first):
        write_summary(world.journal, world.results, file)
        assert world.summary(identifier)["retry_file_id"] == "another-file"


def test_the_summary_says_which_rows_were_fixed_since_and_what_became_of_them(world: World) -> None:
    parent = world.drop_file(tuples(["SN-1", ""]))
    world.run()
    assert (world.summary(parent)["standing"], world.summary(parent)["registered_later"]) == (
        Standing.PARTLY_REGISTERED,
        0,
    )
    name = f"{CUSTOMER}/Test/devices - fix of {parent[:8]}.csv"
    child = world.drop_file(tuples(["SN-2"]), name)
    assert world.summary(parent)["fix_file_ids"] == [child]
    world.run()
    later = world.summary(parent)
    assert (later["standing"], later["registered_later"], later["fixed_later"]) == (Standing.CLOSED, 1, 1)
    assert later["counts"]["rejected"] == 1
    withdraw(world.pipeline, CUSTOMER, child)
    world.run()
    assert (world.summary(parent)["standing"], world.summary(parent)["registered_later"]) == (
        Standing.PARTLY_REGISTERED,
        0,
    )


def test_a_note_of_another_version_is_summarized_by_its_word(world: World) -> None:
    file = replace(world.file(world.drop_file(numbered(1))), remarks=(Remark(note="newer_note", detail="x"),))
    (note,) = summary(file, ()).notes
    assert (note.note, note.detail) == ("newer_note", "x")


def test_files_of_one_name_have_folders_of_their_own(world: World) -> None:
    first, second = (world.file(world.drop_file(numbered(1, f"{name}-"))) for name in "AB")
    assert (first.path, folder_of(first) == folder_of(second)) == (second.path, False)
    assert folder_of(first).startswith(f"{CUSTOMER}/Test/devices.csv/")


@pytest.mark.parametrize(
    ("counts", "standing"),
    [
        (Counts(total=2, removed=1, not_registered=1), Standing.CLOSED),
        (Counts(total=2, removed=1, failed=1), Standing.PARTLY_REMOVED),
        (Counts(total=2, rejected=1, cancelled=1), Standing.NONE_REMOVED),
        (Counts(total=2, duplicate=2), Standing.NOTHING_TO_REMOVE),
    ],
)
def test_a_file_that_asks_to_remove_devices_stands_in_words_of_removing(counts: Counts, standing: Standing) -> None:
    closed = device_file(state=FileState.CLOSED, order=FileOrder.REMOVE, closed_counts=counts)
    assert standing_of(closed) is standing
    assert standing_of(replace(closed, state=FileState.READ)) is Standing.REMOVING


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({}, Standing.PROFILES_MISSING),
        ({"profiles": ProfileCounts(assigned=2)}, Standing.CLOSED),
        ({"profiles": ProfileCounts(assigned=1, cancelled=1)}, Standing.PROFILES_MISSING),
        ({"closed_counts": Counts(total=2, registered=1, failed=1)}, Standing.PARTLY_REGISTERED),
        ({"state": FileState.CLOSING}, Standing.WRITING_RESULTS),
    ],
)
def test_a_file_whose_devices_lack_their_profiles_says_so_unless_more_is_wrong(
    change: dict[str, Any], standing: Standing
) -> None:
    counts = Counts(total=2, registered=1, already_registered=1)
    profiles = ProfileCounts(assigned=1, unknown=1)
    closed = device_file(state=FileState.CLOSED, closed_counts=counts, profiles=profiles)
    assert standing_of(replace(closed, **change)) is standing


def test_a_file_that_asks_to_move_devices_stands_in_words_of_moving() -> None:
    counts = Counts(total=3, registered=1, already_registered=1, failed=1)
    closed = device_file(state=FileState.CLOSED, order=FileOrder.MOVE, closed_counts=counts)
    assert standing_of(closed) is Standing.PARTLY_MOVED
    assert standing_of(replace(closed, closed_counts=Counts(total=1, failed=1))) is Standing.NONE_MOVED
    assert standing_of(replace(closed, state=FileState.READ)) is Standing.MOVING
