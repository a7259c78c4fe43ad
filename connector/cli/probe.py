"""A bind made only to see whether it can be made, and ended at once.

Rule: nothing is submitted, and nothing that the gateway delivers meanwhile is acknowledged, so it comes again to the
connector. A test bind may end a bind of the same login (gateway.md, "one connection per login"): ask a person first.
"""

import asyncio
from typing import NamedTuple

from connector.bind.handlers import DeliveryToken
from connector.bind.pool import Pool
from connector.bind.settings import Endpoint
from connector.bind.status import BindRefusal
from connector.smpp.pdu import Body
from connector.smpp.tlv import Tlvs
from connector.stages.settings import AccountSettings

_UNBIND_WITHIN = 2.0


class _Listener:
    """Hears the first thing that comes of a bind: it is up (None), or why it is not."""

    def __init__(self) -> None:
        self.heard: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def on_ready(self, slot: int) -> None:
        self._tell(None)

    def on_refused(self, slot: int, refusal: BindRefusal) -> None:
        if not refusal.falls_back:
            self._tell(refusal.words)

    def on_down(self, slot: int, reason: str, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        self._tell(reason)

    def on_writable(self, slot: int) -> None:
        """Nothing is written."""

    def on_response(self, slot: int, context: object, status: int, message_id: str, tlvs: Tlvs) -> None:
        """Nothing is submitted."""

    def on_answer(self, slot: int, context: object, status: int, body: Body) -> None:
        """Nothing is asked."""

    def on_timeout(self, slot: int, context: object) -> None:
        """Nothing is awaited."""

    def on_late_response(self, slot: int, context: object, status: int, message_id: str) -> None:
        """Nothing is awaited."""

    def on_delivery(self, slot: int, pdu: Body, raw: bytes, token: DeliveryToken) -> None:
        """Left without an answer: the gateway keeps it."""

    def _tell(self, words: str | None) -> None:
        if not self.heard.done():
            self.heard.set_result(words)


class Probed(NamedTuple):
    """What a test bind came to: what is wrong, in words, or else the version that both ends speak."""

    fault: str | None
    version: int | None = None


async def probe(account: AccountSettings, endpoint: Endpoint) -> Probed:
    """Bind to one of the account's hosts and unbind."""
    only = account.model_copy(
        update={"host": endpoint.host, "port": endpoint.port, "backup_host": None, "backup_port": None}
    )
    listener = _Listener()
    pool = Pool(only, listener, label=account.name, iso=account.iso, single=account.single)
    await pool.add(0)
    try:
        # TCP and TLS take one connect_timeout at most, the bind another.
        async with asyncio.timeout(2 * account.connect_timeout + 5.0):
            fault = await listener.heard
        return Probed(fault, pool.binds[0].status().version if fault is None else None)
    except TimeoutError:
        return Probed("the gateway did not answer in time")
    finally:
        await pool.close(_UNBIND_WITHIN)
