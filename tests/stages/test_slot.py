"""One slot's decisions on a clock of its own: what goes when, what an answer means, what a lost bind leaves."""

from typing import Any

import pytest

from connector.domain.events import LaneMessage, LedgerEntry, LedgerType, Outcome
from connector.domain.messages import Lane, OutboundMessage, UnknownPolicy
from connector.kafka.ledger import Ledger
from connector.kafka.records import RecordError
from connector.smpp.constants import CommandStatus
from connector.stages.settings import AccountSettings
from connector.stages.submit.slot import Slot
from connector.stages.submit.work import Admitted, Part, Work

T0 = 1_800_000_000_000
OK, THROTTLED, INVALID = 0, int(CommandStatus.ESME_RTHROTTLED), int(CommandStatus.ESME_RINVDSTADR)
DUPLICATE = int(CommandStatus.ESME_RSUBMITFAIL)

ACCOUNT = AccountSettings.model_validate({"name": "main", "system_id": "login", "password": "secret"})


class Desk:
    """A slot with messages that exist only here."""

    def __init__(self, **account: Any) -> None:
        self.messages: dict[bytes, OutboundMessage] = {}
        self.ledger = Ledger(memory_ms=3_600_000)
        self.now = T0
        self.slot = Slot(
            number=0,
            account=ACCOUNT.model_copy(update=account),
            ledger=self.ledger,
            decode=self._decode,
            resend_ms=45_000,
        )
        self.slot.ready, self.slot.host = True, "one.example"
        self._offset = 0

    def _decode(self, value: bytes) -> OutboundMessage:
        if value not in self.messages:
            raise RecordError("truncated", "the record ends early")
        return self.messages[value]

    def put(self, name: str = "m1", lane: Lane = Lane.NORMAL, source: int | None = None, **fields: Any) -> int:
        """A lane record with one message; returns its offset."""
        offset, self._offset = self._offset, self._offset + 1
        self.messages[name.encode()] = OutboundMessage(
            **{"id": name, "recipient": "79990000001", "sender": "Shop", "text": f"hello {name}", **fields}
        )
        self.slot.take(lane, offset, [self.item(name, lane, offset if source is None else source)], now_ms=self.now)
        return offset

    def item(self, name: str, lane: Lane = Lane.NORMAL, source: int = 0) -> LaneMessage:
        return LaneMessage(
            message_id=name,
            account="main",
            slot=0,
            lane=lane,
            source_topic="sms.outbound",
            source_partition=0,
            source_offset=source,
            received_at=T0,
            routed_at=T0,
            event=name.encode(),
        )

    def next(self, lane: Lane = Lane.NORMAL) -> Admitted | None:
        return self.slot.next_part(lane, now_ms=self.now)

    def send(self, lane: Lane = Lane.NORMAL) -> Part:
        admitted = self.next(lane)
        assert admitted is not None
        self.slot.sent(admitted.part, now_ms=self.now)
        return admitted.part

    def answer(self, part: Part, status: int = OK, name: str = "id-1") -> None:
        self.slot.answered(part, status, name if status == OK else "", now_ms=self.now)

    def outcome(self) -> Work:
        """The one work that is settled."""
        (work,) = self.slot.finished
        return work


def result(work: Work) -> Any:
    assert work.result is not None
    return work.result


def test_the_first_part_of_a_message_asks_for_an_intent_and_the_others_do_not() -> None:
    desk = Desk()
    desk.put(text="a" * 400)
    assert [admitted.intent_first for admitted in (desk.next(), desk.next(), desk.next()) if admitted] == [
        True,
        False,
        False,
    ]


def test_a_message_is_accepted_when_all_its_parts_are() -> None:
    desk = Desk()
    desk.put(text="a" * 400)
    parts = [desk.send(), desk.send(), desk.send()]
    for part in parts[:2]:
        desk.answer(part)
    assert not desk.slot.finished
    desk.answer(parts[2])
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED
    assert result(desk.outcome()).part_message_ids == ("id-1", "id-1", "id-1")


