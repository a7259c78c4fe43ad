"""The topics: created as they should be, grown where slots are added, and their faults named with what to do."""

import pytest

from connector.domain.messages import Lane
from connector.kafka import topics
from connector.kafka.clients import Admin, KafkaRefused, TopicSpec, TopicState
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import TopicReport, Topics


def test_the_names_share_the_prefix() -> None:
    names = Topics("x.")
    assert names.lanes == ("x.lane.urgent", "x.lane.normal", "x.lane.bulk")
    assert names.lane(Lane.URGENT) == "x.lane.urgent"
    assert len(set(names.all)) == len(names.all) == 11
    assert {spec.name for spec in topics.specs(KafkaSettings(topic_prefix="x."), 1)} == set(names.all)


async def test_missing_topics_are_created_and_then_nothing_is_wrong(kafka_settings: KafkaSettings) -> None:
    names = Topics(kafka_settings.topic_prefix)
    wanted = topics.specs(kafka_settings, 3)
    async with Admin(kafka_settings) as admin:
        missing = await topics.check(admin, wanted, slotted=names.slotted)
        assert {fault.topic for fault in missing} == set(names.all)
        assert all("connector topics create" in fault.remedy for fault in missing)
        assert set(await topics.create(admin, wanted, slotted=names.slotted)) == set(names.all)
        assert await topics.check(admin, wanted, slotted=names.slotted) == []
        assert await topics.create(admin, wanted, slotted=names.slotted) == []
        assert (await admin.topics([names.ledger]))[names.ledger].partitions == 3


async def test_more_slots_are_a_fault_until_the_topics_grow(kafka_settings: KafkaSettings) -> None:
    names = Topics(kafka_settings.topic_prefix)
    async with Admin(kafka_settings) as admin:
        await topics.create(admin, topics.specs(kafka_settings, 1))
        wanted = topics.specs(kafka_settings, 2)
        faults = await topics.check(admin, wanted, slotted=names.slotted)
        assert {fault.topic for fault in faults} == names.slotted
        assert all("too few partitions: 1, and the accounts have 2 slots" in fault.problem for fault in faults)
        assert set(await topics.create(admin, wanted, slotted=names.slotted)) == names.slotted
        assert await topics.check(admin, wanted, slotted=names.slotted) == []
        fewer = await topics.check(admin, topics.specs(kafka_settings, 1), slotted=names.slotted)
        assert [fault.fatal for fault in fewer] == [False] * 4


async def test_a_cluster_that_cannot_refuses(kafka_settings: KafkaSettings) -> None:
    async with Admin(kafka_settings) as admin:
        with pytest.raises(KafkaRefused, match="InvalidReplicationFactorError"):
            await admin.create([TopicSpec(name=f"{kafka_settings.topic_prefix}x", partitions=1, replicas=3)])


@pytest.mark.parametrize(
    ("configs", "problem"),
    [
        ({"cleanup.policy": "compact"}, "compacts"),
        ({"max.message.bytes": "1000"}, "max.message.bytes is 1000"),
        ({"retention.ms": "1000"}, "retention.ms is 1000"),
    ],
)
def test_a_configuration_that_loses_records_is_named(configs: dict[str, str], problem: str) -> None:
    spec = topics.specs(KafkaSettings(), 1)[0]
    state = TopicState(name=spec.name, partitions=spec.partitions, replicas=1)
    (fault,) = topics.faults(TopicReport(spec=spec, state=state, configs=configs), slotted=False)
    assert problem in fault.problem
    assert topics.faults(TopicReport(spec=spec, state=state, configs={"retention.ms": "-1"}), slotted=False) == []
