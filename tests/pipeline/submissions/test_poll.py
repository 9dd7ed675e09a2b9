"""An accepted submission is polled, and past its deadline its batch is read back."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from local.partner_center import Behaviour
from shared.partner_center.client import CallIds, JobAnswer, PartnerCenter
from shared.partner_center.errors import AnswerLost, ListTooLong, PartnerCenterError, Refused, Throttled, Unauthorised
from shared.partner_center.models import Device
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.poll import poll
from shared.pipeline.submissions.state_machine import Decided, Finish, PollAgain
from shared.vocabulary import Outcome, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import Changed, World, numbered, tuples

HOUR = timedelta(hours=1)


class Polled(Changed):
    """A service whose status requests and readings of a batch fail with the given errors; it counts both."""

    def __init__(
        self,
        real: PartnerCenter,
        *,
        status: PartnerCenterError | None = None,
        read_back: PartnerCenterError | None = None,
    ) -> None:
        super().__init__(real)
        self._status = status
        self._read_back = read_back
        self.statuses = 0
        self.readings = 0

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        self.statuses += 1
        if self._status is not None:
            raise self._status
        return super().batch_job_status(customer_id, tracking_id, ids)

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        self.readings += 1
        if self._read_back is not None:
            raise self._read_back
        return super().batch_devices(customer_id, batch_id, ids)


def _accepted(make_world: MakeWorld, content: str) -> tuple[World, str]:
    world = make_world(Behaviour(delay=60), OUTCOME_DEADLINE_HOURS="1")
    return world, world.drop_file(content)


def _poll(world: World, file: str) -> Decided:
    """Poll, and check that nothing was written."""
    before = world.submission(file)
    contents = Contents(world.journal, world.private)
    decided = poll(world.pipeline.service, contents, before)
    assert world.submission(file) == before
    assert list(contents.outcomes(before.record)) == []
    return decided


def test_a_job_with_every_verdict_is_finished_with_its_outcomes(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, numbered(2))
    world.clock.now += timedelta(minutes=2)
    decided = _poll(world, file)
    assert isinstance(decided.step, Finish)
    assert [outcome.outcome for outcome in decided.outcomes] == [Outcome.REGISTERED] * 2
    assert decided.error is None


def test_a_job_that_still_runs_is_polled_again(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, numbered(2))
    decided = _poll(world, file)
    assert isinstance(decided.step, PollAgain)
    assert (decided.step.usable, decided.outcomes, decided.error) == (True, (), None)


def test_a_status_without_an_answer_comes_back_as_its_error(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, numbered(2))
    error = AnswerLost("Lost.")
    world.meet(Polled(world.partner_center, status=error))
    world.clock.now += 2 * HOUR
    decided = _poll(world, file)
    assert isinstance(decided.step, PollAgain)
    assert (decided.step.usable, decided.error) == (False, error)


def test_past_the_deadline_the_batch_has_the_last_word(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, tuples(["FINE-1", "STANDIN-STUCK-1"]))
    world.clock.now += 2 * HOUR
    decided = _poll(world, file)
    assert isinstance(decided.step, Finish)
    assert [outcome.outcome for outcome in decided.outcomes] == [Outcome.REGISTERED, Outcome.UNKNOWN]


@pytest.mark.parametrize(
    "error",
    [
        Throttled("Too many requests.", status=429, retry_after=HOUR),
        Unauthorised("The token has expired.", status=401),
        AnswerLost("Lost."),
    ],
)
def test_a_batch_that_cannot_be_read_back_leaves_the_end_open_and_keeps_what_was_told(
    make_world: MakeWorld, error: PartnerCenterError
) -> None:
    world, file = _accepted(make_world, tuples(["FINE-1", "STANDIN-STUCK-1"]))
    world.meet(Polled(world.partner_center, read_back=error))
    world.clock.now += 2 * HOUR
    decided = _poll(world, file)
    assert isinstance(decided.step, PollAgain)
    assert (decided.step.usable, decided.step.written, decided.error) == (False, 1, error)
    assert [outcome.outcome for outcome in decided.outcomes] == [Outcome.REGISTERED]
    if error.retry_after is not None:
        assert decided.step.delay > error.retry_after


def test_a_batch_that_is_too_long_to_be_read_back_ends_in_unknown(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, tuples(["FINE-1", "STANDIN-STUCK-1"]))
    world.meet(Polled(world.partner_center, read_back=ListTooLong("The pages do not end.")))
    world.clock.now += 2 * HOUR
    decided = _poll(world, file)
    assert isinstance(decided.step, Finish)
    assert [outcome.outcome for outcome in decided.outcomes] == [Outcome.REGISTERED, Outcome.UNKNOWN]


def test_a_batch_that_the_service_does_not_show_holds_none_of_its_devices(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, tuples(["STANDIN-STUCK-1"]))
    world.meet(Polled(world.partner_center, read_back=Refused("Unknown batch.", status=404)))
    world.clock.now += 2 * HOUR
    decided = _poll(world, file)
    assert [outcome.outcome for outcome in decided.outcomes] == [Outcome.UNKNOWN]


def _let_the_job_end(world: World, file: str) -> None:
    """The stand-in enters devices in their batch when their job is polled."""
    submission, ids = world.submission(file).record, world.pipeline.service.call_ids()
    assert submission.tracking_id is not None
    world.partner_center.batch_job_status(submission.customer_id, submission.tracking_id, ids)


class NamesNoJob(Changed):
    """A service that does not know the job, and so has not answered about it."""

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:  # noqa: ARG002
        raise Refused("Unknown job.", status=404)


def test_a_job_that_the_service_forgot_ends_by_its_batch_at_the_deadline(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, numbered(2))
    world.clock.now += timedelta(minutes=2)
    _let_the_job_end(world, file)
    world.meet(NamesNoJob(world.partner_center))
    decided = _poll(world, file)
    assert isinstance(decided.step, PollAgain)
    world.clock.now += 2 * HOUR
    decided = _poll(world, file)
    assert isinstance(decided.step, Finish)
    assert {outcome.outcome for outcome in decided.outcomes} == {Outcome.REGISTERED}


def test_a_submission_without_a_job_is_searched_for_in_its_batch(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, numbered(2))
    world.clock.now += timedelta(minutes=2)
    _let_the_job_end(world, file)
    stored = world.submission(file)
    without_job = msgspec.structs.replace(stored.record, tracking_id=None)
    world.journal.submissions.change(stored, without_job)
    service = Polled(world.partner_center)
    world.meet(service)
    decided = _poll(world, file)
    assert isinstance(decided.step, Finish)
    assert (service.statuses, service.readings) == (0, 1)


def test_the_batch_is_read_for_a_lost_request_only_when_there_are_new_verdicts(make_world: MakeWorld) -> None:
    world, file = _accepted(make_world, tuples(["STANDIN-806-1", "STANDIN-STUCK-1"]))
    stored = world.submission(file)
    lost = msgspec.structs.replace(stored.record, answer_lost=True, first_lost_at=stored.record.first_sent_at)
    world.journal.submissions.change(stored, lost)
    service = Polled(world.partner_center)
    world.meet(service)
    while service.statuses < 5:
        world.deliver_next()
    assert (world.submission(file).record.written, service.readings) == (1, 1)


# --- the whole way


def test_a_batch_that_may_not_be_read_back_for_an_hour_costs_a_handful_of_requests(make_world: MakeWorld) -> None:
    """Forty submissions past their deadline, whose batch may not be read."""
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0", OUTCOME_DEADLINE_HOURS="1"
    )
    file = world.drop_file(tuples([f"STANDIN-STUCK-{number}" for number in range(40)]))
    numbers = [str(number) for number in range(1, 41)]
    while any(world.submission(file, number).record.state is SubmissionState.PENDING for number in numbers):
        world.deliver_next()
    world.clock.now += 2 * HOUR
    throttled = Throttled("Too many requests.", status=429, retry_after=HOUR)
    service = Polled(world.partner_center, read_back=throttled)
    world.meet(service)
    until = world.clock() + HOUR
    while min(due_at for due_at, _ in world.wakeups.waiting) < until:
        world.deliver_next()
    assert 0 < service.readings <= 2
    assert service.statuses <= 2
    world.meet(service.real)
    world.run()
    assert world.outcomes(file) == ["unknown"] * 40
