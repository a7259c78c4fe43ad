"""An answer that comes after its message was given up: published as a correction, never as a second outcome."""

from connector.domain.events import LedgerType, Outcome
from connector.domain.messages import UnknownPolicy
from connector.smpp.constants import CommandStatus
from connector.stages.submit.outcomes import done, response, submissions
from connector.stages.submit.work import Part, Work
from tests.stages.test_slot import OK, THROTTLED, Desk, entry, result

INVALID = int(CommandStatus.ESME_RINVDSTADR)


def given_up(desk: Desk, parts: int = 1) -> list[Part]:
    """The parts of a message whose outcome is unknown and published."""
    desk.put(text="a" * 150 * parts, unknown_outcome=UnknownPolicy.AT_MOST_ONCE)
    sent = [desk.send() for _ in range(parts)]
    desk.slot.doubt(sent)
    desk.slot.review(now_ms=desk.now)
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN
    published(desk)
    return sent


def published(desk: Desk) -> Work:
    (work,) = desk.slot.finished
    desk.ledger.note(done(work, desk.now))
    desk.slot.published(work)
    desk.slot.finished.clear()
    return work


def test_a_late_answer_corrects_an_unknown_outcome() -> None:
    desk = Desk()
    (part,) = given_up(desk)
    first = response(part.work, desk.slot.account, desk.now)
    desk.answer(part, OK, "id-9")
    desk.slot.review(now_ms=desk.now)
    work = desk.outcome()
    told = response(work, desk.slot.account, desk.now)
    assert (told.outcome, told.correction, told.gateway_message_id) == ("accepted", True, "id-9")
    assert told.event_id != first.event_id
    assert [item.gateway_message_id for item in submissions(work, desk.slot.account, desk.now)] == ["id-9"]


def test_a_late_refusal_corrects_it_too() -> None:
    desk = Desk()
    (part,) = given_up(desk)
    desk.answer(part, INVALID)
    desk.slot.review(now_ms=desk.now)
    assert response(desk.outcome(), desk.slot.account, desk.now).outcome == "rejected"


def test_a_late_refusal_of_the_second_request_tells_nothing_of_the_first() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.doubt([part])
    desk.slot.review(now_ms=desk.now)
    assert desk.send() is part
    desk.slot.doubt([part])
    desk.now += 46_000
    desk.slot.review(now_ms=desk.now)
    assert result(published(desk)).outcome is Outcome.UNKNOWN
    for status in (THROTTLED, INVALID):
        desk.answer(part, status)
        desk.slot.review(now_ms=desk.now)
        assert desk.slot.finished == []
    desk.answer(part, OK, "id-9")
    desk.slot.review(now_ms=desk.now)
    assert response(desk.outcome(), desk.slot.account, desk.now).outcome == "accepted"


def test_a_late_throttling_is_a_refusal_by_now() -> None:
    desk = Desk()
    (part,) = given_up(desk)
    desk.answer(part, THROTTLED)
    desk.slot.review(now_ms=desk.now)
    assert response(desk.outcome(), desk.slot.account, desk.now).outcome == "rejected"
    assert desk.next() is None


def test_nothing_is_corrected_while_another_part_is_unknown() -> None:
    desk = Desk()
    one, two = given_up(desk, 2)
    desk.answer(one, OK)
    desk.slot.review(now_ms=desk.now)
    assert not desk.slot.finished
    desk.answer(two, OK)
    desk.slot.review(now_ms=desk.now)
    assert response(desk.outcome(), desk.slot.account, desk.now).parts_accepted == 2


def test_an_answer_that_comes_while_the_outcome_is_written_is_not_lost() -> None:
    desk = Desk()
    desk.put(unknown_outcome=UnknownPolicy.AT_MOST_ONCE)
    part = desk.send()
    desk.slot.doubt([part])
    desk.slot.review(now_ms=desk.now)
    desk.answer(part, OK, "id-9")
    desk.slot.review(now_ms=desk.now)
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN
    published(desk)
    desk.slot.review(now_ms=desk.now)
    assert response(desk.outcome(), desk.slot.account, desk.now).correction


def test_a_correction_that_a_crash_kept_from_going_out_is_published_as_one() -> None:
    desk = Desk()
    desk.ledger.note(entry(LedgerType.DONE, outcome="accepted", part_message_ids=("id-9",), correction=True))
    desk.put()
    assert response(desk.outcome(), desk.slot.account, desk.now).correction


def test_a_correction_holds_no_offset() -> None:
    desk = Desk()
    (part,) = given_up(desk)
    before = desk.slot.offsets[part.work.lane].committable
    assert before is not None
    desk.answer(part, OK)
    desk.slot.review(now_ms=desk.now)
    published(desk)
    assert desk.slot.offsets[part.work.lane].committable == before
