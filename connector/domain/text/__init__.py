"""Text on its way to a handset and back: alphabets, parts, typography, data_coding. Pure, and imported by name."""

from connector.domain.text.alphabets import Alphabet, TextError, check, encode
from connector.domain.text.codings import BINARY_CODING, FLASH, Reading, data_coding, decode, read
from connector.domain.text.reasons import lacking, named, two_septets
from connector.domain.text.segments import (
    MOST_PARTS,
    USER_DATA,
    Concatenation,
    Segment,
    billed_octets,
    billed_parts,
    capacity,
    choose,
    reference_of,
    segment,
    segment_octets,
)
from connector.domain.text.typography import plain, plain_if_shorter

__all__ = [
    "BINARY_CODING",
    "FLASH",
    "MOST_PARTS",
    "USER_DATA",
    "Alphabet",
    "Concatenation",
    "Reading",
    "Segment",
    "TextError",
    "billed_octets",
    "billed_parts",
    "capacity",
    "check",
    "choose",
    "data_coding",
    "decode",
    "encode",
    "lacking",
    "named",
    "plain",
    "plain_if_shorter",
    "read",
    "reference_of",
    "segment",
    "segment_octets",
    "two_septets",
]
