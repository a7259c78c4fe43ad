"""Long messages that are no SMS: in parts or in one payload, as the account says, and the gateway takes both forms."""

from dataclasses import replace

import pytest

from connector.domain.messages import Kind, OutboundMessage
from connector.domain.parts import join_parts, read_part
from connector.domain.text import Concatenation
from connector.smpp.constants import Tag
from connector.smpp.pdu import SubmitSm, decode, encode
from connector.smpp.tlv import raw
from connector.translate import DialectSettings, LongKinds, plan
from tests.domain.test_kinds import BINARY, BOT, EMAIL, NOW, SMS, SOCIAL, VIBER, VOICE
from tests.simulator.test_gateway import Bench

LONG = "Строка на несколько частей, с эмодзи 😀 и так далее. " * 6
KINDS = [replace(message, text=LONG) for message in (EMAIL, VOICE, VIBER, SOCIAL, BOT)]
each_kind = pytest.mark.parametrize("message", KINDS, ids=lambda message: message.kind)


def planned(message: OutboundMessage, form: LongKinds, way: Concatenation = Concatenation.UDH8) -> list[SubmitSm]:
    """The parts as they come out of the wire's octets."""
    found = plan(message, DialectSettings(long_kinds=form, concatenation=way), now_ms=NOW)
    assert found.billed_parts == 1
    pdus = []
    for pdu in found.pdus:
        _, body = decode(encode(pdu, sequence=1))
        assert isinstance(body, SubmitSm)
        pdus.append(body)
    return pdus


@each_kind
@pytest.mark.parametrize("way", [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR])
def test_by_default_a_long_message_goes_in_parts_like_an_sms(message: OutboundMessage, way: Concatenation) -> None:
    pdus = planned(message, LongKinds.CONCATENATION, way)
    assert len(pdus) > 1
    parts = [read_part(pdu.short_message, esm_class=pdu.esm_class, tlvs=pdu.tlvs) for pdu in pdus]
    assert [part.part.index for part in parts if part.part] == list(range(1, len(pdus) + 1))
    assert LONG in (join_parts([(part.payload, 8) for part in parts]).text or "")


@each_kind
@pytest.mark.parametrize("way", Concatenation)
def test_as_payload_it_goes_whole(message: OutboundMessage, way: Concatenation) -> None:
    (pdu,) = planned(message, LongKinds.PAYLOAD, way)
    assert (pdu.short_message, pdu.esm_class) == (b"", 0)
    assert LONG in (raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b"").decode("utf-16-be")


@pytest.mark.parametrize("message", [replace(SMS, text=LONG), replace(BINARY, payload=bytes(500))])
def test_an_sms_and_octets_keep_to_the_concatenation(message: OutboundMessage) -> None:
    rules = DialectSettings(long_kinds=LongKinds.PAYLOAD)
    assert plan(message, rules, now_ms=NOW) == plan(message, DialectSettings(), now_ms=NOW)


def test_a_short_message_of_any_kind_is_the_same_either_way() -> None:
    for message in KINDS:
        short = replace(message, text="Hello")
        assert planned(short, LongKinds.PAYLOAD) == planned(short, LongKinds.CONCATENATION)


@each_kind
@pytest.mark.parametrize("form", LongKinds)
def test_the_gateway_takes_it_as_one_message_of_its_kind(message: OutboundMessage, form: LongKinds) -> None:
    bench = Bench()
    decisions = [bench.submit(pdu, 0.1 * number) for number, pdu in enumerate(planned(message, form))]
    assert {decision.status for decision in decisions} == {0}
    assert len({decision.message_id for decision in decisions}) == 1
    assert decisions[0].kind is message.kind
    dues = [due for decision in decisions for due in decision.dues]
    assert [due.message.kind for due in dues] == [message.kind]
    assert [state for _, state, _ in bench.receipts(dues)] == [2]


def test_every_kind_whose_text_may_be_long_is_among_these() -> None:
    short = {Kind.HLR, Kind.PING, Kind.TELEGRAM_CODE}
    assert {message.kind for message in KINDS} == set(Kind) - {Kind.SMS, Kind.BINARY, Kind.WAP_PUSH} - short
