"""One lane message under way, and the fate of each of its parts.

A part is WAITING until it has a token, SENT until an answer comes, then final; a lost bind makes it
DOUBTFUL, which the unknown-outcome policy resolves. A work is settled when its `result` is there.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b

from connector.domain.events import LaneMessage, LedgerEntry, Outcome
from connector.domain.messages import Action, Lane, OutboundMessage
from connector.stages.submit.offsets import OffsetTracker
from connector.telemetry import SpanHandle
from connector.translate import AncillaryPlan, Plan

ADMITTED_FOR_MS = 1_000
"""A part that waited longer for its intent is judged anew: its age, its minute and its expiry have gone on."""


class PartState(Enum):
    """Where a part stands; DOUBTFUL: its bytes may have left and no answer came."""

    WAITING = auto()
    SENT = auto()
    DOUBTFUL = auto()
    ACCEPTED = auto()
    REJECTED = auto()
    DUPLICATE = auto()
    UNKNOWN = auto()


FINAL = frozenset({PartState.ACCEPTED, PartState.REJECTED, PartState.DUPLICATE, PartState.UNKNOWN})


@dataclass(slots=True, eq=False, kw_only=True)
class Part:
    """One PDU of a message, or of a request about one (`answer`: what the gateway said). `doubted` stays true once
    any attempt went unanswered; `refused`: the gateway has only asked to wait; `sent_at` is the monotonic time of an
    attempt that is under way."""

    work: "Work"
    index: int
    state: PartState = PartState.WAITING
    attempts: int = 0
    doubted: bool = False
    refused: bool = False
    sent_at: float | None = None
    host: str | None = None
    not_before: int = 0
    gateway_message_id: str | None = None
    command_status: int | None = None
    answer: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a message ended; `part_message_ids` holds an empty string for a part without an id. Times in epoch ms. The
    last two are known of what a ledger tells; else they are the plan's alphabet, and when it is written down."""

    outcome: Outcome
    reason: str | None = None
    command_status: int | None = None
    part_message_ids: tuple[str, ...] = ()
    parts_accepted: int = 0
    attempts: int = 0
    possible_duplicate: bool = False
    submitted_at: int | None = None
    responded_at: int | None = None
    completed_at: int | None = None
    coding: str | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Work:
    """A message from its lane to its outcome.

    `order` is its place among all that its slot took. `claims` are the lane records that wait for it, each with the
    tracker of the assignment it was read under. `covered` says that the intent at `intent_at`, for `intent_host`, is
    durable: no byte of any part leaves before, or to another host. `number` is a digest of the recipient, for the
    guards. `requests` about this message wait for its result; `asked` and `coding` are those of a request that goes to
    the gateway: the ids it is about, and the alphabet of the message. `correction`: its outcome was published as
    unknown, and is known now.
    """

    slot: int
    lane: Lane
    item: LaneMessage
    message: OutboundMessage
    lane_offset: int
    claims: list[tuple[OffsetTracker, int]]
    order: int = 0
    plan: Plan | AncillaryPlan | None = None
    parts: list[Part] = field(default_factory=list)
    planned_at: int | None = None
    intent_at: int | None = None
    intent_host: str | None = None
    covered: bool = False
    attempt: int = 0
    recorded: bool = False
    submitted_at: int | None = None
    responded_at: int | None = None
    possible_duplicate: bool = False
    result: Result | None = None
    published: bool = False
    correction: bool = False
    span: SpanHandle | None = None
    resent: bool = False
    number: int = field(default=0, repr=False)
    requests: "list[Work]" = field(default_factory=list)
    asked: tuple[str, ...] = ()
    coding: str | None = None

    @property
    def ancillary(self) -> bool:
        """Whether it is a request about an earlier message: it needs no intent, since repeating it does no harm."""
        return self.message.action is not Action.SEND

    @property
    def doubted(self) -> bool:
        """Whether any attempt at a part went unanswered."""
        return any(part.doubted for part in self.parts)

    @property
    def traceparent(self) -> str | None:
        """What an event about this message names as its parent."""
        return self.item.traceparent if self.span is None else self.span.traceparent

    @property
    def unsettled(self) -> bool:
        """Whether parts of it still have to be sent or answered."""
        return self.result is None

    def clock_put_back(self, by_ms: int) -> None:
        """The wall clock went back: what happened so long ago still did. (`planned_at` is part of the request.)"""
        if self.intent_at is not None:
            self.intent_at -= by_ms
        if self.submitted_at is not None:
            self.submitted_at -= by_ms
        for part in self.parts:
            part.not_before -= by_ms

    def settle(self, outcome: Outcome, reason: str | None = None) -> None:
        """Ends the message; what its parts came to is kept."""
        failed = next((part for part in self.parts if part.state in (PartState.REJECTED, PartState.DUPLICATE)), None)
        answered = failed or next((part for part in reversed(self.parts) if part.command_status is not None), None)
        self.result = Result(
            outcome=outcome,
            reason=reason,
            command_status=answered.command_status if answered else None,
            part_message_ids=tuple(part.gateway_message_id or "" for part in self.parts),
            parts_accepted=sum(part.state is PartState.ACCEPTED for part in self.parts),
            attempts=max((part.attempts for part in self.parts), default=0),
            possible_duplicate=self.possible_duplicate,
            submitted_at=self.submitted_at,
            responded_at=self.responded_at,
        )

    def settle_by_parts(self) -> None:
        """Ends the message once its parts allow it: all accepted, or one that failed and none under way."""
        states = {part.state for part in self.parts}
        if states & {PartState.SENT, PartState.DOUBTFUL} or (self.ancillary and PartState.WAITING in states):
            return
        if states == {PartState.ACCEPTED}:
            self.settle(Outcome.ACCEPTED)
        elif PartState.UNKNOWN in states:
            self.settle(Outcome.UNKNOWN, "no-response")
        elif PartState.REJECTED in states:
            self.settle(Outcome.REJECTED, "refused-by-gateway")
        elif PartState.DUPLICATE in states:
            self.settle(Outcome.DUPLICATE, "duplicate-at-gateway")

    @property
    def failing(self) -> bool:
        """Whether a part has failed for good, so that the others need not be sent. In a request each stands alone."""
        return not self.ancillary and any(
            part.state in (PartState.REJECTED, PartState.DUPLICATE, PartState.UNKNOWN) for part in self.parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A part whose turn has come, `at` this time (epoch ms) and for this `host`. `intent_first`: an intent must be
    written for its message now. It may go to the socket only once `part.work.covered` is true, be it by an intent that
    an earlier part of the message asked for."""

    part: Part
    intent_first: bool
    host: str
    at: int

    def holds(self, host: str, now_ms: int) -> bool:
        """Whether it may go now, to the host where the bind is by now; else it is to be judged anew."""
        work = self.part.work
        covered = work.covered and (work.ancillary or work.intent_host == host)
        return covered and self.host == host and now_ms - self.at <= ADMITTED_FOR_MS


def number_of(recipient: str) -> int:
    """63 bits of a recipient's digest: what guards and ledger know a number by."""
    digest = blake2b(recipient.removeprefix("+").encode("utf-8", "surrogatepass"), digest_size=8, person=b"sms-number")
    return int.from_bytes(digest.digest(), "big") >> 1


def result_of(entry: LedgerEntry) -> Result:
    """The result that a DONE entry holds, for an outcome that has to be published again."""
    return Result(
        outcome=Outcome(entry.outcome or Outcome.UNKNOWN),
        reason=entry.reason,
        command_status=entry.command_status,
        part_message_ids=entry.part_message_ids,
        parts_accepted=entry.parts_accepted,
        attempts=entry.attempt,
        possible_duplicate=entry.possible_duplicate,
        submitted_at=entry.submitted_at,
        responded_at=entry.responded_at,
        completed_at=entry.at,
        coding=entry.coding,
    )
