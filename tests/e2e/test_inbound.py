"""From a subscriber to the topic: every alphabet, every way to tie parts together, any order, and what never comes.

One run sends all cases, each to a number of its own. Every case is then held against what went over the wire by the
gateway's own record (`wire`), and against the events that stand on the topic `inbound` (`told`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from connector.domain.events import InboundMessage
from connector.domain.parts import read_part
from connector.domain.text import Alphabet, Concatenation
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import Record
from connector.simulator.record import DeliveryRecord, Ending, Way
from connector.simulator.script import Inbound, Script
from connector.simulator.subscribers import Carrier, InboundType, PartOrder
from connector.smpp.constants import Tag
from connector.smpp.pdu import DataSm, DeliverSm
from connector.smpp.tlv import raw
from tests.support.records import read_all
from tests.support.world import World, world

SUBSCRIBER: Final = "79990000001"
OTHER: Final = "79990000002"
TIMEOUT: Final = 12.0

Body = DeliverSm | DataSm
Fields = Mapping[str, Any]
Wire = Callable[[Sequence[Body]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`sends`: fields of the script's messages. `late`: those that come when everything else has been told. `told`: the
    fields of every event that has to come of them, and of no other."""

    name: str
    sends: tuple[Fields, ...]
    wire: Wire
    told: tuple[Fields, ...]
    late: tuple[Fields, ...] = ()


def event(text: str | None, parts: int = 1, **fields: Any) -> Fields:
    """What stands on the topic; a whole message in the default alphabet where nothing else is said."""
    return {
        "account": "main",
        "sender": SUBSCRIBER,
        "text": text,
        "payload": None,
        "coding": "GSM",
        "data_coding": 0x00,
        "parts": parts,
        "parts_received": parts,
        "complete": True,
        "reference": 1 if parts > 1 else None,
        "type": "message",
        "gateway_message_id": None,
        "user_message_reference": None,
        **fields,
    }


def octets(body: Body) -> bytes:
    """What the subscriber's message holds on the wire, header included."""
    found = body.short_message if isinstance(body, DeliverSm) else b""
    return found or raw(body.tlvs, Tag.MESSAGE_PAYLOAD) or b""


def indexes(bodies: Iterable[Body]) -> list[int]:
    """Which parts came, in their order on the wire."""
    parts = [read_part(octets(body), esm_class=body.esm_class, tlvs=body.tlvs).part for body in bodies]
    return [0 if part is None else part.index for part in parts]


def senders(bodies: Iterable[Body]) -> list[str]:
    return [body.source_addr for body in bodies]


