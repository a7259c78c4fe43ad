"""A schema registry with Confluent's API: which id our schemas have, and which schema an id means.

Rule: the codec asks without waiting and gets only what is here already; whoever reads records awaits `fetch` for the
rest. A schema from the registry is a stranger's until `schemas.checked` has seen it.
Next station: `records`, which asks this.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from connector.kafka import schemas
from connector.kafka.schemas import Json, Schema, SchemaMissing, SchemaUnsafe
from connector.kafka.settings import KafkaSettings, RegistrySettings
from connector.kafka.tls import registry_context
from connector.kafka.topics import Topics
from connector.kafka.values import KafkaRefused, KafkaUnavailable

_MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_MAX_ANSWER_OCTETS: Final = 1 << 20
# How long an id that the registry does not know is believed to be unknown.
_ABSENT_SECONDS: Final = 60.0
_MAX_ABSENT: Final = 10_000
_TRANSIENT: Final = frozenset({408, 425, 429})
_FORBIDDEN: Final = frozenset({401, 403})


class RegistryUnavailable(KafkaUnavailable):
    """The registry does not answer, or not in time: try again."""


class RegistryRefused(KafkaRefused):
    """The registry says no: a person must change its contents, the rights or the settings."""


class _Endless(RegistryRefused):
    """An answer over the limit."""


class Registry:
    """`await start()` finds the ids of what this connector writes; then `id_for` and `schema_for` answer at once."""

    def __init__(
        self, settings: RegistrySettings, subjects: Mapping[str, str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`subjects` maps a record's name to the subject its schema is registered under."""
        self._settings = settings
        self._subjects = dict(subjects)
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Schema | SchemaUnsafe] = {}
        self._absent: dict[int, float] = {}
        self._fetching = asyncio.Lock()

    async def start(self) -> None:
        """Register the schemas, or look them up. Raises `RegistryUnavailable`, or `RegistryRefused` for credentials, an
        incompatible schema, or one that is missing while `auto_register` is off."""
        settings = self._settings
        try:
            secret = settings.secret()
        except OSError as error:
            raise RegistryRefused("kafka.registry.password_file cannot be read") from error
        try:
            context = registry_context(settings)
        except KafkaRefused as error:
            raise RegistryRefused(str(error)) from error
        self._http = aiohttp.ClientSession(
            auth=None if settings.username is None else aiohttp.BasicAuth(settings.username, secret or ""),
            timeout=aiohttp.ClientTimeout(total=settings.timeout),
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE},
        )
        try:
            for name, subject in self._subjects.items():
                schema = schemas.load(name)
                schema_id = await self._own_id(subject, schema)
                self._ids[name] = schema_id
                self._schemas[schema_id] = schema
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def id_for(self, name: str) -> int | None:
        """The id to write records of this name with; None for internal ones, which are not registered."""
        return self._ids.get(name)

    def schema_for(self, schema_id: int) -> Schema | None:
        """The schema with this id, None where it must be fetched first. Raises `SchemaUnsafe` for one that must not
        be read with, `SchemaMissing` where the registry said lately that it has none."""
        known = self._schemas.get(schema_id)
        if isinstance(known, SchemaUnsafe):
            raise known
        if known is None and self._clock() < self._absent.get(schema_id, float("-inf")):
            raise SchemaMissing("the registry has no schema with the record's id")
        return known

    async def fetch(self, schema_id: int) -> None:
        """Ask the registry for an id, so that `schema_for` has an answer. Raises `RegistryUnavailable`, or
        `RegistryRefused` for credentials.

        Whoever writes to a topic chooses the ids in it. So whatever else the registry says against one of them (404, a
        422 for a number it finds odd, an answer without end) is said about that id alone, and stops nobody.
        """
        async with self._fetching:
            if schema_id in self._schemas or self._clock() < self._absent.get(schema_id, float("-inf")):
                return
            try:
                status, answer = await self._ask("GET", f"/schemas/ids/{schema_id}")
            except _Endless as error:
                self._schemas[schema_id] = SchemaUnsafe(str(error))
                return
            if 400 <= status < 500 and status not in _FORBIDDEN:
                if len(self._absent) >= _MAX_ABSENT:
                    self._absent.clear()
                self._absent[schema_id] = self._clock() + _ABSENT_SECONDS
                return
            self._schemas[schema_id] = _judged(_granted(status, answer, f"read schema {schema_id}"))

    async def _own_id(self, subject: str, schema: Schema) -> int:
        body: dict[str, Json] = {"schema": schema.text, "schemaType": "AVRO"}
        if self._settings.auto_register:
            status, answer = await self._ask("POST", f"/subjects/{subject}/versions", body)
            if status == 409:
                raise RegistryRefused(
                    f"the registry finds {schema.name} incompatible with what is registered as {subject}: "
                    "another version of the connector may have registered a newer schema; upgrade this one"
                )
        else:
            status, answer = await self._ask("POST", f"/subjects/{subject}", body)
            if status == 404:
                raise RegistryRefused(
                    f"the registry has no schema {schema.name} as {subject}: register schemas/{schema.name}.avsc, "
                    "or set kafka.registry.auto_register"
                )
        granted = _granted(status, answer, f"register {subject}")
        schema_id = granted.get("id") if isinstance(granted, dict) else None
        if not isinstance(schema_id, int) or not 0 <= schema_id < 1 << 32:
            raise RegistryRefused(f"the registry's answer to {subject} holds no id; is kafka.registry.url right?")
        return schema_id

    async def _ask(self, method: str, path: str, body: Json = None) -> tuple[int, Json]:
        """(status, JSON); a status of 500 and above, and the like, is `RegistryUnavailable`."""
        if self._http is None:
            raise RegistryUnavailable("the registry client is not running")
        try:
            async with self._http.request(
                method, self._settings.url + path, data=None if body is None else json.dumps(body)
            ) as response:
                text = bytearray()
                async for chunk in response.content.iter_chunked(65_536):
                    text += chunk
                    if len(text) > _MAX_ANSWER_OCTETS:
                        raise _Endless(f"the registry answers with more than {_MAX_ANSWER_OCTETS} octets")
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RegistryUnavailable(f"the registry does not answer ({type(error).__name__})") from error
        if status >= 500 or status in _TRANSIENT:
            raise RegistryUnavailable(f"the registry answers with status {status}")
        try:
            answer: Json = json.loads(text) if text else None
        except (ValueError, RecursionError):
            answer = None
        return status, answer


