"""Never faster than the rate, whatever the times; cut when throttled, and back again."""

from collections import deque
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.pacing import Aimd, Allowance, Congestion, Pace, RoundTrip, TokenBucket, in_flight_target

gaps = st.lists(st.floats(min_value=0, max_value=0.4, allow_subnormal=False), min_size=1, max_size=300)
rates = st.floats(min_value=0.5, max_value=200)


def most_in_a_second(times: list[float]) -> int:
    """As a gateway counts that looks back one second at every PDU, both ends included."""
    most = start = 0
    for end, now in enumerate(times):
        while times[start] < now - 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most


def greedy(bucket: TokenBucket, steps: list[float]) -> list[float]:
    """When PDUs go out where somebody asks at these intervals and always has more to send."""
    now = 0.0
    sent = []
    for step in steps:
        now += step
        while bucket.take(1, now):
            sent.append(now)
    return sent


def served(allowance: Allowance, steps: list[float], urgent: list[bool]) -> list[float]:
    """When PDUs go out where somebody asks at these intervals; `urgent` says of each moment what is asked for."""
    now = 0.0
    sent = []
    for number, step in enumerate(steps):
        now += step
        while allowance.take(now, urgent=urgent[number % len(urgent)]):
            sent.append(now)
    return sent


urgency = st.lists(st.booleans(), min_size=1, max_size=10)


@given(gaps, st.integers(min_value=1, max_value=200), urgency)
def test_no_sliding_second_holds_more_than_the_limit(steps: list[float], limit: int, urgent: list[bool]) -> None:
    assert most_in_a_second(served(Allowance(limit, 0.0), steps, urgent)) <= limit


@given(st.lists(gaps, min_size=2, max_size=4), st.integers(min_value=8, max_value=60), urgency)
def test_no_sliding_second_of_several_replicas_holds_more_than_the_limit(
    steps: list[list[float]], limit: int, urgent: list[bool]
) -> None:
    sent: list[float] = []
    for each in steps:
        sent += served(Allowance(limit / len(steps), 0.0), each, urgent)
    assert most_in_a_second(sorted(sent)) <= limit


@given(st.lists(st.floats(min_value=0.001, max_value=0.09), min_size=200, max_size=300), st.integers(20, 1000))
def test_a_process_that_wakes_late_catches_up(steps: list[float], limit: int) -> None:
    """A bucket of a small burst would lose what trickles past its brim while the process sleeps.

    A place in the second is free 1.02 s later, and may be seen only at the next waking, 0.09 s after that."""
    sent = served(Allowance(limit, 0.0), steps, [True])
    assert len(sent) >= limit / (Allowance.SECOND + 0.09) * (sum(steps) - 0.2) - 2


@given(gaps, rates, st.booleans())
def test_who_waits_for_the_allowance_as_told_is_served(steps: list[float], rate: float, urgent: bool) -> None:
    allowance = Allowance(rate, 0.0)
    now = 0.0
    for step in steps:
        now += step
        wait = allowance.wait(now, urgent=urgent)
        if wait > 1e-6:
            assert not allowance.take(now, urgent=urgent)
        now += wait + 1e-6
        assert allowance.take(now, urgent=urgent)


def test_the_lower_lanes_leave_a_place_of_every_second_to_an_urgent_one() -> None:
    allowance = Allowance(10, 0.0)
    for tick in range(1, 101):
        allowance.take(tick / 10)
    assert not allowance.take(10.0)
    assert allowance.take(10.0, urgent=True)


@given(gaps, rates, st.floats(min_value=1, max_value=20))
def test_any_stretch_holds_no_more_than_its_tokens_and_the_burst(steps: list[float], rate: float, burst: float) -> None:
    sent = greedy(TokenBucket(Pace(rate=rate, burst=burst), 0.0), steps)
    for start in range(0, len(sent), 7):
        for end in range(start, len(sent), 5):
            assert end - start + 1 <= burst + rate * (sent[end] - sent[start]) + 1e-3


@given(gaps, rates, st.floats(min_value=2, max_value=20), st.booleans())
def test_who_waits_as_told_is_served(steps: list[float], rate: float, burst: float, urgent: bool) -> None:
    bucket = TokenBucket(Pace(rate=rate, burst=burst), 0.0, reserve=1.0)
    now = 0.0
    for step in steps:
        now += step
        wait = bucket.wait(1, now, urgent=urgent)
        if wait:
            assert not bucket.take(1, now, urgent=urgent)
        now += wait
        assert bucket.take(1, now, urgent=urgent)


