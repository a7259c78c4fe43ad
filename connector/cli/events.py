"""Events as plain values for a screen, numbers and texts masked unless they are asked for.

Rule: what a class of events keeps out of its `repr` is a subscriber's or a message's, and masked here. A mask leaves
enough to tell two events apart: a number's last two digits, a text's length.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from typing import Any, Final

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

_NUMBER: Final = re.compile(r"\+?\d{3,}")
_NUMBERS: Final = frozenset({"sender", "recipient", "imsi", "msc"})
_SHORT_CODE: Final = 6


def plain(event: Any, *, reveal: bool) -> dict[str, object]:
    """The fields of a dataclass as JSON takes them, in their order."""
    hidden = frozenset() if reveal else _hidden(type(event))
    return {
        field.name: masked(field.name, getattr(event, field.name))
        if field.name in hidden
        else _value(getattr(event, field.name))
        for field in fields(event)
    }


def _hidden(kind: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind) if not field.repr)


def masked(name: str, value: object) -> Plain:
    """A value that tells its length and, of a number, the end."""
    if value is None or value == "":
        return None if value is None else ""
    if isinstance(value, Mapping):
        return dict.fromkeys(map(str, value), "***")
    if isinstance(value, bytes):
        return f"<{len(value)} octets>"
    text = str(value)
    if name not in _NUMBERS:
        return f"<{len(text)} characters>"
    if "@" in text:
        return f"***@{text.rpartition('@')[2]}"
    if name == "sender" and (not _NUMBER.fullmatch(text) or len(text) <= _SHORT_CODE):
        # A name or a short code is the company's, not a subscriber's.
        return text
    return "*" * (len(text) - 2) + text[-2:]


def _value(value: object) -> Plain:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, Decimal):
        # Never a float: it is money.
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
