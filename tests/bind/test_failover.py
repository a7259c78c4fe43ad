"""Two hosts: to the backup when the primary is away, and home again at a quiet moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connector.bind import bind as binding
from connector.bind.bind import Bind
from connector.bind.status import BindState
from connector.smpp.constants import CommandStatus
from connector.smpp.pdu import DeliverSm
from tests.bind.support import Stage, message, pool, settings, until
from tests.support.smsc import Smsc, smsc


@asynccontextmanager
async def on_the_backup(stage: Stage, **changes: Any) -> AsyncIterator[tuple[Smsc, Smsc, Bind]]:
    """The primary is away, the bind on the backup."""
    async with smsc() as primary, smsc() as backup:
        await primary.hush()
        config = settings(primary, backup_host="localhost", backup_port=backup.port, **changes)
        async with pool(config, stage) as binds:
            bind = await binds.add(0)
            await until(lambda: bind.ready)
            assert bind.status().host == "backup"
            assert bind.host == "localhost"
            yield primary, backup, bind


async def test_the_backup_is_taken_when_the_primary_is_away() -> None:
    stage = Stage()
    async with on_the_backup(stage) as (_, backup, bind):
        bind.submit(message(), "a")
        await until(lambda: stage.answers)
        assert len(backup.submits) == 1
        assert [refusal.host for refusal in stage.refusals] == ["primary"]


async def test_a_primary_that_dies_hands_over_and_a_backup_that_dies_hands_back() -> None:
    stage = Stage()
    async with smsc() as primary, smsc() as backup:
        config = settings(primary, backup_host="127.0.0.1", backup_port=backup.port)
        async with pool(config, stage) as binds:
            bind = await binds.add(0)
            for here, there, word in ((primary, backup, "backup"), (backup, primary, "primary")):
                await until(lambda: bind.ready)
                await here.hush()
                await until(lambda word=word: bind.ready and bind.status().host == word)  # type: ignore[misc]
                assert len(there.living) == 1
                await here.listen()


async def test_the_bind_returns_to_the_primary_after_unbinding_at_a_quiet_moment() -> None:
    stage = Stage()
    async with on_the_backup(stage, primary_retry_interval=0.03) as (primary, backup, bind):
        backup.on_request = lambda peer, header, body: None
        bind.submit(message(), "held")
        await until(lambda: backup.submits)
        await primary.listen()
        await until(lambda: bind.status().state is BindState.HOLDING)
        assert not bind.ready
        assert bind.free_window == 0
        assert not primary.binds, "never two binds at a time"
        assert not backup.peers[0].unbound, "something is in flight"
        backup.peers[0].accept_all()
        await until(lambda: bind.ready)
        assert bind.status().host == "primary"
        assert [answer.context for answer in stage.answers] == ["held"]
        assert backup.peers[0].unbound
        assert [tuple(down)[1:] for down in stage.downs] == [("returning to the primary host", (), ())]
        assert stage.log == ["refused unreachable", "ready", "down", "ready"]


async def test_an_unacknowledged_delivery_holds_the_return_up() -> None:
    stage = Stage()
    async with on_the_backup(stage, primary_retry_interval=0.03) as (primary, backup, bind):
        backup.peers[0].send(DeliverSm(short_message=b"id:1"))
        await until(lambda: stage.deliveries)
        await primary.listen()
        await until(lambda: bind.status().state is BindState.HOLDING)
        assert bind.respond(stage.deliveries[0][2])
        await until(lambda: bind.ready and bind.status().host == "primary")
        assert len(backup.peers[0].responses) == 1


async def test_a_return_that_finds_no_quiet_moment_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "HOLD_FOR_RETURN", 0.02)
    stage = Stage()
    async with on_the_backup(stage, primary_retry_interval=0.03) as (primary, backup, bind):
        backup.on_request = lambda peer, header, body: None
        bind.submit(message(1), "held")
        await until(lambda: backup.submits)
        await primary.listen()
        await until(lambda: stage.log.count("ready") >= 2)
        assert bind.status().host == "backup"
        assert stage.downs == []
        backup.peers[0].accept_all()
        await until(lambda: bind.ready and bind.status().host == "primary")


async def test_while_the_primary_is_away_the_bind_is_not_touched() -> None:
    stage = Stage()
    async with on_the_backup(stage, primary_retry_interval=0.001) as (_, backup, bind):
        for number in range(50):
            await until(lambda: bind.free_window)
            bind.submit(message(number), number)
            await until(lambda number=number: len(stage.answers) > number)  # type: ignore[misc]
        assert stage.log == ["refused unreachable", "ready"]
        assert len(backup.peers) == 1


async def test_a_primary_that_refuses_the_returning_bind_sends_it_back_to_the_backup() -> None:
    stage = Stage()
    async with on_the_backup(stage, primary_retry_interval=0.03) as (primary, backup, bind):
        primary.on_bind = lambda peer, each: CommandStatus.ESME_RSYSERR if len(primary.binds) == 1 else 0
        await primary.listen()
        await until(lambda: primary.binds)
        await until(lambda: bind.ready and bind.status().host == "backup")
        await until(lambda: bind.ready and bind.status().host == "primary")
        assert len(backup.binds) == 2


async def test_a_backup_that_dies_during_the_return_loses_nothing() -> None:
    stage = Stage()
    async with on_the_backup(stage, primary_retry_interval=0.03) as (primary, backup, bind):
        backup.on_request = lambda peer, header, body: None
        bind.submit(message(), "held")
        await until(lambda: backup.submits)
        await primary.listen()
        await until(lambda: bind.status().state is BindState.HOLDING)
        await backup.hush()
        await until(lambda: stage.downs)
        assert stage.downs[0].unanswered == ("held",)
        await until(lambda: bind.ready and bind.status().host == "primary")


async def test_a_primary_that_goes_away_again_during_the_return_costs_nothing() -> None:
    stage = Stage()
    async with on_the_backup(stage, primary_retry_interval=0.03) as (primary, backup, bind):
        backup.on_request = lambda peer, header, body: None
        bind.submit(message(), "held")
        await until(lambda: backup.submits)
        await primary.listen()
        await until(lambda: bind.status().state is BindState.HOLDING)
        await primary.hush()
        backup.peers[0].accept_all()
        await until(lambda: bind.ready)
        assert bind.status().host == "backup"
        assert stage.downs == []
