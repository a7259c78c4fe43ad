"""One connection: a pure SMPP session joined to a TCP or TLS transport.

Rule: one writer, one timer, and the transport is never handed more than it drains; what waits, waits in the session,
so that after a loss it is known which requests certainly never left (`unsent`) and which may have (`unanswered`).
`legs` is the next station.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import assert_never

from connector.bind import frames
from connector.bind.handlers import DeliveryToken, LinkHandler, Loss, loss_of
from connector.bind.oddities import Oddities
from connector.bind.reconnect import Ending
from connector.smpp.constants import CommandId
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
    Unbound,
    UnexpectedResponse,
)
from connector.smpp.pdu import Body, DataSmResp, DeliverSmResp, EnquireLink, Unbind
from connector.smpp.session import Session

__all__ = ["DeliveryToken", "Link"]

log = logging.getLogger(__name__)

UNSENT_IN_KERNEL = 16 * 1024
"""Octets the kernel may hold back before it calls the socket full (TCP_NOTSENT_LOWAT): about 100 submit_sm. What is
on its way to the peer does not count, so throughput does not suffer; an urgent submit waits behind less."""
ANSWERS_HELD = 1024 * 1024
"""Octets read while the peer reads nothing; then reading stops too, or a flood of requests would fill the memory with
answers."""
LINGER = 3.0
"""Seconds for the last octets (an unbind_resp, TLS's close_notify) to leave."""
STALL = 0.5
"""Seconds by which a timer may ring late before we take it that the whole process stood still."""

_End = PeerUnbound | Unbound | Closed


class Link(asyncio.Protocol):
    """A connection from us to the gateway. Made by `dial.connect`; gone for good after `on_lost`."""

    def __init__(
        self,
        handler: LinkHandler,
        *,
        session: Session,
        clock: Callable[[], float],
        may_write: Callable[[], bool],
        delivery_window: int,
        suspect_after: float,
        encrypted: bool,
    ) -> None:
        self._handler = handler
        self._session = session
        self._clock = clock
        self._may_write = may_write
        self._delivery_window = delivery_window
        self._suspect_after = suspect_after
        self._encrypted = encrypted
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()
        self._loss: Loss | None = None
        self._deliveries = 0
        self._oddities = Oddities()
        # Requests that the session has and the transport has not.
        self._waiting: list[int] = []
        # The last octets written, kept only while the transport has not passed all of them on.
        self._last_write = b""
        self._write_paused = False
        self._read_paused = False
        self._read_while_full = 0
        self._flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._looked_again = False
        # When something was last heard, or asked after a silence: what we wait for since then.
        self._expecting_since = 0.0
        self._linger: asyncio.TimerHandle | None = None

    # What the owner asks and does

    @property
    def loss(self) -> Loss | None:
        """Why the connection is gone; None while it lives."""
        return self._loss

    @property
    def writable(self) -> bool:
        """Whether the socket takes octets now."""
        return not self._write_paused and self._loss is None

    @property
    def free_window(self) -> int:
        """Requests that may be made now; 0 while the socket is full."""
        return 0 if self._write_paused or self._loss is not None else self._session.free_window

    @property
    def in_flight(self) -> int:
        """Requests in the window: without an answer, and not timed out."""
        return 0 if self._loss is not None else self._session.in_flight

    @property
    def deliveries(self) -> int:
        """Deliveries handed up and not answered yet."""
        return self._deliveries

    def request(self, body: Body, context: object = None) -> None:
        """Queue a request; it leaves with the others of this turn of the loop.

        Raises the session's SessionStateError where state or window do not allow it, EncodeError where a field is too
        long; the request was not taken then.
        """
        if self._loss is not None:
            raise ConnectionError("the connection is gone")
        now = self._clock()
        if not self._session.in_flight:
            self._expecting_since = now
        self._waiting.append(self._session.request(body, now, context))
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def respond(self, token: DeliveryToken, status: int = 0) -> bool:
        """Answer a delivery. False where it was answered before, or came on a connection that is gone."""
        if token.answered or token.link is not self or self._loss is not None:
            return False
        token.answered = True
        header = token.header
        answer = DataSmResp() if header.command_id == CommandId.DATA_SM else DeliverSmResp()
        self._session.respond(header, answer, status)
        self._deliveries -= 1
        self._resume_reading()
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)
        self._handler.on_settled(self)
        return True

    def unbind(self) -> None:
        """Ask for a clean end; `on_lost` follows with the answer. Nothing waits for requests in flight."""
        if self._loss is None:
            self.request(Unbind())

    def abort(self, ending: Ending, words: str) -> None:
        """End the connection now. What had not left will not leave."""
        self._lose(Loss(ending, words), graceful=False)

    async def wait_gone(self) -> None:
        """Until the socket is closed."""
        await self._gone.wait()

    # What asyncio tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # 1 and not 0: for TLS asyncio compares with >=, and 0 would stay full for ever.
        transport.set_write_buffer_limits(high=1, low=0)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            low_water = getattr(socket, "TCP_NOTSENT_LOWAT", None)
            with contextlib.suppress(OSError):  # a wish; the connection works without
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                if low_water is not None:
                    raw.setsockopt(socket.IPPROTO_TCP, low_water, UNSENT_IN_KERNEL)
        self._arm()

    def data_received(self, data: bytes) -> None:
        if self._loss is not None:
            return
        now = self._expecting_since = self._clock()
        self._dispatch(self._session.receive(data, now))
        if self._write_paused:
            self._read_while_full += len(data)
            if self._read_while_full > ANSWERS_HELD:
                self._pause_reading()
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def eof_received(self) -> bool | None:
        # Not left to the transport: it would first wait for its buffer to drain, and an SMPP peer that has
        # closed its half reads no more either.
        self._lose(Loss(Ending.ENDED_BY_GATEWAY, "the gateway closed the connection"), graceful=False)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._linger is not None:
            self._linger.cancel()
        if self._loss is None:
            self._lose(loss_of(exc), graceful=False)
        self._gone.set()

    def pause_writing(self) -> None:
        self._write_paused = True
        self._read_while_full = 0

    def resume_writing(self) -> None:
        self._write_paused = False
        self._last_write = b""
        if self._loss is None:
            self._resume_reading()
            self._flush()
            if not self._write_paused:
                self._handler.on_writable(self)

    # The writer

    def _flush(self) -> None:
        self._flush_due = False
        if self._loss is not None:
            return
        if not self._write_paused:
            if not self._may_write():
                self.abort(Ending.NOT_ALLOWED, "this process may not write now: it has lost its lease")
                return
            octets = self._session.data_to_send()
            if octets:
                assert self._transport is not None  # the link is handed out connected
                self._waiting.clear()
                self._transport.write(octets)
                if self._write_paused and not self._encrypted:
                    self._last_write = octets
        self._arm()

    def _unsent(self) -> set[int]:
        """Sequences of our requests that the peer cannot have in full.

        Those the session still holds; and of the last write those that the transport still has, where that can be
        told (not for TLS, which counts what it has encrypted as gone).
        """
        unsent = set(self._waiting)
        if self._last_write and self._transport is not None:
            passed_on = len(self._last_write) - self._transport.get_write_buffer_size()
            unsent |= frames.unfinished(self._last_write, passed_on)
        return unsent

    # The timer

    def _arm(self) -> None:
        if self._loss is not None:
            return
        due = self._session.next_timer()
        if self._session.in_flight:
            suspect = self._expecting_since + self._suspect_after
            due = suspect if due is None else min(due, suspect)
        if due is None:
            return
        if self._timer is not None:
            # One that rings too early only looks again; so a later due time costs nothing here.
            if due >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(0.0, due - self._clock()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._loss is not None:
            return
        now = self._clock()
        if now - self._timer_at > STALL and not self._looked_again:
            # The process stood still. What the gateway sent meanwhile waits in the socket: read it first.
            self._looked_again = True
            self._timer = self._loop.call_later(0.0, self._ring)
            return
        self._looked_again = False
        self._dispatch(self._session.on_timer(now), timer=True)
        if self._loss is None and self._session.in_flight and now >= self._expecting_since + self._suspect_after:
            # Requests wait and nothing at all is heard. An enquire_link of our own brings a dead peer to light sooner
            # than its interval would, while what is unanswered may still be asked again.
            self._expecting_since = now
            self._session.request(EnquireLink(), now)
        self._flush()

    # Events

    def _dispatch(self, events: list[Event], *, timer: bool = False) -> None:
        broken: Exception | None = None
        ends: list[_End] = []
        for event in events:
            if isinstance(event, PeerUnbound | Unbound | Closed):
                ends.append(event)
                continue
            try:
                self._tell(event)
            except Exception as error:
                # A handler's fault must not swallow the other answers of this batch; the link ends after it.
                broken = broken or error
        self._handler.on_settled(self)
        if ends:
            self._end(ends, timer=timer)
        if broken is not None:
            self.abort(Ending.LOST, f"a handler failed ({type(broken).__name__})")
            raise broken

    def _tell(self, event: Event) -> None:
        handler = self._handler
        match event:
            case ResponseReceived():
                if event.context is not None:
                    handler.on_response(self, event.context, event.header, event.body)
            case RequestReceived():
                self._deliveries += 1
                if self._deliveries >= self._delivery_window:
                    self._pause_reading()
                handler.on_request(self, event.body, event.frame, DeliveryToken(self, event.header))
            case RequestTimedOut():
                if event.context is not None:
                    handler.on_timeout(self, event.context)
            case LateResponse():
                if event.context is not None:
                    handler.on_late_response(self, event.context, event.header, event.body)
            case Bound():
                handler.on_bound(self, event.body)
            case BindRefused():
                handler.on_bind_refused(self, event.status)
            case PeerUnbound() | Unbound() | Closed():
                raise AssertionError("the ends come last, in _end")
            case MalformedReceived():
                self._oddities.seen(event.header, event.reason)
            case UnexpectedResponse():
                self._oddities.seen(event.header, "answers nothing that was asked")
            case OneWayReceived():
                self._oddities.seen(event.header, "needs no answer")
            case BindRequested():
                # The session refuses a bind to a client; the union has it for the other role.
                self._oddities.seen(event.header, "a gateway does not bind to us")
            case _:
                assert_never(event)

    def _end(self, ends: list[_End], *, timer: bool) -> None:
        """The session is over; what came before that in the same octets was told already."""
        closed = next((end for end in ends if isinstance(end, Closed)), None)
        match ends[0]:
            case PeerUnbound():
                self._lose(Loss(Ending.ENDED_BY_GATEWAY, "the gateway sent unbind"), graceful=True, closed=closed)
            case Unbound():
                self._lose(Loss(Ending.CLOSED, "unbound"), graceful=True, closed=closed)
            case Closed() as end:
                # By itself the session ends only for silence, or for octets that are no SMPP.
                ending = Ending.SILENT if timer else Ending.NOT_SMPP
                self._lose(Loss(ending, end.reason), graceful=not timer, closed=end)
            case _:
                assert_never(ends[0])

    def _lose(self, loss: Loss, *, graceful: bool, closed: Closed | None = None) -> None:
        if self._loss is not None:
            return
        unsent = self._unsent()
        if graceful and self.writable and self._transport is not None and self._may_write():
            self._transport.write(frames.answers(self._session.data_to_send()))
        self._loss = loss
        if self._timer is not None:
            self._timer.cancel()
        events: list[Event] = [closed] if closed is not None else self._session.close(self._clock(), loss.words)
        if self._transport is not None:
            if graceful:
                self._transport.close()
                self._linger = self._loop.call_later(LINGER, self._transport.abort)
            else:
                self._transport.abort()
        left = [item for event in events if isinstance(event, Closed) for item in event.unanswered]
        self._handler.on_lost(
            self,
            loss,
            tuple(item.context for item in left if item.context is not None and item.sequence not in unsent),
            tuple(item.context for item in left if item.context is not None and item.sequence in unsent),
        )

    def _pause_reading(self) -> None:
        if not self._read_paused and self._transport is not None:
            self._read_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._read_paused and not self._write_paused and self._deliveries <= self._delivery_window // 2:
            assert self._transport is not None  # it was paused
            self._read_paused = False
            self._transport.resume_reading()
