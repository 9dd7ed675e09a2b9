"""The circuit breaker: however many submissions wait, the service gets a handful of requests."""

import dataclasses
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from msgspec.structs import replace

from local.in_memory_storage import InMemoryTable
from local.partner_center import Behaviour, Fault, Operation
from shared.partner_center.client import Accepted, CallIds, JobAnswer, PartnerCenter
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.pipeline.backoff import Pace
from shared.pipeline.composition import Pipeline
from shared.pipeline.hold_requests import hold, limit_customer
from shared.pipeline.human_acts import COMMAND, subject_of_customer
from shared.pipeline.process_cache import GATES_BELIEVED, ProcessCache
from shared.pipeline.submissions.advance import advance
from shared.pipeline.submissions.circuit_breaker import (
    LEFT_OVER_AFTER,
    PAUSE,
    WHOLE_PARTNER,
    Admission,
    circuit_breaker_of,
    customer_scope,
    opened,
    scopes_opened_by,
)
from shared.pipeline.submissions.contents import BlobMissing
from shared.pipeline.submissions.follow_ups import wake_up_of
from shared.pipeline.submissions.state_machine import WaitFor
from shared.pipeline.sweep import sweep
from shared.storage.gates import Gates
from shared.storage.record_table import Stored
from shared.storage.records import Gate
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, START, Changed, World, numbered

OTHER_CUSTOMER = "11111111-2222-3333-4444-555555555555"
THIRD_CUSTOMER = "22222222-3333-4444-5555-666666666666"
SCOPE = customer_scope(CUSTOMER)
PACE = Pace(timedelta(seconds=27), timedelta(minutes=15), timedelta(hours=48), lambda: 1.0)


def _throttled(seconds: int, description: str | None = None) -> Throttled:
    return Throttled("Too many requests.", status=429, retry_after=timedelta(seconds=seconds), description=description)


def _admission(world: World, customer_id: str = CUSTOMER) -> AbstractContextManager[Admission | WaitFor]:
    return circuit_breaker_of(world.pipeline).admission(customer_id)


def _ask(world: World, error: PartnerCenterError | None, customer_id: str = CUSTOMER) -> None:
    """A submission is admitted, sends a request, and is answered."""
    with _admission(world, customer_id) as admitted:
        assert isinstance(admitted, Admission)
        admitted.note(error)


def _may_ask(world: World, customer_id: str = CUSTOMER) -> bool:
    with _admission(world, customer_id) as admitted:
        return isinstance(admitted, Admission)


def test_everyone_may_ask_while_all_is_well(world: World) -> None:
    assert _may_ask(world)


# --- the scope of an answer


def test_throttling_holds_its_own_customer_for_as_long_as_the_service_says(world: World) -> None:
    _ask(world, _throttled(60))
    with _admission(world) as admitted:
        assert isinstance(admitted, WaitFor)
        assert admitted.delay >= timedelta(seconds=60)
    assert _may_ask(world, OTHER_CUSTOMER)


def test_throttling_of_a_second_customer_in_the_same_window_holds_everyone(world: World) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=30)
    _ask(world, _throttled(60), OTHER_CUSTOMER)
    assert not _may_ask(world, THIRD_CUSTOMER)


def test_throttling_of_a_second_customer_after_the_window_holds_that_one_alone(world: World) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=90)
    _ask(world, _throttled(60), OTHER_CUSTOMER)
    assert _may_ask(world, THIRD_CUSTOMER)


@pytest.mark.parametrize(
    ("words", "concerns_everyone"),
    [
        ("The quota of this partner is exceeded.", True),
        ("Partner Center is busy.", False),
        ("Too many requests for this partner and customer.", False),
        (None, False),
    ],
)
def test_throttling_that_names_the_partner_holds_everyone_at_once(
    world: World, words: str | None, concerns_everyone: bool
) -> None:
    _ask(world, _throttled(60, words))
    assert not _may_ask(world)
    assert _may_ask(world, OTHER_CUSTOMER) is not concerns_everyone


