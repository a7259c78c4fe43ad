"""The gateway's dialect as a table: each row is a fact of it, the event that shows it, and what must be seen of it.

One run sends all of them through Kafka, the stages and a real connection; `test_rows` then holds every row against the
gateway's own record (`wire`) and against what was published (`told`). Facts that no outbound event can show (guards,
binds, what the gateway does by itself) are proved by the tests that `ELSEWHERE` names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from time import time_ns
from typing import Any, Final

from connector.domain.composing import VOICES
from connector.domain.errors import EMAIL_ERRORS, SMS_ERRORS
from connector.domain.events import DeliveryReport, HlrResult, SubmitResponse
from connector.domain.messages import Kind
from connector.simulator.periods import seconds_until
from connector.simulator.plans import FollowUp, Form, HlrAnswer, MessageType, Receipts, ReceiptState, Template
from connector.simulator.record import SubmitRecord
from connector.smpp.constants import VERSION_5_0, Tag
from connector.smpp.pdu import Bind, BindReceiver, BindTransmitter
from connector.smpp.tlv import raw

Report = DeliveryReport | HlrResult
Wire = Callable[[Sequence[SubmitRecord]], bool]
Told = Callable[[SubmitResponse, Sequence[Any]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`event`: fields of the outbound message. `receipts`: what the gateway does. `least`: reports to wait for.

    `binds`: what must be seen of the requests with which the login was bound, in the same record as `wire`.
    """

    fact: str
    event: Mapping[str, Any]
    wire: Wire
    told: Told
    receipts: Receipts = field(default_factory=Receipts)
    least: int = 1
    binds: Callable[[Sequence[Bind]], bool] = bool


def _text(submits: Sequence[SubmitRecord]) -> bytes:
    return submits[0].pdu.short_message


def _delivered(response: SubmitResponse, reports: Sequence[Any]) -> bool:
    return response.outcome == "accepted" and reports[0].state == "DELIVRD" and reports[0].match == "matched"


def _kind(fact: str, kind: Kind, octets: bytes, told: Told = _delivered, **fields: Any) -> Row:
    """One logical message of a kind; the kind comes back on its events."""
    return Row(
        fact=f"kind: {fact}",
        event={"kind": kind, **fields},
        wire=lambda submits: _text(submits) == octets and submits[0].kind is kind,
        told=lambda response, reports: (
            told(response, reports) and response.kind == kind and all(each.kind == kind for each in reports)
        ),
    )


KINDS: Final = (
    _kind("SMS", Kind.SMS, b"hello", text="hello"),
    _kind("SMS with a comment", Kind.SMS, b"hello\n\x1b=\x1b=\x1b=\nnote", text="hello", comment="note"),
    _kind("binary", Kind.BINARY, b"\x01\x02", payload=b"\x01\x02"),
    _kind("WAP push", Kind.WAP_PUSH, bytes.fromhex("0605040b8423f001"), payload=b"\x01"),
    _kind("e-mail", Kind.EMAIL, b"\x11\x11MAIL\x11\x11: hello\nsubj:News", text="hello", subject="News"),
    _kind("voice call, no voice named", Kind.VOICE, b"\x11\x11CALL\x11\x11: hello\nvoice:m3", text="hello"),
    *(
        _kind(
            f"voice {voice}",
            Kind.VOICE,
            b"\x11\x11CALL\x11\x11: hello\nvoice:" + voice.encode(),
            text="hello",
            voice=voice,
        )
        for voice in VOICES
    ),
    _kind(
        "voice with a language",
        Kind.VOICE,
        b"\x11\x11CALL\x11\x11: hello\nvoice:w,fr",
        text="hello",
        voice="w",
        language="fr",
    ),
    _kind(
        "voice with call parameters",
        Kind.VOICE,
        b"\x11\x11CALL\x11\x11: hello\nvoice:m3\n\x1b=\x1b=\x1b=\nretry:3",
        text="hello",
        call_parameters="retry:3",
    ),
    _kind(
        "Viber, macros untouched",
        Kind.VIBER,
        b"\x11\x11VIBER\x11\x11: See \x1b<button:x\x1b>",
        text="See [button:x]",
    ),
    _kind("social network", Kind.SOCIAL, b"\x11\x11SOC\x11\x11: hello", text="hello"),
    _kind(
        "Telegram code, urgent by itself",
        Kind.TELEGRAM_CODE,
        b"\x11\x11TGM\x11\x11: 123456",
        lambda r, d: _delivered(r, d) and r.lane == "urgent",
        text="123456",
    ),
    _kind("Telegram bot", Kind.TELEGRAM_BOT, b"\x11\x11BOT\x11\x11: hello\nbot:\x00news", text="hello", bot="news"),
    _kind("HLR request", Kind.HLR, b"\x11\x11HLR\x11\x11", text=None),
    _kind("Ping", Kind.PING, b"\x11\x11PING\x11\x11", text=None),
)


