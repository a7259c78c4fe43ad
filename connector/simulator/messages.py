"""A message the gateway has taken, from its id to its end. The gateway alone changes it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from connector.domain.messages import Kind
from connector.simulator.plans import IdForm, MessageType, Receipts, ReceiptState
from connector.simulator.script import Host
from connector.smpp.constants import MessageState
from connector.smpp.pdu import SubmitSm

STATES = {
    ReceiptState.ENROUTE: MessageState.ENROUTE,
    ReceiptState.DELIVRD: MessageState.DELIVERED,
    ReceiptState.EXPIRED: MessageState.EXPIRED,
    ReceiptState.DELETED: MessageState.DELETED,
    ReceiptState.UNDELIV: MessageState.UNDELIVERABLE,
    ReceiptState.ACCEPTD: MessageState.ACCEPTED,
    ReceiptState.UNKNOWN: MessageState.UNKNOWN,
    ReceiptState.REJECTD: MessageState.REJECTED,
}
"""The words of a receipt's text and message_state (SMPP 3.4, Appendix B and 5.2.28)."""

FAILURES = frozenset(
    {ReceiptState.EXPIRED, ReceiptState.DELETED, ReceiptState.UNDELIV, ReceiptState.UNKNOWN, ReceiptState.REJECTD}
)


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """One message id's life. Seconds are the gateway's clock; `parts` counts what is billed for the id.

    `text` is what the subscriber gets, in the alphabet of `pdu`, and `comment` what stands in the account's history.
    `revision` counts how often its times were changed: what was due before that is due no more.
    """

    number: int
    message_id: str
    login: str
    connection: int
    host: Host
    pdu: SubmitSm = field(repr=False)
    kind: Kind
    parts: int
    text: bytes = field(default=b"", repr=False)
    comment: bytes | None = field(default=None, repr=False)
    plan: Receipts
    registered: int
    taken_at: float
    taken_ms: int
    expires_at: float
    state: ReceiptState = ReceiptState.ENROUTE
    error: int = 0
    done_ms: int | None = None
    cancelled: bool = False
    replaced: int = 0
    revision: int = 0


class Due(NamedTuple):
    """Something about a message that comes true `at` seconds of the gateway's clock."""

    at: float
    message: Message
    state: ReceiptState
    error: int = 0
    additional_status: int | None = None
    revision: int = 0


def written(number: int, form: IdForm) -> str:
    """A message id in the form asked for."""
    match form:
        case IdForm.DECIMAL:
            return str(number)
        case IdForm.PADDED:
            return f"{number:010d}"
        case IdForm.HEX_LOWER:
            return f"{number:x}"
        case IdForm.HEX_UPPER:
            return f"{number:X}"
        case IdForm.LONG:
            return f"{number:065d}"
        case IdForm.EMPTY:
            return ""


def message_type(message: Message) -> MessageType:
    """The type that the flags of a receipt tell."""
    if message.plan.type is not None:
        return message.plan.type
    match message.kind:
        case Kind.SMS:
            return MessageType.FLASH if message.pdu.data_coding & 0x10 else MessageType.SMS
        case Kind.BINARY:
            return MessageType.BINARY
        case Kind.WAP_PUSH:
            return MessageType.WAP_PUSH
        case Kind.EMAIL:
            return MessageType.EMAIL
        case Kind.VOICE:
            return MessageType.CALL
        case Kind.VIBER:
            return MessageType.VIBER
        case Kind.SOCIAL:
            return MessageType.SOCIAL
        case Kind.HLR:
            return MessageType.HLR
        case Kind.PING:
            return MessageType.PING
        case Kind.TELEGRAM_CODE | Kind.TELEGRAM_BOT:
            return MessageType.SMS
