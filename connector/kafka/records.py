"""Records as octets: the project's values in Avro, framed so that a reader knows the schema.

Rule: octets from a topic are a stranger's. Their size is limited before anything is decoded, only known schemas are
read with, every octet must be used, and nothing but the errors of this file comes out. No error quotes a value.
Comes from: `clients`. Next station: the stages.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import fastavro

from connector.domain.events import (
    Delivery,
    DeliveryReport,
    HlrResult,
    InboundMessage,
    LaneMessage,
    LedgerEntry,
    SubmitResponse,
)
from connector.domain.messages import OutboundMessage, Priority
from connector.kafka import schemas
from connector.kafka.schemas import Schema, SchemaMissing, SchemaUnsafe
from connector.kafka.wire import Plan, Truncated, WireError, read_long, write_long

Event = OutboundMessage | SubmitResponse | DeliveryReport | HlrResult | InboundMessage
Item = LaneMessage | Delivery | LedgerEntry
T = TypeVar("T", bound=Event | Item)
ItemT = TypeVar("ItemT", bound=Item)
R = TypeVar("R")

PUBLIC: Final[tuple[type[Event], ...]] = (OutboundMessage, SubmitResponse, DeliveryReport, HlrResult, InboundMessage)
INTERNAL: Final[tuple[type[Item], ...]] = (LaneMessage, Delivery, LedgerEntry)

MAX_RECORD_OCTETS: Final = 1 << 20
# What a frame should stay below, so that it does not hold up urgent ones behind it.
MAX_FRAME_OCTETS: Final = 256 * 1024
# What a frame of one large item may need: a whole outbound record and what the router adds.
MAX_LONE_FRAME_OCTETS: Final = MAX_RECORD_OCTETS + 32 * 1024
MAX_FRAME_ITEMS: Final = 100

# Avro 1.12, "Single-object encoding": this mark, the fingerprint of the schema (8 octets, little-endian), the body.
_SINGLE_OBJECT: Final = b"\xc3\x01"
# Confluent's wire format: a zero, the id in the registry (4 octets, big-endian), the body.
_CONFLUENT: Final = 0


class RecordError(ValueError):
    """The octets (or the value) cannot be a record of this type: a dead letter. The code is stable, the reason is for
    a person and quotes nothing.

    Codes: empty, too-large, not-framed, unknown-schema, unsafe-schema, wrong-type, no-registry, truncated,
    trailing-octets, bad-value (reading); bad-value, too-large (writing).
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class UnknownSchemaId(LookupError):
    """The registry's id is not known here yet: await `Registry.fetch(id)` and decode again."""

    def __init__(self, schema_id: int) -> None:
        super().__init__(f"schema id {schema_id} has not been fetched from the registry")
        self.schema_id = schema_id


class SchemaIds(Protocol):
    """What the codec asks of a registry, without waiting: only what has been fetched or registered already."""

    def id_for(self, name: str) -> int | None:
        """The id to write records of this name with; None writes them with the fingerprint instead."""

    def schema_for(self, schema_id: int) -> Schema | None:
        """The schema with this id; None where it must be fetched first. Raises `SchemaUnsafe` or `SchemaMissing`."""


def priority_of(data: bytes) -> Priority | None:
    """The priority of an outbound record, told from one octet; None where that octet is no priority.

    It depends on the octets alone, so every stage that asks gets the same answer, whatever it knows of the registry
    and whether or not the record can be decoded. Never raises.
    """
    try:
        return _PRIORITIES.get(data[5] if data[0] == _CONFLUENT else data[10])
    except IndexError:
        return None


# Avro's zigzag doubles the number of the symbol.
_PRIORITIES: Final = {2 * number: priority for number, priority in enumerate(Priority)}


