"""What a loss hands back: `unsent` certainly never left, `unanswered` may have; together they are everything."""

import asyncio
from typing import Any

import pytest

from connector.bind.reconnect import Ending
from connector.smpp.pdu import SubmitSm, SubmitSmResp, Unbind, UnbindResp, encode
from tests.bind.support import Stage, bound, message, settings, until
from tests.support.smsc import Smsc, smsc


def silent(gateway: Smsc) -> Smsc:
    """The gateway takes submits and does not answer them."""
    gateway.on_request = lambda peer, header, body: None
    return gateway


async def test_what_was_queued_and_not_written_is_unsent() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(silent(gateway)), stage) as bind:
        bind.submit(message(1), "written")
        await until(lambda: gateway.submits)
        gateway.peers[0].transport.abort()
        await gateway.peers[0].gone.wait()
        # The end is in our socket already; this turn of the loop has not seen it yet, or it has and refuses.
        if bind.free_window:
            bind.submit(message(2), "queued")
        await until(lambda: stage.downs)
        (down,) = stage.downs
        assert down.unanswered == ("written",)
        assert down.unsent in ((), ("queued",))


async def test_what_is_submitted_and_lost_in_one_turn_is_unsent() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(silent(gateway)), stage) as bind:
        bind.submit(message(1), "a")
        bind.request(message(2), "b")
        link = bind._sender
        assert link is not None
        link.abort(Ending.LOST, "a test")
        assert [(down.unanswered, down.unsent, down.reason) for down in stage.downs] == [((), ("a", "b"), "a test")]
        assert not bind.ready
        assert gateway.submits == []


async def test_a_peer_that_reads_nothing_gets_no_more_than_the_socket_takes() -> None:
    """Back-pressure, and at the loss the line between what is gone and what is not runs where the octets stopped."""
    stage = Stage()
    text = b"x" * 250
    async with smsc() as gateway, bound(settings(silent(gateway), window=60_000), stage) as bind:
        peer = gateway.peers[0]
        peer.transport.pause_reading()
        number = 0
        while number < 59_000:
            for _ in range(500):
                if bind.free_window:
                    bind.submit(message(number, text), number)
                    number += 1
            await asyncio.sleep(0)
            if not bind.free_window:
                break
        assert bind.free_window == 0
        assert not bind.status().writable
        assert bind.ready
        link = bind._sender
        assert link is not None
        link.abort(Ending.LOST, "a test")
        (down,) = stage.downs
        assert sorted(map(int, map(str, down.unanswered + down.unsent))) == list(range(number))
        assert down.unsent
        peer.transport.resume_reading()
        await peer.gone.wait()
        arrived = {int(submit.destination_addr[4:]) for submit in peer.submits}
        assert arrived.isdisjoint(map(int, map(str, down.unsent)))


async def test_room_in_the_socket_is_announced() -> None:
    stage = Stage()
    text = b"x" * 250
    async with smsc() as gateway, bound(settings(gateway, window=60_000), stage) as bind:
        peer = gateway.peers[0]
        peer.transport.pause_reading()
        number = 0
        while bind.free_window and number < 59_000:
            for _ in range(min(500, bind.free_window)):
                bind.submit(message(number, text), number)
                number += 1
            await asyncio.sleep(0)
        assert bind.free_window == 0
        peer.transport.resume_reading()
        await until(lambda: "writable" in stage.log)
        assert bind.free_window > 0
        await until(lambda: len(stage.answers) == number)
        assert [answer.context for answer in stage.answers] == list(range(number))


@pytest.mark.parametrize("how", ["reset", "abort"])
async def test_a_reset_or_an_end_hands_back_what_may_have_arrived(how: str) -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(silent(gateway)), stage) as bind:
        for number in range(10):
            bind.submit(message(number), number)
        await until(lambda: len(gateway.submits) == 10)
        peer = gateway.peers[0]
        if how == "reset":
            peer.reset()
        else:
            peer.transport.abort()
        await until(lambda: stage.downs)
        assert stage.downs[0].unanswered == tuple(range(10))
        assert stage.downs[0].unsent == ()
        assert "the gateway" in stage.downs[0].reason
        await until(lambda: bind.ready)
        assert stage.log.count("ready") == 2


@pytest.mark.parametrize("settings_of_silence", [{"enquire_link_interval": 0.02}, {"suspect_after": 0.02}])
async def test_a_dead_peer_is_noticed(settings_of_silence: dict[str, Any]) -> None:
    """Half open: TCP is there, and nobody. With requests in flight the silence is suspect sooner."""
    stage = Stage()
    async with smsc() as gateway:
        config = settings(silent(gateway), enquire_link_timeout=0.05, **settings_of_silence)
        async with bound(config, stage) as bind:
            gateway.peers[0].mute = True
            bind.submit(message(), "held")
            await until(lambda: stage.downs)
            assert stage.downs[0].unanswered == ("held",)
            assert stage.downs[0].reason == "enquire_link was not answered"
            await until(lambda: bind.ready)


