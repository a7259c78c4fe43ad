"""What a microservice asks for: one outbound message, as the rest of the project sees it.

The Avro schema `schemas/OutboundMessage.avsc` is this class field by field. Nothing here has been checked
against the gateway's rules yet; `domain.kinds` does that, and the router is the first to ask it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Priority(StrEnum):
    """What the sender wants; the order is the order of the Avro enum, and it never changes.

    The entrance for urgent events tells these apart by the first byte of the Avro body alone.
    """

    AUTO = "AUTO"
    URGENT = "URGENT"
    NORMAL = "NORMAL"
    BULK = "BULK"


class Kind(StrEnum):
    """What the gateway makes of the message (gateway.md, "Message kinds")."""

    SMS = "SMS"
    BINARY = "BINARY"
    WAP_PUSH = "WAP_PUSH"
    EMAIL = "EMAIL"
    VOICE = "VOICE"
    VIBER = "VIBER"
    SOCIAL = "SOCIAL"
    TELEGRAM_CODE = "TELEGRAM_CODE"
    TELEGRAM_BOT = "TELEGRAM_BOT"
    HLR = "HLR"
    PING = "PING"


class Coding(StrEnum):
    """The alphabet asked for; AUTO takes the one with the fewest parts."""

    AUTO = "AUTO"
    GSM = "GSM"
    LATIN1 = "LATIN1"
    UCS2 = "UCS2"


class UnknownPolicy(StrEnum):
    """What to do when a bind died between a submit and its response (design.md)."""

    DEDUPE_RETRY = "DEDUPE_RETRY"
    AT_MOST_ONCE = "AT_MOST_ONCE"
    AT_LEAST_ONCE = "AT_LEAST_ONCE"


class Action(StrEnum):
    """What an outbound event asks for. SEND is a message; the others are about one that was sent earlier.

    CANCEL: it should not be delivered. REPLACE: with another text. QUERY: what is its state.
    """

    SEND = "SEND"
    CANCEL = "CANCEL"
    REPLACE = "REPLACE"
    QUERY = "QUERY"


class Lane(StrEnum):
    """A durable queue in front of the binds; listed in the order of their precedence."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message to send, or what is to become of an earlier one (`action`, `target_*`).

    Times are milliseconds since the epoch, UTC.
    """

    priority: Priority = Priority.AUTO
    id: str
    account: str | None = None
    kind: Kind = Kind.SMS
    sender: str | None = field(default=None, repr=False)
    sender_ton: int | None = None
    sender_npi: int | None = None
    recipient: str = field(repr=False)
    recipient_ton: int | None = None
    recipient_npi: int | None = None
    text: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    voice: str | None = None
    language: str | None = None
    call_parameters: str | None = field(default=None, repr=False)
    bot: str | None = None
    payload: bytes | None = field(default=None, repr=False)
    udh: bytes | None = field(default=None, repr=False)
    coding: Coding = Coding.AUTO
    flash: bool = False
    campaign_id: str | None = None
    scheduled_at: int | None = None
    expires_at: int | None = None
    validity_minutes: int | None = None
    receipt: bool = True
    comment: str | None = field(default=None, repr=False)
    unknown_outcome: UnknownPolicy | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    action: Action = Action.SEND
    target_id: str | None = None
    target_gateway_id: str | None = None