def _wire(fact: str, wire: Wire, told: Told = _delivered, **fields: Any) -> Row:
    return Row(fact=fact, event=fields, wire=wire, told=told)


LONG_ADDRESS: Final = "a.customer.with.a.long.name@mail.example.com"
IN_2090: Final = 3_786_912_000_000


def _tied(submits: Sequence[SubmitRecord], udh: bytes, octets: int) -> bool:
    """Two parts, each with a header that begins so and ends with its number among them; the first one of this size."""
    texts = [each.pdu.short_message for each in submits]
    numbers = [text[udh[0] - 1 : udh[0] + 1] for text in texts]
    return (
        {text[: len(udh)] for text in texts} == {udh}
        and {each.pdu.esm_class for each in submits} == {0x40}
        and numbers == [b"\x02\x01", b"\x02\x02"]
        and len(texts[0]) == octets
    )


def _sar(submits: Sequence[SubmitRecord]) -> bool:
    """Two parts tied by the parameters alone."""
    ties = [
        (raw(each.pdu.tlvs, Tag.SAR_TOTAL_SEGMENTS), raw(each.pdu.tlvs, Tag.SAR_SEGMENT_SEQNUM)) for each in submits
    ]
    references = {raw(each.pdu.tlvs, Tag.SAR_MSG_REF_NUM) for each in submits}
    return (
        ties == [(b"\x02", b"\x01"), (b"\x02", b"\x02")]
        and len(references) == 1
        and {each.pdu.esm_class for each in submits} == {0}
        and [len(each.pdu.short_message) for each in submits] == [153, 8]
    )


def _whole(submits: Sequence[SubmitRecord], octets: bytes) -> bool:
    """One submit_sm, whose text stands in message_payload alone."""
    pdus = [each.pdu for each in submits]
    return [(pdu.short_message, raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD)) for pdu in pdus] == [(b"", octets)]


def _not_yet(response: SubmitResponse, reports: Sequence[Any]) -> bool:
    return response.outcome == "accepted" and not reports


def _in_a_day(time: str) -> bool:
    """A relative time, counted from a moment of this run to one that was a day ahead when it began."""
    return time[-1:] == "R" and 0 < (seconds_until(time, 0) or 0) <= 86_400


