"""The dialect of an account: what is refused at start, with a word on what is allowed."""

import pytest
from pydantic import ValidationError

from connector.smpp.constants import CommandStatus
from connector.translate import DialectSettings
from connector.translate.settings import zone_of


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("receipt_timezone", "Mars/Base", "time zone"),
        ("receipt_timezone", "../../etc/passwd", "time zone"),
        ("receipt_timezone", "+25:00", "time zone"),
        ("default_sender", "TWELVELETTER", "at most 11"),
        ("default_sender", "МАГАЗИН", "ASCII"),
        ("default_sender", "", "at least 1"),
        ("duplicate_statuses", [0], "greater than or equal to 1"),
        ("duplicate_statuses", [0x58], "already means"),
        ("duplicate_statuses", ["ESME_NOPE"], "integer"),
        ("retry_statuses", [0x14], "already means"),
        ("retry_statuses", [0x45], "a duplicate"),
        ("id_format", "octal", "decimal"),
        ("concatenation", "udh32", "udh16"),
        ("long_kinds", "sar", "payload"),
        ("time_format", "iso", "absolute"),
        ("default_region", "ZZ", "two letters"),
        ("default_region", "RUS", "two letters"),
        ("default_region", "", "two letters"),
        ("validity_minutes", 0, "greater than or equal to 1"),
        ("validity_minutes", 44_641, "less than or equal to 44640"),
        ("source_ton", 256, "less than or equal to 255"),
        ("extra_tlvs", [{"tag": 0x0424}], "set by the connector"),
        ("extra_tlvs", [{"tag": 0x1400, "hex": "abc"}], "pattern"),
        ("unknown_field", 1, "not permitted"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_allowed(field: str, value: object, word: str) -> None:
    with pytest.raises(ValidationError, match=word) as caught:
        DialectSettings.model_validate({field: value})
    assert field in str(caught.value)


def test_a_region_is_read_in_either_case_and_needs_international_recipients() -> None:
    assert DialectSettings(default_region="ru").default_region == "RU"
    with pytest.raises(ValidationError, match=r"default_region.*dest_ton must be 1"):
        DialectSettings(default_region="RU", dest_ton=2)


def test_statuses_may_be_written_by_name() -> None:
    rules = DialectSettings.model_validate({"duplicate_statuses": ["ESME_RSUBMITFAIL", "0x441", 8]})
    assert rules.duplicate_statuses == (CommandStatus.ESME_RSUBMITFAIL, 0x441, 8)


@pytest.mark.parametrize(("name", "hours"), [("UTC", 0), ("Z", 0), ("+03:00", 3), ("-0130", -1.5)])
def test_zones_need_no_database_for_offsets(name: str, hours: float) -> None:
    offset = zone_of(name).utcoffset(None)
    assert offset is not None
    assert offset.total_seconds() == hours * 3600
