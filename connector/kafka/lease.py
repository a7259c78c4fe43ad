"""How long ago a group's coordinator certainly knew a member alive.

aiokafka keeps the time of its last heartbeat in a local variable, so its requests are watched instead;
tests/kafka/test_consumer.py notices if they stop going this way. Next stations: `consumer`, and the collector's member.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

_NO_ERROR: Final = 0
_REBALANCE_IN_PROGRESS: Final = 27
# ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID: the broker has put this member out.
_EXPELLED: Final = frozenset({22, 25, 82})


class Lease:
    """Of one member. `clock` is monotonic; all times are in seconds."""

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
        if not self._over:
            self._renewed = sent if self._renewed is None else max(self._renewed, sent)

    def beaten(self, sent: float) -> bool:
        """A heartbeat of that time was answered well just now; False where that proves nothing, and only an answer that
        a loading coordinator does not give can (`watch`).

        A coordinator that is still loading the group answers every heartbeat well, also to a member that it put out
        before. It cannot have put out one whose lease has lasted until now.
        """
        if self.age(self._clock()) >= self._session_timeout:
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
            beat = isinstance(request, HeartbeatRequest)
            if beat or isinstance(request, SyncGroupRequest):
                code = response.error_code
                if code in _EXPELLED:
                    self.lost()
                elif beat and code in (_NO_ERROR, _REBALANCE_IN_PROGRESS):
                    # During a rebalance a heartbeat still keeps the member in the group.
                    if not self.beaten(sent) and code == _NO_ERROR:
                        await prove(sent)
                elif code == _NO_ERROR:
                    self.joined(sent)
            return response

        async def prove(sent: float) -> None:
            # To who is a member of this generation, and to nobody else, a coordinator tells its share once more.
            share = SyncGroupRequest(
                coordinator.group_id,
                coordinator.generation,
                coordinator.member_id,
                coordinator._group_instance_id,
                [],
            )
            if (await send(share)).error_code == _NO_ERROR:
                # Of the heartbeat's time: it may be that this answer starts no session timer.
                self.joined(sent)

        coordinator._send_req = watched
