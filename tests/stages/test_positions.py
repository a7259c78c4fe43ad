"""What may be committed: only what the stage delivered, and never across records that went astray."""

from hypothesis import given
from hypothesis import strategies as st

from connector.kafka.clients import Partition, Record
from connector.stages.positions import Poll, Positions

ZERO, ONE = Partition("t", 0), Partition("t", 1)


def records(first: int, end: int, partition: int = 0) -> list[Record]:
    return [Record("t", partition, offset, 0, None, b"", ()) for offset in range(first, end)]


def poll(positions: Positions, first: int, end: int, partition: Partition = ZERO) -> Poll:
    return Poll(1, (positions.fetched(partition, records(first, end, partition.partition)),))


def fresh(committed: int | None = None) -> Positions:
    positions = Positions()
    positions.assigned()
    positions.sought({ZERO: committed})
    return positions


def test_nothing_is_committed_before_it_is_delivered() -> None:
    positions = fresh()
    first = poll(positions, 0, 10)
    assert positions.continues(first)
    assert positions.committable() == {}
    positions.delivered(first)
    assert positions.committable() == {ZERO: 10}


def test_fetches_that_follow_each_other_continue() -> None:
    positions = fresh(5)
    for first, end in ((5, 10), (10, 11), (15, 20)):  # a gap between fetches, as compaction leaves, is no loss
        piece = poll(positions, first, end)
        assert positions.continues(piece)
        positions.delivered(piece)
    assert positions.committable() == {ZERO: 20}


def test_a_fetch_that_never_arrived_is_noticed() -> None:
    positions = fresh(5)
    poll(positions, 5, 10)
    assert not positions.continues(poll(positions, 10, 20))


def test_a_lost_first_fetch_is_noticed_without_a_committed_position() -> None:
    positions = fresh(None)
    poll(positions, 0, 10)
    assert not positions.continues(poll(positions, 10, 20))


def test_records_before_the_first_that_is_left_are_no_loss() -> None:
    """Retention has deleted what stood at the committed position."""
    positions = fresh(5)
    assert positions.continues(poll(positions, 100, 110))


def test_reading_again_after_seeking_back_continues() -> None:
    positions = fresh(0)
    first = poll(positions, 0, 10)
    positions.delivered(first)
    second = poll(positions, 10, 20)
    positions.delivered(second)
    positions.sought({ZERO: 10})
    again = poll(positions, 10, 15)
    assert positions.continues(again)
    positions.delivered(again)
    assert positions.committable() == {ZERO: 20}
    assert positions.continues(poll(positions, 15, 25))


def test_a_new_assignment_forgets() -> None:
    positions = fresh(0)
    positions.delivered(poll(positions, 0, 10))
    positions.assigned()
    assert positions.committable() == {}


def test_partitions_are_independent() -> None:
    positions = fresh(0)
    positions.sought({ONE: 0})
    piece = Poll(1, (positions.fetched(ZERO, records(0, 3)), positions.fetched(ONE, records(0, 5, 1))))
    assert positions.continues(piece)
    assert len(list(piece.records())) == 8
    positions.delivered(piece)
    assert positions.committable() == {ZERO: 3, ONE: 5}


@given(st.lists(st.tuples(st.sampled_from(["deliver", "lose", "back"]), st.integers(1, 5)), max_size=40))
def test_whatever_happens_nothing_undelivered_is_committed(steps: list[tuple[str, int]]) -> None:
    """Fetches are delivered or lost, reading goes back to the committed position at times; a stage stops at a gap."""
    positions, at, handled = fresh(0), 0, set[int]()
    for what, count in steps:
        if what == "back":
            at = positions.committable().get(ZERO, 0)
            positions.sought({ZERO: at})
            continue
        piece = poll(positions, at, at + count)
        at += count
        if what == "lose":
            continue
        if not positions.continues(piece):
            break
        handled |= {record.offset for record in piece.records()}
        positions.delivered(piece)
        assert set(range(positions.committable()[ZERO])) <= handled
