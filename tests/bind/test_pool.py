"""The binds of one account: added and removed by slot, and what a removal promises."""

import asyncio
from typing import Any

import pytest

from connector.bind import legs
from connector.bind.pool import Pool
from connector.bind.status import BindState
from connector.smpp.pdu import DeliverSm
from tests.bind.support import Stage, message, pool, settings, until
from tests.support.smsc import smsc


async def test_several_binds_carry_the_number_of_them_in_system_type() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway, binds=3), stage, iso=True) as binds:
        for slot in (7, 8, 9):
            await binds.add(slot)
        await until(lambda: all(bind.ready for bind in binds.binds.values()))
        assert {each.system_type for each in gateway.binds} == {"ISO,MCON3"}
        assert [(each.slot, each.state) for each in binds.status()] == [
            (7, BindState.BOUND),
            (8, BindState.BOUND),
            (9, BindState.BOUND),
        ]


async def test_system_type_from_the_settings_is_sent_as_it_is() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway, system_type="vma"), stage, iso=True) as binds:
        await binds.add(0)
        await until(lambda: gateway.binds)
        assert gateway.binds[0].system_type == "vma"


async def test_a_slot_that_is_there_is_not_added_again() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway), stage) as binds:
        assert await binds.add(0) is await binds.add(0)
        await until(lambda: gateway.binds)
        assert len(gateway.binds) == 1


async def test_a_slot_that_comes_back_waits_until_it_has_left() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway), stage) as binds:
        first = await binds.add(0)
        await until(lambda: first.ready)
        leaving = asyncio.ensure_future(binds.remove(0, 1.0))
        await asyncio.sleep(0)
        second = await binds.add(0)
        assert leaving.done() or first.status().state is BindState.CLOSED
        assert second is not first
        await until(lambda: second.ready)
        await leaving
        assert gateway.peers[0].unbound


async def test_what_is_not_there_is_removed_without_a_word() -> None:
    async with pool(settings(), Stage()) as binds:
        await binds.remove(5, 1.0)


async def test_a_removal_hands_back_what_got_no_answer_by_its_deadline() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway), stage) as binds:
        gateway.on_request = lambda peer, header, body: None
        bind = await binds.add(0)
        await until(lambda: bind.ready)
        bind.submit(message(), "held")
        await until(lambda: gateway.submits)
        await binds.remove(0, 0.02)
        assert [(down.unanswered, down.unsent) for down in stage.downs] == [(("held",), ())]
        assert gateway.peers[0].unbound
        assert bind.status().state is BindState.CLOSED
        assert not bind.ready


async def test_a_delivery_in_hand_is_acknowledged_before_the_unbind() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway), stage) as binds:
        bind = await binds.add(0)
        await until(lambda: bind.ready)
        gateway.peers[0].send(DeliverSm(short_message=b"id:1"))
        await until(lambda: stage.deliveries)
        leaving = asyncio.ensure_future(binds.remove(0, 5.0))
        await until(lambda: bind.status().state is BindState.HOLDING)
        assert bind.respond(stage.deliveries[0][2])
        await leaving
        assert len(gateway.peers[0].responses) == 1
        assert gateway.peers[0].unbound


async def test_a_gateway_that_does_not_answer_the_unbind_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "UNBIND_GRACE", 0.02)
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway), stage) as binds:
        bind = await binds.add(0)
        await until(lambda: bind.ready)
        gateway.peers[0].mute = True
        async with asyncio.timeout(1):
            await binds.remove(0, 5.0)
        assert len(stage.downs) == 1
        await until(lambda: not gateway.living)


@pytest.mark.parametrize("moment", ["waiting", "connecting", "binding"])
async def test_a_bind_that_is_not_up_leaves_at_once(moment: str) -> None:
    stage = Stage()
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: None
        if moment == "waiting":
            await gateway.hush()
        config = settings(gateway, reconnect_min=30.0, reconnect_max=30.0, connect_timeout=30.0)
        async with pool(config, stage) as binds:
            bind = await binds.add(0)
            if moment != "connecting":
                await until(lambda: bind.status().state.value == moment)
            async with asyncio.timeout(2):
                await binds.remove(0, 30.0)
            assert stage.downs == []
            await until(lambda: not gateway.living)


async def test_a_fault_in_a_bind_ends_the_watch() -> None:
    class Faulty(Stage):
        def on_ready(self, slot: int) -> None:
            raise KeyError("a fault")

    async with smsc() as gateway:
        binds = Pool(settings(gateway), Faulty())
        await binds.add(0)
        with pytest.raises(KeyError):
            await binds.watch()
        assert binds.status()[0].state is BindState.CLOSED
        await binds.close(0.0)


async def test_a_fault_that_nobody_watches_reaches_the_loop() -> None:
    class Faulty(Stage):
        def on_ready(self, slot: int) -> None:
            raise KeyError("a fault")

    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, details: faults.append(details["exception"]))
    async with smsc() as gateway:
        binds = Pool(settings(gateway), Faulty())
        await binds.add(0)
        await until(lambda: faults)
        assert isinstance(faults[0], KeyError)
        await binds.close(0.0)
