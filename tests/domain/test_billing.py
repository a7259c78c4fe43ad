"""What is billed, and what is only sent: a comment costs nothing, and yet it travels and counts in the PDUs."""

from dataclasses import replace

import pytest

from connector.domain.messages import Coding, OutboundMessage
from connector.domain.text import Concatenation
from connector.translate import DialectSettings, plan
from tests.domain.test_kinds import BINARY, BOT, CODE, EMAIL, NOW, PUSH, SMS, SOCIAL, VIBER, VOICE

UDH = bytes.fromhex("0605040b8423f0")
MARK = 5  # characters of the comment's mark
LONG = "Строка на несколько частей, с эмодзи 😀 и так далее. " * 6


def counted(message: OutboundMessage, way: Concatenation = Concatenation.UDH8) -> tuple[int, int]:
    """PDUs sent, parts billed."""
    found = plan(message, DialectSettings(concatenation=way), now_ms=NOW)
    return len(found.pdus), found.billed_parts


@pytest.mark.parametrize(
    ("text", "comment", "pdus", "billed"),
    [
        ("a" * 160, None, 1, 1),
        ("a" * 161, None, 2, 2),
        # The mark and the comment fill the part to its last septet (a tilde takes two), or begin another.
        ("a" * (160 - MARK - 3 - 1), "b", 1, 1),
        ("a" * (160 - MARK - 3), "b", 2, 1),
        ("a" * 160, "b", 2, 1),
        ("a" * 160, "b" * 400, 4, 1),
        ("a" * 153, "b" * 144, 2, 1),
        ("a" * 153, "b" * 153, 3, 1),
        ("a" * 306, "b" * 144, 3, 2),
        ("a" * 306, "b" * 146, 4, 2),
        ("a" * 161, "b", 2, 2),
        ("я" * 70, None, 1, 1),
        ("я" * 70, "b", 2, 1),
        ("я" * 71, "b", 2, 2),
        # An escape pair at the border: a septet is left empty, and that is billed.
        ("a" * 152 + "€" + "a" * 151, None, 2, 2),
        ("a" * 152 + "€" + "a" * 152, None, 3, 3),
        ("a" * 152 + "€" + "a" * 151, "b", 3, 2),
    ],
)
@pytest.mark.parametrize("flash", [False, True])
def test_a_comment_counts_in_what_is_sent_and_not_in_what_is_billed(
    text: str, comment: str | None, pdus: int, billed: int, flash: bool
) -> None:
    assert counted(replace(SMS, text=text, comment=comment, flash=flash)) == (pdus, billed)


def test_a_comment_in_other_letters_makes_the_text_dearer() -> None:
    """A message has one data_coding: what GSM lacks in the comment makes the text UCS2, and so it is billed."""
    assert counted(replace(SMS, text="a" * 160, comment="for us")) == (2, 1)
    assert counted(replace(SMS, text="a" * 160, comment="для нас")) == (3, 3)


@pytest.mark.parametrize("way", Concatenation)
def test_what_is_billed_does_not_depend_on_the_way_it_travels(way: Concatenation) -> None:
    assert counted(replace(SMS, text="a" * 459, comment="b"), way)[1] == 3
    assert counted(replace(SMS, text="a" * 459, coding=Coding.UCS2), way)[1] == 7
    assert counted(replace(BINARY, payload=bytes(141)), way)[1] == 2
    assert counted(replace(BINARY, payload=bytes(268)), way)[1] == 2
    assert counted(replace(BINARY, payload=bytes(134), udh=UDH), way)[1] == 2
    assert counted(replace(BINARY, payload=bytes(133), udh=UDH), way)[1] == 1
    assert counted(replace(PUSH, payload=bytes(257)), way)[1] == 3
    assert counted(replace(BINARY, payload=b"\xff", udh=bytes.fromhex("050003070201")), way) == (1, 1)


@pytest.mark.parametrize(
    "message",
    [
        *(replace(kind, text=LONG) for kind in (EMAIL, VIBER, SOCIAL, BOT)),
        replace(VOICE, text=LONG, call_parameters="b" * 200),
        replace(VIBER, text=LONG, comment="b" * 200),
        replace(CODE, comment="b" * 200),
    ],
    ids=lambda message: message.kind,
)
def test_a_message_of_another_kind_is_billed_as_one(message: OutboundMessage) -> None:
    for way in Concatenation:
        pdus, billed = counted(message, way)
        assert billed == 1
        assert (pdus > 1) == (way is not Concatenation.PAYLOAD)
