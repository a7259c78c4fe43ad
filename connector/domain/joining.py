"""Which receipt belongs to which message: the decisions of the collector, as plain functions over what its tables hold.

A receipt may come before its message's own response, many times, days later, or for a message nobody submitted here:

- known when it comes: matched. Said before by the gateway: a repeat. Stored here before: a replay, which says nothing;
- not known: it waits. When the message turns up, what waited is matched; when it does not in time, it is published as
  unmatched once, and goes on waiting, so that a message that turns up even later still gets its receipts.

Times are milliseconds since the epoch. A *mark* is 64 bits of a published event's id, a *copy* 64 bits of one stored
delivery. Inbound parts: `assembling`; the parts of our own messages: `rolling`. When to ask for a state: `overdue`.
Next station: `stages.collect`, which keeps the values and publishes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import blake2b
from typing import Final, NamedTuple

from connector.domain.events import Delivery

# A message has three or four receipts in its life; a gateway that repeats one for ever must not fill the table.
MOST_MARKS: Final = 16
MOST_PARKED: Final = 32
MOST_REPEATS: Final = 9
"""Repeats of one receipt that are published, so ten copies in all; what comes after them is counted only."""

# Where ids are read by guess, messages of several recipients may meet under one; more than two at once is no accident.
MOST_UNDER_ONE_ID: Final = 4

LATE_MS: Final = 3_600_000
"""The receipt of a message that expired comes when its validity ends, or soon after; later than this it is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRules:
    """How long (ms) a receipt waits before it is published as unmatched, and how long anything is remembered."""

    unmatched_after: int
    retention: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRules:
    """When (ms after the submit) a state is asked for, how long until it is asked again, and how often at most."""

    after: int
    every: int
    most: int


class Heard(Enum):
    """What a receipt is beside those before it. SURPLUS: one repeat too many."""

    NEWS = "news"
    REPEAT = "repeat"
    REPLAY = "replay"
    SURPLUS = "surplus"


class Mark(NamedTuple):
    """A published event, and the copies of its receipt that came, the first one first."""

    event: int
    copies: tuple[int, ...]


Marks = tuple[Mark, ...]
"""Oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A message that was submitted, and what was published about it.

    `final` is the last final state, `final_polled` where only a poll has told it. `poll_at`: when to ask next, None for
    never; `polls` so many were sent.
    """

    submitted: Delivery
    marks: Marks = ()
    final: str | None = None
    final_polled: bool = False
    polls: int = 0
    poll_at: int | None = None
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """The messages under one gateway id, the newest last: one, unless ids are read by guess."""

    known: tuple[Known, ...]

    def of(self, addresses: Iterable[str], *, guessed: bool) -> Known | None:
        """The newest one; where ids are guessed, of those whose recipient is one of the receipt's addresses, and rather
        one that stands here by the likelier reading of its id."""
        if not guessed:
            return self.known[-1]
        named = [address for address in addresses if address]
        found = [known for known in reversed(self.known) if _is_for(known, named)]
        return next((known for known in found if not known.submitted.second_reading), next(iter(found), None))

    def with_(self, before: Known, after: Known) -> "Messages":
        """The same with `after` in the place of `before`."""
        if len(self.known) == 1:
            return Messages(known=(after,))
        return Messages(known=tuple(after if known is before else known for known in self.known))

    @property
    def poll_at(self) -> int | None:
        """When one of them is to be asked about."""
        return soonest(known.poll_at for known in self.known)

    @property
    def expires_at(self) -> int:
        """When all of them may be forgotten."""
        return max(known.expires_at for known in self.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A receipt without its message. `repeat`: one like it came before. `told`: it has been published as unmatched."""

    receipt: Delivery
    mark: int
    copy: int
    repeat: bool = False
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The receipts that wait under one gateway id. `due_at`: when to call `give_up`; None where all have been told."""

    receipts: tuple[Parked, ...]
    due_at: int | None
    expires_at: int


def mark_of(event_id: str) -> int:
    """The mark of a published event."""
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest(), "big")


def copy_of(item: Delivery) -> int:
    """What tells one delivery from another that says the same: its octets, when it came, and on which bind.

    The gateway's repeat has another time or sequence number; what a crash makes us store or read twice has the same.
    """
    salt = item.at.to_bytes(8, "big", signed=True) + item.slot.to_bytes(8, "big", signed=True)
    return int.from_bytes(blake2b(item.pdu or b"", digest_size=8, salt=salt).digest(), "big")


def heard(marks: Marks, event: int, copy: int) -> tuple[Heard, Marks]:
    """What the receipt is, and the marks with it."""
    for place, mark in enumerate(marks):
        if mark.event == event:
            if copy in mark.copies:
                return Heard.REPLAY, marks
            if len(mark.copies) > MOST_REPEATS:
                return Heard.SURPLUS, marks
            grown = Mark(event, (*mark.copies, copy))
            return Heard.REPEAT, (*marks[:place], grown, *marks[place + 1 :])
    return Heard.NEWS, (*marks[1 - MOST_MARKS :], Mark(event, (copy,)))


