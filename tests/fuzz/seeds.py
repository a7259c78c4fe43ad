"""Makes the corpus: valid inputs, from our own encoders and from smpplib, small and of every kind.

`python -m tests.fuzz --make-corpus` writes them. The files are kept, so that inputs stay what they were when an encoder
changes; run it when a kind of input is new.
"""

import gzip
import json
from typing import Any, Final

from aiokafka import codec as packers
from smpplib import consts
from smpplib.smpp import make_pdu

from connector.config import example
from connector.domain.assembling import Assembly, Part
from connector.domain.events import Delivery
from connector.domain.joining import Known, Mark, Messages, Parked, Waiting
from connector.kafka import schemas
from connector.kafka.records import INTERNAL, PUBLIC, Codec
from connector.smpp.constants import Tag
from connector.smpp.pdu import (
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    SubmitSmResp,
    Unbind,
    encode,
)
from connector.stages.collect_rows import Rows
from tests.fuzz.targets import deliveries, records, session
from tests.smpp.vectors import VECTORS
from tests.support import samples

Made = list[tuple[str, bytes]]
CODEC: Final = Codec()
TO: Final = "79990000001"
TEXT: Final = "id:854019 sub:001 dlvrd:001 submit date:1108202241 done date:1108202241 stat:DELIVRD err:000"
HLR: Final = (
    "id:855469 stat:DELIVRD err:000 imsi:001010000000001 msc:79990000000 mcc:001 mnc:02 cn:Some+Country net: rcn: rnet:"
)


def made() -> dict[str, Made]:
    """Every target's inputs."""
    return {
        "pdu": pdus(),
        "tlv": [(f"{tag.name.lower()}", int(tag).to_bytes(2, "big") + octets) for tag, octets in PARAMETERS],
        "session": programmes(),
        "delivery": received(),
        "collect": collected(),
        "record": stored(),
        "schema": [(cls.__name__, compact(cls.__name__)) for cls in (*PUBLIC, *INTERNAL)],
        "resolved": resolved(),
        "unpacking": packed(),
        "config": documents(),
        "rows": files(),
    }


PARAMETERS: Final = (
    (Tag.RECEIPTED_MESSAGE_ID, b"854019\0"),
    (Tag.MESSAGE_STATE, b"\x02"),
    (Tag.NETWORK_ERROR_CODE, b"\x03\x00\x06"),
    (Tag.COST, b"1.2300"),
    (Tag.FLAGS, b"\x07\x20"),
    (Tag.PARTS, b"\x00\x02"),
    (Tag.MCCMNC, b"25002"),
    (Tag.ADDITIONAL_STATUS, b"\x00\x02"),
    (Tag.SAR_MSG_REF_NUM, b"\x00\x07"),
    (Tag.SAR_TOTAL_SEGMENTS, b"\x02"),
    (Tag.SAR_SEGMENT_SEQNUM, b"\x01"),
    (Tag.USER_MESSAGE_REFERENCE, b"\x12\x34"),
    (Tag.MESSAGE_PAYLOAD, b"payload"),
)


class Numbers:
    """The part of smpplib's client that a PDU asks for its number."""

    sequence = 7

    def next_sequence(self) -> int:
        return 7


def of_smpplib(command: str, **fields: Any) -> tuple[str, bytes]:
    octets: bytes = make_pdu(command, client=Numbers(), **fields).generate()
    return f"{command} of smpplib", octets


def pdus() -> Made:
    ours = [(vector.name, vector.frame) for vector in VECTORS]
    message = {
        "source_addr": "SHOP",
        "destination_addr": TO,
        "source_addr_ton": consts.SMPP_TON_ALNUM,
        "dest_addr_ton": consts.SMPP_TON_INTL,
        "short_message": b"hello",
        "registered_delivery": True,
    }
    theirs = [
        of_smpplib("bind_transceiver", system_id="login", password="secret", system_type="MCON2"),
        of_smpplib("submit_sm", **message),
        of_smpplib(
            "deliver_sm",
            **{**message, "esm_class": 4, "short_message": TEXT.encode(), "receipted_message_id": "854019"},
        ),
        of_smpplib("submit_sm_resp", message_id="854019"),
        of_smpplib("query_sm", message_id="854019", source_addr="SHOP"),
    ]
    return ours + theirs


