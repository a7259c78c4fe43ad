"""`make chaos`: real processes, real Kafka, the gateway's simulator over TCP, and faults that a seed has chosen.

    make chaos                                        one run of 10,000 messages
    make chaos ARGS="--runs 20 --seed 100"            seeds 100 to 119
    make chaos ARGS="--messages 2000 --faults zombie" only these faults
    make chaos ARGS="--crash-points"                  kill -9 at each step of the submitter, as a table

Exit codes: 0 as promised, 1 something that must be zero is not (the seed is named), 2 wrong usage.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from connector.cli.tables import aligned
from tests.chaos.kinds import Fault, Need
from tests.chaos.network import found_server, why_not
from tests.chaos.plan import drawn
from tests.chaos.run import Row, run

COLUMNS = (
    ("lost", "lost"),
    ("declared", "declared"),
    ("undeclared", "taken_twice"),
    ("unknown", "unknown"),
    ("given up", "given_up"),
    ("corrected", "corrected"),
    ("repaired", "resent"),
    ("receipts lost", "without_receipt"),
    ("inbound lost", "inbound_lost"),
    ("late", "late"),
    ("left", "left"),
    ("told wrong", "told_wrong"),
    ("changed", "changed"),
)
"""Heading, and the figure under it: what the gateway took twice is declared or undeclared; of the unknown ones those
given up might have been asked for again; repaired are requests that were sent again and recognised."""


def main() -> int:
    """Parses, runs, prints; the exit code."""
    chosen = _arguments()
    # What the clients of this process say of a broker that is killed on purpose is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if chosen.crash_points:
        from tests.chaos.crash_table import crash_table

        return _until_interrupted(crash_table(as_json=chosen.json, only=chosen.only, at_once=chosen.at_once))
    return _until_interrupted(_runs(chosen))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=_count, default=1, help="runs, each with the seed after the last one's")
    parser.add_argument("--messages", type=_count, default=10_000, help="messages of each run (10000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first run (1)")
    parser.add_argument("--timeout", type=_count, default=900, help="seconds that a run may take (900)")
    parser.add_argument("--faults", action="append", default=[], metavar="FAULT", help="only faults of this name")
    parser.add_argument("--keep", action="store_true", help="keep the logs of good runs too")
    parser.add_argument("--json", action="store_true", help="a JSON object for each run, and one at the end")
    parser.add_argument("--crash-points", action="store_true", help="the table of the submitter's crash points")
    parser.add_argument("--only", default="", metavar="WORDS", help="crash points whose name holds all these words")
    parser.add_argument("--at-once", type=_count, default=3, help="crash points tried side by side (3)")
    chosen = parser.parse_args()
    words = {fault.word: fault for fault in Fault}
    unknown = [name for name in chosen.faults if name not in words]
    if unknown:
        parser.error(f"--faults: no fault {unknown[0]!r}; there are: {', '.join(words)}")
    chosen.faults = tuple(words[name] for name in chosen.faults)
    return chosen


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _until_interrupted(work: Coroutine[Any, Any, int]) -> int:
    """Ctrl-C and SIGTERM end the work in order: whatever it started is ended too."""

    async def guarded() -> int:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await work

    with suppress(asyncio.CancelledError):
        return asyncio.run(guarded())
    return 130


async def _runs(chosen: argparse.Namespace) -> int:
    server = found_server()
    needs = frozenset(Need) if server is not None else frozenset[Need]()
    left_out = [fault.word for fault in Fault if not fault.needs <= needs]
    if left_out:
        _say(f"left out: {', '.join(left_out)} ({why_not()})")
    if not [fault for fault in chosen.faults or Fault if fault.needs <= needs]:
        _say("none of the faults that were asked for can be made here")
        return 2
    rows: list[Row] = []
    for seed in range(chosen.seed, chosen.seed + chosen.runs):
        plan = drawn(seed, chosen.messages, needs, chosen.faults)
        row = await run(plan, server=server, bound=chosen.timeout, say=_say, keep=chosen.keep)
        rows.append(row)
        print(json.dumps(row.as_json()) if chosen.json else f"{_told(row)}", flush=True)
    failed = [row for row in rows if row.failed]
    if chosen.json:
        print(json.dumps({"runs": len(rows), "failed": [row.seed for row in failed], **_sums(rows)}))
    else:
        print("\n".join(_table(rows)))
    for row in failed:
        _say(f"seed {row.seed} FAILED: {_why(row)}; logs in {row.folder}")
    return 1 if failed else 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _why(row: Row) -> str:
    wrong = row.findings.wrong if row.findings is not None else {}
    return ", ".join([*(f"{name} {count}" for name, count in wrong.items()), *row.trouble])


def _cells(row: Row) -> list[str]:
    figures = [str(row.findings.figure(figure)) if row.findings is not None else "?" for _, figure in COLUMNS]
    verdict = "FAILED" if row.failed else "ok"
    return [str(row.seed), str(row.faults.total()), str(row.messages), *figures, f"{row.seconds:.0f}", verdict]


HEADINGS = ["seed", "faults", "messages", *(heading for heading, _ in COLUMNS), "seconds", ""]


def _told(row: Row) -> str:
    cells = zip(HEADINGS, _cells(row), strict=True)
    faults = ", ".join(f"{word} x{count}" if count > 1 else word for word, count in row.faults.items())
    return f"{', '.join(f'{heading} {cell}'.strip() for heading, cell in cells)}; {faults}"


def _sums(rows: Sequence[Row]) -> dict[str, Any]:
    found: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for row in rows:
        faults.update(row.faults)
        if row.findings is not None:
            outcomes.update(row.findings.books.outcomes)
            found.update({heading: row.findings.figure(figure) for heading, figure in COLUMNS})
    return {"totals": dict(found), "faults": dict(faults), "outcomes": dict(outcomes)}


def _table(rows: Sequence[Row]) -> list[str]:
    sums = _sums(rows)
    totals = [
        "all",
        str(sum(row.faults.total() for row in rows)),
        str(sum(row.messages for row in rows)),
        *(str(sums["totals"].get(heading, "?")) for heading, _ in COLUMNS),
        f"{sum(row.seconds for row in rows):.0f}",
        f"{sum(row.failed for row in rows)} failed",
    ]
    return [
        *aligned([HEADINGS, *(_cells(row) for row in rows), totals], [True] * (len(HEADINGS) - 1) + [False]),
        "",
        *aligned(
            [[word, str(count)] for word, count in sorted(sums["faults"].items())] or [["no faults", "0"]],
            [False, True],
        ),
        f"outcomes: {sums['outcomes']}",
    ]


if __name__ == "__main__":
    sys.exit(main())
