"""The group's coordinator: who is a member, which slots it has, and what it may commit.

As Kafka's eager protocol: a change asks everybody to join again; who does not within its time is put out; offsets are
taken from members of the present generation only. Slots are shared out as the RangeAssignor does, so the partitions of
a slot stay together. Next station: `clients`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector.kafka.clients import KafkaUnavailable, Partition, PartitionLost
from tests.simulation.log import Broker
from tests.simulation.loop import Process


@dataclass(slots=True, eq=False, kw_only=True)
class Member:
    """One consumer's membership; `joined` while it waits for the others."""

    name: str
    process: Process
    deadline: float
    joined: "asyncio.Future[int] | None" = None
    answer_until: float = 0.0


class Group:
    """One for a world. `granted` says who was last told that a slot is his, and `committing` may object."""

    def __init__(self, broker: Broker, slots: int, *, session: float, rebalance: float) -> None:
        self.granted: dict[int, tuple[Process, float]] = {}
        self.offsets: dict[Partition, int] = {}
        self.notes: dict[Partition, str] = {}
        self.committing: Callable[[Process, Partition, int], None] = lambda process, place, offset: None
        self.granting: Callable[[int, Process], None] = lambda slot, process: None
        self.generation = 0
        self.loading_until = -1.0
        """Until then the coordinator does not know its members, and believes every heartbeat."""
        self._broker = broker
        self._loop = broker.loop
        self._slots = slots
        self._session = session
        self._rebalance = rebalance
        self._members: dict[str, Member] = {}
        self._preparing = self._forming = False
        self._shares: dict[str, tuple[int, ...]] = {}
        self._named = 0

    def name(self, process: Process) -> str:
        """A name for a new member."""
        self._named += 1
        return f"{process.name}.{self._named}"

    def outage(self, until: float) -> None:
        """The coordinator is away: nobody's session runs out meanwhile, and everybody's begins anew afterwards."""
        for member in self._members.values():
            member.deadline = max(member.deadline, until + self._session)

    # What members ask; each raises PartitionLost where the group has moved on

    def join(self, name: str, process: Process, answer: "asyncio.Future[int]", until: float) -> None:
        """Wait for the others; the answer is the new generation."""
        self._loaded()
        member = self._members.get(name)
        if member is None:
            member = self._members[name] = Member(
                name=name, process=process, deadline=self._loop.time() + self._session
            )
            self._watch(member)
        member.joined, member.answer_until = answer, until
        if not self._preparing:
            self._prepare()
        if not self._forming:
            self._complete_if_all()

    def sync(self, name: str, generation: int) -> tuple[int, ...] | None:
        """The member's slots; None where it has to join again, as the others do."""
        self._loaded()
        member = self._members.get(name)
        if member is not None and (self._preparing or generation != self.generation):
            return None
        member = self._known(name, generation)
        member.deadline = self._loop.time() + self._session
        share = self._shares.get(name, ())
        for slot in share:
            self.granting(slot, member.process)
            self.granted[slot] = (member.process, self._loop.time())
        return share

    def heartbeat(self, name: str, generation: int) -> bool:
        """Whether the member is to join again; raises where it is none any more."""
        if self._loop.time() < self.loading_until:
            return False
        member = self._known(name, generation)
        member.deadline = self._loop.time() + self._session
        return self._preparing

    def commit(
        self, name: str, generation: int, offsets: Mapping[Partition, int], notes: Mapping[Partition, str]
    ) -> None:
        """Keep the offsets, and the notes beside them."""
        self._loaded()
        member = self._known(name, generation)
        for place, offset in offsets.items():
            self.committing(member.process, place, offset)
            self.offsets[place], self.notes[place] = offset, notes.get(place, "")

    def leave(self, name: str) -> None:
        """A member goes of itself."""
        if self._members.pop(name, None) is not None:
            self._prepare()
            self._complete_if_all()

    # The rest

    def _loaded(self) -> None:
        if self._loop.time() < self.loading_until:
            raise KafkaUnavailable("the coordinator is loading")

    def _known(self, name: str, generation: int) -> Member:
        member = self._members.get(name)
        if member is None or generation != self.generation:
            raise PartitionLost("no member of this generation")
        return member

    def _watch(self, member: Member) -> None:
        if self._members.get(member.name) is not member:
            return
        now = self._loop.time()
        if member.joined is not None:
            self._loop.outside(self._session, self._watch, member)
        elif member.deadline > now:
            self._loop.outside(member.deadline - now, self._watch, member)
        else:
            self.leave(member.name)

    def _prepare(self) -> None:
        if self._members and not self._preparing:
            self._preparing = True
            # A moment in which members that start together are waited for.
            self._forming = not self._shares
            self._loop.outside(0.05, self._formed)
            self._loop.outside(self._rebalance, self._put_out, self.generation)

    def _formed(self) -> None:
        self._forming = False
        self._complete_if_all()

    def _put_out(self, generation: int) -> None:
        if self._preparing and generation == self.generation:
            self._members = {name: member for name, member in self._members.items() if member.joined is not None}
            self._complete()

    def _complete_if_all(self) -> None:
        if self._preparing and self._members and all(each.joined is not None for each in self._members.values()):
            self._complete()

    def _complete(self) -> None:
        self._preparing = False
        self.generation += 1
        self._shares = {}
        if not self._members:
            return
        least, over = divmod(self._slots, len(self._members))
        begin = 0
        for place, (name, member) in enumerate(sorted(self._members.items())):
            end = begin + least + (place < over)
            self._shares[name] = tuple(range(begin, end))
            begin = end
            joined, member.joined = member.joined, None
            member.deadline = self._loop.time() + self._session
            self._loop.outside(0.0, self._watch, member)
            assert joined is not None
            self._broker.answer(member.process, joined, self.generation, member.answer_until)
