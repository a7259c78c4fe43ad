"""One lane of a slot in memory: messages that are not begun, parts of begun ones, and messages that a guard holds.

The rule: begun before new, and each in its order, whatever comes back; what is held stands in nobody's way. Pure.
Next station: `slot`, which asks for what may go.
"""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush

from connector.stages.submit.work import Part, PartState, Work

PARTS_WITHIN_MS = 55_000
"""All parts must reach the gateway within a minute (gateway.md); a message that cannot make it is given up before."""

PRESSING_MS = 10_000
"""So long before its minute is over, at the latest, a begun message goes ahead of all others."""


class LaneQueue:
    """Works are in `fresh` or `held` until they are begun; then their waiting parts are in `begun`."""

    __slots__ = ("_held", "begun", "fresh")

    def __init__(self) -> None:
        self.fresh: deque[Work] = deque()
        self.begun: deque[Part] = deque()
        self._held: list[tuple[int, int, Work]] = []

    def __len__(self) -> int:
        """Messages that are not begun."""
        return len(self.fresh) + len(self._held)

    def waiting(self, begin: bool) -> bool:
        """Whether a part could go; `begin`: or a message of which none has gone."""
        return bool(self.begun or (begin and self.fresh))

    @property
    def held(self) -> int:
        """How many of them a guard holds."""
        return len(self._held)

    def pressing(self, *, now_ms: int, rate: float) -> bool:
        """Whether the next part belongs to a message whose minute will be over soon: `rate` PDUs a second are just
        enough for the parts it still has, twice, and some seconds."""
        if not self.begun or len(self.begun[0].work.parts) == 1 or self.begun[0].work.ancillary:
            return False
        work = self.begun[0].work
        if self.begun[0].not_before > now_ms:
            return False
        left = sum(part.state is PartState.WAITING for part in work.parts)
        over = (work.submitted_at or now_ms) + PARTS_WITHIN_MS
        return now_ms >= over - PRESSING_MS - int(2_000 * left / rate)

    def works(self) -> Iterator[Work]:
        """The messages that are not begun."""
        yield from self.fresh
        for _, _, work in self._held:
            yield work

    def hold(self, work: Work, until: int) -> None:
        """Keep a message aside until then (epoch ms)."""
        heappush(self._held, (until, work.order, work))

    def release(self, now_ms: int) -> None:
        """What was held until now stands at the head again, in its order."""
        due = []
        while self._held and self._held[0][0] <= now_ms:
            due.append(heappop(self._held)[2])
        self.fresh.extendleft(sorted(due, key=lambda work: work.order, reverse=True))

    def clock_put_back(self, by_ms: int) -> None:
        """The wall clock went back: what is held stays so no longer than before."""
        self._held = [(until - by_ms, order, work) for until, order, work in self._held]

    def begin(self, rest: list[Part]) -> None:
        """The first part of a message goes now, and these follow it."""
        self.begun.extendleft(reversed(rest))

    def put_back(self, part: Part) -> None:
        """To its old place among what was begun: answers come in any order, messages keep theirs."""
        place = (part.work.order, part.index)
        ahead = next(
            (at for at, other in enumerate(self.begun) if (other.work.order, other.index) > place), len(self.begun)
        )
        self.begun.insert(ahead, part)

    def keep(self, unsettled: bool = True) -> None:
        """Drop the messages that have their outcome (all of them where `unsettled` is False)."""
        self.fresh = deque(work for work in self.fresh if unsettled and work.unsettled)
        self._held = [entry for entry in self._held if unsettled and entry[2].unsettled]
        self._held.sort(key=lambda entry: entry[:2])
