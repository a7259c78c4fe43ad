"""The router: outbound events into the lanes, whatever their number, none lost and none skipped.

It reads a fetch of the outbound topic and has it forwarded; only then does the fetch count as delivered. A crash
repeats records under their source coordinates, by which the submitter knows them again. Next station: `forwarding`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from connector.kafka.clients import Admin
from connector.kafka.records import Codec
from connector.kafka.registry import open_registry
from connector.kafka.topics import Topics
from connector.stages.clock import epoch_ms
from connector.stages.forwarding import Forwarder
from connector.stages.leaving import producing
from connector.stages.positions import Poll
from connector.stages.readiness import require_topics
from connector.stages.routing import Entrance
from connector.stages.settings import StageConfig
from connector.stages.worker import StageApp, WorkerSettings, run_worker

STAGE: Final = Entrance.ROUTER.value


async def run_route(config: StageConfig, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Route until `stop` is set, then finish the batch under way and commit it.

    `ready` is called once partitions are assigned. Raises `TopicMissing` where topics must be created first,
    `KafkaUnavailable`, `KafkaRefused` or `StageStopped`; whatever was not finished is not committed.
    """
    topics = Topics(config.kafka.topic_prefix)
    async with Admin(config.kafka, name=STAGE) as admin:
        slots = len(config.slot_map())
        at_least = {topics.outbound: 1, topics.dead_letters: 1, **dict.fromkeys(topics.lanes, slots)}
        await require_topics(admin, at_least)
    async with open_registry(config.kafka) as registry, producing(config.kafka, name=STAGE) as producer:
        forwarder = Forwarder(config, Entrance.ROUTER, Codec(registry), registry, producer, epoch_ms=epoch_ms)

        async def handle(poll: Poll) -> None:
            await forwarder.forward(poll.records())

        app = StageApp(
            WorkerSettings(
                group=f"{config.kafka.topic_prefix}{STAGE}",
                kafka=config.kafka,
                batch_records=config.route.batch_records,
                commit_seconds=config.route.commit_seconds,
                instance_id=config.route.instance_id,
            )
        )
        app.handle(topics.outbound, handle, bury=forwarder.bury)
        await run_worker(app, ready=ready, stop=stop, drain_seconds=config.route.drain_seconds)
