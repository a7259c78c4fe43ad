"""Avro's binary encoding for the project's own flat records: one plan per class, made once from class and schema.

Rule: only the shapes in `_FIELD_TYPES` exist, so nothing here can recurse or swell: every loop step uses an octet or
ends. fastavro builds a dict that still has to become a value, and guesses each union's branch by validating; going
straight between octets and slots took a quarter of that (tests/bench measures both). fastavro still does what it is
best at: parsing, fingerprints, and reading with a schema that is not ours. Source: Avro 1.12, "Binary encoding".
Next station: `records`.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from operator import attrgetter
from types import NoneType
from typing import Generic, TypeVar, get_args, get_type_hints

from connector.kafka.schemas import Json, Schema

T = TypeVar("T")
Read = Callable[[bytes, int], tuple[object, int]]
Write = Callable[[bytearray, object], None]
Convert = Callable[[object], object]

_MASK_64 = (1 << 64) - 1
_SIGN_64 = 1 << 63
_PLACES = Decimal("0.0001")
_DECIMAL_LIMIT = 10**10
_NULL_BRANCH, _VALUE_BRANCH = 0, 2


class WireError(ValueError):
    """The octets are not what the schema says."""


class Truncated(WireError):
    """The octets end too early."""


class Plan(Generic[T]):
    """How values of one class are written and read under the class's own schema."""

    __slots__ = ("_get", "_new", "_read", "_resolve", "_write", "cls")

    def __init__(self, cls: type[T], schema: Schema) -> None:
        """Raises TypeError where class and schema disagree; that is a mistake of ours, found when a codec is made."""
        members = schema.parsed["fields"]
        assert isinstance(members, list)
        names = tuple(str(member["name"]) for member in members if isinstance(member, dict))
        if names != tuple(member.name for member in fields(cls)):  # type: ignore[arg-type]  # always a dataclass
            raise TypeError(f"{cls.__name__} and its schema differ in their fields or the order of them")
        hints = get_type_hints(cls)
        self.cls = cls
        self._get = attrgetter(*names)
        write: list[tuple[bool, Write]] = []
        read: list[tuple[Callable[[object, object], None], bool, Read]] = []
        resolve: list[tuple[str, Callable[[object, object], None], Convert | None]] = []
        for name, member in zip(names, members, strict=True):
            assert isinstance(member, dict)
            nullable, kind = _unwrapped(member["type"])
            writer, reader, convert = _field(f"{cls.__name__}.{name}", kind, hints[name], nullable)
            # A frozen dataclass's own __init__ takes four times as long as setting its slots.
            put = getattr(cls, name).__set__
            write.append((nullable, writer))
            read.append((put, nullable, reader))
            resolve.append((name, put, convert))
        self._write, self._read, self._resolve = tuple(write), tuple(read), tuple(resolve)

    def write(self, out: bytearray, value: T) -> None:
        """Append a value. Raises ValueError, TypeError, AttributeError, KeyError or ArithmeticError where a field is
        not of its annotated type or out of its range."""
        for item, (nullable, write) in zip(self._get(value), self._write, strict=True):
            if nullable:
                if item is None:
                    out.append(_NULL_BRANCH)
                    continue
                out.append(_VALUE_BRANCH)
            write(out, item)

    def read(self, data: bytes, at: int) -> tuple[T, int]:
        """A value and where it ends. Raises `WireError`, IndexError (truncated) or UnicodeDecodeError."""
        value = object.__new__(self.cls)
        for put, nullable, read in self._read:
            if nullable:
                branch = data[at]
                at += 1
                if branch == _NULL_BRANCH:
                    put(value, None)
                    continue
                if branch != _VALUE_BRANCH:
                    raise WireError("a union has no such branch")
            item, at = read(data, at)
            put(value, item)
        return value, at

    def from_avro(self, read: Mapping[str, object]) -> T:
        """A value from what fastavro resolved out of another version of the schema. Raises KeyError or ValueError."""
        value = object.__new__(self.cls)
        for name, put, convert in self._resolve:
            item = read[name]
            put(value, item if convert is None or item is None else convert(item))
        return value


