"""The gateway's guards, with the time injected (gateway.md, "Speed, priority, and the server's own guards")."""

from hypothesis import given
from hypothesis import strategies as st

from connector.simulator.guards import DuplicateGuard, FloodGuard, SpeedGuard


def test_the_speed_counts_any_second_that_slides() -> None:
    guard = SpeedGuard(3)
    for now in (0.0, 0.5, 0.9):
        assert guard.allows(now)
        guard.count(now)
    assert not guard.allows(0.95)
    assert guard.allows(1.0)


@given(st.lists(st.floats(0, 0.2), max_size=200))
def test_no_second_holds_more_than_the_speed(gaps: list[float]) -> None:
    guard, now, passed = SpeedGuard(5), 0.0, []
    for gap in gaps:
        now += gap
        if guard.allows(now):
            guard.count(now)
            passed.append(now)
    for start in passed:
        assert sum(start <= at < start + 0.999 for at in passed) <= 5


def test_a_request_repeats_within_its_minute_only() -> None:
    guard = DuplicateGuard(60.0)
    guard.arm("a", 0.0)
    guard.arm("b", 30.0)
    assert guard.repeats("a", 59.9)
    assert not guard.repeats("a", 60.0)
    assert guard.repeats("b", 60.0)


def test_arming_again_begins_the_minute_anew() -> None:
    guard = DuplicateGuard(60.0)
    guard.arm("a", 0.0)
    guard.arm("b", 10.0)
    guard.arm("a", 50.0)
    assert guard.repeats("a", 100.0)
    assert not guard.repeats("b", 100.0)


def test_the_fifty_first_message_of_a_run_is_blocked() -> None:
    guard = FloodGuard(50, 30.0, blocked_extend=True)
    assert [guard.blocks("n", float(second)) for second in range(52)] == [False] * 50 + [True, True]


def test_a_gap_of_thirty_seconds_ends_the_run() -> None:
    guard = FloodGuard(50, 30.0, blocked_extend=True)
    for second in range(50):
        guard.blocks("n", float(second))
    assert not guard.blocks("n", 49 + 30.0)


def test_whether_blocked_messages_extend_the_run_is_a_setting() -> None:
    extending = FloodGuard(1, 30.0, blocked_extend=True)
    lenient = FloodGuard(1, 30.0, blocked_extend=False)
    for guard in (extending, lenient):
        assert not guard.blocks("n", 0.0)
        assert guard.blocks("n", 20.0)
    assert extending.blocks("n", 40.0)
    assert not lenient.blocks("n", 40.0)


def test_runs_of_different_numbers_do_not_mix() -> None:
    guard = FloodGuard(1, 30.0, blocked_extend=True)
    assert not guard.blocks("a", 0.0)
    assert not guard.blocks("b", 1.0)
    assert guard.blocks("a", 2.0)