async def test_a_slow_but_living_peer_is_kept() -> None:
    stage = Stage()
    async with smsc() as gateway:
        config = settings(silent(gateway), enquire_link_timeout=1.0, suspect_after=0.01)
        async with bound(config, stage) as bind:
            bind.submit(message(), "held")
            # Many suspicions, each of them answered.
            await until(lambda: gateway.peers[0].octets.count(b"\0\0\0\x10\0\0\0\x15\0\0\0\0") > 5)
            gateway.peers[0].accept_all()
            await until(lambda: stage.answers)
            assert stage.downs == []


async def test_a_request_without_an_answer_times_out_and_its_late_answer_is_told() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(silent(gateway), response_timeout=0.03), stage) as bind:
        bind.submit(message(), "held")
        await until(lambda: stage.timeouts)
        assert stage.timeouts == ["held"]
        assert bind.in_flight == 0
        gateway.peers[0].accept_all()
        await until(lambda: stage.late)
        assert stage.late == [("held", 0, "1")]
        assert stage.answers == []


async def test_response_timeout_0_never_gives_up() -> None:
    stage = Stage()
    async with smsc() as gateway:
        silent(gateway)
        config = settings(gateway, response_timeout=0, enquire_link_interval=0.01)
        async with bound(config, stage) as bind:
            bind.submit(message(), "held")
            await until(lambda: gateway.peers[0].octets.count(b"\0\0\0\x10\0\0\0\x15\0\0\0\0") > 5)
            assert stage.timeouts == []
            assert bind.in_flight == 1


async def test_an_unbind_of_the_gateway_is_answered_after_the_answers_before_it() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(silent(gateway)), stage) as bind:
        bind.submit(message(1), "answered")
        bind.submit(message(2), "held")
        await until(lambda: len(gateway.submits) == 2)
        peer = gateway.peers[0]
        gateway.accept(peer, peer.requests[0][0])
        peer.ask_unbind()
        await until(lambda: stage.downs)
        assert [answer.context for answer in stage.answers] == ["answered"]
        assert stage.downs[0].unanswered == ("held",)
        assert stage.downs[0].reason == "the gateway sent unbind"
        await peer.gone.wait()
        assert encode(UnbindResp(), sequence=1) in bytes(peer.octets)
        await until(lambda: bind.ready)


async def test_answers_that_come_behind_an_unbind_in_one_segment_are_not_lost() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(silent(gateway)), stage) as bind:
        bind.submit(message(1), "answered")
        await until(lambda: gateway.submits)
        peer = gateway.peers[0]
        peer.session.request(Unbind(), 0.0)
        gateway.accept(peer, peer.requests[0][0])
        await until(lambda: stage.downs)
        assert [answer.context for answer in stage.answers] == ["answered"]
        assert stage.downs[0].unanswered == ()


async def test_without_the_right_to_write_nothing_leaves() -> None:
    """A replica that lost its lease wakes up with a submit in memory."""
    stage = Stage()
    allowed = True
    async with smsc() as gateway, bound(settings(gateway), stage, may_write=lambda: allowed) as bind:
        allowed = False
        bind.submit(message(), "held")
        await until(lambda: stage.downs)
        assert (stage.downs[0].unanswered, stage.downs[0].unsent) == ((), ("held",))
        await until(lambda: bind.status().state.value == "suspended")
        assert gateway.submits == []
        allowed = True
        await until(lambda: bind.ready)


async def test_a_fault_of_a_handler_ends_the_connection_and_loses_no_other_answer() -> None:
    class Faulty(Stage):
        def on_response(self, slot: int, context: object, *rest: Any) -> None:
            super().on_response(slot, context, *rest)
            if context == 1:
                raise KeyError("a fault")

    stage = Faulty()
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, details: faults.append(details.get("exception")))
    async with smsc() as gateway, bound(settings(silent(gateway)), stage) as bind:
        for number in range(3):
            bind.submit(message(number), number)
        await until(lambda: len(gateway.submits) == 3)
        peer = gateway.peers[0]
        peer.transport.pause_reading()
        for header, body in peer.requests:
            if isinstance(body, SubmitSm):
                peer.session.respond(header, SubmitSmResp())
        peer.flush()
        await until(lambda: stage.downs)
        assert [answer.context for answer in stage.answers] == [0, 1, 2]
        assert stage.downs[0].reason == "a handler failed (KeyError)"
        await until(lambda: faults)
        assert isinstance(faults[0], KeyError)
