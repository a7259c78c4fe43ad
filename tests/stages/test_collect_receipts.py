"""Receipts that are repeated, late, in dispute, of parts, or of ids that may be read in two ways. No broker."""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from connector.domain.events import Delivery, DeliveryReport, HlrResult
from connector.domain.joining import LATE_MS, MOST_REPEATS
from connector.kafka.clients import partition_for
from connector.smpp.pdu import DeliverSm
from connector.stages.collect_sheet import TableName
from connector.translate import DialectSettings, IdFormat
from tests.stages.deliveries import AT, TO, hlr_answer, receipt, received, submissions, submitted
from tests.stages.tables import CODEC, TOPICS, Tables, forwarded, header, on, reports


@pytest.fixture
def tables() -> Tables:
    return Tables()


def repeats(count: int) -> list[Delivery]:
    """The same receipt, sent again and again by the gateway."""
    return [receipt(sequence=number, at=AT + 1000 * number) for number in range(1, count + 1)]


# Repeats


def test_a_repeated_receipt_is_published_as_one_under_an_id_of_its_own(tables: Tables) -> None:
    tables.take(submitted())
    first, again, third = [reports(tables.take(item))[0] for item in repeats(3)]
    assert [each.repeat for each in (first, again, third)] == [False, True, True]
    assert [each.late for each in (first, again, third)] == [False] * 3
    assert len({each.event_id for each in (first, again, third)}) == 3
    assert replace(again, event_id="", received_at=0, repeat=False) == replace(first, event_id="", received_at=0)


def test_the_same_stored_item_again_is_a_replay_and_no_repeat(tables: Tables) -> None:
    """A crash gives it to the collector twice, or made the submitter store it twice."""
    tables.take(submitted())
    for item in repeats(2):
        assert len(reports(tables.take(item))) == 1
        batch = tables.take(item, item)
        assert batch.events == []
        assert batch.receipts == {("main", "replay"): 2}


def test_repeats_have_the_same_ids_when_all_is_done_again(tables: Tables) -> None:
    items = [submitted(), *repeats(3)]
    first = [header(record, "ce_id") for record in tables.take(*items).events]
    assert [header(record, "ce_id") for record in Tables().take(*items).events] == first
    assert len(set(first)) == 3


def test_ten_copies_are_ten_events(tables: Tables) -> None:
    """Whether their message is known when they come, or only afterwards."""
    tables.take(submitted())
    early = Tables()
    early.take(*repeats(10))
    for found in (reports(tables.take(*repeats(10))), reports(early.take(submitted()))):
        assert [report.repeat for report in found] == [False] + [True] * 9
    assert tables.take(*repeats(11)).receipts == {("main", "replay"): 10, ("main", "surplus"): 1}


def test_a_gateway_that_repeats_for_ever_does_not_flood(tables: Tables) -> None:
    tables.take(submitted())
    batches = [tables.take(item) for item in repeats(50)]
    assert sum(len(reports(batch)) for batch in batches) == 1 + MOST_REPEATS
    assert sum(batch.receipts["main", "surplus"] for batch in batches) == 49 - MOST_REPEATS


def test_an_early_receipt_that_is_repeated_is_one_event_and_its_repeats(tables: Tables) -> None:
    for item in repeats(50):
        assert reports(tables.take(item)) == []
    found = reports(tables.take(submitted()))
    assert [report.repeat for report in found] == [False] + [True] * MOST_REPEATS
    assert len({report.event_id for report in found}) == 1 + MOST_REPEATS


def test_what_matches_nothing_and_is_repeated_is_published_so(tables: Tables) -> None:
    first, again, late = repeats(3)
    tables.take(first, again)
    tables.now_ms += 300_000
    told = reports(tables.due(first.key))
    tables.take(late)
    tables.now_ms += 300_000
    told += reports(tables.due(first.key))
    assert [(report.match, report.repeat) for report in told] == [
        ("unmatched", False),
        ("unmatched", True),
        ("unmatched", True),
    ]
    assert len({report.event_id for report in told}) == 3


def test_an_hlr_answer_is_repeated_and_late_in_the_same_way(tables: Tables) -> None:
    tables.take(submitted(kind="HLR"))
    answer = hlr_answer()
    batch = tables.take(answer, replace(answer, at=AT + 5000), receipt(stat="UNDELIV", err=6))
    found = [CODEC.decode(HlrResult, record.value) for record in on(batch, TOPICS.hlr_results)]
    assert [(each.outcome, each.repeat, each.late) for each in found] == [
        ("reachable", False, False),
        ("reachable", True, False),
        ("absent", False, True),
    ]


# What is late, and what is in dispute


def test_another_state_after_a_final_one_is_late(tables: Tables) -> None:
    tables.take(submitted())
    batch = tables.take(receipt(stat="EXPIRED"), receipt(), receipt(status=2), receipt(stat="ENROUTE"))
    assert [(report.state, report.late) for report in reports(batch)] == [
        ("EXPIRED", False),
        ("DELIVRD", True),
        ("DELIVRD", False),
        ("ENROUTE", True),
    ]
    assert batch.receipts == {("main", "matched"): 2, ("main", "late"): 2}


