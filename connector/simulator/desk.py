"""Where everything that happens on the connections is decided and answered: binds, requests, responses.

It owns the connections, asks `binds` and `gateway`, and has `replies` and `deliveries` write.
Next station: `server`, which gives it listeners, clocks and a life.
"""

from collections.abc import Callable
from functools import partial

from connector.simulator.admission import is_registered
from connector.simulator.binds import Binds
from connector.simulator.clock import Clock
from connector.simulator.connection import Connection
from connector.simulator.deliveries import Deliveries
from connector.simulator.evidence import Evidence
from connector.simulator.gateway import Gateway
from connector.simulator.inquiries import Answer
from connector.simulator.messages import Due
from connector.simulator.outbox import Parcel
from connector.simulator.player import Facts
from connector.simulator.record import Way
from connector.simulator.replies import Replies
from connector.simulator.script import Host, InquiryAnswer
from connector.simulator.settings import SimulatorSettings
from connector.simulator.timers import Timers
from connector.simulator.turn import Turn
from connector.smpp.bodies import Header
from connector.smpp.constants import CommandStatus
from connector.smpp.events import (
    BindRequested,
    Closed,
    Event,
    LateResponse,
    MalformedReceived,
    PeerUnbound,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    Unbound,
)
from connector.smpp.pdu import (
    Body,
    CancelSm,
    GenericNack,
    QuerySm,
    ReplaceSm,
    SubmitSm,
)
from connector.smpp.session import Role, Session, SessionSettings


