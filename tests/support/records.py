"""Looking into topics from a test."""

from connector.kafka.clients import Consumer, Partition, Record
from connector.kafka.settings import KafkaSettings


async def read_all(settings: KafkaSettings, topic: str) -> list[Record]:
    """Every record the topic holds now, partition by partition."""
    async with Consumer(settings, fetch_wait=0.05) as consumer:
        partitions = [Partition(topic, number) for number in range(await consumer.partitions(topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: dict[Partition, list[Record]] = {where: [] for where in partitions}
        for where in partitions:
            consumer.seek(where, (await consumer.beginning_offsets([where]))[where])
        while any([await consumer.position(where) < ends[where] for where in partitions]):
            for where, batch in (await consumer.getmany(timeout=1)).items():
                found[where] += batch
    return [record for where in partitions for record in found[where] if record.offset < ends[where]]
