"""The texts of receipts and HLR answers: read as far as they can be, whatever came."""

from datetime import timedelta, timezone
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.errors import ANSWER_OUTCOMES, EMAIL_ERRORS, SMS_ERRORS, error_name
from connector.domain.hlr import HlrText, hlr_outcome, is_hlr, parse_hlr, urldecoded
from connector.domain.identity import _NAMESPACE, event_id
from connector.domain.messages import Kind
from connector.domain.receipts import (
    STATE_BY_NUMBER,
    STATE_BY_WORD,
    ReceiptError,
    ReceiptText,
    parse_receipt,
    receipt_time,
)
from connector.smpp.constants import MessageState

RECEIPT = b"id:854019 sub:001 dlvrd:001 submit date:1108202241 done date:1108202242 stat:DELIVRD err:000"
READ = ReceiptText("854019", 1, 1, "1108202241", "1108202242", "DELIVRD", 0)
HLR = (
    b"id:855469 stat:DELIVRD err:000 imsi:001010000000001 msc:79990000000 mcc:250 mnc:02 "
    b"cn:Russian+Federation net:Some+open+Joint+Stock+Company rcn: rnet:"
)


@pytest.mark.parametrize(
    "text",
    [
        RECEIPT,
        RECEIPT + b" text:",
        RECEIPT + b" text:id:1 stat:EXPIRED err:001",
        RECEIPT + b" text:\xff\x00\n",
        RECEIPT.upper(),
        RECEIPT.replace(b" ", b"\r\n").replace(b"submit\r\n", b"submit ").replace(b"done\r\n", b"done "),
        RECEIPT.replace(b"submit date", b"Submit_Date").replace(b"done date", b"DoneDate"),
        RECEIPT.replace(b":", b": "),
        RECEIPT.replace(b":", b" : "),
        b"  " + RECEIPT + b"\0",
        b"err:000 stat:delivrd done date:1108202242 submit date:1108202241 dlvrd:1 sub:1 id:854019",
        RECEIPT + b" id:999 stat:EXPIRED",
    ],
)
def test_a_receipt_is_read_in_every_dress(text: bytes) -> None:
    assert parse_receipt(text) == READ


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"id:1", ReceiptText(message_id="1")),
        (b"stat:REJECTD", ReceiptText(stat="REJECTD")),
        (b"id: sub:xyz dlvrd:-1 submit date: done date:soon stat: err:0x1", ReceiptText(done_date="soon")),
        (b"id:1 2 done date:2011-08-20 22:42 err:1", ReceiptText(done_date="2011-08-20 22:42", err=1)),
        (b"id:1 err:" + b"9" * 5000, ReceiptText(message_id="1")),
        (b"id:" + b"7" * 65 + b" err:255", ReceiptText(message_id="7" * 65, err=255)),
        (b"id:" + b"7" * 66 + b" err:255", ReceiptText(err=255)),
        (b"id:0A-f stat:X", ReceiptText(message_id="0A-f", stat="X")),
        (b"id:caf\xe9 err:017", ReceiptText(err=17)),
        (b"id:1 done date:110820224155 err:000", ReceiptText(message_id="1", done_date="110820224155", err=0)),
    ],
)
def test_a_field_that_cannot_be_read_spoils_no_other(text: bytes, expected: ReceiptText) -> None:
    assert parse_receipt(text) == expected


@pytest.mark.parametrize("text", [b"", b" \r\n\0", b"hello", b"identity:1", b"id", b"\xff" * 300, b"id:"])
def test_what_is_no_receipt_says_so_without_quoting(text: bytes) -> None:
    found = parse_receipt(text)
    assert isinstance(found, ReceiptError)
    assert "hello" not in found.reason


def test_states_are_the_specifications() -> None:
    assert {number: state.word for number, state in STATE_BY_NUMBER.items()} == {
        MessageState.SCHEDULED: "SCHEDULED",
        MessageState.ENROUTE: "ENROUTE",
        MessageState.DELIVERED: "DELIVRD",
        MessageState.EXPIRED: "EXPIRED",
        MessageState.DELETED: "DELETED",
        MessageState.UNDELIVERABLE: "UNDELIV",
        MessageState.ACCEPTED: "ACCEPTD",
        MessageState.UNKNOWN: "UNKNOWN",
        MessageState.REJECTED: "REJECTD",
        MessageState.SKIPPED: "SKIPPED",
    }
    for word in ("DELIVRD", "EXPIRED", "UNDELIV", "REJECTD", "DELETED"):
        assert STATE_BY_WORD[word].final
    for word in ("ENROUTE", "ACCEPTD", "UNKNOWN"):
        assert not STATE_BY_WORD[word].final


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1108202241", 1_313_880_060_000),
        ("110820224155", 1_313_880_115_000),
        ("20110820224155", 1_313_880_115_000),
        ("1113202241", None),
        ("1102302241", None),
        ("0000000000", None),
        ("99999999999999", None),
        ("11082022415", None),
        ("", None),
        ("soon", None),
        ("١١٠٨٢٠٢٢٤١", None),
    ],
)
def test_a_receipts_date_is_a_time_or_nothing(text: str, expected: int | None) -> None:
    assert receipt_time(text) == expected


