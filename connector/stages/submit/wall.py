"""The wall clock of the submitter, watched against the monotonic one.

The rule: ages decide what is sent again and what is held, so they must not change when the time of day is corrected. A
clock put back is told, and whoever keeps times moves them along. A clock put forward is not: nobody here can tell it
from a machine that slept, and an age too great is the safe side; the guards forget early then, and the gateway's own
judge instead.
"""

from collections.abc import Callable

_READ_WITHIN = 0.02
"""Seconds between two looks at the monotonic clock; where they lie further apart the comparison says nothing."""

_NOTICED_MS = 200


class WallClock:
    """Milliseconds since the epoch, when called; `put_back` hears by how many milliseconds the clock went back."""

    def __init__(
        self, clock: Callable[[], float], epoch_ms: Callable[[], int], *, put_back: Callable[[int], None]
    ) -> None:
        self._clock = clock
        self._epoch_ms = epoch_ms
        self._put_back = put_back
        self._ahead: float | None = None

    def __call__(self) -> int:
        before = self._clock()
        now_ms = self._epoch_ms()
        if self._clock() - before > _READ_WITHIN:
            return now_ms
        ahead = now_ms - before * 1000
        if self._ahead is None or ahead > self._ahead:
            self._ahead = ahead
        elif self._ahead - ahead > _NOTICED_MS:
            lost, self._ahead = round(self._ahead - ahead), ahead
            self._put_back(lost)
        return now_ms
