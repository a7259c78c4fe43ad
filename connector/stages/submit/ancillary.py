"""What to do about a request for an earlier message of the slot (cancel, replace, query), wherever that message stands.

A message that no byte left of is taken back or changed here; one that the gateway has is asked for there; one under way
is waited for, and so is one begun before a restart whose lane record will be read again; and a cancellation that came
ahead of its message is noted, so that the message is not sent when it comes. Pure. Next station: `slot`, which does it.
"""

from dataclasses import dataclass

from connector.domain.events import Outcome
from connector.domain.messages import Action, OutboundMessage
from connector.kafka.ledger import NOTED, Memo
from connector.stages.submit.work import PartState, Work

IN_LANE = "cancelled-in-lane"
REPLACED_IN_LANE = "replaced-in-lane"
ATTEMPTS = 3
"""Times that a request is asked which got no answer; none of them does harm twice."""

DONE_REASONS = {
    Action.CANCEL: "cancelled-at-gateway",
    Action.REPLACE: "replaced-at-gateway",
    Action.QUERY: "answered",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The message is under way: ask again when it is settled, or when it has been read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """The message waits in the lane: it ends as cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """The message waits in the lane: it goes out with the new text, and the request ends with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The gateway has the message under these ids, in this alphabet where that is known."""

    gateway_ids: tuple[str, ...]
    coding: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Nothing is left to do."""

    outcome: Outcome
    reason: str


Step = Wait | Withdraw | Rewrite | Ask | End


def step(request: OutboundMessage, target: Work | None, memo: Memo | None, *, coming: bool = False) -> Step:
    """The next step of a request; `target` is its message where that is in memory, `memo` what the ledger recalls.

    `coming`: the message was begun before a restart, and stands in its lane ahead of where that is read by now.
    """
    if target is not None and target.result is None:
        return _before_the_gateway(request.action, target)
    if target is not None and target.result is not None:
        result = target.result
        ids = tuple(dict.fromkeys(name for name in result.part_message_ids if name))
        coding = target.plan.alphabet if target.plan is not None else None
        return _at_the_gateway(request, result.outcome, ids, len(result.part_message_ids), coding)
    if memo is not None and memo.outcome is not None:
        return _at_the_gateway(request, memo.outcome, memo.gateway_ids, memo.parts, memo.coding)
    if request.target_gateway_id is not None:
        return Ask(gateway_ids=(request.target_gateway_id,), coding=None)
    if coming:
        return Wait()
    if request.action is Action.CANCEL:
        return End(outcome=Outcome.ACCEPTED, reason=NOTED)
    return End(outcome=Outcome.REJECTED, reason="target-not-found")


def _before_the_gateway(action: Action, target: Work) -> Step:
    untouched = all(part.state is PartState.WAITING and not part.doubted for part in target.parts)
    match action:
        case Action.CANCEL if untouched:
            return Withdraw()
        case Action.REPLACE if target.intent_at is None:
            return Rewrite()
        case Action.QUERY if untouched:
            return End(outcome=Outcome.REJECTED, reason="target-not-submitted")
        case _:
            return Wait()


def _at_the_gateway(
    request: OutboundMessage, outcome: str, ids: tuple[str, ...], parts: int, coding: str | None
) -> Step:
    if outcome == Outcome.CANCELLED and request.action is Action.CANCEL:
        return End(outcome=Outcome.ACCEPTED, reason=IN_LANE)
    if request.target_gateway_id is not None:
        ids = (request.target_gateway_id,)
    if not ids:
        return End(outcome=Outcome.REJECTED, reason=f"target-{outcome}")
    if request.action is Action.REPLACE and parts > 1:
        return End(outcome=Outcome.REJECTED, reason="target-of-several-parts")
    return Ask(gateway_ids=ids, coding=coding)
