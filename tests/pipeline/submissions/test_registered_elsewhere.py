"""Where a device stands that is registered already: its own batch, another one, another customer's, or nobody knows."""

from collections.abc import Iterator

import pytest

from local.in_memory_storage import InMemoryTable
from shared.partner_center.client import CallIds
from shared.partner_center.errors import ListTooLong
from shared.partner_center.models import Device
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.submissions.registered_elsewhere import FEW, Registrations
from shared.storage.journal import Journal, TableName
from shared.storage.records import DeviceOutcome
from shared.storage.tables import Query
from shared.vocabulary import Outcome, Remedy
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered, tuples

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"


def outcomes(world: World, content: str, path: str) -> list[DeviceOutcome]:
    """The outcomes of a file that is dropped now."""
    file = world.drop_file(content, path)
    world.run()
    stored = world.journal.files.get(path.partition("/")[0], file)
    assert stored is not None
    return list(world.journal.outcomes.of_rows(stored.record.reading_id, 1, stored.record.read_counts.total))


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_a_device_under_another_batch_names_that_batch_and_file(world: World, count: int) -> None:
    outcomes(world, numbered(count), f"{CUSTOMER}/Sales/first.csv")
    for row in outcomes(world, numbered(count), f"{CUSTOMER}/Field/again.csv"):
        assert (row.outcome, row.remedy) == (Outcome.ALREADY_REGISTERED, Remedy.ASK)
        assert "under the batch Sales since file first.csv" in row.what_to_do
        assert row.notes.split()[-1] == "under_another_batch"


@pytest.mark.parametrize("serials", [("", ""), ("", "ROW-1"), ("ROW-1", "")])
def test_a_device_of_a_product_key_under_another_batch_is_found_by_its_key(
    world: World, serials: tuple[str, str]
) -> None:
    first, again = ("\r\n".join([HEADER, f"{serial},3300000000001,,,", ""]) for serial in serials)
    outcomes(world, first, f"{CUSTOMER}/Sales/first.csv")
    (row,) = outcomes(world, again, f"{CUSTOMER}/Field/again.csv")
    assert "under the batch Sales since file first.csv" in row.what_to_do


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_a_device_under_its_own_batch_needs_nothing(world: World, count: int) -> None:
    outcomes(world, numbered(count), f"{CUSTOMER}/Sales/first.csv")
    for row in outcomes(world, numbered(count), f"{CUSTOMER}/SALES/again.csv"):
        assert (row.outcome, row.remedy) == (Outcome.ALREADY_REGISTERED, Remedy.NOTHING)


def test_a_device_that_neither_the_index_nor_the_batch_shows_may_be_anywhere(world: World) -> None:
    (row,) = outcomes(world, tuples(["STANDIN-806-1"]), f"{CUSTOMER}/Sales/first.csv")
    assert (row.remedy, row.notes) == (Remedy.ASK, "batch_not_known")


class Counting(Changed):
    """Counts the devices that are read back."""

    read = 0

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        for device in super().batch_devices(customer_id, batch_id, ids):
            self.read += 1
            yield device


@pytest.mark.parametrize("batch", ["Sales", "Field"])
def test_a_file_that_is_dropped_again_reads_no_batch_back(world: World, batch: str) -> None:
    outcomes(world, numbered(1_200), f"{CUSTOMER}/Sales/first.csv")
    counting = Counting(world.partner_center)
    world.meet(counting)
    rows = outcomes(world, numbered(1_200), f"{CUSTOMER}/{batch}/again.csv")
    remedy = Remedy.NOTHING if batch == "Sales" else Remedy.ASK
    assert {(row.outcome, row.remedy) for row in rows} == {(Outcome.ALREADY_REGISTERED, remedy)}
    assert all(("since file first.csv" in row.what_to_do) == (batch == "Field") for row in rows)
    assert counting.read == 0


def test_however_large_its_batch_a_submission_reads_a_part_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.pipeline.submissions.registered_elsewhere.MOST_DEVICES_READ", 30)
    outcomes(world, numbered(100), f"{CUSTOMER}/Sales/first.csv")
    counting = Counting(world.partner_center)
    world.meet(counting)
    unknown = tuples([f"STANDIN-806-{number}" for number in range(40)])
    rows = outcomes(world, unknown, f"{CUSTOMER}/Sales/unknown.csv")
    assert {(row.remedy, row.notes) for row in rows} == {(Remedy.ASK, "batch_not_known")}
    assert counting.read == 30


class Endless(Changed):
    """A service with a batch that is too long to be read."""

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:  # noqa: ARG002
        raise ListTooLong("The pages do not end.")


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_where_the_batch_is_too_long_to_be_read_the_index_tells(world: World, count: int) -> None:
    outcomes(world, numbered(count), f"{CUSTOMER}/Sales/first.csv")
    world.meet(Endless(world.partner_center))
    for row in outcomes(world, numbered(count), f"{CUSTOMER}/Sales/again.csv"):
        assert (row.outcome, row.remedy) == (Outcome.ALREADY_REGISTERED, Remedy.NOTHING)
    (row,) = outcomes(world, tuples(["STANDIN-806-1"]), f"{CUSTOMER}/Sales/unknown.csv")
    assert (row.remedy, row.notes) == (Remedy.ASK, "batch_not_known")


