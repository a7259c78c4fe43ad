"""An OpenTelemetry collector inside the test: a real gRPC server that keeps what it was sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc  # type: ignore[import-untyped]  # the stubs are another project's and lag behind
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class Sink:
    """What arrived, request by request. `endpoint` is for `TelemetrySettings.otlp_endpoint`."""

    port: int
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def last_metrics(self) -> dict[str, Metric]:
        """The newest state of each instrument, by its OpenTelemetry name."""
        return {
            metric.name: metric
            for request in self.metrics
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def resource(self) -> dict[str, str]:
        """The attributes of the first resource that came."""
        first = (self.traces or self.metrics)[0]
        resources = first.resource_spans if isinstance(first, ExportTraceServiceRequest) else first.resource_metrics
        return {pair.key: pair.value.string_value for pair in resources[0].resource.attributes}


class _Metrics(MetricsServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def Export(
        self, request: ExportMetricsServiceRequest, context: grpc.ServicerContext
    ) -> ExportMetricsServiceResponse:
        self._sink.metrics.append(request)
        return ExportMetricsServiceResponse()


class _Traces(TraceServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        self._sink.traces.append(request)
        return ExportTraceServiceResponse()


@contextmanager
def otlp_sink() -> Iterator[Sink]:
    """A collector on a port of its own, for as long as the block lasts."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    sink = Sink(server.add_insecure_port("127.0.0.1:0"))
    add_MetricsServiceServicer_to_server(_Metrics(sink), server)  # type: ignore[no-untyped-call]  # generated code
    add_TraceServiceServicer_to_server(_Traces(sink), server)  # type: ignore[no-untyped-call]  # generated code
    server.start()
    try:
        yield sink
    finally:
        server.stop(grace=None).wait()
