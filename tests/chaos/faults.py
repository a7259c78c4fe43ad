"""The faults of a chaos run, done: each begins, lasts and ends here, and leaves its place as it found it.

Rule: what only one of them can have (the broker, the gateway's script, a replica) they wait for. Which replica, login
or way it meets is drawn from the fault's own seed. Next station: `run`, which starts each at its moment.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from random import Random

from connector.embedded.kafka import EmbeddedError
from connector.simulator.listeners import ListenError
from connector.simulator.script import Broken, Cut, Host, Prompt, Reply, Script, Silent, SubmitRule, When
from connector.smpp.constants import CommandStatus
from tests.chaos.fleet import Replica
from tests.chaos.kinds import Fault
from tests.chaos.network import Proxy
from tests.chaos.place import QUIET, Place
from tests.chaos.plan import STAGES, Planned

_WEIGHTS = {"route": 2, "express": 2, "submit": 5, "collect": 2}
_PORT_TRIES = 20


async def happens(place: Place, planned: Planned) -> None:
    """One fault, from its beginning to its end."""
    dice = Random(planned.seed)
    match planned.fault:
        case Fault.KILL | Fault.KILL_ALL | Fault.STAGE_AWAY | Fault.ROLLING:
            await _to_processes(place, planned, dice)
        case Fault.ZOMBIE | Fault.OLD_ZOMBIE | Fault.STANDSTILL:
            await _to_processes(place, planned, dice)
        case Fault.BROKER_KILLED | Fault.BROKER_AWAY | Fault.BROKER_FROZEN:
            async with place.locks["broker"]:
                await _to_the_broker(place, planned)
        case _ if planned.fault.needs:
            await _to_the_network(place, planned, dice)
        case _:
            async with place.locks["gateway"]:
                await _to_the_gateway(place, planned, dice)


# Processes


async def _to_processes(place: Place, planned: Planned, dice: Random) -> None:
    stage = dice.choices(STAGES, [_WEIGHTS[name] for name in STAGES])[0]
    replicas = place.fleet.of(stage)
    if planned.fault not in (Fault.KILL_ALL, Fault.STAGE_AWAY, Fault.ROLLING):
        replicas = [dice.choice(replicas)]
    async with AsyncExitStack() as stack:
        for replica in replicas:
            await stack.enter_async_context(replica.lock)
        if planned.fault is Fault.ROLLING:
            for replica in replicas:
                await replica.stop()
                await replica.start()
                await asyncio.sleep(planned.seconds)
        elif planned.fault in (Fault.KILL, Fault.KILL_ALL, Fault.STAGE_AWAY):
            await asyncio.gather(*(replica.kill() for replica in replicas))
            await asyncio.sleep(planned.seconds)
            for replica in replicas:
                await replica.start()
        else:
            await _stands_still(replicas[0], planned.seconds)


async def _stands_still(replica: Replica, seconds: float) -> None:
    replica.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        replica.send(signal.SIGCONT)


# Kafka


async def _to_the_broker(place: Place, planned: Planned) -> None:
    if planned.fault is not Fault.BROKER_FROZEN:
        await asyncio.to_thread(place.kafka.kill)
        await asyncio.sleep(planned.seconds)
        await _until_free(lambda: asyncio.to_thread(place.kafka.restart))
        return
    place.kafka.freeze()
    try:
        await asyncio.sleep(planned.seconds)
    finally:
        place.kafka.thaw()


# The gateway


async def _to_the_gateway(place: Place, planned: Planned, dice: Random) -> None:
    gateway, seconds = place.gateway, planned.seconds
    login = dice.choice((None, *(login.name for login in place.plan.logins)))
    match planned.fault:
        case Fault.HOST_DOWN:
            await _down(place, (dice.choice((Host.PRIMARY, Host.PRIMARY, Host.BACKUP)),), seconds)
        case Fault.HOSTS_DOWN | Fault.GATEWAY_AWAY:
            await _down(place, tuple(Host), seconds)
        case Fault.RESET | Fault.KICKED:
            kicks = (gateway.unbind, gateway.close) if planned.fault is Fault.KICKED else (gateway.reset,)
            ends = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < ends:
                dice.choice(kicks)(login)
                await asyncio.sleep(dice.uniform(0.2, 2.0))
        case Fault.SILENT:
            gateway.freeze(login)
            await asyncio.sleep(seconds)
            gateway.thaw(login)
        case _:
            gateway.play(Script(submits=(_rule(planned.fault, login, dice),), receipts=QUIET.receipts))
            await asyncio.sleep(seconds)
            gateway.play(QUIET)


def _rule(fault: Fault, login: str | None, dice: Random) -> SubmitRule:
    """What the gateway does to requests meanwhile."""
    many, few = dice.choice((0.3, 0.7, 1.0)), dice.choice((0.02, 0.05, 0.2))
    match fault:
        case Fault.THROTTLING:
            return SubmitRule(when=When(login=login, share=many), status=int(CommandStatus.ESME_RTHROTTLED))
        case Fault.QUEUE_FULL:
            return SubmitRule(when=When(login=login, share=many), status=int(CommandStatus.ESME_RMSGQFUL))
        case Fault.RESPONSES_LOST:
            reply: Reply = Silent()
            return SubmitRule(when=When(login=login, share=many), reply=reply)
        case Fault.RESPONSES_LATE:
            return SubmitRule(when=When(login=login, share=many), reply=Prompt(delay=dice.uniform(2.0, 14.0)))
        case Fault.CUT_AT_RESPONSE:
            reply = Broken(cut=dice.choice(list(Cut)), reset=dice.random() < 0.5)
            return SubmitRule(when=When(login=login, share=few), reply=reply)
        case Fault.LOST_ON_THE_WAY:
            return SubmitRule(when=When(login=login, share=few), taken=False, reply=Broken(cut=Cut.BEFORE))
        case _:
            raise AssertionError(f"{fault.word} is no rule of the gateway's script")


async def _down(place: Place, hosts: Sequence[Host], seconds: float) -> None:
    for host in hosts:
        place.gateway.host_down(host)
    await asyncio.sleep(seconds)
    for host in hosts:
        await _until_free(partial(place.gateway.host_up, host))


async def _until_free(listen: Callable[[], Awaitable[None]]) -> None:
    """An outgoing connection of somebody's may have the port for a moment."""
    for again in reversed(range(_PORT_TRIES)):
        try:
            await listen()
            return
        except (ListenError, EmbeddedError):
            if not again:
                raise
            await asyncio.sleep(0.5)


