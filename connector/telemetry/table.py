"""Every instrument of the connector, as one table; a new figure is a new row here and nothing else.

A row says what the figure is called (OpenTelemetry's dotted name; Prometheus' name follows from it), of what kind and
unit it is, and which labels it has. Labels are words out of small vocabularies, never numbers of subscribers, ids or
texts: `label_value` turns whatever does not look like a word of its vocabulary into "other".

Next station: `cells`, which keeps the values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from connector.domain.messages import Lane


class Kind(Enum):
    """What may be done with an instrument: `count` it, set it with `gauge`, or `record` into it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(StrEnum):
    """The instruments; the value is the OpenTelemetry name."""

    EVENTS = "sms.events"
    DEAD_LETTERS = "sms.dead_letters"
    OUTCOMES = "sms.outcomes"
    UNKNOWN_OUTCOMES = "sms.unknown_outcomes"
    LANE_BACKLOG = "sms.lane.backlog"
    LANE_HELD = "sms.lane.held"
    SUBMITTED = "sms.submit.pdus"
    REQUESTS = "sms.requests"
    RESPONSES = "sms.submit.responses"
    SUBMIT_LATENCY = "sms.submit.latency"
    RESPONSE_TIME = "sms.submit.response_time"
    THROTTLED = "sms.submit.throttled"
    IN_FLIGHT = "sms.window.in_flight"
    WINDOW = "sms.window.limit"
    RATE = "sms.rate.current"
    RATE_CONFIGURED = "sms.rate.configured"
    CONGESTION = "sms.rate.congestion"
    BOUND = "sms.bind.bound"
    BIND_REFUSED = "sms.bind.refused"
    RECONNECTS = "sms.bind.reconnects"
    RECEIPTS = "sms.receipts"
    RECEIPTS_PARKED = "sms.receipts.parked"
    CONTRADICTIONS = "sms.receipts.contradictions"
    INBOUND = "sms.inbound"
    LEDGER_WRITES = "sms.ledger.writes"
    LEDGER_LATENCY = "sms.ledger.latency"
    KAFKA_FAULTS = "sms.kafka.faults"
    LOOP_LAG = "sms.loop.lag"


# Bounds of the buckets, in seconds. A message may wait an hour in a lane; an answer comes in a second or not for long.
_WAIT: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
    3600.0,
    14400.0,
)
_ANSWER: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WRITE: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LAG: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One row. `unit` is UCUM: "s" for seconds, "{pdu}" for a count of things; `bounds` are a histogram's buckets."""

    kind: Kind
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


def _counter(unit: str, description: str, *labels: str) -> Instrument:
    return Instrument(kind=Kind.COUNTER, unit=unit, description=description, labels=labels)


def _gauge(unit: str, description: str, *labels: str) -> Instrument:
    return Instrument(kind=Kind.GAUGE, unit=unit, description=description, labels=labels)


def _histogram(bounds: tuple[float, ...], description: str, *labels: str) -> Instrument:
    return Instrument(kind=Kind.HISTOGRAM, unit="s", description=description, labels=labels, bounds=bounds)


