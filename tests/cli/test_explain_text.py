"""`connector explain-text`: the alphabet and why, what is sent, what is billed, and what would be saved."""

from pathlib import Path

import pytest

from connector.cli.explain_text import MOST_OCTETS
from connector.domain.composing import ROWS
from connector.domain.text import Alphabet, lacking, named, two_septets
from tests.cli.commands import configuration, run, typed


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMS_CONNECTOR_CONFIG", raising=False)


def test_a_person_reads_what_one_quote_costs() -> None:
    done = typed("explain-text", "It’s " + "a" * 90)
    assert done.code == 0
    assert done.out.splitlines() == [
        "alphabet    UCS2, data_coding 0x08",
        'why         GSM and ISO-8859-1 lack U+2019 RIGHT SINGLE QUOTATION MARK (plain: "\'")',
        "characters  95",
        "units       95 units of 16 bits",
        "part        of 67 units of 16 bits, 140 octets",
        "part        of 28 units of 16 bits, 62 octets",
        "sent        2 PDU(s), which count for the account's speed",
        "billed      2 part(s)",
        "typography  plain it is GSM, 1 PDU(s), 1 billed: saves 1 PDU(s), 1 billed",
    ]


def test_a_script_reads_the_same() -> None:
    found = typed("explain-text", "It’s " + "a" * 90, "--json").json
    assert found["not_in_gsm"] == [{"character": "U+2019 RIGHT SINGLE QUOTATION MARK", "count": 1, "plain": "'"}]
    assert (found["alphabet"], found["data_coding"], found["units"]) == ("UCS2", 8, 95)
    assert found["parts"] == [{"units": 67, "octets": 140}, {"units": 28, "octets": 62}]
    assert (found["pdus"], found["billed_parts"]) == (2, 2)
    assert found["plain"] == {
        "alphabet": "GSM",
        "pdus": 1,
        "billed_parts": 1,
        "pdus_saved": 1,
        "billed_parts_saved": 1,
    }


@pytest.mark.parametrize("given", [("--comment", "the shop’s"), ("--kind", "email", "--subject", "the shop’s")])
def test_one_quote_beside_the_text_costs_as_much(given: tuple[str, ...]) -> None:
    """A message has one alphabet, so plain typography is for its comment and its subject as well."""
    found = typed("explain-text", "a" * 100, *given, "--json").json
    assert (found["alphabet"], found["pdus"], found["plain"]["alphabet"], found["plain"]["pdus"]) == (
        "UCS2",
        2,
        "GSM",
        1,
    )
    found = typed("explain-text", "a" * 100, *given, "--replace-typography", "--json").json
    assert (found["alphabet"], found["pdus"], found["plain"]) == ("GSM", 1, None)


@pytest.mark.parametrize(
    ("arguments", "alphabet", "why"),
    [
        (("Hello",), "GSM", "GSM has every character"),
        (("[5 €]",), "GSM", "GSM has every character; 3 of them take two septets"),
        (("ê",), "LATIN1", "GSM lacks U+00EA LATIN SMALL LETTER E WITH CIRCUMFLEX"),
        (("Hello", "--iso"), "LATIN1", "coding 0 of this account is ISO-8859-1, which has every character"),
        (("{" * 135,), "LATIN1", "GSM has every character, but 135 take two septets: this needs fewer parts"),
        (("я", "--iso"), "UCS2", "ISO-8859-1 lacks U+044F CYRILLIC SMALL LETTER YA"),
        (("яя", "--iso"), "UCS2", "ISO-8859-1 lacks U+044F CYRILLIC SMALL LETTER YA x2"),
        (("абвгдежз",), "UCS2", "and 3 more"),
        (("ê€",), "UCS2", "ISO-8859-1 lacks U+20AC EURO SIGN"),
        (("Hello", "--coding", "ucs2"), "UCS2", "UCS2 was asked for"),
        (("a—b", "--replace-typography"), "GSM", "GSM has every character"),
    ],
)
def test_the_alphabet_has_a_reason(arguments: tuple[str, ...], alphabet: str, why: str) -> None:
    found = typed("explain-text", *arguments, "--json").json
    assert found["alphabet"] == alphabet
    assert any(line.endswith(why) for line in found["why"]), found["why"]


@pytest.mark.parametrize(
    ("arguments", "parts", "billed"),
    [
        (("a" * 161,), [(153, 159), (8, 14)], 2),
        (("a" * 161, "--concatenation", "udh16"), [(152, 159), (9, 16)], 2),
        (("a" * 161, "--concatenation", "sar"), [(153, 153), (8, 8)], 2),
        (("a" * 161, "--concatenation", "payload"), [(161, 161)], 2),
        (("a" * 160, "--comment", "b" * 10), [(153, 159), (25, 31)], 1),
        (("a" * 160, "--kind", "viber"), [(153, 159), (18, 24)], 1),
        (("Hi", "--kind", "email", "--subject", "Order"), [(23, 23)], 1),
        (("Hi", "--kind", "telegram_bot", "--bot", "shop"), [(21, 21)], 1),
        (("Hi", "--kind", "voice", "--call-parameters", "a=1"), [(32, 32)], 1),
        (("Hi", "--kind", "voice", "--voice", "m", "--language", "en"), [(23, 23)], 1),
        (("Hi", "--kind", "voice", "--language", "en"), [(24, 24)], 1),
    ],
)
def test_what_is_sent_and_what_is_billed(arguments: tuple[str, ...], parts: list[tuple[int, int]], billed: int) -> None:
    found = typed("explain-text", *arguments, "--json").json
    assert [(part["units"], part["octets"]) for part in found["parts"]] == parts
    assert found["billed_parts"] == billed


