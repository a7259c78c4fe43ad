"""Cancel, replace and query in a slot: where the message stands decides what becomes of the request."""

from dataclasses import replace
from typing import Any

from connector.domain.events import LedgerType, Outcome
from connector.domain.messages import Action, Lane
from connector.kafka.ledger import NOTED_FOR_MS, Ledger
from connector.smpp.constants import CommandStatus
from connector.smpp.pdu import CancelSm, QuerySm, ReplaceSm, SubmitSm
from connector.stages.submit.outcomes import done
from connector.stages.submit.work import Part, Work
from tests.stages.test_slot import OK, T0, THROTTLED, Desk, entry, fingerprints_of_m1, result

GONE = int(CommandStatus.ESME_RCANCELFAIL)


def ask(desk: Desk, action: Action = Action.CANCEL, name: str = "r1", target: str = "m1", **fields: Any) -> None:
    desk.put(name, Lane.URGENT, action=action, target_id=target, **{"text": None, **fields})


def ends(desk: Desk) -> dict[str, tuple[Outcome, str | None]]:
    return {work.item.message_id: (result(work).outcome, result(work).reason) for work in desk.slot.finished}


def settled(desk: Desk) -> list[Work]:
    """What is written down and published now, as the journal does it."""
    works, desk.slot.finished = desk.slot.finished, []
    for work in works:
        if not work.recorded:
            desk.ledger.note(done(work, desk.now))
        desk.slot.published(work)
    return works


def submitted(desk: Desk, *names: str) -> None:
    """m1 is accepted under these ids, one for each part."""
    desk.put(text="a" * (150 * len(names)))
    for name in names:
        desk.answer(desk.send(), OK, name)
    settled(desk)


def pdu_of(part: Part) -> object:
    assert part.work.plan is not None
    return part.work.plan.pdus[part.index]


def test_a_message_that_waits_in_its_lane_is_taken_back_and_both_end() -> None:
    desk = Desk()
    desk.put()
    desk.put("m2")
    ask(desk)
    assert ends(desk) == {
        "m1": (Outcome.CANCELLED, "cancelled-in-lane"),
        "r1": (Outcome.ACCEPTED, "cancelled-in-lane"),
    }
    assert desk.send().work.item.message_id == "m2"


def test_that_it_was_taken_back_is_written_down() -> None:
    """Else a restart between the outcome and the commit would find the message in its lane and send it."""
    desk = Desk()
    desk.put()
    ask(desk)
    assert [work.recorded for work in desk.slot.finished] == [False, False]


def test_a_message_refused_for_now_can_still_be_taken_back() -> None:
    desk = Desk()
    desk.put()
    desk.answer(desk.send(), THROTTLED)
    ask(desk)
    assert ends(desk)["m1"] == (Outcome.CANCELLED, "cancelled-in-lane")
    assert desk.next() is None


def test_a_message_under_way_is_waited_for_and_cancelled_at_the_gateway() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    ask(desk)
    assert not ends(desk)
    desk.answer(part, OK, "id-7")
    cancel = desk.send(Lane.URGENT)
    pdu = pdu_of(cancel)
    assert isinstance(pdu, CancelSm)
    assert pdu.message_id == "id-7"
    desk.answer(cancel, OK, "id-7")
    assert ends(desk) == {"m1": (Outcome.ACCEPTED, None), "r1": (Outcome.ACCEPTED, "cancelled-at-gateway")}


def test_a_request_needs_no_intent() -> None:
    desk = Desk()
    submitted(desk, "id-1")
    ask(desk)
    admitted = desk.next(Lane.URGENT)
    assert admitted is not None
    assert not admitted.intent_first
    assert admitted.part.work.covered


def test_every_id_the_gateway_gave_is_asked_about_and_each_stands_alone() -> None:
    desk = Desk(single=True)
    submitted(desk, "id-1", "id-2", "id-3")
    ask(desk)
    parts = [desk.send(Lane.URGENT) for _ in range(3)]
    asked = [pdu_of(part) for part in parts]
    assert [pdu.message_id for pdu in asked if isinstance(pdu, CancelSm)] == ["id-1", "id-2", "id-3"]
    desk.answer(parts[0], GONE)
    assert not ends(desk)
    for part in parts[1:]:
        desk.answer(part, OK, part.gateway_message_id or "")
    (work,) = desk.slot.finished
    assert (result(work).outcome, result(work).command_status) == (Outcome.REJECTED, GONE)
    assert result(work).parts_accepted == 2


