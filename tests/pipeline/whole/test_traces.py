"""Traces, metrics and log fields by which an operator follows a file from drop to close."""

import base64
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from local.partner_center import Behaviour, Fault, Operation, StandIn
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.sweep import sweep
from shared.storage.wakeups import PoisonedMessage
from shared.telemetry import Metric, StepName
from tests.exporting import Exported, exported
from tests.pipeline.world import CUSTOMER, Clock, World, numbered, tuples

OTHER_PATH = f"{CUSTOMER}/Other/devices.csv"


@pytest.fixture
def export() -> Exported:
    export = exported()
    export.forget()
    return export


@pytest.fixture
def world() -> Iterator[World]:
    clock = Clock()
    with StandIn(Behaviour(delay=40), clock=clock.seconds) as service:
        yield World(service, clock, DEVICES_PER_SUBMISSION="2", INLINE_SUBMISSIONS="1")


def steps(spans: tuple[ReadableSpan, ...]) -> Counter[str]:
    """The number of times each step was taken."""
    return Counter(span.name for span in spans)


def attributes(spans: tuple[ReadableSpan, ...], name: StepName) -> list[dict[str, object]]:
    """The attributes of each step of that name."""
    return [dict(span.attributes or {}) for span in spans if span.name == name]


def test_drop_submissions_polls_and_outcomes_of_a_file_are_one_trace_and_two_files_are_two(
    world: World, export: Exported
) -> None:
    one = world.drop_file(numbered(6))
    other = world.drop_file(numbered(2, "OTHER-"), OTHER_PATH)
    world.run()
    assert {span.context.trace_id for span in export.spans() if span.context} == {UUID(one).int, UUID(other).int}
    taken = steps(export.spans(one))
    assert taken[StepName.READ] == 1
    assert taken[StepName.SEND] == 3
    assert taken[StepName.POLL] >= 3
    assert taken[StepName.WRITE] >= 2
    assert taken[StepName.CLOSE] == 1
    assert attributes(export.spans(one), StepName.CLOSE)[0]["file_state"] == "closed"
    assert steps(export.spans(other))[StepName.SEND] == 1


def test_a_step_names_its_submission_and_never_a_device(world: World, export: Exported) -> None:
    identifier = world.drop_file(numbered(3))
    world.run()
    spans = export.spans(identifier)
    sent = attributes(spans, StepName.SEND)
    assert [each["submission"] for each in sent] == ["1", "2"]
    for each in sent:
        tracking_id = world.submission(identifier, str(each["submission"])).record.tracking_id
        assert each["tracking_id"] == tracking_id
        assert (each["customer_id"], each["batch_id"], each["attempts"]) == (CUSTOMER, "Test", 0)
    assert attributes(spans, StepName.POLL)[-1]["job_status"] == "finished"
    assert "SN-0" not in "".join(str(dict(span.attributes or {})) for span in spans)


def test_a_lost_answer_shows_in_the_trace_as_one_more_attempt(world: World, export: Exported) -> None:
    world.service.script(Fault.DROPPED_AFTER, 1, Operation.CREATE_BATCH)
    identifier = world.drop_file(numbered(2))
    world.run()
    first, second = attributes(export.spans(identifier), StepName.SEND)
    assert (first["error"], first["attempts"]) == ("AnswerLost", 0)
    assert (second["attempts"], "tracking_id" in second) == (1, True)


def test_a_rejected_file_has_a_trace_that_says_why(world: World, export: Exported) -> None:
    identifier = world.drop_file("no,header\r\n1,2\r\n")
    (read,) = attributes(export.spans(identifier), StepName.READ)
    assert read["reason"] == "no_device_rows"


def test_a_withdrawal_belongs_to_the_trace_of_its_file(world: World, export: Exported) -> None:
    identifier = world.drop_file(numbered(2))
    world.run()
    withdraw(world.pipeline, CUSTOMER, identifier)
    world.run()
    (withdrawn,) = attributes(export.spans(identifier), StepName.WITHDRAW)
    assert withdrawn["customer_id"] == CUSTOMER


