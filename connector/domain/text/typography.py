"""Typographic characters become the plain ones that every alphabet has.

The rule: only what a reader does not miss. Word processors put curly quotes, long dashes and no-break spaces into a
text, and one of them turns 160 characters into 70. Letters keep their accents, emoji stay. An account asks for this
with `replace_typography`; without it a text travels as it came. Next station: `segments.choose`.
"""

import re
import unicodedata
from typing import Final

from connector.domain.text.segments import billed_parts, choose

_FAMILIES: Final = (
    # Apostrophes, single quotes, primes and free-standing accents.
    ("'", "‘’‚‛′‵‹›ʹʻʼʽˈˊˋ`´＇"),
    # Double quotes and double primes.
    ('"', "“”„‟″‶«»〝〞〟＂ˮ"),
    # Hyphens, dashes, the minus sign.
    ("-", "‐‑‒–—―⁃−﹘﹣－"),
    # Spaces of every width, and the tab, which GSM lacks.
    (" ", "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"),
    # Line and paragraph separators; NEL is an ellipsis here, see below.
    ("\n", "\u2028\u2029\v"),
    # Nothing to see: soft hyphen, zero-width space, word joiner, byte order mark. (Joiners and direction marks stay.)
    ("", "\u00ad\u200b\u2060\ufeff"),
    ("...", "…⋯"),
    ("*", "•‣◦▪∗"),
    ("/", "⁄∕"),
    ("~", "˜∼"),
    ("^", "ˆ"),
    ("<=", "≤"),
    (">=", "≥"),
    ("TM", "™"),
    ("ff", "ﬀ"),
    ("fi", "ﬁ"),
    ("fl", "ﬂ"),
    ("ffi", "ﬃ"),
    ("ffl", "ﬄ"),
)

_TABLE: Final = {character: plain for plain, family in _FAMILIES for character in family}
# C1 controls in a text are Windows-1252 that was read as ISO-8859-1: quotes and dashes mostly, the euro, some letters.
for _octet in range(0x80, 0xA0):
    _meant = bytes((_octet,)).decode("cp1252", "replace")
    if _meant in _TABLE or _meant == "€" or _meant.isalpha():
        _TABLE[chr(_octet)] = _TABLE.get(_meant, _meant)

_TYPOGRAPHIC: Final = re.compile("[" + re.escape("".join(_TABLE)) + "]")


def plain(text: str) -> str:
    """The text with plain quotes, dashes, spaces and dots, and with letters and accents composed (NFC).

    The same text again where there is nothing to replace; never raises.
    """
    if text.isascii() and "`" not in text and "\t" not in text and "\v" not in text:
        return text
    return _TYPOGRAPHIC.sub(lambda found: _TABLE[found[0]], unicodedata.normalize("NFC", text))


def plain_if_shorter(text: str, *, iso: bool = False) -> str:
    """The plain text where it is billed as fewer parts than the original, and the original otherwise.

    So a Cyrillic text, which is UCS2 either way, keeps its quotation marks. Raises `TextError` as `choose` does.
    """
    replaced = plain(text)
    if replaced == text:
        return text
    before = billed_parts(text, choose(text, iso=iso))
    return replaced if billed_parts(replaced, choose(replaced, iso=iso)) < before else text
