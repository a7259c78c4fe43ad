"""What the items of a batch come to. Tables are dicts here; no broker."""

from dataclasses import replace
from decimal import Decimal

import pytest

from connector.domain.events import Delivery, HlrResult
from connector.kafka.records import RecordError
from connector.smpp.constants import Tag
from connector.smpp.pdu import DeliverSm, EnquireLink, encode
from connector.stages.collect_batch import Batch
from connector.stages.collect_sheet import MOST_ROW_OCTETS, TableName
from tests.stages.deliveries import AT, TO, hlr_answer, inbound, receipt, received, submitted
from tests.stages.tables import CODEC, FRAME, TOPICS, Tables, header, messages, on, reports


@pytest.fixture
def tables() -> Tables:
    return Tables()


# Receipts


def test_a_receipt_finds_its_message(tables: Tables) -> None:
    tables.take(submitted(message_id="order-9", metadata={"tenant": "a"}))
    batch = tables.take(receipt())
    (report,) = reports(batch)
    assert (report.message_id, report.match, report.state, report.final) == ("order-9", "matched", "DELIVRD", True)
    assert report.metadata == {"tenant": "a"}
    assert batch.events[0].key == b"order-9"
    assert batch.receipts == {("main", "matched"): 1}


def test_both_may_stand_in_one_frame_in_either_order(tables: Tables) -> None:
    batch = tables.take(submitted("1"), receipt("1"), receipt("2"), submitted("2"))
    assert [report.match for report in reports(batch)] == ["matched", "matched"]
    assert tables.places(TableName.WAITING) == []


def test_an_early_receipt_waits_for_its_message(tables: Tables) -> None:
    assert reports(tables.take(receipt())) == []
    (report,) = reports(tables.take(submitted()))
    assert report.match == "matched"
    assert tables.places(TableName.WAITING) == []


def test_a_message_has_several_receipts_in_its_life(tables: Tables) -> None:
    tables.take(submitted())
    found = []
    for item in (receipt(stat="ENROUTE"), receipt(), receipt(status=2), receipt(status=4)):
        found += reports(tables.take(item))
    assert [(report.state, report.additional_status_name) for report in found] == [
        ("ENROUTE", None),
        ("DELIVRD", None),
        ("DELIVRD", "read"),
        ("DELIVRD", "link clicked"),
    ]
    assert len({report.event_id for report in found}) == 4


def test_a_receipt_for_nothing_is_published_as_unmatched_in_time(tables: Tables) -> None:
    item = receipt()
    tables.take(item)
    assert tables.due(item.key).events == []
    tables.now_ms += 300_000
    batch = tables.due(item.key)
    (report,) = reports(batch)
    assert (report.match, report.message_id, report.gateway_message_id) == ("unmatched", None, "101")
    assert batch.receipts == {("main", "unmatched"): 1}
    tables.now_ms += 300_000
    assert tables.due(item.key).events == []


def test_a_message_that_turns_up_after_that_gets_its_receipt_under_an_id_of_its_own(tables: Tables) -> None:
    item = receipt()
    tables.take(item)
    tables.now_ms += 300_000
    (unmatched,) = reports(tables.due(item.key))
    (matched,) = reports(tables.take(submitted()))
    assert (matched.match, matched.late, unmatched.late) == ("matched", True, False)
    assert matched.event_id != unmatched.event_id
    assert reports(tables.take(receipt())) == []


def test_ids_are_the_same_every_time(tables: Tables) -> None:
    """So a batch that is done again after a crash repeats its events under the same ids."""
    items = (submitted(), receipt(), receipt("7"), inbound("hello"), inbound("b", index=2, total=2))
    first = [header(record, "ce_id") for record in tables.take(*items).events]
    again = [header(record, "ce_id") for record in Tables().take(*items).events]
    assert first == again


def test_doing_a_batch_again_on_its_own_result_loses_nothing(tables: Tables) -> None:
    items = (receipt("7"), submitted(), receipt(), inbound("a", total=2), inbound("b", index=2, total=2))
    once = {header(record, "ce_id") for record in tables.take(*items).events}
    again = {header(record, "ce_id") for record in tables.take(*items).events}
    assert again <= once
    assert len(reports(tables.take(submitted("7")))) == 1


def test_hlr_answers_have_their_own_topic(tables: Tables) -> None:
    tables.take(submitted(kind="HLR"))
    (record,) = on(tables.take(hlr_answer()), TOPICS.hlr_results)
    result = CODEC.decode(HlrResult, record.value)
    assert (result.match, result.mcc, result.mnc) == ("matched", "001", "01")


