"""Optional parameters (TLVs): raw in every PDU, typed when somebody asks.

A PDU carries `Tlvs` exactly as they stood on the wire: order, repetitions and unknown tags included, so nothing a
vendor adds is lost or harmful. `lookup` reads one by its row in `TLV_TABLE`, `make` writes one. An account with tags
of its own extends the table: `extended(TLV_TABLE, [TlvSpec(...)])`.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from connector.smpp.constants import Tag
from connector.smpp.errors import EncodeError, TlvError

Tlv = tuple[int, bytes]
Tlvs = tuple[Tlv, ...]


class TlvType(Enum):
    """How the octets of a value are to be read."""

    INT = "integer"
    CSTRING = "C-octet string"
    FILLED = "C-octet string that may fill its size, without a NUL"
    OCTETS = "octet string"
    FLAG = "no value"


class TlvSpec(NamedTuple):
    """One row: sizes are octets on the wire, a C-octet string's NUL included."""

    tag: int
    name: str
    type: TlvType
    min_size: int
    max_size: int


_INT, _STR, _OCT = TlvType.INT, TlvType.CSTRING, TlvType.OCTETS

# What a string may have at most when read. Peers write ids longer than the table's limit; a PDU is capped anyway.
_MAX_READ_STRING: Final = 255

# tag, type, smallest and largest size (3.4: 5.3.2; 5.0: 4.8.4; gateway.md for 0x2000 up). The name is the tag's, in
# lower case.
_ROWS: Final = (
    (Tag.DEST_ADDR_SUBUNIT, _INT, 1, 1),
    (Tag.DEST_NETWORK_TYPE, _INT, 1, 1),
    (Tag.DEST_BEARER_TYPE, _INT, 1, 1),
    (Tag.DEST_TELEMATICS_ID, _INT, 2, 2),
    (Tag.SOURCE_ADDR_SUBUNIT, _INT, 1, 1),
    (Tag.SOURCE_NETWORK_TYPE, _INT, 1, 1),
    (Tag.SOURCE_BEARER_TYPE, _INT, 1, 1),
    (Tag.SOURCE_TELEMATICS_ID, _INT, 1, 1),
    (Tag.QOS_TIME_TO_LIVE, _INT, 4, 4),
    (Tag.PAYLOAD_TYPE, _INT, 1, 1),
    (Tag.ADDITIONAL_STATUS_INFO_TEXT, _STR, 1, 256),
    (Tag.RECEIPTED_MESSAGE_ID, _STR, 1, 65),
    (Tag.MS_MSG_WAIT_FACILITIES, _INT, 1, 1),
    (Tag.PRIVACY_INDICATOR, _INT, 1, 1),
    (Tag.SOURCE_SUBADDRESS, _OCT, 2, 23),
    (Tag.DEST_SUBADDRESS, _OCT, 2, 23),
    (Tag.USER_MESSAGE_REFERENCE, _INT, 2, 2),
    (Tag.USER_RESPONSE_CODE, _INT, 1, 1),
    (Tag.SOURCE_PORT, _INT, 2, 2),
    (Tag.DESTINATION_PORT, _INT, 2, 2),
    (Tag.SAR_MSG_REF_NUM, _INT, 2, 2),
    (Tag.LANGUAGE_INDICATOR, _INT, 1, 1),
    (Tag.SAR_TOTAL_SEGMENTS, _INT, 1, 1),
    (Tag.SAR_SEGMENT_SEQNUM, _INT, 1, 1),
    (Tag.SC_INTERFACE_VERSION, _INT, 1, 1),
    (Tag.CALLBACK_NUM_PRES_IND, _INT, 1, 1),
    (Tag.CALLBACK_NUM_ATAG, _OCT, 0, 65),
    (Tag.NUMBER_OF_MESSAGES, _INT, 1, 1),
    (Tag.CALLBACK_NUM, _OCT, 4, 19),
    (Tag.DPF_RESULT, _INT, 1, 1),
    (Tag.SET_DPF, _INT, 1, 1),
    (Tag.MS_AVAILABILITY_STATUS, _INT, 1, 1),
    (Tag.NETWORK_ERROR_CODE, _OCT, 3, 3),
    (Tag.MESSAGE_PAYLOAD, _OCT, 0, 65535),
    (Tag.DELIVERY_FAILURE_REASON, _INT, 1, 1),
    (Tag.MORE_MESSAGES_TO_SEND, _INT, 1, 1),
    (Tag.MESSAGE_STATE, _INT, 1, 1),
    (Tag.CONGESTION_STATE, _INT, 1, 1),
    (Tag.USSD_SERVICE_OP, _INT, 1, 1),
    (Tag.BROADCAST_CHANNEL_INDICATOR, _INT, 1, 1),
    (Tag.BROADCAST_CONTENT_TYPE, _OCT, 3, 3),
    (Tag.BROADCAST_CONTENT_TYPE_INFO, _OCT, 0, 255),
    (Tag.BROADCAST_MESSAGE_CLASS, _INT, 1, 1),
    (Tag.BROADCAST_REP_NUM, _INT, 2, 2),
    (Tag.BROADCAST_FREQUENCY_INTERVAL, _OCT, 3, 3),
    (Tag.BROADCAST_AREA_IDENTIFIER, _OCT, 1, 100),
    (Tag.BROADCAST_ERROR_STATUS, _INT, 4, 4),
    (Tag.BROADCAST_AREA_SUCCESS, _INT, 1, 1),
    (Tag.BROADCAST_END_TIME, _STR, 17, 17),
    (Tag.BROADCAST_SERVICE_GROUP, _OCT, 1, 255),
    (Tag.BILLING_IDENTIFICATION, _OCT, 1, 1024),
    (Tag.SOURCE_NETWORK_ID, _STR, 7, 65),
    (Tag.DEST_NETWORK_ID, _STR, 7, 65),
    (Tag.SOURCE_NODE_ID, _OCT, 6, 6),
    (Tag.DEST_NODE_ID, _OCT, 6, 6),
    (Tag.DEST_ADDR_NP_RESOLUTION, _INT, 1, 1),
    (Tag.DEST_ADDR_NP_INFORMATION, _OCT, 10, 10),
    (Tag.DEST_ADDR_NP_COUNTRY, _INT, 1, 4),
    (Tag.DISPLAY_TIME, _INT, 1, 1),
    (Tag.SMS_SIGNAL, _INT, 2, 2),
    (Tag.MS_VALIDITY, _OCT, 1, 4),
    (Tag.ALERT_ON_MESSAGE_DELIVERY, TlvType.FLAG, 0, 1),
    (Tag.ITS_REPLY_TYPE, _INT, 1, 1),
    (Tag.ITS_SESSION_INFO, _OCT, 2, 2),
    (Tag.COST, TlvType.FILLED, 0, 6),
    (Tag.FLAGS, _INT, 2, 2),
    (Tag.PARTS, _INT, 2, 2),
    # Five digits by the gateway's page, six where the operator code has three.
    (Tag.MCCMNC, TlvType.FILLED, 0, 6),
    (Tag.ADDITIONAL_STATUS, _INT, 2, 2),
)