def test_one_probe_of_another_customer_ends_the_throttling_of_everyone(world: World) -> None:
    """The first customer stays throttled for long; the others wait for only one probe."""
    _ask(world, _throttled(60))
    _ask(world, _throttled(60), OTHER_CUSTOMER)
    world.clock.now += timedelta(seconds=90)
    _ask(world, _throttled(3600))
    _ask(world, None, THIRD_CUSTOMER)
    assert _may_ask(world, OTHER_CUSTOMER)
    assert not _may_ask(world)


def test_throttling_of_everyone_that_goes_on_is_found_out_by_two_probes(world: World) -> None:
    _ask(world, _throttled(60))
    _ask(world, _throttled(60), OTHER_CUSTOMER)
    world.clock.now += timedelta(seconds=90)
    _ask(world, _throttled(60))
    _ask(world, _throttled(60), OTHER_CUSTOMER)
    assert not _may_ask(world, THIRD_CUSTOMER)
    assert world.journal.gates.closed()[WHOLE_PARTNER].record.failures == 2


def test_a_missing_relationship_holds_its_own_customer_alone(world: World) -> None:
    _ask(world, Unauthorised("No relationship.", status=403, code="20002"))
    assert not _may_ask(world)
    assert _may_ask(world, OTHER_CUSTOMER)


@pytest.mark.parametrize(
    ("error", "scopes"),
    [
        (_throttled(1), {SCOPE}),
        (Unauthorised("x", status=401), {WHOLE_PARTNER}),
        (Unauthorised("x"), {WHOLE_PARTNER}),
        (Unauthorised("x", status=403), {SCOPE}),
        (Unavailable("x", status=503), set()),
        (AnswerLost("x"), set()),
        (NeverSent("x"), set()),
        (Refused("x", status=400), set()),
    ],
)
def test_each_answer_concerns_whom_it_concerns(error: PartnerCenterError, scopes: set[str]) -> None:
    assert scopes_opened_by(error, CUSTOMER, {}, START) == scopes


# --- probes


def test_after_its_time_one_submission_probes_and_the_others_wait(world: World) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=90)
    with _admission(world) as probe:
        assert isinstance(probe, Admission)
        assert [stored.record.scope for stored in probe.probed] == [SCOPE]
        assert not _may_ask(world)


def test_a_probe_that_never_asked_leaves_the_breaker_to_the_next_one_at_once(world: World) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=90)
    with pytest.raises(OSError, match="storage"), _admission(world):
        raise OSError("storage does not answer")
    assert _may_ask(world)


@pytest.mark.parametrize("error", [None, Refused("x", status=400), Unavailable("x", status=503)])
def test_a_probe_that_is_answered_closes_the_breaker(world: World, error: PartnerCenterError | None) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=90)
    _ask(world, error)
    assert world.journal.gates.closed() == {}


@pytest.mark.parametrize("error", [NeverSent("x"), AnswerLost("x")])
def test_a_probe_without_an_answer_leaves_the_breaker_to_the_next_one(world: World, error: PartnerCenterError) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=90)
    _ask(world, error)
    assert not _may_ask(world)
    world.clock.now += timedelta(minutes=1)
    assert _may_ask(world)
    assert world.journal.gates.closed() != {}


def test_a_probe_that_dies_is_followed_by_another(world: World) -> None:
    _ask(world, _throttled(60))
    stored = world.journal.gates.closed()[SCOPE]
    world.clock.now += timedelta(seconds=90)
    world.journal.gates.change(
        stored, replace(stored.record, probing_until=world.clock() + world.settings.advanced.claim)
    )
    assert not _may_ask(world)
    world.clock.now += world.settings.advanced.claim
    assert _may_ask(world)


def test_a_probe_that_is_throttled_again_opens_the_breaker_again(world: World) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=90)
    _ask(world, _throttled(60))
    assert not _may_ask(world)
    assert world.journal.gates.closed()[SCOPE].record.failures == 2


