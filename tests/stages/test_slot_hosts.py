"""A message whose bind goes to another host meanwhile: no byte leaves before the ledger names that host too."""

from dataclasses import replace

from connector.domain.events import LedgerEntry, LedgerType, Outcome
from connector.domain.messages import UnknownPolicy
from connector.stages.submit.outcomes import intent
from connector.stages.submit.work import Part
from tests.stages.test_slot import T0, Desk, entry, fingerprints_of_m1, result

LONG = "a" * 400


def begun(desk: Desk) -> Part:
    """The first part of three goes to the first host, and its intent is durable."""
    desk.put(text=LONG)
    part = desk.send()
    part.work.covered = True
    return part


def after_a_crash(written: LedgerEntry, **account: object) -> Desk:
    """The next owner, who found this intent last."""
    desk = Desk(**account)
    desk.ledger.note(written)
    desk.put(text=LONG)
    desk.slot.host = "two.example"
    desk.slot.review(now_ms=desk.now)
    return desk


def test_the_rest_of_a_message_asks_for_an_intent_anew_at_another_host() -> None:
    desk = Desk()
    desk.answer(begun(desk))
    desk.slot.host = "two.example"
    first, second = desk.next(), desk.next()
    assert first is not None
    assert second is not None
    assert (first.intent_first, second.intent_first) == (True, False), "one for all that go there"
    assert not second.part.work.covered
    assert intent(first.part.work, desk.now).host == "one.example,two.example"


def test_an_intent_names_only_hosts_that_bytes_went_to() -> None:
    desk = Desk()
    desk.put(text=LONG)
    admitted = desk.next()
    assert admitted is not None
    admitted.part.work.covered = True
    desk.slot.hold(admitted.part)
    desk.slot.host = "two.example"
    again = desk.next()
    assert again is not None
    assert again.intent_first
    assert intent(again.part.work, desk.now).host == "two.example"


def test_after_a_crash_parts_of_two_hosts_are_sent_to_neither() -> None:
    """Each knows only some of them; the others would be taken a second time."""
    desk = Desk()
    desk.answer(begun(desk))
    desk.slot.host = "two.example"
    part = desk.send()
    for host in ("one.example", "two.example"):
        after = after_a_crash(intent(part.work, desk.now))
        after.slot.host = host
        after.slot.review(now_ms=after.now)
        assert after.next() is None
        after.now += 45_001
        after.slot.review(now_ms=after.now)
        assert result(after.outcome()).outcome is Outcome.UNKNOWN


def test_at_least_once_sends_them_all_and_says_so() -> None:
    desk = Desk()
    desk.answer(begun(desk))
    desk.slot.host = "two.example"
    written = intent(desk.send().work, desk.now)
    after = after_a_crash(written, unknown_outcome=UnknownPolicy.AT_LEAST_ONCE)
    asked = []
    for _ in range(3):
        admitted = after.next()
        assert admitted is not None
        asked.append(admitted.intent_first)
        after.slot.sent(admitted.part, now_ms=after.now)
    assert asked == [True, False, False]
    assert after.slot._works["m1"].possible_duplicate


def test_an_intent_for_another_host_makes_no_doubt_younger() -> None:
    desk = Desk(unknown_outcome=UnknownPolicy.AT_LEAST_ONCE)
    part = begun(desk)
    desk.slot.doubt([part])
    desk.now += 10_000
    desk.slot.host = "two.example"
    desk.slot.review(now_ms=desk.now)
    again = desk.next()
    assert again is not None
    assert again.intent_first
    assert part.work.intent_at == T0


def test_a_part_that_is_put_back_takes_no_intent_away_from_the_others() -> None:
    """The first waits for an intent of the host that was left meanwhile, the second for one of the new host."""
    desk = Desk()
    desk.put(text=LONG)
    first = desk.next()
    desk.slot.host = "two.example"
    second = desk.next()
    assert first is not None
    assert second is not None
    work = first.part.work
    assert not first.holds(desk.slot.host, desk.now)
    desk.slot.hold(first.part)
    assert intent(work, desk.now).host == "two.example"
    work.covered = True
    assert second.holds(desk.slot.host, desk.now)
    again = desk.next()
    assert again is not None
    assert (again.part, again.intent_first) == (first.part, False)


def test_what_was_admitted_for_another_host_or_long_ago_is_judged_anew() -> None:
    """The age of a doubt, the minute of its parts and the expiry went on while the intent was written."""
    desk = Desk()
    desk.put()
    admitted = desk.next()
    assert admitted is not None
    work = admitted.part.work
    assert not admitted.holds("one.example", desk.now), "without an intent"
    work.covered = True
    assert admitted.holds("one.example", desk.now)
    assert not admitted.holds("one.example", desk.now + 1_001)
    work.intent_host = "two.example"
    assert not admitted.holds("two.example", desk.now), "it was admitted for the first host"


def test_an_intent_without_a_host_is_written_again_with_one() -> None:
    """One from before the ledger knew hosts."""
    desk = Desk()
    old = replace(entry(LedgerType.INTENT, fingerprints=fingerprints_of_m1()), host=None)
    desk.ledger.note(old)
    desk.put()
    desk.slot.review(now_ms=desk.now)
    again = desk.next()
    assert again is not None
    assert again.intent_first
