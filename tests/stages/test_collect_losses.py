"""A message whose id was lost with its response, and the receipt nobody claims: they meet by the number. No broker."""

from dataclasses import replace

import pytest

from connector.domain.events import Delivery, DeliveryType, SubmitResponse
from connector.domain.text import reference_of
from connector.smpp.constants import Tag
from connector.smpp.pdu import DeliverSm, encode
from connector.stages.collect_losses import MOST_LOST
from connector.stages.collect_sheet import decoded
from connector.translate import DialectSettings, lost_key
from tests.stages.deliveries import AT, TO, hlr_answer, receipt, submitted
from tests.stages.tables import CODEC, TOPICS, Tables, forwarded, on, reports


@pytest.fixture
def tables() -> Tables:
    return Tables()


def lost(message_id: str = "m-1", *, sender: str = "SHOP", at: int = AT, outcome: str = "unknown") -> Delivery:
    told = SubmitResponse(
        event_id="told",
        message_id=message_id,
        account="main",
        kind="SMS",
        recipient=TO,
        lane="normal",
        outcome=outcome,
        reason="no-response",
        received_at=AT,
        completed_at=AT,
        source_topic="sms.outbound",
        source_partition=0,
        source_offset=17,
    )
    item = submitted(message_id=message_id, sender=sender, at=at)
    return replace(
        item,
        type=DeliveryType.LOST,
        key=lost_key("main", TO),
        gateway_message_id=None,
        pdu=CODEC.encode(told),
    )


def corrections(tables: Tables, *items: Delivery) -> list[SubmitResponse]:
    batch = tables.take(*items)
    return [CODEC.decode(SubmitResponse, record.value) for record in on(batch, TOPICS.submit_responses)]


def given_up(tables: Tables, item: Delivery) -> Delivery:
    """The receipt waits in vain, is told of as unmatched, and looks for its message by its number."""
    tables.take(item)
    tables.now_ms += 300_000
    batch = tables.due(item.key)
    assert [report.match for report in reports(batch)] == ["unmatched"]
    (asks,) = forwarded(batch)
    assert (asks.key, asks.by_recipient) == (lost_key("main", TO), True)
    return asks


@pytest.mark.parametrize("outcome", ["unknown", "accepted"])
def test_a_receipt_tells_what_became_of_a_message_without_an_id(tables: Tables, outcome: str) -> None:
    tables.take(lost(outcome=outcome))
    asks = given_up(tables, receipt("77"))
    batch = tables.take(asks)
    (found,) = [CODEC.decode(SubmitResponse, record.value) for record in on(batch, TOPICS.submit_responses)]
    assert (found.outcome, found.reason, found.correction) == ("accepted", "receipt-came", True)
    assert (found.message_id, found.gateway_message_id) == ("m-1", "77")
    (known,) = forwarded(batch)
    assert (known.type, known.gateway_message_id) == (DeliveryType.SUBMITTED, "77")
    (report,) = reports(tables.take(known))
    assert (report.message_id, report.match, report.late) == ("m-1", "matched", True)


def test_a_receipt_for_some_of_the_parts_makes_no_message_accepted(tables: Tables) -> None:
    """The bind died after the first part, and the others never came: the gateway says so a minute later. The receipt
    is its message's all the same."""
    tables.take(replace(lost(), parts=3))
    batch = tables.take(given_up(tables, receipt("77", stat="UNDELIV", err=241)))
    assert on(batch, TOPICS.submit_responses) == []
    (report,) = reports(tables.take(*forwarded(batch)))
    assert (report.message_id, report.error_code) == ("m-1", 241)


def test_a_receipt_of_one_part_alone_makes_no_message_accepted() -> None:
    """SINGLE: each part has a receipt of its own."""
    tables = Tables({"main": DialectSettings(single=True)})
    tables.take(replace(lost(), parts=3), replace(lost("m-2", at=AT + 1), parts=1))
    assert corrections(tables, given_up(tables, receipt("77"))) == []
    (found,) = corrections(tables, given_up(tables, receipt("78")))
    assert found.message_id == "m-2"


def test_what_follows_finds_the_message_at_once(tables: Tables) -> None:
    tables.take(lost())
    batch = tables.take(given_up(tables, receipt("77")))
    tables.take(*forwarded(batch))
    (report,) = reports(tables.take(receipt("77", status=2)))
    assert (report.message_id, report.additional_status) == ("m-1", 2)


def test_the_oldest_message_of_the_same_sender_is_meant(tables: Tables) -> None:
    tables.take(lost("other", sender="BANK"), lost("m-1"), lost("m-2", at=AT + 10))
    (found,) = corrections(tables, given_up(tables, receipt("77")))
    assert found.message_id == "m-1"
    (found,) = corrections(tables, given_up(tables, receipt("78")))
    assert found.message_id == "m-2"


def test_the_number_that_comes_back_tells_which_message_is_meant() -> None:
    """Where the account sends user_message_reference, and the gateway brings it into the receipt."""
    tables = Tables({"main": DialectSettings(user_message_reference=True)})
    tables.take(lost("m-1"), lost("m-2", at=AT + 10))
    asks = given_up(tables, referring(receipt("77"), "m-2"))
    (found,) = corrections(tables, asks)
    assert found.message_id == "m-2"
    assert corrections(tables, given_up(tables, referring(receipt("78"), "m-3"))) == []


