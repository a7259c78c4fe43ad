"""Inbound parts: what ties them is read where it is sound, ignored where it is not, and never an accident."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.parts import (
    UDHI,
    InboundPart,
    PartRef,
    UdhError,
    join_parts,
    parse_udh,
    read_part,
    sar_part,
)
from connector.domain.text import Alphabet, Concatenation, Reading, encode, segment

SOUND = [
    ("0500034203 01", PartRef(reference=0x42, total=3, index=1, bits=8)),
    ("06080412340302", PartRef(reference=0x1234, total=3, index=2, bits=16)),
    ("050003ffffff", PartRef(reference=255, total=255, index=255, bits=8)),
    ("0b05040b8423f0000342 0201", PartRef(reference=0x42, total=2, index=1, bits=8)),  # ports before
    ("0a0003 010201 0003 020202", PartRef(reference=2, total=2, index=2, bits=8)),  # twice: the last counts
    ("06 05040b8423f0", None),
    ("00", None),
    ("05 0003 42 00 01", None),  # total 0
    ("05 0003 42 03 00", None),  # index 0
    ("05 0003 42 03 04", None),  # index above the total
    ("04 0002 4203", None),  # a concatenation of a wrong size
]


@pytest.mark.parametrize(("udh", "part"), SOUND)
def test_sound_headers(udh: str, part: PartRef | None) -> None:
    octets = bytes.fromhex(udh)
    for junk in (b"", b"\x05\x00\x03\x01\x01\x01", b"text"):
        parsed = parse_udh(octets + junk)
        assert (parsed.length, parsed.part) == (len(octets), part)
        inbound = read_part(octets + junk, esm_class=UDHI)
        assert (inbound.payload, inbound.part, inbound.flaw) == (junk, part, None)


@pytest.mark.parametrize(("udh", "part"), [case for case in SOUND if case[0] != "00"])
def test_headers_cut_short_at_every_octet(udh: str, part: PartRef | None) -> None:
    octets = bytes.fromhex(udh)
    for length in range(len(octets)):
        with pytest.raises(UdhError):
            parse_udh(octets[:length])
        inbound = read_part(octets[:length], esm_class=UDHI)
        assert inbound.payload == octets[:length]
        assert inbound.flaw


@pytest.mark.parametrize("udh", ["0100", "020001", "03000301", "06000342030100", "040003420301"])
def test_elements_must_fill_their_header(udh: str) -> None:
    with pytest.raises(UdhError):
        parse_udh(bytes.fromhex(udh))


def test_other_elements_are_kept() -> None:
    parsed = parse_udh(bytes.fromhex("0b05040b8423f00003420201"))
    assert parsed.elements == ((0x05, bytes.fromhex("0b8423f0")), (0x00, bytes.fromhex("420201")))
    assert parsed.others == ((0x05, bytes.fromhex("0b8423f0")),)


def test_without_the_indicator_octets_are_text() -> None:
    octets = bytes.fromhex("050003420301")
    assert read_part(octets, esm_class=0x00) == InboundPart(payload=octets)


def _sar(reference: str, total: str, index: str) -> list[tuple[int, bytes]]:
    values = {0x020F: index, 0x020C: reference, 0x020E: total}
    return [(tag, bytes.fromhex(value)) for tag, value in values.items() if value]


def test_sar() -> None:
    assert sar_part(_sar("1234", "03", "02")) == PartRef(reference=0x1234, total=3, index=2, bits=16)
    for wrong in (
        ("", "03", "02"),
        ("12", "03", "02"),
        ("1234", "00", "00"),
        ("1234", "03", "04"),
        ("1234", "0003", "02"),
    ):
        assert sar_part(_sar(*wrong)) is None
    assert sar_part([]) is None
    tlvs = _sar("1234", "03", "02")
    assert read_part(b"text", esm_class=0, tlvs=tlvs).part == PartRef(reference=0x1234, total=3, index=2, bits=16)
    header = bytes.fromhex("050003420301")
    assert read_part(header, esm_class=UDHI, tlvs=tlvs).part == PartRef(reference=0x42, total=3, index=1), (
        "header first"
    )
    ports = bytes.fromhex("0605040b8423f0")
    assert read_part(ports, esm_class=UDHI, tlvs=tlvs).part == PartRef(reference=0x1234, total=3, index=2, bits=16)


@given(st.binary(max_size=60))
def test_any_octets_are_a_header_or_our_error(octets: bytes) -> None:
    inbound = read_part(octets, esm_class=UDHI)
    if inbound.flaw:
        assert inbound.payload == octets
        with pytest.raises(UdhError):
            parse_udh(octets)
        return
    parsed = parse_udh(octets)
    assert octets[: parsed.length] + inbound.payload == octets
    rebuilt = b"".join(bytes((identifier, len(data))) + data for identifier, data in parsed.elements)
    assert bytes((len(rebuilt),)) + rebuilt == octets[: parsed.length]


@given(st.lists(st.tuples(st.sampled_from([0x020C, 0x020E, 0x020F, 0x0424]), st.binary(max_size=4)), max_size=6))
def test_any_tlvs_are_a_part_or_none(tlvs: list[tuple[int, bytes]]) -> None:
    part = sar_part(tlvs)
    assert part is None or 1 <= part.index <= part.total <= 255


def test_our_own_parts_come_back() -> None:
    text = "Привет, 😀! " * 30
    parts = segment(text, Alphabet.UCS2, concatenation=Concatenation.UDH16, reference=0xBEEF)
    inbound = [read_part(part.udh + part.payload, esm_class=UDHI) for part in reversed(parts)]
    found = {part.part.index: part.payload for part in inbound if part.part}
    assert join_parts([(found[index], 0x08) for index in sorted(found)]).text == text


def test_a_pair_that_the_sender_cut_is_joined() -> None:
    assert join_parts([(b"a\x1b", 0x00), (b"eb", 0x00)]) == Reading(text="a€b", coding="GSM", certain=True)
    octets = encode("я😀я", Alphabet.UCS2)
    assert join_parts([(octets[:4], 0x08), (octets[4:], 0x08)]).text == "я😀я"


def test_parts_of_different_alphabets_are_read_each_by_its_own() -> None:
    parts = [(b"a@\x00"[:1], 0x00), (encode("я", Alphabet.UCS2), 0x08), (b"\x00", 0x00)]
    assert join_parts(parts) == Reading(text="aя@", coding="GSM+UCS2", certain=True)
    assert join_parts([(b"a", 0x00), (b"\x01", 0xF5)]).text is None


def test_parts_that_are_missing_altogether() -> None:
    assert join_parts([]) == Reading(text="", coding="UNKNOWN", certain=False)


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 255)), max_size=6), st.booleans())
def test_any_parts_join(parts: list[tuple[bytes, int]], iso: bool) -> None:
    join_parts(parts, iso=iso)