def write_long(out: bytearray, number: object) -> None:
    """Append an int or a long. Raises ValueError beyond 64 bits, TypeError for what is no int."""
    if not isinstance(number, int):
        raise TypeError("not an int")
    if not -_SIGN_64 <= number < _SIGN_64:
        raise ValueError("a long has 64 bits")
    zigzag = (number << 1) ^ (number >> 63)
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """An int or a long, and where it ends. Raises `WireError` beyond 64 bits, IndexError where octets are missing."""
    octet = data[at]
    if octet < 0x80:
        return (octet >> 1) ^ -(octet & 1), at + 1
    zigzag = octet & 0x7F
    shift = 7
    for here in range(at + 1, at + 10):
        octet = data[here]
        if octet < 0x80:
            zigzag |= octet << shift
            if zigzag > _MASK_64:
                break
            return (zigzag >> 1) ^ -(zigzag & 1), here + 1
        zigzag |= (octet & 0x7F) << shift
        shift += 7
    raise WireError("a number has more than 64 bits")


def _write_int(out: bytearray, number: object) -> None:
    if isinstance(number, int):
        if -64 <= number < 64:
            out.append((number << 1) ^ (number >> 31))
            return
        if not -(1 << 31) <= number < 1 << 31:
            raise ValueError("an int has 32 bits")
    write_long(out, number)


def _read_int(data: bytes, at: int) -> tuple[int, int]:
    octet = data[at]
    if octet < 0x80:
        return (octet >> 1) ^ -(octet & 1), at + 1
    number, at = read_long(data, at)
    if not -(1 << 31) <= number < 1 << 31:
        raise WireError("an int has more than 32 bits")
    return number, at


def _write_octets(out: bytearray, octets: object) -> None:
    if not isinstance(octets, bytes):
        raise TypeError("not bytes")
    write_long(out, len(octets))
    out += octets


