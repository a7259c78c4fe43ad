"""The reckoning of a chaos run: what the topics and the gateway's own record say once everything has come to rest.

`at_rest` waits, within a bound; `reckoned` counts. What must be zero is named in `Findings.MUST`. Comes from: `run`.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final

from connector.domain.events import DeliveryReport, InboundMessage, SubmitResponse
from connector.domain.identity import event_id
from connector.domain.messages import OutboundMessage, UnknownPolicy
from connector.kafka.clients import Admin, Consumer, Partition, Record
from connector.kafka.settings import KafkaSettings
from connector.simulator.record import SubmitRecord
from connector.simulator.server import Simulator
from tests.support.evidence import Books, books
from tests.support.world import World

MINUTE: Final = 60.0
_LOOK_EVERY: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`books` has most of the figures. `lost`: outbound records without an outcome or a dead letter. `left`: records
    behind the committed offset of a stage. `resent_at_most_once`: requests sent again whose policy forbids it. `late`:
    long messages whose parts reached the gateway over more than a minute. `inbound_lost`: messages of subscribers that
    were not published. `waiting`: deliveries that nobody acknowledged. `given_up`: unknown outcomes of
    messages that should be asked for again while that is safe: few, and none that could have been avoided."""

    books: Books
    lost: int
    left: int
    resent_at_most_once: int
    late: int
    inbound_lost: int
    waiting: int
    given_up: int
    names: dict[str, list[str]] = field(default_factory=dict)
    """For the analysis: message ids, or places, by what is wrong with them."""

    MUST: ClassVar[tuple[str, ...]] = (
        "lost",
        "left",
        "two_ids",
        "changed",
        "taken_twice",
        "resent_at_most_once",
        "never_taken",
        "told_wrong",
        "without_receipt",
        "late",
        "inbound_lost",
        "waiting",
    )

    def figure(self, name: str) -> int:
        """One of the figures, wherever it is kept."""
        found: int = getattr(self if name in self.__slots__ else self.books, name)
        return found

    @property
    def wrong(self) -> dict[str, int]:
        """What must be zero and is not."""
        return {name: self.figure(name) for name in self.MUST if self.figure(name)}

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        own = [each.name for each in fields(self) if each.name not in ("books", "names")]
        theirs = [each.name for each in fields(self.books) if each.name != "outcomes"]
        return {
            **{name: self.figure(name) for name in (*own, *theirs)},
            "outcomes": dict(self.books.outcomes),
            "names": self.names,
            "wrong": self.wrong,
        }


class Shelf:
    """All that some topics hold, read on as more comes."""

    def __init__(self, kafka: KafkaSettings, names: Iterable[str]) -> None:
        self._consumer = Consumer(kafka, name="audit")
        self.records: dict[str, list[Record]] = {name: [] for name in names}

    async def start(self) -> None:
        await self._consumer.start()
        places = [
            Partition(name, number) for name in self.records for number in range(await self._consumer.partitions(name))
        ]
        self._consumer.assign(places)

    async def stop(self) -> None:
        await self._consumer.stop()

    async def read(self) -> None:
        """What has come since, a fetch of it."""
        for batch in (await self._consumer.getmany(timeout=0.3)).values():
            for record in batch:
                self.records[record.topic].append(record)


