"""Receipts: the text and the TLVs of the sheet, read back with the product's codec."""

from decimal import Decimal

import pytest

from connector.domain.messages import Kind
from connector.simulator.messages import Due, Message
from connector.simulator.plans import MessageType, Template
from connector.simulator.receipts import Style, cost_octets, hlr_fields, receipt, stray
from connector.simulator.script import Form, HlrAnswer, Host, IdForm, Receipts, ReceiptState
from connector.smpp.constants import MessageState, Tag
from connector.smpp.pdu import DataSm, DeliverSm, SubmitSm, decode, encode
from connector.smpp.tlv import lookup, raw

TAKEN_MS = 1_314_052_860_000  # 2011-08-22 22:41 UTC, the sheet's own example
STYLE = Style()


def message(kind: Kind = Kind.SMS, *, plan: Receipts | None = None, parts: int = 1, data_coding: int = 0) -> Message:
    """A message as the gateway holds it."""
    return Message(
        number=854019,
        message_id="854019",
        login="demo",
        connection=1,
        host=Host.PRIMARY,
        pdu=SubmitSm(
            source_addr_ton=5,
            source_addr="Shop",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="79990000001",
            data_coding=data_coding,
        ),
        kind=kind,
        parts=parts,
        plan=Receipts() if plan is None else plan,
        registered=1,
        taken_at=0.0,
        taken_ms=TAKEN_MS,
        expires_at=86400.0,
    )


def told(
    what: Message, state: ReceiptState = ReceiptState.DELIVRD, error: int = 0, additional: int | None = None
) -> DeliverSm | DataSm:
    """The receipt, through the wire and back."""
    body = receipt(Due(0.0, what, state, error, additional), done_ms=TAKEN_MS, style=STYLE)
    _, back = decode(encode(body, sequence=1))
    assert back == body
    return body


def test_the_text_is_the_sheets_own() -> None:
    body = told(message())
    assert isinstance(body, DeliverSm)
    assert body.short_message == (
        b"id:854019 sub:001 dlvrd:001 submit date:1108222241 done date:1108222241 stat:DELIVRD err:000"
    )
    assert body.esm_class == 0x04


def test_the_addresses_change_places() -> None:
    body = told(message())
    assert (body.source_addr, body.destination_addr) == ("79990000001", "Shop")
    assert (body.source_addr_ton, body.dest_addr_ton) == (1, 5)


def test_every_tlv_of_the_sheet_is_there() -> None:
    body = told(message(parts=3), ReceiptState.UNDELIV, 251, 2)
    found = {tag: lookup(body.tlvs, tag) for tag, _ in body.tlvs}
    assert found == {
        Tag.RECEIPTED_MESSAGE_ID: "854019",
        Tag.MESSAGE_STATE: MessageState.UNDELIVERABLE,
        Tag.NETWORK_ERROR_CODE: b"\x03\x00\xfb",
        Tag.COST: "0.1500",
        Tag.FLAGS: MessageType.SMS,
        Tag.PARTS: 3,
        Tag.MCCMNC: "25002",
        Tag.ADDITIONAL_STATUS: 2,
    }


def test_cost_and_mccmnc_fill_their_sizes_without_a_nul() -> None:
    body = told(message())
    assert raw(body.tlvs, Tag.COST) == b"0.0500"
    assert raw(body.tlvs, Tag.MCCMNC) == b"25002"


@pytest.mark.parametrize(
    ("cost", "octets"), [("0", b"0.0000"), ("1.5", b"1.5000"), ("12.34567", b"12.345"), ("12345.6", b"12345")]
)
def test_cost_has_six_octets_at_most(cost: str, octets: bytes) -> None:
    assert cost_octets(Decimal(cost)) == octets


