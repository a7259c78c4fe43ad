"""Metrics, traces and health: the one door to OpenTelemetry and Prometheus.

A room reports facts with `count`, `gauge`, `record` and `span`; it does not know who reads them. The place that starts
a process calls `start`. No number, text, code or password goes through here: labels and attributes are words of a list.
"""

from connector.telemetry.cells import (
    Series,
    TelemetryMisuse,
    count,
    forget,
    gauge,
    record,
    reset,
    snapshot,
    value,
)
from connector.telemetry.endpoint import EndpointError
from connector.telemetry.service import Telemetry, TelemetryRunning, start
from connector.telemetry.settings import TelemetrySettings
from connector.telemetry.spans import SpanHandle, span
from connector.telemetry.table import TABLE, Instrument, Kind, Metric

__all__ = [
    "TABLE",
    "EndpointError",
    "Instrument",
    "Kind",
    "Metric",
    "Series",
    "SpanHandle",
    "Telemetry",
    "TelemetryMisuse",
    "TelemetryRunning",
    "TelemetrySettings",
    "count",
    "forget",
    "gauge",
    "record",
    "reset",
    "snapshot",
    "span",
    "start",
    "value",
]
