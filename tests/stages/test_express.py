"""What the express entrance commits when partitions move between two commits."""

from collections.abc import Mapping, Sequence
from typing import cast

from connector.kafka.clients import Consumer, Partition, PartitionLost, Record
from connector.stages.express import Express
from connector.stages.forwarding import Forwarder

FIRST, SECOND = Partition("outbound", 0), Partition("outbound", 1)


class Group:
    """A consumer that owns `ours`."""

    def __init__(self, *ours: Partition) -> None:
        self.ours = set(ours)
        self.committed: dict[Partition, int] = {}

    def assignment(self) -> frozenset[Partition]:
        return frozenset(self.ours)

    async def commit(self, offsets: Mapping[Partition, int], notes: Mapping[Partition, str]) -> None:
        if offsets.keys() - self.ours:
            raise PartitionLost("could not commit: the group has moved on")
        self.committed.update(offsets)


class Nowhere:
    """Forwards nothing."""

    async def forward(self, records: Sequence[Record]) -> None:
        """At once."""

    async def bury(self, record: Record, code: str, reason: str) -> None:
        """Nothing to bury."""


def reader(group: Group) -> Express:
    made = Express(cast(Forwarder, Nowhere()))
    made.serve(cast(Consumer, group))
    return made


async def test_a_partition_that_moved_away_holds_up_no_other_ones_commit() -> None:
    """Broken by: forgetting all positions where one was lost. Without further events they would stay uncommitted, and
    codes be sent again when the ledger has forgotten them."""
    group = Group(FIRST, SECOND)
    express = reader(group)
    express._done = {FIRST: 7, SECOND: 9}
    group.ours.remove(FIRST)
    await express.commit()
    await express.commit()
    assert group.committed == {SECOND: 9}


async def test_what_is_forwarded_is_committed_before_partitions_move() -> None:
    group = Group(FIRST)
    express = reader(group)
    express._done = {FIRST: 7}
    await express.on_revoked([FIRST])
    assert group.committed == {FIRST: 7}
