"""The registered devices as a list, as CSV and as a device file that can be dropped again."""

from datetime import timedelta

import pytest

from shared.device_files.csv_defusing import safe_original
from shared.pipeline.closing.csv_output import csv_text
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.inventory import listing
from shared.pipeline.inventory.listing import (
    COLUMNS,
    ListedDevice,
    batches_of,
    device_file_table,
    devices_table,
    listed_devices,
    with_registrations,
)
from shared.pipeline.inventory.profile_names import ProfileNames
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"


def listed(world: World, batch: str | None = None) -> list[ListedDevice]:
    batches = batches_of(world.pipeline, CUSTOMER, batch)
    return with_registrations(world.pipeline, list(listed_devices(world.pipeline, batches)))


def registered_by(world: World) -> list[tuple[str, int] | None]:
    """For each device the file and row that registered it."""
    return [
        None if each.registration is None else (each.registration.file.file_id, each.registration.outcome.row)
        for each in listed(world)
    ]


def test_each_device_has_the_row_of_ours_that_registered_it(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.run()
    world.read_devices()
    assert [each.device.serial_number for each in listed(world)] == ["SN-00001", "SN-00002", "SN-00003"]
    assert registered_by(world) == [(file, 1), (file, 2), (file, 3)]


def test_the_file_that_registered_a_device_comes_before_one_that_found_it_there(world: World) -> None:
    first = world.drop_file(numbered(1))
    world.run()
    world.clock.now += timedelta(days=1)
    world.drop_file(numbered(1), f"{CUSTOMER}/Test/again.csv")
    world.run()
    world.read_devices()
    assert registered_by(world) == [(first, 1)]


def test_a_device_of_a_withdrawn_file_or_of_another_customer_is_not_ours(world: World) -> None:
    file = world.drop_file(numbered(1))
    other = world.drop_file(numbered(1), f"{OTHER_CUSTOMER}/Test/devices.csv")
    world.run()
    world.read_devices()
    withdraw(world.pipeline, CUSTOMER, file)
    world.run()
    assert other != file
    assert registered_by(world) == [None], "as it was read before the withdrawal"


def test_a_list_begins_at_any_place_and_goes_on_through_the_batches(world: World) -> None:
    for batch in ("A", "B"):
        world.drop_file(numbered(2, f"{batch}-"), f"{CUSTOMER}/{batch}/devices.csv")
    world.run()
    world.read_devices()
    batches = batches_of(world.pipeline, CUSTOMER)
    found = [(each.device.serial_number, each.place) for each in listed_devices(world.pipeline, batches, 1)]
    assert found == [("A-00002", 1), ("B-00001", 0), ("B-00002", 1)]
    assert [batch.batch_id for batch in batches_of(world.pipeline, CUSTOMER, "b")] == ["B"]


def test_the_csv_has_a_line_for_each_device(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LOOKED_UP_TOGETHER", 2)
    file = world.drop_file(numbered(3))
    world.run()
    world.read_devices()
    names = ProfileNames(world.pipeline, CUSTOMER)
    header, *lines = devices_table(world.pipeline, batches_of(world.pipeline, CUSTOMER), names)
    assert header == COLUMNS
    cells = [dict(zip(COLUMNS, line, strict=True)) for line in lines]
    assert [each["serial_number"] for each in cells] == ["SN-00001", "SN-00002", "SN-00003"]
    assert {(each["batch_id"], each["model"], each["file_id"]) for each in cells} == {("Test", "21R3001BUK", file)}
    assert [each["row"] for each in cells] == ["1", "2", "3"]


def test_the_device_file_dropped_under_the_customer_names_the_same_devices_and_batches(world: World) -> None:
    rows = [HEADER, "SN-1,,,LENOVO,21R3001BUK", "=SN-2,,,Héwlett,+5", ",00329-00000-00003-AA606,,,", ""]
    world.drop_file("\r\n".join(rows))
    world.drop_file(numbered(2, "B-"), f"{CUSTOMER}/Other/devices.csv")
    world.run()
    world.read_devices()
    table = device_file_table(world.pipeline, batches_of(world.pipeline, CUSTOMER))
    again = world.drop_file(b"".join(csv_text(table, safe_cell=safe_original)), f"{CUSTOMER}/again.csv")
    world.run()
    found = world.rows(again, f"{CUSTOMER}/again.csv")
    assert {row["outcome"] for row in found} == {"already_registered"}, found
    names = [(row["batch_id"], row["serial_number"].lstrip("'") or row["product_key"]) for row in found]
    assert sorted(names) == sorted(
        (each.batch.batch_id, each.device.serial_number or each.device.product_key) for each in listed(world)
    )
