"""Inbound parts become messages: in any order, repeated, with parts missing, two messages under one reference.

Parts of one subscriber and reference wait together in assemblies. A part goes to the oldest assembly of its length
that lacks it; one that is there already, octet for octet, is a repeat; one that differs belongs to another message. A
message is published when it is whole, or incomplete when its time is up; if the rest comes after that, it is published
whole as well. A whole one is remembered for a while, so that a late repeat starts nothing.

Times are milliseconds since the epoch; marks are 64-bit digests of the part's content. Next station: `stages.collect`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from connector.domain.events import Delivery
from connector.domain.joining import soonest

# References are 8 bits wide with most senders; more messages than this under one of them at once is no accident.
MOST_ASSEMBLIES: Final = 8
_LATE_TIMES: Final = 6
"""Of the time-out: so long after its first part a message that was told as incomplete still takes a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyRules:
    """How long (ms) an unfinished message waits for its parts, and how long one is remembered."""

    timeout: int
    retention: int


class Told(Enum):
    """What has been published of a message."""

    NOTHING = "nothing"
    INCOMPLETE = "incomplete"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part, counted from 1. `item` is None once the whole message was published."""

    index: int
    mark: int
    item: Delivery | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A message in the making; `parts` in the order of their index."""

    total: int
    parts: tuple[Part, ...]
    first_at: int
    due_at: int | None
    expires_at: int
    told: Told = Told.NOTHING

    @property
    def whole(self) -> bool:
        """Whether every part is here."""
        return len(self.parts) == self.total

    def find(self, index: int) -> Part | None:
        """The part with this index, if it is here."""
        return next((part for part in self.parts if part.index == index), None)


Assemblies = tuple[Assembly, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of a part. `publish`: assemblies to publish now, as they are; None for `assemblies`: a repeat."""

    assemblies: Assemblies | None
    publish: Assemblies = ()


def add_part(
    assemblies: Assemblies, item: Delivery, *, total: int, index: int, mark: int, now_ms: int, rules: AssemblyRules
) -> Added:
    """Put a part where it belongs; `index` is between 1 and `total`."""
    same_length = [(place, assembly) for place, assembly in enumerate(assemblies) if assembly.total == total]
    if any(part.mark == mark for _, assembly in same_length if (part := assembly.find(index)) is not None):
        return Added(assemblies=None)
    part = Part(index=index, mark=mark, item=item)
    # What was told as incomplete takes parts that come late, but none of a message that came days later under the same
    # reference; and a message that is not told yet comes before it.
    open_still = [
        (place, assembly)
        for place, assembly in same_length
        if assembly.told is Told.NOTHING or now_ms - assembly.first_at <= _LATE_TIMES * rules.timeout
    ]
    for place, assembly in sorted(open_still, key=lambda each: each[1].told is not Told.NOTHING):
        if assembly.find(index) is None:
            grown = replace(assembly, parts=tuple(sorted((*assembly.parts, part), key=_by_index)))
            return _settle(assemblies[:place], grown, assemblies[place + 1 :], now_ms, rules)
    fresh = Assembly(
        total=total, parts=(part,), first_at=item.at, due_at=now_ms + rules.timeout, expires_at=now_ms + rules.retention
    )
    if len(assemblies) < MOST_ASSEMBLIES:
        return _settle(assemblies, fresh, (), now_ms, rules)
    # Make room, but tell of what is given up.
    oldest, *rest = assemblies
    added = _settle(tuple(rest), fresh, (), now_ms, rules)
    given_up = (oldest,) if oldest.told is Told.NOTHING else ()
    return replace(added, publish=(*given_up, *added.publish))


def overdue(assemblies: Assemblies, *, now_ms: int) -> tuple[Assemblies, Assemblies]:
    """The assemblies to publish as incomplete now, and all of them afterwards, without those that have expired."""
    publish, kept = [], []
    for assembly in assemblies:
        if assembly.due_at is not None and assembly.due_at <= now_ms:
            publish.append(assembly)
            kept.append(replace(assembly, due_at=None, told=Told.INCOMPLETE))
        elif assembly.expires_at > now_ms:
            kept.append(assembly)
    return tuple(publish), tuple(kept)


def due_at(assemblies: Sequence[Assembly]) -> int | None:
    """When `overdue` has something to do."""
    return soonest(assembly.due_at for assembly in assemblies)


def expires_at(assemblies: Sequence[Assembly]) -> int:
    """When all of them may be forgotten."""
    return max(assembly.expires_at for assembly in assemblies)


def _settle(before: Assemblies, assembly: Assembly, after: Assemblies, now_ms: int, rules: AssemblyRules) -> Added:
    if not assembly.whole:
        return Added(assemblies=(*before, assembly, *after))
    remembered = replace(
        assembly,
        parts=tuple(replace(part, item=None) for part in assembly.parts),
        told=Told.WHOLE,
        due_at=None,
        expires_at=now_ms + rules.timeout,
    )
    return Added(assemblies=(*before, remembered, *after), publish=(assembly,))


def _by_index(part: Part) -> int:
    return part.index
