"""Typography: what word processors add goes, what a writer meant stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.text import Alphabet, billed_parts, choose, encode, plain, plain_if_shorter
from connector.domain.text.alphabets import GSM_CHARACTERS
from connector.domain.text.typography import _TABLE
from tests.domain.text.texts import gsm_texts, texts


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("“Don’t” – he said…", '"Don\'t" - he said...'),
        ("«a» „b“ ‹c›", '"a" "b" \'c\''),
        ("5\u00a0000\u202f€", "5 000 €"),
        ("a\tb`c´", "a b'c'"),
        ("soft\u00adhyphen\u200b\ufeff", "softhyphen"),
        ("e\u0301", "é"),
        ("• one\u2028• two", "* one\n* two"),
        ("it\u0092s \u00805\u0085", "it's €5..."),  # Windows-1252 read as ISO-8859-1
        ("ﬁne oﬀer", "fine offer"),
    ],
)
def test_typographic_characters_become_plain(text: str, replaced: str) -> None:
    assert plain(text) == replaced
    encode(replaced, Alphabet.GSM)


@pytest.mark.parametrize("text", ["Füße", "naïve ç", "Привет", "👩\u200d👧", "שלום\u200f", "a·b", "x² + y²", "№ 5"])
def test_letters_emoji_and_joiners_stay(text: str) -> None:
    assert plain(text) == text


@given(gsm_texts)
def test_gsm_text_is_plain_already(text: str) -> None:
    assert plain(text) == text


@given(texts)
def test_plain_is_plain(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_every_replacement_is_gsm_or_a_letter() -> None:
    for character, replacement in _TABLE.items():
        assert set(replacement) <= GSM_CHARACTERS or replacement.isalpha(), f"U+{ord(character):04X}"


def test_only_where_it_saves_a_part() -> None:
    assert plain_if_shorter("Ваш заказ «Весна» готов…") == "Ваш заказ «Весна» готов…"
    assert plain_if_shorter("Don’t miss it") == "Don’t miss it", "one part either way"
    assert plain_if_shorter("Don’t miss it! " * 8) == "Don't miss it! " * 8


@given(texts, st.booleans())
def test_the_replaced_text_is_never_longer_in_parts(text: str, iso: bool) -> None:
    before = billed_parts(text, choose(text, iso=iso))
    chosen = plain_if_shorter(text, iso=iso)
    assert billed_parts(chosen, choose(chosen, iso=iso)) <= before
