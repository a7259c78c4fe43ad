"""A session and time: responses that do not come, links that fall silent, servers that wait for a bind."""

import pytest

from connector.smpp.constants import CommandId
from connector.smpp.pdu import BindTransceiver, EnquireLink, EnquireLinkResp, SubmitSmResp, Unbind, decode, encode
from connector.smpp.session import (
    Closed,
    LateResponse,
    RequestTimedOut,
    ResponseReceived,
    Role,
    Session,
    SessionSettings,
    UnexpectedResponse,
)
from connector.smpp.waiting import LATE_KEPT
from tests.smpp.pairs import MESSAGE, QUIET, bound_client, bound_pair, carry

TIMED = SessionSettings(window=3, response_timeout=60.0, enquire_interval=None)
PROBING = SessionSettings(response_timeout=None, enquire_interval=30.0, enquire_timeout=10.0)


def test_a_request_without_an_answer_times_out_and_frees_its_place() -> None:
    client = bound_client(TIMED)
    client.request(MESSAGE, 1.0, "first")
    client.request(MESSAGE, 2.0, "second")
    assert client.next_timer() == 61.0
    assert client.on_timer(60.9) == []
    (event,) = client.on_timer(61.0)
    assert event == RequestTimedOut(context="first", sequence=2, sent_at=1.0)
    assert client.free_window == 2
    assert client.next_timer() == 62.0


def test_a_late_answer_still_finds_its_context_but_only_once() -> None:
    client = bound_client(TIMED)
    sequence = client.request(MESSAGE, 1.0, "first")
    client.on_timer(61.0)
    late = encode(SubmitSmResp(message_id="x"), sequence=sequence)
    one, two = client.receive(late + late, 2400.0)
    assert isinstance(one, LateResponse)
    assert (one.context, one.body) == ("first", SubmitSmResp(message_id="x"))
    assert isinstance(two, UnexpectedResponse)


def test_a_timed_out_request_is_not_handed_back_again() -> None:
    client = bound_client(TIMED)
    client.request(MESSAGE, 1.0)
    assert len(client.on_timer(61.0)) == 1
    assert client.close(62.0, "reset") == [Closed(reason="reset", unanswered=())]


def test_without_a_time_out_a_request_waits_for_ever() -> None:
    client = bound_client(QUIET)
    client.request(MESSAGE, 0.0, "patient")
    assert client.next_timer() is None
    assert client.on_timer(1e9) == []
    (closed,) = client.close(1e9, "reset")
    assert isinstance(closed, Closed)
    assert [one.context for one in closed.unanswered] == ["patient"]


def test_late_requests_are_forgotten_oldest_first() -> None:
    client = bound_client(SessionSettings(window=LATE_KEPT + 1, response_timeout=1.0, enquire_interval=None))
    numbers = [client.request(MESSAGE, 0.0, "old") for _ in range(LATE_KEPT + 1)]
    assert len(client.on_timer(1.0)) == LATE_KEPT + 1
    forgotten, kept = (encode(SubmitSmResp(), sequence=number) for number in numbers[:2])
    events = client.receive(forgotten + kept, 2.0)
    assert [type(event) for event in events] == [UnexpectedResponse, LateResponse]


def test_a_silent_link_is_probed_and_an_answer_settles_it() -> None:
    client, server = bound_pair(PROBING)
    assert client.next_timer() == 30.0
    assert client.on_timer(29.9) == []
    assert client.data_to_send() == b""
    client.on_timer(30.0)
    carry(client, server, 30.0)
    assert client.next_timer() == 40.0
    assert carry(server, client, 31.0) == []
    assert client.next_timer() == 60.0  # nothing sent since 30


