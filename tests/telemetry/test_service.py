"""A process can be scraped, probed and stopped, whatever its event loop or the collector is doing."""

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from connector import telemetry
from connector.telemetry import Metric, TelemetrySettings
from tests.support.otlp import otlp_sink

LOCAL = TelemetrySettings(metrics_port=0)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    telemetry.reset()
    yield
    telemetry.reset()


def _get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def get(port: int | None, path: str) -> tuple[int, str]:
    return await asyncio.to_thread(_get, port, path)


async def test_a_scrape_shows_the_figures() -> None:
    running = telemetry.start(LOCAL, "submit")
    try:
        telemetry.count(Metric.SUBMITTED, 3, account="main", lane="urgent")
        telemetry.gauge(Metric.BOUND, 1, account="main", slot=2)
        telemetry.record(Metric.RESPONSE_TIME, 0.03, account="main")
        telemetry.record(Metric.RESPONSE_TIME, 99.0, account="main")
        status, text = await get(running.port, "/metrics")
    finally:
        await running.stop()
    assert status == 200
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["sms_submit_pdus_total", frozenset({("account", "main"), ("lane", "urgent")})] == 3
    assert samples["sms_bind_bound", frozenset({("account", "main"), ("slot", "2")})] == 1
    answer = "sms_submit_response_time_seconds"
    assert samples[f"{answer}_bucket", frozenset({("account", "main"), ("le", "0.025")})] == 0
    assert samples[f"{answer}_bucket", frozenset({("account", "main"), ("le", "0.05")})] == 1
    assert samples[f"{answer}_bucket", frozenset({("account", "main"), ("le", "+Inf")})] == 2
    assert samples[f"{answer}_count", frozenset({("account", "main")})] == 2
    assert samples[f"{answer}_sum", frozenset({("account", "main")})] == pytest.approx(99.03)
    assert any(name == "process_cpu_seconds_total" for name, _ in samples)
    assert any(name == "sms_connector_info" for name, _ in samples)


