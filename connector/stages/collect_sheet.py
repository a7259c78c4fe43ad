"""The working sheet of one batch of the collector: rows as they stand by now, events to publish, and the counts.

The sheet sees its own writes before the tables do. It decides nothing about messages: `collect_receipts` and
`collect_inbound` do. Comes from: `collect_batch`. Next station: the topics, then the tables.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from connector import telemetry
from connector.domain.assembling import Assemblies, AssemblyRules
from connector.domain.events import Delivery, DeliveryReport, HlrResult, InboundMessage, LaneMessage, SubmitResponse
from connector.domain.joining import JoinRules, Messages, Waiting
from connector.domain.rolling import Rollup
from connector.kafka.clients import OutRecord, Record, partition_for
from connector.kafka.events import Published, event_headers
from connector.kafka.records import Codec, RecordError
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.smpp.errors import MalformedPdu, SmppError
from connector.smpp.pdu import Body, DataSm, DeliverSm, Header, decode
from connector.stages.collect_polls import Outstanding
from connector.stages.collect_rows import RowError, RowKind, Rows, kind_of
from connector.stages.dead_letters import dead_letter, most_octets
from connector.translate import DialectSettings, is_receipt

log = logging.getLogger(__name__)

STAGE: Final = "collect"

# Half of what Kafka takes by default; an ordinary row has some hundred octets, an inbound message of 255 parts 90,000.
MOST_ROW_OCTETS: Final = 512 * 1024
# The key and the headers of an event, and the head of its batch.
_HEADERS_OCTETS: Final = 4096
_DEFAULT_MOST: Final = most_octets(KafkaSettings())


class TableName(StrEnum):
    """SUBMITTED: messages by gateway id, and the ends of their parts. WAITING: receipts without a message, inbound
    parts without the rest."""

    SUBMITTED = "submitted"
    WAITING = "waiting"


class Place(NamedTuple):
    """A row's place."""

    table: TableName
    partition: int
    key: bytes

    def __repr__(self) -> str:
        # A key may hold a subscriber's number.
        return f"Place({self.table}[{self.partition}], key=<{len(self.key)}>)"


class Write(NamedTuple):
    """A row to write; None deletes it. `durable`: in the changelog first, else in the local store alone."""

    place: Place
    row: bytes | None
    durable: bool

    def __repr__(self) -> str:
        size = "None" if self.row is None else f"<{len(self.row)}>"
        return f"Write({self.place}, row={size}, durable={self.durable})"


