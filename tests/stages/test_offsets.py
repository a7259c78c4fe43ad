"""A lane's committed offset never passes a record with an item under way."""

import random

from hypothesis import given
from hypothesis import strategies as st

from connector.stages.submit.offsets import OffsetTracker


def test_a_gap_holds_the_offset_back_until_it_closes() -> None:
    tracker = OffsetTracker()
    tracker.opened(5, 1)
    tracker.opened(6, 2)
    tracker.finished(6)
    tracker.finished(6)
    assert tracker.committable is None
    tracker.finished(5)
    assert tracker.committable == 7


def test_an_empty_record_is_finished_at_once() -> None:
    tracker = OffsetTracker()
    tracker.opened(3, 0)
    assert tracker.committable == 4


def test_records_of_an_earlier_assignment_are_ignored() -> None:
    tracker = OffsetTracker()
    tracker.finished(99)
    assert tracker.committable is None


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_the_committable_offset_is_the_first_with_an_item_left(sizes: list[int], order: random.Random) -> None:
    tracker = OffsetTracker()
    left = dict(enumerate(sizes))
    for offset, size in left.items():
        tracker.opened(offset, size)
    items = [offset for offset, size in left.items() for _ in range(size)]
    order.shuffle(items)
    for offset in items:
        tracker.finished(offset)
        left[offset] -= 1
        first = next((place for place in sorted(left) if left[place] > 0), len(sizes))
        assert (tracker.committable or 0) == first
