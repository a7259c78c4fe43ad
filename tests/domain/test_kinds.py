"""What the gateway takes: every kind's text to the letter, and every refusal with a reason that gives nothing away."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.composing import COMMENT_MARK, MARKS, ROWS
from connector.domain.kinds import LAST_TIME_MS, Body, Refusal, RefusedMessage, body_of, compose, validate
from connector.domain.messages import Coding, Kind, OutboundMessage
from connector.domain.text import Concatenation
from connector.simulator.marks import kind_of
from connector.simulator.requests import fault_of, read
from connector.simulator.settings import SimulatorSettings
from connector.translate import DialectSettings, plan

NOW = 1_790_000_000_000
TO = "79990000001"
RULES = DialectSettings()
SMS = OutboundMessage(id="m-1", sender="SHOP", recipient=TO, text="Hello")
EMAIL = replace(SMS, kind=Kind.EMAIL, recipient="someone@example.com", subject="Order")
VOICE = replace(SMS, kind=Kind.VOICE)
VIBER = replace(SMS, kind=Kind.VIBER)
SOCIAL = replace(SMS, kind=Kind.SOCIAL)
CODE = replace(SMS, kind=Kind.TELEGRAM_CODE, text="123456")
BOT = replace(SMS, kind=Kind.TELEGRAM_BOT, bot="shop_bot")
HLR = replace(SMS, kind=Kind.HLR, text=None)
PING = replace(SMS, kind=Kind.PING, text=None)
BINARY = replace(SMS, kind=Kind.BINARY, text=None, payload=b"\x00\xff")
PUSH = replace(SMS, kind=Kind.WAP_PUSH, text=None, payload=b"\x01\x06\x04")
ALL = (SMS, EMAIL, VOICE, VIBER, SOCIAL, CODE, BOT, HLR, PING, BINARY, PUSH)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (SMS, "Hello"),
        (replace(SMS, flash=True), "Hello"),
        (replace(SMS, comment="for us"), "Hello\n~~~\nfor us"),
        (EMAIL, "__MAIL__: Hello\nsubj:Order"),
        (replace(EMAIL, comment="for us"), "__MAIL__: Hello\nsubj:Order\n~~~\nfor us"),
        (VOICE, "__CALL__: Hello\nvoice:m3"),
        (replace(VOICE, voice="w2"), "__CALL__: Hello\nvoice:w2"),
        (replace(VOICE, voice="m", language="en"), "__CALL__: Hello\nvoice:m,en"),
        (replace(VOICE, language="de"), "__CALL__: Hello\nvoice:m3,de"),
        (replace(VOICE, voice="w4", call_parameters="a=1"), "__CALL__: Hello\nvoice:w4\n~~~\na=1"),
        (VIBER, "__VIBER__: Hello"),
        (replace(VIBER, text="<file x>\n<button y>"), "__VIBER__: <file x>\n<button y>"),
        (SOCIAL, "__SOC__: Hello"),
        (CODE, "__TGM__: 123456"),
        (BOT, "__BOT__: Hello\nbot:@shop_bot"),
        (replace(BOT, bot="@shop_bot"), "__BOT__: Hello\nbot:@shop_bot"),
        (HLR, "__HLR__"),
        (replace(HLR, text=""), "__HLR__"),
        (PING, "__PING__"),
        (BINARY, b"\x00\xff"),
        (replace(BINARY, payload=None, text="00fF"), b"\x00\xff"),
        (PUSH, b"\x01\x06\x04"),
    ],
)
def test_the_text_of_each_kind_is_the_gateways(message: OutboundMessage, text: str | bytes) -> None:
    assert validate(message, RULES, NOW) is None
    assert compose(message) == text


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.kind)
def test_the_gateway_takes_it_for_the_kind_that_was_meant(message: OutboundMessage) -> None:
    body = compose(message)
    if isinstance(body, bytes):
        udh = bytes.fromhex("05040b8423f0") if message.kind is Kind.WAP_PUSH else b""
        assert kind_of(body, 4, udh, iso=False) is message.kind
    else:
        assert kind_of(body.encode("utf-16-be"), 8, b"", iso=False) is message.kind


# What must be refused: code, and an event that deserves it.
REFUSED = [
    ("id-missing", replace(SMS, id="")),
    ("id-too-long", replace(SMS, id="x" * 256)),
    ("campaign-too-long", replace(SMS, campaign_id="x" * 256)),
    ("metadata-too-large", replace(SMS, metadata={str(number): "" for number in range(101)})),
    ("metadata-too-large", replace(SMS, metadata={"k": "v" * 65_536})),
    ("metadata-too-large", replace(SMS, metadata={"k" * 32_769: "é" * 16_384})),
    ("recipient-not-a-number", replace(SMS, recipient="")),
    ("recipient-not-a-number", replace(SMS, recipient="7999000000a")),
    ("recipient-not-a-number", replace(SMS, recipient="+7 999 000-00-01")),
    ("recipient-not-a-number", replace(SMS, recipient="٧٩٩٩٠٠٠٠٠٠١")),
    ("recipient-not-a-number", replace(SMS, recipient="7²9990000001")),
    ("recipient-not-a-number", replace(SMS, recipient="7" * 21)),
    ("recipient-not-a-number", replace(SMS, recipient=TO + "\n")),
    ("recipient-not-a-number", replace(SMS, recipient="someone@example.com")),
    ("recipient-too-long", replace(SMS, recipient="+" + "7" * 20, recipient_ton=0)),
    ("recipient-not-an-address", replace(EMAIL, recipient=TO)),
    ("recipient-not-an-address", replace(EMAIL, recipient="someone@localhost")),
    ("recipient-not-an-address", replace(EMAIL, recipient="some one@example.com")),
    ("recipient-not-an-address", replace(EMAIL, recipient="a@b@example.com")),
    ("recipient-not-an-address", replace(EMAIL, recipient="кто@example.com")),
    ("recipient-not-an-address", replace(EMAIL, recipient="a" * 65 + "@example.com")),
    ("recipient-not-an-address", replace(EMAIL, recipient="a@" + "b." * 130 + "com")),
    ("sender-too-long", replace(SMS, sender="TWELVELETTER")),
    ("sender-too-long", replace(SMS, sender="1" * 21)),
    ("sender-too-long", replace(EMAIL, sender="shop@example.com")),
    ("sender-characters", replace(SMS, sender="МАГАЗИН")),
    ("sender-characters", replace(SMS, sender="A\nB")),
    ("sender-characters", replace(SMS, sender="   ")),
    ("ton-npi-range", replace(SMS, sender_ton=256)),
    ("ton-npi-range", replace(SMS, recipient_npi=-1)),
    ("text-empty", replace(SMS, text=None)),
    ("text-empty", replace(SMS, text="")),
    ("text-empty", replace(SMS, text=" \n\t ")),
    ("text-empty", replace(VIBER, text=None)),
    ("text-empty", replace(CODE, text=None)),
    ("text-not-allowed", replace(HLR, text="why")),
    ("text-not-allowed", replace(PING, text="why")),
    ("code-not-4-to-8-digits", replace(CODE, text="123")),
    ("code-not-4-to-8-digits", replace(CODE, text="123456789")),
    ("code-not-4-to-8-digits", replace(CODE, text="12a456")),
    ("code-not-4-to-8-digits", replace(CODE, text="123456\n")),
    ("code-not-4-to-8-digits", replace(CODE, text="١٢٣٤٥٦")),
    ("voice-unknown", replace(VOICE, voice="m5")),
    ("voice-unknown", replace(VOICE, voice="M")),
    ("voice-unknown", replace(VOICE, voice="m,en")),
    ("language-unknown", replace(VOICE, language="english")),
    ("language-unknown", replace(VOICE, language="e\n")),
    ("subject-missing", replace(EMAIL, subject=None)),
    ("subject-missing", replace(EMAIL, subject="  ")),
    ("subject-of-several-lines", replace(EMAIL, subject="a\nb")),
    ("bot-name", replace(BOT, bot=None)),
    ("bot-name", replace(BOT, bot="shop bot")),
    ("bot-name", replace(BOT, bot="shop_bot\n")),
    ("text-starts-with-mark", replace(SMS, text="__HLR__")),
    ("text-starts-with-mark", replace(SMS, text="__TGM__: 123456")),
    ("text-starts-with-mark", replace(SMS, text="__MAIL__ without its colon")),
    ("text-starts-with-mark", replace(SMS, text=" \n__ping__")),
    ("text-starts-with-mark", replace(SMS, text="__BOT__x", flash=True)),
    ("text-holds-field", replace(EMAIL, text="Hello\nsubj:other")),
    ("text-holds-field", replace(VOICE, text="Hello\nvoice:w")),
    ("text-holds-field", replace(BOT, text="Hello\nbot:@other")),
    ("text-holds-comment-mark", replace(SMS, text="one\n~~~\ntwo")),
    ("text-holds-comment-mark", replace(SMS, text="one\n~~~", comment="two")),
    ("text-holds-comment-mark", replace(SMS, text="one\n~~~")),
    ("text-holds-comment-mark", replace(VOICE, text="one\n~~~\ntwo")),
    ("text-holds-comment-mark", replace(VIBER, text="one\n~~~\ntwo")),
    ("field-not-of-kind", replace(SMS, subject="Order")),
    ("field-not-of-kind", replace(SMS, payload=b"\0")),
    ("field-not-of-kind", replace(VIBER, flash=True)),
    ("field-not-of-kind", replace(VOICE, comment="a comment would be call parameters")),
    ("field-not-of-kind", replace(EMAIL, voice="m")),
    ("field-not-of-kind", replace(BINARY, comment="for us")),
    ("field-not-of-kind", replace(HLR, comment="the gateway reads a bare mark only")),
    ("field-not-of-kind", replace(PING, comment="the gateway reads a bare mark only")),
    ("binary-odd-hex", replace(BINARY, payload=None, text="abc")),
    ("binary-not-hex", replace(BINARY, payload=None, text="zz")),
    ("payload-twice", replace(BINARY, text="00")),
    ("payload-empty", replace(BINARY, payload=None)),
    ("payload-empty", replace(PUSH, payload=b"")),
    ("payload-too-long", replace(BINARY, payload=bytes(255 * 133 + 1))),
    ("payload-holds-mark", replace(BINARY, payload=b"__HLR__")),
    ("payload-holds-mark", replace(BINARY, payload=b"\xff\n~~~\n\xff")),
    ("udh-malformed", replace(BINARY, udh=b"\x05\x00")),
    ("udh-malformed", replace(BINARY, udh=b"\x02\x70\x00\x00")),
    ("udh-malformed", replace(BINARY, udh=b"\x03\x70\x05\x00")),
    ("udh-is-a-part", replace(BINARY, udh=bytes.fromhex("050003010201"), payload=bytes(140))),
    ("udh-too-long", replace(BINARY, udh=bytes((136, 0x70, 134)) + bytes(134), payload=bytes(140))),
    ("udh-too-long", replace(BINARY, udh=bytes((152, 0x70, 150)) + bytes(150), payload=b"")),
    ("text-nul", replace(SMS, text="a\0b")),
    ("text-nul", replace(SMS, comment="a\0b")),
    ("text-lone-surrogate", replace(SMS, text="a\ud83d")),
    ("text-lone-surrogate", replace(EMAIL, subject="\udc00")),
    ("text-not-gsm", replace(SMS, text="Привет", coding=Coding.GSM)),
    ("text-not-latin1", replace(SMS, text="Привет", coding=Coding.LATIN1)),
    ("text-too-long", replace(SMS, text="a" * (255 * 153 + 1))),
    ("text-too-long", replace(SMS, text="я" * (255 * 67 + 1))),
    ("text-too-long", replace(SMS, text="я" * 1_000_000)),
    ("expired", replace(SMS, expires_at=NOW)),
    ("expired", replace(SMS, expires_at=0)),
    ("time-range", replace(SMS, expires_at=LAST_TIME_MS)),
    ("time-range", replace(SMS, scheduled_at=-1)),
    ("scheduled-past-validity", replace(SMS, scheduled_at=NOW + 2000, expires_at=NOW + 1000)),
    ("scheduled-past-validity", replace(SMS, scheduled_at=NOW + 3_600_000, validity_minutes=60)),
    ("validity-range", replace(SMS, validity_minutes=0)),
    ("validity-range", replace(SMS, validity_minutes=44_641)),
]


@pytest.mark.parametrize(("code", "message"), REFUSED, ids=[f"{n}-{code}" for n, (code, _) in enumerate(REFUSED)])
def test_what_cannot_be_sent_as_meant_is_refused(code: str, message: OutboundMessage) -> None:
    refusal = validate(message, RULES, NOW)
    assert refusal is not None
    assert refusal.code == code
    assert len(refusal.reason) > 10


@pytest.mark.parametrize(
    "message",
    [
        replace(SMS, text="tilde ~~~ in a line"),
        replace(SMS, text="~~~\nat the very start is no mark"),
        replace(SMS, text="one\n~~~~\ntwo"),
        replace(SMS, text="see __HLR__ in the middle"),
        replace(SMS, text="HLR"),
        replace(SMS, text="a\nsubj:b\nvoice:c\nbot:d"),
        replace(SMS, comment="a comment\n~~~\nmay hold the mark"),
        replace(VOICE, call_parameters="so\n~~~\nmay parameters"),
        replace(SMS, recipient="+" + TO),
        replace(SMS, recipient="7" * 20),
        replace(SMS, sender=None),
        replace(SMS, sender="ELEVENCHARS"),
        replace(SMS, sender="1" * 20),
        replace(EMAIL, sender="a@b.example"),
        replace(EMAIL, recipient="a.long.name+tag@" + "x" * 60 + ".example.com"),
        replace(CODE, text="1234"),
        replace(CODE, text="12345678"),
        replace(BINARY, udh=bytes.fromhex("050003010201")),
        replace(BINARY, payload=b"", udh=b"\x04\x01\x02\x80\x01"),
        replace(BINARY, payload=bytes(255 * 133)),
        replace(SMS, text="a" * 255 * 153),
        replace(SMS, text="я" * 255 * 67),
        replace(SMS, expires_at=NOW + 1),
        replace(SMS, scheduled_at=NOW + 7 * 86_400_000),
        replace(SMS, scheduled_at=NOW - 1000),
        replace(SMS, scheduled_at=NOW + 1000, expires_at=NOW + 2000),
        replace(SMS, validity_minutes=44_640),
    ],
)
def test_what_only_looks_odd_is_taken(message: OutboundMessage) -> None:
    assert validate(message, RULES, NOW) is None


@pytest.mark.parametrize("message", [SMS, EMAIL], ids=lambda message: message.kind)
@pytest.mark.parametrize("ton", [None, 0, 2])
@pytest.mark.parametrize(
    "sender", ["ELEVENCHARS", "TWELVELETTER", "a@b.example", "shop@example.com", "+79990000001", "1" * 20, "1" * 21]
)
def test_a_sender_is_taken_here_where_the_gateway_takes_it(
    message: OutboundMessage, ton: int | None, sender: str
) -> None:
    (pdu,) = plan(message, RULES, now_ms=NOW).pdus
    status = fault_of(read(replace(pdu, source_addr=sender), iso=False), SimulatorSettings())
    refusal = validate(replace(message, sender=sender, sender_ton=ton), RULES, NOW)
    assert (None if refusal is None else refusal.code) == (None if status == 0 else "sender-too-long")


def test_plain_typography_is_judged_as_it_will_be_sent() -> None:
    """A line separator becomes a line feed and a small tilde a tilde: together they would make a comment."""
    message = replace(SMS, text="one\u2028˜˜˜\u2028two")
    assert validate(message, RULES, NOW) is None
    refusal = validate(message, DialectSettings(replace_typography=True), NOW)
    assert refusal is not None
    assert refusal.code == "text-holds-comment-mark"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (replace(SMS, text="It’s"), "It's"),
        (replace(SMS, comment="the shop’s"), "Hello\n~~~\nthe shop's"),
        (replace(EMAIL, subject="Today’s — news"), "__MAIL__: Hello\nsubj:Today's - news"),
        (replace(EMAIL, comment="“x”"), '__MAIL__: Hello\nsubj:Order\n~~~\n"x"'),
        (replace(VIBER, text="…", comment="…"), "__VIBER__: ...\n~~~\n..."),
        (replace(VOICE, call_parameters="a=’"), "__CALL__: Hello\nvoice:m3\n~~~\na=’"),
        (replace(HLR, text=None), "__HLR__"),
    ],
)
def test_plain_typography_is_for_all_that_shares_the_alphabet(message: OutboundMessage, text: str) -> None:
    body = body_of(message, replace_typography=True)
    assert isinstance(body, Body)
    assert body.text + body.tail == text
    assert (body_of(message) == body) == (message.kind in (Kind.VOICE, Kind.HLR))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("text-empty", replace(SMS, text="\u200b")),
        ("subject-missing", replace(EMAIL, subject="\u200b")),
        ("subject-of-several-lines", replace(EMAIL, subject="one\u2028two")),
    ],
)
def test_what_plain_typography_leaves_is_judged(code: str, message: OutboundMessage) -> None:
    assert validate(message, RULES, NOW) is None
    refusal = validate(message, DialectSettings(replace_typography=True), NOW)
    assert refusal is not None
    assert refusal.code == code


def test_an_account_with_iso_has_no_gsm() -> None:
    refusal = validate(replace(SMS, coding=Coding.GSM), DialectSettings(iso=True), NOW)
    assert refusal is not None
    assert refusal.code == "text-gsm-under-iso"


def test_the_limit_of_parts_holds_without_parts_too() -> None:
    """One message_payload of 300 short messages would be cut up by the gateway, or by no one."""
    rules = DialectSettings(concatenation=Concatenation.PAYLOAD)
    assert validate(replace(SMS, text="я" * 255 * 67), rules, NOW) is None
    refusal = validate(replace(SMS, text="я" * 300 * 67), rules, NOW)
    assert refusal is not None
    assert refusal.code == "text-too-long"


def test_every_kind_has_a_row() -> None:
    assert set(ROWS) == set(Kind)


def test_composing_what_is_refused_raises_the_refusal() -> None:
    with pytest.raises(RefusedMessage) as caught:
        compose(replace(CODE, text="12"))
    assert caught.value.refusal.code == "code-not-4-to-8-digits"


_texts = st.text(st.sampled_from("ab я~_\n\0\ud800:é😀"), max_size=40)
_pieces = st.one_of(_texts, st.sampled_from([*MARKS, COMMENT_MARK, "~~~", "\nsubj:", "\nvoice:", "\nbot:", "123456"]))
_words = st.lists(_pieces, max_size=5).map("".join)
_maybe = st.one_of(st.none(), _words)
_octets = st.one_of(st.none(), st.binary(max_size=300))
_times = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(NOW - 10, NOW + 10))
_small = st.one_of(st.none(), st.integers(-5, 300))

messages = st.builds(
    OutboundMessage,
    id=_words,
    kind=st.sampled_from(Kind),
    sender=_maybe,
    sender_ton=_small,
    sender_npi=_small,
    recipient=st.one_of(_words, st.just(TO), st.just("+" + TO), st.just("someone@example.com")),
    recipient_ton=_small,
    recipient_npi=_small,
    text=_maybe,
    subject=_maybe,
    voice=st.one_of(_maybe, st.sampled_from(["m", "w4"])),
    language=st.one_of(_maybe, st.just("en")),
    call_parameters=_maybe,
    bot=_maybe,
    payload=_octets,
    udh=_octets,
    coding=st.sampled_from(Coding),
    flash=st.booleans(),
    scheduled_at=_times,
    expires_at=_times,
    validity_minutes=_small,
    receipt=st.booleans(),
    comment=_maybe,
)


@given(messages, st.booleans(), st.booleans())
def test_any_event_is_taken_or_refused_never_an_error(message: OutboundMessage, iso: bool, typography: bool) -> None:
    refusal = validate(message, DialectSettings(iso=iso, replace_typography=typography), NOW)
    assert refusal is None or isinstance(refusal, Refusal)


CANARY = "QXZJVKWY"


@given(
    messages,
    st.sampled_from(
        ("sender", "recipient", "text", "subject", "voice", "language", "call_parameters", "bot", "comment", "id")
    ),
    st.integers(1, 5000),
)
def test_a_reason_gives_nothing_away(message: OutboundMessage, field: str, times: int) -> None:
    change: dict[str, Any] = {field: (getattr(message, field) or "") + CANARY * times}
    guarded = replace(message, **change)
    refusal = validate(guarded, RULES, NOW)
    if refusal is not None:
        assert CANARY not in refusal.reason
        assert CANARY not in str(RefusedMessage(refusal))


@given(_words.filter(lambda text: text.strip() != ""))
def test_no_text_becomes_another_kind(text: str) -> None:
    """Whatever a plain SMS says, if it is taken the gateway reads it as a plain SMS without a comment."""
    message = replace(SMS, text=text)
    if validate(message, RULES, NOW) is None:
        body = compose(message)
        assert isinstance(body, str)
        assert kind_of(body.encode("utf-16-be"), 8, b"", iso=False) is Kind.SMS
        assert COMMENT_MARK not in body
