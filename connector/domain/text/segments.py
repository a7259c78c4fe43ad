"""A text becomes the parts of a concatenated message.

The rule: a part never ends inside an escape pair or a surrogate pair, nor inside a CR LF or a grapheme cluster where
that cluster fits a part at all; and the same message with the same reference gives the same octets, so a resend is
identical. References are an argument here, made from the message id by `reference_of`. Next station: `translate`.

Sizes: 140 octets of user data, less the header (3GPP TS 23.040, section 9.2.3.24); gateway.md for ISO-8859-1.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from itertools import pairwise
from typing import Final

from connector.domain.messages import Coding
from connector.domain.text.alphabets import ESCAPE, Alphabet, TextError, check, encode, try_encode
from connector.domain.text.clusters import last_cut

USER_DATA: Final = 140
"""Octets of user data in one short message, header included."""

MOST_PARTS: Final = 255
"""The total is one octet, in the header and in sar_total_segments alike."""

_CONCAT_8: Final = b"\x00\x03"
_CONCAT_16: Final = b"\x08\x04"
_CR: Final = 0x0D
_LF: Final = 0x0A


class Concatenation(StrEnum):
    """How the parts of a long message are tied together.

    UDH8, UDH16: a user data header with an 8 or 16 bit reference. SAR: the sar_* TLVs, with the sizes of UDH8, since
    the gateway has to make such a header of them. PAYLOAD: no parts, everything in message_payload.
    """

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"

    @property
    def reference_bits(self) -> int:
        """The width of the reference: 8 or 16, and 0 where there is none."""
        return _REFERENCE_BITS[self]


_REFERENCE_BITS: Final = {
    Concatenation.UDH8: 8,
    Concatenation.UDH16: 16,
    Concatenation.SAR: 16,
    Concatenation.PAYLOAD: 0,
}
# Octets the header takes in a part of several; SAR reserves what the gateway will need.
_HEADER: Final = {Concatenation.UDH8: 6, Concatenation.UDH16: 7, Concatenation.SAR: 6, Concatenation.PAYLOAD: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One part. `udh` is the whole user data header, its length octet included, or empty; `payload` follows it.

    `index` counts from 1 to `total`; `reference` is None for a message of one part.
    """

    payload: bytes = field(repr=False)
    udh: bytes = field(default=b"", repr=False)
    index: int = 1
    total: int = 1
    reference: int | None = None


def capacity(alphabet: Alphabet, header: int = 0) -> int:
    """Code units (septets, octets or 16-bit units) of one part beside `header` octets of user data header.

    160, 140, 70 with none; 153, 134, 67 with 6 octets; 152, 133, 66 with 7.
    """
    octets = USER_DATA - header
    match alphabet:
        case Alphabet.GSM:
            return octets * 8 // 7
        case Alphabet.LATIN1:
            return octets
        case Alphabet.UCS2:
            return octets // 2


def choose(
    text: str, *, wanted: Coding = Coding.AUTO, iso: bool = False, concatenation: Concatenation = Concatenation.UDH8
) -> Alphabet:
    """The alphabet to send a text in.

    AUTO takes the one with the fewest parts; between equals GSM, then LATIN1, then UCS2. Under `iso` (system_type
    ISO) coding 0 is ISO-8859-1, so GSM cannot be had. Raises `TextError` where the wanted alphabet cannot hold the
    text, and for NUL and lone surrogates.
    """
    if wanted is not Coding.AUTO:
        alphabet = Alphabet[wanted.name]
        if alphabet is Alphabet.GSM and iso:
            raise TextError("text-gsm-under-iso", "GSM was asked for, but coding 0 of this account is ISO-8859-1")
        encode(text, alphabet)
        return alphabet
    octets = None if iso else try_encode(text, Alphabet.GSM)
    if octets is not None:
        if len(octets) <= 160 or len(octets) == len(text):
            # One part, or no character costs two septets: nothing is shorter.
            return Alphabet.GSM
        # Escapes can make GSM longer than ISO-8859-1 (never than UCS2: a pair is 14 bits to its 16).
        latin = try_encode(text, Alphabet.LATIN1)
        if latin is None:
            return Alphabet.GSM
        header = _HEADER[concatenation]
        fewer = _count_octets(latin, Alphabet.LATIN1, header) < _count_octets(octets, Alphabet.GSM, header)
        return Alphabet.LATIN1 if fewer else Alphabet.GSM
    if try_encode(text, Alphabet.LATIN1) is not None:
        return Alphabet.LATIN1
    check(text)
    return Alphabet.UCS2


def segment(
    text: str,
    alphabet: Alphabet,
    *,
    concatenation: Concatenation,
    reference: int,
    reserve: int = 0,
    elements: bytes = b"",
) -> tuple[Segment, ...]:
    """The parts of a text, at least one (an empty text is one empty part).

    `reference` is cut to the bits the scheme has. `elements` are further information elements (type, length, data,
    without the header's length octet) that go into every part; `reserve` keeps that many octets more of each part
    free. Raises `TextError` as `encode` does, and above 255 parts.
    """
    octets = encode(text, alphabet)
    alone = capacity(alphabet, _header_octets(elements) + reserve)
    unit = 2 if alphabet is Alphabet.UCS2 else 1
    if concatenation is Concatenation.PAYLOAD or len(octets) <= alone * unit:
        return (Segment(payload=octets, udh=_header(elements)),)
    limit = capacity(alphabet, _HEADER[concatenation] + len(elements) + reserve)
    if alphabet is Alphabet.UCS2:
        cuts = _cuts_ucs2(text, octets, limit)
    else:
        cuts = _cuts_octets(octets, limit, gsm=alphabet is Alphabet.GSM)
    return _tied([octets[start:end] for start, end in pairwise(cuts)], concatenation, reference, elements)


