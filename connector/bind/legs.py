"""The connections of one bind: a transceiver, a receiver, or a transmitter and a receiver that live and die together.

Rule: both or none. A pair is up when both are bound, and when one is lost the other is closed too, after its answers
had a moment to come; so both are always on one host, and one `on_gone` hands back everything. `bind` is the next
station.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from connector.bind import dial
from connector.bind.dial import ConnectFailed, Trouble
from connector.bind.handlers import DeliveryToken, Loss
from connector.bind.link import Link
from connector.bind.reconnect import Ending, refusal
from connector.bind.settings import BindMode, BindSettings, Endpoint, SettingsUnreadable
from connector.smpp.constants import Tag
from connector.smpp.pdu import (
    BindReceiver,
    BindResp,
    BindTransceiver,
    BindTransmitter,
    Body,
    Header,
)
from connector.smpp.session import Role, Session, SessionSettings
from connector.smpp.tlv import raw as raw_tlv

PAIR_GRACE = 5.0
"""Seconds in which the surviving half of a pair may still get its answers."""
UNBIND_GRACE = 1.0
"""Seconds for the gateway to answer our unbind."""

_HALVES = {
    BindMode.TRANSCEIVER: (BindTransceiver,),
    BindMode.TRANSMITTER_RECEIVER: (BindTransmitter, BindReceiver),
    BindMode.RECEIVER: (BindReceiver,),
}
_ENDING_OF_TROUBLE = {
    Trouble.NETWORK: Ending.UNREACHABLE,
    Trouble.TRUST: Ending.NOT_TRUSTED,
    Trouble.SETTINGS: Ending.SETTINGS,
}
_CLOSED_EARLY = (
    "the gateway closed the connection before it answered the bind: check that this machine's public IP address is on "
    "the account's access list"
)
# In TLS 1.3 a client is through before its certificate is looked at, and not every server says why it hangs up then.
_CERTIFICATE_WANTED = ", and whether the gateway wants a client certificate (tls.cert_file)"
_CERTIFICATE_REFUSED = ", and that the gateway accepts our client certificate (tls.cert_file)"


class BindFailed(Exception):
    """No bind came about; `words` say why, `status` is the command_status where the gateway gave one."""

    def __init__(self, ending: Ending, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.ending = ending
        self.words = words
        self.status = status


class LegsOwner(Protocol):
    """Whom the legs tell what happened."""

    def on_response(self, context: object, header: Header, body: Body) -> None: ...

    def on_late_response(self, context: object, header: Header, body: Body) -> None: ...

    def on_timeout(self, context: object) -> None: ...

    def on_delivery(self, body: Body, raw: bytes, token: DeliveryToken) -> None: ...

    def on_writable(self) -> None: ...

    def on_broken(self, legs: "Legs", loss: Loss) -> None:
        """A connection is gone, so the bind takes no submits any more; `on_gone` follows, perhaps at once."""

    def on_gone(self, legs: "Legs", loss: Loss, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None: ...


class Legs:
    """One try at a bind: `connect`, `bind`, and `close` whatever happened. A link handler."""

    def __init__(
        self,
        owner: LegsOwner,
        *,
        settings: BindSettings,
        system_type: str,
        endpoint: Endpoint,
        version: int,
        clock: Callable[[], float],
        may_write: Callable[[], bool],
    ) -> None:
        self.endpoint = endpoint
        self.version = version
        self.gateway_version: int | None = None
        self._owner = owner
        self._settings = settings
        self._system_type = system_type
        self._clock = clock
        self._may_write = may_write
        self._password = ""
        self._links: list[Link] = []
        self._bound: set[Link] = set()
        self._lost: set[Link] = set()
        self._outcome: asyncio.Future[None] | None = None
        self._loss: Loss | None = None
        self._unanswered: tuple[object, ...] = ()
        self._unsent: tuple[object, ...] = ()
        self._broken = asyncio.Event()
        self._quiet = asyncio.Event()

    @property
    def loss(self) -> Loss | None:
        """Why the first of the connections is gone; None while all of them live."""
        return self._loss

    @property
    def sender(self) -> Link | None:
        """The connection that takes submits; None for a receiver."""
        return None if self._settings.bind_mode is BindMode.RECEIVER or not self._links else self._links[0]

    @property
    def in_flight(self) -> int:
        """Requests without an answer."""
        return sum(link.in_flight for link in self._links)

    @property
    def deliveries(self) -> int:
        """Deliveries without our answer."""
        return sum(link.deliveries for link in self._links if link not in self._lost)

    async def connect(self) -> None:
        """All the connections, with no bind yet. Raises BindFailed; then nothing stays open."""
        try:
            # Read anew each time, so that a replaced file is taken up.
            self._password = await asyncio.to_thread(self._settings.secret)
            for _ in _HALVES[self._settings.bind_mode]:
                made = await dial.connect(
                    self.endpoint, self._link, settings=self._settings.tls, timeout=self._settings.connect_timeout
                )
                self._links.append(made)
        except SettingsUnreadable as error:
            raise BindFailed(Ending.SETTINGS, str(error)) from error
        except ConnectFailed as error:
            self._abort(Ending.CLOSED, "the other half could not connect")
            raise BindFailed(_ENDING_OF_TROUBLE[error.trouble], error.words) from error
        except BaseException:
            self._abort(Ending.CLOSED, "given up")
            raise

    async def bind(self) -> None:
        """All the binds, the transmitter first. Raises BindFailed; then nothing stays open."""
        try:
            for link, half in zip(self._links, _HALVES[self._settings.bind_mode], strict=True):
                if self._loss is not None:
                    raise self._early(self._loss)
                self._outcome = asyncio.get_running_loop().create_future()
                link.request(
                    half(
                        system_id=self._settings.system_id,
                        password=self._password,
                        system_type=self._system_type,
                        interface_version=self.version,
                    )
                )
                await self._outcome
            if self._loss is not None:
                raise self._early(self._loss)
        except BaseException:
            self._abort(Ending.CLOSED, "given up")
            raise

    async def wait_broken(self) -> Loss:
        """Until one of the connections is gone."""
        await self._broken.wait()
        assert self._loss is not None
        return self._loss

    async def wait_quiet(self, within: float) -> bool:
        """Until nothing is in flight and no delivery waits for its answer.

        False where that takes longer than so many seconds, or a connection is lost on the way.
        """
        return await self._settle(within) and self._loss is None

    async def part(self) -> None:
        """After one connection is lost: give the other's answers a moment, then close it too."""
        await self._settle(PAIR_GRACE)
        await self.close()

    async def close(self) -> None:
        """Unbind what is bound, then close; at most UNBIND_GRACE seconds. `on_gone` was called on return."""
        try:
            async with asyncio.timeout(UNBIND_GRACE):
                for link in self._links:
                    if link in self._bound:
                        link.unbind()
                    else:
                        link.abort(Ending.CLOSED, "closed by us")
                for link in self._links:
                    await link.wait_gone()
        except TimeoutError:
            pass
        finally:
            self._abort(Ending.CLOSED, "closed by us")
        for link in self._links:
            await link.wait_gone()

    async def _settle(self, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                while self.in_flight or self.deliveries:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            return False
        return True

    def _abort(self, ending: Ending, words: str) -> None:
        for link in self._links:
            link.abort(ending, words)

    def _link(self) -> Link:
        settings = self._settings
        session = Session(
            role=Role.ESME,
            settings=SessionSettings(
                window=settings.window,
                response_timeout=settings.response_timeout or None,
                enquire_interval=settings.enquire_link_interval,
                enquire_timeout=settings.enquire_link_timeout,
                bind_timeout=settings.connect_timeout,
                unbind_timeout=UNBIND_GRACE,
            ),
            opened_at=self._clock(),
        )
        return Link(
            self,
            session=session,
            clock=self._clock,
            may_write=self._may_write,
            delivery_window=settings.delivery_window,
            suspect_after=settings.suspect_after,
            encrypted=settings.tls.enabled,
        )

    # What the links tell

    def on_bound(self, link: Link, body: BindResp) -> None:
        self._bound.add(link)
        said = raw_tlv(body.tlvs, Tag.SC_INTERFACE_VERSION)
        self.gateway_version = said[0] if said else None
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(None)

    def on_bind_refused(self, link: Link, status: int) -> None:
        ending, words = refusal(status)
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_exception(BindFailed(ending, words, status))

    def on_response(self, link: Link, context: object, header: Header, body: Body) -> None:
        self._owner.on_response(context, header, body)

    def on_late_response(self, link: Link, context: object, header: Header, body: Body) -> None:
        self._owner.on_late_response(context, header, body)

    def on_timeout(self, link: Link, context: object) -> None:
        self._owner.on_timeout(context)

    def on_request(self, link: Link, body: Body, raw: bytes, token: DeliveryToken) -> None:
        self._owner.on_delivery(body, raw, token)

    def on_writable(self, link: Link) -> None:
        if link is self.sender:
            self._owner.on_writable()

    def on_settled(self, link: Link) -> None:
        self._quiet.set()

    def on_lost(self, link: Link, loss: Loss, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        self._lost.add(link)
        self._unanswered += unanswered
        self._unsent += unsent
        self._quiet.set()
        first = self._loss is None
        if first:
            self._loss = loss
            self._broken.set()
            if self._outcome is not None and not self._outcome.done():
                self._outcome.set_exception(self._early(loss))
            self._owner.on_broken(self, loss)
        assert self._loss is not None
        if len(self._lost) == len(self._links):
            self._owner.on_gone(self, self._loss, self._unanswered, self._unsent)

    def _early(self, loss: Loss) -> BindFailed:
        """A loss before the bind was answered."""
        if loss.ending is Ending.ENDED_BY_GATEWAY:
            tls = self._settings.tls
            perhaps = _CERTIFICATE_WANTED if tls.cert_file is None else _CERTIFICATE_REFUSED
            return BindFailed(Ending.CLOSED_EARLY, _CLOSED_EARLY + (perhaps if tls.enabled else ""))
        if loss.ending is Ending.SILENT:
            return BindFailed(Ending.SILENT, "the gateway did not answer the bind in time")
        if loss.ending is Ending.LOST:
            return BindFailed(Ending.UNREACHABLE, loss.words)
        return BindFailed(loss.ending, loss.words)