def submitted(
    item: Delivery,
    before: Messages | None,
    *,
    guessed: bool = False,
    now_ms: int,
    rules: JoinRules,
    poll_after: int | None = None,
) -> Messages:
    """What is known once the gateway has taken a message; `before` itself where that brings nothing new.

    Receipts that wait under the same id are the caller's next question. A gateway that uses an id again means the
    newer message; where ids are guessed, only for the same recipient and by the same reading. `poll_after`: how long
    (ms after the submit) its receipt may take; None where it is not to be asked for, which holds for the second reading
    of an id anyway.
    """
    known = before.known if before is not None else ()
    for each in known:
        if each.submitted.message_id == item.message_id and each.submitted.part == item.part:
            assert before is not None, "it was found in it"
            return before
    asks = item.receipt is True and not item.second_reading
    fresh = Known(
        submitted=item,
        poll_at=item.at + poll_after if asks and poll_after is not None else None,
        expires_at=now_ms + rules.retention,
    )
    others = tuple(each for each in known if guessed and not _replaces(item, each))
    return Messages(known=(*others[1 - MOST_UNDER_ONE_ID :], fresh))


def told(known: Known, marks: Marks, *, state: str | None, final: bool, polled: bool = False) -> Known:
    """What is known once an event with this state is published; a final one ends the asking."""
    if not final:
        return Known(
            submitted=known.submitted,
            marks=marks,
            final=known.final,
            final_polled=known.final_polled,
            polls=known.polls,
            poll_at=known.poll_at,
            expires_at=known.expires_at,
        )
    # Not `replace`, which takes five times as long, once for each receipt.
    return Known(
        submitted=known.submitted,
        marks=marks,
        final=state,
        final_polled=polled,
        polls=known.polls,
        expires_at=known.expires_at,
    )


def is_late(known: Known, *, state: str | None, at: int) -> bool:
    """Whether a receipt comes after its message's story had been told otherwise; a repeat is not asked about."""
    if known.final is not None and state is not None and state != known.final:
        return True
    valid_until = known.submitted.valid_until
    return valid_until is not None and at > valid_until + LATE_MS


def overdue(known: Known, *, now_ms: int) -> bool:
    """Whether the state of the message is to be asked for now."""
    return known.poll_at is not None and known.poll_at <= now_ms < known.expires_at


def asked(known: Known, *, now_ms: int, rules: PollRules) -> Known:
    """What is known once its state has been asked for."""
    polls = known.polls + 1
    return replace(known, polls=polls, poll_at=now_ms + rules.every if polls < rules.most else None)


def parked(
    item: Delivery, mark: int, copy: int, waiting: Waiting | None, *, now_ms: int, rules: JoinRules
) -> tuple[Heard, Waiting | None]:
    """What the receipt is, and what waits once it has come; None where nothing changes.

    Where too many wait under one id the oldest is due at once: it is told before anything is forgotten. One that was
    given up under the other reading of its id has waited already.
    """
    receipts = waiting.receipts if waiting is not None else ()
    same = [other for other in receipts if other.mark == mark]
    if any(other.copy == copy for other in same):
        return Heard.REPLAY, None
    if len(same) > MOST_REPEATS:
        return Heard.SURPLUS, None
    due_at = now_ms if item.second_reading else now_ms + rules.unmatched_after
    if waiting is not None and waiting.due_at is not None:
        due_at = min(due_at, waiting.due_at)
    if len(receipts) >= MOST_PARKED:
        due_at = now_ms
    receipt = Parked(receipt=item, mark=mark, copy=copy, repeat=bool(same))
    after = Waiting(receipts=(*receipts, receipt), due_at=due_at, expires_at=now_ms + rules.retention)
    return Heard.REPEAT if same else Heard.NEWS, after


def give_up(waiting: Waiting) -> tuple[tuple[Parked, ...], Waiting]:
    """The receipts to publish as unmatched now, and what goes on waiting."""
    untold = tuple(receipt for receipt in waiting.receipts if not receipt.told)
    told = tuple(replace(receipt, told=True) for receipt in waiting.receipts[-MOST_PARKED:])
    return untold, replace(waiting, receipts=told, due_at=None)


def soonest(times: Iterable[int | None]) -> int | None:
    """The earliest of some times; None where there is none."""
    return min((time for time in times if time is not None), default=None)


def _replaces(item: Delivery, known: Known) -> bool:
    """Whether a message takes the place of one that stands under its guessed id."""
    return known.submitted.second_reading is item.second_reading and _is_for(known, (item.recipient or "",))


def _is_for(known: Known, addresses: Iterable[str]) -> bool:
    """Whether the message went to one of these; true where none is named, which contradicts nothing."""
    recipient = _plain(known.submitted.recipient or "")
    named = [_plain(address) for address in addresses]
    return not named or recipient in named


def _plain(address: str) -> str:
    """A number's digits; anything else in one case."""
    digits = "".join(filter(str.isdigit, address))
    return digits if digits and "@" not in address else address.casefold()
