"""What waits to be delivered to a login: receipts and inbound messages, kept until they are acknowledged.

Pure. Nothing leaves here but by an acknowledgement, so a parcel whose connection ended, whose response did not come or
asked for later is delivered again, on whichever bind of the login can receive by then.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connector.simulator.script import Route
from connector.smpp.pdu import DataSm, DeliverSm


class ParcelKind(StrEnum):
    """What a deliver_sm carries."""

    RECEIPT = "receipt"
    INBOUND = "inbound"


@dataclass(slots=True, kw_only=True, eq=False)
class Parcel:
    """One deliver_sm or data_sm on its way to a login; `origin` is the connection of the submit it tells of.

    `back`: it is in the outbox, though it was sent before; `done`: it was answered, and goes nowhere any more.
    """

    kind: ParcelKind
    login: str
    body: DeliverSm | DataSm
    message_id: str = ""
    route: Route = Route.ANY
    origin: int = 0
    attempts: int = 0
    back: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A bind that can take deliver_sm now: how many more it may have unanswered."""

    connection: int
    room: int


class Outbox:
    """The parcels of one login that are on no connection, oldest first."""

    __slots__ = ("_turn", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Parcel] = deque()
        self._turn = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, parcel: Parcel) -> None:
        """Something new to deliver."""
        self._waiting.append(parcel)

    def put_back(self, parcels: Sequence[Parcel]) -> None:
        """Parcels that were sent and not acknowledged; they come first again, in their order."""
        for parcel in parcels:
            parcel.back = True
        self._waiting.extendleft(reversed(parcels))

    def remove(self, parcel: Parcel) -> None:
        """An answer came after all for a parcel that was put back."""
        self._waiting.remove(parcel)

    def dispatch(self, receivers: Sequence[Receiver], send: Callable[[int, Parcel], None]) -> None:
        """Hand every parcel that has a bind with room to `send(connection, parcel)`, the others keep their place."""
        room = {receiver.connection: receiver.room for receiver in receivers if receiver.room > 0}
        while self._waiting and room:
            parcel = self._waiting.popleft()
            connection = self._choose(parcel, room)
            room[connection] -= 1
            if room[connection] <= 0:
                del room[connection]
            parcel.attempts += 1
            parcel.back = False
            send(connection, parcel)

    def _choose(self, parcel: Parcel, room: dict[int, int]) -> int:
        if parcel.route is Route.SUBMITTER and parcel.origin in room:
            return parcel.origin
        if len(room) == 1:
            return next(iter(room))
        choices = [each for each in room if parcel.route is not Route.OTHER or each != parcel.origin]
        self._turn += 1
        return choices[self._turn % len(choices)]