def test_an_answer_to_an_older_request_does_not_close_a_breaker_that_was_opened_since(world: World) -> None:
    _ask(world, _throttled(60))
    world.clock.now += timedelta(seconds=90)
    with _admission(world) as probe:
        assert isinstance(probe, Admission)
        (stored,) = world.journal.gates.closed().values()
        later = world.clock() + timedelta(hours=1)
        world.journal.gates.change(stored, replace(stored.record, closed_until=later))
        probe.note(None)
    assert not _may_ask(world)


def test_a_probe_that_was_answered_ends_throttling_before_its_next_request_and_no_other_breaker(world: World) -> None:
    _ask(world, _throttled(60))
    world.journal.gates.change(None, Gate(scope=WHOLE_PARTNER, closed_until=world.clock(), failures=1, reason="401"))
    world.clock.now += timedelta(seconds=90)
    with _admission(world) as probe:
        assert isinstance(probe, Admission)
        probe.end_throttling()
        assert list(world.journal.gates.closed()) == [WHOLE_PARTNER]
        probe.note(None)
    assert world.journal.gates.closed() == {}


# --- for how long


def _after(gate: Gate | None, error: PartnerCenterError, seconds: float = 0, *, was_probe: bool = False) -> Gate:
    return opened(gate, SCOPE, error, START + timedelta(seconds=seconds), PACE, was_probe=was_probe)


def test_a_shorter_wait_never_closes_a_breaker_that_is_open_for_longer() -> None:
    long = _after(None, _throttled(3600))
    assert _after(long, _throttled(1)).closed_until == long.closed_until


def _delays(error: PartnerCenterError, probes: int = 12) -> list[timedelta]:
    """The wait after each of the probes that end in `error`."""
    gate, delays = _after(None, error), list[timedelta]()
    for _ in range(probes):
        now = gate.closed_until
        gate = opened(gate, SCOPE, error, now, PACE, was_probe=True)
        delays.append(gate.closed_until - now)
    return delays


def test_a_service_that_asks_for_a_second_again_and_again_is_asked_less_and_less_often() -> None:
    assert _after(None, _throttled(1)).closed_until - START < timedelta(seconds=3)
    assert _delays(_throttled(1))[-1] >= timedelta(minutes=30)


@pytest.mark.parametrize("error", [Unauthorised("x", status=401), Unauthorised("x"), Unauthorised("x", status=403)])
def test_a_breaker_that_stays_open_is_probed_less_and_less_often(error: PartnerCenterError) -> None:
    delays = _delays(error)
    assert delays == sorted(delays)
    assert delays[0] >= timedelta(minutes=1)
    assert delays[-1] == timedelta(minutes=30)


def test_requests_in_progress_together_that_are_all_throttled_are_one_failure() -> None:
    gate = _after(None, _throttled(60))
    for _ in range(16):
        gate = _after(gate, _throttled(60), seconds=1)
    assert gate.failures == 1
    assert gate.closed_until - START < timedelta(seconds=70)


# --- sign-in


class CountsSignIns(Changed):
    """A service that counts how often its caller signed in again."""

    sign_ins = 0

    def sign_in_anew(self) -> None:
        self.sign_ins += 1


def test_after_a_first_401_the_next_request_tries_a_new_token_at_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    service = CountsSignIns(world.partner_center)
    world.meet(service)
    with caplog.at_level(logging.ERROR):
        _ask(world, Unauthorised("The token has expired.", status=401))
        _ask(world, None, OTHER_CUSTOMER)
    assert service.sign_ins == 1
    assert world.journal.gates.closed() == {}
    assert caplog.records == []


