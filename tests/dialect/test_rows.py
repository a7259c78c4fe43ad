"""Every fact of the gateway's dialect, from Kafka to the wire and back; the end of the test run prints the table."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.domain.events import DeliveryReport, HlrResult, SubmitResponse
from connector.domain.messages import Kind, OutboundMessage
from connector.embedded.kafka import EmbeddedKafka
from connector.simulator.record import SubmitRecord
from connector.simulator.script import Script, SubmitRule, When
from connector.smpp.pdu import Bind
from tests.dialect.elsewhere import ELSEWHERE
from tests.dialect.rows import ROWS, Report, Row
from tests.support.world import world

TESTS = Path(__file__).parents[1]
Noting = Callable[[str, object], None]
OTHERS = (
    {"name": "iso", "iso": True},
    {"name": "single", "single": True},
    {"name": "udh16", "concatenation": "udh16"},
    {"name": "sar", "concatenation": "sar"},
    {"name": "payload", "concatenation": "payload"},
    {"name": "whole", "long_kinds": "payload"},
    {"name": "relative", "time_format": "relative"},
    {"name": "absolute", "time_format": "absolute"},
    {"name": "named", "default_sender": "Bank"},
    {"name": "five", "interface_version": "5.0", "binds": 3, "bind_mode": "transmitter_receiver"},
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one run of all rows left behind, by message id; the binds by login."""

    submits: dict[str, list[SubmitRecord]]
    binds: dict[str, list[Bind]]
    responses: dict[str, SubmitResponse]
    reports: dict[str, list[Report]]


def event_of(number: int, row: Row) -> OutboundMessage:
    """The row's event, to a recipient of its own."""
    recipient = f"7999{number:07d}"
    if row.event.get("kind") is Kind.EMAIL:
        recipient = f"r{number}@example.com"
    return OutboundMessage(**{"id": f"row-{number}", "recipient": recipient, "sender": "Shop", **row.event})


async def run(folder: Path, kafka: EmbeddedKafka) -> Evidence:
    messages = [event_of(number, row) for number, row in enumerate(ROWS)]
    script = Script(
        submits=tuple(
            SubmitRule(when=When(destination=message.recipient), receipts=row.receipts)
            for message, row in zip(messages, ROWS, strict=True)
        )
    )
    async with world(folder, kafka.bootstrap_servers, "dialect.", script=script, others=OTHERS) as made:
        await made.start("route", "express", "submit", "collect")
        await made.send(messages)
        wanted = {message.id: row.least for message, row in zip(messages, ROWS, strict=True)}
        responses = await made.events(
            SubmitResponse, made.topics.submit_responses, lambda found: len(found) >= len(messages)
        )
        reports: dict[str, list[Report]] = {}
        results = sum(row.least for row in ROWS if row.event.get("kind") in (Kind.HLR, Kind.PING))
        for hlr in await made.events(HlrResult, made.topics.hlr_results, lambda found: len(found) >= results):
            reports.setdefault(hlr.message_id or "", []).append(hlr)
        expected = sum(wanted.values()) - results
        for report in await made.events(
            DeliveryReport, made.topics.delivery_reports, lambda found: len(found) >= expected
        ):
            reports.setdefault(report.message_id or "", []).append(report)
        submits: dict[str, list[SubmitRecord]] = {}
        names = {message.recipient: message.id for message in messages}
        for each in made.simulator.record.submits():
            submits.setdefault(names[each.pdu.destination_addr], []).append(each)
        binds: dict[str, list[Bind]] = {}
        for pdu in made.simulator.record.pdus:
            if isinstance(pdu.body, Bind):
                binds.setdefault(pdu.body.system_id, []).append(pdu.body)
        await made.stop()
    return Evidence(submits, binds, {item.message_id: item for item in responses}, reports)


@pytest.fixture(scope="module")
def evidence(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return asyncio.run(run(tmp_path_factory.mktemp("dialect"), kafka))


@pytest.mark.parametrize(("number", "row"), list(enumerate(ROWS)), ids=[row.fact for row in ROWS])
def test_a_row(evidence: Evidence, number: int, row: Row, record_property: Noting) -> None:
    record_property("gateway", row.fact)
    name = f"row-{number}"
    assert row.wire(evidence.submits[name]), [each.pdu for each in evidence.submits[name]]
    login = evidence.submits[name][0].login
    assert row.binds(evidence.binds[login]), evidence.binds[login]
    assert row.told(evidence.responses[name], evidence.reports.get(name, [])), evidence.reports.get(name)


@pytest.mark.parametrize("fact", ELSEWHERE)
def test_what_is_proved_elsewhere_is_there(fact: str, record_property: Noting) -> None:
    file, test = ELSEWHERE[fact]
    source = (TESTS / file).read_text(encoding="utf-8")
    assert not test or re.search(rf"def {test}\(", source), f"{file} has no {test}"
    record_property("gateway", f"{fact}: tests/{file}{'::' + test if test else ''}")


def test_no_fact_stands_twice() -> None:
    facts = [*(row.fact for row in ROWS), *ELSEWHERE]
    assert len(facts) == len(set(facts))
