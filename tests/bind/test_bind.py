"""One bind against a real peer over TCP: what goes out, what comes back, and what a loss hands back."""

import asyncio

from connector.bind.status import BindState
from connector.smpp.pdu import BindTransceiver, DeliverSm
from tests.bind.support import Stage, bound, message, pool, settings, until
from tests.support.smsc import smsc


async def test_a_submit_is_answered_with_its_context() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        bind.submit(message(1), "a")
        bind.submit(message(2), "b")
        await until(lambda: len(stage.answers) == 2)
        assert [(answer.context, answer.status, answer.message_id) for answer in stage.answers] == [
            ("a", 0, "1"),
            ("b", 0, "2"),
        ]
        assert bind.in_flight == 0
        assert bind.host == "127.0.0.1"
        (request,) = gateway.binds
        assert isinstance(request, BindTransceiver)
        assert (request.system_id, request.password, request.system_type) == ("login", "secret", "")


async def test_a_delivery_is_acknowledged_once_and_only_on_its_own_connection() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        gateway.peers[0].send(DeliverSm(source_addr="79990000001", short_message=b"id:1 stat:DELIVRD"), "one")
        await until(lambda: stage.deliveries)
        pdu, raw, token = stage.deliveries[0]
        assert isinstance(pdu, DeliverSm)
        assert raw[4:8] == b"\0\0\0\5"
        assert bind.respond(token)
        assert not bind.respond(token), "the second answer to one delivery"
        await until(lambda: gateway.peers[0].responses)
        gateway.peers[0].send(DeliverSm(short_message=b"id:2"), "two")
        await until(lambda: len(stage.deliveries) == 2)
        gateway.peers[0].transport.abort()
        await until(lambda: stage.downs and bind.ready)
        assert not bind.respond(stage.deliveries[1][2]), "the connection it came on is gone"
        assert bind.ready


async def test_removal_waits_for_answers_then_unbinds() -> None:
    stage = Stage()
    async with smsc() as gateway, pool(settings(gateway), stage) as binds:
        gateway.on_request = lambda peer, header, body: None
        bind = await binds.add(3)
        await until(lambda: bind.ready)
        bind.submit(message(), "held")
        await until(lambda: gateway.submits)
        leaving = asyncio.ensure_future(binds.remove(3, 5.0))
        await until(lambda: bind.status().state is BindState.HOLDING)
        assert not bind.ready
        assert bind.free_window == 0
        gateway.peers[0].accept_all()
        await leaving
        assert [answer.context for answer in stage.answers] == ["held"]
        assert gateway.peers[0].unbound
        assert [(down.unanswered, down.unsent) for down in stage.downs] == [((), ())]
        assert binds.status() == []
