"""Telemetry of one process: started once, told whether it is ready, stopped with a deadline.

The rooms call `count`, `gauge`, `record` and `span` and know nothing of this file; only the place that starts a process
(the command line, a test) does.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from connector import __version__
from connector.telemetry import spans
from connector.telemetry.cells import record
from connector.telemetry.endpoint import Endpoint, Health
from connector.telemetry.export import CellCollector, PeriodicExport
from connector.telemetry.settings import TelemetrySettings
from connector.telemetry.table import Metric

# A beat twice a second: fine enough to show a stall, too rare to cost anything.
_BEAT: Final = 0.5
# Spans wait here for the collector; beyond it they are dropped, never waited for. One is about 2 KB.
_SPAN_QUEUE: Final = 16_384


class TelemetryRunning(RuntimeError):
    """`start` was called twice in one process; stop the first before, or share it."""


_running: "Telemetry | None" = None


def start(settings: TelemetrySettings, service: str, *, clock: Callable[[], float] = time.monotonic) -> "Telemetry":
    """Starts what the settings ask for; `service` is the stage or process ("route", "submit", "all").

    Within a running event loop it watches that loop. Raises `EndpointError` where the port cannot be had, and
    `TelemetryRunning` for a second call. `await telemetry.stop()` when the stage has ended.
    """
    global _running
    if _running is not None:
        raise TelemetryRunning("telemetry of this process is running already")
    telemetry = Telemetry(settings, service, clock)
    _running = telemetry
    return telemetry


class Telemetry:
    """What `start` gives. Not ready until it is told so; alive as long as the event loop beats."""

    def __init__(self, settings: TelemetrySettings, service: str, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._health = Health(good=False, reason="starting")
        self._beat_at = clock()
        self._beat: asyncio.TimerHandle | None = None
        self._endpoint: Endpoint | None = None
        self._export: PeriodicExport | None = None
        self._provider: TracerProvider | None = None
        if settings.metrics_port is not None:
            registry = CollectorRegistry()
            registry.register(CellCollector(service))
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
            GCCollector(registry=registry)
            self._endpoint = Endpoint(
                settings.metrics_host,
                settings.metrics_port,
                service=service,
                registry=registry,
                live=self._live,
                ready=lambda: self._health,
            )
            self._endpoint.start()
        if settings.otlp_endpoint is not None:
            try:
                self._start_otlp(settings, settings.otlp_endpoint, service)
            except BaseException:
                self._close(0.0)
                raise
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        if self._loop is not None:
            self._schedule(self._loop)

    @property
    def port(self) -> int | None:
        """Where /metrics and /healthz answer; None if they are switched off."""
        return None if self._endpoint is None else self._endpoint.port

    def ready(self, good: bool, reason: str) -> None:
        """Sets what /healthz/ready answers. `reason` is a sentence without numbers, texts and passwords."""
        self._health = Health(good=good, reason=reason)

    def alive(self) -> None:
        """Says that the process does its work; the watched event loop does it by itself."""
        self._beat_at = self._clock()

    async def stop(self, deadline: float = 5.0) -> None:
        """Sends what is left and stops listening, within `deadline` seconds. A second call does nothing."""
        global _running
        if _running is not self:
            return
        _running = None
        self.ready(False, "stopping")
        spans.use(None)
        if self._beat is not None:
            self._beat.cancel()
        # Not the loop's executor: leaving the loop would wait for a collector that never answers.
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def close() -> None:
            self._close(deadline)
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=close, name="telemetry-stop", daemon=True).start()
        try:
            async with asyncio.timeout(deadline):
                await done.wait()
        except TimeoutError:
            pass

    def _start_otlp(self, settings: TelemetrySettings, endpoint: str, service: str) -> None:
        insecure = settings.otlp_insecure or endpoint.startswith("http://")
        resource = Resource.create(
            {
                "service.name": f"{settings.service_name}-{service}",
                "service.version": __version__,
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
                **settings.resource_attributes,
            }
        )
        self._export = PeriodicExport(
            OTLPMetricExporter(endpoint=endpoint, insecure=insecure), resource, settings.otlp_interval
        )
        self._export.start()
        # Which traces there are is decided in `spans`; what reaches the SDK is kept.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=insecure)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_SPAN_QUEUE))
        spans.use(
            spans.Tracing(
                tracer=self._provider.get_tracer("connector", __version__),
                ratio=settings.trace_ratio,
                limit=settings.trace_limit,
                tokens=max(settings.trace_limit, 1.0),
                filled_at=time.monotonic(),
            )
        )

    def _close(self, deadline: float) -> None:
        if self._endpoint is not None:
            self._endpoint.stop()
        if self._export is not None:
            self._export.stop(deadline / 2)
        if self._provider is not None:
            self._provider.shutdown()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + _BEAT

        def beat() -> None:
            record(Metric.LOOP_LAG, max(0.0, loop.time() - due))
            self.alive()
            self._schedule(loop)

        self._beat = loop.call_at(due, beat)

    def _live(self) -> Health:
        silent = self._clock() - self._beat_at
        if silent <= self._settings.liveness_timeout:
            return Health(good=True, reason="the event loop beats")
        return Health(good=False, reason=f"the event loop has not answered for {silent:.0f} s")
