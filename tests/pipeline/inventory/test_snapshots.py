"""The devices of a batch in blobs of bounded size: each once, found from any place, and of a hash only a digest."""

import pytest

from local.in_memory_storage import InMemoryContainer
from shared.partner_center.models import Device, Policy
from shared.pipeline.inventory import snapshots
from shared.pipeline.inventory.snapshots import (
    LONGEST_TEXT,
    RegisteredDevice,
    Written,
    delete_snapshots,
    devices_of,
    hash_digest,
    registered_device,
    snapshot_folder,
    write_snapshot,
)
from shared.storage.blobs import VersionGone
from shared.storage.inventories import BatchInventory
from tests.pipeline.world import CUSTOMER, START

FOLDER = snapshot_folder(CUSTOMER, "Sales & Söhne/#1", "first")
SEVEN = [RegisteredDevice(device_id=f"id-{number}", serial_number=f"SN-{number}") for number in range(7)]


@pytest.fixture(autouse=True)
def small_blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "DEVICES_IN_A_BLOB", 3)


@pytest.fixture
def container() -> InMemoryContainer:
    return InMemoryContainer({})


def batch(devices: int, folder: str = FOLDER) -> BatchInventory:
    return BatchInventory(
        customer_id=CUSTOMER, batch_id="Sales", listed_at=START, snapshot=folder, devices=devices, read_at=START
    )


@pytest.mark.parametrize("first", range(9))
def test_devices_are_found_from_any_place(container: InMemoryContainer, first: int) -> None:
    assert write_snapshot(container, FOLDER, iter(SEVEN)) == Written(7, 0)
    assert len(list(container.versions(FOLDER))) == 3
    assert list(devices_of(container, batch(7), first)) == SEVEN[first:]


def test_a_page_reads_no_blob_before_its_own(container: InMemoryContainer) -> None:
    write_snapshot(container, FOLDER, SEVEN)
    container.delete(f"{FOLDER}000000.jsonl")
    assert next(devices_of(container, batch(7), 3)) == SEVEN[3]


def test_a_device_that_is_listed_twice_is_one_and_another_with_its_id_is_not(container: InMemoryContainer) -> None:
    zeros = [RegisteredDevice(device_id="0", serial_number=serial) for serial in ("A", "B", "a", " B ")]
    assert write_snapshot(container, FOLDER, zeros) == Written(2, 0)


def test_devices_without_a_name_are_counted(container: InMemoryContainer) -> None:
    devices = [*SEVEN, RegisteredDevice(device_id="8"), RegisteredDevice(product_key="key")]
    assert write_snapshot(container, FOLDER, devices) == Written(9, 1)


def test_an_empty_batch_has_no_blob(container: InMemoryContainer) -> None:
    assert write_snapshot(container, FOLDER, []) == Written(0, 0)
    assert list(devices_of(container, batch(0))) == []
    assert list(devices_of(container, batch(0, ""))) == []


def test_blobs_that_were_replaced_meanwhile_are_told(container: InMemoryContainer) -> None:
    with pytest.raises(VersionGone):
        list(devices_of(container, batch(1)))


def test_all_snapshots_but_one_are_deleted(container: InMemoryContainer) -> None:
    second = snapshot_folder(CUSTOMER, "Sales & Söhne/#1", "second")
    for folder in (FOLDER, second):
        write_snapshot(container, folder, SEVEN)
    delete_snapshots(container, "registered/", kept=second)
    assert {version.path.startswith(second) for version in container.versions("registered/")} == {True}
    delete_snapshots(container, "registered/")
    assert list(container.versions("registered/")) == []


def test_what_is_kept_of_a_device_is_bounded_and_holds_no_hash() -> None:
    listed = Device(
        id="d-1",
        serial_number="S" * 10_000,
        product_key=None,
        hardware_hash="T0" + "A" * 4_000,
        oem_manufacturer_name="LENOVO\x00\n",
        model_name="21R3",
        policies=(Policy(key="o_o_b_e", value="p-1"), Policy(key="o_o_b_e", value=None)),
        uploaded_by="anna@example.com",
        uploaded_date="2017-08-09T14:43:26.0092288-07:00",
        allowed_operations=("delete",),
    )
    kept = registered_device(listed)
    assert len(kept.serial_number) == LONGEST_TEXT
    assert (kept.product_key, kept.manufacturer, kept.policies) == ("", "LENOVO", ("p-1",))
    assert kept.hash_digest == hash_digest(listed.hardware_hash or "")
    assert len(kept.hash_digest) == 32
    assert kept.uploaded_at is not None
    assert f"{kept.uploaded_at:%H:%M}" == "21:43"
