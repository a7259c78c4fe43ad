"""kill -9 at every step of the router: every outbound event reaches its lane, and a repeat says where it came from."""

import asyncio
import random
from pathlib import Path

from connector.domain.events import LaneMessage
from connector.domain.messages import OutboundMessage, Priority
from connector.kafka.clients import Admin, OutRecord, Producer, Record
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from tests.faults.processes import StageProcess
from tests.stages.reading import read_all
from tests.support.kafka import make_topics

CODEC = Codec()
STEPS = ("before:send", "after:send", "before:commit", "after:commit")
WAVE = 400


async def test_no_event_is_lost_and_every_repeat_is_told(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = await make_topics(kafka_settings, slots=2)
    # Static membership spares the waiting for the session time-out of the one that was killed.
    route = {"batch_records": 50, "commit_seconds": 0.2, "instance_id": "one", "drain_seconds": 10}
    process = StageProcess("route", kafka_settings, tmp_path, route=route)
    sent = 0
    dice = random.Random(7)

    async def wave() -> None:
        nonlocal sent
        records = []
        for number in range(sent, sent + WAVE):
            message = OutboundMessage(
                id=f"m-{number}", recipient=f"7999{number:07}", text="x", priority=Priority.NORMAL
            )
            records.append(OutRecord(topics.outbound, CODEC.encode(message), partition=number % 2))
        sent += WAVE
        await producer.send_all(records)

    try:
        for step in STEPS:
            await wave()
            # One commit may cover the whole wave.
            await process.start(step, "1" if step.endswith("commit") else "2")
            assert await process.died() == -9, step
        for _ in range(2):
            await wave()
            await process.start()
            await process.ready()
            await asyncio.sleep(dice.uniform(0, 0.2))
            await process.kill()
        await process.start()
        records = await read_all(kafka_settings, topics.lanes, lambda found: len(_ids(found)) >= sent)
        assert await process.terminate() == 0
    finally:
        await process.kill()
    assert _ids(records) == {f"m-{number}" for number in range(sent)}
    places: dict[str, set[tuple[int, int]]] = {}
    for item in _items(records):
        places.setdefault(item.message_id, set()).add((item.source_partition, item.source_offset))
    assert all(len(found) == 1 for found in places.values()), "a repeat has the coordinates of its event"
    async with Admin(kafka_settings) as admin:
        assert sum((await admin.committed(f"{kafka_settings.topic_prefix}route")).values()) == sent


def _items(records: list[Record]) -> list[LaneMessage]:
    return [item for record in records for item in CODEC.decode_frame(LaneMessage, record.value)]


def _ids(records: list[Record]) -> set[str]:
    return {item.message_id for item in _items(records)}
