"""Records on their way to a stage's handler: all together as a rule, one by one after a process has died over them.

Rule: `trials` decides, here its marks are written and obeyed. The order is the promise: the mark, then the handler (or
the dead letter), then the commit. A mark that cannot be written holds nothing up; then the crash is not counted.

Comes from: `worker` and `express`. Next station: the handler, or the dead letters.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from connector.kafka.partitions import Partition
from connector.kafka.values import Record
from connector.stages.trials import CRASHES, Trial, Verdict

log = logging.getLogger(__name__)

# What waits for Kafka is not at fault: a record that kills does so before, even by eating up all memory.
_IN_HAND_SECONDS: Final = 30.0

Handle = Callable[[Partition, Sequence[Record]], Awaitable[None]]
Bury = Callable[[Record, int], Awaitable[None]]
"""A record to the dead letters, or only that item of it; what stands behind the item must not be lost."""
Sift = Callable[[Record], Sequence[Record]]
"""The items of a record as records of their own; none where there are no two."""


class Group(Protocol):
    """What is needed of a member of a consumer group."""

    async def notes(self, partitions: Sequence[Partition]) -> Mapping[Partition, str]:
        """What stands beside their committed offsets; nothing where that cannot be told."""

    async def mark(self, partition: Partition, offset: int, note: str) -> None:
        """Commit `note` where the group stands already; what goes wrong is passed over."""

    def passed(self, partition: Partition, end: int) -> None:
        """All before `end` is durable elsewhere, and may be committed."""

    async def commit(self) -> None:
        """Commit what has passed, each with `Careful.note` beside it."""


class Careful:
    """One member's way to its handler. What `handle` or `bury` raises passes through."""

    def __init__(self, group: Group, *, handle: Handle, bury: Bury, sift: Sift | None = None) -> None:
        self._group = group
        self._handle = handle
        self._bury = bury
        self._sift = sift
        self._trials: dict[Partition, Trial] = {}
        self._at: dict[Partition, int] = {}
        self._assignment = 0

    def assigned(self) -> None:
        """The group has assigned partitions anew; what is under way for the last assignment comes to nothing."""
        self._assignment += 1
        self._trials.clear()
        self._at.clear()

    def settled(self, heads: Iterable[tuple[Partition, int]]) -> bool:
        """Whether records that begin at these offsets need no care."""
        return all((trial := self._trials.get(where)) is not None and not trial.watches(at) for where, at in heads)

    def note(self, partition: Partition) -> str:
        """What belongs beside an offset that is committed now."""
        trial = self._trials.get(partition)
        return "" if trial is None else trial.note

    async def work(self, partition: Partition, records: Sequence[Record]) -> bool:
        """Has these handled and committed; False where the group moved meanwhile, and the rest is left to be read
        again."""
        assignment = self._assignment
        trial = await self._trial(partition)
        while records and self._assignment == assignment:
            head = records[0].offset
            alone = trial.careful(head)
            watched = trial.watches(head)
            taken, records = (records[:1], records[1:]) if alone else (records, ())
            end = taken[-1].offset + 1
            if not watched:
                await self._handle(partition, taken)
            else:
                async with self._in_hand(partition, trial, taken, assignment):
                    await self._judged(partition, trial, taken, alone)
            if self._assignment != assignment:
                break
            self._group.passed(partition, end)
            if watched:
                trial.finished(end)
                await self._group.commit()
        return self._assignment == assignment

    async def _judged(self, partition: Partition, trial: Trial, records: Sequence[Record], alone: bool) -> None:
        first = records[0]
        verdict = trial.verdict(first.offset) if alone else Verdict.TAKE
        if verdict is Verdict.BURY:
            place = f"{first.topic}[{first.partition}]@{first.offset}"
            log.error("%s ended %d processes in a row; it goes to the dead letters", place, CRASHES)
            await self._bury(first, trial.item)
            return
        items = self._sift(first) if verdict is Verdict.SIFT and self._sift is not None else ()
        for number, item in enumerate(items):
            trial.sift(number)
            await self._group.mark(partition, first.offset, trial.note)
            await self._handle(partition, [item])
        if not items:
            await self._handle(partition, records)

    async def give_back(self) -> None:
        """Call it before an orderly end that leaves something unfinished."""
        for partition, trial in self._trials.items():
            if trial.holding:
                trial.give_back()
                await self._group.mark(partition, self._at[partition], trial.note)

    async def _trial(self, partition: Partition) -> Trial:
        found = self._trials.get(partition)
        if found is None:
            note = (await self._group.notes([partition])).get(partition, "")
            if note:
                log.warning("%s[%d] was left by a process that died; some records are handled one by one", *partition)
            found = self._trials[partition] = Trial(note)
        return found

    @asynccontextmanager
    async def _in_hand(
        self, partition: Partition, trial: Trial, records: Sequence[Record], assignment: int
    ) -> AsyncIterator[None]:
        """Under a mark, which is taken back where it takes long or fails."""
        head = self._at[partition] = records[0].offset
        trial.begin(head, records[-1].offset + 1)
        await self._group.mark(partition, head, trial.note)

        async def let_off() -> None:
            await asyncio.sleep(_IN_HAND_SECONDS)
            if self._assignment == assignment:
                trial.give_back()
                await self._group.mark(partition, head, trial.note)

        watch = asyncio.create_task(let_off())
        try:
            yield
        except Exception:
            with contextlib.suppress(Exception):
                trial.give_back()
                await self._group.mark(partition, head, trial.note)
            raise
        finally:
            watch.cancel()
