"""A dropped file is copied, read once by one owner, and read again when that owner died."""

import pytest

from shared.pipeline.blob_names import private_copy
from shared.pipeline.intake.receive import LARGE, MOST_READINGS, TIME_TO_FILL, receive, receive_dropped, take_up
from shared.pipeline.process_cache import MOST_LARGE_FILES
from shared.pipeline.sweep import TIME_FOR_ITS_EVENT, sweep
from shared.reasons import IntakeReason
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile
from shared.vocabulary import FileState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered

PATH = f"{CUSTOMER}/Test/devices.csv"


def stored_of(world: World, file: str) -> Stored[DeviceFile]:
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    return stored


class Died(BaseException):
    """The owner ends, without a chance to tidy up."""


def interrupted(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file whose owner died while it read."""
    file = world.put(numbered(3))

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr("shared.pipeline.intake.receive.read_copy", die)
        with pytest.raises(Died):
            receive(world.pipeline, PATH)
    return file


def test_the_rules_in_force_when_a_file_came_stay_with_it(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="2", TRUST_HASH_SERIAL="true", PAUSED="true")
    file = stored_of(world, world.drop_file(numbered(3))).record
    assert (file.devices_per_submission, file.trust_hash_serial, file.submissions) == (2, True, 2)
    assert file.history[0].endswith("Received.")


def test_a_file_that_was_told_of_twice_is_read_once(world: World) -> None:
    file = world.drop_file(numbered(3))
    before = stored_of(world, file)
    world.receive()
    assert stored_of(world, file) == before
    assert (
        world.service.report()["received"]["append_devices"] + world.service.report()["received"]["create_batch"] == 1
    )


def test_what_is_read_is_the_private_copy(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.drop.delete(PATH)
    assert world.private.read(private_copy(file)) == numbered(3).encode()
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


def test_a_file_that_is_gone_before_it_is_copied_sends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = interrupted(world, monkeypatch)
    world.drop.delete(PATH)
    world.private.delete(private_copy(file))
    world.clock.now += world.settings.advanced.claim
    take_up(world.pipeline, stored_of(world, file))
    assert stored_of(world, file).record.state is FileState.GONE


def test_a_large_file_is_left_to_the_queue_so_that_the_next_blob_need_not_wait(world: World) -> None:
    file = world.put(numbered(1) + "," * LARGE)
    receive_dropped(world.pipeline, PATH)
    assert world.journal.files.get(CUSTOMER, file) is None
    assert world.deliver_next()
    assert stored_of(world, file).record.size > LARGE


def test_an_instance_that_reads_as_many_large_files_as_it_may_takes_another_one_later(world: World) -> None:
    file = world.put(numbered(1) + "," * LARGE)
    for _ in range(MOST_LARGE_FILES):
        assert world.pipeline.cache.readers_of_large_files.acquire(blocking=False)
    receive(world.pipeline, PATH)
    assert world.journal.files.get(CUSTOMER, file) is None
    world.pipeline.cache.readers_of_large_files.release()
    assert world.deliver_next()
    assert stored_of(world, file).record.size > LARGE


def test_a_claimed_file_is_left_to_its_owner(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = interrupted(world, monkeypatch)
    before = stored_of(world, file)
    take_up(world.pipeline, before)
    receive(world.pipeline, PATH)
    assert stored_of(world, file) == before


def test_a_file_whose_reader_died_is_read_again_from_its_first_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = interrupted(world, monkeypatch)
    world.clock.now += world.settings.advanced.claim
    receive(world.pipeline, PATH)
    assert stored_of(world, file).record.reading == 2
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


def test_a_file_whose_every_reader_dies_is_rejected_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = interrupted(world, monkeypatch)

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr("shared.pipeline.intake.receive.read_copy", die)
        for _ in range(1, MOST_READINGS):
            world.clock.now += world.settings.advanced.claim
            with pytest.raises(Died):
                take_up(world.pipeline, stored_of(world, file))
    world.clock.now += world.settings.advanced.claim
    take_up(world.pipeline, stored_of(world, file))
    record = stored_of(world, file).record
    assert (record.state, record.reading) == (FileState.REJECTED, MOST_READINGS)
    assert world.summary(file)["reason"] == IntakeReason.READING_FAILED


# --- what is no device file


@pytest.mark.parametrize(
    "path",
    [
        *(".DS_Store", f"{CUSTOMER}/.DS_Store", f"{CUSTOMER}/Test/Thumbs.db", "Kontoso/Test/desktop.ini"),
        *(
            f"{CUSTOMER}/Test/~$devices.xlsx",
            f"{CUSTOMER}/__MACOSX/a.csv",
            f"{CUSTOMER}/Test/",
            f"{CUSTOMER}/a_$folder$",
        ),
    ],
)
def test_what_is_no_device_file_is_passed_over_by_event_and_sweep(world: World, path: str) -> None:
    world.drop.put(path, b"", world.clock())
    _assert_nothing_comes_of_it(world, path)


@pytest.mark.parametrize("path", [CUSTOMER, f"{CUSTOMER}/Test", f"{CUSTOMER}/Test/deeper/still"])
def test_the_marker_of_a_folder_is_passed_over_by_event_and_sweep(world: World, path: str) -> None:
    world.drop.put(path, b"", world.clock())
    world.drop.mark_as_folder(path)
    _assert_nothing_comes_of_it(world, path)


def test_the_mark_of_a_folder_hides_no_contents(world: World) -> None:
    path = f"{CUSTOMER}/Test/devices.csv"
    world.put(numbered(2), path)
    world.drop.mark_as_folder(path)
    world.receive(path)
    assert len(list(world.journal.files.still_open())) == 1


def _assert_nothing_comes_of_it(world: World, path: str) -> None:
    world.receive(path)
    world.clock.now += 2 * TIME_FOR_ITS_EVENT
    assert sweep(world.pipeline).unknown_blobs == 0
    assert not world.wakeups.waiting
    assert not world.events.sent
    assert list(world.results.versions()) == []
    assert list(world.journal.files.still_open()) == []


def test_an_empty_blob_that_is_filled_a_moment_later_is_told_once(world: World) -> None:
    empty = world.drop_file(b"")
    world.clock.now += TIME_TO_FILL / 2
    filled = world.drop_file(numbered(2))
    world.run()
    assert world.journal.files.get(CUSTOMER, empty) is None
    assert stored_of(world, filled).record.state is FileState.CLOSED
    assert len(world.events.sent) == 1


@pytest.mark.parametrize("event_is_lost", [False, True])
def test_a_blob_that_stays_empty_is_a_rejected_file(world: World, *, event_is_lost: bool) -> None:
    empty = world.put(b"")
    if event_is_lost:
        world.clock.now += TIME_TO_FILL + TIME_FOR_ITS_EVENT
        sweep(world.pipeline)
    else:
        world.receive()
        world.receive()
    world.run()
    record = stored_of(world, empty).record
    assert (record.state, record.reason) == (FileState.REJECTED, "empty_file")
    assert len(world.events.of(empty)) == 1
