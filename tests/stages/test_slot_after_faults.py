"""A slot after a restart, a clock that was put back, a message that is refused again and again, and at its end."""

from connector.domain.events import LedgerType, Outcome
from connector.domain.messages import Lane, UnknownPolicy
from connector.smpp.constants import CommandStatus
from connector.stages.settings import SubmitSettings
from connector.stages.submit.account import Account
from connector.stages.submit.outcomes import done, intent, response
from connector.translate.settings import TimeFormat
from tests.stages.test_slot import ACCOUNT, DUPLICATE, OK, T0, THROTTLED, Desk, entry, fingerprints_of_m1, result


def test_the_age_of_an_unknown_counts_from_its_first_part_and_not_from_a_later_intent() -> None:
    """Else a part accepted 80 s ago would be sent again after a crash, past the minute the gateway remembers it."""
    desk = Desk()
    desk.ledger.note(entry(LedgerType.INTENT, fingerprints=fingerprints_of_m1(), submitted_at=T0 - 80_000))
    desk.put()
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is None
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN


def test_an_unknown_from_before_a_restart_goes_only_to_the_host_it_was_meant_for() -> None:
    desk = Desk()
    desk.ledger.note(entry(LedgerType.INTENT, fingerprints=fingerprints_of_m1(), host="two.example"))
    desk.put()
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is None
    desk.slot.host = "two.example"
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is not None


def test_a_clock_that_was_put_back_makes_no_unknown_young_again() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.doubt([part])
    desk.now -= 3_600_000
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is None
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN


def test_a_message_refused_again_and_again_lets_others_go_first() -> None:
    desk = Desk()
    desk.put("stubborn")
    desk.put("other")
    for _ in range(20):
        part = desk.send()
        assert part.work.item.message_id == "stubborn", "until then it keeps its place"
        desk.answer(part, THROTTLED)
    assert desk.send().work.item.message_id == "other"
    assert desk.next() is None
    desk.now += 60_000
    assert desk.send().work.item.message_id == "stubborn"


def test_a_message_that_was_only_ever_refused_for_now_is_given_up_after_an_hour() -> None:
    desk = Desk()
    desk.put()
    desk.answer(desk.send(), THROTTLED)
    desk.now += 3_600_001
    desk.answer(desk.send(), THROTTLED)
    assert result(desk.outcome()).outcome is Outcome.REJECTED
    assert result(desk.outcome()).command_status == THROTTLED


def test_at_the_end_a_message_under_way_is_finished_and_none_is_begun() -> None:
    """A rolling restart must not cut a long text in half."""
    desk = Desk()
    desk.put("long", text="a" * 200)
    desk.put("next")
    desk.answer(desk.send())
    assert desk.slot.begun == 1
    last = desk.slot.next_part(Lane.NORMAL, now_ms=desk.now, begin=False)
    assert last is not None
    desk.answer(last.part)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED
    assert desk.slot.begun == 0
    assert desk.slot.next_part(Lane.NORMAL, now_ms=desk.now, begin=False) is None


def test_a_held_message_expires_while_the_bind_is_down() -> None:
    desk = Desk()
    desk.put(expires_at=T0 + 1_000)
    part = desk.next()
    assert part is not None
    desk.slot.hold(part.part)
    desk.slot.ready = False
    desk.now += 1_000
    desk.slot.review(now_ms=desk.now)
    assert result(desk.outcome()).outcome is Outcome.EXPIRED


def test_a_round_of_admissions_ends_where_nothing_is_fit_to_go() -> None:
    """All that waits was refused so often that it must wait: the round must not ask for ever."""
    desk = Desk()
    desk.put()
    for _ in range(20):
        desk.answer(desk.send(), THROTTLED)
    account = Account(ACCOUNT, SubmitSettings(), now=0.0)
    account.slots[0] = desk.slot
    assert account.admit(now=100.0, now_ms=desk.now) == []


def test_an_answer_of_any_age_settles_what_was_refused_before() -> None:
    desk = Desk()
    desk.put()
    desk.answer(desk.send(), THROTTLED)
    desk.answer(desk.send(), OK)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED


def test_times_made_from_the_clock_are_the_same_after_a_restart() -> None:
    """Where the account asks for absolute times: made anew, they would make another request of the resend."""
    desk = Desk(time_format=TimeFormat.ABSOLUTE)
    desk.put(validity_minutes=5)
    part = desk.send()
    first = part.work.plan
    desk.slot.doubt([part])
    written = intent(part.work, desk.now)
    after = Desk(time_format=TimeFormat.ABSOLUTE)
    after.ledger.note(written)
    after.now += 30_000
    after.put(validity_minutes=5)
    after.slot.review(now_ms=after.now)
    again = after.send()
    assert again.work.plan == first


def test_a_resend_that_is_refused_says_nothing_about_the_request_before_it() -> None:
    desk = Desk()
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send(), int(CommandStatus.ESME_RINVDSTADR))
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN
    assert result(desk.outcome()).command_status == CommandStatus.ESME_RINVDSTADR


