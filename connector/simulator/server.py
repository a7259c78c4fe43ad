"""The simulator: the gateway of gateway.md on real ports, and what a test or a demo may do to it.

    async with Simulator(settings, script) as sim:
        ... connect to sim.port, sim.tls_port, sim.backup_port ...
        await sim.until(lambda: len(sim.record.submits()) == 3)

Every decision is made elsewhere (`gateway`, `admission`, `outbox`, the session). All of it runs on one event loop; only
`start`, `stop`, `until`, `settled` and `host_up` wait for anything.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from connector.domain.text import Alphabet, Concatenation
from connector.simulator.clock import Clock, SkippingClock, SystemClock
from connector.simulator.connection import Connection
from connector.simulator.desk import FrontDesk
from connector.simulator.evidence import Evidence
from connector.simulator.gateway import Gateway
from connector.simulator.inbound import inbound_text, parts_of
from connector.simulator.lines import LineWriter
from connector.simulator.listeners import Listeners
from connector.simulator.outbox import Parcel, ParcelKind
from connector.simulator.player import Player
from connector.simulator.receipts import stray
from connector.simulator.record import Record, SummaryRow
from connector.simulator.script import Action, Host, Inbound, Route, Script, Step
from connector.simulator.settings import AccountSettings, SimulatorSettings, check_inbound
from connector.simulator.timers import Timers
from connector.smpp.pdu import DataSm, DeliverSm, EnquireLink, Outbind, encode

_STOP_WITHIN = 1.0


class Simulator:
    """One gateway. Its state (guards, messages, undelivered receipts) lives as long as the object.

    A script that cannot be played is refused with ValueError.
    """

    def __init__(
        self, settings: SimulatorSettings | None = None, script: Script | None = None, *, clock: Clock | None = None
    ) -> None:
        self.settings = SimulatorSettings() if settings is None else settings
        self._wire: Clock = SystemClock() if clock is None else clock
        self._clock = SkippingClock(self._wire)
        self.record = Record(full=self.settings.record.keep == "full")
        self._timers = Timers(wire=self._wire, gateway=self._clock, ran=self._noticed)
        self._player = self._new_player(self.settings.script if script is None else script)
        self.gateway = Gateway(self.settings, self._player)
        file = self.settings.record.file
        self._evidence = Evidence(
            self.record, None if file is None else LineWriter(file), self._wire, self.settings.throttle_status
        )
        self._desk = FrontDesk(
            settings=self.settings,
            gateway=self.gateway,
            evidence=self._evidence,
            timers=self._timers,
            wire=self._wire,
            clock=self._clock,
            noticed=self._noticed,
        )
        self._listeners = Listeners(self.settings, self._desk.connect)
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._steps_of: object = None
        self._stopped = False

    # Life.

    async def start(self) -> None:
        """Listen, and begin the script. Raises `listeners.ListenError`."""
        await self._listeners.open()
        self._begin_steps()
        if self.settings.record.file is not None:
            self._keep_flushing()

    async def stop(self) -> None:
        """Close ports and connections and write the rest of the record; what is undelivered stays readable."""
        if self._stopped:
            return
        self._stopped = True
        servers = self._listeners.close()
        for connection in list(self._desk.connections.values()):
            connection.thaw()
            connection.end("the gateway stops")
        try:
            async with asyncio.timeout(_STOP_WITHIN):
                await self.until(lambda: not self._desk.connections)
        except TimeoutError:
            for connection in list(self._desk.connections.values()):
                connection.abort()
            await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(server.wait_closed() for server in servers))
        self._timers.close()
        self._evidence.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # What there is to know.

    @property
    def port(self) -> int:
        """The primary host's plain port."""
        return self._listeners.port(Host.PRIMARY, tls=False) or 0

    @property
    def tls_port(self) -> int | None:
        """The primary host's TLS port; None without a certificate."""
        return self._listeners.port(Host.PRIMARY, tls=True)

    @property
    def backup_port(self) -> int | None:
        """The backup host's plain port; None where the settings have no backup."""
        return self._listeners.port(Host.BACKUP, tls=False)

    @property
    def backup_tls_port(self) -> int | None:
        """The backup host's TLS port."""
        return self._listeners.port(Host.BACKUP, tls=True)

    @property
    def now(self) -> float:
        """Seconds of the gateway's clock."""
        return self._clock.monotonic()

    def connections(self, login: str | None = None, host: Host | None = None) -> list[Connection]:
        """The connections there are, oldest first; with a login those that are bound with it."""
        return [
            each
            for each in self._desk.connections.values()
            if (login is None or each.login == login) and (host is None or each.host is host)
        ]

    def bound(self, login: str) -> list[Connection]:
        """The connections that hold a bind of this login, oldest first."""
        return self._desk.bound(login)

    def waiting(self, login: str | None = None) -> int:
        """How many receipts and inbound messages were not acknowledged yet."""
        return sum(count for name, count in self._desk.deliveries.waiting() if login is None or name == login)

    def summary(self) -> list[SummaryRow]:
        """A row for each login."""
        return self.record.summary(self._desk.deliveries.waiting())

    async def until(self, holds: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait until something holds; it is asked whenever anything happened. Raises TimeoutError."""
        if holds():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (holds, future)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                await future
        finally:
            self._waiters.remove(waiter)

    async def settled(self, timeout: float = 10.0) -> None:
        """Wait until nothing is left to come: no receipt or response is due later, and every delivery was answered."""
        await self.until(lambda: not self._desk.expected and not self.waiting(), timeout)

    # What may be done to it.

    def play(self, script: Script) -> None:
        """Another script from now on; its times begin now. What the old one has set going still comes."""
        self._player = self.gateway.player = self._new_player(script)
        self._begin_steps()

    def skip(self, seconds: float) -> None:
        """Let the gateway's clock jump ahead: late responses, receipts, minutes of guards; not the connections."""
        self._clock.skip(seconds)
        self.wake()

    def wake(self) -> None:
        """Do everything that is due, after an injected clock was moved."""
        self._timers.wake()

    def inbound(
        self,
        login: str,
        *,
        source: str,
        destination: str,
        text: str,
        alphabet: Alphabet | None = None,
        concatenation: Concatenation = Concatenation.UDH8,
        reference: int = 1,
    ) -> tuple[DeliverSm, ...]:
        """A subscriber's message to a login, its parts in order; what is delivered. See `inbound` for more kinds.

        Raises KeyError for a login there is not, `domain.text.TextError` for a text that does not fit.
        """
        account = self.gateway.account(login)
        if account is None:
            raise KeyError("no such login")
        parts = inbound_text(
            source=source,
            destination=destination,
            text=text,
            alphabet=alphabet,
            concatenation=concatenation,
            reference=reference,
            iso=self._iso(account),
        )
        self.deliver(login, *parts)
        return parts

    def deliver(self, login: str, *bodies: DeliverSm | DataSm, route: Route = Route.ANY) -> None:
        """Deliver anything to a login, in this order. Raises `EncodeError` for a body that no PDU can carry."""
        for body in bodies:
            encode(body, sequence=1)
        for body in bodies:
            self._desk.deliver(Parcel(kind=ParcelKind.INBOUND, login=login, body=body, route=route))

    def stray_receipt(self, login: str, *, message_id: str, source: str, destination: str) -> None:
        """A receipt for an id that was never given, for a message from `source` to `destination`."""
        body = stray(source, destination, message_id, now_ms=self._clock.epoch_ms(), style=self.gateway.style)
        self._desk.deliver(Parcel(kind=ParcelKind.RECEIPT, login=login, body=body, message_id=message_id))

    def reset(self, login: str | None = None, host: Host | None = None) -> None:
        """End connections with RST."""
        for connection in self.connections(login, host):
            connection.end("reset", reset=True)

    def close(self, login: str | None = None, host: Host | None = None) -> None:
        """End connections in order."""
        for connection in self.connections(login, host):
            connection.end("closed")

    def unbind(self, login: str | None = None, host: Host | None = None) -> None:
        """Ask bound clients to go."""
        for connection in self._bound(login, host):
            self._desk.kick(connection, "unbound by the gateway")

    def outbind(self, login: str | None = None, host: Host | None = None) -> None:
        """Send an outbind, where it belongs (before a bind) and where it does not."""
        for connection in self.connections(login, host):
            connection.raw(encode(Outbind(system_id=self.settings.system_id), sequence=1))

    def enquire_flood(self, count: int, login: str | None = None, host: Host | None = None) -> None:
        """So many enquire_link at once."""
        for connection in self._bound(login, host):
            for _ in range(count):
                connection.session.request(EnquireLink(), self._wire.monotonic())
            connection.touch()

    def octets(self, octets: bytes, login: str | None = None, host: Host | None = None) -> None:
        """Send anything at all."""
        for connection in self.connections(login, host):
            connection.raw(octets)

    def freeze(self, login: str | None = None, host: Host | None = None) -> None:
        """Read and write nothing on these connections, and keep them."""
        for connection in self.connections(login, host):
            connection.freeze()

    def thaw(self, login: str | None = None, host: Host | None = None) -> None:
        """End `freeze`."""
        for connection in self.connections(login, host):
            connection.thaw()
            if connection.login:
                self._desk.mark(connection.login)

    def host_down(self, host: Host) -> None:
        """One of the hosts refuses connections, and those it has are reset."""
        self._listeners.close(host)
        self.reset(host=host)

    async def host_up(self, host: Host) -> None:
        """The host listens again, on the ports it had. Raises `listeners.ListenError`."""
        await self._listeners.open(host)

    # The rest.

    def _bound(self, login: str | None, host: Host | None) -> Iterator[Connection]:
        return (each for each in self.connections(login, host) if each.direction is not None and each.is_open)

    def _new_player(self, script: Script) -> Player:
        check_inbound(script, self.settings.accounts)
        return Player(script, seed=self.settings.seed, began=self._clock.monotonic())

    def _begin_steps(self) -> None:
        began = self._wire.monotonic()
        self._steps_of = script = self._player.script
        since = self._clock.monotonic()
        for inbound in script.inbound:
            self._timers.on_gateway(since + inbound.at, partial(self._received, script, inbound, since + inbound.at, 0))
        for step in script.steps:
            self._timers.on_wire(began + step.at, partial(self._step, script, step, began + step.at))

    def _step(self, script: Script, step: Step, at: float) -> None:
        if self._steps_of is not script or self._stopped:
            return
        self._act(step)
        if step.every is not None:
            self._timers.on_wire(at + step.every, partial(self._step, script, step, at + step.every))

    def _received(self, script: Script, inbound: Inbound, at: float, turn: int) -> None:
        """A subscriber's message, the `turn`-th time."""
        if self._steps_of is not script or self._stopped:
            return
        account = self.gateway.account(inbound.login)
        assert account is not None  # `fault_of` refuses a login there is not
        iso = self._iso(account)
        if iso and inbound.alphabet is Alphabet.GSM:
            # No coding of such a bind is GSM.
            inbound = replace(inbound, alphabet=None)
        parts = parts_of(inbound, turn, iso=iso, random=self._player.random)
        for number, part in enumerate(parts):
            self._timers.on_gateway(at + number * inbound.gap, partial(self.deliver, inbound.login, part))
        if turn + 1 < inbound.times:
            again = at + inbound.every
            self._timers.on_gateway(again, partial(self._received, script, inbound, again, turn + 1))

    def _iso(self, account: AccountSettings) -> bool:
        """Whether coding 0 is ISO-8859-1 for the login: by its settings, or by the system_type of a bind it has."""
        binds = self.connections(account.system_id)
        return account.iso or any(each.origin is not None and each.origin.iso for each in binds)

    def _act(self, step: Step) -> None:
        login, host = step.login, step.host
        match step.action:
            case Action.RESET:
                self.reset(login, host)
            case Action.CLOSE:
                self.close(login, host)
            case Action.UNBIND:
                self.unbind(login, host)
            case Action.OUTBIND:
                self.outbind(login, host)
            case Action.ENQUIRE_FLOOD:
                self.enquire_flood(step.count, login, host)
            case Action.FREEZE:
                self.freeze(login, host)
            case Action.THAW:
                self.thaw(login, host)
            case Action.OCTETS:
                self.octets(bytes.fromhex(step.octets), login, host)
            case Action.HOST_DOWN:
                self.host_down(host or Host.PRIMARY)
            case Action.HOST_UP:
                task = asyncio.get_running_loop().create_task(self.host_up(host or Host.PRIMARY))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _keep_flushing(self) -> None:
        self._evidence.flush()
        self._timers.on_wire(self._wire.monotonic() + self.settings.record.flush_interval, self._keep_flushing)

    def _noticed(self) -> None:
        for holds, future in self._waiters:
            if future.done():
                continue
            try:
                if holds():
                    future.set_result(None)
            except Exception as error:  # the caller's own question failed, and the caller is who must hear of it
                future.set_exception(error)
