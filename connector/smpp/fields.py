"""How one mandatory field stands on the wire, and what is wrong with one that does not.

Each kind of field reads itself from `data[at:end]` and writes itself; `layouts` says which kinds make which PDU. A
field that cannot be read raises `FieldError` with the command_status that names the damage; `codec` turns it into a
MalformedPdu.
"""

from dataclasses import dataclass
from struct import error as struct_error
from struct import pack, unpack_from
from typing import Final

from connector.smpp.bodies import DistributionList, SmeAddress, UnsuccessSme
from connector.smpp.constants import CommandStatus
from connector.smpp.errors import EncodeError
from connector.smpp.tlv import Tlvs

TRUNCATED: Final = int(CommandStatus.ESME_RINVCMDLEN)

MAX_TEXT: Final = 255
"""The longest short_message: 255 octets in 5.0, 254 in 3.4 (segments never come near either)."""

MAX_READ_STRING: Final = 254
"""What a C-octet string may have when read, NUL not counted, if its own limit is lower: peers pass the limits, and an
id or a sender of 70 characters is still readable."""


class FieldError(Exception):
    """A field of a received PDU cannot be read; `status` is what to answer. Where it is the optional parameters, `tlvs`
    are those before the damage."""

    def __init__(self, status: int, reason: str, tlvs: Tlvs | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.tlvs = tlvs


@dataclass(frozen=True, slots=True)
class Int:
    """An unsigned integer of one octet."""

    name: str

    def read(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        if at >= end:
            raise FieldError(TRUNCATED, f"{self.name} is missing")
        return data[at], at + 1

    def write(self, value: int) -> bytes:
        if not 0 <= value <= 255:
            raise EncodeError(f"{self.name} is 0 to 255")
        return bytes((value,))


@dataclass(frozen=True, slots=True)
class CString:
    """Characters of latin-1 and a NUL; `size` is the largest, NUL included, as the specification prints it."""

    name: str
    size: int
    status: int = TRUNCATED

    def read(self, data: bytes, at: int, end: int) -> tuple[str, int]:
        stop = data.find(0, at, end)
        if stop < 0:
            raise FieldError(TRUNCATED, f"{self.name} does not end")
        limit = max(self.size - 1, MAX_READ_STRING)
        if stop - at > limit:
            raise FieldError(self.status, f"{self.name} has at most {limit} octets, found {stop - at}")
        return data[at:stop].decode("latin-1"), stop + 1

    def write(self, value: str) -> bytes:
        try:
            octets = value.encode("latin-1")
        except UnicodeEncodeError:
            raise EncodeError(f"{self.name} holds characters outside latin-1") from None
        if 0 in octets:
            raise EncodeError(f"{self.name} holds a NUL")
        if len(octets) >= self.size:
            raise EncodeError(f"{self.name} has at most {self.size - 1} characters, found {len(octets)}")
        return octets + b"\0"


@dataclass(frozen=True, slots=True)
class Text:
    """sm_length and short_message."""

    name: str = "short_message"

    def read(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        if at >= end:
            raise FieldError(TRUNCATED, "sm_length is missing")
        stop = at + 1 + data[at]
        if stop > end:
            reason = f"sm_length is {data[at]}, but {end - at - 1} octets follow"
            raise FieldError(CommandStatus.ESME_RINVMSGLEN, reason)
        return data[at + 1 : stop], stop

    def write(self, value: bytes) -> bytes:
        if len(value) > MAX_TEXT:
            raise EncodeError(f"{self.name} has at most {MAX_TEXT} octets, found {len(value)}; use message_payload")
        return bytes((len(value),)) + value


_TON: Final = Int("dest_addr_ton")
_NPI: Final = Int("dest_addr_npi")
_ADDRESS: Final = CString("destination_addr", 255, CommandStatus.ESME_RINVDSTADR)
_LIST: Final = CString("dl_name", 21, CommandStatus.ESME_RINVDLNAME)


@dataclass(frozen=True, slots=True)
class Destinations:
    """number_of_dests and the destinations of submit_multi (3.4: 4.5.1.1)."""

    name: str = "dest_address"

    def read(self, data: bytes, at: int, end: int) -> tuple[tuple[SmeAddress | DistributionList, ...], int]:
        count, at = Int("number_of_dests").read(data, at, end)
        found: list[SmeAddress | DistributionList] = []
        for _ in range(count):
            flag, at = Int("dest_flag").read(data, at, end)
            if flag == 1:
                ton, at = _TON.read(data, at, end)
                npi, at = _NPI.read(data, at, end)
                address, at = _ADDRESS.read(data, at, end)
                found.append(SmeAddress(dest_addr_ton=ton, dest_addr_npi=npi, destination_addr=address))
            elif flag == 2:
                name, at = _LIST.read(data, at, end)
                found.append(DistributionList(dl_name=name))
            else:
                raise FieldError(CommandStatus.ESME_RINVDESTFLAG, f"dest_flag is 1 or 2, found {flag}")
        return tuple(found), at

    def write(self, value: tuple[SmeAddress | DistributionList, ...]) -> bytes:
        if len(value) > 255:
            raise EncodeError(f"{self.name} has at most 255 destinations, found {len(value)}")
        parts = [bytes((len(value),))]
        for each in value:
            match each:
                case SmeAddress():
                    parts.append(b"\x01" + _TON.write(each.dest_addr_ton) + _NPI.write(each.dest_addr_npi))
                    parts.append(_ADDRESS.write(each.destination_addr))
                case DistributionList():
                    parts.append(b"\x02" + _LIST.write(each.dl_name))
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Failures:
    """no_unsuccess and the destinations that submit_multi did not reach (3.4: 4.5.2.1)."""

    name: str = "unsuccess_sme"

    def read(self, data: bytes, at: int, end: int) -> tuple[tuple[UnsuccessSme, ...], int]:
        count, at = Int("no_unsuccess").read(data, at, end)
        found: list[UnsuccessSme] = []
        for _ in range(count):
            ton, at = _TON.read(data, at, end)
            npi, at = _NPI.read(data, at, end)
            address, at = _ADDRESS.read(data, at, end)
            if at + 4 > end:
                raise FieldError(TRUNCATED, "error_status_code is missing")
            (code,) = unpack_from(">I", data, at)
            at += 4
            found.append(
                UnsuccessSme(dest_addr_ton=ton, dest_addr_npi=npi, destination_addr=address, error_status_code=code)
            )
        return tuple(found), at

    def write(self, value: tuple[UnsuccessSme, ...]) -> bytes:
        if len(value) > 255:
            raise EncodeError(f"{self.name} has at most 255 destinations, found {len(value)}")
        parts = [bytes((len(value),))]
        for each in value:
            if not 0 <= each.error_status_code <= 0xFFFFFFFF:
                raise EncodeError("error_status_code is an unsigned integer of 4 octets")
            parts.append(_TON.write(each.dest_addr_ton) + _NPI.write(each.dest_addr_npi))
            parts.append(_ADDRESS.write(each.destination_addr) + pack(">I", each.error_status_code))
        return b"".join(parts)


Field = Int | CString | Text | Destinations | Failures


def read_tlvs(data: bytes, at: int, end: int) -> Tlvs:
    """The optional parameters in `data[at:end]`. Raises FieldError unless they end exactly there."""
    found: list[tuple[int, bytes]] = []
    while at < end:
        if at + 4 > end:
            reason = f"{end - at} octets after the last parameter"
            raise FieldError(CommandStatus.ESME_RINVOPTPARSTREAM, reason, tuple(found))
        tag, size = unpack_from(">HH", data, at)
        at += 4
        if at + size > end:
            reason = f"parameter 0x{tag:04X} has {size} octets, but {end - at} follow"
            raise FieldError(CommandStatus.ESME_RINVPARLEN, reason, tuple(found))
        found.append((tag, data[at : at + size]))
        at += size
    return tuple(found)


def write_tlvs(tlvs: Tlvs) -> bytes:
    """Raises EncodeError for a tag or a size that 16 bits cannot hold."""
    parts: list[bytes] = []
    for tag, octets in tlvs:
        try:
            parts.append(pack(">HH", tag, len(octets)))
        except struct_error:
            raise EncodeError(f"parameter {tag:#x} has {len(octets)} octets; tag and size are 16 bits each") from None
        parts.append(octets)
    return b"".join(parts)
