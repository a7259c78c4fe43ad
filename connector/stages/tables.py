"""Tables of a stage: Faust's, with their changelog topics and recovery, but written in batches and by partition.

A batch's writes go to the changelog first and are awaited; then to the local store, and the offset of the last one
with them. So the store never holds what the changelog lacks: after a crash it is brought up to the changelog, the batch
is done again, and nothing is remembered as done that was not. (Faust writes the store at once, the changelog whenever.)

Keys and values are octets. What is deleted because it has expired is deleted here alone: the changelog topic forgets by
its own retention. Next station: `collect`.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import faust
import rocksdict
from faust.stores.base import Store
from faust.stores.rocksdb import Store as RocksStore
from faust.types.tuples import TP
from yarl import URL

from connector.stages.worker import StageStopped

Writes = Mapping[bytes, bytes | None]
"""New values by key; None deletes."""

# For each table and partition. Faust's own defaults (64 MiB buffers, a 2 GiB cache) are meant for one table a process.
_ROCKS_OPTIONS: Final[Mapping[str, int]] = {
    "write_buffer_size": 8 << 20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 << 20,
    "block_cache_size": 16 << 20,
    "bloom_filter_size": 10,
    "max_open_files": 128,
}


class Row(NamedTuple):
    """One key with its value."""

    key: bytes
    value: bytes

    def __repr__(self) -> str:
        # A key may hold a subscriber's number.
        return f"Row(key=<{len(self.key)}>, value=<{len(self.value)}>)"


class Shelf(Protocol):
    """A store as the stages use it: by partition, whatever Faust takes for the current event."""

    def read(self, partition: int, key: bytes) -> bytes | None:
        """The value, None where there is none."""

    def write(self, partition: int, writes: Writes) -> None:
        """All of them, or none if the process dies."""

    def rows(self, partition: int, after: bytes | None, limit: int) -> list[Row]:
        """Some rows in the order of their keys, from the first one after a key; fewer than `limit` at the end."""


class StageTable(faust.Table):  # type: ignore[misc]  # Faust's classes come without types
    """Declare one with `declare`; the worker's app opens, recovers and closes it."""

    def __init__(self, app: faust.App, **options: object) -> None:
        super().__init__(
            app,
            **options,
            key_type=bytes,
            value_type=bytes,
        )

    @property
    def shelf(self) -> Shelf:
        """Its store."""
        shelf: Shelf = self.data
        return shelf

    def persist(self, partition: int, writes: Writes, offset: int | None = None, sent: int = 0) -> None:
        """What is in the changelog, `sent` records up to `offset` (None: not known), goes into the store as well.

        Where another member has written in between, the store has not seen it: it stays known up to there only, and
        the next recovery reads from there on.
        """
        if writes:
            self.shelf.write(partition, writes)
        if offset is None:
            return
        place = TP(self.changelog_topic_name, partition)
        before = self.data.persisted_offset(place)
        if offset == (-1 if before is None else before) + sent:
            self.data.set_persisted_offset(place, offset)

    def send_changelog(self, *arguments: object, **options: object) -> None:
        """Faust's way of writing is closed: it does not wait for the changelog."""
        raise TypeError("write a StageTable through its stage, which sends the changelog first")

    def _new_store_by_url(self, url: str | URL) -> Store:
        cls = _RocksShelf if URL(url).scheme == "rocksdb" else _MemoryShelf
        return cls(
            url,
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            value_type=self.value_type,
            loop=self.loop,
            options=dict(_ROCKS_OPTIONS),
        )


def declare(app: faust.App, name: str, partitions: int) -> StageTable:
    """A table with as many partitions as its source topic; its changelog topic is `{group}-{name}-changelog`."""
    table: StageTable = app.tables.add(StageTable(app, name=name, partitions=partitions, beacon=app.tables.beacon))
    return table


