"""A file begins with its canary, and is held when its devices fail; a person sends it on or stops it."""

import pytest

from local.partner_center import Behaviour
from shared.pipeline.hold_requests import EVERYTHING, go_on, hold, stop
from shared.pipeline.human_acts import Asker, subject_of
from shared.pipeline.submissions.bad_files import MOST_ON_TRUST
from shared.pipeline.sweep import sweep
from shared.vocabulary import HoldState, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.test_hold_requests import pass_minutes
from tests.pipeline.world import CUSTOMER, World, numbered, tuples

ANNA = Asker("Anna", "a1")
BAD = [f"STANDIN-808-{number}" for number in range(150)]


def sent(world: World, file: str) -> list[int]:
    """The devices of each submission that was sent."""
    submissions = world.journal.submissions.of_reading(f"{file}.1")
    return [each.record.devices for each in submissions if each.record.first_sent_at is not None]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(Behaviour(delay=20), DEVICES_PER_SUBMISSION="100", INLINE_SUBMISSIONS="3")


def test_the_first_devices_go_alone_and_the_rest_follows_their_verdicts(world: World) -> None:
    file = world.drop_file(numbered(350))
    assert sent(world, file) == [50]
    numbers = [each.record.devices for each in world.journal.submissions.of_reading(f"{file}.1")]
    assert numbers == [50, 100, 100, 100]
    before = world.clock.now
    world.run()
    assert world.outcomes(file) == ["registered"] * 350
    closed_at = world.file(file).closed_at
    assert closed_at is not None
    first_poll = world.settings.advanced.poll_first_delay
    assert closed_at - before <= first_poll * 3, "the canary costs one polling delay"
    assert world.journal.gates.all() == {}


@pytest.mark.parametrize("job", [0, 20, 1800])
def test_the_canary_of_a_file_of_known_good_shape_costs_one_polling_delay(make_world: MakeWorld, job: int) -> None:
    seconds: dict[str, float] = {}
    first_poll = 0.0
    for name, percent in (("with", "30"), ("without", "100")):
        world = make_world(Behaviour(delay=job), DEVICES_PER_SUBMISSION="500", HOLD_FROM_FAILED_PERCENT=percent)
        world.drop_file(numbered(10))
        world.run()
        dropped_at = world.clock.now
        file = world.drop_file(numbered(1_000, "K-"), f"{CUSTOMER}/Test/more.csv")
        world.run()
        closed_at = world.file(file).closed_at
        assert closed_at is not None
        seconds[name] = (closed_at - dropped_at).total_seconds()
        first_poll = world.settings.advanced.poll_first_delay.total_seconds()
    assert seconds["with"] - seconds["without"] <= first_poll * 1.05, seconds


def test_a_customer_whose_last_file_failed_or_that_has_none_waits_for_the_verdicts(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=600), DEVICES_PER_SUBMISSION="100")
    assert not world.file(world.drop_file(numbered(200))).is_known_good
    world.run()
    known = world.drop_file(numbered(200, "K-"), f"{CUSTOMER}/Test/known.csv")
    assert world.file(known).is_known_good
    world.run()
    world.drop_file(tuples(BAD[:90]), f"{CUSTOMER}/Test/bad.csv")
    world.run()
    assert not world.file(world.drop_file(numbered(200, "M-"), f"{CUSTOMER}/Test/next.csv")).is_known_good


def test_a_large_file_for_the_wrong_customer_sends_fifty_devices_however_well_its_files_were(
    make_world: MakeWorld,
) -> None:
    world = make_world(Behaviour(delay=600), DEVICES_PER_SUBMISSION="500")
    world.drop_file(numbered(600))
    world.run()
    rows = [f"STANDIN-808-{number}" for number in range(MOST_ON_TRUST + 1)]
    wrong = world.drop_file(tuples(rows), f"{CUSTOMER}/Test/wrong.csv")
    pass_minutes(world, 180)
    assert sent(world, wrong) == [50]


def test_a_file_of_known_good_shape_whose_first_verdicts_are_failures_is_held(world: World) -> None:
    world.drop_file(numbered(10))
    world.run()
    file = world.drop_file(tuples([*BAD, *(f"SN-{number}" for number in range(200))]), f"{CUSTOMER}/Test/bad.csv")
    assert world.file(file).is_known_good
    pass_minutes(world, 60)
    assert sent(world, file) == [50]


def test_a_file_of_one_submission_has_no_canary(world: World) -> None:
    file = world.drop_file(numbered(100))
    assert sent(world, file) == [100]
    assert not world.submission(file).record.is_canary


def test_a_small_first_batch_is_the_canary_as_it_is(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="2", INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(5))
    world.run()
    assert world.submission(file).record.is_canary
    assert world.outcomes(file) == ["registered"] * 5


def test_a_file_whose_first_devices_all_fail_is_held_with_the_reason_until_somebody_sends_it_on(world: World) -> None:
    file = world.drop_file(tuples([*BAD, *(f"SN-{number}" for number in range(200))]))
    pass_minutes(world, 60)
    assert sent(world, file) == [50]
    (gate,) = world.journal.gates.all().values()
    assert gate.record.hold is HoldState.HELD
    assert "on hold, by the app: 50 of its first 50 devices failed, most of them with 808" in gate.record.reason
    assert go_on(world.pipeline, ANNA, subject_of(world.file(file)))
    world.run()
    assert world.outcomes(file).count("registered") == 200
    assert world.journal.gates.all() == {}


def test_a_held_file_is_stopped_and_costs_fifty_devices(world: World) -> None:
    file = world.drop_file(tuples([*BAD, *(f"SN-{number}" for number in range(3_000))]))
    pass_minutes(world, 60)
    stop(world.pipeline, ANNA, world.file(file))
    world.run()
    outcomes = world.outcomes(file)
    assert (outcomes.count("failed"), outcomes.count("cancelled")) == (50, 3_100)


def test_a_file_is_held_when_too_many_devices_fail_later(world: World) -> None:
    file = world.drop_file(tuples([*(f"SN-{number}" for number in range(50)), *BAD, *(f"Z-{n}" for n in range(900))]))
    while world.submission(file, "2").record.state is SubmissionState.PENDING:
        world.deliver_next()
    hold(world.pipeline, ANNA, EVERYTHING)  # sending takes no time here, and would be over before the first verdict
    pass_minutes(world)
    go_on(world.pipeline, ANNA, EVERYTHING)
    pass_minutes(world, 60)
    (gate,) = world.journal.gates.all().values()
    assert gate.record.hold is HoldState.HELD
    assert "failed, most of them with 808" in gate.record.reason
    assert sum(sent(world, file)) < 900


def test_nothing_is_held_where_the_setting_says_never(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="100", HOLD_FROM_FAILED_PERCENT="100")
    file = world.drop_file(tuples([*BAD, *(f"SN-{number}" for number in range(200))]))
    world.run()
    assert world.outcomes(file).count("registered") == 200
    assert sent(world, file) == [100, 100, 100, 50]


def test_the_sweep_finds_a_file_whose_worker_died_after_the_verdict_on_its_canary(world: World) -> None:
    file = world.drop_file(numbered(350))
    world.deliver_next()
    world.wakeups.waiting.clear()
    assert sent(world, file) == [50]
    for _ in range(4):
        world.clock.now += world.settings.advanced.claim * 2
        sweep(world.pipeline)
        world.run()
    assert world.outcomes(file) == ["registered"] * 350
