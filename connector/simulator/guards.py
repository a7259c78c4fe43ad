"""The gateway's own guards: speed, identical requests, flood to one number (gateway.md, "Speed, priority, and ...").

Pure; `now` is seconds of the gateway's clock. Each guard asks and counts in two calls, so that the gateway decides
what a refused request leaves behind.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable


class SpeedGuard:
    """At most `speed` requests in any second that slides, over all binds of one login."""

    __slots__ = ("_arrivals", "_speed")

    def __init__(self, speed: int) -> None:
        self._speed = speed
        self._arrivals: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Whether one more request now stays within the speed."""
        arrivals = self._arrivals
        while arrivals and arrivals[0] <= now - 1.0:
            arrivals.popleft()
        return len(arrivals) < self._speed

    def count(self, now: float) -> None:
        """A request arrived that counts."""
        self._arrivals.append(now)

    def load(self, now: float) -> int:
        """How much of the speed the last second has used, 0 to 100."""
        self.allows(now)
        return min(100, 100 * len(self._arrivals) // self._speed)


class DuplicateGuard:
    """Identical requests within `window` seconds of each other."""

    __slots__ = ("_armed", "_window")

    def __init__(self, window: float) -> None:
        self._window = window
        self._armed: OrderedDict[Hashable, float] = OrderedDict()

    def repeats(self, request: Hashable, now: float) -> bool:
        """Whether the same request armed the guard less than the window ago."""
        armed = self._armed
        while armed:
            oldest, at = next(iter(armed.items()))
            if now - at < self._window:
                break
            del armed[oldest]
        return request in armed

    def arm(self, request: Hashable, now: float) -> None:
        """Begin the window of this request, or begin it anew."""
        self._armed[request] = now
        self._armed.move_to_end(request)


class FloodGuard:
    """A run of messages to one number, each less than `gap` seconds after the one before; past `limit` it blocks."""

    __slots__ = ("_blocked_extend", "_gap", "_limit", "_runs")

    def __init__(self, limit: int, gap: float, *, blocked_extend: bool) -> None:
        self._limit = limit
        self._gap = gap
        self._blocked_extend = blocked_extend
        self._runs: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def blocks(self, number: str, now: float) -> bool:
        """Count one message to this number and tell whether it is past the limit of its run."""
        runs = self._runs
        while runs:
            oldest, (_, at) = next(iter(runs.items()))
            if now - at < self._gap:
                break
            del runs[oldest]
        length, last = runs.get(number, (0, now))
        blocked = length >= self._limit
        if not blocked:
            runs[number] = (length + 1, now)
        else:
            runs[number] = (length, now if self._blocked_extend else last)
        if not blocked or self._blocked_extend:
            runs.move_to_end(number)
        return blocked
