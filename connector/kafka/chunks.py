"""Records that go to one partition, put together: one batch of many costs a fraction of many records.

Rule: records of one partition keep their order. Next station: `producer`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from connector.kafka.partitions import partition_for
from connector.kafka.values import OutRecord

# Large enough for a full frame and some; a larger record travels in a batch of its own.
BATCH_OCTETS: Final = 256 * 1024
# A chunk leaves room for the head of its batch; its parts are counted generously.
_CHUNK_OCTETS: Final = BATCH_OCTETS - 1024
_RECORD_OCTETS: Final = 40
_WORTH_A_BATCH: Final = 16


def chunks(
    records: Iterable[OutRecord], partitions_of: Callable[[str], int | None]
) -> Iterator[tuple[str, int | None, Sequence[OutRecord]]]:
    """(topic, partition, records) with records of one partition together, in their order, where that saves work.

    Few records are better sent one by one, because then they share a batch with those of others.
    """
    whole: dict[tuple[str, int], list[OutRecord]] = {}
    for record in records:
        topic, partition = record.topic, record.partition
        if partition is None:
            count = partitions_of(topic)
            if count is None or record.key is None:
                yield topic, None, [record]
                continue
            partition = partition_for(record.key, count)
        whole.setdefault((topic, partition), []).append(record)
    for (topic, partition), together in whole.items():
        if len(together) < _WORTH_A_BATCH:
            for record in together:
                yield topic, partition, [record]
            continue
        chunk: list[OutRecord] = []
        octets = 0
        for record in together:
            size = _octets(record)
            if chunk and octets + size > _CHUNK_OCTETS:
                yield topic, partition, chunk
                chunk, octets = [], 0
            chunk.append(record)
            octets += size
        yield topic, partition, chunk


def _octets(record: OutRecord) -> int:
    """No fewer than the record takes in a batch."""
    fixed = _RECORD_OCTETS + len(record.value or b"") + len(record.key or b"")
    # A character takes up to four octets.
    return fixed + sum(4 * len(name) + len(value or b"") + 10 for name, value in record.headers)