def test_the_rows_of_closed_files_add_up_by_outcome(world: World, export: Exported) -> None:
    world.drop_file(tuples(["SN-1", "SN-2", "SN-3", "SN-1", "STANDIN-808-1"]))
    world.drop_file(tuples(["SN-1", "SN-9"]), OTHER_PATH)
    world.run()
    assert export.points()[Metric.DEVICES] == {
        "registered": 4,
        "already_registered": 1,
        "failed": 1,
        "duplicate": 1,
    }


def test_the_sweep_measures_what_is_open_and_how_late_the_latest_is(world: World, export: Exported) -> None:
    identifier = world.drop_file(numbered(4))
    due_at = min(world.submission(identifier, number).record.due_at for number in "12")
    world.clock.now = due_at + timedelta(minutes=11)
    sweep(world.pipeline)
    readings = export.points()
    assert readings[Metric.SUBMISSIONS_OPEN] == {"": 2}
    assert readings[Metric.OLDEST_WAKE_UP] == {"": 660}


def test_throttled_seconds_are_the_time_for_which_nobody_may_ask(world: World, export: Exported) -> None:
    world.service.script(Fault.THROTTLE, 2, None)
    world.drop_file(numbered(2))
    until = [_closed_until(world)]
    began = world.clock.now
    assert world.deliver_next()
    probed = world.clock.now
    until.append(_closed_until(world))
    assert until[1] > until[0]
    throttled = (until[0] - began) + (until[1] - probed)
    assert export.points()[Metric.THROTTLED] == {"": pytest.approx(throttled.total_seconds())}


def _closed_until(world: World) -> datetime:
    (gate,) = world.journal.gates.closed().values()
    return gate.record.closed_until


def test_what_is_asked_for_a_file_bears_its_trace_as_correlation_vector(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "shared")
    identifier = world.drop_file(numbered(3))
    world.run()
    answers = [record for record in caplog.records if record.message == "Partner Center answered"]
    vector = base64.b64encode(UUID(identifier).bytes).decode()[:22] + ".0"
    # The stand-in returns the caller's vector.
    assert {getattr(record, "service_trace_vector", None) for record in answers} == {vector}
    assert len(answers) >= 4


ABOUT_NO_FILE = {
    "The sweep is done",
    "A dropped blob was deleted before it was received",
    "A circuit breaker is closed again",
    "Partner Center's list of customers was read",
}
"""Lines that concern many files, or none."""


def _is_about_no_file(record: logging.LogRecord) -> bool:
    is_of_the_list = getattr(record, "path", "").startswith("/v1/customers?")
    return is_of_the_list or record.getMessage() in ABOUT_NO_FILE


def test_every_log_line_names_its_file_and_that_of_a_submission_also_the_services_correlation_id(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "shared")
    for fault in (Fault.THROTTLE, Fault.UNAUTHORISED, Fault.DROPPED_AFTER, Fault.UNAVAILABLE):
        world.service.script(fault, 1, None)
    identifier = world.drop_file(tuples(["SN-1", "SN-2", "STANDIN-808-1"]))
    world.run()
    world.drop_file("no header", OTHER_PATH)
    withdraw(world.pipeline, CUSTOMER, identifier)
    world.run()
    sweep(world.pipeline)
    messages = {record.getMessage() for record in caplog.records}
    assert len(messages) >= 10
    for record in caplog.records:
        assert hasattr(record, "file_id") or _is_about_no_file(record), record.getMessage()
        if hasattr(record, "submission"):
            assert hasattr(record, "correlation_id") or hasattr(record, "sequence"), record.getMessage()
    accepted = [record for record in caplog.records if record.getMessage() == "A submission was accepted"]
    assert all(getattr(record, "correlation_id", None) for record in accepted)


def test_a_message_that_the_host_gave_up_on_is_logged_with_what_it_was_about(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    identifier = world.drop_file(numbered(2))
    body = f'{{"type":"submission","reading_id":"{identifier}.1","number":"1","sequence":7}}'
    world.wakeups.poison.append(PoisonedMessage("submissions-poison", "message-1", "receipt", body))
    sweep(world.pipeline)
    (line,) = [record for record in caplog.records if record.getMessage() == "The host gave up on a message"]
    assert (getattr(line, "file_id", None), getattr(line, "submission", None)) == (identifier, "1")
