"""Octets to values and back: `decode` one PDU, `encode` one PDU, and every PDU class, in one place to import from.

The classes are in `bodies`, their tables in `layouts`; the next station of a decoded PDU is `session`.
"""

from struct import Struct
from typing import Final

from connector.smpp import codec, quick
from connector.smpp.bodies import (
    AlertNotification,
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    Body,
    BroadcastSm,
    BroadcastSmResp,
    CancelBroadcastSm,
    CancelBroadcastSmResp,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Header,
    Outbind,
    QueryBroadcastSm,
    QueryBroadcastSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    UnknownPdu,
    UnsuccessSme,
)
from connector.smpp.codec import HEADER_SIZE
from connector.smpp.errors import EncodeError, FramingError, MalformedPdu
from connector.smpp.layouts import COMMAND_OF

MAX_PDU: Final = 65536
"""The longest PDU accepted, in octets, header included. Checked before anything is kept of it."""

_unpack_header = Struct(">4I").unpack_from
_new_tuple = tuple.__new__  # a third of the cost of Header(...)
_READERS = quick.READERS
_WRITERS = quick.WRITERS


def encode(body: Body, *, sequence: int, status: int = 0) -> bytes:
    """The octets of one PDU. `sequence` is 1 to 0x7FFFFFFF; any 4 octets to answer a peer who took no notice of that.

    Raises EncodeError for a value that does not fit its field. Addresses may have 254 characters here (an e-mail
    address is one); the usual 20 are the domain's rule.
    """
    return _WRITERS.get(type(body), codec.write)(body, sequence, status)


def decode_body(header: Header, data: bytes, at: int, end: int) -> Body:
    """The body in `data[at:end]` of a PDU whose header was read already. Raises MalformedPdu."""
    return _READERS.get(header.command_id, codec.read)(header, data, at, end)


def decode(frame: bytes, *, max_pdu: int = MAX_PDU) -> tuple[Header, Body]:
    """Exactly one PDU.

    A response with an error status may lack its body. An unknown command gives UnknownPdu.
    Raises FramingError when the frame is not one PDU by its own command_length, MalformedPdu when its body cannot be
    read.
    """
    if len(frame) < HEADER_SIZE:
        raise FramingError(f"a PDU has at least {HEADER_SIZE} octets, found {len(frame)}")
    header: Header = _new_tuple(Header, _unpack_header(frame))
    if not HEADER_SIZE <= header.length <= max_pdu:
        raise FramingError(f"command_length is {HEADER_SIZE} to {max_pdu}, found {header.length}")
    if header.length != len(frame):
        raise FramingError(f"command_length is {header.length}, but the frame has {len(frame)} octets")
    return header, decode_body(header, frame, HEADER_SIZE, header.length)


def command_of(body: Body) -> int:
    """The command_id a body goes out under."""
    return body.command_id if isinstance(body, UnknownPdu) else COMMAND_OF[type(body)]


__all__ = [
    "HEADER_SIZE",
    "MAX_PDU",
    "AlertNotification",
    "Bind",
    "BindReceiver",
    "BindReceiverResp",
    "BindResp",
    "BindTransceiver",
    "BindTransceiverResp",
    "BindTransmitter",
    "BindTransmitterResp",
    "Body",
    "BroadcastSm",
    "BroadcastSmResp",
    "CancelBroadcastSm",
    "CancelBroadcastSmResp",
    "CancelSm",
    "CancelSmResp",
    "DataSm",
    "DataSmResp",
    "DeliverSm",
    "DeliverSmResp",
    "DistributionList",
    "EncodeError",
    "EnquireLink",
    "EnquireLinkResp",
    "FramingError",
    "GenericNack",
    "Header",
    "MalformedPdu",
    "Outbind",
    "QueryBroadcastSm",
    "QueryBroadcastSmResp",
    "QuerySm",
    "QuerySmResp",
    "ReplaceSm",
    "ReplaceSmResp",
    "SmeAddress",
    "SubmitMulti",
    "SubmitMultiResp",
    "SubmitSm",
    "SubmitSmResp",
    "Unbind",
    "UnbindResp",
    "UnknownPdu",
    "UnsuccessSme",
    "command_of",
    "decode",
    "decode_body",
    "encode",
]
