"""The broker dies, freezes and comes back: nothing given to the producer is lost, repeated or out of order."""

import asyncio
import time

from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import Consumer, OutRecord, Partition, Producer
from tests.support.kafka import make_topics, settings_for
from tests.support.records import read_all


async def test_records_survive_the_death_of_the_broker(own_kafka: EmbeddedKafka, prefix: str) -> None:
    settings = settings_for(own_kafka, prefix)
    names = await make_topics(settings)
    async with Producer(settings) as producer:
        answers = []
        for number in range(300):
            answers.append(producer.send(OutRecord(names.ledger, b"%d" % number, partition=0)))
            if number == 100:
                await answers[50]
                await asyncio.to_thread(own_kafka.kill)
            if number == 200:
                await asyncio.to_thread(own_kafka.restart)
        placed = await asyncio.wait_for(asyncio.gather(*answers), 60)
    assert [where.offset for where in placed] == list(range(300))
    assert [record.value for record in await read_all(settings, names.ledger)] == [b"%d" % n for n in range(300)]


async def test_a_stuck_producer_is_replaced_and_nothing_shows(own_kafka: EmbeddedKafka, prefix: str) -> None:
    """A gap in the sequence numbers is what fails every later batch of aiokafka's producer."""
    settings = settings_for(own_kafka, prefix)
    names = await make_topics(settings)
    async with Producer(settings) as producer:
        first = await producer.send(OutRecord(names.ledger, b"0", partition=0))
        manager = producer._inner._txn_manager
        for where in list(manager._sequence_numbers):
            manager._sequence_numbers[where] += 7
        answers = [producer.send(OutRecord(names.ledger, b"%d" % n, partition=0)) for n in range(1, 300)]
        batch = producer.send_all([OutRecord(names.ledger, b"%d" % n, partition=0) for n in range(300, 500)])
        other = producer.send(OutRecord(names.inbound, b"other"))
        await asyncio.wait_for(asyncio.gather(*answers, other, batch), 30)
        assert producer.rebuilds == 1
        assert first.offset == 0
    assert [record.value for record in await read_all(settings, names.ledger)] == [b"%d" % n for n in range(500)]
    assert [record.value for record in await read_all(settings, names.inbound)] == [b"other"]


async def test_the_lease_ages_while_the_broker_is_silent(own_kafka: EmbeddedKafka, prefix: str) -> None:
    settings = settings_for(own_kafka, prefix)
    names = await make_topics(settings)
    async with Consumer(settings, group=f"{prefix}g", topics=[names.ledger]) as consumer:
        assert consumer.lease_age(time.monotonic()) < 1
        await asyncio.to_thread(own_kafka.freeze)
        try:
            async with asyncio.timeout(10):
                while consumer.lease_age(time.monotonic()) < 2:
                    await consumer.getmany(timeout=0.1)
        finally:
            await asyncio.to_thread(own_kafka.thaw)
        async with asyncio.timeout(20):
            while consumer.lease_age(time.monotonic()) > 1:
                await consumer.getmany(timeout=0.1)
        assert consumer.assignment() == {Partition(names.ledger, 0)}
    assert consumer.lease_age(time.monotonic()) == float("inf")


async def test_a_consumer_goes_on_after_the_death_of_the_broker(own_kafka: EmbeddedKafka, prefix: str) -> None:
    settings = settings_for(own_kafka, prefix)
    names = await make_topics(settings)
    where = Partition(names.ledger, 0)
    async with (
        Producer(settings) as producer,
        Consumer(settings, group=f"{prefix}g", topics=[names.ledger]) as consumer,
    ):
        await producer.send(OutRecord(names.ledger, b"before", partition=0))
        assert [record.value for record in (await consumer.getmany(timeout=5))[where]] == [b"before"]
        await consumer.commit({where: 1})
        await asyncio.to_thread(own_kafka.kill)
        await asyncio.to_thread(own_kafka.restart)
        await producer.send(OutRecord(names.ledger, b"after", partition=0))
        seen: list[bytes | None] = []
        async with asyncio.timeout(30):
            while not seen:
                for batch in (await consumer.getmany(timeout=0.5)).values():
                    seen += [record.value for record in batch]
        assert seen == [b"after"]
        assert await consumer.committed(where) == 1
