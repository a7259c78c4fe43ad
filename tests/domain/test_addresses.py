"""Addresses: what kind of sender a string is, and how it goes on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.addresses import Address, destination_address, is_email, is_number, sender_fault, source_address


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("SHOP", Address(5, 0, "SHOP")),
        ("Shop 24", Address(5, 0, "Shop 24")),
        ("24shop", Address(5, 0, "24shop")),
        ("+", Address(5, 0, "+")),
        ("+7a", Address(5, 0, "+7a")),
        ("1", Address(3, 0, "1")),
        ("123456", Address(3, 0, "123456")),
        ("1234567", Address(1, 1, "1234567")),
        ("79990000001", Address(1, 1, "79990000001")),
        ("+79990000001", Address(1, 1, "79990000001")),
        ("+1234", Address(1, 1, "1234")),
        ("12²", Address(5, 0, "12²")),
    ],
)
def test_a_sender_is_known_by_its_characters(sender: str, address: Address) -> None:
    assert source_address(sender) == address


def test_what_the_message_says_of_its_sender_wins() -> None:
    assert source_address("79990000001", ton=5, npi=1) == (5, 1, "79990000001")
    assert source_address("SHOP", npi=1) == (5, 1, "SHOP")
    assert source_address("1234", ton=1) == (1, 1, "1234")
    assert source_address("SHOP", ton=0) == (0, 0, "SHOP")
    assert source_address("+79990000001", ton=0) == (0, 0, "+79990000001")


def test_an_account_moves_the_borders() -> None:
    assert source_address("12345678", short_code_max_digits=8).ton == 3
    assert source_address("SHOP", alphanumeric_npi=1) == (5, 1, "SHOP")


def test_an_international_recipient_travels_without_its_plus() -> None:
    assert destination_address("+79990000001") == (1, 1, "79990000001")
    assert destination_address("+79990000001", ton=0, npi=0) == (0, 0, "+79990000001")


def test_eleven_characters_are_a_senders_limit_and_twenty_a_numbers() -> None:
    assert sender_fault(Address(5, 0, "ELEVENCHARS")) is None
    assert sender_fault(Address(5, 0, "TWELVECHARS!")) is not None
    assert sender_fault(Address(0, 0, "TWELVECHARS!")) is not None
    assert sender_fault(Address(0, 0, "+79990000001")) is None
    assert sender_fault(Address(1, 1, "1" * 20)) is None
    assert sender_fault(Address(1, 1, "1" * 21)) is not None


def test_an_address_does_not_show() -> None:
    assert "7999" not in repr(destination_address("79990000001"))


@given(st.text(max_size=300))
def test_any_text_can_be_asked_about(text: str) -> None:
    is_email(text)
    assert not is_number(text) or text.lstrip("+").isdigit()
    sender_fault(source_address(text))


def test_a_long_near_address_is_answered_at_once() -> None:
    assert not is_email("a" * 64 + "@" + "a-" * 90 + "a.")
    assert not is_email("a." * 120 + "@")
