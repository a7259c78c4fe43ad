"""Cancel, replace and query as a service sends them: an event on the outbound topic, an outcome of its own."""

from pathlib import Path
from typing import Any

import pytest

from connector.domain.events import DeliveryReport, SubmitResponse
from connector.domain.messages import Action, OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.simulator.script import Receipts, Script
from connector.smpp.constants import CommandId
from connector.smpp.pdu import CancelSm, QuerySm, ReplaceSm
from tests.support.evidence import collected, numbered, taken
from tests.support.world import PATIENCE, world

REQUESTS = (CommandId.CANCEL_SM, CommandId.REPLACE_SM, CommandId.QUERY_SM)


def about(message: OutboundMessage, action: Action, **fields: Any) -> OutboundMessage:
    return OutboundMessage(
        id=f"{action.lower()}-{message.id}",
        action=action,
        target_id=message.id,
        sender=message.sender,
        recipient=message.recipient,
        **fields,
    )


async def test_what_is_asked_about_an_earlier_message_has_an_outcome(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """One message of a backlog is taken back before it leaves, and three are asked about at the gateway."""
    script = Script(receipts=Receipts(delay=3600.0))
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=20, script=script) as made:
        await made.start("route", "express", "submit")
        first = numbered(3, Priority.URGENT)
        await made.send(first)
        await made.simulator.until(lambda: taken(made) >= 3, PATIENCE)
        backlog = numbered(200, Priority.BULK, 100)
        await made.send(backlog)
        last = backlog[-1]
        asked = [
            about(first[0], Action.CANCEL),
            about(first[1], Action.REPLACE, text="another text"),
            about(first[2], Action.QUERY),
            about(last, Action.CANCEL),
        ]
        await made.send(asked)
        responses = await made.events(
            SubmitResponse,
            made.topics.submit_responses,
            lambda found: len(found) >= len(first) + len(backlog) + len(asked),
        )
        record = made.simulator.record
        received = [each.body for command in REQUESTS for each in record.received(command)]
        reached = {each.pdu.destination_addr for each in record.submits()}
        await made.stop()
    told = {item.message_id: (item.outcome, item.reason) for item in responses}
    assert len(told) == len(responses)
    assert told[asked[0].id] == ("accepted", "cancelled-at-gateway")
    assert told[asked[1].id] == ("accepted", "replaced-at-gateway")
    assert told[asked[2].id] == ("accepted", "answered")
    assert told[asked[3].id][0] == "accepted"
    assert told[last.id] == ("cancelled", "cancelled-in-lane")
    assert [type(body) for body in received] == [CancelSm, ReplaceSm, QuerySm]
    assert last.recipient not in reached


@pytest.mark.parametrize(
    ("account", "simulator"),
    [
        ({}, {}),
        # "fffff" shows that ids are hexadecimal; "100000" and what follows stand under that reading alone.
        ({"id_format": "either"}, {"id_form": "hex_lower", "first_message_id": 0xFFFFF}),
        # Nobody has seen a letter yet: "10000" stands under both readings.
        ({"id_format": "either"}, {"id_form": "hex_lower", "first_message_id": 0x10000}),
    ],
    ids=["as-it-is", "learned", "not-learned"],
)
async def test_a_receipt_that_does_not_come_is_asked_for(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str, account: dict[str, Any], simulator: dict[str, Any]
) -> None:
    """The collector notices, the submitter asks, the answer is published like a receipt, and no event answers it."""
    script = Script(receipts=Receipts(send=False, delay=1.0))
    async with world(
        tmp_path,
        kafka.bootstrap_servers,
        prefix,
        script=script,
        account={"poll_after_minutes": 0.05, **account},
        simulator=simulator,
        collect=collected(tmp_path),
    ) as made:
        await made.start("route", "express", "submit", "collect")
        sent = numbered(3)
        await made.send(sent)
        reports = await made.events(
            DeliveryReport, made.topics.delivery_reports, lambda found: sum(each.final for each in found) >= len(sent)
        )
        responses = await made.events(SubmitResponse, made.topics.submit_responses, lambda found: len(found) >= 3)
        await made.stop()
    final = {report.message_id: report for report in reports if report.final}
    assert set(final) == {message.id for message in sent}
    assert all(report.polled and report.state == "DELIVRD" for report in final.values())
    assert {response.message_id for response in responses} == set(final)
