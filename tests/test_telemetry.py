"""One trace a file, and metrics that add up; nothing at all where nobody exports."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from azure.monitor.opentelemetry.exporter import ApplicationInsightsSampler
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import Metric, annotate, correlation_vector, invocation, measure, present_step, span
from tests.exporting import Exported, exported

FILE_ID = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"


@dataclass
class TraceParent:
    trace_parent: str
    trace_state: str = ""


@pytest.fixture
def export() -> Exported:
    export = exported()
    export.forget()
    return export


def test_steps_of_one_file_stand_in_one_trace_that_its_id_names(export: Exported) -> None:
    file_id = str(uuid4())
    for name in ("read", "send", "look"):
        with span(name, file_id):
            pass
    spans = export.spans()
    assert [ended.name for ended in spans] == ["read", "send", "look"]
    assert {ended.context.trace_id for ended in spans if ended.context} == {UUID(file_id).int}


def test_a_step_says_what_it_was_told_and_what_became_known_and_no_more(export: Exported) -> None:
    file_id = str(uuid4())
    with span("send", file_id, {"submission": "7", "tracking_id": None}):
        annotate({"tracking_id": "t-1", "code": None})
    (ended,) = export.spans()
    assert dict(ended.attributes or {}) == {"file_id": file_id, "submission": "7", "tracking_id": "t-1"}


def test_a_step_links_to_the_invocation_that_ran_it(export: Exported) -> None:
    with trace.get_tracer("host").start_as_current_span("invocation") as invocation, span("read", str(uuid4())):
        pass
    read = export.spans()[0]
    assert [link.context for link in read.links] == [invocation.get_span_context()]


def test_what_happens_inside_a_step_belongs_to_its_trace(export: Exported) -> None:
    file_id = str(uuid4())
    with span("send", file_id), span("write", file_id), trace.get_tracer("http").start_as_current_span("POST"):
        pass
    request, written, sent = export.spans(file_id)
    assert request.parent == written.context
    assert written.parent == sent.context
    assert not written.links


def test_a_step_of_another_file_inside_a_step_stands_in_the_trace_of_its_own(export: Exported) -> None:
    one, other = str(uuid4()), str(uuid4())
    with span("close", one), span("read", other):
        assert present_step()["file_id"] == other
    assert [ended.name for ended in export.spans(one)] == ["close"]
    assert [ended.name for ended in export.spans(other)] == ["read"]


def test_an_error_that_leaves_a_step_marks_it_as_failed(export: Exported) -> None:
    def fail() -> None:
        raise ValueError("storage is away")

    with pytest.raises(ValueError, match="storage"), span("read", str(uuid4())):
        fail()
    (ended,) = export.spans()
    assert ended.status.status_code is trace.StatusCode.ERROR
    assert present_step() == {}


def test_counters_add_up_by_their_attributes(export: Exported) -> None:
    measure(Metric.DEVICES, 3, {"outcome": "registered"})
    measure(Metric.DEVICES, 4, {"outcome": "registered"})
    measure(Metric.DEVICES, 1, {"outcome": "failed"})
    assert export.points()[Metric.DEVICES] == {"registered": 7, "failed": 1}


def test_a_step_links_to_the_hosts_span_of_its_invocation(export: Exported) -> None:
    host = TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    before = trace.get_current_span()
    with invocation(host), span("read", FILE_ID):
        pass
    assert trace.get_current_span() is before
    [ended] = export.spans()
    assert ended.context is not None
    assert ended.context.trace_id == UUID(FILE_ID).int
    assert [f"{link.context.trace_id:032x}" for link in ended.links] == ["4bf92f3577b34da6a3ce929d0e0e4736"]


@pytest.mark.parametrize("header", ["", "nonsense", "00-0-0-01"])
def test_an_invocation_that_the_host_does_not_trace_links_to_nothing(header: str, export: Exported) -> None:
    with invocation(TraceParent(header)), span("read", FILE_ID):
        pass
    assert not export.spans()[0].links


def test_a_reading_replaces_the_one_before(export: Exported) -> None:
    measure(Metric.OLDEST_WAKE_UP, 900)
    measure(Metric.OLDEST_WAKE_UP, 12)
    assert export.points()[Metric.OLDEST_WAKE_UP] == {"": 12}


def test_the_correlation_vector_of_a_step_is_its_trace_in_the_form_of_version_2() -> None:
    with span("send", FILE_ID):
        vector = correlation_vector()
    assert vector is not None
    assert re.fullmatch(r"[A-Za-z0-9+/]{21}[AQgw](\.\d+)+", vector)
    assert vector == "DDnW1ccNTFW8AvYghE8/0Q.0"


def test_outside_of_a_step_there_is_no_correlation_vector() -> None:
    assert correlation_vector() is None


def test_where_only_some_traces_are_kept_that_of_a_file_is_whole_or_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ApplicationInsightsSampler(0.5))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    files = [str(uuid4()) for _ in range(40)]
    for name in ("read", "send", "look", "close"):
        for file_id in files:
            with span(name, file_id):
                pass
    kept = [ended.context.trace_id for ended in exporter.get_finished_spans() if ended.context]
    assert {kept.count(trace_id) for trace_id in kept} == {4}
    assert 0 < len(set(kept)) < len(files)


def test_nothing_is_imported_where_nobody_exports() -> None:
    code = (
        "import json, sys\n"
        "from shared.telemetry import Metric, correlation_vector, invocation, measure, span, annotate\n"
        f"with invocation(None), span('read', '{FILE_ID}'):\n"
        "    annotate({'rows': 1})\n"
        "    vector = correlation_vector()\n"
        "measure(Metric.DEVICES, 1)\n"
        "print(json.dumps([vector, [name for name in sys.modules if name.startswith('opentelemetry')]]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    vector, imported = json.loads(ran.stdout)
    assert vector == "DDnW1ccNTFW8AvYghE8/0Q.0"
    assert imported == []


def test_the_whole_pipeline_imports_nothing_of_opentelemetry() -> None:
    code = (
        "import json, sys, shared.pipeline.dispatch, shared.pipeline.sweep, shared.pipeline.intake.receive\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('opentelemetry.sdk')]))"
    )
    root = Path(__file__).parent.parent
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=root)
    assert json.loads(ran.stdout) == []
