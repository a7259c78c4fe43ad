"""The submit stage as a process: builds the parts, runs the loops, and shuts down by a designed path."""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from connector.domain.messages import Lane
from connector.kafka.clients import Admin, Consumer, Producer
from connector.kafka.records import Codec
from connector.kafka.registry import open_registry
from connector.kafka.topics import Topics
from connector.stages.clock import epoch_ms
from connector.stages.leaving import within
from connector.stages.readiness import require_topics
from connector.stages.settings import StageConfig
from connector.stages.submit.journal import Journal
from connector.stages.submit.originals import Originals
from connector.stages.submit.ownership import Ownership
from connector.stages.submit.run import Submitter

log = logging.getLogger(__name__)

GROUP = "submit"
UNBIND_WAIT = 1.0
LEAVE_WAIT = 3.0
"""Seconds for each step of the way out after the drain time, should the gateway or Kafka be away: all of them together
stay below what `connector run` waits before it kills a stage."""


async def run_submit(config: StageConfig, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Runs until `stop`; raises `KafkaError` where Kafka refuses for good, `TopicMissing` where topics do not fit."""
    topics = Topics(config.kafka.topic_prefix)
    slots = len(config.slot_map())
    async with Admin(config.kafka, name="submit") as admin:
        # A lane with fewer partitions than slots would strand messages.
        at_least = {topics.submit_responses: 1, topics.deliveries: 1, topics.dead_letters: 1}
        await require_topics(admin, at_least | dict.fromkeys((*topics.lanes, topics.ledger), slots))
    clock = time.monotonic
    async with open_registry(config.kafka) as registry, Producer(config.kafka) as producer:
        codec = Codec(registry)
        partitions = await producer.partitions(topics.deliveries)
        journal = Journal(producer, codec, topics, deliveries_partitions=partitions, clock=clock, epoch_ms=epoch_ms)
        ownership = Ownership(config, codec, clock=clock, epoch_ms=epoch_ms)
        consumer = Consumer(
            config.kafka,
            group=f"{config.kafka.topic_prefix}{GROUP}",
            topics=[topics.lane(lane) for lane in Lane],
            listener=ownership,
            instance_id=config.submit.instance_id,
            family=ownership.account_of,
            name="submit",
            fetch_wait=0.1,
            partition_fetch_octets=512 << 10,
            clock=clock,
        )
        submitter = Submitter(
            config,
            consumer=consumer,
            journal=journal,
            codec=codec,
            registry=registry,
            clock=clock,
            epoch_ms=epoch_ms,
            rng=random.Random(),
            originals=Originals(lambda: Consumer(config.kafka, name="originals")),
        )
        ownership.serve(submitter)
        await consumer.start()
        try:
            await _run(submitter, ownership, ready, stop)
        finally:
            await within(LEAVE_WAIT, "leaving the group", consumer.stop())
            await within(LEAVE_WAIT, "closing the producer", producer.stop(LEAVE_WAIT / 2))


async def _run(submitter: Submitter, ownership: Ownership, ready: Callable[[], None], stop: asyncio.Event) -> None:
    loops = [
        ownership.run,
        submitter.read,
        submitter.pace,
        submitter.write_intents,
        submitter.write_outcomes,
        submitter.received.write_deliveries,
        submitter.housekeeping,
        *(pool.watch for pool in submitter.pools.values()),
    ]
    ready()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop(), name=f"submit-{loop.__name__}") for loop in loops]
        await stop.wait()
        log.info("stopping: %d parts are under way", submitter.under_way)
        submitter.stopping = True
        await ownership.drain(submitter.config.submit.drain_seconds)
        await asyncio.gather(*(pool.close(UNBIND_WAIT) for pool in submitter.pools.values()))
        await within(LEAVE_WAIT, "writing outcomes", _written(submitter))
        for task in tasks:
            task.cancel()


async def _written(submitter: Submitter) -> None:
    await submitter.flush_outcomes()
    await submitter.received.flush()
    await submitter.lanes.commit()
    await submitter.lanes.give_back()
