"""kill -9, SIGSTOP and SIGTERM of the submitter in the middle of its work: promises 1 to 4, 6 and 7 afterwards."""

import signal
from pathlib import Path

from connector.embedded.kafka import EmbeddedKafka
from connector.smpp.constants import CommandId
from tests.support.evidence import audit, collected, numbered, taken
from tests.support.world import PATIENCE, world


async def test_nothing_is_lost_or_sent_twice_when_the_submitter_is_killed_again_and_again(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """Broken by: sending before the intent is durable, committing before the outcome is, forgetting to replay the
    ledger, acknowledging a delivery before it is stored. (Without the replay `taken_twice` and `resent` rise.)"""
    count = 10_000
    async with world(
        tmp_path,
        kafka.bootstrap_servers,
        prefix,
        speed=2_000,
        submit={"instance_id": "submit-0"},
        collect=collected(tmp_path),
    ) as made:
        await made.start("route", "submit", "collect")
        sent = numbered(count)
        await made.send(sent)
        for mark in (800, 3_500, 7_000):
            await made.simulator.until(lambda mark=mark: taken(made) >= mark, PATIENCE)  # type: ignore[misc]
            await made.stop("submit", how=signal.SIGKILL)
            await made.start("submit")
        found = await audit(made, sent)
        codes = await made.stop()
    print(found.line("submit killed three times"))  # noqa: T201
    assert (found.lost, found.two_ids, found.taken_twice, found.never_taken, found.without_receipt) == (0,) * 5
    assert found.outcomes.keys() <= {"accepted", "unknown"}
    assert set(codes.values()) == {0}


async def test_a_stopped_submitter_leaves_no_doubt_behind(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    """Broken by: not waiting for answers, not writing their outcomes, not committing, closing without unbind.

    A lane record of many messages is read again when some of them had not begun: those that had are told again, under
    the same event id."""
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=500, collect=collected(tmp_path)) as made:
        await made.start("route", "submit", "collect")
        sent = numbered(1_500)
        await made.send(sent)
        codes = []
        for mark in (200, 700):
            await made.simulator.until(lambda mark=mark: taken(made) >= mark, PATIENCE)  # type: ignore[misc]
            codes.append((await made.stop("submit"))["submit"])
            await made.start("submit")
        unbinds = len(made.simulator.record.received(CommandId.UNBIND))
        found = await audit(made, sent)
    print(found.line("submit stopped twice"))  # noqa: T201
    assert codes == [0, 0]
    assert unbinds == 2
    assert (found.lost, found.two_ids, found.never_taken, found.without_receipt) == (0,) * 4
    assert (found.taken_twice, found.resent, found.unknown, found.unmatched, found.changed) == (0,) * 5
    assert found.outcomes == {"accepted": 1_500}


async def test_a_zombie_writes_nothing_to_its_sockets(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    """Stopped past the session time-out with a full window and a full bucket, and woken after another took over.

    The gateway here allows more connections than the account uses, so that the zombie's are still open. Broken by:
    `may_write` that says yes."""
    async with world(
        tmp_path,
        kafka.bootstrap_servers,
        prefix,
        speed=100,
        account={"binds": 2, "system_type": "MCON9"},
        collect=collected(tmp_path),
    ) as made:
        await made.start("route", "collect", "submit")
        sent = numbered(1_200)
        await made.send(sent)
        await made.simulator.until(lambda: taken(made) >= 100, PATIENCE)
        zombie = made.processes["zombie"] = made.processes.pop("submit")
        old = {each.number for each in made.simulator.bound("demo")}
        zombie.send_signal(signal.SIGSTOP)
        await made.start("submit")
        await made.simulator.until(
            lambda: len({each.number for each in made.simulator.bound("demo")} - old) == 2, PATIENCE
        )
        at = taken(made)
        await made.simulator.until(lambda: taken(made) >= at + 50, PATIENCE)
        assert old <= {each.number for each in made.simulator.connections()}
        before = len(made.simulator.record.pdus)
        zombie.send_signal(signal.SIGCONT)
        await made.simulator.until(lambda: not old & {each.number for each in made.simulator.connections()}, PATIENCE)
        late = [each for each in made.simulator.record.pdus[before:] if each.connection in old and each.way == "in"]
        found = await audit(made, sent)
        codes = await made.stop()
    print(found.line("zombie"))  # noqa: T201
    assert not [each for each in late if each.header.command_id == CommandId.SUBMIT_SM]
    assert (found.lost, found.two_ids, found.taken_twice, found.never_taken, found.without_receipt) == (0,) * 5
    assert set(codes.values()) == {0}
