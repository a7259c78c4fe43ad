"""The entrance for urgent events: a light reader beside the router, so that no backlog stands before a login code.

It reads the same outbound topic in a group of its own, looks at one byte of each record, and forwards what is urgent at
once; `routing` says what belongs to it. Next station: `forwarding`, and the urgent lane.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from connector import telemetry
from connector.domain.messages import Lane
from connector.kafka.clients import (
    Admin,
    Consumer,
    KafkaError,
    KafkaUnavailable,
    Partition,
    PartitionLost,
    Record,
)
from connector.kafka.records import Codec
from connector.kafka.registry import open_registry
from connector.kafka.topics import Topics
from connector.stages.careful import Careful
from connector.stages.clock import epoch_ms
from connector.stages.forwarding import Forwarder
from connector.stages.leaving import LEAVE_GROUP_SECONDS, producing, run_until, within
from connector.stages.readiness import require_topics
from connector.stages.routing import Entrance
from connector.stages.settings import StageConfig

log = logging.getLogger(__name__)

GROUP: Final = Entrance.EXPRESS.value
POLL = 0.5
MAX_RECORDS = 5_000
COMMIT_EVERY = 1.0
LAST_BATCH_SECONDS = 5.0
"""What is under way takes milliseconds, unless Kafka is away."""
COMMIT_WITHIN = 5.0
"""Seconds; without a coordinator a commit would wait for ever."""
SLICE = 2_000
"""Records looked at before the loop gets a turn: some 5 ms where few are urgent."""


async def run_express(config: StageConfig, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Runs until `stop`; raises `KafkaError` where Kafka refuses for good."""
    topics = Topics(config.kafka.topic_prefix)
    async with Admin(config.kafka, name=GROUP) as admin:
        slots = len(config.slot_map())
        await require_topics(admin, {topics.outbound: 1, topics.dead_letters: 1, topics.lane(Lane.URGENT): slots})
    async with open_registry(config.kafka) as registry, producing(config.kafka, name=GROUP) as producer:
        group = f"{config.kafka.topic_prefix}{GROUP}"
        forwarder = Forwarder(config, Entrance.EXPRESS, Codec(registry), registry, producer, epoch_ms=epoch_ms)
        reader = Express(forwarder)
        consumer = Consumer(config.kafka, group=group, topics=[topics.outbound], listener=reader, name="express")
        reader.serve(consumer)
        await consumer.start()
        try:
            ready()
            grace = min(LAST_BATCH_SECONDS, config.route.drain_seconds)
            await run_until(stop, reader.run(stop), grace=grace, what="the last batch")
        finally:
            await within(LEAVE_GROUP_SECONDS, "leaving the group", _leave(reader, consumer))


async def _leave(reader: "Express", consumer: Consumer) -> None:
    await reader.careful.give_back()
    await consumer.stop()


class Express:
    """One reader; offsets are committed only after what was forwarded is durable. It is its consumer's listener, and a
    member of the group as `careful` knows it."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._inner: Consumer | None = None
        self._forwarder = forwarder
        self._done: dict[Partition, int] = {}
        self._assignment = 0
        self.careful = Careful(self, handle=self._forward, bury=forwarder.bury)

    def serve(self, consumer: Consumer) -> None:
        """What to read; before it starts."""
        self._inner = consumer

    @property
    def _consumer(self) -> Consumer:
        assert self._inner is not None, "serve comes before the consumer starts"
        return self._inner

    async def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """What is done is committed while it can be."""
        await self.commit()

    async def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """What was fetched before is read again."""
        self._assignment += 1
        self._done = {}
        self.careful.assigned()

    async def run(self, stop: asyncio.Event) -> None:
        """Reads and forwards; what could not be sent is sent again, and nothing behind it is committed before."""
        loop = asyncio.get_running_loop()
        committed = loop.time()
        while not stop.is_set():
            batches = await self._read()
            assignment = self._assignment
            for place, records in batches.items():
                for start in range(0, len(records), SLICE):
                    if self._assignment != assignment:
                        break
                    await self.careful.work(place, records[start : start + SLICE])
                    await asyncio.sleep(0)
            if loop.time() - committed > COMMIT_EVERY:
                committed = loop.time()
                await self.commit()
        await self.commit()

    async def _forward(self, place: Partition, records: Sequence[Record]) -> None:
        await self._forwarder.forward(records)

    async def notes(self, partitions: Sequence[Partition]) -> Mapping[Partition, str]:
        """What the last owner left beside the committed offsets."""
        found = {}
        for place in partitions:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(COMMIT_WITHIN):
                    noted = await self._consumer.noted(place)
                    found[place] = "" if noted is None else noted[1]
        return found

    async def mark(self, partition: Partition, offset: int, note: str) -> None:
        """A note beside the committed offset, which moves to `offset`: everything before it is done."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(COMMIT_WITHIN):
                await self._consumer.commit({partition: offset}, {partition: note})

    def passed(self, partition: Partition, end: int) -> None:
        """All before `end` is in its lane."""
        self._done[partition] = end

    async def _read(self) -> dict[Partition, list[Record]]:
        try:
            return await self._consumer.getmany(timeout=POLL, max_records=MAX_RECORDS)
        except KafkaUnavailable as error:
            telemetry.count(telemetry.Metric.KAFKA_FAULTS, stage="express", fault="read")
            log.warning("the outbound topic cannot be read (%s); trying again", error)
            await asyncio.sleep(POLL)
            return {}

    async def commit(self) -> None:
        """Commits what is done; where that fails, the next commit holds it."""
        done = dict(self._done)
        try:
            async with asyncio.timeout(COMMIT_WITHIN):
                await self._consumer.commit(done, {place: self.careful.note(place) for place in done})
            self._done = {place: end for place, end in self._done.items() if done.get(place) != end}
        except PartitionLost:
            # The next owner forwards it again from the last commit; the submitter drops the second copy. What is still
            # ours waits for the next commit: without more events there would be none, and a start much later, when the
            # submitter has forgotten them, would send them again.
            ours = self._consumer.assignment()
            self._done = {place: offset for place, offset in self._done.items() if place in ours}
        except (KafkaError, TimeoutError) as fault:
            telemetry.count(telemetry.Metric.KAFKA_FAULTS, stage="express", fault="commit")
            log.warning("offsets were not committed (%s); the next commit will hold them", fault)