def test_a_receipt_long_after_the_validity_is_late(tables: Tables) -> None:
    tables.take(submitted(valid_until=AT + 60_000))
    batch = tables.take(
        receipt(stat="ENROUTE", at=AT + 60_000 + LATE_MS), receipt(stat="EXPIRED", at=AT + 60_001 + LATE_MS)
    )
    assert [report.late for report in reports(batch)] == [False, True]


def test_a_contradiction_shows_on_the_event_and_is_counted(tables: Tables) -> None:
    tables.take(submitted())
    batch = tables.take(receipt(state=5), receipt(stat="ENROUTE", state=1), receipt("7", state=8))
    assert [report.contradiction for report in reports(batch)] == ["state", None]
    assert [report.state for report in reports(batch)] == ["UNDELIV", "ENROUTE"]
    assert batch.contradictions == {"main": 1}
    tables.now_ms += 300_000
    assert tables.due("main|7").contradictions == {"main": 1}


# Parts with ids of their own


def parts(total: int = 3, **fields: object) -> list[Delivery]:
    return [
        submitted(str(100 + part), part=part, parts=total, ids=total, **fields)  # type: ignore[arg-type]  # as above
        for part in range(1, total + 1)
    ]


def rollups(tables: Tables, *items: Delivery) -> list[DeliveryReport]:
    """What the collector tells of the whole, once it has told itself of the parts."""
    batch = tables.take(*items)
    assert not any(report.rollup for report in reports(batch))
    found: list[DeliveryReport] = []
    for item in forwarded(batch):
        found += reports(tables.take(item))
    return found


def test_once_all_parts_are_final_one_report_tells_of_the_whole(tables: Tables) -> None:
    tables.take(*parts(metadata={"tenant": "a"}))
    assert rollups(tables, receipt("101", cost="0.1"), receipt("102", stat="ENROUTE")) == []
    assert rollups(tables, receipt("103", stat="UNDELIV", err=13, cost="0.25")) == []
    (report,) = rollups(tables, receipt("102", cost="1.0"))
    assert (report.rollup, report.part, report.parts, report.parts_delivered) == (True, None, 3, 2)
    assert (report.state, report.error_name, report.final) == ("UNDELIV", "subscriber blocked", True)
    assert (report.cost, report.message_id, report.submitted_at) == (Decimal("1.35"), "m-1", AT)
    assert report.metadata == {"tenant": "a"}


def test_parts_end_in_any_order_and_give_one_report_with_one_id() -> None:
    found = []
    for order in permutations(("101", "102", "103")):
        tables = Tables()
        tables.take(*parts())
        found += rollups(tables, *[receipt(name) for name in order])
    assert len(found) == 6
    assert {(report.state, report.event_id) for report in found} == {("DELIVRD", found[0].event_id)}


def test_a_replay_of_the_parts_ends_tells_nothing_twice(tables: Tables) -> None:
    tables.take(*parts())
    batch = tables.take(*[receipt(name) for name in ("101", "102", "103")])
    items = forwarded(batch)
    assert len(reports(tables.take(*items))) == 1
    assert reports(tables.take(*items, *items)) == []
    assert forwarded(tables.take(*[receipt(name) for name in ("101", "102", "103")])) == []


def test_a_repeat_or_a_read_part_changes_nothing_of_the_whole(tables: Tables) -> None:
    tables.take(*parts(2))
    assert len(rollups(tables, receipt("101", cost="0.1"), receipt("102", cost="0.1"))) == 1
    assert forwarded(tables.take(receipt("101", cost="0.1", sequence=9))) == []
    for status in (2, 4):
        assert rollups(tables, receipt("101", status=status)) == []


def test_a_part_that_was_read_was_delivered_and_its_price_may_follow(tables: Tables) -> None:
    tables.take(*parts(2))
    (report,) = rollups(tables, receipt("101", status=2), receipt("102", cost="0.1"))
    assert (report.state, report.cost, report.late) == ("DELIVRD", Decimal("0.1"), False)
    (report,) = rollups(tables, receipt("101", status=0, cost="0.25"))
    assert (report.cost, report.late) == (Decimal("0.35"), True)


def test_a_later_receipt_of_a_part_that_leaves_the_price_out_changes_nothing_of_the_whole(tables: Tables) -> None:
    tables.take(*parts(2))
    assert len(rollups(tables, receipt("101", err=6, cost="0.1"), receipt("102", cost="0.1"))) == 1
    assert rollups(tables, receipt("101", err=6, done="2609211632")) == []


def test_what_the_collector_tells_itself_is_durable_and_goes_where_its_key_belongs(tables: Tables) -> None:
    tables.take(*parts(2))
    batch = tables.take(receipt("101"), receipt("102"))
    records = list(on(batch, TOPICS.deliveries))
    assert [record.partition for record in records] == [partition_for(b"main|=|m-1", tables.desk.deliveries_partitions)]
    assert {item.key for item in forwarded(batch)} == {"main|=|m-1"}
    tables.take(*forwarded(batch))
    assert [write.durable for write in tables.writes] == [True]


