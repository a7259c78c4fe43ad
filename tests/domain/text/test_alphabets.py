"""Alphabets: every character that exists in one survives it, and every other is refused by a kind, never by quoting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import gsm as smpplib_gsm

from connector.domain.text import Alphabet, TextError, check, decode, encode
from connector.domain.text.alphabets import GSM_BASIC, GSM_CHARACTERS, GSM_EXTENSION, decode_gsm, try_encode
from tests.domain.text.texts import gsm_basic, gsm_texts, latin1_texts, ucs2_texts

# TS 23.038 section 6.2.1, read column by column, independent of the product's row by row table.
_POINTS = [
    *(0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5, 0xE5),
    *(0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, None, 0xC6, 0xE6, 0xDF, 0xC9),
    *(0x20, 0x21, 0x22, 0x23, 0xA4, *range(0x25, 0x40)),
    *(0xA1, *range(0x41, 0x5B), 0xC4, 0xD6, 0xD1, 0xDC, 0xA7),
    *(0xBF, *range(0x61, 0x7B), 0xE4, 0xF6, 0xF1, 0xFC, 0xE0),
]


def test_the_default_alphabet_is_that_of_the_specification() -> None:
    assert len(_POINTS) == len(GSM_BASIC) == 128
    for septet, point in enumerate(_POINTS):
        if point is not None:
            assert encode(chr(point), Alphabet.GSM) == bytes((septet,))
            assert decode(bytes((septet,)), 0x00, strict=True) == chr(point)


def test_the_extension_table_is_that_of_the_specification() -> None:
    pairs = {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40}
    for character, septet in {**pairs, "€": 0x65}.items():
        assert encode(character, Alphabet.GSM) == bytes((0x1B, septet))
        assert decode(bytes((0x1B, septet)), 0x00, strict=True) == character
    assert len(GSM_EXTENSION) == 10


def test_nothing_else_in_unicode_is_gsm() -> None:
    carried = {chr(point) for point in range(0x110000) if try_encode(chr(point), Alphabet.GSM) is not None}
    assert carried == GSM_CHARACTERS
    assert len(carried) == 137


@given(gsm_texts)
def test_gsm_text_comes_back(text: str) -> None:
    assert decode_gsm(encode(text, Alphabet.GSM)) == (text, True)


@given(latin1_texts)
def test_latin1_text_comes_back(text: str) -> None:
    assert decode(encode(text, Alphabet.LATIN1), 0x04) == text


@given(ucs2_texts)
def test_ucs2_text_comes_back(text: str) -> None:
    assert decode(encode(text, Alphabet.UCS2), 0x08, strict=True) == text


@given(st.lists(gsm_basic).map("".join), st.sampled_from("^{}\\[~]|€"))
def test_smpplib_encodes_the_same_octets(text: str, extension: str) -> None:
    """smpplib lacks the section sign, the form feed and a right escape, and takes the grave accent for a filler."""
    text = text.replace("§", "") + extension
    assert encode(text, Alphabet.GSM) == smpplib_gsm.gsm_encode(text)


@pytest.mark.parametrize("alphabet", Alphabet)
@pytest.mark.parametrize("lone", ["\ud83d", "x\udfff", "\ude00\ud83d", "€\ud800"])
def test_half_a_surrogate_pair_is_refused(alphabet: Alphabet, lone: str) -> None:
    with pytest.raises(TextError) as refused:
        encode(lone, alphabet)
    assert refused.value.code == "text-lone-surrogate"


@pytest.mark.parametrize("alphabet", Alphabet)
def test_nul_is_refused(alphabet: Alphabet) -> None:
    with pytest.raises(TextError) as refused:
        encode("a\0b", alphabet)
    assert refused.value.code == "text-nul"


def test_check_passes_what_some_alphabet_carries() -> None:
    check("é€😀\ufeff\x1b\n")


def test_the_escape_itself_is_no_character_of_gsm() -> None:
    with pytest.raises(TextError) as refused:
        encode("a\x1be", Alphabet.GSM)
    assert refused.value.code == "text-not-gsm"


def test_a_refusal_counts_by_kind_and_quotes_nothing() -> None:
    with pytest.raises(TextError) as refused:
        encode("kod 4711 тест 😀", Alphabet.GSM)
    assert str(refused.value) == "not in the GSM alphabet: 4 x letter, 1 x symbol or emoji"
    with pytest.raises(TextError) as refused:
        encode("5 €, e\u0301", Alphabet.LATIN1)
    assert refused.value.code == "text-not-latin1"
    assert str(refused.value) == "not in ISO-8859-1: 1 x symbol or emoji, 1 x combining mark"
    assert refused.value.__context__ is None


@given(st.binary(max_size=300))
def test_any_octets_read_as_gsm(octets: bytes) -> None:
    text, certain = decode_gsm(octets)
    if certain:
        assert encode(text, Alphabet.GSM) == octets


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"a\x1b", "a "),  # cut off by a sender that splits pairs
        (b"\x1b\x1be", " e"),  # reserved for a further table: a space
        (b"\x1bA", "A"),  # no such pair: the basic character shows
        (b"caf\xe9", "café"),  # ISO-8859-1 under coding 0
    ],
)
def test_octets_without_meaning_are_a_guess(octets: bytes, text: str) -> None:
    assert decode_gsm(octets) == (text, False)
    with pytest.raises(TextError):
        decode(octets, 0x00, strict=True)
