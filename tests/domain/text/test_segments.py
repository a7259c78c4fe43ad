"""Segments: nothing is lost, nothing torn that a reader sees as one, no part is too big, the cheapest alphabet wins."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.domain.messages import Coding
from connector.domain.parts import PartRef, join_parts, parse_udh
from connector.domain.text import (
    Alphabet,
    Concatenation,
    Segment,
    TextError,
    billed_parts,
    capacity,
    choose,
    data_coding,
    encode,
    plain,
    reference_of,
    segment,
    segment_octets,
)
from connector.domain.text.clusters import may_cut
from tests.domain.text.texts import CLUSTERS, corpus, gsm_texts, texts

schemes = st.sampled_from(Concatenation)
TIED = [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR]

SIZES = {  # alone, and among several by UDH8, UDH16 and SAR: gateway.md and TS 23.040
    Alphabet.GSM: (160, 153, 152, 153),
    Alphabet.LATIN1: (140, 134, 133, 134),
    Alphabet.UCS2: (70, 67, 66, 67),
}
LETTER = {Alphabet.GSM: "a", Alphabet.LATIN1: "ç", Alphabet.UCS2: "я"}


def _octets(segments: tuple[Segment, ...]) -> list[int]:
    return [len(part.payload) for part in segments]


@pytest.mark.parametrize("alphabet", Alphabet)
def test_the_sizes_of_parts(alphabet: Alphabet) -> None:
    alone, *among = SIZES[alphabet]
    unit = 2 if alphabet is Alphabet.UCS2 else 1
    letter = LETTER[alphabet]
    for scheme, size in zip(TIED, among, strict=True):
        assert _octets(segment(letter * alone, alphabet, concatenation=scheme, reference=1)) == [alone * unit]
        assert _octets(segment(letter * (alone + 1), alphabet, concatenation=scheme, reference=1)) == [
            size * unit,
            (alone + 1 - size) * unit,
        ]
        longest = segment(letter * size * 255, alphabet, concatenation=scheme, reference=1)
        assert len(longest) == 255
        with pytest.raises(TextError, match="256 parts") as refused:
            segment(letter * (size * 255 + 1), alphabet, concatenation=scheme, reference=1)
        assert refused.value.code == "text-too-long"


def test_an_empty_text_is_one_empty_part() -> None:
    for scheme in Concatenation:
        assert segment("", Alphabet.GSM, concatenation=scheme, reference=1) == (Segment(payload=b""),)
    assert billed_parts("", Alphabet.GSM) == 1


def test_payload_is_never_cut() -> None:
    (only,) = segment("я" * 5000, Alphabet.UCS2, concatenation=Concatenation.PAYLOAD, reference=1)
    assert only == Segment(payload=("я" * 5000).encode("utf-16-be"))
    assert segment_octets(bytes(9000), concatenation=Concatenation.PAYLOAD, reference=1) == (
        Segment(payload=bytes(9000)),
    )


def test_headers() -> None:
    text = "a" * 400
    first, _, last = segment(text, Alphabet.GSM, concatenation=Concatenation.UDH8, reference=0x1234)
    assert (first.udh.hex(), last.udh.hex()) == ("050003340301", "050003340303")
    assert (last.index, last.total, last.reference) == (3, 3, 0x34)
    first, *_ = segment(text, Alphabet.GSM, concatenation=Concatenation.UDH16, reference=0x1234)
    assert (first.udh.hex(), first.reference) == ("06080412340301", 0x1234)
    first, *_ = segment(text, Alphabet.GSM, concatenation=Concatenation.SAR, reference=0x1234)
    assert (first.udh, first.index, first.total, first.reference) == (b"", 1, 3, 0x1234)


def test_further_elements_go_into_every_part_and_take_their_room() -> None:
    ports = bytes.fromhex("05040b8423f0")
    (only,) = segment_octets(bytes(133), concatenation=Concatenation.UDH8, reference=7, elements=ports)
    assert only.udh == b"\x06" + ports
    first, second = segment_octets(bytes(134), concatenation=Concatenation.UDH8, reference=7, elements=ports)
    assert first.udh == bytes.fromhex("0b0003070201") + ports
    assert (len(first.udh) + len(first.payload), len(second.payload)) == (140, 6)
    first, _ = segment("a" * 160, Alphabet.GSM, concatenation=Concatenation.SAR, reference=7, elements=ports)
    assert first.udh == b"\x06" + ports


def test_reserved_octets_stay_free() -> None:
    first, *_ = segment("я" * 70, Alphabet.UCS2, concatenation=Concatenation.UDH8, reference=1, reserve=7)
    assert len(first.payload) + len(first.udh) <= 140 - 7


def test_an_escape_pair_moves_to_the_next_part_whole() -> None:
    first, second = segment("a" * 152 + "€" * 5, Alphabet.GSM, concatenation=Concatenation.UDH8, reference=1)
    assert (first.payload, second.payload) == (b"a" * 152, b"\x1be" * 5)


def test_cr_lf_moves_to_the_next_part_whole() -> None:
    text = "a" * 152 + "\r\n" + "b" * 10
    first, second = segment(text, Alphabet.GSM, concatenation=Concatenation.UDH8, reference=1)
    assert (first.payload, second.payload) == (b"a" * 152, b"\r\n" + b"b" * 10)


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("short_by", range(1, 12))
def test_a_cluster_moves_to_the_next_part_whole(cluster: str, short_by: int) -> None:
    text = "я" * (67 - short_by) + cluster + "я" * 60
    first, *_ = segment(text, Alphabet.UCS2, concatenation=Concatenation.UDH8, reference=1)
    text_of_first = first.payload.decode("utf-16-be")
    if len(cluster.encode("utf-16-be")) // 2 <= short_by:
        assert text_of_first.startswith("я" * (67 - short_by) + cluster)
    else:
        assert text_of_first == "я" * (67 - short_by)


def test_a_cluster_that_fits_no_part_is_cut_between_characters() -> None:
    parts = segment("e" + "\u0301" * 200, Alphabet.UCS2, concatenation=Concatenation.UDH8, reference=1)
    assert _octets(parts) == [134, 134, 134]
    family = "👩" + "\u200d👩" * 60
    parts = segment(family, Alphabet.UCS2, concatenation=Concatenation.UDH8, reference=1)
    assert "".join(part.payload.decode("utf-16-be") for part in parts) == family


def _unsplit(text: str, alphabet: Alphabet, parts: tuple[Segment, ...], limit: int) -> None:
    """Asserts that every part is whole characters and, where clusters fit, whole clusters."""
    if alphabet is not Alphabet.UCS2:
        for part, following in pairwise(parts):
            escapes = len(part.payload) - len(part.payload.rstrip(b"\x1b"))
            assert alphabet is Alphabet.LATIN1 or escapes == 0
            assert not (part.payload.endswith(b"\r") and following.payload.startswith(b"\n"))
        return
    at, start = 0, 0
    for part in parts:
        at += len(part.payload.decode("utf-16-be"))  # raises for half a pair
        if not may_cut(text, at, start):
            assert not any(may_cut(text, earlier, start) for earlier in range(start + 1, at)), "a cut was possible"
            assert limit - len(part.payload) // 2 <= 1, "and the part was full"
        start = at


@given(texts, schemes, st.booleans(), st.integers(0, 0xFFFF))
@example("x" * 160 + "\r\n" * 80, Concatenation.UDH8, False, 0)
@example("[" * 100, Concatenation.UDH16, False, 255)
def test_every_text_survives(text: str, scheme: Concatenation, iso: bool, reference: int) -> None:
    alphabet = choose(text, iso=iso, concatenation=scheme)
    coding = data_coding(alphabet, iso=iso)
    parts = segment(text, alphabet, concatenation=scheme, reference=reference)
    assert segment(text, alphabet, concatenation=scheme, reference=reference) == parts
    reading = join_parts([(part.payload, coding) for part in parts], iso=iso)
    assert reading.text == text
    assert reading.coding == alphabet.value
    assert [part.index for part in parts] == list(range(1, len(parts) + 1))
    assert {part.total for part in parts} == {len(parts)}
    if scheme is Concatenation.PAYLOAD:
        return
    unit = 2 if alphabet is Alphabet.UCS2 else 1
    alone, *among = SIZES[alphabet]
    limit = alone if len(parts) == 1 else among[TIED.index(scheme)]
    assert all(len(part.payload) <= limit * unit for part in parts)
    assert all(part.payload for part in parts) or not text
    _unsplit(text, alphabet, parts, limit)
    if len(parts) > 1:
        number = reference & 0xFF if scheme is Concatenation.UDH8 else reference
        for part in parts:
            assert part.reference == number
            if part.udh:
                assert parse_udh(part.udh + part.payload).part == PartRef(
                    reference=number, total=part.total, index=part.index, bits=scheme.reference_bits
                )


@given(st.binary(max_size=2000), schemes, st.integers(0, 0xFFFF))
def test_every_binary_survives(payload: bytes, scheme: Concatenation, reference: int) -> None:
    parts = segment_octets(payload, concatenation=scheme, reference=reference)
    assert b"".join(part.payload for part in parts) == payload
    if scheme is not Concatenation.PAYLOAD:
        reserved = 6 if scheme is Concatenation.SAR and len(parts) > 1 else 0
        assert all(len(part.udh) + len(part.payload) + reserved <= 140 for part in parts)


@given(texts, st.booleans(), st.sampled_from(TIED))
def test_the_chosen_alphabet_has_the_fewest_parts(text: str, iso: bool, scheme: Concatenation) -> None:
    counts = {}
    for alphabet in Alphabet:
        if iso and alphabet is Alphabet.GSM:
            continue
        try:
            counts[alphabet] = len(segment(text, alphabet, concatenation=scheme, reference=1))
        except TextError as error:
            counts[alphabet] = 10_000 if error.code == "text-too-long" else 20_000
    best = min(counts, key=lambda alphabet: (counts[alphabet], list(Alphabet).index(alphabet)))
    if counts[best] < 10_000:
        assert choose(text, iso=iso, concatenation=scheme) is best


@given(texts)
def test_billed_parts_are_those_of_an_8_bit_header(text: str) -> None:
    alphabet = choose(text)
    parts = billed_parts(text, alphabet)
    assert parts > 255 or parts == len(segment(text, alphabet, concatenation=Concatenation.UDH8, reference=1))


@pytest.mark.parametrize(
    ("text", "iso", "alphabet"),
    [
        ("plain", False, Alphabet.GSM),
        ("plain", True, Alphabet.LATIN1),
        ("5 €", True, Alphabet.UCS2),
        ("5 € {x}", False, Alphabet.GSM),
        ("façade", False, Alphabet.LATIN1),
        ("Δ", False, Alphabet.GSM),
        ("[" * 80, False, Alphabet.GSM),
        ("[" * 81, False, Alphabet.LATIN1),  # 162 septets: two parts, where ISO-8859-1 needs one
        ("[" * 80 + "€", False, Alphabet.GSM),  # no ISO-8859-1 for the euro, and UCS2 is no shorter
        ("привет", False, Alphabet.UCS2),
        ("a\tb", False, Alphabet.LATIN1),
    ],
)
def test_automatic_choice(text: str, iso: bool, alphabet: Alphabet) -> None:
    assert choose(text, wanted=Coding.AUTO, iso=iso) is alphabet


def test_forced_choice() -> None:
    assert choose("plain", wanted=Coding.UCS2, iso=False) is Alphabet.UCS2
    assert choose("plain", wanted=Coding.LATIN1, iso=True) is Alphabet.LATIN1
    with pytest.raises(TextError) as refused:
        choose("привет", wanted=Coding.GSM, iso=False)
    assert refused.value.code == "text-not-gsm"
    with pytest.raises(TextError) as refused:
        choose("plain", wanted=Coding.GSM, iso=True)
    assert refused.value.code == "text-gsm-under-iso"


@pytest.mark.parametrize("wanted", Coding)
@pytest.mark.parametrize(("text", "code"), [("a\0", "text-nul"), ("a\ud800", "text-lone-surrogate")])
def test_what_no_alphabet_carries(text: str, code: str, wanted: Coding) -> None:
    with pytest.raises(TextError) as refused:
        choose(text, wanted=wanted, iso=False)
    assert refused.value.code == code


@given(st.text(st.characters(), max_size=200))
def test_only_our_own_error(text: str) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        with pytest.raises(TextError):
            choose(text)
    else:
        encode(text, choose(text))


def test_references_depend_on_the_message_alone() -> None:
    assert reference_of("message-1", 8) == reference_of("message-1", 16) >> 8
    assert {reference_of(f"message-{n}", 8) for n in range(4000)} == set(range(256))
    assert reference_of("message-1", 64) == 0x1AFE1AFC31B31C77, "the same in every process and version"


def test_capacity() -> None:
    for alphabet, (alone, udh8, udh16, _) in SIZES.items():
        assert (capacity(alphabet), capacity(alphabet, 6), capacity(alphabet, 7)) == (alone, udh8, udh16)


def test_a_megabyte_of_flags_is_refused_in_no_time() -> None:
    """The look back for pairs of regional indicators stays within a part."""
    with pytest.raises(TextError, match="parts"):
        segment("🇩" * 300_000, Alphabet.UCS2, concatenation=Concatenation.UDH8, reference=1)


def test_all_real_texts_survive() -> None:
    real = corpus()
    assert len(real) == 5574
    used = set()
    for text in (*real, *map(plain, real)):
        alphabet = choose(text)
        used.add(alphabet)
        for scheme in Concatenation:
            parts = segment(text, alphabet, concatenation=scheme, reference=0xABCD)
            assert join_parts([(part.payload, data_coding(alphabet)) for part in parts]).text == text
        alphabet = choose(text, iso=True)
        parts = segment(text, alphabet, concatenation=Concatenation.UDH8, reference=0xABCD)
        coding = data_coding(alphabet, iso=True)
        assert join_parts([(part.payload, coding) for part in parts], iso=True).text == text
    assert used == set(Alphabet)


@given(gsm_texts)
def test_gsm_is_never_longer_than_ucs2(text: str) -> None:
    """What `choose` relies on when it does not count UCS2."""
    assert billed_parts(text, Alphabet.GSM) <= billed_parts(text, Alphabet.UCS2)
