"""Spans: what one message went through, from the sender's own trace to the receipt.

The trace context travels with the events as W3C `traceparent` and `tracestate`, so a room hands in what it received and
passes on the handle's. While tracing is off, or the sender did not sample, a handle is a small object that passes the
incoming context through. A span that the SDK records costs some 40 microseconds (measured), hence the limit on new
traces a second.

Attributes are named in a list below; a number, a text, a code or a password has no name there.
"""

import random
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from connector.telemetry.cells import TelemetryMisuse
from connector.telemetry.table import is_word

AttributeValue = str | int | float | bool
Role = Literal["internal", "consumer", "producer", "client", "server"]

ATTRIBUTES: Final = frozenset(
    {
        "sms.account",
        "sms.attempt",
        "sms.coding",
        "sms.command_status",
        "sms.gateway_message_id",
        "sms.kind",
        "sms.lane",
        "sms.message_id",
        "sms.outcome",
        "sms.part",
        "sms.parts",
        "sms.possible_duplicate",
        "sms.reason",
        "sms.result",
        "sms.slot",
        "messaging.destination.name",
        "messaging.destination.partition.id",
        "messaging.kafka.offset",
        "messaging.operation.name",
        "messaging.system",
        "server.address",
        "server.port",
    }
)

_ROLES: Final[Mapping[Role, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "consumer": SpanKind.CONSUMER,
    "producer": SpanKind.PRODUCER,
    "client": SpanKind.CLIENT,
    "server": SpanKind.SERVER,
}

# W3C Trace Context, 3.2: version, trace id, parent id, flags; later versions may append fields.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)


@dataclass(slots=True, kw_only=True)
class Tracing:
    """What `span` needs while tracing is on. The bucket fills with `limit` new traces a second."""

    tracer: Tracer
    ratio: float
    limit: float
    tokens: float
    filled_at: float

    def begins(self, now: float, chance: float) -> bool:
        """Whether an event without a trace begins one; `chance` is even in [0, 1)."""
        if chance >= self.ratio:
            return False
        self.tokens = min(max(self.limit, 1.0), self.tokens + (now - self.filled_at) * self.limit)
        self.filled_at = now
        if self.limit <= 0 or self.tokens < 1:
            return False
        self.tokens -= 1
        return True


_tracing: Tracing | None = None


def use(tracing: Tracing | None) -> None:
    """Switches tracing on or off; `service` calls it."""
    global _tracing
    _tracing = tracing


class SpanHandle:
    """A span under way, or nothing but the context it passes on. Send `traceparent` and `tracestate` with the event."""

    __slots__ = ("_span", "traceparent", "tracestate")

    def __init__(self, traceparent: str | None, tracestate: str | None, span: Span | None = None) -> None:
        self.traceparent = traceparent
        self.tracestate = tracestate
        self._span = span

    @property
    def recording(self) -> bool:
        """Whether attributes go anywhere: ask before working one out."""
        return self._span is not None

    def set(self, name: str, value: AttributeValue) -> None:
        """Adds one attribute; `TelemetryMisuse` for a name that is not in `ATTRIBUTES`."""
        if name not in ATTRIBUTES:
            raise TelemetryMisuse(f"{name} is not an attribute of our spans")
        if self._span is not None:
            self._span.set_attribute(name, value)

    def end(self, error: str | None = None, *, at_ms: int | None = None) -> None:
        """Ends the span; a second call does nothing. `error` is a reason code, or it is shown as "error"."""
        span, self._span = self._span, None
        if span is None:
            return
        if error is not None:
            span.set_status(StatusCode.ERROR, error if is_word(error) else "error")
        span.end(None if at_ms is None else at_ms * 1_000_000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(None if kind is None else kind.__name__)  # the message might hold what must not leave


def span(
    name: str,
    *,
    traceparent: str | None,
    tracestate: str | None = None,
    attributes: Iterable[tuple[str, AttributeValue]] = (),
    role: Role = "internal",
    at_ms: int | None = None,
) -> SpanHandle:
    """Begins a span below `traceparent`; end it, or use it as a context manager.

    `name` is fixed words ("route", "submit"). `at_ms` (epoch, UTC) is a begin that lies in the past. An unreadable
    `traceparent` counts as none while tracing is on.
    """
    tracing = _tracing
    if tracing is None:
        return SpanHandle(traceparent, tracestate)
    parent = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
    if parent is None:
        tracestate = None
        context = Context()
        if not tracing.begins(time.monotonic(), random.random()):
            # Said aloud, so that the next stage does not decide once more.
            return SpanHandle(_format(random.getrandbits(128) or 1, random.getrandbits(64) or 1, 0), None)
    elif int(parent[3], 16) & TraceFlags.SAMPLED:
        context = set_span_in_context(
            NonRecordingSpan(
                SpanContext(
                    trace_id=int(parent[1], 16),
                    span_id=int(parent[2], 16),
                    is_remote=True,
                    trace_flags=TraceFlags(TraceFlags.SAMPLED),
                    trace_state=TraceState.from_header([tracestate]) if tracestate else None,
                )
            ),
            Context(),
        )
    else:
        return SpanHandle(traceparent, tracestate)
    begun = tracing.tracer.start_span(
        name, context, kind=_ROLES[role], start_time=None if at_ms is None else at_ms * 1_000_000
    )
    ids = begun.get_span_context()
    handle = SpanHandle(_format(ids.trace_id, ids.span_id, 1), tracestate, begun)
    for key, value in attributes:
        handle.set(key, value)
    return handle


def _format(trace_id: int, span_id: int, flags: int) -> str:
    return f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"
