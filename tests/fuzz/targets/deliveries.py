"""What the gateway delivers: receipts, answers to HLR requests, inbound messages; and the collector's batches of them.

An input of `delivery` is one PDU. One of `collect` is a row of steps: an octet (what), two octets of length, a PDU. Of
the octet the lowest two bits say that something came (0), was submitted (1), that time passes (2), or that a frame is
none (3); of what came the next two say as which type, and the bit of `GUESSING` that its account reads ids in two ways.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from struct import pack

from connector.domain.assembling import MOST_ASSEMBLIES, AssemblyRules
from connector.domain.events import (
    Delivery,
    DeliveryReport,
    DeliveryType,
    HlrResult,
    InboundMessage,
    LaneMessage,
)
from connector.domain.hlr import HlrText, is_hlr, parse_hlr
from connector.domain.joining import MOST_MARKS, JoinRules
from connector.domain.messages import Lane
from connector.domain.receipts import ReceiptError, ReceiptText, parse_receipt
from connector.kafka.clients import OutRecord, Record
from connector.kafka.records import Codec, RecordError
from connector.kafka.topics import Topics
from connector.smpp.errors import MalformedPdu, SmppError
from connector.smpp.pdu import Body, DataSm, DeliverSm, EncodeError, QuerySmResp, decode, encode
from connector.stages.collect_batch import Batch
from connector.stages.collect_rows import RowKind, Rows, kind_of
from connector.stages.collect_sheet import MOST_ROW_OCTETS, Desk, Place, TableName
from connector.translate import (
    DialectSettings,
    IdFormat,
    assemble,
    delivery_key,
    is_receipt,
    rollup_key,
    submitted_key,
    submitted_keys,
    to_inbound_part,
    to_polled_report,
    to_report,
)
from connector.translate.deliveries import message_octets, receipt_id
from tests.fuzz.mutating import damaged
from tests.fuzz.targets.pdu import parameters

CODEC = Codec()
TOPICS = Topics("sms.")
AT = 1_790_000_000_000
DIALECTS = (
    DialectSettings(),
    DialectSettings(id_format=IdFormat.HEX, iso=True, receipt_timezone="+14:00"),
    DialectSettings(response_id_format=IdFormat.DECIMAL, receipt_id_format=IdFormat.EITHER),
)
WORDS = (
    *(
        word.encode()
        for word in ("id:", " sub:", " dlvrd:001", " submit date:", " done date:", " done_date :", " stat:")
    ),
    *(
        word.encode()
        for word in (" err:", " text:", " imsi:", " msc:", " mcc:", " mnc:", " cn:", " net:", " rcn:", " rnet:")
    ),
    *(b"DELIVRD", b"UNDELIV", b"%", b"%41", b"%ff%fe", b"+", b"\0", b"\xa0", b"9999999999", b"000000000000", b"991332"),
    *(b"\x05\x00\x03\x07\x02\x01", b"\x06\x08\x04\x00\x07\x02\x02", b"\x1b", b"\xd8\x3d", b"\x00i\x00d\x00:"),
)
ACCOUNTS = {"main": DIALECTS[0], "guess": DialectSettings(id_format=IdFormat.EITHER, poll_after_minutes=1)}
TYPES = (DeliveryType.RECEIVED, DeliveryType.POLLED, DeliveryType.TOLD, DeliveryType.PART_DONE)
GUESSING = 16
CODINGS = (0, 1, 2, 3, 4, 5, 8, 0x0A, 0x0D, 0x0E, 0x10, 0x18, 0x20, 0xC0, 0xE0, 0xF0, 0xF4, 0xFF)


def delivery(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A deliver_sm with another text, other parameters or another coding; sometimes damaged as a whole."""
    octets = rng.choice(seeds)
    if rng.random() < 0.15:
        return damaged(rng, octets, others=seeds)
    try:
        header, body = decode(octets)
    except SmppError:
        return damaged(rng, octets, others=seeds)
    if not isinstance(body, DeliverSm):
        return damaged(rng, octets, others=seeds)
    made = DeliverSm(
        source_addr=body.source_addr if rng.random() < 0.9 else rng.randbytes(5).decode("latin-1"),
        destination_addr=body.destination_addr,
        esm_class=body.esm_class if rng.random() < 0.8 else rng.choice((0, 4, 0x20, 0x40, 0x44, 0x08, 0xFF)),
        data_coding=body.data_coding if rng.random() < 0.8 else rng.choice(CODINGS),
        short_message=damaged(rng, body.short_message, words=WORDS)[:255],
        tlvs=tuple((tag, damaged(rng, value) if rng.random() < 0.3 else value) for tag, value in body.tlvs),
    )
    try:
        octets = encode(made, sequence=header.sequence)
    except EncodeError:
        return octets
    more = parameters(rng) if rng.random() < 0.3 else b""
    return (len(octets) + len(more)).to_bytes(4, "big") + octets[4:] + more


