"""What becomes of a message that was taken, and how its receipts are made: the values of a script that say so."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum

from connector.simulator.value import Value


class Route(StrEnum):
    """Which bind of the login a receipt takes; where it is not there, any that can receive, else it waits."""

    SUBMITTER = "submitter"
    ANY = "any"
    OTHER = "other"


class Form(StrEnum):
    """How well a receipt is made."""

    NORMAL = "normal"
    TEXT_ONLY = "text_only"  # no TLV at all
    TLVS_ONLY = "tlvs_only"  # an empty text
    EMPTY = "empty"  # neither
    PAYLOAD = "payload"  # the text in message_payload
    GARBLED = "garbled"  # a text that is no receipt
    TRUNCATED = "truncated"  # the text breaks off in the middle
    BROKEN_ENCODING = "broken_encoding"  # an HLR result whose urlencoding is wrong
    CONTRADICTING = "contradicting"  # TLVs with another state and error than the text
    UNKNOWN_TLVS = "unknown_tlvs"  # a TLV nobody knows and a known one of a wrong size
    DATA_SM = "data_sm"  # as data_sm, the text in message_payload


class IdForm(StrEnum):
    """How a message id is written."""

    DECIMAL = "decimal"
    PADDED = "padded"  # decimal, ten digits with leading zeros
    HEX_LOWER = "hex_lower"
    HEX_UPPER = "hex_upper"
    LONG = "long"  # 65 characters
    EMPTY = "empty"


class MessageType(IntEnum):
    """Bits 0-3 of the flags TLV (gateway.md); it has none for Telegram."""

    SMS = 0
    FLASH = 1
    BINARY = 2
    WAP_PUSH = 3
    HLR = 4
    PING = 5
    MMS = 6
    CALL = 7
    EMAIL = 8
    VIBER = 10
    SOCIAL = 12


class Template(StrEnum):
    """What a template message is for: bits 9 and 10 of the flags TLV (gateway.md)."""

    SERVICE = "service"
    TRANSACTIONAL = "transactional"
    AUTHORIZATION = "authorization"
    ADVERTISING = "advertising"


class ReceiptState(StrEnum):
    """The seven states of a receipt's text (SMPP 3.4, Appendix B), and ENROUTE."""

    DELIVRD = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIV = "UNDELIV"
    ACCEPTD = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTD = "REJECTD"
    ENROUTE = "ENROUTE"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp(Value):
    """A further receipt, `after` seconds behind the first: read (2), link clicked (4), or another state."""

    after: float
    additional_status: int | None = None
    state: ReceiptState = ReceiptState.DELIVRD
    error: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HlrAnswer(Value):
    """What an HLR result tells; `None` leaves what the simulator derives from the number, "" publishes it empty."""

    imsi: str | None = None
    msc: str | None = None
    mcc: str | None = None
    mnc: str | None = None
    cn: str | None = None
    net: str | None = None
    rcn: str | None = None
    rnet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts(Value):
    """What becomes of a message that was taken, and how it is told.

    `delay` and `jitter` (a drawn extra) are seconds of the gateway's clock. `send` False keeps the state for query_sm
    and tells nobody. `message_id` replaces the id in the receipt, for receipts of messages nobody knows. A message
    whose validity ends before its receipt is due expires then, whatever `state` says. `type`, `cost` and `mccmnc`
    replace what the simulator derives from the message ("" leaves mccmnc out); `template` and `second_balance` set
    their bits of the flags.
    """

    send: bool = True
    delay: float = 0.05
    jitter: float = 0.0
    before_response: bool = False
    copies: int = 1
    route: Route = Route.SUBMITTER
    form: Form = Form.NORMAL
    state: ReceiptState = ReceiptState.DELIVRD
    error: int = 0
    message_id: str | None = None
    id_form: IdForm | None = None
    cost: Decimal | None = None
    mccmnc: str | None = None
    type: MessageType | None = None
    template: Template | None = None
    second_balance: bool = False
    hlr: HlrAnswer = field(default_factory=HlrAnswer)
    follow_ups: tuple[FollowUp, ...] = ()