@pytest.mark.parametrize(("text", "coding"), [("Hello", 0x10), ("ê", 0x14), ("я", 0x18)])
def test_a_flash_has_another_data_coding(text: str, coding: int) -> None:
    assert typed("explain-text", text, "--flash", "--json").json["data_coding"] == coding
    assert f"data_coding 0x{coding:02X}" in typed("explain-text", text, "--flash", "--comment", "x").out


def test_it_can_say_all_that_changes_a_text() -> None:
    """Every field of the event that some kind has a place for, octets aside, has an option of its name."""
    options = typed("explain-text", "--help").out
    for name in {name for row in ROWS.values() for name in row.fields} - {"payload", "udh"}:
        assert f"--{name.replace('_', '-')} " in options, name


def test_a_comment_is_told_apart() -> None:
    done = typed("explain-text", "a" * 160, "--comment", "для нас")
    assert "comment     not billed; without it 1 PDU(s), 1 billed" in done.out
    assert "billed      3 part(s)" in done.out


def test_the_settings_are_the_accounts(tmp_path: Path) -> None:
    config = str(configuration(tmp_path, "127.0.0.1:1", "t.", iso=True, concatenation="udh16", default_region="RU"))
    found = typed("explain-text", "a" * 141, "--account", "main", "--config", config, "--json").json
    assert [part["octets"] for part in found["parts"]] == [140, 15]
    assert typed("explain-text", "Hi", "--config", config, "--no-iso", "--json").json["alphabet"] == "GSM"
    done = typed("explain-text", "Hi", "--account", "other", "--config", config)
    assert (done.code, "no such account; configured: main" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("",), "text-empty: the text is missing"),
        (("__HLR__",), "text-starts-with-mark: "),
        (("я", "--coding", "gsm"), "text-not-gsm: not in the GSM alphabet: 1 x letter"),
        (("Hi", "--kind", "voice", "--voice", "m5"), "voice-unknown: the voice is none of m, m2"),
        (("Hi", "--kind", "viber", "--flash"), "field-not-of-kind: a message of kind VIBER has no place for: flash"),
        (("Hi", "--language", "en"), "field-not-of-kind: a message of kind SMS has no place for: language"),
        (("Hi", "--kind", "email"), "subject-missing: an e-mail needs a subject"),
        (("a" * (255 * 153 + 1),), "text-too-long: 39016 characters are more than 255 parts can hold"),
        (("[" * 20_000, "--coding", "gsm"), "text-too-long: 264 parts, where at most 255 can be sent"),
        (("Hi", "--kind", "hlr"), "--kind: a message of kind HLR carries no text"),
        (("Hi", "--file", "x.txt"), "give the text, `-` for standard input, or --file"),
        ((), "give the text, `-` for standard input, or --file"),
        (("--file", "nowhere.txt"), "nowhere.txt: cannot be read"),
    ],
)
def test_what_is_refused_says_why(arguments: tuple[str, ...], words: str) -> None:
    done = typed("explain-text", *arguments)
    assert (done.code, words in done.err) == (2, True), done.err
    assert done.out == ""


def test_a_script_is_told_the_code() -> None:
    done = typed("explain-text", "__HLR__", "--json")
    assert (done.code, done.json["refused"]) == (2, "text-starts-with-mark")


def test_a_file_is_read_without_its_last_line_feed(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_bytes("\ufeffGrüße\nund mehr\r\n".encode())
    assert typed("explain-text", "--file", "letter.txt", "--json").json["characters"] == 14
    (tmp_path / "letter.txt").write_bytes(b"Gr\xfc\xdfe")
    done = typed("explain-text", "--file", "letter.txt")
    assert (done.code, "not UTF-8: octet 3" in done.err) == (2, True)


async def test_standard_input_may_be_of_any_size() -> None:
    done = await run("explain-text", "-", "--json", given="я".encode() * 255 * 67 + b"\n")
    assert done.json["pdus"] == 255
    done = await run("explain-text", "-", given="я".encode() * MOST_OCTETS)
    assert (done.code, "the text is more than 255 parts can hold" in done.err) == (2, True)


def test_a_character_has_a_name() -> None:
    assert named("\u2019") == "U+2019 RIGHT SINGLE QUOTATION MARK"
    assert named("\x07") == "U+0007 without a name"
    assert named("😀") == "U+1F600 GRINNING FACE"
    assert lacking("aяêяa", Alphabet.GSM) == [("я", 2), ("ê", 1)]
    assert lacking("aяê", Alphabet.LATIN1) == [("я", 1)]
    assert lacking("aяê", Alphabet.UCS2) == []
    assert two_septets("[€]") == 3