def delivered(octets: bytes) -> DeliverSm | DataSm | None:
    """The PDU, where it is one of those that the link hands on."""
    body: Body | None
    try:
        _, body = decode(octets)
    except MalformedPdu as error:
        body = error.partial if error.complete else None
    except SmppError:
        return None
    return body if isinstance(body, DeliverSm | DataSm) else None


def check_delivery(octets: bytes) -> None:
    pdu = delivered(octets)
    if pdu is None:
        return
    text = message_octets(pdu)
    assert isinstance(parse_receipt(text), ReceiptText | ReceiptError)
    assert isinstance(parse_hlr(text), HlrText | ReceiptError)
    repr((parse_receipt(text), parse_hlr(text), is_hlr(text)))
    for dialect in DIALECTS:
        key = delivery_key("main", pdu, dialect)
        assert key == delivery_key("main", pdu, dialect)
        if is_receipt(pdu):
            kinds = ("SMS", "EMAIL", "HLR", "PING", None)
            for submitted in (None, *(sent(key, kind, dialect) for kind in kinds)):
                report = to_report(pdu, submitted, dialect, account="main", received_at=AT)
                again = to_report(pdu, submitted, dialect, account="main", received_at=AT + 5)
                if isinstance(report, ReceiptError):
                    assert submitted is None, "a receipt of a known message always says something"
                    continue
                written(report)
                assert not isinstance(again, ReceiptError)
                assert report.event_id == again.event_id, "a repeat has the same id"
        piece = to_inbound_part(pdu, account="main", received_at=AT)
        assert 1 <= piece.index <= piece.total <= 255
        written(assemble([piece], dialect, completed_at=AT))
    answer = QuerySmResp(message_id="1", final_date=pdu.source_addr, message_state=pdu.data_coding)
    written(to_polled_report(answer, sent("main|1", "SMS", DIALECTS[0]), DIALECTS[0], account="main", received_at=AT))


def sent(key: str, kind: str | None, dialect: DialectSettings) -> Delivery:
    """A message that this may be the receipt of."""
    return Delivery(
        type=DeliveryType.SUBMITTED,
        key=submitted_key("main", key.partition("|")[2], dialect),
        account="main",
        at=AT,
        slot=0,
        gateway_message_id="17",
        message_id="m-1",
        kind=kind,
        sender="SHOP",
        recipient="79990000001",
        parts=1,
    )


def written(event: DeliveryReport | HlrResult | InboundMessage) -> None:
    """Whatever was read can be published, and is the same to whoever reads it."""
    repr(event)
    assert CODEC.decode(type(event), CODEC.encode(event)) == event, "the event reads otherwise"


# The collector's batches


