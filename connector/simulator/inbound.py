"""Messages from subscribers: the deliver_sm or data_sm of a text or of octets, in one part or several.

Pure. `parts_of` makes those that a script's `Inbound` asks for, in the order in which they come; who calls the others
delivers the parts in whatever order, as often and with whatever gaps it wants to try.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from connector.domain.text import (
    Alphabet,
    Concatenation,
    Segment,
    TextError,
    choose,
    data_coding,
    segment,
    segment_octets,
)
from connector.simulator.subscribers import Carrier, Inbound, InboundType, PartOrder
from connector.smpp.constants import ESM_TYPE_DEFAULT, ESM_TYPE_DELIVERY_ACK, ESM_TYPE_USER_ACK, ESM_UDHI, Tag
from connector.smpp.pdu import DataSm, DeliverSm
from connector.smpp.tlv import Tlvs

_BINARY = 0x04
_ESM_TYPES = {
    InboundType.MESSAGE: ESM_TYPE_DEFAULT,
    InboundType.DELIVERY_ACK: ESM_TYPE_DELIVERY_ACK,
    InboundType.USER_ACK: ESM_TYPE_USER_ACK,
}


def parts_of(inbound: Inbound, turn: int, *, iso: bool, random: Random) -> list[DeliverSm | DataSm]:
    """The parts as they come, the `turn`-th time (from 0). Raises `domain.text.TextError`, and ValueError for octets
    that are no hex."""
    reference = inbound.reference + turn
    if inbound.octets:
        whole = inbound_octets(
            source=inbound.source,
            destination=inbound.destination,
            payload=bytes.fromhex(inbound.octets),
            data_coding=inbound.data_coding,
            concatenation=inbound.concatenation,
            reference=reference,
        )
    else:
        whole = inbound_text(
            source=inbound.source,
            destination=inbound.destination,
            text=inbound.text,
            alphabet=inbound.alphabet,
            concatenation=inbound.concatenation,
            reference=reference,
            iso=iso,
            flash=inbound.flash,
        )
    numbers = [number for number in range(1, len(whole) + 1) if number not in inbound.missing]
    numbers += [number for number in inbound.repeated if number in numbers]
    numbers.sort(reverse=inbound.order is PartOrder.BACKWARD)
    if inbound.order is PartOrder.SHUFFLED:
        random.shuffle(numbers)
    return [_dressed(whole[number - 1], inbound) for number in numbers]


def fault_of(inbound: Inbound, iso: Mapping[str, bool]) -> str | None:
    """What keeps a script's message from being sent, in words; None where nothing does. `iso`: the logins there are,
    and whether coding 0 is ISO-8859-1 with them."""
    if inbound.login not in iso:
        return "login: no such login in accounts"
    if iso[inbound.login] and inbound.alphabet is Alphabet.GSM and not inbound.octets:
        return "alphabet: coding 0 of this login is ISO-8859-1, and no other is GSM"
    try:
        parts_of(inbound, inbound.times - 1, iso=iso[inbound.login], random=Random(0))
    except TextError as error:
        return f"text, alphabet: {error}"
    except ValueError:
        return "octets, tlvs: hexadecimal digits only, two for each octet"
    return None


def _dressed(part: DeliverSm, inbound: Inbound) -> DeliverSm | DataSm:
    """The part as the type, in the command and with the parameters that are asked for."""
    tlvs = (*part.tlvs, *((tag, bytes.fromhex(octets)) for tag, octets in inbound.tlvs))
    part = replace(part, esm_class=part.esm_class | _ESM_TYPES[inbound.type], tlvs=tlvs)
    if inbound.carrier is Carrier.DELIVER_SM:
        return part
    return as_data_sm(part, tlvs if inbound.concatenation is Concatenation.PAYLOAD else (_payload(part), *tlvs))


def as_data_sm(part: DeliverSm, tlvs: Tlvs) -> DataSm:
    """The same in a data_sm, which has no short_message: `tlvs` are all of its parameters, message_payload too."""
    return DataSm(
        source_addr_ton=part.source_addr_ton,
        source_addr_npi=part.source_addr_npi,
        source_addr=part.source_addr,
        dest_addr_ton=part.dest_addr_ton,
        dest_addr_npi=part.dest_addr_npi,
        destination_addr=part.destination_addr,
        esm_class=part.esm_class,
        data_coding=part.data_coding,
        tlvs=tlvs,
    )


def _payload(part: DeliverSm) -> tuple[int, bytes]:
    return Tag.MESSAGE_PAYLOAD, part.short_message


def inbound_text(
    *,
    source: str,
    destination: str,
    text: str,
    alphabet: Alphabet | None = None,
    concatenation: Concatenation = Concatenation.UDH8,
    reference: int = 1,
    iso: bool = False,
    flash: bool = False,
) -> tuple[DeliverSm, ...]:
    """The parts of a text, in their order; `alphabet` None takes the shortest. Raises `domain.text.TextError`."""
    chosen = choose(text, iso=iso) if alphabet is None else alphabet
    coding = data_coding(chosen, iso=iso, flash=flash)
    segments = segment(text, chosen, concatenation=concatenation, reference=reference)
    return tuple(_part(source, destination, each, concatenation, coding) for each in segments)


def inbound_octets(
    *,
    source: str,
    destination: str,
    payload: bytes,
    data_coding: int = _BINARY,
    concatenation: Concatenation = Concatenation.UDH8,
    reference: int = 1,
) -> tuple[DeliverSm, ...]:
    """The parts of binary data, or of octets under any data_coding."""
    segments = segment_octets(payload, concatenation=concatenation, reference=reference)
    return tuple(_part(source, destination, each, concatenation, data_coding) for each in segments)


def _part(source: str, destination: str, part: Segment, concatenation: Concatenation, coding: int) -> DeliverSm:
    tlvs: Tlvs = ()
    short_message = part.udh + part.payload
    if concatenation is Concatenation.PAYLOAD:
        tlvs, short_message = ((Tag.MESSAGE_PAYLOAD, short_message),), b""
    elif concatenation is Concatenation.SAR and part.reference is not None:
        tlvs = (
            (Tag.SAR_MSG_REF_NUM, part.reference.to_bytes(2, "big")),
            (Tag.SAR_TOTAL_SEGMENTS, bytes((part.total,))),
            (Tag.SAR_SEGMENT_SEQNUM, bytes((part.index,))),
        )
    return DeliverSm(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=source,
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=destination,
        esm_class=ESM_UDHI if part.udh else 0,
        data_coding=coding,
        short_message=short_message,
        tlvs=tlvs,
    )
