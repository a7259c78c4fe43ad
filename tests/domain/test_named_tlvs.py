"""Parameters of a gateway's own in receipts, under the names that an account gives them."""

import pytest
from pydantic import ValidationError

from connector.domain.events import DeliveryReport
from connector.smpp.constants import Tag
from connector.smpp.pdu import DeliverSm
from connector.translate import DialectSettings, to_report
from connector.translate.named_tlvs import NamedTlv, Reading, named

ROWS = (
    NamedTlv(tag=0x1400, name="route", type=Reading.INTEGER),
    NamedTlv(tag=0x1401, name="operator", type=Reading.TEXT),
    NamedTlv(tag=0x1402, name="trace"),
)


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        ((0x1400, b"\0\x07"), {"route": "7"}),
        ((0x1400, b""), {"route": ""}),
        ((0x1401, b"Beeline\0"), {"operator": "Beeline"}),
        ((0x1402, b"\xab\xcd"), {"trace": "abcd"}),
        ((0x1402, b""), {"trace": ""}),
        ((0x1403, b"x"), {}),
    ],
)
def test_a_parameter_is_read_as_its_type_and_as_octets_where_it_is_none(
    octets: tuple[int, bytes], told: dict[str, str]
) -> None:
    assert named((octets,), ROWS) == told


def test_they_stand_in_the_report() -> None:
    text = b"id:101 sub:001 dlvrd:001 submit date:2609211530 done date:2609211531 stat:DELIVRD err:000"
    pdu = DeliverSm(
        source_addr="79990000001",
        destination_addr="SHOP",
        esm_class=4,
        short_message=text,
        tlvs=((int(Tag.RECEIPTED_MESSAGE_ID), b"101\0"), (0x1401, b"Beeline")),
    )
    report = to_report(pdu, None, DialectSettings(receipt_tlvs=ROWS), account="main", received_at=1)
    assert isinstance(report, DeliveryReport)
    assert report.tlvs == {"operator": "Beeline"}


@pytest.mark.parametrize("rows", [[{"tag": 0x1400, "name": "Route"}], [{"tag": -1, "name": "route"}]])
def test_a_row_that_cannot_be_used_is_refused(rows: list[dict[str, object]]) -> None:
    with pytest.raises(ValidationError):
        DialectSettings.model_validate({"receipt_tlvs": rows})


def test_a_name_stands_once() -> None:
    rows = [{"tag": 0x1400, "name": "route"}, {"tag": 0x1401, "name": "route"}]
    with pytest.raises(ValidationError, match="route stands twice; each name may stand once"):
        DialectSettings.model_validate({"receipt_tlvs": rows})