class Codec:
    """Reads and writes the records of all topics. Pure, but for the schema files it loads when it is made.

    With a registry public events are written under the registry's id once it is known; frames of internal topics
    always carry the fingerprint. Both are always read.
    """

    def __init__(self, registry: SchemaIds | None = None) -> None:
        self._registry = registry
        # The class is the key, so the kind's own type follows from it, which a dict cannot say.
        self._kinds: dict[type[object], _Kind[Any]] = {cls: _Kind(cls) for cls in (*PUBLIC, *INTERNAL)}

    def encode(self, record: Event | Item) -> bytes:
        """One record with its framing. Raises `RecordError` (bad-value, too-large)."""
        kind = self._kinds[type(record)]
        schema_id = self._registry.id_for(kind.schema.name) if self._registry is not None else None
        prefix = kind.prefix if schema_id is None else b"\x00" + schema_id.to_bytes(4, "big")
        data = prefix + bytes(kind.write(record))
        if len(data) > MAX_RECORD_OCTETS:
            raise RecordError("too-large", f"the record has {len(data)} octets, at most {MAX_RECORD_OCTETS} are taken")
        return data

    def decode(self, cls: type[T], data: bytes | None) -> T:
        """One record of this class. Raises `RecordError`, or `UnknownSchemaId` when the registry must be asked."""
        kind = self._kinds[cls]
        if not data:
            raise RecordError("empty", "the record has no value")
        _limit(data, MAX_RECORD_OCTETS)
        if data[:10] == kind.prefix:
            value: T = kind.read(data, 10)
            return value
        before = kind.earlier.get(data[:10])
        if before is not None:
            value = kind.resolve(data, 10, before)
            return value
        if data[0] == _CONFLUENT:
            schema = self._fetched(data)
            if schema.name != kind.schema.name:
                raise RecordError("wrong-type", f"the record is a {schema.name}, not a {kind.schema.name}")
            if schema.fingerprint == kind.schema.fingerprint:
                value = kind.read(data, 5)
            else:
                value = kind.resolve(data, 5, schema)
            return value
        raise self._misfit(data, kind.prefix)

    def encode_frame(self, items: Sequence[Item]) -> bytes:
        """Items of one class as one frame, whatever its size. Raises `RecordError`; ValueError for no items."""
        if not items:
            raise ValueError("a frame has at least one item")
        kind = self._kinds[type(items[0])]
        return _frame(kind.frame_prefix, [kind.write(item) for item in items])

    def frames(
        self, items: Sequence[Item], max_items: int = MAX_FRAME_ITEMS, max_bytes: int = MAX_FRAME_OCTETS
    ) -> list[bytes]:
        """Items of one class and one partition, in their order, as few frames as the limits allow; none for no items.

        An item larger than `max_bytes` gets a frame of its own. Raises `RecordError`: bad-value, or too-large for an
        item that no frame can hold.
        """
        if not items:
            return []
        kind = self._kinds[type(items[0])]
        return [_frame(kind.frame_prefix, bodies) for bodies in _batches(map(kind.write, items), max_items, max_bytes)]

    def decode_frame(self, cls: type[ItemT], data: bytes | None) -> list[ItemT]:
        """All items of a frame. Raises `RecordError`; a frame is read whole or not at all."""
        kind = self._kinds[cls]
        if not data:
            raise RecordError("empty", "the record has no value")
        _limit(data, MAX_LONE_FRAME_OCTETS)
        if data[:10] == kind.frame_prefix:
            items: list[ItemT] = kind.read_frame(data, 10)
            return items
        before = kind.earlier_frames.get(data[:10])
        if before is None:
            raise self._misfit(data, kind.frame_prefix)
        items = kind.resolve_frame(data, 10, before)
        return items

    def _fetched(self, data: bytes) -> Schema:
        if self._registry is None:
            raise RecordError("no-registry", "the record refers to a schema registry, and none is configured")
        if len(data) < 5:
            raise RecordError("truncated", "the record ends inside its framing")
        schema_id = int.from_bytes(data[1:5], "big")
        try:
            schema = self._registry.schema_for(schema_id)
        except SchemaUnsafe as error:
            raise RecordError("unsafe-schema", str(error)) from error
        except SchemaMissing as error:
            raise RecordError("unknown-schema", str(error)) from error
        if schema is None:
            raise UnknownSchemaId(schema_id)
        return schema

    def _misfit(self, data: bytes, expected: bytes) -> RecordError:
        if data[:2] != _SINGLE_OBJECT:
            if data[0] == _CONFLUENT:
                return RecordError("wrong-type", "the record is an event, not a frame")
            return RecordError("not-framed", "the record starts with neither Avro's single-object mark nor a schema id")
        if len(data) < len(expected):
            return RecordError("truncated", "the record ends inside its framing")
        for kind in self._kinds.values():
            if data[:10] in (kind.prefix, kind.frame_prefix, *kind.earlier, *kind.earlier_frames):
                return RecordError("wrong-type", f"the record is a {kind.schema.name} or a frame of them")
        return RecordError("unknown-schema", "the record's schema fingerprint is not one of this connector's")


class _Body(io.BytesIO):
    """Octets of which no more can be had than there are.

    fastavro does not look at what it gets of a field that our schema lacks: it follows an array of doubles to whatever
    length a record claims, for hours, and takes a text that is cut short for a whole one.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Raises EOFError."""
        octets = super().read(size)
        if size is None or len(octets) != size:
            raise EOFError
        return octets


