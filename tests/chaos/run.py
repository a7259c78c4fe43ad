"""One chaos run: builds its place, sends its messages while the planned faults happen, waits for rest, and reckons.

Rule: bounded in time, and everything it started is ended by its id, however it ends. Comes from: `__main__`.
"""

import asyncio
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from connector.kafka.clients import KafkaUnavailable
from tests.chaos.audit import Auditor, Findings
from tests.chaos.faults import happens
from tests.chaos.place import Place, place
from tests.chaos.plan import Plan, Planned

REST_SECONDS: Final = 240.0
"""How long everything may take to come to rest once the last fault is over and as much has been sent as is planned."""

_CHUNK: Final = 100
_PROGRESS_EVERY: Final = 10.0
_ANYWAY: Final = 30.0
"""Seconds after which the next fault comes though nothing has moved."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a run. `trouble`: what is wrong besides the figures; `deaths`: exit codes of stages that ended by
    themselves; `folder`: where the logs are, where they were kept."""

    seed: int
    messages: int
    faults: Counter[str]
    findings: Findings | None
    trouble: tuple[str, ...] = ()
    deaths: Counter[str] = field(default_factory=Counter)
    seconds: float
    folder: Path | None = None

    @property
    def failed(self) -> bool:
        return bool(self.trouble) or self.findings is None or bool(self.findings.wrong)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {
            "seed": self.seed,
            "messages": self.messages,
            "faults": dict(self.faults),
            "findings": None if self.findings is None else self.findings.as_json(),
            "trouble": list(self.trouble),
            "deaths": dict(self.deaths),
            "seconds": round(self.seconds, 1),
            "folder": None if self.folder is None else str(self.folder),
            "failed": self.failed,
        }


