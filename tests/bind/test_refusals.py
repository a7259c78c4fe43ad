"""A bind that is refused: the reason in words, in status and through the handler, and the wait that fits it."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from connector.bind.reconnect import Ending
from connector.bind.status import BindState
from connector.smpp.constants import VERSION_3_4, VERSION_5_0, CommandStatus
from connector.smpp.pdu import Bind
from tests.bind.support import Stage, bound, pool, settings, until
from tests.support.smsc import HANG_UP, Peer, smsc

PERMANENT = ("ESME_RINVPASWD", "ESME_RINVSYSID", "ESME_RINVSYSTYP")


@pytest.mark.parametrize("name", PERMANENT)
async def test_what_time_does_not_heal_waits_long_and_is_visible(name: str) -> None:
    stage = Stage()
    status = CommandStatus[name]
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: status
        async with pool(settings(gateway), stage, clock=asyncio.get_running_loop().time) as binds:
            bind = await binds.add(0)
            await until(lambda: bind.status().next_attempt_at is not None)
            shown = bind.status()
            (refusal,) = stage.refusals
            assert shown.last_refusal == refusal
            assert shown.state is BindState.REFUSED
            assert refusal.permanent
            assert refusal.status == status
            assert name in refusal.words
            assert refusal.host == "primary"
            assert shown.next_attempt_at is not None
            assert 25 < shown.next_attempt_at - refusal.at < 35
            assert len(gateway.binds) == 1


@pytest.mark.parametrize(
    "status", [CommandStatus.ESME_RBINDFAIL, CommandStatus.ESME_RSYSERR, CommandStatus.ESME_RTHROTTLED, 0x440]
)
async def test_what_may_pass_is_tried_again(status: int) -> None:
    stage = Stage()
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: status if len(gateway.binds) < 4 else 0
        async with bound(settings(gateway), stage) as bind:
            assert [(each.ending, each.permanent, each.status) for each in stage.refusals] == [
                (Ending.REFUSED, False, status)
            ] * 3
            assert bind.status().last_refusal == stage.refusals[-1]


async def test_already_bound_is_said_in_words() -> None:
    stage = Stage()
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: CommandStatus.ESME_RALYBND if len(gateway.binds) == 1 else 0
        async with bound(settings(gateway), stage):
            assert stage.refusals[0].ending is Ending.ALREADY_BOUND
            assert "another process" in stage.refusals[0].words


@pytest.mark.parametrize("when", ["at once", "at the bind"])
async def test_an_immediate_close_points_to_the_access_list(when: str) -> None:
    stage = Stage()
    async with smsc() as gateway:
        if when == "at once":
            gateway.on_connect = lambda peer: peer.transport.abort()
        gateway.on_bind = lambda peer, bind: HANG_UP
        async with pool(settings(gateway), stage) as binds:
            await binds.add(0)
            await until(lambda: len(stage.refusals) >= 2)
            assert {each.ending for each in stage.refusals} == {Ending.CLOSED_EARLY}
            assert "access list" in stage.refusals[0].words
            assert "tls" not in stage.refusals[0].words


async def test_a_bind_without_an_answer_ends_in_time() -> None:
    stage = Stage()
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: None if len(gateway.binds) == 1 else 0
        async with bound(settings(gateway, connect_timeout=0.1), stage):
            # On a machine that is busy an attempt may run out of time before its bind has left.
            (words,) = [each.words for each in stage.refusals if each.ending is Ending.SILENT]
            assert "did not answer the bind" in words


async def test_nobody_listens() -> None:
    stage = Stage()
    async with smsc() as gateway:
        await gateway.hush()
        async with pool(settings(gateway), stage) as binds:
            bind = await binds.add(0)
            await until(lambda: len(stage.refusals) >= 3)
            assert stage.refusals[0].ending is Ending.UNREACHABLE
            assert "nothing listens" in stage.refusals[0].words
            await gateway.listen()
            await until(lambda: bind.ready)


async def test_a_name_that_does_not_resolve() -> None:
    stage = Stage()
    async with pool(settings(host="nowhere.invalid"), stage) as binds:
        await binds.add(0)
        await until(lambda: stage.refusals)
        assert stage.refusals[0].ending is Ending.UNREACHABLE
        assert "nowhere" not in stage.refusals[0].words


async def test_a_name_that_stops_resolving_and_resolves_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the name service is away nothing but the words is different from a host that is away."""
    stage, known = Stage(), True
    loop = asyncio.get_running_loop()
    ask = loop.getaddrinfo

    async def getaddrinfo(host: str, *rest: Any, **options: Any) -> list[Any]:
        if host == "smsc.example":
            if not known:
                raise socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution")
            host = "127.0.0.1"
        return await ask(host, *rest, **options)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    async with smsc() as gateway, bound(settings(gateway, host="smsc.example"), stage) as bind:
        known = False
        gateway.peers[0].reset()
        await until(lambda: len(stage.refusals) >= 3)
        assert {each.ending for each in stage.refusals} == {Ending.UNREACHABLE}
        assert "does not resolve" in stage.refusals[0].words
        assert "smsc.example" not in stage.refusals[0].words
        assert not bind.ready
        known = True
        await until(lambda: bind.ready)
        assert len(gateway.binds) == 2


