"""The questions asked of a real table service: what its filters and its order of keys make of them."""

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from shared.settings import StorageConnectionString
from shared.status import queries
from shared.status.queries import FileFilter, NotFound, OutcomeFilter
from shared.storage.blobs import AzureContainer
from shared.storage.connection import open_storage
from shared.storage.journal import Journal, TableName
from shared.storage.records import Counts, DeviceFile, DeviceOutcome
from shared.vocabulary import FileState, Outcome
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, START, World, numbered

ROWS = 2_300
STRANGE = 'O\'Brien & "Co" %41 ä💩 eq 1'


@pytest.fixture(params=["memory", "azurite"])
def stored_world(request: pytest.FixtureRequest, world: World) -> World:
    """A world whose journal and private container are in memory, or in Azurite."""
    if request.param == "memory":
        return world
    return _in_azurite(world, request.getfixturevalue("azurite_connection"))


def _in_azurite(world: World, connection: str) -> World:
    clients, mark = open_storage(StorageConnectionString(connection)), uuid4().hex[:12]
    world.journal = Journal(lambda name: clients.table(f"{name}{mark}"))
    world.journal.prepare()
    container = AzureContainer(clients.blobs, f"private-{mark}")
    container.prepare()
    world.pipeline = world.pipeline_with(private=container)
    return world


def device_file(number: int, state: FileState = FileState.CLOSED, customer_id: str | None = CUSTOMER) -> DeviceFile:
    received = START + timedelta(hours=7 * (number % 100))
    return DeviceFile(
        customer_id=customer_id,
        file_id=str(uuid4()),
        path=f"{customer_id}/Test/{number}.csv",
        etag="etag",
        name=f"{number}.csv",
        batch_id="Test",
        size=1,
        state=state,
        received_at=received,
        due_at=received,
        devices_per_submission=500,
        read_counts=Counts(total=ROWS),
        closed_counts=Counts(total=ROWS, registered=ROWS - 3, failed=3) if state.is_final else None,
    )


def enter(world: World, file: DeviceFile) -> DeviceFile:
    stored, _ = world.journal.files.enter(replace(file, state=FileState.RECEIVED))
    world.journal.files.change(stored, file)
    if file.state.is_final:
        world.journal.files.enter_by_time(file)
        world.journal.files.no_longer_open(file.file_id)
    return file


def listed(world: World, wanted: FileFilter, limit: int) -> Iterator[str]:
    page = None
    while True:
        answer = queries.files(world.pipeline, wanted, page, limit)
        yield from (file.file_id for file in answer.files)
        page = answer.next
        if page is None:
            return


def test_files_are_paged_over_days_customers_and_states(stored_world: World) -> None:
    world, other = stored_world, str(uuid4())
    states = [FileState.CLOSED, FileState.READ, FileState.REJECTED, FileState.CLOSED, FileState.GONE, FileState.READ]
    entered = [
        enter(world, device_file(number, state, customer))
        for number, (state, customer) in enumerate(zip(states * 2, [CUSTOMER, other, None] * 4, strict=True))
    ]
    newest_first = sorted(entered, key=lambda file: file.received_at, reverse=True)
    middle = entered[6].received_at
    for wanted in (
        FileFilter(),
        FileFilter(customer_id=CUSTOMER),
        FileFilter(customer_id="_"),
        FileFilter(state=FileState.READ),
        FileFilter(state=FileState.CLOSED, customer_id=CUSTOMER),
        FileFilter(received_from=middle),
        FileFilter(received_before=middle),
        FileFilter(received_before=middle, customer_id=other),
    ):
        expected = [file.file_id for file in newest_first if wanted.matches(file)]
        assert expected
        for limit in (1, 5, 50):
            assert list(listed(world, wanted, limit)) == expected


def test_a_file_that_stands_in_both_indexes_is_listed_once(stored_world: World) -> None:
    closed = device_file(1)
    stored_world.journal.files.enter(closed)
    stored_world.journal.files.enter_by_time(closed)
    assert list(listed(stored_world, FileFilter(), 5)) == [closed.file_id]


def test_a_mention_without_its_file_is_left_out(stored_world: World) -> None:
    file = enter(stored_world, device_file(1, FileState.READ))
    stored_world.journal._tables[TableName.DEVICE_FILES].delete([(CUSTOMER, file.file_id)])
    assert list(listed(stored_world, FileFilter(), 5)) == []


