"""schemas/kinds.md tells the truth: each example is taken, and becomes on the wire and the topics what stands there."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from connector.cli.events import plain
from connector.cli.fields import field_of, message_of
from connector.domain.ancillary import judge
from connector.domain.composing import ROWS
from connector.domain.events import Delivery, DeliveryReport, DeliveryType, HlrResult, SubmitResponse
from connector.domain.identity import event_id
from connector.domain.kinds import compose, validate
from connector.domain.messages import Action, Kind, OutboundMessage
from connector.kafka.records import Codec
from connector.smpp.constants import Tag
from connector.smpp.pdu import DeliverSm
from connector.smpp.tlv import make
from connector.translate import DialectSettings, ancillary, plan, to_report
from tests.support.readme import Block, blocks

PAGE = Path(__file__).parent.parent.parent / "schemas" / "kinds.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = blocks("kinds.md", TEXT)
NOW = 1_790_000_000_000
RULES = DialectSettings()
WIRE = re.compile(r"data_coding (0x..)(?:, esm_class (0x..))?, (\d+) submit_sm, (\d+) billed\n(.*)\n", re.DOTALL)

OBJECTS = [
    (json.loads(block.text), following)
    for block, following in zip(BLOCKS, [*BLOCKS[1:], None], strict=True)
    if block.language == "json"
]
OUTBOUND = [(found, following) for found, following in OBJECTS if "event_id" not in found]
PUBLISHED = [found for found, _ in OBJECTS if "event_id" in found]


def message(words: dict[str, Any]) -> OutboundMessage:
    named = {field_of(name) or "": value for name, value in words.items()}
    assert "" not in named
    return message_of(named, default_id=lambda: "", now_ms=NOW)


SENT = [(message(words), following) for words, following in OUTBOUND]
each_message = pytest.mark.parametrize(
    ("event", "following"),
    [(event, following) for event, following in SENT if event.action is Action.SEND],
    ids=lambda value: value.id if isinstance(value, OutboundMessage) else "",
)


@each_message
def test_an_example_is_taken_and_goes_out_as_the_page_says(event: OutboundMessage, following: Block) -> None:
    assert validate(event, RULES, NOW) is None
    assert Codec().decode(OutboundMessage, Codec().encode(event)) == event
    shown = WIRE.fullmatch(following.text)
    assert following.language == "text"
    assert shown is not None, following.place
    found = plan(event, RULES, now_ms=NOW)
    body = compose(event)
    (first, *_) = found.pdus
    assert first.data_coding == int(shown[1], 16)
    assert (len(found.pdus), found.billed_parts) == (int(shown[3]), int(shown[4]))
    if isinstance(body, bytes):
        assert first.esm_class == int(shown[2], 16)
        assert first.short_message.hex() == shown[5]
    else:
        assert body == shown[5]


ABOUT = [event for event, _ in SENT if event.action is not Action.SEND]


@pytest.mark.parametrize("event", ABOUT, ids=lambda event: event.id)
def test_what_is_about_an_earlier_message_names_it(event: OutboundMessage) -> None:
    (earlier,) = [earlier for earlier, _ in SENT if earlier.id == event.target_id]
    assert (event.sender, event.recipient, event.account) == (earlier.sender, earlier.recipient, earlier.account)
    assert (event.text is not None) == (event.action is Action.REPLACE)
    assert Codec().decode(OutboundMessage, Codec().encode(event)) == event
    assert judge(event, RULES, NOW) is None


def test_what_is_about_an_email_repeats_its_kind_and_all_else_may_leave_it_out() -> None:
    emails = [event for event in ABOUT if "@" in event.recipient]
    assert {event.action for event in emails} == {Action.CANCEL, Action.QUERY}
    for event in emails:
        assert event.kind is Kind.EMAIL
        refusal = judge(replace(event, kind=Kind.SMS), RULES, NOW)
        assert refusal is not None
        assert refusal.code == "recipient-not-a-number"
    for earlier in (earlier for earlier, _ in SENT if earlier.action is Action.SEND and earlier.kind is not Kind.EMAIL):
        for action in (Action.CANCEL, Action.QUERY):
            event = replace(ABOUT[0], action=action, sender=earlier.sender, recipient=earlier.recipient)
            assert judge(event, RULES, NOW) is None
            pdu = ancillary(event, "854019", RULES, coding=None)
            assert pdu == ancillary(replace(event, kind=earlier.kind), "854019", RULES, coding=None)
    letter = replace(emails[0], action=Action.REPLACE, text="hello", subject="news")
    refusal = judge(letter, RULES, NOW)
    assert refusal is not None
    assert refusal.code == "replace-not-sms"


def test_every_kind_has_its_example_and_its_row() -> None:
    assert {event.kind for event, _ in SENT} == set(Kind)
    assert {event.action for event, _ in SENT if event.kind is Kind.SMS} == set(Action)
    assert any(event.flash for event, _ in SENT)
    rows = {cells[0].strip("`"): cells for cells in map(_cells, TEXT.splitlines()) if cells and cells[0][:1] == "`"}
    assert set(rows) == set(Kind)
    for kind, row in ROWS.items():
        _, wire, needs, may, billed, topic = rows[kind]
        named = set(re.findall(r"`([a-z_]+)`", needs + may))
        assert named - {"text", "recipient"} == row.fields, kind
        assert row.mark in wire
        assert (billed == "1") == (kind not in (Kind.SMS, Kind.BINARY, Kind.WAP_PUSH))
        assert topic == ("`hlr-results`" if kind in (Kind.HLR, Kind.PING) else "`delivery-reports`")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []


def told(event: object) -> dict[str, object]:
    """An event as the page shows one: what is null is left out, and so is what is empty."""
    shown = plain(event, reveal=True)
    return {name: value for name, value in shown.items() if value not in (None, [], {})}


def test_the_outcome_is_an_event_of_its_schema() -> None:
    (found,) = [found for found in PUBLISHED if "source_topic" in found]
    assert set(found) <= {field.name for field in fields(SubmitResponse)}
    found["part_message_ids"] = tuple(found["part_message_ids"])
    event = SubmitResponse(**found)
    source = event.source_topic, event.source_partition, event.source_offset
    assert event.event_id == event_id("submit-response", *source)
    assert Codec().decode(SubmitResponse, Codec().encode(event)) == event
    assert told(event) == {**found, "part_message_ids": list(event.part_message_ids)}


def receipt(start: str, tlvs: tuple[tuple[int, bytes], ...], submitted: Delivery) -> dict[str, object]:
    """What becomes of the receipt on the page whose text starts so."""
    (block,) = [block for block in BLOCKS if block.text.startswith(start)]
    pdu = DeliverSm(
        source_addr="79990000001",
        destination_addr="Shop",
        esm_class=0x04,
        short_message=block.text.rstrip("\n").encode(),
        tlvs=tlvs,
    )
    event = to_report(pdu, submitted, RULES, account="main", received_at=1_896_069_662_000)
    assert isinstance(event, DeliveryReport | HlrResult)
    return told(event)


def submitted(event: OutboundMessage, gateway_message_id: str) -> Delivery:
    return Delivery(
        type=DeliveryType.SUBMITTED,
        key=gateway_message_id,
        account="main",
        at=1_896_069_600_000,
        slot=0,
        gateway_message_id=gateway_message_id,
        message_id=event.id,
        kind=event.kind,
        sender=event.sender,
        recipient=event.recipient,
        parts=1,
    )


def reports() -> list[dict[str, object]]:
    by_id = {event.id: event for event, _ in SENT}
    tlvs = (make(Tag.COST, "0.2500"), make(Tag.FLAGS, 0), make(Tag.PARTS, 1), make(Tag.MCCMNC, "25002"))
    return [
        receipt("id:854019 ", tlvs, submitted(by_id["m-1"], "854019")),
        receipt("id:855469 ", (), submitted(by_id["m-13"], "855469")),
    ]


def test_the_receipts_become_the_events_of_the_page() -> None:
    assert [found for found in PUBLISHED if "source_topic" not in found] == reports()
