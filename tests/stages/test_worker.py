"""Faust in our own process, on a real broker: what is committed, and how it ends."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from faust.types.tuples import TP

from connector.kafka.clients import Admin, OutRecord, Partition, Producer, Record, TopicMissing
from connector.kafka.door import connection
from connector.kafka.settings import KafkaSettings
from connector.stages.positions import Poll
from connector.stages.readiness import require_topics
from connector.stages.worker import Handler, NotOurs, StageApp, WorkerSettings, run_worker
from tests.support.kafka import make_topics


async def never(record: Record, item: int) -> None:
    raise AssertionError("nothing here ends a process")


class Running:
    """A worker on the outbound topic."""

    def __init__(self, kafka: KafkaSettings, handler: Handler, *, batch_records: int = 100) -> None:
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        app = StageApp(
            WorkerSettings(
                group=f"{kafka.topic_prefix}test", kafka=kafka, batch_records=batch_records, commit_seconds=0.2
            )
        )
        self.app = app
        app.handle(f"{kafka.topic_prefix}outbound", handler, bury=never)
        self.task = asyncio.create_task(run_worker(app, ready=self.ready.set, stop=self.stop, drain_seconds=10))

    async def started(self) -> "Running":
        waiting = asyncio.create_task(self.ready.wait())
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            await self.task
        return self

    @property
    def coordinator(self) -> Any:
        return self.app.consumer._thread._ensure_consumer()._coordinator

    def leads(self) -> bool:
        return self.coordinator._group_subscription is not None

    def rejoin(self) -> None:
        self.app.consumer._thread.thread_loop.call_soon_threadsafe(self.coordinator.request_rejoin)

    async def ended(self) -> None:
        self.stop.set()
        await self.task


async def fill(producer: Producer, kafka: KafkaSettings, count: int, start: int = 0) -> set[bytes]:
    values = {b"%06d" % number for number in range(start, start + count)}
    topic = f"{kafka.topic_prefix}outbound"
    await producer.send_all([OutRecord(topic, value, partition=int(value) % 2) for value in sorted(values)])
    return values


async def committed(kafka: KafkaSettings) -> int:
    async with Admin(kafka) as admin:
        return sum((await admin.committed(f"{kafka.topic_prefix}test")).values())


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is watched changes without telling
            await asyncio.sleep(0.02)


def collecting(seen: list[bytes]) -> Handler:
    async def handler(poll: Poll) -> None:
        seen.extend(record.value or b"" for record in poll.records())

    return handler


async def test_what_was_handled_is_committed_at_the_end(producer: Producer, kafka_settings: KafkaSettings) -> None:
    await make_topics(kafka_settings)
    values = await fill(producer, kafka_settings, 500)
    seen: list[bytes] = []
    running = await Running(kafka_settings, collecting(seen)).started()
    await until(lambda: len(seen) == 500)
    await running.ended()
    assert set(seen) == values
    assert await committed(kafka_settings) == 500


async def test_a_handler_that_fails_stops_the_stage_and_its_fetch_is_not_committed(
    producer: Producer, kafka_settings: KafkaSettings
) -> None:
    await make_topics(kafka_settings)
    values = await fill(producer, kafka_settings, 300)
    seen: list[bytes] = []

    async def failing(poll: Poll) -> None:
        if len(seen) >= 200:
            raise ZeroDivisionError
        seen.extend(record.value or b"" for record in poll.records())

    running = Running(kafka_settings, failing)
    with pytest.raises(ZeroDivisionError):
        await running.task
    assert await committed(kafka_settings) == len(seen)
    again: list[bytes] = []
    running = await Running(kafka_settings, collecting(again)).started()
    await until(lambda: set(seen) | set(again) == values)
    await running.ended()
    assert not set(seen) & set(again)


async def test_stopping_lets_the_fetch_under_way_finish(producer: Producer, kafka_settings: KafkaSettings) -> None:
    await make_topics(kafka_settings)
    await fill(producer, kafka_settings, 100)
    begun = asyncio.Event()
    done: list[bytes] = []

    async def slow(poll: Poll) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        done.extend(record.value or b"" for record in poll.records())

    running = Running(kafka_settings, slow)
    await begun.wait()
    await running.ended()
    assert done
    assert await committed(kafka_settings) == len(done)


async def test_a_member_that_joins_again_within_a_generation_misses_nothing_and_goes_on(
    producer: Producer, kafka_settings: KafkaSettings
) -> None:
    """As one does that hears of a change of the topics: what it had fetched is void, though Kafka's generation is the
    same. Broken by: telling what was fetched before from what is fetched now by that generation; leaving a partition
    without a committed position where it is, when what a fetch brought over a rebalance is not taken; going on with
    what follows a fetch that was given up."""
    await make_topics(kafka_settings)
    seen: list[bytes] = []

    running: list[Running] = []

    async def slowly(number: int, poll: Poll) -> None:
        # So that fetches wait for their turn when partitions move; and the one under way is given up then.
        await asyncio.sleep(0.01)
        if running[number].app.moving:
            raise NotOurs
        seen.extend(record.value or b"" for record in poll.records())

    for number in range(2):
        running.append(Running(kafka_settings, partial(slowly, number), batch_records=10))
        await running[number].started()
    coordinators = [each.coordinator for each in running]
    followers = [each for each in running if not each.leads()]
    assert len(followers) == 1
    values = set[bytes]()
    for number in range(6):
        values |= await fill(producer, kafka_settings, 500, start=500 * number)
        await until(lambda number=number: len(set(seen)) > 500 * number)  # type: ignore[misc]
        generation, assignments = coordinators[0].generation, followers[0].app.assignments
        followers[0].rejoin()
        await until(lambda before=assignments: followers[0].app.assignments > before)  # type: ignore[misc]
        assert {each.generation for each in coordinators} == {generation}
    await until(lambda: set(seen) == values)
    for each in running:
        await each.ended()
    assert await committed(kafka_settings) == len(values)


async def test_a_fetch_that_does_not_finish_in_time_is_left_uncommitted(
    producer: Producer, kafka_settings: KafkaSettings
) -> None:
    await make_topics(kafka_settings)
    await fill(producer, kafka_settings, 10)
    begun = asyncio.Event()

    async def stuck(poll: Poll) -> None:
        begun.set()
        await asyncio.Event().wait()

    stop = asyncio.Event()
    app = StageApp(
        WorkerSettings(
            group=f"{kafka_settings.topic_prefix}test", kafka=kafka_settings, batch_records=100, commit_seconds=0.2
        )
    )
    app.handle(f"{kafka_settings.topic_prefix}outbound", stuck, bury=never)
    task = asyncio.create_task(run_worker(app, ready=lambda: None, stop=stop, drain_seconds=0.5))
    await begun.wait()
    stop.set()
    await task
    assert await committed(kafka_settings) == 0


async def test_members_that_come_and_go_lose_nothing(producer: Producer, kafka_settings: KafkaSettings) -> None:
    """Rebalances while records flow; a clean one repeats nothing that was committed."""
    await make_topics(kafka_settings)
    seen: list[bytes] = []

    async def handler(poll: Poll) -> None:
        await asyncio.sleep(0.01)
        seen.extend(record.value or b"" for record in poll.records())

    values = await fill(producer, kafka_settings, 1500)
    one = await Running(kafka_settings, handler, batch_records=20).started()
    two = await Running(kafka_settings, handler, batch_records=20).started()
    values |= await fill(producer, kafka_settings, 500, start=1500)
    await one.ended()
    three = await Running(kafka_settings, handler, batch_records=20).started()
    await two.ended()
    await until(lambda: set(seen) == values)
    await three.ended()
    assert await committed(kafka_settings) == 2000


async def test_it_listens_nowhere(kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust's web server would take port 6066 on every interface."""
    await make_topics(kafka_settings)
    listening: list[object] = []
    monkeypatch.setattr("socket.socket.listen", lambda sock, *_: listening.append(sock.getsockname()))
    running = await Running(kafka_settings, collecting([])).started()
    await running.ended()
    assert listening == []


