"""The text of a delivery receipt, read.

    id:854019 sub:001 dlvrd:001 submit date:1108202241 done date:1108202241 stat:DELIVRD err:000

The rule: whatever came is a value, `ReceiptText` or `ReceiptError`; nothing here raises. Fields may miss, come in
another order or another case; a field that cannot be read is None and spoils no other. Sources: gateway.md ("Delivery
receipts"), SMPP 3.4 appendix B and section 5.2.28. HLR answers have more fields: `hlr`. Next station:
`translate.receipts`, which lets the TLVs have the last word.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple


class State(NamedTuple):
    """One row: the word of `stat`, message_state, and whether nothing can follow but "read" or "link clicked"."""

    word: str
    number: int
    final: bool


# ACCEPTD is final by the letter of 3.4 (accepted on behalf of the subscriber), but the gateways that use it mean "taken
# by the operator" and send another receipt. UNKNOWN says nothing, so nothing ends with it. SCHEDULED and SKIPPED are
# 5.0's.
STATES: Final = (
    State("SCHEDULED", 0, False),
    State("ENROUTE", 1, False),
    State("DELIVRD", 2, True),
    State("EXPIRED", 3, True),
    State("DELETED", 4, True),
    State("UNDELIV", 5, True),
    State("ACCEPTD", 6, False),
    State("UNKNOWN", 7, False),
    State("REJECTD", 8, True),
    State("SKIPPED", 9, True),
)

STATE_BY_NUMBER: Final[Mapping[int, State]] = MappingProxyType({state.number: state for state in STATES})

# Words that other gateways write out in full are the same states.
STATE_BY_WORD: Final[Mapping[str, State]] = MappingProxyType(
    {state.word: state for state in STATES}
    | {
        "DELIVERED": STATES[2],
        "UNDELIVERABLE": STATES[5],
        "ACCEPTED": STATES[6],
        "REJECTED": STATES[8],
    }
)


class ReceiptText(NamedTuple):
    """What a receipt's text says. `stat` is in upper case; dates are the text as it came; `err` and counts numbers."""

    message_id: str | None = None
    sub: int | None = None
    dlvrd: int | None = None
    submit_date: str | None = None
    done_date: str | None = None
    stat: str | None = None
    err: int | None = None


class ReceiptError(NamedTuple):
    """This is no receipt: `code` is a stable word, `reason` a sentence that holds nothing of the text."""

    code: str
    reason: str


_VALUE_LIMIT: Final = 65
"""Characters of an id, a date or a state that are believed: message_id has 64 in SMPP; peers have sent 65."""

# What nearly every receipt looks like, in one match.
_USUAL: Final = re.compile(
    r"id:([0-9A-Za-z-]{1,65}) sub:(\d{3}) dlvrd:(\d{3}) submit date:(\d{10,12}) done date:(\d{10,12})"
    r" stat:([A-Z]{7}) err:(\d{3})(?: text:.*)?",
    re.DOTALL | re.ASCII,
)
_KEY: Final = re.compile(
    r"(?<!\S)(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|imsi|msc|mcc|mnc|cn|net|rcn|rnet|text)[ \t]?:",
    re.IGNORECASE,
)
_INTEGER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def parse_receipt(text: bytes) -> ReceiptText | ReceiptError:
    """The fields of an ordinary receipt. Octets are read one by one as ISO-8859-1: everything in it is ASCII."""
    line = text.decode("latin-1")
    usual = _USUAL.fullmatch(line)
    if usual is not None:
        message_id, sub, dlvrd, submitted, done, stat, err = usual.groups()
        return ReceiptText(message_id, int(sub), int(dlvrd), submitted, done, stat, int(err))
    fields = split_fields(line)
    receipt = receipt_of(fields)
    if receipt == _NOTHING:
        if not line.strip(" \t\r\n\0"):
            return ReceiptError("receipt-empty", "the receipt has no text")
        return ReceiptError("receipt-unreadable", f"no field of a receipt in a text of {len(line)} octets")
    return receipt


def split_fields(line: str) -> dict[str, str]:
    """Every `name:value` that has a known name, by its name in lower case without blanks; the first of each counts.

    A value reaches to the next name. What follows `text:` belongs to the message and is not looked at.
    """
    fields: dict[str, str] = {}
    name, start = "", 0
    for found in _KEY.finditer(line):
        if name:
            fields.setdefault(name, line[start : found.start()].strip(" \t\r\n\0"))
        name, start = found[1].lower().replace(" ", "").replace("_", ""), found.end()
        if name == "text":
            return fields
    if name:
        fields.setdefault(name, line[start:].strip(" \t\r\n\0"))
    return fields


def receipt_of(fields: Mapping[str, str]) -> ReceiptText:
    """The ordinary fields among those that `split_fields` found."""
    stat = _word(fields.get("stat"))
    return ReceiptText(
        message_id=_word(fields.get("id")),
        sub=integer(fields.get("sub")),
        dlvrd=integer(fields.get("dlvrd")),
        submit_date=_line(fields.get("submitdate")),
        done_date=_line(fields.get("donedate")),
        stat=stat.upper() if stat else None,
        err=integer(fields.get("err")),
    )


def integer(text: str | None) -> int | None:
    """A decimal number of at most nine digits, else None: a code is never guessed."""
    return int(text) if text and _INTEGER.fullmatch(text) else None


@lru_cache(maxsize=4096)
def receipt_time(text: str, zone: tzinfo = UTC) -> int | None:
    """YYMMDDhhmm, YYMMDDhhmmss or YYYYMMDDhhmmss as ms since the epoch, else None."""
    if not (text.isascii() and text.isdigit()) or len(text) not in (10, 12, 14):
        return None
    if len(text) != 14:
        text = "20" + text
    try:
        year, month, day, hour, minute = (int(text[a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12)))
        moment = datetime(year, month, day, hour, minute, int(text[12:] or 0), tzinfo=zone)
        return int(moment.timestamp()) * 1000
    except (ValueError, OverflowError):
        return None


_NOTHING: Final = ReceiptText()


def _line(text: str | None) -> str | None:
    """A value of printable ASCII and of a size to be believed, else None."""
    if not text or len(text) > _VALUE_LIMIT or not text.isascii() or not text.isprintable():
        return None
    return text


def _word(text: str | None) -> str | None:
    """The same without blanks in it."""
    return None if text is None or " " in text else _line(text)
