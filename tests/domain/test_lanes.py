"""Strict precedence, floors that hold, and nothing lost on the way."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.lanes import LanePicker
from connector.domain.messages import Lane

messages = st.lists(st.integers(min_value=1, max_value=10), max_size=60)


def run(picker: LanePicker, queues: dict[Lane, deque[int]], steps: int = 10_000) -> list[tuple[Lane, int]]:
    """What goes out where the queues hold messages of so many parts."""
    out = []
    for _ in range(steps):
        waiting = [lane for lane in Lane if queues[lane]]
        lane = picker.pick(waiting)
        if lane is None:
            break
        pdus = queues[lane].popleft()
        picker.sent(lane, waiting, pdus)
        out.append((lane, pdus))
    return out


@given(messages, messages, messages, st.sampled_from([0.0, 0.01, 0.05, 0.25]))
def test_everything_goes_out_once_and_each_lane_in_its_order(
    urgent: list[int], normal: list[int], bulk: list[int], share: float
) -> None:
    queues = {Lane.URGENT: deque(urgent), Lane.NORMAL: deque(normal), Lane.BULK: deque(bulk)}
    out = run(LanePicker(share=share), queues)
    for lane, put in ((Lane.URGENT, urgent), (Lane.NORMAL, normal), (Lane.BULK, bulk)):
        assert [pdus for each, pdus in out if each is lane] == put


@given(st.integers(min_value=1, max_value=10), st.integers(min_value=1, max_value=10), st.sampled_from([0.01, 0.05]))
def test_a_lane_that_waits_gets_its_share_less_one_message(high: int, low: int, share: float) -> None:
    picker = LanePicker(share=share)
    queues = {lane: deque([high if lane is Lane.URGENT else low] * 2000) for lane in Lane}
    total = 0
    got = dict.fromkeys(Lane, 0)
    for lane, pdus in run(picker, queues, 1500):
        total += pdus
        got[lane] += pdus
        for lower in (Lane.NORMAL, Lane.BULK):
            # The share is of what the others send, and a turn may have to wait for two messages that go first.
            assert got[lower] >= share / (1 + share) * total - 1 - 3 * max(high, low)
    assert got[Lane.URGENT] >= (1 - 2 * share) * total - 3 * max(high, low)


def test_with_no_share_precedence_is_strict() -> None:
    queues = {lane: deque([1] * 5) for lane in Lane}
    assert [lane for lane, _ in run(LanePicker(share=0.0), queues)] == [
        *[Lane.URGENT] * 5,
        *[Lane.NORMAL] * 5,
        *[Lane.BULK] * 5,
    ]


def test_a_lane_that_had_nothing_to_send_has_no_claim() -> None:
    picker = LanePicker(share=0.05)
    for _ in range(1000):
        picker.sent(Lane.URGENT, [Lane.URGENT])
    assert picker.pick([Lane.URGENT, Lane.BULK]) is Lane.URGENT


def test_long_turns_of_its_own_give_and_cost_a_lane_nothing() -> None:
    picker = LanePicker(share=0.05)
    for _ in range(1000):
        picker.sent(Lane.BULK, [Lane.BULK])
    picks = []
    for _ in range(41):
        lane = picker.pick([Lane.URGENT, Lane.BULK])
        assert lane is not None
        picker.sent(lane, [Lane.URGENT, Lane.BULK])
        picks.append(lane)
    assert picks.count(Lane.BULK) in (1, 2)


def test_nothing_waits_nothing_is_picked() -> None:
    assert LanePicker().pick([]) is None


def test_shares_above_one_half_are_refused() -> None:
    with pytest.raises(ValueError, match="half"):
        LanePicker(share=0.3)