WIRE: Final = (
    _wire(
        "data_coding 0x00: GSM with extension table",
        lambda s: (s[0].pdu.data_coding, _text(s)) == (0, b"\x1be"),
        text="€",
    ),
    _wire("data_coding 0x04: ISO-8859-1", lambda s: (s[0].pdu.data_coding, _text(s)) == (4, b"\xe7"), text="ç"),
    _wire("data_coding 0x04: binary", lambda s: s[0].pdu.data_coding == 4, kind=Kind.BINARY, payload=b"\x7f"),
    _wire("data_coding 0x08: UCS2", lambda s: (s[0].pdu.data_coding, _text(s)) == (8, b"\x04\x3f"), text="п"),
    _wire("flash, GSM", lambda s: s[0].pdu.data_coding == 0x10, text="flash", flash=True),
    _wire("flash, ISO-8859-1", lambda s: (s[0].pdu.data_coding, _text(s)) == (0x14, b"\xe7"), text="ç", flash=True),
    _wire("flash, UCS2", lambda s: s[0].pdu.data_coding == 0x18, text="п", flash=True),
    _wire(
        "long GSM text: 153 septets a part behind 6 octets of header",
        lambda s: len(s) == 2 and len(_text(s)) == 6 + 153 and s[0].pdu.esm_class == 0x40,
        lambda r, d: r.parts == 2 and d[0].parts == 2,
        text="a" * 161,
    ),
    _wire("long UCS2 text: 67 characters a part", lambda s: len(s) == 2 and len(_text(s)) == 6 + 134, text="п" * 71),
    _wire(
        "long ISO-8859-1 text: 134 octets a part", lambda s: len(s) == 2 and len(_text(s)) == 6 + 134, text="ç" * 141
    ),
    _wire(
        "default mode: one id for every part, one receipt for the whole",
        lambda s: len({each.message_id for each in s}) == 1,
        lambda r, d: len(set(r.part_message_ids)) == 1 and len(d) == 1 and d[0].part is None,
        text="b" * 200,
    ),
    _wire(
        "binary with a header of its own",
        lambda s: (s[0].pdu.esm_class, _text(s)) == (0x40, bytes.fromhex("0605041581000001")),
        kind=Kind.BINARY,
        udh=bytes.fromhex("06050415810000"),
        payload=b"\x01",
    ),
    _wire("sender of letters: TON 5", lambda s: s[0].pdu.source_addr_ton == 5, text="x", sender="Shop"),
    _wire(
        "short code: TON 3, NPI 0",
        lambda s: (s[0].pdu.source_addr_ton, s[0].pdu.source_addr_npi) == (3, 0),
        text="x",
        sender="2345",
    ),
    _wire(
        "sender with a plus: TON 1, NPI 1",
        lambda s: (s[0].pdu.source_addr_ton, s[0].pdu.source_addr_npi, s[0].pdu.source_addr) == (1, 1, "79990000000"),
        text="x",
        sender="+79990000000",
    ),
    _wire(
        "no sender: an empty source address, TON 5, NPI 1",
        lambda s: (s[0].pdu.source_addr_ton, s[0].pdu.source_addr_npi, s[0].pdu.source_addr) == (5, 1, ""),
        lambda r, d: _delivered(r, d) and r.sender is None and d[0].sender is None,
        text="x",
        sender=None,
    ),
    _wire("full number as sender: TON 1", lambda s: s[0].pdu.source_addr_ton == 1, text="x", sender="79990000000"),
    _wire(
        "recipient: TON 1, NPI 1",
        lambda s: (s[0].pdu.dest_addr_ton, s[0].pdu.dest_addr_npi) == (1, 1),
        text="x",
    ),
    _wire(
        "an e-mail address of more than 20 characters: whole in destination_addr",
        lambda s: (s[0].pdu.destination_addr, s[0].kind) == (LONG_ADDRESS, Kind.EMAIL),
        lambda r, d: _delivered(r, d) and r.recipient == d[0].recipient == LONG_ADDRESS,
        kind=Kind.EMAIL,
        recipient=LONG_ADDRESS,
        subject="News",
        text="hello",
    ),
    _wire(
        "long e-mail: one message in parts like an SMS",
        lambda s: _tied(s, bytes.fromhex("050003"), 6 + 153) and s[0].kind is Kind.EMAIL,
        kind=Kind.EMAIL,
        subject="News",
        text="e" * 200,
    ),
    _wire("TON and NPI of the event", lambda s: s[0].pdu.source_addr_ton == 2, text="x", sender="Shop", sender_ton=2),
    _wire(
        "validity: 1440 minutes, said explicitly", lambda s: s[0].pdu.validity_period == "000001000000000R", text="x"
    ),
    _wire(
        "validity of the event",
        lambda s: s[0].pdu.validity_period == "000000010000000R",
        text="x",
        validity_minutes=60,
    ),
    _wire(
        "expires_at: an absolute validity period",
        lambda s: s[0].pdu.validity_period == "900101000000000+",
        text="x",
        expires_at=IN_2090,
    ),
    Row(
        fact="scheduled_at: an absolute time, and the account's validity from there",
        event={"text": "x", "scheduled_at": IN_2090},
        wire=lambda s: (
            (s[0].pdu.schedule_delivery_time, s[0].pdu.validity_period) == ("900101000000000+", "900102000000000+")
        ),
        told=_not_yet,
        least=0,
    ),
    _wire("receipt asked for", lambda s: s[0].pdu.registered_delivery == 1, text="x"),
    Row(
        fact="receipt not asked for",
        event={"text": "x", "receipt": False},
        wire=lambda s: s[0].pdu.registered_delivery == 0,
        told=lambda r, d: r.outcome == "accepted" and not d,
        least=0,
    ),
)


