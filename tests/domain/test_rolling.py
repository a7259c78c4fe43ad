"""The parts of one message, each with a receipt of its own, become one report of the whole."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import rolling
from connector.domain.events import Delivery, DeliveryType
from connector.domain.receipts import STATES
from connector.domain.rolling import SEVERITY, PartDone, Rollup, report_of

NOW = 1_790_000_000_000


def item(part: int, total: int = 3, at: int = NOW) -> Delivery:
    return Delivery(
        type=DeliveryType.PART_DONE,
        key="main|=|m-1",
        account="main",
        at=at,
        slot=0,
        pdu=b"x",
        message_id="m-1",
        kind="SMS",
        recipient="79990000001",
        part=part,
        parts=total,
        ids=total,
        submitted_at=NOW - 9,
        metadata={"tenant": "a"},
    )


def add(before: Rollup | None, part: int, state: str = "DELIVRD", error: int = 0, cost: str | None = "0.1") -> Rollup:
    done = PartDone(part, state, error, None if cost is None else Decimal(cost))
    after = rolling.part_done(item(part, at=NOW + part), done, before, now_ms=NOW, retention=1000)
    assert after is not None
    return after


def test_the_states_it_ranks_are_the_final_ones() -> None:
    assert set(SEVERITY) == {state.word for state in STATES if state.final}


@given(st.permutations([1, 2, 3]))
def test_all_delivered_is_delivered_in_any_order(order: list[int]) -> None:
    rollup: Rollup | None = None
    for count, part in enumerate(order, start=1):
        rollup = add(rollup, part)
        assert rollup.complete == (count == 3)
    assert rollup is not None
    report = report_of(rollup)
    assert (report.state, report.message_state, report.final, report.error_code) == ("DELIVRD", 2, True, 0)
    assert (report.part, report.parts, report.parts_submitted, report.parts_delivered) == (None, 3, 3, 3)
    assert (report.rollup, report.match, report.cost, report.late) == (True, "matched", Decimal("0.3"), False)
    assert (report.submitted_at, report.received_at) == (NOW - 9, NOW + order[-1])
    assert (report.message_id, report.recipient, report.metadata) == ("m-1", "79990000001", {"tenant": "a"})


def test_the_worst_part_tells_the_state_and_the_error() -> None:
    report = report_of(add(add(add(None, 1, "EXPIRED", 6), 2, "UNDELIV", 13), 3))
    assert (report.state, report.message_state) == ("UNDELIV", 5)
    assert (report.error_code, report.error_name, report.parts_delivered) == (13, "subscriber blocked", 1)
    report = report_of(add(add(add(None, 1, "UNDELIV", 1), 2, "UNDELIV", 13), 3))
    assert report.error_code == 1


def test_costs_are_summed_as_far_as_they_are_known() -> None:
    assert report_of(add(add(add(None, 1, cost="0.10"), 2, cost=None), 3, cost="1.2345")).cost == Decimal("1.3345")
    assert report_of(add(add(add(None, 1, cost=None), 2, cost=None), 3, cost=None)).cost is None


def test_the_same_end_again_changes_nothing() -> None:
    rollup = add(add(None, 1), 2)
    done = PartDone(2, "DELIVRD", 0, Decimal("0.1"))
    assert rolling.part_done(item(2), done, rollup, now_ms=NOW, retention=1000) is None


def test_a_part_that_ends_in_another_way_later_is_told_as_late_under_another_id() -> None:
    whole = add(add(add(None, 1, "EXPIRED"), 2), 3)
    first = report_of(whole)
    changed = add(rolling.rolled(whole), 1)
    again = report_of(changed)
    assert (first.state, first.late, again.state, again.late) == ("EXPIRED", False, "DELIVRD", True)
    assert first.event_id != again.event_id


@pytest.mark.parametrize(("error", "cost"), [(None, None), (6, None), (None, "0.1")])
def test_what_a_later_receipt_of_a_part_leaves_out_stays_known(error: int | None, cost: str | None) -> None:
    rollup = add(add(None, 1, "EXPIRED", 6), 2)
    done = PartDone(1, "EXPIRED", error, None if cost is None else Decimal(cost))
    assert rolling.part_done(item(1), done, rollup, now_ms=NOW, retention=1000) is None


def test_a_part_that_ends_in_another_way_keeps_its_price_and_leaves_its_error_behind() -> None:
    rollup = rolling.part_done(
        item(1), PartDone(1, "DELIVRD", None, None), add(None, 1, "EXPIRED", 6), now_ms=NOW, retention=1000
    )
    assert rollup is not None
    assert rollup.parts == (PartDone(1, "DELIVRD", None, Decimal("0.1")),)


def test_a_price_that_is_learned_later_is_told_under_another_id() -> None:
    whole = add(add(add(None, 1, cost=None), 2), 3)
    priced = add(rolling.rolled(whole), 1, cost="0.1000")
    first, again = report_of(whole), report_of(priced)
    assert (first.cost, first.late, again.cost, again.late) == (Decimal("0.2"), False, Decimal("0.3"), True)
    assert first.event_id != again.event_id
    assert again.event_id == report_of(add(add(add(None, 1), 2), 3)).event_id


@pytest.mark.parametrize("state", ["ENROUTE", "UNKNOWN", "VANISHD"])
def test_what_is_not_final_ends_no_part(state: str) -> None:
    assert rolling.part_done(item(1), PartDone(1, state, 0, None), None, now_ms=NOW, retention=1) is None


def test_a_message_with_a_part_without_an_id_is_never_complete() -> None:
    done = PartDone(1, "DELIVRD", 0, None)
    lone = Delivery(type=DeliveryType.PART_DONE, key="k", account="main", at=NOW, slot=0, part=1, parts=1)
    rollup = rolling.part_done(lone, done, None, now_ms=NOW, retention=1)
    assert rollup is not None
    assert not rollup.complete
