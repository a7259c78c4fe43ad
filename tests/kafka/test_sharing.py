"""Who owns which slot: each is owned once, all members have the same number, and nothing moves without need."""

from collections import Counter

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from hypothesis import given
from hypothesis import strategies as st

from connector.kafka.assignor import SlotAssignor
from connector.kafka.sharing import Claim, share

MEMBERS = st.lists(st.integers(0, 99).map("m{:02}".format), min_size=1, max_size=8, unique=True)
COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


class Cluster:
    """Three lanes with one partition for each slot."""

    def __init__(self, slots: int, **fewer: int) -> None:
        self.slots = {"urgent": slots, "normal": slots, "bulk": slots, **fewer}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self.slots[topic]))


class Group:
    """Members that join and leave; `family` is by accounts with so many binds each."""

    def __init__(self, binds: list[int], *, asleep: bool = False) -> None:
        """`asleep`: who goes comes back as it went, with what it remembers."""
        self.owners = [account for account, count in enumerate(binds) for _ in range(count)]
        self.cluster = Cluster(len(self.owners))
        self.asleep = asleep
        self.offers: dict[str, SlotAssignor] = {}
        self.held: dict[str, frozenset[int]] = {}

    def family(self, slot: int) -> int | None:
        return self.owners[slot] if slot < len(self.owners) else None

    def rebalance(self, *members: str) -> int:
        """Who is there now; how many slots moved from one living member to another."""
        for name in members:
            self.offers.setdefault(name, SlotAssignor(self.family))
        offers = {name: self.offers[name] for name in members}
        told = {name: offer.metadata(self.cluster.slots) for name, offer in offers.items()}
        told = {name: type(found).decode(found.encode()) for name, found in told.items()}
        leader = offers[members[0]]
        assignment = leader.assign(self.cluster, told)
        before, self.held = self.held, {}
        for name in members:
            given = type(assignment[name]).decode(assignment[name].encode())
            offers[name].on_assignment(given)
            topics = dict(given.assignment)
            numbers = {frozenset(topics[topic]) for topic in topics}
            assert len(numbers) == 1, "the lanes of a slot stay together"
            (self.held[name],) = numbers
        if not self.asleep:
            self.offers = {name: self.offers[name] for name in members}
        return sum(len(before[name] - self.held[name]) for name in members if name in before)

    def is_fair(self) -> bool:
        slots = [slot for held in self.held.values() for slot in held]
        sizes = [len(held) for held in self.held.values()]
        return sorted(slots) == list(range(len(self.owners))) and max(sizes) - min(sizes) <= 1


@given(COUNTS, st.lists(MEMBERS, min_size=1, max_size=6), st.booleans())
def test_every_slot_has_one_owner_and_every_member_as_many_as_the_others(
    binds: list[int], generations: list[list[str]], asleep: bool
) -> None:
    group = Group(binds, asleep=asleep)
    for members in generations:
        group.rebalance(*members)
        assert group.is_fair()


@given(COUNTS, st.lists(MEMBERS, min_size=2, max_size=6))
def test_no_more_moves_than_a_fair_share_needs(binds: list[int], generations: list[list[str]]) -> None:
    """A member gives away only what it has above its share, whoever came or went."""
    group = Group(binds)
    for members in generations:
        kept = sorted((len(group.held.get(name, ())) for name in members), reverse=True)
        least, more = divmod(len(group.owners), len(members))
        needed = sum(max(0, count - least - (rank < more)) for rank, count in enumerate(kept))
        assert group.rebalance(*members) == needed


@given(COUNTS, MEMBERS)
def test_nothing_moves_where_nobody_came_or_went(binds: list[int], members: list[str]) -> None:
    group = Group(binds)
    group.rebalance(*members)
    assert group.rebalance(*reversed(members)) == 0


def test_a_replica_that_joins_takes_its_share_and_no_more() -> None:
    """In ranges half of the others' slots would move as well."""
    group = Group([12])
    group.rebalance("b", "c")
    assert group.rebalance("a", "b", "c") == 4
    ranges = RangePartitionAssignor.assign(group.cluster, {n: RangePartitionAssignor.metadata(["bulk"]) for n in "bc"})
    wider = RangePartitionAssignor.assign(group.cluster, {n: RangePartitionAssignor.metadata(["bulk"]) for n in "abc"})
    held = [{n: set(found[n].assignment[0][1]) for n in "bc"} for found in (ranges, wider)]
    assert sum(len(held[0][n] - held[1][n]) for n in "bc") == 6


def test_an_account_is_spread_over_the_members() -> None:
    group = Group([3, 3, 3])
    group.rebalance("a", "b", "c")
    for held in group.held.values():
        assert Counter(map(group.family, held)) == {0: 1, 1: 1, 2: 1}


def test_what_a_dead_member_leaves_is_spread_too() -> None:
    group = Group([4, 4])
    group.rebalance("a", "b", "c", "d")
    assert group.rebalance("a", "b") == 0
    for held in group.held.values():
        assert Counter(map(group.family, held)) == {0: 2, 1: 2}


def test_an_account_that_is_new_goes_to_all_members() -> None:
    group = Group([2, 2])
    group.rebalance("a", "b")
    group.owners += [2, 2]
    group.cluster.slots = dict.fromkeys(group.cluster.slots, 6)
    assert group.rebalance("a", "b") == 0
    assert [Counter(map(group.family, held))[2] for held in group.held.values()] == [1, 1]


def test_who_slept_through_an_assignment_has_no_claim() -> None:
    """It wakes with its old memory, after others have taken over."""
    claims = {"old": Claim(epoch=3, slots=frozenset({0, 1})), "new": Claim(epoch=4, slots=frozenset({0, 1}))}
    assert share(range(4), claims, lambda slot: "x") == {"new": {0, 1}, "old": {2, 3}}


def test_what_no_account_has_any_more_weighs_nothing() -> None:
    claims = {"a": Claim(), "b": Claim()}
    found = share(range(10), claims, lambda slot: "x" if slot < 2 else None)
    assert [len(found[name] & {0, 1}) for name in "ab"] == [1, 1]


def test_the_order_in_which_members_are_told_does_not_matter() -> None:
    claims = {name: Claim(epoch=1, slots=frozenset({int(name)})) for name in "3120"}
    assert share(range(9), claims, str) == share([*reversed(range(9))], dict(sorted(claims.items())), str)


def test_a_claim_that_cannot_be_read_is_none() -> None:
    for octets in (b"", b"\xff", b"[]", b"{}", b'{"epoch":1,"slots":5}', b"[" * 100_000):
        assert Claim.read(octets) == Claim()
    claim = Claim(epoch=7, slots=frozenset({2, 5}))
    assert Claim.read(claim.octets) == claim


def test_lanes_of_different_length_are_shared_as_far_as_they_go() -> None:
    """The topics are being enlarged, one after the other."""
    cluster = Cluster(2, urgent=3)
    offers = {name: SlotAssignor(lambda slot: "x") for name in "ab"}
    told = {name: offer.metadata(cluster.slots) for name, offer in offers.items()}
    found = offers["a"].assign(cluster, told)
    for topic, numbers in (("urgent", [0, 1, 2]), ("bulk", [0, 1])):
        assert sorted(number for each in found.values() for number in dict(each.assignment)[topic]) == numbers
