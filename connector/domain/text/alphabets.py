"""The three alphabets of a submit_sm: which characters each has, and the octets they become.

The rule: what leaves here is what the handset shows. A character that an alphabet lacks is an error, never a question
mark, and nothing here replaces one (`typography` does, when asked). GSM text is unpacked, one septet to an octet, as
SMPP carries it. Next station: `segments`, which cuts these octets into parts.

Source of the tables: 3GPP TS 23.038, sections 6.2.1 (default alphabet) and 6.2.1.1 (extension table).
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Final

ESCAPE: Final = 0x1B
"""The septet that announces a character of the extension table."""

_NO: Final = "\ufffe"  # what the charmap codecs take for "undefined"

GSM_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"  # 0x00
    "Δ_ΦΓΛΩΠΨΣΘΞ" + _NO + "ÆæßÉ"  # 0x10; 0x1B is the escape, not a character
    " !\"#¤%&'()*+,-./"  # 0x20
    "0123456789:;<=>?"  # 0x30
    "¡ABCDEFGHIJKLMNO"  # 0x40
    "PQRSTUVWXYZÄÖÑÜ§"  # 0x50
    "¿abcdefghijklmno"  # 0x60
    "pqrstuvwxyzäöñüà"  # 0x70
)
"""The default alphabet: the character at index n is septet n."""

GSM_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""The extension table: the septet after the escape, and its character. Each costs two septets."""


class Alphabet(Enum):
    """An alphabet the gateway takes; the order is the order of preference between equally short messages."""

    GSM = "GSM"
    LATIN1 = "LATIN1"
    UCS2 = "UCS2"


class TextError(ValueError):
    """A text that cannot be sent, or octets that cannot be read, as asked.

    `code` is a stable word; the message is a sentence for a person and never quotes the text.
    Codes: text-nul, text-lone-surrogate, text-not-gsm, text-not-latin1, text-gsm-under-iso, text-too-long,
    text-undecodable.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# Encoding goes through C. First each character becomes one octet: its septet, or its septet with the top bit set where
# it is of the extension table; then the few such octets become pairs. Text within ISO-8859-1, which is nearly all of
# it, takes a table of 256 octets; Greek capitals and the euro sign need the slower charmap.
_UNDEFINED: Final = 0xFF
_SINGLE_OCTETS: Final = GSM_BASIC + "".join(GSM_EXTENSION.get(septet, _NO) for septet in range(128))
_CHARMAP: Final = codecs.charmap_build(_SINGLE_OCTETS)
_LATIN_TABLE: Final = bytes(
    _SINGLE_OCTETS.index(chr(point)) if chr(point) in _SINGLE_OCTETS else _UNDEFINED for point in range(256)
)
_PAIRS: Final = tuple((bytes((0x80 | septet,)), bytes((ESCAPE, septet))) for septet in GSM_EXTENSION)

# Decoding is total: octets above 0x7F do not exist in GSM; senders that put ISO-8859-1 under coding 0 do.
_DECODING: Final = GSM_BASIC.replace(_NO, "\x1b") + "".join(map(chr, range(128, 256)))
_PAIR: Final = re.compile("\x1b(.?)", re.DOTALL)
_PAIR_FORM: Final = {GSM_BASIC[septet]: character for septet, character in GSM_EXTENSION.items()}

GSM_CHARACTERS: Final = frozenset(GSM_BASIC.replace(_NO, "")) | frozenset(GSM_EXTENSION.values())
"""Every character that GSM can carry."""

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def encode(text: str, alphabet: Alphabet) -> bytes:
    """The octets of a text as short_message carries them; an empty text is empty octets.

    Raises `TextError` where the alphabet lacks a character, and for NUL and lone surrogates in every alphabet.
    """
    octets = try_encode(text, alphabet)
    if octets is None:
        raise _unfit(text, alphabet)
    return octets


def try_encode(text: str, alphabet: Alphabet) -> bytes | None:
    """As `encode`, but None where the text does not fit, for callers that have another alphabet to try."""
    if alphabet is Alphabet.GSM:
        return _encode_gsm(text)
    if "\0" in text:
        return None
    try:
        return text.encode("latin-1" if alphabet is Alphabet.LATIN1 else "utf-16-be")
    except UnicodeEncodeError:
        return None


def check(text: str) -> None:
    """Raises `TextError` for what no alphabet carries: NUL (a terminator to many peers) and lone surrogates."""
    if "\0" in text:
        raise TextError("text-nul", f"the text holds {text.count(chr(0))} NUL character(s)")
    if lone := _LONE_SURROGATE.findall(text):
        raise TextError(
            "text-lone-surrogate", f"the text holds {len(lone)} half(s) of surrogate pairs, which are no characters"
        )


def decode_gsm(octets: bytes) -> tuple[str, bool]:
    """The text of unpacked GSM octets, and whether every octet meant something.

    Never raises. As section 6.2.1.1 asks, an unknown pair shows the basic character, a dangling or doubled
    escape a space. An octet above 0x7F is read as ISO-8859-1, as what is most likely meant.
    """
    text, _ = codecs.charmap_decode(octets, "strict", _DECODING)
    if "\x1b" not in text:
        return text, octets.isascii()
    certain = octets.isascii()

    def resolve(pair: re.Match[str]) -> str:
        nonlocal certain
        second = pair[1]
        found = _PAIR_FORM.get(second)
        if found is not None:
            return found
        certain = False
        return " " if second in ("", "\x1b") else second

    return _PAIR.sub(resolve, text), certain


def _encode_gsm(text: str) -> bytes | None:
    try:
        octets = text.encode("latin-1").translate(_LATIN_TABLE)
    except UnicodeEncodeError:
        try:
            octets = codecs.charmap_encode(text, "strict", _CHARMAP)[0]
        except UnicodeEncodeError:
            return None
    if octets.isascii():
        return octets
    if _UNDEFINED in octets:
        return None
    for single, pair in _PAIRS:
        octets = octets.replace(single, pair)
    return octets


def _unfit(text: str, alphabet: Alphabet) -> TextError:
    try:
        check(text)
    except TextError as error:
        return error
    if alphabet is Alphabet.GSM:
        missing = [character for character in text if character not in GSM_CHARACTERS]
        return TextError("text-not-gsm", f"not in the GSM alphabet: {_counted(missing)}")
    missing = [character for character in text if character > "\xff"]
    return TextError("text-not-latin1", f"not in ISO-8859-1: {_counted(missing)}")


_CLASSES: Final = {
    "L": "letter",
    "M": "combining mark",
    "N": "digit or number",
    "P": "punctuation mark",
    "S": "symbol or emoji",
    "Z": "space",
    "C": "control or unassigned character",
}


def _counted(characters: Iterable[str]) -> str:
    counts = Counter(_CLASSES[unicodedata.category(character)[0]] for character in characters)
    return ", ".join(f"{count} x {name}" for name, count in counts.most_common())
