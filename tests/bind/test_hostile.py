"""A gateway that breaks the rules: the bind answers, or ends the connection, and comes back; nothing else."""

import asyncio
from typing import Any

import pytest

from connector.smpp.constants import CommandId, CommandStatus
from connector.smpp.pdu import (
    AlertNotification,
    DataSm,
    DeliverSm,
    EnquireLink,
    GenericNack,
    Header,
    SubmitSmResp,
    UnknownPdu,
    encode,
)
from tests.bind.support import Stage, bound, message, settings, until
from tests.support.smsc import Peer, Smsc, smsc


def with_answer(gateway: Smsc, answer: Any, status: int = 0) -> None:
    def on_request(peer: Peer, header: Header, body: object) -> None:
        peer.write_raw(encode(answer, sequence=header.sequence, status=status))

    gateway.on_request = on_request


@pytest.mark.parametrize(
    "octets",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(256)), b"\xff\xff\xff\xff" * 8, b"\0\0\0\5" + b"x" * 30],
    ids=["http", "random", "oversize", "undersize"],
)
async def test_octets_that_are_no_smpp_end_the_connection(octets: bytes) -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        gateway.peers[0].write_raw(octets)
        await until(lambda: stage.downs)
        assert "command_length" in stage.downs[0].reason
        await until(lambda: bind.ready)


async def test_octets_one_by_one_are_read_all_the_same() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage):
        peer = gateway.peers[0]
        for octet in encode(DeliverSm(short_message=b"id:1 stat:DELIVRD"), sequence=7):
            peer.write_raw(bytes([octet]))
            await asyncio.sleep(0)
        await until(lambda: stage.deliveries)
        assert isinstance(stage.deliveries[0][0], DeliverSm)
        assert stage.deliveries[0][1][12:16] == b"\0\0\0\7"


async def test_a_vendor_command_is_refused_and_the_link_lives() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        gateway.peers[0].write_raw(encode(UnknownPdu(command_id=0x00010200, body=b"abc"), sequence=5))
        await until(
            lambda: (
                encode(GenericNack(), sequence=5, status=CommandStatus.ESME_RINVCMDID) in bytes(gateway.peers[0].octets)
            )
        )
        assert bind.ready


async def test_a_generic_nack_without_an_error_is_no_answer() -> None:
    """Broken by: taking its status for that of a response, which would make the message accepted."""
    stage = Stage()
    async with smsc() as gateway:
        with_answer(gateway, GenericNack(), 0)
        async with bound(settings(gateway), stage) as bind:
            bind.submit(message(), context=1)
            await until(lambda: stage.timeouts or stage.answers)
            assert (stage.timeouts, stage.answers) == ([1], [])


async def test_a_generic_nack_is_the_answer_to_its_submit() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        with_answer(gateway, GenericNack(), CommandStatus.ESME_RSYSERR)
        bind.submit(message(), "a")
        await until(lambda: stage.answers)
        assert tuple(stage.answers[0]) == (0, "a", CommandStatus.ESME_RSYSERR, "", ())


@pytest.mark.parametrize("status", [CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL, 0x440])
async def test_a_refusal_of_a_submit_is_passed_on_as_it_is(status: int) -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        with_answer(gateway, SubmitSmResp(), status)
        bind.submit(message(), "a")
        await until(lambda: stage.answers)
        assert (stage.answers[0].status, stage.answers[0].message_id) == (status, "")


async def test_answers_in_another_order_find_their_submits() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        gateway.on_request = lambda peer, header, body: None
        for number in range(5):
            bind.submit(message(number), number)
        peer = gateway.peers[0]
        await until(lambda: len(peer.submits) == 5)
        for header, _ in reversed(peer.requests):
            peer.session.respond(header, SubmitSmResp(message_id=str(header.sequence)))
        peer.flush()
        await until(lambda: len(stage.answers) == 5)
        assert [answer.context for answer in stage.answers] == [4, 3, 2, 1, 0]


async def test_answers_to_nothing_are_ignored_and_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        bind.submit(message(), "a")
        await until(lambda: stage.answers)
        sequence = gateway.peers[0].requests[0][0].sequence
        again = encode(SubmitSmResp(message_id="1"), sequence=sequence)
        unknown = encode(SubmitSmResp(message_id="1"), sequence=12345)
        gateway.peers[0].write_raw((again + unknown) * 500 + encode(DeliverSm(short_message=b"end"), sequence=1))
        await until(lambda: stage.deliveries)
        assert len(stage.answers) == 1
        odd = [record for record in caplog.records if "answers nothing" in record.getMessage()]
        assert 1 <= len(odd) <= 11


