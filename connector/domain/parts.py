"""What says that an inbound short message is part of a longer one, and the text of the parts once they are together.

The rule: a peer's header is never an error for the reader of a message. `read_part` takes what it can and names the
flaw; only `parse_udh`, which also serves headers of our own users, raises. Where parts wait for each other, and how
long, is the collect stage's business; this room only reads and joins.

Sources: 3GPP TS 23.040 section 9.2.3.24 (user data header), SMPP 3.4 sections 5.3.2.22 to 5.3.2.24 (sar_* TLVs).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from connector.domain.text.codings import Reading, read

UDHI: Final = 0x40
"""The bit of esm_class that says: short_message starts with a user data header."""

CONCAT_8: Final = 0x00
CONCAT_16: Final = 0x08

_SAR_REFERENCE: Final = 0x020C
_SAR_TOTAL: Final = 0x020E
_SAR_INDEX: Final = 0x020F

Elements = tuple[tuple[int, bytes], ...]
"""Information elements in their order on the wire: identifier, data."""


class UdhError(ValueError):
    """The octets are no user data header; the message says what is wrong and holds none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRef:
    """Which part of which message: `index` counts from 1 to `total`; `bits` is the width of the reference."""

    reference: int
    total: int
    index: int
    bits: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Udh:
    """A user data header: `length` octets on the wire (its length octet included), all its elements, what they say.

    `part` is None where there is no usable concatenation element; the specification has a receiver ignore one whose
    total is zero or whose index is not within it, and take the last where there are several.
    """

    length: int
    elements: Elements = field(repr=False)
    part: PartRef | None = None

    @property
    def others(self) -> Elements:
        """The elements that are no concatenation: ports, national tables, special indications and so on."""
        return tuple(element for element in self.elements if element[0] not in (CONCAT_8, CONCAT_16))


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPart:
    """One inbound short message without its header. `part` is None where it stands alone.

    `flaw` names what was wrong with the header, which then counts as none: `payload` is everything that came.
    """

    payload: bytes = field(repr=False)
    part: PartRef | None = None
    elements: Elements = field(default=(), repr=False)
    flaw: str | None = None


def parse_udh(octets: bytes) -> Udh:
    """The user data header at the start of `octets`. Raises `UdhError` where there is none."""
    if not octets:
        raise UdhError("no octets, where a user data header should start")
    length = octets[0] + 1
    if length > len(octets):
        raise UdhError(f"a user data header of {length} octets in {len(octets)}")
    elements: list[tuple[int, bytes]] = []
    at = 1
    while at < length:
        if at + 2 > length:
            raise UdhError(f"an information element without a length at octet {at}")
        end = at + 2 + octets[at + 1]
        if end > length:
            raise UdhError(f"an information element of {octets[at + 1]} octets at octet {at} of a header of {length}")
        elements.append((octets[at], octets[at + 2 : end]))
        at = end
    return Udh(length=length, elements=tuple(elements), part=_part_of(elements))


def sar_part(tlvs: Iterable[tuple[int, bytes]]) -> PartRef | None:
    """The part that the three sar_* TLVs name, or None where one is missing, of a wrong size or out of range."""
    found = {tag: value for tag, value in tlvs if tag in (_SAR_REFERENCE, _SAR_TOTAL, _SAR_INDEX)}
    reference, total, index = (found.get(tag, b"") for tag in (_SAR_REFERENCE, _SAR_TOTAL, _SAR_INDEX))
    if len(reference) != 2 or len(total) != 1 or len(index) != 1:
        return None
    return _part(int.from_bytes(reference, "big"), total[0], index[0], 16)


def read_part(payload: bytes, *, esm_class: int, tlvs: Iterable[tuple[int, bytes]] = ()) -> InboundPart:
    """An inbound short_message (or message_payload), split into header and content. Never raises.

    The header speaks first, the sar_* TLVs where it is silent.
    """
    udh: Udh | None = None
    flaw: str | None = None
    if esm_class & UDHI:
        try:
            udh = parse_udh(payload)
        except UdhError as error:
            flaw = str(error)
    if udh is None:
        return InboundPart(payload=payload, part=sar_part(tlvs), flaw=flaw)
    return InboundPart(payload=payload[udh.length :], part=udh.part or sar_part(tlvs), elements=udh.elements, flaw=flaw)


def join_parts(parts: Sequence[tuple[bytes, int]], *, iso: bool = False) -> Reading:
    """The text of several parts in their order, each as (payload, data_coding). Never raises.

    Neighbours of one coding are joined before they are read, since some senders cut an escape or surrogate pair in
    two; parts of different alphabets are read each by its own, and `coding` then names them all. If a part is binary
    the whole has no text.
    """
    readings = [
        read(b"".join(payload for payload, _ in run), coding, iso=iso)
        for coding, run in groupby(parts, key=lambda part: part[1])
    ]
    if len(readings) == 1:
        return readings[0]
    texts = [reading.text for reading in readings if reading.text is not None]
    return Reading(
        text="".join(texts) if len(texts) == len(readings) else None,
        coding="+".join(dict.fromkeys(reading.coding for reading in readings)) or "UNKNOWN",
        certain=bool(readings) and all(reading.certain for reading in readings),
    )


def _part_of(elements: Iterable[tuple[int, bytes]]) -> PartRef | None:
    part: PartRef | None = None
    for identifier, data in elements:
        if identifier == CONCAT_8 and len(data) == 3:
            part = _part(data[0], data[1], data[2], 8) or part
        elif identifier == CONCAT_16 and len(data) == 4:
            part = _part(data[0] << 8 | data[1], data[2], data[3], 16) or part
    return part


def _part(reference: int, total: int, index: int, bits: int) -> PartRef | None:
    if total == 0 or not 1 <= index <= total:
        return None
    return PartRef(reference=reference, total=total, index=index, bits=bits)
