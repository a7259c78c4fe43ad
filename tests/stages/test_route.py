"""The router on a real broker: every outbound event ends in a lane or among the dead letters."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from connector.domain.events import LaneMessage
from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.kafka.clients import Admin, KafkaUnavailable, OutRecord, Producer, Record, TopicMissing
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from connector.stages.forwarding import Forwarder
from connector.stages.route import run_route
from connector.stages.routing import Entrance
from connector.stages.settings import AccountSettings, StageConfig
from tests.stages.reading import read_all
from tests.support.kafka import make_topics

CODEC = Codec()

# As in test_collect: what Faust leaves behind on a busy machine.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def config(kafka: KafkaSettings, binds: int = 2) -> StageConfig:
    account = AccountSettings.model_validate(
        {"name": "main", "system_id": "login", "password": "secret", "binds": binds}
    )
    return StageConfig(kafka=kafka, accounts=(account,))


class Routing:
    """The router, running."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(run_route(config(kafka), self.ready.set, self.stop))

    async def ended(self) -> None:
        self.stop.set()
        await self.task


def event(number: int, **fields: object) -> bytes:
    message = OutboundMessage(
        id=f"m-{number}",
        recipient=f"7999{number:07}",
        text="Your order is ready",
        **fields,  # type: ignore[arg-type]  # the few fields that a test cares about
    )
    return CODEC.encode(message)


def lane_messages(records: list[Record]) -> list[LaneMessage]:
    return [item for record in records for item in CODEC.decode_frame(LaneMessage, record.value)]


async def test_every_event_reaches_its_lane_and_slot(producer: Producer, kafka_settings: KafkaSettings) -> None:
    topics = await make_topics(kafka_settings, slots=2)
    priorities = [Priority.NORMAL, Priority.BULK, Priority.AUTO]
    values = [event(number, priority=priorities[number % 3]) for number in range(300)]
    await producer.send_all([OutRecord(topics.outbound, value, partition=n % 2) for n, value in enumerate(values)])
    routing = Routing(kafka_settings)
    records = await read_all(kafka_settings, topics.lanes, lambda found: len(lane_messages(found)) >= 300)
    await routing.ended()
    items = lane_messages(records)
    assert Counter(item.lane for item in items) == {Lane.NORMAL: 200, Lane.BULK: 100}
    assert sorted(item.event for item in items) == sorted(values)
    assert {item.slot for item in items} == {0, 1}
    for record in records:
        for item in lane_messages([record]):
            assert (topics.lane(item.lane), item.slot) == (record.topic, record.partition)
            assert item.source_topic == topics.outbound
    assert len(records) < 100, "lane records are frames"


async def test_events_of_one_recipient_keep_their_order(producer: Producer, kafka_settings: KafkaSettings) -> None:
    topics = await make_topics(kafka_settings, slots=2)
    message = OutboundMessage(id="", recipient="79990000001", text="x", priority=Priority.NORMAL)
    values = [CODEC.encode(replace(message, id=f"m-{number:03}")) for number in range(200)]
    await producer.send_all([OutRecord(topics.outbound, value, partition=0) for value in values])
    routing = Routing(kafka_settings)
    records = await read_all(kafka_settings, topics.lanes, lambda found: len(lane_messages(found)) >= 200)
    await routing.ended()
    assert [item.message_id for item in lane_messages(records)] == [f"m-{number:03}" for number in range(200)]


async def test_urgent_ones_are_left_to_the_express_entrance(producer: Producer, kafka_settings: KafkaSettings) -> None:
    topics = await make_topics(kafka_settings, slots=2)
    values = [event(1, priority=Priority.URGENT), event(2, priority=Priority.NORMAL)]
    await producer.send_all([OutRecord(topics.outbound, value, partition=0) for value in values])
    routing = Routing(kafka_settings)
    records = await read_all(kafka_settings, topics.lanes, lambda found: len(found) >= 1)
    await routing.ended()
    assert [item.message_id for item in lane_messages(records)] == ["m-2"]
    async with Admin(kafka_settings) as admin:
        assert sum((await admin.committed(f"{kafka_settings.topic_prefix}route")).values()) == 2


async def test_what_is_refused_becomes_a_dead_letter_as_it_came(
    producer: Producer, kafka_settings: KafkaSettings
) -> None:
    topics = await make_topics(kafka_settings, slots=2)
    bad = [
        event(1, account="nobody"),
        b"not avro",
        CODEC.encode(OutboundMessage(id="m-2", recipient="no number", text="x")),
        event(3)[:20],
        b"",
    ]
    headers = (("tenant", b"a"),)
    await producer.send_all([OutRecord(topics.outbound, value, b"key", 0, headers) for value in bad])
    await producer.send_all([OutRecord(topics.outbound, None, b"key", 0, headers)])
    await producer.send_all([OutRecord(topics.outbound, event(9), partition=0)])
    routing = Routing(kafka_settings)
    records = await read_all(kafka_settings, (topics.dead_letters, *topics.lanes), lambda found: len(found) >= 7)
    await routing.ended()
    letters = [record for record in records if record.topic == topics.dead_letters]
    assert [letter.value for letter in letters] == [*bad, None]
    assert {letter.key for letter in letters} == {b"key"}
    assert {letter.headers[0] for letter in letters} == {("tenant", b"a")}
    assert [dict(letter.headers)["dl_offset"] for letter in letters] == [b"%d" % n for n in range(6)]
    assert all(dict(letter.headers)["dl_reason"] for letter in letters)


async def test_a_record_without_key_and_value_does_not_stop_the_stage(
    producer: Producer, kafka_settings: KafkaSettings
) -> None:
    """Other clients can write one; ours cannot, not even as a dead letter."""
    topics = await make_topics(kafka_settings, slots=2)
    router = Forwarder(config(kafka_settings), Entrance.ROUTER, CODEC, None, producer, epoch_ms=lambda: 1)
    await router.forward([Record(topics.outbound, 0, 0, 1, None, None, ())])
    (letter,) = await read_all(kafka_settings, [topics.dead_letters], lambda found: len(found) >= 1)
    assert (letter.key, letter.value) == (None, b"")


async def test_it_refuses_to_start_without_its_topics(kafka_settings: KafkaSettings) -> None:
    with pytest.raises(TopicMissing, match="connector topics create"):
        await Routing(kafka_settings).task
    await make_topics(kafka_settings, slots=1)
    with pytest.raises(TopicMissing, match=r"lane\.urgent has 1 partitions and needs 2"):
        await Routing(kafka_settings).task


async def test_an_unreachable_broker_is_said_so() -> None:
    with pytest.raises(KafkaUnavailable):
        await Routing(KafkaSettings(bootstrap_servers="127.0.0.1:1", request_timeout=10)).task
