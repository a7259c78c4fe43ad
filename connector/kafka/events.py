"""What a public event carries beside its value: CloudEvents headers (binary mode) and the trace it belongs to.

Rule: headers repeat nothing of a subscriber. The same event always gets the same headers. Source: CloudEvents 1.0,
"Kafka Protocol Binding", section 3.2; W3C Trace Context.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from connector.domain.events import DeliveryReport, HlrResult, InboundMessage, SubmitResponse
from connector.domain.identity import event_id

__all__ = ["CONTENT_TYPE", "SOURCE", "TYPES", "Published", "event_headers", "event_id", "trace_of"]

Published = SubmitResponse | DeliveryReport | HlrResult | InboundMessage

# The version counts changes that a consumer must know of; fields that are added do not count.
TYPES: Final[Mapping[type[Published], str]] = {
    SubmitResponse: "sms.submit-response.v1",
    DeliveryReport: "sms.delivery-report.v1",
    HlrResult: "sms.hlr-result.v1",
    InboundMessage: "sms.inbound-message.v1",
}
CONTENT_TYPE: Final = b"application/avro"
# Followed by the account; a URI reference, as CloudEvents asks.
SOURCE: Final = "/sms-connector/accounts/"

# W3C Trace Context, 3.3.1.5: a tracestate of 512 characters should be passed on; a longer one would fill our records.
TRACE_OCTETS: Final = 512

_CONSTANT: Final = {
    cls: [("ce_specversion", b"1.0"), ("ce_type", name.encode()), ("content-type", CONTENT_TYPE)]
    for cls, name in TYPES.items()
}


def event_headers(
    event: Published, *, traceparent: str | None = None, tracestate: str | None = None
) -> list[tuple[str, bytes]]:
    """The headers of a record with this event; the trace is passed on where the outbound record had one."""
    at = event.completed_at if isinstance(event, (SubmitResponse, InboundMessage)) else event.received_at
    headers = [
        *_CONSTANT[type(event)],
        ("ce_id", event.event_id.encode()),
        ("ce_source", f"{SOURCE}{event.account}".encode()),
        ("ce_time", _rfc3339(at)),
    ]
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode("ascii", "replace")))
        if tracestate is not None:
            headers.append(("tracestate", tracestate.encode("ascii", "replace")))
    return headers


def trace_of(headers: Sequence[tuple[str, bytes]]) -> tuple[str | None, str | None]:
    """(traceparent, tracestate) of a record's headers; None for what is not there, not ASCII, or too long."""
    found: dict[str, str] = {}
    for name, value in headers:
        if (
            name in ("traceparent", "tracestate")
            and value is not None
            and len(value) <= TRACE_OCTETS
            and value.isascii()
        ):
            found[name] = value.decode("ascii")
    return found.get("traceparent"), found.get("tracestate")


def _rfc3339(at_ms: int) -> bytes:
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z".encode()