def test_one_id_for_all_parts_tells_of_the_whole_by_itself(tables: Tables) -> None:
    tables.take(submitted(parts=3, ids=1))
    batch = tables.take(receipt())
    assert [report.rollup for report in reports(batch)] == [False]
    assert forwarded(batch) == []


def test_nothing_is_told_of_a_whole_of_which_a_part_was_never_taken(tables: Tables) -> None:
    tables.take(*[replace(item, ids=None) for item in parts(2)])
    assert forwarded(tables.take(receipt("101"), receipt("102"))) == []


# Ids that may be read in two ways


EITHER = DialectSettings(id_format=IdFormat.EITHER)
OTHER = "79990000002"


@pytest.fixture
def guessing() -> Tables:
    return Tables({"main": EITHER})


def reread(tables: Tables, item: Delivery) -> list[DeliveryReport]:
    """What comes of a receipt that nobody claimed in time: under its other reading, and once more in time."""
    tables.now_ms += 300_000
    batch = tables.due(item.key)
    found = reports(batch)
    for other in forwarded(batch):
        assert (other.second_reading, other.key != item.key) == (True, True)
        found += reports(tables.take(other))
        found += reports(tables.due(other.key))
    return found


@pytest.mark.parametrize("number", [0x10, 0x123456, 0xD0803, 0x99, 1000, 0x1000])
@pytest.mark.parametrize("response", ["{:d}", "{:x}", "{:010X}"])
@pytest.mark.parametrize("told", ["{:d}", "{:x}", "{:012X}"])
@pytest.mark.parametrize("early", [False, True])
def test_a_message_gets_its_receipt_in_whatever_base_either_side_writes(
    guessing: Tables, number: int, response: str, told: str, early: bool
) -> None:
    item = receipt(told.format(number), rules=EITHER)
    messages = submissions(response.format(number), EITHER)
    found = reports(guessing.take(item, *messages) if early else guessing.take(*messages, item))
    if not found:
        found = reread(guessing, item)
    assert [(report.match, report.message_id) for report in found] == [("matched", "m-1")]


def test_messages_whose_readings_meet_are_told_apart_by_their_recipients(guessing: Tables) -> None:
    """ "10" and "16": the first one read in hexadecimal is the second one read in decimal."""
    guessing.take(*submissions("10", EITHER, message_id="ten"))
    guessing.take(*submissions("16", EITHER, message_id="sixteen", recipient="+" + OTHER))
    batch = guessing.take(receipt("16", rules=EITHER, source=OTHER), receipt("10", rules=EITHER))
    assert [report.message_id for report in reports(batch)] == ["sixteen", "ten"]
    # In hexadecimal this is 16 in decimal, and belongs to the number of the other.
    (report,) = reports(guessing.take(receipt("0x10", rules=EITHER, source=OTHER, stat="ENROUTE")))
    assert report.message_id == "sixteen"


def test_a_receipt_of_another_number_is_not_taken_for_a_guess(guessing: Tables) -> None:
    guessing.take(*submissions("16", EITHER))
    item = receipt("16", rules=EITHER, source=OTHER)
    assert reports(guessing.take(item)) == []
    assert [report.match for report in reread(guessing, item)] == ["unmatched"]


def test_what_waits_for_another_number_goes_on_waiting(guessing: Tables) -> None:
    guessing.take(receipt("16", rules=EITHER, source=OTHER), receipt("16", rules=EITHER))
    first = submissions("16", EITHER, message_id="first")
    (report,) = reports(guessing.take(*first))
    assert report.message_id == "first"
    (report,) = reports(guessing.take(*submissions("16", EITHER, message_id="second", recipient=OTHER)))
    assert report.message_id == "second"
    assert guessing.places(TableName.WAITING) == []


def test_what_matches_under_neither_reading_is_published_as_unmatched_once(guessing: Tables) -> None:
    item = receipt("16", rules=EITHER)
    guessing.take(item)
    (report,) = reread(guessing, item)
    assert (report.match, report.gateway_message_id) == ("unmatched", "16")
    guessing.now_ms += 300_000
    for key in ("main|16", "main|22"):
        assert guessing.due(key).events == []


def test_an_id_with_a_letter_is_published_as_unmatched_without_another_try(guessing: Tables) -> None:
    item = receipt("1F", rules=EITHER)
    guessing.take(item)
    guessing.now_ms += 300_000
    batch = guessing.due(item.key)
    assert [each for each in forwarded(batch) if not each.by_recipient] == []
    assert [report.match for report in reports(batch)] == ["unmatched"]


def test_other_accounts_match_by_the_id_alone(tables: Tables) -> None:
    tables.take(submitted())
    assert [report.match for report in reports(tables.take(receipt(source=OTHER)))] == ["matched"]


def test_a_receipt_without_an_id_waits_alone(guessing: Tables) -> None:
    nameless = received(DeliverSm(source_addr=TO, esm_class=4, short_message=b"stat:DELIVRD"), rules=EITHER)
    guessing.take(*submissions("16", EITHER), nameless)
    guessing.now_ms += 300_000
    assert [report.match for report in reports(guessing.due(nameless.key))] == ["unmatched"]
