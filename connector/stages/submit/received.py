"""What the gateway delivered to this process' binds: durable in Kafka first, acknowledged then."""

import asyncio
from collections.abc import Callable

from connector.bind.link import DeliveryToken
from connector.domain.events import Delivery, DeliveryType
from connector.smpp.pdu import Body, DataSm, DeliverSm
from connector.stages.submit.account import Account
from connector.stages.submit.journal import Journal
from connector.translate import delivery_key

LINGER = 0.03
"""Seconds in which deliveries gather before they are written in one record."""


class Received:
    """The deliveries that wait for their write, of all binds."""

    def __init__(self, journal: Journal, *, epoch_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._epoch_ms = epoch_ms
        self._waiting: list[tuple[Delivery, DeliveryToken]] = []
        self._wake = asyncio.Event()

    def take(self, slot: int, account: Account, pdu: Body, raw: bytes, token: DeliveryToken) -> None:
        """A receipt or an inbound message came on the slot's bind."""
        assert isinstance(pdu, DeliverSm | DataSm), "a delivery is one of these two"
        settings = account.settings
        item = Delivery(
            type=DeliveryType.RECEIVED,
            key=delivery_key(settings.name, pdu, settings, account.learned),
            account=settings.name,
            at=self._epoch_ms(),
            slot=slot,
            pdu=raw,
        )
        self._waiting.append((item, token))
        self._wake.set()

    async def write_deliveries(self) -> None:
        """What comes, in batches, for ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(LINGER)
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Returns when everything taken before the call is durable and acknowledged."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        await self._journal.deliveries([item for item, _ in batch])
        for _, token in batch:
            token.link.respond(token)
