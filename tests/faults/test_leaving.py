"""A stage that is told to stop while Kafka is away stops in the time it says, and need not be killed."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from connector.cli.run import EXIT_GRACE
from connector.domain.messages import OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import OutRecord, Producer
from connector.kafka.records import Codec
from connector.stages.leaving import stops_within
from tests.faults.processes import StageProcess
from tests.stages.deliveries import receipt, submitted
from tests.stages.test_collect import deliver, prepare
from tests.support.kafka import make_topics, settings_for

CODEC = Codec()
DRAIN = 2.0


@pytest.mark.parametrize("how", ["dead", "frozen"])
async def test_with_kafka_away_every_stage_stops_in_time(own_kafka: EmbeddedKafka, tmp_path: Path, how: str) -> None:
    """Broken by: waiting for what Faust or aiokafka never end; a step of the way out without an end of its own."""
    kafka = settings_for(own_kafka, "leaving.")
    topics = await make_topics(kafka, slots=2)
    await prepare(kafka)
    sections: dict[str, dict[str, Any]] = {
        "route": {"drain_seconds": DRAIN},
        "collect": {"drain_seconds": DRAIN, "data_dir": str(tmp_path / "data")},
    }
    stages = {name: StageProcess(name, kafka, tmp_path, **sections) for name in ("route", "express", "collect")}

    async def stopped(process: StageProcess) -> tuple[int, float]:
        began = time.monotonic()
        return await process.terminate(), time.monotonic() - began

    try:
        for process in stages.values():
            await process.start()
        for process in stages.values():
            await process.ready()
        async with Producer(kafka) as producer:
            event = OutboundMessage(id="m", recipient="79990000001", text="x", priority=Priority.NORMAL)
            await producer.send_all([OutRecord(topics.outbound, CODEC.encode(event))] * 20_000)
            await deliver(producer, kafka, [submitted(str(number)) for number in range(2000)])
            await deliver(producer, kafka, [receipt(str(number)) for number in range(2000)])
        if how == "dead":
            own_kafka.kill()
        else:
            own_kafka.freeze()
        # Long enough to notice, and for a batch to be under way.
        await asyncio.sleep(1)
        ends = await asyncio.gather(*map(stopped, stages.values()))
    finally:
        for process in stages.values():
            await process.kill()
        if how == "frozen":
            own_kafka.thaw()
    assert [code for code, _ in ends] == [0, 0, 0]
    limit = stops_within(DRAIN) + EXIT_GRACE
    assert all(seconds < limit for _, seconds in ends), dict(zip(stages, ends, strict=True))
