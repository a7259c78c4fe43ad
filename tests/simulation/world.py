"""One run: everything of a scene on one loop, until nothing moves any more, and the judgement on it.

`run(seed)` is all that others need. Comes from: `seeds`. Next station: `promises`, and `hunt` for many runs.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from unittest import mock

from connector.domain.events import LaneMessage
from connector.domain.messages import Lane
from connector.kafka.clients import OutRecord
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.simulator import desk
from connector.simulator.script import Host
from connector.simulator.server import Simulator
from connector.stages.settings import StageConfig
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.known import Known
from tests.simulation.log import Broker
from tests.simulation.loop import Deadlock, Process, VirtualLoop
from tests.simulation.promises import Judge
from tests.simulation.replica import Replica
from tests.simulation.seeds import BASE_MS, Posted, Scene, draw
from tests.simulation.story import Broken, Promise
from tests.simulation.wire import Network
from tests.simulation.witness import Witness

_LOOK = 0.25
"""Seconds between two looks at whether everything is quiet."""
_PATIENCE = 200.0
"""Seconds without anything new after which what is left counts as left over."""

Trace = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a run ended; `seconds` of its own time."""

    seed: int
    broken: Broken | None
    seconds: float
    events: int


@lru_cache(maxsize=1)
def _codec() -> Codec:
    return Codec()


class _InOrder(dict[str, None]):
    """A set that keeps its order. The gateway's desk has one of names, whose order differs between processes."""

    def add(self, name: str) -> None:
        self[name] = None


