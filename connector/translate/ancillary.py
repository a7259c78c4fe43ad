"""A request about an earlier message becomes its PDU: cancel_sm, replace_sm or query_sm.

The rule: the addresses are built as those of the message itself were, since gateways compare them. Source: SMPP 3.4,
sections 4.8 to 4.10. Next station: the submitter, and from there `bind`.
"""

from typing import NamedTuple

from connector.domain.kinds import Refusal, RefusedMessage, addresses_of, body_of
from connector.domain.messages import Action, Coding, OutboundMessage
from connector.domain.text import Alphabet, TextError, capacity, choose, encode
from connector.smpp.constants import RECEIPT_ALWAYS
from connector.smpp.pdu import CancelSm, QuerySm, ReplaceSm
from connector.translate.settings import DialectSettings

Ancillary = CancelSm | ReplaceSm | QuerySm


class AncillaryPlan(NamedTuple):
    """The PDUs of one request, one for each id that the gateway gave its message; the counterpart of `Plan`."""

    pdus: tuple[Ancillary, ...]
    alphabet: str | None = None
    fingerprints: tuple[int, ...] = ()


def ancillary(message: OutboundMessage, gateway_id: str, settings: DialectSettings, *, coding: str | None) -> Ancillary:
    """The PDU that asks the gateway about its message `gateway_id`. Raises `RefusedMessage`.

    `coding` names the alphabet the message was submitted in: replace_sm has no data_coding, so a new text must fit
    that alphabet, and one part.
    """
    addresses = addresses_of(message, settings)
    if isinstance(addresses, Refusal):
        raise RefusedMessage(addresses)
    source, destination = addresses
    match message.action:
        case Action.CANCEL:
            return CancelSm(
                message_id=gateway_id,
                source_addr_ton=source.ton,
                source_addr_npi=source.npi,
                source_addr=source.value,
                dest_addr_ton=destination.ton,
                dest_addr_npi=destination.npi,
                destination_addr=destination.value,
            )
        case Action.REPLACE:
            return ReplaceSm(
                message_id=gateway_id,
                source_addr_ton=source.ton,
                source_addr_npi=source.npi,
                source_addr=source.value,
                # Empty times keep those of the message (4.10.1).
                registered_delivery=RECEIPT_ALWAYS if message.receipt else 0,
                short_message=_replacement(message, settings, coding),
            )
        case Action.QUERY:
            return QuerySm(
                message_id=gateway_id,
                source_addr_ton=source.ton,
                source_addr_npi=source.npi,
                source_addr=source.value,
            )
        case Action.SEND:
            raise ValueError("a message of its own is `plan`'s business")


def _replacement(message: OutboundMessage, settings: DialectSettings, coding: str | None) -> bytes:
    body = body_of(message, replace_typography=settings.replace_typography)
    if isinstance(body, Refusal):
        raise RefusedMessage(body)
    wanted = Coding(coding) if coding is not None and coding in Coding.__members__ else message.coding
    text = body.text + body.tail
    try:
        alphabet = choose(text, wanted=wanted, iso=settings.iso)
        octets = encode(text, alphabet)
    except TextError as error:
        reason = f"the new text does not fit the alphabet of the message, {coding or wanted}: {error}"
        raise RefusedMessage(Refusal(code="replacement-alphabet", reason=reason)) from error
    if len(octets) > capacity(alphabet) * (2 if alphabet is Alphabet.UCS2 else 1):
        reason = "the new text needs more than one part, and replace_sm carries one"
        raise RefusedMessage(Refusal(code="replacement-too-long", reason=reason))
    return octets
