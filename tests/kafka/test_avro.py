"""The records are Avro as others write and read it: a second implementation agrees on every octet, both ways."""

import contextlib
import dataclasses
import io
import json
from decimal import Decimal
from typing import Any, get_type_hints

import fastavro
import pytest
from fastavro.schema import fingerprint
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.events import Delivery, LaneMessage, LedgerEntry
from connector.domain.messages import OutboundMessage
from connector.kafka import schemas
from connector.kafka.records import (
    INTERNAL,
    MAX_FRAME_OCTETS,
    MAX_LONE_FRAME_OCTETS,
    MAX_RECORD_OCTETS,
    PUBLIC,
    Codec,
    RecordError,
    priority_of,
)
from connector.kafka.schemas import Schema, SchemaUnsafe
from tests.support import samples

CODEC = Codec()
CLASSES: list[type[Any]] = [*PUBLIC, *INTERNAL]
SAMPLES = [*samples.EVENTS, *samples.ITEMS]


def name_of(value: object) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__


def plain(record: Any) -> dict[str, Any]:
    """The record as fastavro takes it."""
    values = {member.name: getattr(record, member.name) for member in dataclasses.fields(record)}
    if "fingerprints" in values:
        values["fingerprints"] = [n - (1 << 64) if n >= 1 << 63 else n for n in values["fingerprints"]]
    return values


def written_by_fastavro(record: Any) -> bytes:
    body = io.BytesIO()
    schema = fastavro.parse_schema(json.loads(schemas.load(type(record).__name__).text))
    fastavro.schemaless_writer(body, schema, plain(record), strict=True)
    return body.getvalue()


def values_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of a record class that its schema can hold."""
    schema = json.loads(schemas.load(cls.__name__).text)
    widths = {member["name"]: 31 if "int" in (member["type"], *member["type"]) else 63 for member in schema["fields"]}
    times = {member["name"] for member in schema["fields"] if "timestamp-millis" in json.dumps(member["type"])}
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)

    def of(name: str, hint: Any) -> st.SearchStrategy[Any]:
        bits = widths[name]
        # fastavro writes a time as it is, but reads it into a datetime, which ends with the year 9999.
        low, high = (0, 253_402_300_799_999) if name in times else (-(1 << bits), (1 << bits) - 1)
        table: dict[Any, st.SearchStrategy[Any]] = {
            str: text,
            bytes: st.binary(max_size=80),
            bool: st.booleans(),
            int: st.integers(low, high),
            Decimal: st.decimals(-999_999, 999_999, places=4),
            tuple[str, ...]: st.lists(text, max_size=3).map(tuple),
            tuple[int, ...]: st.lists(st.integers(0, (1 << 64) - 1), max_size=3).map(tuple),
        }
        if hint in table:
            return table[hint]
        arms = [arm for arm in getattr(hint, "__args__", ()) if arm is not type(None)]
        if type(None) in getattr(hint, "__args__", ()):
            return st.none() | of(name, arms[0])
        if isinstance(hint, type):
            return st.sampled_from(list(hint))  # type: ignore[call-overload]  # an enum
        return st.dictionaries(text, text, max_size=3)

    hints = get_type_hints(cls)
    return st.builds(cls, **{member.name: of(member.name, hints[member.name]) for member in dataclasses.fields(cls)})


@pytest.mark.parametrize("record", SAMPLES, ids=name_of)
def test_fastavro_writes_the_same_octets(record: Any) -> None:
    assert CODEC.encode(record)[10:] == written_by_fastavro(record)


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
@settings(max_examples=40)
@given(data=st.data())
def test_every_value_survives_and_is_what_fastavro_writes(cls: type[Any], data: st.DataObject) -> None:
    record = data.draw(values_of(cls))
    encoded = CODEC.encode(record)
    assert CODEC.decode(cls, encoded) == record
    assert encoded[10:] == written_by_fastavro(record)


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
@settings(max_examples=150)
@given(data=st.data())
def test_any_octets_give_a_record_or_our_error(cls: type[Any], data: st.DataObject) -> None:
    """Random bodies, and real ones with octets changed."""
    kind = CODEC._kinds[cls]
    whole = next(CODEC.encode(record)[10:] for record in SAMPLES if type(record) is cls)
    junk = data.draw(st.binary(max_size=200))
    at = data.draw(st.integers(0, len(whole)))
    for body in (junk, whole[:at] + junk + whole[at + len(junk) :]):
        for read in (
            lambda body=body: CODEC.decode(cls, kind.prefix + body),
            lambda body=body: CODEC.decode(cls, body),
            lambda body=body: CODEC.decode_frame(cls, kind.frame_prefix + body),
        ):
            with contextlib.suppress(RecordError):
                read()


@given(data=st.binary(max_size=20))
def test_asking_for_the_priority_never_fails(data: bytes) -> None:
    priority_of(data)


@pytest.mark.parametrize("name", [*(cls.__name__ for cls in CLASSES), "DeadLetterHeaders"])
def test_every_field_of_every_schema_is_explained(name: str) -> None:
    schema = json.loads(schemas.load(name).text)
    assert schema["namespace"] == "sms"
    assert schema["doc"].endswith(".")
    for member in schema["fields"]:
        assert member["doc"].endswith("."), member["name"]


def test_the_priority_is_the_first_field_and_its_symbols_keep_their_order() -> None:
    first = json.loads(schemas.load("OutboundMessage").text)["fields"][0]
    assert (first["name"], first["type"]["symbols"]) == ("priority", ["AUTO", "URGENT", "NORMAL", "BULK"])


def test_fingerprints_are_those_of_other_implementations() -> None:
    """From the test data of Avro's Java implementation (schema-tests.txt): the canonical form "int"."""
    assert fingerprint('"int"', "CRC-64-AVRO") == "8f5c393f1ad57572"
    assert int.from_bytes(bytes.fromhex("8f5c393f1ad57572"), "little") == 8247732601305521295