class _Clock:
    """The gateway's clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    def epoch_ms(self) -> int:
        return BASE_MS + round(self._loop.time() * 1000)


class World:
    """The run of one scene."""

    def __init__(self, scene: Scene, loop: VirtualLoop, trace: Trace | None) -> None:
        self.scene = scene
        self.loop = loop
        self.replicas: list[Replica] = []
        self._trace = trace
        self._topics = Topics(scene.config.kafka.topic_prefix)
        clock = _Clock(loop)
        kafka = scene.config.kafka
        self.witness = Witness(scene, _codec(), self._topics, loop)
        self.network = Network(loop, Random(f"{scene.seed}/wire"), self.witness)
        loop.network = self.network
        self.broker = Broker(loop, Random(f"{scene.seed}/log"), clock.epoch_ms)
        slots = len(scene.config.slot_map())
        self.group = Group(self.broker, slots, session=kafka.session_timeout, rebalance=kafka.rebalance_timeout)
        self.gateway = Simulator(scene.gateway, clock=clock)
        self.over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        witness = self.witness
        witness.group = self.group
        witness.on_broken = self.over.set
        witness.lease_age = lambda process: self.replica_of(process).lease_age()
        if trace is not None:
            witness.note = self._note
        self.broker.landed = witness.landed
        self.group.committing = witness.committing
        self.group.granting = witness.granted

    def _note(self, who: str, what: str) -> None:
        assert self._trace is not None, "asked for"
        self._trace(f"{self.loop.time():9.4f}  {who:5} {what}")

    def replica_of(self, process: Process) -> Replica:
        """The replica that runs, or ran, as this process."""
        return next(replica for replica in self.replicas if replica.process is process)

    def start(self, config: StageConfig) -> None:
        """One replica more."""
        number = len(self.replicas) + 1
        self.witness.doubts += number > self.scene.replicas
        self.witness.trouble(0.0)
        self.replicas.append(
            Replica(
                f"r{number}",
                config,
                loop=self.loop,
                broker=self.broker,
                group=self.group,
                witness=self.witness,
                codec=_codec(),
                topics=self._topics,
                seed=f"{self.scene.seed}/replica/{number}",
            )
        )

    def hosts_up(self, hosts: tuple[Host, ...]) -> None:
        """The gateway listens again."""
        self._tasks.extend(self.loop.create_task(self.gateway.host_up(host)) for host in hosts)

    async def live(self) -> None:
        """From the first event to the last outcome; raises nothing, accuses at the witness."""
        await self.gateway.start()
        faults = Faults(self)
        self.witness.on_step = faults.step
        for _ in range(self.scene.replicas):
            self.start(self.scene.config)
        last = self._post()
        try:
            await self._until_quiet(faults, last)
        except Deadlock as error:
            self.witness.accuse(Promise.NOTHING_LEFT, str(error))
        for fault in self.loop.faults:
            self.witness.accuse(Promise.ALIVE, f"{type(fault).__name__}: {fault}")
        if self.witness.broken is None:
            Judge(self.scene, self.witness, self.gateway.record.submits(), doubts=self.witness.doubts).judge()

    def _post(self) -> float:
        """Has the router put the events into the lanes, those of one moment and place in one frame; the last time."""
        by_place: dict[tuple[float, Lane, int], list[Posted]] = defaultdict(list)
        for posted in self.scene.posted:
            for at in posted.times:
                by_place[at, posted.lane, posted.partition].append(posted)
        for (at, lane, partition), together in sorted(by_place.items(), key=lambda item: (item[0][0], item[0][2])):
            items = [self._item(posted, at) for posted in together]
            for value in _codec().frames(items, max_items=6):
                out = OutRecord(topic=self._topics.lane(lane), value=value, partition=partition)
                self.loop.outside(at, self.broker.append, out)
        return max(at for at, _, _ in by_place)

    def _item(self, posted: Posted, at: float) -> LaneMessage:
        event = _codec().encode(posted.message) if posted.readable else b"\xc3\x01nothing"
        return LaneMessage(
            message_id=posted.message.id,
            account=posted.account,
            slot=posted.slot,
            lane=posted.lane,
            source_topic=self._topics.outbound,
            source_partition=0,
            source_offset=posted.number,
            received_at=BASE_MS + round(at * 1000),
            routed_at=BASE_MS + round(at * 1000),
            event=event,
        )

    async def _until_quiet(self, faults: Faults, last: float) -> None:
        quiet_since, settled, told = 0.0, -1, 0.0
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self.over.wait()
            now = self.loop.time()
            ended = sum(story.settled for story in self.witness.stories)
            if ended != settled or faults.pending or now < last:
                settled, told = ended, now
            if now < last or faults.pending or not self._quiet():
                quiet_since = now
            elif now - quiet_since > 0.3:
                return
            if now - told > _PATIENCE:
                left = [story.name for story in self.witness.stories if not story.settled]
                names = ", ".join(left) if left else "offsets, receipts or parts under way"
                stuck = any(replica.alive and replica.stop.is_set() for replica in self.replicas)
                known = Known.CANCELLATION_SWALLOWED if stuck else None
                self.witness.accuse(Promise.NOTHING_LEFT, f"still there after {_PATIENCE:.0f} s: {names}", known)

    def _quiet(self) -> bool:
        return (
            all(story.settled for story in self.witness.stories)
            and self.witness.all_committed()
            and self.gateway.waiting() == 0
            and all(replica.quiet() for replica in self.replicas if replica.alive)
        )

    async def end(self) -> None:
        """Everything that still runs is ended; nothing of that counts."""
        self.witness.on_step = lambda process, step: None
        self.witness.closed = True
        for replica in self.replicas:
            replica.process.dead = True
            self.loop.let_go_on(replica.process)
        await self.gateway.stop()
        own = asyncio.current_task()
        while left := [task for task in asyncio.all_tasks(self.loop) if task is not own]:
            for task in sorted(left, key=hash):
                task.cancel()
            await asyncio.wait(left, timeout=5.0)


def run(seed: int, trace: Trace | None = None, scene: Scene | None = None) -> Run:
    """One seed, from its scene to the judgement."""
    logging.disable(logging.CRITICAL)
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    steady = mock.patch.object(desk, "set", _InOrder, create=True)
    steady.start()
    try:
        scene = draw(seed) if scene is None else scene
        world = World(scene, loop, trace)
        loop.run_until_complete(world.live())
        broken, seconds = world.witness.broken, loop.time()
        loop.run_until_complete(world.end())
    finally:
        steady.stop()
        asyncio.set_event_loop(None)
        loop.close()
        logging.disable(logging.NOTSET)
    return Run(seed=seed, broken=broken, seconds=seconds, events=len(scene.posted))