async def test_a_password_file_that_is_gone_is_said_and_its_return_taken_up(tmp_path: Path) -> None:
    stage = Stage()
    file = tmp_path / "password"
    file.write_text("first\n")
    async with smsc() as gateway:
        config = settings(gateway, password=None, password_file=file)
        file.unlink()
        async with pool(config, stage) as binds:
            bind = await binds.add(0)
            await until(lambda: stage.refusals)
            assert stage.refusals[0].ending is Ending.SETTINGS
            assert "password_file" in stage.refusals[0].words
            file.write_text("second\n")
            await until(lambda: bind.ready)
            assert gateway.binds[0].password == "second"


async def test_version_5_is_asked_for_and_known() -> None:
    stage = Stage()
    async with smsc() as gateway:
        gateway.version = VERSION_5_0
        async with bound(settings(gateway, interface_version="5.0"), stage) as bind:
            assert gateway.binds[0].interface_version == VERSION_5_0
            assert bind.status().interface_version == VERSION_5_0
            assert bind.status().gateway_version == VERSION_5_0


@pytest.mark.parametrize("answer", [CommandStatus.ESME_RBINDFAIL, CommandStatus.ESME_RSYSERR, HANG_UP])
async def test_a_gateway_that_does_not_know_5_is_bound_to_in_3_4(answer: int) -> None:
    def on_bind(peer: Peer, bind: Bind) -> int:
        return answer if bind.interface_version == VERSION_5_0 else 0

    stage = Stage()
    async with smsc() as gateway:
        gateway.on_bind = on_bind
        gateway.version = 0
        async with bound(settings(gateway, interface_version="5.0"), stage) as bind:
            assert [each.interface_version for each in gateway.binds] == [VERSION_5_0, VERSION_3_4]
            assert bind.status().interface_version == VERSION_3_4
            assert bind.status().gateway_version is None
            gateway.peers[-1].transport.abort()
            await until(lambda: stage.log.count("ready") == 2)
            assert gateway.binds[-1].interface_version == VERSION_3_4


async def test_a_bind_that_is_kicked_again_and_again_says_so() -> None:
    stage = Stage()
    async with smsc() as gateway:
        config = settings(gateway, reconnect_min=0.01, reconnect_max=3.0)
        async with pool(config, stage) as binds:
            bind = await binds.add(0)
            await until(lambda: stage.log.count("ready") == 1)
            gateway.living[0].ask_unbind()
            await until(lambda: stage.log.count("ready") == 2)
            gateway.living[0].ask_unbind()
            await until(lambda: stage.refusals)
            (refusal,) = stage.refusals
            assert refusal.ending is Ending.KICKED
            assert "another process" in refusal.words
            await until(lambda: bind.status().next_attempt_at is not None)
            due = bind.status().next_attempt_at
            assert due is not None
            assert due - refusal.at >= 1.5
