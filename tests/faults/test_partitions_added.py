"""Topics get more partitions while everything runs: the outbound one, and those of the lanes with the binds."""

from pathlib import Path
from typing import Any

from connector.embedded.kafka import EmbeddedKafka
from connector.kafka import topics
from connector.kafka.clients import Admin, OutRecord
from connector.stages.inventory import wanted_topics
from tests.support.evidence import audit, collected, numbered
from tests.support.world import PATIENCE, World, world

STAGES = ("route", "express", "submit", "collect")


def kept(found: Any) -> None:
    assert (found.lost, found.two_ids, found.taken_twice, found.never_taken, found.without_receipt) == (0,) * 5


async def grown(made: World) -> None:
    """As `connector topics create` does it for the configuration that is written now."""
    wanted = wanted_topics(made.config)
    async with Admin(made.config.kafka) as admin:
        await topics.create(admin, wanted, slotted=made.topics.slotted)


async def test_what_is_in_new_partitions_of_the_outbound_topic_is_sent(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """Broken by: readers that never look for new partitions, or begin at the end of one that they discover."""
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=300, collect=collected(tmp_path)) as made:
        await made.start(*STAGES)
        sent = numbered(400)
        await made.send(sent[:100])
        async with Admin(made.config.kafka) as admin:
            await admin.grow(made.topics.outbound, 5)
        await made.producer.send_all(
            [
                OutRecord(topic=made.topics.outbound, value=made.codec.encode(message), partition=2 + number % 3)
                for number, message in enumerate(sent[100:])
            ]
        )
        kept(await audit(made, sent))


async def test_an_account_gets_more_binds_in_a_rolling_restart(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """One bind becomes three while messages wait and more arrive: slots are new, and some messages' slot is another.
    Broken by: a submitter that passes nothing on, a router whose lanes nobody reads, a slot that is bound twice."""
    async with world(
        tmp_path, kafka.bootstrap_servers, prefix, speed=300, account={"binds": 1}, collect=collected(tmp_path)
    ) as made:

        def bound() -> int:
            return len(made.simulator.bound("demo"))

        await made.start(*STAGES)
        await made.simulator.until(lambda: bound() == 1, PATIENCE)
        sent = numbered(1_500)
        await made.send(sent[:500])
        made.tree["accounts"][0]["binds"] = 3
        made.config = made.write(made.tree)
        await grown(made)
        for number, stage in enumerate(STAGES):
            await made.stop(stage)
            await made.send(sent[500 + 250 * number : 750 + 250 * number])
            await made.start(stage)
        await made.simulator.until(lambda: bound() == 3, PATIENCE)
        kept(await audit(made, sent))
