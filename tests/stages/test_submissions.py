"""What the submitter writes down for the receipts to come: one item for each id, under each reading of it."""

from typing import Any

import pytest

from connector.domain.events import Delivery, LaneMessage, Outcome
from connector.domain.messages import Kind, Lane, OutboundMessage
from connector.stages.submit.outcomes import losses, response, submissions
from connector.stages.submit.work import Result, Work
from connector.translate import DialectSettings, IdFormat, LearnedIds

AT = 1_790_000_000_000
RULES = DialectSettings(validity_minutes=60)
EITHER = DialectSettings(id_format=IdFormat.EITHER)


def worked(*ids: str, **fields: Any) -> Work:
    """A message that was accepted under these ids."""
    message = OutboundMessage(id="m-1", recipient="79990000001", **fields)
    item = LaneMessage(
        message_id="m-1",
        account="main",
        slot=2,
        lane=Lane.NORMAL,
        source_topic="sms.outbound",
        source_partition=0,
        source_offset=0,
        received_at=AT,
        routed_at=AT,
        event=b"",
    )
    work = Work(slot=2, lane=Lane.NORMAL, item=item, message=message, lane_offset=0, claims=[])
    work.result = Result(outcome=Outcome.ACCEPTED, part_message_ids=ids, submitted_at=AT)
    return work


def items(
    *ids: str, rules: DialectSettings = RULES, learned: LearnedIds | None = None, **fields: Any
) -> list[Delivery]:
    return submissions(worked(*ids, **fields), rules, AT + 5, learned)


def test_one_id_for_all_parts_is_one_item_for_the_whole() -> None:
    (item,) = items("101", "101", "101")
    assert (item.part, item.parts, item.ids, item.second_reading, item.slot) == (None, 3, 1, False, 2)


def test_an_id_for_each_part_is_an_item_for_each_that_knows_how_many_there_are() -> None:
    assert [(item.part, item.parts, item.ids) for item in items("101", "102")] == [(1, 2, 2), (2, 2, 2)]


def test_of_a_message_with_a_part_that_was_never_taken_no_whole_is_told() -> None:
    assert [(item.part, item.ids) for item in items("101", "", "103")] == [(1, None), (3, None)]


def test_an_id_that_may_be_read_in_two_ways_is_written_under_both_until_the_base_is_known() -> None:
    learned = LearnedIds()
    found = items("10", rules=EITHER, learned=learned)
    assert [(item.key, item.second_reading) for item in found] == [("main|10", False), ("main|16", True)]
    items("1F", rules=EITHER, learned=learned)
    assert [item.key for item in items("10", rules=EITHER, learned=learned)] == ["main|16"]
    assert len(items("10", rules=EITHER)) == 2


def test_it_keeps_the_kinds_of_the_addresses_that_the_message_named_itself() -> None:
    named: dict[str, Any] = {"sender_ton": 3, "sender_npi": 0, "recipient_ton": 6, "recipient_npi": 9}
    for count in (0, 1, 4):
        fields = dict(list(named.items())[:count])
        (item,) = items("101", **fields)
        assert {name: getattr(item, name) for name in named} == dict.fromkeys(named) | fields


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [({}, True), ({"receipt": False}, False), ({"receipt": False, "kind": Kind.HLR}, True)],
)
def test_it_says_whether_a_receipt_will_come(fields: dict[str, Any], wanted: bool) -> None:
    assert items("101", **fields)[0].receipt is wanted


@pytest.mark.parametrize(
    ("fields", "until"),
    [
        ({}, AT + 3_600_000),
        ({"validity_minutes": 5}, AT + 300_000),
        ({"expires_at": AT + 1}, AT + 1),
        ({"scheduled_at": AT + 1000}, AT + 1000 + 3_600_000),
        ({"scheduled_at": AT - 1000}, AT + 3_600_000),
    ],
)
def test_it_says_when_the_gateway_gives_up(fields: dict[str, Any], until: int) -> None:
    assert items("101", **fields)[0].valid_until == until


@pytest.mark.parametrize(
    ("given", "default", "told"),
    [("Shop", "Other", "Shop"), (None, "Other", "Other"), ("", "Other", "Other"), (None, None, None)],
)
def test_the_sender_is_the_one_that_went_out(given: str | None, default: str | None, told: str | None) -> None:
    """In the outcome, and in what a receipt is joined with, with an id and without."""
    rules = DialectSettings(default_sender=default)
    assert response(worked("101", sender=given), rules, AT).sender == told
    assert [item.sender for item in items("101", "102", rules=rules, sender=given)] == [told, told]
    assert [item.sender for item in losses(worked("", sender=given), rules, AT, b"")] == [told]


@pytest.mark.parametrize("name", ["101", ""])
def test_a_late_answer_that_tells_the_id_ends_the_loss(name: str) -> None:
    """Broken by: a message that stays lost for whoever looks for one by its recipient."""
    work = worked(name)
    assert [item.ids for item in losses(work, DialectSettings(), AT, b"")] == ([] if name else [None])
    work.correction = True
    assert [item.ids for item in losses(work, DialectSettings(), AT, b"")] == [1 if name else None]