def segment_octets(
    payload: bytes, *, concatenation: Concatenation, reference: int, elements: bytes = b""
) -> tuple[Segment, ...]:
    """The parts of binary data: 140 octets alone, 134 (133 with a 16 bit reference) among several.

    `elements` as in `segment`. Raises `TextError` above 255 parts.
    """
    if concatenation is Concatenation.PAYLOAD or len(payload) <= USER_DATA - _header_octets(elements):
        return (Segment(payload=payload, udh=_header(elements)),)
    limit = USER_DATA - _HEADER[concatenation] - len(elements)
    if limit < 1:
        raise ValueError("the information elements leave no room for data")
    pieces = [payload[start : start + limit] for start in range(0, len(payload), limit)]
    return _tied(pieces, concatenation, reference, elements)


def billed_parts(text: str, alphabet: Alphabet) -> int:
    """How many parts a text is billed as: those of an 8 bit header, whatever way it travels.

    Give it the subscriber's text, without the comment, and the alphabet that both travel in: a comment is not billed,
    but one that GSM lacks the letters for makes the text UCS2 as well. Raises `TextError` as `encode` does; does not
    mind 255.
    """
    octets = encode(text, alphabet)
    if alphabet is Alphabet.UCS2:
        if len(octets) <= USER_DATA:
            return 1
        return len(_cuts_ucs2(text, octets, capacity(alphabet, 6))) - 1
    return _count_octets(octets, alphabet, 6)


def billed_octets(size: int, *, elements: int = 0) -> int:
    """How many parts so many octets of binary data are billed as, `elements` being the octets of other information
    elements in each part: those of an 8 bit header, whatever way they travel."""
    if size <= USER_DATA - (elements + 1 if elements else 0):
        return 1
    return -(-size // (USER_DATA - 6 - elements))


def reference_of(message_id: str, bits: int) -> int:
    """A reference of so many bits (1 to 64) that depends on the message id alone, spread evenly."""
    digest = blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"sms-reference").digest()
    return int.from_bytes(digest, "big") >> (64 - bits)


def _count_octets(octets: bytes, alphabet: Alphabet, header: int) -> int:
    if len(octets) <= capacity(alphabet):
        return 1
    return len(_cuts_octets(octets, capacity(alphabet, header), gsm=alphabet is Alphabet.GSM)) - 1


def _cuts_octets(octets: bytes, limit: int, *, gsm: bool) -> list[int]:
    """The boundaries of the parts of GSM or ISO-8859-1 octets, from 0 to the length."""
    if limit < 2:
        raise ValueError("a part must have room for two octets")
    cuts = [0]
    at, length = 0, len(octets)
    while length - at > limit:
        end = at + limit
        if gsm and octets[end - 1] == ESCAPE:
            # An escape is never the second of a pair: the extension table has no 0x1B.
            end -= 1
        if octets[end] == _LF and octets[end - 1] == _CR and end - 1 > at:
            end -= 1
        cuts.append(end)
        at = end
    cuts.append(length)
    return cuts


def _cuts_ucs2(text: str, octets: bytes, limit: int) -> list[int]:
    """The boundaries in octets of the parts of UTF-16BE text, `limit` being 16-bit units."""
    if limit < 2:
        raise ValueError("a part must have room for a surrogate pair")
    astral = len(octets) != 2 * len(text)
    cuts = [0]
    at, start, length = 0, 0, len(octets)  # `at` counts octets, `start` the characters before them
    while length - at > 2 * limit:
        end = at + 2 * limit
        if astral and 0xDC <= octets[end] <= 0xDF:
            end -= 2
        reach = start + (len(octets[at:end].decode("utf-16-be")) if astral else (end - at) // 2)
        cut = last_cut(text, start, reach)
        if cut != reach:
            end = at + len(text[start:cut].encode("utf-16-be"))
        cuts.append(end)
        at, start = end, cut
    cuts.append(length)
    return cuts


def _tied(pieces: list[bytes], concatenation: Concatenation, reference: int, elements: bytes) -> tuple[Segment, ...]:
    total = len(pieces)
    if total > MOST_PARTS:
        raise TextError("text-too-long", f"{total} parts, where at most {MOST_PARTS} can be sent")
    bits = concatenation.reference_bits
    number = reference & ((1 << bits) - 1)
    match concatenation:
        case Concatenation.UDH8:
            tie = _CONCAT_8 + bytes((number, total))
        case Concatenation.UDH16:
            tie = _CONCAT_16 + number.to_bytes(2, "big") + bytes((total,))
        case _:
            tie = b""
    return tuple(
        Segment(
            payload=piece,
            udh=_header(tie + bytes((index,)) + elements) if tie else _header(elements),
            index=index,
            total=total,
            reference=number,
        )
        for index, piece in enumerate(pieces, 1)
    )


def _header(elements: bytes) -> bytes:
    return bytes((len(elements),)) + elements if elements else b""


def _header_octets(elements: bytes) -> int:
    return len(elements) + 1 if elements else 0
