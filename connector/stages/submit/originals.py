"""The outbound records of the few lane messages that become dead letters: read again, for their keys and headers.

A lane carries an event's value only, since a mailing of a million would pay for headers that nobody asks for.
Comes from: `intake`.
"""

import asyncio
from collections.abc import Callable, Iterable

from connector.domain.events import LaneMessage
from connector.kafka.clients import Consumer, KafkaError, Partition, Record
from connector.kafka.ledger import Source, source_of

_WITHIN = 10.0
"""Seconds for all of a batch; a letter without its headers is better than one that does not come."""


class Originals:
    """`reader` makes a consumer without a group; without one nothing is found."""

    def __init__(self, reader: Callable[[], Consumer] | None) -> None:
        self._reader = reader

    async def find(self, items: Iterable[LaneMessage]) -> dict[Source, Record]:
        """The records that can still be read, by where they stand; what retention has taken is missing."""
        found: dict[Source, Record] = {}
        wanted = sorted({source_of(item) for item in items})
        if self._reader is None or not wanted:
            return found
        try:
            async with asyncio.timeout(_WITHIN), self._reader() as reader:
                for source in wanted:
                    record = await _at(reader, source)
                    if record is not None:
                        found[source] = record
        except (KafkaError, TimeoutError):
            # Not allowed, or Kafka is away: what was found has to do.
            return found
        return found


async def _at(reader: Consumer, source: Source) -> Record | None:
    topic, partition, offset = source
    place = Partition(topic, partition)
    reader.assign([place])
    first = (await reader.beginning_offsets([place]))[place]
    end = (await reader.end_offsets([place]))[place]
    if not first <= offset < end:
        return None
    reader.seek(place, offset)
    while await reader.position(place) <= offset:
        for record in (await reader.getmany(place, timeout=1.0, max_records=1)).get(place, ()):
            return record if record.offset == offset else None
    return None
