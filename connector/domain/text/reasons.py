"""Why a text takes the alphabet it takes: which of its characters the shorter alphabets lack, by name.

For a person who asks about a text of his own (`connector explain-text`). What is refused says only how many characters
of which sort there are (`alphabets`), since a refusal ends in dead letters and logs, where no text belongs.
"""

import unicodedata
from collections import Counter

from connector.domain.text.alphabets import GSM_CHARACTERS, GSM_EXTENSION, Alphabet

_TWO_SEPTETS = frozenset(GSM_EXTENSION.values())


def lacking(text: str, alphabet: Alphabet) -> list[tuple[str, int]]:
    """The characters that this alphabet has not, each with how often it stands there, the most frequent first."""
    match alphabet:
        case Alphabet.GSM:
            missing = (character for character in text if character not in GSM_CHARACTERS)
        case Alphabet.LATIN1:
            missing = (character for character in text if character > "\xff")
        case Alphabet.UCS2:
            return []
    return Counter(missing).most_common()


def two_septets(text: str) -> int:
    """How many characters take two septets in GSM."""
    return sum(character in _TWO_SEPTETS for character in text)


def named(character: str) -> str:
    """A character as everyone can look it up: U+2019 RIGHT SINGLE QUOTATION MARK."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
