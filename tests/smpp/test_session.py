"""A session in good times: binding, the window, answers finding their requests, unbinding, closing."""

import pytest

from connector.smpp.constants import MAX_SEQUENCE, CommandId, CommandStatus
from connector.smpp.errors import EncodeError, SessionStateError
from connector.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    Body,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Outbind,
    QuerySm,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnknownPdu,
    decode,
    encode,
)
from connector.smpp.session import (
    BindRefused,
    BindRequested,
    Closed,
    MalformedReceived,
    OneWayReceived,
    PeerUnbound,
    RequestReceived,
    ResponseReceived,
    Role,
    Session,
    SessionSettings,
    State,
    Unbound,
    UnexpectedResponse,
)
from tests.smpp.pairs import MESSAGE, QUIET, bound_client, bound_pair, carry


@pytest.mark.parametrize(
    ("bind", "answer", "state"),
    [
        (BindTransmitter(system_id="a"), BindTransmitterResp(system_id="g"), State.BOUND_TX),
        (BindReceiver(system_id="a"), BindReceiverResp(system_id="g"), State.BOUND_RX),
        (BindTransceiver(system_id="a"), BindTransceiverResp(system_id="g"), State.BOUND_TRX),
    ],
    ids=["transmitter", "receiver", "transceiver"],
)
def test_each_kind_of_bind_leads_to_its_state(bind: Body, answer: Body, state: State) -> None:
    client, server = bound_pair(bind=bind, answer=answer)
    assert client.state is server.state is state


def test_a_refused_bind_is_an_event_and_may_be_tried_again() -> None:
    client = Session(role=Role.ESME, settings=QUIET)
    server = Session(role=Role.SMSC, settings=QUIET)
    for _ in range(2):
        client.request(BindTransceiver(system_id="a"), 0.0)
        (asked,) = carry(client, server)
        assert isinstance(asked, BindRequested)
        server.respond(asked.header, BindTransceiverResp(), status=CommandStatus.ESME_RINVPASWD)
        (refused,) = carry(server, client)
        assert isinstance(refused, BindRefused)
        assert refused.status == CommandStatus.ESME_RINVPASWD
        assert client.state is server.state is State.OPEN


def test_a_bind_refused_with_generic_nack_is_refused() -> None:
    client = Session(role=Role.ESME, settings=QUIET)
    sequence = client.request(BindTransceiver(system_id="a"), 0.0)
    events = client.receive(encode(GenericNack(), sequence=sequence, status=CommandStatus.ESME_RINVCMDID), 0.0)
    assert events == [BindRefused(status=CommandStatus.ESME_RINVCMDID, body=GenericNack())]


def test_a_server_may_nack_a_bind() -> None:
    client = Session(role=Role.ESME, settings=QUIET)
    server = Session(role=Role.SMSC, settings=QUIET)
    client.request(BindTransceiver(system_id="a"), 0.0)
    (asked,) = carry(client, server)
    assert isinstance(asked, BindRequested)
    server.nack(asked.header, CommandStatus.ESME_RSYSERR)
    assert carry(server, client) == [BindRefused(status=CommandStatus.ESME_RSYSERR, body=GenericNack())]
    assert server.state is State.OPEN


def test_an_answer_brings_back_the_context_of_its_request() -> None:
    client, server = bound_pair()
    first, second = object(), object()
    numbers = [client.request(MESSAGE, 1.0, first), client.request(MESSAGE, 2.0, second)]
    asked = carry(client, server)
    for event in reversed(asked):
        assert isinstance(event, RequestReceived)
        assert event.body == MESSAGE
        assert decode(event.frame) == (event.header, event.body)
        server.respond(event.header, SubmitSmResp(message_id=str(event.header.sequence)))
    answers = carry(server, client)
    assert [event.context for event in answers if isinstance(event, ResponseReceived)] == [second, first]
    assert [event.request_sequence for event in answers if isinstance(event, ResponseReceived)] == numbers[::-1]
    assert [event.sent_at for event in answers if isinstance(event, ResponseReceived)] == [2.0, 1.0]


def test_receipts_are_answered_when_the_owner_says_so() -> None:
    client, server = bound_pair()
    server.request(DeliverSm(source_addr="1"), 0.0, "receipt 1")
    server.request(DataSm(source_addr="1"), 0.0, "receipt 2")
    one, two = carry(server, client)
    assert isinstance(one, RequestReceived)
    assert isinstance(two, RequestReceived)
    assert client.data_to_send() == b""
    client.respond(two.header, DataSmResp(), status=CommandStatus.ESME_RX_T_APPN)
    client.respond(one.header, DeliverSmResp())
    answers = carry(client, server)
    assert [(event.context, event.header.status) for event in answers if isinstance(event, ResponseReceived)] == [
        ("receipt 2", CommandStatus.ESME_RX_T_APPN),
        ("receipt 1", 0),
    ]


