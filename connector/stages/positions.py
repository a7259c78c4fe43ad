"""Which records of a topic a stage has taken, and which of them may be committed. Pure.

Rule: a position is committed only when the stage has said that everything before it is delivered, and never across
records that were fetched but did not reach the stage. Faust's own bookkeeping cannot promise that: it acknowledges what
a failed or cancelled agent left behind, and its buffers are emptied when partitions move. So every slice remembers
where the one before it ended, and a slice that does not continue what was delivered is noticed.

Comes from: `worker`, which fetches. Next station: the handler of a stage, then the group's committed positions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from connector.kafka.partitions import Partition
from connector.kafka.values import Record


class Slice(NamedTuple):
    """Records of one partition, as they were fetched together. `after` is where the slice fetched before it ended,
    None for the first one since the partition was assigned; `end` is the offset after the last record."""

    partition: Partition
    after: int | None
    end: int
    records: Sequence[Record]


class Poll(NamedTuple):
    """What one fetch brought, from any number of partitions; `assignment` is the member's number for the assignment
    that it was fetched in."""

    assignment: int
    slices: tuple[Slice, ...]

    def records(self) -> Iterable[Record]:
        """All records, partition by partition, in order within each."""
        for piece in self.slices:
            yield from piece.records


class Positions:
    """The positions of one group member."""

    def __init__(self) -> None:
        self._fetched: dict[Partition, int] = {}
        self._delivered: dict[Partition, int] = {}

    def assigned(self) -> None:
        """The group assigned partitions anew: what was fetched before is void."""
        self._fetched.clear()
        self._delivered.clear()

    def sought(self, positions: Mapping[Partition, int | None]) -> None:
        """Reading continues at these committed positions (None: there is none yet)."""
        for partition, offset in positions.items():
            if offset is not None and offset >= 0:
                self._delivered[partition] = max(offset, self._delivered.get(partition, 0))

    def fetched(self, partition: Partition, records: Sequence[Record]) -> Slice:
        """The slice for these records (one or more), chained to the one before it."""
        end = records[-1].offset + 1
        after = self._fetched.get(partition)
        self._fetched[partition] = end
        return Slice(partition, after, end, records)

    def continues(self, poll: Poll) -> bool:
        """Whether every slice follows on what was delivered, or repeats some of it. If not, records went astray and
        the stage must stop without committing; it finds them again after a restart."""
        for piece in poll.slices:
            delivered = self._delivered.get(piece.partition)
            if piece.after is None or piece.after == delivered:
                continue
            if delivered is None or piece.records[0].offset > delivered:
                return False
        return True

    def delivered(self, poll: Poll) -> None:
        """The stage has done all it must do with these records."""
        for piece in poll.slices:
            self.passed(piece.partition, piece.end)

    def passed(self, partition: Partition, end: int) -> None:
        """The stage has done all it must do with what comes before `end`."""
        self._delivered[partition] = max(end, self._delivered.get(partition, 0))

    def committable(self) -> dict[Partition, int]:
        """The offset of the first record that is not delivered, for each partition where that is known."""
        return dict(self._delivered)