async def test_the_gateways_own_sequence_numbers_confuse_nothing() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        gateway.on_request = lambda peer, header, body: None
        bind.submit(message(), "a")
        peer = gateway.peers[0]
        await until(lambda: peer.submits)
        sequence = peer.requests[0][0].sequence
        peer.write_raw(encode(DeliverSm(short_message=b"id:1"), sequence=sequence))
        peer.accept_all()
        await until(lambda: stage.answers and stage.deliveries)
        assert bind.respond(stage.deliveries[0][2])


async def test_a_flood_of_enquiries_is_answered() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        peer = gateway.peers[0]
        peer.write_raw(b"".join(encode(EnquireLink(), sequence=number) for number in range(1, 5001)))
        await until(lambda: peer.octets.endswith(b"\x80\0\0\x15\0\0\0\0" + (5000).to_bytes(4, "big")))
        assert bind.ready


async def test_a_flood_from_a_peer_that_reads_nothing_does_not_fill_the_memory() -> None:
    """Its answers stay with us while it does not read; so at some point we stop reading too."""
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        peer = gateway.peers[0]
        peer.transport.pause_reading()
        flood = b"".join(encode(EnquireLink(), sequence=number) for number in range(1, 4097))
        link = bind._sender
        assert link is not None
        for _ in range(2000):
            peer.write_raw(flood)
            await asyncio.sleep(0)
            if link._read_paused:
                break
        assert link._read_paused
        peer.transport.resume_reading()
        await until(lambda: not link._read_paused)
        assert bind.ready


async def test_deliveries_beyond_the_window_wait_in_the_socket_until_some_are_stored() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, delivery_window=10), stage) as bind:
        peer = gateway.peers[0]
        for number in range(100):
            peer.write_raw(encode(DeliverSm(short_message=b"id:%d" % number), sequence=number + 1))
            await asyncio.sleep(0)
        await until(lambda: len(stage.deliveries) >= 10)
        answered = 0
        while answered < 100:
            await until(lambda: len(stage.deliveries) > answered)  # noqa: B023 - asked at once
            assert bind.status().deliveries < 10 + 100, "at most one more read of the socket"
            assert bind.respond(stage.deliveries[answered][2])
            answered += 1
        await until(lambda: peer.octets.count(b"\x80\0\0\5") == 100)


async def test_data_sm_is_answered_with_its_own_response() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        gateway.peers[0].send(DataSm(source_addr="79990000001"), "context")
        await until(lambda: stage.deliveries)
        assert bind.respond(stage.deliveries[0][2])
        await until(lambda: gateway.peers[0].responses)
        assert gateway.peers[0].responses[0][0].command_id == CommandId.DATA_SM | 0x80000000


async def test_alerts_are_taken_without_an_answer() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        gateway.peers[0].send(AlertNotification(source_addr="79990000001", esme_addr="test"))
        bind.submit(message(), "a")
        await until(lambda: stage.answers)
        assert bind.ready


async def test_a_truncated_delivery_is_refused_and_the_next_one_taken() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage):
        whole = encode(DeliverSm(source_addr="79990000001", short_message=b"id:1"), sequence=1)
        cut = (len(whole) - 3).to_bytes(4, "big") + whole[4:-3]
        gateway.peers[0].write_raw(cut + encode(DeliverSm(short_message=b"id:2"), sequence=2))
        await until(lambda: stage.deliveries)
        assert stage.deliveries[0][1][12:16] == b"\0\0\0\2"


async def test_a_delivery_with_damaged_parameters_is_taken_as_it_came() -> None:
    """Broken by: refusing it, which loses what its text says wherever the gateway does not send it again."""
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage):
        whole = encode(DeliverSm(short_message=b"id:1", tlvs=((0x2001, b"\0\1"), (0x2002, b"\0\1"))), sequence=1)
        cut = (len(whole) - 1).to_bytes(4, "big") + whole[4:-1]
        gateway.peers[0].write_raw(cut)
        await until(lambda: stage.deliveries)
        assert stage.deliveries[0][1] == cut


async def test_logs_hold_no_address_no_text_and_no_login(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "connector.bind")
    stage = Stage()
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: CommandStatus.ESME_RSYSERR if len(gateway.binds) == 1 else 0
        async with bound(settings(gateway, system_id="topuser", password="topword"), stage) as bind:
            bind.submit(message(text=b"topsecret"), "a")
            await until(lambda: stage.answers)
            gateway.peers[-1].write_raw(b"HTTP topsecret 7999000000")
            await until(lambda: stage.downs)
    assert caplog.records
    for word in ("topuser", "topword", "topsecret", "7999", "127.0.0.1"):
        assert word not in caplog.text
