"""An outbound message becomes the submit_sm of its parts.

The rule: the same message and settings give the same octets, today and after a restart, since a resend must be the
identical request. References come from the message id; the clock decides only whether a schedule still lies ahead, and
`times` says what the account's format needs beside. Next station: the submitter, and from there `bind`.
"""

from hashlib import blake2b
from typing import Final, NamedTuple

from connector.domain.addresses import Address
from connector.domain.kinds import (
    ANSWER_KINDS,
    Body,
    Refusal,
    RefusedMessage,
    addresses_of,
    alphabet_of,
    body_of,
    concatenation_of,
    times_fault,
)
from connector.domain.messages import Kind, OutboundMessage
from connector.domain.text import (
    BINARY_CODING,
    MOST_PARTS,
    USER_DATA,
    Alphabet,
    Concatenation,
    Segment,
    TextError,
    billed_octets,
    billed_parts,
    capacity,
    data_coding,
    encode,
    reference_of,
    segment,
    segment_octets,
)
from connector.smpp.constants import ESM_UDHI, RECEIPT_ALWAYS, Tag
from connector.smpp.pdu import SubmitSm
from connector.smpp.tlv import Tlvs
from connector.translate.settings import DialectSettings
from connector.translate.times import schedule_of, validity_of

_ALONE: Final = {each: capacity(each) * (2 if each is Alphabet.UCS2 else 1) for each in Alphabet}
"""Octets of a message of one part."""

OCTETS: Final = "BINARY"
"""What stands for the alphabet of a message without a text."""


class Plan(NamedTuple):
    """What one message takes. `alphabet` is GSM, LATIN1, UCS2 or BINARY; `billed_parts` leaves the comment out.

    `fingerprints`: for each part 64 bits over what the gateway compares to call two requests identical.
    """

    pdus: tuple[SubmitSm, ...]
    alphabet: str
    billed_parts: int
    fingerprints: tuple[int, ...]


def plan(message: OutboundMessage, settings: DialectSettings, *, now_ms: int, first_ms: int | None = None) -> Plan:
    """The submit_sm of every part, in order. Raises `RefusedMessage` for what cannot be sent.

    Expiry is not judged here (`kinds.validate`, and the submitter later). `now_ms`: a schedule that has passed by then
    is left out, as gateways refuse one. `first_ms`: when the first attempt was planned, the same again for a resend, or
    None where that is not known (see `times`).
    """
    addresses = addresses_of(message, settings)
    if isinstance(addresses, Refusal):
        raise RefusedMessage(addresses)
    fault = times_fault(message)
    if fault is not None:
        raise RefusedMessage(fault)
    body = body_of(message, replace_typography=settings.replace_typography)
    if isinstance(body, Refusal):
        raise RefusedMessage(body)
    if body.octets is not None:
        parts = _octet_parts(body, body.octets, settings.concatenation, message.id)
        pdus = _pdus(message, settings, addresses, parts, BINARY_CODING, now_ms, first_ms)
        billed = billed_octets(len(body.octets), elements=max(len(body.udh) - 1, 0))
        return Plan(pdus, OCTETS, billed, tuple([fingerprint(pdu) for pdu in pdus]))
    alphabet = alphabet_of(message, body, settings)
    if isinstance(alphabet, Refusal):
        raise RefusedMessage(alphabet)
    try:
        concatenation = concatenation_of(message.kind, settings)
        parts = _text_parts(body.text + body.tail, alphabet, concatenation, message.id)
    except TextError as error:
        raise RefusedMessage(Refusal(code=error.code, reason=str(error))) from error
    billed = 1
    if message.kind is Kind.SMS and (len(parts) > 1 or parts[0].tlvs):
        billed = billed_parts(body.text, alphabet)
    coding = data_coding(alphabet, iso=settings.iso, flash=message.flash)
    pdus = _pdus(message, settings, addresses, parts, coding, now_ms, first_ms)
    if message.kind in ANSWER_KINDS:
        # The gateway knows these by kind and number alone.
        fingerprints: tuple[int, ...] = (_answer_fingerprint(message.kind, addresses[1]),)
    else:
        fingerprints = tuple([fingerprint(pdu) for pdu in pdus])
    return Plan(pdus, alphabet.value, billed, fingerprints)


