"""What is in a record of any of our topics: frames unpacked, wrapped events decoded, and no record too broken to show.

Next station: `watch`, which filters and prints.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from connector.cli.events import plain
from connector.domain.events import (
    Delivery,
    DeliveryReport,
    HlrResult,
    InboundMessage,
    LaneMessage,
    LedgerEntry,
    SubmitResponse,
)
from connector.domain.messages import Lane, OutboundMessage
from connector.kafka.clients import Record
from connector.kafka.records import Codec, Event, Item, RecordError
from connector.kafka.topics import Topics
from connector.smpp.constants import CommandId
from connector.smpp.errors import MalformedPdu
from connector.smpp.pdu import decode

DEAD_LETTERS: Final = "dead-letters"
PUBLIC: Final = ("outbound", "submit-responses", "delivery-reports", "hlr-results", "inbound", DEAD_LETTERS)
"""What is watched without a choice."""

_EVENTS: Final[Mapping[str, type[Event]]] = {
    "outbound": OutboundMessage,
    "submit-responses": SubmitResponse,
    "delivery-reports": DeliveryReport,
    "hlr-results": HlrResult,
    "inbound": InboundMessage,
}
_FRAMES: Final[Mapping[str, type[Item]]] = {
    **{f"lane.{lane.value}": LaneMessage for lane in Lane},
    "deliveries": Delivery,
    "ledger": LedgerEntry,
}
_HEADERS: Final = ("ce_", "dl_", "content-type", "traceparent", "tracestate")
"""Headers of ours; what else a producer sends along is masked."""
NAMES: Final = (*_EVENTS, DEAD_LETTERS, *_FRAMES)
"""Every topic by its short name."""


class Sighting(NamedTuple):
    """One event as it was seen. `event` holds masked values, `searchable` the same ones as they are, for filters;
    `fault` says why there is no event."""

    topic: str
    record: Record
    headers: Mapping[str, str]
    event: Mapping[str, object]
    searchable: Mapping[str, object]
    fault: str | None = None


class Decoder:
    """Decodes records of the topics under one prefix. `UnknownSchemaId` of the codec passes through."""

    def __init__(self, topics: Topics, codec: Codec, *, reveal: bool) -> None:
        self._names = {topics.prefix + name: name for name in NAMES}
        self._codec = codec
        self._reveal = reveal

    def sightings(self, record: Record) -> list[Sighting]:
        """The events of a record, a frame's items one by one."""
        name = self._names[record.topic]
        headers = {
            key: value.decode("utf-8", "replace") if self._reveal or key.startswith(_HEADERS) else "***"
            for key, value in record.headers
            if value is not None
        }
        if name == DEAD_LETTERS:
            return [self._dead_letter(name, record, headers)]
        try:
            values: list[Event | Item] = (
                [self._codec.decode(_EVENTS[name], record.value)]
                if name in _EVENTS
                else list(self._codec.decode_frame(_FRAMES[name], record.value))
            )
        except RecordError as error:
            return [Sighting(name, record, headers, {}, {}, f"{error.code}: {error.reason}")]
        return [Sighting(name, record, headers, *self._shown(value)) for value in values]

    def _shown(self, value: Event | Item) -> tuple[dict[str, object], dict[str, object]]:
        """(masked, as it is), with what is wrapped inside unpacked."""
        return self._one(value, reveal=self._reveal), self._one(value, reveal=True)

    def _one(self, value: Event | Item, *, reveal: bool) -> dict[str, object]:
        event = plain(value, reveal=reveal)
        if isinstance(value, LaneMessage):
            try:
                event["event"] = plain(self._codec.decode(OutboundMessage, value.event), reveal=reveal)
            except RecordError as error:
                event["event"] = f"{error.code}: {error.reason}"
        elif isinstance(value, Delivery) and value.pdu is not None:
            event["command"] = _command(value.pdu)
        return event

    def _dead_letter(self, name: str, record: Record, headers: dict[str, str]) -> Sighting:
        """The headers that say why, and what was refused where it can be read at all."""
        why: dict[str, object] = {key: value for key, value in headers.items() if key.startswith("dl_")}
        if "dl_message_id" in headers:
            why["message_id"] = headers["dl_message_id"]
        kind = _EVENTS.get(self._names.get(headers.get("dl_topic", ""), ""))
        masked, bare = dict(why), dict(why)
        if kind is not None:
            try:
                value = self._codec.decode(kind, record.value)
            except RecordError:
                pass
            else:
                masked["event"] = plain(value, reveal=self._reveal)
                # A filter on the recipient or the account finds its dead letters too.
                bare = {**plain(value, reveal=True), **bare}
        return Sighting(name, record, headers, masked, bare)


def _command(pdu: bytes) -> str:
    try:
        header, _ = decode(pdu)
        return CommandId(header.command_id).name.lower()
    except (MalformedPdu, ValueError):
        return "malformed"


def _bare(value: object) -> str:
    return "true" if value is True else "false" if value is False else str(value)


def matcher(filters: Mapping[str, str]) -> Callable[[Sighting], bool]:
    """Whether a sighting fits every filter: field (`metadata.x` for a key inside) to value, upper and lower case alike.

    A field that an event does not have fits nothing. "id" and "message_id" are one, as in an outbound message.
    """

    def fits(sighting: Sighting) -> bool:
        return all(_fits(sighting.searchable, name, wanted) for name, wanted in filters.items())

    return fits


def _fits(event: Mapping[str, object], name: str, wanted: str) -> bool:
    candidates = [_found(event, name)]
    if name == "message_id":
        candidates.append(_found(event, "id"))
    inner = event.get("event")
    if isinstance(inner, Mapping):
        candidates.append(_found(inner, name))
    folded = wanted.casefold().lstrip("+")
    return any(value is not None and _bare(value).casefold().lstrip("+") == folded for value in candidates)


def _found(event: Mapping[str, object], name: str) -> object:
    here: object = event
    for step in name.split("."):
        if not isinstance(here, Mapping):
            return None
        here = here.get(step)
    return here
