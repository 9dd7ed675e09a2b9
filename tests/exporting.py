"""OpenTelemetry set up as the Functions worker does it, and its exports. A process sets it up once."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import Metric


@dataclass(frozen=True, slots=True)
class Exported:
    """The spans exported since the last `forget`."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def forget(self) -> None:
        """Begin anew."""
        self.exporter.clear()
        self.reader.get_metrics_data()

    def spans(self, file_id: str | None = None) -> tuple[ReadableSpan, ...]:
        """The spans that have ended, oldest first; of one file's trace alone, if it is named."""
        spans = self.exporter.get_finished_spans()
        if file_id is None:
            return spans
        return tuple(span for span in spans if span.context and span.context.trace_id == UUID(file_id).int)

    def points(self) -> dict[Metric, dict[str, float]]:
        """The measurements since the last call: each metric by the values of its attributes."""
        data = self.reader.get_metrics_data()
        points: dict[Metric, dict[str, float]] = defaultdict(dict)
        for resource in data.resource_metrics if data else ():
            for measured in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in measured.data.data_points:
                    attributes = " ".join(str(value) for value in (point.attributes or {}).values())
                    points[Metric(measured.name)][attributes] = getattr(point, "value", 0.0)
        return points


@cache
def exported() -> Exported:
    """The export of this process. Counters start anew at each reading, as those of Azure Monitor do."""
    exporter = InMemorySpanExporter()
    reader = InMemoryMetricReader(preferred_temporality={Counter: AggregationTemporality.DELTA})
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))
    return Exported(exporter, reader)