def changelog_name(group: str, table: str) -> str:
    """The topic Faust looks for."""
    return f"{group}-{table}-changelog"


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """RocksDB's errors have no class of their own; what they say names files and no rows."""
    try:
        yield
    except Exception as error:
        raise StageStopped(
            f"collect.data_dir: cannot write to {folder}: {error}; make room or put it on another disk, and start again"
        ) from error


class _RocksShelf(RocksStore):  # type: ignore[misc]  # Faust's classes come without types
    """Faust's RocksDB store, addressed by partition."""

    def read(self, partition: int, key: bytes) -> bytes | None:
        value: bytes | None = self._db_for_partition(partition).get(key)
        return value

    def write(self, partition: int, writes: Writes) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in writes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        with _disk(self.path):
            self._db_for_partition(partition).write(batch)

    def _open_for_partition(self, partition: int) -> object:
        with _disk(self.path):
            return super()._open_for_partition(partition)

    def apply_changelog_batch(self, batch: object, to_key: object, to_value: object) -> None:
        """As Faust's."""
        with _disk(self.path):
            super().apply_changelog_batch(batch, to_key, to_value)

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """As Faust's."""
        with _disk(self.path):
            super().set_persisted_offset(tp, offset)

    def rows(self, partition: int, after: bytes | None, limit: int) -> list[Row]:
        items: Iterator[tuple[bytes, bytes]] = self._db_for_partition(partition).items(from_key=after)
        found = (Row(key, value) for key, value in items if key not in (self.offset_key, after))
        return list(islice(found, limit))

    def revoke_partitions(self, table: object, tps: Iterable[TP]) -> None:
        """Closes them for good: Faust leaves that to the garbage collector, and the next owner finds a lock."""
        for tp in tps:
            if tp.topic == self.table.changelog_topic_name and (db := self._dbs.pop(tp.partition, None)) is not None:
                db.close()

    async def stop(self) -> None:
        for db in self._dbs.values():
            db.close()
        self._dbs.clear()

    def reset_state(self) -> None:
        for db in self._dbs.values():
            db.close()
        self._dbs.clear()
        shutil.rmtree(self.path, ignore_errors=True)


class _MemoryShelf(Store):  # type: ignore[misc]  # Faust's classes come without types
    """A dict for each partition; read back from the changelog at every start."""

    def __post_init__(self) -> None:
        self._partitions: dict[int, dict[bytes, bytes]] = {}
        self._order: dict[int, list[bytes]] = {}

    def read(self, partition: int, key: bytes) -> bytes | None:
        return self._partitions.get(partition, {}).get(key)

    def write(self, partition: int, writes: Writes) -> None:
        rows = self._partitions.setdefault(partition, {})
        for key, value in writes.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value

    def rows(self, partition: int, after: bytes | None, limit: int) -> list[Row]:
        rows = self._partitions.get(partition, {})
        if after is None:
            # Sorted once for each walk; keys that come later are met by the next one.
            self._order[partition] = sorted(rows, reverse=True)
        order = self._order.get(partition, [])
        found: list[Row] = []
        while order and len(found) < limit:
            key = order.pop()
            if (value := rows.get(key)) is not None:
                found.append(Row(key, value))
        return found

    def persisted_offset(self, tp: TP) -> int | None:
        return None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """There is nowhere to keep it."""

    def apply_changelog_batch(self, batch: Iterable[faust.Event], to_key: object, to_value: object) -> None:
        """What recovery read."""
        for event in batch:
            self.write(event.message.partition, {event.message.key: event.message.value})

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forgets what now belongs to others; partitions that come are read from the start."""
        for tp in (*revoked, *newly_assigned):
            if tp.topic == self.table.changelog_topic_name:
                self._partitions.pop(tp.partition, None)
                self._order.pop(tp.partition, None)

    def reset_state(self) -> None:
        self._partitions.clear()
        self._order.clear()

    async def backup_partition(self, *arguments: object, **options: object) -> None:
        """The changelog is the backup."""

    def restore_backup(self, *arguments: object, **options: object) -> None:
        """The changelog is the backup."""
