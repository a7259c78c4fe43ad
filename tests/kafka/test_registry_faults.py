"""A registry that answers oddly: what it says against one id stops nobody; what it says against us stops the stage."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from connector.domain.messages import OutboundMessage
from connector.kafka.records import Codec, RecordError
from connector.kafka.registry import Registry, RegistryRefused, RegistryUnavailable
from connector.kafka.settings import RegistrySettings

EVENT = b"\0\x00\x00\x00\x07" + b"\0" * 50


class Odd:
    """Answers every question with `status` and `text`."""

    def __init__(self) -> None:
        self.status, self.text = 404, "{}"
        self.registry: Registry

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, text=self.text)


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    made = Odd()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made.registry = Registry(RegistrySettings(url=f"http://{host}:{port}"), {})
    await made.registry.start()
    yield made
    await made.registry.stop()
    await runner.cleanup()


@pytest.mark.parametrize("status", [400, 404, 405, 410, 422])
async def test_a_refusal_of_one_id_is_about_that_id_alone(odd: Odd, status: int) -> None:
    odd.status = status
    await odd.registry.fetch(7)
    with pytest.raises(RecordError, match="unknown-schema"):
        Codec(odd.registry).decode(OutboundMessage, EVENT)


async def test_an_answer_without_end_is_about_that_id_alone(odd: Odd) -> None:
    odd.status, odd.text = 200, "x" * (2 << 20)
    await odd.registry.fetch(7)
    with pytest.raises(RecordError, match="unsafe-schema"):
        Codec(odd.registry).decode(OutboundMessage, EVENT)


@pytest.mark.parametrize("status", [401, 403])
async def test_wrong_credentials_are_for_a_person(odd: Odd, status: int) -> None:
    odd.status = status
    with pytest.raises(RegistryRefused, match="user and password"):
        await odd.registry.fetch(7)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_registry_in_trouble_is_to_be_tried_again(odd: Odd, status: int) -> None:
    odd.status = status
    with pytest.raises(RegistryUnavailable):
        await odd.registry.fetch(7)