def test_a_refused_part_ends_the_message_and_the_rest_is_not_sent() -> None:
    desk = Desk()
    desk.put(text="a" * 400)
    desk.answer(desk.send(), INVALID)
    assert result(desk.outcome()).outcome is Outcome.REJECTED
    assert result(desk.outcome()).command_status == INVALID
    assert desk.next() is None


def test_a_throttled_part_keeps_its_place_at_the_head() -> None:
    desk = Desk()
    desk.put("first")
    desk.put("second")
    part = desk.send()
    desk.answer(part, THROTTLED)
    again = desk.next()
    assert again is not None
    assert again.part is part
    assert not again.intent_first, "the intent is young and still covers it"


def test_an_old_intent_is_written_again_before_another_attempt() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.answer(part, THROTTLED)
    desk.now += 30_000
    again = desk.next()
    assert again is not None
    assert again.intent_first


def test_a_part_that_never_left_is_sent_without_doubt() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.hold(part)
    assert desk.slot.in_flight == 0
    assert not desk.send().doubted


def test_an_unanswered_submit_is_sent_again_byte_for_byte_within_the_limit() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    before = part.work.plan
    desk.slot.doubt([part])
    desk.now += 10_000
    desk.slot.review(now_ms=desk.now)
    again = desk.send()
    assert again is part
    assert again.work.plan is before


def test_a_duplicate_answer_to_a_resend_means_the_first_one_was_accepted() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.doubt([part])
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send(), DUPLICATE)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED
    assert result(desk.outcome()).part_message_ids == ("",)


def test_a_duplicate_answer_to_a_first_attempt_is_a_duplicate() -> None:
    desk = Desk()
    desk.put()
    desk.answer(desk.send(), DUPLICATE)
    assert result(desk.outcome()).outcome is Outcome.DUPLICATE


def test_after_the_limit_an_unanswered_submit_is_unknown_and_never_sent_again() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.doubt([part])
    desk.now += 45_001
    desk.slot.review(now_ms=desk.now)
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN
    assert desk.next() is None


def test_a_resend_that_waited_past_the_limit_for_its_turn_is_not_sent() -> None:
    desk = Desk()
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    desk.now += 45_001
    assert desk.next() is None
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN


def test_a_resend_goes_to_the_host_that_may_have_taken_it() -> None:
    desk = Desk()
    desk.put()
    desk.slot.doubt([desk.send()])
    desk.slot.host = "two.example"
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is None
    desk.slot.host = "one.example"
    desk.slot.review(now_ms=desk.now)
    assert desk.next() is not None


def test_at_most_once_never_sends_again() -> None:
    desk = Desk()
    desk.put(unknown_outcome=UnknownPolicy.AT_MOST_ONCE)
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN


def test_at_least_once_sends_again_however_late_and_says_so() -> None:
    desk = Desk()
    desk.put(unknown_outcome=UnknownPolicy.AT_LEAST_ONCE)
    desk.slot.doubt([desk.send()])
    desk.now += 600_000
    desk.slot.review(now_ms=desk.now)
    desk.answer(desk.send())
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED
    assert result(desk.outcome()).possible_duplicate


@pytest.mark.parametrize("resend_queued", [False, True])
def test_a_late_answer_settles_a_doubt(resend_queued: bool) -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    desk.slot.doubt([part])
    if resend_queued:
        desk.slot.review(now_ms=desk.now)
    desk.answer(part)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED
    assert desk.next() is None


def test_a_message_past_its_expiry_leaves_with_an_event_and_never_reaches_the_wire() -> None:
    desk = Desk()
    offset = desk.put(expires_at=T0 + 1000)
    desk.now += 1000
    assert desk.next() is None
    work = desk.outcome()
    assert result(work).outcome is Outcome.EXPIRED
    desk.slot.published(work)
    assert desk.slot.offsets[Lane.NORMAL].committable == offset + 1


