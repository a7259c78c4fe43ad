"""The simulator's one timer: two timelines, one for each clock, and a wake-up of the loop for whichever is next.

Calls due within a few milliseconds of each other are made together, so that thousands of receipts a second cost
hundreds of wake-ups. With a clock that stands still the owner calls `wake` after moving it.
"""

import asyncio
from collections.abc import Callable

from connector.simulator.clock import Clock, SkippingClock
from connector.simulator.timeline import Timeline

_GRAIN = 0.004


class Timers:
    """Runs calls when their time comes; `ran` is called after each round of them."""

    def __init__(self, *, wire: Clock, gateway: SkippingClock, ran: Callable[[], None]) -> None:
        self._wire_clock = wire
        self._gateway_clock = gateway
        self._wire = Timeline()
        self._gateway = Timeline()
        self._ran = ran
        self._handle: asyncio.TimerHandle | None = None
        self._wakes_at = 0.0
        self._closed = False

    def on_wire(self, at: float, call: Callable[[], None]) -> None:
        """Make a call at a time of the wire clock."""
        self._wire.add(at, call)
        self._schedule(at - self._wire_clock.monotonic())

    def on_gateway(self, at: float, call: Callable[[], None]) -> None:
        """Make a call at a time of the gateway's clock."""
        self._gateway.add(at, call)
        self._schedule(at - self._gateway_clock.monotonic())

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call when the gateway's clock is so much further."""
        self.on_gateway(self._gateway_clock.monotonic() + seconds, call)

    def wake(self) -> None:
        """Make every call that is due on either clock."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._closed:
            return
        made = self._wire.run(self._wire_clock.monotonic()) + self._gateway.run(self._gateway_clock.monotonic())
        if made:
            self._ran()
        waits = []
        if (at := self._wire.next()) is not None:
            waits.append(at - self._wire_clock.monotonic())
        if (at := self._gateway.next()) is not None:
            waits.append(at - self._gateway_clock.monotonic())
        if waits:
            self._schedule(min(waits))

    def close(self) -> None:
        """Make no call any more."""
        self._closed = True
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self, delay: float) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + max(delay, _GRAIN)
        if self._handle is not None:
            if self._wakes_at <= at:
                return
            self._handle.cancel()
        self._wakes_at = at
        self._handle = loop.call_at(at, self.wake)
