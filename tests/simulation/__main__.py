"""`make simulate`: many seeds and every mutation; `--seed N` replays one, with its scene and a readable trace.

    python -m tests.simulation --seeds 10000 --jobs 2      so many seeds, whatever it takes
    python -m tests.simulation --seconds 180               as many as fit, and the mutations after them
    python -m tests.simulation --seed 4711                 one again, step by step
    python -m tests.simulation --seed 4711 --mutation hold_drops

Exit codes: 0 nothing new, 1 a promise was broken in a way that is not known, or a mutation was not seen.
"""

import argparse
import contextlib
import os
import sys
from collections import Counter

from tests.simulation.hunt import Finding, Tally, catch_all, hunt
from tests.simulation.mutations import MUTATIONS
from tests.simulation.seeds import draw
from tests.simulation.world import run

DEVELOPER_SECONDS = 20.0


def main() -> int:
    """Reads the command line; says how many seeds ran."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, help="replay this one, with a trace")
    parser.add_argument("--mutation", choices=MUTATIONS, help="with --seed: switch this safeguard off")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument(
        "--seconds", type=float, help=f"for how long, where --seeds is left out ({DEVELOPER_SECONDS:.0f})"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each processor)")
    parser.add_argument("--no-mutations", action="store_true", help="seeds only")
    parser.add_argument("--most", type=int, default=1000, help="seeds that a mutation may take to be seen (1000)")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _replay(asked.seed, asked.mutation)
    seconds = asked.seconds if asked.seeds is None else None
    if asked.seeds is None and seconds is None:
        seconds = DEVELOPER_SECONDS
    sound = _seeds(asked.first, asked.seeds, seconds, asked.jobs)
    if not asked.no_mutations:
        sound = _mutations(asked.first, asked.most, asked.jobs) and sound
    return 0 if sound else 1


def _replay(seed: int, mutation: str | None) -> int:
    scene = draw(seed)
    print(f"seed {seed}: {scene.replicas} replicas, {len(scene.posted)} events")
    for account in scene.config.accounts:
        print(f"  account {account.name}: {account.binds} binds, {account.rate:g} a second, {account.unknown_outcome}")
    for strike in scene.strikes:
        when = f"at {strike.at:.3f} s" if strike.at is not None else f"at step {strike.nth} of {strike.step!r}"
        print(f"  strike {when}: {strike.deed}")
    for rule in scene.gateway.script.submits:
        print(f"  gateway: {rule}")
    with MUTATIONS[mutation].applied() if mutation else contextlib.nullcontext():
        ended = run(seed, trace=print)
    if ended.broken is None:
        print(f"every promise was kept, in {ended.seconds:.1f} s of the run's own time")
        return 0
    print(f"BROKEN: {ended.broken}")
    if ended.broken.known is not None:
        print(f"known: {ended.broken.known.name}: {ended.broken.known.value}")
    return 0 if ended.broken.known is not None else 1


def _seeds(first: int, count: int | None, seconds: float | None, jobs: int) -> bool:
    tally, shown = Tally(), 0
    for tally in hunt(first=first, count=count, seconds=seconds, jobs=jobs):
        for finding in tally.findings[shown:]:
            if finding.known is None:
                print(f"\r{_sentence(finding)}")
        shown = len(tally.findings)
        if sys.stdout.isatty():
            print(f"\r{tally.line()}", end="", flush=True)
    print(f"\r{tally.line()}")
    for known, times in Counter(finding.known for finding in tally.findings if finding.known).most_common():
        example = next(finding.seed for finding in tally.findings if finding.known is known)
        print(f"  known {known.name}: {times} times, first at --seed {example}")
    return not tally.new


def _sentence(finding: Finding) -> str:
    return f"--seed {finding.seed} broke: {finding.promise.value}: {finding.seen}"


def _mutations(first: int, most: int, jobs: int) -> bool:
    sound = True
    print(f"\nsafeguards switched off, each to be seen within {most} seeds")
    for caught in catch_all(MUTATIONS, first=first, most=most, jobs=jobs):
        finding = caught.finding
        if finding is None:
            sound = False
            print(f"  {caught.name:38} NOT SEEN in {caught.tried} seeds")
        else:
            print(f"  {caught.name:38} seed {finding.seed:<5} {finding.promise.value}")
    return sound


if __name__ == "__main__":
    sys.exit(main())
