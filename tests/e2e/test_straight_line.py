"""From an outbound event to an SMS on the wire and back, over real Kafka, real TCP and real processes."""

from collections import Counter
from pathlib import Path

from connector.domain.events import DeliveryReport, SubmitResponse
from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from tests.support.world import world


def message(number: int, **fields: object) -> OutboundMessage:
    return OutboundMessage(
        **{
            "id": f"m{number}",
            "recipient": f"7999{number:07d}",
            "sender": "Shop",
            "text": f"order {number} is on its way",
            "metadata": {"tenant": "t1"},
            **fields,
        }  # type: ignore[arg-type]  # the fields of each case
    )


async def test_every_event_gets_one_response_and_one_receipt(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    async with world(tmp_path, kafka.bootstrap_servers, prefix) as made:
        await made.start("route", "express", "submit", "collect")
        messages = [message(number, priority=list(Priority)[number % 4]) for number in range(200)]
        messages.append(message(200, text="long " * 100))
        await made.send(messages)
        responses = await made.events(
            SubmitResponse, made.topics.submit_responses, lambda found: len(found) >= len(messages)
        )
        reports = await made.events(
            DeliveryReport, made.topics.delivery_reports, lambda found: len(found) >= len(messages)
        )
        codes = await made.stop()
    assert Counter(item.message_id for item in responses) == Counter(item.id for item in messages)
    assert {item.outcome for item in responses} == {"accepted"}
    assert Counter(item.message_id for item in reports) == Counter(item.id for item in messages)
    assert {(item.match, item.state) for item in reports} == {("matched", "DELIVRD")}
    assert all(item.metadata == {"tenant": "t1"} for item in responses)
    assert all(item.metadata == {"tenant": "t1"} for item in reports)
    long = next(item for item in responses if item.message_id == "m200")
    assert (long.parts, long.parts_accepted, len(set(long.part_message_ids))) == (4, 4, 1)
    lanes = Counter(item.lane for item in responses)
    assert set(lanes) == {lane.value for lane in Lane}
    assert codes == {"route": 0, "express": 0, "submit": 0, "collect": 0}


async def test_what_reaches_the_wire_is_what_the_event_says(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    async with world(tmp_path, kafka.bootstrap_servers, prefix) as made:
        await made.start("route", "express", "submit")
        await made.send([message(1, text="Grüße €5")])
        await made.events(SubmitResponse, made.topics.submit_responses, lambda found: len(found) == 1)
        (submit,) = made.simulator.record.submits()
    body = submit.pdu
    assert (body.source_addr, body.source_addr_ton, body.source_addr_npi) == ("Shop", 5, 0)
    assert (body.destination_addr, body.dest_addr_ton, body.dest_addr_npi) == ("79990000001", 1, 1)
    assert body.short_message == b"Gr\x7e\x1ee \x1be5"
    assert (body.data_coding, body.registered_delivery) == (0, 1)