def _receipt(fact: str, receipts: Receipts, told: Callable[[Any], bool], *, least: int = 1, **fields: Any) -> Row:
    """What a receipt carries, on the event made of it (the last one of the message)."""
    return Row(
        fact=fact,
        event={"text": "hello", **fields},
        wire=lambda submits: submits[0].accepted,
        told=lambda response, reports: len(reports) >= least and told(reports[-1]),
        receipts=receipts,
        least=least,
    )


def _has(event: Any, **fields: object) -> bool:
    return {name: getattr(event, name) for name in fields} == fields


RECEIPTS: Final = (
    _receipt("TLV 0x001E: the id", Receipts(form=Form.TLVS_ONLY), lambda d: d.gateway_message_id),
    _receipt("TLV 0x0427: the state", Receipts(form=Form.TLVS_ONLY), lambda d: d.message_state == 2),
    _receipt(
        "TLV 0x0423: network type and error",
        Receipts(form=Form.TLVS_ONLY, state=ReceiptState.UNDELIV, error=1),
        lambda d: (d.error_code, d.network_type) == (1, 3),
    ),
    _receipt("TLV 0x2000: cost", Receipts(cost=Decimal("1.2345")), lambda d: d.cost == Decimal("1.2345")),
    *(
        _receipt(
            f"TLV 0x2001: type {kind.value} ({kind.name})",
            Receipts(type=kind),
            partial(_has, message_type=kind.value),
        )
        for kind in MessageType
        if kind not in (MessageType.HLR, MessageType.PING)
    ),
    _receipt("TLV 0x2001, bit 5: second balance", Receipts(second_balance=True), lambda d: d.second_balance),
    _receipt("TLV 0x2001, bit 5 clear", Receipts(), lambda d: d.second_balance is False),
    *(
        _receipt(
            f"TLV 0x2001, bits 8 to 10: template {template.value}",
            Receipts(template=template),
            partial(_has, template=True, template_type=template.value),
        )
        for template in Template
    ),
    _receipt("TLV 0x2002: parts", Receipts(), lambda d: d.parts == 3, text="c" * 400),
    _receipt("TLV 0x2003: mccmnc, leading zeros kept", Receipts(mccmnc="00101"), lambda d: d.mccmnc == "00101"),
    _receipt("TLV 0x2003: six digits", Receipts(mccmnc="310260"), lambda d: d.mccmnc == "310260"),
    *(
        _receipt(
            f"TLV 0x2004: {status} {name}, an event of its own",
            Receipts(follow_ups=(FollowUp(after=0.2, additional_status=status),)),
            partial(_has, additional_status=status, additional_status_name=name),
            least=2,
        )
        for status, name in ((2, "read"), (4, "link clicked"))
    ),
    _receipt("receipt in text alone", Receipts(form=Form.TEXT_ONLY), lambda d: d.state == "DELIVRD" and d.cost is None),
    _receipt("receipt in message_payload", Receipts(form=Form.PAYLOAD), lambda d: d.state == "DELIVRD"),
    _receipt("receipt as data_sm", Receipts(form=Form.DATA_SM), lambda d: d.state == "DELIVRD"),
    _receipt(
        "TLVs win over the text",
        Receipts(form=Form.CONTRADICTING),
        lambda d: (d.state, d.error_code, d.contradiction) == ("UNDELIV", 255, "state,error"),
    ),
    _receipt("a TLV nobody knows", Receipts(form=Form.UNKNOWN_TLVS), lambda d: d.state == "DELIVRD"),
    *(
        _receipt(
            f"stat {state.value}",
            Receipts(state=state),
            partial(_has, state=state.value),
        )
        for state in ReceiptState
        if state is not ReceiptState.ENROUTE
    ),
    _receipt("a receipt that comes twice", Receipts(copies=2), lambda d: d.repeat, least=2),
    _receipt("a receipt before the response", Receipts(before_response=True), lambda d: d.match == "matched"),
    *(
        _receipt(
            f"SMS error {code}: {name}",
            Receipts(state=ReceiptState.UNDELIV if code else ReceiptState.DELIVRD, error=code),
            partial(_has, error_code=code, error_name=name),
        )
        for code, name in SMS_ERRORS.items()
    ),
    _receipt(
        "an error nobody knows stays a number",
        Receipts(state=ReceiptState.UNDELIV, error=99),
        lambda d: (d.error_code, d.error_name) == (99, None),
    ),
    *(
        _receipt(
            f"e-mail error {code}: {name}",
            Receipts(state=ReceiptState.UNDELIV if code else ReceiptState.DELIVRD, error=code),
            partial(_has, error_code=code, error_name=name),
            kind=Kind.EMAIL,
            subject="News",
        )
        for code, name in EMAIL_ERRORS.items()
    ),
)