def test_an_event_of_known_octets() -> None:
    """Golden octets: mark, fingerprint, then field by field."""
    data = CODEC.encode(OutboundMessage(id="m", recipient="79990000001"))
    assert data[:2] == b"\xc3\x01"
    assert data[2:10] == schemas.load("OutboundMessage").fingerprint
    body = (
        b"\x00"  # priority AUTO
        b"\x02m"
        b"\x00"  # account
        b"\x00"  # kind SMS
        b"\x00\x00\x00"  # sender
        b"\x1679990000001"
        b"\x00\x00"  # recipient_ton, recipient_npi
        b"\x00\x00\x00\x00\x00\x00"  # text, subject, voice, language, call_parameters, bot
        b"\x00\x00"  # payload, udh
        b"\x00"  # coding AUTO
        b"\x00"  # flash
        b"\x00\x00\x00\x00"  # campaign_id, scheduled_at, expires_at, validity_minutes
        b"\x01"  # receipt
        b"\x00\x00"  # comment, unknown_outcome
        b"\x00"  # metadata
        b"\x00\x00\x00"  # action, target_id, target_gateway_id
    )
    assert data[10:] == body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", 7),
        ("text", "\ud800"),
        ("text", b"octets"),
        ("sender_ton", 1 << 31),
        ("sender_ton", "5"),
        ("scheduled_at", 1 << 63),
        ("scheduled_at", 1.5),
        ("flash", 1),
        ("kind", "SMS"),
        ("payload", "text"),
        ("metadata", {"a": 1}),
        ("metadata", None),
    ],
)
def test_a_value_that_does_not_fit_is_refused_without_being_quoted(field: str, value: Any) -> None:
    record = dataclasses.replace(samples.OUTBOUND, **{field: value})
    with pytest.raises(RecordError) as caught:
        CODEC.encode(record)
    assert caught.value.code == "bad-value"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_cost_is_rounded_to_four_places() -> None:
    report = dataclasses.replace(samples.DELIVERY_REPORT, cost=Decimal("0.00005"))
    assert CODEC.decode(type(report), CODEC.encode(report)).cost == Decimal("0.0000")
    with pytest.raises(RecordError, match="bad-value"):
        CODEC.encode(dataclasses.replace(report, cost=Decimal(1_000_000)))
    with pytest.raises(RecordError, match="bad-value"):
        CODEC.encode(dataclasses.replace(report, cost=Decimal("NaN")))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"{}", "not-framed"),
        (b"\xc3\x01" + bytes(20), "unknown-schema"),
        (b"\xc3\x01short", "truncated"),
        (b"\0\0\0\0\1", "no-registry"),
        (CODEC.encode(samples.INTENT), "wrong-type"),
        (CODEC.encode_frame([samples.INTENT]), "wrong-type"),
        (bytes(MAX_RECORD_OCTETS + 1), "too-large"),
        (CODEC.encode(samples.BARE_OUTBOUND)[:11] + b"\xfe" + b"\xff" * 8 + b"\x01", "truncated"),
        (CODEC.encode(samples.BARE_OUTBOUND)[:11] + b"\xff" * 11, "bad-value"),
        (CODEC.encode(samples.BARE_OUTBOUND)[:11] + b"\x01", "bad-value"),
        (CODEC.encode(samples.BARE_OUTBOUND)[:11] + b"\x04\xff\xfe", "bad-value"),
        (CODEC.encode(samples.BARE_OUTBOUND)[:10] + b"\x08", "bad-value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_outbound_event_is_refused_by_name(data: bytes | None, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        CODEC.decode(OutboundMessage, data)
    assert caught.value.code == code


# Records that were written before a schema changed

WRITTEN_WITH = {
    "OutboundMessage": ["b638f9748ebcd8e8"],
    "SubmitResponse": ["8ef9ea1f20cbcb63"],
    "DeliveryReport": ["c28f245ef23b4445"],
    "HlrResult": ["894050c12e3d127c"],
    "InboundMessage": ["4f8ec82ad91f2810"],
    "LaneMessage": ["a3bb36c2a0826526"],
    "Delivery": ["fd4be6f9f938221a", "c2d0ad778f6cc263"],
    "LedgerEntry": ["40f8a3c29f5fc7f9"],
}
"""Fingerprints of the schemas that records in somebody's topics have; the one of today is the last. Only add to it."""


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_every_schema_that_records_were_written_with_is_kept(cls: type[Any]) -> None:
    """Broken by: changing a schema without leaving the one before it in schemas/earlier, and adding to the table."""
    name = cls.__name__
    known = [each.fingerprint.hex() for each in (*schemas.earlier(name), schemas.load(name))]
    assert known == WRITTEN_WITH[name]


def before(item: Delivery) -> tuple[bytes, bytes]:
    """One record and a frame of two, as the version before wrote them."""
    (schema,) = schemas.earlier("Delivery")
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(schema.text)), plain(item), strict=True)
    one = body.getvalue()
    mark = b"\xc3\x01"
    return mark + schema.fingerprint + one, mark + schemas.array_fingerprint(schema) + b"\x04" + one + one + b"\0"


