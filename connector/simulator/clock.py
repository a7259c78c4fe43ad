"""The two clocks of the gateway.

The wire clock drives the connections (idle cut, enquire_link); the gateway's clock drives what the gateway does with
messages (guards, receipts, late responses) and can be skipped ahead, so that a receipt that comes days later costs
no waiting and no connection. Both are read in one place each and handed to the pure parts as numbers.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only grow, and the time of day."""

    def monotonic(self) -> float:
        """Seconds of a clock that only grows; on one machine the same for every process."""
        ...

    def epoch_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    def monotonic(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def epoch_ms(self) -> int:
        """See `Clock`."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved; after moving it, call `Simulator.wake`."""

    __slots__ = ("_epoch_ms", "_now")

    def __init__(self, *, now: float = 1000.0, epoch_ms: int = 1_700_000_000_000) -> None:
        self._now = now
        self._epoch_ms = epoch_ms

    def monotonic(self) -> float:
        """See `Clock`."""
        return self._now

    def epoch_ms(self) -> int:
        """See `Clock`."""
        return self._epoch_ms

    def advance(self, seconds: float) -> None:
        """Move both clocks ahead."""
        self._now += seconds
        self._epoch_ms += round(seconds * 1000)


class SkippingClock:
    """Another clock with an offset that grows when the simulator skips ahead."""

    __slots__ = ("_base", "_offset")

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._offset = 0.0

    def monotonic(self) -> float:
        """See `Clock`."""
        return self._base.monotonic() + self._offset

    def epoch_ms(self) -> int:
        """See `Clock`."""
        return self._base.epoch_ms() + round(self._offset * 1000)

    def skip(self, seconds: float) -> None:
        """Everything that was to happen within the next `seconds` is due now."""
        self._offset += seconds