def test_only_what_was_submitted_or_waits_is_durable(tables: Tables) -> None:
    """The mark of a published receipt is for the local store: no changelog record for each receipt."""
    for items, durable in (
        ([submitted()], [True]),
        ([receipt()], [False]),
        ([receipt("2")], [True]),
        ([submitted("3"), receipt("3")], [True]),
    ):
        tables.take(*items)
        assert [write.durable for write in tables.writes] == durable


# Inbound


def test_an_inbound_message_in_one_part(tables: Tables) -> None:
    batch = tables.take(inbound("STOP"))
    (message,) = messages(batch)
    assert (message.text, message.parts, message.complete) == ("STOP", 1, True)
    assert batch.events[0].key == TO.encode()
    assert tables.writes == []


def test_two_equal_messages_are_two(tables: Tables) -> None:
    batch = tables.take(inbound("yes", at=AT), inbound("yes", at=AT + 60_000))
    assert len({message.event_id for message in messages(batch)}) == 2


def test_parts_in_any_order_make_the_message(tables: Tables) -> None:
    parts = [inbound(text, index=index, total=3) for index, text in ((3, "c"), (1, "a"), (1, "a"), (2, "b"))]
    batches = [tables.take(part) for part in parts]
    assert [len(messages(batch)) for batch in batches] == [0, 0, 0, 1]
    (message,) = messages(batches[-1])
    assert (message.text, message.parts, message.parts_received, message.complete) == ("abc", 3, 3, True)
    assert batches[2].inbound == {("main", "repeated"): 1}


def test_a_missing_part_is_told_in_time_and_may_still_come(tables: Tables) -> None:
    item = inbound("a", total=2)
    tables.take(item)
    tables.now_ms += 600_000
    (incomplete,) = messages(tables.due(item.key))
    assert (incomplete.text, incomplete.complete, incomplete.parts_received) == ("a", False, 1)
    (whole,) = messages(tables.take(inbound("b", index=2, total=2)))
    assert (whole.text, whole.complete) == ("ab", True)
    assert whole.event_id != incomplete.event_id


def test_messages_of_two_senders_with_one_reference_do_not_mix(tables: Tables) -> None:
    other = "79990000002"
    batch = tables.take(
        inbound("a1", total=2), inbound("b1", total=2, sender=other), inbound("b2", index=2, total=2, sender=other)
    )
    assert [(message.sender, message.text) for message in messages(batch)] == [(other, "b1b2")]


def test_two_messages_of_one_sender_mixed_under_one_reference_are_two(tables: Tables) -> None:
    """As far as that can be told: parts go to the oldest message that lacks them."""
    mixed = [("a1", 1), ("b1", 1), ("a2", 2), ("b2", 2), ("a3", 3), ("b3", 3)]
    found = []
    for number, (text, index) in enumerate(mixed):
        found += messages(tables.take(inbound(text, index=index, total=3, at=AT + number)))
    assert [(message.text, message.complete) for message in found] == [("a1a2a3", True), ("b1b2b3", True)]
    assert len({message.event_id for message in found}) == 2


def test_255_parts_in_reverse_make_one_message(tables: Tables) -> None:
    found = []
    for index in range(255, 0, -1):
        found += messages(tables.take(inbound(f"{index} ", index=index, total=255)))
    (message,) = found
    assert message.text == "".join(f"{index} " for index in range(1, 256))
    assert (message.parts, message.complete) == (255, True)


# What is too much


def test_receipts_that_fill_a_row_are_told_of_at_once(tables: Tables) -> None:
    """A row has to fit into Kafka, whatever a peer sends."""
    found = []
    for number in range(40):
        payload = f"id:7 stat:DELIVRD err:{number:03} text:".encode() + bytes(60_000)
        pdu = DeliverSm(source_addr=TO, esm_class=4, tlvs=((Tag.MESSAGE_PAYLOAD, payload),))
        found += reports(tables.take(received(pdu)))
        assert all(len(row) <= MOST_ROW_OCTETS for row in tables.rows.values())
    assert len(found) >= 30
    assert {report.match for report in found} == {"unmatched"}


def test_parts_that_fill_a_row_are_told_of_at_once(tables: Tables) -> None:
    found = []
    for index in range(1, 21):
        payload = bytes((5, 0, 3, 7, 255, index)) + b"x" * 60_000
        pdu = DeliverSm(source_addr=TO, esm_class=0x40, tlvs=((Tag.MESSAGE_PAYLOAD, payload),))
        found += messages(tables.take(received(pdu)))
        assert all(len(row) <= MOST_ROW_OCTETS for row in tables.rows.values())
    assert sum(message.parts_received for message in found) >= 8
    assert not any(message.complete for message in found)


def test_a_row_that_kafka_would_not_take_is_said_and_counted(tables: Tables, caplog: pytest.LogCaptureFixture) -> None:
    """No event that is valid makes one; its receipts would find nothing, and somebody should know."""
    batch = tables.take(submitted(metadata={"k": "v" * MOST_ROW_OCTETS}))
    assert tables.rows == {}
    assert batch.receipts == {("main", "forgotten"): 1}
    assert "a row of submitted has" in caplog.text
    assert reports(tables.take(receipt())) == []