def test_a_refused_request_says_so() -> None:
    desk = Desk()
    submitted(desk, "id-1")
    ask(desk)
    desk.answer(desk.send(Lane.URGENT), GONE)
    assert ends(desk) == {"r1": (Outcome.REJECTED, "refused-by-gateway")}


def test_a_cancellation_ahead_of_its_message_is_noted_and_the_message_never_sent() -> None:
    desk = Desk()
    ask(desk)
    assert ends(desk) == {"r1": (Outcome.ACCEPTED, "cancel-noted")}
    settled(desk)
    desk.put()
    assert ends(desk) == {"m1": (Outcome.CANCELLED, "cancelled-in-lane")}
    assert desk.next() is None


def test_a_message_that_comes_while_its_cancellation_is_being_written_down_is_not_sent_either() -> None:
    desk = Desk()
    ask(desk)
    desk.put()
    assert desk.next() is None
    assert ends(desk) == {"r1": (Outcome.ACCEPTED, "cancel-noted"), "m1": (Outcome.CANCELLED, "cancelled-in-lane")}
    settled(desk)
    assert not desk.ledger.is_cancelled("m1")


def begun_before_a_restart(desk: Desk) -> None:
    """m1, whose record is the next but one that is read, has an intent."""
    intent = entry(LedgerType.INTENT, fingerprints=fingerprints_of_m1())
    desk.ledger.note(replace(intent, lane_offset=1, source_offset=1))


def test_what_is_asked_of_a_message_begun_before_a_restart_waits_until_that_is_read_again() -> None:
    desk = Desk()
    begun_before_a_restart(desk)
    ask(desk)
    assert ends(desk) == {}, "its bytes may be at the gateway: nothing can be said of it yet"
    desk.put()
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send(), OK, "id-9")
    asked = pdu_of(desk.send(Lane.URGENT))
    assert isinstance(asked, CancelSm)
    assert asked.message_id == "id-9"


def test_what_is_asked_of_a_message_that_is_read_no_more_does_not_wait() -> None:
    """Begun before a restart, and set aside as a dead letter since."""
    desk = Desk()
    begun_before_a_restart(desk)
    ask(desk)
    desk.slot.take(Lane.NORMAL, 1, [], now_ms=desk.now)
    assert ends(desk) == {"r1": (Outcome.ACCEPTED, "cancel-noted")}


def test_what_waits_for_a_record_is_read_again_after_a_rebalance() -> None:
    desk = Desk()
    begun_before_a_restart(desk)
    ask(desk)
    desk.slot.forget_unstarted()
    desk.slot.take(Lane.URGENT, 0, [desk.item("r1", Lane.URGENT)], now_ms=desk.now)
    desk.put()
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send())
    desk.answer(desk.send(Lane.URGENT))
    assert ends(desk)["r1"] == (Outcome.ACCEPTED, "cancelled-at-gateway")
    settled(desk)
    assert desk.slot.offsets[Lane.URGENT].committable == 1


def test_a_noted_cancellation_survives_a_restart_and_outlives_the_ledgers_memory() -> None:
    """It is written again before a replay would no longer reach back to it, until it is three days old."""
    desk = Desk()
    ask(desk)
    note = done(desk.slot.finished[0], desk.now)
    ledger = Ledger(memory_ms=3_600_000)
    ledger.replay([note], committed={"urgent": 1})
    assert ledger.is_cancelled("m1")
    assert ledger.stale_notes(T0 + 1_000) == []
    later = T0 + 2_000_000
    (again,) = ledger.stale_notes(later)
    assert (again.at, again.submitted_at) == (later, T0)
    fresh = Ledger(memory_ms=3_600_000)
    fresh.replay([again], committed={"urgent": 1})
    assert fresh.is_cancelled("m1")
    assert fresh.stale_notes(T0 + NOTED_FOR_MS + 1) == []
    assert not fresh.is_cancelled("m1")


def test_a_note_is_used_up_by_its_message() -> None:
    desk = Desk()
    ask(desk)
    settled(desk)
    desk.put()
    settled(desk)
    assert not desk.ledger.is_cancelled("m1")


def test_a_request_that_gets_no_answer_is_asked_three_times() -> None:
    desk = Desk()
    submitted(desk, "id-1")
    ask(desk)
    for _ in range(3):
        desk.slot.doubt([desk.send(Lane.URGENT)])
        desk.slot.review(now_ms=desk.now)
    assert desk.next(Lane.URGENT) is None
    assert ends(desk) == {"r1": (Outcome.UNKNOWN, "no-response")}


