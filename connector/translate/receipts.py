"""A receipt becomes the event that is published about it.

The rule: what the receipt says is `facts`' business; what cannot be read is left out, and nothing here raises. The kind
is that of the submitted message; the gateway's flags are asked only where none is known. Next station: the collector,
which adds whether it is a repeat or late, and from there the topics of reports and HLR results.
"""

import re
from collections.abc import Mapping
from typing import Final

from connector.domain.errors import error_name
from connector.domain.events import Delivery, DeliveryReport, DeliveryType, HlrResult
from connector.domain.hlr import HlrText, hlr_outcome, is_hlr, parse_hlr
from connector.domain.identity import event_id
from connector.domain.kinds import ANSWER_KINDS
from connector.domain.messages import Kind
from connector.domain.receipts import STATE_BY_NUMBER, ReceiptError, ReceiptText, parse_receipt, receipt_time
from connector.domain.text import reference_of
from connector.smpp.constants import ESM_TYPE_INTERMEDIATE, ESM_TYPE_MASK, Tag
from connector.smpp.pdu import QuerySmResp
from connector.translate.deliveries import Incoming, first_tlvs, receipt_octets
from connector.translate.facts import (
    ADDITIONAL_STATUS,
    ADDITIONAL_STATUSES,
    COST,
    FLAGS,
    MCCMNC,
    PARTS,
    Facts,
    Flags,
    cost_of,
    facts_of,
    flags_of,
    integer,
    mccmnc_of,
)
from connector.translate.ids import canonical_id, receipt_form
from connector.translate.named_tlvs import named
from connector.translate.settings import DialectSettings

_NOT_ALL_PARTS: Final = 241
MATCHED: Final = "matched"
UNMATCHED: Final = "unmatched"


def to_report(
    pdu: Incoming, submitted: Delivery | None, settings: DialectSettings, *, account: str, received_at: int
) -> DeliveryReport | HlrResult | ReceiptError:
    """The event of a receipt; `submitted` is the SUBMITTED item of its message, or None where nothing matches.

    `ReceiptError` where neither id, state nor error can be made out and nothing matches: make a dead letter of it.
    """
    tlvs = first_tlvs(pdu.tlvs)
    octets = receipt_octets(pdu)
    flags = flags_of(tlvs.get(FLAGS))
    kind = submitted.kind if submitted is not None else flags.kind
    if kind in ANSWER_KINDS or (submitted is None and is_hlr(octets)):
        parsed = parse_hlr(octets)
        hlr = HlrText(ReceiptText()) if isinstance(parsed, ReceiptError) else parsed
        text: ReceiptText | ReceiptError = hlr.receipt
    else:
        hlr = None
        text = parse_receipt(octets)
    receipt = text if isinstance(text, ReceiptText) else ReceiptText()
    facts = facts_of(tlvs, receipt)
    if submitted is None and facts.gateway_message_id is None and facts.state is None and facts.error_code is None:
        if isinstance(text, ReceiptError):
            return text
        return ReceiptError("receipt-unreadable", "the receipt names neither an id nor a state nor an error")
    if hlr is not None:
        ping = kind == Kind.PING
        return _hlr_result(pdu, submitted, settings, hlr, facts, tlvs, flags, account, received_at, ping=ping)
    return _report(pdu, submitted, settings, receipt, facts, tlvs, kind, flags, account, received_at)


def may_name(pdu: Incoming, message_id: str, settings: DialectSettings) -> bool:
    """Whether a receipt may be about this message: False where it brings back the number of another one."""
    found = first_tlvs(pdu.tlvs).get(Tag.USER_MESSAGE_REFERENCE) if settings.user_message_reference else None
    return found is None or integer(found) == reference_of(message_id, 16)


def may_answer(pdu: Incoming, kind: str | None) -> bool:
    """Whether a receipt may be about a message of this kind: an answer is for who asked, and for nobody else."""
    told = flags_of(first_tlvs(pdu.tlvs).get(FLAGS)).kind in ANSWER_KINDS or is_hlr(receipt_octets(pdu))
    return told == (kind in ANSWER_KINDS)


def shows_whole(pdu: Incoming, parts: int, settings: DialectSettings) -> bool:
    """Whether a receipt shows that the gateway took every part of its message, and not only that it took some."""
    if parts <= 1:
        return True
    text = parse_receipt(receipt_octets(pdu))
    facts = facts_of(first_tlvs(pdu.tlvs), text if isinstance(text, ReceiptText) else ReceiptText())
    return not settings.single and facts.error_code != _NOT_ALL_PARTS


