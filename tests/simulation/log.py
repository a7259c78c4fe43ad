"""Kafka's part: partitions that keep what they are given, and the broker between them and the replicas.

Honest about what can go wrong: a request takes its time; while the broker is away it waits, and fails where that takes
too long; a write may have succeeded although nobody hears of it; what a process sent before it died or stood still
lands all the same, or is lost on the way. Next station: `clients`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Protocol, TypeVar

from connector.kafka.clients import KafkaError, KafkaUnavailable, OutRecord, Partition, Record
from tests.simulation.loop import Process, VirtualLoop

T = TypeVar("T")


class Reader(Protocol):
    """Who waits for records."""

    def woken(self, place: Partition) -> None: ...


class Broker:
    """All topics, and every replica's way to them. `landed` hears of each record that is kept."""

    def __init__(self, loop: VirtualLoop, random: Random, epoch_ms: Callable[[], int]) -> None:
        self.loop = loop
        self.landed: Callable[[Record], None] = lambda record: None
        self.readers: list[Reader] = []
        self.down_until = -1.0
        self.flaky_until = -1.0
        self.flaky_share = 0.0
        self.flaky_late = False
        self.extra = 0.0
        """Seconds that every request takes longer at the moment."""
        self._random = random
        self._epoch_ms = epoch_ms
        self._kept: dict[Partition, list[Record]] = defaultdict(list)
        self._ways: dict[Process, float] = defaultdict(float)

    # The log

    def records(self, topic: str, partition: int = 0) -> list[Record]:
        """Everything that a partition holds."""
        return self._kept[Partition(topic, partition)]

    def append(self, out: OutRecord) -> Record:
        """Keep a record; one without a partition belongs to the only one its topic has here."""
        place = Partition(out.topic, out.partition or 0)
        kept = self._kept[place]
        record = Record(out.topic, place.partition, len(kept), self._epoch_ms(), out.key, out.value, out.headers)
        kept.append(record)
        self.landed(record)
        for reader in self.readers:
            reader.woken(place)
        return record

    # The way there

    def reachable(self, process: Process) -> bool:
        """Whether the replica and the broker hear each other now."""
        return self.loop.time() >= max(self.down_until, process.away_until)

    def delay(self) -> float:
        """How long a request or its answer takes."""
        return 0.0005 + 0.003 * self._random.random() + self.extra

    def flaky(self) -> bool:
        """Whether the write that comes now is one of the unlucky."""
        return self.loop.time() < self.flaky_until and self._random.random() < self.flaky_share

    def question(self) -> "asyncio.Future[T]":
        """What is answered later; a bad answer that its asker did not live to hear is no fault."""
        answer: asyncio.Future[T] = self.loop.create_future()
        answer.add_done_callback(_forget)
        return answer

    def ask(
        self, process: Process, act: Callable[[], T], *, timeout: float, write: bool = False
    ) -> "asyncio.Future[T]":
        """Have `act` done at the broker; what it returns or raises is the answer.

        A `timeout` later the answer is KafkaUnavailable, whatever has happened.
        """
        answer: asyncio.Future[T] = self.question()
        now = self.loop.time()
        # One connection: nothing overtakes.
        at = self._ways[process] = max(self._ways[process] + 1e-6, now + self.delay())
        self.loop.call_at(at, self._arrive, process, act, now + timeout, answer, write, context=self.loop.root)
        return answer

    def _arrive(
        self, process: Process, act: Callable[[], T], until: float, answer: "asyncio.Future[T]", write: bool
    ) -> None:
        if process.dead and process.lost_in_flight:
            return
        blocked = max(self.down_until, process.away_until)
        if self.loop.time() < blocked:
            if blocked < until:
                at = self._ways[process] = max(self._ways[process], blocked) + 1e-6
                self.loop.call_at(at, self._arrive, process, act, until, answer, write, context=self.loop.root)
            else:
                self._fail(answer, until)
            return
        if write and self.flaky():
            fate = self._random.randrange(3 if self.flaky_late else 2)
            self._fail(answer, until)
            if fate == 1:
                act()
            elif fate == 2:
                # It lies in some buffer for longer than its sender waits.
                late = until - self.loop.time() + self._random.random() * 2
                self.loop.outside(late, act)
            return
        try:
            value = act()
        except KafkaError as error:
            self.loop.outside(self.delay(), self._refuse, process, answer, error)
        else:
            self.answer(process, answer, value, until)

    def answer(self, process: Process, answer: "asyncio.Future[T]", value: T, until: float) -> None:
        """The broker's word on its way back."""
        self.loop.outside(self.delay(), self._tell, process, answer, value, until)

    def _tell(self, process: Process, answer: "asyncio.Future[T]", value: T, until: float) -> None:
        if not self.reachable(process):
            self._fail(answer, until)
        elif not answer.done():
            answer.set_result(value)

    def _refuse(self, process: Process, answer: "asyncio.Future[T]", error: KafkaError) -> None:
        if not answer.done():
            answer.set_exception(error)

    def _fail(self, answer: "asyncio.Future[T]", at: float) -> None:
        def fail() -> None:
            if not answer.done():
                answer.set_exception(KafkaUnavailable("no answer within the time-out"))

        self.loop.outside(max(0.0, at - self.loop.time()), fail)


def _forget(answer: "asyncio.Future[T]") -> None:
    if not answer.cancelled():
        answer.exception()