@pytest.mark.parametrize("item", [samples.SUBMITTED, samples.PART_DONE, samples.RECEIVED])
def test_what_the_version_before_wrote_is_read(item: Delivery) -> None:
    one, frame = before(item)
    assert CODEC.decode(Delivery, one) == item
    assert CODEC.decode_frame(Delivery, frame) == [item, item]
    for octets in (one, frame):
        with pytest.raises(RecordError, match="wrong-type"):
            CODEC.decode(LedgerEntry, octets)


def test_a_frame_of_the_version_before_that_is_cut_or_has_more_is_refused() -> None:
    _, frame = before(samples.SUBMITTED)
    for end in range(1, len(frame)):
        with pytest.raises(RecordError):
            CODEC.decode_frame(Delivery, frame[:end])
    with pytest.raises(RecordError, match="trailing-octets"):
        CODEC.decode_frame(Delivery, frame + b"\0")
    with pytest.raises(RecordError, match="bad-value"):
        CODEC.decode_frame(Delivery, frame[:10] + b"\x03" + frame[11:])


def test_an_array_in_several_blocks_with_their_sizes_is_read() -> None:
    """What other writers may do, and we never: negative counts, followed by the size of the block."""
    data = CODEC.encode(samples.DONE)
    ids = b"\x02\x0417\x00"
    assert ids in data
    blocks = b"\x01\x06\x0417\x01\x04\x0218"[:5] + b"\x00"
    read = CODEC.decode(LedgerEntry, data.replace(ids, blocks))
    assert read.part_message_ids == ("17",)


def lane_message(octets: int) -> LaneMessage:
    return dataclasses.replace(samples.LANE_MESSAGE, event=bytes(octets))