def programmes() -> Made:
    """Sessions from bind to unbind, in both roles; the peer's PDUs carry the numbers that our requests get."""
    wait, ask, answer, end = session.WAIT | 5 << 3, session.REQUEST, session.RESPOND, session.CLOSE
    receipt = encode(DeliverSm(source_addr=TO, esm_class=4, short_message=TEXT.encode()), sequence=1)
    submit = VECTORS_BY_NAME["submit_sm"]
    bind = VECTORS_BY_NAME["bind_transceiver"]

    def told(*octets: bytes) -> bytes:
        return session.step(session.RECEIVE, b"".join(octets))

    def steps(flags: int, *parts: bytes | int) -> bytes:
        return bytes((flags,)) + b"".join(session.step(part) if isinstance(part, int) else part for part in parts)

    responses = [encode(SubmitSmResp(message_id=f"{n}"), sequence=n) for n in (2, 3, 4)]
    wrapped = [encode(SubmitSmResp(message_id="1"), sequence=n) for n in (0x7FFFFFFE, 0x7FFFFFFF, 1)]
    return [
        ("client, answered", steps(8, ask, ask, told(*responses[:2]), told(receipt), answer, end)),
        ("client, out of order", steps(8, ask, ask, ask, told(*reversed(responses)), told(responses[0]), end)),
        ("client, silence", steps(8, ask, ask, wait, wait, wait, wait, wait, told(responses[0]), end)),
        ("client over the wrap", steps(12, ask, ask, ask, told(*wrapped), end)),
        (
            "client, nack and probe",
            steps(
                8, ask, told(encode(GenericNack(), sequence=2, status=3)), told(encode(EnquireLink(), sequence=9)), end
            ),
        ),
        ("client, a full window", steps(10, ask, ask, ask, ask, ask, ask, end)),
        ("client, unbound by its peer", steps(8, ask, told(encode(Unbind(), sequence=5)), told(responses[0]), end)),
        ("client, not bound", steps(0, session.REQUEST | 5 << 3, told(receipt), ask, end)),
        (
            "server",
            steps(1, told(bind), answer, told(submit, submit), answer, answer, told(encode(Unbind(), sequence=3)), end),
        ),
        (
            "server, delivers",
            steps(
                9,
                ask | 1 << 3,
                told(encode(DeliverSmResp(), sequence=1)),
                told(encode(EnquireLinkResp(), sequence=1)),
                end,
            ),
        ),
        ("client, strange commands", steps(8, told(*(vector.frame for vector in VECTORS[-6:])), end)),
    ]


VECTORS_BY_NAME: Final = {vector.name.split(" ")[0]: vector.frame for vector in reversed(VECTORS)}


def received() -> Made:
    tlvs = tuple((int(tag), octets) for tag, octets in PARAMETERS[:8])
    sar = tuple((int(tag), octets) for tag, octets in PARAMETERS[8:11])
    from_subscriber: dict[str, Any] = {"source_addr": TO, "destination_addr": "7700"}
    bodies = {
        "receipt": DeliverSm(**from_subscriber, esm_class=4, short_message=TEXT.encode()),
        "receipt with parameters": DeliverSm(**from_subscriber, esm_class=4, short_message=TEXT.encode(), tlvs=tlvs),
        "receipt of parameters alone": DeliverSm(**from_subscriber, esm_class=4, tlvs=tlvs),
        "receipt in UCS2": DeliverSm(
            **from_subscriber, esm_class=4, data_coding=8, short_message=TEXT.encode("utf-16-be")[:254]
        ),
        "HLR answer": DeliverSm(**from_subscriber, esm_class=4, short_message=HLR.encode()),
        "inbound": DeliverSm(**from_subscriber, short_message=b"STOP"),
        "inbound in UCS2": DeliverSm(**from_subscriber, data_coding=8, short_message="Стоп 📦".encode("utf-16-be")),
        "inbound part": DeliverSm(**from_subscriber, esm_class=0x40, short_message=b"\x05\x00\x03\x07\x02\x01first"),
        "inbound part of 16 bits": DeliverSm(
            **from_subscriber, esm_class=0x40, short_message=b"\x06\x08\x04\x00\x07\x02\x02second"
        ),
        "inbound part by parameters": DeliverSm(**from_subscriber, short_message=b"first", tlvs=sar),
        "inbound binary": DeliverSm(
            **from_subscriber, esm_class=0x40, data_coding=4, short_message=b"\x06\x05\x04\x0b\x84\x23\xf0\x01\x02"
        ),
        "inbound payload": DeliverSm(**from_subscriber, tlvs=((int(Tag.MESSAGE_PAYLOAD), b"long " * 60),)),
    }
    data = [(vector.name, vector.frame) for vector in VECTORS if vector.name.startswith("data_sm")]
    return [(name, encode(body, sequence=1)) for name, body in bodies.items()] + data


