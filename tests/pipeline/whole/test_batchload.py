"""The request body of the devices that were read: byte for byte what encoding them one and all would give."""

from shared.device_files.rows import SendableDevice
from shared.partner_center.models import Device, encode_devices
from shared.pipeline.intake.row_batcher import Batchload
from tests.device_files.cases import CASES
from tests.device_files.damage import IN_PROCESS_FILES
from tests.device_files.given import read


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
    load.clear()
    assert load.body() == b"[]"
