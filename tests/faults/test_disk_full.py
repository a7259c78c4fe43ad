"""The disk under the collector's tables is full, or cannot be written to: the process says so and ends, and when it can
nothing is missing and nothing was thrown away."""

import asyncio
import os
from pathlib import Path

import pytest

from connector.domain.events import Delivery, DeliveryReport
from connector.kafka.clients import Producer, Record
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from tests.faults.processes import StageProcess
from tests.stages.deliveries import receipt, submitted
from tests.stages.reading import read_all
from tests.stages.test_collect import deliver, prepare

CODEC = Codec()
MESSAGES = 600
METADATA = {"note": "x" * 4_000}


async def mount(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("mount", *arguments, stderr=asyncio.subprocess.PIPE)
    _, words = await process.communicate()
    if process.returncode:
        reason = f"no file system of a chosen size can be mounted here: {words.decode().strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.parametrize(
    ("spoiled", "healed"),
    [
        pytest.param("size=2m", "size=256m", id="full"),
        pytest.param("size=256m,ro", "size=256m,rw", id="read-only"),
    ],
)
async def test_a_disk_that_takes_nothing_loses_nothing(
    spoiled: str,
    healed: str,
    producer: Producer,
    kafka_settings: KafkaSettings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    topics = await prepare(kafka_settings)
    folder = tmp_path / "disk"
    folder.mkdir()
    await mount("-t", "tmpfs", "-o", spoiled, "tmpfs", str(folder))
    collect = {"data_dir": str(folder), "batch_records": 10, "commit_seconds": 0.2, "instance_id": "one"}
    process = StageProcess("collect", kafka_settings, tmp_path, collect=collect)
    items: list[Delivery] = []
    for number in range(MESSAGES):
        items += [submitted(str(number), message_id=f"m-{number}", metadata=METADATA), receipt(str(number))]
    try:
        for start in range(0, len(items), 20):
            await deliver(producer, kafka_settings, items[start : start + 20])
        # More often than a record may end its process: this is the record's fault not at all.
        for _ in range(4):
            await process.start()
            assert await process.died(60) > 0
            assert "collect.data_dir" in capfd.readouterr().err
        await mount("-o", f"remount,{healed}", str(folder))
        await process.start()
        reports = await read_all(
            kafka_settings, [topics.delivery_reports], lambda found: len(_messages(found)) >= MESSAGES, 60
        )
        assert await process.terminate() == 0
    finally:
        await process.kill()
        await (await asyncio.create_subprocess_exec("umount", "-l", str(folder))).wait()
    assert {report.match for report in map(_report, reports)} == {"matched"}
    assert await read_all(kafka_settings, [topics.dead_letters], lambda found: True, 1) == []


def _report(record: Record) -> DeliveryReport:
    return CODEC.decode(DeliveryReport, record.value)


def _messages(records: list[Record]) -> set[str | None]:
    return {_report(record).message_id for record in records}
