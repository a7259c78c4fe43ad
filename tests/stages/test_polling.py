"""A fetch that a rebalance falls into: what the client has handed out is taken, or gone back for, never skipped."""

from collections.abc import Callable
from types import SimpleNamespace

from faust.types.tuples import TP

from connector.stages.polling import PollingConsumer
from connector.stages.positions import Poll, Positions

PLACE = TP("outbound", 0)
CHANGELOG = TP("changelog", 0)
RECORD = SimpleNamespace(
    topic="outbound", partition=0, offset=7, timestamp=0, timestamp_type=0, key=None, value=b"v", headers=()
)


class Fetching(PollingConsumer):
    """A consumer whose client always has one record, and whose group is at `generation`."""

    should_stop = False

    def __init__(self, *, flowing: bool = True, meanwhile: Callable[["Fetching"], None] = lambda _: None) -> None:
        # Not Faust's own: it wants an app and a thread.
        self.app = SimpleNamespace(assignments=1, consumer_generation_id=1)
        self.positions = Positions()
        self.flow_active = flowing
        self.can_resume_flow = None
        self.seeks = 0
        self.failures = 0
        """So many attempts to seek fail."""
        self.sleeps = 0
        self.sought: dict[TP, int] = {}
        self.places = {CHANGELOG: 9}
        self._meanwhile = meanwhile

    def _is_changelog_tp(self, tp: TP) -> bool:
        return bool(tp == CHANGELOG)

    def _to_message(self, tp: TP, record: SimpleNamespace) -> SimpleNamespace:
        return record

    def assignment(self) -> set[TP]:
        return set(self.places)

    async def position(self, tp: TP) -> int:
        return self.places[tp]

    async def seek(self, tp: TP, offset: int) -> None:
        self.sought[tp] = offset

    async def wait(self, event: object) -> None:
        """The flow resumes after a rebalance."""
        self.app.assignments += 1
        self.flow_active = True

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, list[SimpleNamespace]], None]:
        self._meanwhile(self)
        return {PLACE: [RECORD], CHANGELOG: [RECORD]}, None

    async def perform_seek(self) -> None:
        self.seeks += 1
        if self.seeks <= self.failures:
            raise ConnectionError

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1


async def polls(consumer: Fetching) -> list[Poll]:
    return [message.value async for tp, message in consumer.getmany(1.0) if tp == PLACE]


def rebalanced(consumer: Fetching) -> None:
    consumer.app.assignments += 1


def stopped(consumer: Fetching) -> None:
    consumer.flow_active = False


async def test_a_fetch_is_handed_on_under_its_generation() -> None:
    (poll,) = await polls(Fetching())
    assert poll.assignment == 1


async def test_the_first_fetch_after_a_rebalance_belongs_to_the_new_generation() -> None:
    """It was taken for one of the old generation and dropped, and what followed it was committed."""
    consumer = Fetching(flowing=False)
    (poll,) = await polls(consumer)
    assert (poll.assignment, consumer.seeks) == (2, 0)


async def test_a_fetch_that_spans_a_rebalance_is_gone_back_for() -> None:
    consumer = Fetching(meanwhile=rebalanced)
    assert await polls(consumer) == []
    assert consumer.seeks == 1


async def test_a_fetch_that_ends_while_partitions_move_is_gone_back_for() -> None:
    consumer = Fetching(meanwhile=stopped)
    assert await polls(consumer) == []
    assert consumer.seeks == 1


async def test_going_back_is_tried_until_it_is_done() -> None:
    """Kafka was away for a moment. Broken by: reading on, over records that nobody took."""
    consumer = Fetching(meanwhile=rebalanced)
    consumer.failures = 3
    assert await polls(consumer) == []
    assert (consumer.seeks, consumer.sleeps) == (4, 3)


async def test_going_back_is_left_to_the_recovery_while_partitions_move() -> None:
    consumer = Fetching(meanwhile=stopped)
    consumer.failures = 3
    assert await polls(consumer) == []
    assert (consumer.seeks, consumer.sleeps) == (1, 0)


async def test_what_it_held_of_a_changelog_is_given_back() -> None:
    """The recovery of the new generation has sought already and waits for it. Broken by: going back to committed
    positions alone, of which changelogs have none."""
    consumer = Fetching(meanwhile=rebalanced)
    await polls(consumer)
    assert consumer.sought == {CHANGELOG: RECORD.offset}


async def test_a_changelog_is_never_moved_forward() -> None:
    """Rows that are passed over would be missing in the table."""
    consumer = Fetching(meanwhile=rebalanced)
    consumer.places[CHANGELOG] = 3
    await polls(consumer)
    assert consumer.sought == {}


async def test_while_partitions_move_the_recovery_to_come_seeks_in_changelogs() -> None:
    consumer = Fetching(meanwhile=stopped)
    await polls(consumer)
    assert consumer.sought == {}


async def test_a_changelog_that_has_gone_is_left_alone() -> None:
    consumer = Fetching(meanwhile=rebalanced)
    consumer.places.clear()
    await polls(consumer)
    assert consumer.sought == {}