def test_a_doubtful_part_in_line_does_not_go_to_another_host() -> None:
    """The bind may move between the review and the part's turn."""
    desk = Desk()
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    desk.slot.host = "two.example"
    assert desk.next() is None
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is None
    desk.slot.host = "one.example"
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is not None


def test_at_least_once_on_another_host_is_a_possible_duplicate() -> None:
    desk = Desk()
    desk.put(unknown_outcome=UnknownPolicy.AT_LEAST_ONCE)
    desk.slot.doubt([desk.send()])
    desk.slot.host = "two.example"
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send(), OK)
    assert result(desk.outcome()).possible_duplicate


def test_an_outcome_without_an_intent_is_written_down_too() -> None:
    """Else a restart before the commit would judge the event anew, perhaps otherwise."""
    desk = Desk()
    desk.put(expires_at=T0 + 1)
    desk.now += 10
    desk.slot.review(now_ms=desk.now)
    assert not desk.outcome().recorded


def test_at_least_once_says_so_though_the_wait_came_after_the_decision() -> None:
    """The resend stands in line when the bind drops, and leaves minutes later."""
    desk = Desk(unknown_outcome=UnknownPolicy.AT_LEAST_ONCE)
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    desk.slot.ready = False
    desk.now += 100_000
    desk.slot.ready = True
    desk.answer(desk.send())
    assert result(desk.outcome()).possible_duplicate


def test_a_resend_within_its_time_is_no_possible_duplicate() -> None:
    desk = Desk(unknown_outcome=UnknownPolicy.AT_LEAST_ONCE)
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send())
    assert not result(desk.outcome()).possible_duplicate


def test_a_late_throttling_leaves_the_doubt_of_an_earlier_request() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.doubt([part])
    desk.slot.review(now_ms=desk.now)
    desk.send()
    desk.slot.doubt([part])
    desk.slot.review(now_ms=desk.now)
    desk.answer(part, THROTTLED)
    desk.now += 46_000
    assert desk.next() is None
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN


def test_a_resend_in_line_is_given_up_in_time_while_the_bind_is_down() -> None:
    desk = Desk()
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    desk.slot.ready = False
    desk.now += 45_001
    desk.slot.review(now_ms=desk.now)
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN
    assert desk.slot.begun == 0
    assert not desk.slot.queues[Lane.NORMAL].begun


def test_parts_that_must_wait_press_nobody() -> None:
    """Refused so often that it waits: until then the lane belongs to the others, however near its minute is."""
    desk = Desk()
    desk.put("long", text="a" * 200)
    for _ in range(20):
        desk.answer(desk.send(), THROTTLED)
    desk.now += 50_000
    queue = desk.slot.queues[Lane.NORMAL]
    queue.begun[0].not_before = desk.now + 1
    assert not queue.pressing(now_ms=desk.now, rate=10.0)
    assert queue.pressing(now_ms=desk.now + 1, rate=10.0)


def test_a_duplicate_of_what_was_only_refused_for_now_is_sent_when_the_gateway_has_forgotten() -> None:
    """Some gateways remember a request that they throttled. Broken by: a message told of as duplicate, never sent."""
    desk = Desk()
    desk.put()
    desk.answer(desk.send(), THROTTLED)
    desk.answer(desk.send(), DUPLICATE)
    assert desk.slot.finished == []
    desk.now += 60_000
    assert desk.next() is None
    desk.now += 1_000
    desk.answer(desk.send(), OK)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED


def test_a_second_duplicate_is_somebody_elses_message() -> None:
    desk = Desk()
    desk.put()
    desk.answer(desk.send(), THROTTLED)
    desk.answer(desk.send(), DUPLICATE)
    desk.now += 61_000
    desk.answer(desk.send(), DUPLICATE)
    assert result(desk.outcome()).outcome is Outcome.DUPLICATE


def test_a_duplicate_of_a_doubted_part_is_the_accepted_one_though_it_was_throttled_too() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.doubt([part])
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send(), THROTTLED)
    desk.answer(desk.send(), DUPLICATE)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED


def test_an_outcome_that_is_published_again_after_a_restart_is_the_same_event() -> None:
    desk = Desk()
    desk.put(text="hello")
    desk.answer(desk.send())
    work = desk.outcome()
    told = response(work, desk.slot.account, desk.now)
    after = Desk()
    after.ledger.note(done(work, desk.now))
    after.now += 60_000
    after.put(text="hello")
    assert response(after.outcome(), after.slot.account, after.now) == told


def test_what_cannot_be_made_again_after_a_crash_may_have_been_sent_twice_where_the_policy_resends() -> None:
    for policy in UnknownPolicy:
        desk = Desk(unknown_outcome=policy)
        desk.ledger.note(entry(LedgerType.INTENT, fingerprints=(1,)))
        desk.put()
        assert result(desk.outcome()).outcome is Outcome.UNKNOWN
        assert result(desk.outcome()).possible_duplicate is (policy is UnknownPolicy.AT_LEAST_ONCE)
