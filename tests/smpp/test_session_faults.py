"""A session and a bad peer: octets in any pieces, damaged and forbidden PDUs, answers to nothing (faults.md)."""

from struct import pack
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.smpp.constants import CommandId, CommandStatus
from connector.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    Body,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    UnknownPdu,
    decode,
    encode,
)
from connector.smpp.session import (
    Bound,
    Closed,
    Event,
    MalformedReceived,
    RequestReceived,
    ResponseReceived,
    Role,
    Session,
    SessionSettings,
    State,
    UnexpectedResponse,
)
from tests.smpp.pairs import MESSAGE, QUIET, bound_client, bound_pair, header_of
from tests.smpp.vectors import IDS, VECTORS, Vector

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=IDS)


def told(events: list[Event]) -> list[tuple[type[Event], Any]]:
    """What happened, without the instants."""
    return [(type(event), getattr(event, "body", None)) for event in events]


@each_vector
def test_a_pdu_in_any_pieces_means_the_same(vector: Vector) -> None:
    whole = bound_client()
    expected, answer = told(whole.receive(vector.frame, 0.0)), whole.data_to_send()
    for cut in range(1, len(vector.frame)):
        client = bound_client()
        # junk after it: the beginning of another PDU, which must neither help nor hurt
        assert client.receive(vector.frame[:cut], 0.0) == []
        assert told(client.receive(vector.frame[cut:] + b"\0\0", 0.0)) == expected
        assert client.data_to_send() == answer
    client = bound_client()
    events = [event for octet in vector.frame for event in client.receive(bytes([octet]), 0.0)]
    assert told(events) == expected


def test_all_vectors_in_one_read_give_what_they_give_alone() -> None:
    vectors = [vector for vector in VECTORS if not vector.name.startswith("unbind")]
    together = bound_client().receive(b"".join(vector.frame for vector in vectors), 0.0)
    alone = [event for vector in vectors for event in bound_client().receive(vector.frame, 0.0)]
    assert told(together) == told(alone)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"GET ",
        pack(">4I", 15, 4, 0, 1),
        pack(">4I", 65537, 4, 0, 1),
        pack(">I", 0),
        b"\xff" * 64,
    ],
    ids=["http answer", "http request", "short", "oversize", "zero", "ones"],
)
def test_what_has_no_sane_length_ends_the_session(octets: bytes) -> None:
    client = bound_client()
    client.request(MESSAGE, 0.0, "in flight")
    client.data_to_send()
    (closed,) = client.receive(octets, 0.0)
    assert isinstance(closed, Closed)
    assert "command_length" in closed.reason
    assert [one.context for one in closed.unanswered] == ["in flight"]
    header, _ = decode(client.data_to_send())
    assert (header.command_id, header.status) == (CommandId.GENERIC_NACK, CommandStatus.ESME_RINVCMDLEN)


def test_an_oversize_pdu_is_noticed_from_its_first_four_octets() -> None:
    client = bound_client(SessionSettings(max_pdu=1000))
    assert client.receive(pack(">I", 1001)[:3], 0.0) == []
    assert isinstance(client.receive(pack(">I", 1001)[3:], 0.0)[0], Closed)


