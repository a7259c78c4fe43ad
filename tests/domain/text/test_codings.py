"""data_coding: ours are the gateway's four bits; theirs are read whatever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.text import Alphabet, Reading, TextError, data_coding, decode, encode, read


@pytest.mark.parametrize(
    ("alphabet", "iso", "flash", "coding"),
    [
        (Alphabet.GSM, False, False, 0x00),
        (Alphabet.LATIN1, False, False, 0x04),
        (Alphabet.UCS2, False, False, 0x08),
        (Alphabet.GSM, False, True, 0x10),
        (Alphabet.LATIN1, False, True, 0x14),
        (Alphabet.UCS2, False, True, 0x18),
        (Alphabet.LATIN1, True, False, 0x00),
        (Alphabet.UCS2, True, False, 0x08),
        (Alphabet.LATIN1, True, True, 0x10),
    ],
)
def test_the_coding_sits_at_bits_two_and_three(alphabet: Alphabet, iso: bool, flash: bool, coding: int) -> None:
    assert data_coding(alphabet, iso=iso, flash=flash) == coding
    assert decode(encode("Grüße", alphabet), coding, iso=iso, strict=True) == "Grüße"


def test_gsm_has_no_coding_under_iso() -> None:
    with pytest.raises(ValueError, match="ISO-8859-1"):
        data_coding(Alphabet.GSM, iso=True)


@pytest.mark.parametrize(
    ("octets", "coding", "reading"),
    [
        (b"ab\x00", 0x00, Reading(text="ab@", coding="GSM", certain=True)),
        (b"ab@", 0x01, Reading(text="ab@", coding="ASCII", certain=True)),
        (b"\xe4", 0x01, Reading(text="ä", coding="ASCII", certain=False)),
        (b"\x01\x02", 0x02, Reading(text=None, coding="BINARY", certain=True)),
        (b"\xe4", 0x03, Reading(text="ä", coding="LATIN1", certain=True)),
        (b"\xe4", 0x04, Reading(text="ä", coding="LATIN1", certain=True)),
        (b"\x01\xe4", 0x04, Reading(text="\x01ä", coding="LATIN1", certain=False)),
        (b"\xbf", 0x06, Reading(text="П", coding="ISO-8859-5", certain=True)),
        (b"\xe0", 0x07, Reading(text="א", coding="ISO-8859-8", certain=True)),
        (b"\xd8\x3d\xde\x00", 0x08, Reading(text="😀", coding="UCS2", certain=True)),
        (b"\x00a\x00", 0x08, Reading(text="a\ufffd", coding="UCS2", certain=False)),
        (b"\x00\xe4", 0x19, Reading(text="ä", coding="UCS2", certain=True)),
        (b"\x02", 0x20, Reading(text="\x02", coding="UNKNOWN", certain=False)),  # compressed
        (b"\x02", 0x41, Reading(text="$", coding="GSM", certain=True)),
        (b"a", 0x8F, Reading(text="a", coding="UNKNOWN", certain=False)),
        (b"\x02", 0xC8, Reading(text="$", coding="GSM", certain=True)),
        (b"\x00a", 0xE0, Reading(text="a", coding="UCS2", certain=True)),
        (b"\x02", 0xF0, Reading(text="$", coding="GSM", certain=True)),
        (b"\x02", 0xF5, Reading(text=None, coding="BINARY", certain=True)),
    ],
)
def test_inbound_codings(octets: bytes, coding: int, reading: Reading) -> None:
    assert read(octets, coding) == reading


def test_coding_zero_under_iso_is_latin1() -> None:
    assert read(b"@\xa7", 0x00, iso=True) == Reading(text="@§", coding="LATIN1", certain=True)
    assert read(b"@\xa7", 0xF0, iso=True).coding == "GSM", "a phone's own class bits are not the account's coding"


@given(st.binary(max_size=160), st.integers(0, 0xFF), st.booleans())
def test_any_octets_under_any_coding_are_read(octets: bytes, coding: int, iso: bool) -> None:
    reading = read(octets, coding, iso=iso)
    assert isinstance(decode(octets, coding, iso=iso), str)
    if reading.text is None or not reading.certain:
        with pytest.raises(TextError) as refused:
            decode(octets, coding, iso=iso, strict=True)
        assert refused.value.code == "text-undecodable"
    assert decode(b"", coding, iso=iso) == ""


def test_unknown_codings_keep_their_octets() -> None:
    octets = bytes(range(256))
    assert decode(octets, 0xB7).encode("latin-1") == octets
