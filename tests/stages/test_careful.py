"""Records on their way to a handler: what is marked, committed, sifted and buried, and in which order. No broker."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from connector.kafka.clients import Partition, Record
from connector.stages import careful as careful_room
from connector.stages.careful import Careful
from connector.stages.trials import Mark

PLACE = Partition("t", 0)


def records(*offsets: int) -> list[Record]:
    return [Record("t", 0, offset, 0, None, b"%d" % offset, ()) for offset in offsets]


class Member:
    """A group, a handler and a grave, with one log for all of them."""

    def __init__(self, note: str = "") -> None:
        self.log: list[tuple[str, object]] = []
        self.note = note
        self.end = 0
        self.careful = Careful(self, handle=self.handle, bury=self.bury, sift=self.sift)

    async def notes(self, partitions: Sequence[Partition]) -> Mapping[Partition, str]:
        return dict.fromkeys(partitions, self.note)

    async def mark(self, partition: Partition, offset: int, note: str) -> None:
        self.note = note
        found = Mark.read(note)
        self.log.append(("mark", (found.suspect, found.starts)))

    def passed(self, partition: Partition, end: int) -> None:
        self.end = end

    async def commit(self) -> None:
        self.note = self.careful.note(PLACE)
        self.log.append(("commit", self.end))

    async def handle(self, partition: Partition, taken: Sequence[Record]) -> None:
        self.log.append(("handle", [record.value for record in taken]))

    async def bury(self, record: Record, item: int) -> None:
        self.log.append(("bury", (record.offset, item)))

    def sift(self, record: Record) -> Sequence[Record]:
        return [record._replace(value=b"%d.%d" % (record.offset, item)) for item in range(2)]


async def test_the_first_records_are_marked_and_committed_and_the_next_only_handled() -> None:
    member = Member()
    assert not member.careful.settled([(PLACE, 5)])
    await member.careful.work(PLACE, records(5, 6))
    assert member.careful.settled([(PLACE, 7)])
    await member.careful.work(PLACE, records(7, 8))
    assert member.log == [("mark", (5, 1)), ("handle", [b"5", b"6"]), ("commit", 7), ("handle", [b"7", b"8"])]
    assert member.note == ""


async def test_after_a_crash_each_record_is_handled_alone_and_committed_until_the_last_that_was_in_hand() -> None:
    member = Member("suspect=5 item=-1 starts=1 until=7")
    await member.careful.work(PLACE, records(5, 6, 7, 8))
    assert member.log == [
        *(("mark", (5, 2)), ("handle", [b"5"]), ("commit", 6)),
        *(("mark", (6, 1)), ("handle", [b"6"]), ("commit", 7)),
        ("handle", [b"7", b"8"]),
    ]
    assert member.note == ""


async def test_the_third_time_its_items_are_taken_up_one_by_one() -> None:
    member = Member("suspect=5 item=-1 starts=2 until=6")
    await member.careful.work(PLACE, records(5))
    assert [entry for entry in member.log if entry[0] == "handle"] == [("handle", [b"5.0"]), ("handle", [b"5.1"])]
    assert member.log[-1] == ("commit", 6)


async def test_then_the_item_is_buried_before_anything_is_committed() -> None:
    member = Member("suspect=5 item=1 starts=3 until=6")
    await member.careful.work(PLACE, records(5, 6))
    assert member.log == [("mark", (5, 4)), ("bury", (5, 1)), ("commit", 6), ("handle", [b"6"])]


async def test_a_handler_that_fails_leaves_no_blame() -> None:
    """It stops the stage in order; whatever it was, it did not end the process."""
    member = Member("suspect=5 item=-1 starts=1 until=6")

    async def refuse(partition: Partition, taken: Sequence[Record]) -> None:
        raise ValueError("refused")

    member.careful = Careful(member, handle=refuse, bury=member.bury)
    with pytest.raises(ValueError, match="refused"):
        await member.careful.work(PLACE, records(5))
    assert Mark.read(member.note) == Mark(suspect=5, starts=1, until=6)


async def test_what_waits_for_kafka_for_long_is_let_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three kills while a topic takes nothing are no crashes of the record that waits for it."""
    monkeypatch.setattr(careful_room, "_IN_HAND_SECONDS", 0.0)
    member = Member("suspect=5 item=-1 starts=2 until=6")
    seen: list[str] = []

    async def wait(partition: Partition, taken: Sequence[Record]) -> None:
        while Mark.read(member.note).starts > 2:  # noqa: ASYNC110  # what is watched changes without telling
            await asyncio.sleep(0)
        seen.append(member.note)

    member.careful = Careful(member, handle=wait, bury=member.bury)
    await member.careful.work(PLACE, records(5))
    assert [Mark.read(note) for note in seen] == [Mark(suspect=5, starts=2, until=6)]


async def test_a_rebalance_in_between_leaves_the_rest_to_be_read_again() -> None:
    member = Member("suspect=5 item=-1 starts=1 until=7")

    async def moved(partition: Partition, taken: Sequence[Record]) -> None:
        member.careful.assigned()

    member.careful = Careful(member, handle=moved, bury=member.bury)
    assert not await member.careful.work(PLACE, records(5, 6))
    assert member.log == [("mark", (5, 2))]
