"""The parts of one message, each with a receipt of its own (SINGLE), become one report of the whole.

The rule: nothing is told before every part is final. The whole is delivered only if every part is; else its state is
the worst part's, with that part's error. Telling it again needs a part whose final state, error or price has changed,
and what a later receipt leaves out is no change. Comes from: receipts that `joining` has matched. Next station: the
topic of delivery reports.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from connector.domain.errors import error_name
from connector.domain.events import Delivery, DeliveryReport
from connector.domain.identity import event_id
from connector.domain.receipts import STATE_BY_WORD

DELIVERED: Final = "DELIVRD"

# The final states, from the best to the worst: a part that ran out of time might have been delivered, one that the
# operator rejected never.
SEVERITY: Final[Mapping[str, int]] = MappingProxyType(
    {word: rank for rank, word in enumerate((DELIVERED, "EXPIRED", "SKIPPED", "DELETED", "UNDELIV", "REJECTD"))}
)


class PartDone(NamedTuple):
    """One part's end; `part` counts from 1, `state` is a word of `SEVERITY`."""

    part: int
    state: str
    error: int | None
    cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """A message and those of its parts that are final, by index. `item`: the last PART_DONE, without its PDU."""

    item: Delivery
    parts: tuple[PartDone, ...]
    told: bool = False
    expires_at: int

    @property
    def complete(self) -> bool:
        """Whether all parts that have an id are final."""
        return len(self.parts) == self.item.ids


def part_done(item: Delivery, part: PartDone, before: Rollup | None, *, now_ms: int, retention: int) -> Rollup | None:
    """What is known once a part is final; None where that was known. Tell of it where it is `complete`, then keep
    `rolled`."""
    known = before.parts if before is not None else ()
    part = _completed(part, known)
    if part in known or part.state not in SEVERITY:
        return None
    others = [each for each in known if each.part != part.part]
    return Rollup(
        item=replace(item, pdu=None),
        parts=tuple(sorted((*others, part), key=lambda each: each.part)),
        told=before is not None and before.told,
        expires_at=now_ms + retention,
    )


def rolled(rollup: Rollup) -> Rollup:
    """What is kept once the whole was told of."""
    return replace(rollup, told=True)


def report_of(rollup: Rollup) -> DeliveryReport:
    """The report of the whole; `late` where another one was published before."""
    item, parts = rollup.item, rollup.parts
    worst = max(parts, key=lambda each: (SEVERITY[each.state], -each.part))
    costs = [each.cost for each in parts if each.cost is not None]
    ends = [f"{each.part}:{each.state}:{each.error}:{_price(each.cost)}" for each in parts]
    return DeliveryReport(
        event_id=event_id("rollup", item.account, item.message_id, *ends),
        message_id=item.message_id,
        account=item.account,
        match="matched",
        kind=item.kind,
        campaign_id=item.campaign_id,
        sender=item.sender,
        recipient=item.recipient,
        parts=item.parts,
        state=worst.state,
        message_state=STATE_BY_WORD[worst.state].number,
        final=True,
        error_code=worst.error,
        error_name=error_name(item.kind, worst.error),
        parts_submitted=item.parts,
        parts_delivered=sum(each.state == DELIVERED for each in parts),
        cost=sum(costs, Decimal(0)) if costs else None,
        submitted_at=item.submitted_at,
        received_at=item.at,
        metadata=item.metadata,
        late=rollup.told,
        rollup=True,
    )


def _completed(part: PartDone, known: Iterable[PartDone]) -> PartDone:
    """The same end with what an earlier receipt of the part told; an error belongs to the state it came with."""
    earlier = next((each for each in known if each.part == part.part), None)
    if earlier is None:
        return part
    return PartDone(
        part=part.part,
        state=part.state,
        error=earlier.error if part.error is None and part.state == earlier.state else part.error,
        cost=earlier.cost if part.cost is None else part.cost,
    )


def _price(cost: Decimal | None) -> str:
    """One writing for one price, be it fresh from a receipt or out of a table."""
    return "" if cost is None else f"{cost:.4f}"