# The network


async def _to_the_network(place: Place, planned: Planned, dice: Random) -> None:
    to_kafka = planned.fault.name.startswith("KAFKA")
    async with place.locks["ways" if to_kafka else "gates"]:
        met = _ways(place, dice) if to_kafka else _gates(place, dice)
        slow = 1 if to_kafka else 4
        for proxy in met:
            match planned.fault:
                case Fault.KAFKA_LATENCY | Fault.GATEWAY_LATENCY:
                    await proxy.spoil(
                        "latency",
                        back=dice.random() < 0.5,
                        latency=dice.randint(50, 3_000),
                        jitter=dice.randint(0, 500),
                    )
                case Fault.KAFKA_RESET | Fault.GATEWAY_RESET:
                    await proxy.spoil("reset_peer", back=dice.random() < 0.5, timeout=dice.choice((0, 50, 500)))
                case Fault.KAFKA_TIMEOUT | Fault.GATEWAY_TIMEOUT:
                    await proxy.spoil("timeout", timeout=0)
                case Fault.KAFKA_ONE_WAY | Fault.GATEWAY_ONE_WAY:
                    await proxy.spoil("timeout", back=True, timeout=0)
                case Fault.KAFKA_SLOW_CLOSE | Fault.GATEWAY_SLOW_CLOSE:
                    await proxy.spoil("slow_close", back=dice.random() < 0.5, delay=dice.randint(500, 5_000))
                case _:
                    await proxy.spoil("bandwidth", back=dice.random() < 0.5, rate=dice.randint(8, 64) // slow)
        if planned.fault is Fault.GATEWAY_SLOW_CLOSE:
            place.gateway.close()
        await asyncio.sleep(planned.seconds)
        for proxy in met:
            await proxy.heal()


def _ways(place: Place, dice: Random) -> list[Proxy]:
    """One replica's way to Kafka, those of a stage, or all."""
    stage = dice.choices(STAGES, [_WEIGHTS[name] for name in STAGES])[0]
    names = [replica.name for replica in place.fleet.of(stage)]
    scale = dice.random()
    if scale < 0.5:
        names = [dice.choice(names)]
    elif scale > 0.8:
        names = list(place.ways)
    return [place.ways[name] for name in names]


def _gates(place: Place, dice: Random) -> list[Proxy]:
    """The primary host's way, which carries nearly everything, or both."""
    return list(place.gates.values()) if dice.random() < 0.3 else [place.gates["primary"]]
