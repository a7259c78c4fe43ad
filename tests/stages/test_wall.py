"""The wall clock is put back: the ages of what left, of what is held and of what must wait stay what they are."""

from dataclasses import replace

from connector.domain.events import LedgerType, Outcome
from connector.domain.guards import DuplicateGuard
from connector.stages.submit.ownership import _remind
from connector.stages.submit.wall import WallClock
from tests.stages.test_slot import OK, T0, THROTTLED, Desk, entry, fingerprints_of_m1, result

HOUR_MS = 3_600_000


class Hands:
    """Both clocks, moved by hand; `slow` seconds pass between two looks at the monotonic one."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.wall_ms = T0
        self.slow = 0.0
        self.lost: list[int] = []
        self.clock = WallClock(self.monotonic, lambda: self.wall_ms, put_back=self.lost.append)

    def monotonic(self) -> float:
        self.seconds += self.slow
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall_ms += round(seconds * 1000)


def test_time_that_passes_is_no_jump() -> None:
    hands = Hands()
    for _ in range(100):
        assert hands.clock() == hands.wall_ms
        hands.pass_(60.0)
    assert hands.lost == []


def test_a_clock_that_is_put_back_is_told_once_with_what_it_lost() -> None:
    hands = Hands()
    hands.clock()
    hands.pass_(10.0)
    hands.wall_ms -= HOUR_MS
    hands.clock()
    hands.pass_(10.0)
    hands.clock()
    assert hands.lost == [HOUR_MS]


def test_a_clock_that_is_slowed_is_followed_in_steps() -> None:
    hands = Hands()
    for _ in range(10):
        hands.clock()
        hands.pass_(10.0)
        hands.wall_ms -= 50
    assert hands.lost == [250]


def test_a_machine_that_slept_has_lost_nothing() -> None:
    """The monotonic clock stands still in sleep, and the wall clock does not."""
    hands = Hands()
    hands.clock()
    hands.wall_ms += HOUR_MS
    hands.clock()
    hands.pass_(10.0)
    hands.clock()
    assert hands.lost == []


def test_a_process_that_stood_still_between_the_two_clocks_learns_nothing() -> None:
    hands = Hands()
    hands.clock()
    hands.slow = 3.0
    hands.clock()
    hands.slow = 0.0
    hands.wall_ms += 6_000
    hands.clock()
    assert hands.lost == []


def test_what_a_guard_holds_waits_no_longer() -> None:
    desk = Desk(duplicate_guard=DuplicateGuard.HOLD)
    for name in ("m1", "m2"):
        desk.put(name, recipient="79990000001", text="the same")
    desk.answer(desk.send())
    assert desk.next() is None
    put_back(desk)
    desk.now += 61_000
    desk.slot.review(now_ms=desk.now)
    assert desk.send().work.item.message_id == "m2"


def test_what_left_within_the_minute_is_remembered_no_longer() -> None:
    desk = Desk()
    desk.put("m1", recipient="79990000001", text="the same")
    desk.answer(desk.send())
    put_back(desk)
    desk.now += 60_001
    desk.put("m2", recipient="79990000001", text="the same")
    assert desk.send().work.item.message_id == "m2"


def test_what_was_refused_for_now_waits_no_longer() -> None:
    desk = Desk()
    desk.put()
    for _ in range(20):
        desk.answer(desk.send(), THROTTLED)
    assert desk.next() is None
    put_back(desk)
    desk.now += 60_000
    desk.answer(desk.send(), OK)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED


def test_a_doubt_is_settled_by_a_resend_as_before() -> None:
    desk = Desk()
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.now += 10_000
    put_back(desk)
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is not None
    desk.now += 36_000
    assert desk.next() is None


def test_a_message_of_several_parts_goes_on() -> None:
    desk = Desk()
    desk.put(text="a" * 400)
    desk.answer(desk.send())
    put_back(desk)
    desk.answer(desk.send())
    desk.now += 56_000
    assert desk.next() is None
    assert result(desk.outcome()).reason == "parts-not-within-a-minute"


def test_a_ledger_from_the_future_holds_nothing_for_an_hour() -> None:
    """After a restart nobody knows by how much the clock was put back: what left counts as just gone."""
    desk = Desk()
    before = replace(entry(LedgerType.INTENT, fingerprints=fingerprints_of_m1()), message_id="m0")
    _remind(desk.slot.guards, before)
    desk.slot.guards.none_after(T0 - HOUR_MS)
    desk.now = T0 - HOUR_MS + 60_000
    desk.put()
    assert desk.next() is not None


def put_back(desk: Desk) -> None:
    desk.now -= HOUR_MS
    desk.slot.clock_put_back(HOUR_MS)
