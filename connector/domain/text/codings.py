"""data_coding, in both directions: what we write on a submit_sm, and what a deliver_sm's octets mean.

The rule outbound is the gateway's (gateway.md, "data_coding"): the coding number at bits 2-3, class 0 for flash. The
rule inbound is to read whatever comes: no octets are an error, and `Reading.certain` says when the text is a guess, so
that a caller can publish the octets beside it. Sources: SMPP 3.4 section 5.2.19, 3GPP TS 23.038 section 4.
"""

from dataclasses import dataclass, field
from typing import Final

from connector.domain.text.alphabets import Alphabet, TextError, decode_gsm

FLASH: Final = 0x10
"""Message class 0: shown at once, not stored."""

BINARY_CODING: Final = 0x04
"""Octets that are no text; the gateway shares this coding with ISO-8859-1."""

# What the specifications give a name outside the general groups: data_coding -> (name for people, Python's codec).
_NAMED: Final = {
    0x01: ("ASCII", "ascii"),
    0x03: ("LATIN1", "latin-1"),
    0x05: ("JIS", "shift_jis"),
    0x06: ("ISO-8859-5", "iso8859_5"),
    0x07: ("ISO-8859-8", "iso8859_8"),
    0x0A: ("ISO-2022-JP", "iso2022_jp"),
    0x0D: ("EUC-JP", "euc_jp"),
    0x0E: ("KS C 5601", "euc_kr"),
}
# Controls that no one types: in "ISO-8859-1 text, or binary data" they say it is the second.
_UNTYPED: Final = frozenset(range(0x20)) - frozenset(b"\t\n\f\r\x1b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Octets as text. `text` is None for binary data; `coding` is the name of what they were read as.

    `certain` is false where some octet had no meaning in that coding, or the coding is unknown and the text is a
    guess by ISO-8859-1: keep the octets then.
    """

    text: str | None = field(repr=False)
    coding: str
    certain: bool


def data_coding(alphabet: Alphabet, *, iso: bool = False, flash: bool = False) -> int:
    """The data_coding of a text in this alphabet: 0x00, 0x04 or 0x08, and 0x10 more for flash.

    Under `iso` ISO-8859-1 is coding 0, which cannot be taken for binary. Raises `ValueError` for GSM under `iso`.
    """
    match alphabet:
        case Alphabet.GSM:
            if iso:
                raise ValueError("coding 0 of this account is ISO-8859-1: choose() does not give GSM here")
            coding = 0x00
        case Alphabet.LATIN1:
            coding = 0x00 if iso else 0x04
        case Alphabet.UCS2:
            coding = 0x08
    return coding | FLASH if flash else coding


def alphabet_of(coding: int, *, iso: bool = False) -> Alphabet | None:
    """The alphabet of an inbound data_coding, or None for binary, unknown, compressed and foreign ones."""
    if coding < 0x10 and coding not in (0x00, 0x04, 0x08):
        # Below 0x10 SMPP's own list holds, not the bits of TS 23.038.
        return Alphabet.LATIN1 if coding == 0x03 else None
    if coding <= 0x7F:  # general groups, with or without a class, to be kept or to be deleted by itself
        if coding & 0x20:  # compressed
            return None
        return (Alphabet.LATIN1 if iso else Alphabet.GSM, Alphabet.LATIN1, Alphabet.UCS2, None)[coding >> 2 & 3]
    if 0xC0 <= coding <= 0xDF:  # a message is waiting
        return Alphabet.GSM
    if 0xE0 <= coding <= 0xEF:
        return Alphabet.UCS2
    if coding >= 0xF0 and not coding & 0x04:  # a class; bit 2 says 8-bit data
        return Alphabet.GSM
    return None


def read(octets: bytes, coding: int, *, iso: bool = False) -> Reading:
    """What the octets of an inbound short_message (without its header) say. Never raises.

    Join the parts of one message first where they have one coding: some senders cut characters in two.
    """
    match alphabet_of(coding, iso=iso):
        case Alphabet.GSM:
            text, certain = decode_gsm(octets)
            return Reading(text=text, coding="GSM", certain=certain)
        case Alphabet.LATIN1:
            certain = _UNTYPED.isdisjoint(octets)
            return Reading(text=octets.decode("latin-1"), coding="LATIN1", certain=certain)
        case Alphabet.UCS2:
            return _read_ucs2(octets)
        case None:
            return _read_other(octets, coding)


def decode(octets: bytes, data_coding: int, *, iso: bool = False, strict: bool = False) -> str:
    """The text of the octets; binary and unknown codings come back as ISO-8859-1, one character an octet.

    With `strict`, raises `TextError` (text-undecodable) instead of guessing.
    """
    reading = read(octets, data_coding, iso=iso)
    if strict and (reading.text is None or not reading.certain):
        raise TextError(
            "text-undecodable", f"{len(octets)} octets are not clean text of data_coding {data_coding:#04x}"
        )
    return octets.decode("latin-1") if reading.text is None else reading.text


def _read_ucs2(octets: bytes) -> Reading:
    try:
        return Reading(text=octets.decode("utf-16-be"), coding="UCS2", certain=True)
    except UnicodeDecodeError:
        return Reading(text=octets.decode("utf-16-be", "replace"), coding="UCS2", certain=False)


def _read_other(octets: bytes, coding: int) -> Reading:
    if coding == 0x02 or coding >= 0xF0:
        return Reading(text=None, coding="BINARY", certain=True)
    if coding in _NAMED:
        name, codec = _NAMED[coding]
        try:
            return Reading(text=octets.decode(codec), coding=name, certain=True)
        except UnicodeDecodeError:
            return Reading(text=octets.decode("latin-1"), coding=name, certain=False)
    return Reading(text=octets.decode("latin-1"), coding="UNKNOWN", certain=False)
