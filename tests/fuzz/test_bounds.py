"""What a stranger can make us keep: each bound with the place that holds it, measured in octets or in things, not time.

what a peer can send                   | at most                                     | held by
---------------------------------------+---------------------------------------------+------------------------------
one PDU                                | MAX_PDU, 64 KiB, before anything is kept    | smpp.session `receive`, `_keep`
octets between two PDUs                | the beginning of one PDU                    | smpp.session `_keep`
our requests without an answer         | the window                                  | smpp.session `request`
our requests that timed out            | LATE_KEPT, 65,536                           | smpp.waiting `time_out`
deliveries without our answer          | delivery_window and what one read brought   | bind.link `_tell`
requests while it reads no answers     | ANSWERS_HELD, 1 MiB, and one read           | bind.link `data_received`
oddities                               | a count, and a log line for each doubling   | bind.oddities
shapes of messages, prices, dates      | 4,096 each, 1,024, 4,096                    | smpp.quick, translate.receipts
parts under one reference              | 8 messages of 255 parts                     | domain.assembling
receipts of one message                | 16 marks, 9 copies of each                  | domain.joining `heard`
receipts nobody claims, under one id   | 32 after the next tick                      | domain.joining `give_up`
messages without an id to one number   | 64                                          | stages.collect_losses
any row of the collector               | MOST_ROW_OCTETS, 512 KiB                    | stages.collect_sheet `settle`
rows of the collector                  | none: by age (retention), on disk           | stages.collect `_sweep`
rows that wait, their times in memory  | 200,000; the sweep finds the others         | stages.collect `_remember`
words of a label                       | 500 series, the rest counted together       | telemetry.cells

what a producer can write              | at most                                     | held by
---------------------------------------+---------------------------------------------+------------------------------
a batch as it unpacks                  | MAX_UNPACKED_OCTETS, 32 MiB                 | kafka.unpacking
a record                               | kafka.max_record_bytes, 1 MiB               | stages.routing, kafka.records
a frame                                | a record and 32 KiB                         | kafka.records `decode_frame`
items in a frame that is read          | its octets: each takes one for every field  | kafka.wire
metadata                               | 100 entries, 64 KiB                         | domain.kinds
a trace context                        | 512 octets                                  | kafka.events `trace_of`
a schema of the registry               | 64 Ki characters, 16 levels, few free values| kafka.schemas
an answer of the registry              | 1 MiB; 10,000 unknown ids                   | kafka.registry
a dead letter                          | a record and its overhead                   | stages.dead_letters
"""

import asyncio
import gzip
import logging
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from connector import telemetry
from connector.bind.handlers import DeliveryToken, Loss
from connector.bind.link import ANSWERS_HELD, Link
from connector.bind.oddities import Oddities
from connector.bind.reconnect import Ending
from connector.domain.assembling import MOST_ASSEMBLIES
from connector.domain.events import Delivery, DeliveryType
from connector.domain.joining import MOST_MARKS, MOST_PARKED, Parked, Waiting
from connector.domain.kinds import METADATA_ENTRIES, METADATA_OCTETS, validate
from connector.domain.messages import OutboundMessage
from connector.kafka import unpacking
from connector.kafka.events import TRACE_OCTETS, trace_of
from connector.kafka.records import MAX_LONE_FRAME_OCTETS, MAX_RECORD_OCTETS, Codec, RecordError
from connector.kafka.schemas import MAX_SCHEMA_CHARACTERS, MAX_SCHEMA_DEPTH
from connector.kafka.unpacking import MAX_UNPACKED_OCTETS, Unreadable
from connector.kafka.wire import write_long
from connector.smpp.pdu import MAX_PDU, Body, DeliverSm, EnquireLink, Header, SubmitSm, encode
from connector.smpp.session import Role, Session, SessionSettings
from connector.smpp.waiting import LATE_KEPT
from connector.stages.collect import MOST_DUES, Collector
from connector.stages.collect_batch import Batch
from connector.stages.collect_rows import Rows
from connector.stages.collect_sheet import MOST_ROW_OCTETS, Place, TableName
from connector.telemetry.cells import MAX_SERIES
from connector.translate import DialectSettings
from tests.fuzz.targets.deliveries import FRAME, TOPICS, Tables
from tests.smpp.pairs import MESSAGE, bound_client
from tests.stages.deliveries import receipt, received, submitted
from tests.support.samples import BARE_OUTBOUND

CODEC = Codec()
MEBIBYTE = 1 << 20
QUIET = SessionSettings(enquire_interval=None, response_timeout=None)