def test_expiry_is_noticed_while_the_bind_is_down() -> None:
    desk = Desk()
    desk.slot.ready = False
    desk.put(expires_at=T0 + 1000)
    desk.put("later")
    desk.now += 1000
    desk.slot.review(now_ms=desk.now)
    assert result(desk.outcome()).outcome is Outcome.EXPIRED
    assert desk.slot.queued(Lane.NORMAL) == 1


def test_parts_that_cannot_make_it_within_a_minute_are_given_up() -> None:
    desk = Desk()
    desk.put(text="a" * 400)
    desk.answer(desk.send())
    desk.now += 56_000
    assert desk.next() is None
    assert result(desk.outcome()).outcome is Outcome.REJECTED
    assert result(desk.outcome()).reason == "parts-not-within-a-minute"
    assert result(desk.outcome()).parts_accepted == 1


def test_no_offset_is_committable_before_the_outcome_is_published() -> None:
    desk = Desk()
    offset = desk.put()
    desk.answer(desk.send())
    assert desk.slot.offsets[Lane.NORMAL].committable is None
    desk.slot.published(desk.outcome())
    assert desk.slot.offsets[Lane.NORMAL].committable == offset + 1


def test_a_second_copy_of_one_event_waits_for_the_first_and_is_not_sent() -> None:
    desk = Desk()
    desk.put(source=5)
    copy = desk.put(source=5)
    desk.answer(desk.send())
    assert desk.next() is None
    desk.slot.published(desk.outcome())
    assert desk.slot.offsets[Lane.NORMAL].committable == copy + 1


def test_another_event_under_a_used_id_is_a_duplicate_and_is_not_sent() -> None:
    desk = Desk()
    desk.put(source=5)
    desk.put(source=6)
    assert result(desk.outcome()).outcome is Outcome.DUPLICATE
    assert desk.outcome().item.source_offset == 6
    assert desk.send().work.item.source_offset == 5
    assert desk.next() is None


def test_an_unreadable_event_is_set_aside_and_holds_nothing_up() -> None:
    desk = Desk()
    desk.slot.take(Lane.NORMAL, 0, [desk.item("unknown")], now_ms=T0)
    assert len(desk.slot.unreadable) == 1
    assert desk.next() is None


def entry(kind: LedgerType, *, fingerprints: tuple[int, ...] = (), **more: Any) -> LedgerEntry:
    return LedgerEntry(
        type=kind,
        message_id="m1",
        account="main",
        lane="normal",
        lane_offset=0,
        source_topic="sms.outbound",
        source_partition=0,
        source_offset=0,
        at=T0 - 5_000,
        fingerprints=fingerprints,
        **more,
    )


def fingerprints_of_m1() -> tuple[int, ...]:
    desk = Desk()
    desk.put()
    plan = desk.send().work.plan
    assert plan is not None
    return plan.fingerprints


def test_an_intent_from_before_a_restart_is_sent_again_if_the_request_is_identical() -> None:
    desk = Desk()
    desk.ledger.note(entry(LedgerType.INTENT, fingerprints=fingerprints_of_m1()))
    desk.put()
    assert desk.next() is None, "it is in doubt until the policy has spoken"
    desk.slot.review(now_ms=desk.now)
    part = desk.send()
    assert part.doubted
    desk.answer(part, DUPLICATE)
    assert result(desk.outcome()).outcome is Outcome.ACCEPTED


def test_an_intent_whose_request_would_differ_today_is_unknown() -> None:
    desk = Desk()
    desk.ledger.note(entry(LedgerType.INTENT, fingerprints=(1,)))
    desk.put()
    assert result(desk.outcome()).outcome is Outcome.UNKNOWN


def test_a_done_that_may_not_have_been_published_is_published_and_not_sent() -> None:
    desk = Desk()
    desk.ledger.note(entry(LedgerType.DONE, outcome="accepted", part_message_ids=("id-7",), parts_accepted=1))
    desk.put()
    work = desk.outcome()
    assert work.recorded
    assert result(work).part_message_ids == ("id-7",)
    assert desk.next() is None


