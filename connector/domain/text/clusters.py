"""Where a text may be cut without tearing what a reader takes for one character.

The rule: Unicode's extended grapheme clusters (UAX 29, rules GB3 to GB13) as far as the standard library's tables
carry them. Where those are too coarse the answer errs towards "do not cut", which costs a part at most a few
characters. Used by `segments` for UCS2; the other alphabets only have CR LF to keep together.
"""

import unicodedata
from typing import Final

_ZWJ: Final = "\u200d"
_ZWNJ: Final = "\u200c"
_VIRAMA: Final = 9  # canonical combining class of the signs that join Indic consonants (GB9c)
_LETTER_MARKS: Final = frozenset("\uff9e\uff9f")  # halfwidth katakana voicing marks: letters by category, GB9 by effect
_SPACING_LETTERS: Final = frozenset("\u0e33\u0eb3")  # Thai and Lao AM: letters by category, GB9a by effect
_PREPENDED: Final = frozenset(  # signs drawn around or before what follows (GB9b)
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3"
    "\U000113d1\U0001193f\U00011941\U00011a3a\U00011a84\U00011a85\U00011a86\U00011a87\U00011a88\U00011a89\U00011d46\U00011f02"
)


def may_cut(text: str, at: int, start: int = 0) -> bool:
    """Whether a cluster ends between `text[at - 1]` and `text[at]`; `start` and the end of the text are boundaries.

    Looks back only as far as a run of regional indicators or marks goes, and never beyond `start`.
    """
    if at <= start or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before < "\u0300" and after < "\u0300":
        return not (before == "\r" and after == "\n")
    if _is_control(before) or _is_control(after):
        return True
    if _extends(after) or before in _PREPENDED:
        return False
    if before == _ZWJ:  # GB11 asks for emoji on both sides; a joiner elsewhere joins too, in a reader's eyes
        return False
    if _is_regional(before) and _is_regional(after):
        return _run_of_regionals(text, at, start) % 2 == 0
    if _hangul_joins(before, after):
        return False
    return not (_ends_in_virama(text, at, start) and unicodedata.category(after) == "Lo")


def last_cut(text: str, start: int, end: int) -> int:
    """The last boundary in `start < boundary <= end`; `end` where one cluster fills the whole stretch.

    `end` is returned unchanged in that case, so a caller that cuts there still moves on.
    """
    at = end
    while at > start:
        if may_cut(text, at, start):
            return at
        at -= 1
    return end


def _is_control(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cf":
        return character not in (_ZWJ, _ZWNJ) and character not in _PREPENDED and character < "\U000e0020"
    return category in ("Cc", "Zl", "Zp", "Cs")


def _extends(character: str) -> bool:
    if unicodedata.category(character) in ("Mn", "Me", "Mc"):
        return True
    return (
        character in (_ZWJ, _ZWNJ)
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # emoji skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tag characters: flags of regions
        or character in _LETTER_MARKS
        or character in _SPACING_LETTERS
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _run_of_regionals(text: str, at: int, start: int) -> int:
    first = at
    while first > start and _is_regional(text[first - 1]):
        first -= 1
    return at - first


def _ends_in_virama(text: str, at: int, start: int) -> bool:
    """Whether the marks that end before `at` hold a virama, so that the next consonant is drawn under this one."""
    index = at - 1
    while index >= start and _extends(text[index]):
        if unicodedata.combining(text[index]) == _VIRAMA:
            return True
        index -= 1
    return False


def _hangul_joins(before: str, after: str) -> bool:
    """Rules GB6 to GB8: a syllable's leading consonants, vowels and trailing consonants stay together."""
    left, right = _hangul(before), _hangul(after)
    match left:
        case "L":
            return right in ("L", "V", "LV", "LVT")
        case "LV" | "V":
            return right in ("V", "T")
        case "LVT" | "T":
            return right == "T"
    return False


def _hangul(character: str) -> str:
    point = ord(character)
    if 0x1100 <= point <= 0x115F or 0xA960 <= point <= 0xA97C:
        return "L"
    if 0x1160 <= point <= 0x11A7 or 0xD7B0 <= point <= 0xD7C6:
        return "V"
    if 0x11A8 <= point <= 0x11FF or 0xD7CB <= point <= 0xD7FB:
        return "T"
    if 0xAC00 <= point <= 0xD7A3:
        return "LV" if (point - 0xAC00) % 28 == 0 else "LVT"
    return ""
