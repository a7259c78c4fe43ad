"""How fast the router and the collector are, on real Kafka: `python -m tests.bench.stages [THOUSANDS]`.

Prints messages per second and CPU seconds of the stage per 100,000. The collector's message is one submitted item and
one receipt with five vendor TLVs, in frames of 50; all of it stands in Kafka before the stage starts. Read ratios only.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from connector.domain.events import Delivery, DeliveryType
from connector.domain.messages import OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import Admin, Consumer, OutRecord, Partition, Producer, partition_for
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.kafka.topics import create as create_topics
from connector.smpp.pdu import DeliverSm, encode
from connector.stages.collect import run_collect
from connector.stages.inventory import wanted_topics
from connector.stages.route import run_route
from connector.stages.settings import AccountSettings, StageConfig
from connector.translate import delivery_key, submitted_key

CODEC = Codec()
PARTITIONS = 6
Run = Callable[[StageConfig, Callable[[], None], asyncio.Event], Coroutine[Any, Any, None]]


def outbound(count: int, topics: Topics) -> list[OutRecord]:
    return [
        OutRecord(
            topics.outbound,
            CODEC.encode(
                OutboundMessage(
                    priority=Priority.BULK,
                    id=f"0192b6a0-1111-7000-8000-{number:012}",
                    sender="SHOP",
                    recipient=f"7999{number:07}",
                    text="Your order is on its way, thank you for waiting with us.",
                    metadata={"tenant": "a"},
                )
            ),
            partition=number % PARTITIONS,
        )
        for number in range(count)
    ]


def deliveries(count: int, topics: Topics, account: AccountSettings) -> list[OutRecord]:
    records = []
    for make in (_submitted, _receipt):
        frames: dict[int, list[Delivery]] = {}
        for number in range(10_000, 10_000 + count):
            item = make(number, account)
            frames.setdefault(partition_for(item.key.encode(), PARTITIONS), []).append(item)
        for partition, items in frames.items():
            for value in CODEC.frames(items, max_items=50):
                records.append(OutRecord(topics.deliveries, value, partition=partition))
    return records


def _submitted(number: int, account: AccountSettings) -> Delivery:
    return Delivery(
        type=DeliveryType.SUBMITTED,
        key=submitted_key(account.name, str(number), account),
        account=account.name,
        at=1,
        slot=0,
        gateway_message_id=str(number),
        message_id=f"0192b6a0-1111-7000-8000-{number:012}",
        kind="SMS",
        sender="SHOP",
        recipient=f"7999{number:07}",
        parts=1,
        metadata={"tenant": "a"},
    )


def _receipt(number: int, account: AccountSettings) -> Delivery:
    text = f"id:{number} sub:001 dlvrd:001 submit date:2609211530 done date:2609211531 stat:DELIVRD err:000"
    pdu = DeliverSm(
        source_addr=f"7999{number:07}",
        destination_addr="SHOP",
        esm_class=4,
        short_message=text.encode(),
        tlvs=(
            (0x001E, str(number).encode() + b"\0"),
            (0x0427, b"\x02"),
            (0x0423, b"\x03\x00\x00"),
            (0x2000, b"1.2345"),
            (0x2001, b"\0\0"),
            (0x2002, b"\0\x01"),
            (0x2003, b"00101"),
        ),
    )
    return Delivery(
        type=DeliveryType.RECEIVED,
        key=delivery_key(account.name, pdu, account),
        account=account.name,
        at=2,
        slot=0,
        pdu=encode(pdu, sequence=1),
    )


async def measure(name: str, run: Run, config: StageConfig, topics: Sequence[str], enough: int, frames: bool) -> None:
    """From the moment the stage is ready until as much as was expected stands in its output topics."""
    stop, ready = asyncio.Event(), asyncio.Event()
    async with _watching(config.kafka, topics, frames) as written:
        stage = asyncio.create_task(run(config, ready.set, stop))
        await ready.wait()
        began, cpu = time.perf_counter(), time.process_time()
        while await written() < enough:  # noqa: ASYNC110  # Kafka does not tell when a topic grows
            await asyncio.sleep(0.05)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        stop.set()
        await stage
    print(f"{name:10} {enough / seconds:10,.0f}/s {cpu / enough * 1e5:8.1f} CPU s per 100,000")


@contextlib.asynccontextmanager
async def _watching(
    kafka: KafkaSettings, topics: Sequence[str], frames: bool
) -> AsyncIterator[Callable[[], Coroutine[Any, Any, int]]]:
    """Counts records, or the items of frames, by their ends or by reading them."""
    async with Consumer(kafka) as consumer:
        places = [Partition(topic, n) for topic in topics for n in range(await consumer.partitions(topic))]
        consumer.assign(places)
        seen = 0

        async def count() -> int:
            nonlocal seen
            if not frames:
                return sum((await consumer.end_offsets(places)).values())
            for batch in (await consumer.getmany(timeout=0.01)).values():
                # An item starts with its source's topic name, which nothing else in a frame holds.
                seen += sum((record.value or b"").count(kafka.topic_prefix.encode() + b"outbound") for record in batch)
            return seen

        yield count


async def main(count: int) -> None:
    with EmbeddedKafka() as broker, tempfile.TemporaryDirectory() as folder:
        kafka = KafkaSettings(
            bootstrap_servers=broker.bootstrap_servers, outbound_partitions=PARTITIONS, deliveries_partitions=PARTITIONS
        )
        account = AccountSettings.model_validate(
            {"name": "main", "system_id": "bench", "password": "bench", "binds": 3}
        )
        config = StageConfig.model_validate(
            {"kafka": kafka, "accounts": (account,), "collect": {"data_dir": Path(folder)}}
        )
        topics = Topics(kafka.topic_prefix)
        async with Admin(kafka) as admin, Producer(kafka) as producer:
            await create_topics(admin, wanted_topics(config))
            await producer.send_all(outbound(count, topics))
            await producer.send_all(deliveries(count, topics, account))
        await measure("route", run_route, config, topics.lanes, count, frames=True)
        await measure("collect", run_collect, config, [topics.delivery_reports], count, frames=False)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) * 1000 if len(sys.argv) > 1 else 30_000))
