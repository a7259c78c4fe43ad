"""validity_period and schedule_delivery_time: three formats, and a resend that is the identical request in each."""

from dataclasses import replace

import pytest

from connector.domain.messages import OutboundMessage
from connector.simulator.periods import seconds_until
from connector.smpp.pdu import encode
from connector.translate import DialectSettings, TimeFormat, plan
from connector.translate.times import absolute_time
from tests.domain.test_kinds import NOW, SMS

DAY_MS = 86_400_000
HOUR = replace(SMS, validity_minutes=60)
EXPIRING = replace(SMS, expires_at=NOW + 3_600_999)
SCHEDULED = replace(SMS, scheduled_at=NOW + 90_500)
BOTH = replace(SCHEDULED, expires_at=NOW + 2 * DAY_MS)
FAR = replace(SMS, scheduled_at=NOW + 40 * DAY_MS)
PAST = replace(SMS, scheduled_at=NOW - 1)
LONG_PAST = replace(SMS, scheduled_at=NOW - 2 * DAY_MS)
EVERY = (SMS, HOUR, EXPIRING, SCHEDULED, BOTH, FAR, PAST, LONG_PAST)


def times(message: OutboundMessage, form: TimeFormat, first_ms: int | None = NOW, now_ms: int = NOW) -> tuple[str, str]:
    (pdu,) = plan(message, DialectSettings(time_format=form), now_ms=now_ms, first_ms=first_ms).pdus
    return pdu.validity_period, pdu.schedule_delivery_time


@pytest.mark.parametrize(
    ("form", "message", "validity", "schedule"),
    [
        (TimeFormat.RELATIVE, SMS, "000001000000000R", ""),
        (TimeFormat.RELATIVE, HOUR, "000000010000000R", ""),
        (TimeFormat.RELATIVE, EXPIRING, "000000010000000R", ""),
        (TimeFormat.RELATIVE, SCHEDULED, "000001000130000R", "000000000131000R"),
        (TimeFormat.RELATIVE, BOTH, "000002000000000R", "000000000131000R"),
        (TimeFormat.RELATIVE, FAR, absolute_time(NOW + 41 * DAY_MS), absolute_time(NOW + 40 * DAY_MS)),
        # They waited in a backlog past their time: they are valid from now on, not for what is left of yesterday.
        (TimeFormat.RELATIVE, PAST, "000001000000000R", ""),
        (TimeFormat.ABSOLUTE, LONG_PAST, absolute_time(NOW + DAY_MS), ""),
        (TimeFormat.AUTO, LONG_PAST, "000001000000000R", ""),
        (TimeFormat.RELATIVE, replace(SMS, expires_at=NOW + 1), "000000000001000R", ""),
        (TimeFormat.ABSOLUTE, SMS, absolute_time(NOW + DAY_MS), ""),
        (TimeFormat.ABSOLUTE, HOUR, absolute_time(NOW + 3_600_000), ""),
        (TimeFormat.ABSOLUTE, EXPIRING, absolute_time(NOW + 3_600_000), ""),
        (TimeFormat.ABSOLUTE, SCHEDULED, absolute_time(NOW + 90_500 + DAY_MS), absolute_time(NOW + 90_500)),
        (TimeFormat.AUTO, SMS, "000001000000000R", ""),
        (TimeFormat.AUTO, EXPIRING, absolute_time(NOW + 3_600_000), ""),
        (TimeFormat.AUTO, SCHEDULED, absolute_time(NOW + 90_500 + DAY_MS), absolute_time(NOW + 90_500)),
    ],
)
def test_a_time_is_written_as_the_account_asks(
    form: TimeFormat, message: OutboundMessage, validity: str, schedule: str
) -> None:
    assert times(message, form) == (validity, schedule)


@pytest.mark.parametrize("form", TimeFormat)
@pytest.mark.parametrize("message", EVERY)
@pytest.mark.parametrize("first_ms", [NOW, None])
def test_a_resend_has_the_octets_of_the_first_attempt(
    form: TimeFormat, message: OutboundMessage, first_ms: int | None
) -> None:
    """44 s later, in a process that has just started: with the first attempt's time or without, nothing has changed."""
    rules = DialectSettings(time_format=form)
    first = plan(message, rules, now_ms=NOW, first_ms=first_ms)
    later = plan(message, rules, now_ms=NOW + 44_000, first_ms=first_ms)
    assert [encode(pdu, sequence=1) for pdu in first.pdus] == [encode(pdu, sequence=1) for pdu in later.pdus]


def test_a_schedule_that_passes_before_the_resend_stays_in_it() -> None:
    soon = replace(SMS, scheduled_at=NOW + 10_000)
    assert times(soon, TimeFormat.RELATIVE, now_ms=NOW + 44_000)[1] == "000000000010000R"


@pytest.mark.parametrize("form", TimeFormat)
@pytest.mark.parametrize("message", [message for message in EVERY if message not in (PAST, LONG_PAST)])
def test_without_the_first_attempts_time_no_form_needs_a_clock(form: TimeFormat, message: OutboundMessage) -> None:
    assert times(message, form, first_ms=None) == times(message, TimeFormat.AUTO)


@pytest.mark.parametrize("message", EVERY)
def test_the_gateway_reads_one_moment_in_every_format(message: OutboundMessage) -> None:
    """To the second, and never beyond: delivered not before, and not after."""
    read = {
        form: tuple(seconds_until(text, NOW) or 0.0 for text in times(message, form))
        for form in (TimeFormat.RELATIVE, TimeFormat.ABSOLUTE)
    }
    for relative, absolute in zip(*read.values(), strict=True):
        assert abs(relative - absolute) <= 1.0
    if message is SCHEDULED:
        assert read[TimeFormat.RELATIVE][1] >= 90.5
