"""Slots come and go with the group: what a rebalance does to binds, ledgers and what is under way.

A rebalance takes every partition away and gives some back. Taking away only freezes: no new submits, answers in flight
are awaited for a moment, outcomes and offsets are written. Giving back tells which slots stayed: they go on with their
memory and their bind. A lost slot is unbound at once; a new one is bound when its ledger is replayed, by which time the
former owner has let go: one bind more than the account has would end another one at the gateway.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from connector.domain.events import LedgerEntry, LedgerType, Outcome
from connector.domain.guards import GuardRules, Guards
from connector.domain.messages import Lane
from connector.kafka.clients import Consumer, KafkaUnavailable, Partition, PartitionLost
from connector.kafka.ledger import Ledger
from connector.kafka.records import Codec, RecordError
from connector.kafka.topics import Topics
from connector.stages.settings import StageConfig
from connector.stages.submit.run import Submitter
from connector.stages.submit.slot import Slot

log = logging.getLogger(__name__)

REVOKE_WAIT = 3.0
"""Seconds that answers in flight get when partitions are taken away; the whole group waits for it."""
LEAVE_WAIT = 3.0
_POLL = 0.02
_REPLAYED_AT_ONCE = 50
_HOUR_MS = 3_600_000


class Ownership:
    """The group's view of this process; the consumer's assignment listener."""

    def __init__(
        self,
        config: StageConfig,
        codec: Codec,
        *,
        clock: Callable[[], float],
        epoch_ms: Callable[[], int],
        reader: Callable[[], Consumer] | None = None,
    ) -> None:
        """`reader` makes what a ledger is read with; the tests have one that reads from memory."""
        self._reader = reader or (lambda: Consumer(config.kafka, name="ledger"))
        self._config = config
        self._codec = codec
        self._clock = clock
        self._epoch_ms = epoch_ms
        self._topics = Topics(config.kafka.topic_prefix)
        self._map = config.slot_map()
        self._submitter: Submitter | None = None
        self._assigned: frozenset[int] = frozenset()
        self._generation = 0
        self._assigned_at = 0.0
        self._changed = asyncio.Event()

    def account_of(self, slot: int) -> str | None:
        """Whose bind a slot is; the group spreads the slots of an account over its members."""
        owner = self._map.owner(slot)
        return None if owner is None else owner.account

    def serve(self, submitter: Submitter) -> None:
        """Whose slots these are; before the consumer starts."""
        self._submitter = submitter

    @property
    def _of(self) -> Submitter:
        assert self._submitter is not None, "serve comes before the consumer starts"
        return self._submitter

    async def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Freeze, and leave the next owner as little doubt as possible."""
        submitter = self._of
        submitter.frozen = True
        # A replay that is still under way says nothing about what the next owner does.
        self._generation += 1
        submitter.lanes.reassigned()
        if submitter.may_write():
            # Half of the group's patience: who is put out of it for taking too long hears of that too late.
            wait = min(REVOKE_WAIT, self._config.kafka.rebalance_timeout / 4)
            await self.drain(wait)
            try:
                async with asyncio.timeout(wait):
                    await submitter.flush_outcomes()
                    await submitter.lanes.commit()
                    await submitter.lanes.give_back()
            except TimeoutError:
                log.warning("outcomes could not be written before the rebalance; the ledger will tell the next owner")
        submitter.halted = True
        # Asked again: the lease may have ended while answers were awaited.
        held = submitter.may_write()
        for number, slot in list(submitter.slots.items()):
            if held:
                slot.forget_unstarted()
            else:
                # Others may have owned it meanwhile: only the ledger knows what they did.
                submitter.closed(number)

    async def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Takes note; replaying and binding are done by `run`, outside the group's wait.

        Lanes of slots that are not open yet are paused here and now, before anything is read from them.
        """
        found = {where.partition for where in partitions if self._map.owner(where.partition) is not None}
        self._assigned = frozenset(found)
        submitter = self._of
        for number in list(submitter.slots):
            if number not in found:
                submitter.closed(number)
        submitter.lanes.assigned()
        submitter.lanes.flow()
        self._generation += 1
        self._assigned_at = self._clock()
        submitter.frozen = submitter.halted = False
        self._changed.set()

    async def drain(self, seconds: float) -> None:
        """Waits until nothing is under way, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._of.under_way:
                    await self._of.flush_outcomes()
                    await asyncio.sleep(_POLL)

    async def run(self) -> None:
        """Brings binds and ledgers in line with the assignment, again after each change."""
        opening: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                # A replay of an earlier assignment says nothing any more, and must not hold up what this one needs.
                for task in opening:
                    task.cancel()
                wanted, submitter = self._assigned, self._of
                for pool in submitter.pools.values():
                    for number in [number for number in pool.binds if number not in wanted]:
                        group.create_task(pool.remove(number, LEAVE_WAIT))
                missing = [number for number in sorted(wanted) if number not in submitter.slots]
                opening = {group.create_task(self._open(number)) for number in missing}

    async def _open(self, number: int) -> None:
        submitter, owner = self._of, self._map.owner(number)
        assert owner is not None, "only slots of the configuration are wanted"
        account, generation = submitter.accounts[owner.account], self._generation
        ledger, guards = await self._replayed(number, account.settings.guards)
        if generation != self._generation:
            # Somebody may have owned it in between and written on; it is in `wanted` again if it is ours now.
            return
        slot = Slot(
            number=number,
            account=account.settings,
            ledger=ledger,
            decode=submitter.intake.decode,
            resend_ms=int(self._config.submit.unknown_resend_seconds * 1000),
            guards=guards,
        )
        submitter.opened(slot, since=self._assigned_at)
        await submitter.pools[owner.account].add(number)
        log.info(
            "slot %d of account %s is open; %d intents without an outcome", number, owner.account, ledger.open_intents
        )

    async def _replayed(self, number: int, rules: GuardRules) -> tuple[Ledger, Guards]:
        """The slot's ledger as far back as it is remembered, and its guards; tried again until Kafka answers."""
        wait = 0.2
        while True:
            try:
                return await self._replay(number, rules)
            except (KafkaUnavailable, PartitionLost) as error:
                log.warning("the ledger of slot %d cannot be read (%s); trying again in %.1f s", number, error, wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)

    async def _replay(self, number: int, rules: GuardRules) -> tuple[Ledger, Guards]:
        memory_ms = int(self._config.submit.ledger_memory_hours * _HOUR_MS)
        ledger, guards = Ledger(memory_ms=memory_ms), Guards(rules)
        committed = {
            lane.value: await self._of.consumer.committed(Partition(self._topics.lane(lane), number)) or 0
            for lane in Lane
        }
        place = Partition(self._topics.ledger, number)
        async with self._reader() as reader:
            reader.assign([place])
            end = (await reader.end_offsets([place]))[place]
            if (await reader.beginning_offsets([place]))[place] >= end:
                return ledger, guards
            # The memory counts back from the last entry, not from now: however long everything stood still, what was
            # under way before is still under way.
            last = await self._timestamp(reader, Partition(place.topic, place.partition), end - 1)
            start = (await reader.offsets_for_time([place], last - memory_ms))[place]
            reader.seek(place, end - 1 if start is None else start)
            while await reader.position(place) < end:
                for records in (await reader.getmany(timeout=1.0, max_records=_REPLAYED_AT_ONCE)).values():
                    for record in records:
                        entries = self._entries(record.value)
                        ledger.replay(entries, committed=committed)
                        for entry in entries:
                            _remind(guards, entry)
                        # The other slots' urgent messages and answers must not stand still meanwhile.
                        await asyncio.sleep(0)
        return ledger, guards

    async def _timestamp(self, reader: Consumer, place: Partition, offset: int) -> int:
        """When the record at this offset, or the next one that is kept, was written; epoch milliseconds."""
        reader.seek(place, offset)
        while await reader.position(place) <= offset:
            for records in (await reader.getmany(timeout=1.0, max_records=1)).values():
                return records[0].timestamp
        return self._epoch_ms()

    def _entries(self, value: bytes | None) -> list[LedgerEntry]:
        try:
            return self._codec.decode_frame(LedgerEntry, value)
        except RecordError as error:
            # A ledger record that nobody can read says nothing; its messages count as never begun.
            log.error("a ledger record cannot be read: %s", error)
            return []


def _remind(guards: Guards, entry: LedgerEntry) -> None:
    """What left before the slot was opened, as the guards would have seen it."""
    if entry.type is LedgerType.INTENT:
        at = entry.submitted_at or entry.at
        guards.left(entry.message_id, entry.fingerprints, entry.number or 0, at=at)
    else:
        accepted = entry.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
        guards.ended(entry.message_id, accepted=accepted)
