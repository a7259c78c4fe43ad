"""validity_period and schedule_delivery_time, in the format that the account asks for (SMPP 3.4, section 7.1.1).

The rule: a resend, after a restart too, carries the same octets as the first attempt, so no time is made from the clock
of the moment. A duration as a relative time and a point in time as an absolute one need no clock at all. What turns one
into the other counts from `first_ms`, the time of the first attempt, which a caller that repeats a message has to know
again; one that does not know it gives None, and each time keeps the form that needs no clock. Next station: `outbound`.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from connector.domain.kinds import MOST_VALIDITY_MINUTES
from connector.domain.messages import OutboundMessage
from connector.translate.settings import DialectSettings, TimeFormat

_FARTHEST_MS: Final = MOST_VALIDITY_MINUTES * 60_000
"""A relative time counts days up to 31; a point further off stays absolute."""


def schedule_of(message: OutboundMessage, settings: DialectSettings, *, now_ms: int, first_ms: int | None) -> str:
    """schedule_delivery_time; empty where there is none, or it has passed, as gateways refuse one that has."""
    at = message.scheduled_at
    if at is None:
        return ""
    if settings.time_format is TimeFormat.RELATIVE and first_ms is not None and at - first_ms <= _FARTHEST_MS:
        # A begun second counts: not before the time asked for.
        return _distance(-((first_ms - at) // 1000)) if at > first_ms else ""
    return absolute_time(at) if at > now_ms else ""


def validity_of(message: OutboundMessage, settings: DialectSettings, *, first_ms: int | None) -> str:
    """validity_period: until the time that the event names, else for its minutes, else for the account's."""
    if message.expires_at is not None:
        return _until(message.expires_at, settings, first_ms)
    minutes = message.validity_minutes
    if minutes is None:
        minutes = settings.validity_minutes
        if message.scheduled_at is not None and (first_ms is None or message.scheduled_at > first_ms):
            # The account's minutes are meant for the time from which the message can be delivered at all.
            return _until(message.scheduled_at + minutes * 60_000, settings, first_ms)
    if settings.time_format is TimeFormat.ABSOLUTE and first_ms is not None:
        return absolute_time(first_ms + minutes * 60_000)
    return relative_time(minutes)


def _until(at: int, settings: DialectSettings, first_ms: int | None) -> str:
    if settings.time_format is TimeFormat.RELATIVE and first_ms is not None and at - first_ms <= _FARTHEST_MS:
        return _distance(max((at - first_ms) // 1000, 1))
    return absolute_time(at)


@lru_cache(maxsize=1024)
def relative_time(minutes: int) -> str:
    """So many minutes (up to 31 days) as SMPP writes a relative time (3.4, section 7.1.1.2)."""
    return _distance(minutes * 60)


def absolute_time(epoch_ms: int) -> str:
    """A time as SMPP writes it (3.4, section 7.1.1.1), in UTC and whole seconds, a begun one left out."""
    return f"{datetime.fromtimestamp(epoch_ms // 1000, UTC):%y%m%d%H%M%S}000+"


def _distance(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    return f"0000{days:02}{rest // 3600:02}{rest // 60 % 60:02}{rest % 60:02}000R"
