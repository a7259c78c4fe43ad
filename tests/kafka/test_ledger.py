"""What a slot knows of a message before it does anything about it."""

from typing import Any

from connector.domain.events import LaneMessage, LedgerEntry, LedgerType
from connector.domain.messages import Lane
from connector.kafka.ledger import NEW, REPEATED, REPEATED_ID, SETTLED, Ledger, Open, Unpublished

HOUR = 3_600_000


def lane_message(message_id: str = "m1", offset: int = 7) -> LaneMessage:
    return LaneMessage(
        message_id=message_id,
        account="main",
        slot=0,
        lane=Lane.BULK,
        source_topic="sms.outbound",
        source_partition=2,
        source_offset=offset,
        received_at=0,
        routed_at=0,
        event=b"",
    )


def entry(kind: LedgerType, message_id: str = "m1", offset: int = 7, **more: Any) -> LedgerEntry:
    fields: dict[str, Any] = {
        "account": "main",
        "lane": "bulk",
        "lane_offset": 100,
        "source_topic": "sms.outbound",
        "source_partition": 2,
        "source_offset": offset,
        "at": 1_000,
    }
    return LedgerEntry(type=kind, message_id=message_id, **{**fields, **more})


def test_a_message_nobody_wrote_about_is_new() -> None:
    assert Ledger(memory_ms=HOUR).standing(lane_message()) is NEW


def test_an_intent_without_an_outcome_is_open() -> None:
    ledger = Ledger(memory_ms=HOUR)
    ledger.note(entry(LedgerType.INTENT))
    standing = ledger.standing(lane_message())
    assert isinstance(standing, Open)
    assert standing.entry.at == 1_000


def test_a_done_whose_outcome_may_not_have_been_published_gives_its_entry() -> None:
    ledger = Ledger(memory_ms=HOUR)
    ledger.replay([entry(LedgerType.INTENT), entry(LedgerType.DONE, outcome="accepted")], committed={"bulk": 100})
    standing = ledger.standing(lane_message())
    assert isinstance(standing, Unpublished)
    assert standing.entry.outcome == "accepted"


def test_a_done_below_the_committed_offset_was_published() -> None:
    ledger = Ledger(memory_ms=HOUR)
    ledger.replay([entry(LedgerType.INTENT), entry(LedgerType.DONE, outcome="accepted")], committed={"bulk": 101})
    assert ledger.standing(lane_message()) is SETTLED


def test_the_same_id_from_another_event_is_a_repeat_even_while_the_first_is_open() -> None:
    ledger = Ledger(memory_ms=HOUR)
    ledger.note(entry(LedgerType.INTENT))
    assert ledger.standing(lane_message(offset=8)) is REPEATED


def test_ids_are_forgotten_after_two_memories_at_most_but_never_an_open_intent() -> None:
    ledger = Ledger(memory_ms=HOUR)
    ledger.note(entry(LedgerType.DONE, "old", 1, at=0))
    ledger.published("old")
    ledger.note(entry(LedgerType.INTENT, "open", 2, at=0))
    for hour in (1, 2, 3):
        ledger.note(entry(LedgerType.DONE, f"later-{hour}", 10 + hour, at=hour * HOUR + hour))
        ledger.published(f"later-{hour}")
    assert ledger.standing(lane_message("old", 1)) is NEW
    assert isinstance(ledger.standing(lane_message("open", 2)), Open)


def test_an_id_is_remembered_for_at_least_one_memory() -> None:
    ledger = Ledger(memory_ms=HOUR)
    ledger.note(entry(LedgerType.DONE, at=0))
    ledger.published("m1")
    ledger.note(entry(LedgerType.DONE, "next", 9, at=HOUR + 1))
    assert ledger.standing(lane_message()) is SETTLED


def test_an_intent_that_comes_after_the_outcome_opens_nothing_again() -> None:
    """A process that has lost the slot may have had it on its way."""
    ledger = Ledger(memory_ms=HOUR)
    ledger.note(entry(LedgerType.INTENT))
    ledger.note(entry(LedgerType.DONE, outcome="accepted"))
    ledger.published("m1")
    ledger.note(entry(LedgerType.INTENT))
    assert ledger.standing(lane_message()) is SETTLED


def test_an_event_under_the_id_of_another_stays_a_repeat_whatever_is_read_first_after_a_restart() -> None:
    """And the one that had the id first is not taken for a repeat because of it."""
    ledger = Ledger(memory_ms=HOUR)
    ledger.note(entry(LedgerType.DONE, offset=8, outcome="duplicate", reason=REPEATED_ID))
    assert ledger.standing(lane_message(offset=8)) is REPEATED
    assert ledger.standing(lane_message(offset=7)) is NEW
