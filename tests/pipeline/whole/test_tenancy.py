"""Nothing that one customer puts into a path, a name, a cell or a serial number reaches another customer's data."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.partner_center import Behaviour, StandIn
from shared.partner_center.audit_records import AuditRecord
from shared.partner_center.client import Accepted, CallIds, JobAnswer, PartnerCenter, ServiceIds
from shared.partner_center.models import ConfigurationPolicy, Customer, Device, DeviceBatch
from shared.partner_center.paths import append_path, create_path
from shared.pipeline.blob_names import file_id, results_folder
from shared.pipeline.drop_path import parse_drop_path
from shared.pipeline.intake.senders import sender_metadata, sending_of
from shared.pipeline.sweep import sweep
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile
from shared.storage.tables import Query, StoredEntity
from tests.examples import examples
from tests.pipeline.world import HEADER, Clock, World, numbered

MINE = "aaaaaaaa-0000-4000-8000-000000000001"
THEIRS = "bbbbbbbb-0000-4000-8000-000000000002"
THEIR_FILE = f"{THEIRS}/Sales/devices.csv"

HOSTILE_NAMES = (
    THEIRS,
    f"..{THEIRS}",
    f"..%2F{THEIRS}",
    f"..%2f..%2fcustomers%2f{THEIRS}",
    f"..\\{THEIRS}\\Sales",
    f"Sales?customer={THEIRS}",
    f"Sales#{THEIRS}",
    f"Sales~{THEIRS}~x",
    f"Sales/devices?/../../{THEIRS}/deviceBatches/Sales",
    f"Sales\n{THEIRS}",
    f"Sales' or PartitionKey eq '{THEIRS}",
    "..",
    ".",
    "_",
    "Sales.",
    "\u2025\uff0f" + THEIRS,
    "x" * 240,
)
"""Names that an attacker may give a folder, a file or a group tag."""

HOSTILE_CELLS = (
    *HOSTILE_NAMES,
    "SN-00001",
    "sn-00001",
    f"SN-00001~{THEIRS}~0~00000001",
    f'","{THEIRS}","',
    f'=HYPERLINK("https://example.com/{THEIRS}")',
)


class Watched:
    """The service, which records the customers of its calls."""

    def __init__(self, real: PartnerCenter) -> None:
        self.real = real
        self.seen: set[str] = set()

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterable[DeviceBatch]:
        self.seen.add(customer_id)
        return self.real.device_batches(customer_id, ids)

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self.seen.add(customer_id)
        return self.real.create_batch(customer_id, batch_id, devices, ids)

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self.seen.add(customer_id)
        return self.real.append_devices(customer_id, batch_id, devices, ids)

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        self.seen.add(customer_id)
        return self.real.batch_job_status(customer_id, tracking_id, ids)

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        self.seen.add(customer_id)
        return self.real.batch_devices(customer_id, batch_id, ids)

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        self.seen.add(customer_id)
        return self.real.delete_device(customer_id, batch_id, device_id, ids)

    def customers(self, ids: CallIds) -> Iterator[Customer]:
        return self.real.customers(ids)

    def configuration_policies(self, customer_id: str, ids: CallIds) -> Iterator[ConfigurationPolicy]:
        self.seen.add(customer_id)
        return self.real.configuration_policies(customer_id, ids)

    def update_device_policies(self, customer_id: str, updates: bytes, ids: CallIds) -> Accepted:
        self.seen.add(customer_id)
        return self.real.update_device_policies(customer_id, updates, ids)

    def audit_records(
        self, since: date, until: date | None, ids: CallIds, *, customer_id: str | None = None
    ) -> Iterator[AuditRecord]:
        self.seen.add(customer_id or "all customers")
        return self.real.audit_records(since, until, ids, customer_id=customer_id)

    def customer(self, customer_id: str, ids: CallIds) -> Customer:
        self.seen.add(customer_id)
        return self.real.customer(customer_id, ids)

    def has_second_factor(self, ids: CallIds) -> bool | None:
        return self.real.has_second_factor(ids)

    def sign_in_anew(self) -> None:
        self.real.sign_in_anew()


def rows_of(world: World, customer_id: str) -> dict[tuple[str, str, str], object]:
    """Every row of the journal that belongs to the customer, by table and keys."""
    owned_files = {
        str(entity.values["RowKey"])
        for entity in _rows(world, "DeviceFiles")
        if entity.values["PartitionKey"] == customer_id
    }
    found: dict[tuple[str, str, str], object] = {}
    for name in ("DeviceFiles", "Submissions", "DeviceOutcomes", "Batches", "DevicesBySerial"):
        for entity in _rows(world, name):
            partition, row = str(entity.values["PartitionKey"]), str(entity.values["RowKey"])
            owner = entity.values.get("customer_id")
            if customer_id in (owner, partition) or partition.partition(".")[0] in owned_files:
                found[name, partition, row] = entity.values
    return found


def _rows(world: World, name: str) -> list[StoredEntity]:
    table = {str(key): table for key, table in world.journal._tables.items()}[name]
    return list(table.query(Query()))


def results_of(world: World, customer_id: str) -> dict[str, bytes | None]:
    """Every result of the customer, by path."""
    return {version.path: world.results.read(version.path) for version in world.results.versions(f"{customer_id}/")}


def devices_of(world: World, customer_id: str) -> dict[str, list[str]]:
    """The serial numbers of each batch of the customer, as the service shows them."""
    ids = CallIds("11111111-0000-4000-8000-000000000003", "11111111-0000-4000-8000-000000000004")
    real = world.partner_center.real if isinstance(world.partner_center, Watched) else world.partner_center
    return {
        batch.id or "": sorted(
            device.serial_number or "" for device in real.batch_devices(customer_id, batch.id or "", ids)
        )
        for batch in real.device_batches(customer_id, ids)
    }


def attack(path: str, content: str) -> None:
    """An attacker drops `content` at `path`: the other customer's data is unchanged, and no call was made for them."""
    clock = Clock()
    with StandIn(Behaviour(), clock=clock.seconds) as service:
        world = World(service, clock)
        world.drop_file(numbered(2), THEIR_FILE)
        world.run()
        before = (rows_of(world, THEIRS), results_of(world, THEIRS), devices_of(world, THEIRS))
        assert all(before)
        watched = Watched(world.partner_center)
        world.meet(watched)
        world.drop_file(content, path)
        world.run()
        sweep(world.pipeline)
        world.run()
        assert (rows_of(world, THEIRS), results_of(world, THEIRS), devices_of(world, THEIRS)) == before
        assert watched.seen <= {MINE}
        assert all(version.path.startswith((f"{MINE}/", f"{THEIRS}/", "_/")) for version in world.results.versions())


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_name_of_a_batch_folder_reaches_no_other_customer(name: str) -> None:
    attack(f"{MINE}/{name}/devices.csv", numbered(2))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_name_of_a_file_reaches_no_other_customer(name: str) -> None:
    attack(f"{MINE}/Sales/{name}", numbered(2))


