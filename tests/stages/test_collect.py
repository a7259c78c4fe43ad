"""The collector on a real broker, with both stores: what it remembers, and what survives a restart."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from connector.domain.events import Delivery, DeliveryReport, InboundMessage, LaneMessage
from connector.domain.messages import Lane, OutboundMessage
from connector.kafka.clients import Admin, OutRecord, Producer, TopicMissing, partition_for
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.kafka.topics import create as create_topics
from connector.stages.collect import changelog_specs, run_collect
from connector.stages.collect_settings import CollectSettings
from connector.stages.settings import AccountSettings, StageConfig
from connector.stages.worker import StageStopped
from tests.stages.deliveries import inbound, receipt, submitted
from tests.stages.reading import read_all
from tests.support.kafka import make_topics

CODEC = Codec()
ACCOUNT = AccountSettings.model_validate({"name": "main", "system_id": "login", "password": "secret"})

# A worker of an earlier test, stopped on a busy machine, may leave Faust's connections to the collector of rubbish; the
# stage's process ends then, and so this is no fault of the test at hand.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

stores = pytest.mark.parametrize("store", ["rocksdb", "memory"])


class Collecting:
    """The collector, running on topics of its own."""

    def __init__(
        self,
        kafka: KafkaSettings,
        folder: Path,
        store: str,
        account: AccountSettings = ACCOUNT,
        **settings: object,
    ) -> None:
        collect = CollectSettings.model_validate({"store": store, "data_dir": folder, **settings})
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        config = StageConfig(kafka=kafka, accounts=(account,), collect=collect)
        self.task = asyncio.create_task(run_collect(config, self.ready.set, self.stop))

    async def ended(self) -> None:
        self.stop.set()
        await self.task


async def prepare(kafka: KafkaSettings) -> Topics:
    topics = await make_topics(kafka)
    async with Admin(kafka) as admin:
        await create_topics(admin, changelog_specs(kafka, CollectSettings()))
    return topics


async def deliver(producer: Producer, kafka: KafkaSettings, items: Sequence[Delivery]) -> None:
    """As the submitter does: one frame for each partition."""
    frames: dict[int, list[Delivery]] = {}
    for item in items:
        frames.setdefault(partition_for(item.key.encode(), kafka.deliveries_partitions), []).append(item)
    topic = Topics(kafka.topic_prefix).deliveries
    await producer.send_all(
        [OutRecord(topic, value, partition=number) for number, group in frames.items() for value in CODEC.frames(group)]
    )


async def reports(kafka: KafkaSettings, count: int) -> list[DeliveryReport]:
    topic = Topics(kafka.topic_prefix).delivery_reports
    records = await read_all(kafka, [topic], lambda found: len(found) >= count)
    return [CODEC.decode(DeliveryReport, record.value) for record in records]


@stores
async def test_receipts_find_their_messages_in_either_order(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, store: str
) -> None:
    await prepare(kafka_settings)
    collecting = Collecting(kafka_settings, tmp_path, store)
    ids = [str(number) for number in range(200)]
    await deliver(producer, kafka_settings, [submitted(each, message_id=f"m-{each}") for each in ids[:100]])
    await deliver(producer, kafka_settings, [receipt(each) for each in ids])
    await deliver(producer, kafka_settings, [submitted(each, message_id=f"m-{each}") for each in ids[100:]])
    found = await reports(kafka_settings, 200)
    await collecting.ended()
    assert {report.match for report in found} == {"matched"}
    assert sorted(report.message_id or "" for report in found) == sorted(f"m-{each}" for each in ids)


@stores
@pytest.mark.parametrize("same_disk", [True, False])
async def test_a_receipt_finds_its_message_after_a_restart(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, store: str, same_disk: bool
) -> None:
    """With its disk, or on another node where the changelog is all there is."""
    await prepare(kafka_settings)
    first = Collecting(kafka_settings, tmp_path / "a", store)
    await deliver(producer, kafka_settings, [submitted("1"), submitted("2"), receipt("2"), receipt("3")])
    assert len(await reports(kafka_settings, 1)) == 1
    await first.ended()
    second = Collecting(kafka_settings, tmp_path / ("a" if same_disk else "b"), store)
    await deliver(producer, kafka_settings, [receipt("1"), submitted("3")])
    found = await reports(kafka_settings, 3)
    await second.ended()
    assert sorted(report.gateway_message_id or "" for report in found) == ["1", "2", "3"]
    assert {report.match for report in found} == {"matched"}


@stores
async def test_what_nobody_claims_is_published_in_time_also_after_a_restart(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, store: str
) -> None:
    await prepare(kafka_settings)
    long = Collecting(kafka_settings, tmp_path, store, unmatched_after_seconds=3, inbound_timeout_seconds=3)
    await deliver(producer, kafka_settings, [receipt("1"), inbound("a", total=2), submitted("9"), receipt("9")])
    await reports(kafka_settings, 1)
    await long.ended()
    short = Collecting(kafka_settings, tmp_path, store, unmatched_after_seconds=3, inbound_timeout_seconds=3)
    found = await reports(kafka_settings, 2)
    topic = Topics(kafka_settings.topic_prefix).inbound
    (record,) = await read_all(kafka_settings, [topic], lambda found: len(found) >= 1)
    await deliver(producer, kafka_settings, [submitted("1")])
    after = await reports(kafka_settings, 3)
    await short.ended()
    assert sorted((report.gateway_message_id, report.match) for report in found) == [
        ("1", "unmatched"),
        ("9", "matched"),
    ]
    assert CODEC.decode(InboundMessage, record.value).complete is False
    assert sorted(report.match for report in after) == ["matched", "matched", "unmatched"]
    assert len({report.event_id for report in after}) == 3


@stores
@pytest.mark.parametrize("same_disk", [True, False])
async def test_parts_come_together_over_a_restart(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, store: str, same_disk: bool
) -> None:
    """Of a message from a subscriber, and of one of ours that had an id for each part."""
    topics = await prepare(kafka_settings)
    ours = [submitted(str(10 + part), part=part, parts=2, ids=2) for part in (1, 2)]
    first = Collecting(kafka_settings, tmp_path / "a", store)
    await deliver(producer, kafka_settings, [inbound("b", index=2, total=2), *ours, receipt("11", cost="0.5")])
    assert len(await reports(kafka_settings, 1)) == 1
    await first.ended()
    second = Collecting(kafka_settings, tmp_path / ("a" if same_disk else "b"), store)
    await deliver(producer, kafka_settings, [inbound("a", total=2), receipt("12", cost="0.25")])
    (record,) = await read_all(kafka_settings, [topics.inbound], lambda found: len(found) >= 1)
    found = await reports(kafka_settings, 3)
    await second.ended()
    assert CODEC.decode(InboundMessage, record.value).text == "ab"
    (whole,) = [report for report in found if report.rollup]
    assert (whole.state, whole.parts_delivered, whole.cost) == ("DELIVRD", 2, Decimal("0.75"))


@stores
async def test_overdue_states_are_asked_for_in_their_lane(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, store: str
) -> None:
    """Found by the sweep alone; what is final is left alone."""
    topics = await prepare(kafka_settings)
    account = ACCOUNT.model_copy(update={"poll_after_minutes": 1, "poll_at_once": 1000})
    items = [submitted(str(number), message_id=f"m-{number}", receipt=True) for number in range(40)]
    await deliver(producer, kafka_settings, [*items, receipt("0")])
    collecting = Collecting(kafka_settings, tmp_path, store, account=account, sweep_keys=10)
    lane = topics.lane(Lane.NORMAL)
    records = await read_all(kafka_settings, [lane], lambda found: len(found) >= 39)
    await collecting.ended()
    asked = [item for record in records for item in CODEC.decode_frame(LaneMessage, record.value)]
    targets = [CODEC.decode(OutboundMessage, item.event).target_id for item in asked]
    assert sorted(targets, key=str) == sorted({item.message_id for item in items} - {"m-0"}, key=str)


@stores
async def test_what_has_expired_is_forgotten(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, store: str
) -> None:
    await prepare(kafka_settings)
    collecting = Collecting(
        kafka_settings, tmp_path, store, retention_hours=1 / 3600, unmatched_after_seconds=2, sweep_keys=10
    )
    await deliver(producer, kafka_settings, [submitted(str(number)) for number in range(30)])
    await collecting.ready.wait()
    await asyncio.sleep(10)
    await deliver(producer, kafka_settings, [receipt(str(number)) for number in range(30)])
    found = await reports(kafka_settings, 30)
    await collecting.ended()
    assert {report.match for report in found} == {"unmatched"}


async def test_a_poisoned_record_is_set_aside_and_the_stream_goes_on(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = await prepare(kafka_settings)
    frame = CODEC.encode_frame([submitted()])
    poison = [b"", b"not avro", frame[:-3], frame + b"x", CODEC.encode_frame([submitted()])[:11]]
    await producer.send_all([OutRecord(topics.deliveries, value, partition=0) for value in poison])
    await producer.send_all([OutRecord(topics.deliveries, None, b"key", 0)])
    await deliver(producer, kafka_settings, [submitted(), receipt()])
    collecting = Collecting(kafka_settings, tmp_path, "memory")
    assert len(await reports(kafka_settings, 1)) == 1
    letters = await read_all(kafka_settings, [topics.dead_letters], lambda found: len(found) >= 6)
    await collecting.ended()
    assert [letter.value for letter in letters] == [*poison, None]


async def test_it_refuses_to_start_without_its_topics(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    with pytest.raises(TopicMissing, match="connector topics create"):
        await Collecting(kafka_settings, tmp_path, "memory").task
    await make_topics(kafka_settings)
    with pytest.raises(TopicMissing, match="submitted-changelog does not exist"):
        await Collecting(kafka_settings, tmp_path, "memory").task


async def test_a_folder_that_cannot_be_written_is_said_so(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    await prepare(kafka_settings)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StageStopped, match=r"collect\.data_dir: cannot write to .*file"):
        await Collecting(kafka_settings, tmp_path / "file", "rocksdb").task


@stores
async def test_two_collectors_share_the_work_and_one_takes_over(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, store: str
) -> None:
    await prepare(kafka_settings)
    one = Collecting(kafka_settings, tmp_path / "one", store)
    ids = [str(number) for number in range(300)]
    await deliver(producer, kafka_settings, [submitted(each) for each in ids])
    await one.ready.wait()
    two = Collecting(kafka_settings, tmp_path / "two", store)
    await deliver(producer, kafka_settings, [receipt(each) for each in ids[:100]])
    await two.ready.wait()
    await deliver(producer, kafka_settings, [receipt(each) for each in ids[100:200]])
    await one.ended()
    await deliver(producer, kafka_settings, [receipt(each) for each in ids[200:]])
    found = await reports(kafka_settings, 300)
    await two.ended()
    assert {report.match for report in found} == {"matched"}
    assert {report.gateway_message_id for report in found} == set(ids)