def _read_octets(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_long(data, at)
    end = at + length
    if length < 0:
        raise WireError("a length is negative")
    if end > len(data):
        raise Truncated("the record ends inside a field")
    return data[at:end], end


def _write_text(out: bytearray, text: object) -> None:
    if not isinstance(text, str):
        raise TypeError("not a str")
    octets = text.encode()
    length = len(octets)
    if length < 64:
        out.append(length << 1)
    else:
        write_long(out, length)
    out += octets


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    length = data[at]
    if length < 0x80 and not length & 1:
        # Up to 63 octets: nearly every field there is.
        at += 1
        end = at + (length >> 1)
        if end > len(data):
            raise Truncated("the record ends inside a field")
        return str(data[at:end], "utf-8"), end
    octets, at = _read_octets(data, at)
    return str(octets, "utf-8"), at


def _write_boolean(out: bytearray, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError("not a bool")
    out.append(value)


def _read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    octet = data[at]
    if octet > 1:
        raise WireError("a boolean is neither true nor false")
    return octet == 1, at + 1


def _read_block(data: bytes, at: int) -> tuple[int, int]:
    """How many items follow; a negative count is followed by their size, which only a reader that skips needs."""
    count, at = read_long(data, at)
    if count < 0:
        _, at = read_long(data, at)
    return abs(count), at


def _array(write_item: Write, read_item: Read) -> tuple[Write, Read]:
    def write(out: bytearray, items: object) -> None:
        if not isinstance(items, tuple):
            raise TypeError("not a tuple")
        if items:
            write_long(out, len(items))
            for item in items:
                write_item(out, item)
        out.append(0)

    def read(data: bytes, at: int) -> tuple[tuple[object, ...], int]:
        if data[at] == 0:
            return (), at + 1
        items = []
        count, at = _read_block(data, at)
        while count:
            for _ in range(count):
                item, at = read_item(data, at)
                items.append(item)
            count, at = _read_block(data, at)
        return tuple(items), at

    return write, read


def _write_map(out: bytearray, pairs: object) -> None:
    if not isinstance(pairs, Mapping):
        raise TypeError("not a mapping")
    if pairs:
        write_long(out, len(pairs))
        for key, value in pairs.items():
            _write_text(out, key)
            _write_text(out, value)
    out.append(0)


def _read_map(data: bytes, at: int) -> tuple[dict[str, str], int]:
    pairs: dict[str, str] = {}
    if data[at] == 0:
        return pairs, at + 1
    count, at = _read_block(data, at)
    while count:
        for _ in range(count):
            key, at = _read_text(data, at)
            pairs[key], at = _read_text(data, at)
        count, at = _read_block(data, at)
    return pairs, at


def _enum(members: type[StrEnum]) -> tuple[Write, Read]:
    numbers = {member: 2 * number for number, member in enumerate(members)}
    by_octet = {octet: member for member, octet in numbers.items()}

    def write(out: bytearray, member: object) -> None:
        if not isinstance(member, members):
            raise TypeError("not a member of the enum")
        out.append(numbers[member])

    def read(data: bytes, at: int) -> tuple[StrEnum, int]:
        member = by_octet.get(data[at])
        if member is None:
            raise WireError("an enum has no such symbol")
        return member, at + 1

    return write, read


def _write_digest(out: bytearray, number: object) -> None:
    """An unsigned 64-bit number as the long with the same bits."""
    if not isinstance(number, int) or not 0 <= number <= _MASK_64:
        raise ValueError("a digest is unsigned and has 64 bits")
    write_long(out, number - (1 << 64) if number >= _SIGN_64 else number)


def _read_digest(data: bytes, at: int) -> tuple[int, int]:
    number, at = read_long(data, at)
    return number & _MASK_64, at


def _write_decimal(out: bytearray, value: object) -> None:
    """Avro's decimal(10,4): the unscaled number, big-endian two's complement."""
    if not isinstance(value, Decimal):
        raise TypeError("not a Decimal")
    unscaled = int(value.quantize(_PLACES, ROUND_HALF_EVEN).scaleb(4))
    if not -_DECIMAL_LIMIT < unscaled < _DECIMAL_LIMIT:
        raise ValueError("a decimal has more than 10 digits")
    _write_octets(out, unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True))


def _decimal(octets: object) -> Decimal:
    if not isinstance(octets, bytes) or len(octets) > 8:
        raise WireError("a decimal has more than 10 digits")
    return Decimal(int.from_bytes(octets, "big", signed=True)).scaleb(-4)


def _read_decimal(data: bytes, at: int) -> tuple[Decimal, int]:
    octets, at = _read_octets(data, at)
    return _decimal(octets), at


def _digests(numbers: object) -> tuple[int, ...]:
    assert isinstance(numbers, list)
    return tuple(number & _MASK_64 for number in numbers)


def _tuple(items: object) -> tuple[object, ...]:
    assert isinstance(items, list)
    return tuple(items)


# (Avro type, type of the annotation) -> writer, reader, conversion of what fastavro read (None: as it is).
_FIELD_TYPES: Mapping[tuple[str, object], tuple[Write, Read, Convert | None]] = {
    ("string", str): (_write_text, _read_text, None),
    ("bytes", bytes): (_write_octets, _read_octets, None),
    ("bytes", Decimal): (_write_decimal, _read_decimal, _decimal),
    ("boolean", bool): (_write_boolean, _read_boolean, None),
    ("int", int): (_write_int, _read_int, None),
    ("long", int): (write_long, read_long, None),
    ("array of string", tuple[str, ...]): (*_array(_write_text, _read_text), _tuple),
    ("array of long", tuple[int, ...]): (*_array(_write_digest, _read_digest), _digests),
    ("map of string", Mapping[str, str]): (_write_map, _read_map, None),
}


def _unwrapped(schema: Json) -> tuple[bool, Json]:
    """(whether the field may be null, the type where it is not)."""
    if isinstance(schema, list):
        if len(schema) != 2 or schema[0] != "null":
            raise TypeError("the only unions here are [null, something]")
        return True, schema[1]
    return False, schema


def _field(where: str, schema: Json, hint: object, nullable: bool) -> tuple[Write, Read, Convert | None]:
    present = [arm for arm in get_args(hint) if arm is not NoneType]
    if nullable != (NoneType in get_args(hint)):
        raise TypeError(f"{where} and its schema differ on whether it may be null")
    if nullable:
        hint = present[0]
    if isinstance(schema, dict) and schema["type"] == "enum":
        if not (isinstance(hint, type) and issubclass(hint, StrEnum)) or [*hint] != schema["symbols"]:
            raise TypeError(f"{where} and its schema differ in the symbols")
        # One octet holds the first 64 symbols.
        assert len(hint) <= 64
        return *_enum(hint), hint
    if isinstance(schema, dict):
        inner = schema.get("items", schema.get("values"))
        name = f"{schema['type']} of {inner}" if inner is not None else str(schema["type"])
    else:
        name = str(schema)
    found = _FIELD_TYPES.get((name, hint))
    if found is None:
        raise TypeError(f"{where} is annotated as {hint}, which the schema's {name} cannot hold")
    return found
