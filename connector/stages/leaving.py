"""Ending in time though Kafka is away: what cannot be finished is given up, and repeated by the next process.

Rule: nothing here loses anything, because nothing is committed before it is durable.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Final

from connector.kafka.clients import Producer
from connector.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

# What the way out takes at most, beyond the time a stage has for the batch under way; each step is given up by itself.
LEAVE_GROUP_SECONDS: Final = 4.0
CLOSE_SECONDS: Final = 1.0
"""For tasks that are cancelled, and connections that are closed."""
CLOSE_PRODUCER_SECONDS: Final = 4.0
_CANCEL_SECONDS: Final = 0.5
LEAVING_SECONDS: Final = 10.0
"""All of them, and a second to spare."""


def stops_within(drain_seconds: float) -> float:
    """Seconds in which a stage with this drain time has stopped, whatever Kafka does."""
    return drain_seconds + LEAVING_SECONDS


@asynccontextmanager
async def producing(kafka: KafkaSettings, *, name: str) -> AsyncIterator[Producer]:
    """A producer that is closed in time, though Kafka may be away: what it has not written is not committed either."""
    producer = Producer(kafka, name=name)
    await producer.start()
    try:
        yield producer
    finally:
        closing = producer.stop(CLOSE_PRODUCER_SECONDS / 2)
        await within(CLOSE_PRODUCER_SECONDS, "closing the producer", closing)


async def within(seconds: float, what: str, work: Awaitable[object]) -> bool:
    """Awaits `work` for so long, then cancels it and says so (`what`: "closing the producer"); whether it was done.

    Raises what it raises; but what it cancels inside itself (aiokafka's consumer lets out such a cancellation when its
    broker is gone) only counts as not done, and it is not waited for longer should it not take its own cancellation.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            log.warning("%s was given up after %.0f s: Kafka does not answer", what, seconds)
    finally:
        task.cancel()
    if not task.done():
        await asyncio.wait((task,), timeout=_CANCEL_SECONDS)
    if not task.done() or task.cancelled():
        return False
    task.result()
    return True


async def run_until(stop: asyncio.Event, work: Coroutine[object, object, None], *, grace: float, what: str) -> None:
    """Runs `work`, which ends by itself soon after `stop`; where it does not within `grace` seconds it is cancelled.
    Raises what it raises."""
    running = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await within(grace, what, asyncio.wait((running,)))
    finally:
        stopping.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))
    if not running.cancelled():
        running.result()
