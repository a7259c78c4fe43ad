"""The states of a session and who may ask what in which (SMPP 3.4, 2.2 and table 2-1; 5.0, table 2-2).

Tables only; `session` is the machine that goes by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from connector.smpp.bodies import Body
from connector.smpp.constants import RESPONSE, CommandId, CommandStatus, command_name
from connector.smpp.layouts import LAYOUTS
from connector.smpp.pdu import MAX_PDU
from connector.smpp.quick import WRITERS, Writer


class Role(Enum):
    """Which end of the session this is."""

    ESME = "client"
    SMSC = "server"


class State(Enum):
    """SMPP 3.4, 2.2, with the steps in between."""

    OPEN = "open"
    BINDING = "binding"
    BOUND_TX = "bound as transmitter"
    BOUND_RX = "bound as receiver"
    BOUND_TRX = "bound as transceiver"
    UNBINDING = "unbinding"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """Times are seconds; None switches a timer off.

    `window`: requests waiting for their response at once; enquire_link, bind and unbind do not count.
    `enquire_interval`: an enquire_link after so long without PDUs in one direction or the other.
    `enquire_timeout`: the link is dead when nothing at all came for so long after it.
    `bind_timeout`: for our bind's response, or as a server for the client's bind. `unbind_timeout`: for our unbind's
    response. `idle_timeout`: a server ends a session from which no PDU came for so long.
    """

    window: int = 300
    response_timeout: float | None = 60.0
    enquire_interval: float | None = 60.0
    enquire_timeout: float = 10.0
    bind_timeout: float = 10.0
    unbind_timeout: float = 10.0
    idle_timeout: float | None = None
    max_pdu: int = MAX_PDU


BOUND: Final = frozenset((State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX))
SENDING: Final = frozenset((State.BOUND_TX, State.BOUND_TRX))
RECEIVING: Final = frozenset((State.BOUND_RX, State.BOUND_TRX))
STATE_OF_BIND: Final[Mapping[int, State]] = {
    CommandId.BIND_TRANSMITTER: State.BOUND_TX,
    CommandId.BIND_RECEIVER: State.BOUND_RX,
    CommandId.BIND_TRANSCEIVER: State.BOUND_TRX,
}
BINDS: Final = frozenset(STATE_OF_BIND)
ONE_WAY: Final = frozenset((CommandId.ALERT_NOTIFICATION, CommandId.OUTBIND))

# Who may ask what in which state (3.4, table 2-1; 5.0, table 2-2). A client takes deliveries on any bind: refusing a
# receipt because the gateway sent it down a transmitter would lose it for a formality.
FROM_ESME: Final[Mapping[int, frozenset[State]]] = {
    CommandId.SUBMIT_SM: SENDING,
    CommandId.SUBMIT_MULTI: SENDING,
    CommandId.DATA_SM: BOUND,
    CommandId.QUERY_SM: SENDING,
    CommandId.CANCEL_SM: SENDING,
    CommandId.REPLACE_SM: SENDING,
    CommandId.BROADCAST_SM: SENDING,
    CommandId.QUERY_BROADCAST_SM: SENDING,
    CommandId.CANCEL_BROADCAST_SM: SENDING,
}
FROM_SMSC: Final[Mapping[int, frozenset[State]]] = {
    CommandId.DELIVER_SM: RECEIVING,
    CommandId.DATA_SM: RECEIVING,
    CommandId.ALERT_NOTIFICATION: RECEIVING,
    CommandId.OUTBIND: frozenset((State.OPEN,)),
}
TAKEN_BY_ESME: Final[Mapping[int, frozenset[State]]] = {
    CommandId.DELIVER_SM: BOUND,
    CommandId.DATA_SM: BOUND,
    CommandId.ALERT_NOTIFICATION: BOUND,
    CommandId.OUTBIND: frozenset((State.OPEN,)),
}


def may_send(role: Role, state: State) -> Mapping[type[Body], tuple[int, Writer]]:
    """The messages and queries this end may send now, each with the command_id of its response and its writer."""
    table = FROM_ESME if role is Role.ESME else FROM_SMSC
    return {
        LAYOUTS[command].body: (command | RESPONSE, WRITERS[LAYOUTS[command].body])
        for command, states in table.items()
        if state in states and command not in ONE_WAY
    }


def may_take(role: Role, mode: State) -> frozenset[int]:
    """The commands of the messages and queries this end accepts from its peer when bound like this."""
    table = TAKEN_BY_ESME if role is Role.ESME else FROM_ESME
    return frozenset(command for command, states in table.items() if mode in states and command not in ONE_WAY)


class Refusal(NamedTuple):
    """Why a peer's request is not taken, as a command_status and for a person."""

    status: int
    reason: str


def refusal_of(role: Role, state: State, command: int) -> Refusal | None:
    """What is wrong with a peer's bind or one-way PDU now, or with any request that `may_take` does not have."""
    if command not in LAYOUTS:
        return Refusal(CommandStatus.ESME_RINVCMDID, f"{command_name(command)} is not a command of SMPP")
    if command in BINDS and role is Role.SMSC:
        if state is State.OPEN:
            return None
        status = CommandStatus.ESME_RALYBND if state in BOUND else CommandStatus.ESME_RINVBNDSTS
        return Refusal(status, f"a bind while {state.value}")
    if command in ONE_WAY and role is Role.ESME and state in TAKEN_BY_ESME[command]:
        return None
    reason = f"{command_name(command)} is not for a {role.value} while {state.value}"
    return Refusal(CommandStatus.ESME_RINVBNDSTS, reason)
