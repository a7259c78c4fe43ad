"""What the submitter writes to Kafka, and in which order; each call returns when all of it is durable.

Intents come before the bytes; DONE comes before the public outcome, so that after a crash the ledger knows what became
of a message even where the outcome did not get out. Writes are tried again until they succeed: nothing is dropped while
a broker is away, and nothing new starts either, because these calls do not return.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from connector import telemetry
from connector.domain.events import Delivery, LedgerEntry, SubmitResponse
from connector.kafka.clients import OutRecord, Producer, partition_for
from connector.kafka.events import event_headers
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.stages.sending import LeaseLost, send_durably
from connector.stages.submit.outcomes import done, intent, losses, polls, response, submissions
from connector.stages.submit.slot import Slot
from connector.stages.submit.work import Work


class Journal:
    """Writes for all slots of one submitter through one producer."""

    def __init__(
        self,
        producer: Producer,
        codec: Codec,
        topics: Topics,
        *,
        deliveries_partitions: int,
        clock: Callable[[], float],
        epoch_ms: Callable[[], int],
    ) -> None:
        self._producer = producer
        self._codec = codec
        self._topics = topics
        self._deliveries_partitions = deliveries_partitions
        self._clock = clock
        self._epoch_ms = epoch_ms
        self.allowed: Callable[[], bool] = lambda: True
        self.owns: Callable[[Slot], bool] = lambda slot: True
        """Whether the lease holds, and a slot is still ours: what is not written by then is the next owner's to
        decide."""

    async def intents(self, works: Sequence[tuple[Slot, Work]]) -> None:
        """INTENT of each work; when it returns they are covered, and their bytes may go. Raises `LeaseLost`."""
        now_ms = self._epoch_ms()
        entries = [(slot, intent(work, now_ms)) for slot, work in works]
        hosts = [work.intent_host for _, work in works]
        await self._note(entries, "intent")
        for (_, work), host in zip(works, hosts, strict=True):
            # Where the bind went elsewhere meanwhile, another intent is on its way.
            work.covered = work.covered or work.intent_host == host

    async def outcomes(self, works: Sequence[tuple[Slot, Work]]) -> None:
        """DONE of each work, then its public outcome and what its receipts will be joined with. Raises `LeaseLost`.

        A DONE that was durable only when the lease was over may have come too late for the next owner, who then tells
        an outcome of its own: nothing is published here, and the works stay as they are.
        """
        now_ms = self._epoch_ms()
        entries = [(slot, done(work, now_ms)) for slot, work in works if not work.recorded]
        await self._note(entries, "done")
        if not self.allowed():
            raise LeaseLost
        works = [(slot, work) for slot, work in works if self.owns(slot)]
        records: list[OutRecord] = []
        joins: list[Delivery] = []
        for slot, work in works:
            told = self._outcome(slot, work, now_ms)
            # A query of the collector's own is nobody's event.
            if work.item.source_topic != self._topics.deliveries:
                records.append(told)
            if work.ancillary:
                joins += polls(work, slot.account)
            else:
                joins += submissions(work, slot.account, now_ms, slot.learned)
                joins += losses(work, slot.account, now_ms, told.value or b"")
        records.extend(self._delivery_records(joins))
        await self._write(records)
        for slot, work in works:
            slot.published(work)

    async def deliveries(self, items: Sequence[Delivery]) -> None:
        """What the gateway delivered; returns when it may be acknowledged."""
        await self._write(self._delivery_records(items))

    async def renew(self, slots: Iterable[Slot]) -> None:
        """Cancellations that wait for their message are written again before a replay would no longer find them."""
        now_ms = self._epoch_ms()
        await self._note([(slot, note) for slot in slots for note in slot.ledger.stale_notes(now_ms)], "note")

    async def plain(self, records: Sequence[OutRecord]) -> None:
        """Dead letters and strays, as they are."""
        await self._write(records)

    def _outcome(self, slot: Slot, work: Work, now_ms: int) -> OutRecord:
        event: SubmitResponse = response(work, slot.account, now_ms)
        return OutRecord(
            topic=self._topics.submit_responses,
            value=self._codec.encode(event),
            key=event.message_id.encode(),
            headers=tuple(event_headers(event, traceparent=work.traceparent, tracestate=work.item.tracestate)),
        )

    def _ledger_records(self, entries: Iterable[tuple[Slot, LedgerEntry]]) -> list[OutRecord]:
        by_slot: dict[int, list[LedgerEntry]] = defaultdict(list)
        for slot, entry in entries:
            by_slot[slot.number].append(entry)
        return [
            OutRecord(topic=self._topics.ledger, value=value, partition=number)
            for number, items in by_slot.items()
            for value in self._codec.frames(items)
        ]

    def _delivery_records(self, items: Iterable[Delivery]) -> list[OutRecord]:
        by_partition: dict[int, list[Delivery]] = defaultdict(list)
        for item in items:
            by_partition[partition_for(item.key.encode(), self._deliveries_partitions)].append(item)
        return [
            OutRecord(topic=self._topics.deliveries, value=value, partition=partition)
            for partition, group in by_partition.items()
            for value in self._codec.frames(group)
        ]

    async def _note(self, entries: Sequence[tuple[Slot, LedgerEntry]], kind: str) -> None:
        """Ledger entries: durable first, in the slots' memory then."""
        if not entries:
            return
        began = self._clock()
        await send_durably(self._producer, self._ledger_records(entries), stage="submit", allowed=self.allowed)
        telemetry.record(telemetry.Metric.LEDGER_LATENCY, self._clock() - began, type=kind)
        telemetry.count(telemetry.Metric.LEDGER_WRITES, len(entries), type=kind)
        for slot, entry in entries:
            slot.ledger.note(entry)

    async def _write(self, records: Sequence[OutRecord]) -> None:
        await send_durably(self._producer, records, stage="submit")
