"""Which member of a group owns which slot: as few as possible move, and all have the same number of them. Pure.

A slot that moves costs its bind, a login at the gateway and a replay of its ledger, so a member keeps what it has
unless another has too little. Slots of one account that must go somewhere go to different members: a replica that dies
then takes a part of the account with it and not the whole.

Every member claims what it held last, with the epoch of that assignment, which the leader counts up. Of two that claim
one slot the younger epoch wins: the other one slept through an assignment. Comes from: `assignor`.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass

Family = Callable[[int], Hashable]
"""What a slot belongs to (an account); None where it belongs to nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a member held last; epoch 0 where it never held anything."""

    epoch: int = 0
    slots: frozenset[int] = frozenset()

    @property
    def octets(self) -> bytes:
        """As it travels with the member's request to join."""
        return json.dumps({"epoch": self.epoch, "slots": sorted(self.slots)}, separators=(",", ":")).encode()

    @classmethod
    def read(cls, octets: bytes) -> "Claim":
        """From what travelled; an empty claim from what is none."""
        try:
            found = json.loads(octets)
            return cls(epoch=int(found["epoch"]), slots=frozenset(map(int, found["slots"])))
        except (ValueError, TypeError, KeyError, RecursionError):
            return cls()


def share(slots: Collection[int], claims: Mapping[str, Claim], family: Family) -> dict[str, frozenset[int]]:
    """The slots of each member; there is one at the least. Equal arguments give equal shares, in whatever order."""
    kept = _kept(slots, claims)
    found: dict[str, frozenset[int]] = dict.fromkeys(claims, frozenset())
    # What belongs to nothing is nobody's burden: it must not count against what does.
    for part in ([s for s in slots if family(s) is not None], [s for s in slots if family(s) is None]):
        for member, more in _shared(part, {member: held & set(part) for member, held in kept.items()}, family).items():
            found[member] |= more
    return found


def _kept(slots: Collection[int], claims: Mapping[str, Claim]) -> dict[str, set[int]]:
    owner: dict[int, str] = {}
    for member in sorted(claims, key=lambda name: (-claims[name].epoch, name)):
        for slot in claims[member].slots:
            owner.setdefault(slot, member)
    kept: dict[str, set[int]] = {member: set() for member in claims}
    for slot in slots:
        if slot in owner:
            kept[owner[slot]].add(slot)
    return kept


def _shared(slots: Collection[int], kept: Mapping[str, set[int]], family: Family) -> dict[str, set[int]]:
    least, more = divmod(len(slots), len(kept))
    # Those who have most may have one more than the others.
    ranked = sorted(kept, key=lambda member: (-len(kept[member]), member))
    room = {member: least + (rank < more) for rank, member in enumerate(ranked)}
    held = {member: set(kept[member]) for member in kept}
    families = {member: Counter(map(family, mine)) for member, mine in held.items()}
    for member in ranked:
        while len(held[member]) > room[member]:
            # Of the account that it has most of.
            given = max(held[member], key=lambda slot: (families[member][family(slot)], slot))
            held[member].remove(given)
            families[member][family(given)] -= 1
    taken = set().union(*held.values())
    for slot in sorted(set(slots) - taken):
        able = [member for member in ranked if len(held[member]) < room[member]]
        chosen = min(able, key=lambda member: (families[member][family(slot)], len(held[member]), member))
        held[chosen].add(slot)
        families[chosen][family(slot)] += 1
    return held
