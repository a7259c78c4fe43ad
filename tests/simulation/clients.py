"""What the submitter holds in its hands instead of aiokafka's clients: a producer and a consumer on the log in memory.

The same small interfaces as `connector.kafka.clients`, and the same habits: a heartbeat counts from when it was sent,
everything is taken away in a rebalance, nothing is read while one is under way, and no listener's fault gets out.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from connector.kafka.clients import (
    AssignmentListener,
    KafkaError,
    KafkaUnavailable,
    OutRecord,
    Partition,
    PartitionLost,
    Record,
)
from connector.kafka.lease import Lease
from connector.kafka.settings import KafkaSettings
from tests.simulation.group import Group
from tests.simulation.log import Broker
from tests.simulation.loop import Process

T = TypeVar("T")
Noticed = Callable[[Process, str, Sequence[OutRecord]], None]
"""Told "sent", "landed" or "acked" with the records that it is about."""


class LogProducer:
    """Writes to the log, one batch for each partition."""

    def __init__(self, broker: Broker, process: Process, settings: KafkaSettings, noticed: Noticed) -> None:
        self._broker = broker
        self._process = process
        self._timeout = settings.request_timeout
        self._noticed = noticed

    async def send_all(self, records: Iterable[OutRecord]) -> None:
        batches: dict[tuple[str, int | None], list[OutRecord]] = {}
        for record in records:
            batches.setdefault((record.topic, record.partition), []).append(record)
        answers = []
        for batch in batches.values():
            self._noticed(self._process, "sent", batch)
            if self._process.dead:
                break
            answers.append(self._broker.ask(self._process, self._landing(batch), timeout=self._timeout, write=True))
        failed: list[BaseException] = []
        for answer, batch in zip(answers, batches.values(), strict=False):
            try:
                await answer
                self._noticed(self._process, "acked", batch)
            except KafkaError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _landing(self, batch: Sequence[OutRecord]) -> Callable[[], None]:
        def land() -> None:
            for record in batch:
                self._broker.append(record)
            self._noticed(self._process, "landed", batch)

        return land


class LogConsumer:
    """Reads the log: as a member of the group, or what it is assigned."""

    def __init__(
        self,
        broker: Broker,
        process: Process,
        settings: KafkaSettings,
        *,
        group: Group,
        topics: Sequence[str] = (),
        listener: AssignmentListener | None = None,
        committing: Callable[[str], None] = lambda when: None,
        assigned: Callable[[Partition], None] = lambda place: None,
    ) -> None:
        self._broker = broker
        self._loop = broker.loop
        self._process = process
        self._settings = settings
        self._group = group
        self._topics = topics
        self._listener = listener
        self._committing = committing
        self._assigned = assigned
        self._name = ""
        self._generation = -1
        self._lease = Lease(self._loop.time, settings.session_timeout)
        self._positions: dict[Partition, int] = {}
        self._held: set[Partition] = set()
        self._again = asyncio.Event()
        self._settled = asyncio.Event()
        self._wake: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._broker.readers.append(self)
        if self._listener is not None:
            self._tasks.append(self._loop.create_task(self._belong(self._listener)))
            await self._settled.wait()
        else:
            self._settled.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self in self._broker.readers:
            self._broker.readers.remove(self)
        self._lease.end()
        if self._name:
            with contextlib.suppress(KafkaError):
                await self._ask(lambda: self._group.leave(self._name))

    async def __aenter__(self) -> "LogConsumer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def lease_age(self, now: float) -> float:
        return self._lease.age(now)

    async def getmany(self, *, timeout: float = 0.2, max_records: int | None = None) -> dict[Partition, list[Record]]:
        until = self._loop.time() + timeout
        while True:
            await self._settled.wait()
            found = self._take(max_records) if self._broker.reachable(self._process) else {}
            left = until - self._loop.time()
            if found or left <= 0:
                return found
            wake = self._wake = self._loop.create_future()
            timer = self._loop.call_later(left, _wake, wake)
            await wake
            timer.cancel()

    def _take(self, most: int | None) -> dict[Partition, list[Record]]:
        found: dict[Partition, list[Record]] = {}
        left = most or 20
        for place, position in self._positions.items():
            records = self._broker.records(*place)
            if left and position < len(records) and place not in self._held:
                found[place] = taken = records[position : position + left]
                self._positions[place] = position + len(taken)
                left -= len(taken)
        return found

    def woken(self, place: Partition) -> None:
        if place in self._positions and self._wake is not None:
            _wake(self._wake)

    async def commit(self, offsets: Mapping[Partition, int], notes: Mapping[Partition, str] | None = None) -> None:
        self._committing("sent")
        name, generation = self._name, self._generation
        await self._ask(lambda: self._group.commit(name, generation, offsets, notes or {}))
        self._committing("acked")

    async def committed(self, partition: Partition) -> int | None:
        return await self._ask(lambda: self._group.offsets.get(partition))

    async def noted(self, partition: Partition) -> tuple[int, str] | None:
        offset = await self.committed(partition)
        return None if offset is None else (offset, self._group.notes.get(partition, ""))

    def assign(self, partitions: Iterable[Partition]) -> None:
        self._positions = dict.fromkeys(partitions, 0)
        for place in self._positions:
            self._assigned(place)

    def assignment(self) -> frozenset[Partition]:
        return frozenset(self._positions)

    def pause(self, *partitions: Partition) -> None:
        self._held.update(self._ours(partitions))

    def resume(self, *partitions: Partition) -> None:
        self._held.difference_update(self._ours(partitions))
        if self._wake is not None:
            _wake(self._wake)

    def paused(self) -> frozenset[Partition]:
        return frozenset(self._held)

    def seek(self, partition: Partition, offset: int) -> None:
        self._ours((partition,))
        self._positions[partition] = offset

    async def position(self, partition: Partition) -> int:
        self._ours((partition,))
        return self._positions[partition]

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        places = list(partitions)
        return await self._ask(lambda: {place: len(self._broker.records(*place)) for place in places})

    async def beginning_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        places = list(partitions)
        return await self._ask(lambda: dict.fromkeys(places, 0))

    async def offsets_for_time(self, partitions: Iterable[Partition], timestamp_ms: int) -> dict[Partition, int | None]:
        def first(place: Partition) -> int | None:
            return next((each.offset for each in self._broker.records(*place) if each.timestamp >= timestamp_ms), None)

        places = list(partitions)
        return await self._ask(lambda: {place: first(place) for place in places})

    def lag(self, partition: Partition) -> int | None:
        position = self._positions.get(partition)
        return None if position is None else len(self._broker.records(*partition)) - position

    def _ours(self, partitions: Iterable[Partition]) -> tuple[Partition, ...]:
        wanted = tuple(partitions)
        if not self._positions.keys() >= set(wanted):
            raise PartitionLost("the partition is not assigned")
        return wanted

    def _ask(self, act: Callable[[], T]) -> "asyncio.Future[T]":
        return self._broker.ask(self._process, act, timeout=self._settings.request_timeout)

    # The member

    async def _belong(self, listener: AssignmentListener) -> None:
        heart: asyncio.Task[None] | None = None
        while True:
            self._settled.clear()
            if self._positions:
                await self._told(listener.on_revoked(sorted(self._positions)))
            if heart is not None:
                heart.cancel()
            await self._join()
            await self._told(listener.on_assigned(sorted(self._positions)))
            self._again.clear()
            self._settled.set()
            heart = self._loop.create_task(self._beat())
            self._tasks.append(heart)
            await self._again.wait()

    async def _join(self) -> None:
        while True:
            if await self._joined():
                return
            await asyncio.sleep(0.1)  # aiokafka's retry_backoff_ms

    async def _joined(self) -> bool:
        self._name = self._name or self._group.name(self._process)
        name = self._name
        try:
            joined: asyncio.Future[int] = self._broker.question()
            until = self._loop.time() + self._settings.rebalance_timeout * 3
            await self._ask(lambda: self._group.join(name, self._process, joined, until))
            self._generation = await joined
            sent = self._loop.time()
            share = await self._ask(lambda: self._group.sync(name, self._generation))
        except PartitionLost:
            self._name = ""
            return False
        except KafkaUnavailable:
            return False
        if share is None:
            return False
        self._lease.joined(sent)
        places = [Partition(topic, slot) for topic in self._topics for slot in share]
        self._positions = {place: self._group.offsets.get(place, 0) for place in places}
        self._held.clear()
        return True

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_interval)
            sent = self._loop.time()
            try:
                again = await self._ask(lambda: self._group.heartbeat(self._name, self._generation))
            except KafkaUnavailable:
                continue
            except PartitionLost:
                self._lease.lost()
                self._name = ""
                self._again.set()
                return
            if not self._lease.beaten(sent) and not again:
                with contextlib.suppress(KafkaUnavailable, PartitionLost):
                    if await self._ask(lambda: self._group.sync(self._name, self._generation)) is not None:
                        self._lease.joined(sent)
            if again:
                self._again.set()

    async def _told(self, telling: Any) -> None:
        try:
            await telling
        except Exception as error:
            # aiokafka logs it and goes on; here it is a fault of the stage.
            self._loop.faults.append(error)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