@pytest.mark.parametrize(
    "folder", [f" {THEIRS}", f"{THEIRS} ", f"{{{THEIRS}}}", f"urn:uuid:{THEIRS}", f"..{THEIRS}", ""]
)
def test_a_folder_that_only_looks_like_another_customers_is_nobodys(folder: str) -> None:
    attack(f"{folder}/Sales/devices.csv", numbered(2))


@pytest.mark.parametrize("cell", HOSTILE_CELLS)
def test_a_group_tag_reaches_no_other_customer(cell: str) -> None:
    tag = '"' + cell.replace('"', '""') + '"'
    attack(f"{MINE}/devices.csv", f"{HEADER},Group Tag\r\nSN-00001,,,LENOVO,21R3001BUK,{tag}\r\n")


@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize("cell", HOSTILE_CELLS)
def test_a_cell_reaches_no_other_customer(cell: str, column: int) -> None:
    cells = ["SN-00001", "", "", "LENOVO", "21R3001BUK"]
    cells[column] = '"' + cell.replace('"', '""') + '"'
    attack(f"{MINE}/Sales/devices.csv", f"{HEADER}\r\n{','.join(cells)}\r\n")


def test_the_same_serial_numbers_are_the_business_of_each_customer_alone() -> None:
    clock = Clock()
    with StandIn(Behaviour(), clock=clock.seconds) as service:
        world = World(service, clock)
        theirs = world.drop_file(numbered(2), THEIR_FILE)
        mine = world.drop_file(numbered(2), f"{MINE}/Sales/devices.csv")
        world.run()
        assert world.outcomes(theirs, THEIR_FILE) == ["registered"] * 2
        mentions = list(world.journal.outcomes.with_serial("SN-00001"))
        assert {(mention.customer_id, mention.file_id) for mention in mentions} == {(THEIRS, theirs), (MINE, mine)}
        summary = world.summary(mine, f"{MINE}/Sales/devices.csv")
        assert THEIRS not in json.dumps(summary)
        assert theirs not in json.dumps(world.rows(mine, f"{MINE}/Sales/devices.csv"))


def test_metadata_of_a_blob_says_nothing_but_where_the_journal_says_who_sent_it(world: World) -> None:
    paths = [f"{MINE}/Test/{name}.csv" for name in ("sent", "forged", "named")]
    mine = sender_metadata(world.pipeline, "Ada")
    for path, metadata in zip(paths, (mine, mine, {"sent_by": "Ada", "sending": "Ada"}), strict=True):
        world.drop.write_new(path, numbered(1, path[-9:-4]).encode(), "text/csv", metadata)
        world.receive(path)
    files = [stored.record for stored in map(partial(_received, world), paths)]
    assert [file.sent_by for file in files] == ["Ada", "", ""]
    # Received again, as after a lost answer, the first still is the one that was sent.
    version = world.drop.version(paths[0])
    assert version is not None
    again = sending_of(world.pipeline, version, files[0].file_id)
    assert again is not None
    assert again.sent_by == "Ada"


def _received(world: World, path: str) -> Stored[DeviceFile]:
    version = world.drop.version(path)
    assert version is not None
    stored = world.journal.files.get(MINE, file_id(path, version.etag))
    assert stored is not None
    return stored


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60) | st.sampled_from(HOSTILE_NAMES)


@given(st.lists(names, max_size=4))
@settings(max_examples=examples(400))
def test_whatever_follows_the_first_folder_the_customer_is_the_first_folder(parts: list[str]) -> None:
    place = parse_drop_path("/".join([MINE, *parts]))
    assert place.customer_id in (MINE, None)
    folder = results_folder(place.customer_id, place.batch_id, place.name, "file-id")
    assert folder.startswith(f"{place.customer_id or '_'}/")
    assert folder.count("/") == 3
    assert not {"", ".", ".."} & set(folder.split("/"))


@given(names)
@settings(max_examples=examples(400))
def test_a_batch_of_any_name_stays_one_segment_of_its_customers_address(name: str) -> None:
    if name in (".", ".."):
        return
    prefix = create_path(MINE)
    path = append_path(MINE, name)
    assert path.startswith(f"{prefix}/")
    segment, devices = path.removeprefix(f"{prefix}/").split("/")
    assert devices == "devices"
    assert unquote(segment) == name
    assert not set("?#\\\r\n") & set(path)
