"""Receipts and inbound messages on their way to the logins: sent, answered, or sent again.

A parcel is in one place at a time: in its login's outbox, in a session's window, or waiting for its retry. It leaves
with a deliver_sm_resp of status 0, or one that says never to send it again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from connector.simulator.connection import Connection
from connector.simulator.outbox import Outbox, Parcel, Receiver
from connector.smpp.constants import CommandStatus

_FOR_GOOD = frozenset({CommandStatus.ESME_RX_P_APPN, CommandStatus.ESME_RX_R_APPN})


class Sent(NamedTuple):
    """A parcel that went out on a connection."""

    connection: Connection
    parcel: Parcel
    sequence: int


class Deliveries:
    """The outboxes of all logins. `retry(call)` makes a call once the retry interval has passed."""

    def __init__(
        self,
        logins: Iterable[str],
        *,
        connections_of: Callable[[str], Sequence[Connection]],
        retry: Callable[[Callable[[], None]], None],
        sent: Callable[[Sent, float], None],
    ) -> None:
        self._boxes = {login: Outbox() for login in logins}
        self._connections_of = connections_of
        self._retry = retry
        self._sent = sent
        self._away: dict[str, int] = dict.fromkeys(self._boxes, 0)

    def waiting(self) -> list[tuple[str, int]]:
        """How much of each login is not answered yet: in the outbox, on a connection, or before a retry."""
        return [(login, len(box) + self._away[login]) for login, box in self._boxes.items()]

    def add(self, parcel: Parcel) -> None:
        """Something new; `dispatch` sends it. Raises KeyError for a login there is not."""
        self._boxes[parcel.login].add(parcel)

    def dispatch(self, login: str, now: float) -> None:
        """Send what the login's binds have room for."""
        box = self._boxes[login]
        if not len(box):
            return
        connections = {each.number: each for each in self._connections_of(login)}
        receivers = [Receiver(connection=number, room=each.room) for number, each in connections.items()]

        def send(number: int, parcel: Parcel) -> None:
            connection = connections[number]
            sequence = connection.session.request(parcel.body, now, parcel)
            self._away[login] += 1
            connection.touch()
            self._sent(Sent(connection, parcel, sequence), now)

        box.dispatch(receivers, send)

    def answered(self, parcel: Parcel, status: int) -> bool:
        """A response came; whether that was the end of it, for otherwise it goes out again later."""
        if parcel.done:
            return False
        if status == CommandStatus.ESME_ROK or status in _FOR_GOOD:
            parcel.done = True
            if parcel.back:
                self._boxes[parcel.login].remove(parcel)
            else:
                self._away[parcel.login] -= 1
            return True
        if not parcel.back:
            self._retry(lambda: self.returned((parcel,)))
        return False

    def returned(self, parcels: Sequence[Parcel]) -> None:
        """No answer came, or one that asks to try again: first in their outboxes once more."""
        by_login: dict[str, list[Parcel]] = {}
        for parcel in parcels:
            if not parcel.done:
                by_login.setdefault(parcel.login, []).append(parcel)
        for login, again in by_login.items():
            self._away[login] -= len(again)
            self._boxes[login].put_back(again)
