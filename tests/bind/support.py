"""What the tests of this room share: settings with short waits, a stage that writes down what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, NamedTuple

from connector.bind.bind import Bind
from connector.bind.handlers import DeliveryToken
from connector.bind.pool import Pool
from connector.bind.settings import BindSettings
from connector.bind.status import BindRefusal
from connector.smpp.pdu import Body, SubmitSm
from connector.smpp.tlv import Tlvs
from tests.support.smsc import Smsc


async def until(question: Callable[[], object], within: float = 5.0) -> None:
    """Until the question is answered with yes."""
    async with asyncio.timeout(within):
        while not question():  # noqa: ASYNC110 - what is asked has no event of its own
            await asyncio.sleep(0.001)


class Answer(NamedTuple):
    slot: int
    context: object
    status: int
    message_id: str
    tlvs: Tlvs


class Down(NamedTuple):
    slot: int
    reason: str
    unanswered: tuple[object, ...]
    unsent: tuple[object, ...]


class Stage:
    """A BindHandler that remembers."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.answers: list[Answer] = []
        self.asked: list[tuple[object, int, Body]] = []
        self.timeouts: list[object] = []
        self.late: list[tuple[object, int, str]] = []
        self.deliveries: list[tuple[Body, bytes, DeliveryToken]] = []
        self.refusals: list[BindRefusal] = []
        self.downs: list[Down] = []

    def on_ready(self, slot: int) -> None:
        self.log.append("ready")

    def on_writable(self, slot: int) -> None:
        self.log.append("writable")

    def on_response(self, slot: int, context: object, status: int, message_id: str, tlvs: Tlvs) -> None:
        self.answers.append(Answer(slot, context, status, message_id, tlvs))

    def on_answer(self, slot: int, context: object, status: int, body: Body) -> None:
        self.asked.append((context, status, body))

    def on_timeout(self, slot: int, context: object) -> None:
        self.timeouts.append(context)

    def on_late_response(self, slot: int, context: object, status: int, message_id: str) -> None:
        self.late.append((context, status, message_id))

    def on_delivery(self, slot: int, pdu: Body, raw: bytes, token: DeliveryToken) -> None:
        self.deliveries.append((pdu, raw, token))

    def on_refused(self, slot: int, refusal: BindRefusal) -> None:
        self.refusals.append(refusal)
        self.log.append(f"refused {refusal.ending.value}")

    def on_down(self, slot: int, reason: str, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        self.downs.append(Down(slot, reason, unanswered, unsent))
        self.log.append("down")


def settings(gateway: Smsc | None = None, **changes: Any) -> BindSettings:
    """Waits of milliseconds, so that a test never has to sit one out."""
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": gateway.port if gateway is not None else 9,
        "system_id": "login",
        "password": "secret",
        "connect_timeout": 2.0,
        "reconnect_min": 0.01,
        "reconnect_max": 0.02,
        "permanent_refusal_wait": 30.0,
        "response_timeout": 5.0,
    }
    return BindSettings(**(values | changes))


def message(number: int = 1, text: bytes = b"hello") -> SubmitSm:
    return SubmitSm(source_addr="test", destination_addr=f"7999{number:07d}", short_message=text)


@asynccontextmanager
async def pool(config: BindSettings, stage: Stage, **options: Any) -> AsyncIterator[Pool]:
    """A pool that is closed at the end, whatever happened."""
    made = Pool(config, stage, random=Random(1), **options)
    watch = asyncio.ensure_future(made.watch())
    try:
        yield made
    finally:
        await made.close(0.0)
        watch.cancel()
        if watch.done() and not watch.cancelled():
            watch.result()


@asynccontextmanager
async def bound(config: BindSettings, stage: Stage, **options: Any) -> AsyncIterator[Bind]:
    """One bind that takes submits."""
    async with pool(config, stage, **options) as made:
        bind = await made.add(0)
        await until(lambda: bind.ready)
        yield bind