Value = Messages | Rollup | Waiting | Assemblies


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every batch works with. `read` asks a table; accounts that are not configured any more have `default`;
    no record has more than `most_octets`; `deliveries_partitions` are those of the topic of deliveries."""

    codec: Codec
    topics: Topics
    accounts: Mapping[str, DialectSettings]
    joins: JoinRules
    assemblies: AssemblyRules
    read: Callable[[Place], bytes | None]
    deliveries_partitions: int
    outstanding: Outstanding = field(default_factory=Outstanding)
    default: DialectSettings = field(default_factory=DialectSettings)
    most_octets: int = _DEFAULT_MOST

    def dialect(self, account: str) -> DialectSettings:
        """How the account speaks."""
        return self.accounts.get(account, self.default)


class Unreadable(Exception):
    """An item that goes to the dead letters; the message is for a person and holds nothing of it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Sheet:
    """`events`, and the counts by account, are its results; `settle` gives the rows."""

    def __init__(self, desk: Desk, *, now_ms: int) -> None:
        self.desk = desk
        self.now_ms = now_ms
        self.events: list[OutRecord] = []
        self.receipts: Counter[tuple[str, str]] = Counter()
        self.contradictions: Counter[str] = Counter()
        self.inbound: Counter[tuple[str, str]] = Counter()
        self.dead: Counter[str] = Counter()
        self._rows = Rows(desk.codec)
        self._values: dict[Place, Value | None] = {}
        self._frames: dict[Place, bytes] = {}
        self._changed: dict[Place, bool] = {}
        self._forwarded: dict[int, list[Delivery]] = defaultdict(list)

    # Rows

    def value(self, place: Place) -> Value | None:
        """What stands there, after what this batch did so far."""
        if place in self._values:
            return self._values[place]
        row = self.desk.read(place)
        value: Value | None = None
        if row is not None:
            try:
                value = self._read(place, row)
            except RowError as fault:
                log.error("%s; it is forgotten", fault)
        self._values[place] = value
        return value

    def messages(self, place: Place) -> Messages | None:
        """What stands there, if it is messages."""
        value = self.value(place)
        return value if isinstance(value, Messages) else None

    def waiting(self, place: Place) -> Waiting | None:
        """What stands there, if it is receipts that wait."""
        value = self.value(place)
        return value if isinstance(value, Waiting) else None

    def put(self, place: Place, value: Value | None, *, durable: bool = True, same_items: bool = False) -> None:
        """Write a row; None deletes it. `same_items`: the messages in it are those that were read."""
        if not same_items:
            self._frames.pop(place, None)
        self._values[place] = value
        self._changed[place] = durable or self._changed.get(place, False)

    def settle(self, tell_all: Callable[[Place, Value], None]) -> list[Write]:
        """Every row that changed, as it is to be written, and the last of the events.

        No peer may make a row that Kafka does not take: what stands in it is given to `tell_all`, and the row left out.
        """
        writes = []
        for place, durable in self._changed.items():
            value = self._values[place]
            row = None if value is None else self._row(place, value)
            if value is not None and row is not None and len(row) > MOST_ROW_OCTETS:
                log.error(
                    "a row of %s has %d octets, at most %d are kept; it is left out",
                    place.table,
                    len(row),
                    MOST_ROW_OCTETS,
                )
                tell_all(place, value)
                row = None
            writes.append(Write(place, row, durable))
        for partition, items in self._forwarded.items():
            frames = self.desk.codec.frames(items)
            self.events += [OutRecord(self.desk.topics.deliveries, frame, partition=partition) for frame in frames]
        self._forwarded.clear()
        return writes

    def _row(self, place: Place, value: Value) -> bytes:
        match value:
            case Messages():
                return self._rows.from_messages(value, self._frames.get(place))
            case Rollup():
                return self._rows.from_rollup(value)
            case Waiting():
                return self._rows.from_waiting(value)
            case _:
                return self._rows.from_assemblies(value)

    def _read(self, place: Place, row: bytes) -> Value:
        match kind_of(row):
            case RowKind.MESSAGES:
                messages, self._frames[place] = self._rows.to_messages(row)
                return messages
            case RowKind.ROLLUP:
                return self._rows.to_rollup(row)
            case RowKind.WAITING:
                return self._rows.to_waiting(row)
            case RowKind.ASSEMBLIES:
                return self._rows.to_assemblies(row)

    # Records

    def publish(self, event: Published, traceparent: str | None = None) -> None:
        """Raises `Unreadable` for an event that Kafka does not take."""
        topics = self.desk.topics
        match event:
            case DeliveryReport():
                topic, key = topics.delivery_reports, event.message_id or event.gateway_message_id or event.event_id
            case HlrResult():
                topic, key = topics.hlr_results, event.message_id or event.gateway_message_id or event.event_id
            case InboundMessage():
                topic, key = topics.inbound, event.sender
            case SubmitResponse():
                topic, key = topics.submit_responses, event.message_id
        value = self.desk.codec.encode(event)
        if len(value) + _HEADERS_OCTETS > self.desk.most_octets:
            raise Unreadable("too-large", f"the event made of it has {len(value)} octets, which Kafka does not take")
        with telemetry.span(STAGE, traceparent=traceparent) as span:
            headers = tuple(event_headers(event, traceparent=span.traceparent))
        self.events.append(OutRecord(topic=topic, value=value, key=key.encode("utf-8", "replace"), headers=headers))
        if isinstance(event, DeliveryReport | HlrResult) and event.contradiction is not None:
            self.contradictions[event.account] += 1

    def forward(self, item: Delivery) -> None:
        """Back into the topic of deliveries, to whichever partition its key belongs."""
        partition = partition_for(item.key.encode("utf-8", "replace"), self.desk.deliveries_partitions)
        self._forwarded[partition].append(item)

    def ask(self, message: LaneMessage) -> None:
        """Into a lane, as the router does."""
        topic = self.desk.topics.lane(message.lane)
        self.events.append(OutRecord(topic, self.desk.codec.encode_frame([message]), partition=message.slot))

    def origin(self, partition: int) -> Record:
        """Stands for the frame of an item that came out of a table."""
        return Record(self.desk.topics.deliveries, partition, -1, self.now_ms, None, None, ())

    def set_aside(self, item: Delivery, record: Record, error: Exception) -> None:
        """Makes a dead letter of one item. A fault of ours with it must not stop all others, so any error ends here."""
        if isinstance(error, Unreadable):
            code, reason = error.code, error.reason
        else:
            code, reason = "internal-error", f"the collector failed on it with {type(error).__name__}"
            log.error("an item of %s could not be processed: %s", record.topic, type(error).__name__)
        try:
            value = self.desk.codec.encode_frame([item])
        except RecordError:
            value = record.value or b""
        self.letter(record._replace(key=item.key.encode(), value=value), code, reason)

    def letter(self, record: Record, code: str, reason: str) -> None:
        """A dead letter of a record."""
        self.dead[code] += 1
        self.events.append(
            dead_letter(
                record,
                topic=self.desk.topics.dead_letters,
                stage=STAGE,
                code=code,
                reason=reason,
                now_ms=self.now_ms,
                most=self.desk.most_octets,
            )
        )


def pdu_of(item: Delivery) -> DeliverSm | DataSm:
    """The delivery in an item. Raises `Unreadable`."""
    _, body = decoded(item)
    if not isinstance(body, DeliverSm | DataSm):
        raise Unreadable("pdu-unexpected", f"a {type(body).__name__} is neither a deliver_sm nor a data_sm")
    return body


def decoded(item: Delivery) -> tuple[Header, Body]:
    """The PDU in an item. Raises `Unreadable`.

    Of a receipt the damaged end of its optional parameters is left out: its text tells what matters. A message from a
    subscriber might lack its text so, or the place of a part.
    """
    if item.pdu is None:
        raise Unreadable("delivery-empty", "the item has no PDU")
    try:
        return decode(item.pdu)
    except SmppError as error:
        if isinstance(error, MalformedPdu) and error.complete:
            body = error.partial
            if isinstance(body, DeliverSm | DataSm) and is_receipt(body):
                return error.header, body
        raise Unreadable("pdu-malformed", f"the stored PDU cannot be read: {error}") from error