@pytest.mark.parametrize(
    ("frame", "answer", "status"),
    [
        (pack(">4I", 20, 5, 0, 9) + b"junk", CommandId.DELIVER_SM_RESP, CommandStatus.ESME_RINVCMDLEN),
        (encode(DeliverSm(), sequence=9)[:-1] + b"\x09", CommandId.DELIVER_SM_RESP, CommandStatus.ESME_RINVMSGLEN),
        (pack(">4I", 16, 0x00010200, 0, 9), CommandId.GENERIC_NACK, CommandStatus.ESME_RINVCMDID),
        (pack(">4I", 16, 0x0000000A, 0, 9), CommandId.GENERIC_NACK, CommandStatus.ESME_RINVCMDID),
        (pack(">4I", 16, 0, 0, 9), CommandId.GENERIC_NACK, CommandStatus.ESME_RINVCMDID),
        (encode(SubmitSm(), sequence=9), CommandId.SUBMIT_SM_RESP, CommandStatus.ESME_RINVBNDSTS),
        (encode(BindTransceiver(), sequence=9), CommandId.BIND_TRANSCEIVER_RESP, CommandStatus.ESME_RINVBNDSTS),
    ],
    ids=["truncated", "text too short", "vendor", "reserved", "command 0", "not for a client", "bind from a server"],
)
def test_a_bad_request_is_refused_and_the_session_goes_on(frame: bytes, answer: int, status: int) -> None:
    client = bound_client()
    good = encode(DeliverSm(source_addr="1"), sequence=10)
    malformed, received = client.receive(frame + good, 0.0)
    assert isinstance(malformed, MalformedReceived)
    assert (malformed.header.sequence, malformed.status, malformed.frame) == (9, status, frame)
    assert isinstance(received, RequestReceived)
    header, _ = decode(client.data_to_send())
    assert (header.command_id, header.status, header.sequence) == (answer, status, 9)
    assert client.state is State.BOUND_TRX


@pytest.mark.parametrize("sequence", [0, 0x80000000, 0xFFFFFFFF])
def test_a_request_with_a_forbidden_number_is_answered_under_that_number(sequence: int) -> None:
    client = bound_client()
    (event,) = client.receive(encode(DeliverSm(), sequence=sequence), 0.0)
    assert isinstance(event, RequestReceived)
    client.respond(event.header, DeliverSmResp())
    assert header_of(client.data_to_send()).sequence == sequence


def test_a_client_takes_receipts_on_any_bind() -> None:
    client, _ = bound_pair(bind=BindTransmitter(), answer=BindTransmitterResp(system_id="g"))
    (event,) = client.receive(encode(DeliverSm(), sequence=1), 0.0)
    assert isinstance(event, RequestReceived)


@pytest.mark.parametrize("body", [MESSAGE, DeliverSm()], ids=repr)
def test_nobody_sends_before_the_bind(body: Body) -> None:
    for role in Role:
        session = Session(role=role, settings=QUIET)
        (event,) = session.receive(encode(body, sequence=3), 0.0)
        assert isinstance(event, MalformedReceived)
        assert header_of(session.data_to_send()).status == CommandStatus.ESME_RINVBNDSTS


def test_a_bind_while_a_bind_is_being_decided_is_refused() -> None:
    server = Session(role=Role.SMSC, settings=QUIET)
    server.receive(encode(BindTransceiver(), sequence=1), 0.0)
    (event,) = server.receive(encode(BindTransceiver(), sequence=2), 0.0)
    assert isinstance(event, MalformedReceived)
    assert header_of(server.data_to_send()).status == CommandStatus.ESME_RINVBNDSTS


@pytest.mark.parametrize(
    "frame",
    [
        encode(SubmitSmResp(message_id="x"), sequence=99),
        encode(SubmitSmResp(message_id="x"), sequence=0),
        encode(DeliverSmResp(), sequence=2),
        encode(GenericNack(), sequence=0, status=3),
        encode(GenericNack(), sequence=99, status=3),
        encode(UnknownPdu(command_id=0x80010200), sequence=2),
        encode(BindTransceiverResp(), sequence=2),
    ],
    ids=["unknown number", "number 0", "wrong command", "nack of nothing", "nack unknown", "vendor", "bind"],
)
def test_an_answer_to_nothing_is_told_and_touches_nothing(frame: bytes) -> None:
    client = bound_client()
    sequence = client.request(MESSAGE, 0.0, "mine")
    assert sequence == 2
    (event,) = client.receive(frame, 0.0)
    assert isinstance(event, UnexpectedResponse)
    assert client.in_flight == 1
    (answer,) = client.receive(encode(SubmitSmResp(message_id="y"), sequence=sequence), 0.0)
    assert isinstance(answer, ResponseReceived)


