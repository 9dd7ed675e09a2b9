"""Traces and metrics of OpenTelemetry: one trace a device file, from its drop to its last outcome.

A file's trace id is its file id, so the steps of its way, which run in different functions, instances and hours, need
hand nothing on to each other to stand in one trace. Each step links to the trace of the invocation that ran it.

Nothing is imported, recorded or paid for unless the process has set OpenTelemetry up, as the Functions worker does when
its export is switched on (`PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY`).
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from opentelemetry.context import Context

NAME = "device_drop"
"""The instrumentation scope, which names the source of every span and metric."""

_SDK = "opentelemetry.sdk"
_SPAN_ID = (1 << 64) - 1


class Metric(StrEnum):
    """What is measured, by the names that alerts and the workbook ask for."""

    DEVICES = "device_drop.devices"
    """Rows of closed files, by outcome."""
    SUBMISSIONS_OPEN = "device_drop.submissions.open"
    """Submissions that are not final, as the sweep counted them."""
    OLDEST_WAKE_UP = "device_drop.wake_up.oldest"
    """Seconds for which the submission that is latest has been due."""
    THROTTLED = "device_drop.throttled"
    """Seconds that submissions were told to wait by the service."""


_COUNTERS = {Metric.DEVICES: "{row}", Metric.THROTTLED: "s"}
"""What adds up, with its unit in UCUM; every other metric is a reading."""

_GAUGES = {Metric.SUBMISSIONS_OPEN: "{submission}", Metric.OLDEST_WAKE_UP: "s"}

Attributes = Mapping[str, str | int | float | bool]


@contextmanager
def step(name: str, file_id: str, attributes: Attributes | None = None) -> Iterator[None]:
    """A span around one step of the way of a file; an error that leaves the step marks the span as failed."""
    if _SDK not in sys.modules:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415 - loaded already, by whoever set it up

    invocation = trace.get_current_span().get_span_context()
    links = [trace.Link(invocation)] if invocation.is_valid else []
    with trace.get_tracer(NAME).start_as_current_span(
        name, _trace_of(file_id), attributes={"file_id": file_id, **(attributes or {})}, links=links
    ):
        yield


def tell(attributes: Attributes) -> None:
    """Add what became known to the span of the present step."""
    if _SDK in sys.modules:
        from opentelemetry import trace  # noqa: PLC0415

        trace.get_current_span().set_attributes(dict(attributes))


def measure(metric: Metric, value: float, attributes: Attributes | None = None) -> None:
    """Count `value` on, or note it as the present reading, as the metric is one or the other."""
    if _SDK not in sys.modules:
        return
    from opentelemetry import metrics  # noqa: PLC0415

    # The SDK gives the same instrument for the same name.
    meter = metrics.get_meter(NAME)
    if metric in _COUNTERS:
        meter.create_counter(metric, _COUNTERS[metric]).add(value, attributes)
    else:
        meter.create_gauge(metric, _GAUGES[metric]).set(value, attributes)


def _trace_of(file_id: str) -> "Context":
    """The trace of a file, under a parent that is never sent: its id only has to be the same every time."""
    from opentelemetry import trace  # noqa: PLC0415

    identifier = UUID(file_id).int
    parent = trace.SpanContext(
        identifier, identifier & _SPAN_ID, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))
