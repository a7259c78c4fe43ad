"""`sharing` as the group's leader uses it: aiokafka's side of it.

Partitions of one number, over all topics of the group, are a slot and stay together.
Comes from: `consumer`. Next station: `sharing`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from connector.kafka.sharing import Claim, Family, share

_VERSION: Final = 0


class SlotAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """One for each member: aiokafka is given the object, since a class would be shared by all members of a process.

    A member must offer nothing beside it: for every assignor that it has, aiokafka 0.14 sends one more request to join,
    each with a longer list, and each ends the round that the one before had begun. Two such members kept each other
    from ever being done.
    """

    name = "slots"

    def __init__(self, family: Family) -> None:
        self._family = family
        self._claim = Claim()

    def metadata(self, topics: Iterable[str]) -> Any:
        """What this member asks to join with."""
        return ConsumerProtocolMemberMetadata(_VERSION, sorted(topics), self._claim.octets)

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
        slots = frozenset(number for _, partitions in assignment.assignment for number in partitions)
        self._claim = Claim(epoch=Claim.read(assignment.user_data or b"").epoch, slots=slots)
