"""Strikes: what a scene wants to happen, done to the world when its time or its step comes.

Next station: `world`, which has replicas, network, broker and gateway.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from connector.simulator.script import Host
from tests.simulation.deeds import (
    Away,
    Crash,
    Down,
    Flaky,
    Frozen,
    HostDown,
    Join,
    Leave,
    Reset,
    Silence,
    Slow,
    Stall,
    Stop,
    Strike,
    Wall,
)
from tests.simulation.loop import Process

if TYPE_CHECKING:
    from tests.simulation.replica import Replica
    from tests.simulation.world import World


class Faults:
    """The strikes of one run. `pending` of them have a time that has not come."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._steps: Counter[str] = Counter()
        self._by_step: dict[str, list[Strike]] = {}
        self.pending = 0
        for strike in world.scene.strikes:
            if strike.at is not None:
                self._later(strike.at, partial(self._timed, strike))
            else:
                self._by_step.setdefault(strike.step, []).append(strike)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        """A call that the end of the run waits for."""

        def due() -> None:
            self.pending -= 1
            call()

        self.pending += 1
        self._world.loop.outside(seconds, due)

    def step(self, process: Process, step: str) -> None:
        """A replica takes a named step of a message's way."""
        self._steps[step] += 1
        for strike in self._by_step.get(step, ()):
            if strike.nth == self._steps[step]:
                self._strike(strike, self._world.replica_of(process))

    def _timed(self, strike: Strike) -> None:
        alive = [replica for replica in self._world.replicas if replica.alive]
        if alive:
            self._strike(strike, alive[strike.replica % len(alive)])

    def _strike(self, strike: Strike, replica: "Replica") -> None:
        world, process, deed = self._world, replica.process, strike.deed
        if not replica.alive:
            return
        world.witness.note(process.name, f"STRUCK by {deed} ({strike.step or 'at its time'})")
        writing = isinstance(deed, Stop | Away | Down | Frozen | Slow | Flaky)
        world.witness.trouble(getattr(deed, "seconds", 0.0), writing=writing)
        loop, broker = world.loop, world.broker
        match deed:
            case Crash():
                if deed.after_calls and not strike.step:
                    process.trap_at, process.trap = (
                        process.calls + deed.after_calls,
                        partial(self._crash, replica, deed),
                    )
                else:
                    self._crash(replica, deed)
            case Stop():
                process.stopped = True
                self._later(deed.seconds, partial(self._go_on, process))
            case Leave():
                replica.stop.set()
                self._start_again(deed.back, changed=deed.changed)
            case Join():
                world.start(world.scene.config)
            case Reset():
                for end in world.network.ends_of(process):
                    # A moment later, so that the octets of the step are on their way.
                    loop.outside(0.001, partial(end.cut, lose_out=deed.lose_out, lose_in=deed.lose_in))
            case Silence():
                for end in world.network.ends_of(process):
                    end.silence()
            case Stall():
                ends = world.network.ends_of(process)
                for end in ends:
                    end.stall()
                    end_it = partial(end.cut, lose_out=False, lose_in=False) if deed.breaks else end.flow
                    self._later(deed.seconds, end_it)
            case Away():
                process.away_until = loop.time() + deed.seconds
                self._later(deed.seconds, lambda: None)
            case Down():
                broker.down_until = loop.time() + deed.seconds
                world.group.outage(broker.down_until)
                self._later(deed.seconds, lambda: None)
            case Frozen():
                broker.down_until = max(broker.down_until, loop.time() + deed.seconds)
                world.group.loading_until = broker.down_until + deed.loading
                # Whom it has not put out by then it finds again, with a session that begins anew.
                loop.outside(deed.seconds, world.group.outage, world.group.loading_until)
                self._later(deed.seconds + deed.loading, lambda: None)
            case Slow():
                broker.extra += deed.extra
                self._later(deed.seconds, partial(self._quicker, deed.extra))
            case Flaky():
                broker.flaky_until = loop.time() + deed.seconds
                broker.flaky_share, broker.flaky_late = deed.share, deed.late
                self._later(deed.seconds, lambda: None)
            case Wall():
                process.wall_ms += deed.milliseconds
            case HostDown():
                hosts = tuple(Host) if deed.both else (Host.PRIMARY,)
                for host in hosts:
                    loop.outside(deed.after, world.gateway.host_down, host)
                self._later(deed.after + deed.seconds, partial(world.hosts_up, hosts))

    def _crash(self, replica: "Replica", deed: Crash) -> None:
        process = replica.process
        if process.dead:
            return
        self._world.witness.note(process.name, "is dead")
        process.lost_in_flight = deed.lost
        process.dead = process.stopped = True
        self._world.witness.doubts += 1
        for end in self._world.network.ends_of(process):
            end.die(silently=deed.silent)
        self._start_again(deed.back, changed=deed.changed)

    def _start_again(self, back: float | None, *, changed: bool) -> None:
        if back is not None:
            config = self._world.scene.changed if changed else self._world.scene.config
            self._later(back, partial(self._world.start, config))

    def _go_on(self, process: Process) -> None:
        if not process.dead:
            self._world.witness.note(process.name, "goes on")
            self._world.witness.went_on[process] = self._world.loop.time()
            self._world.loop.let_go_on(process)

    def _quicker(self, extra: float) -> None:
        self._world.broker.extra -= extra