def test_a_settled_copy_is_dropped_and_its_offset_is_free() -> None:
    desk = Desk()
    desk.ledger.note(entry(LedgerType.DONE, outcome="accepted"))
    desk.ledger.published("m1")
    offset = desk.put()
    assert not desk.slot.finished
    assert desk.slot.offsets[Lane.NORMAL].committable == offset + 1


def test_after_a_rebalance_what_is_in_flight_goes_on_and_what_waited_is_read_again() -> None:
    desk = Desk()
    desk.put("sent", source=0)
    desk.put("waiting", source=1)
    part = desk.send()
    desk.slot.forget_unstarted()
    assert desk.next() is None
    for name, source in (("sent", 0), ("waiting", 1)):
        desk.slot.take(Lane.NORMAL, source, [desk.item(name, source=source)], now_ms=T0)
    desk.answer(part)
    desk.slot.published(desk.outcome())
    assert desk.slot.offsets[Lane.NORMAL].committable == 1
    assert desk.send().work.item.message_id == "waiting"


def test_no_part_may_leave_before_the_intent_that_the_first_one_asked_for() -> None:
    desk = Desk()
    desk.put(text="a" * 400)
    parts = [admitted.part for admitted in (desk.next(), desk.next(), desk.next()) if admitted]
    assert not any(part.work.covered for part in parts)


def test_an_intent_that_is_written_again_must_be_durable_again() -> None:
    desk = Desk()
    desk.put()
    part = desk.send()
    part.work.covered = True
    desk.answer(part, THROTTLED)
    desk.now += 30_000
    again = desk.next()
    assert again is not None
    assert not again.part.work.covered


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_throttled_messages_keep_their_places_in_whatever_order_their_answers_come(order: tuple[int, ...]) -> None:
    desk = Desk()
    for name in ("first", "second", "third", "fourth"):
        desk.put(name)
    parts = [desk.send(), desk.send(), desk.send()]
    for index in order:
        desk.answer(parts[index], THROTTLED)
    assert [desk.send() for _ in parts] == parts
    assert desk.send().work.item.message_id == "fourth"


def test_doubtful_and_held_messages_keep_their_places() -> None:
    desk = Desk()
    for name in ("first", "second", "third"):
        desk.put(name)
    parts = [desk.send(), desk.send(), desk.send()]
    desk.slot.doubt(parts[:2])
    desk.slot.hold(parts[2])
    desk.slot.review(now_ms=desk.now)
    assert [desk.send() for _ in parts] == parts


def test_a_throttled_message_that_expires_meanwhile_is_expired_and_not_sent() -> None:
    desk = Desk()
    desk.put(expires_at=T0 + 1_000)
    desk.answer(desk.send(), THROTTLED)
    desk.now += 1_000
    assert desk.next() is None
    assert result(desk.outcome()).outcome is Outcome.EXPIRED
    assert not desk.outcome().recorded, "its intent needs a done"


def test_a_doubtful_message_is_not_called_expired() -> None:
    desk = Desk()
    desk.put(expires_at=T0 + 1_000)
    desk.slot.doubt([desk.send()])
    desk.slot.review(now_ms=desk.now)
    desk.now += 1_000
    assert desk.send().doubted, "the gateway may have it: only the identical request can tell"


def test_what_was_settled_before_a_rebalance_frees_no_record_of_the_next_assignment() -> None:
    desk = Desk()
    desk.put(source=5)
    desk.put(source=6)
    before = desk.outcome()
    desk.slot.forget_unstarted()
    desk.slot.take(Lane.NORMAL, 1, [desk.item("m1", source=6), desk.item("other", source=7)], now_ms=T0)
    desk.slot.published(before)
    assert desk.slot.offsets[Lane.NORMAL].committable is None
