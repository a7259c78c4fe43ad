"""What a session tells its owner: a closed union, to be matched exhaustively.

Next station: `bind.link` for a client, `simulator` for a server. Contexts are whatever `request` was given; every one
of them comes back exactly once in a ResponseReceived, a RequestTimedOut or the `unanswered` of Closed.
"""

from connector.smpp.bodies import Bind, BindResp, Body, GenericNack, Header, Shown, value


@value
class BindRequested(Shown):
    """A client wants to bind. Answer with `respond`: status 0 binds it."""

    header: Header
    body: Bind


@value
class Bound(Shown):
    """Our bind was accepted."""

    header: Header
    body: BindResp


@value
class BindRefused(Shown):
    """Our bind was refused; the session is open and may try again, but gateways rather expect a new connection."""

    status: int
    body: BindResp | GenericNack


@value
class ResponseReceived(Shown):
    """The answer to a request: its own response, or a generic_nack with the request's sequence number."""

    header: Header
    body: Body
    context: object
    request_sequence: int
    sent_at: float


@value
class RequestReceived(Shown):
    """A request to answer with `respond`. `frame` is the PDU as it came, header included."""

    header: Header
    body: Body
    frame: bytes


@value
class OneWayReceived(Shown):
    """alert_notification or outbind: nothing to answer."""

    header: Header
    body: Body


@value
class RequestTimedOut(Shown):
    """No response within `response_timeout`. The window slot is free again; an answer that still comes is a
    LateResponse."""

    context: object
    sequence: int
    sent_at: float


@value
class LateResponse(Shown):
    """The answer to a request that had timed out."""

    header: Header
    body: Body
    context: object


@value
class UnexpectedResponse(Shown):
    """A response that answers nothing we wait for: a second one, an unknown sequence number, the wrong command."""

    header: Header
    body: Body


@value
class MalformedReceived(Shown):
    """A PDU that could not be read or is not allowed now. It was refused already with `status` (a response cannot be;
    where it answers a request, the ResponseReceived follows). `frame` is the PDU as it came: keep it out of logs.
    """

    header: Header
    reason: str
    status: int
    frame: bytes


@value
class PeerUnbound(Shown):
    """The peer unbinds and was answered. Send what is queued, then close the connection and call `close`."""


@value
class Unbound(Shown):
    """Our unbind was answered. Close the connection and call `close`."""


@value
class Unanswered(Shown):
    """A request that the end of the session left without an answer. Whether it was carried out, nobody knows."""

    context: object
    sequence: int
    body: Body
    sent_at: float


@value
class Closed(Shown):
    """The session is over: send what is queued, close the connection. Comes exactly once."""

    reason: str
    unanswered: tuple[Unanswered, ...]


Event = (
    BindRequested
    | Bound
    | BindRefused
    | ResponseReceived
    | RequestReceived
    | OneWayReceived
    | RequestTimedOut
    | LateResponse
    | UnexpectedResponse
    | MalformedReceived
    | PeerUnbound
    | Unbound
    | Closed
)
