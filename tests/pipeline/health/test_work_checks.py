"""What is found of events, poison queues and the sweep."""

from datetime import timedelta

import pytest

from shared.pipeline.health.finding import CheckedApp
from shared.pipeline.health.work_checks import (
    dropped_files,
    dropped_files_finding,
    poison_finding,
    poison_queues,
    sweep,
    sweep_finding,
)
from shared.pipeline.sweep import sweep as run_sweep
from shared.pipeline.sweep_record import SweepRecord
from shared.settings import BlobTriggerSource
from shared.vocabulary import CheckState
from tests.infra.bicep import bicep_files
from tests.pipeline.world import START, World

EVENTS = BlobTriggerSource.EVENT_GRID
SWEPT = SweepRecord(ended_at=START, counts={"open_files": 2})
EVERY_FIVE = "0 */5 * * * *"


@pytest.mark.parametrize(
    ("source", "hours_ago", "record", "state"),
    [
        (BlobTriggerSource.CONTAINER_SCAN, None, None, CheckState.WELL),
        (EVENTS, None, SWEPT, CheckState.WELL),
        (EVENTS, 25, SWEPT, CheckState.WELL),
        (EVENTS, 23, SWEPT, CheckState.BROKEN),
        (EVENTS, None, SweepRecord(ended_at=START, counts={"unknown_blobs": 1}), CheckState.WARNING),
        (EVENTS, None, None, CheckState.CANNOT_BE_TOLD),
        (None, None, None, CheckState.CANNOT_BE_TOLD),
    ],
)
def test_lost_events_are_found(
    source: str | None, hours_ago: int | None, record: SweepRecord | None, state: CheckState
) -> None:
    letter = None if hours_ago is None else START - timedelta(hours=hours_ago)
    assert dropped_files_finding(source, letter, record, START).state is state


def test_dead_letters_are_read_where_event_grid_puts_them(world: World) -> None:
    run_sweep(world.pipeline)
    assert dropped_files(CheckedApp(world.pipeline)).state is CheckState.WELL
    world.probes.newest["dead-letters"] = world.clock.now
    assert dropped_files(CheckedApp(world.pipeline, knows_settings=False)).state is CheckState.BROKEN
    assert "blobContainerName: 'dead-letters'" in bicep_files()["events.bicep"].text


def test_messages_that_the_host_gave_up_on_are_counted_by_queue(world: World) -> None:
    assert poison_queues(CheckedApp(world.pipeline)).state is CheckState.WELL
    world.probes.waiting["submissions-poison"] = 3
    finding = poison_queues(CheckedApp(world.pipeline))
    assert finding.state is CheckState.WARNING
    assert "3 messages in submissions-poison" in finding.found


def test_messages_that_the_last_sweep_sent_again_are_told() -> None:
    finding = poison_finding({}, SweepRecord(ended_at=START, counts={"poisoned_messages": 1}))
    assert "1 message sent again" in finding.found


@pytest.mark.parametrize(
    ("record", "schedule", "minutes", "state"),
    [
        (None, EVERY_FIVE, 0, CheckState.WARNING),
        (SWEPT, EVERY_FIVE, 20, CheckState.WELL),
        (SWEPT, EVERY_FIVE, 21, CheckState.BROKEN),
        (SWEPT, "0 0 3 * * *", 60 * 24, CheckState.WELL),
        (SWEPT, "0 0 3 * * 1", 60 * 24 * 30, CheckState.WELL),
        (SWEPT, None, 60 * 24 * 30, CheckState.WELL),
        (SweepRecord(ended_at=START, settings={"SWEEP_SCHEDULE": EVERY_FIVE}), None, 21, CheckState.BROKEN),
        (SweepRecord(ended_at=START, failed_duties=("open_files",)), EVERY_FIVE, 1, CheckState.WARNING),
        (SweepRecord(ended_at=START, counts={"unreadable_records": 1}), EVERY_FIVE, 1, CheckState.WARNING),
    ],
)
def test_a_sweep_that_is_late_or_could_not_do_its_duties_is_found(
    record: SweepRecord | None, schedule: str | None, minutes: int, state: CheckState
) -> None:
    assert sweep_finding(record, schedule, START + timedelta(minutes=minutes)).state is state


def test_the_last_sweep_is_known_after_it_ran(world: World) -> None:
    assert sweep(CheckedApp(world.pipeline)).state is CheckState.WARNING
    run_sweep(world.pipeline)
    assert sweep(CheckedApp(world.pipeline)).state is CheckState.WELL
    world.clock.now += timedelta(hours=1)
    assert sweep(CheckedApp(world.pipeline)).state is CheckState.BROKEN
