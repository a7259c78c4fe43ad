"""The one way to read from Kafka: offsets are committed by hand, and a member of a group knows how old its lease is.

Rule: a stage acts on a partition only between `on_assigned` and `on_revoked`, and only while the lease is younger than
the session time-out; after that the broker may have given the partition to somebody else.
Next station: the stages.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as theirs
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from connector.kafka import unpacking as unpacking
from connector.kafka.assignor import SlotAssignor
from connector.kafka.door import connection, door
from connector.kafka.lease import Lease
from connector.kafka.partitions import Partition
from connector.kafka.settings import KafkaSettings
from connector.kafka.sharing import Family
from connector.kafka.values import Record


class AssignmentListener(Protocol):
    """Told about every change of the assignment, before anything is read from it. Eager: each rebalance takes all
    partitions away and gives some back. Be quick: the whole group waits."""

    async def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """These may be somebody else's from now on. Stop; commit what is finished."""

    async def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """These are ours; reading starts at the committed offset, unless `seek` moves it now."""


class Consumer:
    """Reads records. Make it and use it in one event loop: `await start()`, `getmany`, `commit`, `await stop()`.

    With a group, `topics` are shared out over its members: in ranges, or with a `family` as `sharing` says. Without
    one, `assign` says what to read and nothing is committed. A group without a committed offset starts at the earliest
    record.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str | None = None,
        topics: Sequence[str] = (),
        listener: AssignmentListener | None = None,
        instance_id: str | None = None,
        family: Family | None = None,
        name: str = "consumer",
        max_poll_interval: float = 300.0,
        fetch_max_octets: int = 8 << 20,
        partition_fetch_octets: int = 2 << 20,
        fetch_wait: float = 0.5,
        from_latest: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`instance_id` makes the member static: it keeps its partitions over a restart within the session time-out.

        `max_poll_interval` seconds without a `getmany` end the membership; paused partitions need the calls too.
        """
        if bool(topics) != (group is not None):
            raise ValueError("a group and its topics go together; without them use assign")
        self._topics = tuple(topics)
        self._listener = listener
        self._lease = Lease(clock, settings.session_timeout)
        self._group = group
        self._inner: Any = None
        self._arguments: dict[str, Any] = {
            **connection(settings, name),
            "group_id": group,
            "group_instance_id": instance_id,
            "partition_assignment_strategy": (RangePartitionAssignor if family is None else SlotAssignor(family),),
            "enable_auto_commit": False,
            "auto_offset_reset": "latest" if from_latest else "earliest",
            "session_timeout_ms": int(settings.session_timeout * 1000),
            "heartbeat_interval_ms": int(settings.heartbeat_interval * 1000),
            "rebalance_timeout_ms": int(settings.rebalance_timeout * 1000),
            "max_poll_interval_ms": int(max_poll_interval * 1000),
            "fetch_max_bytes": fetch_max_octets,
            "max_partition_fetch_bytes": partition_fetch_octets,
            "fetch_max_wait_ms": int(fetch_wait * 1000),
        }
        self.session_timeout = settings.session_timeout

    async def start(self) -> None:
        """Connect and, in a group, join it; returns after the first assignment.

        Raises `KafkaUnavailable`, `KafkaRefused`, or `TopicMissing` for a topic that does not exist.
        """
        self._inner = AIOKafkaConsumer(**self._arguments)
        try:
            with door("connect to Kafka"):
                await self._inner.start()
                if self._topics:
                    await self._topics_exist()
                    # Before the first request of the group, so that the lease starts with it.
                    self._lease.watch(self._inner._coordinator)
                    self._inner.subscribe(topics=self._topics, listener=_Listener(self._listener))
                    await self._inner._subscription.wait_for_assignment()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Leave the group (a static member only goes quiet) and close. Commits nothing."""
        inner, self._inner = self._inner, None
        self._lease.end()
        if inner is not None:
            with contextlib.suppress(theirs.KafkaError, OSError, TimeoutError):
                await inner.stop()

    async def __aenter__(self) -> "Consumer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def lease_age(self, now: float) -> float:
        """Seconds since the group's coordinator certainly knew this member alive (`Lease.age`). `now` is the injected
        clock's time (monotonic seconds)."""
        return self._lease.age(now)

    async def getmany(
        self, *partitions: Partition, timeout: float = 0.2, max_records: int | None = None
    ) -> dict[Partition, list[Record]]:
        """Records by partition, in order; empty after `timeout` seconds without any.

        Raises `KafkaRefused` or `KafkaUnavailable` for what went wrong in the background; calling again goes on.
        """
        with door("read"):
            batches = await self._inner.getmany(
                *_theirs(partitions), timeout_ms=int(timeout * 1000), max_records=max_records
            )
        return {
            Partition(*where): [
                Record(item.topic, item.partition, item.offset, item.timestamp, item.key, item.value, item.headers)
                for item in batch
            ]
            for where, batch in batches.items()
        }

    async def commit(
        self, offsets: Mapping[Partition, int], notes: Mapping[Partition, str] = MappingProxyType({})
    ) -> None:
        """Record for the group where to go on: the offset after the last finished record, by partition. `notes` stand
        beside the offsets until the next commit; without one, nothing does.

        Raises `PartitionLost` where the partition is not ours any more, `KafkaUnavailable`.
        """
        if not offsets:
            return
        with door("commit"):
            await self._inner.commit(
                {TopicPartition(*where): (offset, notes.get(where, "")) for where, offset in offsets.items()}
            )

    async def committed(self, partition: Partition) -> int | None:
        """The group's committed offset, None without one. Raises `KafkaUnavailable`."""
        with door("read a committed offset"):
            offset: int | None = await self._inner.committed(TopicPartition(*partition))
        return offset

    async def noted(self, partition: Partition) -> tuple[int, str] | None:
        """The group's committed offset and the note beside it, None without one. Raises `KafkaUnavailable`."""
        where = TopicPartition(*partition)
        with door("read a committed offset"):
            found = (await self._inner._coordinator.fetch_committed_offsets([where])).get(where)
        return None if found is None else (int(found.offset), str(found.metadata or ""))

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has. Raises `TopicMissing` after the request time-out, `KafkaUnavailable`."""
        with door(f"look up {topic}"):
            return len(await self._inner._client._wait_on_metadata(topic))

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Read these, without a group."""
        with door("assign"):
            self._inner.assign(_theirs(partitions))

    def assignment(self) -> frozenset[Partition]:
        """What is read at the moment."""
        return frozenset(Partition(*where) for where in self._inner.assignment())

    def pause(self, *partitions: Partition) -> None:
        """Keep these but return none of their records; go on calling `getmany`."""
        with door("pause"):
            self._inner.pause(*_theirs(partitions))

    def resume(self, *partitions: Partition) -> None:
        """Undo `pause`."""
        with door("resume"):
            self._inner.resume(*_theirs(partitions))

    def paused(self) -> frozenset[Partition]:
        """What is paused at the moment; a rebalance resumes everything."""
        return frozenset(Partition(*where) for where in self._inner.paused())

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from this offset. Raises `PartitionLost` where the partition is not assigned."""
        with door("seek"):
            self._inner.seek(TopicPartition(*partition), offset)

    async def position(self, partition: Partition) -> int:
        """The offset of the next record to be returned. Raises `PartitionLost`, `KafkaUnavailable`."""
        with door("read a position"):
            return int(await self._inner.position(TopicPartition(*partition)))

    async def offsets_for_time(self, partitions: Iterable[Partition], timestamp_ms: int) -> dict[Partition, int | None]:
        """The first offset at or after this time (milliseconds since the epoch), None where all is older."""
        with door("look up offsets"):
            found = await self._inner.offsets_for_times(dict.fromkeys(_theirs(partitions), timestamp_ms))
        return {Partition(*where): None if entry is None else entry.offset for where, entry in found.items()}

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset the next record will get, by partition."""
        with door("look up offsets"):
            found = await self._inner.end_offsets(_theirs(partitions))
        return {Partition(*where): offset for where, offset in found.items()}

    async def beginning_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset of the oldest record that is kept, by partition."""
        with door("look up offsets"):
            found = await self._inner.beginning_offsets(_theirs(partitions))
        return {Partition(*where): offset for where, offset in found.items()}

    def lag(self, partition: Partition) -> int | None:
        """Records between the last one returned and the newest the broker told of; None before the first fetch."""
        where = TopicPartition(*partition)
        state = self._inner._subscription.subscription
        assigned = None if state is None or state.assignment is None else state.assignment
        if assigned is None or where not in assigned.tps:
            return None
        entry = assigned.state_value(where)
        if entry.highwater is None or not entry.has_valid_position:
            return None
        return max(0, int(entry.highwater) - int(entry.position))

    async def _topics_exist(self) -> None:
        for topic in self._topics:
            await self._inner._client._wait_on_metadata(topic)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's side of an `AssignmentListener`."""

    def __init__(self, listener: AssignmentListener | None) -> None:
        self._listener = listener

    async def on_partitions_revoked(self, revoked: Iterable[tuple[str, int]]) -> None:
        if self._listener is not None and revoked:
            await self._listener.on_revoked(_ours(revoked))

    async def on_partitions_assigned(self, assigned: Iterable[tuple[str, int]]) -> None:
        if self._listener is not None:
            await self._listener.on_assigned(_ours(assigned))


def _ours(partitions: Iterable[tuple[str, int]]) -> list[Partition]:
    return sorted(Partition(*where) for where in partitions)


def _theirs(partitions: Iterable[Partition]) -> list[Any]:
    return [TopicPartition(*where) for where in partitions]
