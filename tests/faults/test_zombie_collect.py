"""A collector stopped (SIGSTOP) past its session time-out goes on while another one has its partitions."""

import asyncio
import signal
from pathlib import Path

from connector.domain.events import DeliveryReport
from connector.kafka.clients import Producer, Record
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from tests.faults.processes import StageProcess
from tests.stages.deliveries import receipt, submitted
from tests.stages.reading import read_all
from tests.stages.test_collect import deliver, prepare

CODEC = Codec()


def collectors(kafka: KafkaSettings, folder: Path) -> list[StageProcess]:
    """Two, each with a disk of its own."""
    processes = []
    for name in ("one", "two"):
        own = folder / name
        own.mkdir()
        collect = {"data_dir": str(own / "tables"), "batch_records": 5, "commit_seconds": 0.2}
        processes.append(StageProcess("collect", kafka, own, collect=collect))
    return processes


async def test_a_zombie_takes_nothing_away(producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    topics = await prepare(kafka_settings)
    zombie, other = processes = collectors(kafka_settings, tmp_path)
    ids = [str(number) for number in range(600)]
    try:
        await zombie.start()
        await zombie.ready()
        await deliver(producer, kafka_settings, [submitted(each) for each in ids])
        for each in ids[:200]:
            await deliver(producer, kafka_settings, [receipt(each)])
        zombie.send(signal.SIGSTOP)
        await other.start()
        await other.ready()
        await deliver(producer, kafka_settings, [receipt(each) for each in ids[200:400]])
        await read_all(kafka_settings, [topics.delivery_reports], lambda found: len(found) >= 400, 60)
        zombie.send(signal.SIGCONT)
        await deliver(producer, kafka_settings, [receipt(each) for each in ids[400:]])
        records = await read_all(kafka_settings, [topics.delivery_reports], lambda found: len(found) >= 600, 60)
        await asyncio.sleep(2)
        await deliver(producer, kafka_settings, [receipt(each, status=2) for each in ids])
        records = await read_all(kafka_settings, [topics.delivery_reports], lambda found: len(found) >= 1200, 60)
        await other.terminate()
    finally:
        for process in processes:
            await process.kill()
    found = [CODEC.decode(DeliveryReport, record.value) for record in records]
    assert {report.match for report in found} == {"matched"}
    assert {(report.gateway_message_id, report.additional_status) for report in found} == {
        (each, status) for each in ids for status in (None, 2)
    }


async def test_what_was_parked_while_it_stood_still_is_found_when_it_owns_all_again(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    """Receipts that came before their messages wait in a table that the other one wrote."""
    topics = await prepare(kafka_settings)
    zombie, other = processes = collectors(kafka_settings, tmp_path)
    ids = [str(number) for number in range(200)]
    early = [str(number) for number in range(1000, 1200)]
    try:
        await zombie.start()
        await zombie.ready()
        await deliver(producer, kafka_settings, [submitted(each) for each in ids])
        await deliver(producer, kafka_settings, [receipt(each) for each in ids[:20]])
        await read_all(kafka_settings, [topics.delivery_reports], lambda found: len(found) >= 20, 60)
        zombie.send(signal.SIGSTOP)
        await other.start()
        await other.ready()
        for place, each in enumerate(early):
            await deliver(producer, kafka_settings, [receipt(each)])
            if place < 180:
                await deliver(producer, kafka_settings, [receipt(ids[20 + place])])
        await read_all(kafka_settings, [topics.delivery_reports], lambda found: len(found) >= 200, 60)
        zombie.send(signal.SIGCONT)
        # It goes on with what it knows; a moment later it hears that it was put out, and joins again.
        await asyncio.sleep(3)
        await other.terminate()
        await deliver(producer, kafka_settings, [submitted(each) for each in early])
        records = await read_all(kafka_settings, [topics.delivery_reports], lambda found: _matched(found) >= 400, 60)
    finally:
        for process in processes:
            await process.kill()
    found = [CODEC.decode(DeliveryReport, record.value) for record in records]
    assert {report.match for report in found} == {"matched"}


def _matched(records: list[Record]) -> int:
    return len({CODEC.decode(DeliveryReport, record.value).gateway_message_id for record in records})
