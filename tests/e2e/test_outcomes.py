"""Every outbound event ends once: each way there is to end, side by side (promise 1)."""

import time
from pathlib import Path
from typing import Any

from connector.domain.events import SubmitResponse
from connector.domain.messages import OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.simulator.script import Script, SubmitRule, When
from connector.smpp.constants import CommandStatus
from tests.support.evidence import numbered, taken
from tests.support.world import PATIENCE, world


def sms(name: str, recipient: str, **fields: Any) -> OutboundMessage:
    (message,) = numbered(1, id=name, recipient=recipient, text=f"for {recipient}", **fields)
    return message


async def test_every_event_ends_once_whatever_is_wrong_with_it(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """Broken by: an ending without an event, or a second one under another event id."""
    script = Script(
        submits=(SubmitRule(when=When(destination="79990000002"), status=int(CommandStatus.ESME_RINVDSTADR)),)
    )
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=20, script=script) as made:
        await made.start("route", "express", "submit")
        backlog = numbered(200, Priority.BULK, 100)
        await made.send(backlog)
        await made.simulator.until(lambda: taken(made) >= 1, PATIENCE)
        now_ms = time.time_ns() // 1_000_000
        fine, refused, same = (
            sms("fine", "79990000001"),
            sms("refused", "79990000002"),
            sms("same-text", "79990000001"),
        )
        late = sms("late", "79990000004", expires_at=now_ms - 1_000)
        waits = sms("waits", "79990000005", priority=Priority.BULK, expires_at=now_ms + 4_000)
        await made.send([fine, refused, same, sms("fine", "79990000003"), sms("bad", "no number"), late, waits])
        letters = await made.records(made.topics.dead_letters, lambda found: len(found) >= 2)
        responses = await made.events(
            SubmitResponse, made.topics.submit_responses, lambda found: len(found) >= len(backlog) + 5
        )
        await made.stop()
    told = {(item.message_id, item.recipient): (item.outcome, item.reason) for item in responses}
    assert len({item.event_id for item in responses}) == len(responses) == len(told)
    assert len(letters) == 2
    assert told["refused", "79990000002"] == ("rejected", "refused-by-gateway")
    assert told["same-text", "79990000001"] == ("duplicate", "identical-within-a-minute")
    assert told["waits", "79990000005"] == ("expired", "expired-in-lane")
    pair = {told["fine", number][0] for number in ("79990000001", "79990000003")}
    assert pair == {"accepted", "duplicate"}, "whichever came first from its partition was sent"
    assert all(told[item.id, item.recipient][0] == "accepted" for item in backlog)
