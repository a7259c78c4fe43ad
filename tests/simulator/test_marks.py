"""The kinds by their marks, in the octets of each alphabet (gateway.md, "Message kinds")."""

import pytest

from connector.domain.messages import Kind
from connector.domain.text import Alphabet, encode
from connector.simulator.marks import kind_of

TEXTS = {
    "__MAIL__: Hello\nsubj:Hi": Kind.EMAIL,
    "__CALL__: Hello\nvoice:m3": Kind.VOICE,
    "__VIBER__: Hello": Kind.VIBER,
    "__SOC__: Hello": Kind.SOCIAL,
    "__TGM__: 1234": Kind.TELEGRAM_CODE,
    "__BOT__: Hello\nbot:@example_bot": Kind.TELEGRAM_BOT,
    "__HLR__": Kind.HLR,
    "__PING__": Kind.PING,
    "Hello": Kind.SMS,
    "Hello __HLR__": Kind.SMS,
    "__HLR__ and more": Kind.SMS,
    "__VIBER__:Hello": Kind.SMS,
    "": Kind.SMS,
}


@pytest.mark.parametrize(("text", "kind"), TEXTS.items())
@pytest.mark.parametrize(
    ("alphabet", "data_coding", "iso"),
    [
        (Alphabet.GSM, 0x00, False),
        (Alphabet.LATIN1, 0x00, True),
        (Alphabet.LATIN1, 0x04, False),
        (Alphabet.UCS2, 0x08, False),
    ],
)
def test_a_mark_is_known_in_every_alphabet(
    text: str, kind: Kind, alphabet: Alphabet, data_coding: int, iso: bool
) -> None:
    assert kind_of(encode(text, alphabet), data_coding, b"", iso=iso) is kind


def test_octets_with_controls_are_binary() -> None:
    assert kind_of(b"\x01\x02\xff", 0x04, b"", iso=False) is Kind.BINARY


def test_the_wap_port_makes_a_wap_push() -> None:
    assert kind_of(b"\x01\x06", 0x04, bytes((5, 4, 0x0B, 0x84, 0x23, 0xF0)), iso=False) is Kind.WAP_PUSH
