"""Fixtures that every room's tests may ask for, and Hypothesis without its stopwatch: a busy machine is slow, which is
no fault of the value it was drawing. At the end the facts of the gateway's dialect, each with what proved it."""

import pytest
from hypothesis import HealthCheck, settings

from tests.support.kafka import kafka as kafka
from tests.support.kafka import kafka_settings as kafka_settings
from tests.support.kafka import own_kafka as own_kafka
from tests.support.kafka import prefix as prefix
from tests.support.kafka import producer as producer

settings.register_profile("connector", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("connector")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the dialect: every row with its outcome, and the test that proves it."""
    rows = [
        (outcome, str(value), report.nodeid)
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "gateway"
    ]
    if not rows:
        return
    terminalreporter.section("the gateway's dialect")
    for outcome, fact, _ in sorted(rows, key=lambda row: row[2]):
        proof = "" if ": tests/" in fact else ": tests/dialect/test_rows.py"
        terminalreporter.write_line(f"{outcome:6}  {fact}{proof}")
