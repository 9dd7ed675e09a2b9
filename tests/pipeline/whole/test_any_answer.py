"""Whatever JSON the service answers, the step is journaled, within the limits of storage."""

import json
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.partner_center import Answer, Behaviour, Reply, StandIn
from shared.storage.journal import Journal, TableName
from tests.examples import examples
from tests.partner_center.in_process import client_in_process
from tests.pipeline.world import Clock, World, numbered
from tests.storage.measuring_table import MeasuringTable

DEVICES = 3
ALPHABETS = ["a", '"', "\\", "\x00", "\n", "<", "\u0416", "\U0001f600", "\ud800", "\ufffe", "&#x41;", " ", "=1+1"]
LENGTHS = [1, 300, 9_000, 70_000]
TEXTS = st.builds(lambda part, times: part * times, st.sampled_from(ALPHABETS), st.sampled_from(LENGTHS))
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STATUSES = st.sampled_from(["finished", "finished_with_errors", "processing", "queued"]) | VALUES
FINAL = st.fixed_dictionaries(
    {"status": st.just("finished"), "serialNumber": st.sampled_from(["SN-00001", "SN-00002", "sn-00003 "])},
    optional={"deviceId": TEXTS, "errorCode": TEXTS, "errorDescription": TEXTS, "attributes": VALUES},
)
"""Verdicts that end a row."""
ANY = st.fixed_dictionaries(
    {},
    optional={
        "status": STATUSES,
        "serialNumber": st.sampled_from(["SN-00001", "STRANGER"]) | VALUES,
        "productKey": VALUES,
        "deviceId": VALUES,
        "errorCode": st.sampled_from([0, "0", 806, 808.0, False, "ZtdDeviceNotFound"]) | VALUES,
        "errorDescription": st.sampled_from(["success", "ZtdDeviceAssignedToOtherTenant"]) | VALUES,
    },
)
JOBS = st.fixed_dictionaries(
    {"devicesStatus": st.lists(FINAL | ANY | VALUES, max_size=5)},
    optional={"status": STATUSES, "batchTrackingId": VALUES, "startedTime": VALUES, "completedTime": VALUES},
)
FAULTS = st.fixed_dictionaries({}, optional={"code": VALUES, "description": VALUES, "error": VALUES, "message": VALUES})
HEADERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("MS-Extra", "Retry-After", "Location", "MS-ServerId"), TEXTS),
)
FAILURES = st.sampled_from([400, 401, 403, 404, 408, 409, 413, 429, 500, 503])


Given = list[tuple[int, dict[str, str], Any]]


class Answers:
    """A service that first answers POSTs and polls so, and then as the stand-in."""

    def __init__(self, honest: StandIn, posts: Given, polls: Given) -> None:
        self._honest, self._posts, self._polls = honest, list(posts), list(polls)

    def reply(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        honest = self._honest.reply(method, target, headers, body)
        answers = self._posts if method == "POST" else self._polls if "/batchJobStatus/" in target else []
        if not answers or honest.answer is None:
            return honest
        status, extra, document = answers.pop()
        if method == "POST" and status < 400:
            kept = {name: value for name, value in honest.answer.headers.items() if name not in extra}
            return Reply(Answer(honest.answer.status, {**kept, **extra}, json.dumps(document).encode()))
        return Reply(Answer(HTTPStatus(status), extra, json.dumps(document).encode()))


@given(
    posts=st.lists(st.tuples(st.just(200) | FAILURES, HEADERS, FAULTS | VALUES), max_size=3),
    polls=st.lists(
        st.tuples(st.just(200), HEADERS, JOBS) | st.tuples(FAILURES, HEADERS, FAULTS | VALUES), min_size=1, max_size=3
    ),
)
@settings(max_examples=examples(100))
def test_every_answer_leads_to_a_journaled_step_and_every_row_ends_once(posts: Given, polls: Given) -> None:
    with ExitStack() as stack:
        clock = Clock()
        honest = stack.enter_context(StandIn(Behaviour(delay=60), clock=clock.seconds))
        world = World(honest, clock)
        tables = {name: MeasuringTable() for name in TableName}
        world.journal = Journal(tables.__getitem__)
        world.meet(client_in_process(Answers(honest, posts, polls).reply, clock))
        file = world.drop_file(numbered(DEVICES))
        world.run()
        assert len(world.outcomes(file)) == DEVICES
        assert {name: (table.refused, table.cut) for name, table in tables.items()} == dict.fromkeys(tables, (0, 0))
