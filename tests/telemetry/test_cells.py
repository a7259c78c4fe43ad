"""Figures are cheap to keep and cannot carry anything about a person."""

import re
import timeit
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import telemetry
from connector.domain.messages import Lane
from connector.telemetry import TABLE, Kind, Metric
from connector.telemetry.cells import MAX_SERIES
from connector.telemetry.export import prometheus_name
from connector.telemetry.table import OTHER, VOCABULARY, label_value


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    telemetry.reset()
    yield
    telemetry.reset()


def test_a_counter_adds_up_for_each_set_of_labels() -> None:
    telemetry.count(Metric.SUBMITTED, account="main", lane=Lane.URGENT)
    telemetry.count(Metric.SUBMITTED, 4, lane="urgent", account="main")  # the order of the labels does not matter
    telemetry.count(Metric.SUBMITTED, account="main", lane="bulk")
    assert telemetry.value(Metric.SUBMITTED, lane="urgent") == 5
    assert telemetry.value(Metric.SUBMITTED) == 6
    assert len(telemetry.snapshot(Metric.SUBMITTED)) == 2


def test_a_gauge_keeps_the_last_value_until_it_is_forgotten() -> None:
    telemetry.gauge(Metric.BOUND, 1, account="main", slot=0)
    telemetry.gauge(Metric.BOUND, 0, account="main", slot=0)
    telemetry.gauge(Metric.BOUND, 1, account="main", slot=1)
    telemetry.gauge(Metric.BOUND, 1, account="other-account", slot=1)
    assert telemetry.value(Metric.BOUND, account="main") == 1
    telemetry.forget(Metric.BOUND, account="main")
    assert [series.labels["account"] for series in telemetry.snapshot(Metric.BOUND)] == ["other-account"]
    telemetry.gauge(Metric.BOUND, 1, account="main", slot=0)  # and it may come back
    assert telemetry.value(Metric.BOUND, account="main") == 1


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.005, 0), (0.0051, 1), (60.0, 12), (60.1, 13)])
def test_a_value_falls_into_the_first_bucket_whose_bound_it_does_not_pass(seconds: float, bucket: int) -> None:
    telemetry.record(Metric.RESPONSE_TIME, seconds, account="main")
    (series,) = telemetry.snapshot(Metric.RESPONSE_TIME)
    assert series.counts[bucket] == sum(series.counts) == 1
    assert (series.value, series.lowest, series.highest) == (seconds, seconds, seconds)


def test_a_call_that_does_not_fit_the_table_is_our_mistake() -> None:
    with pytest.raises(telemetry.TelemetryMisuse, match="takes the labels"):
        telemetry.count(Metric.SUBMITTED, account="main")
    with pytest.raises(telemetry.TelemetryMisuse, match="takes the labels"):
        telemetry.count(Metric.SUBMITTED, account="main", lane="bulk", recipient="x")
    with pytest.raises(telemetry.TelemetryMisuse, match="is a counter"):
        telemetry.gauge(Metric.SUBMITTED, 1, account="main", lane="bulk")


@pytest.mark.parametrize("name", sorted(VOCABULARY))
@pytest.mark.parametrize(
    "secret", ["79990000001", "+79990000001", "code 4821", "Ваш код", "", "x" * 65, "a\nb", "tel.79990000001"]
)
def test_no_label_takes_a_number_or_a_text(name: str, secret: str) -> None:
    assert label_value(name, secret) == OTHER


@given(st.sampled_from(sorted(VOCABULARY)), st.text())
def test_whatever_a_label_is_given_a_word_comes_out(name: str, anything: str) -> None:
    """Only a command status may hold a run of digits: it comes from the protocol's header."""
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", shown := label_value(name, anything))
    assert name == "status" or not re.search("[0-9]{5}", shown)


def test_labels_that_never_end_are_counted_together() -> None:
    for n in range(3 * MAX_SERIES):
        telemetry.count(Metric.DEAD_LETTERS, stage="route", reason=f"r-{n}")
    assert len(telemetry.snapshot(Metric.DEAD_LETTERS)) <= MAX_SERIES + 1
    assert telemetry.value(Metric.DEAD_LETTERS) == 3 * MAX_SERIES
    assert telemetry.value(Metric.DEAD_LETTERS, reason=OTHER) == 2 * MAX_SERIES


def test_words_that_are_refused_do_not_fill_the_memory() -> None:
    from connector.telemetry import cells

    for n in range(10 * MAX_SERIES):
        telemetry.count(Metric.RECEIPTS, account=f"no word {n}", result="published")
    assert len(cells._spelled[Metric.RECEIPTS]) <= 4 * MAX_SERIES
    assert telemetry.value(Metric.RECEIPTS, account=OTHER) == 10 * MAX_SERIES


@pytest.mark.parametrize("metric", Metric)
def test_every_row_of_the_table_is_complete(metric: Metric) -> None:
    row = TABLE[metric]
    assert set(row.labels) <= set(VOCABULARY)
    assert row.description.endswith(".")
    assert (row.kind is Kind.HISTOGRAM) == bool(row.bounds)
    assert list(row.bounds) == sorted(set(row.bounds))
    assert re.fullmatch(r"sms(_[a-z]+)+", prometheus_name(metric))
    assert re.fullmatch(r"sms(\.[a-z_]+)+", metric.value)


def test_prometheus_names_are_told_apart() -> None:
    assert len({prometheus_name(metric) for metric in Metric}) == len(Metric)


@pytest.mark.parametrize(
    "call",
    [
        lambda: telemetry.count(Metric.SUBMITTED, account="main", lane="bulk"),
        lambda: telemetry.gauge(Metric.BOUND, 1, account="main", slot=1),
        lambda: telemetry.record(Metric.RESPONSE_TIME, 0.2, account="main"),
        lambda: telemetry.span("submit", traceparent=None).end(),
    ],
)
def test_a_report_costs_microseconds(call: "timeit._Stmt") -> None:
    """About one, measured; twenty leaves room for a loaded machine and still tells the SDK's instruments apart."""
    assert min(timeit.repeat(call, number=2_000, repeat=5)) / 2_000 < 20e-6
