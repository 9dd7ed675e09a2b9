"""Files in a folder with a customer's name go to that customer, whatever happens to the name later."""

from datetime import timedelta

import pytest

from shared.pipeline.drop_path import parse_drop_path
from shared.pipeline.intake.receive import receive
from shared.pipeline.sweep import sweep
from shared.reasons import PathFault
from shared.vocabulary import FileOrder, FileState
from tests.pipeline.world import CUSTOMER, START, World, numbered

OTHER = "1d4ae7e6-d81e-4d66-8d13-073195504ae2"
PATH = "Contoso Ltd/Test/devices.csv"


def test_a_file_under_a_name_is_registered_for_its_customer(world: World) -> None:
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    file = world.drop_file(numbered(2), "contoso ltd/Test/devices.csv")
    world.run()
    assert world.outcomes(file, "contoso ltd/Test/devices.csv") == ["registered"] * 2
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    assert stored.record.customer_id == CUSTOMER
    assert world.results.read(f"{CUSTOMER}/Test/devices.csv/{file}/results.csv") is not None


def test_an_unknown_name_is_a_rejected_file_that_says_so_and_how_to_mend_it(world: World) -> None:
    file = world.drop_file(numbered(2), PATH)
    summary = world.summary(file, PATH)
    assert (summary["state"], summary["reason"]) == ("rejected", "unknown_customer")
    assert "customers add" in summary["what_happened"]
    assert sum(world.service.report()["received"].values()) == 0


def test_a_file_that_was_rejected_stays_so_when_its_name_is_given_to_a_customer(world: World) -> None:
    file = world.drop_file(numbered(2), PATH)
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    receive(world.pipeline, PATH)
    world.clock.now += timedelta(hours=1)
    sweep(world.pipeline)
    world.run()
    assert world.journal.files.get(CUSTOMER, file) is None
    received = world.service.report()["received"]
    assert [call for call, times in received.items() if times] == ["customers"], "the sweep alone asked for something"


def test_dropped_again_after_its_name_was_added_it_is_registered(world: World) -> None:
    world.drop_file(numbered(2), PATH)
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    file = world.drop_file(numbered(2), PATH)
    world.run()
    assert world.outcomes(file, PATH) == ["registered"] * 2


def test_a_removed_name_is_rejected_and_says_what_to_do(world: World) -> None:
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    world.customers.remove("Contoso Ltd", START)
    file = world.drop_file(numbered(2), PATH)
    summary = world.summary(file, PATH)
    assert (summary["state"], summary["reason"]) == ("rejected", "removed_customer")


def test_a_file_received_before_its_name_was_removed_is_not_received_again(world: World) -> None:
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    file = world.drop_file(numbered(2), PATH)
    world.run()
    world.customers.remove("Contoso Ltd", START)
    receive(world.pipeline, PATH)
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    assert stored.record.state is FileState.CLOSED
    assert world.journal.files.get(None, file) is None


def test_the_sweep_knows_files_under_names(world: World) -> None:
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    world.drop_file(numbered(2), PATH)
    world.run()
    world.clock.now += timedelta(hours=1)
    assert sweep(world.pipeline).unknown_blobs == 0


@pytest.mark.parametrize("path", ["Contoso Ltd/Test/more/devices.csv", "Contoso Ltd//devices.csv"])
def test_a_name_does_not_make_a_wrong_path_right(world: World, path: str) -> None:
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    file = world.drop_file(numbered(2), path)
    assert world.summary(file, path)["reason"] == "path_too_deep"


def test_a_guid_is_never_taken_for_a_name(world: World) -> None:
    """A name that looks like another customer's must not redirect files dropped for one tenant to another."""
    file = world.drop_file(numbered(1), f"{OTHER}/Test/devices.csv")
    world.run()
    assert world.journal.files.get(OTHER, file) is not None


@pytest.mark.parametrize(
    ("path", "order", "fault"),
    [
        (f"{CUSTOMER}/Test/a.csv", FileOrder.REGISTER, None),
        (f"{CUSTOMER}/remove-devices/a.csv", FileOrder.REGISTER, None),
        (f"remove-devices/{CUSTOMER}/Test/a.csv", FileOrder.REMOVE, None),
        (f"remove-devices/{CUSTOMER}/a.csv", FileOrder.REMOVE, None),
        (f"remove-devices/{CUSTOMER}/Test/more/a.csv", FileOrder.REMOVE, PathFault.PATH_TOO_DEEP),
        ("remove-devices/a.csv", FileOrder.REMOVE, PathFault.NO_CUSTOMER),
        (f"Remove-Devices/{CUSTOMER}/a.csv", FileOrder.REGISTER, PathFault.UNKNOWN_CUSTOMER),
        (f"move-devices/{CUSTOMER}/Test/a.csv", FileOrder.MOVE, None),
        (f"move-devices/{CUSTOMER}/a.csv", FileOrder.MOVE, PathFault.MOVE_WITHOUT_BATCH),
        ("remove-devices", FileOrder.REMOVE, PathFault.NO_CUSTOMER),
    ],
)
def test_only_the_folder_of_an_order_asks_for_anything_but_registering(
    path: str, order: FileOrder, fault: PathFault | None
) -> None:
    place = parse_drop_path(path)
    assert (place.order, place.fault) == (order, fault)
    assert place.customer_id in (CUSTOMER, None)
