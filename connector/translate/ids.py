"""The ids of messages: one gateway writes the same id in two ways, and both must come to one form.

The rule: a form that is configured is believed. `either` is not: an id with a letter is hexadecimal, and shows that its
side (the responses, or the receipts) writes so; digits alone may be either, until the side has shown its base. So an
id has one reading or two, the likelier first, and whoever joins tries both. Next station: `deliveries`, which makes
keys of them.
"""

import re
from typing import Final

from connector.translate.settings import DialectSettings, IdFormat

_HEX: Final = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,128})", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,128}", re.ASCII)
PADDING: Final = " \t\r\n\0"

# Hexadecimal ids that are counted up have a letter in the last place six times in 16: so many different ones without
# any are decimal, but for one case in 10 to the 13.
ENOUGH_DIGITS: Final = 64


class Side:
    """What the ids of one side have shown."""

    __slots__ = ("_digits", "_last", "_letters")

    def __init__(self) -> None:
        self._letters = False
        self._digits = 0
        self._last = ""

    @property
    def base(self) -> int | None:
        """16, 10, or None while nobody knows. One that is known to be 16 becomes 10 again only by `ENOUGH_DIGITS`."""
        if self._digits >= ENOUGH_DIGITS:
            return 10
        return 16 if self._letters else None

    def saw(self, raw: str) -> None:
        """Learn from an id as it came."""
        text = raw.strip(PADDING)
        if _DECIMAL.fullmatch(text):
            # A long message may have one id for all of its parts, and a receipt may be repeated.
            if text != self._last:
                self._last = text
                self._digits += 1
        elif _HEX.fullmatch(text):
            self._letters, self._digits = True, 0


class LearnedIds:
    """What the ids of one account have shown in this process; hold one for each account whose form is `either`."""

    __slots__ = ("receipts", "responses")

    def __init__(self) -> None:
        self.responses = Side()
        self.receipts = Side()


def response_form(settings: DialectSettings) -> IdFormat:
    """How the account's responses write ids."""
    return settings.response_id_format or settings.id_format


def receipt_form(settings: DialectSettings) -> IdFormat:
    """How the account's receipts write ids."""
    return settings.receipt_id_format or settings.id_format


def guesses_ids(settings: DialectSettings) -> bool:
    """Whether a key of the account may be a guess, so that a match must agree on the recipient as well."""
    return response_form(settings) is IdFormat.EITHER or receipt_form(settings) is IdFormat.EITHER


def canonical_id(raw: str, id_format: IdFormat | str = IdFormat.AS_IS) -> str:
    """The one form of a message id under a format (see `IdFormat`); empty only for an id that is empty."""
    return readings(raw, id_format)[0]


def readings(raw: str, id_format: IdFormat | str, base: int | None = None) -> tuple[str, ...]:
    """Every form the id may have, the likelier first; `base` is what its side has shown. Two only for `either`."""
    text = raw.strip(PADDING)
    match id_format:
        case IdFormat.DECIMAL:
            if _DECIMAL.fullmatch(text):
                return (text.lstrip("0") or "0",)
        case IdFormat.HEX:
            found = _HEX.fullmatch(text)
            if found is not None:
                return (str(int(found[1], 16)),)
        case IdFormat.EITHER:
            found = _HEX.fullmatch(text)
            if found is not None:
                as_hex = str(int(found[1], 16))
                if base == 16 or not _DECIMAL.fullmatch(text):
                    return (as_hex,)
                as_decimal = text.lstrip("0") or "0"
                return (as_decimal,) if base == 10 or as_decimal == as_hex else (as_decimal, as_hex)
        case _:
            return (text.lstrip("0") or text[-1:],)
    return (text.lstrip("0").casefold() or text[-1:],)


def same_id(one: str, other: str) -> bool:
    """Whether two writings may mean one id, in whatever form each is."""
    return not set(readings(one, IdFormat.EITHER)).isdisjoint(readings(other, IdFormat.EITHER))
