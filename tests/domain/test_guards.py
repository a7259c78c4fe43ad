"""What a guard lets through is never refused or blocked by the gateway, and nothing is kept longer than that takes."""

from random import Random

import pytest

from connector.domain.guards import (
    GO,
    MARGIN_MS,
    PENDING_MS,
    DuplicateGuard,
    Flood,
    FloodGuard,
    GuardRules,
    Guards,
    Hold,
    Identical,
)
from connector.simulator.guards import DuplicateGuard as GatewayDuplicates
from connector.simulator.guards import FloodGuard as GatewayFloods

T0 = 1_800_000_000_000


def guards(**rules: object) -> Guards:
    return Guards(GuardRules(**rules))  # type: ignore[arg-type]  # a test's rules come by name


def test_an_identical_request_is_reported_for_a_minute_after_it_was_accepted() -> None:
    found = guards()
    found.left("m1", [1], 7, at=T0)
    found.ended("m1", accepted=True)
    assert found.advise("m2", [1], 7, now_ms=T0 + 59_999) == Identical()
    assert found.advise("m2", [1], 7, now_ms=T0 + 60_000) == GO
    assert found.advise("m2", [2], 7, now_ms=T0 + 1) == GO


def test_one_identical_part_makes_a_message_a_duplicate() -> None:
    found = guards()
    found.left("m1", [1, 2], 7, at=T0)
    found.ended("m1", accepted=True)
    assert found.advise("m2", [3, 2], 7, now_ms=T0) == Identical()


def test_while_the_first_has_no_answer_the_second_waits_for_it() -> None:
    found = guards()
    found.left("m1", [1], 7, at=T0)
    assert found.advise("m2", [1], 7, now_ms=T0) == Hold(until=T0 + PENDING_MS)


def test_a_refused_request_makes_no_duplicate_of_the_next() -> None:
    found = guards()
    found.left("m1", [1], 7, at=T0)
    found.ended("m1", accepted=False)
    assert found.advise("m2", [1], 7, now_ms=T0 + 1) == GO


def test_an_identical_request_can_be_held_until_its_minute_is_over() -> None:
    found = guards(duplicates=DuplicateGuard.HOLD)
    found.left("m1", [1], 7, at=T0)
    assert found.advise("m2", [1], 7, now_ms=T0 + 10) == Hold(until=T0 + 60_000 + MARGIN_MS)


def test_a_message_is_no_duplicate_of_itself() -> None:
    found = guards()
    found.left("m1", [1], 7, at=T0)
    assert found.advise("m1", [1], 7, now_ms=T0) == GO


@pytest.mark.parametrize(
    ("floods", "advice"),
    [(FloodGuard.HOLD, Hold(until=T0 + 490 + 30_000 + MARGIN_MS)), (FloodGuard.REFUSE, Flood()), (FloodGuard.OFF, GO)],
)
def test_the_51st_message_of_a_run_is_held_refused_or_let_go(floods: FloodGuard, advice: object) -> None:
    found = guards(floods=floods)
    for number in range(50):
        assert found.advise(f"m{number}", [number], 7, now_ms=T0 + number * 10) == GO
        found.left(f"m{number}", [number], 7, at=T0 + number * 10)
    assert found.advise("m50", [50], 7, now_ms=T0 + 500) == advice
    assert found.advise("other", [51], 8, now_ms=T0 + 500) == GO


def test_a_gap_ends_a_run() -> None:
    found = guards()
    for number in range(50):
        found.left(f"m{number}", [number], 7, at=T0)
    assert found.advise("m50", [50], 7, now_ms=T0 + 30_000) == GO
    found.left("m50", [50], 7, at=T0 + 30_000)
    assert found.advise("m51", [51], 7, now_ms=T0 + 30_001) == GO


def test_an_intent_that_is_written_again_counts_once() -> None:
    found = guards(flood_limit=2)
    found.left("m1", [1], 7, at=T0)
    found.left("m1", [1], 7, at=T0 + 20_000)
    assert found.advise("m2", [2], 7, now_ms=T0 + 20_001) == GO


def test_nothing_is_remembered_longer_than_its_window() -> None:
    found = guards()
    for number in range(10_000):
        found.left(f"m{number}", [number], number, at=T0 + number * 100)
    assert len(found) < 3 * 1_000


@pytest.mark.parametrize("seed", range(20))
def test_the_gateway_finds_nothing_to_refuse_in_what_the_guards_let_through(seed: int) -> None:
    """Messages to few numbers with few texts, against the gateway's own rules."""
    random, found = Random(seed), guards(duplicates=DuplicateGuard.HOLD, flood_limit=5)
    duplicates, floods = GatewayDuplicates(60.0), GatewayFloods(5, 30.0, blocked_extend=True)
    waiting = [(T0, f"m{each}", random.randrange(6), random.randrange(3)) for each in range(200)]
    now, left = T0, 0
    while waiting:
        now += random.randrange(2_000)
        due = [each for each in waiting if each[0] <= now]
        for entry in due:
            _, name, text, number = entry
            key = number * 100 + text
            waiting.remove(entry)
            match found.advise(name, [key], number, now_ms=now):
                case Hold(until=until):
                    waiting.append((until, name, text, number))
                case _:
                    found.left(name, [key], number, at=now)
                    found.ended(name, accepted=True)
                    assert not duplicates.repeats(key, now / 1000)
                    duplicates.arm(key, now / 1000)
                    assert not floods.blocks(str(number), now / 1000)
                    left += 1
    assert left == 200