def to_polled_report(
    answer: QuerySmResp, submitted: Delivery, settings: DialectSettings, *, account: str, received_at: int
) -> DeliveryReport | HlrResult:
    """The event of a query_sm_resp, for a message whose receipt does not come."""
    state = STATE_BY_NUMBER.get(answer.message_state)
    date = answer.final_date.strip("\0 ") or None
    identity = event_id("polled-report", account, submitted.key, answer.message_state, answer.error_code, date)
    if submitted.kind in ANSWER_KINDS:
        return HlrResult(
            event_id=identity,
            message_id=submitted.message_id,
            account=account,
            match=MATCHED,
            kind=submitted.kind or Kind.HLR,
            campaign_id=submitted.campaign_id,
            recipient=submitted.recipient,
            gateway_message_id=submitted.gateway_message_id,
            state=state.word if state else None,
            message_state=answer.message_state,
            error_code=answer.error_code,
            error_name=error_name(submitted.kind, answer.error_code),
            submitted_at=submitted.at,
            received_at=received_at,
            metadata=submitted.metadata,
            outcome=hlr_outcome(state.word if state else None, answer.error_code),
            final=state.final if state else False,
            polled=True,
            parts=submitted.parts,
            done_date_text=date,
            done_date=_absolute_time(date) if date else None,
        )
    return DeliveryReport(
        event_id=identity,
        message_id=submitted.message_id,
        account=account,
        match=MATCHED,
        kind=submitted.kind,
        campaign_id=submitted.campaign_id,
        sender=submitted.sender,
        recipient=submitted.recipient,
        gateway_message_id=submitted.gateway_message_id,
        part=submitted.part,
        parts=submitted.parts,
        state=state.word if state else None,
        message_state=answer.message_state,
        final=state.final if state else False,
        error_code=answer.error_code,
        error_name=error_name(submitted.kind, answer.error_code),
        polled=True,
        done_date_text=date,
        done_date=_absolute_time(date) if date else None,
        submitted_at=submitted.at,
        received_at=received_at,
        metadata=submitted.metadata,
    )


def _report(
    pdu: Incoming,
    submitted: Delivery | None,
    settings: DialectSettings,
    receipt: ReceiptText,
    facts: Facts,
    tlvs: Mapping[int, bytes],
    kind: str | None,
    flags: Flags,
    account: str,
    received_at: int,
) -> DeliveryReport:
    origin = submitted if submitted is not None else _stranger(pdu, kind)
    additional = integer(tlvs.get(ADDITIONAL_STATUS))
    parts = integer(tlvs.get(PARTS))
    zone = settings.receipt_zone
    identity = event_id(
        "delivery-report",
        account,
        _subject(pdu, submitted, settings, facts),
        facts.state,
        facts.error_code,
        receipt.done_date,
        additional,
    )
    return DeliveryReport(
        event_id=identity,
        message_id=origin.message_id,
        account=account,
        match=UNMATCHED if submitted is None else MATCHED,
        kind=kind,
        campaign_id=origin.campaign_id,
        sender=origin.sender,
        recipient=origin.recipient,
        gateway_message_id=origin.gateway_message_id or facts.gateway_message_id,
        part=origin.part,
        parts=origin.parts if parts is None else parts,
        state=facts.state,
        message_state=facts.message_state,
        final=_ends(pdu, facts),
        error_code=facts.error_code,
        error_name=error_name(kind, facts.error_code),
        network_type=facts.network_type,
        parts_submitted=receipt.sub,
        parts_delivered=receipt.dlvrd,
        cost=cost_of(tlvs.get(COST)),
        message_type=flags.message_type,
        message_type_name=flags.name,
        second_balance=flags.second_balance,
        template=flags.template,
        template_type=flags.template_type,
        mccmnc=mccmnc_of(tlvs.get(MCCMNC)),
        additional_status=additional,
        additional_status_name=ADDITIONAL_STATUSES.get(additional) if additional is not None else None,
        submit_date_text=receipt.submit_date,
        done_date_text=receipt.done_date,
        submit_date=receipt_time(receipt.submit_date, zone) if receipt.submit_date else None,
        done_date=receipt_time(receipt.done_date, zone) if receipt.done_date else None,
        submitted_at=None if submitted is None else submitted.at,
        received_at=received_at,
        metadata=origin.metadata,
        contradiction=facts.contradiction,
        tlvs=named(pdu.tlvs, settings.receipt_tlvs),
    )


