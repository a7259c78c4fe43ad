"""A message's trace goes from the sender through every stage, sampled or not."""

import re
from collections.abc import AsyncIterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from connector import telemetry
from connector.telemetry import TelemetrySettings
from connector.telemetry.spans import Tracing
from tests.support.otlp import Sink, otlp_sink

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOT_SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


class Traced:
    """Telemetry that sends to a sink; `spans` flushes and gives what came."""

    def __init__(self, sink: Sink, running: telemetry.Telemetry) -> None:
        self._sink = sink
        self._running = running

    async def spans(self) -> list[Span]:
        await self._running.stop()
        return self._sink.spans()


async def _traced(**settings: float) -> AsyncIterator[Traced]:
    with otlp_sink() as sink:
        chosen = TelemetrySettings.model_validate(
            {"otlp_endpoint": sink.endpoint, "metrics_port": None, "otlp_interval": 3600, **settings}
        )
        running = telemetry.start(chosen, "submit")
        try:
            yield Traced(sink, running)
        finally:
            await running.stop()


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    async for value in _traced():
        yield value


@pytest.fixture
async def unsampled() -> AsyncIterator[Traced]:
    async for value in _traced(trace_ratio=0):
        yield value


@pytest.mark.parametrize("traceparent", [None, SAMPLED, NOT_SAMPLED, "garbage"])
def test_while_tracing_is_off_the_context_passes_through(traceparent: str | None) -> None:
    with telemetry.span("route", traceparent=traceparent, tracestate="vendor=1") as span:
        span.set("sms.account", "main")
        assert (span.traceparent, span.tracestate, span.recording) == (traceparent, "vendor=1", False)


async def test_a_span_hangs_below_what_the_sender_sampled(traced: Traced) -> None:
    handle = telemetry.span(
        "submit", traceparent=SAMPLED, tracestate="vendor=1", attributes=[("sms.account", "main")], role="client"
    )
    assert handle.recording
    handle.set("sms.parts", 3)
    handle.end()
    handle.end("twice")  # the second call does nothing
    assert handle.tracestate == "vendor=1"
    (span,) = await traced.spans()
    assert span.trace_id.hex() == SAMPLED[3:35]
    assert span.parent_span_id.hex() == SAMPLED[36:52]
    assert handle.traceparent == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
    assert span.kind == Span.SpanKind.SPAN_KIND_CLIENT
    assert span.trace_state == "vendor=1"
    assert {pair.key for pair in span.attributes} == {"sms.account", "sms.parts"}
    assert span.status.code == Status.StatusCode.STATUS_CODE_UNSET


async def test_three_stages_make_one_trace(traced: Traced) -> None:
    context: str | None = None
    for stage in ("route", "submit", "collect"):
        with telemetry.span(stage, traceparent=context) as span:
            context = span.traceparent
    spans = {span.name: span for span in await traced.spans()}
    assert len({span.trace_id for span in spans.values()}) == 1
    assert spans["route"].parent_span_id == b""
    assert spans["submit"].parent_span_id == spans["route"].span_id
    assert spans["collect"].parent_span_id == spans["submit"].span_id


async def test_what_the_sender_did_not_sample_is_passed_on_and_not_recorded(traced: Traced) -> None:
    span = telemetry.span("route", traceparent=NOT_SAMPLED, tracestate="vendor=1")
    assert (span.traceparent, span.tracestate, span.recording) == (NOT_SAMPLED, "vendor=1", False)
    span.end()
    assert await traced.spans() == []


async def test_a_decision_not_to_trace_is_told_to_the_next_stage(unsampled: Traced) -> None:
    first = telemetry.span("route", traceparent=None)
    assert first.traceparent is not None
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", first.traceparent)
    assert telemetry.span("submit", traceparent=first.traceparent).traceparent == first.traceparent
    assert await unsampled.spans() == []


@pytest.mark.parametrize(
    "broken",
    ["", "garbage", SAMPLED.upper(), SAMPLED[:-1], "ff" + SAMPLED[2:], f"00-{'0' * 32}-{'1' * 16}-01", f"{SAMPLED}\n"],
)
async def test_an_unreadable_context_begins_a_new_trace(traced: Traced, broken: str) -> None:
    span = telemetry.span("route", traceparent=broken, tracestate="vendor=1")
    assert span.recording
    assert span.tracestate is None  # it belongs to the context that could not be read
    assert span.traceparent is not None
    assert SAMPLED[3:35] not in span.traceparent


async def test_an_error_is_a_reason_code_and_never_a_text(traced: Traced) -> None:
    telemetry.span("a", traceparent=SAMPLED).end("text-empty")
    telemetry.span("b", traceparent=SAMPLED).end("the number 79990000001 is wrong")
    with pytest.raises(ValueError, match="79990000001"), telemetry.span("c", traceparent=SAMPLED):
        raise ValueError("79990000001")
    spans = await traced.spans()
    assert {span.name: span.status.message for span in spans} == {"a": "text-empty", "b": "error", "c": "ValueError"}
    assert all(span.status.code == Status.StatusCode.STATUS_CODE_ERROR for span in spans)
    assert b"79990000001" not in b"".join(span.SerializeToString() for span in spans)


def test_attributes_come_from_the_list() -> None:
    for name in ("sms.recipient", "sms.text", "sms.sender", "code"):
        with pytest.raises(telemetry.TelemetryMisuse):
            telemetry.span("route", traceparent=None).set(name, "x")


async def test_a_span_may_begin_and_end_in_the_past(traced: Traced) -> None:
    telemetry.span("wait", traceparent=SAMPLED, at_ms=1_700_000_000_000).end(at_ms=1_700_000_060_000)
    (span,) = await traced.spans()
    assert span.end_time_unix_nano - span.start_time_unix_nano == 60 * 10**9


def test_new_traces_are_limited_in_number_and_by_ratio() -> None:
    from opentelemetry.trace import NoOpTracer

    tracing = Tracing(tracer=NoOpTracer(), ratio=0.5, limit=10.0, tokens=10.0, filled_at=0.0)
    assert not tracing.begins(0.0, 0.5)
    assert [tracing.begins(0.0, 0.4) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [tracing.begins(0.1, 0.4) for _ in range(2)] == [True, False]
    assert [tracing.begins(60.0, 0.4) for _ in range(12)] == [True] * 10 + [False] * 2  # it fills up to one second
