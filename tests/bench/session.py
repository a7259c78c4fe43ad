"""`python -m tests.bench.session`: submit/response pairs a second, client beside client, against one sink.

Every run is a process of its own, the clients take turns, and the table shows medians. A run's spread may be a third on
a busy machine: read the ratios. `--json` prints the same as JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from tests.bench.clients import CLIENTS

SLOW = frozenset(("smpp34", "smpplib"))


class Run(NamedTuple):
    """Pairs a second, and the client's CPU seconds for 100,000 pairs (start-up and bind not included in the former)."""

    rate: float
    cpu: float


def measure(client: str, port: int, count: int, window: int) -> Run:
    command = [sys.executable, "-m", "tests.bench.session", "--run", client, "--port", str(port)]
    command += ["--count", str(count), "--windows", str(window)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    took, cpu = json.loads(out)
    return Run(count / took, cpu * 100_000 / count)


def run_one(client: str, port: int, count: int, window: int) -> None:
    before = time.process_time()
    took = CLIENTS[client](port, count, window)
    print(json.dumps([took, time.process_time() - before]), flush=True)
    os._exit(0)  # smpp34's runtime threads sometimes crash the interpreter on its way out


def compare(windows: list[int], count: int, rounds: int) -> dict[int, dict[str, Run]]:
    medians: dict[int, dict[str, Run]] = {}
    sink = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        for window in windows:
            runs: dict[str, list[Run]] = {client: [] for client in CLIENTS}
            for _ in range(rounds):
                for client, taken in runs.items():
                    share = 1 if client not in SLOW else 10
                    share *= 1 if window > 1 else 10
                    taken.append(measure(client, port, max(count // share, 1000), window))
            medians[window] = {
                client: Run(*(statistics.median(column) for column in zip(*taken, strict=True)))
                for client, taken in runs.items()
            }
    finally:
        sink.communicate("")
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", default="1,300", help="comma separated")
    parser.add_argument("--count", type=int, default=200_000, help="pairs a run; a tenth for the slow clients")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    windows = [int(window) for window in wanted.windows.split(",")]
    if wanted.run:
        run_one(wanted.run, wanted.port, wanted.count, windows[0])
        return
    medians = compare(windows, wanted.count, wanted.rounds)
    if wanted.json:
        table = {
            window: {client: run._asdict() | {"ours_is": row["ours"].rate / run.rate} for client, run in row.items()}
            for window, row in medians.items()
        }
        print(json.dumps(table, indent=2))
        return
    for window, row in medians.items():
        print(f"\nwindow {window}: pairs/s, CPU s per 100,000, ours is")
        for client, run in row.items():
            print(f"  {client:<16} {run.rate:>10,.0f} {run.cpu:>8.2f} {row['ours'].rate / run.rate:>8.2f} x")


if __name__ == "__main__":
    main()
