"""One connection to the gateway: octets between the socket and its session, served well or badly.

It holds no rule of the gateway; what its session tells goes to the `Desk`, and what the script wants of the wire
(freezing, lag, single octets, resets, raw octets) is done here. Next station: `server`.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

from connector.simulator.accounts import Direction, Parameters
from connector.simulator.clock import Clock
from connector.simulator.gateway import Origin
from connector.simulator.script import ConnectRule, Host
from connector.simulator.tap import HeaderTap
from connector.smpp.events import Event
from connector.smpp.pdu import Header
from connector.smpp.session import Session

_LINGER_NOT = struct.pack("ii", 1, 0)


class Desk(Protocol):
    """Where a connection reports; `server.Simulator` is it."""

    def opened(self, connection: "Connection") -> None:
        """A peer connected; nothing was read yet."""
        ...

    def happened(self, connection: "Connection", events: list[Event], now: float) -> None:
        """What its session says, in order."""
        ...

    def seen(self, connection: "Connection", headers: list[Header], now: float) -> None:
        """The headers of everything that came, those included that the session answers by itself."""
        ...

    def timed(self, at: float, call: Callable[[], None]) -> None:
        """Have `call` made at a time of the wire clock."""
        ...

    def gone(self, connection: "Connection") -> None:
        """The transport is closed; every unanswered request has been handed back."""
        ...


class Connection(asyncio.Protocol):
    """A transport and its session. Times are the wire clock."""

    def __init__(
        self, *, number: int, host: Host, session: Session, clock: Clock, desk: Desk, rule: ConnectRule | None = None
    ) -> None:
        self.number = number
        self.host = host
        self.rule = rule
        self.session = session
        self.origin: Origin | None = None
        self.direction: Direction | None = None
        self.parameters = Parameters()
        self.unanswered = 0
        self.ended_for = ""
        self._segment = None if rule is None else rule.segment
        self._lag = 0.0 if rule is None else rule.lag
        self._takes = None if rule is None else rule.end_after_octets
        self._clock = clock
        self._desk = desk
        self._tap = HeaderTap()
        self._transport: asyncio.Transport | None = None
        self._writable = True
        self._frozen = False
        self._raw: list[bytes] = []
        self._flushing = False
        self._armed: float | None = None
        self._open = True

    @property
    def login(self) -> str:
        """The login that is or was bound here; empty before the bind."""
        return "" if self.origin is None else self.origin.login

    @property
    def is_open(self) -> bool:
        """Whether anything may still be sent."""
        return self._open

    @property
    def peer(self) -> str:
        """The client's address, without its port."""
        name: object = None if self._transport is None else self._transport.get_extra_info("peername")
        return str(name[0]) if isinstance(name, tuple) and name else ""

    @property
    def room(self) -> int:
        """How many more deliver_sm may be sent now; 0 unless a bound receiver that takes octets."""
        if not self._open or self._frozen or not self._writable or self.direction is None:
            return 0
        return self.session.free_window if Direction.RECEIVE in self.direction else 0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer connected, over TLS after the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._desk.opened(self)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Octets came: let the session read them, report, and write all answers at once."""
        now = self._clock.monotonic()
        if self._takes is not None:
            data, self._takes = data[: self._takes], self._takes - len(data)
        headers = self._tap.feed(data)
        if headers:
            self._desk.seen(self, headers, now)
        events = self.session.receive(data, now)
        if events:
            self._desk.happened(self, events, now)
        if self._takes is not None and self._takes <= 0:
            self.end("reset by the script", reset=True)
        self.flush()
        self.arm()

    def pause_writing(self) -> None:
        """The peer reads too slowly: no more deliver_sm until it has caught up."""
        self._writable = False

    def resume_writing(self) -> None:
        """The peer caught up."""
        self._writable = True
        self._desk.happened(self, [], self._clock.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone, for whatever reason."""
        self._open = False
        if exc is not None and not self.ended_for:
            self.ended_for = "lost"
        events = self.session.close(self._clock.monotonic(), self.ended_for or "peer closed")
        if events:
            self._desk.happened(self, events, self._clock.monotonic())
        self._desk.gone(self)

    # What the desk does with it.

    def arm(self) -> None:
        """See to it that the session's next timer is kept."""
        at = self.session.next_timer()
        if at is not None and self._open and (self._armed is None or at < self._armed):
            self._armed = at
            self._desk.timed(at, self.tick)

    def tick(self) -> None:
        """The session's timer, or a moment at which it may have run out."""
        self._armed = None
        if self._frozen:
            return
        now = self._clock.monotonic()
        events = self.session.on_timer(now)
        if events:
            self._desk.happened(self, events, now)
        self.flush()
        self.arm()

    def touch(self) -> None:
        """Write what is queued once this turn of the loop is over."""
        if not self._flushing and self._open:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush_turn)

    def raw(self, octets: bytes) -> None:
        """Send octets of no session, behind what is queued."""
        queued = self.session.data_to_send()
        if queued:
            self._raw.append(queued)
        self._raw.append(octets)
        self.touch()

    def flush(self) -> None:
        """Write everything that is queued, now."""
        if self._frozen:
            return
        data = self.session.data_to_send()
        if self._raw:
            data = b"".join(self._raw) + data
            self._raw.clear()
        if data and self._open:
            self._write(data)

    def freeze(self) -> None:
        """Read and write nothing from now on, and keep the connection: half-open to the peer."""
        if not self._frozen and self._transport is not None and not self._transport.is_closing():
            self._frozen = True
            self._transport.pause_reading()

    def thaw(self) -> None:
        """Read and write again."""
        if self._frozen and self._transport is not None and not self._transport.is_closing():
            self._frozen = False
            self._transport.resume_reading()
            self.flush()
            self.arm()

    def end(self, reason: str, *, reset: bool = False) -> None:
        """End it: what is queued is written first, unless `reset`, which sends RST."""
        if not self._open or self._transport is None:
            return
        self.ended_for = self.ended_for or reason
        if not reset:
            self.flush()
        self._open = False
        if reset:
            handle: object = self._transport.get_extra_info("socket")
            if handle is not None:
                cast(socket.socket, handle).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Let go of the transport at once, whatever is unwritten."""
        if self._transport is not None:
            self._transport.abort()

    def _flush_turn(self) -> None:
        self._flushing = False
        self.flush()
        self.arm()

    def _write(self, data: bytes) -> None:
        if self._lag:
            loop = asyncio.get_running_loop()
            loop.call_later(self._lag, self._write_now, data)
        else:
            self._write_now(data)

    def _write_now(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._segment is None:
            transport.write(data)
            return
        for at in range(0, len(data), self._segment):
            transport.write(data[at : at + self._segment])
