"""Receipts that do not come are asked for: when, how often, how many at once, and what an answer comes to."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector.domain.events import Delivery, DeliveryType, HlrResult, LaneMessage
from connector.domain.kinds import addresses_of
from connector.domain.messages import Action, Kind, Lane, OutboundMessage
from connector.smpp.pdu import EnquireLink, QuerySm, encode
from connector.stages.collect_polls import Outstanding
from connector.stages.collect_rows import head_of
from connector.stages.collect_sheet import TableName
from connector.translate import (
    DialectSettings,
    IdFormat,
    LearnedIds,
    ancillary,
    plan,
    recipient_of,
    submitted_key,
    submitted_keys,
)
from tests.stages.deliveries import AT, FROM, TO, answered, hlr_answer, receipt, submissions, submitted
from tests.stages.tables import CODEC, FRAME, TOPICS, Tables, forwarded, on, reports

ASKING = DialectSettings(poll_after_minutes=10, poll_every_minutes=5, poll_most=3, poll_at_once=2)
MINUTE = 60_000


@pytest.fixture
def tables() -> Tables:
    return Tables({"main": ASKING})


def asked(tables: Tables, key: str, *, after: int) -> list[LaneMessage]:
    """What is asked when the sweeper meets the row so many minutes after the submit."""
    tables.now_ms = AT + after * MINUTE
    batch = tables.poll(key)
    return [
        item
        for record in on(batch, TOPICS.lane(Lane.NORMAL))
        for item in CODEC.decode_frame(LaneMessage, record.value)
        if record.partition == item.slot
    ]


MESSAGE = submitted(receipt=True, slot=4, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def test_an_overdue_state_is_asked_for_in_the_lane_of_the_message_own_slot(tables: Tables) -> None:
    tables.take(MESSAGE)
    assert asked(tables, MESSAGE.key, after=9) == []
    (item,) = asked(tables, MESSAGE.key, after=10)
    assert (item.lane, item.slot, item.account) == (Lane.NORMAL, 4, "main")
    assert (item.source_topic, item.source_partition) == (TOPICS.deliveries, FRAME.partition)
    assert item.traceparent == MESSAGE.traceparent
    query = CODEC.decode(OutboundMessage, item.event)
    assert (query.action, query.kind, query.account) == (Action.QUERY, Kind.SMS, "main")
    assert (query.sender, query.recipient, query.text) == (FROM, TO, None)
    assert (query.id, query.target_id, query.target_gateway_id) == (item.message_id, "m-1", "101")


def test_it_is_asked_for_with_the_addresses_that_the_message_was_submitted_with() -> None:
    """Gateways compare them; and a short code that was taken is not refused when it is asked about."""
    rules = ASKING.model_copy(update={"default_region": "RU"})
    sent = OutboundMessage(
        id="m-1",
        sender="Our shop",
        sender_ton=0,
        sender_npi=9,
        recipient="100",
        recipient_ton=3,
        recipient_npi=0,
        text="Hello",
    )
    message = submitted(
        receipt=True,
        sender=sent.sender,
        sender_ton=sent.sender_ton,
        sender_npi=sent.sender_npi,
        recipient=recipient_of(sent, rules),
        recipient_ton=sent.recipient_ton,
        recipient_npi=sent.recipient_npi,
    )
    tables = Tables({"main": rules})
    tables.take(message)
    (item,) = asked(tables, message.key, after=10)
    pdu = ancillary(CODEC.decode(OutboundMessage, item.event), "101", rules, coding=None)
    (submit,) = plan(sent, rules, now_ms=AT).pdus
    assert pdu == QuerySm(
        message_id="101",
        source_addr_ton=submit.source_addr_ton,
        source_addr_npi=submit.source_addr_npi,
        source_addr=submit.source_addr,
    )
    query = CODEC.decode(OutboundMessage, item.event)
    assert addresses_of(query, rules) == addresses_of(sent, rules)


def test_it_is_asked_for_again_in_its_time_and_so_often_at_most(tables: Tables) -> None:
    tables.take(MESSAGE)
    found = [item for minute in range(60) for item in asked(tables, MESSAGE.key, after=minute)]
    assert [(item.routed_at - AT) // MINUTE for item in found] == [10, 15, 20]
    assert len({item.source_offset for item in found}) == len({item.message_id for item in found}) == 3
    assert all(0 <= item.source_offset < 1 << 63 for item in found)


def test_the_same_question_is_the_same_after_a_crash(tables: Tables) -> None:
    """Before the row was written: the lane gets the question twice, and tells so by its origin."""
    tables.take(MESSAGE)
    rows = dict(tables.rows)
    (first,) = asked(tables, MESSAGE.key, after=10)
    tables.rows.clear()
    tables.rows.update(rows)
    (again,) = asked(tables, MESSAGE.key, after=11)
    assert (first.message_id, first.source_partition, first.source_offset) == (
        again.message_id,
        again.source_partition,
        again.source_offset,
    )


def test_what_was_asked_is_durable_and_so_is_what_ends_the_asking(tables: Tables) -> None:
    """Another member that takes over must neither start from the first question, nor ask about what is delivered."""
    tables.take(MESSAGE)
    asked(tables, MESSAGE.key, after=10)
    assert [write.durable for write in tables.writes] == [True]
    tables.take(receipt(stat="ENROUTE"))
    assert [write.durable for write in tables.writes] == [False]
    tables.take(receipt())
    assert [write.durable for write in tables.writes] == [True]
    (place,) = tables.places(TableName.SUBMITTED)
    assert head_of(tables.rows[place]).due_at is None


@pytest.mark.parametrize("wants", [False, None])
def test_what_wants_no_receipt_is_not_asked_for(tables: Tables, wants: bool | None) -> None:
    tables.take(submitted(receipt=wants))
    assert asked(tables, MESSAGE.key, after=60) == []


def test_a_final_receipt_ends_the_asking_and_another_does_not(tables: Tables) -> None:
    tables.take(MESSAGE, receipt(stat="ENROUTE"))
    assert len(asked(tables, MESSAGE.key, after=10)) == 1
    tables.take(receipt())
    assert asked(tables, MESSAGE.key, after=60) == []


def test_nothing_is_asked_by_default_nor_once_the_account_stops(tables: Tables) -> None:
    quiet = Tables()
    quiet.take(MESSAGE)
    assert asked(quiet, MESSAGE.key, after=60) == []
    tables.take(MESSAGE)
    quiet.rows.update(tables.rows)
    assert asked(quiet, MESSAGE.key, after=60) == []
    (place,) = quiet.places(TableName.SUBMITTED)
    assert head_of(quiet.rows[place]).due_at is None


def test_so_many_are_asked_for_at_once(tables: Tables) -> None:
    items = [submitted(str(number), message_id=f"m-{number}", receipt=True) for number in range(4)]
    tables.take(*items)
    assert [len(asked(tables, item.key, after=10)) for item in items] == [1, 1, 0, 0]
    tables.take(answered(items[0], 1))
    assert [len(asked(tables, item.key, after=11)) for item in items[2:]] == [1, 0]
    # What nobody answers does not count for ever.
    assert len(asked(tables, items[3].key, after=15)) == 1


def test_a_final_answer_is_a_report_and_ends_the_asking(tables: Tables) -> None:
    tables.take(MESSAGE)
    asked(tables, MESSAGE.key, after=10)
    (report,) = reports(tables.take(answered(MESSAGE, 5, error=6)))
    assert (report.polled, report.match, report.message_id, report.state) == (True, "matched", "m-1", "UNDELIV")
    assert (report.final, report.error_name, report.repeat, report.late) == (True, "subscriber offline", False, False)
    assert asked(tables, MESSAGE.key, after=60) == []


def test_an_answer_that_is_not_final_is_told_once_and_asked_for_again(tables: Tables) -> None:
    tables.take(MESSAGE)
    asked(tables, MESSAGE.key, after=10)
    (report,) = reports(tables.take(answered(MESSAGE, 1)))
    assert (report.state, report.final, report.polled) == ("ENROUTE", False, True)
    assert len(asked(tables, MESSAGE.key, after=15)) == 1
    batch = tables.take(answered(MESSAGE, 1, at=AT + 15 * MINUTE))
    assert batch.events == []
    assert batch.receipts == {("main", "poll-no-news"): 1}


def test_a_refused_question_is_an_attempt_and_no_more(tables: Tables) -> None:
    tables.take(MESSAGE)
    for minute in (10, 15, 20):
        assert len(asked(tables, MESSAGE.key, after=minute)) == 1
        batch = tables.take(answered(MESSAGE, 0, status=0x67))
        assert batch.events == []
        assert batch.receipts == {("main", "poll-refused"): 1}
    assert asked(tables, MESSAGE.key, after=60) == []


def test_the_receipt_that_comes_after_all_is_a_repeat_unless_it_says_more(tables: Tables) -> None:
    tables.take(MESSAGE)
    tables.take(answered(MESSAGE, 2))
    first, read, again = reports(tables.take(receipt(), receipt(status=2), receipt(stat="UNDELIV")))
    assert (first.polled, first.repeat, first.late) == (False, True, False)
    assert (read.additional_status_name, read.repeat) == ("read", False)
    assert (again.repeat, again.late) == (False, True)


@pytest.mark.parametrize(
    "more", [{"cost": "0.25"}, {"flags": 0}, {"mccmnc": "00101"}], ids=lambda more: next(iter(more))
)
def test_the_receipt_that_brings_what_no_answer_holds_is_news_once(tables: Tables, more: dict[str, Any]) -> None:
    """The state is the one that was told, so it is not late either."""
    tables.take(MESSAGE)
    tables.take(answered(MESSAGE, 2))
    batch = tables.take(receipt(**more), receipt(sequence=2, **more))
    assert [(each.polled, each.repeat, each.late) for each in reports(batch)] == [
        (False, False, False),
        (False, True, False),
    ]
    assert batch.receipts == {("main", "matched"): 1, ("main", "repeat"): 1}


def test_an_answer_that_repeats_a_receipt_is_not_told(tables: Tables) -> None:
    tables.take(MESSAGE, receipt())
    assert tables.take(answered(MESSAGE, 2)).events == []
    (report,) = reports(tables.take(answered(MESSAGE, 5)))
    assert report.late


def test_a_polled_part_counts_for_the_whole(tables: Tables) -> None:
    items = [submitted(str(100 + part), part=part, parts=2, ids=2, receipt=True) for part in (1, 2)]
    tables.take(*items)
    ends = forwarded(tables.take(receipt("101"))) + forwarded(tables.take(answered(items[1], 3, error=6)))
    (report,) = reports(tables.take(*ends))
    assert (report.rollup, report.state, report.error_name) == (True, "EXPIRED", "subscriber offline")


def test_the_whole_gets_the_price_that_a_receipt_brings_after_an_answer(tables: Tables) -> None:
    items = [submitted(str(100 + part), part=part, parts=2, ids=2, receipt=True) for part in (1, 2)]
    tables.take(*items)
    ends = forwarded(tables.take(receipt("101", cost="0.1"))) + forwarded(tables.take(answered(items[1], 2)))
    (first,) = reports(tables.take(*ends))
    (again,) = reports(tables.take(*forwarded(tables.take(receipt("102", cost="0.25")))))
    assert [(each.rollup, each.cost, each.late) for each in (first, again)] == [
        (True, Decimal("0.1"), False),
        (True, Decimal("0.35"), True),
    ]
    assert first.event_id != again.event_id


def test_an_hlr_request_is_asked_for_too_and_its_answer_still_brings_news(tables: Tables) -> None:
    item = submitted(kind="HLR", receipt=True)
    tables.take(item)
    assert len(asked(tables, item.key, after=10)) == 1
    batch = tables.take(answered(item, 2), hlr_answer())
    found = [CODEC.decode(HlrResult, record.value) for record in on(batch, TOPICS.hlr_results)]
    assert [(each.outcome, each.polled, each.repeat, each.mcc) for each in found] == [
        ("reachable", True, False, None),
        ("reachable", False, False, "001"),
    ]


def test_an_answer_about_nothing_is_counted(tables: Tables) -> None:
    batch = tables.take(answered(MESSAGE, 2))
    assert batch.events == []
    assert batch.receipts == {("main", "poll-forgotten"): 1}


# Ids that may be read in two ways


EITHER = ASKING.model_copy(update={"id_format": IdFormat.EITHER})


def stored(item: Delivery, rules: DialectSettings) -> Delivery:
    """The answer about a message under the key that the submitter gives it."""
    return replace(answered(item, 2), key=submitted_key("main", item.gateway_message_id or "", rules))


def test_an_answer_finds_its_message_by_whichever_reading_of_the_id_it_is_kept() -> None:
    """Broken by: looking by the likelier reading alone; the base may have been known when the message was submitted."""
    tables = Tables({"main": EITHER})
    learned = LearnedIds()
    learned.responses.saw("1F")
    (key,) = submitted_keys("main", "10", EITHER, learned)
    message = submitted("10", key=key, receipt=True)
    tables.take(message)
    assert len(asked(tables, key, after=10)) == 1
    answer = stored(message, EITHER)
    assert answer.key != key
    batch = tables.take(answer)
    assert (reports(batch), batch.receipts) == ([], {("main", "reread"): 1})
    (again,) = forwarded(batch)
    assert (again.key, again.second_reading) == (key, True)
    (report,) = reports(tables.take(again))
    assert (report.message_id, report.polled, report.state) == ("m-1", True, "DELIVRD")
    assert not tables.desk.outstanding.full("main", 1, tables.now_ms)
    assert asked(tables, key, after=60) == []


def test_an_answer_that_neither_reading_knows_is_counted_and_ends(tables: Tables) -> None:
    tables = Tables({"main": EITHER})
    (again,) = forwarded(tables.take(stored(submitted("10"), EITHER)))
    batch = tables.take(again)
    assert (batch.events, batch.receipts) == ([], {("main", "poll-forgotten"): 1})


def test_a_receipt_under_the_one_reading_ends_the_asking_under_the_other() -> None:
    """Broken by: asking on, whose answer would be a second end of the message under another event id."""
    tables = Tables({"main": EITHER})
    first, second = submissions("10", EITHER, receipt=True)
    tables.take(first, second)
    assert len(asked(tables, first.key, after=10)) == 1
    batch = tables.take(receipt("0x10", rules=EITHER))
    (report,) = reports(batch)
    assert (report.message_id, report.match) == ("m-1", "matched")
    (told,) = forwarded(batch)
    assert (told.type, told.key) == (DeliveryType.TOLD, first.key)
    assert tables.take(told).events == []
    assert [write.durable for write in tables.writes] == [True]
    assert asked(tables, first.key, after=60) == []
    batch = tables.take(stored(first, EITHER))
    assert (batch.events, batch.receipts) == ([], {("main", "poll-no-news"): 1})


def test_an_answer_under_the_one_reading_makes_the_receipt_under_the_other_a_repeat() -> None:
    tables = Tables({"main": EITHER})
    first, second = submissions("10", EITHER, receipt=True)
    tables.take(first, second)
    (told,) = forwarded(tables.take(stored(first, EITHER)))
    assert told.key == second.key
    tables.take(told)
    (report,) = reports(tables.take(receipt("0x10", rules=EITHER)))
    assert (report.state, report.repeat) == ("DELIVRD", True)


def test_an_answer_about_a_part_is_not_given_to_another_part_whose_id_reads_alike() -> None:
    """ "10" read in hexadecimal is 16: two parts of one message may stand in one row."""
    tables = Tables({"main": EITHER})
    parts = [
        item
        for part, name in ((1, "16"), (2, "10"))
        for item in submissions(name, EITHER, part=part, parts=2, ids=2, receipt=True)
    ]
    tables.take(*parts)
    (report,) = reports(tables.take(stored(parts[0], EITHER)))
    assert (report.part, report.gateway_message_id) == (1, "16")
    (report,) = reports(tables.take(receipt("16", rules=EITHER, stat="ENROUTE")))
    assert report.part == 1


def test_an_answer_that_is_none_is_set_aside(tables: Tables) -> None:
    tables.take(MESSAGE)
    batch = tables.take(replace(answered(MESSAGE, 2), pdu=encode(EnquireLink(), sequence=1)))
    assert batch.dead == {"pdu-unexpected": 1}


def test_what_moves_away_is_not_counted_any_more() -> None:
    outstanding = Outstanding()
    outstanding.asked("main", b"1", AT)
    assert outstanding.full("main", 1, AT - 1)
    outstanding.clear()
    assert not outstanding.full("main", 1, AT - 1)
