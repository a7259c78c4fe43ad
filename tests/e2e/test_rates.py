"""How fast, on the gateway's own record: never above the account's rate, slower when it throttles, urgent first."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from connector.domain.events import SubmitResponse
from connector.domain.messages import Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.simulator.record import SubmitRecord
from connector.simulator.script import Script, SubmitRule, When
from connector.smpp.constants import CommandStatus
from tests.support.evidence import audit, collected, numbered, taken
from tests.support.world import PATIENCE, world

THROTTLED = int(CommandStatus.ESME_RTHROTTLED)


def busiest(submits: Sequence[SubmitRecord], seconds: float = 1.0) -> int:
    """The most requests in any stretch of so long that slides, by their arrival."""
    times = [each.time for each in submits]
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


class Lateness:
    """How late this process' loop ran at worst. The gateway lives in it, so it stamps a request so much late, and what
    it saw within a second less this came within a second for certain."""

    STEP = 0.005

    def __init__(self) -> None:
        self.worst = 0.0
        self._due = 0.0
        self._again()

    def _again(self) -> None:
        loop = asyncio.get_running_loop()
        self.worst = max(self.worst, loop.time() - self._due if self._due else 0.0)
        self._due = loop.time() + self.STEP
        loop.call_at(self._due, self._again)


@pytest.mark.parametrize("binds", [1, 3])
async def test_no_second_exceeds_the_rate_though_replicas_come_and_go(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str, binds: int
) -> None:
    """Parts are counted. A second replica joins in the middle and leaves again: binds move, and nothing is lost.

    Broken by: a share that is taken up late, a bucket that starts full, counting messages and not parts."""
    rate = 40
    async with world(
        tmp_path,
        kafka.bootstrap_servers,
        prefix,
        speed=rate,
        simulator={"throttled_count": True},
        account={"binds": binds},
        collect=collected(tmp_path),
    ) as made:
        gateway, lateness = made.simulator, Lateness()
        await made.start("route", "submit", "collect")
        sent = numbered(400) + numbered(40, first=400, text="long " * 60)
        await made.send(sent)
        await gateway.until(lambda: taken(made) >= 60, PATIENCE)
        codes = {}
        if binds > 1:
            made.processes["first"] = made.processes.pop("submit")
            await made.start("submit")
            await gateway.until(lambda: gateway.record.counts_of("demo")["bound"] > binds, PATIENCE)
            at = taken(made)
            await gateway.until(lambda: taken(made) >= at + 60, PATIENCE)
            codes = await made.stop("submit")
        found = await audit(made, sent)
        submits = gateway.record.submits()
        counts = gateway.record.counts_of("demo")
    print(  # noqa: T201
        f"{binds} binds at {rate}/s: busiest second {busiest(submits)} (the gateway up to "
        f"{lateness.worst:.3f} s late), throttled {counts['throttled']}, "
        f"kicked {counts['kicked']}, whole run {len(submits) / (submits[-1].time - submits[0].time):.1f}/s"
    )
    print(found.line(f"{binds} binds"))  # noqa: T201
    assert not any(codes.values())
    assert busiest(submits, max(0.1, 1.0 - lateness.worst)) <= rate
    assert (found.lost, found.two_ids, found.taken_twice, found.without_receipt, found.unknown) == (0,) * 5
    assert found.outcomes == {"accepted": len(sent)}
    assert len([each for each in submits if each.accepted]) == 400 + 2 * 40


async def test_throttling_lowers_the_rate_and_every_message_keeps_its_place(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """Twenty requests in a row are throttled. Broken by: putting what was throttled back in the order of its answers,
    which turns it round; going on at the same rate."""
    rate = 100
    script = Script(submits=(SubmitRule(when=When(skip=100, limit=20), status=THROTTLED),))
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=rate, script=script) as made:
        await made.start("route", "submit")
        sent = numbered(300, sender="Shop")
        await made.send(sent)
        responses = await made.events(
            SubmitResponse, made.topics.submit_responses, lambda events: len(events) >= len(sent)
        )
        submits = made.simulator.record.submits()
    refused = [each for each in submits if each.status == THROTTLED]
    again = {each.pdu.destination_addr for each in refused}
    order = [each.pdu.destination_addr for each in submits if each.accepted and each.pdu.destination_addr in again]
    after = [each for each in submits if each.time > refused[-1].time + 0.1]
    print(f"throttled {len(refused)}: busiest second afterwards {busiest(after)} of {rate}")  # noqa: T201
    assert {response.outcome for response in responses} == {"accepted"}
    assert len(refused) == 20
    assert order == list(dict.fromkeys(each.pdu.destination_addr for each in refused))
    slow = [each for each in after if each.time < refused[-1].time + 2.0]
    assert busiest(slow) <= rate * 0.75


async def test_urgent_goes_ahead_of_a_backlog_and_the_backlog_never_stops(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """Broken by: one queue for all lanes; a share of nothing."""
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=100) as made:
        gateway = made.simulator
        await made.start("route", "express", "submit")
        await made.send(numbered(600, Priority.BULK))
        await gateway.until(lambda: taken(made) >= 50, PATIENCE)
        begun = len(gateway.record.submits())
        await made.send(numbered(200, Priority.URGENT, 1_000))
        responses = await made.events(
            SubmitResponse,
            made.topics.submit_responses,
            lambda events: sum(event.lane == "urgent" for event in events) >= 200,
        )
        lanes = [
            "urgent" if each.pdu.destination_addr >= "79990001000" else "bulk" for each in gateway.record.submits()
        ]
    first, last = lanes.index("urgent"), len(lanes) - 1 - lanes[::-1].index("urgent")
    between = lanes[first:last].count("bulk")
    print(f"urgent behind a backlog: {first - begun} PDUs before it, {between} bulk among 200 urgent")  # noqa: T201
    assert first - begun < 100
    assert between <= 40, "strict precedence, but for the share of the lower lanes"
    assert between >= 200 * 0.05 / 2
    assert all(response.outcome == "accepted" for response in responses)
    assert not [pair for pair in pairwise(gateway.record.submits()) if pair[0].time > pair[1].time]
