"""A small client for the simulator's tests: the product's session in a real connection, with everything it saw."""

import asyncio
import ssl
import time
from typing import Self, cast

from connector.smpp.bodies import Body, Header
from connector.smpp.events import (
    BindRefused,
    Bound,
    Closed,
    Event,
    LateResponse,
    MalformedReceived,
    OneWayReceived,
    RequestReceived,
    ResponseReceived,
    UnexpectedResponse,
)
from connector.smpp.pdu import (
    Bind,
    BindTransceiver,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    SubmitSm,
    Unbind,
)
from connector.smpp.session import Role, Session, SessionSettings

DEADLINE = 10.0


def sms(number: int = 1, text: bytes = b"Your order is on its way", **fields: object) -> SubmitSm:
    """A plain SMS that asks for a receipt; every `number` is another subscriber."""
    values: dict[str, object] = {
        "source_addr_ton": 5,
        "source_addr": "Shop",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": f"7999{number:07d}",
        "short_message": text,
        "registered_delivery": 1,
        **fields,
    }
    return SubmitSm(**values)  # type: ignore[arg-type]  # a test's own fields


def parts(number: int = 1, *, total: int = 3, reference: int = 7, source: str = "Shop") -> list[SubmitSm]:
    """The parts of a long SMS, tied by an 8 bit reference."""
    return [
        sms(
            number,
            bytes((5, 0, 3, reference, total, index)) + b"part %d" % index,
            esm_class=0x40,
            source_addr=source,
        )
        for index in range(1, total + 1)
    ]


class Esme(asyncio.Protocol):
    """One connection to the simulator. `refuse` answers deliveries with that status, `mute` not at all."""

    def __init__(self, *, window: int = 1000, mute: bool = False, refuse: int = 0) -> None:
        self.session = Session(
            role=Role.ESME,
            settings=SessionSettings(window=window, enquire_interval=None, response_timeout=None, bind_timeout=60),
        )
        self.mute = mute
        self.refuse = refuse
        self.bind_status: int | None = None
        self.bind_response: Body | None = None
        self.responses: list[tuple[Header, Body, object]] = []
        self.deliveries: list[DeliverSm | DataSm] = []
        self.order: list[str] = []
        self.events: list[Event] = []
        self.closed = False
        self.octets = bytearray()
        self._transport: asyncio.Transport | None = None
        self._changed = asyncio.Event()

    @classmethod
    async def connect(
        cls,
        port: int | None,
        *,
        tls: ssl.SSLContext | None = None,
        window: int = 1000,
        mute: bool = False,
        refuse: int = 0,
    ) -> Self:
        """Open a connection; over TLS the server is called localhost."""
        assert port is not None
        loop = asyncio.get_running_loop()
        name = None if tls is None else "localhost"
        _, esme = await loop.create_connection(
            lambda: cls(window=window, mute=mute, refuse=refuse), "127.0.0.1", port, ssl=tls, server_hostname=name
        )
        return esme

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.abort()
        await self.until(lambda: self.closed)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.octets += data
        for event in self.session.receive(data, time.monotonic()):
            self._happened(event)
        self._flush()
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.session.close(time.monotonic(), "lost")
        self._changed.set()

    def _happened(self, event: Event) -> None:
        match event:
            case Bound(body=body):
                self.bind_status, self.bind_response = 0, body
            case BindRefused(status=status):
                self.bind_status = status
            case ResponseReceived(header=header, body=body, context=context):
                self.order.append("response")
                self.responses.append((header, body, context))
            case RequestReceived(header=header, body=DeliverSm() | DataSm() as body):
                self.order.append("delivery")
                self.deliveries.append(body)
                if not self.mute:
                    response = DeliverSmResp() if isinstance(body, DeliverSm) else DataSmResp()
                    self.session.respond(header, response, self.refuse)
            case OneWayReceived() | UnexpectedResponse() | MalformedReceived() | LateResponse() | Closed():
                self.events.append(event)
            case _:
                self.events.append(event)

    # What a test does.

    async def bind(
        self,
        kind: type[BindTransceiver] | type[Bind] = BindTransceiver,
        *,
        system_id: str = "demo",
        password: str = "demo",
        system_type: str = "",
        version: int = 0x34,
    ) -> int:
        """Bind, and the status that came."""
        body = kind(system_id=system_id, password=password, system_type=system_type, interface_version=version)
        self.request(body)
        await self.until(lambda: self.bind_status is not None)
        return cast(int, self.bind_status)

    def request(self, body: Body, context: object = None) -> int:
        """Send a request; its sequence number."""
        sequence = self.session.request(body, time.monotonic(), context)
        self._flush()
        return sequence

    def write(self, octets: bytes) -> None:
        """Send anything."""
        assert self._transport is not None
        self._transport.write(octets)

    async def submit(self, *bodies: SubmitSm) -> list[tuple[int, str]]:
        """Send submit_sm together; status and message id of each, in the order of sending."""
        sequences = [self.request(body) for body in bodies]
        answers: dict[int, tuple[int, str]] = {}

        def complete() -> bool:
            for header, body, _ in self.responses:
                answers[header.sequence] = (header.status, getattr(body, "message_id", ""))
            return all(sequence in answers for sequence in sequences)

        await self.until(complete)
        return [answers[sequence] for sequence in sequences]

    async def ask(self, body: Body) -> tuple[int, Body]:
        """Send any request; status and body of its answer."""
        sequence = self.request(body)
        found: list[tuple[int, Body]] = []

        def answered() -> bool:
            found[:] = [(header.status, body) for header, body, _ in self.responses if header.sequence == sequence]
            return bool(found)

        await self.until(answered)
        return found[0]

    async def unbind(self) -> None:
        """Leave in order."""
        self.request(Unbind())
        await self.until(lambda: self.closed)

    async def until(self, holds: object, timeout: float = DEADLINE) -> None:
        """Wait until something holds; asked again whenever anything came."""
        assert callable(holds)
        async with asyncio.timeout(timeout):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def abort(self) -> None:
        """Vanish, as a killed process does."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        data = self.session.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
