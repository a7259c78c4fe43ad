"""The safeguards, switched off one at a time, to show that each loss is seen.

A mutation is a patch of the product's code by name, for the time of a run; each says which promises may be the first to
break. What the unchanged product does at the same seed is the control: only a seed that is sound without the mutation
counts. Comes from: `hunt`.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from connector.domain.events import LaneMessage, Outcome
from connector.domain.guards import GuardRules, Guards
from connector.domain.lanes import LanePicker
from connector.domain.messages import Action, Lane, UnknownPolicy
from connector.kafka import ledger as ledgers
from connector.kafka.lease import Lease
from connector.kafka.ledger import NEW, Ledger, Repeated, Settled
from connector.stages.settings import AccountSettings
from connector.stages.submit import ancillary, doubt
from connector.stages.submit import journal as journals
from connector.stages.submit import slot as slots
from connector.stages.submit.account import Account
from connector.stages.submit.journal import Journal
from connector.stages.submit.lanes import Lanes
from connector.stages.submit.offsets import OffsetTracker
from connector.stages.submit.ownership import Ownership
from connector.stages.submit.received import Received
from connector.stages.submit.recovery import reopen
from connector.stages.submit.requests import Requests
from connector.stages.submit.run import Submitter
from connector.stages.submit.slot import Slot
from connector.stages.submit.work import Part, PartState, Work
from connector.translate import Verdict, outbound, plan, verdict
from tests.simulation.story import Promise

FOREVER_MS = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A safeguard switched off while `applied` is entered. `breaks`: what of this is to be seen; other breaks are
    accidents of the runs' other course."""

    what: str
    applied: Callable[[], contextlib.AbstractContextManager[None]]
    breaks: frozenset[Promise]


MUTATIONS: dict[str, Mutation] = {}
"""By name, in the order of a message's way."""

Change = Callable[[], Iterator[None]]


def _mutation(*breaks: Promise) -> Callable[[Change], Change]:
    def noted(change: Change) -> Change:
        what = (change.__doc__ or "").strip()
        MUTATIONS[change.__name__] = Mutation(what=what, applied=contextmanager(change), breaks=frozenset(breaks))
        return change

    return noted


def _patched(owner: Any, **changes: Any) -> contextlib.ExitStack:
    stack = contextlib.ExitStack()
    for name, change in changes.items():
        stack.enter_context(mock.patch.object(owner, name, change))
    return stack


# Reading


@_mutation(Promise.OUTCOME_FIRST)
def offset_committed_at_once() -> Iterator[None]:
    """A record may be committed as soon as it was read."""
    opened = OffsetTracker.opened
    with _patched(OffsetTracker, opened=lambda self, offset, items: opened(self, offset, 0)):
        yield


@_mutation(Promise.OUTCOME_FIRST)
def commit_past_a_gap() -> Iterator[None]:
    """What is finished first is committed, whatever lies before it."""

    def finished(self: OffsetTracker, offset: int) -> None:
        if offset in self._left:
            self._left[offset] -= 1
            if self._left[offset] <= 0:
                self._committable = max(self._committable or 0, offset + 1)

    with _patched(OffsetTracker, finished=finished):
        yield


@_mutation(Promise.ONE_OUTCOME, Promise.NOT_TWICE)
def copies_taken_as_new() -> Iterator[None]:
    """The same event, done and published, is submitted again."""
    standing = Ledger.standing
    with _patched(Ledger, standing=lambda self, item: _unless(standing(self, item), Settled, NEW)):
        yield


@_mutation(Promise.NOT_TWICE)
def repeated_ids_resubmitted() -> Iterator[None]:
    """Another event under a used id is submitted."""
    standing = Ledger.standing
    with _patched(Ledger, standing=lambda self, item: _unless(standing(self, item), Repeated, NEW)):
        yield


@_mutation(Promise.NOTHING_LEFT)
def copies_keep_their_offset_open() -> Iterator[None]:
    """A copy of what is under way is dropped without its lane record being finished."""
    take_one = Slot._take_one

    def take(self: Slot, lane: Lane, offset: int, item: LaneMessage, now_ms: int) -> None:
        known = self._works.get(item.message_id)
        if known is None or ledgers.source_of(known.item) != ledgers.source_of(item):
            take_one(self, lane, offset, item, now_ms)

    with _patched(Slot, _take_one=take):
        yield


@_mutation(Promise.TRUE_OUTCOME)
def cancellation_asked_of_the_ledger_alone() -> Iterator[None]:
    """A cancellation that is still being written down is not known when its message comes."""
    with _patched(Requests, cancels=lambda self, name: self._ledger.is_cancelled(name)):
        yield


@_mutation(Promise.TRUE_OUTCOME)
def cancellation_does_not_wait() -> Iterator[None]:
    """A cancellation of a message begun before a restart is noted as if no byte of it had left."""
    with _patched(Requests, _coming=lambda self, name: False):
        yield


@_mutation(Promise.TRUE_OUTCOME)
def changed_while_it_leaves() -> Iterator[None]:
    """Another text is told as sent where the message was under way with its own."""
    before = ancillary._before_the_gateway

    def anyhow(action: Action, target: Work) -> ancillary.Step:
        return ancillary.Rewrite() if action is Action.REPLACE else before(action, target)

    with _patched(ancillary, _before_the_gateway=anyhow):
        yield


