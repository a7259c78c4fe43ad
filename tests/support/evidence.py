"""What the topics and the gateway's own record say after a fault: the promises, counted.

A test prints `Books.line()` and asserts on the figures that must be zero.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.domain.events import DeliveryReport, Outcome, SubmitResponse
from connector.domain.messages import OutboundMessage, Priority
from connector.simulator.record import SubmitRecord
from connector.smpp.constants import CommandStatus
from tests.support.world import PATIENCE, World


def numbered(count: int, priority: Priority = Priority.NORMAL, first: int = 0, **fields: Any) -> list[OutboundMessage]:
    """Messages to a number each, so that every request on the wire tells whose it is."""
    return [
        OutboundMessage(
            **{
                "id": f"m{number}",
                "priority": priority,
                "recipient": f"7999{number:07d}",
                "sender": "Shop",
                "text": f"order {number}",
                **fields,
            }
        )
        for number in range(first, first + count)
    ]


def taken(made: World) -> int:
    """How many submits the gateway has accepted."""
    return made.simulator.record.counts_of("demo")["accepted"]


def collected(folder: Path) -> dict[str, Any]:
    """A collector that soon publishes what matches nothing, as after a response that was lost with its connection."""
    return {"data_dir": str(folder / "collect"), "unmatched_after_seconds": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """`lost`: events without an outcome. `two_ids`: events under more than one event id. `repeats`: outcomes published
    again under their id, and `changed`: with another outcome. `taken_twice`: requests the gateway accepted more than
    once, and `declared`: where that was said to be possible. `resent`: what it was sent again and refused as a
    duplicate. `never_taken`: told accepted, and `told_wrong`: told refused, where the gateway did otherwise.
    `corrected`: outcomes that a later answer corrected. `without_receipt`: accepted gateway ids that no delivery
    report names."""

    events: int
    lost: int
    two_ids: int
    repeats: int
    changed: int
    unknown: int
    corrected: int
    taken_twice: int
    declared: int
    resent: int
    throttled: int
    never_taken: int
    told_wrong: int
    without_receipt: int
    unmatched: int
    outcomes: Counter[str]

    def line(self, name: str) -> str:
        """For people."""
        figures = ", ".join(f"{field} {getattr(self, field)}" for field in self.__slots__ if field != "outcomes")
        return f"{name}: {figures}, outcomes {dict(self.outcomes)}"


def books(
    ids: Iterable[str],
    responses: Sequence[SubmitResponse],
    submits: Sequence[SubmitRecord],
    reports: Sequence[DeliveryReport],
    at_least_once: Collection[str] = (),
) -> Books:
    """`ids` of the events that were sent, each to a recipient of its own; those `at_least_once` may be taken twice."""
    wanted = set(ids)
    by_message: dict[str, set[str]] = {}
    stories: dict[str, set[str]] = {}
    for response in responses:
        if not response.correction:
            by_message.setdefault(response.message_id, set()).add(response.event_id)
        stories.setdefault(response.event_id, set()).add(response.outcome)
    last = {response.event_id: response for response in responses}
    ends = {response.event_id: response for response in responses if not response.correction}
    # By recipient: what was told of it in the end, the correction behind what it corrects.
    told: dict[str, dict[str, SubmitResponse]] = {}
    for response in sorted(last.values(), key=lambda each: each.correction):
        told.setdefault(response.recipient, {})[response.message_id] = response
    taken = Counter((each.pdu.destination_addr, each.pdu.short_message) for each in submits if each.accepted)
    parts = Counter(number for number, _ in taken)
    declared = {
        response.recipient
        for response in last.values()
        if response.possible_duplicate or response.message_id in at_least_once
    }
    twice: Counter[bool] = Counter()
    for (number, _), count in taken.items():
        twice[number in declared] += count - 1
    undecided = {Outcome.ACCEPTED, Outcome.UNKNOWN}
    reported = {report.gateway_message_id for report in reports}
    return Books(
        events=len(wanted),
        lost=len(wanted - set(by_message)),
        two_ids=sum(len(names) > 1 for names in by_message.values()),
        repeats=len(responses) - len(last),
        changed=sum(len(story) > 1 for story in stories.values()),
        unknown=sum(response.outcome == Outcome.UNKNOWN for response in ends.values()),
        corrected=len(last) - len(ends),
        taken_twice=twice[False],
        declared=twice[True],
        resent=sum(each.status == CommandStatus.ESME_RSUBMITFAIL for each in submits),
        throttled=sum(each.status == CommandStatus.ESME_RTHROTTLED for each in submits),
        never_taken=sum(
            response.outcome == Outcome.ACCEPTED and parts[response.recipient] < response.parts
            for response in last.values()
        ),
        told_wrong=sum(
            parts[number] > max(response.parts_accepted for response in heard.values())
            for number, heard in told.items()
            if not undecided & {response.outcome for response in heard.values()}
        ),
        without_receipt=len({each.message_id for each in submits if each.accepted} - reported),
        unmatched=sum(report.match == "unmatched" for report in reports),
        outcomes=Counter(response.outcome for response in ends.values()),
    )


async def audit(made: World, sent: Sequence[OutboundMessage]) -> Books:
    """Waits until every event has an outcome and every accepted id a report, then counts."""
    responses = await made.events(
        SubmitResponse,
        made.topics.submit_responses,
        lambda found: len({response.message_id for response in found}) >= len(sent),
    )
    await made.simulator.settled(PATIENCE)
    submits = made.simulator.record.submits()
    names = {each.message_id for each in submits if each.accepted}
    reports = await made.events(
        DeliveryReport,
        made.topics.delivery_reports,
        lambda found: names <= {report.gateway_message_id for report in found},
    )
    return books([message.id for message in sent], responses, submits, reports)
