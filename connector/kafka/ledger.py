"""What a slot remembers of its submits: the pure half of `sms.ledger`.

The submitter writes an INTENT before the bytes leave and a DONE before the outcome is published. On assignment the
entries are replayed here, and from then on `standing` answers, for each lane message, whether it is new, a copy of one
that is settled, a repeat under the same id from another event, or an intent whose outcome nobody knows. It also
remembers under which ids the gateway knows a message, and the cancellations that came ahead of theirs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from connector.domain.events import LaneMessage, LedgerEntry, LedgerType, Outcome
from connector.domain.messages import Action

Source = tuple[str, int, int]
"""Topic, partition and offset of the outbound event."""

NOTED_FOR_MS = 72 * 3_600_000
"""How long a cancellation waits for its message: as long as a lane may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """Never seen within the ledger's memory: submit it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The same event, done and published: drop it without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpublished:
    """The same event, done, but a crash may have come before the outcome's publication: publish it (again)."""

    entry: LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Another event under an id that is already taken: report it as a duplicate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An intent without an outcome: the unknown-outcome policy decides."""

    entry: LedgerEntry


class Memo(NamedTuple):
    """What is remembered of an id. `outcome` is None while it is not done; `gateway_ids` without repeats."""

    source: Source
    outcome: str | None = None
    gateway_ids: tuple[str, ...] = ()
    parts: int = 0
    coding: str | None = None


Standing = New | Settled | Unpublished | Repeated | Open

NEW = New()
SETTLED = Settled()
REPEATED = Repeated()


class Ledger:
    """The memory of one slot. Ids are forgotten after one to two times `memory_ms`, intents when they are done."""

    def __init__(self, *, memory_ms: int) -> None:
        self._memory_ms = memory_ms
        self._open: dict[str, LedgerEntry] = {}
        self._unpublished: dict[str, LedgerEntry] = {}
        self._young: dict[str, Memo] = {}
        self._old: dict[str, Memo] = {}
        self._noted: dict[str, LedgerEntry] = {}
        self._repeats: set[Source] = set()
        self._old_repeats: set[Source] = set()
        self._turned_at: int | None = None

    @property
    def open_intents(self) -> int:
        """How many intents wait for their outcome."""
        return len(self._open)

    def replay(self, entries: Iterable[LedgerEntry], *, committed: dict[str, int]) -> None:
        """Takes in what the topic holds, oldest first.

        `committed`: per lane the offset from which its records will be read again; a DONE below it was published.
        """
        for entry in entries:
            self.note(entry)
            if entry.type is LedgerType.DONE and entry.lane_offset < committed.get(entry.lane, 0):
                self.published(entry.message_id)

    def note(self, entry: LedgerEntry) -> None:
        """An entry that is durable now."""
        self._turn(entry.at)
        if entry.reason == REPEATED_ID:
            # The id stays that of the event which had it first.
            self._repeats.add(source_of(entry))
            return
        memo = Memo(source_of(entry))
        known = self.recall(entry.message_id)
        if entry.type is LedgerType.INTENT:
            if known is not None and known.source == memo.source and entry.message_id not in self._open:
                # Done already: a process that had lost the slot wrote this late. It opens nothing again.
                return
            self._young[entry.message_id] = memo
            self._open[entry.message_id] = entry
            return
        settled = known is not None and known.source == memo.source and known.outcome is not None
        if settled and not entry.correction and not is_note(entry):
            # A second outcome, by a process that had lost the slot: the first one stands.
            return
        ids = tuple(dict.fromkeys(name for name in entry.part_message_ids if name))
        self._young[entry.message_id] = memo._replace(
            outcome=entry.outcome, gateway_ids=ids, parts=len(entry.part_message_ids), coding=entry.coding
        )
        self._open.pop(entry.message_id, None)
        if is_note(entry):
            assert entry.target_id is not None, "a note has a target"
            again = entry.target_id in self._noted
            self._noted[entry.target_id] = entry
            if again:
                return  # written again to be found again: its outcome is out
        self._unpublished[entry.message_id] = entry
        self._noted.pop(entry.message_id, None)

    def published(self, message_id: str) -> None:
        """The outcome of a DONE is durable on the public topic."""
        self._unpublished.pop(message_id, None)

    def recall(self, message_id: str) -> Memo | None:
        """What is remembered of an id; None where it was never seen, or is forgotten."""
        return self._young.get(message_id) or self._old.get(message_id)

    def intent(self, message_id: str) -> LedgerEntry | None:
        """The intent of this id that waits for its outcome."""
        return self._open.get(message_id)

    def is_cancelled(self, message_id: str) -> bool:
        """Whether a cancellation came ahead of this message."""
        return message_id in self._noted

    def stale_notes(self, now_ms: int) -> list[LedgerEntry]:
        """The cancellations still waiting for their message that a replay would soon not find: write them again.

        Those that have waited for `NOTED_FOR_MS` are forgotten.
        """
        over = [name for name, note in self._noted.items() if now_ms - (note.submitted_at or note.at) > NOTED_FOR_MS]
        for name in over:
            del self._noted[name]
        return [replace(note, at=now_ms) for note in self._noted.values() if now_ms - note.at > self._memory_ms // 2]

    def standing(self, message: LaneMessage) -> Standing:
        """What is known of a lane message before anything is done about it."""
        if source_of(message) in self._repeats or source_of(message) in self._old_repeats:
            return REPEATED
        known = self.recall(message.message_id)
        if known is None:
            return NEW
        if known.source != source_of(message):
            return REPEATED
        intent = self._open.get(message.message_id)
        if intent is not None:
            return Open(entry=intent)
        done = self._unpublished.get(message.message_id)
        return Unpublished(entry=done) if done is not None else SETTLED

    def _turn(self, at: int) -> None:
        """Two generations: the older one is dropped whole, so forgetting costs nothing per id."""
        if self._turned_at is None:
            self._turned_at = at
        elif at - self._turned_at > self._memory_ms:
            self._turned_at = at
            kept = {name: self._young.pop(name) for name in (*self._open, *self._unpublished) if name in self._young}
            self._old = self._young
            self._young = kept
            self._old_repeats, self._repeats = self._repeats, set()


REPEATED_ID = "id-already-used"
"""The reason of an event that came under the id of another one."""

NOTED = "cancel-noted"
"""The reason of a cancellation that came ahead of its message."""


def is_note(entry: LedgerEntry) -> bool:
    """Whether this DONE is that of a cancellation whose message had not come."""
    return entry.action == Action.CANCEL and entry.outcome == Outcome.ACCEPTED and entry.reason == NOTED


def source_of(item: LedgerEntry | LaneMessage) -> Source:
    """The coordinates that make two copies of one event recognisable as such."""
    return (item.source_topic, item.source_partition, item.source_offset)
