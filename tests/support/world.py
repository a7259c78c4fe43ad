"""A whole small world for tests: the gateway's simulator, topics, and the stages as real processes.

The stages run exactly as an operator runs them (`connector run ...`), so that real signals can be sent to them.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import SecretStr

from connector.config import load
from connector.domain.messages import OutboundMessage
from connector.kafka import topics
from connector.kafka.clients import Admin, Consumer, OutRecord, Partition, Producer, Record
from connector.kafka.records import Codec, Event
from connector.kafka.topics import Topics
from connector.simulator.script import Script
from connector.simulator.server import Simulator
from connector.simulator.settings import AccountSettings, SimulatorSettings
from connector.stages.inventory import wanted_topics
from connector.stages.settings import StageConfig

T = TypeVar("T", bound=Event)

PATIENCE = 60.0
"""Seconds after which a test gives up on something that should have happened: a bound, never a measurement."""


class World:
    """One test's stages and gateway; `tree` is the configuration file they run with."""

    def __init__(self, folder: Path, tree: dict[str, Any], simulator: Simulator, producer: Producer) -> None:
        self.folder = folder
        self.simulator = simulator
        self.producer = producer
        self.codec = Codec()
        self.tree = tree
        self.config: StageConfig = self.write(tree)
        self.topics = Topics(self.config.kafka.topic_prefix)
        self.processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def config_file(self) -> Path:
        return self.folder / "connector.yaml"

    def write(self, tree: dict[str, Any]) -> StageConfig:
        """Replaces the configuration file."""
        self.config_file.write_text(yaml.safe_dump(tree), encoding="utf-8")
        return load(self.config_file, {})

    async def start(self, *stages: str) -> None:
        """Starts `connector run <stage>` for each, `route` without express; the logs go to the test's folder."""
        for stage in stages:
            alone = ["--alone"] if stage == "route" else []
            with (self.folder / f"{stage}.log").open("ab") as log:
                self.processes[stage] = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "connector", "run", stage, *alone, "--config", str(self.config_file)),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    async def stop(self, *stages: str, how: signal.Signals = signal.SIGTERM) -> dict[str, int]:
        """Ends stages (all without names) and returns their exit codes."""
        codes = {}
        for stage in stages or tuple(self.processes):
            process = self.processes.pop(stage)
            if process.returncode is None:
                process.send_signal(how)
            try:
                codes[stage] = await asyncio.wait_for(process.wait(), PATIENCE)
            except TimeoutError:
                process.kill()
                codes[stage] = await process.wait()
        return codes

    def log(self, stage: str) -> str:
        """What a stage has said so far."""
        path = self.folder / f"{stage}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    async def send(self, messages: Sequence[OutboundMessage]) -> None:
        """Outbound events, as a microservice would produce them."""
        for start in range(0, len(messages), 5_000):
            await self.producer.send_all(
                [
                    OutRecord(
                        topic=self.topics.outbound, value=self.codec.encode(message), key=message.recipient.encode()
                    )
                    for message in messages[start : start + 5_000]
                ]
            )

    async def records(self, topic: str, until: Callable[[list[Record]], bool]) -> list[Record]:
        """All records of a topic from its beginning, read until the condition holds; fails after `PATIENCE`."""
        found: list[Record] = []
        count = await self.producer.partitions(topic)
        async with Consumer(self.config.kafka, name="test") as consumer:
            consumer.assign([Partition(topic, number) for number in range(count)])
            try:
                async with asyncio.timeout(PATIENCE):
                    while not until(found):
                        for batch in (await consumer.getmany(timeout=0.2)).values():
                            found.extend(batch)
            except TimeoutError:
                logs = "\n".join(
                    f"--- {stage}\n{self.log(stage)[-3000:]}" for stage in ("route", "express", "submit", "collect")
                )
                raise AssertionError(f"{topic}: {len(found)} records and no more came\n{logs}") from None
        return found

    async def events(self, kind: type[T], topic: str, until: Callable[[list[T]], bool]) -> list[T]:
        """All events of a topic, decoded; see `records`."""
        decoded: list[T] = []

        def enough(records: list[Record]) -> bool:
            decoded.extend(self.codec.decode(kind, record.value) for record in records[len(decoded) :])
            return until(decoded)

        await self.records(topic, enough)
        return decoded


@asynccontextmanager
async def world(
    folder: Path,
    bootstrap_servers: str,
    prefix: str,
    *,
    speed: int = 1_000,
    script: Script | None = None,
    simulator: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    others: Sequence[dict[str, Any]] = (),
    **sections: Any,
) -> AsyncIterator[World]:
    """Topics and a running gateway; the test starts the stages it wants. `others`: accounts beside `main`, each with a
    login of its name."""
    logins = ("demo", *(other["name"] for other in others))
    settings = SimulatorSettings(
        accounts=tuple(AccountSettings(system_id=name, password=SecretStr("demo"), speed=speed) for name in logins),
        **(simulator or {}),
    )
    async with Simulator(settings, script) as gateway:
        reached = {"host": "127.0.0.1", "port": gateway.port, "password": "demo", "rate": speed}
        tree: dict[str, Any] = {
            "kafka": {
                "bootstrap_servers": bootstrap_servers,
                "topic_prefix": prefix,
                "outbound_partitions": 2,
                "deliveries_partitions": 2,
                "results_partitions": 1,
                "session_timeout": 6.0,
                "heartbeat_interval": 1.0,
                "rebalance_timeout": 6.0,
            },
            "accounts": [
                {
                    "name": "main",
                    "system_id": "demo",
                    **reached,
                    **(account or {}),
                },
                *({**reached, "system_id": other["name"], **other} for other in others),
            ],
            "default_account": "main",
            "telemetry": {"metrics_port": None},
            "collect": {"data_dir": str(folder / "collect")},
            **sections,
        }
        (folder / "connector.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        config = load(folder / "connector.yaml", {})
        async with Admin(config.kafka) as admin:
            await topics.create(admin, wanted_topics(config))
        async with Producer(config.kafka) as producer:
            made = World(folder, tree, gateway, producer)
            try:
                yield made
            finally:
                await made.stop()
                if os.environ.get("SMS_CONNECTOR_TEST_LOGS"):
                    for stage in ("route", "express", "submit", "collect"):
                        sys.stderr.write(json.dumps({stage: made.log(stage)[-5000:]}, indent=1))
