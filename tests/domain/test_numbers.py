"""Recipients in E.164: what people write, what goes out, and that one subscriber stays in one slot."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import numbers
from connector.domain.kinds import Refusal, RefusedMessage, recipient_of, validate
from connector.domain.messages import Kind, OutboundMessage
from connector.domain.numbers import international
from connector.domain.slots import SlotMap
from connector.kafka.clients import Record
from connector.kafka.records import Codec
from connector.stages.routing import Entrance, Forward, Routing
from connector.stages.settings import AccountSettings, StageConfig
from connector.translate import DialectSettings, plan

NOW = 1_790_000_000_000
SMS = OutboundMessage(id="m-1", sender="SHOP", recipient="79990000001", text="Hello")
RU = DialectSettings(default_region="RU")


@pytest.mark.parametrize(
    ("region", "written", "meant"),
    [
        ("RU", "+79990000001", "+79990000001"),
        ("RU", "79990000001", "+79990000001"),
        ("RU", "89990000001", "+79990000001"),
        ("RU", "9990000001", "+79990000001"),
        ("RU", "8 (999) 000-00-01", "+79990000001"),
        ("RU", "+7 999 000.00.01", "+79990000001"),
        ("RU", "84951234567", "+74951234567"),
        ("RU", "+4915112345678", "+4915112345678"),
        ("RU", "810 49 151 12345678", "+4915112345678"),
        ("RU", "380501234567", "+380501234567"),
        ("DE", "015112345678", "+4915112345678"),
        ("DE", "4915112345678", "+4915112345678"),
        ("DE", "0049 151 12345678", "+4915112345678"),
        ("DE", "79990000001", "+79990000001"),
        ("US", "2025550123", "+12025550123"),
        ("US", "12025550123", "+12025550123"),
        ("IT", "0236618300", "+390236618300"),
        ("KZ", "87012345678", "+77012345678"),
    ],
)
def test_a_number_is_the_one_its_region_means(region: str, written: str, meant: str) -> None:
    assert international(written, region) == meant
    (pdu,) = plan(replace(SMS, recipient=written), DialectSettings(default_region=region), now_ms=NOW).pdus
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (1, 1, meant[1:])


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("recipient-impossible", "112"),
        ("recipient-impossible", "+7999"),
        ("recipient-impossible", "+0123456789"),
        ("recipient-impossible", "7" * 20),
        # Three digits too many: not a number of the region with the country code before it once more.
        ("recipient-impossible", "74951234567890"),
        ("recipient-impossible", "7 (495) 123-45-67-890"),
        ("recipient-not-a-number", "8-800-FLOWERS"),
        ("recipient-not-a-number", "79990000001 ext. 5"),
        ("recipient-not-a-number", "٧٩٩٩٠٠٠٠٠٠١"),
        ("recipient-not-a-number", "7+9990000001"),
        ("recipient-not-a-number", "79990000001\n"),
        ("recipient-not-a-number", ""),
    ],
)
def test_what_can_be_no_number_is_refused_without_its_digits(code: str, written: str) -> None:
    refusal = validate(replace(SMS, recipient=written), RU, NOW)
    assert refusal is not None
    assert refusal.code == code
    assert not any(character.isdigit() for character in refusal.reason)
    with pytest.raises(RefusedMessage):
        plan(replace(SMS, recipient=written), RU, now_ms=NOW)


def test_a_number_of_one_town_alone_is_none() -> None:
    assert international("5551234", "US") is None


def test_without_a_region_a_number_goes_as_it_came_and_the_library_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(numbers, "parse", asked)
    national = replace(SMS, recipient="89990000001")
    assert validate(national, DialectSettings(), NOW) is None
    assert recipient_of(national, DialectSettings()) == "89990000001"
    assert plan(national, DialectSettings(), now_ms=NOW).pdus[0].destination_addr == "89990000001"


def test_an_address_and_a_number_with_a_type_of_its_own_go_as_they_came() -> None:
    email = replace(SMS, kind=Kind.EMAIL, recipient="89990000001@example.com", subject="Order")
    assert recipient_of(email, RU) == email.recipient
    short = replace(SMS, recipient="1234", recipient_ton=3, recipient_npi=0)
    assert validate(short, RU, NOW) is None
    assert plan(short, RU, now_ms=NOW).pdus[0].destination_addr == "1234"


@pytest.mark.parametrize("written", ["+79990000001", "79990000001", "89990000001", "9990000001", "8 (999) 000-00-01"])
def test_one_subscriber_has_one_slot_however_written(written: str) -> None:
    account = AccountSettings.model_validate(
        {"name": "main", "system_id": "login", "password": "secret", "binds": 9, "default_region": "ru"}
    )
    codec = Codec()
    routing = Routing(StageConfig(accounts=(account,)), codec, Entrance.ROUTER)
    record = Record("sms.outbound", 0, 0, NOW, None, codec.encode(replace(SMS, recipient=written)), ())
    found = routing.decide(record, now_ms=NOW)
    assert isinstance(found, Forward)
    assert found.message.slot == SlotMap([("main", 9)]).of("main", "79990000001")


def test_a_region_does_not_move_the_slots_of_international_numbers() -> None:
    slots = SlotMap([("main", 9)])
    for number in range(50):
        message = replace(SMS, recipient=f"7999{number:07d}")
        assert slots.of("main", recipient_of(message, RU)) == slots.of("main", message.recipient)


@given(st.text(st.sampled_from("0123456789 ().-+"), max_size=45), st.sampled_from(["RU", "US", "DE", "IT", "SG"]))
def test_any_number_is_taken_or_refused_and_what_is_taken_stays(written: str, region: str) -> None:
    rules = DialectSettings(default_region=region)
    refusal = validate(replace(SMS, recipient=written), rules, NOW)
    if refusal is None:
        meant = recipient_of(replace(SMS, recipient=written), rules)
        assert meant[0] == "+"
        assert meant[1:].isdigit()
        assert recipient_of(replace(SMS, recipient=meant), rules) == meant
    else:
        assert isinstance(refusal, Refusal)
