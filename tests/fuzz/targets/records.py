"""Records of every class, frames of them, and what a registry's schemas can do to a reader.

An input of `record` is an octet that picks the class and the way of reading, and the record. One of `resolved` is two
octets of length, a schema as JSON, and the octets to read with it. One of `schema` is a schema as JSON.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from random import Random
from typing import Any, Final

from connector.domain.messages import OutboundMessage
from connector.kafka import schemas
from connector.kafka.records import (
    INTERNAL,
    PUBLIC,
    Codec,
    RecordError,
    UnknownSchemaId,
    priority_of,
)
from connector.kafka.schemas import MAX_FREE_VALUES, VALUES_AN_OCTET, Schema, SchemaUnsafe
from connector.stages.collect_rows import RowError, Rows, head_of
from tests.fuzz.mutating import damaged

CODEC = Codec()
ROWS = Rows(CODEC)
CODES: Final = frozenset(
    [
        "empty",
        "too-large",
        "not-framed",
        "unknown-schema",
        "unsafe-schema",
        "wrong-type",
        "no-registry",
        "truncated",
        "trailing-octets",
        "bad-value",
    ]
)
CLASSES: Final = (*PUBLIC, *INTERNAL)
FRAME, ROW = 8, 16
PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def record(rng: Random, seeds: Sequence[bytes]) -> bytes:
    octets = rng.choice(seeds)
    head, framing, body = octets[:1], octets[1:11], octets[11:]
    if rng.random() < 0.1:
        framing = damaged(rng, framing)
    if rng.random() < 0.05:
        head = rng.randbytes(1)
    return head + framing + damaged(rng, body, others=seeds)


def check_record(octets: bytes) -> None:
    if not octets:
        return
    how, data = octets[0], octets[1:]
    cls: Any = CLASSES[how % 8]
    priority_of(data)
    if how & ROW:
        check_row(data)
        return
    try:
        if how & FRAME and cls in INTERNAL:
            found = CODEC.decode_frame(cls, data)
            assert len(found) * len(fields(cls)) <= len(data), "more items than octets for them"
            write: Callable[[Any], bytes] = CODEC.encode_frame
            read: Callable[[Any, bytes], Any] = CODEC.decode_frame
        else:
            found = CODEC.decode(cls, data)
            write, read = CODEC.encode, CODEC.decode
    except RecordError as error:
        assert error.code in CODES, error.code
        return
    repr(found)
    if found:
        try:
            again = write(found)
        except RecordError:
            return  # a price of more digits than we write
        assert read(cls, again) == found, "what was read is written otherwise"


def check_row(data: bytes) -> None:
    """Rows come from our own tables, but disks fail."""
    for read in (head_of, ROWS.to_messages, ROWS.to_rollup, ROWS.to_waiting, ROWS.to_assemblies):
        with suppress(RowError):
            read(data)


class OneSchema:
    """A registry that has this schema under every id."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def id_for(self, name: str) -> int | None:
        return None

    def schema_for(self, schema_id: int) -> Schema | None:
        return self.schema


def schema(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """One of ours with other fields and types, one made up, or the JSON itself damaged."""
    kind = rng.random()
    text = rng.choice(seeds)
    if kind < 0.2:
        return damaged(
            rng, text, others=seeds, words=[b'"null"', b'"type":', b"[", b"{", b'"R"', b"[[[[[[", b'{"type":']
        )
    if kind < 0.5:
        return json.dumps({"type": "record", "name": "R", "fields": members(rng, 0, [])}).encode()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    changed(rng, found)
    return json.dumps(found).encode()


def changed(rng: Random, found: Any) -> None:
    """Fields lost, moved, renamed, given other types, and new ones."""
    members_ = found.get("fields") if isinstance(found, dict) else None
    if not isinstance(members_, list):
        return
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(members_) + 1)
        kind = rng.random()
        if kind < 0.3:
            members_.insert(at, {"name": f"n{rng.randrange(99)}", "type": made_up(rng, 1, [])})
        elif at < len(members_) and isinstance(members_[at], dict):
            if kind < 0.45:
                del members_[at]
            elif kind < 0.6:
                members_[at]["type"] = made_up(rng, 1, [])
            elif kind < 0.7:
                members_[at]["type"] = ["null", members_[at].get("type")]
            elif kind < 0.8:
                members_[at]["name"] = rng.choice(("id", "text", "metadata", "x", "", 7))
            elif kind < 0.9:
                members_[at]["default"] = rng.choice((None, 0, "x", [], {}))
            else:
                rng.shuffle(members_)


