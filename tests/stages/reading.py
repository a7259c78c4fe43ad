"""Reads what a stage wrote."""

import asyncio
from collections.abc import Callable, Sequence

from connector.kafka.clients import Consumer, Partition, Record
from connector.kafka.settings import KafkaSettings


async def read_all(
    kafka: KafkaSettings, topics: Sequence[str], enough: Callable[[list[Record]], bool], seconds: float = 30.0
) -> list[Record]:
    """Every record of the topics from the start, until there are enough, and a moment longer for what is too many."""
    found: list[Record] = []
    async with asyncio.timeout(seconds), Consumer(kafka) as consumer:
        consumer.assign(
            [Partition(topic, number) for topic in topics for number in range(await consumer.partitions(topic))]
        )
        while not enough(found):
            found += await _next(consumer, 0.2)
        found += await _next(consumer, 0.3)
    return found


async def _next(consumer: Consumer, timeout: float) -> list[Record]:
    return [record for batch in (await consumer.getmany(timeout=timeout)).values() for record in batch]