@_mutation(Promise.ONE_OUTCOME)
def answers_to_questions_dropped() -> Iterator[None]:
    """What the gateway says about a message is not stored."""
    with _patched(journals, polls=lambda work, settings: []):
        yield


# Pacing


@_mutation(Promise.URGENT)
def precedence_turned_round() -> Iterator[None]:
    """Bulk first."""

    def pick(self: LanePicker, waiting: Sequence[Lane]) -> Lane | None:
        return next((lane for lane in reversed(Lane) if lane in waiting), None)

    with _patched(LanePicker, pick=pick):
        yield


@_mutation(Promise.RATE)
def rate_not_shared() -> Iterator[None]:
    """Every replica takes the account's whole rate."""

    def repace(self: Account, now: float) -> None:
        self._owned = self._sharing = len(self.slots)
        limit = self._aimd.rate(now)
        if limit != self._allowance.rate:
            self._allowance.change(limit, now)

    with _patched(Account, repace=repace):
        yield


@_mutation(Promise.EXPIRY)
def expiry_ignored() -> Iterator[None]:
    """What has expired goes all the same."""
    with _patched(slots, expired=lambda work, now_ms: False), _patched(doubt, expired=lambda work, now_ms: False):
        yield


@_mutation(Promise.PARTS)
def parts_minute_ignored() -> Iterator[None]:
    """A part goes however late it is."""
    with _patched(slots, PARTS_WITHIN_MS=FOREVER_MS), _patched(doubt, PARTS_WITHIN_MS=FOREVER_MS):
        yield


@_mutation(Promise.NOT_TWICE)
def parts_reference_random() -> Iterator[None]:
    """The parts are tied together by chance and not by the message id."""
    with _patched(outbound, reference_of=lambda message_id, bits: random.getrandbits(bits)):
        yield


# Writing


@_mutation(Promise.INTENT_FIRST)
def intent_not_awaited() -> Iterator[None]:
    """The bytes leave while the intent is on its way."""
    intents = Journal.intents
    tasks: set[asyncio.Task[None]] = set()

    async def at_once(self: Journal, works: Sequence[tuple[Slot, Work]]) -> None:
        for _, work in works:
            work.covered = True
        task = asyncio.get_running_loop().create_task(intents(self, works))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with _patched(Journal, intents=at_once):
        yield


@_mutation(Promise.LEASE, Promise.ONE_OUTCOME, Promise.NOT_TWICE)
def loading_coordinator_believed() -> Iterator[None]:
    """A heartbeat that is answered well renews a lease that had run out."""

    def beaten(self: Lease, sent: float) -> bool:
        self.joined(sent)
        return True

    with _patched(Lease, beaten=beaten):
        yield


@_mutation(Promise.LEASE)
def lease_not_checked() -> Iterator[None]:
    """A replica writes though nobody knows whether its slots are still its own."""
    with _patched(Submitter, may_write=lambda self: True):
        yield


@_mutation(Promise.NOTHING_LEFT)
def hold_drops() -> Iterator[None]:
    """A part that did not leave is forgotten."""

    def hold(self: Slot, part: Part) -> None:
        if part.state is PartState.SENT:
            self.in_flight -= 1
            part.state = PartState.WAITING

    with _patched(Slot, hold=hold):
        yield


# Answers


@_mutation(Promise.PLACE)
def throttled_is_final() -> Iterator[None]:
    """A refusal for speed ends the message."""

    def final(status: int, settings: Any) -> Verdict:
        found = verdict(status, settings)
        return Verdict.REJECTED if found in (Verdict.THROTTLED, Verdict.QUEUE_FULL) else found

    with _patched(slots, verdict=final):
        yield


@_mutation(Promise.TRUE_OUTCOME)
def duplicate_while_doubted_is_a_refusal() -> Iterator[None]:
    """A resend that the gateway knows again counts as a duplicate."""
    with _doubt(lambda doubted: False):
        yield


@_mutation(Promise.TRUE_OUTCOME)
def duplicate_undoubted_is_acceptance() -> Iterator[None]:
    """A duplicate of somebody else's message counts as accepted."""
    with _doubt(lambda doubted: True):
        yield


@_mutation(Promise.NOT_TWICE, Promise.TRUE_OUTCOME)
def lost_answers_forgotten() -> Iterator[None]:
    """What went unanswered goes again as if it had never left."""

    def held(self: Slot, parts: Sequence[Part]) -> None:
        for part in parts:
            self.hold(part)

    with _patched(Slot, doubt=held):
        yield


# Unknown outcomes


@_mutation(Promise.NOT_TWICE)
def resend_without_a_limit() -> Iterator[None]:
    """An unknown is sent again however old it is."""
    init = Slot.__init__

    def without(self: Slot, **named: Any) -> None:
        init(self, **{**named, "resend_ms": FOREVER_MS * 4})

    with _patched(Slot, __init__=without):
        yield


