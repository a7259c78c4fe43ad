"""The collector: what the gateway delivered becomes reports, HLR results and inbound messages.

It reads fetches of `sms.deliveries`, lets `collect_batch` decide, and does what that came to in one order: the events
are durable, then the changelog, then the local tables, then the fetch counts as delivered. A timer does the same for
receipts nobody claimed and messages that lack parts, and sweeps out what has expired. A crash repeats events under the
same ids; it loses none. What the sweep meets whose receipt is overdue is asked for. Next station: the public topics,
the dead letters, or a lane.
"""

import asyncio
import contextlib
import heapq
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from connector import telemetry
from connector.domain.assembling import AssemblyRules
from connector.domain.events import Delivery
from connector.domain.joining import JoinRules
from connector.domain.messages import Lane
from connector.kafka.clients import Admin, OutRecord, Partition, Producer, TopicSpec
from connector.kafka.producer import OVERHEAD_OCTETS
from connector.kafka.records import Codec, RecordError
from connector.kafka.registry import open_registry
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.stages.burial import Burial
from connector.stages.clock import epoch_ms
from connector.stages.collect_batch import Batch
from connector.stages.collect_polls import Outstanding
from connector.stages.collect_rows import RowError, head_of
from connector.stages.collect_settings import CollectSettings
from connector.stages.collect_sheet import STAGE, Desk, TableName, Write
from connector.stages.dead_letters import most_octets, tell
from connector.stages.leaving import producing
from connector.stages.positions import Poll
from connector.stages.readiness import require_topics
from connector.stages.sending import send_durably, send_located
from connector.stages.settings import StageConfig
from connector.stages.tables import StageTable, changelog_name, declare
from connector.stages.worker import NotOurs, StageApp, StageStopped, WorkerSettings, run_worker

MOST_DUES: Final = 200_000
"""Waiting rows whose times are kept in memory: receipts for strangers by the million fill no more than that."""

_TICK_SECONDS: Final = 1.0
# Waiting rows dealt with in one tick; the rest is due in the next.
_DUE_AT_ONCE: Final = 1000
# Items decided before the loop gets a turn: some 5 ms.
_TURN: Final = 64
_HOUR_MS: Final = 3_600_000

Shelf = tuple[TableName, int]
"""One partition of one table."""


def group_of(kafka: KafkaSettings) -> str:
    """The collector's consumer group; its changelog topics are named after it."""
    return f"{kafka.topic_prefix}{STAGE}"


