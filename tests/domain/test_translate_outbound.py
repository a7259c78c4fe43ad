"""Plans: the same message is the same octets, and what the handset puts together is the text that was meant."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.kinds import RefusedMessage, validate
from connector.domain.messages import Coding, Kind, OutboundMessage
from connector.domain.outcomes import Verdict
from connector.domain.parts import join_parts, read_part
from connector.domain.text import Concatenation, reference_of
from connector.smpp.constants import CommandStatus, Tag
from connector.smpp.pdu import SubmitSm, encode
from connector.smpp.tlv import raw
from connector.translate import DialectSettings, ExtraTlv, Plan, fingerprint, plan, verdict
from connector.translate.times import absolute_time, relative_time
from tests.domain.test_kinds import ALL, BINARY, CODE, EMAIL, HLR, NOW, PUSH, REFUSED, SMS, TO, messages

RULES = DialectSettings()
LONG = "Строка на несколько частей, с эмодзи 😀 и так далее. " * 6


def planned(message: OutboundMessage, rules: DialectSettings = RULES) -> Plan:
    return plan(message, rules, now_ms=NOW)


def read_back(found: Plan, *, iso: bool = False) -> str | bytes:
    """What the other side makes of the parts, headers taken off."""
    parts = []
    for pdu in found.pdus:
        octets = pdu.short_message or raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
        parts.append((read_part(octets, esm_class=pdu.esm_class, tlvs=pdu.tlvs), pdu.data_coding))
    numbered = [part.part.index for part, _ in parts if part.part is not None and part.part.total > 1]
    assert numbered == (list(range(1, len(parts) + 1)) if len(parts) > 1 else [])
    if found.alphabet == "BINARY":
        return b"".join(part.payload for part, _ in parts)
    text = join_parts([(part.payload, coding) for part, coding in parts], iso=iso).text
    assert text is not None
    return text


def test_a_plain_sms_is_one_submit_sm() -> None:
    found = planned(SMS)
    assert found.pdus == (
        SubmitSm(
            source_addr_ton=5,
            source_addr_npi=0,
            source_addr="SHOP",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=TO,
            validity_period="000001000000000R",
            registered_delivery=1,
            data_coding=0,
            short_message=b"Hello",
        ),
    )
    assert (found.alphabet, found.billed_parts) == ("GSM", 1)


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.kind)
def test_every_kind_fits_the_wire(message: OutboundMessage) -> None:
    for pdu in planned(message).pdus:
        assert encode(pdu, sequence=1)


@pytest.mark.parametrize(
    ("message", "rules", "coding"),
    [
        (SMS, RULES, 0x00),
        (replace(SMS, text="Ça va ê"), RULES, 0x04),
        (replace(SMS, text="Привет"), RULES, 0x08),
        (replace(SMS, flash=True), RULES, 0x10),
        (replace(SMS, text="ê", flash=True), RULES, 0x14),
        (replace(SMS, text="я", flash=True), RULES, 0x18),
        (SMS, DialectSettings(iso=True), 0x00),
        (replace(SMS, text="ê"), DialectSettings(iso=True), 0x00),
        (replace(SMS, coding=Coding.UCS2), RULES, 0x08),
        (replace(SMS, coding=Coding.LATIN1), RULES, 0x04),
        (BINARY, RULES, 0x04),
        (PUSH, RULES, 0x04),
        (HLR, RULES, 0x00),
    ],
)
def test_data_coding_is_the_gateways(message: OutboundMessage, rules: DialectSettings, coding: int) -> None:
    assert [pdu.data_coding for pdu in planned(message, rules).pdus] == [coding]


@pytest.mark.parametrize("concatenation", Concatenation)
@pytest.mark.parametrize("text", [LONG, "a" * 500, "ê" * 400, "{}[]" * 90], ids=["ucs2", "gsm", "latin1", "escapes"])
def test_a_long_text_arrives_whole(text: str, concatenation: Concatenation) -> None:
    rules = DialectSettings(concatenation=concatenation)
    found = planned(replace(SMS, text=text, comment="for us"), rules)
    assert read_back(found) == text + "\n~~~\nfor us"
    assert len(found.pdus) == 1 or concatenation is not Concatenation.PAYLOAD
    assert found.billed_parts == planned(replace(SMS, text=text)).billed_parts
    assert all(encode(pdu, sequence=1) for pdu in found.pdus)


def test_parts_have_the_sizes_of_their_alphabet() -> None:
    def sizes(text: str, concatenation: Concatenation = Concatenation.UDH8) -> list[int]:
        found = planned(replace(SMS, text=text), DialectSettings(concatenation=concatenation))
        return [len(pdu.short_message) for pdu in found.pdus]

    assert sizes("a" * 160) == [160]
    assert sizes("a" * 161) == [6 + 153, 6 + 8]
    assert sizes("a" * 161, Concatenation.UDH16) == [7 + 152, 7 + 9]
    assert sizes("a" * 161, Concatenation.SAR) == [153, 8]
    assert sizes("я" * 70) == [140]
    assert sizes("я" * 71) == [6 + 134, 6 + 8]
    assert sizes("ê" * 140) == [140]
    assert sizes("ê" * 141) == [6 + 134, 6 + 7]


def test_a_reference_comes_from_the_message_id() -> None:
    first, *_ = planned(replace(SMS, text=LONG)).pdus
    assert first.esm_class == 0x40
    assert first.short_message[:6] == bytes(
        (5, 0, 3, reference_of("m-1", 8), len(planned(replace(SMS, text=LONG)).pdus), 1)
    )
    sar = planned(replace(SMS, text=LONG), DialectSettings(concatenation=Concatenation.SAR)).pdus[1]
    assert sar.esm_class == 0
    assert raw(sar.tlvs, Tag.SAR_MSG_REF_NUM) == reference_of("m-1", 16).to_bytes(2, "big")
    assert raw(sar.tlvs, Tag.SAR_SEGMENT_SEQNUM) == b"\x02"


def test_payload_leaves_short_messages_where_they_are() -> None:
    rules = DialectSettings(concatenation=Concatenation.PAYLOAD)
    assert planned(SMS, rules) == planned(SMS)
    (pdu,) = planned(replace(SMS, text="a" * 161), rules).pdus
    assert pdu.short_message == b""
    assert pdu.tlvs == ((Tag.MESSAGE_PAYLOAD, b"a" * 161),)


def test_binary_goes_with_its_header() -> None:
    udh = bytes.fromhex("0605040b8423f0")
    (one,) = planned(replace(BINARY, payload=bytes(133), udh=udh)).pdus
    assert (one.esm_class, one.short_message) == (0x40, udh + bytes(133))
    data = bytes(range(256)) + b"end"
    many = planned(replace(BINARY, payload=data, udh=udh))
    assert len(many.pdus) == many.billed_parts == 3
    assert read_back(many) == data
    assert all(pdu.esm_class == 0x40 and udh[1:] in pdu.short_message[:13] for pdu in many.pdus)
    (part,) = planned(replace(BINARY, udh=bytes.fromhex("050003070201"))).pdus
    assert part.short_message == bytes.fromhex("05000307020100ff")


def test_binary_in_one_payload() -> None:
    udh = bytes.fromhex("0605040b8423f0")
    rules = DialectSettings(concatenation=Concatenation.PAYLOAD)
    (pdu,) = planned(replace(BINARY, payload=bytes(200), udh=udh), rules).pdus
    assert (pdu.esm_class, pdu.short_message) == (0x40, b"")
    assert raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) == udh + bytes(200)


def test_a_push_without_a_header_gets_the_standards() -> None:
    (pdu,) = planned(PUSH).pdus
    assert pdu.short_message == bytes.fromhex("0605040b8423f0") + b"\x01\x06\x04"


@pytest.mark.parametrize(
    ("changes", "validity", "schedule"),
    [
        ({}, "000001000000000R", ""),
        ({"validity_minutes": 90}, "000000013000000R", ""),
        ({"validity_minutes": 44_640}, "000031000000000R", ""),
        ({"expires_at": NOW + 3_600_999}, absolute_time(NOW + 3_600_000), ""),
        ({"expires_at": NOW + 60_000, "validity_minutes": 5}, absolute_time(NOW + 60_000), ""),
        ({"scheduled_at": NOW + 60_000}, absolute_time(NOW + 60_000 + 1440 * 60_000), absolute_time(NOW + 60_000)),
        ({"scheduled_at": NOW + 60_000, "validity_minutes": 5}, "000000000500000R", absolute_time(NOW + 60_000)),
        ({"scheduled_at": NOW - 1}, absolute_time(NOW - 1 + 1440 * 60_000), ""),
    ],
)
def test_times_are_the_messages_not_the_clocks(changes: dict[str, int], validity: str, schedule: str) -> None:
    (pdu,) = planned(replace(SMS, **changes)).pdus  # type: ignore[arg-type]  # all are optional integers
    assert (pdu.validity_period, pdu.schedule_delivery_time) == (validity, schedule)


def test_times_in_the_specifications_format() -> None:
    assert absolute_time(1_313_880_115_900) == "110820224155000+"
    assert relative_time(1) == "000000000100000R"
    assert relative_time(1439) == "000000235900000R"


def test_a_receipt_is_asked_for_where_it_is_wanted_or_is_the_answer() -> None:
    assert [planned(replace(m, receipt=False)).pdus[0].registered_delivery for m in (SMS, HLR)] == [0, 1]


def test_addresses_follow_the_message_then_the_account() -> None:
    def source(message: OutboundMessage, **rules: object) -> tuple[int, int, str]:
        (pdu,) = planned(message, DialectSettings.model_validate(rules)).pdus
        return pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr

    nobody = replace(SMS, sender=None)
    assert source(nobody) == (5, 1, "")
    assert source(nobody, default_sender="SHOP") == (5, 0, "SHOP")
    assert source(SMS, source_ton=5, source_npi=1) == (5, 1, "SHOP")
    assert source(replace(SMS, sender_npi=1)) == (5, 1, "SHOP")
    assert source(replace(SMS, sender="+79990000002")) == (1, 1, "79990000002")
    assert source(replace(SMS, sender="1234")) == (3, 0, "1234")
    (pdu,) = planned(replace(SMS, recipient="+" + TO, recipient_npi=0)).pdus
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (1, 0, TO)
    (pdu,) = planned(replace(EMAIL, recipient="a.very.long.address@example.com")).pdus
    assert pdu.destination_addr == "a.very.long.address@example.com"


def test_what_every_submit_carries_is_configured() -> None:
    rules = DialectSettings(user_message_reference=True, extra_tlvs=(ExtraTlv(tag=0x1400, hex="0aFF"),))
    (pdu,) = planned(SMS, rules).pdus
    assert pdu.tlvs == (
        (Tag.USER_MESSAGE_REFERENCE, reference_of("m-1", 16).to_bytes(2, "big")),
        (0x1400, b"\x0a\xff"),
    )


@pytest.mark.parametrize("concatenation", Concatenation)
def test_a_resend_is_the_identical_request(concatenation: Concatenation) -> None:
    rules = DialectSettings(concatenation=concatenation, user_message_reference=True)
    for message in (
        *ALL,
        replace(SMS, text=LONG),
        replace(SMS, expires_at=NOW + 90_000),
        replace(BINARY, payload=bytes(500)),
    ):
        first = plan(message, rules, now_ms=NOW)
        later = plan(replace(message), rules, now_ms=NOW + 50_000)
        assert [encode(pdu, sequence=7) for pdu in first.pdus] == [encode(pdu, sequence=7) for pdu in later.pdus]
        assert first == later


def test_a_fingerprint_holds_what_the_gateway_compares() -> None:
    (pdu,) = planned(SMS).pdus
    same = planned(replace(SMS, id="m-2", validity_minutes=5, receipt=False))
    assert same.fingerprints == (fingerprint(pdu),)
    others = [
        replace(SMS, text="Hello!"),
        replace(SMS, recipient="79990000002"),
        replace(SMS, sender="SHOP2"),
        replace(SMS, flash=True),
        replace(SMS, coding=Coding.LATIN1),
    ]
    assert fingerprint(pdu) not in {fingerprint(planned(other).pdus[0]) for other in others}
    for concatenation in (Concatenation.UDH8, Concatenation.SAR):
        parts = planned(replace(SMS, text="a" * 153 * 3), DialectSettings(concatenation=concatenation))
        assert len(set(parts.fingerprints)) == 3
        assert all(0 <= each < 2**64 for each in parts.fingerprints)


@pytest.mark.parametrize(
    "message", [message for code, message in REFUSED if not code.startswith(("id", "expired", "metadata", "campaign"))]
)
def test_what_is_refused_is_not_planned(message: OutboundMessage) -> None:
    """Where a message slipped past the router: a refusal, by its rules again. The clock's rules are the submitter's."""
    if message.scheduled_at is not None and message.validity_minutes is not None:
        return
    with pytest.raises(RefusedMessage):
        planned(message)


@settings(max_examples=300)
@given(messages, st.sampled_from(Concatenation), st.booleans(), st.booleans())
def test_any_event_is_planned_or_refused(
    message: OutboundMessage, concatenation: Concatenation, iso: bool, typography: bool
) -> None:
    rules = DialectSettings(concatenation=concatenation, iso=iso, replace_typography=typography)
    refusal = validate(message, rules, NOW)
    try:
        found = plan(message, rules, now_ms=NOW)
    except RefusedMessage:
        assert refusal is not None, "what the router lets pass can be sent"
        return
    assert all(encode(pdu, sequence=1) for pdu in found.pdus)


_letters = st.text(st.sampled_from("abc {€~\r\n é ç я 字 😀 e\u0301 🇫🇷"), min_size=1, max_size=700)


@settings(max_examples=200)
@given(_letters, st.sampled_from(Concatenation), st.booleans())
def test_any_text_is_read_back_as_it_was(text: str, concatenation: Concatenation, iso: bool) -> None:
    message = replace(SMS, text=text)
    rules = DialectSettings(concatenation=concatenation, iso=iso)
    if validate(message, rules, NOW) is None:
        assert read_back(planned(message, rules), iso=iso) == text


def test_a_code_shows_nowhere() -> None:
    found = planned(CODE)
    for shown in (repr(CODE), repr(found), repr(found.pdus[0])):
        assert "123456" not in shown
        assert TO not in shown


def test_a_status_is_a_verdict() -> None:
    rules = DialectSettings(duplicate_statuses=(0x441,), retry_statuses=(CommandStatus.ESME_RSYSERR,))
    assert {status: verdict(status, rules) for status in (0, 0x58, 0x14, 0x441, 0x08, 0x45, 0xFFFFFFFF)} == {
        0: Verdict.ACCEPTED,
        0x58: Verdict.THROTTLED,
        0x14: Verdict.QUEUE_FULL,
        0x441: Verdict.DUPLICATE,
        0x08: Verdict.RETRY,
        0x45: Verdict.REJECTED,
        0xFFFFFFFF: Verdict.REJECTED,
    }
    assert verdict(0x45, RULES) is Verdict.DUPLICATE
    assert verdict(0x08, RULES) is Verdict.REJECTED


def test_an_unused_kind_is_no_accident() -> None:
    assert {message.kind for message in ALL} == set(Kind)
