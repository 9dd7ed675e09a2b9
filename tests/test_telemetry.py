"""One trace a file, and metrics that add up; nothing at all where nobody exports."""

import subprocess
import sys
from uuid import UUID, uuid4

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import Metric, measure, step, tell

_EXPORTER = InMemorySpanExporter()
_READER = InMemoryMetricReader()


@pytest.fixture(scope="module", autouse=True)
def exported() -> None:
    """Set OpenTelemetry up as the Functions worker does, with an export that tests can read."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_EXPORTER))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([_READER]))


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    _EXPORTER.clear()
    return _EXPORTER


def _points(metric: Metric) -> dict[str, float]:
    data = _READER.get_metrics_data()
    found = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for measured in scope.metrics
        if measured.name == metric
        for point in measured.data.data_points
    ]
    return {str(dict(point.attributes or {})): getattr(point, "value", 0.0) for point in found}


def test_steps_of_one_file_stand_in_one_trace_that_its_id_names(exporter: InMemorySpanExporter) -> None:
    file_id = str(uuid4())
    for name in ("read", "send", "look"):
        with step(name, file_id):
            pass
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["read", "send", "look"]
    assert {span.context.trace_id for span in spans if span.context} == {UUID(file_id).int}


def test_a_step_says_what_it_was_told_and_what_became_known(exporter: InMemorySpanExporter) -> None:
    file_id = str(uuid4())
    with step("send", file_id, {"submission": "7"}):
        tell({"tracking_id": "t-1"})
    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {"file_id": file_id, "submission": "7", "tracking_id": "t-1"}


def test_a_step_links_to_the_invocation_that_ran_it(exporter: InMemorySpanExporter) -> None:
    with trace.get_tracer("host").start_as_current_span("invocation") as invocation, step("read", str(uuid4())):
        pass
    read = exporter.get_finished_spans()[0]
    assert [link.context for link in read.links] == [invocation.get_span_context()]


def test_what_happens_inside_a_step_belongs_to_its_trace(exporter: InMemorySpanExporter) -> None:
    file_id = str(uuid4())
    with step("send", file_id), trace.get_tracer("http").start_as_current_span("POST"):
        pass
    request, sent = exporter.get_finished_spans()
    assert request.context is not None
    assert request.context.trace_id == UUID(file_id).int
    assert request.parent == sent.context


def test_an_error_that_leaves_a_step_marks_it_as_failed(exporter: InMemorySpanExporter) -> None:
    def fail() -> None:
        raise ValueError("storage is away")

    with pytest.raises(ValueError, match="storage"), step("read", str(uuid4())):
        fail()
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR


def test_counters_add_up_by_their_attributes() -> None:
    measure(Metric.DEVICES, 3, {"outcome": "registered"})
    measure(Metric.DEVICES, 4, {"outcome": "registered"})
    measure(Metric.DEVICES, 1, {"outcome": "failed"})
    assert _points(Metric.DEVICES) == {"{'outcome': 'registered'}": 7, "{'outcome': 'failed'}": 1}


def test_a_reading_replaces_the_one_before() -> None:
    measure(Metric.OLDEST_WAKE_UP, 900)
    measure(Metric.OLDEST_WAKE_UP, 12)
    assert _points(Metric.OLDEST_WAKE_UP) == {"{}": 12}


def test_nothing_is_imported_where_nobody_exports() -> None:
    code = (
        "import sys; from shared.telemetry import Metric, measure, step, tell\n"
        "with step('read', '0c39d6d5-c70d-4c55-bc02-f620844f3fd1'): tell({'rows': 1})\n"
        "measure(Metric.DEVICES, 1)\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
