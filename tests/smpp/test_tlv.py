"""Optional parameters: raw where unknown, typed where the table knows them, lenient where the meaning is plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.smpp.constants import Tag
from connector.smpp.errors import EncodeError, TlvError
from connector.smpp.tlv import TLV_TABLE, TlvSpec, TlvType, extended, lookup, make, raw, tag_name


@pytest.mark.parametrize(
    ("tag", "octets", "value"),
    [
        (Tag.MESSAGE_STATE, b"\x02", 2),
        (Tag.SAR_MSG_REF_NUM, b"\x12\x34", 0x1234),
        (Tag.SAR_MSG_REF_NUM, b"\x34", 0x34),
        (Tag.SOURCE_ADDR_SUBUNIT, b"\x00\x01", 1),
        (Tag.RECEIPTED_MESSAGE_ID, b"854019\x00", "854019"),
        (Tag.RECEIPTED_MESSAGE_ID, b"854019", "854019"),
        (Tag.RECEIPTED_MESSAGE_ID, b"\x00", ""),
        (Tag.RECEIPTED_MESSAGE_ID, b"a" * 65, "a" * 65),
        (Tag.COST, b"0.1234", "0.1234"),
        (Tag.COST, b"0.12\x00", "0.12"),
        (Tag.MCCMNC, b"25001", "25001"),
        (Tag.MCCMNC, b"310260", "310260"),
        (Tag.MCCMNC, b"310260\x00", "310260"),
        (Tag.NETWORK_ERROR_CODE, b"\x03\x00\xfb", b"\x03\x00\xfb"),
        (Tag.ALERT_ON_MESSAGE_DELIVERY, b"", b""),
        (Tag.MESSAGE_PAYLOAD, b"", b""),
        (0x3FFF, b"\xff", b"\xff"),
    ],
)
def test_a_parameter_is_read_as_its_type(tag: int, octets: bytes, value: object) -> None:
    assert lookup(((1, b"?"), (tag, octets), (tag, b"second")), tag) == value


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        (Tag.MESSAGE_STATE, b""),
        (Tag.MESSAGE_STATE, b"12345"),
        (Tag.NETWORK_ERROR_CODE, b"\x03\x00"),
        (Tag.RECEIPTED_MESSAGE_ID, b"a" * 300),
        (Tag.COST, b"1" * 256),
    ],
)
def test_a_size_that_makes_no_sense_is_a_tlv_error(tag: int, octets: bytes) -> None:
    with pytest.raises(TlvError, match=tag_name(tag)):
        lookup(((tag, octets),), tag)


def test_an_absent_parameter_is_none() -> None:
    assert lookup((), Tag.COST) is None
    assert raw(((1, b"x"),), Tag.COST) is None


@pytest.mark.parametrize(
    ("tag", "value", "octets"),
    [
        (Tag.SAR_MSG_REF_NUM, 0x1234, b"\x12\x34"),
        (Tag.SAR_TOTAL_SEGMENTS, 2, b"\x02"),
        (Tag.RECEIPTED_MESSAGE_ID, "854019", b"854019\x00"),
        (Tag.COST, "0.1234", b"0.1234"),
        (Tag.COST, "0.12", b"0.12\x00"),
        (Tag.MESSAGE_PAYLOAD, b"text", b"text"),
        (Tag.NETWORK_ERROR_CODE, b"\x03\x00\x01", b"\x03\x00\x01"),
        (0x3001, b"anything", b"anything"),
    ],
)
def test_a_parameter_is_made_from_its_type(tag: int, value: int | str | bytes, octets: bytes) -> None:
    assert make(tag, value) == (tag, octets)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (Tag.SAR_TOTAL_SEGMENTS, 256),
        (Tag.SAR_TOTAL_SEGMENTS, -1),
        (Tag.SAR_TOTAL_SEGMENTS, "2"),
        (Tag.RECEIPTED_MESSAGE_ID, "a" * 65),
        (Tag.RECEIPTED_MESSAGE_ID, "a\0b"),
        (Tag.RECEIPTED_MESSAGE_ID, "номер"),
        (Tag.RECEIPTED_MESSAGE_ID, 854019),
        (Tag.NETWORK_ERROR_CODE, b"\x03"),
        (Tag.COST, "10.1234"),
        (0x3001, "text"),
        (0x10000, b""),
    ],
)
def test_a_value_that_does_not_fit_its_row_is_refused(tag: int, value: int | str | bytes) -> None:
    with pytest.raises(EncodeError):
        make(tag, value)


def test_an_account_adds_rows_of_its_own() -> None:
    table = extended(TLV_TABLE, [TlvSpec(0x1400, "campaign", TlvType.INT, 4, 4)])
    assert lookup((make(0x1400, 77, table),), 0x1400, table) == 77
    assert 0x1400 not in TLV_TABLE
    assert table[Tag.COST] == TLV_TABLE[Tag.COST]
    assert (tag_name(0x1400, table), tag_name(0x1400)) == ("campaign", "0x1400")


def test_every_tag_has_a_row() -> None:
    assert set(TLV_TABLE) == set(Tag)


@given(st.sampled_from(sorted(TLV_TABLE)), st.binary(max_size=300))
def test_random_octets_raise_nothing_but_our_error(tag: int, octets: bytes) -> None:
    try:
        value = lookup(((tag, octets),), tag)
    except TlvError:
        return
    assert value is not None
