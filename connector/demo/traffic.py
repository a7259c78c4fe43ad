"""The demo's traffic: one mailing, all at once, and single urgent codes among it; and the readers of what returns."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from connector.demo import texts
from connector.demo.tally import Tally
from connector.demo.world import World
from connector.domain.events import DeliveryReport, SubmitResponse
from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.kafka.clients import Consumer, OutRecord, Partition, Producer
from connector.kafka.records import Codec, Event
from connector.kafka.topics import Topics

T = TypeVar("T", bound=Event)

DUMP = 100
"""Events encoded at a time; the demo's own loop also plays the gateway, whose clock measures the latencies."""
READ = 100
URGENT_EVERY = 0.2
INBOUND_EVERY = 2.0
WARM_UP_WITHIN = 15.0
_FIRST_BULK = 79_000_000_000
_FIRST_NORMAL = 79_800_000_000
_FIRST_URGENT = 79_900_000_000


class Traffic:
    """Sends, reads and books."""

    def __init__(self, world: World, tally: Tally, producer: Producer, rng: random.Random) -> None:
        self._world = world
        self._tally = tally
        self._producer = producer
        self._rng = rng
        self._codec = Codec()
        self._topics = Topics(world.config.kafka.topic_prefix)
        self._run = f"{rng.getrandbits(32):08x}"
        self.seen = 0
        self._warm = asyncio.Event()

    async def warm_up(self, count: int) -> None:
        """Ordinary messages first, until they have come back: a broker that has just started is slow for seconds."""
        for number in range(count):
            message = OutboundMessage(
                priority=Priority.NORMAL,
                id=f"first-{self._run}-{number}",
                sender="Shop",
                recipient=str(_FIRST_NORMAL + number),
                text=f"Order {number} is on its way",
                metadata={"tenant": "demo"},
            )
            await self._producer.send_all([self._record(message, Lane.NORMAL)])
        self._warm.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(WARM_UP_WITHIN):
                await self._warm.wait()

    async def mailing(self, count: int) -> None:
        """The whole mailing as fast as Kafka takes it."""
        collection = texts.load()
        for start in range(0, count, DUMP):
            batch = []
            for number in range(start, min(start + DUMP, count)):
                recipient = str(_FIRST_BULK + number)
                message = OutboundMessage(
                    priority=Priority.BULK,
                    id=f"bulk-{self._run}-{number}",
                    sender="Shop",
                    recipient=recipient,
                    text=collection[number % len(collection)],
                    campaign_id="demo-mailing",
                    metadata={"tenant": "demo"},
                )
                batch.append(self._record(message, Lane.BULK))
            await self._producer.send_all(batch)

    async def codes(self, stop: asyncio.Event) -> None:
        """A login code now and then: half of them say URGENT, for the others the rule table says it (sender Bank)."""
        number = 0
        while not stop.is_set():
            number += 1
            explicit = number % 2 == 0
            message = OutboundMessage(
                priority=Priority.URGENT if explicit else Priority.AUTO,
                id=f"code-{self._run}-{number}",
                sender="Login" if explicit else "Bank",
                recipient=str(_FIRST_URGENT + number),
                text=f"Your code is {self._rng.randrange(10**6):06d}",
                metadata={"tenant": "demo"},
            )
            await self._producer.send_all([self._record(message, Lane.URGENT)])
            await _pause(stop, URGENT_EVERY)

    async def replies(self, stop: asyncio.Event) -> None:
        """A subscriber writes back from time to time."""
        number = 0
        while not stop.is_set():
            number += 1
            self._world.simulator.inbound("demo", source=str(_FIRST_BULK + number), destination="7555", text="STOP")
            await _pause(stop, INBOUND_EVERY)

    async def read(self) -> None:
        """Decodes what the connector publishes, until cancelled."""
        topics = self._topics
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(topics.submit_responses, self._each(SubmitResponse, self._tally.response)))
            group.create_task(self._follow(topics.delivery_reports, self._each(DeliveryReport, self._tally.receipt)))
            for topic, name in ((topics.inbound, "inbound"), (topics.dead_letters, "dead-letters")):
                group.create_task(self._follow(topic, self._count(name)))

    def look_at_wire(self) -> None:
        """Books what has reached the gateway since the last look."""
        submits = self._world.simulator.record.submits()
        for record in submits[self.seen :]:
            self._tally.on_wire(record.pdu.destination_addr, record.epoch_ms)
        self.seen = len(submits)

    def _record(self, message: OutboundMessage, lane: Lane) -> OutRecord:
        now_ms = time.time_ns() // 1_000_000
        self._tally.sent(message.id, message.recipient, lane, now_ms)
        return OutRecord(
            topic=self._topics.outbound,
            value=self._codec.encode(message),
            key=message.recipient.encode(),
            timestamp_ms=now_ms,
        )

    def _each(self, kind: type[T], book: Callable[[T], None]) -> Callable[[list[bytes]], None]:
        def decode(values: list[bytes]) -> None:
            for value in values:
                book(self._codec.decode(kind, value))
            if self._tally.done:
                self._warm.set()

        return decode

    def _count(self, name: str) -> Callable[[list[bytes]], None]:
        return lambda values: self._tally.other(name, len(values))

    async def _follow(self, topic: str, book: Callable[[list[bytes]], None]) -> None:
        partitions = await self._producer.partitions(topic)
        async with Consumer(self._world.config.kafka, name="demo", from_latest=True) as consumer:
            consumer.assign(Partition(topic, number) for number in range(partitions))
            for where, end in (await consumer.end_offsets(consumer.assignment())).items():
                consumer.seek(where, end)
            while True:
                for batch in (await consumer.getmany(timeout=0.5, max_records=READ)).values():
                    book([record.value for record in batch if record.value is not None])
                    await asyncio.sleep(0)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    waiting: Awaitable[bool] = stop.wait()
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return