TLV_TABLE: Final[Mapping[int, TlvSpec]] = MappingProxyType(
    {int(tag): TlvSpec(int(tag), tag.name.lower(), kind, low, high) for tag, kind, low, high in _ROWS}
)


def extended(table: Mapping[int, TlvSpec], rows: Iterable[TlvSpec]) -> Mapping[int, TlvSpec]:
    """The table with an account's own rows added; a row of a known tag replaces it."""
    return MappingProxyType({**table, **{row.tag: row for row in rows}})


def tag_name(tag: int, table: Mapping[int, TlvSpec] = TLV_TABLE) -> str:
    """The specification's name, or the tag as four hex digits."""
    spec = table.get(tag)
    return spec.name if spec else f"0x{tag:04X}"


def raw(tlvs: Tlvs, tag: int) -> bytes | None:
    """The octets of the first parameter with this tag; None where there is none."""
    for each, value in tlvs:
        if each == tag:
            return value
    return None


def lookup(tlvs: Tlvs, tag: int, table: Mapping[int, TlvSpec] = TLV_TABLE) -> int | str | bytes | None:
    """The first parameter with this tag as its type: integers are int, C-octet strings str (latin-1, up to the first
    NUL if there is one), everything else and unknown tags bytes; a flag is its octets.

    Lenient where peers are careless and the meaning is plain: an integer may have any size from 1 to 4 octets, a
    string may lack its NUL or pass the table's limit. Raises TlvError for anything else the type does not allow.
    """
    value = raw(tlvs, tag)
    if value is None:
        return None
    spec = table.get(tag)
    if spec is None:
        return value
    size = len(value)
    if spec.type is TlvType.INT:
        if not 1 <= size <= max(4, spec.max_size):
            raise TlvError(f"{spec.name} is an integer of {spec.max_size} octets, found {size}")
        return int.from_bytes(value, "big")
    if spec.type is TlvType.CSTRING or spec.type is TlvType.FILLED:
        text = value.split(b"\0", 1)[0]
        if len(text) > max(_MAX_READ_STRING, spec.max_size):
            raise TlvError(f"{spec.name} is a string of at most {spec.max_size} octets, found {len(text)}")
        return text.decode("latin-1")
    if not spec.min_size <= size <= spec.max_size:
        raise TlvError(f"{spec.name} has {spec.min_size} to {spec.max_size} octets, found {size}")
    return value


def make(tag: int, value: int | str | bytes, table: Mapping[int, TlvSpec] = TLV_TABLE) -> Tlv:
    """One parameter for the wire. bytes go out as they are, whatever the type, if their size is allowed.

    Raises EncodeError when the value does not fit its row, or when an unknown tag is given anything but bytes.
    """
    spec = table.get(tag)
    if not 0 <= tag <= 0xFFFF:
        raise EncodeError(f"a tag is 0 to 0xFFFF, found {tag:#x}")
    if spec is None:
        if not isinstance(value, bytes):
            raise EncodeError(f"tag 0x{tag:04X} has no row in the table, so its value must be bytes")
        octets = value
        low, high = 0, 0xFFFF
    else:
        octets = _octets(spec, value)
        low, high = spec.min_size, spec.max_size
    if not low <= len(octets) <= high:
        raise EncodeError(f"{tag_name(tag, table)} has {low} to {high} octets, found {len(octets)}")
    return (tag, octets)


def _octets(spec: TlvSpec, value: int | str | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        if spec.type is not TlvType.INT:
            raise EncodeError(f"{spec.name} is not an integer")
        if not 0 <= value < 1 << (8 * spec.max_size):
            raise EncodeError(f"{spec.name} is an unsigned integer of {spec.max_size} octets")
        return value.to_bytes(spec.max_size, "big")
    if spec.type is not TlvType.CSTRING and spec.type is not TlvType.FILLED:
        raise EncodeError(f"{spec.name} is not a string")
    try:
        text = value.encode("latin-1")
    except UnicodeEncodeError:
        raise EncodeError(f"{spec.name} holds characters outside latin-1") from None
    if b"\0" in text:
        raise EncodeError(f"{spec.name} holds a NUL")
    if spec.type is TlvType.FILLED and len(text) == spec.max_size:
        return text
    return text + b"\0"
