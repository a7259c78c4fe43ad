"""One PDU, and one optional parameter: our errors or a value, the quick readers as the table, what is read is written.

An input of `pdu` is a frame; one of `tlv` is a tag of two octets and the parameter's value.
"""

from collections.abc import Sequence
from random import Random
from struct import pack, unpack_from

from connector.smpp import codec, quick
from connector.smpp.constants import CommandId
from connector.smpp.errors import EncodeError, FramingError, MalformedPdu, TlvError
from connector.smpp.fields import FieldError, read_tlvs
from connector.smpp.layouts import LAYOUTS
from connector.smpp.pdu import HEADER_SIZE, MAX_PDU, Body, Header, UnknownPdu, decode, encode
from connector.smpp.tlv import TLV_TABLE, TlvSpec, TlvType, extended, lookup, make, tag_name
from tests.fuzz.mutating import NUMBERS, damaged

TAGS = tuple(TLV_TABLE)
COMMANDS = (*LAYOUTS, 0, 0x00010200, 0x80010200, 0xFFFFFFFF)
QUICK = (CommandId.SUBMIT_SM, CommandId.DELIVER_SM, CommandId.SUBMIT_SM_RESP, CommandId.DELIVER_SM_RESP)
VENDOR = tuple(
    TlvSpec(0x1400 + number, f"vendor_{number}", kind, low, high)
    for number, (kind, low, high) in enumerate(
        [
            (TlvType.INT, 1, 4),
            (TlvType.CSTRING, 1, 8),
            (TlvType.FILLED, 0, 3),
            (TlvType.OCTETS, 2, 5),
            (TlvType.FLAG, 0, 0),
        ]
    )
)
WIDER = extended(TLV_TABLE, VENDOR)
AFTER = b"\0\0\0\x10" * 16
"""What stands in the buffer behind a PDU: a reader that strays into it must notice."""


def parameters(rng: Random) -> bytes:
    """Optional parameters, most of them known and well formed."""
    out = b""
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        tag = rng.choice(TAGS) if rng.random() < 0.8 else rng.getrandbits(16)
        spec = TLV_TABLE.get(tag)
        size = rng.choice((spec.min_size, min(spec.max_size, 80)) if spec and rng.random() < 0.8 else (0, 1, 3, 70))
        stated = size if rng.random() < 0.9 else rng.choice(NUMBERS) & 0xFFFF
        out += pack(">HH", tag, stated) + rng.randbytes(size)
    return out


def frame(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A PDU with a damaged body, most of the time in a sound frame."""
    octets = rng.choice(seeds)
    (command, status, sequence), body = unpack_from(">3I", octets.ljust(HEADER_SIZE, b"\0"), 4), octets[HEADER_SIZE:]
    if rng.random() < 0.3:
        body += parameters(rng)
    if rng.random() < 0.8:
        body = damaged(rng, body, others=seeds)
    if rng.random() < 0.05:
        at = rng.randrange(len(body) + 1)
        body = body[:at] + b"7" * rng.choice((20, 64, 65, 253, 254, 255, 600)) + body[at:]
    if rng.random() < 0.1:
        command = rng.choice(COMMANDS)
    if rng.random() < 0.2:
        status, sequence = rng.choice(NUMBERS), rng.choice(NUMBERS)
    length = HEADER_SIZE + len(body) if rng.random() < 0.95 else rng.choice(NUMBERS)
    return pack(">4I", length, command, status, sequence) + body


def check_frame(octets: bytes) -> None:
    try:
        header, body = decode(octets)
    except FramingError:
        said = int.from_bytes(octets[:4], "big")
        assert len(octets) < HEADER_SIZE or said != len(octets) or said > MAX_PDU, "a sound frame was called none"
        return
    except MalformedPdu as error:
        header = error.header
        assert error.partial is not None, "what was read before the damage is kept"
        repr(error.partial)
    else:
        repr(body)
        read_again(header, body)
        if not isinstance(body, UnknownPdu):
            for tag, _ in body.tlvs:
                look_up(tag, dict(reversed(body.tlvs))[tag])
    assert header == Header(*unpack_from(">4I", octets)), "the header is needed for the answer"
    if header.command_id in QUICK:
        data = b"before" + octets[HEADER_SIZE:] + AFTER
        at, end = 6, 6 + len(octets) - HEADER_SIZE
        read, judge = quick.READERS[header.command_id], codec.read
        assert outcome(read, header, data, at, end) == outcome(judge, header, data, at, end), "the quick reader differs"


def outcome(read: quick.Reader, header: Header, data: bytes, at: int, end: int) -> object:
    """What a reader says, errors included."""
    try:
        return read(header, data, at, end)
    except MalformedPdu as error:
        return error.nack_status, error.reason, error.partial


def read_again(header: Header, body: Body) -> None:
    """What was read can be written, unless a field is over the limit that readers forgive, and is the same then."""
    try:
        octets = encode(body, sequence=header.sequence, status=header.status)
    except EncodeError:
        return
    assert codec.write(body, header.sequence, header.status) == octets, "the quick writer differs"
    again, same = decode(octets, max_pdu=2 * MAX_PDU)
    assert (again[1:], same) == (header[1:], body), "what was written reads otherwise"


def look_up(tag: int, value: bytes) -> None:
    """A parameter is its type, or TlvError; what it is can be written, unless it passes the table's limit."""
    tag_name(tag, WIDER)
    try:
        found = lookup(((tag, value),), tag, WIDER)
    except TlvError:
        return
    assert found is not None, "the parameter is there"
    try:
        again = make(tag, found, WIDER)
    except EncodeError:
        return
    assert lookup((again,), tag, WIDER) == found, "the parameter reads otherwise when written again"


def parameter(rng: Random, seeds: Sequence[bytes]) -> bytes:
    tag = rng.choice((*WIDER, *TAGS)) if rng.random() < 0.9 else rng.getrandbits(16)
    value = damaged(rng, rng.choice(seeds)[2:]) if rng.random() < 0.7 else rng.randbytes(rng.choice((0, 1, 2, 3, 4, 5)))
    return pack(">H", tag) + value


def check_parameter(octets: bytes) -> None:
    if len(octets) < 2:
        return
    look_up(int.from_bytes(octets[:2], "big"), octets[2:])
    try:
        found = read_tlvs(octets, 0, len(octets))
    except FieldError:
        return
    assert sum(4 + len(value) for _, value in found) == len(octets), "octets vanished"
