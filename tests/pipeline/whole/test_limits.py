"""Large, long, slow or repeated: files, histories, cells, closings, readings, and a short retention."""

import random
import string
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import IO
from urllib.parse import quote
from uuid import uuid4

import pytest
from msgspec.structs import replace

from local.bench.timing import spent
from local.in_memory_storage import InMemoryContainer, InMemoryTable
from local.partner_center import Behaviour
from shared.partner_center.client import Accepted, CallIds, PartnerCenter
from shared.partner_center.errors import AnswerLost, error_from_response
from shared.pipeline.closing.csv_output import COLUMNS
from shared.pipeline.intake.receive import MOST_READINGS
from shared.pipeline.intake.rules import MOST_BATCHES
from shared.pipeline.sweep import MOST_WAKE_UPS, SweepReport, sweep
from shared.reasons import IntakeReason
from shared.settings import StorageConnectionString
from shared.storage.blobs import VersionGone
from shared.storage.connection import StorageClients, open_storage
from shared.storage.journal import Journal, TableName
from shared.storage.outcomes import Outcomes
from shared.storage.records import LONGEST_HISTORY, DeviceFile, DeviceOutcome
from shared.storage.submissions import SubmissionEntry
from shared.storage.tables import Query
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered
from tests.simulation.world import submissions_in


class SlowOutcomes(Outcomes):
    """Outcomes that are slow when a file is closed."""

    def __init__(self, every_500_rows: Callable[[], None]) -> None:
        super().__init__(InMemoryTable(), InMemoryTable())
        self._every_500_rows = every_500_rows

    def indexed(self, file: DeviceFile, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        for outcome in super().indexed(file, outcomes):
            if outcome.row % 500 == 250:
                self._every_500_rows()
            yield outcome


class CountedResults(InMemoryContainer):
    """A container that counts how often results.csv was begun."""

    begun = 0

    def write(self, path: str, content: bytes | Iterable[bytes] | IO[bytes], content_type: str) -> None:
        self.begun += path.endswith("results.csv")
        super().write(path, content, content_type)


def test_a_file_whose_closing_takes_longer_than_a_claim_is_closed_by_one(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), CLAIM_SECONDS="300")

    def others_sweep() -> None:
        world.clock.now += timedelta(seconds=90)
        sweep(world.pipeline)
        world.deliver_next()

    results = CountedResults()
    world.results, world.journal.outcomes = results, SlowOutcomes(others_sweep)
    world.pipeline = world.pipeline_with()
    file = world.drop_file(numbered(3_000))
    world.run()
    assert world.summary(file)["state"] == "closed"
    assert world.summary(file)["counts"]["registered"] == 3_000
    assert results.begun == 1


def test_files_younger_than_a_retention_of_one_day_are_not_received_again(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), RETENTION_DAYS="1")
    world.clock.now = world.clock.now.replace(hour=23)
    file = world.drop_file(numbered(2))
    world.run()
    for _ in range(72):
        world.clock.now += timedelta(hours=1)
        assert sweep(world.pipeline).unknown_blobs == 0
        world.run()
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}
    assert world.journal.files.get(CUSTOMER, file) is None


class Down(Changed):
    """A service that is down for days, with a different message each time."""

    answers = 0

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:  # noqa: ARG002
        self.answers += 1
        body = b"The service is unavailable. Reference #%06d " % self.answers + b"words and words " * 50
        request = f"POST /v1/customers/{customer_id}/deviceBatches/{quote(batch_id)}/devices"
        raise error_from_response(503, {}, body, self.now(), request=request)

    def __init__(self, real: PartnerCenter, world: World) -> None:
        super().__init__(real)
        self.now = world.clock


@pytest.fixture
def clients(azurite_connection: str) -> StorageClients:
    return open_storage(StorageConnectionString(azurite_connection))


@pytest.fixture
def on_table_storage(make_world: MakeWorld, clients: StorageClients) -> World:
    """A world whose journal lies in real tables, with their limits on properties and entities."""
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    prefix = f"t{uuid4().hex}"
    world.journal = Journal(lambda name: clients.table(prefix + name))
    world.journal.prepare()
    world.pipeline = world.pipeline_with()
    return world


def test_a_service_that_words_its_faults_anew_each_time_never_fills_a_property(on_table_storage: World) -> None:
    world, batch = on_table_storage, "Büro München – Schwabing, Größe 3"  # noqa: RUF001
    world.drop_file(numbered(1, "FIRST"), f"{CUSTOMER}/{batch}/first.csv")
    world.run()
    service = world.partner_center
    world.meet(Down(service, world))
    path = f"{CUSTOMER}/{batch}/devices.csv"
    file = world.drop_file(numbered(1), path)
    for _ in range(LONGEST_HISTORY + 15):
        world.deliver_next()
    assert len(world.submission(file).record.history) == LONGEST_HISTORY
    world.meet(service)
    world.run()
    assert world.outcomes(file, path) == ["registered"]


def test_rows_of_absurdly_long_cells_have_their_outcomes_all_the_same(on_table_storage: World) -> None:
    long = "é" * 7_900
    rows = [f"{long}{number},{long},,{long},{long}" for number in range(150)]
    file = on_table_storage.drop_file("\r\n".join([HEADER, *rows]))
    assert on_table_storage.outcomes(file) == ["rejected"] * 150
    assert max(len(row[column]) for row in on_table_storage.rows(file) for column in COLUMNS) < 1_000