class Auditor:
    """Reads the public topics of a run."""

    def __init__(self, world: World, gateway: Simulator, inbound: Iterable[str]) -> None:
        topics = world.topics
        self._world = world
        self._gateway = gateway
        self._inbound = set(inbound)
        names = (
            topics.outbound,
            topics.submit_responses,
            topics.delivery_reports,
            topics.inbound,
            topics.dead_letters,
        )
        self._shelf = Shelf(world.config.kafka, names)
        self._decoded: dict[str, list[Any]] = {name: [] for name in names}

    async def start(self) -> None:
        await self._shelf.start()

    async def stop(self) -> None:
        await self._shelf.stop()

    async def at_rest(self, seconds: float) -> bool:
        """Waits until nothing is left to come; whether it was so within the time."""
        try:
            async with asyncio.timeout(seconds):
                while self._outcomes_missing():
                    await self._shelf.read()
                # Parts that wait for parts which will not come: their minute is over now.
                await self._gateway.settled(seconds)
                self._gateway.skip(MINUTE + 1)
                await self._gateway.settled(seconds)
                while self._reports_missing() or self._inbound_missing():
                    await self._shelf.read()
                while (await self.left()).total():
                    await self._shelf.read()
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            return False
        # What would be too many may come a moment later.
        for _ in range(3):
            await self._shelf.read()
        return True

    async def left(self) -> Counter[str]:
        """Records behind what a stage has committed, by partition."""
        topics, prefix = self._world.topics, self._world.config.kafka.topic_prefix
        wanted = {
            "route": (topics.outbound,),
            "express": (topics.outbound,),
            "submit": topics.lanes,
            "collect": (topics.deliveries,),
        }
        left: Counter[str] = Counter()
        async with Admin(self._world.config.kafka) as admin, Consumer(self._world.config.kafka) as reader:
            for group, names in wanted.items():
                committed = await admin.committed(f"{prefix}{group}")
                places = [
                    Partition(name, number)
                    for name in names
                    for number in range(await self._world.producer.partitions(name))
                ]
                ends = await reader.end_offsets(places)
                for where in places:
                    left[f"{group} {where.topic}/{where.partition}"] += max(0, ends[where] - committed.get(where, 0))
        return left

    async def reckoned(self) -> Findings:
        """Counts. A record that nobody can be sure of counts as wrong."""
        submits = self._gateway.record.submits()
        responses, reports = self._responses(), self._reports()
        sent = {message.id: message for _, message in self._outbound()}
        at_least_once = {
            name for name, message in sent.items() if message.unknown_outcome is UnknownPolicy.AT_LEAST_ONCE
        }
        found = books(sent, responses, submits, reports, at_least_once)
        names = named(sent, responses, submits, {report.gateway_message_id for report in reports})
        missing = self._outcomes_missing()
        names["lost"] = sorted(message.id for record, message in self._outbound() if _id(record) in missing)
        names["inbound_lost"] = sorted(self._inbound_missing())
        left = await self.left()
        names["left"] = [f"{where}: {count}" for where, count in left.items() if count]
        return Findings(
            books=found,
            lost=len(missing),
            left=left.total(),
            resent_at_most_once=len(names["resent_at_most_once"]),
            late=len(names["late"]),
            inbound_lost=len(self._inbound_missing()),
            waiting=self._gateway.waiting(),
            given_up=len(names["given_up"]),
            names={name: listed[:20] for name, listed in names.items() if listed},
        )

    def story(self, name: str) -> str:
        """All that is known of one message, a line for each thing, without its text or number."""
        number = next((message.recipient for _, message in self._outbound() if message.id == name), None)
        if number is None:
            return name
        lines = [
            f"outbound {record.partition}/{record.offset} at {record.timestamp}: {message.account} {message.priority} "
            f"{message.unknown_outcome or 'default policy'}"
            for record, message in self._outbound()
            if message.id == name
        ]
        for each in self._gateway.record.submits(destination=number):
            part = f"part {each.part.index} of {each.part.total}" if each.part else "whole"
            lines.append(
                f"gateway at {each.epoch_ms}: {part} on connection {each.connection} ({each.host}), "
                f"status {each.status:#x}, taken {each.taken}, id {each.message_id or '-'}"
            )
        for response in self._responses():
            if response.message_id == name:
                told = {
                    key: getattr(response, key)
                    for key in (
                        *("completed_at", "outcome", "reason", "attempts", "slot", "lane", "correction"),
                        *("part_message_ids", "parts_accepted", "possible_duplicate", "submitted_at", "responded_at"),
                        *("event_id", "command_status"),
                    )
                }
                lines.append(f"outcome {json.dumps(told)}")
        return "\n".join(f"{name}: {line}" for line in lines)

    # What the topics say

    def _outbound(self) -> list[tuple[Record, OutboundMessage]]:
        records = self._shelf.records[self._world.topics.outbound]
        return list(zip(records, self._events(OutboundMessage, self._world.topics.outbound), strict=True))

    def _responses(self) -> list[SubmitResponse]:
        found: list[SubmitResponse] = self._events(SubmitResponse, self._world.topics.submit_responses)
        return found

    def _reports(self) -> list[DeliveryReport]:
        found: list[DeliveryReport] = self._events(DeliveryReport, self._world.topics.delivery_reports)
        return found

    def _events(self, kind: type[Any], topic: str) -> list[Any]:
        records, decoded = self._shelf.records[topic], self._decoded[topic]
        decoded.extend(self._world.codec.decode(kind, record.value) for record in records[len(decoded) :])
        return decoded

    def _outcomes_missing(self) -> set[str]:
        """Event ids of outbound records that have neither an outcome nor a dead letter."""
        topics = self._world.topics
        told = {response.event_id for response in self._responses()}
        for letter in self._shelf.records[topics.dead_letters]:
            headers = {name: value.decode() for name, value in letter.headers if name.startswith("dl_")}
            told.add(_of(headers["dl_topic"], int(headers["dl_partition"]), int(headers["dl_offset"])))
        wanted = {_id(record) for record, _ in self._outbound()}
        if len(wanted) < self.expected:
            wanted.add("not read yet")
        return wanted - told

    expected = 0
    """So many outbound events were sent."""

    def _reports_missing(self) -> set[str]:
        accepted = {each.message_id for each in self._gateway.record.submits() if each.accepted}
        return accepted - {report.gateway_message_id or "" for report in self._reports()}

    def _inbound_missing(self) -> set[str]:
        found: list[InboundMessage] = self._events(InboundMessage, self._world.topics.inbound)
        return self._inbound - {event.text or "" for event in found if event.complete}


