"""kill -9 at every step of the collector, with its disk and without: no receipt is lost, what can be matched is, and
whatever is published twice has the same id."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from connector.domain.events import Delivery, DeliveryReport, InboundMessage
from connector.kafka.clients import Producer, Record
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from tests.faults.processes import StageProcess
from tests.stages.deliveries import inbound, receipt, submitted
from tests.stages.reading import read_all
from tests.stages.test_collect import deliver, prepare

CODEC = Codec()
STEPS = (
    "before:events",
    "after:events",
    "before:changelog",
    "after:changelog",
    "before:store",
    "after:store",
    "before:commit",
    "after:commit",
)
WAVE = 240


@pytest.mark.parametrize("keeps_disk", [True, False])
async def test_nothing_is_lost_and_every_repeat_has_the_same_id(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path, keeps_disk: bool
) -> None:
    topics = await prepare(kafka_settings)
    folder = tmp_path / "tables"
    collect = {
        "data_dir": str(folder),
        "batch_records": 10,
        "commit_seconds": 0.2,
        "instance_id": "one",
        "drain_seconds": 10,
    }
    process = StageProcess("collect", kafka_settings, tmp_path, collect=collect)
    sent = 0

    async def wave() -> None:
        """Receipts of this wave and the last one, before and after their messages, and inbound ones in two parts."""
        nonlocal sent
        numbers = range(sent, sent + WAVE)
        items: list[Delivery] = []
        for number in numbers:
            pair = [submitted(str(number), message_id=f"m-{number}"), receipt(str(number))]
            items += pair if number % 2 else reversed(pair)
        for number in range(max(0, sent - WAVE), sent):
            items.append(receipt(str(number), status=2))
        for number in range(sent, sent + WAVE, 10):
            sender = f"7999{number:07}"
            items += [inbound(text, index=index, total=2, sender=sender) for index, text in ((2, "b"), (1, "a"))]
        sent += WAVE
        for start in range(0, len(items), 20):
            await deliver(producer, kafka_settings, items[start : start + 20])

    try:
        for step in STEPS:
            await wave()
            # One commit may cover the whole wave.
            await process.start(step, "1" if step.endswith("commit") else "2")
            assert await process.died() == -9, step
            if not keeps_disk:
                shutil.rmtree(folder, ignore_errors=True)
        await wave()
        await process.start()
        expected = {f"m-{number}" for number in range(sent)}
        read = expected - {f"m-{number}" for number in range(sent - WAVE, sent)}
        enough = len(expected) + len(read)
        reports = await read_all(
            kafka_settings, [topics.delivery_reports], lambda found: len(_ids(found)) >= enough, 60
        )
        messages = await read_all(kafka_settings, [topics.inbound], lambda found: len(_ids(found)) >= sent // 10)
        assert await process.terminate() == 0
    finally:
        await process.kill()
    found = [CODEC.decode(DeliveryReport, record.value) for record in reports]
    assert {report.match for report in found} == {"matched"}
    assert {report.message_id for report in found if report.additional_status is None} == expected
    assert {report.message_id for report in found if report.additional_status == 2} == read
    assert len({report.event_id for report in found}) == enough
    inbounds = {message.event_id: message for message in (CODEC.decode(InboundMessage, r.value) for r in messages)}
    assert Counter(message.complete for message in inbounds.values()) == {True: sent // 10}
    assert {message.text for message in inbounds.values()} == {"ab"}


def _ids(records: list[Record]) -> set[bytes]:
    return {dict(record.headers)["ce_id"] for record in records}
