"""Every crash point of the submitter, tried a few side by side on one broker, and the table of what came of them.

Comes from: `__main__`, as `--crash-points`. One case alone: `--only "after:write 2 takeover AT_MOST_ONCE"`.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence

from connector.cli.tables import aligned
from connector.embedded.kafka import EmbeddedKafka
from tests.chaos.crash_points import Crashed, CrashPoint, crash, crash_points

FIGURES = ("lost", "doubled", "declared", "unknown", "resent", "receipts lost")
PROMISED = "*"
"""Stands behind a figure that must be zero."""


async def crash_table(*, as_json: bool, only: str, at_once: int) -> int:
    """Tries all that are asked for and prints them; 1 where a figure that must be zero is not."""
    words = only.split()
    wanted = [point for point in crash_points() if all(word in f"{point.name} {point.step}" for word in words)]
    if not wanted:
        print(f"no crash point has all of {words} in its name", file=sys.stderr)
        return 2
    turns = asyncio.Semaphore(at_once)
    done: list[Crashed] = []

    async def tried(number: int, point: CrashPoint) -> Crashed:
        async with turns:
            found = await crash(point, broker, f"crash{number}.")
        done.append(found)
        _say(f"{len(done)} of {len(wanted)}: {_line(found)}")
        return found

    async with EmbeddedKafka() as broker, asyncio.TaskGroup() as group:
        tasks = [group.create_task(tried(number, point)) for number, point in enumerate(wanted)]
    rows = [task.result() for task in tasks]
    failed = [row for row in rows if row.failed]
    print(_as_json(rows) if as_json else "\n".join(table(rows)))
    for row in failed:
        _say(f"FAILED {_line(row)}; logs in {row.folder}")
    return 1 if failed else 0


def table(rows: Sequence[Crashed]) -> list[str]:
    """For people; the totals stand last."""
    headings = ["step", "parts", "policy", "way", *FIGURES, ""]
    totals: Counter[str] = Counter()
    for row in rows:
        totals.update(row.figures)
    lines = [
        *(
            [
                row.point.name.split(",")[0],
                str(row.point.parts),
                row.point.policy.value,
                row.point.way.value,
                *(_cell(row, name) for name in FIGURES),
                "FAILED" if row.failed else "ok",
            ]
            for row in rows
        ),
        ["all", "", "", "", *(str(totals[name]) for name in FIGURES), f"{sum(row.failed for row in rows)} failed"],
    ]
    right = [heading in (*FIGURES, "parts") for heading in headings]
    return [*aligned([headings, *lines], right), f"{PROMISED} must be zero; {len(rows)} crash points"]


def _cell(row: Crashed, name: str) -> str:
    mark = PROMISED if name in row.promised else " "
    return f"{row.figures.get(name, '?')}{mark}"


def _line(row: Crashed) -> str:
    wrong = ", ".join([*(f"{name} {count}" for name, count in row.wrong.items()), *filter(None, [row.trouble])])
    figures = ", ".join(f"{name} {count}" for name, count in row.figures.items())
    return f"{row.point.name}: {f'WRONG: {wrong}; ' if wrong else ''}{figures} ({row.seconds:.0f} s)"


def _as_json(rows: Sequence[Crashed]) -> str:
    return "\n".join(
        json.dumps(
            {
                "step": row.point.step,
                "count": row.point.count,
                "parts": row.point.parts,
                "policy": row.point.policy,
                "way": row.point.way,
                **row.figures,
                "promised": sorted(row.promised),
                "wrong": row.wrong,
                "trouble": row.trouble,
                "failed": row.failed,
            }
        )
        for row in rows
    )


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