def test_frames_keep_to_their_limits_and_lose_nothing() -> None:
    items = [lane_message(octets) for octets in [10] * 250 + [100_000] * 5 + [300_000] + [10]]
    frames = CODEC.frames(items)
    counts = [len(CODEC.decode_frame(LaneMessage, frame)) for frame in frames]
    assert counts[:2] == [100, 100]
    assert sum(counts) == len(items)
    assert [item for frame in frames for item in CODEC.decode_frame(LaneMessage, frame)] == items
    assert all(len(frame) <= MAX_FRAME_OCTETS or count == 1 for frame, count in zip(frames, counts, strict=True))
    assert CODEC.frames([]) == []
    with pytest.raises(RecordError, match="too-large"):
        CODEC.frames([lane_message(MAX_LONE_FRAME_OCTETS)])


def test_a_whole_outbound_record_fits_a_frame() -> None:
    (frame,) = CODEC.frames([lane_message(MAX_RECORD_OCTETS)])
    assert len(CODEC.decode_frame(LaneMessage, frame)) == 1


RECURSIVE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}


def multiplied(levels: int) -> str:
    """Each type has ten fields of the one before: 10 ** levels values, and not one octet."""
    types: list[object] = [{"type": "record", "name": "T0", "fields": []}]
    for level in range(1, levels + 1):
        members = [{"name": f"f{number}", "type": f"T{level - 1}"} for number in range(10)]
        types.append({"type": "record", "name": f"T{level}", "fields": members})
    return json.dumps(
        {"type": "record", "name": "R", "fields": [{"name": f"t{n}", "type": each} for n, each in enumerate(types)]}
    )


@pytest.mark.parametrize(
    "schema",
    [
        "not json",
        "7",
        '"string"',
        "[" * 100_000,
        json.dumps(RECURSIVE),
        json.dumps({**RECURSIVE, "namespace": "a.b"}),
        json.dumps(
            {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]}
        ),
        json.dumps(
            {
                "type": "record",
                "name": "R",
                "fields": [
                    {"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "E", "fields": []}}}
                ],
            }
        ),
        json.dumps(
            {
                "type": "record",
                "name": "R",
                "fields": [
                    {"name": "a", "type": {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}}
                ],
            }
        ),
        json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "nonsense"}]}),
        json.dumps(
            {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "string", "doc": "x" * 70_000}}]}
        ),
        json.dumps({"type": "record", "fields": []}),
        json.dumps({"type": "record", "name": "R", "fields": [7]}),
        multiplied(9),
        json.dumps(
            {
                "type": "record",
                "name": "R",
                "fields": [
                    {
                        "name": "a",
                        "type": {
                            "type": "array",
                            "items": {
                                "type": "record",
                                "name": "E",
                                "fields": [{"name": "x", "type": "int"}]
                                + [{"name": f"n{number}", "type": "null"} for number in range(1000)],
                            },
                        },
                    }
                ],
            }
        ),
    ],
    ids=str.__len__,
)
def test_a_schema_that_could_hurt_is_refused(schema: str) -> None:
    with pytest.raises(SchemaUnsafe):
        schemas.checked(schema)


class Registered:
    """A registry with one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def id_for(self, name: str) -> int | None:
        return None

    def schema_for(self, schema_id: int) -> Schema | None:
        return self._schema


@pytest.mark.parametrize(
    ("items", "octets"),
    [
        ("double", b"\xfe\xff\xff\xff\xff\xff\x7f"),
        ("float", b"\xfe\xff\xff\xff\xff\xff\x7f"),
        ("boolean", b"\xfe\xff\xff\xff\xff\xff\x7f"),
        ("string", b"\xfe\xff\xff\xff\xff\xff\x7f\x01"),  # a text of -1 octets
        ("string", b"\x01\x05"),  # a block of -3 octets
        ("bytes", b"\x02\xfe\xff\xff\xff\xff\xff\x7f"),
        ("bytes", b"\x02\x06ab"),
    ],
)
def test_what_our_schema_lacks_is_passed_over_to_the_records_end_and_no_further(items: str, octets: bytes) -> None:
    """A newer producer may have such a field; a damaged record of it must not hold up all others for ever."""
    newer = json.loads(schemas.load("OutboundMessage").text)
    newer["fields"].append({"name": "newer", "type": {"type": "array", "items": items}, "default": []})
    codec = Codec(Registered(schemas.checked(json.dumps(newer))))
    body = CODEC.encode(samples.OUTBOUND)[10:]
    assert codec.decode(OutboundMessage, b"\0\0\0\0\7" + body + b"\0") == samples.OUTBOUND
    with pytest.raises(RecordError, match="truncated"):
        codec.decode(OutboundMessage, b"\0\0\0\0\7" + body + octets)
