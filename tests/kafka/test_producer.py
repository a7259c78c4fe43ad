"""What is given to the producer is in Kafka when it says so, in order, once."""

import pytest

from connector.kafka.clients import (
    ClientClosed,
    Consumer,
    OutRecord,
    Partition,
    Producer,
    ProducerFull,
    RecordTooLarge,
    TopicMissing,
    partition_for,
)
from connector.kafka.settings import KafkaSettings
from tests.support.kafka import make_topics
from tests.support.records import read_all


async def test_records_keep_their_order_and_all_they_carry(kafka_settings: KafkaSettings, producer: Producer) -> None:
    names = await make_topics(kafka_settings)
    sent = [
        OutRecord(names.outbound, b"%d" % number, partition=1, headers=[("h", b"%d" % number)], timestamp_ms=number + 1)
        for number in range(1000)
    ]
    await producer.send_all(sent)
    read = await read_all(kafka_settings, names.outbound)
    assert [(record.value, record.timestamp, list(record.headers)) for record in read] == [
        (record.value, record.timestamp_ms, list(record.headers)) for record in sent
    ]
    assert producer.waiting == 0


async def test_a_key_goes_where_other_producers_put_it(kafka_settings: KafkaSettings, producer: Producer) -> None:
    names = await make_topics(kafka_settings)
    for key in (b"", b"a", b"79990000001", b"shop|854019"):
        placed = await producer.send(OutRecord(names.outbound, b"x", key=key))
        assert placed.partition == partition_for(key, 2)
        assert placed.offset >= 0


async def test_a_missing_topic_is_named_for_every_record_that_waits(kafka_settings: KafkaSettings) -> None:
    settings = kafka_settings.model_copy(update={"request_timeout": 1.0})
    async with Producer(settings) as producer:
        answers = [producer.send(OutRecord("no-such-topic", b"x")) for _ in range(3)]
        for answer in answers:
            with pytest.raises(TopicMissing, match="create the topics"):
                await answer


async def test_a_partition_that_does_not_exist_is_refused(kafka_settings: KafkaSettings, producer: Producer) -> None:
    names = await make_topics(kafka_settings)
    with pytest.raises(TopicMissing):
        await producer.send(OutRecord(names.ledger, b"x", partition=7))


async def test_a_group_goes_on_where_it_committed(kafka_settings: KafkaSettings, producer: Producer) -> None:
    names = await make_topics(kafka_settings)
    await producer.send_all([OutRecord(names.inbound, b"%d" % number) for number in range(10)])
    where = Partition(names.inbound, 0)
    for start in (0, 6):
        async with Consumer(kafka_settings, group=f"{names.prefix}g", topics=[names.inbound]) as consumer:
            batch = (await consumer.getmany(timeout=5, max_records=6))[where]
            assert batch[0].offset == start
            await consumer.commit({where: batch[-1].offset + 1})


async def test_large_and_small_records_of_many_keys_all_arrive_in_order(
    kafka_settings: KafkaSettings, producer: Producer
) -> None:
    """Whole batches and single records of one partition keep their order, whatever their sizes."""
    names = await make_topics(kafka_settings)
    await producer.send(OutRecord(names.outbound, b"first", partition=0))
    sizes = [10, 200_000, 300_000, 900_000, 1, 0]
    sent = [
        OutRecord(
            names.outbound, b"%06d" % n + bytes(sizes[n % len(sizes)]), key=b"%d" % (n % 5), headers=[("é", b"x")]
        )
        for n in range(60)
    ]
    await producer.send_all(sent)
    single = OutRecord(names.outbound, b"000060", key=b"0")
    await producer.send(single)
    read = [record for record in await read_all(kafka_settings, names.outbound) if record.value != b"first"]
    assert sorted(record.value or b"" for record in read) == sorted(record.value or b"" for record in (*sent, single))
    for partition in (0, 1):
        values = [record.value or b"" for record in read if record.partition == partition]
        assert values == sorted(values)
        assert all(partition_for(record.key or b"", 2) == record.partition for record in read)


async def test_a_record_over_the_limit_is_named_and_the_rest_goes_on(
    kafka_settings: KafkaSettings, producer: Producer
) -> None:
    names = await make_topics(kafka_settings)
    large = producer.send(OutRecord(names.inbound, bytes(kafka_settings.max_record_bytes + 70_000)))
    with pytest.raises(RecordTooLarge):
        await large
    # The broker's own limit of the outbound topic is lower than the producer's.
    refused = producer.send(OutRecord(names.outbound, bytes(kafka_settings.max_record_bytes + 10_000), partition=0))
    behind = producer.send(OutRecord(names.outbound, b"behind", partition=0))
    with pytest.raises(RecordTooLarge):
        await refused
    assert (await behind).offset == 0


async def test_a_full_producer_says_so_and_send_all_waits(kafka_settings: KafkaSettings) -> None:
    names = await make_topics(kafka_settings)
    async with Producer(kafka_settings, capacity=10) as producer:
        answers = [producer.send(OutRecord(names.inbound, b"x")) for _ in range(10)]
        with pytest.raises(ProducerFull):
            producer.send(OutRecord(names.inbound, b"x"))
        await producer.send_all([OutRecord(names.inbound, b"x", partition=0) for _ in range(25)])
        assert all(answer.done() for answer in answers)
    assert len(await read_all(kafka_settings, names.inbound)) == 35
    with pytest.raises(ClientClosed):
        producer.send(OutRecord(names.inbound, b"x"))