class NeverWhole(InMemoryContainer):
    """A container in which a copy cannot be read to its end."""

    def stream(self, path: str) -> Iterator[bytes]:
        raise VersionGone(f"Blob {path} was overwritten while it was read.")


def test_a_file_that_no_reading_survives_is_ended_with_a_reason(world: World) -> None:
    world.private = NeverWhole({"device-files": world.drop})
    world.pipeline = world.pipeline_with()
    file = world.put(numbered(3))
    failures = 0
    for _ in range(MOST_READINGS + 5):
        try:
            world.receive()
        except VersionGone:
            failures += 1
        world.clock.now += timedelta(hours=1)
    assert failures == MOST_READINGS
    assert world.summary(file)["state"] == "rejected"
    assert world.summary(file)["reason"] == IntakeReason.READING_FAILED
    assert world.service.report()["devices"] == {}
    assert list(world.journal.files.still_open()) == []


class Hangs(Changed):
    """A service that accepts devices and, after a few answers, stops answering."""

    def __init__(self, real: PartnerCenter, world: World, answers: int) -> None:
        super().__init__(real)
        self._world = world
        self._answers = answers

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self._answers -= 1
        if self._answers >= 0:
            return super().append_devices(customer_id, batch_id, devices, ids)
        self._world.clock.now += timedelta(minutes=3)
        raise AnswerLost("There was no answer within 180 s.")


@pytest.mark.parametrize("answers", [0, 1])
def test_a_service_that_hangs_holds_the_reader_of_a_file_for_one_request(make_world: MakeWorld, answers: int) -> None:
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="4", HOLD_FROM_FAILED_PERCENT="100"
    )
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    world.meet(Hangs(world.partner_center, world, answers))
    start = world.clock()
    world.drop_file(numbered(10))
    assert world.clock() - start == timedelta(minutes=3)
    named = [named for _, wake_up in world.wakeups.waiting for named in submissions_in(wake_up)]
    assert len(named) == len(set(named)) == 10


def test_rows_that_are_too_large_for_the_journal_stand_in_a_blob_that_goes_with_their_body(world: World) -> None:
    chance = random.Random(1)
    cells = ["".join(chance.choices(string.ascii_letters, k=250)) for _ in range(1_000)]
    rows = [f"S{number},,,{cells[number]},{cells[number + 500]}" for number in range(500)]
    file = world.drop_file("\r\n".join([HEADER, *rows]))
    blobs = [version.path for version in world.private.versions(f"{file}/1/")]
    assert blobs == [world.submission(file).record.payload, world.submission(file).record.rows]
    world.run()
    assert world.outcomes(file) == ["registered"] * 500
    assert list(world.private.versions(f"{file}/1/")) == []


def test_nothing_is_kept_of_a_file_that_was_rejected_after_thousands_of_rows(make_world: MakeWorld) -> None:
    tables = {name: InMemoryTable() for name in TableName}
    world = make_world(Behaviour(delay=60))
    world.journal = Journal(tables.__getitem__)
    world.pipeline = world.pipeline_with()
    rows = [f"SN-{number},,,LENOVO,21R3001BUK,Sales" for number in range(2_500)]
    rows += [",,,LENOVO,21R3001BUK,Sales"] * 1_100
    rows += [f"TAGGED-{number},,,LENOVO,21R3001BUK,{number}" for number in range(MOST_BATCHES)]
    path = f"{CUSTOMER}/devices.csv"
    file = world.drop_file("\r\n".join([f"{HEADER},Group Tag", *rows]), path)
    assert world.summary(file, path)["reason"] == IntakeReason.TOO_MANY_BATCHES
    assert list(tables[TableName.DEVICE_OUTCOMES].query(Query())) != []
    world.clock.now += world.settings.retention + timedelta(days=2)
    assert sweep(world.pipeline).forgotten_files == 1
    assert [name for name in TableName if list(tables[name].query(Query()))] == [TableName.PARTNER_CUSTOMERS]


def test_tens_of_thousands_of_open_submissions_are_swept_in_bounded_time_and_memory(
    make_world: MakeWorld, campaign: bool
) -> None:
    count = 100_000 if campaign else 20_000
    world = make_world(PAUSED="true", INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(1))
    pattern, known = world.submission(file).record, world.journal.files.get(CUSTOMER, file)
    assert known is not None
    for number in range(2, count + 1):
        woken = replace(pattern, number=str(number), sequence=1)
        world.journal.submissions.add([SubmissionEntry(woken, None)])
    world.journal.files.change(known, replace(known.record, submissions=count))
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    tracemalloc.start()
    reading = spent(lambda: sum(1 for _ in world.journal.submissions.of_reading(known.record.reading_id)))
    tracemalloc.reset_peak()
    reports: list[SweepReport] = []
    sweeping = spent(lambda: reports.append(sweep(world.pipeline)))
    (_, peak), report = tracemalloc.get_traced_memory(), reports[0]
    tracemalloc.stop()
    assert report.open_submissions == count
    assert report.overdue_submissions == len(world.wakeups.waiting) == MOST_WAKE_UPS
    assert sweeping.cpu < 10 * reading.cpu
    # The sorted keys of the table in memory are most of it; the wake-ups that are sent are the rest.
    assert peak < 16 * 1024 * 1024
