"""Receipts become reports: keys that meet, TLVs that have the last word, and nothing that a peer sends that hurts."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from connector.domain.events import Delivery, DeliveryReport, DeliveryType, HlrResult
from connector.domain.receipts import ReceiptError
from connector.smpp.constants import Tag
from connector.smpp.pdu import DataSm, DeliverSm, QuerySmResp
from connector.translate import (
    DialectSettings,
    IdFormat,
    canonical_id,
    delivery_key,
    is_receipt,
    submitted_key,
    to_polled_report,
    to_report,
)

AT = 1_790_000_000_123
TO = "79990000001"
RULES = DialectSettings()
TEXT = b"id:854019 sub:002 dlvrd:002 submit date:1108202241 done date:1108202242 stat:DELIVRD err:000"
TLVS = (
    (Tag.RECEIPTED_MESSAGE_ID, b"854019\0"),
    (Tag.MESSAGE_STATE, b"\x02"),
    (Tag.NETWORK_ERROR_CODE, b"\x03\x00\x00"),
    (Tag.COST, b"1.2300"),
    (Tag.FLAGS, b"\x07\x20"),
    (Tag.PARTS, b"\x00\x02"),
    (Tag.MCCMNC, b"25002"),
    (Tag.ADDITIONAL_STATUS, b"\x00\x02"),
)
RECEIPT = DeliverSm(source_addr=TO, destination_addr="SHOP", esm_class=0x04, short_message=TEXT, tlvs=TLVS)
BARE = replace(RECEIPT, tlvs=())
HLR_TEXT = (
    b"id:855469 stat:DELIVRD err:000 imsi:001010000000001 msc:79990000000 mcc:250 mnc:02 "
    b"cn:Some+Country net: rcn: rnet:"
)
HLR = DeliverSm(source_addr=TO, destination_addr="SHOP", esm_class=0x04, short_message=HLR_TEXT)
SUBMITTED = Delivery(
    type=DeliveryType.SUBMITTED,
    key="shop|854019",
    account="shop",
    at=AT - 5000,
    slot=1,
    gateway_message_id="000854019",
    message_id="order-1",
    kind="SMS",
    campaign_id="autumn",
    sender="SHOP",
    recipient="+" + TO,
    parts=3,
    metadata={"tenant": "a"},
)


def report_of(
    pdu: DeliverSm | DataSm, submitted: Delivery | None = SUBMITTED, rules: DialectSettings = RULES
) -> DeliveryReport:
    found = to_report(pdu, submitted, rules, account="shop", received_at=AT)
    assert isinstance(found, DeliveryReport)
    return found


def test_a_full_receipt_is_a_full_report() -> None:
    assert report_of(RECEIPT) == DeliveryReport(
        event_id=report_of(RECEIPT).event_id,
        message_id="order-1",
        account="shop",
        match="matched",
        kind="SMS",
        campaign_id="autumn",
        sender="SHOP",
        recipient="+" + TO,
        gateway_message_id="000854019",
        part=None,
        parts=2,
        state="DELIVRD",
        message_state=2,
        final=True,
        error_code=0,
        error_name="none",
        network_type=3,
        parts_submitted=2,
        parts_delivered=2,
        cost=Decimal("1.2300"),
        message_type=0,
        message_type_name="SMS",
        second_balance=True,
        template=True,
        template_type="advertising",
        mccmnc="25002",
        additional_status=2,
        additional_status_name="read",
        submit_date_text="1108202241",
        done_date_text="1108202242",
        submit_date=1_313_880_060_000,
        done_date=1_313_880_120_000,
        submitted_at=AT - 5000,
        received_at=AT,
        metadata={"tenant": "a"},
    )


def test_the_text_alone_is_enough() -> None:
    report = report_of(BARE)
    assert (report.state, report.message_state, report.final, report.error_code) == ("DELIVRD", 2, True, 0)
    assert (report.parts, report.cost, report.message_type, report.template, report.network_type) == (3,) + (None,) * 4


def test_the_tlvs_alone_are_enough() -> None:
    report = report_of(replace(RECEIPT, short_message=b""), None)
    assert (report.gateway_message_id, report.state, report.error_code) == ("854019", "DELIVRD", 0)
    report = report_of(DataSm(source_addr=TO, esm_class=4, tlvs=(*TLVS, (Tag.MESSAGE_PAYLOAD, TEXT))), None)
    assert report.parts_submitted == 2


def test_where_they_contradict_each_other_the_tlvs_win() -> None:
    tlvs = (
        (Tag.RECEIPTED_MESSAGE_ID, b"777"),
        (Tag.MESSAGE_STATE, b"\x05"),
        (Tag.NETWORK_ERROR_CODE, b"\x03\x00\xff"),
        (Tag.RECEIPTED_MESSAGE_ID, b"888"),
    )
    report = report_of(replace(RECEIPT, tlvs=tlvs), None)
    assert (report.gateway_message_id, report.state, report.message_state) == ("777", "UNDELIV", 5)
    assert (report.error_code, report.error_name) == (255, "rejected by the operator")
    assert delivery_key("shop", replace(RECEIPT, tlvs=tlvs), RULES) == "shop|777"


def test_what_they_contradict_each_other_on_is_named() -> None:
    apart = {
        "id": (Tag.RECEIPTED_MESSAGE_ID, b"777"),
        "state": (Tag.MESSAGE_STATE, b"\x05"),
        "error": (Tag.NETWORK_ERROR_CODE, b"\x03\x00\xff"),
    }
    for names in ("id", "state", "error", "id,state", "state,error", "id,state,error"):
        tlvs = tuple(reversed([apart[each] for each in names.split(",")]))
        assert report_of(replace(RECEIPT, tlvs=tlvs), None).contradiction == names
    hlr = to_report(replace(HLR, tlvs=(apart["state"],)), None, RULES, account="shop", received_at=AT)
    assert isinstance(hlr, HlrResult)
    assert (hlr.contradiction, hlr.outcome) == ("state", "failed")


@pytest.mark.parametrize(
    "pdu",
    [
        RECEIPT,
        BARE,
        replace(RECEIPT, short_message=b""),
        replace(RECEIPT, tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"000854019\0"),)),
        replace(RECEIPT, tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"D0803"),)),
        replace(RECEIPT, tlvs=((Tag.MESSAGE_STATE, b"\x4d"),)),
        replace(RECEIPT, short_message=TEXT.replace(b"DELIVRD", b"DELIVERED")),
        replace(RECEIPT, short_message=b"id:854019 stat: err:"),
    ],
)
def test_they_do_not_contradict_each_other_by_another_writing_or_by_silence(pdu: DeliverSm) -> None:
    assert report_of(pdu).contradiction is None


def test_read_and_link_clicked_are_events_of_their_own() -> None:
    """The state of delivery stays what it was, and stays final."""
    found = [
        report_of(replace(RECEIPT, tlvs=(*TLVS[:-1], *((Tag.ADDITIONAL_STATUS, status) for status in more))))
        for more in ((), (b"\x00\x02",), (b"\x00\x04",), (b"\x00\x09",))
    ]
    assert [report.additional_status_name for report in found] == [None, "read", "link clicked", None]
    assert [report.additional_status for report in found] == [None, 2, 4, 9]
    assert {(report.state, report.final) for report in found} == {("DELIVRD", True)}
    assert len({report.event_id for report in found}) == 4


def test_unmatched_says_so_and_takes_what_the_receipt_knows() -> None:
    report = report_of(RECEIPT, None)
    assert (report.match, report.message_id, report.recipient, report.sender) == ("unmatched", None, TO, "SHOP")
    assert (report.kind, report.gateway_message_id, report.submitted_at) == ("SMS", "854019", None)
    assert dict(report.metadata) == {}
    assert report_of(BARE, None).kind is None


@pytest.mark.parametrize(
    ("flags", "kind", "name"),
    [
        (0, "SMS", "SMS"),
        (1, "SMS", "flash"),
        (2, "BINARY", "binary"),
        (3, "WAP_PUSH", "WAP push"),
        (6, None, "MMS"),
        (7, "VOICE", "call"),
        (8, "EMAIL", "e-mail"),
        (9, None, None),
        (10, "VIBER", "Viber"),
        (12, "SOCIAL", "social network"),
    ],
)
def test_the_kind_comes_from_the_flags_only_where_nothing_matches(
    flags: int, kind: str | None, name: str | None
) -> None:
    pdu = replace(BARE, tlvs=((Tag.FLAGS, flags.to_bytes(2, "big")),))
    assert (report_of(pdu, None).kind, report_of(pdu, None).message_type_name) == (kind, name)
    telegram = replace(SUBMITTED, kind="TELEGRAM_CODE")
    assert (report_of(pdu, telegram).kind, report_of(pdu, telegram).message_type) == ("TELEGRAM_CODE", flags)


@pytest.mark.parametrize(
    ("flags", "second", "template", "word"),
    [
        (0x0000, False, False, None),
        (0x0020, True, False, None),
        (0x0600, False, False, None),
        (0x0100, False, True, "service"),
        (0x0300, False, True, "transactional"),
        (0x0500, False, True, "authorization"),
        (0x0720, True, True, "advertising"),
    ],
)
def test_the_flags_are_taken_apart(flags: int, second: bool, template: bool, word: str | None) -> None:
    report = report_of(replace(BARE, tlvs=((Tag.FLAGS, flags.to_bytes(2, "big")),)))
    assert (report.second_balance, report.template, report.template_type) == (second, template, word)


@pytest.mark.parametrize(
    ("value", "cost"),
    [
        (b"1.2300", "1.2300"),
        (b"1.23\0", "1.23"),
        (b"0.0000", "0.0000"),
        (b"12.5", "12.5"),
        (b".5", "0.5"),
        (b"7", "7"),
        (b"-0.5", "-0.5"),
        (b"", None),
        (b"\0", None),
        (b"free", None),
        (b"1e3", None),
        (b"1,5", None),
        (b"NaN", None),
        (b"1.23456", None),
    ],
)
def test_the_price_is_a_decimal_or_nothing(value: bytes, cost: str | None) -> None:
    found = report_of(replace(BARE, tlvs=((Tag.COST, value),))).cost
    assert found == (None if cost is None else Decimal(cost))
    assert found is None or str(found) == str(Decimal(cost or ""))


@pytest.mark.parametrize(
    ("value", "mccmnc"),
    [(b"25002", "25002"), (b"25002\0", "25002"), (b"310410", "310410"), (b"", None), (b"25x02", None)],
)
def test_an_operators_code_is_digits(value: bytes, mccmnc: str | None) -> None:
    assert report_of(replace(BARE, tlvs=((Tag.MCCMNC, value),))).mccmnc == mccmnc


@pytest.mark.parametrize(
    ("state", "word", "final"), [(b"\x00", "SCHEDULED", False), (b"\x01", "ENROUTE", False), (b"\x09", "SKIPPED", True)]
)
def test_states_of_both_versions(state: bytes, word: str, final: bool) -> None:
    report = report_of(replace(BARE, tlvs=((Tag.MESSAGE_STATE, state),)))
    assert (report.state, report.message_state, report.final) == (word, state[0], final)


def test_a_state_nobody_knows_is_passed_on() -> None:
    report = report_of(replace(BARE, tlvs=((Tag.MESSAGE_STATE, b"\x4d"),)))
    assert (report.state, report.message_state) == ("DELIVRD", 0x4D)
    report = report_of(replace(BARE, short_message=TEXT.replace(b"DELIVRD", b"VANISHD")))
    assert (report.state, report.message_state, report.final) == ("VANISHD", None, False)


def test_an_unknown_error_is_a_number_without_a_name() -> None:
    report = report_of(replace(BARE, tlvs=((Tag.NETWORK_ERROR_CODE, b"\x03\x12\x34"),)))
    assert (report.error_code, report.error_name) == (0x1234, None)


def test_the_kind_picks_the_error_table() -> None:
    pdu = replace(BARE, short_message=TEXT.replace(b"err:000", b"err:001"))
    assert report_of(pdu).error_name == "subscriber does not exist"
    assert report_of(pdu, replace(SUBMITTED, kind="EMAIL")).error_name == "recipient does not exist"
    assert report_of(replace(pdu, tlvs=((Tag.FLAGS, b"\x00\x08"),)), None).error_name == "recipient does not exist"


def test_an_intermediate_notification_ends_nothing() -> None:
    assert not report_of(replace(RECEIPT, esm_class=0x20)).final


def test_tlvs_of_careless_sizes() -> None:
    tlvs = (
        (Tag.MESSAGE_STATE, b"\x00\x00\x00\x02"),
        (Tag.FLAGS, b""),
        (Tag.PARTS, b"\x03"),
        (Tag.NETWORK_ERROR_CODE, b"\x00\x01"),
        (Tag.ADDITIONAL_STATUS, b"\xff\xff\xff\xff"),
    )
    report = report_of(replace(BARE, tlvs=tlvs))
    assert (report.message_state, report.message_type, report.parts) == (2, None, 3)
    assert (report.error_code, report.network_type, report.additional_status) == (0, None, None)


def test_receipt_dates_are_read_in_the_accounts_zone() -> None:
    report = report_of(BARE, rules=DialectSettings(receipt_timezone="+03:00"))
    assert (report.done_date_text, report.done_date) == ("1108202242", 1_313_880_120_000 - 3 * 3_600_000)


def test_a_receipt_in_ucs2_is_read_too() -> None:
    pdu = replace(BARE, data_coding=8, short_message=TEXT.decode().encode("utf-16-be"))
    assert report_of(pdu, None).gateway_message_id == "854019"
    assert delivery_key("shop", pdu, RULES) == "shop|854019"


def test_a_repeat_has_the_event_id_of_the_first_and_every_news_its_own() -> None:
    first = report_of(RECEIPT).event_id
    assert to_report(RECEIPT, SUBMITTED, RULES, account="shop", received_at=AT + 9999).event_id == first  # type: ignore[union-attr]
    assert report_of(RECEIPT, None).event_id == first
    news = {
        first,
        report_of(replace(RECEIPT, tlvs=TLVS[:-1])).event_id,
        report_of(replace(RECEIPT, tlvs=(*TLVS[:-1], (Tag.ADDITIONAL_STATUS, b"\x00\x04")))).event_id,
        report_of(replace(RECEIPT, tlvs=((Tag.MESSAGE_STATE, b"\x05"), *TLVS))).event_id,
        report_of(replace(RECEIPT, short_message=TEXT.replace(b"2242", b"2243"))).event_id,
        report_of(replace(RECEIPT, tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"1"), *TLVS))).event_id,
    }
    assert len(news) == 6


@pytest.mark.parametrize("kind", ["HLR", "PING"])
def test_an_hlr_answer_is_a_result(kind: str) -> None:
    submitted = replace(SUBMITTED, kind=kind, gateway_message_id="855469")
    found = to_report(replace(HLR, tlvs=((Tag.COST, b"0.1000"),)), submitted, RULES, account="shop", received_at=AT)
    assert isinstance(found, HlrResult)
    assert found == HlrResult(
        event_id=found.event_id,
        message_id="order-1",
        account="shop",
        match="matched",
        kind=kind,
        campaign_id="autumn",
        recipient="+" + TO,
        gateway_message_id="855469",
        state="DELIVRD",
        message_state=2,
        error_code=0,
        error_name="none",
        imsi="001010000000001",
        msc="79990000000",
        mcc="250",
        mnc="02",
        country="Some Country",
        cost=Decimal("0.1000"),
        submitted_at=AT - 5000,
        received_at=AT,
        metadata={"tenant": "a"},
        outcome="reachable",
        roaming=False,
        final=True,
        parts=3,
    )


@pytest.mark.parametrize("kind", ["HLR", "PING"])
def test_an_hlr_result_tells_as_much_of_its_receipt_as_a_report(kind: str) -> None:
    """A field of both has the same value; the sender alone is left out."""
    submitted = replace(SUBMITTED, kind=kind)
    found = to_report(RECEIPT, submitted, RULES, account="shop", received_at=AT)
    assert isinstance(found, HlrResult)
    report = report_of(RECEIPT)
    told = {field.name for field in fields(DeliveryReport)} - {"event_id", "kind", "sender", "part", "rollup"}
    assert {name: getattr(found, name) for name in told} == {name: getattr(report, name) for name in told}
    assert all(getattr(report, name) is not None for name in told - {"contradiction"})


def test_a_status_that_follows_an_hlr_answer_is_an_event_of_its_own() -> None:
    read = replace(HLR, tlvs=((Tag.ADDITIONAL_STATUS, b"\x00\x02"),))
    found = [to_report(pdu, None, RULES, account="shop", received_at=AT) for pdu in (HLR, read)]
    assert [each.additional_status_name for each in found if isinstance(each, HlrResult)] == [None, "read"]
    assert len({each.event_id for each in found if isinstance(each, HlrResult)}) == 2


def test_an_hlr_answer_is_known_without_its_request() -> None:
    by_text = to_report(HLR, None, RULES, account="shop", received_at=AT)
    assert isinstance(by_text, HlrResult)
    assert (by_text.kind, by_text.match, by_text.recipient) == ("HLR", "unmatched", TO)
    ping = replace(BARE, tlvs=((Tag.FLAGS, b"\x00\x05"),))
    by_flags = to_report(ping, None, RULES, account="shop", received_at=AT)
    assert isinstance(by_flags, HlrResult)
    assert (by_flags.kind, by_flags.gateway_message_id) == ("PING", "854019")


def test_a_receipt_of_nothing_is_no_report_unless_its_message_is_known() -> None:
    junk = DeliverSm(source_addr=TO, esm_class=4, short_message=b"secret junk")
    found = to_report(junk, None, RULES, account="shop", received_at=AT)
    assert isinstance(found, ReceiptError)
    assert "secret" not in found.reason
    assert report_of(junk).message_id == "order-1"
    hlr = to_report(replace(junk, tlvs=((Tag.FLAGS, b"\x00\x04"),)), None, RULES, account="shop", received_at=AT)
    assert isinstance(hlr, ReceiptError)


def test_a_polled_state_is_a_report_too() -> None:
    answer = QuerySmResp(message_id="854019", final_date="110820224155012+", message_state=5, error_code=6)
    report = to_polled_report(answer, SUBMITTED, RULES, account="shop", received_at=AT)
    assert isinstance(report, DeliveryReport)
    assert (report.state, report.final, report.polled, report.error_name) == (
        "UNDELIV",
        True,
        True,
        "subscriber offline",
    )
    assert (report.message_id, report.done_date_text) == ("order-1", "110820224155012+")
    assert report.done_date == 1_313_880_115_000 - 3 * 3_600_000
    hlr = to_polled_report(answer, replace(SUBMITTED, kind="HLR"), RULES, account="shop", received_at=AT)
    assert isinstance(hlr, HlrResult)
    assert (hlr.outcome, hlr.final, hlr.polled, hlr.roaming) == ("absent", True, True, None)
    assert (hlr.parts, hlr.done_date_text, hlr.done_date) == (report.parts, report.done_date_text, report.done_date)
    for date in ("", "soon", "99999999999999R", "000000000500000R"):
        answer = QuerySmResp(message_id="1", final_date=date, message_state=1)
        report = to_polled_report(answer, SUBMITTED, RULES, account="shop", received_at=AT)
        assert isinstance(report, DeliveryReport)
        assert (report.state, report.final, report.done_date) == ("ENROUTE", False, None)


@pytest.mark.parametrize(
    ("form", "same"),
    [
        (IdFormat.AS_IS, ["854019", "000854019", " 854019 ", "854019\0"]),
        (IdFormat.AS_IS, ["aB3"]),
        (IdFormat.AS_IS, ["Ab3"]),
        (IdFormat.AS_IS, ["0", "000"]),
        (IdFormat.DECIMAL, ["854019", "0854019"]),
        (IdFormat.DECIMAL, ["d0803-x", "D0803-X", "0D0803-x"]),
        (IdFormat.HEX, ["d0803", "D0803", "00d0803", "0xD0803"]),
        (IdFormat.HEX, ["a-1", "A-1"]),
        (IdFormat.EITHER, ["854019", "0854019", "d0803", "00D0803", "0xd0803"]),
    ],
)
def test_one_id_has_one_form(form: IdFormat, same: list[str]) -> None:
    assert len({canonical_id(each, form) for each in same}) == 1
    assert canonical_id("", form) == ""
    assert canonical_id("\0", form) == ""
    assert canonical_id("9" * 5000, form) != ""


def test_different_ids_stay_different() -> None:
    assert canonical_id("aB3") != canonical_id("Ab3")
    assert canonical_id("10", "hex") == canonical_id("16", "decimal")
    for form in IdFormat:
        assert len({canonical_id(each, form) for each in ("1", "2", "11", "a1", "x", "0")}) == 6


def test_a_response_in_hex_meets_a_receipt_in_decimal() -> None:
    rules = DialectSettings(response_id_format=IdFormat.HEX, receipt_id_format=IdFormat.DECIMAL)
    assert submitted_key("shop", "D0803", rules) == delivery_key("shop", RECEIPT, rules) == "shop|854019"
    assert submitted_key("shop", "000854019", RULES) == delivery_key("shop", RECEIPT, RULES)


def test_a_receipt_without_an_id_meets_no_message() -> None:
    nameless = replace(RECEIPT, short_message=b"stat:DELIVRD", tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"\0"),))
    assert delivery_key("shop", nameless, RULES) == f"shop|?|{TO}|SHOP"
    assert submitted_key("shop", "", RULES) not in (delivery_key("shop", nameless, RULES), "shop|?")


def test_esm_class_tells_receipts_from_messages() -> None:
    assert is_receipt(RECEIPT)
    assert is_receipt(replace(BARE, esm_class=0x44))
    assert is_receipt(replace(BARE, esm_class=0x20))
    assert is_receipt(replace(RECEIPT, esm_class=0))
    # A subscriber may write a text that looks like a receipt.
    assert not is_receipt(replace(BARE, esm_class=0))
    assert not is_receipt(replace(BARE, esm_class=0x40))
    # An acknowledgement by the handset or its user comes from a subscriber.
    assert not is_receipt(replace(RECEIPT, esm_class=0x08))
    assert not is_receipt(replace(RECEIPT, esm_class=0x10))
