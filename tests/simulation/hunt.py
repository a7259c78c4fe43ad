"""Many seeds, in several processes, for so many or for so long; and for each mutation the first seed that shows it.

Comes from: the command line (`__main__`) and `test_simulation`.
"""

import contextlib
import multiprocessing
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.known import Known
from tests.simulation.mutations import MUTATIONS
from tests.simulation.story import Promise
from tests.simulation.world import run

CHUNK = 20
"""Seeds that a process takes at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A seed that broke a promise."""

    seed: int
    promise: Promise
    seen: str
    known: Known | None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a hunt came to; `seconds` of the runs' own time, `took` of ours."""

    runs: int = 0
    events: int = 0
    seconds: float = 0.0
    took: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def new(self) -> list[Finding]:
        """What is not known yet."""
        return [finding for finding in self.findings if finding.known is None]

    def add(self, other: "Tally") -> None:
        """The next chunk."""
        self.runs += other.runs
        self.events += other.events
        self.seconds += other.seconds
        self.findings += other.findings

    def line(self) -> str:
        """One line for a log."""
        pace = self.runs / self.took if self.took else 0.0
        known = len(self.findings) - len(self.new)
        return (
            f"{self.runs} seeds in {self.took:.0f} s ({pace:.0f} a second), {self.events} events over "
            f"{self.seconds / 3600:.1f} simulated hours: {len(self.new)} new faults, {known} runs with a known one"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """How a mutation was seen, or that it was not."""

    name: str
    tried: int
    finding: Finding | None
    took: float


def explore(seeds: Iterable[int], mutation: str | None = None) -> Tally:
    """Runs these seeds here."""
    tally = Tally()
    with MUTATIONS[mutation].applied() if mutation else contextlib.nullcontext():
        for seed in seeds:
            ended = run(seed)
            tally.runs += 1
            tally.events += ended.events
            tally.seconds += ended.seconds
            if ended.broken is not None:
                broken = ended.broken
                tally.findings.append(Finding(seed=seed, promise=broken.promise, seen=broken.seen, known=broken.known))
    return tally


def hunt(*, first: int, count: int | None, seconds: float | None, jobs: int) -> Iterator[Tally]:
    """The tally so far, after each chunk, until `count` seeds from `first` on were run or the time is over."""
    began = time.monotonic()
    tally = Tally()
    chunks = iter(range(first, first + count if count is not None else 1 << 60, CHUNK))
    last = None if count is None else first + count

    def take(at: int) -> range:
        return range(at, at + CHUNK if last is None else min(at + CHUNK, last))

    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: set[Future[Tally]] = set()
        while True:
            over = seconds is not None and time.monotonic() - began > seconds
            while not over and len(waiting) < 2 * jobs and (at := next(chunks, None)) is not None:
                waiting.add(pool.submit(explore, take(at)))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for each in done:
                tally.add(each.result())
            tally.took = time.monotonic() - began
            yield tally


def catch(name: str, *, first: int, most: int) -> Caught:
    """The first seed at which the loss of this safeguard is seen, and the product as it is keeps its promises."""
    began = time.monotonic()
    for seed in range(first, first + most):
        for finding in explore([seed], name).findings:
            if finding.promise in MUTATIONS[name].breaks and not explore([seed]).findings:
                return Caught(name=name, tried=seed - first + 1, finding=finding, took=time.monotonic() - began)
    return Caught(name=name, tried=most, finding=None, took=time.monotonic() - began)


def catch_all(names: Iterable[str], *, first: int, most: int, jobs: int) -> Iterator[Caught]:
    """Every mutation, in the order of the names."""
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(partial(catch, first=first, most=most), names)
