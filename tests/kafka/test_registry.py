"""The registry's side of the contract, against a real one: ids, other versions of a schema, and what it refuses."""

import io
import json
from collections.abc import AsyncIterator, Iterator

import aiohttp
import fastavro
import pytest

from connector.domain.messages import OutboundMessage
from connector.kafka import schemas
from connector.kafka.records import Codec, RecordError, UnknownSchemaId, priority_of
from connector.kafka.registry import Registry, RegistryRefused, RegistryUnavailable
from connector.kafka.settings import RegistrySettings
from tests.support import apicurio, samples


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with apicurio.registry() as address:
        yield address


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}-value"


@pytest.fixture
async def registry(url: str, subject: str) -> AsyncIterator[Registry]:
    started = Registry(RegistrySettings(url=url), {"OutboundMessage": subject})
    await started.start()
    yield started
    await started.stop()


async def register(url: str, subject: str, schema: object) -> int:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/subjects/{subject}/versions", json={"schema": json.dumps(schema)}) as response,
    ):
        return int((await response.json(content_type=None))["id"])


def confluent(schema_id: int, schema: object, value: object) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), value)
    return b"\0" + schema_id.to_bytes(4, "big") + body.getvalue()


async def test_events_are_written_under_the_registrys_id(registry: Registry) -> None:
    codec = Codec(registry)
    data = codec.encode(samples.OUTBOUND)
    assert data[0] == 0
    assert int.from_bytes(data[1:5], "big") == registry.id_for("OutboundMessage")
    assert codec.decode(OutboundMessage, data) == samples.OUTBOUND
    assert priority_of(data) is samples.OUTBOUND.priority


async def test_frames_stay_out_of_the_registry(registry: Registry) -> None:
    assert Codec(registry).encode_frame([samples.INTENT])[:2] == b"\xc3\x01"


async def test_registering_again_gives_the_same_id(registry: Registry, url: str, subject: str) -> None:
    again = Registry(RegistrySettings(url=url, auto_register=False), {"OutboundMessage": subject})
    await again.start()
    await again.stop()
    assert again.id_for("OutboundMessage") == registry.id_for("OutboundMessage")


async def test_without_auto_register_a_missing_schema_is_named(url: str) -> None:
    registry = Registry(RegistrySettings(url=url, auto_register=False), {"OutboundMessage": "nobody-value"})
    with pytest.raises(RegistryRefused, match=r"schemas/OutboundMessage\.avsc"):
        await registry.start()


async def test_an_incompatible_schema_is_refused_with_what_to_do(url: str, subject: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.put(f"{url}/config/{subject}", json={"compatibility": "BACKWARD"}) as response,
    ):
        assert response.status < 300
    await register(url, subject, {"type": "record", "name": "OutboundMessage", "namespace": "sms", "fields": []})
    with pytest.raises(RegistryRefused, match="incompatible"):
        await Registry(RegistrySettings(url=url), {"OutboundMessage": subject}).start()


async def test_a_producers_own_version_of_the_schema_is_read(registry: Registry, url: str) -> None:
    """Fields the producer leaves out take their defaults, fields it adds are passed over."""
    theirs = {
        "type": "record",
        "name": "OutboundMessage",
        "namespace": "com.example",
        "fields": [
            {
                "name": "priority",
                "type": {"type": "enum", "name": "Priority", "symbols": ["AUTO", "URGENT", "NORMAL", "BULK"]},
            },
            {"name": "recipient", "type": "string"},
            {"name": "colour", "type": {"type": "array", "items": "string"}},
            {"name": "id", "type": "string"},
            {"name": "text", "type": ["null", "string"]},
            {"name": "expires_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        ],
    }
    schema_id = await register(url, "theirs-value", theirs)
    value = {"priority": "URGENT", "id": "m", "recipient": samples.TO, "colour": ["red"], "text": "hi", "expires_at": 7}
    data = confluent(schema_id, theirs, value)
    codec = Codec(registry)
    with pytest.raises(UnknownSchemaId) as unknown:
        codec.decode(OutboundMessage, data)
    await registry.fetch(unknown.value.schema_id)
    message = codec.decode(OutboundMessage, data)
    assert message == OutboundMessage(
        priority=priority_of(data) or message.priority, id="m", recipient=samples.TO, text="hi", expires_at=7
    )
    with pytest.raises(RecordError, match="trailing-octets"):
        codec.decode(OutboundMessage, data + b"\0")
    for length in range(5, len(data)):
        with pytest.raises(RecordError):
            codec.decode(OutboundMessage, data[:length])


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ({"type": "array", "items": "null"}, "no octets"),
        (["null", {"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}], "itself"),
    ],
    ids=["array of null", "recursion"],
)
async def test_a_bomb_in_the_registry_is_not_read_with(
    registry: Registry, url: str, subject: str, field: object, why: str
) -> None:
    ours = json.loads(schemas.load("OutboundMessage").text)
    bomb = {**ours, "fields": [*ours["fields"], {"name": "bomb", "type": field}]}
    schema_id = await register(url, f"bomb-{subject}", bomb)
    await registry.fetch(schema_id)
    with pytest.raises(RecordError, match=why) as caught:
        Codec(registry).decode(OutboundMessage, b"\0" + schema_id.to_bytes(4, "big") + b"\0" * 100)
    assert caught.value.code == "unsafe-schema"


async def test_an_id_the_registry_does_not_know_is_a_dead_letter(registry: Registry) -> None:
    data = b"\0\x00\xff\xff\xff" + b"\0" * 50
    with pytest.raises(UnknownSchemaId):
        Codec(registry).decode(OutboundMessage, data)
    await registry.fetch(0x00FFFFFF)
    with pytest.raises(RecordError, match="unknown-schema"):
        Codec(registry).decode(OutboundMessage, data)


async def test_a_registry_that_is_down_is_to_be_tried_again() -> None:
    with pytest.raises(RegistryUnavailable):
        await Registry(RegistrySettings(url="http://127.0.0.1:1", timeout=2), {"OutboundMessage": "x"}).start()
