"""A small gateway for the tests of `connector.bind`: the product's own session in the other role, on a real socket.

What it does is said by two functions: `on_bind` gives a status, None for no answer at all, or HANG_UP; `on_request`
answers what comes (by default every submit_sm is accepted under a new id).
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

from connector.smpp.constants import CommandStatus, Tag
from connector.smpp.events import BindRequested, Closed, PeerUnbound, RequestReceived, ResponseReceived
from connector.smpp.pdu import (
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    Body,
    Header,
    QuerySm,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from connector.smpp.session import Role, Session, SessionSettings

HANG_UP: Final = -1

_RESPONSES: dict[type[Body], type[BindResp]] = {
    BindTransceiver: BindTransceiverResp,
    BindTransmitter: BindTransmitterResp,
    BindReceiver: BindReceiverResp,
}


class Peer(asyncio.Protocol):
    """One connection, seen from the gateway."""

    def __init__(self, smsc: "Smsc") -> None:
        self.smsc = smsc
        self.session = Session(
            role=Role.SMSC, settings=SessionSettings(enquire_interval=None, response_timeout=None), opened_at=0.0
        )
        self.bind: Bind | None = None
        self.requests: list[tuple[Header, Body]] = []
        self.responses: list[tuple[Header, Body]] = []
        self.octets = bytearray()
        self.unbound = False
        self.gone = asyncio.Event()
        self.mute = False
        """Reads and answers nothing, as if the machine were dead."""
        self._transport: asyncio.Transport | None = None

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def submits(self) -> list[SubmitSm]:
        return [body for _, body in self.requests if isinstance(body, SubmitSm)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.smsc.peers.append(self)
        self.smsc.on_connect(self)

    def data_received(self, data: bytes) -> None:
        self.octets += data
        if self.mute:
            return
        for event in self.session.receive(data, 0.0):
            match event:
                case BindRequested():
                    self._on_bind(event.header, event.body)
                case RequestReceived():
                    self.requests.append((event.header, event.body))
                    self.smsc.on_request(self, event.header, event.body)
                case ResponseReceived():
                    self.responses.append((event.header, event.body))
                case PeerUnbound():
                    self.unbound = True
                    self.flush()
                    self.transport.close()
                case Closed():
                    self.transport.abort()
                case _:
                    pass
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.close(0.0, "gone")
        self.gone.set()

    def flush(self) -> None:
        octets = self.session.data_to_send()
        if octets and not self.transport.is_closing():
            self.transport.write(octets)

    def send(self, body: Body, context: object = None) -> None:
        """Ask the client something (deliver_sm, ...)."""
        self.session.request(body, 0.0, context)
        self.flush()

    def answer(self, header: Header, body: Body, status: int = 0) -> None:
        self.session.respond(header, body, status)
        self.flush()

    def accept_all(self) -> None:
        """Answer every submit_sm that waits."""
        answered = [header for header, _ in self.smsc.answered]
        for header, body in self.requests:
            if isinstance(body, SubmitSm) and not any(header is each for each in answered):
                self.smsc.accept(self, header)

    def ask_unbind(self) -> None:
        self.send(Unbind())

    def write_raw(self, octets: bytes) -> None:
        self.transport.write(octets)

    def reset(self) -> None:
        """End with RST instead of FIN."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _on_bind(self, header: Header, body: Bind) -> None:
        self.bind = body
        self.smsc.binds.append(body)
        status = self.smsc.on_bind(self, body)
        if status is None:
            return
        if status == HANG_UP:
            self.transport.close()
            return
        tlvs = ((Tag.SC_INTERFACE_VERSION, bytes([self.smsc.version])),) if self.smsc.version else ()
        answer: BindResp = _RESPONSES[type(body)](system_id="GATEWAY", tlvs=tlvs)
        self.session.respond(header, answer, status)


class Smsc:
    """A listener and what came to it."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.binds: list[Bind] = []
        self.answered: list[tuple[Header, str]] = []
        self.version = 0x34
        self.on_connect: Callable[[Peer], None] = lambda peer: None
        self.on_bind: Callable[[Peer, Bind], int | None] = lambda peer, bind: CommandStatus.ESME_ROK
        self.on_request: Callable[[Peer, Header, Body], None] = self.answer_all
        self.port = 0
        self._tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None

    @property
    def living(self) -> list[Peer]:
        return [peer for peer in self.peers if not peer.gone.is_set()]

    @property
    def submits(self) -> list[SubmitSm]:
        return [submit for peer in self.peers for submit in peer.submits]

    def answer_all(self, peer: Peer, header: Header, body: Body) -> None:
        if isinstance(body, SubmitSm):
            self.accept(peer, header)
        elif isinstance(body, QuerySm):
            peer.session.respond(header, QuerySmResp(message_id=body.message_id, message_state=2))

    def accept(self, peer: Peer, header: Header) -> None:
        message_id = str(len(self.answered) + 1)
        self.answered.append((header, message_id))
        peer.session.respond(header, SubmitSmResp(message_id=message_id))
        peer.flush()

    async def listen(self, tls: ssl.SSLContext | None = None) -> None:
        """On the port it had before, if it had one."""
        self._tls = tls or self._tls
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Peer(self), "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def hush(self) -> None:
        """Listen no more, and drop everybody."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for peer in self.living:
            peer.transport.abort()
        for peer in self.peers:
            await peer.gone.wait()


@asynccontextmanager
async def smsc(tls: ssl.SSLContext | None = None) -> AsyncIterator[Smsc]:
    """A gateway that listens."""
    made = Smsc()
    await made.listen(tls)
    try:
        yield made
    finally:
        await made.hush()
