"""The clients of the session bench. Each submits `count` messages with at most `window` in flight and returns
the seconds it took.

All send the same message and read the id from every response; what else they do is their own nature. The raw client is
the floor: an asyncio.Protocol with a struct codec and a callback per response, no states, timers, limits or errors.
"""

import asyncio
import time
import warnings
from collections.abc import Callable
from struct import Struct

from connector.bind.handlers import DeliveryToken, Loss
from connector.bind.link import Link
from connector.bind.reconnect import Ending
from connector.smpp.pdu import BindResp, BindTransceiver, Body, Header, SubmitSm, SubmitSmResp
from connector.smpp.session import Bound, ResponseReceived, Role, Session, SessionSettings

SOURCE, DESTINATION, TEXT = "BENCH", "79990000001", b"Your parcel has arrived and waits for you until Friday."


class OurClient(asyncio.Protocol):
    """`connector.smpp.session` below the thinnest protocol that can own it."""

    def __init__(self, count: int, window: int, done: asyncio.Future[float]) -> None:
        self._left = self._unanswered = count
        self._done = done
        self._session = Session(role=Role.ESME, settings=SessionSettings(window=window))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._session.request(BindTransceiver(system_id="bench", password="bench"), time.monotonic())
        transport.write(self._session.data_to_send())

    def data_received(self, data: bytes) -> None:
        session = self._session
        now = time.monotonic()
        for event in session.receive(data, now):
            if isinstance(event, ResponseReceived):
                body = event.body
                assert isinstance(body, SubmitSmResp)
                assert not event.header.status
                assert body.message_id
                self._unanswered -= 1
            else:
                assert isinstance(event, Bound)
                self._began = now
        if not self._unanswered:
            self._done.set_result(time.monotonic() - self._began)
            self._transport.close()
            return
        sending = min(self._left, session.free_window)
        self._left -= sending
        for number in range(sending):
            session.request(
                SubmitSm(
                    source_addr_ton=5,
                    source_addr=SOURCE,
                    dest_addr_ton=1,
                    dest_addr_npi=1,
                    destination_addr=DESTINATION,
                    registered_delivery=1,
                    short_message=TEXT,
                ),
                now,
                number,
            )
        self._transport.write(session.data_to_send())


