"""Moments as a person writes them on a command line or in a file."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

FORMS: Final = (
    "a time with or without zone such as 2030-01-31T18:00+03:00 (UTC without), a distance from now such as +2h or -10m "
    "(s, m, h, d), or milliseconds since 1970"
)

_DISTANCE: Final = re.compile(r"([+-])(\d{1,9})(s|m|h|d)")
_MILLISECONDS: Final = re.compile(r"\d{12,14}")
_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str, now_ms: int) -> int:
    """Milliseconds since the epoch. Raises ValueError, which says what is allowed."""
    text = text.strip()
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    distance = _DISTANCE.fullmatch(text)
    if distance is not None:
        step = int(distance[2]) * _UNIT_MS[distance[3]]
        return now_ms + step if distance[1] == "+" else now_ms - step
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is no time; allowed is {FORMS}") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(milliseconds=1)


def clock_text(at_ms: int) -> str:
    """2030-01-31T18:00:00.123Z."""
    at = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
