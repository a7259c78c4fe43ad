"""Two writings of one id come to one form; where nobody says which base it has, the ids themselves do in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.smpp.constants import Tag
from connector.smpp.pdu import DeliverSm
from connector.translate import (
    DialectSettings,
    IdFormat,
    LearnedIds,
    canonical_id,
    delivery_key,
    other_key,
    submitted_key,
    submitted_keys,
)
from connector.translate.ids import ENOUGH_DIGITS, readings, same_id

EITHER = DialectSettings(id_format=IdFormat.EITHER)


def receipt(name: str, *, in_tlv: bool = True) -> DeliverSm:
    tlvs = ((int(Tag.RECEIPTED_MESSAGE_ID), name.encode() + b"\0"),) if in_tlv else ()
    text = b"stat:DELIVRD err:000" if in_tlv else f"id:{name} stat:DELIVRD err:000".encode()
    return DeliverSm(source_addr="79990000001", esm_class=4, short_message=text, tlvs=tlvs)


def meets(response: str, told: str, learned: LearnedIds | None = None, rules: DialectSettings = EITHER) -> bool:
    """Whether the receipt finds the message, at once or under its other reading."""
    keys = submitted_keys("shop", response, rules, learned)
    first = delivery_key("shop", receipt(told), rules, learned)
    return first in keys or other_key("shop", receipt(told), rules, first) in keys


@pytest.mark.parametrize("number", [5, 10, 854019, 0x123456, 10**15 + 7, 2**128 - 1])
@pytest.mark.parametrize("response", ["{:d}", "{:x}", "{:X}", "{:010d}", "{:012x}", "0x{:X}"])
@pytest.mark.parametrize("told", ["{:d}", "{:x}", "{:X}", "{:010d}", "{:012X}", "0x{:x}"])
def test_responses_and_receipts_meet_in_any_bases(number: int, response: str, told: str) -> None:
    assert meets(response.format(number), told.format(number))


@pytest.mark.parametrize(("response", "told"), [("{:X}", "{:d}"), ("{:d}", "{:x}"), ("{:x}", "{:X}"), ("{:d}", "{:d}")])
def test_they_go_on_meeting_once_the_bases_are_learned_and_then_need_one_key(response: str, told: str) -> None:
    learned = LearnedIds()
    for number in range(854_000, 854_000 + 3 * ENOUGH_DIGITS):
        assert meets(response.format(number), told.format(number), learned)
    assert (learned.responses.base, learned.receipts.base) == (10 if "d" in response else 16, 10 if "d" in told else 16)
    for number in (10, 99_999, 1_000_000):
        (key,) = submitted_keys("shop", response.format(number), EITHER, learned)
        assert key == delivery_key("shop", receipt(told.format(number)), EITHER, learned)


def test_digits_alone_have_two_keys_until_a_letter_shows_the_base() -> None:
    learned = LearnedIds()
    assert submitted_keys("shop", "10", EITHER, learned) == ("shop|10", "shop|16")
    assert submitted_keys("shop", "1A", EITHER, learned) == ("shop|26",)
    assert submitted_keys("shop", "10", EITHER, learned) == ("shop|16",)
    assert delivery_key("shop", receipt("10"), EITHER, learned) == "shop|10", "the receipts have shown nothing yet"


def test_one_id_seen_often_teaches_nothing() -> None:
    learned = LearnedIds()
    for _ in range(10 * ENOUGH_DIGITS):
        submitted_keys("shop", "10", EITHER, learned)
    assert learned.responses.base is None


def test_a_letter_after_all_corrects_what_was_learned() -> None:
    learned = LearnedIds()
    for number in range(ENOUGH_DIGITS):
        learned.receipts.saw(str(number))
    assert learned.receipts.base == 10
    learned.receipts.saw("1F")
    assert learned.receipts.base == 16


def test_other_forms_are_believed_and_teach_nothing() -> None:
    learned = LearnedIds()
    for form in (IdFormat.AS_IS, IdFormat.DECIMAL, IdFormat.HEX):
        rules = DialectSettings(id_format=form)
        assert len(submitted_keys("shop", "10", rules, learned)) == 1
        first = delivery_key("shop", receipt("10"), rules, learned)
        assert other_key("shop", receipt("10"), rules, first) is None
    assert learned.responses.base is learned.receipts.base is None


def test_an_id_in_the_text_is_read_like_one_in_its_parameter() -> None:
    for name in ("10", "0010", "A0"):
        assert delivery_key("shop", receipt(name), EITHER) == delivery_key("shop", receipt(name, in_tlv=False), EITHER)


def test_a_receipt_without_an_id_has_no_other_reading() -> None:
    nameless = DeliverSm(source_addr="7", esm_class=4, short_message=b"stat:DELIVRD")
    assert other_key("shop", nameless, EITHER, delivery_key("shop", nameless, EITHER)) is None


@pytest.mark.parametrize("size", [64, 65])
@pytest.mark.parametrize("form", IdFormat)
def test_the_longest_ids_meet_too(size: int, form: IdFormat) -> None:
    rules = DialectSettings(id_format=form)
    for name in ("7" * size, "ABCDEF01" * 8 + "2" * (size - 64), "x" * size):
        assert meets(name, name, rules=rules)
        assert submitted_key("shop", name, rules) == delivery_key("shop", receipt(name, in_tlv=False), rules)


def test_zeros_never_tell_ids_apart_and_case_only_where_characters_count() -> None:
    for form in IdFormat:
        assert canonical_id("0012", form) == canonical_id("12", form)
    assert canonical_id("aB", IdFormat.AS_IS) != canonical_id("Ab", IdFormat.AS_IS)
    for form in (IdFormat.DECIMAL, IdFormat.HEX, IdFormat.EITHER):
        assert canonical_id("00aB", form) == canonical_id("Ab", form)
        assert canonical_id("00aB-z", form) == canonical_id("Ab-Z", form)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("854019", "D0803", True), ("0854019", "854019", True), ("ab-1", "AB-1", True), ("1", "2", False)],
)
def test_two_writings_may_mean_one_id(one: str, other: str, same: bool) -> None:
    assert same_id(one, other) is same_id(other, one) is same


@given(st.text(max_size=200), st.sampled_from(IdFormat), st.sampled_from([None, 10, 16]))
def test_any_id_has_a_reading(raw: str, form: IdFormat, base: int | None) -> None:
    found = readings(raw, form, base)
    assert 1 <= len(found) <= 2
    assert len(set(found)) == len(found)