def referring(item: Delivery, message_id: str) -> Delivery:
    _, body = decoded(item)
    assert isinstance(body, DeliverSm)
    reference = reference_of(message_id, 16).to_bytes(2, "big")
    body = replace(body, tlvs=(*body.tlvs, (int(Tag.USER_MESSAGE_REFERENCE), reference)))
    return replace(item, pdu=encode(body, sequence=1))


def test_the_id_is_read_as_receipts_write_it() -> None:
    """Responses in hexadecimal, receipts in decimal. Broken by: filing the message under the receipt's id as a response
    would write it, where another message stands and no receipt looks."""
    tables = Tables({"main": DialectSettings(response_id_format="hex", receipt_id_format="decimal")})
    tables.take(lost())
    batch = tables.take(given_up(tables, receipt("1388")))
    (report,) = reports(tables.take(*forwarded(batch)))
    assert (report.message_id, report.match) == ("m-1", "matched")


def test_an_answer_is_for_who_asked_and_a_receipt_is_not(tables: Tables) -> None:
    """A lost SMS and a lost HLR request to one number. Broken by: whichever is older."""
    tables.take(lost("sms"), replace(lost("hlr", at=AT + 1), kind="HLR"))
    (found,) = corrections(tables, replace(hlr_answer("77"), key=lost_key("main", TO), by_recipient=True))
    assert found.message_id == "hlr"
    tables.take(replace(lost("hlr-2"), kind="HLR"))
    (found,) = corrections(tables, given_up(tables, receipt("78")))
    assert found.message_id == "sms"


def test_a_message_that_wanted_no_receipt_is_not_meant(tables: Tables) -> None:
    tables.take(replace(lost("m-0"), receipt=False), lost("m-1", at=AT + 1))
    (found,) = corrections(tables, given_up(tables, receipt("77")))
    assert found.message_id == "m-1"


def test_a_message_that_was_lost_too_long_ago_is_not_meant(tables: Tables) -> None:
    tables.take(lost("m-0"))
    tables.now_ms += 71 * 3_600_000
    tables.take(lost("m-1", at=AT + 1))
    tables.now_ms += 2 * 3_600_000
    (found,) = corrections(tables, given_up(tables, receipt("77")))
    assert found.message_id == "m-1"


def test_a_receipt_is_not_given_to_a_message_that_was_sent_after_it(tables: Tables) -> None:
    tables.take(lost(at=AT + 3_600_000))
    assert corrections(tables, given_up(tables, receipt("77"))) == []


def test_a_receipt_of_a_stranger_corrects_nothing(tables: Tables) -> None:
    batch = tables.take(given_up(tables, receipt("77")))
    assert batch.events == []


def test_a_correction_is_the_same_event_when_all_is_done_again(tables: Tables) -> None:
    """And the same as the submitter's own, should the late answer have come as well."""
    asks = given_up(tables, receipt("77"))
    ids = set()
    for _ in range(2):
        fresh = Tables()
        fresh.take(lost())
        (found,) = corrections(fresh, asks)
        ids.add(found.event_id)
    assert len(ids) == 1


def test_a_message_whose_late_answer_has_come_is_not_meant(tables: Tables) -> None:
    """Broken by: a message that stays lost, and takes the receipt of the next one to its number."""
    tables.take(lost("m-1"), lost("m-2", at=AT + 10))
    tables.take(replace(lost("m-1"), ids=1))
    (found,) = corrections(tables, given_up(tables, receipt("77")))
    assert found.message_id == "m-2"
    tables.take(lost("m-3"))
    tables.take(replace(lost("m-3"), ids=0))
    assert corrections(tables, given_up(tables, receipt("78"))) == []


def test_a_loss_that_is_stored_twice_counts_once(tables: Tables) -> None:
    tables.take(lost(), lost())
    assert len(corrections(tables, given_up(tables, receipt("77")))) == 1
    assert corrections(tables, given_up(tables, receipt("78"))) == []


def test_losses_to_one_number_are_bounded(tables: Tables) -> None:
    tables.take(*(lost(f"m-{number}") for number in range(MOST_LOST + 5)))
    (found,) = corrections(tables, given_up(tables, receipt("77")))
    assert found.message_id == "m-5"


@pytest.mark.parametrize(
    "told", [b"", b"\xc3\x01", b"\x00\x00\x00\x00\x09abc"], ids=["nothing", "cut", "another version's"]
)
def test_an_outcome_that_cannot_be_read_keeps_no_receipt_from_its_message(tables: Tables, told: bytes) -> None:
    """Broken by: forgetting the message before its outcome is decoded."""
    tables.take(replace(lost(), pdu=told))
    batch = tables.take(given_up(tables, receipt("77")))
    assert sum(batch.dead.values()) == 1
    (known,) = forwarded(batch)
    (report,) = reports(tables.take(known))
    assert (report.message_id, report.match) == ("m-1", "matched")
