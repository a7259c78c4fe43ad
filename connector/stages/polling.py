"""Faust's consumer, taught to hand over whole fetches and to commit only what a stage has delivered.

What of Faust is replaced here (measured, or read in the faust-streaming 0.15 that pyproject.toml holds us to):

- Acknowledging. `take_events` acknowledges its whole batch when the agent fails or is cancelled, and its stream then
  acknowledges what follows unread. Here `Positions` alone decides what is committed.
- One event per record: Faust's loop takes 80-150 microseconds for each. Here one Faust event is one fetch of records
  from all partitions, which costs next to nothing and never waits for a timer.
- Its watch over buffers and idle partitions, which counts events.
- The end of its consumer's thread. Faust blocks the whole event loop until the thread has ended, and the process cannot
  end before; with Kafka away that is never (measured: no end within 30 s, whatever was cancelled).

Next station: `worker`, whose app uses this consumer.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import faust
from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    Consumer,
    Transport,
    ensure_aiokafka_TP,
)
from faust.types.tuples import TP, ConsumerMessage
from mode.threads import WorkerThread
from mode.utils.futures import notify
from mode.utils.queues import FlowControlEvent

from connector.kafka.lease import Lease
from connector.kafka.partitions import Partition
from connector.kafka.values import Record
from connector.stages.positions import Poll, Positions

log = logging.getLogger(__name__)


# With Kafka there the thread ends in milliseconds.
_THREAD_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 1.0
# Without a coordinator aiokafka commits for ever.
_NOTE_SECONDS: Final = 5.0


class _Thread(WorkerThread):  # type: ignore[misc]  # mode's classes come without types
    """One that the process may leave behind: it holds nothing that is not repeated from the last commit."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.daemon = True

    def stop(self) -> None:
        """Called in the event loop's own thread."""
        self.is_stopped.wait(_THREAD_SECONDS)


class _ConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust's classes come without types
    Worker = _Thread

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.lease = Lease(time.monotonic, self.consumer.app.conf.broker_session_timeout)

    async def on_start(self) -> None:
        """As Faust's; it joins the group later."""
        await super().on_start()
        self.lease.watch(self._ensure_consumer()._coordinator)

    async def notes(self, partitions: Sequence[Partition]) -> dict[Partition, str]:
        """What stands beside the group's committed offsets."""
        found: dict[Partition, str] = await self.call_thread(self._notes, partitions)
        return found

    async def commit_noted(self, partition: Partition, offset: int, note: str) -> None:
        """Commit, and raise what goes wrong instead of ending the app."""
        await self.call_thread(self._commit_noted, partition, offset, note)

    async def _notes(self, partitions: Sequence[Partition]) -> dict[Partition, str]:
        theirs = [ensure_aiokafka_TP(TP(*where)) for where in partitions]
        async with asyncio.timeout(_NOTE_SECONDS):
            found = await self._ensure_consumer()._coordinator.fetch_committed_offsets(theirs)
        return {Partition(*where): entry.metadata or "" for where, entry in found.items()}

    async def _commit_noted(self, partition: Partition, offset: int, note: str) -> None:
        # The time is over here and not where it is awaited, or the commit would go on, and undo a later one.
        async with asyncio.timeout(_NOTE_SECONDS):
            await self._ensure_consumer().commit({ensure_aiokafka_TP(TP(*partition)): (offset, note)})

    async def on_thread_stop(self) -> None:
        """Lets out no cancellation of aiokafka's own, which comes where the broker is gone: the thread would end before
        it has told the app that it does."""
        with suppress(asyncio.CancelledError):
            await super().on_thread_stop()


