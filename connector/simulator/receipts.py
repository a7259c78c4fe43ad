"""The deliver_sm that tells what became of a message: text and TLVs (gateway.md, "Delivery receipts").

Pure. The TLVs are put together octet by octet here and not with the codec's `make`, so that the codec's reading of them
is checked against a second writing. What is made badly on purpose is made so in `_spoiled`, from a good receipt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote_plus

from connector.domain.messages import Kind
from connector.simulator.inbound import as_data_sm
from connector.simulator.messages import STATES, Due, Message, message_type, written
from connector.simulator.plans import Form, HlrAnswer, IdForm, ReceiptState, Template
from connector.smpp.constants import (
    ESM_TYPE_INTERMEDIATE,
    ESM_TYPE_RECEIPT,
    MessageState,
    Tag,
)
from connector.smpp.pdu import DataSm, DeliverSm, SubmitSm
from connector.smpp.tlv import Tlvs, raw

_GSM_NETWORK = 3
_SHORT_MESSAGE_MOST = 254
_PRICES = {
    Kind.HLR: Decimal("0.0100"),
    Kind.PING: Decimal("0.0150"),
    Kind.EMAIL: Decimal("0.0050"),
    Kind.VOICE: Decimal("0.2000"),
    Kind.VIBER: Decimal("0.0300"),
}
_PRICE = Decimal("0.0500")
_SECOND_BALANCE = 1 << 5
_TEMPLATE = 1 << 8
_TEMPLATE_TYPES = {
    Template.SERVICE: 0b00 << 9,
    Template.TRANSACTIONAL: 0b01 << 9,
    Template.AUTHORIZATION: 0b10 << 9,
    Template.ADVERTISING: 0b11 << 9,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How this gateway writes its receipts; `id_form` is for receipts whose plan names none."""

    id_form: IdForm = IdForm.DECIMAL
    utc_offset_minutes: int = 0
    seconds: bool = False
    echo_reference: bool = False


class _Network(NamedTuple):
    prefix: str
    mcc: str
    mnc: str
    country: str
    name: str


# Where a number belongs by its first digits, the longest first (made up but for the sheet's own example).
_NETWORKS = (
    _Network("380", "255", "01", "Ukraine", "Приклад мобільний"),
    _Network("7", "250", "02", "Russian Federation", "MegaFON open Joint Stock Company"),
    _Network("1", "310", "410", "United States", "Example Wireless, Inc."),
    _Network("", "001", "01", "Test Country", "Test Network"),
)


def receipt(due: Due, *, done_ms: int, style: Style) -> DeliverSm | DataSm:
    """The PDU that tells `due`, in the form the message's plan asks for."""
    message, plan = due.message, due.message.plan
    message_id = plan.message_id
    if message_id is None:
        message_id = written(message.number, plan.id_form or style.id_form)
    text = _text(due, message_id, done_ms, style)
    tlvs = _tlvs(due, message_id, style)
    if plan.form is not Form.NORMAL:
        text, tlvs = _spoiled(plan.form, text, tlvs)
    octets = text.encode("latin-1", "replace")
    esm_class = ESM_TYPE_INTERMEDIATE if due.state is ReceiptState.ENROUTE else ESM_TYPE_RECEIPT
    submitted = message.pdu
    if plan.form in (Form.DATA_SM, Form.PAYLOAD) or len(octets) > _SHORT_MESSAGE_MOST:
        octets, tlvs = b"", ((Tag.MESSAGE_PAYLOAD, octets), *tlvs)
    receipt = DeliverSm(
        source_addr_ton=submitted.dest_addr_ton,
        source_addr_npi=submitted.dest_addr_npi,
        source_addr=submitted.destination_addr,
        dest_addr_ton=submitted.source_addr_ton,
        dest_addr_npi=submitted.source_addr_npi,
        destination_addr=submitted.source_addr,
        esm_class=esm_class,
        short_message=octets,
        tlvs=tlvs,
    )
    return as_data_sm(receipt, tlvs) if plan.form is Form.DATA_SM else receipt


def stray(login_source: str, number: str, message_id: str, *, now_ms: int, style: Style) -> DeliverSm:
    """A receipt for an id that the gateway never gave, from `number` to `login_source`."""
    date = _date(now_ms, style)
    text = f"id:{message_id} sub:001 dlvrd:001 submit date:{date} done date:{date} stat:DELIVRD err:000"
    return DeliverSm(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=number,
        dest_addr_ton=5,
        destination_addr=login_source,
        esm_class=ESM_TYPE_RECEIPT,
        short_message=text.encode("latin-1"),
        tlvs=((Tag.RECEIPTED_MESSAGE_ID, message_id.encode("latin-1") + b"\0"), (Tag.MESSAGE_STATE, b"\x02")),
    )


def price(kind: Kind, parts: int) -> Decimal:
    """What the gateway takes for a message where the script names no cost."""
    return _PRICES.get(kind, _PRICE) * parts


def cost_octets(cost: Decimal) -> bytes:
    """`n.nnnn`, with fewer decimals where six octets would not hold it, and no NUL."""
    text = f"{cost:.4f}"
    return text[:6].rstrip(".").encode("ascii")


