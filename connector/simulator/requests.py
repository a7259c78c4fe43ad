"""A submit_sm as the gateway reads it: its kind, its place in a long message, its faults, what makes it identical.

Pure. The order of the checks is this gateway's; the statuses are the specification's (SMPP 3.4, 5.1.3).
"""

from collections.abc import Hashable
from typing import NamedTuple

from connector.domain.messages import Kind
from connector.domain.parts import Elements, PartRef, read_part
from connector.simulator.marks import alphabet_of, kind_of
from connector.simulator.messages import FAILURES
from connector.simulator.periods import PeriodError, seconds_until
from connector.simulator.script import ReceiptState
from connector.simulator.settings import SimulatorSettings
from connector.smpp.constants import (
    ESM_UDHI,
    RECEIPT_INTERMEDIATE,
    RECEIPT_MASK,
    RECEIPT_NONE,
    RECEIPT_ON_FAILURE,
    RECEIPT_ON_SUCCESS,
    CommandStatus,
    Tag,
)
from connector.smpp.pdu import SubmitSm
from connector.smpp.tlv import raw

_SENDER_LETTERS = 11
_ADDRESS_DIGITS = 20


class Request(NamedTuple):
    """A submit_sm as the guards see it: `text` without the header, whose other `elements` stand beside `part`."""

    pdu: SubmitSm
    text: bytes
    part: PartRef | None
    elements: Elements
    kind: Kind
    iso: bool


def read(pdu: SubmitSm, *, iso: bool) -> Request:
    """Look at a submit_sm from a bind with or without ISO; never raises."""
    text, udh = pdu.short_message, b""
    part: PartRef | None = None
    elements: Elements = ()
    if pdu.tlvs and not text:
        text = raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    if pdu.tlvs or pdu.esm_class & ESM_UDHI:
        found = read_part(text, esm_class=pdu.esm_class, tlvs=pdu.tlvs)
        text, elements = found.payload, found.elements
        part = found.part if found.part is not None and found.part.total > 1 else None
        udh = b"".join(bytes((tag, len(octets))) + octets for tag, octets in elements)
    return Request(pdu, text, part, elements, kind_of(text, pdu.data_coding, udh, iso=iso), iso)


def fault_of(request: Request, settings: SimulatorSettings) -> int:
    """The status that refuses a request for its fields alone; 0 where they are in order."""
    pdu = request.pdu
    destination, source = pdu.destination_addr, pdu.source_addr
    # A later part has no mark of its own: what the first one said of the kind holds for it.
    later = request.part is not None and request.part.index > 1
    if request.kind is Kind.EMAIL or (later and "@" in destination):
        if "@" not in destination:
            return CommandStatus.ESME_RINVDSTADR
    elif len(destination) > _ADDRESS_DIGITS or not destination.removeprefix("+").isdecimal():
        return CommandStatus.ESME_RINVDSTADR
    if len(source) > _ADDRESS_DIGITS:
        return CommandStatus.ESME_RINVSRCADR
    if len(source) > _SENDER_LETTERS and not source.removeprefix("+").isdecimal():
        return CommandStatus.ESME_RINVSRCADR
    if not settings.message_payload and raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) is not None:
        return CommandStatus.ESME_ROPTPARNOTALLWD
    if pdu.schedule_delivery_time and not _is_time(pdu.schedule_delivery_time):
        return CommandStatus.ESME_RINVSCHED
    if pdu.validity_period and not _is_time(pdu.validity_period):
        return CommandStatus.ESME_RINVEXPIRY
    return CommandStatus.ESME_ROK


def _is_time(text: str) -> bool:
    try:
        seconds_until(text, 0)
    except PeriodError:
        return False
    return True


def identity_of(request: Request, ignores: frozenset[str]) -> Hashable:
    """What two identical requests of a login have in common (gateway.md: an HLR or Ping is known by its number)."""
    pdu = request.pdu
    if request.kind is Kind.HLR or request.kind is Kind.PING:
        return request.kind, pdu.destination_addr
    return (
        "" if "source" in ignores else pdu.source_addr,
        pdu.destination_addr,
        0 if "data_coding" in ignores else pdu.data_coding,
        0 if "esm_class" in ignores else pdu.esm_class,
        None if "concatenation" in ignores else (request.part, request.elements),
        request.text,
    )


def parts_of_text(text: bytes, data_coding: int, *, iso: bool) -> int:
    """How many parts a text is worth by its octets (140, or 160 septets; 134 and 153 among several)."""
    alone, among = (160, 153) if alphabet_of(data_coding, iso=iso) == 0 else (140, 134)
    size = len(text)
    return 1 if size <= alone else -(-size // among)


def asks_for(registered: int, state: ReceiptState) -> bool:
    """Whether registered_delivery asks for a receipt of this state (SMPP 3.4, 5.2.17; 3 is 5.0's)."""
    if state is ReceiptState.ENROUTE:
        return bool(registered & RECEIPT_INTERMEDIATE)
    wanted = registered & RECEIPT_MASK
    if wanted == RECEIPT_NONE:
        return False
    if wanted == RECEIPT_ON_FAILURE:
        return state in FAILURES
    if wanted == RECEIPT_ON_SUCCESS:
        return state not in FAILURES
    return True