def test_the_table_above_says_what_is_so() -> None:
    assert (MAX_PDU, LATE_KEPT, ANSWERS_HELD) == (65_536, 65_536, MEBIBYTE)
    assert (MOST_ASSEMBLIES, MOST_MARKS, MOST_PARKED, MOST_ROW_OCTETS) == (8, 16, 32, 512 * 1024)
    assert (MAX_RECORD_OCTETS, MAX_LONE_FRAME_OCTETS) == (MEBIBYTE, MEBIBYTE + 32 * 1024)
    assert (MAX_UNPACKED_OCTETS, METADATA_ENTRIES, METADATA_OCTETS) == (32 * MEBIBYTE, 100, 65_536)
    assert (MAX_SERIES, TRACE_OCTETS, MOST_DUES) == (500, 512, 200_000)
    assert (MAX_SCHEMA_CHARACTERS, MAX_SCHEMA_DEPTH) == (65_536, 16)


def peak(work: Callable[[], object]) -> int:
    """The most octets that were in use at once while this ran, beyond those before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# The session


def fed(session: Session, stream: bytes, times: int, piece: int) -> None:
    for _ in range(times):
        for at in range(0, len(stream), piece):
            session.receive(stream[at : at + piece], 0.0)
            session.data_to_send()


def test_the_largest_pdus_in_small_pieces_take_the_room_of_a_few() -> None:
    stranger = MAX_PDU.to_bytes(4, "big") + b"\0\1\2\0" + bytes(MAX_PDU - 8)
    used = peak(lambda: fed(bound_client(), stranger, 20, 1000))
    assert used < 6 * MAX_PDU


@pytest.mark.parametrize("length", [0, 15, MAX_PDU + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_no_pdu_has_is_given_no_room(length: int) -> None:
    session = bound_client()
    stream = length.to_bytes(4, "big") + bytes(12)
    assert peak(lambda: fed(session, stream, 1000, 16)) < 16_384
    assert not session._partial


def test_a_header_that_nothing_follows_is_all_that_is_kept() -> None:
    session = bound_client()
    session.receive(MAX_PDU.to_bytes(4, "big") + bytes(12), 0.0)
    assert len(session._partial) == 16


def test_the_window_holds_so_many_and_what_timed_out_so_many() -> None:
    session = bound_client(SessionSettings(window=2, response_timeout=1.0, enquire_interval=None))
    for number in range(LATE_KEPT + 50):
        session.request(MESSAGE, float(2 * number))
        session.on_timer(2.0 * number + 1.5)
        session.data_to_send()
    assert session.in_flight == 0
    assert len(session._waiting.late) == LATE_KEPT


# The link


class Wire(asyncio.Transport):
    """A transport that goes nowhere and says whether it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: Any) -> None:
        """Gone."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def close(self) -> None:
        """Closed as it is."""

    def abort(self) -> None:
        """Closed as it is."""


class Held:
    """A handler that answers no delivery until it is told to."""

    def __init__(self) -> None:
        self.tokens: list[DeliveryToken] = []

    def on_request(self, link: Link, body: Body, raw: bytes, token: DeliveryToken) -> None:
        self.tokens.append(token)

    def on_lost(self, link: Link, loss: Loss, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        """It was to be."""

    def on_settled(self, link: Link) -> None:
        """Nobody waits."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def joined(handler: Held, *, delivery_window: int) -> tuple[Link, Wire, Session]:
    session = bound_client(QUIET)
    link = Link(
        handler,
        session=session,
        clock=lambda: 0.0,
        may_write=lambda: True,
        delivery_window=delivery_window,
        suspect_after=1e9,
        encrypted=False,
    )
    wire = Wire()
    link.connection_made(wire)
    return link, wire, session


