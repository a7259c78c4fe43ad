"""The requests about earlier messages of one slot (cancel, replace, query), as `ancillary` decides about them.

A request that waits for its message stands in that message's `requests`, or here until that has been read again; one
that goes to the gateway stands in its lane like any message. Next station: `slot`, which sends it and writes down how
it ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from connector.domain.events import Outcome
from connector.domain.messages import Action, Lane
from connector.kafka.ledger import NOTED, Ledger
from connector.stages.submit import ancillary
from connector.stages.submit.offsets import OffsetTracker
from connector.stages.submit.queue import LaneQueue
from connector.stages.submit.work import Work


class Requests:
    """Works on the slot's own messages, queues and offsets; `settle` ends a work."""

    def __init__(
        self,
        works: Mapping[str, Work],
        queues: Mapping[Lane, LaneQueue],
        offsets: Mapping[Lane, OffsetTracker],
        ledger: Ledger,
        settle: Callable[[Work, Outcome, str], None],
    ) -> None:
        self._works = works
        self._queues = queues
        self._offsets = offsets
        self._ledger = ledger
        self._settle = settle
        self._early: list[Work] = []
        self._noted: set[str] = set()

    def take(self, work: Work) -> None:
        """A cancel, replace or query, now or when its message is settled."""
        request, name = work.message, work.message.target_id or ""
        target = self._works.get(name)
        coming = target is None and self._coming(name)
        match ancillary.step(request, target, self._ledger.recall(name), coming=coming):
            case ancillary.Wait():
                (self._early if target is None else target.requests).append(work)
            case ancillary.Withdraw():
                assert target is not None, "only a message in memory can be withdrawn"
                self._settle(target, Outcome.CANCELLED, ancillary.IN_LANE)
                self._queues[target.lane].keep()
                self._settle(work, Outcome.ACCEPTED, ancillary.IN_LANE)
            case ancillary.Rewrite():
                assert target is not None, "only a message in memory can be changed"
                target.message = replace(
                    target.message, text=request.text, comment=request.comment, coding=request.coding
                )
                target.requests.append(work)
            case ancillary.Ask(gateway_ids=ids, coding=coding):
                work.asked, work.coding, work.covered = ids, coding, True
                self._queues[work.lane].fresh.append(work)
            case ancillary.End(outcome=outcome, reason=reason):
                if reason == NOTED:
                    self._noted.add(name)
                self._settle(work, outcome, reason)

    def _coming(self, message_id: str) -> bool:
        """Whether a message that has an open intent is still to be read: its record comes behind what was read."""
        intent = self._ledger.intent(message_id)
        return intent is not None and intent.lane_offset > self._offsets[Lane(intent.lane)].last

    def cancels(self, message_id: str) -> bool:
        """Whether a cancellation came ahead of this message: one in the ledger, or one on its way there."""
        return message_id in self._noted or self._ledger.is_cancelled(message_id)

    def published(self, work: Work) -> None:
        """The outcome of a request is durable: what it notes is in the ledger now."""
        self._noted.discard(work.message.target_id or "")

    def read_on(self) -> None:
        """A lane was read further: what waits here may have its message now, or has it no more."""
        early, self._early = self._early, []
        for work in early:
            self.take(work)

    def forget(self) -> list[Work]:
        """What waits here will be read again."""
        early, self._early = self._early, []
        return early

    def resume(self, target: Work) -> None:
        """The requests that waited for this message, now that it has its result, or is here no longer."""
        requests, target.requests = target.requests, []
        for work in requests:
            if work.message.action is Action.REPLACE and target.message.text == work.message.text and target.result:
                accepted = target.result.outcome is Outcome.ACCEPTED
                reason = ancillary.REPLACED_IN_LANE if accepted else f"target-{target.result.outcome}"
                self._settle(work, Outcome.ACCEPTED if accepted else Outcome.REJECTED, reason)
            else:
                self.take(work)