def test_many_files_that_are_not_asked_for_end_a_page_before_it_is_full(
    stored_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_FILES_EXAMINED", 3)
    rejected = enter(stored_world, device_file(0, FileState.REJECTED))
    for number in range(1, 8):
        enter(stored_world, device_file(number))
    wanted = FileFilter(state=FileState.REJECTED)
    first = queries.files(stored_world.pipeline, wanted)
    assert (first.files, first.next is None) == ([], False)
    assert list(listed(stored_world, wanted, 5)) == [rejected.file_id]


def test_very_many_open_files_end_a_page_after_its_time(stored_world: World) -> None:
    entered = [enter(stored_world, device_file(number, FileState.READ)).file_id for number in range(4)]
    ticks = iter(range(1_000))
    first = queries.files(stored_world.pipeline, monotonic=lambda: float(next(ticks)))
    assert [file.file_id for file in first.files] == entered[:-2:-1]
    second = queries.files(stored_world.pipeline, page=first.next)
    assert [file.file_id for file in second.files] == entered[2::-1]


def test_rows_are_filtered_whatever_their_reason_is_called(stored_world: World) -> None:
    file = enter(stored_world, device_file(1))
    reasons = {7: "808", 1_000: STRANGE, 2_300: STRANGE}
    stored_world.journal.outcomes.write(
        DeviceOutcome(
            reading_id=file.reading_id,
            row=row,
            outcome=Outcome.FAILED if row in reasons else Outcome.REGISTERED,
            serial_number=f"SN-{row}",
            error_code=reasons.get(row, ""),
        )
        for row in range(1, ROWS + 1)
    )

    def rows(wanted: OutcomeFilter, limit: int) -> Iterator[int]:
        page = None
        while True:
            answer = queries.outcomes(stored_world.pipeline, file, wanted, page, limit)
            yield from (outcome.row for outcome in answer.outcomes)
            page = answer.next
            if page is None:
                return

    assert list(rows(OutcomeFilter(outcome=Outcome.FAILED), 2)) == [7, 1_000, 2_300]
    assert list(rows(OutcomeFilter(reason=STRANGE), 1)) == [1_000, 2_300]
    assert list(rows(OutcomeFilter(outcome=Outcome.FAILED, reason="808"), 10)) == [7]
    assert list(rows(OutcomeFilter(outcome=Outcome.UNKNOWN), 10)) == []
    assert list(rows(OutcomeFilter(), 500)) == list(range(1, ROWS + 1))


def test_a_device_is_found_in_the_files_of_one_customer_alone(stored_world: World) -> None:
    other = str(uuid4())
    for number, customer_id in enumerate([CUSTOMER, other, CUSTOMER]):
        file = enter(stored_world, device_file(number, customer_id=customer_id))
        rows = [
            DeviceOutcome(
                reading_id=file.reading_id, row=row, outcome=Outcome.REGISTERED, serial_number=f"{STRANGE}{suffix}"
            )
            for row, suffix in ((5, ""), (1_500, "2"))
        ]
        stored_world.journal.outcomes.write(rows)
        list(stored_world.journal.outcomes.indexed(file, rows))
    found = queries.devices(stored_world.pipeline, CUSTOMER, STRANGE.upper())
    assert [(device.customer_id, device.outcome.row, device.file_name) for device in found.devices] == [
        (CUSTOMER, 5, "2.csv"),
        (CUSTOMER, 5, "0.csv"),
    ]
    assert len(queries.devices(stored_world.pipeline, other, STRANGE).devices) == 1
    with pytest.raises(NotFound):
        queries.devices(stored_world.pipeline, CUSTOMER, STRANGE[:-1])


def test_a_forgotten_file_is_in_no_list(stored_world: World) -> None:
    file = enter(stored_world, device_file(1))
    stored_world.journal.forget_file(file)
    for wanted in (FileFilter(), FileFilter(customer_id=CUSTOMER)):
        assert list(listed(stored_world, wanted, 5)) == []


def test_a_page_of_ten_times_as_many_rows_takes_no_more_memory(
    world: World, request: pytest.FixtureRequest, campaign: bool
) -> None:
    if not campaign:
        pytest.skip("writing the rows takes a minute; the campaign does it")
    stored = _in_azurite(world, request.getfixturevalue("azurite_connection"))
    files = [_file_of(stored, rows) for rows in (10_000, 100_000)]
    for wanted in (OutcomeFilter(), OutcomeFilter(outcome=Outcome.FAILED), OutcomeFilter(reason="no such")):
        of_few, of_many = (_memory_for_a_page(stored, file, wanted) for file in files)
        assert of_many < 3 * of_few, wanted


def _file_of(world: World, rows: int) -> DeviceFile:
    """A file of which one row in a hundred failed."""
    file = enter(world, replace(device_file(rows), read_counts=Counts(total=rows), closed_counts=None))
    world.journal.outcomes.write(
        DeviceOutcome(
            reading_id=file.reading_id,
            row=row,
            outcome=Outcome.FAILED if row % 100 == 7 else Outcome.REGISTERED,
            serial_number=f"SN-{row}",
            error_code="808" if row % 100 == 7 else "",
            error_description="x" * 100,
        )
        for row in range(1, rows + 1)
    )
    return file


def _memory_for_a_page(world: World, file: DeviceFile, wanted: OutcomeFilter) -> int:
    """Bytes, at most."""
    tracemalloc.start()
    queries.outcomes(world.pipeline, file, wanted)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_open_files_that_are_not_asked_for_end_a_page_after_its_time(stored_world: World) -> None:
    received = enter(stored_world, device_file(0, FileState.RECEIVED)).file_id
    for number in range(1, 4):
        enter(stored_world, device_file(number, FileState.READ))
    wanted, ticks = FileFilter(state=FileState.RECEIVED), iter(range(1_000))
    first = queries.files(stored_world.pipeline, wanted, monotonic=lambda: float(next(ticks)))
    assert (first.files, first.next is None) == ([], False)
    assert list(listed(stored_world, wanted, 5)) == [received]


def test_final_files_fill_a_page_however_late_it_is(stored_world: World) -> None:
    for number in range(5):
        enter(stored_world, device_file(number))
    ticks = iter(range(1_000))
    found = queries.files(stored_world.pipeline, limit=4, monotonic=lambda: float(next(ticks)))
    assert len(found.files) == 4


def test_submissions_that_are_not_even_counted_are_left_out_too(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(12))
    for most, shown in ((4_000, 200), (12, 3), (5, 3), (5, 200)):
        monkeypatch.setattr(queries, "MOST_SUBMISSIONS_COUNTED", most)
        monkeypatch.setattr(queries, "SUBMISSIONS_SHOWN", shown)
        details = queries.file(world.pipeline, CUSTOMER, file)
        assert len(details.submissions) + details.submissions_left_out == 12