async def test_deliveries_without_an_answer_stop_the_reading() -> None:
    window, at_once = 100, 20
    held = Held()
    link, wire, _ = joined(held, delivery_window=window)
    chunk = encode(DeliverSm(source_addr="1", short_message=b"STOP"), sequence=1) * at_once
    reads = 0
    while wire.reading and reads < 1000:
        link.data_received(chunk)
        reads += 1
    assert window <= link.deliveries == len(held.tokens) < window + at_once
    for token in held.tokens[: window // 2]:
        link.respond(token)
    assert wire.reading
    link.abort(Ending.CLOSED, "the end")


async def test_a_peer_that_reads_nothing_is_read_no_more() -> None:
    link, wire, session = joined(Held(), delivery_window=100)
    link.pause_writing()
    chunk = encode(EnquireLink(), sequence=1) * 4096
    reads = 0
    while wire.reading and reads < 1000:
        link.data_received(chunk)
        reads += 1
    assert reads * len(chunk) <= ANSWERS_HELD + len(chunk)
    assert sum(map(len, session._out)) <= ANSWERS_HELD + len(chunk)
    link.abort(Ending.CLOSED, "the end")


def test_a_flood_of_oddities_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    oddities = Oddities()
    with caplog.at_level(logging.DEBUG):
        for _ in range(100_000):
            oddities.seen(Header(16, 0x80000004, 0, 1), "answers nothing that was asked")
    assert len(caplog.records) == 17


# The collector


def in_batches(tables: Tables, items: list[Delivery], size: int = 500) -> None:
    for start in range(0, len(items), size):
        batch = Batch(tables.desk, now_ms=tables.now_ms)
        for item in items[start : start + size]:
            batch.take(FRAME, item)
        tables.settle(batch)


def test_parts_under_one_reference_fill_eight_messages_at_most() -> None:
    tables = Tables()
    items = [part(index, number) for number in range(30) for index in range(1, 255)]
    in_batches(tables, items)
    ((place, row),) = tables.rows.items()
    assert place.table is TableName.WAITING
    assert len(Rows(CODEC).to_assemblies(row)) <= MOST_ASSEMBLIES
    assert len(row) <= MOST_ROW_OCTETS


def test_parts_of_the_largest_size_fill_no_more_than_a_row() -> None:
    tables = Tables()
    in_batches(tables, [part(index, number, octets=40_000) for number in range(4) for index in range(1, 40)], size=7)
    assert all(len(row) <= MOST_ROW_OCTETS for row in tables.rows.values())


def part(index: int, number: int, *, octets: int = 10) -> Delivery:
    text = bytes((5, 0, 3, 7, 255, index)) + number.to_bytes(2, "big") + bytes(8)
    tlvs = ((0x1400, bytes(octets)),) if octets > 10 else ()
    return received(
        DeliverSm(source_addr="79990000001", destination_addr="7700", esm_class=0x40, short_message=text, tlvs=tlvs)
    )


def test_receipts_that_nobody_claims_leave_a_few_behind() -> None:
    tables = Tables()
    in_batches(tables, [receipt(err=number) for number in range(900)])
    ((place, row),) = tables.rows.items()
    assert len(row) <= MOST_ROW_OCTETS
    batch = Batch(tables.desk, now_ms=tables.now_ms)
    batch.due(place.partition, place.key)
    tables.settle(batch)
    told = [event for event in batch.events if event.topic == TOPICS.delivery_reports]
    assert len(told) == 900, "each is told before it is forgotten"
    assert len(Rows(CODEC).to_waiting(tables.rows[place]).receipts) == MOST_PARKED


def test_the_times_of_what_waits_fill_no_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep comes by the other rows again."""
    monkeypatch.setattr("connector.stages.collect.MOST_DUES", 2)
    collector = object.__new__(Collector)
    collector._dues, collector._due_at = [], {}
    parked = Parked(receipt=receipt(), mark=1, copy=1)
    row = Rows(CODEC).from_waiting(Waiting(receipts=(parked,), due_at=5, expires_at=9))
    for number in range(10):
        collector._remember(0, b"%d" % number, row)
    assert (len(collector._dues), len(collector._due_at)) == (2, 2)


def test_a_message_remembers_its_last_receipts_alone() -> None:
    tables = Tables()
    in_batches(tables, [submitted(), *(receipt(err=number) for number in range(900))])
    (row,) = tables.rows.values()
    messages, _ = Rows(CODEC).to_messages(row)
    assert [len(known.marks) for known in messages.known] == [MOST_MARKS]


def test_a_row_that_would_be_too_large_is_told_and_not_kept() -> None:
    tables = Tables()
    tables.rows[Place(TableName.WAITING, 0, b"main|1")] = b"\xff" * 40
    padded = [
        received(
            DeliverSm(
                source_addr="79990000001",
                esm_class=4,
                short_message=f"id:1 stat:DELIVRD err:{number:03}".encode(),
                tlvs=((0x1400, bytes(60_000)),),
            )
        )
        for number in range(20)
    ]
    in_batches(tables, padded, size=20)
    assert all(len(row) <= MOST_ROW_OCTETS for row in tables.rows.values())


# Telemetry


def test_labels_of_a_strangers_choice_make_so_many_series() -> None:
    telemetry.reset()
    for number in range(5_000):
        telemetry.count(telemetry.Metric.BIND_REFUSED, account="main", status=f"0x{number:08X}")
    assert len(telemetry.snapshot(telemetry.Metric.BIND_REFUSED)) <= 501
    telemetry.reset()


# Kafka


@pytest.mark.parametrize(
    ("metadata", "taken"),
    [
        ({str(number): "x" for number in range(METADATA_ENTRIES)}, True),
        ({str(number): "x" for number in range(METADATA_ENTRIES + 1)}, False),
        ({"x": "y" * (METADATA_OCTETS - 1)}, True),
        ({"x": "y" * METADATA_OCTETS}, False),
    ],
)
def test_metadata_has_its_limits(metadata: dict[str, str], taken: bool) -> None:
    message = OutboundMessage(id="m", recipient="79990000001", sender="Shop", text="hello", metadata=metadata)
    refusal = validate(message, DialectSettings(), 0)
    assert (refusal is None) is taken
    assert taken or (refusal is not None and refusal.code == "metadata-too-large")


def worst_frame() -> bytes:
    """As many items as fit: all their fields empty."""
    item = Delivery(type=DeliveryType.RECEIVED, key="", account="", at=0, slot=0)
    head = CODEC.encode_frame([item])
    body = head[11:-1]
    count = (MAX_LONE_FRAME_OCTETS - 20) // len(body)
    frame = bytearray(head[:10])
    write_long(frame, count)
    return bytes(frame) + body * count + b"\0"


def test_a_frame_of_empty_items_becomes_a_few_times_its_size() -> None:
    frame = worst_frame()
    assert len(frame) > 0.99 * MEBIBYTE
    assert peak(lambda: CODEC.decode_frame(Delivery, frame)) < 24 * MAX_LONE_FRAME_OCTETS


def test_a_record_of_empty_metadata_becomes_a_few_times_its_size() -> None:
    bare = CODEC.encode(BARE_OUTBOUND)
    at = bare.rindex(b"\0\0\0\0")  # the map, and the three fields behind it
    pairs = bytearray()
    write_long(pairs, 250_000)
    record = bare[:at] + bytes(pairs) + b"\2a\2b" * 250_000 + bare[at:]
    assert CODEC.decode(OutboundMessage, record).metadata == {"a": "b"}
    assert peak(lambda: CODEC.decode(OutboundMessage, record)) < 4 * MAX_RECORD_OCTETS


@pytest.mark.parametrize("count", [1 << 40, (1 << 62) - 1])
def test_a_count_without_the_items_is_given_no_room(count: int) -> None:
    frame = bytearray(CODEC.encode_frame([Delivery(type=DeliveryType.RECEIVED, key="", account="", at=0, slot=0)])[:10])
    write_long(frame, count)

    def read() -> None:
        with pytest.raises(RecordError, match="truncated"):
            CODEC.decode_frame(Delivery, bytes(frame))

    assert peak(read) < MEBIBYTE


def test_what_is_too_large_is_not_looked_at() -> None:
    octets = CODEC.encode(BARE_OUTBOUND)[:10] + bytes(MAX_RECORD_OCTETS)

    def read() -> None:
        with pytest.raises(RecordError, match="too-large"):
            CODEC.decode(OutboundMessage, octets)

    assert peak(read) < 65_536


def test_a_bomb_takes_no_more_than_the_limit_twice() -> None:
    bomb = gzip.compress(bytes(4 * MAX_UNPACKED_OCTETS))

    def unpack() -> None:
        with pytest.raises(Unreadable):
            unpacking.gzip(bomb)

    assert peak(unpack) < 3 * MAX_UNPACKED_OCTETS


def test_a_trace_context_that_goes_on_is_none() -> None:
    assert trace_of([("tracestate", b"x" * TRACE_OCTETS)]) == (None, "x" * TRACE_OCTETS)
    assert trace_of([("traceparent", b"x" * (TRACE_OCTETS + 1)), ("tracestate", bytes(1 << 20))]) == (None, None)


def test_a_server_keeps_as_little_as_a_client() -> None:
    server = Session(role=Role.SMSC, settings=QUIET, opened_at=0.0)
    submit = encode(SubmitSm(source_addr="SHOP", destination_addr="79990000001", short_message=bytes(200)), sequence=1)
    assert peak(lambda: fed(server, submit, 5_000, 37)) < MAX_PDU
