"""A file whose first line names no fields is refused without its words: they are somebody's number and message."""

import pytest

from connector.cli.rows import FileFault, Format, rows_of

TO, CODE = "79990000001", "4815162342"


@pytest.mark.parametrize(
    "line",
    [f"{TO},Shop,your code is {CODE}", f"Shop,{TO}", f"to,your code for today is here,{CODE}", f"{TO};Shop;{CODE}"],
)
def test_a_file_without_names_is_refused_without_its_words(line: str) -> None:
    with pytest.raises(FileFault, match="line of names before it") as caught:
        list(rows_of([line], Format.CSV, columns={}))
    assert not [word for word in (TO, CODE, "code for today") if word in str(caught.value)]


def test_a_column_that_is_missing_is_told_without_the_words_of_a_message() -> None:
    with pytest.raises(FileFault, match="'telefon'") as caught:
        list(rows_of([f"{TO},Shop"], Format.CSV, columns={"telefon": "recipient"}))
    assert TO not in str(caught.value)
    assert "Shop" in str(caught.value)


def test_a_column_that_is_no_field_is_named() -> None:
    with pytest.raises(FileFault, match="'handy'"):
        list(rows_of(["handy,text", f"{TO},x"], Format.CSV, columns={}))


def test_a_key_of_a_line_that_is_no_field_or_stands_twice_is_named() -> None:
    lines = [f'{{"to": "{TO}", "colour": 1}}', f'{{"to": "{TO}", "text": "a", "text": "{CODE}"}}', f'{{"to": "{TO}"}}']
    unknown, twice, good = rows_of(lines, Format.JSONL, columns={})
    assert "has the key 'colour', which is no field" in (unknown.fault or "")
    assert (twice.fault, twice.words) == ("has the key 'text' twice", {})
    assert good.fault is None
