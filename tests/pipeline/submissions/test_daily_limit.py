"""A customer's daily limit: never more is newly sent on a day, and what waits is sent on the next."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from local.partner_center import Fault, Operation
from shared.pipeline.hold_requests import LARGEST_LIMIT, LimitRefused, daily_limits, limit_customer, stop
from shared.pipeline.human_acts import Asker
from shared.pipeline.submissions.daily_limit import is_reached, left_today, scope_of_limit
from shared.pipeline.sweep import sweep
from shared.status.queries import details
from shared.status.schemas import StandstillKind
from shared.storage.customers import CustomerNameRefused
from shared.storage.record_table import Conflict
from shared.storage.records import DailyLimit, Submission
from shared.vocabulary import FileState, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.test_hold_requests import pass_minutes
from tests.pipeline.world import CUSTOMER, START, World, numbered

ANNA = Asker("Anna", "a1")
OTHER = "11111111-2222-3333-4444-555555555555"
DAY = timedelta(days=1)
TODAY = START.date()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(DEVICES_PER_SUBMISSION="4", INLINE_SUBMISSIONS="1", HOLD_FROM_FAILED_PERCENT="100")


def submissions(world: World, file: str) -> list[Submission]:
    return [stored.record for stored in world.journal.submissions.of_reading(f"{file}.1")]


def sent_by_day(world: World, file: str) -> dict[date, int]:
    sent: dict[date, int] = {}
    for each in submissions(world, file):
        if each.first_sent_at is not None and each.state is not SubmissionState.SPLIT:
            day = each.first_sent_at.date()
            sent[day] = sent.get(day, 0) + each.devices
    return sent


@pytest.mark.parametrize("limit", [1, 3, 5, 8, 100])
def test_each_day_sends_as_many_devices_as_the_limit_allows(world: World, limit: int) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, limit)
    file = world.drop_file(numbered(10))
    world.run()
    assert world.outcomes(file) == ["registered"] * 10
    days = [min(limit, 10 - sent) for sent in range(0, 10, limit)]
    assert sent_by_day(world, file) == {TODAY + day * DAY: devices for day, devices in enumerate(days)}


def test_another_customer_is_not_concerned(world: World) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 2)
    file, other = world.drop_file(numbered(10)), world.drop_file(numbered(10), f"{OTHER}/Test/devices.csv")
    pass_minutes(world)
    assert world.file(other, OTHER).state is FileState.CLOSED
    assert world.file(file).state is FileState.READ
    assert daily_limits(world.pipeline)[CUSTOMER].counted == 2


def test_the_standstill_names_the_customer_the_limit_and_what_waits(world: World) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    limit_customer(world.pipeline, ANNA, CUSTOMER, 3)
    file = world.drop_file(numbered(10))
    pass_minutes(world)
    (found,) = details(world.pipeline, world.file(file)).stopped
    assert (found.kind, found.customer_id) == (StandstillKind.LIMIT_REACHED, CUSTOMER)
    assert found.reason == "Contoso's limit of 3 devices a day is reached; the other 7 are sent after 00:00 UTC."
    assert "customers limit" in found.what_to_do
    waiting = [each for each in submissions(world, file) if each.state is SubmissionState.PENDING]
    assert {each.due_at.date() for each in waiting if each.sequence} == {TODAY + DAY}
    world.clock.now += DAY
    assert details(world.pipeline, world.file(file)).stopped == [], "a new day has begun"


def test_a_limit_that_was_just_used_up_keeps_nothing_back(world: World) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 10)
    file = world.drop_file(numbered(10))
    world.run()
    assert details(world.pipeline, world.file(file)).stopped == []


@pytest.mark.parametrize("limit", [10, None])
def test_what_waits_is_sent_at_once_when_the_limit_is_raised_or_removed(world: World, limit: int | None) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 3)
    file = world.drop_file(numbered(10))
    pass_minutes(world)
    limit_customer(world.pipeline, ANNA, CUSTOMER, limit)
    world.run()
    assert world.outcomes(file) == ["registered"] * 10
    assert sent_by_day(world, file) == {TODAY: 10}, "what was sent before counts under the new limit"
    assert next(act.detail for act in world.journal.acts.latest()) == (
        "removed" if limit is None else "to 10 devices a day"
    )


@pytest.mark.parametrize("fault", [Fault.DROPPED_BEFORE, Fault.DROPPED_AFTER, Fault.THROTTLE, Fault.UNAVAILABLE])
def test_a_request_that_is_repeated_counts_once(world: World, fault: Fault) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 10)
    for operation in (Operation.CREATE_BATCH, Operation.APPEND_DEVICES):
        world.service.script(fault, operation=operation)
    file = world.drop_file(numbered(10))
    world.run()
    assert sent_by_day(world, file) == {TODAY: 10}
    assert daily_limits(world.pipeline)[CUSTOMER].counted == 10


def test_a_worker_that_dies_between_the_count_and_the_request_loses_that_count_alone(world: World) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 6)
    change = world.journal.submissions.change

    def dies(*_: object) -> object:
        world.journal.submissions.change = change  # type: ignore[method-assign]
        raise Conflict("another worker was faster")

    world.journal.submissions.change = dies  # type: ignore[method-assign, assignment]
    file = world.drop_file(numbered(10))
    pass_minutes(world)
    sweep(world.pipeline)
    world.run()
    sent = sent_by_day(world, file)
    assert (sent[TODAY], sum(sent.values())) == (2, 10)
    assert world.outcomes(file) == ["registered"] * 10


def test_a_part_that_was_counted_yesterday_and_not_sent_counts_today(world: World) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 3)
    world.service.script(Fault.UNAVAILABLE, operation=Operation.DEVICE_BATCHES)
    file = world.drop_file(numbered(4))
    for stored in world.journal.submissions.of_reading(f"{file}.1"):
        world.journal.submissions.change(stored, replace(stored.record, counted_on=TODAY - DAY))
    world.run()
    assert sent_by_day(world, file) == {TODAY: 3, TODAY + DAY: 1}


def test_submissions_that_wait_for_their_day_are_no_alarm(world: World) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 1)
    file = world.drop_file(numbered(10))
    pass_minutes(world, 3 * 24 * 60)
    assert world.file(file).state is FileState.READ
    assert sweep(world.pipeline).never_accepted == 0
    limit_customer(world.pipeline, ANNA, CUSTOMER, None)
    assert sweep(world.pipeline).never_accepted > 0


def test_a_file_that_waits_for_its_day_can_be_stopped(world: World) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 3)
    file = world.drop_file(numbered(10))
    pass_minutes(world)
    stop(world.pipeline, ANNA, world.file(file))
    world.run()
    assert world.outcomes(file) == ["registered"] * 3 + ["cancelled"] * 7


@pytest.mark.parametrize("devices", [0, -1, LARGEST_LIMIT + 1])
def test_a_limit_is_a_number_of_devices(world: World, devices: int) -> None:
    with pytest.raises(LimitRefused, match="hold it"):
        limit_customer(world.pipeline, ANNA, CUSTOMER, devices)
    with pytest.raises(CustomerNameRefused):
        limit_customer(world.pipeline, ANNA, "Contoso", 5)
    assert list(world.journal.acts.latest()) == []


def test_a_limit_of_a_customer_opens_no_breaker_and_hides_none(world: World) -> None:
    limit_customer(world.pipeline, ANNA, CUSTOMER, 3)
    assert list(world.journal.gates.all()) == [scope_of_limit(CUSTOMER)]
    assert world.journal.gates.closed() == {}


def test_a_count_is_of_its_day() -> None:
    limit = DailyLimit(devices=5, day=TODAY, counted=5, reached_at=START)
    assert (left_today(limit, START), is_reached(limit, START)) == (0, True)
    assert (left_today(limit, START + DAY), is_reached(limit, START + DAY)) == (5, False)
    assert not is_reached(replace(limit, devices=6), START), "it was raised"