def test_a_second_answer_is_unexpected() -> None:
    client = bound_client()
    frame = encode(SubmitSmResp(message_id="x"), sequence=client.request(MESSAGE, 0.0))
    one, two = client.receive(frame + frame, 0.0)
    assert isinstance(one, ResponseReceived)
    assert isinstance(two, UnexpectedResponse)


def test_generic_nack_answers_the_request_of_its_number() -> None:
    client = bound_client()
    sequence = client.request(MESSAGE, 0.0, "mine")
    (event,) = client.receive(encode(GenericNack(), sequence=sequence, status=CommandStatus.ESME_RINVCMDLEN), 0.0)
    assert isinstance(event, ResponseReceived)
    assert (event.context, event.body, event.header.status) == ("mine", GenericNack(), CommandStatus.ESME_RINVCMDLEN)


@pytest.mark.parametrize(
    ("octets", "status", "message_id"),
    [
        (b"", 0, ""),
        (b"854019", 0, ""),
        (b"854019\0\x04", 0, "854019"),
        (b"854019\0\0", 0, "854019"),
        (b"junk", 0x58, ""),
    ],
    ids=["no body", "id without an end", "junk after the id", "padding", "a refusal with junk"],
)
def test_a_damaged_answer_still_settles_its_request(octets: bytes, status: int, message_id: str) -> None:
    client = bound_client()
    sequence = client.request(MESSAGE, 0.0, "mine")
    frame = pack(">4I", 16 + len(octets), CommandId.SUBMIT_SM_RESP, status, sequence) + octets
    client.data_to_send()
    malformed, answer = client.receive(frame, 0.0)
    assert isinstance(malformed, MalformedReceived)
    assert isinstance(answer, ResponseReceived)
    assert (answer.context, answer.header.status) == ("mine", status)
    assert answer.body == SubmitSmResp(message_id=message_id)
    assert client.free_window == QUIET.window
    assert client.data_to_send() == b""  # a response is never answered


def test_a_bind_response_without_a_body_binds() -> None:
    client = Session(role=Role.ESME, settings=QUIET)
    sequence = client.request(BindTransceiver(), 0.0)
    malformed, bound = client.receive(pack(">4I", 16, CommandId.BIND_TRANSCEIVER_RESP, 0, sequence), 0.0)
    assert isinstance(malformed, MalformedReceived)
    assert isinstance(bound, Bound)
    assert client.state is State.BOUND_TRX


def test_a_flood_of_enquire_links_is_answered_in_full() -> None:
    client = bound_client()
    assert client.receive(b"".join(encode(EnquireLink(), sequence=number) for number in range(1, 1001)), 0.0) == []
    assert len(client.data_to_send()) == 16 * 1000


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_random_octets_give_events_and_nothing_else(pieces: list[bytes]) -> None:
    client = bound_client()
    client.request(MESSAGE, 0.0, "mine")
    events = [event for piece in pieces for event in client.receive(piece, 0.0)]
    events += client.close(0.0, "over")
    assert sum(isinstance(event, Closed) for event in events) == 1


@given(st.data())
def test_damaged_pdus_of_a_sane_length_never_end_the_session(data: st.DataObject) -> None:
    vectors = [vector for vector in VECTORS if not vector.name.startswith("unbind")]
    role = data.draw(st.sampled_from(Role))
    client, server = bound_pair()
    session = client if role is Role.ESME else server
    for _ in range(data.draw(st.integers(1, 4))):
        frame = bytearray(data.draw(st.sampled_from(vectors)).frame)
        for _ in range(data.draw(st.integers(1, 3))):
            frame[data.draw(st.integers(8, len(frame) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(16, len(frame)))
        session.receive(pack(">I", cut) + bytes(frame[4:cut]), 0.0)
    assert session.state is State.BOUND_TRX
    good = DeliverSm(source_addr="1") if role is Role.ESME else SubmitSm(source_addr="1")
    (event,) = session.receive(encode(cast(Body, good), sequence=77), 0.0)
    assert isinstance(event, RequestReceived)
