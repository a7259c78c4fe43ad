"""kill -9 of the submitter at each named step of a message's way, and what the next process makes of it.

A case is a step, how many parts the messages have, the policy about unknown outcomes, and who goes on: the same replica
started again, or another that stood by in the group. The second of three messages is the one the step is about. What
happens is reckoned on the gateway's record and the topics. Next station: `crash_table`, which tries them all.
"""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from connector.domain.events import Delivery, DeliveryType, LaneMessage, Outcome, SubmitResponse
from connector.domain.messages import Lane, UnknownPolicy
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka import topics
from connector.kafka.clients import Admin, Consumer, OutRecord, Partition, Producer, TopicSpec
from connector.kafka.records import Codec
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.simulator.server import Simulator
from connector.simulator.settings import AccountSettings, SimulatorSettings
from connector.stages.settings import AccountSettings as OurAccount
from connector.translate import submitted_key
from tests.chaos.audit import MINUTE, Shelf
from tests.chaos.forked import Forked
from tests.support.evidence import Books, books, numbered
from tests.support.kafka import settings_for

MESSAGES: Final = 3
TARGET: Final = "m1"
_SECONDS: Final = 240.0
"""In which a case is over, or has failed."""


class Way(StrEnum):
    """Who goes on after the crash."""

    RESTART = "restart"
    TAKEOVER = "takeover"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPoint:
    """`step` as in tests/faults/stage_process.py, reached for the `count`-th time."""

    step: str
    count: int = 1
    parts: int
    policy: UnknownPolicy
    way: Way

    @property
    def name(self) -> str:
        """In words."""
        step = self.step.replace(":", " ")
        which = f" {self.count}" if self.step.split(":")[1] in ("write", "response") else ""
        return f"{step}{which}, parts {self.parts}, {self.policy}, {self.way}"

    @property
    def unknown_is_fine(self) -> bool:
        """Whether the outcome of the message that the step is about may be unknown: only where it is never sent again
        and its answer is not written down."""
        settled = ("after:done", "before:publish", "after:publish", "before:commit", "after:commit")
        return self.policy is UnknownPolicy.AT_MOST_ONCE and self.step not in ("before:intent", *settled)


def crash_points() -> Iterator[CrashPoint]:
    """Every combination."""
    for parts in (1, 3):
        steps = [("intent", 1)]
        steps += [("write", number) for number in range(1, parts + 1)]
        steps += [("response", number) for number in range(1, parts + 1)]
        steps += [(name, 1) for name in ("done", "publish", "commit", "read", "store", "acknowledge")]
        for step, count in steps:
            for when in ("before", "after"):
                for policy in UnknownPolicy:
                    for way in Way:
                        yield CrashPoint(step=f"{when}:{step}", count=count, parts=parts, policy=policy, way=way)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """What came of a case. `unknown`: outcomes that nobody knows, `repeated`: requests that were sent again,
    `receipts_lost`: accepted ids whose receipt is nowhere in Kafka. `trouble`: what is wrong besides the figures."""

    point: CrashPoint
    books: Books | None = None
    repeated: int = 0
    receipts_lost: int = 0
    left: int = 0
    target: str | None = None
    trouble: str | None = None
    seconds: float = 0.0
    folder: Path | None = None

    @property
    def promised(self) -> frozenset[str]:
        """The figures that must be zero."""
        zero = {"lost", "doubled", "receipts lost"}
        if self.point.policy is not UnknownPolicy.AT_LEAST_ONCE:
            zero.add("declared")
        if self.point.policy is UnknownPolicy.AT_MOST_ONCE:
            zero.add("resent")
        else:
            zero.add("unknown")
        return frozenset(zero)

    @property
    def figures(self) -> dict[str, int]:
        """By the headings of the table."""
        if self.books is None:
            return {}
        return {
            "lost": self.books.lost,
            "doubled": self.books.taken_twice,
            "declared": self.books.declared,
            "unknown": self.books.unknown,
            "resent": self.repeated,
            "receipts lost": self.receipts_lost,
        }

    @property
    def wrong(self) -> dict[str, int]:
        """What must be zero and is not; with what the table has no column for."""
        found = {name: count for name, count in self.figures.items() if count and name in self.promised}
        if self.books is not None:
            also = {
                "told another outcome under one id": self.books.changed,
                "under two ids": self.books.two_ids,
                "told accepted and never taken": self.books.never_taken,
                "told refused and taken": self.books.told_wrong,
                "not committed": self.left,
                "unknown though it is known": int(
                    self.target == Outcome.UNKNOWN and not self.point.unknown_is_fine and "unknown" not in found
                ),
            }
            found |= {name: count for name, count in also.items() if count}
        return found

    @property
    def failed(self) -> bool:
        return self.trouble is not None or bool(self.wrong)


