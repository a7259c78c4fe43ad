"""How long ago a group's coordinator certainly knew a member alive.

aiokafka keeps the time of its last heartbeat in a local variable, so its requests are watched instead;
tests/kafka/test_consumer.py notices if they stop going this way. Next stations: `consumer`, and the collector's member.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

_NO_ERROR: Final = 0
_REBALANCE_IN_PROGRESS: Final = 27
# ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID: the broker has put this member out.
_EXPELLED: Final = frozenset({22, 25, 82})


class Lease:
    """Of one member. `clock` is monotonic; all times are in seconds; `session_timeout` may be infinite."""

    def __init__(self, clock: Callable[[], float], session_timeout: float) -> None:
        self._clock = clock
        self._session_timeout = session_timeout
        self._renewed: float | None = None
        self._over = False

    def age(self, now: float) -> float:
        """Seconds since then; infinite where it does not know it, or has put it out.

        Counted from when a request was sent that the broker then answered well (heartbeat or sync), so the broker's
        own session timer started later than ours: below the session time-out nobody else has our partitions.
        """
        return float("inf") if self._renewed is None else now - self._renewed

    def joined(self, sent: float) -> None:
        """The group has given the member its share, on a request of that time."""
        self._renewed = sent if self._renewed is None else max(self._renewed, sent)

    def beaten(self, sent: float) -> bool:
        """A heartbeat of that time was answered well just now; False where that proves nothing, and only joining does.

        A coordinator that is still loading the group answers every heartbeat well, also to a member that it put out
        before. It cannot have put out one whose lease has lasted until now.
        """
        if self._session_timeout < math.inf and self.age(self._clock()) >= self._session_timeout:
            self._renewed = None
            return False
        self.joined(sent)
        return True

    def lost(self) -> None:
        """The broker has put the member out."""
        self._renewed = None

    def end(self) -> None:
        """The member leaves."""
        self._renewed, self._over = None, True

    def watch(self, coordinator: Any) -> None:
        """From now on the requests of this coordinator of aiokafka's tell; call it before it joins."""
        send: Callable[[Any], Awaitable[Any]] = coordinator._send_req

        async def watched(request: Any) -> Any:
            sent = self._clock()
            response = await send(request)
            if isinstance(request, (HeartbeatRequest, SyncGroupRequest)):
                code, beat = response.error_code, isinstance(request, HeartbeatRequest)
                if code in _EXPELLED:
                    self.lost()
                elif code == _NO_ERROR and not beat:
                    self.joined(sent)
                # During a rebalance a heartbeat still keeps the member in the group.
                elif beat and code in (_NO_ERROR, _REBALANCE_IN_PROGRESS) and not (self.beaten(sent) or self._over):
                    coordinator.request_rejoin()
            return response

        coordinator._send_req = watched