async def test_openmetrics_is_answered_to_who_asks_for_it() -> None:
    running = telemetry.start(LOCAL, "submit")
    try:
        telemetry.count(Metric.SUBMITTED, account="main", lane="urgent")

        def scrape() -> str:
            request = urllib.request.Request(
                f"http://127.0.0.1:{running.port}/metrics",
                headers={"Accept": "application/openmetrics-text;version=1.0.0"},
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                text: str = answer.read().decode()
                return text

        text = await asyncio.to_thread(scrape)
    finally:
        await running.stop()
    assert text.endswith("# EOF\n")
    assert 'sms_submit_pdus_total{account="main",lane="urgent"} 1.0' in text


async def test_a_process_is_ready_when_it_says_so_and_gives_a_reason() -> None:
    running = telemetry.start(LOCAL, "submit")
    try:
        assert (await get(running.port, "/healthz/ready"))[0] == 503
        running.ready(True, "every slot is bound")
        status, body = await get(running.port, "/healthz/ready")
        assert (status, json.loads(body)) == (
            200,
            {"status": "ok", "reason": "every slot is bound", "service": "submit"},
        )
        running.ready(False, "Kafka does not answer")
        status, body = await get(running.port, "/healthz/ready")
        assert (status, json.loads(body)["reason"]) == (503, "Kafka does not answer")
        assert (await get(running.port, "/elsewhere"))[0] == 404
    finally:
        await running.stop()


async def test_liveness_answers_and_fails_while_the_loop_is_stuck() -> None:
    running = telemetry.start(LOCAL.model_copy(update={"liveness_timeout": 0.2}), "submit")
    try:
        running.alive()
        assert (await get(running.port, "/healthz/live"))[0] == 200
        time.sleep(0.3)  # noqa: ASYNC251 - the stall is the subject
        status, body = _get(running.port, "/healthz/live")  # and this blocks the loop as well
        assert status == 503
        assert "has not answered" in body
        running.alive()
        assert (await get(running.port, "/healthz/live"))[0] == 200
    finally:
        await running.stop()


async def test_the_loop_beats_by_itself_and_shows_its_lag() -> None:
    running = telemetry.start(LOCAL, "submit")
    try:
        async with asyncio.timeout(10):
            while telemetry.value(Metric.LOOP_LAG) < 2:  # noqa: ASYNC110 - the figure is all that can be seen
                await asyncio.sleep(0.05)
    finally:
        await running.stop()


async def test_metrics_reach_a_collector_and_the_last_ones_when_stopping() -> None:
    with otlp_sink() as sink:
        settings = TelemetrySettings(
            otlp_endpoint=sink.endpoint, metrics_port=None, resource_attributes={"deployment.environment": "test"}
        )
        running = telemetry.start(settings, "submit")
        assert running.port is None
        telemetry.count(Metric.SUBMITTED, 3, account="main", lane="urgent")
        telemetry.gauge(Metric.RATE, 12.5, account="main")
        telemetry.record(Metric.SUBMIT_LATENCY, 0.2, lane="bulk")
        telemetry.record(Metric.SUBMIT_LATENCY, 0.3, lane="bulk")
        await running.stop()
        metrics = sink.last_metrics()
        resource = sink.resource()
    sent = metrics["sms.submit.pdus"]
    assert (sent.unit, sent.sum.is_monotonic, sent.sum.data_points[0].as_double or sent.sum.data_points[0].as_int) == (
        "{pdu}",
        True,
        3,
    )
    assert metrics["sms.rate.current"].gauge.data_points[0].as_double == 12.5
    (latency,) = metrics["sms.submit.latency"].histogram.data_points
    assert (latency.count, latency.min, latency.max) == (2, 0.2, 0.3)
    assert latency.sum == pytest.approx(0.5)
    assert len(latency.bucket_counts) == len(latency.explicit_bounds) + 1
    assert resource["service.name"] == "sms-connector-submit"
    assert resource["deployment.environment"] == "test"


async def test_a_collector_that_never_answers_does_not_hold_the_shutdown(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        running = telemetry.start(TelemetrySettings(otlp_endpoint=f"http://127.0.0.1:{port}", metrics_port=0), "submit")
        telemetry.count(Metric.SUBMITTED, account="main", lane="urgent")
        telemetry.span("submit", traceparent=None).end()
        begun = time.monotonic()
        await running.stop(deadline=1.0)
        assert time.monotonic() - begun < 3.0


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(telemetry.EndpointError, match=f"metrics_port {port}: Address already in use"):
            telemetry.start(TelemetrySettings(metrics_port=port), "submit")
    running = telemetry.start(LOCAL, "submit")  # nothing of the failed start is left
    await running.stop()


async def test_telemetry_starts_once_and_stops_twice() -> None:
    running = telemetry.start(LOCAL, "submit")
    with pytest.raises(telemetry.TelemetryRunning):
        telemetry.start(LOCAL, "route")
    await running.stop()
    await running.stop()
    with pytest.raises(urllib.error.URLError):
        await get(running.port, "/metrics")


def test_a_process_without_an_event_loop_can_be_scraped() -> None:
    running = telemetry.start(LOCAL, "tool")
    try:
        assert _get(running.port, "/healthz/live")[0] == 200
    finally:
        asyncio.run(running.stop())


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ({"otlp_endpoint": "collector"}, "otlp_endpoint"),
        ({"otlp_endpoint": "ftp://collector:21"}, "otlp_endpoint"),
        ({"otlp_endpoint": "http://collector:port"}, "otlp_endpoint"),
        ({"otlp_endpoint": "https://collector:4317", "otlp_insecure": True}, "otlp_insecure"),
        ({"metrics_port": 65536}, "metrics_port"),
        ({"metrics_port": -1}, "metrics_port"),
        ({"trace_ratio": 1.5}, "trace_ratio"),
        ({"otlp_interval": 0}, "otlp_interval"),
        ({"metrics_prot": 1}, "metrics_prot"),
    ],
)
def test_wrong_settings_are_refused_by_name(found: dict[str, object], names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        TelemetrySettings.model_validate(found)
