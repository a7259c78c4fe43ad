"""The busy PDUs, written and read by hand: submit_sm, deliver_sm and their responses.

Rule: a quick function is right or gives up, and whatever it gives up on goes to `codec`, which knows the right error
or the lenient reading. tests/smpp/test_quick.py holds the two to the same answers. Figures: `python -m
tests.bench.codec`.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from struct import error as struct_error
from typing import Final, cast

from connector.smpp import codec
from connector.smpp.bodies import Body, DeliverSm, DeliverSmResp, Header, SubmitSm, SubmitSmResp
from connector.smpp.constants import CommandId
from connector.smpp.fields import MAX_READ_STRING, MAX_TEXT
from connector.smpp.layouts import COMMAND_OF, LAYOUTS
from connector.smpp.tlv import Tlvs

Writer = Callable[[Body, int, int], bytes]
"""(body, sequence_number, command_status) -> the octets of the PDU. Raises EncodeError."""

Reader = Callable[[Header, bytes, int, int], Body]
"""(header, data, at, end) -> the body in data[at:end]. Raises MalformedPdu."""

_GIVE_UP: Final = (ValueError, IndexError, struct_error)

_pack_header = Struct(">4I").pack
_pack_bare_id = Struct(">4IB").pack
_unpack_tail = Struct(">5B").unpack_from
_pack_pair = Struct(">HH").pack
_unpack_pair = Struct(">HH").unpack_from

Sizes = tuple[int, int, int, int, int, int]
"""How long are service_type, source_addr, destination_addr, schedule_delivery_time, validity_period, short_message."""

_LIMITS: Final[Sizes] = (5, MAX_READ_STRING, MAX_READ_STRING, 16, 16, MAX_TEXT)
_SHAPES_KEPT: Final = 4096


class _Shapes(dict[Sizes, tuple[Callable[..., bytes], int]]):
    """For each combination of lengths one precompiled struct of the whole PDU, and its size. An account's messages have
    few shapes; too long a field has none (KeyError)."""

    def __missing__(self, sizes: Sizes) -> tuple[Callable[..., bytes], int]:
        if any(size > limit for size, limit in zip(sizes, _LIMITS, strict=True)):
            raise KeyError
        if len(self) >= _SHAPES_KEPT:
            self.clear()
        service, source, destination, schedule, validity, text = sizes
        shape = Struct(f">4I {service}sx 2B{source}sx 2B{destination}sx 3B{schedule}sx {validity}sx 5B{text}s")
        self[sizes] = shape.pack, shape.size
        return self[sizes]


_SHAPES: Final = _Shapes()


def _message_writer(command: int) -> Writer:
    """A writer of submit_sm or deliver_sm."""

    def write(body: SubmitSm, sequence: int, status: int) -> bytes:
        service_type = body.service_type
        source = body.source_addr
        destination = body.destination_addr
        schedule = body.schedule_delivery_time
        validity = body.validity_period
        text = body.short_message
        try:
            if "\0" in source or "\0" in destination or "\0" in f"{service_type}{schedule}{validity}":
                return codec.write(body, sequence, status)
            pack, size = _SHAPES[
                len(service_type), len(source), len(destination), len(schedule), len(validity), len(text)
            ]
            tlvs = _pack_tlvs(body.tlvs) if body.tlvs else b""
            octets = pack(
                size + len(tlvs),
                command,
                status,
                sequence,
                service_type.encode("latin-1") if service_type else b"",
                body.source_addr_ton,
                body.source_addr_npi,
                source.encode("latin-1"),
                body.dest_addr_ton,
                body.dest_addr_npi,
                destination.encode("latin-1"),
                body.esm_class,
                body.protocol_id,
                body.priority_flag,
                schedule.encode("latin-1") if schedule else b"",
                validity.encode("latin-1") if validity else b"",
                body.registered_delivery,
                body.replace_if_present_flag,
                body.data_coding,
                body.sm_default_msg_id,
                len(text),
                text,
            )
            return octets + tlvs if tlvs else octets
        except (KeyError, UnicodeEncodeError, struct_error):
            return codec.write(body, sequence, status)

    return cast(Writer, write)


def _pack_tlvs(tlvs: Tlvs) -> bytes:
    parts: list[bytes] = []
    for tag, octets in tlvs:
        parts += (_pack_pair(tag, len(octets)), octets)
    return b"".join(parts)


def _write_submit_resp(body: SubmitSmResp, sequence: int, status: int) -> bytes:
    message_id = body.message_id
    if not status and not body.tlvs and len(message_id) <= MAX_READ_STRING and "\0" not in message_id:
        try:
            return _pack_header(17 + len(message_id), 0x80000004, 0, sequence) + f"{message_id}\0".encode("latin-1")
        except (UnicodeEncodeError, struct_error):
            pass
    return codec.write(body, sequence, status)


def _write_deliver_resp(body: DeliverSmResp, sequence: int, status: int) -> bytes:
    if not body.tlvs and not body.message_id:
        try:
            return _pack_bare_id(17, 0x80000005, status, sequence, 0)
        except struct_error:
            pass
    return codec.write(body, sequence, status)


def _message_reader(kind: type[Body]) -> Reader:
    """A reader of submit_sm or deliver_sm."""
    # Positional at run time only: `value` promises keywords to everybody else.
    build = cast(Callable[..., Body], kind)

    def read(data: bytes, at: int, end: int) -> Body:
        index = data.index
        start = at
        stop = index(0, at, end)
        service_type = data[at:stop].decode("latin-1") if stop > at else ""
        source = stop + 3
        stop = index(0, source, end)
        source_addr = data[source:stop].decode("latin-1")
        destination = stop + 3
        stop = index(0, destination, end)
        destination_addr = data[destination:stop].decode("latin-1")
        how = stop + 1
        at = stop + 4
        stop = index(0, at, end)
        schedule = data[at:stop].decode("latin-1") if stop > at else ""
        at = stop + 1
        stop = index(0, at, end)
        validity = data[at:stop].decode("latin-1") if stop > at else ""
        registered, replace, coding, default_id, size = _unpack_tail(data, stop + 1)
        at = stop + 6
        if at - start > MAX_READ_STRING:
            raise ValueError  # one of the strings may be too long: the judge shall measure them
        stop = at + size
        if stop == end:
            tlvs: Tlvs = ()
        elif stop < end:
            tlvs = _read_tlvs(data, stop, end)
        else:
            raise ValueError
        return build(
            service_type,
            data[source - 2],
            data[source - 1],
            source_addr,
            data[destination - 2],
            data[destination - 1],
            destination_addr,
            data[how],
            data[how + 1],
            data[how + 2],
            schedule,
            validity,
            registered,
            replace,
            coding,
            default_id,
            data[at:stop],
            tlvs,
        )

    def read_or_ask(header: Header, data: bytes, at: int, end: int) -> Body:
        try:
            return read(data, at, end)
        except _GIVE_UP:
            return codec.read(header, data, at, end)

    return read_or_ask


def _read_tlvs(data: bytes, at: int, end: int) -> Tlvs:
    found: list[tuple[int, bytes]] = []
    while at < end:
        tag, size = _unpack_pair(data, at)
        start = at + 4
        at = start + size
        found.append((tag, data[start:at]))
    if at != end:
        raise ValueError
    return tuple(found)


def _id_reader(kind: type[Body]) -> Reader:
    """A reader of a response whose body is one message_id."""
    build = cast(Callable[[str, Tlvs], Body], kind)

    def read(header: Header, data: bytes, at: int, end: int) -> Body:
        if at < end <= at + MAX_READ_STRING and not data[end - 1]:
            message_id = data[at : end - 1].decode("latin-1")
            if "\0" not in message_id:
                return build(message_id, ())
        return codec.read(header, data, at, end)

    return read


WRITERS: Final[Mapping[type[Body], Writer]] = {
    **dict.fromkeys(COMMAND_OF, codec.write),
    SubmitSm: _message_writer(CommandId.SUBMIT_SM),
    DeliverSm: _message_writer(CommandId.DELIVER_SM),
    SubmitSmResp: cast(Writer, _write_submit_resp),
    DeliverSmResp: cast(Writer, _write_deliver_resp),
}
"""The fastest right way to write each class."""

READERS: Final[Mapping[int, Reader]] = {
    **dict.fromkeys(LAYOUTS, codec.read),
    CommandId.SUBMIT_SM: _message_reader(SubmitSm),
    CommandId.DELIVER_SM: _message_reader(DeliverSm),
    CommandId.SUBMIT_SM_RESP: _id_reader(SubmitSmResp),
    CommandId.DELIVER_SM_RESP: _id_reader(DeliverSmResp),
}
"""The fastest right way to read each command."""
