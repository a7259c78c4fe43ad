"""Which receipt belongs to which message, what repeats it, what comes late, and what is asked for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import joining
from connector.domain.events import Delivery, DeliveryType
from connector.domain.joining import (
    LATE_MS,
    MOST_MARKS,
    MOST_PARKED,
    MOST_REPEATS,
    MOST_UNDER_ONE_ID,
    Heard,
    JoinRules,
    Known,
    Marks,
    Messages,
    PollRules,
    Waiting,
)

RULES = JoinRules(unmatched_after=300_000, retention=3_600_000)
POLLS = PollRules(after=600_000, every=60_000, most=3)
NOW = 1_790_000_000_000


def item(message_id: str = "m-1", part: int | None = None, **fields: object) -> Delivery:
    return Delivery(
        type=DeliveryType.SUBMITTED,
        key="main|1",
        account="main",
        at=NOW,
        slot=0,
        message_id=message_id,
        part=part,
        **fields,  # type: ignore[arg-type]  # the few fields that a test cares about
    )


def raw(at: int = NOW) -> Delivery:
    return Delivery(type=DeliveryType.RECEIVED, key="main|1", account="main", at=at, slot=0, pdu=b"x")


def taken(*items: Delivery, guessed: bool = False, poll_after: int | None = None) -> Messages:
    found: Messages | None = None
    for each in items:
        found = joining.submitted(each, found, guessed=guessed, now_ms=NOW, rules=RULES, poll_after=poll_after)
    assert found is not None
    return found


def park(mark: int, copy: int, waiting: Waiting | None, now: int = NOW) -> tuple[Heard, Waiting | None]:
    return joining.parked(raw(), mark, copy, waiting, now_ms=now, rules=RULES)


# Messages


def test_a_message_is_known_until_its_retention_ends() -> None:
    assert taken(item()) == Messages(known=(Known(submitted=item(), expires_at=NOW + RULES.retention),))


def test_the_same_message_again_brings_nothing_new() -> None:
    messages = taken(item())
    again = joining.submitted(replace(item(), at=NOW + 5), messages, now_ms=NOW + 5, rules=RULES)
    assert again is messages


def test_an_id_that_the_gateway_uses_again_means_the_newer_message() -> None:
    (known,) = taken(item("old"), item("new")).known
    assert known.submitted.message_id == "new"


def test_where_ids_are_guessed_messages_to_several_numbers_may_meet_under_one() -> None:
    messages = taken(item("a", recipient="+7999"), item("b", recipient="7998"), guessed=True)
    assert [known.submitted.message_id for known in messages.known] == ["a", "b"]
    for address, expected in (("7999", "a"), ("+7998", "b"), ("", "b")):
        found = messages.of((address, "SHOP") if address else ("", ""), guessed=True)
        assert found is not None
        assert found.submitted.message_id == expected
    assert messages.of(("7997", "SHOP"), guessed=True) is None
    assert messages.of(("7997", "SHOP"), guessed=False) is messages.known[-1]


def test_an_id_used_again_for_the_same_number_means_the_newer_message_there_too() -> None:
    messages = taken(item("a", recipient="7999"), item("b", recipient="+7999"), guessed=True)
    assert [known.submitted.message_id for known in messages.known] == ["b"]


def test_so_many_and_no_more_meet_under_one_id() -> None:
    messages = taken(*(item(str(n), recipient=str(7000 + n)) for n in range(20)), guessed=True)
    assert len(messages.known) == MOST_UNDER_ONE_ID
    assert messages.known[-1].submitted.message_id == "19"


@pytest.mark.parametrize(
    ("address", "recipient", "same"),
    [
        ("79990000001", "+7 999 000-00-01", True),
        ("a@example.com", "A@Example.com", True),
        ("1@example.com", "1", False),
        ("79990000001", "79990000002", False),
    ],
)
def test_a_number_is_its_digits_and_an_address_has_no_case(address: str, recipient: str, same: bool) -> None:
    assert (taken(item(recipient=recipient)).of((address,), guessed=True) is not None) == same


# What a receipt is beside those before it


def test_a_receipt_is_news_then_a_replay_of_the_same_copy_or_a_repeat_by_the_gateway() -> None:
    heard, marks = joining.heard((), 1, 10)
    assert heard is Heard.NEWS
    assert joining.heard(marks, 1, 10) == (Heard.REPLAY, marks)
    heard, marks = joining.heard(marks, 1, 11)
    assert heard is Heard.REPEAT
    assert joining.heard(marks, 1, 11) == (Heard.REPLAY, marks)
    assert joining.heard(marks, 2, 10)[0] is Heard.NEWS


def test_only_so_many_repeats_are_told() -> None:
    marks: Marks = ()
    found = []
    for copy in range(20):
        heard, marks = joining.heard(marks, 1, copy)
        found.append(heard)
    assert found == [Heard.NEWS] + [Heard.REPEAT] * MOST_REPEATS + [Heard.SURPLUS] * (19 - MOST_REPEATS)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2**64 - 1)), max_size=120))
def test_a_gateway_that_repeats_for_ever_fills_nothing(receipts: list[tuple[int, int]]) -> None:
    marks: Marks = ()
    for event, copy in receipts:
        heard, marks = joining.heard(marks, event, copy)
        assert event in {mark.event for mark in marks}
        assert heard is not Heard.NEWS or marks[-1] == (event, (copy,))
    assert len(marks) <= MOST_MARKS
    assert all(len(mark.copies) <= 1 + MOST_REPEATS for mark in marks)


def test_a_copy_is_told_from_another_by_its_octets_its_time_and_its_bind() -> None:
    first = raw()
    others = [replace(first, pdu=b"y"), replace(first, at=NOW + 1), replace(first, slot=1), replace(first, pdu=None)]
    assert joining.copy_of(first) == joining.copy_of(replace(first, key="main|2", second_reading=True))
    assert len({joining.copy_of(each) for each in (first, *others)}) == 5
    joining.copy_of(replace(first, at=-1, slot=-1))


# What comes late


def test_another_state_after_a_final_one_is_late() -> None:
    (known,) = taken(item()).known
    assert not joining.is_late(known, state="DELIVRD", at=NOW)
    known = joining.told(known, (), state="EXPIRED", final=True)
    assert joining.is_late(known, state="DELIVRD", at=NOW)
    assert not joining.is_late(known, state="EXPIRED", at=NOW)
    assert not joining.is_late(known, state=None, at=NOW)
    after = joining.told(known, (), state="ENROUTE", final=False)
    assert after.final == "EXPIRED"


def test_what_comes_long_after_the_validity_is_late() -> None:
    (known,) = taken(item(valid_until=NOW)).known
    assert not joining.is_late(known, state="EXPIRED", at=NOW + LATE_MS)
    assert joining.is_late(known, state="EXPIRED", at=NOW + LATE_MS + 1)


# What is asked for


def test_a_receipt_that_does_not_come_is_asked_for_so_often_at_most() -> None:
    (known,) = taken(item(receipt=True), poll_after=POLLS.after).known
    times = []
    for now in range(NOW, NOW + RULES.retention, 10_000):
        if joining.overdue(known, now_ms=now):
            times.append(now - NOW)
            known = joining.asked(known, now_ms=now, rules=POLLS)
    assert times == [600_000, 660_000, 720_000]


def test_what_is_final_or_wants_no_receipt_is_not_asked_for() -> None:
    for each in (item(receipt=False), item(), item(receipt=True, second_reading=True)):
        assert taken(each, poll_after=1).known[0].poll_at is None
    assert taken(item(receipt=True)).known[0].poll_at is None
    (known,) = taken(item(receipt=True), poll_after=1).known
    assert joining.told(known, (), state="ENROUTE", final=False).poll_at == known.poll_at
    assert joining.told(known, (), state="DELIVRD", final=True).poll_at is None


# What waits


def test_an_early_receipt_waits_and_is_told_of_once() -> None:
    heard, waiting = park(1, 1, None)
    assert heard is Heard.NEWS
    assert waiting is not None
    assert waiting.due_at == NOW + RULES.unmatched_after
    untold, after = joining.give_up(waiting)
    assert [receipt.mark for receipt in untold] == [1]
    assert after.due_at is None
    assert [receipt.told for receipt in after.receipts] == [True]
    assert joining.give_up(after)[0] == ()


def test_one_that_has_waited_under_its_other_reading_is_due_at_once() -> None:
    reread = replace(raw(), second_reading=True)
    _, waiting = joining.parked(reread, 1, 1, None, now_ms=NOW, rules=RULES)
    assert waiting is not None
    assert waiting.due_at == NOW


def test_a_second_receipt_does_not_put_off_the_first() -> None:
    _, first = park(1, 1, None)
    _, second = park(2, 2, first, NOW + 1000)
    assert second is not None
    assert second.due_at == NOW + RULES.unmatched_after
    assert len(second.receipts) == 2


def test_a_receipt_after_the_others_were_told_is_due_in_its_own_time() -> None:
    _, first = park(1, 1, None)
    assert first is not None
    _, told = joining.give_up(first)
    _, later = park(2, 2, told, NOW + 400_000)
    assert later is not None
    assert later.due_at == NOW + 400_000 + RULES.unmatched_after
    assert [receipt.mark for receipt in joining.give_up(later)[0]] == [2]


def test_the_same_copy_waits_once_and_a_repeat_waits_as_one() -> None:
    _, waiting = park(1, 1, None)
    assert park(1, 1, waiting) == (Heard.REPLAY, None)
    heard, both = park(1, 2, waiting)
    assert heard is Heard.REPEAT
    assert both is not None
    assert [receipt.repeat for receipt in both.receipts] == [False, True]


def test_only_so_many_repeats_wait() -> None:
    waiting: Waiting | None = None
    for copy in range(100):
        _, after = park(1, copy, waiting)
        waiting = after or waiting
    assert waiting is not None
    assert len(waiting.receipts) == 1 + MOST_REPEATS


@given(st.lists(st.integers(0, 200), max_size=150))
def test_however_many_wait_none_is_forgotten_untold(marks: list[int]) -> None:
    waiting: Waiting | None = None
    told: list[int] = []
    for mark in marks:
        waiting = park(mark, mark, waiting)[1] or waiting
        if waiting is not None and waiting.due_at is not None and waiting.due_at <= NOW:
            untold, waiting = joining.give_up(waiting)
            told += [receipt.mark for receipt in untold]
            assert len(waiting.receipts) <= MOST_PARKED
    remembered = {receipt.mark for receipt in waiting.receipts} if waiting is not None else set()
    assert set(marks) <= set(told) | remembered
