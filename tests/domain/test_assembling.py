"""Inbound parts become messages."""

from hypothesis import given
from hypothesis import strategies as st

from connector.domain import assembling
from connector.domain.assembling import MOST_ASSEMBLIES, Added, Assemblies, AssemblyRules, Told
from connector.domain.events import Delivery, DeliveryType

RULES = AssemblyRules(timeout=600_000, retention=3_600_000)
NOW = 1_790_000_000_000


def item(number: int) -> Delivery:
    return Delivery(type=DeliveryType.RECEIVED, key="k", account="main", at=NOW + number, slot=0, pdu=b"x")


def add(assemblies: Assemblies, index: int, total: int, mark: int | None = None, now: int = NOW) -> Added:
    mark = index if mark is None else mark
    return assembling.add_part(assemblies, item(index), total=total, index=index, mark=mark, now_ms=now, rules=RULES)


@given(st.permutations(range(1, 9)))
def test_parts_come_in_any_order(order: list[int]) -> None:
    assemblies: Assemblies = ()
    for count, index in enumerate(order, start=1):
        added = add(assemblies, index, 8)
        assert added.assemblies is not None
        assemblies = added.assemblies
        assert bool(added.publish) == (count == 8)
    (message,) = added.publish
    assert message.whole
    assert [part.index for part in message.parts] == list(range(1, 9))


def test_255_parts() -> None:
    assemblies: Assemblies = ()
    for index in range(255, 0, -1):
        added = add(assemblies, index, 255)
        assemblies = added.assemblies or assemblies
    assert added.publish[0].whole


def test_a_repeated_part_changes_nothing() -> None:
    first = add((), 1, 2)
    assert add(first.assemblies or (), 1, 2).assemblies is None


def test_a_repeat_after_the_whole_was_published_starts_nothing() -> None:
    whole = add(add((), 1, 2).assemblies or (), 2, 2)
    assert whole.publish
    assert add(whole.assemblies or (), 2, 2).assemblies is None


def test_a_message_days_later_completes_none_that_was_told_as_incomplete() -> None:
    """The handset counts its references in one octet. Broken by: an old assembly that takes parts for as long as it is
    remembered, or before one that is not told yet."""
    _, told = assembling.overdue(add((), 1, 3).assemblies or (), now_ms=NOW + RULES.timeout)
    assert [each.told for each in told] == [Told.INCOMPLETE]
    late = add(told, 2, 3, mark=12, now=NOW + RULES.timeout + 1)
    assert [len(each.parts) for each in late.assemblies or ()] == [2]
    later = NOW + 48 * 3_600_000
    for index in (2, 3, 1):
        added = add(told, index, 3, mark=20 + index, now=later)
        told = added.assemblies or ()
    assert [[part.mark for part in each.parts] for each in added.publish] == [[21, 22, 23]]


def test_two_messages_under_one_reference_are_told_apart() -> None:
    """Part 1 of A and of B, then part 2 of both: each goes to the oldest message that lacks it."""
    assemblies = add((), 1, 2, mark=11).assemblies or ()
    assemblies = add(assemblies, 1, 2, mark=21).assemblies or ()
    assert len(assemblies) == 2
    first = add(assemblies, 2, 2, mark=12)
    second = add(first.assemblies or (), 2, 2, mark=22)
    assert [part.mark for part in first.publish[0].parts] == [11, 12]
    assert [part.mark for part in second.publish[0].parts] == [21, 22]


def test_a_message_of_another_length_is_another_message() -> None:
    assemblies = add((), 1, 2).assemblies or ()
    assert len(add(assemblies, 2, 3).assemblies or ()) == 2


def test_what_lacks_parts_is_published_incomplete_in_time() -> None:
    assemblies = add((), 1, 3).assemblies or ()
    assert assembling.due_at(assemblies) == NOW + RULES.timeout
    assert assembling.overdue(assemblies, now_ms=NOW + 1)[0] == ()
    publish, kept = assembling.overdue(assemblies, now_ms=NOW + RULES.timeout)
    assert [message.whole for message in publish] == [False]
    assert kept[0].told is Told.INCOMPLETE
    assert assembling.due_at(kept) is None


def test_the_rest_may_still_come_afterwards() -> None:
    assemblies = add((), 1, 2).assemblies or ()
    _, kept = assembling.overdue(assemblies, now_ms=NOW + RULES.timeout)
    late = add(kept, 2, 2, now=NOW + RULES.timeout + 1)
    assert late.publish[0].whole


def test_nothing_stays_for_ever() -> None:
    whole = add(add((), 1, 2).assemblies or (), 2, 2).assemblies or ()
    assert assembling.expires_at(whole) == NOW + RULES.timeout
    assert assembling.overdue(whole, now_ms=NOW + RULES.timeout) == ((), ())


@given(st.lists(st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(0, 5)), max_size=80))
def test_every_part_is_published_or_kept(parts: list[tuple[int, int, int]]) -> None:
    """Whatever comes, and however much of it: no part is dropped untold, and the number of messages is bounded."""
    assemblies: Assemblies = ()
    published: set[tuple[int, int, int]] = set()
    given_parts: set[tuple[int, int, int]] = set()
    for total, index, mark in parts:
        if index > total:
            continue
        given_parts.add((total, index, mark))
        added = add(assemblies, index, total, mark)
        assemblies = assemblies if added.assemblies is None else added.assemblies
        published |= {(each.total, part.index, part.mark) for each in added.publish for part in each.parts}
        assert len(assemblies) <= MOST_ASSEMBLIES
    kept = {(each.total, part.index, part.mark) for each in assemblies for part in each.parts}
    assert given_parts <= published | kept