async def crash(point: CrashPoint, broker: EmbeddedKafka, prefix: str) -> Crashed:
    """Tries one case, under a topic prefix of its own; everything it made is gone afterwards but the logs of a
    failure."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="sms-connector-crash-"))
    login = AccountSettings(system_id="login", password=SecretStr("secret"), speed=1_000)
    kafka = settings_for(broker, prefix).model_copy(update={"deliveries_partitions": 1})
    async with Simulator(SimulatorSettings(accounts=(login,), backup_port=None, deliver_timeout=5.0)) as gateway:
        case = _Case(point, kafka, folder, gateway)
        try:
            async with asyncio.timeout(_SECONDS):
                found = await case.tried()
        except Exception as error:
            # The edge of a case: the others go on, and this one has failed.
            found = Crashed(point=point, trouble=f"{type(error).__name__} {error} at: {case.at}".replace("  ", " "))
        except asyncio.CancelledError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            await case.ended()
    if not found.failed:
        shutil.rmtree(folder, ignore_errors=True)
    return replace(found, seconds=time.monotonic() - began, folder=folder)


class _Case:
    """The parts of one case."""

    def __init__(self, point: CrashPoint, kafka: KafkaSettings, folder: Path, gateway: Simulator) -> None:
        self._point = point
        self._kafka = kafka
        self._topics = Topics(kafka.topic_prefix)
        self._folder = folder
        self._gateway = gateway
        self._codec = Codec()
        self._processes: list[Forked] = []
        self.at = "the beginning"

    async def tried(self) -> Crashed:
        point = self._point
        async with Admin(self._kafka) as admin, Producer(self._kafka) as producer:
            await admin.create(self._specs())
            self.at = "the start"
            dying = self._submitter("a")
            await dying.start((point.step, str(point.count), TARGET))
            await self._gateway.until(lambda: bool(self._gateway.bound("login")), _SECONDS)
            heir = None
            if point.way is Way.TAKEOVER:
                # By their names the first keeps the slot when the second joins.
                heir = self._submitter("b")
                await heir.start()
            await producer.send_and_wait(self._frame())
            self.at = "the step"
            code = await dying.died()
            assert code == -9, f"the step was not reached: {code}"
            self.at = "what came after"
            if heir is None:
                heir = self._submitter("a")
                await heir.start()
            found = await self._reckoned(admin)
            self.at = "the end"
            code = await heir.terminate()
            assert code == 0, f"the next process ended with status {code}"
            return found

    async def ended(self) -> None:
        """Nothing is left."""
        for process in self._processes:
            process.kill()
        async with Admin(self._kafka) as admin:
            await admin.delete([spec.name for spec in self._specs()])

    def _specs(self) -> list[TopicSpec]:
        """The topics that a submitter needs."""
        wanted = {
            *self._topics.lanes,
            self._topics.ledger,
            self._topics.submit_responses,
            self._topics.deliveries,
            self._topics.dead_letters,
        }
        return [spec for spec in topics.specs(self._kafka, 1) if spec.name in wanted]

    def _submitter(self, name: str) -> Forked:
        account = {
            "name": "main",
            "host": "127.0.0.1",
            "port": self._gateway.port,
            "system_id": "login",
            "password": "secret",
            "rate": 200,
            "unknown_outcome": self._point.policy,
            "reconnect_max": 1.0,
        }
        settings = {
            "kafka": self._kafka.model_dump(mode="json"),
            "accounts": [account],
            "submit": {"instance_id": name},
        }
        self._processes.append(Forked(settings, self._folder / f"submit-{name}.log"))
        return self._processes[-1]

    def _frame(self) -> OutRecord:
        """The messages as the router would have put them into the lane."""
        now_ms = time.time_ns() // 1_000_000
        items = [
            LaneMessage(
                message_id=message.id,
                account="main",
                slot=0,
                lane=Lane.NORMAL,
                source_topic=self._topics.outbound,
                source_partition=0,
                source_offset=number,
                received_at=now_ms,
                routed_at=now_ms,
                event=self._codec.encode(message),
            )
            for number, message in enumerate(self._messages())
        ]
        return OutRecord(topic=self._topics.lane(Lane.NORMAL), value=self._codec.encode_frame(items), partition=0)

    def _messages(self) -> list[Any]:
        words = {1: 5, 3: 70}[self._point.parts]
        return numbered(MESSAGES, text="long " * words)

    async def _reckoned(self, admin: Admin) -> Crashed:
        shelf = Shelf(self._kafka, (self._topics.submit_responses, self._topics.deliveries))
        ids = {message.id for message in self._messages()}
        await shelf.start()
        try:
            in_time = True
            try:
                async with asyncio.timeout(_SECONDS / 2):
                    while ids - {response.message_id for response in self._responses(shelf)}:
                        await shelf.read()
                    await self._gateway.settled(_SECONDS)
                    self._gateway.skip(MINUTE + 1)
                    await self._gateway.settled(_SECONDS)
                    while self._receipts_missing(shelf):
                        await shelf.read()
                    while await self._left(admin):
                        await shelf.read()
            except TimeoutError:
                in_time = False
            await shelf.read()
            responses = self._responses(shelf)
            again = {message.id for message in self._messages()} if self._loud else set()
            submits = self._gateway.record.submits()
            requests = Counter((each.pdu.destination_addr, each.pdu.short_message) for each in submits)
            last = {response.message_id: response.outcome for response in responses}
            return Crashed(
                point=self._point,
                books=books(ids, responses, submits, [], again),
                repeated=sum(count - 1 for count in requests.values()),
                receipts_lost=len(self._receipts_missing(shelf)),
                left=await self._left(admin),
                target=last.get(TARGET),
                trouble=None if in_time else "it did not come to rest",
            )
        finally:
            await shelf.stop()

    @property
    def _loud(self) -> bool:
        return self._point.policy is UnknownPolicy.AT_LEAST_ONCE

    def _responses(self, shelf: Shelf) -> list[SubmitResponse]:
        return [
            self._codec.decode(SubmitResponse, record.value) for record in shelf.records[self._topics.submit_responses]
        ]

    def _receipts_missing(self, shelf: Shelf) -> set[str]:
        """Keys of accepted ids for which no deliver_sm is in Kafka."""
        settings = OurAccount(name="main", system_id="login", password=SecretStr("secret"))
        wanted = {
            submitted_key("main", each.message_id, settings) for each in self._gateway.record.submits() if each.accepted
        }
        stored = {
            item.key
            for record in shelf.records[self._topics.deliveries]
            for item in self._codec.decode_frame(Delivery, record.value or b"")
            if item.type is DeliveryType.RECEIVED
        }
        return wanted - stored

    async def _left(self, admin: Admin) -> int:
        committed = await admin.committed(f"{self._kafka.topic_prefix}submit")
        places = [Partition(name, 0) for name in self._topics.lanes]
        async with Consumer(self._kafka) as reader:
            ends = await reader.end_offsets(places)
        return sum(ends[where] - committed.get(where, 0) for where in places)
