"""The order of what is written: intent, bytes, done, outcome; and what stays when a write is given up."""

import asyncio
import random
from collections.abc import Iterable
from typing import Any, cast

import pytest

from connector import telemetry
from connector.domain.events import LaneMessage, LedgerEntry
from connector.domain.messages import Lane, OutboundMessage
from connector.kafka.clients import Consumer, KafkaUnavailable, OutRecord, Partition, Producer, Record
from connector.kafka.ledger import Ledger
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.stages.settings import StageConfig
from connector.stages.submit.journal import Journal
from connector.stages.submit.ownership import Ownership
from connector.stages.submit.run import Submitter
from connector.stages.submit.slot import Slot

T0 = 1_800_000_000_000
TOPICS = Topics("sms.")


class Shelf:
    """A producer whose writes wait for `open`"""

    def __init__(self) -> None:
        self.written: list[OutRecord] = []
        self.open = asyncio.Event()
        self.waiting = asyncio.Event()

    async def send_all(self, records: Iterable[OutRecord]) -> None:
        written = list(records)
        self.waiting.set()
        await self.open.wait()
        self.written += written


class Reader:
    """A consumer of one slot's lanes with the records that are put on it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.sought: dict[Partition, int] = {}
        self.held: set[Partition] = set()
        self.commits: list[dict[Partition, int]] = []
        self.notes: dict[Partition, str] = {}
        self.age = 0.0

    def lease_age(self, now: float) -> float:
        return self.age

    def assignment(self) -> frozenset[Partition]:
        return frozenset(Partition(TOPICS.lane(lane), 0) for lane in Lane)

    def paused(self) -> frozenset[Partition]:
        return frozenset(self.held)

    def pause(self, *places: Partition) -> None:
        self.held.update(places)

    def resume(self, *places: Partition) -> None:
        self.held.difference_update(places)

    def seek(self, place: Partition, offset: int) -> None:
        self.sought[place] = offset

    def lag(self, place: Partition) -> int:
        return 7

    async def commit(self, offsets: dict[Partition, int], notes: dict[Partition, str]) -> None:
        self.commits.append(offsets)
        self.notes.update(notes)

    async def noted(self, place: Partition) -> tuple[int, str]:
        return 0, self.notes.get(place, "")

    async def getmany(self, *, timeout: float) -> dict[Partition, list[Record]]:
        batch, self.records = self.records, []
        return {Partition(batch[0].topic, batch[0].partition): batch} if batch else {}


class Socket:
    """A bind that is up and keeps what it was given."""

    ready, free_window = True, 100

    def __init__(self) -> None:
        self.host = "one.example"
        self.submitted: list[object] = []

    def submit(self, pdu: object, context: object) -> None:
        self.submitted.append(context)


class Stage:
    """A submitter between a shelf, a reader and a socket, on a clock that stands still until it is told."""

    def __init__(self) -> None:
        telemetry.reset()
        self.now = 100.0
        self.config = StageConfig.model_validate(
            {"accounts": [{"name": "main", "system_id": "login", "password": "secret", "rate": 1000}]}
        )
        self.codec = Codec()
        self.shelf, self.reader, self.socket = Shelf(), Reader(), Socket()
        self.journal = Journal(
            cast(Producer, self.shelf),
            self.codec,
            TOPICS,
            deliveries_partitions=1,
            clock=lambda: self.now,
            epoch_ms=lambda: T0,
        )
        self.submitter = Submitter(
            self.config,
            consumer=cast(Consumer, self.reader),
            journal=self.journal,
            codec=self.codec,
            registry=None,
            clock=lambda: self.now,
            epoch_ms=lambda: T0,
            rng=random.Random(1),
        )
        self.ownership = Ownership(self.config, self.codec, clock=lambda: self.now, epoch_ms=lambda: T0)
        self.ownership.serve(self.submitter)
        cast(Any, self.submitter.pools["main"])._binds[0] = self.socket

    def open(self) -> Slot:
        slot = Slot(
            number=0,
            account=self.config.accounts[0],
            ledger=Ledger(memory_ms=3_600_000),
            decode=self.submitter.intake.decode,
            resend_ms=45_000,
        )
        self.submitter.opened(slot, since=self.now - 10.0)
        return slot

    def lane_record(self, offset: int, *messages: OutboundMessage) -> None:
        items = [
            LaneMessage(
                message_id=message.id,
                account="main",
                slot=0,
                lane=Lane.NORMAL,
                source_topic="sms.outbound",
                source_partition=0,
                source_offset=10 * offset + index,
                received_at=T0,
                routed_at=T0,
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
                event=self.codec.encode(message),
            )
            for index, message in enumerate(messages)
        ]
        value = self.codec.encode_frame(items)
        self.reader.records.append(Record(TOPICS.lane(Lane.NORMAL), 0, offset, T0, None, value, ()))

    def topics(self) -> list[str]:
        return [record.topic for record in self.shelf.written]


def sms(name: str = "m1", text: str = "hello") -> OutboundMessage:
    return OutboundMessage(id=name, recipient="79990000001", sender="Shop", text=text)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_no_part_of_a_message_reaches_the_socket_before_the_intent_is_durable() -> None:
    stage = Stage()
    stage.open()
    stage.lane_record(0, sms(text="a" * 400))
    await stage.submitter.lanes.read()
    writing = asyncio.create_task(stage.submitter.write_intents())
    stage.now += 1.0
    stage.submitter.admit()
    await asyncio.wait_for(stage.shelf.waiting.wait(), 5)
    await turns()
    assert stage.socket.submitted == []
    stage.shelf.open.set()
    await turns()
    assert len(stage.socket.submitted) == 3
    assert stage.topics() == [TOPICS.ledger]
    writing.cancel()


async def test_an_outcome_is_not_told_when_its_done_came_after_the_lease() -> None:
    """The next owner has not read it and tells another one, under the same event id. Broken by: looking at the lease
    before the DONE alone, whose write may take as long as Kafka is away."""
    stage = Stage()
    slot = stage.open()
    stage.lane_record(0, sms())
    await stage.submitter.lanes.read()
    stage.now += 1.0
    stage.submitter.admit()
    stage.shelf.open.set()
    stage.submitter._intents_wait.set()
    writing = asyncio.create_task(stage.submitter.write_intents())
    await turns()
    writing.cancel()
    stage.submitter.on_response(0, stage.socket.submitted[0], 0, "id-1", ())
    stage.shelf.open.clear()
    telling = asyncio.create_task(stage.submitter.flush_outcomes())
    await turns()
    stage.reader.age = 60.0
    stage.shelf.open.set()
    await telling
    assert stage.topics() == [TOPICS.ledger, TOPICS.ledger], "the intent and the DONE"
    assert len(slot.finished) == 1
    stage.reader.age = 0.0
    await stage.submitter.flush_outcomes()
    assert stage.topics().count(TOPICS.submit_responses) == 1, "once the lease was renewed after all"
    assert slot.finished == []


async def test_an_outcome_whose_write_was_given_up_is_written_by_the_next_one() -> None:
    stage = Stage()
    slot = stage.open()
    stage.lane_record(0, sms("twice"), sms("twice"))
    await stage.submitter.lanes.read()
    assert len(slot.finished) == 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stage.submitter.flush_outcomes(), 0.01)
    stage.shelf.open.set()
    await stage.submitter.flush_outcomes()
    assert slot.finished == []
    assert stage.topics().count(TOPICS.submit_responses) >= 1


async def test_draining_ends_in_time_though_nothing_can_be_written() -> None:
    stage = Stage()
    slot = stage.open()
    stage.lane_record(0, sms("twice"), sms("twice"))
    await stage.submitter.lanes.read()
    await asyncio.wait_for(stage.ownership.drain(0.02), 5)
    assert len(slot.finished) == 1


async def test_a_record_that_comes_before_its_slot_is_open_is_read_again() -> None:
    stage = Stage()
    stage.lane_record(4, sms())
    await stage.submitter.lanes.read()
    place = Partition(TOPICS.lane(Lane.NORMAL), 0)
    assert stage.reader.sought == {place: 4}
    assert place in stage.reader.held


async def test_lanes_of_a_slot_that_is_not_open_are_paused_with_the_assignment() -> None:
    stage = Stage()
    await stage.ownership.on_assigned(sorted(stage.reader.assignment()))
    assert stage.reader.held == stage.reader.assignment()


async def test_a_rebalance_voids_what_was_fetched_before_it() -> None:
    """The poison record waits for its dead letter; meanwhile partitions are given anew, and all is read again."""
    stage = Stage()
    slot = stage.open()
    stage.reader.records.append(Record(TOPICS.lane(Lane.NORMAL), 0, 4, T0, None, b"no frame", ()))
    stage.lane_record(5, sms())
    reading = asyncio.create_task(stage.submitter.lanes.read())
    await asyncio.wait_for(stage.shelf.waiting.wait(), 5)
    await stage.ownership.on_revoked(sorted(stage.reader.assignment()))
    await stage.ownership.on_assigned(sorted(stage.reader.assignment()))
    stage.shelf.open.set()
    await reading
    assert slot.queued(Lane.NORMAL) == 0
    assert slot.offsets[Lane.NORMAL].committable is None


async def test_a_slot_that_moved_away_leaves_no_figure_behind() -> None:
    stage = Stage()
    stage.open()
    stage.submitter.figures.report(stage.submitter.accounts.values(), stage.submitter.lanes)
    metrics = (
        telemetry.Metric.BOUND,
        telemetry.Metric.IN_FLIGHT,
        telemetry.Metric.WINDOW,
        telemetry.Metric.LANE_HELD,
        telemetry.Metric.LANE_BACKLOG,
        telemetry.Metric.RATE,
        telemetry.Metric.RATE_CONFIGURED,
    )
    assert all(telemetry.snapshot(metric) for metric in metrics)
    assert telemetry.value(telemetry.Metric.LANE_BACKLOG, slot=0, lane="bulk") == 7
    stage.submitter.closed(0)
    stage.submitter.figures.report(stage.submitter.accounts.values(), stage.submitter.lanes)
    assert not any(telemetry.snapshot(metric) for metric in metrics)


async def test_figures_of_a_message_s_way() -> None:
    stage = Stage()
    slot = stage.open()
    stage.shelf.open.set()
    stage.lane_record(0, sms())
    await stage.submitter.lanes.read()
    writing = asyncio.create_task(stage.submitter.write_intents())
    stage.now += 1.0
    stage.submitter.admit()
    await turns()
    (context,) = stage.socket.submitted
    stage.submitter.on_down(0, "lost", (context,), ())
    stage.submitter.on_ready(0)
    stage.now += 1.0
    stage.submitter.admit()
    await turns()
    stage.submitter.on_response(0, context, 0, "id-1", ())
    await stage.submitter.flush_outcomes()
    writing.cancel()
    assert slot.finished == []
    assert telemetry.value(telemetry.Metric.RECONNECTS, account="main") == 1
    assert telemetry.value(telemetry.Metric.UNKNOWN_OUTCOMES, decision="resent") == 1
    assert telemetry.value(telemetry.Metric.LEDGER_WRITES, type="intent") == 1
    assert telemetry.value(telemetry.Metric.LEDGER_WRITES, type="done") == 1
    assert telemetry.value(telemetry.Metric.LEDGER_LATENCY) == 2
    assert telemetry.value(telemetry.Metric.OUTCOMES, outcome="accepted") == 1


async def test_an_intent_covers_no_byte_at_a_host_that_it_does_not_name() -> None:
    """The bind goes to the other host while the intent is on its way, and again while the next one is. Broken by: an
    intent that covers whatever is asked for by the time it is durable."""
    stage = Stage()
    stage.open()
    stage.lane_record(0, sms(text="a" * 200))
    await stage.submitter.lanes.read()
    writing = asyncio.create_task(stage.submitter.write_intents())
    for host in ("two.example", "one.example"):
        stage.shelf.waiting.clear()
        stage.now += 1.0
        stage.submitter.admit()
        await asyncio.wait_for(stage.shelf.waiting.wait(), 5)
        stage.socket.host = host
        stage.submitter.on_ready(0)
        stage.shelf.open.set()
        await turns()
        stage.shelf.open.clear()
        assert stage.socket.submitted == []
    stage.now += 1.0
    stage.submitter.admit()
    stage.shelf.open.set()
    await turns()
    writing.cancel()
    assert len(stage.socket.submitted) == 2
    entries = [entry for each in stage.shelf.written for entry in stage.codec.decode_frame(LedgerEntry, each.value)]
    assert [entry.host for entry in entries] == ["one.example", "two.example", "one.example"]


async def test_a_part_whose_late_answer_came_while_it_waited_for_its_intent_does_not_leave() -> None:
    stage = Stage()
    slot = stage.open()
    stage.lane_record(0, sms())
    await stage.submitter.lanes.read()
    writing = asyncio.create_task(stage.submitter.write_intents())
    stage.now += 1.0
    stage.submitter.admit()
    await asyncio.wait_for(stage.shelf.waiting.wait(), 5)
    (work,) = slot._works.values()
    stage.submitter.on_late_response(0, (slot, work.parts[0]), 0, "id-1")
    stage.shelf.open.set()
    await turns()
    writing.cancel()
    assert stage.socket.submitted == []
    assert slot.in_flight == 0


async def test_nothing_fit_to_go_keeps_nobody_busy() -> None:
    """What waits was refused so often that its time is not come, and there is a token for it."""
    stage = Stage()
    slot = stage.open()
    stage.lane_record(0, sms())
    await stage.submitter.lanes.read()
    stage.now += 1.0
    assert stage.submitter.admit() == 0.25, "all that waited is admitted"
    (work,) = slot._works.values()
    slot.hold(work.parts[0])
    work.parts[0].not_before = T0 + 60_000
    stage.now += 1.0
    assert stage.submitter.admit() == 0.25


async def test_what_was_put_off_takes_nothing_with_it_that_came_meanwhile() -> None:
    """A rebalance during the write: all is read again, and held again."""
    stage = Stage()
    slot = stage.open()
    stage.lane_record(0, sms("old"))
    await stage.submitter.lanes.read()
    (old,) = slot.queues[Lane.NORMAL].works()
    slot.deferred.append(old)
    putting = asyncio.create_task(stage.submitter.intake.put_off(slot))
    await asyncio.wait_for(stage.shelf.waiting.wait(), 5)
    slot.forget_unstarted()
    stage.lane_record(0, sms("old"))
    await stage.submitter.lanes.read()
    (fresh,) = slot.queues[Lane.NORMAL].works()
    slot.deferred.append(fresh)
    stage.shelf.open.set()
    await putting
    assert slot.deferred == [fresh]
    assert list(slot._works.values()) == [fresh]


async def test_what_is_put_off_again_and_again_is_so_once_a_second() -> None:
    stage = Stage()
    slot = stage.open()
    stage.shelf.open.set()
    for number in range(3):
        stage.lane_record(number, sms(f"m{number}"))
        await stage.submitter.lanes.read()
        slot.deferred.append(slot._works[f"m{number}"])
        await stage.submitter.intake.put_off(slot)
    assert len(stage.shelf.written) == 1
    assert len(slot.deferred) == 2


async def test_an_intent_that_was_overtaken_by_one_for_another_host_covers_nothing() -> None:
    stage = Stage()
    slot = stage.open()
    stage.submitter.on_ready(0)
    stage.lane_record(0, sms(text="a" * 200))
    await stage.submitter.lanes.read()
    first = slot.next_part(Lane.NORMAL, now_ms=T0)
    assert first is not None
    work = first.part.work
    writing = asyncio.create_task(stage.journal.intents([(slot, work)]))
    await asyncio.wait_for(stage.shelf.waiting.wait(), 5)
    slot.host = "two.example"
    second = slot.next_part(Lane.NORMAL, now_ms=T0)
    assert second is not None
    assert second.intent_first
    stage.shelf.open.set()
    await writing
    assert not work.covered
    await stage.journal.intents([(slot, work)])
    assert work.covered


async def test_an_intent_that_is_not_ours_to_write_any_more_lets_no_byte_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka was away beyond the lease: the part is held, and asks for its intent again when the slot is ours."""
    monkeypatch.setattr("connector.stages.sending._FIRST_WAIT", 0.0)
    stage = Stage()
    slot = stage.open()
    stage.lane_record(0, sms())
    await stage.submitter.lanes.read()
    stage.now += 1.0
    stage.submitter.admit()
    ages = [float("inf")]
    stage.reader.lease_age = lambda now: ages[0]  # type: ignore[method-assign]

    async def away(records: Iterable[OutRecord]) -> None:
        raise KafkaUnavailable("the broker is away")

    stage.shelf.send_all, there = away, stage.shelf.send_all  # type: ignore[method-assign]
    writing = asyncio.create_task(stage.submitter.write_intents())
    await turns(50)
    assert stage.socket.submitted == []
    assert slot.in_flight == 0
    stage.shelf.send_all, ages[0] = there, 0.0  # type: ignore[method-assign]
    stage.shelf.open.set()
    stage.now += 1.0
    stage.submitter.admit()
    await turns(50)
    assert stage.topics() == [TOPICS.ledger]
    assert len(stage.socket.submitted) == 1
    writing.cancel()
