"""The demo's small world: embedded Kafka or a given cluster, the gateway's simulator, and the stages as an operator
runs them (`connector run`, a process of their own for each stage). Everything ends with the demo.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml
from pydantic import SecretStr

from connector.config import load
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka import topics
from connector.kafka.clients import Admin
from connector.simulator.server import Simulator
from connector.simulator.settings import AccountSettings, SimulatorSettings
from connector.stages.inventory import wanted_topics
from connector.stages.settings import StageConfig

START_WITHIN = 60.0
STOP_WITHIN = 40.0
PROCESSES = ("route", "express", "submit", "collect")
"""In the order in which `connector run` gives them their metrics ports."""


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why and where to look."""


class FolderUnusable(DemoError):
    """Nothing can be kept in the folder that was named: name another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What runs. `metrics_port` is the first of four, see `PROCESSES`."""

    config: StageConfig
    config_file: Path
    log_file: Path
    simulator: Simulator
    metrics_port: int
    stages: asyncio.subprocess.Process


@asynccontextmanager
async def world(
    folder: Path, *, rate: int, bootstrap_servers: str | None, say: Callable[[str], None], data_dir: Path | None
) -> AsyncIterator[World]:
    """Starts all of it and waits until it is ready. Raises `DemoError`, or `EmbeddedError` without a broker."""
    async with AsyncExitStack() as stack:
        if bootstrap_servers is None:
            say("starting Apache Kafka (the first run on a machine downloads it, about 80 MB)")
            kafka = await stack.enter_async_context(EmbeddedKafka(data_dir, progress=_progress(say)))
            bootstrap_servers = kafka.bootstrap_servers
        say("starting the gateway's simulator")
        login = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=rate)
        # An id given out twice would let the collector, which remembers those of an earlier run, join a wrong receipt.
        gateway = SimulatorSettings(accounts=(login,), first_message_id=time.time_ns() // 100_000)
        simulator = await stack.enter_async_context(Simulator(gateway))
        metrics_port = _free_ports(len(PROCESSES))
        config_file = folder / "connector.yaml"
        config_file.write_text(_configuration(bootstrap_servers, simulator.port, rate, metrics_port, folder))
        # As the stages see it, which get none of our variables either.
        config = load(config_file, {})
        say("creating the topics")
        async with Admin(config.kafka) as admin:
            wanted = wanted_topics(config)
            await topics.create(admin, wanted)
        say("starting the stages: route, express, submit, collect")
        log_file = folder / "connector.log"
        stages = await _start_stages(config_file, log_file)
        stack.push_async_callback(_stop, stages)
        await _until_ready(stages, simulator, metrics_port, log_file)
        yield World(
            config=config,
            config_file=config_file,
            log_file=log_file,
            simulator=simulator,
            metrics_port=metrics_port,
            stages=stages,
        )


def _configuration(bootstrap_servers: str, port: int, rate: int, metrics_port: int, folder: Path) -> str:
    """The demo's configuration file; it stays on disk while the demo is up, for commands in another shell."""
    tree = {
        "kafka": {"bootstrap_servers": bootstrap_servers, "topic_prefix": "demo.sms."},
        "accounts": [
            {
                "name": "demo",
                "host": "127.0.0.1",
                "port": port,
                "system_id": "demo",
                "password": "demo",
                "rate": rate,
                "window": 300,
            }
        ],
        "lanes": {"rules": [{"senders": ["Bank"], "lane": "urgent"}, {"campaign": True, "lane": "bulk"}]},
        "telemetry": {"metrics_port": metrics_port},
        "collect": {"data_dir": str(folder / "collect")},
    }
    return yaml.safe_dump(tree, sort_keys=False)


async def _start_stages(config_file: Path, log_file: Path) -> asyncio.subprocess.Process:
    with log_file.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "connector", "run", "--config", str(config_file)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("SMS_CONNECTOR")},
        )


def ended(stages: asyncio.subprocess.Process, log_file: Path) -> DemoError:
    """The stages are not there any more; with the last thing that went wrong by their log."""
    said = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    why = next((f" ({line})" for line in reversed(said) if line.startswith("error: ")), "")
    return DemoError(f"the stages ended with status {stages.returncode}{why}; see {log_file}")


async def _until_ready(
    stages: asyncio.subprocess.Process, simulator: Simulator, metrics_port: int, log_file: Path
) -> None:
    try:
        async with asyncio.timeout(START_WITHIN), aiohttp.ClientSession() as http:
            for offset in range(len(PROCESSES)):
                while not await _healthy(http, metrics_port + offset):
                    if stages.returncode is not None:
                        raise ended(stages, log_file)
                    await asyncio.sleep(0.1)
            await simulator.until(lambda: bool(simulator.bound("demo")))
    except TimeoutError:
        raise DemoError(f"the stages were not ready within {START_WITHIN:.0f} s; see {log_file}") from None


async def _healthy(http: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with http.get(f"http://127.0.0.1:{port}/healthz/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _stop(stages: asyncio.subprocess.Process) -> None:
    if stages.returncode is None:
        stages.terminate()
        try:
            await asyncio.wait_for(stages.wait(), STOP_WITHIN)
        except TimeoutError:
            stages.kill()
            await stages.wait()


def _free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for _ in range(100):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        if first + count < 65_536 and all(_is_free(first + offset) for offset in range(count)):
            return first
    raise DemoError("no four free ports in a row were found on 127.0.0.1 for the metrics")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _progress(say: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """A line for every ten megabytes that have come."""
    done: dict[str, int] = {}
    told = 0

    def progress(name: str, octets: int, total: int) -> None:
        nonlocal told
        done[name] = octets
        tens = sum(done.values()) // 10_000_000
        if tens > told:
            told = tens
            say(f"downloading Apache Kafka and its Java runtime: {tens * 10} MB")

    return progress
