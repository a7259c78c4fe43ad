"""The Avro schemas this project speaks, and whether a stranger's schema is safe to read with.

Rule: a schema comes from the package, or from the registry and then through `checked`; never from a record. Logical
types are for readers in other languages: they are stripped before parsing, so that times stay integers.
Next station: `records`, which reads and writes values with them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import fastavro.schema

# A schema as JSON. Avro's own shape: a name, a union, or an object.
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MAX_SCHEMA_CHARACTERS: Final = 65_536
MAX_SCHEMA_DEPTH: Final = 16
# How many values a record may hold for each octet it takes, and how many more beyond that. Ours hold one an octet.
VALUES_AN_OCTET: Final = 64
MAX_FREE_VALUES: Final = 4096
# By how much a value that takes an octet stays below that.
_OCTET: Final = 1 - VALUES_AN_OCTET

_PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_FOR_PEOPLE_OR_OTHERS: Final = frozenset({"logicalType", "precision", "scale", "doc"})


class SchemaUnsafe(ValueError):
    """The schema must not be read with: it is not Avro, refers to itself, or lets a few octets fill the memory."""


class SchemaMissing(LookupError):
    """The registry has no schema with this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One schema, parsed.

    `name` is the record's name without its namespace, `text` the JSON to register, `fingerprint` the 8 octets of
    CRC-64-AVRO over the canonical form as they stand after C3 01, `parsed` what fastavro reads and writes with.
    """

    name: str
    text: str
    fingerprint: bytes
    parsed: dict[str, Json]


def folder() -> Path:
    """Where the .avsc files are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


@cache
def load(name: str) -> Schema:
    """The schema in `<name>.avsc`. Raises FileNotFoundError where the package was built without it."""
    return checked((folder() / f"{name}.avsc").read_text(encoding="utf-8"))


@cache
def earlier(name: str) -> tuple[Schema, ...]:
    """The schemas in `earlier/<name>-<number>.avsc`, which records in the topics may still be written with: whoever
    changes a schema leaves the one before it there."""
    found = (folder() / "earlier").glob(f"{name}-*.avsc")
    return tuple(checked(path.read_text(encoding="utf-8")) for path in sorted(found))


def checked(text: str) -> Schema:
    """Parse the schema of a record, refusing what could crash or swell the process. Raises `SchemaUnsafe`.

    fastavro follows a recursive schema until the process dies of it, and fills an array of items that take no octets
    to any length a record claims (design.md, "Known traps"). A type that names another one many times, which does the
    same, makes millions of values out of a record without an octet. None of it is needed here, so none is allowed.
    """
    if len(text) > MAX_SCHEMA_CHARACTERS:
        raise SchemaUnsafe(f"the schema has {len(text)} characters, at most {MAX_SCHEMA_CHARACTERS} are read")
    try:
        raw: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaUnsafe("the schema is not JSON") from error
    if not isinstance(raw, dict) or raw.get("type") != "record":
        raise SchemaUnsafe("the schema of an event is that of a record")
    if _free_values(raw, {}, 0, "") > MAX_FREE_VALUES:
        raise SchemaUnsafe("the schema makes too many values of too few octets")
    try:
        canonical = fastavro.schema.to_parsing_canonical_form(raw)
        parsed = fastavro.schema.parse_schema(_without_logical_types(raw))
        fingerprint = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
    except Exception as error:  # fastavro raises KeyError, TypeError and its own for what is not Avro
        raise SchemaUnsafe("the schema is not Avro") from error
    return Schema(name=str(parsed["name"]).rpartition(".")[2], text=text, fingerprint=fingerprint, parsed=parsed)


def _without_logical_types(schema: Json) -> Json:
    if isinstance(schema, dict):
        return {
            # A default is a value, not a schema.
            key: value if key == "default" else _without_logical_types(value)
            for key, value in schema.items()
            if key not in _FOR_PEOPLE_OR_OTHERS
        }
    if isinstance(schema, list):
        return [_without_logical_types(item) for item in schema]
    return schema


def _free_values(schema: Json, named: dict[str, int | None], depth: int, namespace: str) -> int:
    """By how many values, at most, a value of this schema goes beyond `VALUES_AN_OCTET`; below zero where it stays
    below. `named` holds None for a type that is still being defined."""
    if depth > MAX_SCHEMA_DEPTH:
        raise SchemaUnsafe(f"the schema is nested deeper than {MAX_SCHEMA_DEPTH}")
    if isinstance(schema, str):
        return _free_of_name(schema, named, namespace)
    if isinstance(schema, list):
        # The branch's number takes an octet.
        return max((_free_values(branch, named, depth + 1, namespace) for branch in schema), default=0) + _OCTET
    if not isinstance(schema, dict):
        raise SchemaUnsafe("the schema is not Avro")
    kind = schema.get("type")
    if isinstance(kind, (list, dict)):
        return _free_values(kind, named, depth + 1, namespace)
    if kind in ("record", "enum", "fixed"):
        return _free_of_named(kind, schema, named, depth, namespace)
    if kind in ("array", "map"):
        # A map's items have a key each.
        items, more = (schema.get("items"), 0) if kind == "array" else (schema.get("values"), _OCTET)
        if _free_values(items, named, depth + 1, namespace) + more > 0:
            raise SchemaUnsafe("the schema has an array or a map whose items take no octets, or far too few")
        return _OCTET
    if not isinstance(kind, str):
        raise SchemaUnsafe("the schema is not Avro")
    return _free_of_name(kind, named, namespace)


def _free_of_name(name: str, named: Mapping[str, int | None], namespace: str) -> int:
    if name in _PRIMITIVES:
        return 1 if name == "null" else _OCTET
    full = name if "." in name or not namespace else f"{namespace}.{name}"
    known = full if full in named else name
    if known not in named:
        raise SchemaUnsafe("the schema names a type that it does not define")
    free = named[known]
    if free is None:
        raise SchemaUnsafe("the schema refers to itself")
    return free


def _free_of_named(kind: str, schema: dict[str, Json], named: dict[str, int | None], depth: int, namespace: str) -> int:
    name = schema.get("name")
    if not isinstance(name, str):
        raise SchemaUnsafe("the schema has a type without a name")
    given = schema.get("namespace")
    inner = name.rpartition(".")[0] if "." in name else given if isinstance(given, str) else namespace
    full = name if "." in name or not inner else f"{inner}.{name}"
    if kind == "enum":
        free = _OCTET
    elif kind == "fixed":
        size = schema.get("size")
        if not isinstance(size, int) or size < 0:
            raise SchemaUnsafe("the schema has a fixed type without a size")
        free = _OCTET if size else 1
    else:
        named[full] = None
        members = schema.get("fields")
        if not isinstance(members, list):
            raise SchemaUnsafe("the schema has a record without fields")
        free = 1
        for member in members:
            if not isinstance(member, dict):
                raise SchemaUnsafe("the schema is not Avro")
            free += _free_values(member.get("type"), named, depth + 1, inner)
    named[full] = free
    return free


def array_fingerprint(schema: Schema) -> bytes:
    """CRC-64-AVRO of an array of these records: what a frame of an internal topic carries after C3 01."""
    items: Json = json.loads(schema.text)
    canonical = fastavro.schema.to_parsing_canonical_form({"type": "array", "items": items})
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