def test_lower_lanes_leave_the_last_tokens_to_urgent_ones() -> None:
    bucket = TokenBucket(Pace(rate=10, burst=3), 0.0, reserve=1.0)
    assert [bucket.take(1, 1.0) for _ in range(3)] == [True, True, False]
    assert bucket.take(1, 1.0, urgent=True)
    assert not bucket.take(1, 1.0, urgent=True)


def test_a_bucket_starts_empty_and_time_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(Pace(rate=10, burst=3), 5.0)
    assert not bucket.take(1, 5.0)
    assert not bucket.take(1, 1.0)
    assert bucket.wait(1, 4.0) == pytest.approx(0.1)
    assert bucket.take(1, 5.1)


def test_more_than_the_bucket_holds_is_our_mistake() -> None:
    bucket = TokenBucket(Pace(rate=10, burst=3), 0.0, reserve=1.0)
    with pytest.raises(ValueError, match="one by one"):
        bucket.wait(3, 0.0)
    with pytest.raises(ValueError, match="reserve"):
        TokenBucket(Pace(rate=10, burst=1.5), 0.0, reserve=1.0)
    with pytest.raises(ValueError, match="reserve"):
        bucket.change(Pace(rate=10, burst=1.5), 0.0)
    with pytest.raises(ValueError, match="burst"):
        Pace(rate=10, burst=0.5)


def test_another_pace_keeps_no_more_than_it_holds() -> None:
    bucket = TokenBucket(Pace(rate=10, burst=5), 0.0)
    bucket.change(Pace(rate=1, burst=2), 1.0)
    assert [bucket.take(1, 1.0) for _ in range(3)] == [True, True, False]
    assert bucket.wait(1, 1.0) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=30), st.booleans()), max_size=60))
def test_the_rate_stays_between_floor_and_configured(steps: list[tuple[float, bool]]) -> None:
    aimd = Aimd(30.0, floor=1.0, increase_per_second=1.0, cooldown=2.0)
    now = 0.0
    for step, throttled in steps:
        now += step
        before = aimd.rate(now)
        after = aimd.throttled(now) if throttled else aimd.rate(now)
        assert 1.0 <= after <= before <= 30.0
        assert aimd.rate(now) == after


def test_a_window_full_of_refusals_cuts_once() -> None:
    aimd = Aimd(32.0, floor=1.0, increase_per_second=1.0, cooldown=1.0)
    assert [aimd.throttled(10.0 + n / 100) for n in range(50)][-1] == pytest.approx(16.0, abs=0.5)
    assert aimd.throttled(11.5) <= 9.0


def test_what_is_written_late_counts_from_then_on() -> None:
    """Broken by: counting from when the link was given it, where the process stands still before the write."""
    allowance = Allowance(10.0, 0.0, reserve=1, catch_up=1.0)
    assert [allowance.take(5.0, urgent=True) for _ in range(10)] == [True] * 10
    allowance.written(5.0, 7.0)
    assert not allowance.take(7.5, urgent=True)
    assert allowance.take(8.1, urgent=True)


def test_what_went_before_is_not_written_again() -> None:
    allowance = Allowance(10.0, 0.0, reserve=1, catch_up=1.0)
    assert [allowance.take(5.0, urgent=True) for _ in range(9)] == [True] * 9
    assert allowance.take(5.5, urgent=True)
    allowance.written(5.5, 5.9)
    assert allowance.take(6.1, urgent=True), "nine of the second are over"


def test_the_rate_recovers() -> None:
    aimd = Aimd(30.0, floor=1.0, increase_per_second=2.0)
    aimd.throttled(0.0)
    assert aimd.rate(1.0) == pytest.approx(17.0)
    assert aimd.rate(100.0) == 30.0


# Congestion


class Loaded:
    """An account of 30 PDUs a second whose gateway tells its load with every answer."""

    def __init__(self) -> None:
        self.aimd = Aimd(30.0, floor=1.5, increase_per_second=1.5)
        self.congestion = Congestion()
        self.now = 0.0

    def hears(self, *states: int, times: int = 1, every: float = 0.05) -> list[float]:
        """The rate after each answer, in parts of the configured one."""
        rates = []
        for state in states * times:
            self.now += every
            self.congestion.heard(state, self.now, self.aimd)
            rates.append(self.aimd.rate(self.now) / 30.0)
        return rates


