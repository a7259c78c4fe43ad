"""One replica of the submit stage: the product's own parts between a log in memory and a network in memory.

What `connector.stages.submit.stage.run_submit` builds is built here, with a clock, a wall clock and random numbers that
belong to the run. Next station: `world`.
"""

import asyncio
import contextlib
import contextvars
from random import Random
from typing import cast

from connector.domain.messages import Lane
from connector.kafka.clients import Consumer, Partition, Producer
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.stages.settings import StageConfig
from connector.stages.submit import stage
from connector.stages.submit.journal import Journal
from connector.stages.submit.ownership import Ownership
from connector.stages.submit.run import Submitter
from tests.simulation.clients import LogConsumer, LogProducer
from tests.simulation.group import Group
from tests.simulation.log import Broker
from tests.simulation.loop import OWNER, Process, VirtualLoop
from tests.simulation.seeds import BASE_MS
from tests.simulation.story import Promise
from tests.simulation.witness import Witness

DELIVERIES_PARTITIONS = 1


class Replica:
    """A process with a submitter in it, from its start to its end."""

    def __init__(
        self,
        name: str,
        config: StageConfig,
        *,
        loop: VirtualLoop,
        broker: Broker,
        group: Group,
        witness: Witness,
        codec: Codec,
        topics: Topics,
        seed: str,
    ) -> None:
        self.process = Process(name)
        self.config = config
        self.stop = asyncio.Event()
        self.consumer: LogConsumer | None = None
        self.submitter: Submitter | None = None
        self._loop = loop
        self._broker = broker
        self._group = group
        self._witness = witness
        self._codec = codec
        self._topics = topics
        self._random = Random(seed)
        context = contextvars.copy_context()
        context.run(OWNER.set, self.process)
        self.task = loop.create_task(self._run(), context=context)
        self.task.add_done_callback(self._ended, context=loop.root)

    @property
    def alive(self) -> bool:
        """Whether it runs, even if it stands still at the moment."""
        return not self.process.dead and not self.task.done()

    def epoch_ms(self) -> int:
        """Its own wall clock."""
        return BASE_MS + round(self._loop.time() * 1000) + self.process.wall_ms

    def lease_age(self) -> float:
        """What the stage may believe of its lease."""
        return float("inf") if self.consumer is None else self.consumer.lease_age(self._loop.time())

    def quiet(self) -> bool:
        """Whether nothing is under way."""
        return self.submitter is None or self.submitter.under_way == 0

    async def _run(self) -> None:
        clock, kafka, process = self._loop.time, self.config.kafka, self.process
        producer = cast(Producer, LogProducer(self._broker, process, kafka, self._witness.noticed))
        journal = Journal(
            producer,
            self._codec,
            self._topics,
            deliveries_partitions=DELIVERIES_PARTITIONS,
            clock=clock,
            epoch_ms=self.epoch_ms,
        )
        ownership = Ownership(self.config, self._codec, clock=clock, epoch_ms=self.epoch_ms, reader=self._reader)
        consumer = self.consumer = LogConsumer(
            self._broker,
            process,
            kafka,
            group=self._group,
            topics=[self._topics.lane(lane) for lane in Lane],
            listener=ownership,
            committing=lambda when: self._witness.on_step(process, f"commit {when}"),
        )
        submitter = self.submitter = Submitter(
            self.config,
            consumer=cast(Consumer, consumer),
            journal=journal,
            codec=self._codec,
            registry=None,
            clock=clock,
            epoch_ms=self.epoch_ms,
            rng=self._random,
        )
        ownership.serve(submitter)
        await consumer.start()
        try:
            await stage._run(submitter, ownership, lambda: None, self.stop)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(stage.LEAVE_WAIT):
                    await consumer.stop()

    def _reader(self) -> Consumer:
        def assigned(place: Partition) -> None:
            self._witness.replays[self.process, place.partition] = self._loop.time()

        reader = LogConsumer(self._broker, self.process, self.config.kafka, group=self._group, assigned=assigned)
        return cast(Consumer, reader)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._witness.accuse(Promise.ALIVE, f"{self.process.name} ended by {_leaves(error)}")


def _leaves(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(_leaves(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