TABLE: Final[Mapping[Metric, Instrument]] = {
    Metric.EVENTS: _counter("{event}", "Records a stage has finished with, by result.", "stage", "lane", "result"),
    Metric.DEAD_LETTERS: _counter("{event}", "Events set aside as dead letters.", "stage", "reason"),
    Metric.OUTCOMES: _counter(
        "{message}", "Messages that reached their terminal outcome.", "account", "lane", "outcome"
    ),
    Metric.UNKNOWN_OUTCOMES: _counter(
        "{message}", "Messages whose bind died before the response, by what was decided.", "account", "decision"
    ),
    Metric.LANE_BACKLOG: _gauge("{message}", "Messages waiting in a lane topic.", "account", "slot", "lane"),
    Metric.LANE_HELD: _gauge(
        "{message}",
        "Messages taken from a lane and waiting for a token, the window or a guard.",
        "account",
        "slot",
        "lane",
    ),
    Metric.SUBMITTED: _counter("{pdu}", "Requests written to the gateway, parts counted singly.", "account", "lane"),
    Metric.REQUESTS: _counter("{pdu}", "Cancel, replace and query requests written to the gateway.", "account", "type"),
    Metric.RESPONSES: _counter("{pdu}", "Answers to requests, by verdict and status.", "account", "verdict", "status"),
    Metric.SUBMIT_LATENCY: _histogram(_WAIT, "From the outbound event to its first bytes on the wire.", "lane"),
    Metric.RESPONSE_TIME: _histogram(_ANSWER, "From a request to its answer.", "account"),
    Metric.THROTTLED: _counter("{pdu}", "Requests the gateway refused for now.", "account", "status"),
    Metric.IN_FLIGHT: _gauge("{pdu}", "Requests without an answer yet.", "account", "slot"),
    Metric.WINDOW: _gauge("{pdu}", "Requests that may be unanswered at once.", "account", "slot"),
    Metric.RATE: _gauge("{pdu}/s", "Rate this process allows itself now.", "account"),
    Metric.RATE_CONFIGURED: _gauge("{pdu}/s", "This process' share of the account's rate.", "account"),
    Metric.CONGESTION: _gauge("%", "The gateway's load as it tells it (SMPP 5.0), 0 to 100.", "account"),
    Metric.BOUND: _gauge("1", "1 while the bind is up, else 0.", "account", "slot"),
    Metric.BIND_REFUSED: _counter("{bind}", "Binds the gateway refused.", "account", "status"),
    Metric.RECONNECTS: _counter("{bind}", "Connections begun again after a loss.", "account", "slot"),
    Metric.RECEIPTS: _counter("{receipt}", "Receipts, by what became of them.", "account", "result"),
    Metric.RECEIPTS_PARKED: _gauge("{receipt}", "Receipts that wait for their submit response.", "stage"),
    Metric.CONTRADICTIONS: _counter("{receipt}", "Receipts whose parameters and text disagree.", "account"),
    Metric.INBOUND: _counter("{message}", "Messages from subscribers.", "account", "result"),
    Metric.LEDGER_WRITES: _counter("{entry}", "Entries made durable in the ledger.", "type"),
    Metric.LEDGER_LATENCY: _histogram(_WRITE, "From a ledger write to its acknowledgement.", "type"),
    Metric.KAFKA_FAULTS: _counter("{fault}", "Faults of Kafka that a stage met, by kind.", "stage", "fault"),
    Metric.LOOP_LAG: _histogram(_LAG, "How late the event loop wakes."),
}

OTHER: Final = "other"
STAGES: Final = frozenset({"route", "express", "submit", "collect"})

# Five digits in a row may be part of a number or of a code; no word of ours has them.
_WORD: Final = re.compile(r"(?!.*[0-9]{5})[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# A command status is ESME_... or, where the vendor made it up, a number in hex; a bind may fail without one ("silent").
_STATUS: Final = re.compile(r"(?!.*[0-9]{5})[A-Za-z][A-Za-z0-9_-]{0,63}|0x[0-9A-Fa-f]{1,8}")
_SLOT: Final = re.compile(r"[0-9]{1,3}")

VOCABULARY: Final[Mapping[str, frozenset[str] | re.Pattern[str]]] = {
    "stage": STAGES,
    "lane": frozenset(lane.value for lane in Lane),
    "account": _WORD,
    "slot": _SLOT,
    "status": _STATUS,
    "reason": _WORD,
    "result": _WORD,
    "verdict": _WORD,
    "outcome": _WORD,
    "decision": _WORD,
    "type": _WORD,
    "fault": _WORD,
}


def is_word(text: str) -> bool:
    """Whether `text` may stand in a label or as a span's error: a short word without a run of five digits."""
    return _WORD.fullmatch(text) is not None


def label_value(name: str, value: str | int) -> str:
    """The value as it will be exported: itself if its vocabulary allows it, "other" if not."""
    text = str(value)
    allowed = VOCABULARY[name]
    known = text in allowed if isinstance(allowed, frozenset) else allowed.fullmatch(text) is not None
    return text if known else OTHER
