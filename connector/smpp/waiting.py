"""Our requests that wait for an answer, and the numbers they go by.

Rule: a request is known by its sequence number and the command_id of its response, never by the number alone; a
number is not given out again while a request of that number waits. Three rooms: `windowed` (messages and queries,
counted by the window), `control` (bind, unbind, enquire_link), `late` (timed out, kept so that an answer after 40
minutes still finds its context).
"""

from typing import Final

from connector.smpp.bodies import Body, EnquireLink
from connector.smpp.constants import MAX_SEQUENCE, RESPONSE, CommandId
from connector.smpp.events import RequestTimedOut, Unanswered
from connector.smpp.pdu import command_of

LATE_KEPT: Final = 65536
"""So many timed-out requests are remembered; beyond it the oldest are forgotten."""

_FORGOTTEN: Final = EnquireLink()
"""Stands for the body of a late request: its answer needs the context only."""


Waiting = tuple[int, object, Body, float]
"""(command_id of the response, context, the request's body, when it was queued). A plain tuple, because one is made
for every message and a named one costs five times as much."""


class WaitingRequests:
    """The three rooms. `windowed` and `control` keep the order of sent_at."""

    __slots__ = ("control", "late", "next_sequence", "windowed")

    def __init__(self, first_sequence: int) -> None:
        self.next_sequence = first_sequence
        self.windowed: dict[int, Waiting] = {}
        self.control: dict[int, Waiting] = {}
        self.late: dict[int, Waiting] = {}

    def free_sequence(self) -> int:
        """The next number that no waiting request has: after the wrap at 0x7FFFFFFF an old one may still wait."""
        sequence = self.next_sequence
        while sequence in self.windowed or sequence in self.control:
            sequence = sequence + 1 if sequence < MAX_SEQUENCE else 1
        return sequence

    def use_sequence(self, sequence: int) -> None:
        """This number has gone out: the next is one more, and a late answer can no longer mean the old request."""
        self.next_sequence = sequence + 1 if sequence < MAX_SEQUENCE else 1
        if self.late:
            self.late.pop(sequence, None)

    def wait_control(self, sequence: int, body: Body, context: object, now: float) -> None:
        """A bind, unbind or enquire_link has gone out."""
        self.control[sequence] = (command_of(body) | RESPONSE, context, body, now)

    def take(self, sequence: int, command: int) -> tuple[dict[int, Waiting] | None, Waiting | None]:
        """The request that a response or generic_nack answers, and the room it is taken from; (None, None) if there
        is none."""
        for room in (self.control, self.windowed, self.late):
            waiting = room.get(sequence)
            if waiting is not None and command in (waiting[0], CommandId.GENERIC_NACK):
                del room[sequence]
                return room, waiting
        return None, None

    def oldest(self) -> float | None:
        """When the oldest windowed request was sent."""
        for _, _, _, sent_at in self.windowed.values():
            return sent_at
        return None

    def time_out(self, now: float, timeout: float) -> list[RequestTimedOut]:
        """Move the windowed requests that have waited for `timeout` to the late ones."""
        due: list[RequestTimedOut] = []
        while self.windowed:
            sequence, (answer, context, _, sent_at) = next(iter(self.windowed.items()))
            if sent_at + timeout > now:
                break
            del self.windowed[sequence]
            self.late[sequence] = (answer, context, _FORGOTTEN, sent_at)
            if len(self.late) > LATE_KEPT:
                del self.late[next(iter(self.late))]
            due.append(RequestTimedOut(context=context, sequence=sequence, sent_at=sent_at))
        return due

    def give_up(self) -> tuple[Unanswered, ...]:
        """The session is over: the windowed requests, in the order they were sent. All rooms are empty then."""
        unanswered = tuple(
            Unanswered(context=context, sequence=sequence, body=body, sent_at=sent_at)
            for sequence, (_, context, body, sent_at) in self.windowed.items()
        )
        self.windowed.clear()
        self.control.clear()
        self.late.clear()
        return unanswered
