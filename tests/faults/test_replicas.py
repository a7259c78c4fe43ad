"""A replica of the submitter joins and leaves: binds of slots that stay are not touched, and nothing is sent twice."""

import signal
from pathlib import Path

from connector.embedded.kafka import EmbeddedKafka
from connector.smpp.constants import CommandId
from tests.support.evidence import audit, collected, numbered, taken
from tests.support.world import PATIENCE, World, world

BINDS = 6


async def replica(made: World, name: str) -> None:
    await made.start("submit")
    made.processes[name] = made.processes.pop("submit")


async def test_only_the_slots_that_move_are_bound_anew(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    """Two replicas with three slots each; a third takes one from both. Broken by: sharing in ranges, where the slots of
    the two move among them as well; binding before the former owner has let go (the gateway allows six)."""
    account = {"binds": BINDS}
    async with world(
        tmp_path, kafka.bootstrap_servers, prefix, speed=300, account=account, collect=collected(tmp_path)
    ) as made:

        def bound() -> set[int]:
            return {each.number for each in made.simulator.bound("demo")}

        def unbinds() -> int:
            return len(made.simulator.record.received(CommandId.UNBIND))

        await made.start("route", "collect")
        await replica(made, "one")
        await made.simulator.until(lambda: len(bound()) == BINDS, PATIENCE)
        first = bound()
        await replica(made, "two")
        await made.simulator.until(lambda: unbinds() == 3 and len(bound()) == BINDS, PATIENCE)
        assert len(bound() & first) == 3
        sent = numbered(3_000)
        await made.send(sent)
        await made.simulator.until(lambda: taken(made) >= 300, PATIENCE)
        before = bound()
        await replica(made, "three")
        await made.simulator.until(lambda: unbinds() >= 5 and len(bound()) == BINDS, PATIENCE)
        stayed = bound() & before
        joined = unbinds() - 3
        await made.stop("three", how=signal.SIGKILL)
        await made.simulator.until(lambda: len(bound() - before) == 2 and len(bound()) == BINDS, PATIENCE)
        kept = stayed <= bound()
        found = await audit(made, sent)
    print(found.line(f"a replica joined ({joined} binds moved) and was killed"))  # noqa: T201
    assert (len(stayed), joined) == (4, 2)
    assert kept
    assert (found.lost, found.two_ids, found.taken_twice, found.never_taken, found.without_receipt) == (0,) * 5
