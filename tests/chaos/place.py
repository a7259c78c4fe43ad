"""Where a chaos run happens: its own broker, the gateway's simulator, the topics, the ways between, and the replicas.

Everything listens on 127.0.0.1, on ports that the system chose, and ends with the run. Next station: `faults`, which
spoil it, and `audit`, which reckons.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from connector.config import load
from connector.embedded.kafka import EmbeddedError, EmbeddedKafka
from connector.kafka import topics
from connector.kafka.clients import Admin, Producer
from connector.simulator.script import Receipts, Script
from connector.simulator.server import Simulator
from connector.simulator.settings import AccountSettings, DuplicateSettings, Scope, SimulatorSettings
from connector.stages.inventory import wanted_topics
from tests.chaos.fleet import Fleet
from tests.chaos.network import Network, ProxiedKafka, Proxy, free_port
from tests.chaos.plan import Plan
from tests.support.world import World

_PORT_TRIES = 4

QUIET = Script(receipts=Receipts(delay=0.05, jitter=1.0))
"""The gateway as it should be; some receipts come before their response is processed, some long after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a fault may touch. `gates` are the ways to the gateway's hosts, `ways` those of the replicas to Kafka."""

    plan: Plan
    world: World
    kafka: EmbeddedKafka
    gateway: Simulator
    fleet: Fleet
    gates: dict[str, Proxy]
    ways: dict[str, Proxy]
    locks: dict[str, asyncio.Lock]
    """What only one fault at a time may have: "broker", "gateway", "ways", "gates"."""


@asynccontextmanager
async def place(plan: Plan, folder: Path, server: Path | None) -> AsyncIterator[Place]:
    """Everything for one run, with the stages started; `server` is toxiproxy's binary."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Simulator(_gateway(plan), QUIET))
        network = None
        if server is not None:
            network = await stack.enter_async_context(Network(server, folder / "toxiproxy.log"))
        names = [(stage, number) for stage, count in plan.replicas.items() for number in range(count)]
        kafka, ways = await _broker(stack, folder, network, [f"{stage}-{number}" for stage, number in names])
        assert gateway.backup_port is not None
        gates: dict[str, Proxy] = {}
        ports = {"primary": gateway.port, "backup": gateway.backup_port}
        if network is not None:
            gates = {host: await network.proxy(f"gateway-{host}", port) for host, port in ports.items()}
            ports = {host: gate.port for host, gate in gates.items()}
        tree = _tree(plan, kafka.bootstrap_servers, ports)
        configs = {
            (stage, number): _written(folder, tree, plan, stage, number, ways.get(f"{stage}-{number}"))
            for stage, number in names
        }
        (folder / "connector.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        # A world of its own for what is read and written here: straight to the broker, and no stages in it.
        world = await stack.enter_async_context(_world(folder, tree, gateway))
        fleet = await stack.enter_async_context(Fleet(folder, configs))
        locks = {name: asyncio.Lock() for name in ("broker", "gateway", "ways", "gates")}
        yield Place(
            plan=plan, world=world, kafka=kafka, gateway=gateway, fleet=fleet, gates=gates, ways=ways, locks=locks
        )


async def _broker(
    stack: AsyncExitStack, folder: Path, network: Network | None, names: Sequence[str]
) -> tuple[EmbeddedKafka, dict[str, Proxy]]:
    """A broker with a way for each name; with other ports where somebody took one of them meanwhile."""
    for again in reversed(range(_PORT_TRIES)):
        ways: dict[str, Proxy] = {}
        listeners: list[tuple[str, int, int]] = []
        for name in names if network is not None else ():
            port = free_port()
            assert network is not None
            ways[name] = await network.proxy(f"{name}.{again}", port)
            # Kafka takes letters and underscores for the name of a listener.
            listeners.append((name.replace("-", "_").upper(), port, ways[name].port))
        try:
            return await stack.enter_async_context(ProxiedKafka(folder / f"kafka.{again}", listeners)), ways
        except EmbeddedError:
            if not again:
                raise
    raise AssertionError("the last try returns or raises")


@asynccontextmanager
async def _world(folder: Path, tree: dict[str, Any], gateway: Simulator) -> AsyncIterator[World]:
    config = load(folder / "connector.yaml", {})
    async with Admin(config.kafka) as admin:
        await topics.create(admin, wanted_topics(config))
    async with Producer(config.kafka) as producer:
        yield World(folder, tree, gateway, producer)


def _gateway(plan: Plan) -> SimulatorSettings:
    return SimulatorSettings(
        seed=plan.seed,
        accounts=tuple(
            AccountSettings(system_id=login.name, password=SecretStr("demo"), speed=login.rate) for login in plan.logins
        ),
        duplicates=DuplicateSettings(scope=Scope(plan.scope)),
        deliver_timeout=8.0,
        deliver_retry=2.0,
    )


def _tree(plan: Plan, bootstrap_servers: str, ports: dict[str, int]) -> dict[str, Any]:
    """The configuration that all replicas share."""
    return {
        "kafka": {
            "bootstrap_servers": bootstrap_servers,
            "topic_prefix": "chaos.",
            "outbound_partitions": 3,
            "deliveries_partitions": 3,
            "results_partitions": 2,
            "session_timeout": 6.0,
            "heartbeat_interval": 1.0,
            "rebalance_timeout": 8.0,
            "request_timeout": 10.0,
        },
        "accounts": [
            {
                "name": login.name,
                # Two names, since a request may only be repeated at the host it went to.
                "host": "127.0.0.1",
                "port": ports["primary"],
                "backup_host": "localhost",
                "backup_port": ports["backup"],
                "system_id": login.name,
                "password": "demo",
                "binds": login.binds,
                "rate": login.rate,
                "suspect_after": 2.0,
                "enquire_link_interval": 5.0,
                "enquire_link_timeout": 2.0,
                "response_timeout": 8.0,
                "connect_timeout": 4.0,
                "reconnect_max": 2.0,
                "primary_retry_interval": 5.0,
            }
            for login in plan.logins
        ],
        "telemetry": {"metrics_port": None},
    }


def _written(folder: Path, tree: dict[str, Any], plan: Plan, stage: str, number: int, way: Proxy | None) -> Path:
    """The configuration file of one replica."""
    own = dict(tree)
    if way is not None:
        own["kafka"] = {**tree["kafka"], "bootstrap_servers": f"127.0.0.1:{way.port}"}
    member = {"instance_id": f"{stage}-{number}"} if plan.static else {}
    # The express entrance has no section, and no place in its group to keep.
    if stage in ("route", "submit"):
        own[stage] = member
    own["collect"] = {
        "data_dir": str(folder / f"{stage}-{number}"),
        "unmatched_after_seconds": 3,
        **(member if stage == "collect" else {}),
    }
    path = folder / f"{stage}-{number}.yaml"
    path.write_text(yaml.safe_dump(own), encoding="utf-8")
    return path