def changelog_specs(kafka: KafkaSettings, collect: CollectSettings) -> list[TopicSpec]:
    """The changelog topics of the collector's tables, to be created with all others."""
    kept = int(collect.retention_hours * _HOUR_MS)
    return [
        TopicSpec(
            name=changelog_name(group_of(kafka), table),
            partitions=kafka.deliveries_partitions,
            replicas=kafka.replication_factor,
            configs={
                "cleanup.policy": "compact,delete",
                "retention.ms": str(kept),
                # As long as rows: a replica that comes back with its old disk must hear of every row that has gone.
                "delete.retention.ms": str(kept),
                "segment.ms": str(max(_HOUR_MS, kept // 6)),
                # A submitted message with as much metadata as an outbound record can hold.
                "max.message.bytes": str(kafka.max_record_bytes + 2 * OVERHEAD_OCTETS),
                "min.insync.replicas": str(kafka.min_insync_replicas or max(1, kafka.replication_factor - 1)),
                "message.timestamp.type": "CreateTime",
            },
        )
        for table in TableName
    ]


async def run_collect(config: StageConfig, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Collect until `stop` is set, then finish the batch under way and commit it.

    `ready` is called once partitions are assigned and tables recovered. Raises `TopicMissing` where topics must be
    created first, `KafkaUnavailable`, `KafkaRefused` or `StageStopped`; whatever was not finished is not committed.
    """
    topics = Topics(config.kafka.topic_prefix)
    group = group_of(config.kafka)
    changelogs = {table: changelog_name(group, table) for table in TableName}
    async with Admin(config.kafka, name=STAGE) as admin:
        outputs = (
            topics.submit_responses,
            topics.delivery_reports,
            topics.hlr_results,
            topics.inbound,
            topics.dead_letters,
        )
        wanted = dict.fromkeys((topics.deliveries, *outputs, *changelogs.values()), 1)
        if any(account.poll_after_minutes is not None for account in config.accounts):
            wanted[topics.lane(Lane.NORMAL)] = len(config.slot_map())
        found = await require_topics(admin, wanted)
        partitions = found[topics.deliveries]
        await require_topics(admin, dict.fromkeys(changelogs.values(), partitions))
    settings = config.collect
    if settings.store == "rocksdb":
        _require_folder(settings.data_dir)
    async with open_registry(config.kafka) as registry, producing(config.kafka, name=STAGE) as producer:
        app = StageApp(
            WorkerSettings(
                group=group,
                kafka=config.kafka,
                batch_records=settings.batch_records,
                commit_seconds=settings.commit_seconds,
                instance_id=settings.instance_id,
                store=f"{settings.store}://",
                data_dir=settings.data_dir,
                standby_replicas=settings.standby_replicas,
            )
        )
        tables = {table: declare(app, table.value, partitions) for table in TableName}
        codec = Codec(registry)
        collector = Collector(config, app, tables, codec, producer, topics, partitions=partitions, epoch_ms=epoch_ms)
        burial = Burial(config.kafka, producer, codec, Delivery, stage=STAGE, epoch_ms=epoch_ms)
        app.handle(topics.deliveries, collector.handle, bury=burial.bury, sift=burial.sift, release=collector.release)
        ticking = asyncio.create_task(collector.tick_for_ever(app), name="collect timers")
        try:
            await run_worker(app, ready=ready, stop=stop, drain_seconds=settings.drain_seconds)
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)


def _require_folder(folder: Path) -> None:
    """Raises `StageStopped` where the tables cannot be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StageStopped(f"collect.data_dir: cannot write to {folder}: {error.strerror}") from error


class Collector:
    """One at a time: a fetch, a tick of the timer, or the release of partitions."""

    def __init__(
        self,
        config: StageConfig,
        app: StageApp,
        tables: Mapping[TableName, StageTable],
        codec: Codec,
        producer: Producer,
        topics: Topics,
        *,
        partitions: int,
        epoch_ms: Callable[[], int],
    ) -> None:
        settings = config.collect
        retention = int(settings.retention_hours * _HOUR_MS)
        self._app = app
        self._tables = tables
        self._codec = codec
        self._producer = producer
        self._topics = topics
        self._epoch_ms = epoch_ms
        self._sweep_keys = settings.sweep_keys
        self._outstanding = Outstanding()
        self._desk = Desk(
            codec=codec,
            topics=topics,
            accounts={account.name: account for account in config.accounts},
            joins=JoinRules(unmatched_after=int(settings.unmatched_after_seconds * 1000), retention=retention),
            assemblies=AssemblyRules(timeout=int(settings.inbound_timeout_seconds * 1000), retention=retention),
            most_octets=most_octets(config.kafka),
            read=lambda place: tables[place.table].shelf.read(place.partition, place.key),
            deliveries_partitions=partitions,
            outstanding=self._outstanding,
        )
        self._lock = asyncio.Lock()
        self._dues: list[tuple[int, int, bytes]] = []
        self._due_at: dict[tuple[int, bytes], int] = {}
        self._walk: list[Shelf] = []
        self._after: bytes | None = None

    async def handle(self, poll: Poll) -> None:
        """Raises `KafkaError` where Kafka refuses what it was given."""
        async with self._lock:
            batch = Batch(self._desk, now_ms=self._epoch_ms())
            turn = 0
            for record in poll.records():
                try:
                    items = self._codec.decode_frame(Delivery, record.value)
                except RecordError as error:
                    batch.take_unreadable(record, error)
                    continue
                for item in items:
                    batch.take(record, item)
                    turn += 1
                    if turn % _TURN == 0:
                        await asyncio.sleep(0)
            await self._finish(batch, poll.assignment)

    async def release(self) -> None:
        """Partitions are about to move: whatever the timer is doing is finished first, and it forgets what it knew."""
        async with self._lock:
            self._dues.clear()
            self._due_at.clear()
            self._outstanding.clear()
            self._walk.clear()
            self._after = None

    async def tick_for_ever(self, app: StageApp) -> None:
        """Runs the timer; a fault in it stops the stage."""
        try:
            while True:
                await asyncio.sleep(_TICK_SECONDS)
                with contextlib.suppress(NotOurs):
                    await self.tick()
        except Exception as error:
            app.fail(error)

    async def tick(self) -> None:
        """Publish what is due, and sweep a bounded number of rows."""
        async with self._lock:
            owned = self._app.owned(self._topics.deliveries)
            if not owned:
                return
            now_ms = self._epoch_ms()
            batch = Batch(self._desk, now_ms=now_ms)
            for partition, key in self._sweep(owned, now_ms):
                batch.poll(partition, key)
            for _ in range(_DUE_AT_ONCE):
                if not self._dues or self._dues[0][0] > now_ms:
                    break
                due_at, partition, key = heapq.heappop(self._dues)
                if self._due_at.get((partition, key)) == due_at:
                    del self._due_at[partition, key]
                    if partition in owned:
                        batch.due(partition, key)
            await self._finish(batch, self._app.assignments)
            telemetry.gauge(telemetry.Metric.RECEIPTS_PARKED, len(self._due_at), stage=STAGE)

    async def _finish(self, batch: Batch, assignment: int) -> None:
        """Make durable what the batch came to. The order is the promise."""
        writes = batch.settle()
        await self._app.require_lease(assignment)
        await send_durably(self._producer, batch.events, stage=STAGE)
        durable = [write for write in writes if write.durable]
        changelog = [
            OutRecord(
                topic=self._tables[place.table].changelog_topic_name,
                partition=place.partition,
                key=place.key,
                value=row,
            )
            for place, row, _ in durable
        ]
        # In the changelog a second writer would overwrite what the first one knows.
        await self._app.require_lease(assignment)
        offsets = await send_located(self._producer, changelog, stage=STAGE)
        if assignment == self._app.assignments:
            # Otherwise the tables belong to somebody else, or are being read back from the changelog.
            self._persist(writes, offsets)
        else:
            raise NotOurs
        self._report(batch)

    def _persist(self, writes: Iterable[Write], offsets: Mapping[Partition, int]) -> None:
        """Into the local stores; `offsets` are those of the last writes in the changelogs."""
        by_shelf: dict[Shelf, dict[bytes, bytes | None]] = {}
        sent: Counter[Shelf] = Counter()
        for (table, partition, key), row, durable in writes:
            by_shelf.setdefault((table, partition), {})[key] = row
            sent[table, partition] += durable
            if table is TableName.WAITING:
                self._remember(partition, key, row)
        for (table, partition), rows in by_shelf.items():
            changelog = Partition(self._tables[table].changelog_topic_name, partition)
            self._tables[table].persist(partition, rows, offsets.get(changelog), sent[table, partition])

    def _remember(self, partition: int, key: bytes, row: bytes | None) -> None:
        """Keep the time at which a waiting row is due; where too many wait, the sweep comes by again."""
        due_at = head_of(row).due_at if row is not None else None
        if due_at is None:
            self._due_at.pop((partition, key), None)
        elif self._due_at.get((partition, key)) != due_at and len(self._dues) < MOST_DUES:
            self._due_at[partition, key] = due_at
            heapq.heappush(self._dues, (due_at, partition, key))

    def _sweep(self, owned: frozenset[int], now_ms: int) -> list[tuple[int, bytes]]:
        """Walk on through the tables: learn what waits (after a start), delete what has expired.

        Returns the messages whose state is to be asked for; they are found by the walk alone, since every message of
        days may be one, and nobody minds a few minutes.
        """
        overdue: list[tuple[int, bytes]] = []
        if not self._walk:
            # Taken from the end: what waits comes before what is only kept.
            self._walk = [(table, partition) for table in TableName for partition in sorted(owned)]
        budget = self._sweep_keys
        while budget > 0 and self._walk:
            table, partition = self._walk[-1]
            rows = self._tables[table].shelf.rows(partition, self._after, budget) if partition in owned else []
            expired: dict[bytes, bytes | None] = {}
            for key, row in rows:
                try:
                    head = head_of(row)
                except RowError:
                    expired[key] = None
                    continue
                if head.due_at is not None and table is TableName.WAITING:
                    self._remember(partition, key, row)
                elif head.expires_at <= now_ms:
                    expired[key] = None
                elif head.due_at is not None and head.due_at <= now_ms:
                    overdue.append((partition, key))
            if expired:
                # The changelog topic forgets them by its own retention.
                self._tables[table].persist(partition, expired)
            if len(rows) < budget:
                self._walk.pop()
                self._after = None
            else:
                self._after = rows[-1].key
            budget -= len(rows)
        return overdue

    def _report(self, batch: Batch) -> None:
        for (account, result), count in batch.receipts.items():
            telemetry.count(telemetry.Metric.RECEIPTS, count, account=account, result=result)
        for account, count in batch.contradictions.items():
            telemetry.count(telemetry.Metric.CONTRADICTIONS, count, account=account)
        for (account, result), count in batch.inbound.items():
            telemetry.count(telemetry.Metric.INBOUND, count, account=account, result=result)
        for code, count in batch.dead.items():
            tell(STAGE, code, count)
