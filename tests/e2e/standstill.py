"""The gateway is down for an hour while a mailing waits: `make standstill` prints what that costs.

The submitter is a real process on real Kafka; only its time of day goes faster. Not part of the test run, where
`test_standstill` asserts on the same with fewer messages.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connector.domain.events import LaneMessage
from connector.domain.messages import Lane, OutboundMessage
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import OutRecord, Producer
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.simulator.script import Host
from connector.simulator.server import Simulator
from connector.simulator.settings import AccountSettings, RecordSettings, SimulatorSettings
from tests.faults.processes import StageProcess
from tests.support.kafka import make_topics, settings_for

CODEC = Codec()
FRAME = 50
SPEED = 1_000
_BATCH = 20_000


def gateway() -> Simulator:
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=SPEED)
    return Simulator(SimulatorSettings(accounts=(account,), record=RecordSettings(keep="full")))


def submitter(kafka: KafkaSettings, folder: Path, port: int, **submit: Any) -> StageProcess:
    account = {"name": "main", "host": "127.0.0.1", "port": port, "system_id": "demo", "password": "demo"}
    return StageProcess("submit", kafka, folder, accounts=[account | {"rate": SPEED}], submit=submit)


def item(number: int, lane: Lane, topics: Topics) -> LaneMessage:
    event = OutboundMessage(id=f"m-{number}", recipient=f"7999{number:07}", sender="Shop", text=f"order {number}")
    return LaneMessage(
        message_id=event.id,
        account="main",
        slot=0,
        lane=lane,
        source_topic=topics.outbound,
        source_partition=0,
        source_offset=number,
        received_at=1,
        routed_at=1,
        event=CODEC.encode(event),
    )


async def fill(producer: Producer, topics: Topics, numbers: Sequence[int], lane: Lane = Lane.NORMAL) -> None:
    """Messages into a lane, in frames as the router writes them."""
    for first in range(0, len(numbers), _BATCH):
        part = numbers[first : first + _BATCH]
        await producer.send_all(
            [
                OutRecord(
                    topics.lane(lane),
                    CODEC.encode_frame([item(number, lane, topics) for number in part[start : start + FRAME]]),
                    partition=0,
                )
                for start in range(0, len(part), FRAME)
            ]
        )
        await asyncio.sleep(0)


def line(words: str, held: dict[str, int]) -> str:
    """For people."""
    counts = ", ".join(f"{count} {name}" for name, count in held.items() if name not in ("rss", "cpu"))
    return f"{words}: {counts}, {held['rss'] / 1024:.0f} MB, {held['cpu'] / 1000:.1f} CPU s"


async def _run(messages: int, seconds: float, broker: EmbeddedKafka, folder: Path) -> None:
    kafka = settings_for(broker, "standstill.")
    topics = await make_topics(kafka)
    async with gateway() as simulator, Producer(kafka) as producer:
        simulator.host_down(Host.PRIMARY)
        process = submitter(kafka, folder, simulator.port)
        try:
            await process.start("pace", str(3600 / seconds))
            await process.ready()
            print(line("nothing waits", await process.held()))
            steps = 10
            for step in range(steps):
                await fill(producer, topics, range(step * messages // steps, (step + 1) * messages // steps))
                print(line(f"{(step + 1) * messages // steps} wait", await process.held()), flush=True)
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds:
                await asyncio.sleep(min(seconds / steps, seconds - passed))
                minutes = (time.monotonic() - began) * 60 / seconds
                print(line(f"down for {minutes:.0f} min", await process.held()), flush=True)
            await fill(producer, topics, [messages], Lane.URGENT)
            await simulator.host_up(Host.PRIMARY)
            for share in (0.01, 0.02, 0.05):
                enough = int(messages * share)
                await simulator.until(lambda n=enough: simulator.record.counts_of("demo")["accepted"] >= n, 600)  # type: ignore[misc]
                print(line(f"{enough} sent", await process.held()), flush=True)
            reached = [each.pdu.destination_addr for each in simulator.record.submits()]
            place = reached.index(f"7999{messages:07}") + 1
            print(f"the urgent message, the last one written, was number {place} to leave")
        finally:
            await process.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make standstill", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--hour-in", type=float, default=300.0, help="real seconds that count as an hour")
    options = parser.parse_args()
    embedded = EmbeddedKafka()
    embedded.start()
    try:
        with tempfile.TemporaryDirectory() as place:
            asyncio.run(_run(options.messages, options.hour_in, embedded, Path(place)))
    finally:
        embedded.stop()
    os._exit(0)
