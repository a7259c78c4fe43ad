"""Requests about earlier messages: which are taken, why others are not, and what they are on the wire."""

from typing import Any

import pytest

from connector.domain.ancillary import judge
from connector.domain.kinds import RefusedMessage
from connector.domain.messages import Action, Coding, Kind, OutboundMessage
from connector.smpp.pdu import CancelSm, QuerySm, ReplaceSm, decode, encode
from connector.translate import DialectSettings, ancillary

NOW = 1_800_000_000_000
RULES = DialectSettings()


def request(action: Action, **fields: Any) -> OutboundMessage:
    return OutboundMessage(
        **{"id": "r", "action": action, "target_id": "m", "sender": "Shop", "recipient": "79990000001", **fields}
    )


@pytest.mark.parametrize("action", [Action.CANCEL, Action.QUERY])
def test_a_request_needs_no_more_than_its_target_and_the_addresses(action: Action) -> None:
    assert judge(request(action), RULES, NOW) is None


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("target-missing", request(Action.CANCEL, target_id=None)),
        ("target-too-long", request(Action.CANCEL, target_id="m" * 256)),
        ("target-is-itself", request(Action.CANCEL, id="m")),
        ("target-gateway-id", request(Action.QUERY, target_gateway_id="9" * 65)),
        ("target-gateway-id", request(Action.QUERY, target_gateway_id="")),
        ("field-not-of-action", request(Action.CANCEL, text="hello")),
        ("id-missing", request(Action.CANCEL, id="")),
        ("recipient-not-a-number", request(Action.CANCEL, recipient="nobody")),
        ("expired", request(Action.CANCEL, expires_at=NOW - 1)),
        ("replace-not-sms", request(Action.REPLACE, kind=Kind.VIBER, text="hello")),
        ("text-empty", request(Action.REPLACE)),
        ("text-starts-with-mark", request(Action.REPLACE, text="__CALL__: hello")),
        ("target-not-of-action", request(Action.SEND, text="hello")),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(code: str, message: OutboundMessage) -> None:
    found = judge(message, RULES, NOW)
    assert found is not None
    assert found.code == code
    assert "79990000001" not in found.reason


def test_a_message_of_its_own_is_judged_as_ever() -> None:
    assert judge(request(Action.SEND, target_id=None, text="hello"), RULES, NOW) is None


def test_the_addresses_are_those_the_message_was_submitted_with() -> None:
    """Gateways compare them (SMPP 3.4, 4.9.1)."""
    pdu = ancillary(request(Action.CANCEL), "854019", RULES, coding=None)
    assert pdu == CancelSm(
        message_id="854019",
        source_addr_ton=5,
        source_addr_npi=0,
        source_addr="Shop",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="79990000001",
    )
    assert decode(encode(pdu, sequence=1))[1] == pdu


def test_a_query_names_the_id_and_the_sender() -> None:
    pdu = ancillary(request(Action.QUERY), "854019", RULES, coding=None)
    assert pdu == QuerySm(message_id="854019", source_addr_ton=5, source_addr_npi=0, source_addr="Shop")


@pytest.mark.parametrize(
    ("coding", "octets"), [("GSM", b"a\x1be"), ("LATIN1", None), ("UCS2", "a€".encode("utf-16-be")), (None, b"a\x1be")]
)
def test_a_new_text_keeps_the_alphabet_of_the_message(coding: str | None, octets: bytes | None) -> None:
    """replace_sm has no data_coding: another alphabet would be read as this one."""
    message = request(Action.REPLACE, text="a€")
    if octets is None:
        with pytest.raises(RefusedMessage, match="replacement-alphabet"):
            ancillary(message, "1", RULES, coding=coding)
    else:
        pdu = ancillary(message, "1", RULES, coding=coding)
        assert isinstance(pdu, ReplaceSm)
        assert pdu.short_message == octets


def test_a_new_text_of_several_parts_is_refused() -> None:
    with pytest.raises(RefusedMessage, match="replacement-too-long"):
        ancillary(request(Action.REPLACE, text="a" * 161), "1", RULES, coding="GSM")
    with pytest.raises(RefusedMessage, match="replacement-too-long"):
        ancillary(request(Action.REPLACE, text="a" * 71, coding=Coding.UCS2), "1", RULES, coding=None)
