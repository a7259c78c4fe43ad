"""Both stores behind a stage's table keep one contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faust.types.tuples import TP

from connector.kafka.settings import KafkaSettings
from connector.stages.tables import Shelf, StageTable, changelog_name, declare
from connector.stages.worker import StageApp, WorkerSettings


def table_in(folder: Path, store: str) -> StageTable:
    app = StageApp(
        WorkerSettings(
            group="g", kafka=KafkaSettings(), batch_records=1, commit_seconds=1, store=f"{store}://", data_dir=folder
        )
    )
    table = declare(app, "things", 4)
    app.conf.tabledir.mkdir(parents=True, exist_ok=True)
    return table


@pytest.fixture(params=["rocksdb", "memory"])
async def table(request: pytest.FixtureRequest, tmp_path: Path) -> StageTable:
    return table_in(tmp_path, request.param)


def walk(shelf: Shelf, partition: int, limit: int) -> Iterator[bytes]:
    after = None
    while True:
        rows = shelf.rows(partition, after, limit)
        yield from (row.key for row in rows)
        if len(rows) < limit:
            return
        after = rows[-1].key


async def test_what_is_written_is_read_in_its_partition_alone(table: StageTable) -> None:
    table.persist(1, {b"a": b"1", b"b": b"2"}, 7, 2)
    assert table.shelf.read(1, b"a") == b"1"
    assert table.shelf.read(2, b"a") is None
    table.persist(1, {b"a": None, b"b": b"3"})
    assert table.shelf.read(1, b"a") is None
    assert table.shelf.read(1, b"b") == b"3"
    await table.data.stop()


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 11, 100])
async def test_a_walk_meets_every_row_once(table: StageTable, limit: int) -> None:
    keys = [b"%02d" % number for number in range(10)]
    table.persist(0, dict.fromkeys(reversed(keys), b"x"))
    table.persist(1, {b"other": b"x"})
    assert list(walk(table.shelf, 0, limit)) == keys
    assert list(walk(table.shelf, 3, limit)) == []
    await table.data.stop()


async def test_a_walk_may_delete_as_it_goes(table: StageTable) -> None:
    table.persist(0, {b"%02d" % number: b"x" for number in range(10)})
    met, after = [], None
    while rows := table.shelf.rows(0, after, 3):
        met += [row.key for row in rows]
        after = rows[-1].key
        table.persist(0, dict.fromkeys([row.key for row in rows], None))
    assert len(met) == 10
    assert table.shelf.rows(0, None, 10) == []
    await table.data.stop()


async def test_rocksdb_remembers_rows_and_offset(tmp_path: Path) -> None:
    table = table_in(tmp_path, "rocksdb")
    tp = TP(table.changelog_topic_name, 2)
    assert table.persisted_offset(tp) is None
    table.persist(2, {b"a": b"1"}, 0, 1)
    table.persist(2, {b"a": b"1"}, 4, 4)
    await table.data.stop()
    again = table_in(tmp_path, "rocksdb")
    assert again.persisted_offset(tp) == 4
    assert again.shelf.read(2, b"a") == b"1"
    assert [row.key for row in again.shelf.rows(2, None, 10)] == [b"a"]
    await again.data.stop()


async def test_what_another_member_wrote_in_between_is_read_again_at_the_next_recovery(tmp_path: Path) -> None:
    """Broken by: taking the store for complete up to one's own last record. A process that stood still and was put out
    of its group wrote behind what the new owner had written, got the partition back, and never read it."""
    table = table_in(tmp_path, "rocksdb")
    tp = TP(table.changelog_topic_name, 2)
    table.persist(2, {b"a": b"1"}, 1, 2)
    table.persist(2, {b"b": b"2"}, 5, 2)
    assert table.persisted_offset(tp) == 1
    table.persist(2, {b"c": b"3"}, 6, 1)
    assert table.persisted_offset(tp) == 1, "and what follows does not hide it"
    assert table.shelf.read(2, b"b") == b"2"
    await table.data.stop()


async def test_a_partition_that_moves_away_is_let_go(tmp_path: Path) -> None:
    """Its lock too: the next owner may be a process on the same disk."""
    table = table_in(tmp_path, "rocksdb")
    table.persist(2, {b"a": b"1"}, 0, 1)
    table.data.revoke_partitions(table, {TP(table.changelog_topic_name, 2)})
    other = table_in(tmp_path, "rocksdb")
    assert other.shelf.read(2, b"a") == b"1"
    await other.data.stop()


async def test_fausts_own_way_of_writing_is_closed(table: StageTable) -> None:
    with pytest.raises(TypeError, match="changelog first"):
        table.send_changelog(0, b"a", b"1")
    await table.data.stop()


async def test_the_changelogs_name_is_the_one_faust_looks_for(table: StageTable) -> None:
    assert table.changelog_topic_name == changelog_name("g", "things")
    await table.data.stop()