@pytest.mark.parametrize(
    ("kind", "data_coding", "type_"),
    [
        (Kind.SMS, 0x00, 0),
        (Kind.SMS, 0x10, 1),
        (Kind.BINARY, 0x04, 2),
        (Kind.WAP_PUSH, 0x04, 3),
        (Kind.HLR, 0, 4),
        (Kind.PING, 0, 5),
        (Kind.VOICE, 0, 7),
        (Kind.EMAIL, 0, 8),
        (Kind.VIBER, 0, 10),
        (Kind.SOCIAL, 0, 12),
        (Kind.TELEGRAM_CODE, 0, 0),
    ],
)
def test_the_flags_hold_the_type_in_bits_0_to_3(kind: Kind, data_coding: int, type_: int) -> None:
    assert lookup(told(message(kind, data_coding=data_coding)).tlvs, Tag.FLAGS) == type_


@pytest.mark.parametrize(
    ("template", "bits"),
    [
        (None, 0),
        (Template.SERVICE, 0b0001_0000_0000),
        (Template.TRANSACTIONAL, 0b0011_0000_0000),
        (Template.AUTHORIZATION, 0b0101_0000_0000),
        (Template.ADVERTISING, 0b0111_0000_0000),
    ],
)
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("type_", list(MessageType))
def test_every_combination_of_the_flags_can_be_asked_for(
    template: Template | None, bits: int, second: bool, type_: MessageType
) -> None:
    plan = Receipts(template=template, second_balance=second, type=type_)
    assert lookup(told(message(plan=plan)).tlvs, Tag.FLAGS) == bits | (0b10_0000 if second else 0) | type_


@pytest.mark.parametrize(("mccmnc", "octets"), [(None, b"25002"), ("310410", b"310410"), ("00101", b"00101")])
def test_country_and_operator_may_be_chosen(mccmnc: str | None, octets: bytes) -> None:
    assert raw(told(message(plan=Receipts(mccmnc=mccmnc))).tlvs, Tag.MCCMNC) == octets


def test_country_and_operator_may_be_left_out() -> None:
    assert raw(told(message(plan=Receipts(mccmnc=""))).tlvs, Tag.MCCMNC) is None


def test_an_hlr_result_of_a_roaming_subscriber_and_one_that_tells_nothing() -> None:
    away = HlrAnswer(rcn="Türkiye", rnet="A & B Telecom", net="")
    body = told(message(Kind.HLR, plan=Receipts(hlr=away)))
    assert isinstance(body, DeliverSm)
    assert body.short_message.endswith(b" net: rcn:T%C3%BCrkiye rnet:A+%26+B+Telecom")
    nothing = HlrAnswer(imsi="", msc="", mcc="", mnc="", cn="", net="", rcn="", rnet="")
    body = told(message(Kind.HLR, plan=Receipts(hlr=nothing)))
    assert isinstance(body, DeliverSm)
    assert body.short_message.endswith(b"err:000 imsi: msc: mcc: mnc: cn: net: rcn: rnet:")


@pytest.mark.parametrize("kind", [Kind.SMS, Kind.HLR, Kind.PING, Kind.EMAIL])
@pytest.mark.parametrize("error", [1, 6, 200, 219, 237, 255, 256, 999])
def test_any_error_can_be_told_of_any_kind(kind: Kind, error: int) -> None:
    body = told(message(kind), ReceiptState.UNDELIV, error)
    assert isinstance(body, DeliverSm)
    assert f"err:{error:03d}".encode() in body.short_message
    assert raw(body.tlvs, Tag.NETWORK_ERROR_CODE) == b"\x03" + error.to_bytes(2, "big")


def test_an_hlr_result_has_its_own_text() -> None:
    answer = HlrAnswer(imsi="250023012345678", msc="79232510066", rcn="", rnet="")
    body = told(message(Kind.HLR, plan=Receipts(hlr=answer)))
    assert isinstance(body, DeliverSm)
    assert body.short_message == (
        b"id:854019 stat:DELIVRD err:000 imsi:250023012345678 msc:79232510066 mcc:250 mnc:02 "
        b"cn:Russian+Federation net:MegaFON+open+Joint+Stock+Company rcn: rnet:"
    )