def steps_of(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """(what, PDU), in order."""
    at = 0
    while at + 3 <= len(octets):
        size = int.from_bytes(octets[at + 1 : at + 3], "big")
        yield octets[at], octets[at + 3 : at + 3 + size]
        at += 3 + size


def step(what: int, pdu: bytes) -> bytes:
    return bytes((what,)) + pack(">H", len(pdu)) + pdu


def batches(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """The steps of one or two inputs of the corpus, shuffled, repeated, damaged."""
    steps = [one for octets in rng.choices(seeds, k=2) for one in steps_of(octets)]
    rng.shuffle(steps)
    whole = [pdu for _, pdu in steps if pdu]
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(len(steps) + 1)
        kind = rng.random()
        if kind < 0.5 and whole:
            steps.insert(at, (_what(rng), delivery(rng, whole)))
        elif kind < 0.7 and whole:
            steps[at:at] = [(_what(rng), rng.choice(whole))] * rng.choice((1, 2, 40))
        elif kind < 0.75:
            steps = [(what | GUESSING if what & 3 < 2 else what, pdu) for what, pdu in steps]
        elif kind < 0.8:
            steps.insert(at, (2 | rng.randrange(64) << 2, b""))
        elif kind < 0.9:
            steps.insert(at, (3, b""))
        else:
            steps.insert(at, (_what(rng), rng.randbytes(20)))
    return b"".join(step(what, pdu) for what, pdu in steps)


def _what(rng: Random) -> int:
    return rng.choice((0, 0, 0, 1, 1, 4, 8, 12)) | rng.choice((0, GUESSING))


class Tables:
    """What the collector keeps, in dicts, and its clock."""

    def __init__(self) -> None:
        self.rows: dict[Place, bytes] = {}
        self.now_ms = AT
        self.desk = Desk(
            codec=CODEC,
            topics=TOPICS,
            accounts=ACCOUNTS,
            joins=JoinRules(unmatched_after=300_000, retention=3_600_000),
            assemblies=AssemblyRules(timeout=600_000, retention=3_600_000),
            read=self.rows.get,
            deliveries_partitions=1,
        )

    def settle(self, batch: Batch) -> None:
        """Writes the rows, and holds batch and rows to their promises."""
        for place, row, _ in batch.settle():
            if row is None:
                self.rows.pop(place, None)
            else:
                assert len(row) <= MOST_ROW_OCTETS, "a row that Kafka does not take"
                self.rows[place] = row
                within_limits(place, row)
        for event in batch.events:
            published(event)


def within_limits(place: Place, row: bytes) -> None:
    rows = Rows(CODEC)
    match kind_of(row):
        case RowKind.MESSAGES:
            messages, _ = rows.to_messages(row)
            assert all(len(known.marks) <= MOST_MARKS for known in messages.known)
        case RowKind.ASSEMBLIES:
            assemblies = rows.to_assemblies(row)
            assert len(assemblies) <= MOST_ASSEMBLIES
            assert all(len(each.parts) <= each.total <= 255 for each in assemblies)
        case RowKind.WAITING:
            rows.to_waiting(row)
        case RowKind.ROLLUP:
            rows.to_rollup(row)


def published(event: OutRecord) -> None:
    """An event that reads, or a dead letter that is no fault of ours."""
    kinds = {TOPICS.delivery_reports: DeliveryReport, TOPICS.hlr_results: HlrResult, TOPICS.inbound: InboundMessage}
    if event.topic == TOPICS.deliveries:
        CODEC.decode_frame(Delivery, event.value)
    elif event.topic == TOPICS.lane(Lane.NORMAL):
        CODEC.decode_frame(LaneMessage, event.value)
    elif event.topic == TOPICS.dead_letters:
        assert dict(event.headers)["dl_code"] != b"internal-error", "the collector failed on it"
    else:
        CODEC.decode(kinds[event.topic], event.value)


FRAME = Record(TOPICS.deliveries, 0, 17, AT, None, b"frame", ())


def check_batches(octets: bytes) -> None:
    tables = Tables()
    batch = Batch(tables.desk, now_ms=tables.now_ms)
    for what, raw in steps_of(octets):
        match what & 3:
            case 0:
                batch.take(FRAME, item(what, raw))
            case 1:
                pdu = delivered(raw)
                if pdu is not None:
                    kind = "SMS" if pdu.data_coding else "HLR"
                    for each in submitted(pdu, kind, "guess" if what & GUESSING else "main"):
                        batch.take(FRAME, each)
            case 2:
                tables.settle(batch)
                tables.now_ms += (what >> 2) * 60_000
                batch = Batch(tables.desk, now_ms=tables.now_ms)
                for place in list(tables.rows):
                    if place.table is TableName.WAITING:
                        batch.due(place.partition, place.key)
                    elif kind_of(tables.rows[place]) is RowKind.MESSAGES:
                        batch.poll(place.partition, place.key)
            case 3:
                tables.settle(batch)
                batch = Batch(tables.desk, now_ms=tables.now_ms)
                try:
                    batch.take_unreadable(FRAME, RecordError("truncated", "the frame ends early"))
                finally:
                    tables.settle(batch)
                batch = Batch(tables.desk, now_ms=tables.now_ms)
    tables.settle(batch)


def item(what: int, raw: bytes) -> Delivery:
    """A delivery as the submitter stores it, or the collector itself; what is no delivery gets there only by a fault,
    and must not stop all. An answer to a query is made of the receipt that would have said the same."""
    account = "guess" if what & GUESSING else "main"
    dialect, pdu = ACCOUNTS[account], delivered(raw)
    kind = TYPES[what >> 2 & 3]
    name = None if pdu is None else receipt_id(pdu)
    if kind is DeliveryType.POLLED and pdu is not None:
        answer = QuerySmResp(message_id=name or "", message_state=pdu.data_coding, error_code=pdu.esm_class)
        raw = encode(answer, sequence=1, status=pdu.source_addr_ton)
    if pdu is None:
        key = f"{account}|1"
    elif kind is DeliveryType.PART_DONE:
        key = rollup_key(account, "m-1")
    elif kind is DeliveryType.POLLED and name:
        key = submitted_key(account, name, dialect)
    else:
        key = delivery_key(account, pdu, dialect)
    return Delivery(
        type=kind,
        key=key,
        account=account,
        at=AT,
        slot=0,
        pdu=raw,
        gateway_message_id=name,
        message_id="m-1",
        kind="SMS",
        part=1,
        parts=2,
        ids=2,
    )


def submitted(pdu: DeliverSm | DataSm, kind: str, account: str) -> list[Delivery]:
    """The message that a receipt may be about, under each reading of its id."""
    dialect, name = ACCOUNTS[account], receipt_id(pdu) or "17"
    return [
        replace(
            sent(key, kind, dialect),
            key=key,
            account=account,
            gateway_message_id=name,
            receipt=True,
            second_reading=number > 0,
            ids=1 + number,
        )
        for number, key in enumerate(submitted_keys(account, name, dialect))
    ]
