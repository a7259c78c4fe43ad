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
    """Of one member. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._renewed: float | None = None

    def age(self, now: float) -> float:
        """Seconds since then; infinite where it does not know it, or has put it out.

        Counted from when a request was sent that the broker then answered well (heartbeat or sync), so the broker's
        own session timer started later than ours: below the session time-out nobody else has our partitions.
        """
        return float("inf") if self._renewed is None else now - self._renewed

    def end(self) -> None:
        """The member leaves."""
        self._renewed = None

    def watch(self, coordinator: Any) -> None:
        """From now on the requests of this coordinator of aiokafka's tell; call it before it joins."""
        coordinator._send_req = self._watched(coordinator._send_req)

    def _watched(self, send: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        async def watched(request: Any) -> Any:
            sent = self._clock()
            response = await send(request)
            if isinstance(request, (HeartbeatRequest, SyncGroupRequest)):
                code = response.error_code
                # During a rebalance a heartbeat still keeps the member in the group.
                if code == _NO_ERROR or (code == _REBALANCE_IN_PROGRESS and isinstance(request, HeartbeatRequest)):
                    self._renewed = sent if self._renewed is None else max(self._renewed, sent)
                elif code in _EXPELLED:
                    self._renewed = None
            return response

        return watched
