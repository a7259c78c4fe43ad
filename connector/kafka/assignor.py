"""`sharing` as the group's leader uses it: aiokafka's side of it.

Partitions of one number, over all topics of the group, are a slot and stay together. A member whose group still has
members of an older version speaks `range` with them, which all know; it remembers what it got there too.
Comes from: `consumer`. Next station: `sharing`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from connector.kafka.sharing import Claim, Family, share

_VERSION: Final = 0


class _Memory:
    """What this member held last, under whichever protocol."""

    def __init__(self) -> None:
        self.claim = Claim()

    def assigned(self, assignment: Any, epoch: int) -> None:
        slots = frozenset(number for _, partitions in assignment.assignment for number in partitions)
        self.claim = Claim(epoch=epoch, slots=slots)


class SlotAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """One for each member: aiokafka is given the object, since a class would be shared by all members of a process."""

    name = "slots"

    def __init__(self, family: Family, memory: _Memory) -> None:
        self._family = family
        self._memory = memory

    def metadata(self, topics: Iterable[str]) -> Any:
        """What this member asks to join with."""
        return ConsumerProtocolMemberMetadata(_VERSION, sorted(topics), self._memory.claim.octets)

    def assign(self, cluster: Any, members: Mapping[str, Any]) -> dict[str, Any]:
        """Everybody's partitions; the leader decides."""
        claims = {member: Claim.read(told.user_data or b"") for member, told in members.items()}
        # All members of our groups read the same topics.
        topics = sorted({topic for told in members.values() for topic in told.subscription})
        numbers = {topic: frozenset(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        shares = share(frozenset().union(*numbers.values()), claims, self._family)
        epoch = 1 + max(claim.epoch for claim in claims.values())
        return {
            member: ConsumerProtocolMemberAssignment(
                _VERSION, [(topic, sorted(slots & numbers[topic])) for topic in topics], Claim(epoch=epoch).octets
            )
            for member, slots in shares.items()
        }

    def on_assignment(self, assignment: Any) -> None:
        """Remember it for the next time."""
        self._memory.assigned(assignment, Claim.read(assignment.user_data or b"").epoch)


class _Range(RangePartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """Spoken while some members know nothing else."""

    def __init__(self, memory: _Memory) -> None:
        self._memory = memory

    def on_assignment(self, assignment: Any) -> None:
        # It carries no epoch; one more than the last is younger than anything this member knew.
        self._memory.assigned(assignment, self._memory.claim.epoch + 1)


def assignors(family: Family) -> tuple[Any, ...]:
    """What a member offers, the one it likes best first."""
    memory = _Memory()
    return SlotAssignor(family, memory), _Range(memory)