def members(rng: Random, depth: int, names: list[str]) -> list[Any]:
    return [
        {"name": f"f{number}", "type": made_up(rng, depth + 1, names)} for number in range(rng.choice((0, 1, 2, 12)))
    ]


def made_up(rng: Random, depth: int, names: list[str]) -> Any:
    """A type; some refer to themselves, take no octets, or name one another many times."""
    kind = rng.random()
    if depth > 6 or kind < 0.35:
        return rng.choice((*PRIMITIVES, "null", *names, *names))
    if kind < 0.5:
        return {"type": "array", "items": made_up(rng, depth + 1, names)}
    if kind < 0.6:
        return {"type": "map", "values": made_up(rng, depth + 1, names)}
    if kind < 0.7:
        return [made_up(rng, depth + 1, names) for _ in range(rng.choice((0, 1, 2, 3)))]
    name = f"T{len(names)}"
    if kind < 0.75:
        names.append(name)
        return {"type": "enum", "name": name, "symbols": rng.choice((["A", "B"], ["A", "A"], [], [7]))}
    if kind < 0.8:
        names.append(name)
        return {"type": "fixed", "name": name, "size": rng.choice((0, 1, 16, -1, 1 << 40, "x"))}
    names.append(name)
    return {"type": "record", "name": name, "fields": members(rng, depth, names)}


def check_schema(octets: bytes) -> Schema | None:
    """A schema to read with, or SchemaUnsafe; what is taken cannot swell."""
    try:
        found = schemas.checked(octets.decode("utf-8", "replace"))
    except SchemaUnsafe:
        return None
    free = values_without_octets(found.parsed)
    assert free <= MAX_FREE_VALUES, f"{free} values may come out of nothing"
    return found


def values_without_octets(parsed: Any) -> int:
    """By how many values a record may go beyond 64 an octet, counted by going through all of them, or a good many."""
    named: dict[str, Any] = {}
    free = looked_at = 0

    def learn(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("name"), str) and node.get("type") in ("record", "enum", "fixed"):
                named[node["name"]] = node
            for inner in node.values():
                learn(inner)
        elif isinstance(node, list):
            for inner in node:
                learn(inner)

    def walk(node: Any, within: tuple[str, ...]) -> None:
        nonlocal free, looked_at
        looked_at += 1
        if looked_at > 20_000:
            return
        node = named.get(node, node) if isinstance(node, str) else node
        kind = node.get("type") if isinstance(node, dict) else node
        if isinstance(kind, (dict, list)) and isinstance(node, dict):
            walk(kind, within)
        elif kind == "record":
            assert node["name"] not in within, "a type holds itself"
            free += 1
            for member in node["fields"]:
                walk(member["type"], (*within, node["name"]))
        else:
            takes_none = kind == "null" or (kind == "fixed" and node["size"] == 0)
            free += 1 if takes_none else 1 - VALUES_AN_OCTET

    learn({"name": parsed["name"], "type": "record", "fields": parsed["fields"]})
    walk(parsed, ())
    return free


def check_schema_only(octets: bytes) -> None:
    check_schema(octets)


def resolved(rng: Random, seeds: Sequence[bytes]) -> bytes:
    octets = rng.choice(seeds)
    size = int.from_bytes(octets[:2], "big")
    text, body = octets[2 : 2 + size], octets[2 + size :]
    if rng.random() < 0.7:
        text = schema(rng, [text])[:0xFFFF]
    if rng.random() < 0.7:
        body = damaged(rng, body)
    return len(text).to_bytes(2, "big") + text + body


def check_resolved(octets: bytes) -> None:
    size = int.from_bytes(octets[:2], "big")
    writer = check_schema(octets[2 : 2 + size])
    if writer is None:
        return
    codec = Codec(OneSchema(writer))
    try:
        found = codec.decode(OutboundMessage, b"\0\0\0\0\7" + octets[2 + size :])
    except RecordError as error:
        assert error.code in CODES, error.code
        assert error.__cause__ is None or isinstance(error.__cause__, SchemaUnsafe), "a chained error may quote values"
        return
    except UnknownSchemaId:
        raise AssertionError("the id is known") from None
    repr(found)
    assert isinstance(found.id, str)
    assert isinstance(found.recipient, str)
    assert isinstance(found.text, str | None)
    assert isinstance(found.expires_at, int | None)
    assert all(isinstance(item, str) for pair in found.metadata.items() for item in pair)
