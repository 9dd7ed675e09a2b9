"""The pipeline with the real client at a hostile service: every step ends in time, every row ends, no POST too many."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from local.partner_center import Behaviour, StandIn
from shared.partner_center.client import Accepted, CallIds, JobAnswer, PartnerCenterClient, ServiceIds
from shared.partner_center.errors import (
    AnswerLost,
    PartnerCenterError,
    Refused,
    Throttled,
    Unavailable,
)
from shared.partner_center.models import Device, DeviceBatch
from shared.partner_center.sign_in import StaticToken
from shared.pipeline.sweep import sweep
from tests.partner_center.hostile_service import FOR_EVER, Attack, Call, HostileService, Posted, Word, cases
from tests.pipeline.world import Changed, Clock, World, numbered

DEVICES = 3
EXCHANGE_SECONDS = 5.0
"""Only answers that never end may take so long: an honest one, late on a busy machine, would be taken for a fault."""

LONGEST_STEP = 8 * EXCHANGE_SECONDS + 20
"""Seconds of one step: a few calls to the service, on a slow machine that has other work."""

LONGEST_WAIT = 2_100
"""Seconds after which a submission is due at the latest: half an hour, and its spread."""

PLAYED_AT_ONCE = 8
RIGHT: dict[Word, tuple[type[PartnerCenterError], ...]] = {
    Word.NONE: (AnswerLost, Unavailable),
    Word.THROTTLED: (Throttled,),
    Word.REFUSED: (Refused,),
}
"""The errors that the answers of each kind are; the others are no errors."""

T = TypeVar("T")


@dataclass(slots=True)
class Findings:
    """What was found in one case, or in all of them together."""

    cases: int = 0
    hangs: list[str] = field(default_factory=list)
    wrong_classes: list[str] = field(default_factory=list)
    rows_without_outcome: list[str] = field(default_factory=list)
    other_outcomes: list[str] = field(default_factory=list)
    posts_too_many: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __str__(self) -> str:
        numbers = ((name, getattr(self, name)) for name in self.__slots__)
        return ", ".join(f"{name.replace('_', ' ')}: {n if isinstance(n, int) else len(n)}" for name, n in numbers)


class Watched(Changed):
    """The real client; notes every call that ended otherwise than the answer that it got deserves."""

    def __init__(self, real: PartnerCenterClient, service: HostileService, wrong: list[str]) -> None:
        super().__init__(real)
        self._service, self._wrong = service, wrong

    def _watched(self, ids: CallIds, call: Callable[[], T]) -> T:
        try:
            answer = call()
        except Exception as error:
            self._note(ids, error)
            raise
        self._note(ids, None)
        return answer

    def _note(self, ids: CallIds, error: Exception | None) -> None:
        words = self._service.played(ids.correlation_id)
        right = RIGHT.get(words[-1], ()) if words else ()
        is_right = isinstance(error, right) if right else not words or error is None
        if not is_right or not isinstance(error, PartnerCenterError | None):
            self._wrong.append(f"{words} was {type(error).__name__} ({error})")

    def device_batches(self, customer_id: str, ids: CallIds) -> list[DeviceBatch]:
        return self._watched(ids, lambda: list(self.real.device_batches(customer_id, ids)))

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        return self._watched(ids, lambda: self.real.create_batch(customer_id, batch_id, devices, ids))

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        return self._watched(ids, lambda: self.real.append_devices(customer_id, batch_id, devices, ids))

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        return self._watched(ids, lambda: self.real.batch_job_status(customer_id, tracking_id, ids))

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        return iter(self._watched(ids, lambda: list(self.real.batch_devices(customer_id, batch_id, ids))))

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        return self._watched(ids, lambda: self.real.delete_device(customer_id, batch_id, device_id, ids))


def played(attack: Attack, call: Call, times: int) -> Findings:
    """Play one case to its end."""
    found, name = Findings(cases=1), f"{attack.name} ({call}, {times} times)"
    with ExitStack() as stack:
        clock = Clock()
        # Without a link to its job a submission is read back from its batch: so a list of devices is asked for.
        link = "/nothing" if call is Call.DEVICES else Behaviour().location
        honest = stack.enter_context(StandIn(Behaviour(delay=60, location=link), clock=clock.seconds))
        service = stack.enter_context(HostileService(honest, attack, call, times))
        world = World(honest, clock, OUTCOME_DEADLINE_HOURS="6")
        client = PartnerCenterClient(
            base_url=service.url,
            sign_in=StaticToken("token"),
            clock=clock,
            connect_timeout=5.0,
            exchange_timeout=EXCHANGE_SECONDS,
        )
        stack.callback(client.close)
        world.meet(Watched(client, service, found.wrong_classes))
        file = world.put(numbered(DEVICES))
        _run_to_the_end(world, found)
        outcomes = tuple(world.outcomes(file)) if not world.journal.files.is_open(file) else ()
    expected = attack.own(("registered",) * DEVICES)
    if len(outcomes) != DEVICES:
        found.rows_without_outcome.append(str(outcomes))
    elif outcomes != expected:
        found.other_outcomes.append(f"{outcomes}, not {expected}")
    found.posts_too_many += _too_many(service.posts, times)
    return _named(found, name)


def _run_to_the_end(world: World, found: Findings) -> None:
    _timed(world.receive, found)
    for _ in range(400):
        if world.wakeups.waiting:
            due = min(due for due, _ in world.wakeups.waiting)
            if (due - world.clock()).total_seconds() > LONGEST_WAIT:
                found.late.append(f"due at {due}")
            _timed(world.deliver_next, found)
        elif world.journal.files.is_open(next(iter(_open(world)), "")):
            world.clock.now += world.settings.advanced.claim * 2
            sweep(world.pipeline)
        else:
            return


def _open(world: World) -> list[str]:
    return [mention.file_id for mention in world.journal.files.still_open()]


def _timed(step: Callable[[], object], found: Findings) -> None:
    started = time.monotonic()
    try:
        step()
    except Exception as error:  # noqa: BLE001 - a finding: no answer of the service may end a step with an error
        found.wrong_classes.append(f"a step ended with {type(error).__name__}: {error}")
    if time.monotonic() - started > LONGEST_STEP:
        found.hangs.append(f"{time.monotonic() - started:.1f} s")


def _too_many(posts: list[Posted], times: int) -> list[str]:
    """POSTs beyond those of promise 3: one request id for one payload until the service has said its own word."""
    wrong = list[str]()
    last: dict[str, Posted] = {}
    for post in posts:
        before = last.get(post.devices)
        if before is not None and before.word in (None, Word.WHOLE) and times < FOR_EVER and not _lacks_link(posts):
            wrong.append("posted after it was accepted")
        elif before is not None and before.word is not Word.REFUSED and before.request_id != post.request_id:
            wrong.append("posted under a new id without a word of the service")
        last[post.devices] = post
    most = max(Counter(post.devices for post in posts).values(), default=0)
    if most > min(times, 3) + 4:
        wrong.append(f"posted {most} times")
    return wrong


def _lacks_link(posts: list[Posted]) -> bool:
    return any(post.word is Word.NO_LINK for post in posts) or len({post.request_id for post in posts}) == 1


def _named(found: Findings, name: str) -> Findings:
    for kind in found.__slots__:
        value: Any = getattr(found, kind)
        if isinstance(value, list):
            setattr(found, kind, [f"{name}: {one}" for one in value])
    return found


@pytest.mark.takes_long
def test_whatever_a_hostile_service_answers_every_step_ends_in_time_and_every_row_ends_once(*, campaign: bool) -> None:
    total = Findings()
    with ThreadPoolExecutor(PLAYED_AT_ONCE) as pool:
        for found in pool.map(lambda case: played(*case), cases(campaign=campaign)):
            total.add(found)
    sys.stdout.write(f"\n{total}\n")
    assert total.cases > (750 if campaign else 100)
    assert [getattr(total, name) for name in total.__slots__[1:]] == [[]] * 6
