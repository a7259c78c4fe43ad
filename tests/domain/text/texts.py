"""What the text tests draw from: strategies that reach the corners, and the 5,574 real messages of the demo."""

from pathlib import Path
from typing import Final

from hypothesis import strategies as st

import connector.demo
from connector.domain.text.alphabets import GSM_BASIC, GSM_CHARACTERS, GSM_EXTENSION

CORPUS: Final = Path(connector.demo.__file__).parent / "data" / "sms-spam-collection.tsv"

CLUSTERS: Final = (
    "\r\n",
    "e\u0301",
    "👍🏽",
    "❤\ufe0f",
    "👩\u200d👩\u200d👧\u200d👦",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "🇩🇪",
    "1\ufe0f\u20e3",
    "각",
    "\u1100\u1161\u11a8",
    "क्षि",
    "กำ",
)
"""Sequences that a reader takes for one character, one for each rule."""

gsm_basic = st.sampled_from(sorted(set(GSM_BASIC) & GSM_CHARACTERS))
gsm_extension = st.sampled_from(sorted(GSM_EXTENSION.values()))
latin1 = st.characters(min_codepoint=1, max_codepoint=0xFF)
anything = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
clusters = st.sampled_from(CLUSTERS)


def _texts(units: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(units, max_size=most).map("".join)


def _long(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A short text many times over: long enough for parts without drawing thousands of characters."""
    return st.builds(lambda head, body, times: head + body * times, texts, texts, st.integers(0, 60))


gsm_texts = _long(_texts(st.one_of(gsm_basic, gsm_extension, st.just("\r\n")), 40))
latin1_texts = _long(_texts(st.one_of(latin1, st.just("\r\n")), 40))
ucs2_texts = _long(_texts(st.one_of(anything, clusters), 40))
texts = st.one_of(gsm_texts, latin1_texts, ucs2_texts)


def corpus() -> list[str]:
    """The texts of the collection, in its order."""
    lines = CORPUS.read_bytes().decode("utf-8").split("\n")
    return [line.split("\t", 1)[1] for line in lines[1:] if line]