def test_an_hlr_result_that_failed_has_empty_values() -> None:
    body = told(message(Kind.HLR), ReceiptState.UNDELIV, 1)
    assert isinstance(body, DeliverSm)
    assert body.short_message.endswith(b"stat:UNDELIV err:001 imsi: msc: mcc: mnc: cn: net: rcn: rnet:")


def test_country_and_operator_keep_their_leading_zeros() -> None:
    fields = dict(hlr_fields("99900000001", HlrAnswer()))
    assert (fields["mcc"], fields["mnc"]) == ("001", "01")
    assert dict(hlr_fields("15550100001", HlrAnswer()))["mnc"] == "410"


@pytest.mark.parametrize("form", list(Form))
def test_every_form_can_go_on_the_wire(form: Form) -> None:
    for kind in (Kind.SMS, Kind.HLR):
        told(message(kind, plan=Receipts(form=form)))


def test_a_long_text_moves_to_the_payload() -> None:
    answer = HlrAnswer(cn="x" * 300)
    body = told(message(Kind.HLR, plan=Receipts(hlr=answer)))
    assert isinstance(body, DeliverSm)
    assert not body.short_message
    payload = raw(body.tlvs, Tag.MESSAGE_PAYLOAD)
    assert payload is not None
    assert payload.startswith(b"id:854019 stat:DELIVRD")


@pytest.mark.parametrize(
    ("form", "message_id"),
    [
        (IdForm.DECIMAL, "854019"),
        (IdForm.PADDED, "0000854019"),
        (IdForm.HEX_LOWER, "d0803"),
        (IdForm.HEX_UPPER, "D0803"),
        (IdForm.EMPTY, ""),
    ],
)
def test_the_receipts_id_may_be_written_otherwise_than_the_responses(form: IdForm, message_id: str) -> None:
    body = told(message(plan=Receipts(id_form=form)))
    assert isinstance(body, DeliverSm)
    assert body.short_message.startswith(f"id:{message_id} ".encode())
    assert lookup(body.tlvs, Tag.RECEIPTED_MESSAGE_ID) == message_id


def test_a_long_id_goes_on_the_wire_too() -> None:
    body = told(message(plan=Receipts(id_form=IdForm.LONG)))
    assert len(str(lookup(body.tlvs, Tag.RECEIPTED_MESSAGE_ID))) == 65


def test_dates_follow_the_gateways_zone_and_may_hold_seconds() -> None:
    style = Style(utc_offset_minutes=180, seconds=True)
    body = receipt(Due(0.0, message(), ReceiptState.DELIVRD), done_ms=TAKEN_MS + 61_000, style=style)
    assert isinstance(body, DeliverSm)
    assert b"submit date:110823014100 done date:110823014201" in body.short_message


def test_the_reference_comes_back_where_the_gateway_echoes_it() -> None:
    what = message()
    what.pdu = SubmitSm(destination_addr="79990000001", tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\x12\x34"),))
    silent = receipt(Due(0.0, what, ReceiptState.DELIVRD), done_ms=TAKEN_MS, style=STYLE)
    echoing = receipt(Due(0.0, what, ReceiptState.DELIVRD), done_ms=TAKEN_MS, style=Style(echo_reference=True))
    assert lookup(silent.tlvs, Tag.USER_MESSAGE_REFERENCE) is None
    assert lookup(echoing.tlvs, Tag.USER_MESSAGE_REFERENCE) == 0x1234


def test_a_stray_receipt_looks_like_any_other() -> None:
    body = stray("Shop", "79990000001", "FFFF", now_ms=TAKEN_MS, style=STYLE)
    assert body.short_message.startswith(b"id:FFFF sub:001")
    assert lookup(body.tlvs, Tag.RECEIPTED_MESSAGE_ID) == "FFFF"