class _Kind(Generic[T]):
    """One class with its schema and framings."""

    __slots__ = ("earlier", "earlier_frames", "frame_prefix", "plan", "prefix", "schema")

    def __init__(self, cls: type[T]) -> None:
        self.schema = schemas.load(cls.__name__)
        self.plan = Plan(cls, self.schema)
        self.prefix = _SINGLE_OBJECT + self.schema.fingerprint
        self.frame_prefix = _SINGLE_OBJECT + schemas.array_fingerprint(self.schema)
        before = schemas.earlier(cls.__name__)
        self.earlier = {_SINGLE_OBJECT + each.fingerprint: each for each in before}
        self.earlier_frames = {_SINGLE_OBJECT + schemas.array_fingerprint(each): each for each in before}

    def write(self, record: T) -> bytearray:
        body = bytearray()
        try:
            self.plan.write(body, record)
        except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
            # Not chained: UnicodeEncodeError quotes the text, and texts are not ours to show.
            raise RecordError(
                "bad-value", f"a field of the {self.schema.name} does not fit its schema ({type(error).__name__})"
            ) from None
        return body

    def read(self, data: bytes, at: int) -> T:
        value, end = self._guarded(self.plan.read, data, at)
        self._all_used(data, end)
        return value

    def read_frame(self, data: bytes, at: int) -> list[T]:
        items, end = self._guarded(self._items, data, at)
        self._all_used(data, end)
        return items

    def resolve(self, data: bytes, at: int, writer: Schema) -> T:
        """Read with another version of the schema, as the registry gave it or as it was earlier."""
        body = _Body(data)
        body.seek(at)
        value = self._resolved(body, writer)
        self._all_used(data, body.tell())
        return value

    def resolve_frame(self, data: bytes, at: int, writer: Schema) -> list[T]:
        """The same for a frame."""
        items: list[T] = []
        count, at = self._guarded(read_long, data, at)
        while count > 0:
            body = _Body(data)
            body.seek(at)
            items += [self._resolved(body, writer) for _ in range(count)]
            count, at = self._guarded(read_long, data, body.tell())
        if count < 0:
            raise RecordError("bad-value", "a frame is written without block sizes")
        self._all_used(data, at)
        return items

    def _resolved(self, body: _Body, writer: Schema) -> T:
        try:
            return self.plan.from_avro(fastavro.schemaless_reader(body, writer.parsed, self.schema.parsed))
        except EOFError:
            raise RecordError("truncated", "the record ends inside a field") from None
        except Exception as error:  # fastavro lets out whatever Python raised; not chained, as it quotes values
            raise RecordError(
                "bad-value", f"the record does not read as a {self.schema.name} ({type(error).__name__})"
            ) from None

    def _items(self, data: bytes, at: int) -> tuple[list[T], int]:
        items: list[T] = []
        count, at = read_long(data, at)
        while count > 0:
            for _ in range(count):
                item, at = self.plan.read(data, at)
                items.append(item)
            count, at = read_long(data, at)
        if count < 0:
            raise WireError("a frame is written without block sizes")
        return items, at

    def _guarded(self, read: Callable[[bytes, int], tuple[R, int]], data: bytes, at: int) -> tuple[R, int]:
        try:
            return read(data, at)
        except (IndexError, Truncated):
            raise RecordError("truncated", "the record ends inside a field") from None
        except WireError as error:
            raise RecordError("bad-value", f"the record is no {self.schema.name}: {error}") from None
        except UnicodeDecodeError:
            # Not chained: it holds the whole text.
            raise RecordError("bad-value", f"a text of the {self.schema.name} is not UTF-8") from None

    def _all_used(self, data: bytes, end: int) -> None:
        if end != len(data):
            raise RecordError("trailing-octets", f"{len(data) - end} octets follow the {self.schema.name}")


def _limit(data: bytes, most: int) -> None:
    if len(data) > most:
        raise RecordError("too-large", f"the record has {len(data)} octets, at most {most} are read")


def _frame(prefix: bytes, bodies: Sequence[bytearray]) -> bytes:
    """An Avro array in one block: the count, the items, a zero."""
    frame = bytearray(prefix)
    write_long(frame, len(bodies))
    frame += b"".join(bodies)
    frame.append(0)
    return bytes(frame)


def _batches(bodies: Iterable[bytearray], max_items: int, max_bytes: int) -> Iterator[list[bytearray]]:
    """Consecutive bodies, as many at a time as the limits allow; a body over the limit comes alone."""
    # The framing, the count in front of the items, and the end behind them.
    overhead = 10 + 5 + 1
    batch: list[bytearray] = []
    size = overhead
    for body in bodies:
        if overhead + len(body) > MAX_LONE_FRAME_OCTETS:
            raise RecordError(
                "too-large", f"an item has {len(body)} octets, a frame takes at most {MAX_LONE_FRAME_OCTETS}"
            )
        if batch and (len(batch) == max_items or size + len(body) > max_bytes):
            yield batch
            batch, size = [], overhead
        batch.append(body)
        size += len(body)
    if batch:
        yield batch
