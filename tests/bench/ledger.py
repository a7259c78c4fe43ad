"""What the ledger costs a message, on real Kafka: `python -m tests.bench.ledger [THOUSANDS]`.

An intent is durable before the bytes leave and a DONE before the outcome is published. The table has the waits of one
write (acks=all, idempotent) for so many intents at once, and the CPU time of both entries for each message. Sizes take
turns on one broker; read ratios only.
"""

import asyncio
import statistics
import sys
import time

from connector.domain.events import LedgerEntry, LedgerType
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import Admin, OutRecord, Producer
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics, create, specs

SIZES = (1, 10, 50, 300)
ROUNDS = 5


def entries(kind: LedgerType, count: int, first: int) -> list[LedgerEntry]:
    return [
        LedgerEntry(
            type=kind,
            message_id=f"0192b6a0-1111-7000-8000-{number:012}",
            account="main",
            lane="bulk",
            lane_offset=number,
            source_topic="sms.outbound",
            source_partition=0,
            source_offset=number,
            at=1_800_000_000_000 + number,
            fingerprints=(number + (1 << 40),) if kind is LedgerType.INTENT else (),
            part_message_ids=(str(number),) if kind is LedgerType.DONE else (),
            number=number,
        )
        for number in range(first, first + count)
    ]


async def write(producer: Producer, codec: Codec, topic: str, items: list[LedgerEntry]) -> float:
    """Seconds until the entries are durable."""
    began = time.perf_counter()
    await producer.send_all([OutRecord(topic, value, partition=0) for value in codec.frames(items)])
    return time.perf_counter() - began


async def main(count: int) -> None:
    codec = Codec()
    with EmbeddedKafka() as broker:
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        topics = Topics(kafka.topic_prefix)
        async with Admin(kafka) as admin, Producer(kafka) as producer:
            await create(admin, specs(kafka, 1))
            await write(producer, codec, topics.ledger, entries(LedgerType.INTENT, 100, 0))
            waits: dict[int, list[float]] = {size: [] for size in SIZES}
            costs: dict[int, list[float]] = {size: [] for size in SIZES}
            for _ in range(ROUNDS):
                for size in SIZES:
                    cpu = time.process_time()
                    done = 0
                    while done < max(size, count // ROUNDS // 4):
                        waits[size].append(
                            await write(producer, codec, topics.ledger, entries(LedgerType.INTENT, size, done))
                        )
                        await write(producer, codec, topics.ledger, entries(LedgerType.DONE, size, done))
                        done += size
                    costs[size].append((time.process_time() - cpu) / done)
    print("messages at once   write, median   p99         CPU s of intent and DONE for 100,000   against one at a time")
    alone = statistics.median(costs[1])
    for size in SIZES:
        ordered = sorted(waits[size])
        p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        cost = statistics.median(costs[size])
        print(
            f"{size:16}   {statistics.median(ordered) * 1e3:10.2f} ms   {p99 * 1e3:6.2f} ms   {cost * 1e5:33.1f}"
            f"   {cost / alone:21.2f}"
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) * 1000 if len(sys.argv) > 1 else 10_000))
