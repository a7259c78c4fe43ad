"""Whatever happens in whatever order, a session accounts for every context exactly once and keeps its window.

Two real sessions, a wire that delivers in pieces, a server that answers in any order, twice, wrongly or not at all,
and a clock that jumps. The model is a list of contexts sent and a list of contexts accounted for.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connector.smpp.errors import SessionStateError
from connector.smpp.pdu import DeliverSm, DeliverSmResp, EnquireLink, GenericNack, Header, SubmitSmResp, encode
from connector.smpp.session import (
    Closed,
    Event,
    LateResponse,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    SessionSettings,
    State,
)
from tests.smpp.pairs import MESSAGE, bound_pair

WINDOW = 5
SETTINGS = SessionSettings(
    window=WINDOW, response_timeout=20.0, enquire_interval=30.0, enquire_timeout=15.0, unbind_timeout=5.0
)


class TwoSessions(RuleBasedStateMachine):
    """The machine; hypothesis draws the order of the rules."""

    def __init__(self) -> None:
        super().__init__()
        # close to the wrap, so that a few requests cross it
        self.client, self.server = bound_pair(SETTINGS, first_sequence=0x7FFFFFFD)
        self.now = 0.0
        self.sent: list[int] = []
        self.accounted: Counter[int] = Counter()
        self.late: Counter[int] = Counter()
        self.timed_out: set[int] = set()
        self.asked: list[Header] = []
        self.receipts_sent = 0

        self.up: list[bytes] = []
        self.down: list[bytes] = []

    def account(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case ResponseReceived(context=int(context)):
                    self.accounted[context] += 1
                case RequestTimedOut(context=int(context)):
                    self.accounted[context] += 1
                    self.timed_out.add(context)
                case LateResponse(context=int(context)):
                    self.late[context] += 1
                case Closed():
                    for one in event.unanswered:
                        assert isinstance(one.context, int)
                        self.accounted[one.context] += 1
                case RequestReceived():
                    self.client.respond(event.header, DeliverSmResp())
                case _:
                    pass

    def flush(self) -> None:
        self.up.append(self.client.data_to_send())
        self.down.append(self.server.data_to_send())

    @rule()
    def submit(self) -> None:
        number = len(self.sent)
        try:
            self.client.request(MESSAGE, self.now, number)
        except SessionStateError:
            assert self.client.state is not State.BOUND_TRX or self.client.free_window == 0
        else:
            self.sent.append(number)
        self.flush()

    @rule(cut=st.integers(0, 200))
    def carry_up(self, cut: int) -> None:
        octets = b"".join(self.up)
        self.up = [octets[cut:]]
        for event in self.server.receive(octets[:cut], self.now):
            if isinstance(event, RequestReceived):
                self.asked.append(event.header)
        self.flush()

    @rule(cut=st.integers(0, 200))
    def carry_down(self, cut: int) -> None:
        octets = b"".join(self.down)
        self.down = [octets[cut:]]
        self.account(self.client.receive(octets[:cut], self.now))
        self.flush()

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), how=st.sampled_from(["ok", "refused", "nack", "twice", "never", "wrong command"]))
    def answer(self, data: st.DataObject, how: str) -> None:
        header = self.asked.pop(data.draw(st.integers(0, len(self.asked) - 1)))
        answer = SubmitSmResp(message_id="x")
        match how:
            case "ok":
                self.server.respond(header, answer)
            case "refused":
                self.server.respond(header, SubmitSmResp(), status=0x58)
            case "nack":
                self.server.nack(header, 0x08)
            case "twice":
                self.server.respond(header, answer)
                self.server.respond(header, answer)
            case "wrong command":
                self.down.append(self.server.data_to_send() + encode(DeliverSmResp(), sequence=header.sequence))
            case _:
                pass
        self.flush()

    @rule()
    def deliver(self) -> None:
        if self.server.state is State.BOUND_TRX and self.server.free_window:
            self.server.request(DeliverSm(source_addr="1"), self.now, self.receipts_sent)
            self.receipts_sent += 1
        self.flush()

    @rule(sequence=st.sampled_from([0, 1, 2, 0x7FFFFFFF, 77]))
    def strange_pdus(self, sequence: int) -> None:
        """Numbers that may be in flight, in PDUs that answer no message."""
        for body in (EnquireLink(), DeliverSmResp()):
            self.down.append(self.server.data_to_send() + encode(body, sequence=sequence))
        if sequence in (0, 77):
            self.down.append(encode(GenericNack(), sequence=sequence, status=3))

    @rule(seconds=st.sampled_from([0.5, 7.0, 25.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        for session in (self.client, self.server):
            due = session.next_timer()
            assert due is None or due >= 0
            events = session.on_timer(self.now)
            if session is self.client:
                self.account(events)
        self.flush()

    @rule()
    def on_timer_leaves_nothing_due(self) -> None:
        self.account(self.client.on_timer(self.now))
        due = self.client.next_timer()
        assert due is None or due > self.now
        self.flush()

    @invariant()
    def no_context_twice(self) -> None:
        assert all(count == 1 for count in self.accounted.values())
        assert all(count == 1 for count in self.late.values())
        assert set(self.late) <= self.timed_out

    @invariant()
    def what_is_not_accounted_for_is_in_flight(self) -> None:
        assert self.client.in_flight == len(self.sent) - len(self.accounted)
        assert 0 <= self.client.free_window <= WINDOW

    def teardown(self) -> None:
        self.account(self.client.close(self.now, "over"))
        self.account(self.client.close(self.now, "over again"))
        assert self.accounted == Counter(self.sent)


TestTwoSessions = TwoSessions.TestCase
TestTwoSessions.settings = settings(max_examples=60, stateful_step_count=40)
