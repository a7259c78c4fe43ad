"""Dead letters as the commands see them: what their headers say, which of them are meant, and what a replay writes.

Rule: nothing of a letter is decoded to list it or to send it back; it may be what ended a process. Headers are
documented in `schemas/DeadLetterHeaders.avsc`. Comes from: `dead_letters`.
"""

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from connector.kafka.clients import Consumer, OutRecord, Partition, Record
from connector.kafka.topics import Topics
from connector.kafka.unpacking import UNPACKING_HEADER

REPLAYED: Final = "dl_replayed"
_OURS: Final = "dl_"
_PLACE: Final = re.compile(r"(?:(\d{1,9}):)?(\d{1,18})")
_POLL: Final = 1.0
_AT_ONCE: Final = 500


class Place(NamedTuple):
    """Where a letter stands in the topic of the dead letters."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """From `PARTITION:OFFSET`, or an offset of partition 0. Raises ValueError."""
        found = _PLACE.fullmatch(text.strip())
        if found is None:
            raise ValueError("is no place; write PARTITION:OFFSET, such as 0:17")
        return cls(int(found[1] or 0), int(found[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the headers of one letter say; times in milliseconds since the epoch. `octets`: its value's length."""

    place: Place
    at: int
    stage: str
    code: str
    reason: str
    topic: str
    partition: int | None
    offset: int | None
    message_id: str | None
    truncated: bool
    whole_batch: bool
    octets: int

    @property
    def why_not(self) -> str | None:
        """Why it cannot be sent back; None where it can."""
        if self.truncated:
            return "it was too large to keep whole: only the head of its value is here"
        if self.whole_batch:
            return "it stands for a whole batch that could not be unpacked, and holds nothing of it"
        return None


def letter_of(record: Record, topics: Topics) -> Letter:
    """What a record of the dead letters says about itself; what is missing counts as unknown."""
    found = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    return Letter(
        place=Place(record.partition, record.offset),
        at=_number(found, "dl_at") or record.timestamp,
        stage=found.get("dl_stage", "unknown"),
        code=found.get("dl_code", "unknown"),
        reason=found.get("dl_reason", ""),
        topic=found.get("dl_topic") or topics.outbound,
        partition=_number(found, "dl_partition"),
        offset=_number(found, "dl_offset"),
        message_id=found.get("dl_message_id"),
        truncated="dl_truncated" in found,
        whole_batch=UNPACKING_HEADER in found,
        octets=len(record.value or b""),
    )


def _number(found: Mapping[str, str], name: str) -> int | None:
    text = found.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters are meant: those at `places` (all where there are none) that every filter fits."""

    places: frozenset[Place] = frozenset()
    stages: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    message_ids: frozenset[str] = frozenset()
    since: int | None = None

    def fits(self, letter: Letter) -> bool:
        """Whether this letter is one of them."""
        return (
            (not self.places or letter.place in self.places)
            and (not self.stages or letter.stage in self.stages)
            and (not self.codes or letter.code in self.codes)
            and (not self.topics or letter.topic in self.topics)
            and (not self.message_ids or letter.message_id in self.message_ids)
            and (self.since is None or letter.at >= self.since)
        )


def replay_of(record: Record, letter: Letter, partitions: Mapping[str, int]) -> OutRecord:
    """The record as it came, for the topic it came from, and the partition while there is one of that number."""
    kept = letter.partition is not None and letter.partition < partitions[letter.topic]
    ours = (REPLAYED, str(letter.place).encode())
    return OutRecord(
        topic=letter.topic,
        value=record.value,
        key=record.key,
        partition=letter.partition if kept else None,
        headers=(*((name, value) for name, value in record.headers if not name.startswith(_OURS)), ours),
    )


async def letters(
    consumer: Consumer, topics: Topics, wanted: Wanted, *, looked_at: Callable[[Letter], None] = lambda _: None
) -> AsyncIterator[tuple[Letter, Record]]:
    """Those that are there now, in order; `looked_at` hears of the others too. Raises `KafkaError`."""
    topic = topics.dead_letters
    count = await consumer.partitions(topic)
    numbers: Collection[int] = {place.partition for place in wanted.places} or range(count)
    places = [Partition(topic, number) for number in sorted(numbers) if number < count]
    if not places:
        return
    consumer.assign(places)
    ends = await consumer.end_offsets(places)
    for place, start in (await _starts(consumer, places, wanted)).items():
        consumer.seek(place, start)
    left = {place for place in places if await consumer.position(place) < ends[place]}
    while left:
        batches = await consumer.getmany(*left, timeout=_POLL, max_records=_AT_ONCE)
        for place, records in batches.items():
            for record in records:
                letter = letter_of(record, topics)
                if record.offset < ends[place]:
                    looked_at(letter)
                    if wanted.fits(letter):
                        yield letter, record
        left = {place for place in left if await consumer.position(place) < ends[place]}


async def _starts(consumer: Consumer, places: Sequence[Partition], wanted: Wanted) -> dict[Partition, int]:
    starts = await consumer.beginning_offsets(places)
    if wanted.places:
        for place in places:
            first = min(each.offset for each in wanted.places if each.partition == place.partition)
            starts[place] = max(starts[place], first)
    elif wanted.since is not None:
        found = await consumer.offsets_for_time(places, wanted.since)
        ends = await consumer.end_offsets(places)
        starts = {place: ends[place] if (at := found[place]) is None else at for place in places}
    return starts
