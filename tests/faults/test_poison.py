"""One record ends every process that looks at it: it becomes a dead letter, and the stream goes on without it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector.domain.events import Delivery, DeliveryReport, LaneMessage
from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.kafka.clients import Admin, Consumer, OutRecord, Partition, Producer, Record
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.simulator.server import Simulator
from connector.simulator.settings import AccountSettings, SimulatorSettings
from connector.stages.trials import CRASHES
from tests.faults.processes import StageProcess
from tests.stages.deliveries import receipt, submitted
from tests.stages.reading import read_all
from tests.stages.test_collect import deliver, prepare
from tests.support.kafka import make_topics

CODEC = Codec()
BAD = "bad-1"
SECONDS = 120.0
# In a batch, at the head of one, and then alone until enough have died.
MOST_CRASHES = CRASHES + 2


def event(name: str, number: int, priority: Priority = Priority.NORMAL) -> bytes:
    return CODEC.encode(OutboundMessage(id=name, recipient=f"7999{number:07}", text="x", priority=priority))


async def endured(process: StageProcess, reading: Awaitable[list[Record]]) -> tuple[int, list[Record]]:
    """Starts the process whenever it has died, until there is enough to read; how often that was."""
    task = asyncio.ensure_future(reading)
    crashes = 0
    while True:
        await process.start("poison", BAD)
        dying = asyncio.create_task(process.died(SECONDS))
        await asyncio.wait({task, dying}, return_when=asyncio.FIRST_COMPLETED)
        if not dying.done():
            dying.cancel()
            return crashes, await task
        assert dying.result() == -9
        crashes += 1
        assert crashes <= 10, "the record is not found"


async def finished(process: StageProcess) -> None:
    assert await process.terminate() == 0


async def letters(kafka: KafkaSettings, topics: Topics) -> list[tuple[str, str, bytes | None]]:
    records = await read_all(kafka, [topics.dead_letters], lambda found: len(found) >= 1)
    return [
        (dict(each.headers)["dl_stage"].decode(), dict(each.headers)["dl_code"].decode(), each.value)
        for each in records
    ]


async def committed(kafka: KafkaSettings, group: str, place: Partition) -> tuple[int, str] | None:
    async with Admin(kafka) as admin:
        return (await admin.noted(f"{kafka.topic_prefix}{group}")).get(place)


def ids(records: Sequence[Record]) -> list[str]:
    return [item.message_id for record in records for item in CODEC.decode_frame(LaneMessage, record.value)]


@pytest.mark.parametrize(("stage", "priority"), [("route", Priority.NORMAL), ("express", Priority.URGENT)])
async def test_an_outbound_event(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, stage: str, priority: Priority
) -> None:
    """Broken by: no mark before the first records, no care after a crash, a commit that forgets the mark."""
    topics = await make_topics(kafka_settings, slots=2)
    names = [*(f"m-{number}" for number in range(40)), BAD, *(f"m-{number}" for number in range(40, 80))]
    await producer.send_all(
        [OutRecord(topics.outbound, event(name, n, priority), partition=0) for n, name in enumerate(names)]
    )
    process = StageProcess(stage, kafka_settings, tmp_path, route={"instance_id": "one", "commit_seconds": 0.2})
    try:
        enough: Callable[[list[Record]], bool] = lambda found: len(set(ids(found))) >= len(names) - 1  # noqa: E731
        crashes, records = await endured(process, read_all(kafka_settings, topics.lanes, enough, SECONDS))
        found = await letters(kafka_settings, topics)
        await finished(process)
    finally:
        await process.kill()
    print(f"{stage}: {crashes} processes ended")  # noqa: T201
    assert found == [(stage, "poison", event(BAD, 40, priority))]
    assert set(ids(records)) == set(names) - {BAD}
    assert crashes <= MOST_CRASHES
    assert await committed(kafka_settings, stage, Partition(topics.outbound, 0)) == (len(names), "")


async def test_a_delivery(producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    """In a frame with others, which are not lost with it."""
    topics = await prepare(kafka_settings)
    frames: list[list[Delivery]] = []
    for first in range(0, 60, 10):
        frames.append([submitted(str(n), message_id=f"m-{n}") for n in range(first, first + 10)])
        frames.append([receipt(str(n)) for n in range(first, first + 10)])
    frames[5][5:5] = [submitted("bad", message_id=BAD)]
    for frame in frames:
        await deliver(producer, kafka_settings, frame)
    collect = {"data_dir": str(tmp_path / "tables"), "instance_id": "one", "commit_seconds": 0.2}
    process = StageProcess("collect", kafka_settings, tmp_path, collect=collect)

    def enough(found: list[Record]) -> bool:
        return len({CODEC.decode(DeliveryReport, record.value).message_id for record in found}) >= 60

    try:
        crashes, buried = await endured(
            process, read_all(kafka_settings, [topics.dead_letters], lambda found: len(found) >= 1, SECONDS)
        )
        reports = await read_all(kafka_settings, [topics.delivery_reports], enough)
        await finished(process)
    finally:
        await process.kill()
    print(f"collect: {crashes} processes ended")  # noqa: T201
    (letter,) = buried
    headers = dict(letter.headers)
    assert (headers["dl_stage"], headers["dl_code"]) == (b"collect", b"poison")
    assert [item.message_id for item in CODEC.decode_frame(Delivery, letter.value)] == [BAD]
    assert crashes <= MOST_CRASHES
    found = [CODEC.decode(DeliveryReport, record.value) for record in reports]
    assert {report.message_id for report in found} == {f"m-{number}" for number in range(60)}
    assert {report.match for report in found} == {"matched"}


async def test_a_message_in_a_lane(producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    """In a frame with others: those are sent, once each, and the lane goes on."""
    topics = await make_topics(kafka_settings)
    names = [*(f"m-{number}" for number in range(45)), BAD, *(f"m-{number}" for number in range(45, 95))]
    items = [
        LaneMessage(
            message_id=name,
            account="main",
            slot=0,
            lane=Lane.NORMAL,
            source_topic=topics.outbound,
            source_partition=0,
            source_offset=n,
            received_at=1,
            routed_at=1,
            event=event(name, n),
        )
        for n, name in enumerate(names)
    ]
    await producer.send_all(
        [
            OutRecord(topics.outbound, event(name, n), partition=0, key=name.encode(), headers=(("tenant", b"blue"),))
            for n, name in enumerate(names)
        ]
    )
    await producer.send_all(
        [
            OutRecord(topics.lane(Lane.NORMAL), CODEC.encode_frame(items[n : n + 10]), partition=0)
            for n in range(0, len(items), 10)
        ]
    )
    settings = SimulatorSettings(accounts=(AccountSettings(system_id="demo", password=SecretStr("demo"), speed=1000),))
    async with Simulator(settings) as gateway:
        account = {
            "name": "main",
            "host": "127.0.0.1",
            "port": gateway.port,
            "rate": 1000,
            "system_id": "demo",
            "password": "demo",
        }
        process = StageProcess("submit", kafka_settings, tmp_path, accounts=[account], submit={"instance_id": "one"})
        try:
            crashes, buried = await endured(
                process, read_all(kafka_settings, [topics.dead_letters], lambda found: len(found) >= 1, SECONDS)
            )
            await gateway.until(lambda: len(gateway.record.submits()) >= len(names) - 1, 60)
            await finished(process)
        finally:
            await process.kill()
        submits = gateway.record.submits()
    print(f"submit: {crashes} processes ended")  # noqa: T201
    (letter,) = buried
    headers = dict(letter.headers)
    assert (headers["dl_stage"], headers["dl_code"]) == (b"submit", b"poison")
    assert (headers["dl_message_id"], letter.value) == (BAD.encode(), event(BAD, 45))
    assert (letter.key, headers["tenant"]) == (BAD.encode(), b"blue"), "as it stood on the outbound topic"
    assert crashes <= MOST_CRASHES
    numbers = [each.pdu.destination_addr for each in submits if each.accepted]
    assert len(numbers) == len(set(numbers)) == len(names) - 1
    async with Admin(kafka_settings) as admin:
        place = Partition(topics.lane(Lane.NORMAL), 0)
        # Ten frames, and the other items of one of them again.
        assert (await admin.noted(f"{kafka_settings.topic_prefix}submit"))[place] == (19, "")


async def test_kills_that_hit_any_record_make_none_of_them_poison(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    """An operator's kill -9, again and again, in the middle of healthy records. Broken by: counting starts instead of
    one record's."""
    topics = await make_topics(kafka_settings, slots=2)
    count = 2_000
    process = StageProcess("route", kafka_settings, tmp_path, route={"instance_id": "one", "batch_records": 50})
    try:
        for round_ in range(5):
            first = round_ * count
            await producer.send_all(
                [OutRecord(topics.outbound, event(f"m-{n}", n), partition=n % 2) for n in range(first, first + count)]
            )
            await process.start(*(("after:send", "3") if round_ % 2 else ("before:send", "5")))
            assert await process.died() == -9
        await process.start()
        records = await read_all(kafka_settings, topics.lanes, lambda found: len(set(ids(found))) >= 5 * count, 60)
        await finished(process)
    finally:
        await process.kill()
    assert set(ids(records)) == {f"m-{n}" for n in range(5 * count)}
    async with Consumer(kafka_settings) as consumer:
        place = Partition(topics.dead_letters, 0)
        assert (await consumer.end_offsets([place])) == {place: 0}
