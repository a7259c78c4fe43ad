"""One SMPP session as a state machine: octets in, events out; requests in, octets out. Both roles, no clock, no socket.

Rule: the owner moves the octets and keeps one timer. After every call it sends `data_to_send()`; it calls `on_timer`
when `next_timer()` is reached; when the connection is gone it calls `close`. Everything that needs no decision is
done in here: enquire_link and unbind are answered, what is malformed, unknown or not allowed now is refused,
responses find their requests. Of every request's context one of ResponseReceived, RequestTimedOut and Closed gives an
account, exactly once.

Matching (faults.md, design.md): our requests are known by sequence number and command, and only PDUs with the
response bit can answer them, so a peer that numbers its own requests alike confuses nothing. Next station:
`bind.link`, `simulator`.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, cast

from connector.smpp import codec, quick
from connector.smpp.bodies import (
    Bind,
    BindResp,
    Body,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Header,
    UnbindResp,
    UnknownPdu,
)
from connector.smpp.constants import MAX_SEQUENCE, RESPONSE, CommandId, CommandStatus, command_name
from connector.smpp.errors import MalformedPdu, SessionStateError
from connector.smpp.events import (
    BindRefused,
    BindRequested,
    Bound,
    Closed,
    Event,
    LateResponse,
    MalformedReceived,
    OneWayReceived,
    PeerUnbound,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    Unanswered,
    Unbound,
    UnexpectedResponse,
)
from connector.smpp.layouts import LAYOUTS
from connector.smpp.pdu import HEADER_SIZE, command_of, decode_body, encode
from connector.smpp.states import (
    BINDS,
    BOUND,
    FROM_SMSC,
    ONE_WAY,
    STATE_OF_BIND,
    Role,
    SessionSettings,
    State,
    may_send,
    may_take,
    refusal_of,
)
from connector.smpp.timers import Timers
from connector.smpp.waiting import WaitingRequests

_unpack_header = Struct(">4I").unpack_from
_unpack_length = Struct(">I").unpack_from
_new_tuple = tuple.__new__
# Positional at run time only: `value` promises keywords to everybody else.
_response = cast(Callable[[Header, Body, object, int, float], ResponseReceived], ResponseReceived)
_request = cast(Callable[[Header, Body, bytes], RequestReceived], RequestReceived)
_READERS = quick.READERS
_read_rare = codec.read

_OURS: Final = object()
"""The context of an enquire_link that the session sent of its own accord: its answer is nobody else's business."""


