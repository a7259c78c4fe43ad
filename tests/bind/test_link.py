"""One link on a transport that writes down what it is given, and a clock that is turned by hand."""

import asyncio
from typing import Any

import pytest

from connector.bind import frames
from connector.bind.handlers import DeliveryToken, Loss, loss_of
from connector.bind.link import Link
from connector.bind.reconnect import Ending
from connector.smpp.pdu import (
    BindResp,
    BindTransceiver,
    BindTransceiverResp,
    Body,
    EnquireLink,
    EnquireLinkResp,
    Header,
    SubmitSmResp,
    encode,
)
from connector.smpp.session import Role, Session, SessionSettings
from tests.bind.support import message


class Notes:
    """A LinkHandler that writes down."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.timeouts: list[object] = []
        self.losses: list[tuple[Loss, tuple[object, ...], tuple[object, ...]]] = []

    def on_bound(self, link: Link, body: BindResp) -> None: ...

    def on_bind_refused(self, link: Link, status: int) -> None: ...

    def on_response(self, link: Link, context: object, header: Header, body: Body) -> None:
        self.answers.append(context)

    def on_late_response(self, link: Link, context: object, header: Header, body: Body) -> None: ...

    def on_timeout(self, link: Link, context: object) -> None:
        self.timeouts.append(context)

    def on_request(self, link: Link, body: Body, raw: bytes, token: DeliveryToken) -> None: ...

    def on_writable(self, link: Link) -> None: ...

    def on_settled(self, link: Link) -> None: ...

    def on_lost(self, link: Link, loss: Loss, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        self.losses.append((loss, unanswered, unsent))


class Paper(asyncio.Transport):
    """Takes `room` octets, keeps the rest in its buffer as a socket transport would."""

    def __init__(self, protocol: Link) -> None:
        super().__init__()
        self.protocol = protocol
        self.writes: list[bytes] = []
        self.room: int | None = None
        self.left = 0
        self.ended = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))
        if self.room is not None:
            self.left += max(0, len(data) - self.room)
            self.room = max(0, self.room - len(data))
            if self.left > self.limits[0]:
                self.protocol.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = (high or 0, low or 0)

    def get_write_buffer_size(self) -> int:
        return self.left

    def abort(self) -> None:
        self.ended = True

    close = abort


class Bench:
    def __init__(self, *, encrypted: bool = False) -> None:
        self.now = 1000.0
        self.notes = Notes()
        settings = SessionSettings(window=100, response_timeout=5.0, enquire_interval=60.0, enquire_timeout=10.0)
        self.link = Link(
            self.notes,
            session=Session(role=Role.ESME, settings=settings, opened_at=self.now),
            clock=lambda: self.now,
            may_write=lambda: True,
            delivery_window=100,
            suspect_after=2.0,
            encrypted=encrypted,
        )
        self.paper = Paper(self.link)
        self.link.connection_made(self.paper)

    async def bind(self) -> None:
        self.link.request(BindTransceiver(system_id="login", password="secret"))
        await asyncio.sleep(0)
        self.link.data_received(encode(BindTransceiverResp(system_id="x"), sequence=1))
        await asyncio.sleep(0)
        self.paper.writes.clear()

    def ring(self) -> None:
        """As the loop would, where the time has come."""
        assert self.link._timer is not None
        self.link._timer.cancel()
        self.link._ring()


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.bind()
    return made


async def test_requests_of_one_turn_leave_in_one_write(bench: Bench) -> None:
    for number in range(50):
        bench.link.request(message(number), number)
    assert bench.paper.writes == []
    await asyncio.sleep(0)
    assert len(bench.paper.writes) == 1
    assert len(list(frames.split(bench.paper.writes[0]))) == 50
    bench.link.abort(Ending.CLOSED, "end")


async def test_the_line_between_gone_and_not_runs_where_the_transport_stopped(bench: Bench) -> None:
    size = len(encode(message(0), sequence=1))
    bench.paper.room = 3 * size + 10
    for number in range(8):
        bench.link.request(message(number), number)
    await asyncio.sleep(0)
    assert not bench.link.writable
    bench.link.request(message(8), 8)
    await asyncio.sleep(0)
    assert len(bench.paper.writes) == 1, "nothing is written while the transport has not drained"
    bench.link.abort(Ending.LOST, "a test")
    assert bench.notes.losses == [(Loss(Ending.LOST, "a test"), (0, 1, 2), (3, 4, 5, 6, 7, 8))]


async def test_with_tls_what_was_encrypted_counts_as_gone() -> None:
    bench = Bench(encrypted=True)
    await bench.bind()
    bench.paper.room = 10
    bench.link.request(message(0), 0)
    await asyncio.sleep(0)
    bench.link.request(message(1), 1)
    bench.link.abort(Ending.LOST, "a test")
    assert bench.notes.losses == [(Loss(Ending.LOST, "a test"), (0,), (1,))]


async def test_what_waited_leaves_when_the_transport_has_drained(bench: Bench) -> None:
    bench.paper.room = 0
    bench.link.request(message(0), 0)
    await asyncio.sleep(0)
    bench.link.request(message(1), 1)
    await asyncio.sleep(0)
    bench.paper.room, bench.paper.left = None, 0
    bench.link.resume_writing()
    assert len(bench.paper.writes) == 2
    assert bench.link.writable
    bench.link.abort(Ending.LOST, "a test")
    assert bench.notes.losses[0][1:] == ((0, 1), ())


async def test_a_silence_while_requests_wait_is_suspect(bench: Bench) -> None:
    bench.link.request(message(0), 0)
    await asyncio.sleep(0)
    bench.now += 2.0
    bench.ring()
    assert bench.paper.writes[-1] == encode(EnquireLink(), sequence=3)
    bench.link.data_received(encode(EnquireLinkResp(), sequence=3))
    bench.now += 1.9
    bench.ring()
    assert len(bench.paper.writes) == 2, "something was heard"
    bench.link.abort(Ending.CLOSED, "end")


async def test_a_silence_with_nothing_in_flight_waits_for_the_interval(bench: Bench) -> None:
    bench.now += 30.0
    bench.ring()
    bench.ring()
    assert bench.paper.writes == []
    bench.link.abort(Ending.CLOSED, "end")


async def test_after_a_stall_the_socket_is_read_before_the_timers_are_believed(bench: Bench) -> None:
    bench.link.request(message(0), "answered meanwhile")
    await asyncio.sleep(0)
    bench.now += 15.0
    bench.ring()
    assert bench.notes.timeouts == []
    bench.link.data_received(encode(SubmitSmResp(message_id="1"), sequence=2))
    bench.ring()
    assert bench.notes.answers == ["answered meanwhile"]
    assert bench.notes.timeouts == []
    bench.link.abort(Ending.CLOSED, "end")


async def test_after_a_stall_that_brought_nothing_the_timers_are_believed(bench: Bench) -> None:
    bench.link.request(message(0), "held")
    await asyncio.sleep(0)
    bench.now += 15.0
    bench.ring()
    bench.ring()
    assert bench.notes.timeouts == ["held"]
    bench.link.abort(Ending.CLOSED, "end")


async def test_after_the_end_nothing_is_told_and_nothing_taken(bench: Bench) -> None:
    bench.link.abort(Ending.LOST, "a test")
    bench.link.abort(Ending.LOST, "again")
    bench.link.data_received(encode(SubmitSmResp(message_id="1"), sequence=2))
    bench.link.unbind()
    bench.link.connection_lost(None)
    with pytest.raises(ConnectionError):
        bench.link.request(message(0), 0)
    assert len(bench.notes.losses) == 1
    assert bench.paper.ended
    assert bench.link.free_window == 0
    assert bench.link.in_flight == 0


def test_answers_are_told_from_requests() -> None:
    request, answer = encode(message(1), sequence=1), encode(SubmitSmResp(message_id="7"), sequence=2)
    assert frames.answers(request + answer + request) == answer
    assert frames.answers(b"") == b""


def test_a_request_is_finished_with_its_last_octet() -> None:
    first, answer, second = (
        encode(message(1), sequence=1),
        encode(SubmitSmResp(message_id="7"), sequence=9),
        encode(message(2), sequence=2),
    )
    octets = first + answer + second
    for passed_on in range(len(octets) + 1):
        expected = ({1} if passed_on < len(first) else set()) | ({2} if passed_on < len(octets) else set())
        assert frames.unfinished(octets, passed_on) == expected


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (None, Ending.ENDED_BY_GATEWAY),
        (ConnectionResetError(104, "reset"), Ending.ENDED_BY_GATEWAY),
        (BrokenPipeError(32, "pipe"), Ending.ENDED_BY_GATEWAY),
        (OSError(110, "timed out"), Ending.LOST),
        (RuntimeError("7999"), Ending.LOST),
    ],
)
def test_every_end_of_a_transport_has_words(error: Exception | None, ending: Ending) -> None:
    loss = loss_of(error)
    assert loss.ending is ending
    assert loss.words
    assert "7999" not in loss.words