def test_an_inbound_message_that_kafka_would_not_take_is_set_aside(tables: Tables) -> None:
    """Its parts fit into a row, but its text, with two octets for a letter, does not fit into a record."""
    tables.desk = replace(tables.desk, most_octets=100_000)
    whole = received(DeliverSm(source_addr=TO, data_coding=3, tlvs=((Tag.MESSAGE_PAYLOAD, b"\xe9" * 60_000),)))
    batch = tables.take(whole, inbound("small"))
    assert [message.text for message in messages(batch)] == ["small"]
    assert batch.dead == {"too-large": 1}


# What cannot be read


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (received(DeliverSm(source_addr=TO, esm_class=4, short_message=b"no fields")), "receipt-unreadable"),
        (received(DeliverSm(source_addr=TO, esm_class=4)), "receipt-empty"),
    ],
)
def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(tables: Tables, item: Delivery, code: str) -> None:
    batch = tables.take(submitted(), item, receipt())
    (letter,) = on(batch, TOPICS.dead_letters)
    assert header(letter, "dl_code") == code.encode()
    assert header(letter, "dl_offset") == b"17"
    assert CODEC.decode_frame(Delivery, letter.value) == [item]
    assert len(reports(batch)) == 1


@pytest.mark.parametrize("pdu", [None, b"", b"\0\0\0\x10garbage.....", encode(EnquireLink(), sequence=1)])
def test_a_stored_pdu_that_is_none_is_set_aside(tables: Tables, pdu: bytes | None) -> None:
    batch = tables.take(replace(receipt(), pdu=pdu), submitted())
    assert len(list(on(batch, TOPICS.dead_letters))) == 1
    assert len(tables.places(TableName.SUBMITTED)) == 1


def damaged(item: Delivery) -> Delivery:
    """Its last optional parameter says that it is longer than it is."""
    octets = (item.pdu or b"") + b"\x14\x00\x00\x09abc"
    return replace(item, pdu=len(octets).to_bytes(4, "big") + octets[4:])


def test_of_a_receipt_the_damaged_end_of_its_parameters_is_left_out(tables: Tables) -> None:
    tables.take(submitted())
    (report,) = reports(tables.take(damaged(receipt(cost="0.25"))))
    assert (report.message_id, report.state, report.cost) == ("m-1", "DELIVRD", Decimal("0.25"))


def test_a_message_from_a_subscriber_with_damaged_parameters_is_set_aside_whole(tables: Tables) -> None:
    """Its text or its place among the parts may be what is damaged."""
    item = damaged(inbound("STOP"))
    batch = tables.take(item)
    (letter,) = batch.events
    assert header(letter, "dl_code") == b"pdu-malformed"
    assert header(letter, "dl_reason").endswith(b"parameter 0x1400 has 9 octets, but 3 follow")
    assert CODEC.decode_frame(Delivery, letter.value) == [item]


def test_a_frame_that_is_none_is_set_aside_as_it_came(tables: Tables) -> None:
    batch = Batch(tables.desk, now_ms=tables.now_ms)
    batch.take_unreadable(FRAME, RecordError("truncated", "the record ends early"))
    (letter,) = batch.events
    assert letter.value == FRAME.value
    assert letter.headers[0] == ("h", b"1")
    assert batch.dead == {"truncated": 1}


def test_a_fault_of_ours_with_one_item_stops_no_other(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    tables.take(submitted())
    monkeypatch.setattr("connector.stages.collect_receipts.to_report", broken)
    batch = tables.take(receipt(), inbound("hello"))
    assert header(next(iter(on(batch, TOPICS.dead_letters))), "dl_code") == b"internal-error"
    assert len(messages(batch)) == 1


def test_a_damaged_row_counts_as_none(tables: Tables) -> None:
    tables.take(submitted())
    (place,) = tables.places(TableName.SUBMITTED)
    tables.rows[place] = b"\x01damaged"
    assert reports(tables.take(receipt())) == []
    assert reports(tables.take(submitted()))[0].match == "matched"
    tables.rows[place._replace(table=TableName.WAITING)] = b"\x02damaged"
    assert tables.due(place.key.decode()).events == []


def test_nothing_of_the_subscriber_shows_in_a_dead_letters_reason(tables: Tables) -> None:
    batch = tables.take(received(DeliverSm(source_addr=TO, esm_class=4, short_message=b"code 123456")))
    (letter,) = on(batch, TOPICS.dead_letters)
    assert b"123456" not in header(letter, "dl_reason")
    assert TO.encode() not in header(letter, "dl_reason")
