"""A slot and what the gateway would refuse or block: reported, held or refused, and nobody waits behind it."""

from typing import Any

from connector.domain.events import LedgerType, Outcome
from connector.domain.guards import DuplicateGuard, FloodGuard, Guards
from connector.domain.messages import Kind, Lane
from connector.smpp.constants import CommandStatus
from connector.stages.settings import SubmitSettings
from connector.stages.submit.account import Account
from connector.stages.submit.outcomes import intent
from connector.stages.submit.ownership import _remind
from connector.stages.submit.slot import MOST_HELD
from tests.stages.test_slot import ACCOUNT, OK, T0, Desk, entry, result

SAME: dict[str, Any] = {"recipient": "79990000001", "text": "the same"}


def ends(desk: Desk) -> dict[str, tuple[Outcome, str | None]]:
    return {work.item.message_id: (result(work).outcome, result(work).reason) for work in desk.slot.finished}


def accept(desk: Desk, lane: Lane = Lane.NORMAL) -> str:
    part = desk.send(lane)
    desk.answer(part, OK, f"id-{part.work.item.message_id}")
    return part.work.item.message_id


def test_an_identical_message_is_reported_without_asking_the_gateway() -> None:
    desk = Desk()
    desk.put("m1", **SAME)
    desk.put("m2", **SAME)
    accept(desk)
    assert desk.next() is None
    assert ends(desk)["m2"] == (Outcome.DUPLICATE, "identical-within-a-minute")


def test_an_identical_message_waits_for_the_answer_to_the_first() -> None:
    """If that is refused, the second is no duplicate."""
    desk = Desk()
    desk.put("m1", **SAME)
    desk.put("m2", **SAME)
    first = desk.send()
    assert desk.next() is None
    desk.answer(first, int(CommandStatus.ESME_RINVDSTADR))
    desk.now += 1_000
    desk.slot.review(now_ms=desk.now)
    assert desk.send().work.item.message_id == "m2"


def test_a_held_message_goes_when_its_minute_is_over_and_nobody_waits_behind_it() -> None:
    desk = Desk(duplicate_guard=DuplicateGuard.HOLD)
    desk.put("m1", **SAME)
    desk.put("m2", **SAME)
    desk.put("m3")
    assert [accept(desk), accept(desk)] == ["m1", "m3"]
    desk.slot.review(now_ms=desk.now + 60_000)
    assert desk.next() is None
    desk.now += 61_000
    desk.slot.review(now_ms=desk.now)
    assert accept(desk) == "m2"


def test_a_second_hlr_request_to_a_number_is_identical_whoever_sends_it() -> None:
    desk = Desk()
    desk.put("m1", kind=Kind.HLR, text=None, sender="One")
    desk.put("m2", kind=Kind.HLR, text=None, sender="Two")
    accept(desk)
    assert desk.next() is None
    assert ends(desk)["m2"][0] is Outcome.DUPLICATE


def test_an_unknown_outcome_arms_the_guard_as_an_accepted_one_does() -> None:
    desk = Desk()
    desk.put("m1", **SAME)
    desk.put("m2", **SAME)
    desk.slot.doubt([desk.send()])
    desk.now += 50_000
    desk.slot.review(now_ms=desk.now)
    assert ends(desk)["m1"][0] is Outcome.UNKNOWN
    assert desk.next() is None
    assert ends(desk)["m2"][0] is Outcome.DUPLICATE


def flood(desk: Desk, count: int, lane: Lane = Lane.NORMAL, first: int = 0) -> None:
    for number in range(first, first + count):
        desk.put(f"f{number}", lane, recipient="79990000002")


def test_the_message_that_is_one_too_many_is_held_until_the_gap_is_safe() -> None:
    desk = Desk(flood_limit=3)
    flood(desk, 5)
    desk.put("other")
    assert [accept(desk) for _ in range(4)] == ["f0", "f1", "f2", "other"]
    assert desk.next() is None
    desk.now += 31_000
    desk.slot.review(now_ms=desk.now)
    assert [accept(desk), accept(desk)] == ["f3", "f4"]