def hlr_fields(number: str, answer: HlrAnswer) -> tuple[tuple[str, str], ...]:
    """The fields of an HLR result behind `err`, in their order, decoded; derived from the number where not given."""
    network = _network(number)
    subscriber = int.from_bytes(blake2b(number.encode(), digest_size=5).digest(), "big") % 10**10
    derived = (
        ("imsi", answer.imsi, f"{network.mcc}{network.mnc}{subscriber:010d}"[:15]),
        ("msc", answer.msc, f"{number.lstrip('+')[:4]}9990000"),
        ("mcc", answer.mcc, network.mcc),
        ("mnc", answer.mnc, network.mnc),
        ("cn", answer.cn, network.country),
        ("net", answer.net, network.name),
        ("rcn", answer.rcn, ""),
        ("rnet", answer.rnet, ""),
    )
    return tuple((name, value if given is None else given) for name, given, value in derived)


def _network(number: str) -> _Network:
    digits = number.lstrip("+")
    return next(network for network in _NETWORKS if digits.startswith(network.prefix))


def _text(due: Due, message_id: str, done_ms: int, style: Style) -> str:
    message = due.message
    if message.kind is Kind.HLR:
        fields = hlr_fields(message.pdu.destination_addr, message.plan.hlr)
        told = due.state is ReceiptState.DELIVRD
        listed = " ".join(f"{name}:{quote_plus(value) if told else ''}" for name, value in fields)
        return f"id:{message_id} stat:{due.state} err:{due.error:03d} {listed}"
    delivered = message.parts if due.state is ReceiptState.DELIVRD else 0
    return (
        f"id:{message_id} sub:{message.parts:03d} dlvrd:{delivered:03d} "
        f"submit date:{_date(message.taken_ms, style)} done date:{_date(done_ms, style)} "
        f"stat:{due.state} err:{due.error:03d}"
    )


def _date(epoch_ms: int, style: Style) -> str:
    return _second(epoch_ms // 1000, style.utc_offset_minutes, style.seconds)


@lru_cache(maxsize=1024)  # thousands of receipts share a second
def _second(epoch: int, utc_offset_minutes: int, seconds: bool) -> str:
    moment = datetime.fromtimestamp(epoch, tz=UTC) + timedelta(minutes=utc_offset_minutes)
    return moment.strftime("%y%m%d%H%M%S" if seconds else "%y%m%d%H%M")


def _tlvs(due: Due, message_id: str, style: Style) -> Tlvs:
    message = due.message
    plan = message.plan
    tlvs: list[tuple[int, bytes]] = [
        (Tag.RECEIPTED_MESSAGE_ID, message_id.encode("latin-1") + b"\0"),
        (Tag.MESSAGE_STATE, bytes((STATES[due.state],))),
        (Tag.NETWORK_ERROR_CODE, bytes((_GSM_NETWORK, due.error >> 8 & 0xFF, due.error & 0xFF))),
        (Tag.COST, cost_octets(price(message.kind, message.parts) if plan.cost is None else plan.cost)),
        (Tag.FLAGS, _flags(message).to_bytes(2, "big")),
        (Tag.PARTS, message.parts.to_bytes(2, "big")),
    ]
    mccmnc = _mccmnc(message) if plan.mccmnc is None else plan.mccmnc
    if mccmnc:
        tlvs.append((Tag.MCCMNC, mccmnc.encode("ascii")))
    if due.additional_status is not None:
        tlvs.append((Tag.ADDITIONAL_STATUS, due.additional_status.to_bytes(2, "big")))
    if style.echo_reference:
        tlvs.extend(_reference(message.pdu))
    return tuple(tlvs)


def _flags(message: Message) -> int:
    template = message.plan.template
    bits = 0 if template is None else _TEMPLATE | _TEMPLATE_TYPES[template]
    return int(message_type(message)) | bits | (_SECOND_BALANCE if message.plan.second_balance else 0)


def _mccmnc(message: Message) -> str:
    if message.kind is Kind.EMAIL:
        return ""
    network = _network(message.pdu.destination_addr)
    return f"{network.mcc}{network.mnc}"


def _reference(pdu: SubmitSm) -> Iterable[tuple[int, bytes]]:
    reference = raw(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE)
    return () if reference is None else ((Tag.USER_MESSAGE_REFERENCE, reference),)


def _spoiled(form: Form, text: str, tlvs: Tlvs) -> tuple[str, Tlvs]:
    match form:
        case Form.NORMAL | Form.PAYLOAD | Form.DATA_SM:
            return text, tlvs
        case Form.TEXT_ONLY:
            return text, ()
        case Form.TLVS_ONLY:
            return "", tlvs
        case Form.EMPTY:
            return "", ()
        case Form.GARBLED:
            return "id sub dlvrd:: stat:\x00\xff err:x submit date:99", ()
        case Form.TRUNCATED:
            return text[: len(text) // 2], ()
        case Form.BROKEN_ENCODING:
            return text.replace("+", "%") + "%zz%C3%28", tlvs
        case Form.CONTRADICTING:
            kept = tuple(each for each in tlvs if each[0] not in (Tag.MESSAGE_STATE, Tag.NETWORK_ERROR_CODE))
            state = MessageState.UNDELIVERABLE if "stat:DELIVRD" in text else MessageState.DELIVERED
            return text, (*kept, (Tag.MESSAGE_STATE, bytes((state,))), (Tag.NETWORK_ERROR_CODE, b"\x03\x00\xff"))
        case Form.UNKNOWN_TLVS:
            return text, (*tlvs, (0x3FFF, b"\x01\x02"), (0x2004, b"\x01"))