async def run(plan: Plan, *, server: Path | None, bound: float, say: Say, keep: bool = False) -> Row:
    """The run of a plan. Logs are kept where it failed, or where that is asked for."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"sms-connector-chaos-{plan.seed}-"))
    met: Counter[str] = Counter()
    trouble: list[str] = []
    deaths: Counter[str] = Counter()
    findings = None
    say(f"seed {plan.seed}: {plan.told}; {len(plan.faults)} faults; logs in {folder}")
    kept = True
    try:
        try:
            async with asyncio.timeout(bound), place(plan, folder, server) as made:
                findings = await _played(made, plan, met, trouble, say)
                if findings.wrong:
                    say(f"seed {plan.seed}: wrong: {findings.wrong}; {findings.names.get('left', '')}")
                await made.fleet.stop()
                for replica in made.fleet.replicas:
                    deaths.update(f"{replica.stage} {code}" for code in replica.deaths)
                    trouble += [f"{replica.name} ended with status {code} on SIGTERM" for code in replica.refused]
                    trouble += [f"{replica.name} did not stop in time"] * replica.slow
        except TimeoutError:
            trouble.append(f"not over within {bound:.0f} s")
        except Exception as error:
            # The edge of a run: the others go on, and this one has failed.
            trouble.append(f"{type(error).__name__}: {error}")
            (folder / "trouble.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        except asyncio.CancelledError:
            # Whoever interrupts it does not want its logs.
            kept = keep
            raise
        row = Row(
            seed=plan.seed,
            messages=len(plan.messages),
            faults=met,
            findings=findings,
            trouble=tuple(trouble),
            deaths=deaths,
            seconds=time.monotonic() - began,
            folder=folder,
        )
        kept = keep or row.failed
        return row
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


async def _played(made: Place, plan: Plan, met: Counter[str], trouble: list[str], say: Say) -> Findings:
    auditor = Auditor(made.world, made.gateway, (f"reply {number}" for number in range(plan.inbound)))
    auditor.expected = len(plan.messages)
    await auditor.start()
    try:
        story = _Story(made, plan, met, say)
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(story.tell())
            group.create_task(story.send())
            group.create_task(story.reply())
            await story.strike(group)
            await story.sent.wait()
            telling.cancel()
        say(f"seed {plan.seed}: everything is sent and the last fault is over; waiting for rest")
        if not await auditor.at_rest(REST_SECONDS):
            trouble.append(f"not at rest within {REST_SECONDS:.0f} s")
        findings = await auditor.reckoned()
        named = sorted({name for listed in findings.names.values() for name in listed[:5]}) if findings.wrong else []
        (made.world.folder / "stories.txt").write_text("\n\n".join(map(auditor.story, named)), encoding="utf-8")
        return findings
    finally:
        await auditor.stop()


class _Story:
    """What happens in a run, side by side."""

    def __init__(self, made: Place, plan: Plan, met: Counter[str], say: Say) -> None:
        self._made = made
        self._plan = plan
        self._met = met
        self._say = say
        self._began = time.monotonic()
        self._produced = 0
        self._under_way: list[str] = []
        self.sent = asyncio.Event()

    @property
    def _accepted(self) -> int:
        record = self._made.gateway.record
        return sum(record.counts_of(login.name)["accepted"] for login in self._plan.logins)

    @property
    def _progress(self) -> float:
        """Accepted messages, roughly, of all: a message has one part and two thirds."""
        return self._accepted / (1.6 * len(self._plan.messages))

    async def send(self) -> None:
        """The messages, in bursts about as fast as the accounts are, so that faults meet full and empty lanes."""
        dice = Random(f"sending/{self._plan.seed}")
        messages = self._plan.messages
        speed = sum(login.rate for login in self._plan.logins)
        while self._produced < len(messages):
            count = dice.choice((1, _CHUNK, 3 * _CHUNK, 10 * _CHUNK))
            chunk = messages[self._produced : self._produced + count]
            await self._durably(chunk)
            self._produced += len(chunk)
            await asyncio.sleep(dice.uniform(0, 2.4 * len(chunk) / speed))
        self.sent.set()

    async def _durably(self, chunk: Sequence[Any]) -> None:
        while True:
            try:
                await self._made.world.send(chunk)
                return
            except KafkaUnavailable:
                # A part of it may be there; a second copy is an event of its own, and told to be a duplicate.
                await asyncio.sleep(1)

    async def reply(self) -> None:
        """Messages of subscribers, of one part and of two."""
        dice = Random(f"replies/{self._plan.seed}")
        gateway = self._made.gateway
        for number in range(self._plan.inbound):
            pause = 0.01 if self.sent.is_set() else dice.uniform(0, 1.0)
            gateway.inbound(
                dice.choice(self._plan.logins).name,
                source=f"7888{number:07d}",
                destination="7000",
                text=f"reply {number}",
                reference=number % 256,
            )
            await asyncio.sleep(pause)

    async def strike(self, group: asyncio.TaskGroup) -> None:
        """Each fault at its moment; returns when the last is over."""
        tasks = []
        for planned in self._plan.faults:
            with suppress(TimeoutError):
                await self._made.gateway.until(lambda at=planned.at: self._progress >= at, _ANYWAY)  # type: ignore[misc]
            tasks.append(group.create_task(self._one(planned), name=planned.fault.word))
        if tasks:
            await asyncio.wait(tasks)

    async def _one(self, planned: Planned) -> None:
        self._met[planned.fault.word] += 1
        self._under_way.append(planned.fault.word)
        self._say(f"seed {self._plan.seed}: {planned.fault.word} for {planned.seconds:.1f} s")
        await happens(self._made, planned)
        self._under_way.remove(planned.fault.word)

    async def tell(self) -> None:
        """A line of progress now and then."""
        while True:
            await asyncio.sleep(_PROGRESS_EVERY)
            now = f"; now: {', '.join(self._under_way)}" if self._under_way else ""
            self._say(
                f"seed {self._plan.seed}: {time.monotonic() - self._began:.0f} s, {self._produced} of "
                f"{len(self._plan.messages)} sent, {self._accepted} PDUs accepted{now}"
            )
