"""What is asked beside submits (query_sm, cancel_sm, replace_sm): every context comes back as it was given."""

import struct
from dataclasses import dataclass

import pytest

from connector.smpp.constants import CommandId, CommandStatus
from connector.smpp.pdu import (
    Body,
    CancelSm,
    CancelSmResp,
    GenericNack,
    Header,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SubmitSm,
)
from tests.bind.support import Stage, bound, message, settings, until
from tests.support.smsc import Peer, Smsc, smsc

ASKED: tuple[Body, ...] = (
    QuerySm(message_id="7"),
    CancelSm(message_id="7"),
    ReplaceSm(message_id="7", short_message=b"new"),
)
ANSWERS: dict[type[Body], Body] = {
    QuerySm: QuerySmResp(message_id="7"),
    CancelSm: CancelSmResp(),
    ReplaceSm: ReplaceSmResp(),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A context of another type than a submit's: by it the stage tells them apart."""

    number: int


def answering(gateway: Smsc, status: int = 0) -> None:
    def answer(peer: Peer, header: Header, body: Body) -> None:
        if isinstance(body, SubmitSm):
            gateway.accept(peer, header)
        else:
            peer.answer(header, ANSWERS[type(body)], status)

    gateway.on_request = answer


def silent(gateway: Smsc) -> None:
    gateway.on_request = lambda peer, header, body: None


@pytest.mark.parametrize("status", [0, CommandStatus.ESME_RCANCELFAIL])
async def test_every_answer_comes_with_the_context_of_its_question(status: int) -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        answering(gateway, status)
        for number, body in enumerate(ASKED):
            bind.submit(message(number), number)
            bind.request(body, Question(number))
        await until(lambda: len(stage.asked) == 3 and len(stage.answers) == 3)
        assert [(context, found) for context, found, _ in stage.asked] == [(Question(n), status) for n in range(3)]
        assert [type(body) for _, _, body in stage.asked] == [QuerySmResp, CancelSmResp, ReplaceSmResp]
        assert [answer.context for answer in stage.answers] == [0, 1, 2]


@pytest.mark.parametrize("body", [GenericNack(), QuerySmResp()])
async def test_an_answer_of_which_nothing_can_be_read_is_none(body: Body) -> None:
    """Broken by: taking the zeros of a missing body for the state SCHEDULED."""
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:

        def answer(peer: Peer, header: Header, question: Body) -> None:
            command = CommandId.QUERY_SM_RESP if isinstance(body, QuerySmResp) else CommandId.GENERIC_NACK
            peer.write_raw(struct.pack(">4I", 16, command, 0, header.sequence))

        gateway.on_request = answer
        bind.request(QuerySm(message_id="7"), Question(1))
        await until(lambda: stage.timeouts or stage.asked)
        assert (stage.timeouts, stage.asked) == ([Question(1)], [])


async def test_a_gateway_that_does_not_know_the_command_answers_too() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:

        def nack(peer: Peer, header: Header, body: Body) -> None:
            peer.session.nack(header, CommandStatus.ESME_RINVCMDID)

        gateway.on_request = nack
        bind.request(QuerySm(message_id="7"), Question(1))
        await until(lambda: stage.asked)
        assert stage.asked == [(Question(1), CommandStatus.ESME_RINVCMDID, GenericNack())]
        assert not stage.answers


async def test_a_question_takes_a_place_in_the_window() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, window=2), stage) as bind:
        silent(gateway)
        bind.submit(message(), 1)
        bind.request(QuerySm(message_id="7"), Question(1))
        assert (bind.free_window, bind.in_flight) == (0, 2)


async def test_a_question_without_an_answer_times_out_and_its_late_answer_is_told() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway, response_timeout=0.03), stage) as bind:
        silent(gateway)
        bind.request(CancelSm(message_id="7"), Question(1))
        await until(lambda: stage.timeouts)
        assert stage.timeouts == [Question(1)]
        assert stage.asked == []
        await until(lambda: gateway.peers[0].requests)
        ((header, _),) = gateway.peers[0].requests
        gateway.peers[0].answer(header, CancelSmResp())
        await until(lambda: stage.asked)
        assert stage.asked == [(Question(1), 0, CancelSmResp())]
        assert stage.late == [], "it is no submit's"


async def test_questions_that_a_loss_leaves_open_come_back_with_the_submits() -> None:
    stage = Stage()
    async with smsc() as gateway, bound(settings(gateway), stage) as bind:
        silent(gateway)
        bind.submit(message(), "a message")
        bind.request(ReplaceSm(message_id="7"), Question(1))
        await until(lambda: len(gateway.peers[0].requests) == 2)
        gateway.peers[0].transport.abort()
        await until(lambda: stage.downs)
        assert (stage.downs[0].unanswered, stage.downs[0].unsent) == (("a message", Question(1)), ())


async def test_a_question_that_never_left_says_so() -> None:
    stage = Stage()
    allowed = True
    async with smsc() as gateway, bound(settings(gateway), stage, may_write=lambda: allowed) as bind:
        allowed = False
        bind.request(CancelSm(message_id="7"), Question(1))
        await until(lambda: stage.downs)
        assert (stage.downs[0].unanswered, stage.downs[0].unsent) == ((), (Question(1),))
        allowed = True
        await until(lambda: bind.ready)