@pytest.mark.parametrize("count", [1, 3, FEW + 1])
def test_the_file_that_is_to_be_withdrawn_is_the_one_that_registered_the_device(world: World, count: int) -> None:
    outcomes(world, numbered(count), f"{CUSTOMER}/Sales/first.csv")
    outcomes(world, numbered(count), f"{CUSTOMER}/Sales/again.csv")
    outcomes(world, numbered(count + 1), f"{CUSTOMER}/SALES/more.csv")
    *rows, last = outcomes(world, numbered(count + 1), f"{CUSTOMER}/Field/elsewhere.csv")
    assert all("since file first.csv" in row.what_to_do for row in rows)
    assert "since file more.csv" in last.what_to_do
    for row in outcomes(world, numbered(count), f"{OTHER_CUSTOMER}/Sales/theirs.csv"):
        assert "file first.csv" in row.registered_by


def test_a_file_that_found_a_device_there_is_not_to_be_withdrawn(world: World) -> None:
    outcomes(world, numbered(2), f"{CUSTOMER}/Sales/first.csv")
    world.journal = Journal({name: InMemoryTable() for name in TableName}.__getitem__)
    world.pipeline = world.pipeline_with()
    outcomes(world, numbered(2), f"{CUSTOMER}/Sales/found.csv")
    for row in outcomes(world, numbered(2), f"{CUSTOMER}/Field/again.csv"):
        assert "under the batch Sales: file found.csv" in row.what_to_do
        assert "found it there" in row.what_to_do
        assert "withdraw" not in row.what_to_do


def test_a_registration_that_was_withdrawn_since_says_nothing(world: World) -> None:
    first = world.drop_file(numbered(1), f"{CUSTOMER}/Sales/first.csv")
    world.run()
    withdraw(world.pipeline, CUSTOMER, first)
    world.run()
    (row,) = outcomes(world, numbered(1), f"{CUSTOMER}/Field/again.csv")
    assert (row.outcome, row.remedy) == (Outcome.REGISTERED, Remedy.NOTHING)


def test_a_registration_whose_withdrawal_cannot_be_read_says_nothing(world: World) -> None:
    tables = {name: InMemoryTable() for name in TableName}
    world.journal = Journal(tables.__getitem__)
    world.pipeline = world.pipeline_with()
    first = world.drop_file(numbered(1), f"{CUSTOMER}/Sales/first.csv")
    world.run()
    withdraw(world.pipeline, CUSTOMER, first)
    world.run()
    outcomes(world, numbered(1), f"{CUSTOMER}/Field/second.csv")
    withdrawals = tables[TableName.DEVICE_WITHDRAWALS]
    withdrawals.upsert([{**row.values, "run": "one"} for row in withdrawals.query(Query()) if "run" in row.values])
    (row,) = outcomes(world, numbered(1), f"{CUSTOMER}/Home/third.csv")
    assert "under the batch Field since file second.csv" in row.what_to_do


def test_a_device_of_another_of_our_customers_is_named_in_a_field_of_its_own(world: World) -> None:
    outcomes(world, numbered(1), f"{OTHER_CUSTOMER}/Sales/theirs.csv")
    (row,) = outcomes(world, numbered(1), f"{CUSTOMER}/Sales/mine.csv")
    assert (row.outcome, row.error_code, row.remedy) == (Outcome.FAILED, "808", Remedy.ASK)
    assert "file theirs.csv" in row.registered_by
    assert OTHER_CUSTOMER in row.registered_by
    assert OTHER_CUSTOMER not in row.what_to_do


def test_a_device_that_a_file_removed_since_stands_no_longer_where_an_earlier_file_registered_it(world: World) -> None:
    outcomes(world, numbered(1), f"{CUSTOMER}/Sales/first.csv")
    removal = world.drop_file(numbered(1), f"remove-devices/{CUSTOMER}/wrong.csv")
    world.run()
    registrations = Registrations(world.journal, lambda: None)
    row = next(world.journal.outcomes.of_file(world.file(removal)))
    assert row.outcome is Outcome.REMOVED
    assert registrations.of(row, CUSTOMER) is None
    outcomes(world, numbered(1), f"{CUSTOMER}/Lab/anew.csv")
    found = Registrations(world.journal, lambda: None).of(row, CUSTOMER)
    assert found is not None
    assert found.outcome.batch_id == "Lab"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"remove-devices/{CUSTOMER}/a.csv", (Outcome.REMOVED, "")),
        (f"move-devices/{CUSTOMER}/Lab/a.csv", (Outcome.REGISTERED, "Sales")),
    ],
)
def test_all_rows_with_a_device_tell_what_the_app_did_with_it(
    world: World, path: str, expected: tuple[Outcome, str]
) -> None:
    (row,) = outcomes(world, numbered(1), f"{CUSTOMER}/Sales/first.csv")
    outcomes(world, numbered(1), f"{OTHER_CUSTOMER}/Sales/theirs.csv")
    world.drop_file(numbered(1), path)
    world.run()
    (found,) = Registrations(world.journal, lambda: None).rows_of_several([row], CUSTOMER)
    ends = {(each.outcome.outcome, each.outcome.moved_from) for each in found}
    assert ends == {(Outcome.REGISTERED, ""), expected}
