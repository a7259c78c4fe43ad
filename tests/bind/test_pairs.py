"""A transmitter with a receiver, and a receiver alone."""

import asyncio

import pytest

from connector.bind import legs
from connector.bind.bind import BindNotReady
from connector.bind.reconnect import Ending
from connector.smpp.constants import CommandStatus
from connector.smpp.pdu import BindReceiver, BindTransmitter, DeliverSm
from tests.bind.support import Stage, bound, message, pool, settings, until
from tests.support.smsc import Peer, Smsc, smsc


def half(gateway: Smsc, kind: type) -> Peer:
    return next(peer for peer in gateway.living if isinstance(peer.bind, kind))


async def test_a_pair_is_ready_when_both_are_bound() -> None:
    stage = Stage()
    async with smsc() as gateway:
        # The receiver's bind is answered later.
        gateway.on_bind = lambda peer, bind: None if isinstance(bind, BindReceiver) else 0
        async with pool(settings(gateway, bind_mode="transmitter_receiver"), stage) as binds:
            bind = await binds.add(0)
            await until(lambda: len(gateway.binds) == 2)
            assert [type(each) for each in gateway.binds] == [BindTransmitter, BindReceiver]
            assert not bind.ready
            assert bind.free_window == 0


async def test_a_pair_submits_on_one_and_receives_on_the_other() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, bind_mode="transmitter_receiver"), stage) as bind:
        bind.submit(message(), "a")
        half(gateway, BindReceiver).send(DeliverSm(short_message=b"id:1"))
        await until(lambda: stage.answers and stage.deliveries)
        assert bind.respond(stage.deliveries[0][2])
        await until(lambda: half(gateway, BindReceiver).responses)
        assert len(half(gateway, BindTransmitter).submits) == 1


async def test_a_lost_receiver_takes_the_transmitter_along_after_its_answers() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, bind_mode="transmitter_receiver"), stage) as bind:
        gateway.on_request = lambda peer, header, body: None
        transmitter = half(gateway, BindTransmitter)
        bind.submit(message(), "a")
        await until(lambda: transmitter.submits)
        half(gateway, BindReceiver).transport.abort()
        await until(lambda: not bind.ready)
        assert stage.downs == []
        transmitter.accept_all()
        await until(lambda: stage.downs)
        assert [answer.context for answer in stage.answers] == ["a"]
        assert [(down.unanswered, down.unsent) for down in stage.downs] == [((), ())]
        assert transmitter.unbound
        await until(lambda: bind.ready)
        assert len(gateway.binds) == 4


async def test_a_transmitter_that_gets_no_answers_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "PAIR_GRACE", 0.02)
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, bind_mode="transmitter_receiver"), stage) as bind:
        gateway.on_request = lambda peer, header, body: None
        bind.submit(message(), "a")
        await until(lambda: gateway.submits)
        half(gateway, BindReceiver).transport.abort()
        await until(lambda: stage.downs)
        assert stage.downs[0].unanswered == ("a",)


async def test_a_lost_transmitter_hands_back_and_unbinds_the_receiver() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, bind_mode="transmitter_receiver"), stage) as bind:
        gateway.on_request = lambda peer, header, body: None
        receiver = half(gateway, BindReceiver)
        bind.submit(message(), "a")
        await until(lambda: gateway.submits)
        half(gateway, BindTransmitter).transport.abort()
        await until(lambda: stage.downs)
        assert stage.downs[0].unanswered == ("a",)
        assert receiver.unbound
        await until(lambda: bind.ready)


async def test_a_refused_receiver_leaves_no_transmitter_behind() -> None:
    stage = Stage()
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: (
            CommandStatus.ESME_RBINDFAIL if isinstance(bind, BindReceiver) else CommandStatus.ESME_ROK
        )
        async with pool(settings(gateway, bind_mode="transmitter_receiver"), stage) as binds:
            await binds.add(0)
            await until(lambda: stage.refusals)
            assert stage.refusals[0].ending is Ending.REFUSED
            await until(lambda: not gateway.living)
            assert stage.downs == [], "it was never up"


async def test_a_receiver_alone_receives_and_takes_no_submits() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, bind_mode="receiver"), stage) as bind:
        assert [type(each) for each in gateway.binds] == [BindReceiver]
        assert bind.free_window == 0
        with pytest.raises(BindNotReady):
            bind.submit(message(), "a")
        with pytest.raises(BindNotReady):
            bind.request(message(), "a")
        gateway.peers[0].send(DeliverSm(short_message=b"id:1"))
        await until(lambda: stage.deliveries)
        assert bind.respond(stage.deliveries[0][2], CommandStatus.ESME_RX_T_APPN)
        await until(lambda: gateway.peers[0].responses)
        assert gateway.peers[0].responses[0][0].status == CommandStatus.ESME_RX_T_APPN
        gateway.peers[0].transport.abort()
        await until(lambda: stage.downs and bind.ready)


async def test_a_pair_leaves_with_two_unbinds() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway, bind_mode="transmitter_receiver"), stage) as binds:
        bind = await binds.add(0)
        await until(lambda: bind.ready)
        async with asyncio.timeout(2):
            await binds.remove(0, 1.0)
        assert all(peer.unbound for peer in gateway.peers)
        assert len(stage.downs) == 1
