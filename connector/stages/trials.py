"""Which record ends the process that holds it: found by counting, in a place that outlives the process. Pure.

A process that dies by a signal, or for want of memory, tells nobody why, and its successor begins with the same
records. So a stage writes a mark beside the committed offset of its group before it takes up the first records of an
assignment, and the next commit clears it. Whoever finds a mark at its start knows that records were taken up and never
finished, and goes through those one by one, each under a mark of its own. The third process to end with the same record
in its hand is the last: the record goes to the dead letters unread. Where a record holds many items, the third process
takes them up one by one, so that only the one at fault is set aside.

What counts is the same record, taken up each time and never put down; of records taken up together it is the first. An
orderly end takes its mark back. A kill -9 counts as a crash, so three of them that all fall into the handling of one
record, with nothing finished in between, make it poison; a record alone takes milliseconds, and one that waits longer
for Kafka than `careful` allows is let off.

Comes from: `careful` and the submitter's `lanes`, which write and read the marks.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

CRASHES: Final = 3
"""So many processes may end with a record in hand; the next one does not read it."""

POISON: Final = "poison"
"""The code of such a dead letter."""

REASON: Final = f"{CRASHES} processes in a row ended while they held this record; it was not read again"

_FORM: Final = re.compile(r"suspect=(-?\d{1,19}) item=(-?\d{1,9}) starts=(\d{1,9}) until=(\d{1,19})")
_NOBODY: Final = -1
WHOLE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What stands beside a committed offset. `suspect`: the record in hand, with `starts` processes that took it up
    and never put it down, the last one while it held this `item` of it. Records before `until` are handled one by
    one."""

    suspect: int = _NOBODY
    item: int = WHOLE
    starts: int = 0
    until: int = 0

    @property
    def text(self) -> str:
        """As it is committed; nothing where nothing is suspected."""
        if self.suspect == _NOBODY and not self.until:
            return ""
        return f"suspect={self.suspect} item={self.item} starts={self.starts} until={self.until}"

    @classmethod
    def read(cls, text: str) -> "Mark":
        """A mark from what was committed; whatever another program wrote there is none."""
        found = _FORM.fullmatch(text)
        if found is None:
            return cls()
        suspect, item, starts, until = map(int, found.groups())
        return cls(suspect=suspect, item=item, starts=starts, until=until)


class Verdict(Enum):
    """TAKE: handle it. SIFT: if it holds several items, take up one after the other. BURY: it, or its `item`, goes to
    the dead letters unread."""

    TAKE = auto()
    SIFT = auto()
    BURY = auto()


class Trial:
    """One partition since it was assigned."""

    def __init__(self, note: str) -> None:
        """`note` is what stands beside the committed offset."""
        found = Mark.read(note)
        self._suspect, self._starts, self._until = found.suspect, found.starts, found.until
        self._item = found.item
        self._reach = 0
        self._held: Mark | None = None
        self._proven = False

    @property
    def proven(self) -> bool:
        """Whether something was committed since the assignment: what was taken up first does not kill."""
        return self._proven

    @property
    def holding(self) -> bool:
        """Whether records are in hand, as far as the mark says."""
        return self._held is not None

    def careful(self, offset: int) -> bool:
        """Whether this record is to be handled alone, under a mark of its own."""
        return offset < self._until

    def watches(self, offset: int) -> bool:
        """Whether a mark is needed before records from here on are taken up."""
        return not self._proven or self.careful(offset)

    def verdict(self, offset: int) -> Verdict:
        """What to do with a record that is about to be taken up alone."""
        if offset != self._suspect or self._starts < CRASHES - 1:
            return Verdict.TAKE
        return Verdict.BURY if self._starts >= CRASHES else Verdict.SIFT

    @property
    def item(self) -> int:
        """Which item of the record that is to be buried it is; `WHOLE` where that did not come out."""
        return self._item

    def begin(self, offset: int, end: int) -> bool:
        """The records from `offset` up to `end` are about to be taken up: commit `note` first. False where it need not
        be, since the mark says as much already."""
        if self._held is not None and end <= self._reach:
            return False
        if self._held is None:
            known = offset == self._suspect
            starts, item = (self._starts, self._item) if known else (0, WHOLE)
            self._held = Mark(suspect=offset, item=item, starts=starts + 1)
        self._reach = max(self._reach, end)
        return True

    def sift(self, item: int) -> None:
        """Of the record in hand, this item is about to be taken up: commit `note` first."""
        assert self._held is not None, "a record is taken up before its items"
        self._held = replace(self._held, item=item)

    def passed(self) -> None:
        """What was in hand did no harm; whether it is finished is another matter."""
        if self._held is not None and self._held.suspect == self._suspect:
            self._acquit()
        self._held = None

    def give_back(self) -> None:
        """What was in hand is left as it was, by an orderly end or for waiting too long: nobody is to blame for it."""
        self._held = None

    def finished(self, end: int) -> None:
        """Everything before `end` is finished, and is being committed."""
        self._proven = True
        if self._held is None or self._held.suspect < end:
            self._held = None
            self._reach = 0
        if self._suspect < end:
            self._acquit()
        if self._until <= end:
            self._until = 0

    @property
    def note(self) -> str:
        """What to commit beside the offset now."""
        if self._held is not None:
            return replace(self._held, until=max(self._until, self._reach)).text
        return Mark(suspect=self._suspect, item=self._item, starts=self._starts, until=self._until).text

    def _acquit(self) -> None:
        self._suspect, self._item, self._starts = _NOBODY, WHOLE, 0