def fingerprint(pdu: SubmitSm) -> int:
    """64 bits over what gateway.md lists: addresses, data_coding, esm_class, concatenation fields and octets."""
    octets = pdu.short_message
    ties = b""
    for tag, value in pdu.tlvs:
        if tag == _PAYLOAD:
            octets += value
        elif tag in _SAR:
            ties += value
    head = f"{pdu.source_addr}\0{pdu.destination_addr}\0{pdu.data_coding} {pdu.esm_class} {ties.hex()}\0"
    return int.from_bytes(blake2b(head.encode("latin-1") + octets, digest_size=8).digest(), "big")


def _answer_fingerprint(kind: Kind, destination: Address) -> int:
    return int.from_bytes(blake2b(f"{kind}\0{destination.value}".encode(), digest_size=8).digest(), "big")


_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_SAR: Final = frozenset((Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM))


class _Part(NamedTuple):
    """One PDU's share: short_message, esm_class, and the parameters that hold the parts together."""

    octets: bytes
    esm_class: int = 0
    tlvs: Tlvs = ()


def _text_parts(text: str, alphabet: Alphabet, concatenation: Concatenation, message_id: str) -> list[_Part]:
    octets = encode(text, alphabet)
    if len(octets) <= _ALONE[alphabet]:
        return [_Part(octets)]
    if concatenation is Concatenation.PAYLOAD:
        if billed_parts(text, alphabet) > MOST_PARTS:
            raise TextError("text-too-long", f"the text needs more than {MOST_PARTS} parts")
        return [_Part(b"", 0, ((_PAYLOAD, octets),))]
    reference = reference_of(message_id, concatenation.reference_bits)
    parts = segment(text, alphabet, concatenation=concatenation, reference=reference)
    return [_part(each, concatenation) for each in parts]


def _octet_parts(body: Body, octets: bytes, concatenation: Concatenation, message_id: str) -> list[_Part]:
    udhi = ESM_UDHI if body.udh else 0
    # The header goes as it came, even where it says itself which part of a message this is.
    if len(body.udh) + len(octets) <= USER_DATA:
        return [_Part(body.udh + octets, udhi)]
    if concatenation is Concatenation.PAYLOAD:
        return [_Part(b"", udhi, ((_PAYLOAD, body.udh + octets),))]
    reference = reference_of(message_id, concatenation.reference_bits)
    elements = body.udh[1:]
    parts = segment_octets(octets, concatenation=concatenation, reference=reference, elements=elements)
    return [_part(each, concatenation) for each in parts]


def _part(each: Segment, concatenation: Concatenation) -> _Part:
    ties = _sar(each) if concatenation is Concatenation.SAR else ()
    return _Part(each.udh + each.payload, ESM_UDHI if each.udh else 0, ties)


def _pdus(
    message: OutboundMessage,
    settings: DialectSettings,
    addresses: tuple[Address, Address],
    parts: list[_Part],
    coding: int,
    now_ms: int,
    first_ms: int | None,
) -> tuple[SubmitSm, ...]:
    (source_ton, source_npi, source), (dest_ton, dest_npi, destination) = addresses
    schedule = schedule_of(message, settings, now_ms=now_ms, first_ms=first_ms)
    validity = validity_of(message, settings, first_ms=first_ms)
    receipt = RECEIPT_ALWAYS if message.receipt or message.kind in ANSWER_KINDS else 0
    common: Tlvs = ()
    if settings.user_message_reference:
        common = ((Tag.USER_MESSAGE_REFERENCE, reference_of(message.id, 16).to_bytes(2, "big")),)
    if settings.extra_tlvs:
        common += tuple((extra.tag, extra.octets) for extra in settings.extra_tlvs)
    return tuple(
        [
            SubmitSm(
                source_addr_ton=source_ton,
                source_addr_npi=source_npi,
                source_addr=source,
                dest_addr_ton=dest_ton,
                dest_addr_npi=dest_npi,
                destination_addr=destination,
                esm_class=part.esm_class,
                schedule_delivery_time=schedule,
                validity_period=validity,
                registered_delivery=receipt,
                data_coding=coding,
                short_message=part.octets,
                tlvs=part.tlvs + common,
            )
            for part in parts
        ]
    )


def _sar(part: Segment) -> Tlvs:
    return (
        (Tag.SAR_MSG_REF_NUM, (part.reference or 0).to_bytes(2, "big")),
        (Tag.SAR_TOTAL_SEGMENTS, bytes((part.total,))),
        (Tag.SAR_SEGMENT_SEQNUM, bytes((part.index,))),
    )