# Alphabets


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is sent, and what it is read as. The octets stand beside a text that is a guess."""

    sends: Fields
    data_coding: int
    coding: str
    text: str | None
    payload: bytes | None = None


def text_in(alphabet: Alphabet, data_coding: int, text: str) -> Content:
    return Content(sends={"text": text, "alphabet": alphabet}, data_coding=data_coding, coding=alphabet.name, text=text)


def binary(data_coding: int, coding: str, payload: bytes, text: str | None) -> Content:
    sends = {"octets": payload.hex(), "data_coding": data_coding}
    return Content(sends=sends, data_coding=data_coding, coding=coding, text=text, payload=payload)


EVERY_OCTET: Final = bytes(range(256))
SHORT: Final = {
    "GSM": text_in(Alphabet.GSM, 0x00, "Ja, 5€ [heute]"),
    "ISO-8859-1": text_in(Alphabet.LATIN1, 0x04, "Ça va très bien"),
    "UCS2": text_in(Alphabet.UCS2, 0x08, "Спасибо 🚚"),
    "binary beside ISO-8859-1": binary(0x04, "LATIN1", b"\x00\xff\x10", "\x00ÿ\x10"),
    "binary": binary(0x02, "BINARY", b"\x00\xff\x10", None),
    "binary of a class": binary(0xF5, "BINARY", b"\x00\xff\x10", None),
}
LONG: Final = {
    "GSM": text_in(Alphabet.GSM, 0x00, "Straße über dem Fluß, 5€ [heute] " * 12),
    "ISO-8859-1": text_in(Alphabet.LATIN1, 0x04, "Crème brûlée à volonté · " * 12),
    "UCS2": text_in(Alphabet.UCS2, 0x08, "Ваш заказ в пути 🚚 " * 12),
    "binary beside ISO-8859-1": binary(0x04, "LATIN1", EVERY_OCTET, EVERY_OCTET.decode("latin-1")),
    "binary": binary(0x02, "BINARY", EVERY_OCTET, None),
}
PARTS: Final = {"GSM": 3, "ISO-8859-1": 3, "UCS2": 4, "binary beside ISO-8859-1": 2, "binary": 2}
REFERENCES: Final = {Concatenation.UDH8: 0x2A, Concatenation.UDH16: 0x1234, Concatenation.SAR: 0xFFFE}
HEADS: Final = {Concatenation.UDH8: "0500032a", Concatenation.UDH16: "0608041234"}


def is_tied(body: Body, concatenation: Concatenation) -> bool:
    """Whether a part carries this reference, or the whole text, where it should."""
    if concatenation is Concatenation.PAYLOAD:
        return body.esm_class & 0x40 == 0 and raw(body.tlvs, Tag.MESSAGE_PAYLOAD) == octets(body)
    if concatenation is Concatenation.SAR:
        return body.esm_class & 0x40 == 0 and raw(body.tlvs, Tag.SAR_MSG_REF_NUM) == b"\xff\xfe"
    return body.esm_class & 0x40 == 0x40 and octets(body).startswith(bytes.fromhex(HEADS[concatenation]))


def carried(bodies: Sequence[Body], *, data_coding: int, carrier: Carrier) -> bool:
    command = DataSm if carrier is Carrier.DATA_SM else DeliverSm
    return all(type(body) is command and body.data_coding == data_coding for body in bodies)


def short(name: str, content: Content, carrier: Carrier) -> Case:
    return Case(
        name=f"{name}, one part, {carrier}",
        sends=({"carrier": carrier, **content.sends},),
        wire=lambda bodies: (
            indexes(bodies) == [0] and carried(bodies, data_coding=content.data_coding, carrier=carrier)
        ),
        told=(event(content.text, payload=content.payload, coding=content.coding, data_coding=content.data_coding),),
    )


def long(name: str, content: Content, concatenation: Concatenation, carrier: Carrier) -> Case:
    reference = REFERENCES.get(concatenation)
    parts = 1 if reference is None else PARTS[name]
    return Case(
        name=f"{name}, {concatenation}, {carrier}",
        sends=({"carrier": carrier, "concatenation": concatenation, "reference": reference or 1, **content.sends},),
        wire=lambda bodies: (
            len(bodies) == parts
            and all(is_tied(body, concatenation) for body in bodies)
            and carried(bodies, data_coding=content.data_coding, carrier=carrier)
        ),
        told=(
            event(
                content.text,
                parts,
                payload=content.payload,
                coding=content.coding,
                data_coding=content.data_coding,
                reference=reference,
            ),
        ),
    )


ALPHABETS: Final = (
    *(short(name, content, carrier) for (name, content), carrier in product(SHORT.items(), Carrier)),
    *(
        long(name, content, concatenation, carrier)
        for (name, content), concatenation, carrier in product(LONG.items(), Concatenation, Carrier)
    ),
    Case(
        name="coding 0 of a login with ISO",
        sends=({"login": "iso", "octets": "Ça va".encode("latin-1").hex(), "data_coding": 0x00},),
        wire=partial(carried, data_coding=0x00, carrier=Carrier.DELIVER_SM),
        told=(event("Ça va", account="iso", coding="LATIN1"),),
    ),
    Case(
        name="flash",
        sends=({"text": "now", "flash": True},),
        wire=partial(carried, data_coding=0x10, carrier=Carrier.DELIVER_SM),
        told=(event("now", data_coding=0x10),),
    ),
    Case(
        name="no text at all",
        sends=({"text": ""},),
        wire=lambda bodies: octets(bodies[0]) == b"",
        told=(event(""),),
    ),
)

# Parts

FIRST: Final = "".join(f"{number:03} " for number in range(100))
SECOND: Final = "".join(f"{number:03}-" for number in range(100))
SHUFFLED: Final = "".join(f"{number:03}." for number in range(380))

ORDERS: Final = (
    Case(
        name="backward",
        sends=({"text": FIRST, "order": PartOrder.BACKWARD},),
        wire=lambda bodies: indexes(bodies) == [3, 2, 1],
        told=(event(FIRST, 3),),
    ),
    Case(
        name="in any order",
        sends=({"text": SHUFFLED, "order": PartOrder.SHUFFLED, "concatenation": Concatenation.SAR},),
        wire=lambda bodies: indexes(bodies) != sorted(indexes(bodies)) == list(range(1, 11)),
        told=(event(SHUFFLED, 10),),
    ),
    Case(
        name="parts come twice and three times",
        sends=({"text": FIRST, "repeated": (1, 2, 2)},),
        wire=lambda bodies: indexes(bodies) == [1, 1, 2, 2, 2, 3],
        told=(event(FIRST, 3),),
    ),
    Case(
        name="a part comes again when the message is whole",
        sends=({"text": FIRST, "order": PartOrder.BACKWARD, "repeated": (1,)},),
        wire=lambda bodies: indexes(bodies) == [3, 2, 1, 1],
        told=(event(FIRST, 3),),
    ),
    Case(
        name="two messages of one subscriber under one reference, mixed",
        sends=({"text": FIRST, "gap": 0.02}, {"text": SECOND, "at": 0.01, "gap": 0.02}),
        wire=lambda bodies: indexes(bodies) == [1, 1, 2, 2, 3, 3],
        told=(event(FIRST, 3), event(SECOND, 3)),
    ),
    Case(
        name="a shorter message under the same reference, mixed",
        sends=({"text": FIRST, "gap": 0.02}, {"text": SECOND[:200], "at": 0.01, "gap": 0.02}),
        wire=lambda bodies: indexes(bodies) == [1, 1, 2, 2, 3],
        told=(event(FIRST, 3), event(SECOND[:200], 2)),
    ),
    Case(
        name="two subscribers with one reference, mixed",
        sends=({"text": FIRST, "gap": 0.02}, {"text": SECOND, "source": OTHER, "at": 0.01, "gap": 0.02}),
        wire=lambda bodies: senders(bodies) == [SUBSCRIBER, OTHER] * 3,
        told=(event(FIRST, 3), event(SECOND, 3, sender=OTHER)),
    ),
)

# What is missing. These come last of all: when their time is up, so is that of anything the other cases left behind.

MISSING: Final = (
    Case(
        name="a part never comes",
        sends=({"text": FIRST, "missing": (2,)},),
        wire=lambda bodies: indexes(bodies) == [1, 3],
        told=(event(FIRST[:153] + FIRST[306:], 3, parts_received=2, complete=False),),
    ),
    Case(
        name="all but one never come",
        sends=({"text": FIRST, "missing": (1, 3), "concatenation": Concatenation.UDH16},),
        wire=lambda bodies: indexes(bodies) == [2],
        told=(event(FIRST[152:304], 3, parts_received=1, complete=False),),
    ),
    Case(
        name="a part comes after the time-out",
        sends=({"text": SECOND, "missing": (2,), "concatenation": Concatenation.SAR},),
        late=({"text": SECOND, "missing": (1, 3), "concatenation": Concatenation.SAR},),
        wire=lambda bodies: indexes(bodies) == [1, 3, 2],
        told=(event(SECOND[:153] + SECOND[306:], 3, parts_received=2, complete=False), event(SECOND, 3)),
    ),
)

# What esm_class says


NAMED: Final = ((int(Tag.RECEIPTED_MESSAGE_ID), b"854019\0".hex()), (int(Tag.USER_MESSAGE_REFERENCE), "0102"))
NAMES: Final = {"gateway_message_id": "854019", "user_message_reference": 0x0102}


def acknowledged(name: str, type_: InboundType, bits: int, word: str, text: str, parts: int, **sends: Any) -> Case:
    return Case(
        name=name,
        sends=({"text": text, "type": type_, **sends},),
        wire=lambda bodies: len(bodies) == parts and all(body.esm_class & 0x3C == bits for body in bodies),
        told=(event(text, parts, type=word, **(NAMES if "tlvs" in sends else {})),),
    )


ACKNOWLEDGEMENTS: Final = (
    acknowledged("the device's", InboundType.DELIVERY_ACK, 0x08, "delivery-ack", "ok", 1),
    acknowledged("the device's, our id", InboundType.DELIVERY_ACK, 0x08, "delivery-ack", "ok", 1, tlvs=NAMED),
    acknowledged("the subscriber's", InboundType.USER_ACK, 0x10, "user-ack", "yes", 1),
    acknowledged("the subscriber's, our id", InboundType.USER_ACK, 0x10, "user-ack", "yes", 1, tlvs=NAMED),
    acknowledged("in parts", InboundType.USER_ACK, 0x10, "user-ack", FIRST, 3, tlvs=NAMED),
    acknowledged("data_sm", InboundType.USER_ACK, 0x10, "user-ack", "yes", 1, tlvs=NAMED, carrier=Carrier.DATA_SM),
)

CASES: Final = (*ALPHABETS, *ORDERS, *ACKNOWLEDGEMENTS, *MISSING)
NUMBERS: Final = {case.name: f"1555010{number:04}" for number, case in enumerate(CASES)}
LAST: Final = 0.1


def scripted(case: Case, sends: Iterable[Fields], at: float = 0.0) -> list[Inbound]:
    common = {"login": "demo", "source": SUBSCRIBER, "destination": NUMBERS[case.name], "at": at}
    return [Inbound(**{**common, **fields}) for fields in sends]


# One run of them all


@dataclass(frozen=True, slots=True)
class Evidence:
    """What went over the wire and what stands on the topic, by our number; and what must not be there."""

    wire: dict[str, list[Body]]
    told: dict[str, list[InboundMessage]]
    answers: list[DeliveryRecord]
    dead: list[Record]
    codes: dict[str, int]


def fields_of(message: InboundMessage) -> Fields:
    return {name: getattr(message, name) for name in event(None)}


def key(number: str, fields: Fields) -> tuple[object, ...]:
    return (number, fields["sender"], fields["text"], fields["payload"], fields["complete"])


async def until_told(made: World, wanted: set[tuple[object, ...]]) -> None:
    """Returns when all of these stand on the topic."""
    await made.events(
        InboundMessage,
        made.topics.inbound,
        lambda found: wanted <= {key(each.recipient, fields_of(each)) for each in found},
    )


async def run(folder: Path, kafka: EmbeddedKafka) -> Evidence:
    """What comes late is sent when all that can be told without it has been."""
    script = Script(
        inbound=tuple(
            inbound for case in CASES for inbound in scripted(case, case.sends, LAST if case in MISSING else 0.0)
        )
    )
    every = {key(NUMBERS[case.name], fields) for case in CASES for fields in case.told}
    after = {key(NUMBERS[case.name], case.told[-1]) for case in CASES if case.late}
    async with world(
        folder,
        kafka.bootstrap_servers,
        "inbound.",
        script=script,
        others=({"name": "iso", "iso": True},),
        collect={"data_dir": str(folder / "collect"), "inbound_timeout_seconds": TIMEOUT},
    ) as made:
        await made.start("submit", "collect")
        await until_told(made, every - after)
        made.simulator.play(Script(inbound=tuple(inbound for case in CASES for inbound in scripted(case, case.late))))
        await until_told(made, every)
        codes = await made.stop()
        record = made.simulator.record
        answers = record.deliveries()
        wire: dict[str, list[Body]] = {}
        for sent in record.pdus:
            if sent.way is Way.OUT and isinstance(sent.body, DeliverSm | DataSm):
                wire.setdefault(sent.body.destination_addr, []).append(sent.body)
        messages: dict[str, list[InboundMessage]] = {}
        for item in await read_all(made.config.kafka, made.topics.inbound):
            message = made.codec.decode(InboundMessage, item.value)
            messages.setdefault(message.recipient, []).append(message)
        dead = await read_all(made.config.kafka, made.topics.dead_letters)
    return Evidence(wire, messages, answers, dead, codes)


@pytest.fixture(scope="module")
def evidence(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return asyncio.run(run(tmp_path_factory.mktemp("inbound"), kafka))


def check(evidence: Evidence, case: Case) -> None:
    number = NUMBERS[case.name]
    assert case.wire(evidence.wire[number]), evidence.wire[number]
    found = [fields_of(message) for message in evidence.told[number]]
    assert sorted(found, key=repr) == sorted(case.told, key=repr)


def by_name(cases: Sequence[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@by_name(ALPHABETS)
def test_every_alphabet_comes_in_every_form(evidence: Evidence, case: Case) -> None:
    """One part or several, tied by a header of 8 or 16 bits or by SAR, in message_payload, in deliver_sm or data_sm."""
    check(evidence, case)


@by_name(ORDERS)
def test_parts_come_together_whatever_their_order(evidence: Evidence, case: Case) -> None:
    """Turned round, repeated, and mixed with those of another message under the same reference."""
    check(evidence, case)


@by_name(MISSING)
def test_what_lacks_a_part_is_told_when_its_time_is_up(evidence: Evidence, case: Case) -> None:
    """As far as it came; and whole, as an event of its own, if the rest comes after all."""
    check(evidence, case)
    incomplete, *rest = evidence.told[NUMBERS[case.name]]
    assert not incomplete.complete
    assert incomplete.completed_at - incomplete.received_at >= TIMEOUT * 1000
    assert all(each.complete and each.completed_at > incomplete.completed_at for each in rest)


@by_name(ACKNOWLEDGEMENTS)
def test_an_acknowledgement_is_told_by_its_type(evidence: Evidence, case: Case) -> None:
    """By the subscriber's device or by hand, with the id of our message or without: inbound, and no receipt."""
    check(evidence, case)


def test_every_part_is_taken_once_and_nothing_else_is_told(evidence: Evidence) -> None:
    assert set(evidence.wire) == set(evidence.told) == set(NUMBERS.values())
    assert {(each.ending, each.attempts) for each in evidence.answers} == {(Ending.ACKNOWLEDGED, 1)}
    events = [message.event_id for messages in evidence.told.values() for message in messages]
    assert len(events) == len(set(events)) == sum(len(case.told) for case in CASES)
    assert evidence.dead == []
    assert evidence.codes == {"submit": 0, "collect": 0}
