"""A claim on a file: one owner at a time, renewed while it works, released when it fails."""

from datetime import datetime, timedelta

import pytest

from shared.pipeline.lease import (
    LATEST_WAKE_UP,
    FileLease,
    is_claimed,
    is_overdue,
    with_claim,
    with_claim_for_reading,
)
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile
from tests.pipeline.world import CUSTOMER, START, World, numbered

CLAIM = timedelta(minutes=5)


@pytest.fixture
def stored(world: World) -> Stored[DeviceFile]:
    """A file that nobody has claimed."""
    found = world.journal.files.get(CUSTOMER, world.drop_file(numbered(3)))
    assert found is not None
    return found


def held_by_one(world: World, stored: Stored[DeviceFile]) -> FileLease:
    lease = FileLease(world.pipeline, stored)
    lease.change(with_claim(world.pipeline, stored.record))
    return lease


def test_a_claim_ends_by_itself(world: World, stored: Stored[DeviceFile]) -> None:
    claim = world.settings.advanced.claim
    file = with_claim(world.pipeline, stored.record)
    assert (file.claimed_until, file.due_at) == (START + claim, START + claim)
    assert is_claimed(file, START + claim - timedelta(seconds=1))
    assert not is_claimed(file, START + claim)


def test_each_reading_is_counted_and_in_the_history(world: World, stored: Stored[DeviceFile]) -> None:
    file = with_claim_for_reading(world.pipeline, stored.record, "Its reading begins again.")
    assert file.reading == stored.record.reading + 1
    assert file.history[-1].endswith("Its reading begins again.")
    assert is_claimed(file, START)


def test_a_claim_is_renewed_when_a_third_of_it_has_passed(world: World, stored: Stored[DeviceFile]) -> None:
    lease, claim = held_by_one(world, stored), world.settings.advanced.claim
    first = lease.record.claimed_until
    world.clock.now += claim / 3
    lease.keep()
    assert lease.record.claimed_until == first
    world.clock.now += timedelta(seconds=1)
    lease.keep()
    assert lease.record.claimed_until == world.clock.now + claim


def test_an_owner_whose_claim_was_taken_over_changes_nothing(world: World, stored: Stored[DeviceFile]) -> None:
    late, claim = held_by_one(world, stored), world.settings.advanced.claim
    world.clock.now += claim
    other = held_by_one(world, late.stored)
    for change in (late.keep, lambda: late.change(late.record)):
        with pytest.raises(Conflict):
            change()
    late.free()
    assert world.journal.files.get(CUSTOMER, stored.record.file_id) == other.stored


def test_a_failure_releases_the_claim_and_goes_on(world: World, stored: Stored[DeviceFile]) -> None:
    lease = held_by_one(world, stored)
    with pytest.raises(OSError, match="disk"), lease.freed_on_failure():
        raise OSError("the disk is full")
    assert (lease.record.claimed_until, lease.record.due_at) == (None, START)


def test_a_lost_claim_is_not_released(world: World, stored: Stored[DeviceFile]) -> None:
    lease = held_by_one(world, stored)
    with pytest.raises(Conflict), lease.freed_on_failure():
        raise Conflict("another owner has it")
    assert is_claimed(lease.record, START)


def test_after_a_failure_the_file_may_rest(world: World, stored: Stored[DeviceFile]) -> None:
    lease = held_by_one(world, stored)
    lease.free(timedelta(minutes=5))
    assert (lease.record.claimed_until, lease.record.due_at) == (None, START + timedelta(minutes=5))


def test_abandoned_work_is_overdue_when_its_claim_expires_and_no_later() -> None:
    claim, second = CLAIM, timedelta(seconds=1)
    assert not is_overdue(START + claim, START + claim, START + claim - second, claim)
    assert is_overdue(START + claim, START + claim, START + claim, claim)


@pytest.mark.parametrize("claimed_until", [None, START - CLAIM])
@pytest.mark.parametrize(("claim", "latest"), [(CLAIM, LATEST_WAKE_UP), (timedelta(seconds=8), timedelta(seconds=8))])
def test_work_with_a_wake_up_is_overdue_when_the_wake_up_must_have_been_lost(
    claimed_until: datetime | None, claim: timedelta, latest: timedelta
) -> None:
    second = timedelta(seconds=1)
    assert not is_overdue(START, claimed_until, START + latest - second, claim)
    assert is_overdue(START, claimed_until, START + latest, claim)
