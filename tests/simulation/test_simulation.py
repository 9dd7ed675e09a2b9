"""Whatever happens, in whatever order, every promise is kept: seeded schedules, a state machine, outages of days."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from local.partner_center import Fault, Operation
from shared.pipeline.blob_names import split_order
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.dispatch import wake
from shared.reasons import IntakeReason, WithdrawalReason
from shared.storage.inventories import DriftKind
from shared.storage.records import DeviceFile
from shared.storage.wakeups import BlobWakeUp, FileWakeUp, SubmissionsWakeUp, SubmissionWakeUp, UnreadableWakeUp, decode
from shared.vocabulary import ActKind, FileOrder, Outcome, WithdrawalResult
from tests.examples import examples
from tests.pipeline.world import START
from tests.simulation.__main__ import how_to_replay, told
from tests.simulation.invariants import check, watched_logs
from tests.simulation.plan import (
    CUSTOMERS,
    HARDWARE_HASH,
    READ_BACK,
    UNKNOWN_CUSTOMER,
    Arrival,
    DroppedFile,
    Plan,
    Reach,
    Rein,
    Spell,
    file_of,
    plan_of,
    row,
)
from tests.simulation.scheduler import Scheduler, play, play_plan
from tests.simulation.service import Mishap, Trouble, makes_sense
from tests.simulation.world import SimulatedWorld

pytestmark = pytest.mark.takes_long

SCHEDULES = 500
SCHEDULES_IN_A_TEST, SCHEDULES_OF_A_CAMPAIGN = 6, 200
ENOUGH = 5
"""Devices that are removed, and that are moved, until a test has seen enough of them."""
PATH = f"{CUSTOMERS[0]}/Test/a.csv"

OUTAGE = timedelta(hours=72)
MOST_WAKE_UPS = 450
"""Most wake-ups of a submission in an outage of 72 hours: from the tenth on, a backoff is at least 15 minutes, and a
canary waits at its circuit breaker for all others of its file."""

MESSAGES = 10_000
NO_CUSTOMER_ID = "00000000-0000-5000-8000-000000000000"


# --- seeded schedules


@pytest.mark.parametrize("part", range(10))
def test_every_promise_is_kept_in_every_schedule(part: int, campaign: bool) -> None:
    schedules = SCHEDULES_OF_A_CAMPAIGN if campaign else SCHEDULES_IN_A_TEST
    for seed in range(part * schedules, (part + 1) * schedules):
        world = play(seed)
        assert not world.violations, f"Seed {seed}: {world.violations[:3]}. Replay: {how_to_replay(seed)}"


def test_each_device_that_is_deleted_stands_in_a_row_that_asks_for_it() -> None:
    """Among the schedules are files that remove and move devices, and strangers who do so too, under all troubles."""
    ended, drifted, deletions, moved = Counter[Outcome](), Counter[DriftKind](), 0, 0
    for seed in range(SCHEDULES):
        if not any(split_order(arrival.path)[0] is not FileOrder.REGISTER for arrival in plan_of(seed).arrivals):
            continue
        world = play(seed)
        assert not world.violations, f"Seed {seed}: {world.violations[:3]}. Replay: {how_to_replay(seed)}"
        files = [file for each in world.dropped if (file := world.file(each)) and file.order is not FileOrder.REGISTER]
        rows = [(file.order, row) for file in files for row in world.journal.outcomes.of_file(file)]
        ended.update(row.outcome for order, row in rows if order is FileOrder.REMOVE)
        moved += sum(bool(row.moved_from) for _, row in rows)
        deletions += sum(deletion.is_done and deletion.request_id is not None for deletion in world.service.deletions)
        read = [stored.record.customer_id for stored in world.journal.inventories.all()]
        drifted.update(one.kind for each in read for one in world.journal.inventories.drift(each, 100))
        if ended[Outcome.REMOVED] >= ENOUGH and moved >= ENOUGH and len(drifted) == len(DriftKind):
            assert 0 < deletions <= ended[Outcome.REMOVED] + moved
            return
    pytest.fail(
        f"The rows of files that remove devices ended as {ended}, {moved} devices were moved, and {drifted} drifted."
    )


@pytest.mark.parametrize("seed", [3, 11, 16, 29])
def test_a_seed_replays_exactly(seed: int) -> None:
    first, second = play(seed), play(seed)
    assert len(first.trace) > 100
    assert told(first, with_trace=True) == told(second, with_trace=True)


def test_hosts_die_before_every_kind_of_effect_and_between_them_others_run() -> None:
    kinds = {"insert", "replace", "upsert", "delete", "write", "copy", "send", "append_devices", "create_batch"}
    died, changes_of_turn = set[str](), 0
    for seed in range(SCHEDULES):
        plan = plan_of(seed)
        # Without canaries devices are appended early, and hosts die until late.
        settings = {**plan.settings, "HOLD_FROM_FAILED_PERCENT": "100", "INLINE_SUBMISSIONS": "3"}
        world = play_plan(replace(plan, crashes=0.06, stay=0.7, turns=600, settings=settings))
        acts = [(who, what) for _, who, what in world.trace if who.startswith(("wake", "receive", "sweep"))]
        changes_of_turn += sum(who != other for (who, _), (other, _) in pairwise(acts))
        died.update(what.split()[2] for _, what in acts if what.startswith("dies before: "))
        if kinds <= died and changes_of_turn > 1_000:
            return
    pytest.fail(f"Hosts died before {sorted(died)} only, and {changes_of_turn} times another went on.")


# --- a state machine

FILES = [
    file_of(PATH, tuple(row(f"D{number}") for number in range(7))),
    file_of(PATH, (row("D1"), row("D2"), row("D1"), row("STANDIN-808-1"), "ALONE,,,,,")),
    file_of(f"{CUSTOMERS[0]}/TEST/b.csv", (row("D3"), row("STANDIN-MALFORMED-1"), row("D4"), row("STANDIN-STUCK-1"))),
    file_of(f"{CUSTOMERS[1]}/c.csv", (row("D5", tag="Sales"), row("D6", tag="Lab"), row(hardware_hash=HARDWARE_HASH))),
]


class Days(RuleBasedStateMachine):
    """Days in the life of the app; when they end, everything must come to rest as promised."""

    @initialize(seed=st.integers(0, 1000), inline=st.integers(0, 2), delay=st.sampled_from([0, 60, 1200]))
    def begin(self, seed: int, inline: int, delay: int) -> None:
        self.world = SimulatedWorld(
            Plan(
                seed=seed,
                settings={
                    "DEVICES_PER_SUBMISSION": "3",
                    "INLINE_SUBMISSIONS": str(inline),
                    "OUTCOME_DEADLINE_HOURS": "1",
                },
                job_delay=timedelta(seconds=delay),
                stay=0.0,
            )
        )
        self.trouble: Trouble | None = None
        self.world.service.troubles = lambda _operation, _customer: self.trouble
        self.watch = watched_logs(self.world)
        self.watch.__enter__()

    @rule(file=st.sampled_from(FILES))
    def drop(self, file: DroppedFile) -> None:
        self.world.drop_file(file)

    @rule(file=st.sampled_from(FILES))
    def delete(self, file: DroppedFile) -> None:
        self.world.delete_file(file.path)

    @precondition(lambda self: self.world.due_messages() and len(self.world.live) < 4)
    @rule(choice=st.integers(0, 20))
    def deliver(self, choice: int) -> None:
        due = self.world.due_messages()
        self.world.deliver(due[choice % len(due)])

    @precondition(lambda self: self.world.due_messages())
    @rule(choice=st.integers(0, 20))
    def repeat(self, choice: int) -> None:
        due = self.world.due_messages()
        self.world.duplicate(due[choice % len(due)])

    @precondition(lambda self: self.world.due_messages())
    @rule(choice=st.integers(0, 20))
    def lose(self, choice: int) -> None:
        due = self.world.due_messages()
        self.world.lose(due[choice % len(due)])

    @precondition(lambda self: self.world.live)
    @rule(choice=st.integers(0, 3), effects=st.integers(1, 40))
    def go_on(self, choice: int, effects: int) -> None:
        invocation = self.world.live[choice % len(self.world.live)]
        for _ in range(effects):
            if not invocation.is_over:
                self.world.step(invocation)

    @rule()
    def forge(self) -> None:
        self.world.forge()

    @rule(
        act=st.sampled_from([ActKind.HOLD, ActKind.GO_ON, ActKind.STOP]),
        reach=st.sampled_from(Reach),
        number=st.integers(0, 3),
    )
    def rein(self, act: ActKind, reach: Reach, number: int) -> None:
        self.world.rein(Rein(timedelta(), act, reach, number))

    @rule(host=st.integers(0, 1))
    def kill(self, host: int) -> None:
        self.world.kill(host)

    @rule(seconds=st.sampled_from([1, 30, 300, 3600]))
    def wait(self, seconds: int) -> None:
        self.world.pass_time(timedelta(seconds=seconds))

    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    @rule(trouble=st.sampled_from([None, *Fault, *Mishap]))
    def change_the_weather(self, trouble: Trouble | None) -> None:
        self.trouble = trouble

    @rule(failures=st.sampled_from([0.0, 0.1]))
    def change_storage(self, failures: float) -> None:
        self.world.storage_failures = failures

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.trouble = None
            self.world.be_calm()
            Scheduler(self.world).rest()
            check(self.world)
        finally:
            self.watch.__exit__(None, None, None)
        assert not self.world.violations, told(self.world, with_trace=False)


def test_every_promise_is_kept_whatever_hypothesis_thinks_of() -> None:
    moderate = settings(max_examples=examples(300), stateful_step_count=60, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Days, settings=moderate)


# --- days of outage


@pytest.mark.parametrize(
    "trouble",
    [
        Mishap.NEVER_SENT,
        Fault.GATEWAY_TIMEOUT,
        Fault.DROPPED_BEFORE,
        Fault.DROPPED_AFTER,
        Fault.UNAVAILABLE,
        Fault.THROTTLE,
        Fault.UNAUTHORISED,
        Fault.FORBIDDEN,
        Fault.NOT_JSON,
        Fault.REDIRECT,
    ],
)
@pytest.mark.parametrize("begins", [timedelta(), timedelta(seconds=30)], ids=["before", "after acceptance"])
def test_an_outage_of_72_hours_costs_each_submission_a_bounded_number_of_wake_ups_and_no_device(
    trouble: Trouble, begins: timedelta, campaign: bool
) -> None:
    rows, minutes_between_sweeps = (24, 5) if campaign else (12, 30)
    file = file_of(PATH, tuple(row(f"D{number}") for number in range(rows)))
    world = SimulatedWorld(
        Plan(
            seed=1,
            settings={"DEVICES_PER_SUBMISSION": "4", "OUTCOME_DEADLINE_HOURS": "1"},
            arrivals=(Arrival(timedelta(), PATH, file),),
            weather=(Spell(trouble, begins, begins + OUTAGE, 1.0),),
            job_delay=timedelta(minutes=1),
            retry_after=1,
            turns=0,
            sweep_period=timedelta(minutes=minutes_between_sweeps),
        )
    )
    with watched_logs(world):
        Scheduler(world).run()
    check(world)
    assert not world.violations
    outcomes = {
        str(outcome.outcome)
        for identifier in world.dropped
        if (stored := world.file(identifier)) is not None
        for outcome in world.journal.outcomes.of_rows(stored.reading_id, 1, rows)
    }
    assert outcomes <= {"registered", "already_registered"}
    assert max(world.wake_ups_sent.values()) <= MOST_WAKE_UPS


# --- throttling


def test_throttling_of_one_customer_delays_no_other() -> None:
    limited, other = CUSTOMERS
    delays = list[float]()
    for seed in range(SEEDS_OF_A_MEDIAN):
        calm, throttled = (_world_of_two_customers(seed, weather) for weather in ((), (_ONE_CUSTOMER_THROTTLED,)))
        assert not calm.violations + throttled.violations
        assert _hours_until_closed(throttled, limited) > HOURS_OF_THROTTLING
        delays.append(_hours_until_closed(throttled, other) - _hours_until_closed(calm, other))
        refused = [asked for asked, _ in throttled.asked if asked.trouble is Fault.THROTTLE]
        assert {asked.customer_id for asked in refused} == {limited}
        assert len(refused) <= throttled.plan.at_once + 2 * HOURS_OF_THROTTLING
    assert abs(median(delays)) < ONE_PROBE_IN_HOURS


HOURS_OF_THROTTLING = 6
ONE_PROBE_IN_HOURS = 60 / 3600
SEEDS_OF_A_MEDIAN = 9
"""Two worlds of one seed differ from the first step on, by minutes either way: only their median tells of a delay."""
_ONE_CUSTOMER_THROTTLED = Spell(Fault.THROTTLE, timedelta(), timedelta(hours=HOURS_OF_THROTTLING), 1.0, CUSTOMERS[0])


def _world_of_two_customers(seed: int, weather: tuple[Spell, ...]) -> SimulatedWorld:
    """Two customers with a file of six submissions each; a throttled caller is told to pause for half an hour."""
    files = [
        file_of(f"{customer}/Test/a.csv", tuple(row(f"{customer[0]}{n}") for n in range(12))) for customer in CUSTOMERS
    ]
    return play_plan(
        Plan(
            seed=seed,
            settings={"DEVICES_PER_SUBMISSION": "2", "INLINE_SUBMISSIONS": "1"},
            arrivals=tuple(Arrival(timedelta(), file.path, file) for file in files),
            weather=weather,
            retry_after=1800,
        )
    )


def _hours_until_closed(world: SimulatedWorld, customer: str) -> float:
    (closed_at,) = (
        file.closed_at
        for identifier, dropped in world.dropped.items()
        if dropped.path.startswith(customer) and (file := world.file(identifier)) is not None
    )
    assert closed_at is not None
    return (closed_at - START) / timedelta(hours=1)


STUCK = 40


@pytest.mark.parametrize(
    ("fault", "most", "seed"),
    [
        (Fault.THROTTLE, 2 * HOURS_OF_THROTTLING + 4, 4),
        (Fault.THROTTLE_UNTIL, 2 * HOURS_OF_THROTTLING + 4, 4),
        # The service still answers the polls of those whose deadline is to come, and each answer closes the breaker: so
        # each submission finds out for itself, once with a new token, and then the breaker stays open.
        (Fault.UNAUTHORISED, 5 * STUCK, 2),
        (Fault.FORBIDDEN, 2 * STUCK, 6),
    ],
)
def test_a_read_back_that_is_refused_is_asked_no_oftener_than_the_circuit_breaker_allows(
    fault: Fault, most: int, seed: int
) -> None:
    file = file_of(PATH, tuple(row(f"STANDIN-STUCK-{number}") for number in range(STUCK)))
    begins = timedelta(minutes=59)
    world = play_plan(
        Plan(
            seed=seed,
            settings={"DEVICES_PER_SUBMISSION": "1", "OUTCOME_DEADLINE_HOURS": "1"},
            arrivals=(Arrival(timedelta(), PATH, file),),
            weather=(Spell(fault, begins, begins + timedelta(hours=6), 1.0, operations=READ_BACK),),
            retry_after=1800,
        )
    )
    assert not world.violations
    refused = [asked for asked, _ in world.asked if asked.trouble is fault]
    assert 0 < len(refused) <= most
    assert all(submission.state.is_final for submission in world.submissions(next(iter(world.dropped))))


# --- a customer that Partner Center denies


def test_files_for_strangers_and_customers_are_refused_and_read_whatever_hosts_storage_and_service_do() -> None:
    """The invariants see that no customer of the partner is refused, and that nothing of a refused file is sent."""
    reasons = Counter[str | None]()
    for seed in range(12):
        plan = plan_of(seed)
        after = plan.sweep_period * 2  # the first sweep has read the list, where the service let it
        file = plan.arrivals[0].file or file_of(PATH, ("D1,,,LENOVO,21R3001BUK,",))
        paths = (f"{UNKNOWN_CUSTOMER}/Test/a.csv", f"{UNKNOWN_CUSTOMER}/Test/b.csv", PATH)
        late = tuple(Arrival(after, path, replace(file, path=path)) for path in paths)
        world = play_plan(replace(plan, arrivals=late, crashes=0.02, storage_failures=0.02, repeats=0.2, losses=0.1))
        assert not world.violations, f"Seed {seed}: {world.violations[:3]}"
        files = [world.file(identifier) for identifier in world.dropped]
        reasons.update(file.reason for file in files if file is not None and file.customer_id == UNKNOWN_CUSTOMER)
    assert reasons[IntakeReason.NO_RELATIONSHIP] > 0
    assert reasons[None] > 0, "with a doubt, the file is read"


# --- withdrawals


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_in_every_schedule_a_withdrawal_deletes_what_its_file_registered_and_says_so(
    first: int, campaign: bool
) -> None:
    withdrawn = 0
    for seed in range(first, first + (20 if campaign else 8)):
        plan = replace(plan_of(seed), crashes=0.01, storage_failures=0.01, stay=0.8, losses=0.1, repeats=0.2)
        world = play_plan(plan)
        withdrawn += _withdraw_all(world, plan)
        assert not world.violations, f"Seed {seed}: {world.violations[:3]}"
    assert withdrawn > 8


def _withdraw_all(world: SimulatedWorld, plan: Plan) -> int:
    """Withdraw every closed file amid troubles, then in calm; returns the number of withdrawn devices."""
    closed = [file for name in world.dropped if (file := world.file(name)) is not None and file.closed_counts]
    world.crashes, world.storage_failures, world.stay = plan.crashes, plan.storage_failures, plan.stay
    world.service.troubles = lambda operation, _: _some_trouble(world, operation)
    world.plan = replace(plan, arrivals=())
    scheduler = Scheduler(world)
    for file in closed:
        world.invoke("withdraw", partial(_asked, world, file), lambda _: None)
    scheduler.begin()
    world.service.troubles = lambda _operation, _customer: None
    world.be_calm()
    scheduler.settle()
    for file in closed:
        withdraw(world.pipeline, file.customer_id or "", file.file_id)
    scheduler.rest()
    return sum(_checked_withdrawal(world, file.file_id) for file in closed)


def _asked(world: SimulatedWorld, file: DeviceFile) -> None:
    withdraw(world.pipeline, file.customer_id or "", file.file_id)


def _some_trouble(world: SimulatedWorld, operation: Operation) -> Trouble | None:
    trouble = world.random.choice((*Fault, *Mishap))
    return trouble if makes_sense(trouble, operation) and world.random.random() < 0.2 else None


def _checked_withdrawal(world: SimulatedWorld, identifier: str) -> int:
    file = world.file(identifier)
    assert file is not None
    registered = [
        outcome
        for outcome in world.journal.outcomes.of_rows(file.reading_id, 1, max(file.read_counts.total, 1))
        if outcome.outcome is Outcome.REGISTERED
    ]
    devices = [each.record for each in world.journal.withdrawals.devices(file.reading_id, 1, 10_000)]
    known = {device.row: device for device in devices if device.is_of_withdrawal}
    if set(known) != {outcome.row for outcome in registered}:
        world.violate(f"Withdrawal of {identifier} knows the rows {sorted(known)}.")
        return 0
    for device in known.values():
        is_refused = device.result is WithdrawalResult.REFUSED
        is_forbidden = device.device_id in world.service.forbidden
        is_doubtful = is_refused and (is_forbidden or device.error_code == WithdrawalReason.DEVICE_NOT_IDENTIFIED)
        if device.result is None or (is_refused and not is_doubtful):
            world.violate(f"Row {device.row} of {identifier} was to be withdrawn and is {device.result}.")
        if device.device_id and not is_doubtful and world.service.has_device(device.device_id):
            world.violate(f"Row {device.row} of {identifier} is {device.result} and its device is there.")
    counts = Counter(device.result for device in known.values())
    withdrawal = file.withdrawal
    if registered and (
        withdrawal is None
        or withdrawal.is_under_way
        or (withdrawal.withdrawn, withdrawal.already_gone)
        != (
            counts[WithdrawalResult.WITHDRAWN],
            counts[WithdrawalResult.ALREADY_GONE],
        )
    ):
        world.violate(f"The withdrawal of {identifier} says {withdrawal} of {counts}.")
    return counts[WithdrawalResult.WITHDRAWN]


# --- messages of any kind


def test_no_message_crashes_the_queue_function_and_what_names_nothing_changes_nothing() -> None:
    world = _world_halfway()
    with watched_logs(world):
        _disturbed_by_messages(world)
    check(world)
    assert not world.violations


def _disturbed_by_messages(world: SimulatedWorld) -> None:
    chance = random.Random(0)
    kinds = {"unreadable": 0, "names nothing": 0, "names something": 0}
    for number in range(MESSAGES):
        body = _message(chance, world)
        kind = _kind(body, world)
        kinds[kind] += 1
        before = _stored(world)
        wake(world.pipeline, body, str(number))
        assert kind == "names something" or _stored(world) == before, body
    assert min(kinds.values()) > MESSAGES / 20, kinds
    Scheduler(world).rest()


def _world_halfway() -> SimulatedWorld:
    """A world with one file waiting, one being worked on, and one closed."""
    arrivals = tuple(Arrival(timedelta(), file.path, file) for file in FILES)
    world = SimulatedWorld(
        Plan(
            seed=1, settings={"DEVICES_PER_SUBMISSION": "2", "OUTCOME_DEADLINE_HOURS": "1"}, arrivals=arrivals, turns=40
        )
    )
    scheduler = Scheduler(world)
    with watched_logs(world):
        scheduler.begin()
        world.be_calm()
        while world.live:
            world.step(world.live[0])
    return world


def _stored(world: SimulatedWorld) -> object:
    """All stored data, so that any change shows."""
    tables = [len(table._rows) for table in world.tables.values()]
    containers = [len(container._blobs) for container in (world.drop, world.private, world.results)]
    return world.etags_given, tables, containers, len(world.queue)


def _kind(body: bytes, world: SimulatedWorld) -> str:
    try:
        wake_up = decode(body)
    except UnreadableWakeUp:
        return "unreadable"
    match wake_up:
        case SubmissionWakeUp(reading_id=reading_id) | SubmissionsWakeUp(reading_id=reading_id):
            known = reading_id.partition(".")[0] in world.dropped
        case FileWakeUp(file_id=file_id):
            known = file_id in world.dropped
        case BlobWakeUp(path=path):
            known = any(path == file.path for file in FILES)
    return "names something" if known else "names nothing"


ODD: list[Callable[[random.Random], object]] = [
    lambda chance: chance.choice(["", " ", "\x00", "/", "../..", "\ufeff", "é" * 600, "x" * 5000, "#?%", "\ud800"]),
    lambda chance: chance.choice([-1, 0, 1, 2**31, 2**63, 2**64, 1.5, 1e300]),
    lambda chance: chance.choice([None, True, [], {}, [[[]]], {"type": "submission"}]),
    lambda chance: "".join(chance.choices('abc-0123456789\n"\\/', k=chance.randint(0, 30))),
]


def _message(chance: random.Random, world: SimulatedWorld) -> bytes:
    """Noise, JSON of any kind, and wake-ups with some odd parts."""
    kind = chance.random()
    if kind < 0.15:
        return chance.randbytes(chance.randint(0, 60))
    if kind < 0.25:
        return json.dumps(chance.choice(ODD)(chance)).encode()
    if kind < 0.27:
        return b"[" * chance.choice((10, 100_000))
    fields: dict[str, object] = chance.choice(
        [
            {
                "type": "submission",
                "reading_id": chance.choice(
                    [*(f"{file}.1" for file in world.dropped), f"{NO_CUSTOMER_ID}.1", "nobody"]
                ),
                "number": chance.choice(["1", "2", "1-0", "9"]),
                "sequence": chance.choice([0, 1, 5, 10**6]),
            },
            {
                "type": "submissions",
                "reading_id": chance.choice(
                    [*(f"{file}.1" for file in world.dropped), f"{NO_CUSTOMER_ID}.1", "nobody"]
                ),
                "due": [
                    {"number": chance.choice(["1", "2", "1-0", "9"]), "sequence": chance.choice([0, 1, 5, 10**6])}
                    for _ in range(chance.choice([0, 1, 2, 2, 3, 9]))
                ],
            },
            {
                "type": "file",
                "customer_id": chance.choice([*CUSTOMERS, None]),
                "file_id": chance.choice([*world.dropped, NO_CUSTOMER_ID, NO_CUSTOMER_ID, NO_CUSTOMER_ID, "nobody"]),
            },
            {"type": "blob", "path": chance.choice([*(file.path for file in FILES), "nobody/Test/x.csv"])},
        ]
    )
    for name in list(fields):
        if chance.random() < 0.2:
            fields[name] = chance.choice(ODD)(chance)
    if chance.random() < 0.05:
        fields["more"] = 1
    body = json.dumps(fields).encode()
    return body[: chance.randint(0, len(body))] if chance.random() < 0.1 else body
