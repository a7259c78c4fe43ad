"""What is to happen later, in the order of its time. Pure; whoever owns it keeps the one timer."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Timeline:
    """Calls by the time they are due, in seconds of one clock; equal times keep the order they were added in."""

    __slots__ = ("_calls", "_order")

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, at: float, call: Callable[[], None]) -> None:
        """Have `call` made once the clock has reached `at`."""
        heappush(self._calls, (at, next(self._order), call))

    def next(self) -> float | None:
        """When `run` has something to do at the earliest."""
        return self._calls[0][0] if self._calls else None

    def run(self, now: float) -> int:
        """Make every call that is due, those that become due meanwhile too; how many that were."""
        made = 0
        while self._calls and self._calls[0][0] <= now:
            heappop(self._calls)[2]()
            made += 1
        return made
