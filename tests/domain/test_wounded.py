"""Receipts, HLR answers and inbound messages, wounded: whatever a peer sends is a value or an error value of ours.

Each input has a seed of its own, and a failure names it: `wounded(seed)` makes the same input again.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from connector.domain.events import Delivery, DeliveryReport, DeliveryType, HlrResult
from connector.domain.hlr import HlrText, is_hlr, parse_hlr
from connector.domain.receipts import ReceiptError, ReceiptText, parse_receipt
from connector.kafka.records import Codec
from connector.smpp.constants import Tag
from connector.smpp.errors import SmppError
from connector.smpp.pdu import DataSm, DeliverSm, decode, encode
from connector.translate import (
    DialectSettings,
    IdFormat,
    LearnedIds,
    assemble,
    delivery_key,
    is_receipt,
    other_key,
    to_inbound_part,
    to_report,
)

INPUTS = 100_000
AT = 1_790_000_000_123
TO, FROM = "79990000001", "SHOP"
CODEC = Codec()
RULES = (DialectSettings(), DialectSettings(id_format=IdFormat.EITHER), DialectSettings(id_format=IdFormat.HEX))
SUBMITTED = Delivery(
    type=DeliveryType.SUBMITTED,
    key="shop|854019",
    account="shop",
    at=AT - 5000,
    slot=1,
    gateway_message_id="854019",
    message_id="order-1",
    kind="SMS",
    sender=FROM,
    recipient=TO,
    parts=1,
)
ORIGINS = (None, SUBMITTED, replace(SUBMITTED, kind="HLR"), replace(SUBMITTED, kind="EMAIL"))

RECEIPT = b"id:854019 sub:001 dlvrd:001 submit date:1108202241 done date:1108202242 stat:DELIVRD err:000"
HLR = (
    b"id:855469 stat:DELIVRD err:000 imsi:001010000000001 msc:79990000000 mcc:250 mnc:02 "
    b"cn:Russian+Federation net:Some+open+Joint+Stock+Company rcn: rnet:%D0%9C"
)
TEXTS = (
    RECEIPT,
    RECEIPT + b" text:id:1 stat:EXPIRED",
    RECEIPT.replace(b"DELIVRD", b"UNDELIV").replace(b"err:000", b"err:255"),
    RECEIPT.replace(b"854019", b"00D0803"),
    RECEIPT.upper().replace(b" ", b"\r\n"),
    HLR,
    HLR.replace(b"DELIVRD err:000", b"UNDELIV err:006"),
)
TLVS = (
    (int(Tag.RECEIPTED_MESSAGE_ID), b"854019\0"),
    (int(Tag.MESSAGE_STATE), b"\x02"),
    (int(Tag.NETWORK_ERROR_CODE), b"\x03\x00\x00"),
    (int(Tag.COST), b"1.2300"),
    (int(Tag.FLAGS), b"\x07\x20"),
    (int(Tag.PARTS), b"\x00\x02"),
    (int(Tag.MCCMNC), b"25002"),
    (int(Tag.ADDITIONAL_STATUS), b"\x00\x02"),
)
_RECEIPTS = [DeliverSm(source_addr=TO, destination_addr=FROM, esm_class=4, short_message=text) for text in TEXTS]
_FIRST = _RECEIPTS[0]
PDUS: tuple[DeliverSm | DataSm, ...] = (
    *_RECEIPTS,
    *[replace(pdu, tlvs=TLVS) for pdu in _RECEIPTS],
    replace(_FIRST, short_message=b"", tlvs=TLVS),
    replace(_FIRST, esm_class=0x20, tlvs=TLVS[:2]),
    replace(_FIRST, data_coding=8, short_message=RECEIPT.decode().encode("utf-16-be")),
    replace(_FIRST, esm_class=0, short_message=b"STOP"),
    replace(_FIRST, esm_class=0x08, short_message=b"read it"),
    replace(_FIRST, esm_class=0x40, short_message=b"\x05\0\3\7\2\1STOP"),
    replace(_FIRST, esm_class=0x40, data_coding=8, short_message=b"\x06\x08\4\0\7\2\1\x04\x2f\xd8\x3d"),
    DataSm(source_addr=TO, destination_addr=FROM, esm_class=4, tlvs=((int(Tag.MESSAGE_PAYLOAD), HLR), *TLVS)),
    DataSm(
        source_addr=TO,
        tlvs=(
            (int(Tag.SAR_MSG_REF_NUM), b"\0\7"),
            (int(Tag.SAR_TOTAL_SEGMENTS), b"\2"),
            (int(Tag.SAR_SEGMENT_SEQNUM), b"\1"),
            (int(Tag.MESSAGE_PAYLOAD), b"hello"),
        ),
    ),
)
OCTETS = tuple(encode(pdu, sequence=3) for pdu in PDUS)
_TAGS = tuple(int(tag) for tag in Tag)
_SPLINTERS = (b"id:", b" text:", b" err:", b" stat:", b"%", b"%F", b" net:", b"\0", b"9" * 300, b"::", b"\xff" * 9)


def wounded(seed: int) -> tuple[bytes, DeliverSm | DataSm | None]:
    """A text of a receipt or an answer, and a delivery; None for one that is malformed to the codec already."""
    rng = random.Random(seed)
    text = _cut(rng, bytearray(rng.choice(TEXTS)), rng.randint(1, 5))
    if rng.random() < 0.5:
        pdu = rng.choice(PDUS)
        tlvs = _other_tlvs(rng, pdu.tlvs)
        if isinstance(pdu, DeliverSm) and rng.random() < 0.7:
            return text, replace(pdu, short_message=text[:254], tlvs=tlvs)
        return text, replace(pdu, tlvs=tlvs)
    octets = bytearray(rng.choice(OCTETS))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(16, len(octets))
        octets[at] = rng.randrange(256)
    if rng.random() < 0.2:
        del octets[rng.randrange(17, len(octets)) :]
    octets[:4] = len(octets).to_bytes(4, "big")
    try:
        body = decode(bytes(octets))[1]
    except SmppError:
        return text, None
    assert isinstance(body, DeliverSm | DataSm)
    return text, body


def _cut(rng: random.Random, octets: bytearray, wounds: int) -> bytes:
    """Octets changed, lost, doubled, put in; fields swapped; separators gone."""
    for _ in range(wounds):
        at = rng.randrange(len(octets) + 1)
        match rng.randrange(7):
            case 0 if octets:
                octets[at % len(octets)] = rng.randrange(256)
            case 1:
                del octets[at : at + rng.randint(1, 12)]
            case 2:
                octets[at:at] = rng.randbytes(rng.randint(1, 8))
            case 3:
                octets[at:at] = octets[: rng.randint(0, 40)]
            case 4:
                fields = bytes(octets).split(b" ")
                rng.shuffle(fields)
                octets = bytearray(b" ".join(fields))
            case 5:
                octets = octets.replace(rng.choice((b":", b" ", b"0", b"+")), rng.choice((b"", b"::", b"%", b"\0")))
            case _:
                octets[at:at] = rng.choice(_SPLINTERS)
    return bytes(octets)


def _other_tlvs(rng: random.Random, tlvs: Iterable[tuple[int, bytes]]) -> tuple[tuple[int, bytes], ...]:
    """Parameters lost, doubled, in another order, of another size, of another kind."""
    found = list(tlvs)
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(4):
            case 0:
                del found[at : at + 1]
            case 1:
                found.insert(at, (rng.choice(_TAGS), rng.randbytes(rng.randint(0, 9))))
            case 2 if found:
                tag, value = found[at % len(found)]
                found[at % len(found)] = (tag, value[: rng.randint(0, 4)] + rng.randbytes(rng.randint(0, 3)))
            case _:
                rng.shuffle(found)
    return tuple(found)


def judge(seed: int) -> list[str]:
    """What the input of a seed comes to; anything but a value is an exception."""
    text, pdu = wounded(seed)
    receipt, hlr = parse_receipt(text), parse_hlr(text)
    assert isinstance(receipt, ReceiptText | ReceiptError)
    assert isinstance(hlr, HlrText | ReceiptError)
    is_hlr(text)
    if pdu is None:
        return ["malformed"]
    rules = RULES[seed % len(RULES)]
    key = delivery_key("shop", pdu, rules, LearnedIds())
    assert key.startswith("shop|")
    if not is_receipt(pdu):
        piece = to_inbound_part(pdu, account="shop", received_at=AT)
        CODEC.encode(assemble([piece], rules, completed_at=AT))
        return ["inbound"]
    other = other_key("shop", pdu, rules, key)
    assert other is None or other != key
    found = to_report(pdu, ORIGINS[seed % len(ORIGINS)], rules, account="shop", received_at=AT)
    assert isinstance(found, DeliveryReport | HlrResult | ReceiptError)
    if isinstance(found, ReceiptError):
        return ["error value"]
    octets = CODEC.encode(found)
    if seed % 16 == 0:
        assert CODEC.decode(type(found), octets).event_id == found.event_id
    return [type(found).__name__, *(["contradiction"] if found.contradiction else [])]


def test_a_hundred_thousand_wounded_inputs_give_a_value() -> None:
    found: Counter[str] = Counter()
    for seed in range(INPUTS):
        try:
            found.update(judge(seed))
        except Exception as error:
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}")
    # The wounds must not be so deep that nothing is left to judge.
    for what in ("DeliveryReport", "HlrResult", "error value", "inbound", "contradiction", "malformed"):
        assert found[what] > INPUTS // 200, found
