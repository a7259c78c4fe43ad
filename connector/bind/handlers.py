"""Whom a link tells what happened, and in which words.

`link` calls a LinkHandler; the one there is are the `legs` of a bind.
"""

import ssl
from typing import TYPE_CHECKING, NamedTuple, Protocol

from connector.bind import dial
from connector.bind.reconnect import Ending
from connector.smpp.pdu import BindResp, Body, Header

if TYPE_CHECKING:
    from connector.bind.link import Link


class Loss(NamedTuple):
    """Why a connection is gone; `words` are fit for logs and status."""

    ending: Ending
    words: str


class DeliveryToken:
    """The right to answer one deliver_sm or data_sm, valid on the connection it came on and once."""

    __slots__ = ("answered", "header", "link")

    def __init__(self, link: "Link", header: Header) -> None:
        self.link = link
        self.header = header
        self.answered = False


class LinkHandler(Protocol):
    """Whom a link tells what happened. Called on the loop's thread; must not block."""

    def on_bound(self, link: "Link", body: BindResp) -> None: ...

    def on_bind_refused(self, link: "Link", status: int) -> None: ...

    def on_response(self, link: "Link", context: object, header: Header, body: Body) -> None: ...

    def on_late_response(self, link: "Link", context: object, header: Header, body: Body) -> None: ...

    def on_timeout(self, link: "Link", context: object) -> None: ...

    def on_request(self, link: "Link", body: Body, raw: bytes, token: DeliveryToken) -> None: ...

    def on_writable(self, link: "Link") -> None:
        """The socket was full and takes octets again."""

    def on_settled(self, link: "Link") -> None:
        """Requests or deliveries may have been answered; ask `in_flight` and `deliveries` how many are left."""

    def on_lost(self, link: "Link", loss: Loss, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        """Called once, last. Every context that was not answered is in one of the two tuples."""


def loss_of(error: Exception | None) -> Loss:
    """Why the transport ended by itself."""
    if isinstance(error, ssl.SSLError):
        explained = dial.explain(error, tls=True)
        trusted = explained.trouble is not dial.Trouble.TRUST
        return Loss(Ending.ENDED_BY_GATEWAY if trusted else Ending.NOT_TRUSTED, explained.words)
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return Loss(Ending.ENDED_BY_GATEWAY, "the gateway reset the connection")
    if error is None:
        return Loss(Ending.ENDED_BY_GATEWAY, "the gateway closed the connection")
    reason = error.strerror if isinstance(error, OSError) else None
    return Loss(Ending.LOST, f"the connection broke ({reason or type(error).__name__})")
