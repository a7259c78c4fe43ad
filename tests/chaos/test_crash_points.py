"""kill -9 at the steps of the submitter that would show a broken order of intent, bytes, outcome and offset.

`make chaos ARGS="--crash-points"` tries every combination; these are those that fail first. Broken by: sending before
the intent is durable (before intent, write 1), forgetting what was sent (write, response), publishing before DONE or
committing before the outcome (done, publish, commit), acknowledging before storing (read, store, acknowledge).
"""

import asyncio

from connector.domain.messages import UnknownPolicy
from connector.embedded.kafka import EmbeddedKafka
from tests.chaos.crash_points import CrashPoint, Way, crash, crash_points

ONCE, RETRY, LEAST = UnknownPolicy.AT_MOST_ONCE, UnknownPolicy.DEDUPE_RETRY, UnknownPolicy.AT_LEAST_ONCE
AT_ONCE = 4

CHOSEN = (
    CrashPoint(step="before:intent", parts=1, policy=ONCE, way=Way.RESTART),
    CrashPoint(step="after:intent", parts=3, policy=RETRY, way=Way.RESTART),
    CrashPoint(step="after:write", count=2, parts=3, policy=RETRY, way=Way.RESTART),
    CrashPoint(step="after:write", parts=1, policy=ONCE, way=Way.TAKEOVER),
    CrashPoint(step="before:response", count=2, parts=3, policy=ONCE, way=Way.RESTART),
    CrashPoint(step="before:done", parts=1, policy=LEAST, way=Way.TAKEOVER),
    CrashPoint(step="after:done", parts=3, policy=ONCE, way=Way.RESTART),
    CrashPoint(step="after:publish", parts=1, policy=ONCE, way=Way.RESTART),
    CrashPoint(step="after:commit", parts=1, policy=ONCE, way=Way.RESTART),
    CrashPoint(step="after:read", parts=1, policy=RETRY, way=Way.RESTART),
    CrashPoint(step="after:store", parts=1, policy=RETRY, way=Way.RESTART),
    CrashPoint(step="after:acknowledge", parts=1, policy=ONCE, way=Way.RESTART),
)


async def test_after_a_crash_at_any_step_the_promises_hold(kafka: EmbeddedKafka, prefix: str) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def tried(number: int, point: CrashPoint) -> str | None:
        async with turns:
            found = await crash(point, kafka, f"{prefix}{number}.")
        return f"{point.name}: {found.wrong} {found.trouble or ''}" if found.failed else None

    wrong = await asyncio.gather(*(tried(number, point) for number, point in enumerate(CHOSEN)))
    assert not any(wrong), "\n".join(filter(None, wrong))


def test_every_step_is_in_the_table() -> None:
    points = list(crash_points())
    assert set(CHOSEN) <= set(points)
    assert len(set(points)) == len(points) == (9 + 13) * 2 * len(UnknownPolicy) * len(Way)
