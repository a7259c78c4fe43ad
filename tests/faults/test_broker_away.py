"""The broker dies and comes back while the stages work: they wait without haste, and lose nothing."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import OutRecord, Producer, Record
from connector.kafka.records import Codec
from connector.stages.route import run_route
from connector.stages.settings import StageConfig
from tests.e2e.standstill import fill, gateway, submitter
from tests.stages.deliveries import receipt, submitted
from tests.stages.reading import read_all
from tests.stages.test_collect import ACCOUNT, Collecting, deliver, prepare, reports
from tests.stages.test_route import lane_messages
from tests.support.kafka import make_topics, settings_for
from tests.support.world import PATIENCE

CODEC = Codec()


AWAY = 8.0
# Each of them tries again after 0.2 s, then twice as long each time, up to 5 s.
MOST_TRIES = 10


async def test_the_stages_outlive_the_broker(
    own_kafka: EmbeddedKafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = settings_for(own_kafka, "away.")
    topics = await prepare(kafka)
    stop = asyncio.Event()
    config = StageConfig(kafka=kafka, accounts=(ACCOUNT,))
    routing = asyncio.create_task(run_route(config, lambda: None, stop))
    collecting = Collecting(kafka, tmp_path, "rocksdb")
    await collecting.ready.wait()

    async def wave(start: int, end: int) -> None:
        async with Producer(kafka) as producer:
            messages = [
                OutboundMessage(id=f"m-{number}", recipient="79990000001", text="x", priority=Priority.NORMAL)
                for number in range(start, end)
            ]
            await producer.send_all([OutRecord(topics.outbound, CODEC.encode(message)) for message in messages])
            await deliver(producer, kafka, [submitted(str(number)) for number in range(start, end)])
            await deliver(producer, kafka, [receipt(str(number)) for number in range(start, end)])

    await wave(0, 100)
    assert len(await reports(kafka, 100)) == 100
    own_kafka.kill()
    caplog.clear()
    began = time.process_time()
    await asyncio.sleep(AWAY)
    print(f"two stages without a broker: {(time.process_time() - began) / AWAY:.0%} of a core")  # noqa: T201
    assert not routing.done()
    assert not collecting.task.done()
    said = Counter(each.name for each in caplog.records if each.name.startswith("connector."))
    assert all(count <= 2 * MOST_TRIES for count in said.values()), said
    await asyncio.to_thread(own_kafka.restart)
    await wave(100, 300)
    found = await reports(kafka, 300)
    records = await read_all(kafka, topics.lanes, lambda found: len(ids(found)) >= 300)
    stop.set()
    await routing
    await collecting.ended()
    assert {report.match for report in found} == {"matched"}
    assert len({report.event_id for report in found}) == 300
    assert len(ids(records)) == 300


async def test_a_submitter_without_its_broker_does_not_spin(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """It has a bind and an empty lane; its processor time is printed, and it goes on where it stood."""
    kafka = settings_for(own_kafka, "away.")
    topics = await make_topics(kafka)
    async with gateway() as simulator:
        process = submitter(kafka, tmp_path, simulator.port)
        try:
            await process.start()
            await process.ready()
            async with Producer(kafka) as producer:
                await fill(producer, topics, range(100))
            await simulator.until(lambda: len(simulator.record.submits()) == 100, PATIENCE)
            own_kafka.kill()
            before = await process.held()
            await asyncio.sleep(AWAY)
            after = await process.held()
            print(f"a submitter without a broker: {(after['cpu'] - before['cpu']) / AWAY / 1000:.0%} of a core")  # noqa: T201
            await asyncio.to_thread(own_kafka.restart)
            async with Producer(kafka) as producer:
                await fill(producer, topics, range(100, 200), Lane.URGENT)
            await simulator.until(lambda: len(simulator.record.submits()) >= 200, PATIENCE)
            assert await process.terminate() == 0
        finally:
            await process.kill()
        numbers = [each.pdu.destination_addr for each in simulator.record.submits()]
    assert len(numbers) == len(set(numbers)) == 200


def ids(records: list[Record]) -> set[str]:
    return {item.message_id for item in lane_messages(records)}
