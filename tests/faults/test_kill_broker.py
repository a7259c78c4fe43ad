"""The broker killed, or frozen, while everything is under way: promises 1 to 4."""

import asyncio
from pathlib import Path

from connector.domain.events import InboundMessage
from connector.embedded.kafka import EmbeddedKafka
from connector.smpp.constants import CommandId
from tests.support.evidence import audit, collected, numbered, taken
from tests.support.world import PATIENCE, world


async def test_nothing_is_lost_when_the_broker_is_killed(tmp_path: Path, own_kafka: EmbeddedKafka, prefix: str) -> None:
    """Twice, and restarted on its port and data. Broken by: dropping a write that failed, committing past it."""
    async with world(tmp_path, own_kafka.bootstrap_servers, prefix, speed=500, collect=collected(tmp_path)) as made:
        await made.start("route", "express", "submit", "collect")
        sent = numbered(3_000)
        await made.send(sent)
        for mark in (300, 1_500):
            await made.simulator.until(lambda mark=mark: taken(made) >= mark, PATIENCE)  # type: ignore[misc]
            await asyncio.to_thread(own_kafka.kill)
            await asyncio.to_thread(own_kafka.restart)
        found = await audit(made, sent)
        codes = await made.stop()
    print(found.line("broker killed twice"))  # noqa: T201
    assert (found.lost, found.two_ids, found.taken_twice, found.never_taken, found.without_receipt) == (0,) * 5
    assert set(codes.values()) == {0}


async def test_with_a_frozen_broker_nothing_leaves_and_nothing_is_acknowledged(
    tmp_path: Path, own_kafka: EmbeddedKafka, prefix: str
) -> None:
    """Messages of three parts wait in memory when the broker stands still: what had no durable intent stays. Receipts
    and inbound messages that come meanwhile are not acknowledged; when the lease is over the bind is let go, and the
    gateway delivers them again.

    Broken by: sending the second part of a message without waiting for the intent of the first; answering a
    deliver_sm before it is stored."""
    async with world(tmp_path, own_kafka.bootstrap_servers, prefix, speed=30, collect=collected(tmp_path)) as made:
        gateway = made.simulator
        await made.start("route", "submit", "collect")
        sent = numbered(60, text="long " * 90)
        await made.send(sent)
        await gateway.until(lambda: taken(made) >= 30, PATIENCE)
        await asyncio.to_thread(own_kafka.freeze)
        begun = {each.pdu.destination_addr for each in gateway.record.submits()}
        acknowledged = len(gateway.record.received(CommandId.DELIVER_SM_RESP))
        for number in range(20):
            gateway.inbound("demo", source=f"7999100{number:04d}", destination="7000", text=f"reply {number}")
        (bind,) = gateway.bound("demo")
        await gateway.until(lambda: bind not in gateway.connections(), PATIENCE)
        leaked = {each.pdu.destination_addr for each in gateway.record.submits()} - begun
        early = len(gateway.record.received(CommandId.DELIVER_SM_RESP)) - acknowledged
        await asyncio.to_thread(own_kafka.thaw)
        inbound = await made.events(
            InboundMessage, made.topics.inbound, lambda found: len({event.event_id for event in found}) >= 20
        )
        first_parts: dict[str, int] = {}
        for each in gateway.record.submits():
            first_parts.setdefault(each.pdu.destination_addr, each.part.index if each.part else 0)
        found = await audit(made, sent)
    print(found.line("broker frozen"))  # noqa: T201
    print(f"frozen broker: {len(leaked)} messages and {early} acknowledgements had their durable write unread")  # noqa: T201
    # What the broker had written, and whose answer was on its way when it froze, may still go: one tick's worth.
    assert len(leaked) <= 2
    assert set(first_parts.values()) == {1}, "no part overtakes the one that the intent was written for"
    assert early <= 2
    assert {event.text for event in inbound} == {f"reply {number}" for number in range(20)}
    assert (found.lost, found.two_ids, found.taken_twice, found.never_taken, found.without_receipt) == (0,) * 5


async def test_a_submitter_stops_in_time_though_the_broker_is_away(
    tmp_path: Path, own_kafka: EmbeddedKafka, prefix: str
) -> None:
    """SIGTERM while nothing can be written. Broken by: a drain that waits for Kafka without a limit."""
    async with world(tmp_path, own_kafka.bootstrap_servers, prefix, speed=100, submit={"drain_seconds": 2}) as made:
        await made.start("route", "submit", "express")
        await made.send(numbered(500))
        await made.simulator.until(lambda: taken(made) >= 50, PATIENCE)
        await asyncio.to_thread(own_kafka.freeze)
        codes = await made.stop("submit", "express")
        await asyncio.to_thread(own_kafka.thaw)
    assert codes == {"submit": 0, "express": 0}