def test_a_text_is_replaced_in_the_lane_and_the_request_ends_with_its_message() -> None:
    """Not before: after a restart the lane holds the old text, and the request must come again to change it."""
    desk = Desk()
    desk.put(text="old")
    ask(desk, Action.REPLACE, text="new")
    assert not ends(desk)
    part = desk.send()
    pdu = pdu_of(part)
    assert isinstance(pdu, SubmitSm)
    assert pdu.short_message == b"new"
    desk.answer(part)
    assert ends(desk) == {"m1": (Outcome.ACCEPTED, None), "r1": (Outcome.ACCEPTED, "replaced-in-lane")}


def test_a_message_that_is_put_back_before_its_bytes_left_is_replaced_at_the_gateway() -> None:
    """Its request is made by then, with the text it had."""
    desk = Desk()
    desk.put()
    admitted = desk.next()
    assert admitted is not None
    desk.slot.hold(admitted.part)
    ask(desk, Action.REPLACE, text="new")
    part = desk.send()
    assert part is admitted.part
    desk.answer(part, OK, "id-1")
    settled(desk)
    assert isinstance(pdu_of(desk.send(Lane.URGENT)), ReplaceSm)


def test_a_text_is_replaced_at_the_gateway_in_the_alphabet_of_the_message() -> None:
    desk = Desk()
    desk.put(text="старый")
    desk.answer(desk.send(), OK, "id-1")
    settled(desk)
    ask(desk, Action.REPLACE, text="new")
    pdu = pdu_of(desk.send(Lane.URGENT))
    assert isinstance(pdu, ReplaceSm)
    assert pdu.short_message == "new".encode("utf-16-be")


def test_a_message_of_several_parts_is_not_replaced() -> None:
    desk = Desk()
    submitted(desk, "id-1", "id-1", "id-1")
    ask(desk, Action.REPLACE, text="new")
    assert ends(desk) == {"r1": (Outcome.REJECTED, "target-of-several-parts")}


def test_a_query_of_what_was_not_submitted_says_so() -> None:
    desk = Desk()
    desk.put()
    ask(desk, Action.QUERY)
    ask(desk, Action.QUERY, "r2", "nobody")
    assert ends(desk) == {
        "r1": (Outcome.REJECTED, "target-not-submitted"),
        "r2": (Outcome.REJECTED, "target-not-found"),
    }


def test_an_id_of_the_gateway_serves_where_the_ledger_has_forgotten() -> None:
    desk = Desk()
    ask(desk, Action.QUERY, target_gateway_id="854019")
    pdu = pdu_of(desk.send(Lane.URGENT))
    assert isinstance(pdu, QuerySm)
    assert pdu.message_id == "854019"


def test_what_a_message_without_an_id_ended_as_is_the_reason() -> None:
    desk = Desk()
    desk.put(expires_at=T0 + 1)
    desk.now += 10
    desk.slot.review(now_ms=desk.now)
    ask(desk)
    assert ends(desk)["r1"] == (Outcome.REJECTED, "target-expired")


def test_a_request_that_waits_is_read_again_with_its_message_after_a_rebalance() -> None:
    """The message in memory is dropped, and whoever waited for it would wait for ever."""
    desk = Desk()
    desk.put(text="old")
    ask(desk, Action.REPLACE, text="new")
    desk.slot.forget_unstarted()
    desk.put(text="old", source=0)
    ask(desk, Action.REPLACE, text="new")
    part = desk.send()
    desk.answer(part)
    assert ends(desk) == {"m1": (Outcome.ACCEPTED, None), "r1": (Outcome.ACCEPTED, "replaced-in-lane")}


def test_a_request_for_what_is_put_off_is_read_again_after_a_rebalance() -> None:
    desk = Desk()
    desk.put(text="old")
    ask(desk, Action.REPLACE, text="new")
    (work,) = desk.slot.queues[Lane.NORMAL].works()
    desk.slot.queues[Lane.NORMAL].fresh.clear()
    desk.slot.deferred.append(work)
    desk.slot.forget_unstarted()
    assert desk.slot._works == {}


def test_a_cancellation_published_twice_ends_the_same() -> None:
    """A crash after the ledger knew of both, and before anything was published."""
    desk = Desk()
    desk.ledger.note(entry(LedgerType.DONE, outcome=Outcome.CANCELLED))
    of_request = entry(LedgerType.DONE, outcome=Outcome.ACCEPTED, reason="cancelled-in-lane")
    desk.ledger.note(replace(of_request, message_id="r1", source_offset=1))
    desk.put()
    ask(desk)
    assert ends(desk) == {"m1": (Outcome.CANCELLED, None), "r1": (Outcome.ACCEPTED, "cancelled-in-lane")}
    assert desk.next() is None
