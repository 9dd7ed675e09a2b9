"""A file whose folder named no customer is sent to the customer that a person chose."""

import json

import pytest

from shared.pipeline.closing.summary import folder_of
from shared.pipeline.corrections.assign import NotAssignable, assign, is_assignable
from shared.storage.record_table import Conflict
from shared.storage.records import DeviceFile
from shared.vocabulary import FileState
from tests.pipeline.world import CUSTOMER, World, numbered

OTHER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"


def rejected(world: World, path: str = "Kontoso/Sales/devices.csv") -> DeviceFile:
    return world.file(world.drop_file(numbered(3), path), None)


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("Kontoso/Sales/devices.csv", f"{CUSTOMER}/Sales/devices.csv"),
        ("Kontoso/devices.csv", f"{CUSTOMER}/devices.csv"),
        ("devices.csv", f"{CUSTOMER}/devices.csv"),
    ],
)
def test_it_is_dropped_for_the_customer_in_its_batch_folder_and_registered_as_any_file(
    world: World, path: str, new: str
) -> None:
    file = rejected(world, path)
    assert is_assignable(file)
    made = assign(world.pipeline, file, CUSTOMER, "Ánna")
    assert made.path == new
    world.receive(new)
    world.run()
    child = world.file(made.file_id)
    assert (child.state, child.sent_by) == (FileState.CLOSED, "Ánna")
    parent = world.file(file.file_id, None)
    assert parent.assigned == made
    assert not is_assignable(parent)
    summary = world.results.read(f"{folder_of(parent)}/summary.json")
    assert json.loads(summary or b"{}")["assigned_file_id"] == made.file_id
    assert parent.history[-1].endswith(f"It was sent to customer {CUSTOMER} as {new}.")


def test_repeated_it_drops_one_file_and_never_one_for_another_customer(world: World) -> None:
    file = rejected(world)
    first = assign(world.pipeline, file, CUSTOMER)
    assert assign(world.pipeline, file, CUSTOMER) == first
    with pytest.raises(NotAssignable, match=f"sent to customer {CUSTOMER} already"):
        assign(world.pipeline, file, OTHER)
    assert [version.path for version in world.drop.versions()] == sorted([file.path, first.path])


def test_of_two_people_at_once_one_chooses_the_customer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = rejected(world)
    copy_new = world.drop.copy_new

    def another_comes(*given: object) -> object:
        monkeypatch.setattr(world.drop, "copy_new", copy_new)
        with pytest.raises(NotAssignable):
            assign(world.pipeline, file, OTHER)
        return copy_new(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(world.drop, "copy_new", another_comes)
    assert assign(world.pipeline, file, CUSTOMER).customer_id == CUSTOMER
    assert not list(world.drop.versions(OTHER))


def test_after_a_crash_at_any_step_the_same_choice_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    change = world.journal.files.change
    for calls in range(1, 3):
        file = rejected(world, f"Kontoso/{calls}.csv")
        left = [calls]

        def dying(*given: object, left: list[int] = left) -> object:
            left[0] -= 1
            if not left[0]:
                raise Conflict("The worker dies here.")
            return change(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(world.journal.files, "change", dying)
        with pytest.raises(Conflict):
            assign(world.pipeline, file, CUSTOMER)
        monkeypatch.setattr(world.journal.files, "change", change)
        assert is_assignable(world.file(file.file_id, None))
        assign(world.pipeline, file, CUSTOMER)
        assert len([one for one in world.drop.versions(CUSTOMER) if one.path.endswith(f"{calls}.csv")]) == 1


def test_another_file_of_the_name_is_not_overwritten(world: World) -> None:
    world.put("other", f"{CUSTOMER}/Sales/devices.csv")
    made = assign(world.pipeline, rejected(world), CUSTOMER)
    assert made.path == f"{CUSTOMER}/Sales/devices (2).csv"
    assert world.drop.read(f"{CUSTOMER}/Sales/devices.csv") == b"other"
    assert "sending" not in world.drop.metadata(made.path)


def test_a_file_that_changed_or_was_not_rejected_for_its_customer_is_not_sent(world: World) -> None:
    file = rejected(world)
    world.put("something else", file.path)
    with pytest.raises(NotAssignable, match="Drop it again"):
        assign(world.pipeline, file, CUSTOMER)
    closed = world.drop_file(numbered(1))
    world.run()
    good = world.file(closed)
    assert not is_assignable(good)
    with pytest.raises(NotAssignable, match="not rejected for its customer"):
        assign(world.pipeline, good, OTHER)