def test_a_receipts_date_is_read_in_the_accounts_zone() -> None:
    assert receipt_time("1108202241", timezone(timedelta(hours=3))) == 1_313_880_060_000 - 3 * 3_600_000


def test_an_hlr_answer_is_read() -> None:
    assert parse_hlr(HLR) == HlrText(
        ReceiptText(message_id="855469", stat="DELIVRD", err=0),
        imsi="001010000000001",
        msc="79990000000",
        mcc="250",
        mnc="02",
        cn="Russian Federation",
        net="Some open Joint Stock Company",
        rcn=None,
        rnet=None,
        roaming=False,
    )
    assert is_hlr(HLR)
    assert is_hlr(b"id:1 rcn:")
    assert not is_hlr(RECEIPT)
    assert not is_hlr(RECEIPT + b" text:net:5 mcc:250")


@pytest.mark.parametrize(
    ("text", "roaming"),
    [
        (b"mcc:250 rcn:Some+Country rnet:", True),
        (b"mcc:250 rcn: rnet:Some+Net", True),
        (b"mcc:250 rcn: rnet:", False),
        (b"mcc:250", None),
        (b"imsi: mcc: rcn: rnet:", None),
    ],
)
def test_roaming_is_known_where_its_fields_came_with_a_subscriber(text: bytes, roaming: bool | None) -> None:
    found = parse_hlr(b"id:1 stat:DELIVRD " + text)
    assert isinstance(found, HlrText)
    assert found.roaming is roaming


@pytest.mark.parametrize(
    ("state", "error", "outcome"),
    [
        ("DELIVRD", 0, "reachable"),
        ("DELIVRD", None, "reachable"),
        ("DELIVRD", 6, "reachable"),
        ("DELIVRD", 200, "test"),
        ("UNDELIV", 1, "unknown-subscriber"),
        ("UNDELIV", 6, "absent"),
        ("EXPIRED", 6, "absent"),
        ("EXPIRED", 0, "expired"),
        ("UNDELIV", 245, "expired"),
        ("UNDELIV", 11, "not-supported"),
        ("UNDELIV", 21, "not-supported"),
        ("UNDELIV", 13, "blocked"),
        ("REJECTD", 249, "invalid-number"),
        ("REJECTD", 224, "refused"),
        ("REJECTD", 0, "refused"),
        ("UNDELIV", 255, "refused"),
        ("UNDELIV", 12, "failed"),
        ("UNDELIV", 9999, "failed"),
        ("DELETED", None, "failed"),
        ("SKIPPED", None, "failed"),
        ("ENROUTE", 6, "pending"),
        ("ACCEPTD", 0, "pending"),
        ("SCHEDULED", None, "pending"),
        ("UNKNOWN", 1, "unknown-subscriber"),
        ("UNKNOWN", 0, "unknown"),
        ("VANISHD", None, "unknown"),
        (None, 6, "absent"),
        (None, None, "unknown"),
    ],
)
def test_what_came_of_an_hlr_request_is_one_word(state: str | None, error: int | None, outcome: str) -> None:
    assert hlr_outcome(state, error) == outcome


def test_every_error_of_the_gateway_says_something_of_a_subscriber() -> None:
    assert set(ANSWER_OUTCOMES) == set(SMS_ERRORS) - {0}


def test_an_hlr_answer_does_not_show_whose_it_is() -> None:
    assert "001010000000001" not in repr(parse_hlr(HLR))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("+", None),
        ("a+b", "a b"),
        ("a%20b%2Bc", "a b+c"),
        ("%D0%9C%D0%A2%D0%A1", "МТС"),
        ("Telef%F3nica", "Telefónica"),
        ("50%", "50%"),
        ("%zz%4", "%zz%4"),
        ("a%00b", "a b"),
        ("a%0Ab", "a b"),
        ("x" * 256, None),
    ],
)
def test_broken_urlencoding_is_read_as_far_as_it_goes(value: str, expected: str | None) -> None:
    assert urldecoded(value) == expected


@given(st.binary(max_size=400))
def test_any_octets_give_a_value(text: bytes) -> None:
    assert isinstance(parse_receipt(text), ReceiptText | ReceiptError)
    assert isinstance(parse_hlr(text), HlrText | ReceiptError)


def test_one_code_means_two_things() -> None:
    assert error_name(Kind.SMS, 1) == "subscriber does not exist"
    assert error_name(Kind.EMAIL, 1) == "recipient does not exist"
    assert error_name("EMAIL", 2) == "mailbox full"
    assert error_name(Kind.SMS, 2) is None
    assert error_name(None, 255) == "rejected by the operator"
    assert error_name(Kind.HLR, 13) == "subscriber blocked"
    assert error_name(Kind.SMS, 9999) is None
    assert error_name(Kind.SMS, None) is None
    assert (len(SMS_ERRORS), len(EMAIL_ERRORS)) == (30, 11)


def test_an_event_id_is_a_uuid_of_version_5() -> None:
    assert event_id("a", 1, None) == str(uuid5(UUID(bytes=_NAMESPACE), "a\x1f1\x1f"))
    assert event_id("a", "b") != event_id("ab")
    assert event_id("a", "") == event_id("a", None) != event_id("a")
    assert event_id("\ud800")
