"""Clusters: what a reader takes for one character has no cut inside, and its neighbours do not stick to it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.text.clusters import last_cut, may_cut
from tests.domain.text.texts import CLUSTERS, anything, ucs2_texts


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_no_cut_inside(cluster: str) -> None:
    text = f"a{cluster}b"
    assert [at for at in range(len(text) + 1) if may_cut(text, at)] == [0, 1, 1 + len(cluster), len(text)]


@pytest.mark.parametrize("first", CLUSTERS)
@pytest.mark.parametrize("second", CLUSTERS)
def test_two_clusters_part(first: str, second: str) -> None:
    assert may_cut(first + second, len(first))


def test_flags_part_in_pairs() -> None:
    text = "🇩🇪🇫🇷🇮🇹"
    assert [at for at in range(len(text) + 1) if may_cut(text, at)] == [0, 2, 4, 6]
    assert [at for at in range(1, len(text) + 1) if may_cut(text, at, 1)] == [1, 3, 5, 6], "counted from the start"


@pytest.mark.parametrize("text", ["\n\u0301", "\r\u200d", "\u200b\u0301", "ab", "я я", "日本", "\u0e01\u0e02", "가나"])
def test_these_part(text: str) -> None:
    assert may_cut(text, len(text) - 1)


@given(st.text(anything, min_size=1), st.integers(0, 20), st.integers(1, 70))
def test_the_last_cut_is_ahead_and_not_beyond(text: str, start: int, room: int) -> None:
    start = min(start, len(text) - 1)
    end = min(start + room, len(text))
    assert start < last_cut(text, start, end) <= end


@given(ucs2_texts)
def test_a_mark_never_starts_a_piece(text: str) -> None:
    for at in range(1, len(text)):
        if may_cut(text, at) and unicodedata.category(text[at]) == "Mn":
            assert unicodedata.category(text[at - 1]) in ("Cc", "Cf", "Zl", "Zp")