class Session:
    """One session. `role` is our end; `opened_at` starts the timers (without it the first call with a time does).

    Times are seconds of any clock that never goes back.
    """

    __slots__ = (
        "_binding",
        "_max_pdu",
        "_may_send",
        "_may_take",
        "_need",
        "_out",
        "_partial",
        "_response_timeout",
        "_role",
        "_timers",
        "_waiting",
        "_window",
        "state",
    )

    def __init__(
        self, *, role: Role, settings: SessionSettings, first_sequence: int = 1, opened_at: float | None = None
    ) -> None:
        if not 1 <= first_sequence <= MAX_SEQUENCE:
            raise SessionStateError(f"first_sequence is 1 to {MAX_SEQUENCE:#x}")
        self.state = State.OPEN
        self._role = role
        self._timers = Timers(role, settings, opened_at)
        self._response_timeout = settings.response_timeout
        self._max_pdu = settings.max_pdu
        self._window = settings.window
        self._may_send = may_send(role, State.OPEN)
        self._may_take = may_take(role, State.OPEN)
        self._binding: State | None = None  # what a successful bind will make of us
        self._waiting = WaitingRequests(first_sequence)
        self._out: list[bytes] = []
        self._partial = bytearray()
        self._need = 0

    # What the owner may ask.

    @property
    def free_window(self) -> int:
        """How many more requests may be sent now."""
        return self._window - len(self._waiting.windowed)

    @property
    def in_flight(self) -> int:
        """How many requests wait for their response."""
        return len(self._waiting.windowed)

    def data_to_send(self) -> bytes:
        """Everything queued since the last call, to be written in one go."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    # What the owner sends.

    def request(self, body: Body, now: float, context: object = None) -> int:
        """Queue a request and return its sequence number. Nothing is queued when this raises:

        SessionStateError where the state or a full window forbids it, EncodeError where a field does not fit.
        alert_notification and outbind have no response; for them the context is not kept.
        """
        allowed = self._may_send.get(type(body))
        if allowed is not None:
            answer, write = allowed
        elif isinstance(body, UnknownPdu) and self.state in BOUND and not body.command_id & RESPONSE:
            answer, write = body.command_id | RESPONSE, codec.write
        else:
            return self._request_rare(body, now, context)
        waiting = self._waiting
        windowed = waiting.windowed
        if len(windowed) >= self._window:
            raise SessionStateError(f"the window of {self._window} is full")
        sequence = waiting.next_sequence
        if sequence in windowed or waiting.control:
            sequence = waiting.free_sequence()
        self._out.append(write(body, sequence, 0))
        windowed[sequence] = (answer, context, body, now)
        waiting.next_sequence = sequence + 1 if sequence < MAX_SEQUENCE else 1
        if waiting.late:
            waiting.late.pop(sequence, None)
        self._timers.last_sent = now
        return sequence

    def respond(self, header: Header, body: Body, status: int = 0) -> bool:
        """Answer a request that came as RequestReceived or BindRequested. False when the session is over and nothing
        can be sent.

        Raises SessionStateError when `body` is not the response of that request (use `nack` for a generic_nack).
        """
        if self.state is State.CLOSED:
            return False
        command = command_of(body)
        if command != header.command_id | RESPONSE or header.command_id & RESPONSE:
            raise SessionStateError(f"{command_name(command)} does not answer {command_name(header.command_id)}")
        if header.command_id in BINDS:
            if self._binding is None or self.state is not State.BINDING:
                raise SessionStateError("no bind waits for an answer")
            self._out.append(encode(body, sequence=header.sequence, status=status))
            self._enter(State.OPEN if status else self._binding)
            self._binding = None
            return True
        self._out.append(encode(body, sequence=header.sequence, status=status))
        return True

    def nack(self, header: Header, status: int) -> bool:
        """Answer a request with generic_nack. False when the session is over."""
        if self.state is State.CLOSED:
            return False
        if self.state is State.BINDING and self._role is Role.SMSC and header.command_id in BINDS:
            self._enter(State.OPEN)
            self._binding = None
        self._out.append(encode(GenericNack(), sequence=header.sequence, status=status))
        return True

    # What happens to the connection.

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Octets from the peer, in pieces of any size. After a Closed event the rest is ignored."""
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        self._timers.start(now)
        if self._partial:
            self._partial += data
            if len(self._partial) < self._need:
                return events
            data = bytes(self._partial)
            self._partial = bytearray()
        at = 0
        size = len(data)
        last = size - HEADER_SIZE
        largest = self._max_pdu
        windowed = self._waiting.windowed
        while at <= last:
            numbers = _unpack_header(data, at)
            length, command, _, sequence = numbers
            end = at + length
            if end > size or length < HEADER_SIZE or length > largest:
                break
            header: Header = _new_tuple(Header, numbers)
            waiting = windowed.get(sequence)
            if waiting is not None and waiting[0] == command:
                try:
                    body = _READERS.get(command, _read_rare)(header, data, at + HEADER_SIZE, end)
                except MalformedPdu as error:
                    body = self._salvage(error, data[at:end], events)
                del windowed[sequence]
                _, context, _, sent_at = waiting
                events.append(_response(header, body, context, sequence, sent_at))
            elif command & RESPONSE:
                self._on_response(header, data, at, end, events)
            elif command in self._may_take:
                try:
                    body = _READERS[command](header, data, at + HEADER_SIZE, end)
                except MalformedPdu as error:
                    if error.complete and error.partial is not None and self._role is Role.ESME:
                        # Whoever refuses a delivery for its optional parameters loses what its text says.
                        events.append(_request(header, error.partial, data[at:end]))
                    else:
                        self._refuse(header, error.nack_status, error.reason, data[at:end], events)
                else:
                    events.append(_request(header, body, data[at:end]))
            else:
                self._on_request(header, data, at, end, events)
            at = end
        if at:
            self._timers.last_received = now
        self._keep(data, at, now, events)
        return events

    def next_timer(self) -> float | None:
        """When to call `on_timer`, on the clock of `now`; None when there is nothing to wait for."""
        if self.state is State.CLOSED or not self._timers.started:
            return None
        waiting = self._waiting
        due = [when for when, _ in self._timers.endings(self.state, waiting.control)]
        probe = self._timers.probe_due(self.state, waiting.control)
        if probe is not None:
            due.append(probe)
        oldest = waiting.oldest()
        if self._response_timeout is not None and oldest is not None:
            due.append(oldest + self._response_timeout)
        return min(due, default=None)

    def on_timer(self, now: float) -> list[Event]:
        """Do whatever is due: time requests out, send an enquire_link, end a dead session. Calling it early is
        harmless."""
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        self._timers.start(now)
        control = self._waiting.control
        if self._response_timeout is not None:
            events += self._waiting.time_out(now, self._response_timeout)
        for when, reason in self._timers.endings(self.state, control):
            if when <= now:
                return [*events, *self.close(now, reason)]
        probe = self._timers.probe_due(self.state, control)
        if probe is not None and probe <= now:
            self._send_control(EnquireLink(), now, _OURS)
        return events

    def close(self, now: float, reason: str) -> list[Event]:
        """The connection is gone, or we give it up. Hands back every unanswered request; a second call gives
        nothing."""
        del now
        if self.state is State.CLOSED:
            return []
        self._enter(State.CLOSED)
        self._partial.clear()
        return [Closed(reason=reason, unanswered=self._waiting.give_up())]

    # Sending.

    def _request_rare(self, body: Body, now: float, context: object) -> int:
        """Requests that are not messages, and those that are not allowed."""
        command = command_of(body)
        state = self.state
        if command in BINDS and self._role is Role.ESME and state is State.OPEN:
            sequence = self._send_control(body, now, context)
            self._binding = STATE_OF_BIND[command]
            self._enter(State.BINDING)
            return sequence
        if command == CommandId.UNBIND and state in BOUND:
            sequence = self._send_control(body, now, context)
            self._enter(State.UNBINDING)
            return sequence
        if command == CommandId.ENQUIRE_LINK and state is not State.CLOSED:
            return self._send_control(body, now, context)
        if command in ONE_WAY and self._role is Role.SMSC and state in FROM_SMSC[command]:
            return self._send(body, now)
        raise SessionStateError(f"a {self._role.value} cannot request {command_name(command)} while {state.value}")

    def _send_control(self, body: Body, now: float, context: object) -> int:
        sequence = self._send(body, now)
        self._waiting.wait_control(sequence, body, context, now)
        return sequence

    def _send(self, body: Body, now: float) -> int:
        sequence = self._waiting.free_sequence()
        self._out.append(encode(body, sequence=sequence))
        self._waiting.use_sequence(sequence)
        self._timers.start(now)
        self._timers.last_sent = now
        return sequence

    # Receiving.

    def _keep(self, data: bytes, at: int, now: float, events: list[Event]) -> None:
        """Keep the beginning of the next PDU, once its length is known to be sane."""
        rest = len(data) - at
        if not rest:
            return
        self._need = 4
        if rest >= 4:
            (length,) = _unpack_length(data, at)
            largest = self._max_pdu
            if not HEADER_SIZE <= length <= largest:
                # Without a length the next PDU cannot be found (3.4: 4.3.1 asks for the nack).
                sequence = _unpack_header(data, at)[3] if rest >= HEADER_SIZE else 0
                status = CommandStatus.ESME_RINVCMDLEN
                self._out.append(encode(GenericNack(), sequence=sequence, status=status))
                events += self.close(now, f"command_length is {HEADER_SIZE} to {largest}, found {length}")
                return
            self._need = length
        self._partial = bytearray(data[at:])

    def _on_request(self, header: Header, data: bytes, at: int, end: int, events: list[Event]) -> None:
        """A request other than a message or query that is welcome now."""
        command = header.command_id
        state = self.state
        if command == CommandId.ENQUIRE_LINK:
            self._out.append(encode(EnquireLinkResp(), sequence=header.sequence))
            return
        if command == CommandId.UNBIND:
            self._out.append(encode(UnbindResp(), sequence=header.sequence))
            self._enter(State.UNBINDING)
            events.append(PeerUnbound())
            return
        refusal = refusal_of(self._role, state, command)
        if refusal is not None:
            self._refuse(header, refusal.status, refusal.reason, data[at:end], events)
            return
        try:
            body = decode_body(header, data, at + HEADER_SIZE, end)
        except MalformedPdu as error:
            self._refuse(header, error.nack_status, error.reason, data[at:end], events)
            return
        if command in BINDS:
            self._binding = STATE_OF_BIND[command]
            self._enter(State.BINDING)
            events.append(BindRequested(header=header, body=cast(Bind, body)))
        else:
            events.append(OneWayReceived(header=header, body=body))

    def _refuse(self, header: Header, status: int, reason: str, frame: bytes, events: list[Event]) -> None:
        """Refuse with the command's own response, or with generic_nack where it has none (5.0: 4.1.4)."""
        layout = LAYOUTS.get(header.command_id | RESPONSE)
        answer = layout.body() if layout is not None and header.command_id else GenericNack()
        self._out.append(encode(answer, sequence=header.sequence, status=status))
        events.append(MalformedReceived(header=header, reason=reason, status=int(status), frame=frame))

    def _salvage(self, error: MalformedPdu, frame: bytes, events: list[Event]) -> Body:
        """What can be read of a damaged response. Its header says what became of the request, and that must not be
        lost."""
        events.append(
            MalformedReceived(header=error.header, reason=error.reason, status=error.nack_status, frame=frame)
        )
        assert error.partial is not None  # `codec.read` always gives it
        return error.partial

    def _on_response(self, header: Header, data: bytes, at: int, end: int, events: list[Event]) -> None:
        """A response other than the plain answer to a message."""
        try:
            body = decode_body(header, data, at + HEADER_SIZE, end)
        except MalformedPdu as error:
            body = self._salvage(error, data[at:end], events)
        room, waiting = self._waiting.take(header.sequence, header.command_id)
        if waiting is None:
            events.append(UnexpectedResponse(header=header, body=body))
            return
        answer, context, _, sent_at = waiting
        if room is self._waiting.windowed:
            events.append(_response(header, body, context, header.sequence, sent_at))
        elif room is self._waiting.late:
            events.append(LateResponse(header=header, body=body, context=context))
        elif answer == CommandId.UNBIND_RESP:
            events.append(Unbound())
        elif answer == CommandId.ENQUIRE_LINK_RESP:
            if context is not _OURS:
                events.append(_response(header, body, context, header.sequence, sent_at))
        else:
            self._on_bind_response(header, body, events)

    def _on_bind_response(self, header: Header, body: Body, events: list[Event]) -> None:
        accepted = not header.status and not isinstance(body, GenericNack)
        if accepted and self._binding is not None and self.state is State.BINDING:
            self._enter(self._binding)
            events.append(Bound(header=header, body=cast(BindResp, body)))
        else:
            if self.state is State.BINDING:
                self._enter(State.OPEN)
            events.append(BindRefused(status=header.status, body=cast(BindResp | GenericNack, body)))
        self._binding = None

    def _enter(self, state: State) -> None:
        self.state = state
        self._may_send = may_send(self._role, state)
        if state is not State.UNBINDING:  # until the connection ends, what was on its way is still welcome
            self._may_take = may_take(self._role, state)


__all__ = [
    "BindRefused",
    "BindRequested",
    "Bound",
    "Closed",
    "Event",
    "LateResponse",
    "MalformedReceived",
    "OneWayReceived",
    "PeerUnbound",
    "RequestReceived",
    "RequestTimedOut",
    "ResponseReceived",
    "Role",
    "Session",
    "SessionSettings",
    "State",
    "Unanswered",
    "Unbound",
    "UnexpectedResponse",
]
