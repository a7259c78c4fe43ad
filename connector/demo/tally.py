"""What was sent, what came of it, and how long it took: the demo's books. Pure; all times in epoch milliseconds.

Every outbound event must end with exactly one submit response and one receipt; `faults` names what does not.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.domain.events import DeliveryReport, SubmitResponse
from connector.domain.messages import Lane


@dataclass(slots=True, kw_only=True)
class LaneBook:
    """One lane's figures; `waits` are milliseconds from the outbound event to its first part at the gateway."""

    sent: int = 0
    answered: int = 0
    receipts: int = 0
    waits: list[int] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """Events without a submit response yet."""
        return self.sent - self.answered


class Tally:
    """The books of one run."""

    def __init__(self) -> None:
        self.lanes: dict[Lane, LaneBook] = {lane: LaneBook() for lane in Lane}
        self.outcomes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self._sent: dict[str, tuple[Lane, int]] = {}
        self._recipients: dict[str, str] = {}
        self._responses: Counter[str] = Counter()
        self._receipts: Counter[str] = Counter()
        self._on_wire: set[str] = set()
        self._strangers = 0
        self.unmatched = 0
        self.dead_letters = 0

    def sent(self, message_id: str, recipient: str, lane: Lane, at_ms: int) -> None:
        """An outbound event was produced; recipients are different for every event."""
        self._sent[message_id] = (lane, at_ms)
        self._recipients[recipient] = message_id
        self.lanes[lane].sent += 1
        self.events["outbound"] += 1

    def on_wire(self, recipient: str, at_ms: int) -> None:
        """The gateway received a part for this recipient; the first part counts."""
        message_id = self._recipients.get(recipient)
        if message_id is None or message_id in self._on_wire:
            return
        self._on_wire.add(message_id)
        lane, sent_at = self._sent[message_id]
        self.lanes[lane].waits.append(max(0, at_ms - sent_at))

    def response(self, event: SubmitResponse) -> None:
        """One event of the submit responses."""
        self.events["submit-responses"] += 1
        self.outcomes[event.outcome] += 1
        self._responses[event.message_id] += 1
        known = self._sent.get(event.message_id)
        if known is None:
            self._strangers += 1
        elif self._responses[event.message_id] == 1:
            self.lanes[known[0]].answered += 1

    def receipt(self, event: DeliveryReport) -> None:
        """One event of the delivery reports."""
        self.events["delivery-reports"] += 1
        if event.message_id is None:
            self.unmatched += 1
            return
        if event.repeat or event.rollup:
            return
        self._receipts[event.message_id] += 1
        known = self._sent.get(event.message_id)
        if known is not None and self._receipts[event.message_id] == 1:
            self.lanes[known[0]].receipts += 1

    def other(self, topic: str, count: int) -> None:
        """Events of the remaining topics."""
        self.events[topic] += count
        if topic == "dead-letters":
            self.dead_letters += count

    @property
    def done(self) -> bool:
        """Whether every event that was sent has its response and its receipt."""
        return all(book.answered == book.sent == book.receipts for book in self.lanes.values())

    def faults(self) -> list[str]:
        """What does not add up, in words; empty where everything is reconciled."""
        found = []
        for name, counts in (("submit response", self._responses), ("receipt", self._receipts)):
            missing = sum(1 for message_id in self._sent if not counts[message_id])
            repeated = sum(1 for count in counts.values() if count > 1)
            if missing:
                found.append(f"{missing} events have no {name}")
            if repeated:
                found.append(f"{repeated} events have more than one {name}")
        refused = sum(count for outcome, count in self.outcomes.items() if outcome != "accepted")
        if refused:
            found.append(f"{refused} events were not accepted")
        if self.unmatched:
            found.append(f"{self.unmatched} receipts match no event")
        if self.dead_letters:
            found.append(f"{self.dead_letters} events became dead letters")
        if self._strangers:
            found.append(f"{self._strangers} submit responses belong to nothing that was sent")
        return found


def percentile(values: Iterable[int], share: float) -> int | None:
    """The value that `share` of all do not exceed (nearest rank); None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]
