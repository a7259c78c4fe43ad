"""The lane topics as this process reads them: no more than the look-ahead, and committed without a gap.

A lane of a slot that is not open yet stays paused: its first record may only be judged by a replayed ledger. After a
crash records are rehearsed one by one before they are taken; see `suspects`. Next station: `intake`, then `slot`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence

from connector import telemetry
from connector.domain.messages import Lane
from connector.kafka.clients import Consumer, KafkaError, KafkaUnavailable, Partition, Record
from connector.kafka.topics import Topics
from connector.stages.submit.intake import Intake
from connector.stages.submit.offsets import OffsetTracker
from connector.stages.submit.slot import Slot
from connector.stages.submit.suspects import Suspects

log = logging.getLogger(__name__)

_POLL = 0.2
_COMMIT_WITHIN = 5.0
"""Seconds; without a coordinator a commit would wait for ever, and all housekeeping behind it."""


class Lanes:
    """The lanes of all slots of a process; `slots` are those that are open now."""

    def __init__(
        self,
        consumer: Consumer,
        topics: Topics,
        intake: Intake,
        slots: Mapping[int, Slot],
        *,
        look_ahead: int,
        epoch_ms: Callable[[], int],
    ) -> None:
        self._consumer = consumer
        self._topics = topics
        self._intake = intake
        self._slots = slots
        self._look_ahead = look_ahead
        self._epoch_ms = epoch_ms
        self._lanes = {topics.lane(lane): lane for lane in Lane}
        self._order = {topic: place for place, topic in enumerate(self._lanes)}
        self._assignment = 0
        self._committed: dict[Partition, int] = {}
        self._committing = asyncio.Lock()
        self._suspects = Suspects(consumer, intake, self._committing)
        self._waiting: dict[Partition, OffsetTracker] = {}

    async def read(self) -> bool:
        """Takes what a fetch brought; returns whether something of it is settled already, or cannot be read."""
        self.flow()
        try:
            batches = await self._consumer.getmany(timeout=_POLL)
        except KafkaUnavailable as error:
            telemetry.count(telemetry.Metric.KAFKA_FAULTS, stage="submit", fault="read")
            log.warning("the lanes cannot be read (%s); trying again", error)
            await asyncio.sleep(_POLL)
            return False
        assignment, settled = self._assignment, False
        for place, records in sorted(batches.items(), key=lambda batch: self._order[batch[0].topic]):
            if self._assignment != assignment:
                break
            slot = self._slots.get(place.partition)
            if slot is None:
                self._read_later(place, records[0].offset)
                continue
            await self._take(slot, place, records, assignment)
            settled = settled or bool(slot.finished or slot.unreadable)
        return settled

    async def _take(self, slot: Slot, place: Partition, records: Sequence[Record], assignment: int) -> None:
        tracker = slot.offsets[self._lanes[place.topic]]
        for record in records:
            fit = await self._suspects.fit(place, record, slot, end=records[-1].offset + 1, alone=tracker.empty)
            if self._assignment != assignment:
                return
            if fit is None:
                # Only what stands first can be set aside for good.
                self._waiting[place] = tracker
                self._read_later(place, record.offset)
                return
            items = await self._intake.read(record, slot) if fit else []
            if self._assignment != assignment:
                return  # a rebalance came while that waited: the record is read again, or is another's
            slot.take(self._lanes[record.topic], record.offset, items, now_ms=self._epoch_ms())
            if not fit:
                # At once, or a crash would have it set aside again.
                await self.commit()
            # A fetch may hold thousands of messages; answers and urgent parts get their turn in between.
            await asyncio.sleep(0)

    def _read_later(self, place: Partition, offset: int) -> None:
        """The slot is not open (any more): nothing may be skipped, so the record is left to be read when it is."""
        with contextlib.suppress(KafkaError):  # the partition may have gone just now, and its records with it
            self._consumer.pause(place)
            self._consumer.seek(place, offset)

    def flow(self) -> None:
        """Pauses a lane that is full, resumes one that has room; call it when slots or their queues change."""
        paused = self._consumer.paused()
        for place in self._consumer.assignment():
            slot = self._slots.get(place.partition)
            queued = slot.queued(self._lanes[place.topic]) if slot is not None else self._look_ahead
            if queued >= self._look_ahead and place not in paused:
                self._consumer.pause(place)
            elif queued <= self._look_ahead // 2 and place in paused and slot is not None:
                waiting = self._waiting.get(place)
                if waiting is None or waiting.empty:
                    self._waiting.pop(place, None)
                    self._consumer.resume(place)

    async def commit(self) -> None:
        """Commits what is finished without a gap; a commit that a rebalance refuses is no loss, only a repeat."""
        offsets: dict[Partition, int] = {}
        for slot in self._slots.values():
            for lane, tracker in slot.offsets.items():
                place = Partition(self._topics.lane(lane), slot.number)
                if tracker.committable is not None and self._committed.get(place) != tracker.committable:
                    offsets[place] = tracker.committable
        if not offsets:
            return
        try:
            async with asyncio.timeout(_COMMIT_WITHIN), self._committing:
                await self._consumer.commit(offsets, self._suspects.finished(offsets))
            self._committed.update(offsets)
        except (KafkaError, TimeoutError) as fault:
            telemetry.count(telemetry.Metric.KAFKA_FAULTS, stage="submit", fault="commit")
            log.warning("offsets were not committed (%s); they will be with the next commit", fault)

    def reassigned(self) -> None:
        """A rebalance: what was committed may have been another's doing, and reading begins anew at what is."""
        self._assignment += 1
        self._committed.clear()
        self._waiting.clear()

    def assigned(self) -> None:
        """As `reassigned`; and what was known of the lanes may be outdated."""
        self.reassigned()
        self._suspects.assigned()

    async def give_back(self) -> None:
        """An orderly end, or partitions that move: no record is to blame for it. After the last commit."""
        await self._suspects.give_back()

    def backlog(self, slot: Slot) -> dict[Lane, int]:
        """Records of each lane that were not read yet (one holds the messages of a tick), where that is known."""
        found = {lane: self._consumer.lag(Partition(self._topics.lane(lane), slot.number)) for lane in Lane}
        return {lane: records for lane, records in found.items() if records is not None}