def test_the_window_counts_messages_and_queries_only() -> None:
    client, server = bound_pair(SessionSettings(window=2, enquire_interval=None))
    assert client.free_window == 2
    client.request(EnquireLink(), 0.0)
    client.request(MESSAGE, 0.0)
    client.request(QuerySm(message_id="1"), 0.0)
    assert (client.free_window, client.in_flight) == (0, 2)
    with pytest.raises(SessionStateError, match="window of 2 is full"):
        client.request(MESSAGE, 0.0)
    client.request(EnquireLink(), 0.0)
    message, query = carry(client, server)
    assert isinstance(message, RequestReceived)
    assert isinstance(query, RequestReceived)
    server.respond(query.header, QuerySmResp(message_id="1", message_state=2))
    carry(server, client)
    assert client.free_window == 1
    client.request(MESSAGE, 0.0)


def test_a_message_that_does_not_fit_takes_no_window_and_no_number() -> None:
    client = bound_client()
    with pytest.raises(EncodeError):
        client.request(SubmitSm(short_message=b"x" * 256), 0.0)
    assert client.free_window == QUIET.window
    assert client.data_to_send() == b""
    assert client.request(MESSAGE, 0.0) == 2


def test_sequence_numbers_wrap_past_the_largest_and_skip_those_that_wait() -> None:
    client = bound_client(first_sequence=MAX_SEQUENCE - 1)  # the bind took it
    waiting = [client.request(MESSAGE, 0.0) for _ in range(3)]
    assert waiting == [MAX_SEQUENCE, 1, 2]
    client.receive(encode(SubmitSmResp(message_id="x"), sequence=MAX_SEQUENCE), 0.0)
    again = bound_client(first_sequence=MAX_SEQUENCE)
    assert [again.request(MESSAGE, 0.0) for _ in range(2)] == [1, 2]


def test_a_number_is_not_given_out_while_it_still_waits() -> None:
    client = bound_client()
    numbers = {client.request(MESSAGE, 0.0) for _ in range(3)}
    client._waiting.next_sequence = 2  # as after two thousand million messages
    numbers.add(client.request(MESSAGE, 0.0))
    numbers.add(client.request(EnquireLink(), 0.0))
    assert len(numbers) == 5


def test_the_peers_own_numbers_confuse_nothing() -> None:
    client = bound_client()
    sequence = client.request(MESSAGE, 0.0, "mine")
    events = client.receive(
        encode(DeliverSm(source_addr="1"), sequence=sequence)
        + encode(DeliverSmResp(), sequence=sequence)
        + encode(SubmitSmResp(message_id="x"), sequence=sequence),
        0.0,
    )
    assert [type(event) for event in events] == [RequestReceived, UnexpectedResponse, ResponseReceived]


def test_enquire_links_are_answered_at_once_even_before_the_bind() -> None:
    server = Session(role=Role.SMSC, settings=QUIET)
    assert server.receive(encode(EnquireLink(), sequence=9), 0.0) == []
    header, _ = decode(server.data_to_send())
    assert (header.command_id, header.status, header.sequence) == (CommandId.ENQUIRE_LINK_RESP, 0, 9)


def test_an_enquire_link_of_the_owners_gives_him_its_answer() -> None:
    client, server = bound_pair()
    client.request(EnquireLink(), 0.0, "probe")
    assert carry(client, server) == []
    (event,) = carry(server, client)
    assert isinstance(event, ResponseReceived)
    assert event.context == "probe"


@pytest.mark.parametrize("role", Role)
def test_either_end_may_unbind(role: Role) -> None:
    client, server = bound_pair()
    leaving, staying = (client, server) if role is Role.ESME else (server, client)
    leaving.request(Unbind(), 0.0)
    assert leaving.state is State.UNBINDING
    assert carry(leaving, staying) == [PeerUnbound()]
    assert carry(staying, leaving) == [Unbound()]
    for session in (leaving, staying):
        assert session.close(0.0, "done") == [Closed(reason="done", unanswered=())]
        assert session.close(0.0, "again") == []


def test_while_unbinding_answers_and_receipts_still_arrive_but_nothing_new_goes_out() -> None:
    client, server = bound_pair()
    client.request(MESSAGE, 0.0, "before")
    client.request(Unbind(), 0.0)
    with pytest.raises(SessionStateError):
        client.request(MESSAGE, 0.0)
    server.request(DeliverSm(), 0.0)
    message, unbound = carry(client, server)
    assert isinstance(message, RequestReceived)
    assert unbound == PeerUnbound()
    server.respond(message.header, SubmitSmResp(message_id="x"))
    receipt, gone, answer = carry(server, client)
    assert isinstance(receipt, RequestReceived)
    assert gone == Unbound()
    assert isinstance(answer, ResponseReceived)
    assert client.respond(receipt.header, DeliverSmResp())


