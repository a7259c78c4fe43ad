"""What became of an event, as it was seen: its writes, its outcomes; and the promises, with how they are broken.

Kept by `witness`, judged by it and by `promises`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from connector.domain.events import SubmitResponse
from connector.domain.messages import Action, UnknownPolicy
from connector.smpp.constants import ESM_UDHI
from connector.smpp.pdu import SubmitSm
from tests.simulation.known import STANDING, Known
from tests.simulation.loop import Process
from tests.simulation.seeds import Posted
from tests.simulation.wire import End


class Promise(StrEnum):
    """What is checked, in the words of the design."""

    ONE_OUTCOME = "every outbound event gets exactly one terminal outcome"
    TRUE_OUTCOME = "an outcome says what the gateway did"
    NOT_TWICE = "nothing is submitted twice, except where the policy says so"
    INTENT_FIRST = "no byte leaves before its intent is durable"
    OUTCOME_FIRST = "no offset is committed before the outcome is durable"
    DELIVERY_FIRST = "a delivery is answered only when it is durable"
    RATE = "never faster than the account's rate, over all replicas"
    PLACE = "throttling is no refusal: the message keeps its place"
    PARTS = "all parts go within a minute and on one bind, or the message is reported as failed"
    EXPIRY = "what has expired is not begun"
    LEASE = "no replica writes without its lease"
    URGENT = "urgent is never behind bulk in one slot by more than its window"
    NOTHING_LEFT = "no message is left over"
    ALIVE = "no stage dies of itself"


class Broken(Exception):
    """A promise that was broken, with what was seen; `known` is the fault that it comes from, if that still stands."""

    def __init__(self, promise: Promise, seen: str, known: Known | None = None) -> None:
        super().__init__(f"{promise.value}: {seen}")
        self.promise = promise
        self.seen = seen if known is None or known in STANDING else f"{seen} (as {known.name} once did)"
        self.known = known if known in STANDING else None


Key = tuple[str, bytes]
"""A part by its content: recipient and octets without the header."""


@dataclass(slots=True, eq=False, kw_only=True)
class Write:
    """One submit_sm handed to a connection. `status` once the answer was heard; `kept` False where it never left."""

    at: float
    process: Process
    story: "Story"
    part: int
    end: End
    status: int | None = None
    heard: float = inf
    kept: bool = True


@dataclass(slots=True, eq=False, kw_only=True)
class Story:
    """An event and everything that became of it."""

    posted: Posted
    keys: tuple[Key, ...] = ()
    policy: UnknownPolicy
    appended: float | None = None
    moved: bool = False
    intent: float | None = None
    done: float | None = None
    writes: list[Write] = field(default_factory=list)
    outcomes: list[tuple[float, SubmitResponse]] = field(default_factory=list)
    letters: int = 0
    overtaken: int = 0
    wrongly: Known | None = None
    """Why its outcome was written down by somebody who should not have."""
    granted: set[Action] = field(default_factory=set)
    """The requests about it that the gateway has answered with yes."""
    instead: Key | None = None
    """What its part is once another text was put in place of its own."""
    untraced: bool = False
    """Whether its first outcome was published while the ledger knew nothing of it."""

    @property
    def name(self) -> str:
        return f"event {self.posted.number} ({self.posted.message.id}, {self.posted.lane.value})"

    @property
    def settled(self) -> bool:
        return bool(self.outcomes or self.letters)


def unanswered(story: Story, key: Key) -> bool:
    """Whether a request with this part has gone out and nothing was heard of it."""
    part = story.keys.index(key)
    return any(write.part == part and write.kept and write.status is None for write in story.writes)


def key_of(pdu: SubmitSm) -> Key:
    """What is the same in every request with this part, whatever its header."""
    octets = pdu.short_message
    if pdu.esm_class & ESM_UDHI and octets:
        octets = octets[octets[0] + 1 :]
    return pdu.destination_addr, octets