def collected() -> Made:
    by_name = dict(received())
    receipt, parts = by_name["receipt"], (by_name["inbound part"], by_name["inbound part of 16 bits"])
    second = by_name["inbound part"].replace(b"\x02\x01first", b"\x02\x02other")
    step = deliveries.step
    return [
        ("a message and its receipt", step(1, receipt) + step(0, receipt) + step(0, receipt)),
        ("an early receipt", step(0, receipt) + step(2, b"") + step(1, receipt)),
        ("nobody's receipt", step(0, receipt) + step(2 | 63 << 2, b"") + step(2 | 63 << 2, b"")),
        ("an HLR answer", step(1, by_name["HLR answer"]) + step(0, by_name["HLR answer"])),
        ("parts", step(0, second) + step(0, parts[0]) + step(0, parts[0])),
        ("parts that never come", step(0, parts[0]) + step(0, parts[1]) + step(2 | 63 << 2, b"") + step(3, b"")),
    ]


def stored() -> Made:
    found: Made = []
    for event in samples.EVENTS:
        how = records.CLASSES.index(type(event))
        found.append((type(event).__name__, bytes((how,)) + CODEC.encode(event)))
    for item in samples.ITEMS:
        how = records.CLASSES.index(type(item))
        found.append((type(item).__name__, bytes((how,)) + CODEC.encode(item)))
        found.append(
            (f"{type(item).__name__}, a frame", bytes((how | records.FRAME,)) + CODEC.encode_frame([item, item]))
        )
    rows = Rows(CODEC)
    delivery: Delivery = samples.RECEIVED
    waiting = Waiting(receipts=(Parked(receipt=delivery, mark=1, copy=2),), due_at=5, expires_at=9)
    known = Known(submitted=samples.SUBMITTED, marks=(Mark(1, (2, 3)), Mark(4, (5,))), final="DELIVRD", expires_at=5)
    part = Part(index=1, mark=1, item=delivery)
    assembly = Assembly(total=2, parts=(part,), first_at=1, due_at=2, expires_at=3)
    for name, row in (
        ("messages", rows.from_messages(Messages(known=(known,)))),
        ("waiting", rows.from_waiting(waiting)),
        ("assemblies", rows.from_assemblies((assembly,))),
    ):
        found.append((f"row: {name}", bytes((records.ROW,)) + row))
    return found


def compact(name: str) -> bytes:
    """A schema without its words for people."""

    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: bare(inner) for key, inner in node.items() if key != "doc"}
        return [bare(inner) for inner in node] if isinstance(node, list) else node

    return json.dumps(bare(json.loads(schemas.load(name).text)), separators=(",", ":")).encode()


def resolved() -> Made:
    text = compact("OutboundMessage")
    bodies = {"full": samples.OUTBOUND, "bare": samples.BARE_OUTBOUND, "typical": samples.TYPICAL_OUTBOUND}
    return [
        (name, len(text).to_bytes(2, "big") + text + CODEC.encode(message)[10:]) for name, message in bodies.items()
    ]


def packed() -> Made:
    words = b"ordinary words, again and again. " * 40
    pack = (packers.gzip_encode, packers.snappy_encode, packers.lz4_encode, packers.zstd_encode)
    found = [(each.__name__, bytes((number,)) + each(words)) for number, each in enumerate(pack)]
    return [*found, ("two gzip members", b"\0" + gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0))]


def documents() -> Made:
    account = {"name": "main", "system_id": "login", "password": "hunter2"}
    texts = {
        "nothing": "",
        "example": "\n".join(line for line in example().splitlines() if not line.lstrip().startswith("#")).replace(
            "password_file: /run/secrets/smpp-password", "password: hunter2"
        ),
        "one account": json.dumps({"accounts": [account], "kafka": {"security": {"password": "hunter2"}}}),
        "block": "kafka:\n  bootstrap_servers: a:1\naccounts:\n"
        "  - name: main\n    system_id: login\n    password: hunter2\n",
    }
    return [(name, json.dumps({"text": text, "environ": {}}).encode()) for name, text in texts.items()] + [
        (
            "environment",
            json.dumps({"text": texts["block"], "environ": {"SMS_CONNECTOR__ACCOUNTS__MAIN__RATE": "5"}}).encode(),
        )
    ]


def files() -> Made:
    csv = b'recipient,sender,text,metadata.tenant\n79990000001,Shop,Sale today,a\n79990000002,Shop,"two\nlines",b\n'
    tsv = (
        b"to\tkind\ttext\tflash\texpires_at\n79990000001\tSMS\thello\ttrue\t+2h\n"
        b"79990000001\tvoice\thello\tno\t2030-01-31T18:00+03:00\n"
    )
    jsonl = (
        '{"to":"79990000001","text":"привет","metadata":{"a":"b"},"validity_minutes":30}\n'
        '{"recipient":79990000001,"payload":"00ff","kind":"binary"}\n'
    )
    return [
        ("CSV", b"\0" + csv),
        ("CSV with other columns", b"\x0ctelefon,nachricht,note\n79990000001,Hallo,x\n"),
        ("TSV", b"\x01" + tsv),
        ("JSON lines", b"\x02" + jsonl.encode()),
    ]