def test_a_link_that_does_not_answer_the_probe_is_given_up() -> None:
    client = bound_client(PROBING)
    client.request(MESSAGE, 5.0, "in flight")
    client.on_timer(30.0)
    probe = client.data_to_send()
    assert decode(probe[-16:])[1] == EnquireLink()
    (closed,) = client.on_timer(40.0)
    assert isinstance(closed, Closed)
    assert closed.reason == "enquire_link was not answered"
    assert [one.context for one in closed.unanswered] == ["in flight"]


def test_a_busy_peer_that_answers_late_is_not_dead() -> None:
    client = bound_client(PROBING)
    sequence = client.request(MESSAGE, 5.0)
    client.on_timer(30.0)
    assert isinstance(
        client.receive(encode(SubmitSmResp(message_id="x"), sequence=sequence), 39.0)[0], ResponseReceived
    )
    assert client.next_timer() == 49.0
    assert client.on_timer(40.0) == []


def test_a_peer_that_trickles_half_a_pdu_is_dead() -> None:
    client = bound_client(PROBING)
    client.on_timer(30.0)
    for second in range(9):
        assert client.receive(b"\0\0\0\x40"[second : second + 1] or b"x", 31.0 + second) == []
    assert isinstance(client.on_timer(40.0)[0], Closed)


def test_a_probe_is_sent_when_only_one_direction_is_silent() -> None:
    client = bound_client(PROBING)
    for second in (10.0, 20.0, 29.0):
        client.request(MESSAGE, second)
    assert client.next_timer() == 30.0  # nothing came since the bind: half-open links look like this


def test_no_probe_goes_out_while_one_waits() -> None:
    client = bound_client(SessionSettings(response_timeout=None, enquire_interval=5.0, enquire_timeout=60.0))
    for now in (5.0, 10.0, 15.0):
        client.on_timer(now)
    assert len(client.data_to_send()) == 16


def test_a_bind_without_an_answer_ends_the_session() -> None:
    client = Session(role=Role.ESME, settings=SessionSettings(bind_timeout=7.0), opened_at=0.0)
    client.request(BindTransceiver(system_id="a"), 1.0)
    assert client.next_timer() == 8.0
    assert client.on_timer(8.0) == [Closed(reason="bind_transceiver was not answered", unanswered=())]


def test_an_unbind_without_an_answer_ends_the_session_and_hands_back_what_waits() -> None:
    client = bound_client(SessionSettings(response_timeout=None, unbind_timeout=4.0))
    client.request(MESSAGE, 0.5, "in flight")
    client.request(Unbind(), 1.0)
    assert client.next_timer() == 5.0
    (closed,) = client.on_timer(5.0)
    assert isinstance(closed, Closed)
    assert closed.reason == "unbind was not answered"
    assert len(closed.unanswered) == 1


@pytest.mark.parametrize("opened_at", [0.0, None])
def test_a_server_does_not_wait_for_a_bind_for_ever(opened_at: float | None) -> None:
    server = Session(role=Role.SMSC, settings=SessionSettings(bind_timeout=7.0), opened_at=opened_at)
    assert server.on_timer(0.0) == []
    server.receive(encode(EnquireLink(), sequence=1), 6.0)
    assert server.next_timer() == 7.0
    assert server.on_timer(7.0) == [Closed(reason="no bind in time", unanswered=())]


def test_a_server_cuts_an_idle_client() -> None:
    settings = SessionSettings(idle_timeout=120.0, enquire_interval=None, response_timeout=None)
    _, server = bound_pair(QUIET, server_settings=settings)
    server.receive(encode(EnquireLink(), sequence=5), 100.0)
    assert server.next_timer() == 220.0
    assert server.on_timer(219.0) == []
    assert server.on_timer(220.0) == [Closed(reason="idle for too long", unanswered=())]


def test_an_unasked_answer_to_a_probe_is_unexpected() -> None:
    client = bound_client()
    (event,) = client.receive(encode(EnquireLinkResp(), sequence=99), 0.0)
    assert isinstance(event, UnexpectedResponse)
    assert event.header.command_id == CommandId.ENQUIRE_LINK_RESP
