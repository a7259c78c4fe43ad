"""Inbound messages: one deliver_sm is one piece, and the pieces of one reference make the message.

The rule: pieces come in any order, twice, or not at all, and each in an alphabet of its own; what came is what is
published, with the octets beside the text wherever the text is a guess. Nothing here raises on what a peer sent. Where
pieces wait is the collector's business; next station: the topic of inbound messages.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, TypeVar

from connector.domain.events import InboundMessage
from connector.domain.identity import event_id
from connector.domain.parts import Elements, PartRef, join_parts, read_part
from connector.domain.text import Reading
from connector.smpp.constants import (
    ESM_TYPE_CONVERSATION_ABORT,
    ESM_TYPE_DELIVERY_ACK,
    ESM_TYPE_MASK,
    ESM_TYPE_USER_ACK,
    Tag,
)
from connector.translate.deliveries import Incoming, first_tlvs, message_octets, tlv_text
from connector.translate.facts import integer
from connector.translate.settings import DialectSettings

T = TypeVar("T")

_PORTS: Final = frozenset((0x04, 0x05))
"""Information elements that address an application's port: what follows is that application's data."""


MESSAGE: Final = "message"
TYPES: Final[Mapping[int, str]] = {
    ESM_TYPE_DELIVERY_ACK: "delivery-ack",
    ESM_TYPE_USER_ACK: "user-ack",
    ESM_TYPE_CONVERSATION_ABORT: "conversation-abort",
}
"""What the type bits of esm_class say (SMPP 3.4, section 5.2.12); all others are messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPiece:
    """One inbound short message without its header; `part` is None where it stands alone.

    `gateway_message_id` and `user_message_reference` name the message of ours that it acknowledges or answers.
    """

    account: str
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    payload: bytes = field(repr=False)
    data_coding: int
    part: PartRef | None = None
    elements: Elements = field(default=(), repr=False)
    type: str = MESSAGE
    gateway_message_id: str | None = None
    user_message_reference: int | None = None
    received_at: int

    @property
    def total(self) -> int:
        """How many pieces the message has."""
        return 1 if self.part is None else self.part.total

    @property
    def index(self) -> int:
        """Which of them this is, from 1."""
        return 1 if self.part is None else self.part.index


def to_inbound_part(pdu: Incoming, *, account: str, received_at: int) -> InboundPiece:
    """The piece that a deliver_sm or data_sm holds."""
    read = read_part(message_octets(pdu), esm_class=pdu.esm_class, tlvs=pdu.tlvs)
    tlvs = first_tlvs(pdu.tlvs)
    return InboundPiece(
        account=account,
        sender=pdu.source_addr,
        recipient=pdu.destination_addr,
        payload=read.payload,
        data_coding=pdu.data_coding,
        part=read.part,
        elements=read.elements,
        type=TYPES.get(pdu.esm_class & ESM_TYPE_MASK, MESSAGE),
        gateway_message_id=tlv_text(tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"")) or None,
        user_message_reference=integer(tlvs.get(Tag.USER_MESSAGE_REFERENCE)),
        received_at=received_at,
    )


def assemble(pieces: Iterable[InboundPiece], settings: DialectSettings, *, completed_at: int) -> InboundMessage:
    """The message of pieces that have one delivery key, at least one; complete or as far as it came.

    Of pieces with one index the first received counts. The event id depends on what came and when it was first
    received, so the same pieces give the same event, and two equal messages of one sender two. Raises ValueError for no
    piece at all.
    """
    chosen: dict[int, InboundPiece] = {}
    for piece in sorted(pieces, key=lambda each: each.received_at):
        chosen.setdefault(piece.index, piece)
    if not chosen:
        raise ValueError("a message has at least one piece")
    ordered = [chosen[index] for index in sorted(chosen)]
    first = ordered[0]
    reading = _read(ordered, settings)
    octets = b"".join(piece.payload for piece in ordered)
    data = any(identifier in _PORTS for piece in ordered for identifier, _ in piece.elements)
    received_at = min(piece.received_at for piece in ordered)
    reference = first.part.reference if first.part is not None else None
    identity = event_id(
        "inbound",
        first.account,
        first.sender,
        first.recipient,
        reference,
        first.total,
        received_at,
        blake2b(octets, digest_size=16).hexdigest(),
    )
    return InboundMessage(
        event_id=identity,
        account=first.account,
        sender=first.sender,
        recipient=first.recipient,
        text=reading.text,
        payload=octets if data or reading.text is None or not reading.certain else None,
        coding=reading.coding,
        data_coding=first.data_coding,
        parts=first.total,
        parts_received=len(ordered),
        complete=len(ordered) == first.total,
        reference=reference,
        received_at=received_at,
        completed_at=completed_at,
        type=first.type,
        gateway_message_id=_first_of(piece.gateway_message_id for piece in ordered),
        user_message_reference=_first_of(piece.user_message_reference for piece in ordered),
    )


def _first_of(found: Iterable[T | None]) -> T | None:
    """What the first piece that says it says; careless peers put it into one of them only."""
    return next((each for each in found if each is not None), None)


def _read(ordered: Sequence[InboundPiece], settings: DialectSettings) -> Reading:
    """The text, read in runs without a gap: the two sides of a missing piece must not be taken for one character."""
    runs: list[list[tuple[bytes, int]]] = []
    last = 0
    for piece in ordered:
        if not runs or piece.index != last + 1:
            runs.append([])
        runs[-1].append((piece.payload, piece.data_coding))
        last = piece.index
    readings = [join_parts(run, iso=settings.iso) for run in runs]
    if len(readings) == 1:
        return readings[0]
    texts = [reading.text for reading in readings if reading.text is not None]
    return Reading(
        text="".join(texts) if len(texts) == len(readings) else None,
        coding="+".join(dict.fromkeys(name for reading in readings for name in reading.coding.split("+"))),
        certain=all(reading.certain for reading in readings),
    )
