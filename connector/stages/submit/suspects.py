"""After a crash: which lane record ends the process, and what is done about it.

A message is under way for as long as the gateway likes, with thousands of others, so being in hand says nothing here.
What can kill is done to each record alone first, under a mark (see `trials`) and without effect: the rehearsal, which
takes milliseconds. A record that passes it is taken like any other.

Comes from: `lanes`. Next station: `intake`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.kafka.clients import Consumer, KafkaError, Partition, Record
from connector.stages.submit.intake import Intake
from connector.stages.submit.slot import Slot
from connector.stages.trials import CRASHES, POISON, REASON, WHOLE, Trial, Verdict

log = logging.getLogger(__name__)

_WITHIN = 5.0
"""Seconds; without a coordinator a commit would wait for ever."""


@dataclass(slots=True, kw_only=True)
class _Lane:
    """One partition since its assignment; `at` is the committed offset, where the marks stand."""

    trial: Trial
    at: int


class Suspects:
    """For all lanes of a process. `committing` is held while a mark is written, and by whoever commits offsets, so that
    neither undoes the other."""

    def __init__(self, consumer: Consumer, intake: Intake, committing: asyncio.Lock) -> None:
        self._consumer = consumer
        self._intake = intake
        self._committing = committing
        self._lanes: dict[Partition, _Lane] = {}
        self._assignment = 0

    def assigned(self) -> None:
        """The group has assigned partitions anew: what was known of them may be outdated."""
        self._assignment += 1
        self._lanes.clear()

    async def fit(self, place: Partition, record: Record, slot: Slot, *, end: int, alone: bool) -> bool | None:
        """Whether the record may be taken; False where it was set aside, durably. None: it must be, and cannot before
        all that stands before it is finished (`alone`). `end` is where the records at hand end."""
        lane = self._lanes.get(place)
        if lane is None:
            assignment = self._assignment
            lane = await self._found(place, record.offset)
            if assignment != self._assignment:
                return True  # nobody takes it now
            self._lanes[place] = lane
        trial = lane.trial
        if not trial.careful(record.offset):
            if not trial.proven and trial.begin(record.offset, end):
                await self._mark(place, lane)
            return True
        verdict = trial.verdict(record.offset)
        if verdict is not Verdict.BURY:
            await self._rehearse(place, lane, record, slot, one_by_one=verdict is Verdict.SIFT)
            return True
        if not alone:
            return None
        log.error("%s[%d]@%d ended %d processes in a row; it goes to the dead letters", *place, record.offset, CRASHES)
        if trial.item == WHOLE:
            await self._intake.bury(record, POISON, REASON)
        else:
            await self._intake.bury_item(record, trial.item)
        return False

    def finished(self, offsets: Mapping[Partition, int]) -> dict[Partition, str]:
        """What is to be committed beside these offsets."""
        notes = {}
        for place, offset in offsets.items():
            lane = self._lanes.get(place)
            if lane is not None:
                lane.at = offset
                lane.trial.finished(offset)
                notes[place] = lane.trial.note
        return notes

    async def give_back(self) -> None:
        """No record is to blame for what comes now."""
        for place, lane in list(self._lanes.items()):
            if lane.trial.holding:
                lane.trial.give_back()
                await self._mark(place, lane)

    async def _found(self, place: Partition, first: int) -> _Lane:
        noted = None
        with _passed_over("what stands beside a committed offset cannot be read"):
            async with asyncio.timeout(_WITHIN):
                noted = await self._consumer.noted(place)
        at, note = (first, "") if noted is None else noted
        if note:
            log.warning("%s[%d] was left by a process that died; its records are rehearsed one by one", *place)
        return _Lane(trial=Trial(note), at=at)

    async def _rehearse(self, place: Partition, lane: _Lane, record: Record, slot: Slot, *, one_by_one: bool) -> None:
        trial = lane.trial
        trial.begin(record.offset, record.offset + 1)
        await self._mark(place, lane)
        for number, item in enumerate(self._intake.items_of(record)):
            if one_by_one:
                trial.sift(number)
                await self._mark(place, lane)
            while (missing := self._intake.rehearse(item, slot)) is not None:
                # Nobody is to blame while the registry is away.
                trial.give_back()
                await self._mark(place, lane)
                await self._intake.learn(missing)
                trial.begin(record.offset, record.offset + 1)
                await self._mark(place, lane)
        trial.passed()
        await self._mark(place, lane)

    async def _mark(self, place: Partition, lane: _Lane) -> None:
        with _passed_over("nothing could be noted beside a committed offset"):
            async with asyncio.timeout(_WITHIN), self._committing:
                if self._lanes.get(place) is not lane:
                    return  # it was assigned anew
                await self._consumer.commit({place: lane.at}, {place: lane.trial.note})


@contextlib.contextmanager
def _passed_over(what: str) -> Iterator[None]:
    """A crash is not counted then; nothing is lost."""
    try:
        yield
    except (KafkaError, TimeoutError) as fault:
        log.warning("%s (%s)", what, type(fault).__name__)
