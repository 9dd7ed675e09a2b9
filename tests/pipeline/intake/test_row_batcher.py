"""Rows become outcomes or devices of a submission; a row that is neither stops the reading."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, SendableDevice
from shared.partner_center.models import Device, encode_devices
from shared.pipeline import private_copy
from shared.pipeline.intake.row_batcher import Batchload
from shared.pipeline.outcome_rules import RowWithoutReason
from shared.vocabulary import FileState
from tests.device_files.cases import CASES
from tests.device_files.damage import IN_PROCESS_FILES
from tests.device_files.given import read
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered

KNOWN = ",,,LENOVO,21R3001BUK"


def test_a_group_tag_of_dots_names_no_batch(world: World) -> None:
    path = f"{CUSTOMER}/devices.csv"
    file = world.drop_file(f"{HEADER},Group Tag\r\nPF-A{KNOWN},...\r\nPF-A{KNOWN},Lab\r\nPF-B{KNOWN},. .\r\n", path)
    world.run()
    assert [(row["outcome"], row["error_code"], row["batch_id"]) for row in world.rows(file, path)] == [
        ("duplicate", "duplicate", ""),
        ("registered", "", "Lab"),
        ("rejected", "no_batch", ""),
    ]


def test_a_row_without_device_and_reason_stops_the_reading_and_nothing_of_the_file_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*arguments: Any, **named: Any) -> Iterator[CheckedRow]:
        for row in read_device_file(*arguments, **named):
            yield replace(row, device=None) if row.row == 2 else row

    monkeypatch.setattr(private_copy, "read_device_file", defective)
    file = world.put(numbered(3))
    with pytest.raises(RowWithoutReason):
        world.receive()
    world.run()
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    assert stored.record.state is FileState.RECEIVED
    assert not any(world.service.report()["received"].values())


def _as_device(device: SendableDevice) -> Device:
    return Device(
        serial_number=device.serial_number,
        product_key=device.product_key,
        hardware_hash=device.hardware_hash,
        oem_manufacturer_name=device.manufacturer,
        model_name=device.model,
    )


def test_a_body_is_what_encoding_its_devices_would_give() -> None:
    load = Batchload("Sales")
    devices: list[Device] = []
    for case in CASES:
        if case.data in IN_PROCESS_FILES:
            for row in read(case.data, rules=case.rules):
                if row.device is not None:
                    load.add(row, row.device)
                    devices.append(_as_device(row.device))
    assert len(devices) > 100
    assert load.body() == encode_devices(devices)
    assert [row.serial_number for row in load.rows if row.serial_number]
    assert load.first(len(load.rows)).body() == encode_devices(devices)
    assert load.body() == b"[]"