def test_a_second_401_holds_everyone_and_is_an_alarm(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            _ask(world, Unauthorised("Access denied.", status=401))
    assert not _may_ask(world, OTHER_CUSTOMER)
    assert [record.message for record in caplog.records] == ["Access denied."]


def test_each_instance_finds_out_by_itself_that_its_token_has_expired_and_nobody_waits(world: World) -> None:
    for _ in range(5):
        world.pipeline = _another_instance(world.pipeline)
        _ask(world, Unauthorised("The token has expired.", status=401))
    _ask(world, None)
    assert world.journal.gates.closed() == {}


def _another_instance(pipeline: Pipeline) -> Pipeline:
    """The pipeline of another instance."""
    return dataclasses.replace(pipeline, cache=ProcessCache())


# --- the whole way


def test_two_hundred_waiting_submissions_cost_a_throttling_service_a_handful_of_requests(
    make_world: MakeWorld,
) -> None:
    world = make_world(Behaviour(retry_after=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0")
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    before = sum(world.service.report()["received"].values())
    file = world.drop_file(numbered(200))
    world.service.script(Fault.THROTTLE, times=5)
    world.run(most=20_000)
    assert world.outcomes(file) == ["registered"] * 200
    wanted = 2 * 200
    assert sum(world.service.report()["received"].values()) - before == wanted
    assert world.journal.gates.closed() == {}


def test_a_customer_without_relationship_waits_with_one_alarm_and_resumes_by_itself(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(20))
    world.service.script(Fault.FORBIDDEN, times=8)
    with caplog.at_level(logging.WARNING):
        world.run(most=20_000)
    assert world.outcomes(file) == ["registered"] * 20
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


def test_an_expired_token_is_renewed_once_and_nobody_waits(world: World) -> None:
    world.service.script(Fault.UNAUTHORISED, times=1, operation=Operation.DEVICE_BATCHES)
    file = world.drop_file(numbered(2))
    world.run()
    assert world.outcomes(file) == ["registered"] * 2
    assert world.journal.gates.closed() == {}


# --- a gate that may be probed, and submissions that wait


def _behind_a_gate(world: World, devices: int = 2) -> str:
    """A file whose batch exists, and whose first submission is the probe of the partner's gate."""
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    file = world.drop_file(numbered(devices))
    world.journal.gates.change(None, Gate(scope=WHOLE_PARTNER, closed_until=world.clock(), reason="Busy."))
    world.clock.now += GATES_BELIEVED
    return file


def test_a_probe_whose_request_body_is_missing_leaves_the_gate_to_the_next_one(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="1", HOLD_FROM_FAILED_PERCENT="100"
    )
    file = _behind_a_gate(world)
    probe, other = (world.submission(file, number).record for number in ("1", "2"))
    world.lose_content(file)
    with pytest.raises(BlobMissing):
        advance(world.pipeline, wake_up_of(probe))
    assert advance(world.pipeline, wake_up_of(other)) is SubmissionState.ACCEPTED


class ExpiredToken(Changed):
    """A service that gets the first POST with an expired token."""

    posts = 0

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self.posts += 1
        if self.posts == 1:
            raise Unauthorised("The token has expired.", status=401)
        return super().append_devices(customer_id, batch_id, devices, ids)


def test_a_probe_with_an_expired_token_signs_in_anew_and_is_not_in_its_own_way(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    file = _behind_a_gate(world)
    world.meet(ExpiredToken(world.partner_center))
    start = world.clock()
    while world.submission(file).record.state is SubmissionState.PENDING:
        world.deliver_next()
    assert world.clock() - start < timedelta(seconds=10)
    assert world.journal.gates.closed() == {}


class ForbidsLate(Changed):
    """A service whose 403 to a status request arrives after other workers have finished the submission."""

    def __init__(self, real: PartnerCenter, others: Callable[[], None]) -> None:
        super().__init__(real)
        self._others = others

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:  # noqa: ARG002
        self._others()
        raise Unauthorised("No relationship.", status=403, code="20002")


def test_a_failure_that_comes_when_others_have_finished_the_submission_closes_no_gate(world: World) -> None:
    file = world.drop_file(numbered(2))
    world.clock.now += timedelta(minutes=5)
    others, wake_up = world.pipeline, wake_up_of(world.submission(file).record)
    world.meet(ForbidsLate(world.partner_center, lambda: _advance_with(others, wake_up)))
    assert advance(world.pipeline, wake_up) is None
    assert world.journal.gates.closed() == {}
    assert world.outcomes(file) == ["registered"] * 2


def _advance_with(pipeline: Pipeline, wake_up: SubmissionWakeUp) -> None:
    assert advance(pipeline, wake_up) is SubmissionState.FINISHED


class FailsToOpenAGate(Gates):
    """Gates that cannot be opened, because storage does not answer."""

    def open(self, stored: Stored[Gate]) -> None:  # noqa: ARG002
        raise OSError("storage does not answer")


def test_an_acceptance_is_journaled_before_its_gate_is_opened(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.journal.gates = FailsToOpenAGate(InMemoryTable())
    file = _behind_a_gate(world)
    with pytest.raises(OSError, match="storage"):
        advance(world.pipeline, wake_up_of(world.submission(file).record))
    submission = world.submission(file).record
    assert submission.state is SubmissionState.ACCEPTED
    assert submission.tracking_id is not None


# --- what nothing waits at


@pytest.mark.parametrize(
    "error",
    [
        _throttled(60),
        _throttled(60, "The partner has sent too many requests."),
        Unauthorised("No relationship.", status=403),
        Unauthorised("The account is disabled.", status=401),
        NeverSent("No connection."),
    ],
    ids=["throttled customer", "throttled partner", "customer", "sign-in", "outage"],
)
def test_the_sweep_closes_a_breaker_at_which_nothing_waits_any_more(world: World, error: PartnerCenterError) -> None:
    _ask(world, error)
    before = world.journal.gates.all()
    (opened_until,) = {stored.record.closed_until for stored in before.values()}
    world.clock.now = opened_until + LEFT_OVER_AFTER - timedelta(seconds=1)
    sweep(world.pipeline)
    assert world.journal.gates.all() == before
    assert circuit_breaker_of(world.pipeline).lets_pass(CUSTOMER) is isinstance(error, NeverSent)
    world.clock.now += timedelta(seconds=1)
    sweep(world.pipeline)
    assert world.journal.gates.all() == {}
    assert circuit_breaker_of(world.pipeline).lets_pass(CUSTOMER)


def test_the_sweep_leaves_a_breaker_that_is_being_probed(world: World) -> None:
    _ask(world, _throttled(60))
    world.clock.now += LEFT_OVER_AFTER + timedelta(hours=1)
    with _admission(world):
        sweep(world.pipeline)
        assert set(world.journal.gates.closed()) == {SCOPE}


def test_the_sweep_leaves_the_holds_limits_and_pauses_that_last(make_world: MakeWorld) -> None:
    world = make_world(PAUSED="true")
    hold(world.pipeline, COMMAND, subject_of_customer(world.pipeline, CUSTOMER), "")
    limit_customer(world.pipeline, COMMAND, CUSTOMER, 5)
    sweep(world.pipeline)
    world.clock.now += timedelta(days=2)
    before = set(world.journal.gates.all())
    sweep(world.pipeline)
    assert set(world.journal.gates.all()) == before
    assert len(before) == 3


# --- the notice of a pause


def test_the_notice_of_a_pause_stays_while_accepted_devices_are_polled_and_ends_with_the_pause(
    make_world: MakeWorld,
) -> None:
    world = make_world(PAUSED="true")
    circuit_breaker_of(world.pipeline).note_pause()
    (noted,) = world.journal.gates.all().values()
    world.clock.now += timedelta(hours=1)
    _ask(world, None)
    assert world.journal.gates.all() == {PAUSE: noted}
    world.pipeline = world.pipeline_with(settings=dataclasses.replace(world.settings, paused=False))
    _ask(world, None)
    assert world.journal.gates.all() == {}