_FULL = HlrAnswer(
    imsi="001010000000001",
    msc="79990000000",
    mcc="001",
    mnc="01",
    cn="Some Country",
    net="Some+Network",
    rcn="Home",
    rnet="Away",
)


def _hlr(fact: str, answer: HlrAnswer, told: Callable[[Any], bool], kind: Kind = Kind.HLR, **plan: Any) -> Row:
    return _receipt(fact, Receipts(hlr=answer, **plan), told, kind=kind, text=None)


HLR: Final = (
    _hlr("HLR: imsi", _FULL, lambda d: d.imsi == "001010000000001"),
    _hlr("HLR: msc", _FULL, lambda d: d.msc == "79990000000"),
    _hlr("HLR: mcc and mnc, leading zeros kept", _FULL, lambda d: (d.mcc, d.mnc) == ("001", "01")),
    _hlr("HLR: cn and net, urlencoded", _FULL, lambda d: (d.country, d.network) == ("Some Country", "Some+Network")),
    _hlr("HLR: rcn and rnet, roaming", _FULL, lambda d: (d.roaming_country, d.roaming_network) == ("Home", "Away")),
    _hlr(
        "HLR: empty fields",
        HlrAnswer(imsi="", msc="", mcc="", mnc="", cn="", net="", rcn="", rnet=""),
        lambda d: d.imsi is None and d.network is None and d.roaming_network is None,
    ),
    _hlr("HLR: broken urlencoding", _FULL, lambda d: d.imsi == "001010000000001", form=Form.BROKEN_ENCODING),
    _hlr(
        "HLR: subscriber does not exist",
        _FULL,
        lambda d: d.error_name == "subscriber does not exist",
        state=ReceiptState.UNDELIV,
        error=1,
    ),
    _hlr("Ping: reachable", HlrAnswer(), lambda d: d.kind == "PING" and d.outcome == "reachable", Kind.PING),
    _hlr(
        "Ping: subscriber offline",
        HlrAnswer(),
        lambda d: d.error_name == "subscriber offline",
        Kind.PING,
        state=ReceiptState.UNDELIV,
        error=6,
    ),
)