class PollingConsumer(Consumer):  # type: ignore[misc]  # Faust's classes come without types
    """A member of the stage's group."""

    logger = logging.getLogger("faust.consumer")

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.positions = Positions()

    @property
    def lease_age(self) -> float:
        """Seconds since the group certainly knew this member alive."""
        age: float = self._thread.lease.age(time.monotonic())
        return age

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One message for all records of the source topic; changelog records singly, as recovery wants them."""
        if not self.flow_active:
            # Here and not in the fetch, or the records that come first after a rebalance would seem to be of the
            # assignment before it.
            await self.wait(self.can_resume_flow)
        assignment = self.app.assignments
        fetched, active = await self._wait_next_records(timeout)
        if fetched is None or self.should_stop:
            return
        if not self.flow_active or assignment != self.app.assignments:
            # A rebalance came in between. The client has handed these records out and stands behind them: whoever does
            # not take them must go back, or they are skipped and what follows them is committed.
            await self._seek_back(fetched)
            return
        slices = []
        for tp, theirs in fetched.items():
            if not theirs or (active is not None and tp not in active):
                continue
            if self._is_changelog_tp(tp):
                for record in theirs:
                    yield tp, self._to_message(tp, record)
            else:
                slices.append(self.positions.fetched(Partition(tp.topic, tp.partition), _ours(theirs)))
        if slices:
            yield _message(Poll(assignment, tuple(slices)), self.app.consumer_generation_id)

    async def _seek_back(self, fetched: Mapping[TP, Sequence[ConsumerMessage]]) -> None:
        """Until that is done or partitions move once more: who reads on passes over what was fetched."""
        assignment = self.app.assignments
        while True:
            try:
                await self.perform_seek()
                if self.flow_active:
                    await self._give_back(fetched)
                return
            except Exception as error:  # whatever it is
                log.warning("could not return to the committed positions: %s", type(error).__name__)
            if self.should_stop or not self.flow_active or assignment != self.app.assignments:
                # The recovery that follows seeks again, or fails itself.
                return
            await self.sleep(_AGAIN_SECONDS)

    async def _give_back(self, fetched: Mapping[TP, Sequence[ConsumerMessage]]) -> None:
        """Changelogs have no committed position, and a recovery that has sought and waits for these records would wait
        for ever. Only back: records that come twice are known by their offsets, those that are passed over are lost."""
        for tp, theirs in fetched.items():
            if not theirs or not self._is_changelog_tp(tp) or tp not in self.assignment():
                continue
            position = await self.position(tp)
            if position is not None and position > theirs[0].offset:
                await self.seek(tp, theirs[0].offset)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """As Faust's, and to the beginning where nothing is committed: aiokafka leaves such a partition where it is, so
        that what was fetched of it and not taken would be passed over."""
        committed: Mapping[TP, int] = await super().seek_to_committed()
        bare = [tp for tp, offset in committed.items() if not offset and not self._is_changelog_tp(tp)]
        if bare:
            await self._thread.seek_to_beginning(*bare)
        return committed

    async def perform_seek(self) -> None:
        """As Faust's: to the committed positions."""
        await super().perform_seek()
        committed = self._committed_offset.items()
        self.positions.sought({Partition(tp.topic, tp.partition): offset for tp, offset in committed})

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commits while the partitions are still this member's; Faust then waits for what is under way."""
        self.app.moving = True
        await self.app.release()
        await self.commit()
        await super().on_partitions_revoked(revoked)
        # Faust does so only where there were partitions. Who had none must not begin with what it is given before its
        # tables are there.
        self.stop_flow()
        self.app.flow_control.suspend()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Starts from nothing: what this member knew of its partitions may be outdated."""
        self.app.assignments += 1
        self.positions.assigned()
        self.app.careful.assigned()
        self.app.moving = False
        await super().on_partitions_assigned(assigned, generation_id)

    async def notes(self, partitions: Sequence[Partition]) -> Mapping[Partition, str]:
        """What the last owner left beside the committed offsets."""
        try:
            found: Mapping[Partition, str] = await self._thread.notes(partitions)
            return found
        except Exception as error:  # whatever it is: what an earlier crash left is then not known
            log.warning("what stands beside the committed positions cannot be read: %s", type(error).__name__)
            return {}

    async def mark(self, partition: Partition, offset: int, note: str) -> None:
        """A note beside the position at which the group stands, `offset` at the least."""
        at = max(offset, self.positions.committable().get(partition, 0))
        try:
            await self._thread.commit_noted(partition, at, note)
        except Exception as error:  # whatever it is: only a crash is not counted then
            log.warning("nothing could be noted beside a position: %s", type(error).__name__)

    async def commit_passed(self) -> None:
        """Commit what has been delivered, without waiting for the time of it."""
        offsets = self._filter_committable_offsets(())
        if offsets:
            await self._commit_offsets(offsets)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """As Faust's, with a note beside the position of a partition that is gone through with care."""
        bare = {}
        for tp, offset in offsets.items():
            note = self.app.careful.note(Partition(tp.topic, tp.partition))
            if note:
                await self.mark(Partition(tp.topic, tp.partition), offset, note)
            else:
                bare[tp] = offset
        return not bare or bool(await super()._commit(bare))

    def ack(self, message: ConsumerMessage) -> bool:
        """The agent is through with a message, well or badly; committing is another matter."""
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def forget_unfinished(self) -> None:
        """Let the app stop without what its agent is still doing; that stays uncommitted."""
        self._unacked_messages.clear()
        notify(self._waiting_for_ack)

    def _filter_tps_with_pending_acks(self, topics: object = None) -> Iterable[TP]:
        return ()

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        # Faust's compiled stream keeps these lists past `ack`.
        self._acked.clear()
        self._acked_index.clear()
        offsets = {TP(*partition): offset for partition, offset in self.positions.committable().items()}
        return {tp: offset for tp, offset in offsets.items() if self._should_commit(tp, offset)}

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets between two messages are no gaps here: a message is many records."""

    def on_buffer_full(self, tp: TP) -> None:
        """The buffer's own limit is enough; leaving partitions out of a fetch would stall it for a second."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watchdog takes partitions for idle when a fetch is named after another one."""


class PollingTransport(Transport):  # type: ignore[misc]  # Faust's classes come without types
    """What Faust makes its consumer with."""

    Consumer = PollingConsumer


class PollSchema(faust.Schema):  # type: ignore[misc]  # Faust's classes come without types
    """A message's value is a `Poll` already."""

    def loads_key(self, app: object, message: ConsumerMessage, **options: object) -> None:
        """A fetch has no key."""

    def loads_value(self, app: object, message: ConsumerMessage, **options: object) -> Poll:
        """The fetch as it is."""
        poll: Poll = message.value
        return poll


class SteadyFlow(FlowControlEvent):  # type: ignore[misc]  # mode's classes come without types
    """Faust empties its buffers when the flow resumes, after it has sought: what was fetched in between would be lost.
    They are empty already, since it empties them when partitions are revoked."""

    def resume(self) -> None:
        """Let records through again."""
        self._suspend.clear()
        self._resume.set()


def _ours(records: Sequence[ConsumerMessage]) -> list[Record]:
    return [
        Record(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            tuple(record.headers),
        )
        for record in records
    ]


def _message(poll: Poll, generation: int) -> tuple[TP, ConsumerMessage]:
    """Faust's envelope for a fetch; it is named after the fetch's first partition."""
    first = poll.slices[0]
    tp = TP(*first.partition)
    last = first.records[-1]
    return tp, ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        0,
        [],
        None,
        poll,
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )
