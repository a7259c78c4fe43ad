"""Long messages as they reach the gateway, part by part (gateway.md: "All parts ... within one minute").

Pure; `domain.parts` reads the header, here the parts wait for each other. A message whose parts did not all come in
time is remembered for a while, so that a late part is known for what it is.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from connector.simulator.messages import Message
from connector.simulator.plans import Receipts
from connector.simulator.requests import Request


class GroupKey(NamedTuple):
    """What makes parts belong together; `width` tells references of 8 and 16 bits apart."""

    login: str
    source: str
    destination: str
    width: int
    reference: int
    total: int


@dataclass(slots=True, kw_only=True)
class Group:
    """A long message of which at least one part came: `parts` by their numbers. `messages` is one for all of them, or
    one for each (SINGLE).
    """

    key: GroupKey
    deadline: float
    plan: Receipts
    blocked: bool
    parts: dict[int, Request] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every part came."""
        return len(self.parts) >= self.key.total


class Assembly:
    """The long messages of a gateway that wait for parts, and for a while those whose minute ran out."""

    def __init__(self, *, memory: float) -> None:
        self._memory = memory
        self._open: OrderedDict[GroupKey, Group] = OrderedDict()
        self._expired: OrderedDict[GroupKey, Group] = OrderedDict()

    def waiting(self, key: GroupKey) -> Group | None:
        """The message that this part may join."""
        return self._open.get(key)

    def is_late(self, key: GroupKey, index: int, now: float) -> bool:
        """Whether the part belongs to a message whose minute ran out; a part that came before begins a new message."""
        while self._expired:
            group = next(iter(self._expired.values()))
            if now - group.deadline < self._memory:
                break
            del self._expired[group.key]
        group_or_none = self._expired.get(key)
        if group_or_none is None:
            return False
        if index in group_or_none.parts:
            del self._expired[key]
            return False
        return True

    def begin(self, group: Group) -> None:
        """The first part of a message came; the deadline is never before that of the one begun before it."""
        self._open[group.key] = group

    def finish(self, group: Group) -> None:
        """Every part came."""
        self._open.pop(group.key, None)

    def next_deadline(self) -> float | None:
        """When `overdue` is to be asked next."""
        return next((group.deadline for group in self._open.values()), None)

    def overdue(self, now: float) -> list[Group]:
        """Take the messages whose parts did not all come in time."""
        late: list[Group] = []
        while self._open:
            group = next(iter(self._open.values()))
            if group.deadline > now:
                break
            del self._open[group.key]
            self._expired[group.key] = group
            late.append(group)
        return late