@_mutation(Promise.NOT_TWICE)
def resend_to_any_host() -> Iterator[None]:
    """An unknown is sent again wherever the bind is now."""
    review_one = Slot._review_one

    def review(self: Slot, part: Part, now_ms: int) -> None:
        part.host = None
        review_one(self, part, now_ms)

    with _patched(Slot, _review_one=review):
        yield


@_mutation(Promise.NOT_TWICE)
def at_most_once_resends() -> Iterator[None]:
    """The policy of one account or message is not asked."""
    policy = doubt.policy_of

    def retry(work: Work, account: AccountSettings) -> UnknownPolicy:
        found = policy(work, account)
        return UnknownPolicy.DEDUPE_RETRY if found is UnknownPolicy.AT_MOST_ONCE else found

    with _patched(doubt, policy_of=retry):
        yield


@_mutation(Promise.NOT_TWICE)
def possible_duplicate_not_marked() -> Iterator[None]:
    """A late resend says nothing of what it may be."""
    settle = Work.settle

    def unmarked(self: Work, outcome: Outcome, reason: str | None = None) -> None:
        self.possible_duplicate = False
        settle(self, outcome, reason)

    with _patched(Work, settle=unmarked):
        yield


# The ledger


@_mutation(Promise.NOT_TWICE, Promise.TRUE_OUTCOME)
def ledger_not_replayed() -> Iterator[None]:
    """A new owner knows nothing of what its slot has done."""

    async def nothing(self: Ownership, number: int, rules: GuardRules) -> tuple[Ledger, Guards]:
        return Ledger(memory_ms=3_600_000), Guards(rules)

    with _patched(Ownership, _replay=nothing):
        yield


@_mutation(Promise.NOT_TWICE)
def fingerprints_ignored() -> Iterator[None]:
    """A message is made again after a restart though it is another request now."""

    def anyhow(work: Work, entry: Any, account: AccountSettings, *, slot: int, now_ms: int) -> bool:
        made = plan(work.message, account, now_ms=now_ms)
        entry = replace(entry, fingerprints=made.fingerprints)
        return reopen(work, entry, account, slot=slot, now_ms=now_ms)

    with _patched(slots, reopen=anyhow):
        yield


@_mutation(Promise.ONE_OUTCOME)
def done_not_noted() -> Iterator[None]:
    """The outcome is published and not written down."""

    async def only_intents(self: Journal, entries: Any, kind: str) -> None:
        if kind == "intent":
            await note(self, entries, kind)

    note = Journal._note
    with _patched(Journal, _note=only_intents):
        yield


@_mutation(Promise.ONE_OUTCOME)
def outcome_before_done() -> Iterator[None]:
    """The outcome is published first, and written down then."""
    note, write = Journal._note, Journal._write
    left: list[tuple[Journal, Any, str]] = []

    async def later(self: Journal, entries: Any, kind: str) -> None:
        if kind == "intent":
            await note(self, entries, kind)
        else:
            left.append((self, entries, kind))

    async def first(self: Journal, records: Any) -> None:
        await write(self, records)
        if records and records[0].topic == self._topics.submit_responses:
            mine = [each for each in left if each[0] is self]
            left[:] = [each for each in left if each[0] is not self]
            for journal, entries, kind in mine:
                await note(journal, entries, kind)

    with _patched(Journal, _note=later, _write=first):
        yield


@_mutation(Promise.DELIVERY_FIRST)
def delivery_answered_at_once() -> Iterator[None]:
    """A receipt is acknowledged to the gateway before it is durable."""

    async def answered(self: Received) -> None:
        batch, self._waiting = self._waiting, []
        for _, token in batch:
            token.link.respond(token)
        if batch:
            await self._journal.deliveries([item for item, _ in batch])

    with _patched(Received, flush=answered):
        yield


# Rebalances


@_mutation(Promise.ALIVE)
def unstarted_kept_over_a_rebalance() -> Iterator[None]:
    """What waits in memory stays there, and is read once more."""
    with _patched(Slot, forget_unstarted=lambda self: None):
        yield


@_mutation(Promise.LEASE, Promise.NOT_TWICE)
def moved_slots_kept() -> Iterator[None]:
    """A slot that is another's now is worked on."""
    with _patched(Submitter, closed=lambda self, number: None):
        yield


@_mutation(Promise.NOTHING_LEFT)
def early_records_skipped() -> Iterator[None]:
    """What is read before a slot is open is dropped."""
    with _patched(Lanes, _read_later=lambda self, place, offset: None, flow=lambda self: None):
        yield


def _unless(found: Any, unwanted: type, instead: Any) -> Any:
    return instead if isinstance(found, unwanted) else found


def _doubt(seen: Callable[[bool], bool]) -> contextlib.ExitStack:
    """Answers of duplicates are judged with another doubt."""
    answered = Slot.answered

    def judged(self: Slot, part: Part, status: int, name: str, *, now_ms: int) -> Verdict | None:
        if verdict(status, self.account) is Verdict.DUPLICATE and part.state is PartState.SENT:
            part.doubted = seen(part.doubted)
        return answered(self, part, status, name, now_ms=now_ms)

    return _patched(Slot, answered=judged)