def test_closing_hands_back_every_request_that_waits() -> None:
    client = bound_client()
    numbers = [client.request(MESSAGE, float(when), f"context {when}") for when in range(3)]
    client.request(EnquireLink(), 3.0)
    client.receive(encode(SubmitSmResp(message_id="x"), sequence=numbers[1]), 3.0)
    (closed,) = client.close(4.0, "connection reset")
    assert isinstance(closed, Closed)
    assert [(one.context, one.sequence, one.sent_at) for one in closed.unanswered] == [
        ("context 0", numbers[0], 0.0),
        ("context 2", numbers[2], 2.0),
    ]
    assert all(one.body == MESSAGE for one in closed.unanswered)
    assert client.state is State.CLOSED
    assert client.receive(b"\0" * 99, 5.0) == client.on_timer(5.0) == client.close(5.0, "again") == []
    assert client.next_timer() is None


def test_after_the_end_requests_are_misuse_but_answers_are_merely_late() -> None:
    client, server = bound_pair()
    server.request(DeliverSm(), 0.0)
    (receipt,) = carry(server, client)
    assert isinstance(receipt, RequestReceived)
    client.close(0.0, "connection reset")
    assert not client.respond(receipt.header, DeliverSmResp())
    assert not client.nack(receipt.header, CommandStatus.ESME_RSYSERR)
    with pytest.raises(SessionStateError, match="closed"):
        client.request(MESSAGE, 0.0)
    with pytest.raises(SessionStateError, match="closed"):
        client.request(EnquireLink(), 0.0)


@pytest.mark.parametrize(
    ("bind", "answer", "forbidden"),
    [
        (BindTransmitter(), BindTransmitterResp(system_id="g"), DeliverSm()),
        (BindReceiver(), BindReceiverResp(system_id="g"), MESSAGE),
        (BindReceiver(), BindReceiverResp(system_id="g"), QuerySm()),
        (BindTransceiver(), BindTransceiverResp(system_id="g"), BindTransceiver()),
        (BindTransceiver(), BindTransceiverResp(system_id="g"), SubmitSmResp()),
        (BindTransceiver(), BindTransceiverResp(system_id="g"), AlertNotification()),
    ],
    ids=repr,
)
def test_what_a_client_may_not_request_is_misuse(bind: Body, answer: Body, forbidden: Body) -> None:
    client, _ = bound_pair(bind=bind, answer=answer)
    with pytest.raises(SessionStateError):
        client.request(forbidden, 0.0)
    assert client.data_to_send() == b""


def test_nothing_but_a_bind_is_requested_before_the_bind() -> None:
    client = Session(role=Role.ESME, settings=QUIET)
    for body in (MESSAGE, Unbind(), UnknownPdu(command_id=0x00010200)):
        with pytest.raises(SessionStateError):
            client.request(body, 0.0)


def test_an_answer_must_fit_its_request() -> None:
    client, server = bound_pair()
    server.request(DeliverSm(), 0.0)
    (receipt,) = carry(server, client)
    assert isinstance(receipt, RequestReceived)
    with pytest.raises(SessionStateError):
        client.respond(receipt.header, SubmitSmResp())
    with pytest.raises(SessionStateError):
        client.respond(receipt.header, DeliverSm())
    assert client.data_to_send() == b""


def test_one_way_pdus_are_events_without_an_answer() -> None:
    client, server = bound_pair()
    server.request(AlertNotification(source_addr="1"), 0.0)
    (alert,) = carry(server, client)
    assert isinstance(alert, OneWayReceived)
    assert server.free_window == QUIET.window
    assert client.data_to_send() == b""
    fresh = Session(role=Role.ESME, settings=QUIET)
    (outbind,) = fresh.receive(encode(Outbind(system_id="gateway"), sequence=1), 0.0)
    assert isinstance(outbind, OneWayReceived)


def test_a_vendors_command_of_ours_is_a_request_like_any_other() -> None:
    client = bound_client()
    sequence = client.request(UnknownPdu(command_id=0x00010200, body=b"ask"), 0.0, "vendor")
    (event,) = client.receive(encode(UnknownPdu(command_id=0x80010200, body=b"say"), sequence=sequence), 0.0)
    assert isinstance(event, ResponseReceived)
    assert event.body == UnknownPdu(command_id=0x80010200, body=b"say")
    assert event.context == "vendor"


@pytest.mark.parametrize("first", [0, -1, MAX_SEQUENCE + 1])
def test_the_first_number_is_one_of_those_allowed(first: int) -> None:
    with pytest.raises(SessionStateError):
        Session(role=Role.ESME, settings=QUIET, first_sequence=first)


def test_a_second_bind_on_one_connection_is_refused() -> None:
    client, server = bound_pair()
    client.close(0.0, "replaced by hand")
    (event,) = server.receive(encode(BindTransceiver(system_id="a"), sequence=50), 0.0)
    assert isinstance(event, MalformedReceived)
    header, _ = decode(server.data_to_send())
    assert (header.command_id, header.status) == (CommandId.BIND_TRANSCEIVER_RESP, CommandStatus.ESME_RALYBND)
    assert server.state is State.BOUND_TRX