def _hlr_result(
    pdu: Incoming,
    submitted: Delivery | None,
    settings: DialectSettings,
    hlr: HlrText,
    facts: Facts,
    tlvs: Mapping[int, bytes],
    flags: Flags,
    account: str,
    received_at: int,
    *,
    ping: bool,
) -> HlrResult:
    kind = Kind.PING if ping else Kind.HLR
    origin = submitted if submitted is not None else _stranger(pdu, kind)
    receipt, zone = hlr.receipt, settings.receipt_zone
    network = (hlr.imsi, hlr.msc, hlr.mcc, hlr.mnc, hlr.cn, hlr.net, hlr.rcn, hlr.rnet)
    additional = integer(tlvs.get(ADDITIONAL_STATUS))
    parts = integer(tlvs.get(PARTS))
    subject = _subject(pdu, submitted, settings, facts)
    return HlrResult(
        event_id=event_id("hlr-result", account, subject, facts.state, facts.error_code, *network, additional),
        message_id=origin.message_id,
        account=account,
        match=UNMATCHED if submitted is None else MATCHED,
        kind=kind,
        campaign_id=origin.campaign_id,
        recipient=origin.recipient,
        gateway_message_id=origin.gateway_message_id or facts.gateway_message_id,
        state=facts.state,
        message_state=facts.message_state,
        error_code=facts.error_code,
        error_name=error_name(kind, facts.error_code),
        imsi=hlr.imsi,
        msc=hlr.msc,
        mcc=hlr.mcc,
        mnc=hlr.mnc,
        country=hlr.cn,
        network=hlr.net,
        roaming_country=hlr.rcn,
        roaming_network=hlr.rnet,
        cost=cost_of(tlvs.get(COST)),
        mccmnc=mccmnc_of(tlvs.get(MCCMNC)),
        submitted_at=None if submitted is None else submitted.at,
        received_at=received_at,
        metadata=origin.metadata,
        outcome=hlr_outcome(facts.state, facts.error_code),
        roaming=hlr.roaming,
        final=_ends(pdu, facts),
        contradiction=facts.contradiction,
        network_type=facts.network_type,
        parts=origin.parts if parts is None else parts,
        parts_submitted=receipt.sub,
        parts_delivered=receipt.dlvrd,
        message_type=flags.message_type,
        message_type_name=flags.name,
        second_balance=flags.second_balance,
        template=flags.template,
        template_type=flags.template_type,
        additional_status=additional,
        additional_status_name=ADDITIONAL_STATUSES.get(additional) if additional is not None else None,
        submit_date_text=receipt.submit_date,
        done_date_text=receipt.done_date,
        submit_date=receipt_time(receipt.submit_date, zone) if receipt.submit_date else None,
        done_date=receipt_time(receipt.done_date, zone) if receipt.done_date else None,
        tlvs=named(pdu.tlvs, settings.receipt_tlvs),
    )


def _ends(pdu: Incoming, facts: Facts) -> bool:
    """Whether the state is final; an intermediate notification ends nothing."""
    return facts.final and pdu.esm_class & ESM_TYPE_MASK != ESM_TYPE_INTERMEDIATE


def _stranger(pdu: Incoming, kind: str | None) -> Delivery:
    """What a receipt that matches nothing says of its message: it comes from the recipient."""
    return Delivery(
        type=DeliveryType.SUBMITTED,
        key="",
        account="",
        at=0,
        slot=0,
        kind=kind,
        sender=pdu.destination_addr or None,
        recipient=pdu.source_addr or None,
    )


def _subject(pdu: Incoming, submitted: Delivery | None, settings: DialectSettings, facts: Facts) -> str:
    """What the receipt is about: the same for every repeat of it, matched or not."""
    if facts.gateway_message_id is not None:
        return canonical_id(facts.gateway_message_id, receipt_form(settings))
    return submitted.key if submitted is not None else f"?|{pdu.source_addr}|{pdu.destination_addr}"


_ABSOLUTE: Final = re.compile(r"([0-9]{12})[0-9]([0-4][0-9])([+-])", re.ASCII)


def _absolute_time(text: str) -> int | None:
    """SMPP's absolute time (3.4, section 7.1.1.1): local time and its distance from UTC in quarters of an hour."""
    found = _ABSOLUTE.fullmatch(text)
    local = receipt_time(found[1]) if found is not None else None
    if found is None or local is None:
        return None
    offset = int(found[2]) * 15 * 60_000
    return local - offset if found[3] == "+" else local + offset
