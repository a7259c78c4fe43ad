"""What subscribers send, as values of a script. Next station: `inbound`, which makes the PDUs."""

from dataclasses import dataclass
from enum import StrEnum

from connector.domain.text import Alphabet, Concatenation
from connector.simulator.value import Value


class InboundType(StrEnum):
    """What a subscriber's message is, by esm_class (SMPP 3.4, 5.2.12)."""

    MESSAGE = "message"
    DELIVERY_ACK = "delivery_ack"
    USER_ACK = "user_ack"


class Carrier(StrEnum):
    """The command a subscriber's message comes in; data_sm holds its text in message_payload."""

    DELIVER_SM = "deliver_sm"
    DATA_SM = "data_sm"


class PartOrder(StrEnum):
    """In which order the parts of a subscriber's message come."""

    FORWARD = "forward"
    BACKWARD = "backward"
    SHUFFLED = "shuffled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound(Value):
    """A message to a login, `at` seconds of the gateway's clock after the script began; `times` in all, `every` so many
    seconds, each with the next `reference`. It waits where the login has no bind that receives.

    `text` in the shortest alphabet or the one named, or else `octets` (hex) under `data_coding`. The parts come in
    `order`, `gap` seconds apart; those whose numbers stand in `missing` do not come, those in `repeated` come twice.
    `tlvs` are (tag, value as hex) pairs added to every part.
    """

    login: str
    source: str
    destination: str
    text: str = ""
    octets: str = ""
    alphabet: Alphabet | None = None
    data_coding: int = 0x04
    flash: bool = False
    concatenation: Concatenation = Concatenation.UDH8
    reference: int = 1
    order: PartOrder = PartOrder.FORWARD
    missing: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()
    gap: float = 0.0
    type: InboundType = InboundType.MESSAGE
    carrier: Carrier = Carrier.DELIVER_SM
    tlvs: tuple[tuple[int, str], ...] = ()
    at: float = 0.0
    every: float = 60.0
    times: int = 1