class FrontDesk:
    """The connections of a gateway and what is done about their events. `noticed` is called when anything changed."""

    def __init__(
        self,
        *,
        settings: SimulatorSettings,
        gateway: Gateway,
        evidence: Evidence,
        timers: Timers,
        wire: Clock,
        clock: Clock,
        noticed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._evidence = evidence
        self._timers = timers
        self._wire = wire
        self._clock = clock
        self._noticed = noticed
        self._session_settings = SessionSettings(
            window=settings.deliver_window,
            response_timeout=settings.deliver_timeout,
            enquire_interval=settings.enquire_interval,
            bind_timeout=settings.bind_timeout,
            idle_timeout=settings.idle_timeout,
        )
        self.connections: dict[int, Connection] = {}
        self._logins = [account.system_id for account in settings.accounts]
        self._binds = Binds(
            settings=settings,
            gateway=gateway,
            evidence=evidence,
            wire=wire,
            clock=clock,
            connections=self.connections,
            soon=self._soon,
            bound=self.mark,
        )
        self._replies = Replies(self._later, lambda: gateway.player.random, self._answers)
        self.deliveries = Deliveries(
            self._logins,
            connections_of=self.bound,
            retry=lambda call: self._retry(call),
            sent=lambda sent, now: evidence.delivery_sent(sent.connection, sent.parcel, sent.sequence, now),
        )
        self._dirty: set[str] = set()
        self._turn = Turn(self._end_turn)
        self._deadline: float | None = None
        self._next_number = 1
        self.expected = 0  # receipts and responses that are still to come at their time

    def bound(self, login: str) -> list[Connection]:
        """The connections that hold a bind of this login, oldest first."""
        return self._binds.of(login)

    # Connections come and go.

    def connect(self, host: Host) -> Connection:
        """A new connection, before its transport is known."""
        number = self._next_number
        self._next_number += 1
        rule = self._gateway.player.connection(Facts(host=host), self._clock.monotonic())
        session = Session(
            role=Role.SMSC,
            settings=self._session_settings,
            first_sequence=1 if rule is None else rule.first_sequence,
            opened_at=self._wire.monotonic(),
        )
        return Connection(number=number, host=host, session=session, clock=self._wire, desk=self, rule=rule)

    def opened(self, connection: Connection) -> None:
        """See `connection.Desk`."""
        now = self._wire.monotonic()
        self.connections[connection.number] = connection
        self._evidence.changed(connection, "opened", now)
        if self._settings.stranger == "close" and not is_registered(self._settings, connection.peer):
            connection.end("not a registered address")
            return
        rule = connection.rule
        if rule is not None:
            if rule.greeting:
                connection.raw(bytes.fromhex(rule.greeting))
            if rule.close:
                connection.end("closed by the script")
                return
            if rule.freeze_after is not None:
                self._soon(rule.freeze_after, connection.freeze)
            if rule.end_after is not None:
                self._soon(rule.end_after, lambda: connection.end("reset by the script", reset=True))
        connection.arm()

    def _soon(self, seconds: float, call: Callable[[], None]) -> None:
        if seconds > 0:
            self._timers.on_wire(self._wire.monotonic() + seconds, call)
        else:
            call()

    def gone(self, connection: Connection) -> None:
        """See `connection.Desk`."""
        self._binds.leave(connection)
        self.connections.pop(connection.number, None)
        self._turn.ends()

    def kick(self, connection: Connection, reason: str) -> None:
        """Ask a bound client to go."""
        self._binds.kick(connection, reason, unbind=True)

    # What the sessions say.

    def seen(self, connection: Connection, headers: list[Header], now: float) -> None:
        """See `connection.Desk`."""
        self._evidence.headers(connection, headers, now)
        self._turn.ends()

    def timed(self, at: float, call: Callable[[], None]) -> None:
        """See `connection.Desk`."""
        self._timers.on_wire(at, call)

    def happened(self, connection: Connection, events: list[Event], now: float) -> None:
        """See `connection.Desk`."""
        for event in events:
            self._happened(connection, event, now)
        if connection.login:
            self.mark(connection.login)
        self._turn.ends()

    def _happened(self, connection: Connection, event: Event, now: float) -> None:
        match event:
            case RequestReceived(header=header, body=SubmitSm() as body):
                self._evidence.pdu(connection, Way.IN, header, body, now)
                self._submit(connection, header, body, now)
            case ResponseReceived(header=header, body=body, context=Parcel() as parcel):
                self._evidence.pdu(connection, Way.IN, header, body, now)
                self._answered(connection, parcel, header.status, now)
            case LateResponse(header=header, body=body, context=Parcel() as parcel):
                self._evidence.pdu(connection, Way.IN, header, body, now)
                self._answered(connection, parcel, header.status, now)
            case RequestReceived(header=header, body=body):
                self._evidence.pdu(connection, Way.IN, header, body, now)
                self._request(connection, header, body, now)
            case BindRequested(header=header, body=body):
                self._evidence.pdu(connection, Way.IN, header, body, now)
                self._binds.ask(connection, header, body, now)
            case RequestTimedOut(context=Parcel() as parcel):
                self.deliveries.returned((parcel,))
            case PeerUnbound():
                self._binds.leave(connection)
                connection.end("peer unbound")
            case Unbound():
                connection.end("unbound")
            case Closed(reason=reason, unanswered=unanswered):
                self._closed(connection, reason, [each.context for each in unanswered], now)
            case ResponseReceived(header=header, body=body):
                self._evidence.pdu(connection, Way.IN, header, body, now)
            case MalformedReceived():
                self._evidence.record.count(connection.login, "malformed")
            case _:
                self._evidence.record.count(connection.login, "unexpected")

    def _closed(self, connection: Connection, reason: str, contexts: list[object], now: float) -> None:
        self._binds.leave(connection)
        self.deliveries.returned([context for context in contexts if isinstance(context, Parcel)])
        self._evidence.changed(connection, "closed", now, reason=reason)
        connection.end(reason)

    # Requests.

    def _submit(self, connection: Connection, header: Header, body: SubmitSm, now: float) -> None:
        origin = connection.origin
        if origin is None:
            return
        connection.unanswered += 1
        clock, epoch_ms = self._clock.monotonic(), self._clock.epoch_ms()
        decision = self._gateway.submit(origin, body, clock, epoch_ms, pending=connection.unanswered)
        self._evidence.submit(connection, header, body, decision, now)
        if decision.receipt_first:
            self._schedule(decision.dues, clock)
            self.dispatch()
        self._replies.send(connection, header, decision.status, decision.message_id, decision.reply, decision.tlvs)
        if not decision.receipt_first:
            self._schedule(decision.dues, clock)
        if decision.part is not None:
            self._arm_deadline()

    def _schedule(self, dues: tuple[Due, ...], clock: float) -> None:
        for due in dues:
            if due.at <= clock:
                self._settle(due)
            else:
                self._expect(due.at, partial(self._settle, due))

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._expect(self._clock.monotonic() + seconds, call)

    def _expect(self, at: float, call: Callable[[], None]) -> None:
        """Make a call that the outside waits for, at a time of the gateway's clock."""

        def due() -> None:
            self.expected -= 1
            call()

        self.expected += 1
        self._timers.on_gateway(at, due)

    def _settle(self, due: Due) -> None:
        message = due.message
        was_on_its_way = message.done_ms is None
        for parcel in self._gateway.settle(due, self._clock.epoch_ms()):
            self.deliver(parcel)
        if was_on_its_way and message.done_ms is not None:
            self._evidence.ended(message, self._wire.monotonic())

    def _arm_deadline(self) -> None:
        deadline = self._gateway.next_deadline()
        if deadline is not None and deadline != self._deadline and deadline != float("inf"):
            self._deadline = deadline
            self._timers.on_gateway(deadline, self._overdue)

    def _overdue(self) -> None:
        self._deadline = None
        for due in self._gateway.overdue(self._clock.monotonic()):
            self._settle(due)
        self._arm_deadline()

    def _request(self, connection: Connection, header: Header, body: Body, now: float) -> None:
        origin, session = connection.origin, connection.session
        if origin is None:
            return
        match body:
            case QuerySm() | CancelSm() | ReplaceSm():
                now = self._clock.monotonic()
                answer = self._gateway.inquire(origin, body, now, self._clock.epoch_ms())
                self._tell(connection, header, answer)
                self._schedule(answer.dues, now)
            case _:
                # gateway.md: SUBMIT_MULTI is not implemented; data_sm and the broadcasts it does not name.
                session.nack(header, CommandStatus.ESME_RINVCMDID)
                self._answers(connection, GenericNack(), header.sequence, CommandStatus.ESME_RINVCMDID)
        connection.touch()

    def _tell(self, connection: Connection, header: Header, answer: Answer) -> None:
        """Answer an inquiry, in the manner that its rule asks for."""

        def respond() -> None:
            if connection.session.respond(header, answer.body, answer.status):
                self._answers(connection, answer.body, header.sequence, answer.status)
            connection.touch()

        rule = answer.rule
        match InquiryAnswer.PROMPT if rule is None else rule.answer:
            case InquiryAnswer.PROMPT if rule is not None and rule.delay > 0:
                self._later(rule.delay, respond)
            case InquiryAnswer.PROMPT:
                respond()
            case InquiryAnswer.SILENT:
                pass
            case InquiryAnswer.CLOSE:
                connection.end("closed by the script")
            case InquiryAnswer.RESET:
                connection.end("reset by the script", reset=True)

    def _answers(self, connection: Connection, body: Body, sequence: int, status: int) -> None:
        self._evidence.sent(connection, body, sequence, self._wire.monotonic(), status)

    # Deliveries.

    def deliver(self, parcel: Parcel) -> None:
        """Something for a login; it leaves at the end of this turn of the loop."""
        self.deliveries.add(parcel)
        self.mark(parcel.login)

    def mark(self, login: str) -> None:
        """See at the end of this turn what can be sent to this login."""
        self._dirty.add(login)
        self._turn.ends()

    def dispatch(self) -> None:
        """Send what can be sent, now."""
        dirty, self._dirty = self._dirty, set()
        now = self._wire.monotonic()
        for login in dirty:
            self.deliveries.dispatch(login, now)

    def _retry(self, call: Callable[[], None]) -> None:
        def again() -> None:
            call()
            for login in self._logins:
                self.mark(login)

        self._timers.later(self._settings.deliver_retry, again)

    def _answered(self, connection: Connection, parcel: Parcel, status: int, now: float) -> None:
        if self.deliveries.answered(parcel, status):
            self._evidence.delivered(connection, parcel, status, now)

    def _end_turn(self) -> None:
        self.dispatch()
        self._noticed()