class LinkOwner:
    """Submits through `connector.bind.link`: back-pressure, loss accounting and the timer are in the price."""

    def __init__(self, count: int, done: asyncio.Future[float]) -> None:
        self._left = self._unanswered = count
        self._done = done

    def on_bound(self, link: Link, body: BindResp) -> None:
        self._began = time.monotonic()

    def on_response(self, link: Link, context: object, header: Header, body: Body) -> None:
        assert isinstance(body, SubmitSmResp)
        assert not header.status
        assert body.message_id
        self._unanswered -= 1

    def on_settled(self, link: Link) -> None:
        if not self._unanswered:
            if not self._done.done():
                self._done.set_result(time.monotonic() - self._began)
                link.abort(Ending.CLOSED, "done")
            return
        self._submit(link)

    on_writable = on_settled

    def _submit(self, link: Link) -> None:
        sending = min(self._left, link.free_window)
        self._left -= sending
        for number in range(sending):
            link.request(
                SubmitSm(
                    source_addr_ton=5,
                    source_addr=SOURCE,
                    dest_addr_ton=1,
                    dest_addr_npi=1,
                    destination_addr=DESTINATION,
                    registered_delivery=1,
                    short_message=TEXT,
                ),
                number,
            )

    def on_bind_refused(self, link: Link, status: int) -> None:
        raise AssertionError(status)

    def on_late_response(self, link: Link, context: object, header: Header, body: Body) -> None:
        raise AssertionError(header)

    def on_timeout(self, link: Link, context: object) -> None:
        raise AssertionError(context)

    def on_request(self, link: Link, body: Body, raw: bytes, token: DeliveryToken) -> None:
        raise AssertionError(type(body))

    def on_lost(self, link: Link, loss: Loss, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        assert self._done.done()


def our_link(port: int, count: int, window: int) -> float:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[float] = loop.create_future()
        owner = LinkOwner(count, done)
        _, link = await loop.create_connection(
            lambda: Link(
                owner,
                session=Session(role=Role.ESME, settings=SessionSettings(window=window), opened_at=time.monotonic()),
                clock=time.monotonic,
                may_write=lambda: True,
                delivery_window=1000,
                suspect_after=60.0,
                encrypted=False,
            ),
            "127.0.0.1",
            port,
        )
        link.request(BindTransceiver(system_id="bench", password="bench"))
        return await done

    return asyncio.run(run())


_pack_header = Struct(">4I").pack
_pack_two = Struct(">2B").pack
_pack_three = Struct(">3B").pack
_pack_tail = Struct(">5B").pack
_unpack_header = Struct(">4I").unpack_from


def _encode_submit(
    sequence: int,
    *,
    source_ton: int,
    source_npi: int,
    source: str,
    dest_ton: int,
    dest_npi: int,
    destination: str,
    esm_class: int,
    registered_delivery: int,
    data_coding: int,
    text: bytes,
) -> bytes:
    body = b"".join(
        (
            b"\0",
            _pack_two(source_ton, source_npi),
            source.encode("ascii"),
            b"\0",
            _pack_two(dest_ton, dest_npi),
            destination.encode("ascii"),
            b"\0",
            _pack_three(esm_class, 0, 0),
            b"\0\0",
            _pack_tail(registered_delivery, 0, data_coding, 0, len(text)),
            text,
        )
    )
    return _pack_header(16 + len(body), 4, 0, sequence) + body


class RawClient(asyncio.Protocol):
    """The floor: see the head of the file."""

    def __init__(self, count: int, window: int, done: asyncio.Future[float]) -> None:
        self._left = self._unanswered = count
        self._window = window
        self._done = done
        self._sequence = 1
        self._callbacks: dict[int, Callable[[int, str], None]] = {}
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        body = b"bench\0bench\0\0\x34\0\0\0"
        self._callbacks[1] = self._on_bound
        transport.write(_pack_header(16 + len(body), 9, 0, 1) + body)

    def _on_bound(self, status: int, _: str) -> None:
        assert not status
        self._began = time.monotonic()

    def _on_response(self, status: int, message_id: str) -> None:
        assert not status
        assert message_id
        self._unanswered -= 1

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 16:
            length, _, status, sequence = _unpack_header(data, at)
            if size - at < length:
                break
            message_id = data[at + 16 : at + length - 1].decode("ascii")
            self._callbacks.pop(sequence)(status, message_id)
            at += length
        self._rest = data[at:]
        if not self._unanswered:
            self._done.set_result(time.monotonic() - self._began)
            self._transport.close()
            return
        out = []
        while self._left and len(self._callbacks) < self._window:
            self._left -= 1
            self._sequence += 1
            self._callbacks[self._sequence] = self._on_response
            out.append(
                _encode_submit(
                    self._sequence,
                    source_ton=5,
                    source_npi=0,
                    source=SOURCE,
                    dest_ton=1,
                    dest_npi=1,
                    destination=DESTINATION,
                    esm_class=0,
                    registered_delivery=1,
                    data_coding=0,
                    text=TEXT,
                )
            )
        self._transport.write(b"".join(out))


def _run_protocol(client: type[OurClient] | type[RawClient], port: int, count: int, window: int) -> float:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[float] = loop.create_future()
        await loop.create_connection(lambda: client(count, window, done), "127.0.0.1", port)
        return await done

    return asyncio.run(run())


def ours(port: int, count: int, window: int) -> float:
    return _run_protocol(OurClient, port, count, window)


def raw(port: int, count: int, window: int) -> float:
    return _run_protocol(RawClient, port, count, window)


def smpplib(port: int, count: int, window: int) -> float:
    """smpplib has no window of its own: we send ahead and read one response for each further message."""
    from smpplib.client import Client

    answered = 0

    def on_sent(pdu: object, **_: object) -> None:
        nonlocal answered
        assert getattr(pdu, "message_id", None)
        answered += 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = Client("127.0.0.1", port, allow_unknown_opt_params=True)
    client.set_message_sent_handler(on_sent)
    client.connect()
    client.bind_transceiver(system_id="bench", password="bench")
    began = time.monotonic()
    sent = 0
    while answered < count:
        if sent < count and sent - answered < window:
            client.send_message(
                source_addr_ton=5,
                source_addr=SOURCE,
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=DESTINATION,
                registered_delivery=1,
                short_message=TEXT,
            )
            sent += 1
        else:
            client.read_once()
    took = time.monotonic() - began
    client.unbind()
    client.disconnect()
    return took


def smpp34(port: int, count: int, window: int) -> float:
    """smpp34 has a window and a future per message: as many workers as the window is wide."""
    from smpp34 import Client

    async def run() -> float:
        session = await Client("127.0.0.1", port, "bench", "bench", window_size=window).connect()
        left = count

        async def worker() -> None:
            nonlocal left
            while left:
                left -= 1
                response = await session.submit_sm(
                    DESTINATION,
                    TEXT,
                    source_addr=SOURCE,
                    source_addr_ton=5,
                    dest_addr_ton=1,
                    dest_addr_npi=1,
                    registered_delivery=1,
                )
                assert response.message_id

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(window, count)):
                group.create_task(worker())
        took = time.monotonic() - began
        await session.unbind()
        return took

    return asyncio.run(run())


CLIENTS: dict[str, Callable[[int, int, int], float]] = {
    "ours": ours,
    "ours, bind.link": our_link,
    "raw asyncio": raw,
    "smpp34": smpp34,
    "smpplib": smpplib,
}