async def test_the_process_environment_configures_nothing(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", "kafka://192.0.2.1:9")
    monkeypatch.setenv("APP_ID_FORMAT", "x")
    await make_topics(kafka_settings)
    running = await Running(kafka_settings, collecting([])).started()
    await running.ended()


async def test_topics_must_be_there(kafka_settings: KafkaSettings) -> None:
    topics = await make_topics(kafka_settings)
    async with Admin(kafka_settings) as admin:
        assert await require_topics(admin, {topics.outbound: 1}) == {topics.outbound: 2}
        with pytest.raises(TopicMissing, match=r"missing does not exist: run `connector topics create`"):
            await require_topics(admin, {"missing": 1})
        with pytest.raises(TopicMissing, match=r"has 2 partitions and needs 3"):
            await require_topics(admin, {topics.outbound: 3})


def test_partitions_compare_with_fausts_own() -> None:
    """`TP` and `Partition` are both pairs of topic and number."""
    assert Partition("t", 1) == TP("t", 1)


async def test_a_group_that_was_given_nothing_looks_again_soon(kafka_settings: KafkaSettings) -> None:
    """A broker that has just come back may know no topics yet, and the leader shares out none. Broken by: Faust's own
    default, with which route and collect stood still for five minutes."""
    app = StageApp(WorkerSettings(group="test", kafka=kafka_settings, batch_records=100, commit_seconds=1.0))
    assert app.conf.consumer_metadata_max_age_ms == connection(kafka_settings, "test")["metadata_max_age_ms"] <= 10_000