def test_a_load_up_to_80_changes_nothing() -> None:
    assert set(Loaded().hears(0, 79, 80, times=100)) == {1.0}


def test_above_80_the_rate_falls_smoothly_and_further_the_nearer_the_load_is_to_100() -> None:
    settled = []
    for state in (82, 85, 90, 95, 100):
        rates = Loaded().hears(state, times=1000)
        assert all(later >= earlier - 0.006 for earlier, later in pairwise(rates)), "a tenth a second at most"
        assert max(rates[600:]) - min(rates[600:]) < 0.01, "a steady load leads to a steady rate"
        settled.append(rates[-1])
    assert settled == pytest.approx([0.99, 0.9375, 0.75, 0.4375, 0.05], abs=0.01)


def test_when_the_load_falls_the_rate_grows_back_as_after_throttling() -> None:
    bench = Loaded()
    low = bench.hears(95, times=400)[-1]
    rates = bench.hears(30, times=100)
    assert rates[-1] - low == pytest.approx(0.05 * 5, abs=0.03)
    assert rates == sorted(rates)


def test_a_state_that_is_some_seconds_old_holds_nothing_back() -> None:
    bench = Loaded()
    low = bench.hears(100, times=400)[-1]
    assert bench.congestion.load(bench.now) == pytest.approx(100.0)
    assert bench.congestion.load(bench.now + 3.5) is None
    assert bench.aimd.rate(bench.now + 10.0) / 30.0 == pytest.approx(low + 0.5, abs=0.02)
    assert bench.hears(100, every=10.0)[0] == pytest.approx(low + 0.5, abs=0.02), "one value decides nothing"


def test_one_value_among_others_does_not_lower_the_rate() -> None:
    assert min(Loaded().hears(*[40] * 20, 100, times=20)) == 1.0


def test_a_load_that_jitters_gives_the_rate_of_its_mean() -> None:
    rates = Loaded().hears(70, 100, 80, 90, times=250)[600:]
    assert max(rates) - min(rates) < 0.05
    assert sum(rates) / len(rates) == pytest.approx(1 - 0.25**2, abs=0.04)


@pytest.mark.parametrize("state", [-1, 101, 255, 1 << 32])
def test_a_state_the_specification_does_not_know_says_nothing(state: int) -> None:
    assert set(Loaded().hears(state, times=100)) == {1.0}


def test_throttling_still_halves_what_congestion_has_left() -> None:
    bench = Loaded()
    low = bench.hears(90, times=400)[-1]
    assert bench.aimd.throttled(bench.now) / 30.0 == pytest.approx(low / 2)


@pytest.mark.parametrize("rate", [30.0, 500.0])
@pytest.mark.parametrize("round_trip", [0.05, 1.0])
@pytest.mark.parametrize("jitter", [0, 10])
def test_under_a_gateway_that_tells_how_much_is_used_the_rate_settles_near_nine_tenths(
    rate: float, round_trip: float, jitter: int
) -> None:
    """The whole loop: what was sent in the last second makes the load, the load the rate."""
    aimd, congestion, random = Aimd(rate, floor=rate / 20, increase_per_second=rate / 20), Congestion(), Random(1)
    sent: deque[float] = deque()
    answers: deque[tuple[float, int]] = deque()
    tokens, rates = 0.0, []
    for tick in range(6000):
        now = tick / 100
        tokens += aimd.rate(now) / 100
        while tokens >= 1:
            tokens -= 1
            sent.append(now)
            while sent[0] <= now - 1:
                sent.popleft()
            load = round(100 * len(sent) / rate) + random.randint(-jitter, jitter)
            answers.append((now + round_trip, max(0, min(100, load))))
        while answers and answers[0][0] <= now:
            congestion.heard(answers.popleft()[1], now, aimd)
        if now >= 20:
            rates.append(aimd.rate(now) / rate)
    assert 0.85 <= sum(rates) / len(rates) <= 0.96
    assert max(rates) - min(rates) <= 0.2


def test_in_flight_is_twice_what_the_rate_needs_within_the_window() -> None:
    assert in_flight_target(30, 0.2, 300) == 12
    assert in_flight_target(30, 0.001, 300) == 4
    assert in_flight_target(3000, 1.0, 300) == 300
    assert in_flight_target(30, 0.2, 1) == 1


def test_the_round_trip_follows_what_is_seen() -> None:
    trip = RoundTrip(0.2)
    for _ in range(100):
        trip.seen(0.05)
    assert trip.value == pytest.approx(0.05, abs=0.001)