def _id(record: Record) -> str:
    return _of(record.topic, record.partition, record.offset)


def _of(topic: str, partition: int, offset: int) -> str:
    return event_id("submit-response", topic, partition, offset)


def named(
    sent: dict[str, OutboundMessage],
    responses: Sequence[SubmitResponse],
    submits: Sequence[SubmitRecord],
    reported: set[str | None],
) -> dict[str, list[str]]:
    """Message ids by what seems wrong with them; some of it `books` counts, by the same rules."""
    by_number = {message.recipient: message for message in sent.values()}
    told: dict[str, list[SubmitResponse]] = defaultdict(list)
    for response in responses:
        told[response.message_id].append(response)
    requests: dict[tuple[str, bytes], list[SubmitRecord]] = defaultdict(list)
    times: dict[str, dict[int, float]] = defaultdict(dict)
    for each in submits:
        number = each.pdu.destination_addr
        requests[number, each.pdu.short_message].append(each)
        if each.part is not None and each.accepted:
            times[number].setdefault(each.part.index, each.time)
    names: dict[str, list[str]] = defaultdict(list)
    for (number, _), seen in requests.items():
        message = by_number[number]
        forgiven = message.unknown_outcome is UnknownPolicy.AT_LEAST_ONCE or any(
            response.possible_duplicate for response in told[message.id]
        )
        if sum(each.accepted for each in seen) > 1 and not forgiven:
            names["taken_twice"].append(message.id)
        first = next((at for at, each in enumerate(seen) if each.status == 0), len(seen))
        if message.unknown_outcome is UnknownPolicy.AT_MOST_ONCE and len(seen) > first + 1:
            names["resent_at_most_once"].append(message.id)
        if any(each.accepted and each.message_id not in reported for each in seen):
            names["without_receipt"].append(message.id)
    names["late"] = [
        by_number[number].id for number, parts in times.items() if max(parts.values()) - min(parts.values()) > MINUTE
    ]
    taken = Counter(number for (number, _), seen in requests.items() if any(each.accepted for each in seen))
    for name, heard in told.items():
        if len({response.event_id for response in heard if not response.correction}) > 1:
            names["two_ids"].append(name)
        outcomes: dict[str, set[str]] = defaultdict(set)
        for response in heard:
            outcomes[response.event_id].add(response.outcome)
        if any(len(story) > 1 for story in outcomes.values()):
            names["changed"].append(name)
        number = heard[0].recipient
        policy = sent[name].unknown_outcome or UnknownPolicy.DEDUPE_RETRY
        if policy is UnknownPolicy.DEDUPE_RETRY and any(each.outcome == "unknown" for each in heard):
            names["given_up"].append(name)
        ends = {response.outcome for response in heard}
        if any(response.outcome == "accepted" and taken[number] < response.parts for response in heard):
            names["never_taken"].append(name)
        if not ends & {"accepted", "unknown"} and taken[number] > max(each.parts_accepted for each in heard):
            names["told_wrong"].append(name)
    return names
