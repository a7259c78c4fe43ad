"""kill -9 of the urgent entrance while urgent events come: none is lost, none reaches the wire twice."""

import signal
from pathlib import Path

from connector.domain.messages import Kind, Priority
from connector.embedded.kafka import EmbeddedKafka
from tests.support.evidence import audit, collected, numbered, taken
from tests.support.world import PATIENCE, world


async def test_no_urgent_event_is_lost_or_sent_twice(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    """Half of them are urgent by themselves and half by the rule table, which the router forwards too.

    Broken by: committing before the lane has the event; a submitter that does not know a second copy again."""
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=1_000, collect=collected(tmp_path)) as made:
        await made.start("route", "express", "submit", "collect")
        sent = []
        for round_ in range(3):
            first = round_ * 2_000
            batch = numbered(1_000, Priority.URGENT, first)
            batch += numbered(1_000, Priority.AUTO, first + 1_000, kind=Kind.TELEGRAM_CODE, text="48151")
            await made.send(batch)
            sent += batch
            if round_ < 2:
                await made.simulator.until(lambda first=first: taken(made) >= first + 300, PATIENCE)  # type: ignore[misc]
                await made.stop("express", how=signal.SIGKILL)
                await made.start("express")
        found = await audit(made, sent)
        codes = await made.stop()
    print(found.line("express killed twice"))  # noqa: T201
    assert (found.lost, found.two_ids, found.taken_twice, found.never_taken, found.without_receipt) == (0,) * 5
    assert (found.repeats, found.resent, found.unknown, found.unmatched) == (0,) * 4
    assert found.outcomes == {"accepted": len(sent)}
    assert set(codes.values()) == {0}