MODES: Final = (
    Row(
        fact="system_type ISO: coding 0 is ISO-8859-1",
        event={"account": "iso", "text": "ça"},
        wire=lambda s: (s[0].pdu.data_coding, _text(s)) == (0, b"\xe7a"),
        told=_delivered,
    ),
    Row(
        fact="system_type SINGLE: an id and a receipt for each part, and one for the whole",
        event={"account": "single", "text": "d" * 400},
        wire=lambda s: len({each.message_id for each in s}) == 3,
        told=lambda r, d: (
            sorted(each.part or 0 for each in d) == [0, 1, 2, 3]
            and next(each for each in d if each.rollup).parts == 3
            and len(set(r.part_message_ids)) == 3
        ),
        least=4,
    ),
    Row(
        fact="system_type ISO: flash in ISO-8859-1 keeps coding 0",
        event={"account": "iso", "text": "ça", "flash": True},
        wire=lambda s: (s[0].pdu.data_coding, _text(s)) == (0x10, b"\xe7a"),
        told=_delivered,
    ),
    Row(
        fact="concatenation udh16: 152 septets a part behind 7 octets of header",
        event={"account": "udh16", "text": "f" * 161},
        wire=lambda s: _tied(s, bytes.fromhex("060804"), 7 + 152),
        told=_delivered,
    ),
    Row(
        fact="concatenation sar: 153 septets a part, no header",
        event={"account": "sar", "text": "g" * 161},
        wire=_sar,
        told=_delivered,
    ),
    Row(
        fact="concatenation payload: an SMS whole in message_payload",
        event={"account": "payload", "text": "h" * 161},
        wire=lambda s: _whole(s, b"h" * 161),
        told=lambda r, d: _delivered(r, d) and (r.parts, d[0].parts) == (1, 2),
    ),
    Row(
        fact="long_kinds payload: a long e-mail whole in message_payload",
        event={"account": "whole", "kind": Kind.EMAIL, "subject": "News", "text": "i" * 200},
        wire=lambda s: _whole(s, b"\x11\x11MAIL\x11\x11: " + b"i" * 200 + b"\nsubj:News") and s[0].kind is Kind.EMAIL,
        told=lambda r, d: _delivered(r, d) and r.parts == 1 and d[0].kind == Kind.EMAIL,
    ),
    Row(
        fact="long_kinds payload: a long SMS in parts all the same",
        event={"account": "whole", "text": "j" * 161},
        wire=lambda s: _tied(s, bytes.fromhex("050003"), 6 + 153),
        told=_delivered,
    ),
    Row(
        fact="time_format relative: a schedule as a distance",
        event={"account": "relative", "text": "x", "scheduled_at": time_ns() // 1_000_000 + 86_400_000},
        wire=lambda s: _in_a_day(s[0].pdu.schedule_delivery_time) and s[0].pdu.validity_period[-1:] == "R",
        told=_not_yet,
        least=0,
    ),
    Row(
        fact="time_format absolute: the validity as a point in time",
        event={"account": "absolute", "text": "x"},
        wire=lambda s: (
            s[0].pdu.validity_period[-1:] == "+"
            and 86_000 < (seconds_until(s[0].pdu.validity_period, s[0].epoch_ms) or 0) <= 86_400
        ),
        told=_delivered,
    ),
    Row(
        fact="default_sender of the account, which the events name",
        event={"account": "named", "text": "x", "sender": None},
        wire=lambda s: (s[0].pdu.source_addr_ton, s[0].pdu.source_addr) == (5, "Bank"),
        told=lambda r, d: _delivered(r, d) and r.sender == d[0].sender == "Bank",
    ),
    Row(
        fact="SMPP 5.0, MCON3, transmitter and receiver",
        event={"account": "five", "text": "hello"},
        wire=lambda s: s[0].login == "five",
        told=_delivered,
        binds=lambda found: (
            {type(each) for each in found} == {BindTransmitter, BindReceiver}
            and {(each.interface_version, each.system_type) for each in found} == {(VERSION_5_0, "MCON3")}
        ),
    ),
)

ROWS: Final = (*KINDS, *WIRE, *RECEIPTS, *HLR, *MODES)
