"""The time format of SMPP (3.4, section 7.1.1): "YYMMDDhhmmsstnnp", absolute or relative. Pure."""

import re
from datetime import UTC, datetime, timedelta

_FORMAT = re.compile(r"(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d)(\d{2})([+\-R])")


class PeriodError(ValueError):
    """The octets are no time in the specification's format; the peer's fault."""


def seconds_until(text: str, epoch_ms: int) -> float | None:
    """Seconds from now until the time that `text` names; None where it is empty, negative where it has passed.

    A year of a relative time counts 365 days and a month 30. Raises `PeriodError`.
    """
    if not text:
        return None
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise PeriodError("neither an absolute nor a relative time")
    years, months, days, hours, minutes, seconds, tenths, quarters = (int(field) for field in match.groups()[:8])
    if match[9] == "R":
        span = timedelta(days=365 * years + 30 * months + days, hours=hours, minutes=minutes, seconds=seconds)
        return span.total_seconds()
    try:
        local = datetime(2000 + years, months, days, hours, minutes, seconds, tenths * 100_000, tzinfo=UTC)
    except ValueError as error:
        raise PeriodError("no such date") from error
    offset = timedelta(minutes=15 * quarters)
    moment = local - offset if match[9] == "+" else local + offset
    return moment.timestamp() - epoch_ms / 1000
