"""Members of a group: what they are told, how old their lease is, and what a static one keeps."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

from connector.kafka.clients import Consumer, OutRecord, Partition, PartitionLost, Producer
from connector.kafka.settings import KafkaSettings
from connector.kafka.sharing import Family
from tests.support.kafka import make_topics


class Told:
    """Notes what the group tells a member."""

    def __init__(self) -> None:
        self.log: list[tuple[str, list[Partition]]] = []
        self.now: frozenset[Partition] = frozenset()

    async def on_revoked(self, partitions: Sequence[Partition]) -> None:
        self.log.append(("revoked", list(partitions)))
        self.now = frozenset()

    async def on_assigned(self, partitions: Sequence[Partition]) -> None:
        self.log.append(("assigned", list(partitions)))
        self.now = frozenset(partitions)


def family(slot: int) -> str:
    return "main"


async def poll(*consumers: Consumer) -> None:
    await asyncio.gather(*(consumer.getmany(timeout=0.1) for consumer in consumers))


async def test_members_share_the_partitions_and_take_over(kafka_settings: KafkaSettings) -> None:
    names = await make_topics(kafka_settings, slots=2)
    first, second = Told(), Told()
    group = f"{names.prefix}g"
    both = {Partition(names.ledger, 0), Partition(names.ledger, 1)}
    async with Consumer(kafka_settings, group=group, topics=[names.ledger], listener=first) as one:
        assert first.now == both
        async with (
            Consumer(kafka_settings, group=group, topics=[names.ledger], listener=second) as two,
            asyncio.timeout(20),
        ):
            while not (first.now and second.now):
                await poll(one, two)
            assert first.now | second.now == both
            assert not first.now & second.now
            assert all(consumer.lease_age(time.monotonic()) < 5 for consumer in (one, two))
        async with asyncio.timeout(20):
            while first.now != both:
                await poll(one)
    assert [word for word, _ in first.log] == ["assigned", "revoked", "assigned", "revoked", "assigned"]


async def test_a_lanes_partitions_of_one_slot_stay_together(kafka_settings: KafkaSettings) -> None:
    names = await make_topics(kafka_settings, slots=4)
    told = [Told(), Told()]
    group = f"{names.prefix}g"
    async with (
        Consumer(kafka_settings, group=group, topics=names.lanes, listener=told[0]) as one,
        Consumer(kafka_settings, group=group, topics=names.lanes, listener=told[1]) as two,
        asyncio.timeout(20),
    ):
        while not all(len(member.now) == 6 for member in told):
            await poll(one, two)
    for member in told:
        slots = {where.partition for where in member.now}
        assert len(slots) == 2


@pytest.mark.parametrize("shared", [None, family])
async def test_whoever_joins_costs_the_group_one_round(kafka_settings: KafkaSettings, shared: Family | None) -> None:
    """aiokafka asks to join once for each assignor of a member, and each of these requests ends the round before it:
    with two assignors the members kept each other from ever being done, for minutes."""
    names = await make_topics(kafka_settings, slots=6)
    told = [Told() for _ in range(4)]
    joining = partial(Consumer, kafka_settings, group=f"{names.prefix}g", topics=[names.ledger], family=shared)
    async with contextlib.AsyncExitStack() as stack, asyncio.timeout(60):
        members: list[Consumer] = []
        for count, listener in enumerate(told, start=1):
            members.append(await stack.enter_async_context(joining(listener=listener)))
            while sum(len(member.now) for member in told) < 6 or not all(member.now for member in told[:count]):
                await poll(*members)
            assert {member._inner._coordinator.generation for member in members} == {count}
        for number, member in enumerate(told):
            assert len(member.log) == 1 + 2 * (len(told) - 1 - number)


async def test_who_joins_takes_only_its_share(kafka_settings: KafkaSettings) -> None:
    names = await make_topics(kafka_settings, slots=6)
    told = [Told(), Told(), Told()]
    joining = partial(Consumer, kafka_settings, group=f"{names.prefix}g", topics=names.lanes, family=family)
    async with joining(listener=told[0]) as one, joining(listener=told[1]) as two, asyncio.timeout(40):
        while not all(len(member.now) == 9 for member in told[:2]):
            await poll(one, two)
        before = [member.now for member in told[:2]]
        async with joining(listener=told[2]) as three:
            while not all(len(member.now) == 6 for member in told):
                await poll(one, two, three)
            assert all(member.now < had for member, had in zip(told[:2], before, strict=True))


@pytest.mark.parametrize("shared", [None, family])
async def test_a_static_member_gets_its_partitions_back_unnoticed(
    kafka_settings: KafkaSettings, shared: Family | None
) -> None:
    names = await make_topics(kafka_settings, slots=2)
    other, before, after = Told(), Told(), Told()
    joining = partial(Consumer, kafka_settings, group=f"{names.prefix}g", topics=[names.ledger], family=shared)
    async with joining(listener=other, instance_id="a") as one:
        async with (
            joining(listener=before, instance_id="b") as two,
            asyncio.timeout(20),
        ):
            while not (other.now and before.now):
                await poll(one, two)
        told = len(other.log)
        async with joining(listener=after, instance_id="b") as two:
            await poll(one, two)
            assert after.now == before.now
            assert len(other.log) == told


async def unheard() -> bool:
    """A heartbeat that does not reach the broker."""
    return False


async def test_an_expelled_member_has_no_lease_and_cannot_commit(
    kafka_settings: KafkaSettings, producer: Producer
) -> None:
    """What a process finds that was stopped for longer than the session time-out."""
    names = await make_topics(kafka_settings)
    group = f"{names.prefix}g"
    where = Partition(names.ledger, 0)
    told = Told()
    async with Consumer(kafka_settings, group=group, topics=[names.ledger], listener=told) as zombie:
        zombie._inner._coordinator._do_heartbeat = unheard
        heir = Consumer(kafka_settings, group=group, topics=[names.ledger])
        starting = asyncio.create_task(heir.start())
        await asyncio.wait_for(starting, 30)
        assert zombie.lease_age(time.monotonic()) >= kafka_settings.session_timeout
        with pytest.raises(PartitionLost):
            await zombie.commit({where: 1})
        await heir.stop()


LOADING = 14


@pytest.mark.parametrize("shared", [None, "static"])
async def test_a_lease_that_ran_out_is_renewed_by_the_group_s_word_and_not_by_a_heartbeat(
    kafka_settings: KafkaSettings, shared: str | None
) -> None:
    """A coordinator that is loading its group answers every heartbeat well, also to whom it has put out; it is the only
    answer that it gives. The member keeps what it has: nobody joins again."""
    names = await make_topics(kafka_settings)
    told, ahead, loading, heard = Told(), 0.0, False, list[type]()

    def clock() -> float:
        return time.monotonic() + ahead

    consumer = Consumer(
        kafka_settings,
        group=f"{names.prefix}g",
        topics=[names.ledger],
        listener=told,
        instance_id=shared,
        clock=clock,
    )
    async with consumer, asyncio.timeout(60):
        coordinator = consumer._inner._coordinator
        wire = coordinator._client.send

        async def send(node: int, request: Any, **options: Any) -> Any:
            response = await wire(node, request, **options)
            heard.append(type(request))
            if loading and isinstance(request, SyncGroupRequest):
                return SimpleNamespace(error_code=LOADING, member_assignment=b"")
            return response

        coordinator._client.send = send
        assert consumer.lease_age(clock()) < kafka_settings.session_timeout
        ahead, loading = kafka_settings.session_timeout, True
        heard.clear()
        while heard.count(SyncGroupRequest) < 2:
            assert consumer.lease_age(clock()) >= kafka_settings.session_timeout
            await poll(consumer)
        assert HeartbeatRequest in heard
        loading = False
        while consumer.lease_age(clock()) >= kafka_settings.session_timeout:
            await poll(consumer)
        assert [word for word, _ in told.log] == ["assigned"]
        heard.clear()
        while heard.count(HeartbeatRequest) < 2:
            await poll(consumer)
        assert SyncGroupRequest not in heard, "a young lease needs no more than heartbeats"


async def test_who_was_put_out_is_not_given_its_lease_back(kafka_settings: KafkaSettings) -> None:
    """Its lease has run out, an heir has its partitions, and a heartbeat of its is answered well all the same."""
    names = await make_topics(kafka_settings)
    group, ahead, believed = f"{names.prefix}g", 0.0, False

    def clock() -> float:
        return time.monotonic() + ahead

    async with Consumer(kafka_settings, group=group, topics=[names.ledger], clock=clock) as zombie:
        coordinator = zombie._inner._coordinator
        wire, codes = coordinator._client.send, list[int]()

        async def send(node: int, request: Any, **options: Any) -> Any:
            if isinstance(request, HeartbeatRequest):
                # As a coordinator does that is loading; until then none reaches it.
                if not believed:
                    raise KafkaConnectionError
                return SimpleNamespace(error_code=0)
            response = await wire(node, request, **options)
            if isinstance(request, SyncGroupRequest):
                codes.append(response.error_code)
            return response

        coordinator._client.send = send
        heir = Consumer(kafka_settings, group=group, topics=[names.ledger])
        await asyncio.wait_for(heir.start(), 30)
        ahead, believed = kafka_settings.session_timeout, True
        async with asyncio.timeout(30):
            while not codes:
                await poll(zombie)
        assert codes[0] != 0
        assert zombie.lease_age(clock()) >= kafka_settings.session_timeout
        believed = False
        await heir.stop()


async def test_paused_partitions_return_nothing_and_lag_is_known(
    kafka_settings: KafkaSettings, producer: Producer
) -> None:
    names = await make_topics(kafka_settings)
    where = Partition(names.ledger, 0)
    async with Consumer(kafka_settings, group=f"{names.prefix}g", topics=[names.ledger]) as consumer:
        consumer.pause(where)
        await producer.send_all([OutRecord(names.ledger, b"x", partition=0, timestamp_ms=n + 1) for n in range(10)])
        assert await consumer.getmany(timeout=0.3) == {}
        consumer.resume(where)
        assert len((await consumer.getmany(timeout=5, max_records=4))[where]) == 4
        assert consumer.lag(where) == 6
        consumer.seek(where, 1)
        assert await consumer.position(where) == 1
        assert await consumer.offsets_for_time([where], 8) == {where: 7}
        assert await consumer.offsets_for_time([where], 99) == {where: None}
        assert await consumer.end_offsets([where]) == {where: 10}
        with pytest.raises(PartitionLost):
            consumer.seek(Partition("elsewhere", 0), 1)
