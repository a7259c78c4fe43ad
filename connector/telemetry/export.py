"""The cells, seen from outside: as Prometheus families for a scrape, and as OTLP metrics sent every few seconds.

Both read the same cells from a thread of their own. Next station: `endpoint` for the scrape, the collector for OTLP.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as OtlpMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from connector import __version__
from connector.telemetry.cells import Series, snapshot
from connector.telemetry.table import TABLE, Kind, Metric

log = logging.getLogger(__name__)

# The cells of this process count from here on.
_STARTED_NS: Final = time.time_ns()
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


def prometheus_name(metric: Metric) -> str:
    """The name in a scrape, by OpenTelemetry's rules for Prometheus: dots become underscores, then unit and _total."""
    row = TABLE[metric]
    name = metric.value.replace(".", "_")
    if row.unit == "s":
        name += "_seconds"
    return name + "_total" if row.kind is Kind.COUNTER else name


class CellCollector(Collector):
    """Hands the cells to prometheus_client, each time a scrape asks."""

    def __init__(self, service: str) -> None:
        self._service = service

    def collect(self) -> Iterable[Family]:
        info = GaugeMetricFamily("sms_connector_info", "1, labelled with what answers.", labels=["service", "version"])
        info.add_metric([self._service, __version__], 1)
        yield info
        for metric in Metric:
            yield _family(metric, snapshot(metric))


def _family(metric: Metric, series: Sequence[Series]) -> Family:
    row = TABLE[metric]
    name = prometheus_name(metric)
    match row.kind:
        case Kind.COUNTER:
            counter = CounterMetricFamily(name, row.description, labels=row.labels)
            for one in series:
                counter.add_metric([one.labels[label] for label in row.labels], one.value)
            return counter
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(name, row.description, labels=row.labels)
            for one in series:
                gauge.add_metric([one.labels[label] for label in row.labels], one.value)
            return gauge
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(name, row.description, labels=row.labels)
            for one in series:
                buckets: list[tuple[str, float]] = []
                total = 0
                for bound, n in zip((*row.bounds, float("inf")), one.counts, strict=True):
                    total += n
                    buckets.append(("+Inf" if bound == float("inf") else repr(bound), total))
                histogram.add_metric([one.labels[label] for label in row.labels], buckets, sum_value=one.value)
            return histogram


def otlp_metrics(resource: Resource, *, now_ns: int) -> MetricsData:
    """Everything counted since the process began, as the exporter takes it; `now_ns` is the epoch time."""
    metrics = [_otlp_metric(metric, series, now_ns) for metric in Metric if (series := snapshot(metric))]
    scope = ScopeMetrics(scope=InstrumentationScope("connector", __version__), metrics=metrics, schema_url="")
    return MetricsData(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url="")])


def _otlp_metric(metric: Metric, series: Sequence[Series], now_ns: int) -> OtlpMetric:
    row = TABLE[metric]
    data: Sum | Gauge | Histogram
    if row.kind is Kind.HISTOGRAM:
        data = Histogram(
            data_points=[
                HistogramDataPoint(
                    attributes=one.labels,
                    start_time_unix_nano=_STARTED_NS,
                    time_unix_nano=now_ns,
                    count=sum(one.counts),
                    sum=one.value,
                    bucket_counts=one.counts,
                    explicit_bounds=row.bounds,
                    min=one.lowest,
                    max=one.highest,
                )
                for one in series
            ],
            aggregation_temporality=_CUMULATIVE,
        )
    else:
        points = [
            NumberDataPoint(
                attributes=one.labels, start_time_unix_nano=_STARTED_NS, time_unix_nano=now_ns, value=one.value
            )
            for one in series
        ]
        data = (
            Gauge(data_points=points)
            if row.kind is Kind.GAUGE
            else Sum(data_points=points, aggregation_temporality=_CUMULATIVE, is_monotonic=True)
        )
    return OtlpMetric(name=metric.value, description=row.description, unit=row.unit, data=data)


class PeriodicExport:
    """Sends the metrics every `interval` seconds from a thread, and once more when it is stopped.

    A collector that is away costs nothing but a log line: the figures are cumulative, so the next export has them all.
    """

    def __init__(self, exporter: MetricExporter, resource: Resource, interval: float) -> None:
        self._exporter = exporter
        self._resource = resource
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Exports what there is and ends the thread; gives up after `timeout` seconds. Blocks: not for the loop."""
        self._stop.set()
        self._thread.join(timeout)
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._export()
        self._export()

    def _export(self) -> None:
        data = otlp_metrics(self._resource, now_ns=time.time_ns())
        try:
            if self._exporter.export(data) is not MetricExportResult.SUCCESS:
                log.warning("the collector did not take the metrics; the next export carries them again")
        except Exception:
            log.exception("the export of metrics failed; the next one carries them again")