def test_when_the_gap_is_safe_an_urgent_one_goes_first() -> None:
    desk = Desk(flood_limit=2)
    flood(desk, 4, Lane.BULK)
    flood(desk, 1, Lane.URGENT, first=9)
    account = Account(ACCOUNT, SubmitSettings(), now=0.0)
    account.slots[0] = desk.slot
    going: list[str] = []
    for second in range(1, 100):
        for slot, admitted in account.admit(now=float(second), now_ms=T0 + second * 1_000):
            slot.sent(admitted.part, now_ms=T0 + second * 1_000)
            account.left(float(second))
            slot.answered(admitted.part, OK, "id", now_ms=T0 + second * 1_000)
            going.append(admitted.part.work.item.message_id)
        desk.slot.review(now_ms=T0 + second * 1_000)
    assert going[0] == "f9"
    assert sorted(going[1:]) == ["f0", "f1", "f2", "f3"]


def test_a_flood_can_be_refused() -> None:
    desk = Desk(flood_guard=FloodGuard.REFUSE, flood_limit=1)
    flood(desk, 2)
    accept(desk)
    assert desk.next() is None
    assert ends(desk)["f1"] == (Outcome.REJECTED, "too-many-to-one-number")


def test_more_than_memory_is_meant_for_goes_back_to_its_lane() -> None:
    desk = Desk(flood_limit=1)
    flood(desk, MOST_HELD + 3)
    accept(desk)
    assert desk.next() is None
    assert (desk.slot.queues[Lane.NORMAL].held, len(desk.slot.deferred)) == (MOST_HELD, 2)
    before = desk.slot.offsets[Lane.NORMAL].committable
    for work in list(desk.slot.deferred):
        desk.slot.sent_back(work)
    desk.slot.deferred.clear()
    desk.put("f1001", recipient="79990000002", source=1001)
    assert desk.slot.queued(Lane.NORMAL) == 1, "it comes as if for the first time"
    assert desk.slot.offsets[Lane.NORMAL].committable == before, "what is held is not committed"


def test_the_guards_memory_survives_a_restart() -> None:
    """The ledger tells it: what left within the last minute, and to whom."""
    desk = Desk(flood_limit=1)
    desk.put("m1", **SAME)
    part = desk.send()
    written = intent(part.work, desk.now)
    guards = Guards(desk.slot.account.guards)
    _remind(guards, written)
    _remind(guards, entry(LedgerType.DONE, outcome=Outcome.ACCEPTED))
    after = Desk(flood_limit=1)
    after.slot.guards = guards
    after.put("m2", **SAME)
    after.put("m3", recipient="79990000001", text="another")
    assert after.next() is None
    assert ends(after)["m2"][0] is Outcome.DUPLICATE
    assert after.slot.queues[Lane.NORMAL].held == 1


def test_a_message_whose_minute_is_nearly_over_goes_ahead_of_urgent_ones() -> None:
    """Else an endless stream of urgent messages would let its parts come too late, and be paid for in vain."""
    desk = Desk(rate=2.0)
    desk.put("long", Lane.BULK, text="a" * 400)
    account = Account(ACCOUNT.model_copy(update={"rate": 2.0}), SubmitSettings(lower_lane_share=0.0), now=0.0)
    account.slots[0] = desk.slot
    going: list[tuple[int, str]] = []
    for second in range(1, 70):
        if second > 3:
            desk.put(f"u{second}", Lane.URGENT)
            desk.put(f"v{second}", Lane.URGENT)
        for slot, admitted in account.admit(now=float(second), now_ms=T0 + second * 1_000):
            slot.sent(admitted.part, now_ms=T0 + second * 1_000)
            account.left(float(second))
            slot.answered(admitted.part, OK, "id", now_ms=T0 + second * 1_000)
            going.append((second, admitted.part.work.item.message_id))
    parts = [second for second, name in going if name == "long"]
    assert len(parts) == 3
    assert parts[-1] - parts[0] < 60


def test_a_message_of_more_parts_than_go_in_a_minute_is_refused_before_the_first() -> None:
    desk = Desk(rate=0.05)
    desk.put(text="a" * 700)
    assert desk.next() is None
    assert ends(desk)["m1"] == (Outcome.REJECTED, "parts-not-within-a-minute")


def test_a_message_of_one_part_is_never_refused_for_the_speed() -> None:
    desk: Any = Desk(rate=0.01)
    desk.put()
    assert desk.next() is not None
