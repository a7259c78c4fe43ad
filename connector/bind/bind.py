"""One bind of an account: makes it, keeps it, brings it back, and moves it home from the backup host.

Rule: `reconnect` decides, this acts. The bind takes submits only while every connection of it is bound. `pool` is the
next station.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from random import Random

from connector.bind.handlers import DeliveryToken, Loss
from connector.bind.legs import BindFailed, Legs
from connector.bind.link import Link
from connector.bind.reconnect import PERMANENT, Attempt, Ending, Reconnect
from connector.bind.settings import BindSettings
from connector.bind.status import BindHandler, BindRefusal, BindState, BindStatus
from connector.smpp.constants import VERSION_3_4, VERSION_5_0, version_name
from connector.smpp.pdu import Body, DataSm, DataSmResp, GenericNack, Header, QuerySmResp, SubmitSm, SubmitSmResp

log = logging.getLogger(__name__)

HOLD_FOR_RETURN = 10.0
"""Seconds a return to the primary may hold submits back while what is in flight is answered; then it is put off."""


KICKED_WORDS = (
    "the gateway ends this bind soon after it is made, again and again: another process seems to use the login, or "
    "fewer connections are allowed (MCON) than binds is set to"
)


class BindNotReady(RuntimeError):
    """A submit on a bind that takes none now: ask `ready` and `free_window` first, on the same turn of the loop."""


class _Asked:
    """Marks the context of `request`, so that its answer finds `on_answer`."""

    __slots__ = ("context",)

    def __init__(self, context: object) -> None:
        self.context = context


class Bind:
    """A slot's bind. `Pool.add` makes and starts it; `close` ends it for good."""

    def __init__(
        self,
        slot: int,
        settings: BindSettings,
        handler: BindHandler,
        *,
        system_type: str,
        label: str,
        clock: Callable[[], float],
        random: Random,
        may_write: Callable[[], bool],
    ) -> None:
        self.slot = slot
        self._settings = settings
        self._handler = handler
        self._system_type = system_type
        self._name = f"{label}/{slot}"
        self._clock = clock
        self._may_write = may_write
        self._endpoints = settings.endpoints()
        self._reconnect = Reconnect(
            hosts=len(self._endpoints),
            version=VERSION_5_0 if settings.interface_version == "5.0" else VERSION_3_4,
            shortest=settings.reconnect_min,
            longest=settings.reconnect_max,
            permanent_wait=settings.permanent_refusal_wait,
            random=random,
        )
        self._attempt = self._reconnect.first()
        self._legs: Legs | None = None
        self._sender: Link | None = None
        self._up = False
        self._holding = False
        self._leaving: str | None = None
        self._open: set[Legs] = set()
        self._task: asyncio.Task[None] | None = None
        self._state = BindState.CONNECTING
        self._since = clock()
        self._next_attempt_at: float | None = None
        self._last_refusal: BindRefusal | None = None

    # What the stage asks and does

    @property
    def ready(self) -> bool:
        """Whether the bind is up and not about to leave; in receiver mode that says nothing of submits."""
        return self._up and not self._holding and self._legs is not None and self._legs.loss is None

    @property
    def host(self) -> str:
        """Host name of the present connection, or of the attempt under way."""
        return self._endpoints[self._attempt.host].host

    @property
    def free_window(self) -> int:
        """Submits that are taken now; 0 where the bind is not ready, receives only, or its socket is full."""
        return self._sender.free_window if self._sender is not None and not self._holding else 0

    @property
    def in_flight(self) -> int:
        """Submits and requests without an answer."""
        return self._legs.in_flight if self._legs is not None else 0

    def submit(self, pdu: SubmitSm | DataSm, context: object) -> None:
        """Send a message; its outcome comes to the handler with `context`.

        Raises BindNotReady where `free_window` is 0, the codec's EncodeError where a field is too long; the message
        was not taken then.
        """
        if self._sender is None or self._holding or self._sender.free_window <= 0:
            raise BindNotReady("the bind takes no submit now")
        self._sender.request(pdu, context)

    def request(self, pdu: Body, context: object) -> None:
        """Ask something else (query_sm, cancel_sm, replace_sm); the answer comes to `on_answer`, and what ends without
        one to `on_timeout` or `on_down`, as for submits: tell them by the type of the context. Raises as `submit`."""
        if self._sender is None or self._holding or self._sender.free_window <= 0:
            raise BindNotReady("the bind takes no request now")
        self._sender.request(pdu, _Asked(context))

    def respond(self, token: DeliveryToken, status: int = 0) -> bool:
        """Answer a delivery with this command_status.

        False where that came too late: the connection is gone, and the gateway will deliver it again.
        """
        return token.link.respond(token, status)

    def status(self) -> BindStatus:
        """How it stands."""
        endpoint = self._endpoints[self._attempt.host]
        legs = self._legs
        return BindStatus(
            slot=self.slot,
            state=self._state,
            since=self._since,
            ready=self.ready,
            host=endpoint.word,
            host_name=endpoint.host,
            in_flight=self.in_flight,
            free_window=self.free_window,
            writable=self._sender is None or self._sender.writable,
            deliveries=legs.deliveries if legs is not None else 0,
            failures=self._reconnect.failures,
            interface_version=self._attempt.version,
            gateway_version=legs.gateway_version if legs is not None else None,
            next_attempt_at=self._next_attempt_at,
            last_refusal=self._last_refusal,
        )

    # Its life

    def start(self) -> asyncio.Task[None]:
        """Begin; the task runs until `close`, and ends with an exception only by a fault of ours."""
        assert self._task is None
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"bind {self._name}")
        return self._task

    async def close(self, deadline: float) -> None:
        """Take no more submits, wait at most `deadline` seconds for the answers in flight, unbind, close.

        Unbinding may take UNBIND_GRACE longer. What was not answered comes to `on_down` before this returns.
        """
        self._holding = True
        self._leaving = "closed by us"
        if self._legs is not None and self._up:
            self._enter(BindState.HOLDING)
            await self._legs.wait_quiet(max(0.0, deadline))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        attempt = self._attempt
        try:
            while True:
                await self._wait(attempt)
                attempt = await self._try(attempt)
        finally:
            for legs in tuple(self._open):
                await legs.close()
            self._enter(BindState.CLOSED)

    async def _wait(self, attempt: Attempt) -> None:
        self._attempt = attempt
        if attempt.wait > 0:
            self._next_attempt_at = self._clock() + attempt.wait
            await asyncio.sleep(attempt.wait)
            self._next_attempt_at = None
        while not self._may_write():
            self._enter(BindState.SUSPENDED)
            await asyncio.sleep(self._settings.reconnect_min)

    async def _try(self, attempt: Attempt) -> Attempt:
        """One attempt and, where it succeeds, the life of the bind; the next attempt."""
        self._enter(BindState.CONNECTING)
        legs = self._new_legs(attempt)
        try:
            await legs.connect()
            await self._take(legs)
        except BindFailed as failure:
            self._open.discard(legs)
            return self._failed(failure)
        return await self._live(legs)

    async def _take(self, legs: Legs) -> None:
        """Bind these legs and go up. Raises BindFailed."""
        self._legs = legs
        self._enter(BindState.BINDING)
        await legs.bind()
        self._reconnect.bound(self._clock())
        self._up = True
        self._sender = legs.sender
        self._enter(BindState.BOUND)
        spoken = version_name(self.status().version)
        log.info("bind %s: bound to the %s host in SMPP %s", self._name, legs.endpoint.word, spoken)
        if self._leaving is None:
            self._take_submits()

    def _take_submits(self) -> None:
        self._holding = False
        self._enter(BindState.BOUND)
        self._handler.on_ready(self.slot)

    async def _live(self, legs: Legs) -> Attempt:
        """The bind is up, until it is lost; with returns to the primary in between."""
        while True:
            away = self._attempt.host != 0
            loss: Loss | None = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.primary_retry_interval if away else None):
                    loss = await legs.wait_broken()
            if loss is not None:
                await legs.part()
                return self._lost(loss)
            try:
                legs = await self._return(legs)
            except BindFailed as failure:
                return self._failed(failure)

    async def _return(self, legs: Legs) -> Legs:
        """Home from the backup host; the legs that live on. Raises BindFailed where none do.

        The primary is connected first, and only connected: so a primary that is still away costs the bind nothing. Then
        the bind is unbound from the backup at a moment when nothing is in flight, which holding back submits for a few
        round trips makes; and bound anew on the open connection. Two binds at a time are never made: without MCON the
        gateway would end the old one with whatever is in flight on it, and with MCON nobody says whether the extra one
        fits the number, or whether the two hosts count together.
        """
        home = self._new_legs(self._attempt._replace(host=0))
        try:
            await home.connect()
        except BindFailed as failure:
            self._open.discard(home)
            log.info("bind %s: the primary host is still away: %s", self._name, failure.words)
            return legs
        self._holding = True
        if legs.loss is None:
            self._enter(BindState.HOLDING)
        if not await legs.wait_quiet(HOLD_FOR_RETURN) or home.loss is not None or self._leaving is not None:
            await home.close()
            if legs.loss is None and self._leaving is None:
                self._take_submits()
            return legs
        self._leaving = "returning to the primary host"
        await legs.close()
        if self._leaving == "returning to the primary host":
            self._leaving = None
        self._reconnect.elsewhere(0)
        self._attempt = self._attempt._replace(host=0)
        await self._take(home)
        return home

    def _new_legs(self, attempt: Attempt) -> Legs:
        legs = Legs(
            self,
            settings=self._settings,
            system_type=self._system_type,
            endpoint=self._endpoints[attempt.host],
            version=attempt.version,
            clock=self._clock,
            may_write=self._may_write,
        )
        self._open.add(legs)
        return legs

    def _failed(self, failure: BindFailed) -> Attempt:
        now = self._clock()
        attempt = self._reconnect.after(failure.ending, now, failure.status)
        falls_back = attempt.version < self._attempt.version
        self._refuse(failure.ending, failure.words, failure.status, falls_back=falls_back)
        self._enter(BindState.REFUSED if failure.ending in PERMANENT else BindState.WAITING)
        return attempt

    def _lost(self, loss: Loss) -> Attempt:
        now = self._clock()
        judged = self._reconnect.judge(loss.ending, now)
        if judged is Ending.KICKED:
            self._refuse(judged, KICKED_WORDS, None)
        self._enter(BindState.WAITING)
        return self._reconnect.after(loss.ending, now)

    def _refuse(self, ending: Ending, words: str, status: int | None, *, falls_back: bool = False) -> None:
        endpoint = self._endpoints[self._attempt.host]
        self._last_refusal = BindRefusal(
            ending=ending,
            words=words,
            host=endpoint.word,
            at=self._clock(),
            permanent=ending in PERMANENT,
            status=status,
            falls_back=falls_back,
        )
        log.warning("bind %s: no bind to the %s host: %s", self._name, endpoint.word, words)
        self._handler.on_refused(self.slot, self._last_refusal)

    def _enter(self, state: BindState) -> None:
        if state is not self._state:
            self._state = state
            self._since = self._clock()

    # What the legs tell

    def on_response(self, context: object, header: Header, body: Body) -> None:
        if _says_nothing(header, body):
            self.on_timeout(context)
        elif isinstance(context, _Asked):
            self._handler.on_answer(self.slot, context.context, header.status, body)
        elif isinstance(body, SubmitSmResp | DataSmResp):
            self._handler.on_response(self.slot, context, header.status, body.message_id, body.tlvs)
        else:
            self._handler.on_response(self.slot, context, header.status, "", ())

    def on_late_response(self, context: object, header: Header, body: Body) -> None:
        if _says_nothing(header, body):
            return
        if isinstance(context, _Asked):
            # A cancel_sm that timed out may have been carried out: whoever asked can still tell the sender.
            self._handler.on_answer(self.slot, context.context, header.status, body)
        else:
            message_id = body.message_id if isinstance(body, SubmitSmResp | DataSmResp) else ""
            self._handler.on_late_response(self.slot, context, header.status, message_id)

    def on_timeout(self, context: object) -> None:
        self._handler.on_timeout(self.slot, context.context if isinstance(context, _Asked) else context)

    def on_delivery(self, body: Body, raw: bytes, token: DeliveryToken) -> None:
        self._handler.on_delivery(self.slot, body, raw, token)

    def on_writable(self) -> None:
        if self.ready:
            self._handler.on_writable(self.slot)

    def on_broken(self, legs: Legs, loss: Loss) -> None:
        if legs is self._legs:
            self._sender = None

    def on_gone(self, legs: Legs, loss: Loss, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        self._open.discard(legs)
        if legs is not self._legs or not self._up:
            return
        self._up = False
        reason = self._leaving or loss.words
        log.info("bind %s: down: %s", self._name, reason)
        self._handler.on_down(self.slot, reason, _plain(unanswered), _plain(unsent))


def _plain(contexts: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(context.context if isinstance(context, _Asked) else context for context in contexts)


def _says_nothing(header: Header, body: Body) -> bool:
    """Whether a response of status 0 tells neither that the request was taken nor that it was not: a generic_nack that
    says "no error", and the answer to a query of which nothing could be read."""
    if header.status != 0:
        return False
    if isinstance(body, QuerySmResp):
        return not body.message_id and not body.message_state
    return isinstance(body, GenericNack)
