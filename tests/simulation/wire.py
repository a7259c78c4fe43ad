"""The network between the replicas and the gateway: connections in memory, with a way each, and what can befall them.

A connection is two ends. Octets arrive in order after a drawn delay; a cut loses what is on its way or does not; a
silent connection swallows everything; a stalled one keeps what it is given and says so. The `Watcher` sees what a
replica writes, when it writes it, and what it hears, when it hears it. Next station: `witness`.
"""

import asyncio
import contextvars
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from tests.simulation.loop import OWNER, Process, VirtualLoop


class Watcher(Protocol):
    """Whom the network tells what passes a replica's end."""

    def written(self, end: "End", octets: bytes) -> None: ...

    def heard(self, end: "End", octets: bytes) -> None: ...

    def unwritten(self, end: "End", octets: bytes) -> None:
        """What `written` told of never left: the connection died while it was stalled."""


class End(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, network: "Network", number: int, context: contextvars.Context, process: Process | None) -> None:
        super().__init__()
        self.number = number
        self.process = process
        self.context = context
        self.peer: End = self
        self.protocol: Any = None
        self.open = True
        self.dropped = 0
        """Grows with each loss of what is on its way to this end."""
        self._network = network
        self._arrives = 0.0
        self._stalled = False
        self._silent = False
        self._held: list[bytes] = []
        self._reading = True
        self._unread: list[bytes] = []
        self._finished = False

    # What protocols ask

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.open or self._finished or (self.process is not None and self.process.dead):
            return
        octets = bytes(data)
        if self.process is not None:
            self._network.watcher.written(self, octets)
            if self.process.dead:
                return
        if self._stalled:
            self._held.append(octets)
            if len(self._held) == 1:
                self.protocol.pause_writing()
        else:
            self._carry(octets)

    def close(self) -> None:
        if self.open and not self._finished:
            self._finished = True
            if self._held and self.process is not None:
                self._network.watcher.unwritten(self, b"".join(self._held))
            self._behind(self.peer._finish)
            self._network.loop.call_soon(self._gone, None, context=self.context)

    def abort(self) -> None:
        if self.open:
            self._behind(self.peer._reset)
            self._give_up(None)

    def is_closing(self) -> bool:
        return not self.open or self._finished

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        unread, self._unread = self._unread, []
        for octets in unread:
            self._network.loop.call_soon(self._arrive, octets, self.dropped, context=self.context)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", self.number) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Always full with the first octet that is kept."""

    def get_write_buffer_size(self) -> int:
        return sum(len(octets) for octets in self._held)

    # What befalls it

    def stall(self) -> None:
        """The other side reads no more for a while."""
        self._stalled = True

    def flow(self) -> None:
        """It reads again."""
        if self._stalled and self.open:
            self._stalled = False
            held, self._held = self._held, []
            for octets in held:
                self._carry(octets)
            if held:
                self._network.loop.call_soon(self.protocol.resume_writing, context=self.context)

    def silence(self) -> None:
        """From now on nothing gets through either way, and nobody is told."""
        self._silent = self.peer._silent = True
        self.dropped += 1
        self.peer.dropped += 1

    def cut(self, *, lose_out: bool, lose_in: bool) -> None:
        """The network resets the connection; what is on its way out of and into this end is lost, or arrives."""
        self.peer.dropped += lose_out
        self.dropped += lose_in
        for end in (self, self.peer):
            end._behind(end.peer._reset)

    def die(self, *, silently: bool) -> None:
        """The process at this end is gone: the kernel resets the connection, or the machine is gone with it."""
        if silently:
            self._silent = self.peer._silent = True
        elif self.open:
            self._behind(self.peer._reset)
        self.open = False

    # The way

    def _carry(self, octets: bytes) -> None:
        self._behind(self.peer._arrive, octets, self.peer.dropped)

    def _behind(self, call: Callable[..., None], *args: Any) -> None:
        """Happens at the other end, behind everything that is on its way there."""
        if not self._silent:
            loop = self._network.loop
            # Equal times would leave the order to the heap.
            self._arrives = max(self._arrives + 1e-6, loop.time() + self._network.delay())
            loop.call_at(self._arrives, call, *args, context=self.peer.context)

    def _arrive(self, octets: bytes, dropped: int) -> None:
        if not self.open or dropped != self.dropped:
            return
        if not self._reading:
            self._unread.append(octets)
            return
        if self.process is not None:
            self._network.watcher.heard(self, octets)
            if self.process.dead:
                return
        self.protocol.data_received(octets)

    def _reset(self) -> None:
        if not self._silent:
            self._give_up(ConnectionResetError())

    def _finish(self) -> None:
        if self.open and not self._silent and not self.protocol.eof_received():
            self.close()

    def _give_up(self, error: Exception | None) -> None:
        if not self.open:
            return
        if self._held and self.process is not None:
            self._network.watcher.unwritten(self, b"".join(self._held))
        self.open = False
        self._network.loop.call_soon(self.protocol.connection_lost, error, context=self.context)

    def _gone(self, error: Exception | None) -> None:
        if self.open:
            self.open = False
            self.protocol.connection_lost(error)


class _Listener:
    """What `create_server` answers."""

    def __init__(self, network: "Network", port: int) -> None:
        self._network = network
        self.port = port
        self.sockets = (self,)

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def close(self) -> None:
        self._network.listeners.pop(self.port, None)

    async def wait_closed(self) -> None:
        """Closed at once."""


class Network:
    """All connections of a world."""

    def __init__(self, loop: VirtualLoop, random: Random, watcher: Watcher) -> None:
        self.loop = loop
        self.watcher = watcher
        self.listeners: dict[int, Any] = {}
        self.ends: list[End] = []
        """The replicas' ends, oldest first."""
        self.extra = 0.0
        """Seconds that every way takes longer at the moment."""
        self._random = random

    def delay(self) -> float:
        """How long the next octets are on their way."""
        return 0.002 + 0.008 * self._random.random() + self.extra

    def listen(self, factory: Any, port: int) -> _Listener:
        """A host is up."""
        self.listeners[port] = factory
        return _Listener(self, port)

    async def connect(self, factory: Any, port: int) -> tuple[End, Any]:
        """A replica connects; refused where nobody listens."""
        await asyncio.sleep(self.delay())
        listener = self.listeners.get(port)
        if listener is None:
            raise ConnectionRefusedError
        number = len(self.ends) + 1
        near = End(self, number, contextvars.copy_context(), OWNER.get())
        far = End(self, number, self.loop.root, None)
        near.peer, far.peer = far, near
        self.ends.append(near)
        near.protocol, far.protocol = factory(), self.loop.root.run(listener)
        self.loop.call_soon(far.protocol.connection_made, far, context=self.loop.root)
        near.protocol.connection_made(near)
        return near, near.protocol

    def ends_of(self, process: Process) -> list[End]:
        """The open connections of a replica."""
        return [end for end in self.ends if end.open and end.process is process]