def _granted(status: int, answer: Json, doing: str) -> Json:
    if status in _FORBIDDEN:
        raise RegistryRefused(f"the registry does not let us {doing} (status {status}): check user and password")
    if status >= 300:
        code = answer.get("error_code") if isinstance(answer, dict) else None
        raise RegistryRefused(f"the registry refuses to {doing} (status {status}, error code {code})")
    return answer


def _judged(answer: Json) -> Schema | SchemaUnsafe:
    """The schema in the registry's answer, or why it must not be used; ids never change, so this is kept."""
    text = answer.get("schema") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(text, str):
        return SchemaUnsafe("the registry's answer holds no schema")
    if answer.get("schemaType", "AVRO") != "AVRO":
        return SchemaUnsafe("the schema in the registry is not Avro")
    if answer.get("references"):
        return SchemaUnsafe("the schema in the registry refers to other schemas")
    try:
        return schemas.checked(text)
    except SchemaUnsafe as error:
        return error


def subjects(topics: Topics) -> dict[str, str]:
    """Confluent's default naming of subjects, for the public topics: the topic and "-value"."""
    return {
        "OutboundMessage": f"{topics.outbound}-value",
        "SubmitResponse": f"{topics.submit_responses}-value",
        "DeliveryReport": f"{topics.delivery_reports}-value",
        "HlrResult": f"{topics.hlr_results}-value",
        "InboundMessage": f"{topics.inbound}-value",
    }


@asynccontextmanager
async def open_registry(settings: KafkaSettings) -> AsyncIterator[Registry | None]:
    """The registry of these settings, ready, or None without one. Raises as `Registry.start`."""
    if settings.registry is None:
        yield None
        return
    registry = Registry(settings.registry, subjects(Topics(settings.topic_prefix)))
    await registry.start()
    try:
        yield registry
    finally:
        await registry.stop()
