"""Traces and metrics of OpenTelemetry: one trace for each device file, from its drop to its last outcome.

A file's trace id is its file id, so its steps, which run in different functions, instances and hours, share one trace
without passing anything on. Each step links to the trace of the invocation that ran it. Requests to Partner Center
within a step have the same id as their correlation vector (MS-CV), whether or not traces are exported.

Nothing is imported or recorded unless the process has set OpenTelemetry up, as the Functions worker does when its
export is switched on (`PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY`). A sampler that decides by the trace id keeps all
steps of a file or none.
"""

import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from shared.failures import concerning

if TYPE_CHECKING:
    from opentelemetry.context import Context

NAME = "device_drop"
"""The instrumentation scope, which names the source of every span and metric."""

_SDK = "opentelemetry.sdk"
_SPAN_ID = (1 << 64) - 1


class Metric(StrEnum):
    """The metrics, under the names that alerts and the workbook query."""

    DEVICES = "device_drop.devices"
    """Rows of closed files, by outcome."""
    SUBMISSIONS_OPEN = "device_drop.submissions.open"
    """Submissions that are not final, counted by the sweep."""
    OLDEST_WAKE_UP = "device_drop.wake_up.oldest"
    """Seconds for which the most overdue submission has been due."""
    THROTTLED = "device_drop.throttled"
    """Seconds for which the service throttles a customer or the partner; overlapping time is counted once."""


_COUNTERS = {Metric.DEVICES: "{row}", Metric.THROTTLED: "s"}
"""Metrics that add up, with their units in UCUM; every other metric is a reading."""

_GAUGES = {Metric.SUBMISSIONS_OPEN: "{submission}", Metric.OLDEST_WAKE_UP: "s"}

Known = dict[str, str | int | float | bool]
Attributes = Mapping[str, object]
"""The attributes of a step. A value that is not plain, such as None, is unknown and left out."""

_PRESENT: ContextVar[Known | None] = ContextVar("present_step", default=None)


class StepName(StrEnum):
    """The steps of a device file, as names of spans."""

    READ = "read a device file"
    SEND = "send a submission"
    POLL = "poll a submission"
    WRITE = "write outcomes"
    CLOSE = "close a device file"
    WITHDRAW = "withdraw devices"


class TraceContext(Protocol):
    """The host's span of one invocation, as the headers of W3C Trace Context spell it."""

    @property
    def trace_parent(self) -> str:
        """The header `traceparent`; empty where the host traces nothing."""

    @property
    def trace_state(self) -> str:
        """The header `tracestate`."""


@contextmanager
def invocation(caller: TraceContext) -> Iterator[None]:
    """Make the host's span of an invocation the current one, so that the steps within link to it.

    The worker of Python 3.13 attaches it to its own thread, but runs a synchronous function in another.
    """
    if _SDK not in sys.modules:
        yield
        return
    from opentelemetry import context  # noqa: PLC0415 - already loaded by the setup
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    headers = {"traceparent": caller.trace_parent, "tracestate": caller.trace_state}
    token = context.attach(TraceContextTextMapPropagator().extract(headers))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def span(name: str, file_id: str, attributes: Attributes | None = None) -> Iterator[None]:
    """A span around one step of a file; an error raised by the step marks the span as failed.

    Within another step of the same file, the span is that step's child.
    """
    about = _known(attributes or {}) | {"file_id": file_id}
    token = _PRESENT.set(about)
    try:
        with concerning(about), _span(name, file_id, about) if _SDK in sys.modules else nullcontext():
            yield
    finally:
        _PRESENT.reset(token)


@contextmanager
def _span(name: str, file_id: str, attributes: Known) -> Iterator[None]:
    from opentelemetry import trace  # noqa: PLC0415 - already loaded by the setup

    around = trace.get_current_span().get_span_context()
    is_part = around.trace_id == UUID(file_id).int
    with trace.get_tracer(NAME).start_as_current_span(
        name,
        None if is_part else _trace_of(file_id),
        attributes=attributes,
        links=[trace.Link(around)] if around.is_valid and not is_part else [],
    ):
        yield


def present_step() -> Known:
    """The attributes of the current step, for log lines of code that does not know the file. Empty outside a step."""
    return _PRESENT.get() or {}


def correlation_vector() -> str | None:
    """The MS-CV of requests within the current step: the trace id in base64, and a first element.

    Version 2 of the correlation vector: the first 22 characters are a GUID (RtlInitializeCorrelationVector).
    """
    file_id = present_step().get("file_id")
    if not isinstance(file_id, str):
        return None
    return f"{b64encode(UUID(file_id).bytes).decode().rstrip('=')}.0"


def annotate(attributes: Attributes) -> None:
    """Add attributes to the span of the current step."""
    if _SDK in sys.modules:
        from opentelemetry import trace  # noqa: PLC0415

        trace.get_current_span().set_attributes(_known(attributes))


def _known(attributes: Attributes) -> Known:
    return {name: value for name, value in attributes.items() if isinstance(value, str | int | float | bool)}


def measure(metric: Metric, value: float, attributes: Known | None = None) -> None:
    """Add `value` to a counter, or record it as the current reading of any other metric."""
    if _SDK not in sys.modules:
        return
    from opentelemetry import metrics  # noqa: PLC0415

    # The SDK returns the same instrument for the same name.
    meter = metrics.get_meter(NAME)
    if metric in _COUNTERS:
        meter.create_counter(metric, _COUNTERS[metric]).add(value, attributes)
    else:
        meter.create_gauge(metric, _GAUGES[metric]).set(value, attributes)


def _trace_of(file_id: str) -> "Context":
    """The trace of a file, under a parent span that is never exported and only needs the same id every time."""
    from opentelemetry import trace  # noqa: PLC0415

    identifier = UUID(file_id).int
    parent = trace.SpanContext(
        identifier, identifier & _SPAN_ID, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))
