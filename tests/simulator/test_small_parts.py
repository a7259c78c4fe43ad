"""The small pure parts: outbox, timeline, header tap, times, parts that wait for each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.simulator.clock import ManualClock, SkippingClock
from connector.simulator.outbox import Outbox, Parcel, ParcelKind, Receiver
from connector.simulator.periods import PeriodError, seconds_until
from connector.simulator.script import Route
from connector.simulator.tap import HeaderTap
from connector.simulator.timeline import Timeline
from connector.smpp.pdu import Body, DeliverSm, EnquireLink, SubmitSm, encode


def parcel(name: str = "", route: Route = Route.ANY, origin: int = 0) -> Parcel:
    return Parcel(kind=ParcelKind.RECEIPT, login="demo", body=DeliverSm(), message_id=name, route=route, origin=origin)


def dispatched(box: Outbox, *rooms: int) -> list[tuple[int, str]]:
    sent: list[tuple[int, str]] = []
    receivers = [Receiver(connection=number, room=room) for number, room in enumerate(rooms, start=1)]
    box.dispatch(receivers, lambda connection, each: sent.append((connection, each.message_id)))
    return sent


def test_without_a_receiver_everything_waits() -> None:
    box = Outbox()
    box.add(parcel("a"))
    assert dispatched(box) == []
    assert dispatched(box, 0) == []
    assert len(box) == 1


def test_what_comes_back_goes_out_first_and_in_order() -> None:
    box = Outbox()
    first, second, third = parcel("a"), parcel("b"), parcel("c")
    box.add(third)
    box.put_back((first, second))
    assert [name for _, name in dispatched(box, 9)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("route", "rooms", "connection"),
    [
        (Route.SUBMITTER, (5, 5), 2),
        (Route.SUBMITTER, (5, 0), 1),
        (Route.OTHER, (5, 5), 1),
        (Route.OTHER, (0, 5), 2),
    ],
)
def test_a_route_is_kept_where_it_can_be(route: Route, rooms: tuple[int, ...], connection: int) -> None:
    box = Outbox()
    box.add(parcel("a", route, origin=2))
    assert dispatched(box, *rooms) == [(connection, "a")]


def test_any_bind_takes_its_turn() -> None:
    box = Outbox()
    for n in range(4):
        box.add(parcel(str(n)))
    assert sorted(connection for connection, _ in dispatched(box, 9, 9)) == [1, 1, 2, 2]


@given(st.lists(st.tuples(st.sampled_from(["add", "dispatch", "back"]), st.integers(0, 3), st.integers(0, 3))))
def test_no_parcel_is_lost_or_doubled(steps: list[tuple[str, int, int]]) -> None:
    box, made = Outbox(), 0
    away: list[Parcel] = []
    for what, one, two in steps:
        if what == "add":
            box.add(parcel(str(made)))
            made += 1
        elif what == "dispatch":
            receivers = [Receiver(connection=1, room=one), Receiver(connection=2, room=two)]
            before = len(away)
            box.dispatch(receivers, lambda _, each: away.append(each))
            assert len(away) - before <= one + two
        else:
            box.put_back(away[:one])
            del away[:one]
    left = [*away]
    box.dispatch([Receiver(connection=1, room=10**6)], lambda _, each: left.append(each))
    assert sorted(int(each.message_id) for each in left) == list(range(made))


@given(st.lists(st.floats(0, 10)))
def test_a_timeline_keeps_the_order_of_time(times: list[float]) -> None:
    timeline, made = Timeline(), []
    for at in times:
        timeline.add(at, lambda at=at: made.append(at))  # type: ignore[misc]
    assert timeline.run(5.0) == len([at for at in times if at <= 5.0])
    timeline.run(10.0)
    assert made == sorted(times)
    assert timeline.next() is None


@given(st.lists(st.integers(1, 40), max_size=30))
def test_the_tap_sees_every_header_however_the_octets_come(sizes: list[int]) -> None:
    pdus: list[Body] = [
        EnquireLink(),
        SubmitSm(short_message=b"x" * 30),
        EnquireLink(),
        SubmitSm(destination_addr="79990000001"),
    ]
    stream = b"".join(encode(pdu, sequence=n) for n, pdu in enumerate(pdus, start=1))
    tap, seen = HeaderTap(), []
    for size in [*sizes, len(stream)]:
        seen += tap.feed(stream[:size])
        stream = stream[size:]
    assert [header.sequence for header in seen] == [1, 2, 3, 4]


def test_the_tap_gives_up_on_what_is_no_pdu() -> None:
    tap = HeaderTap()
    assert tap.feed(b"\0" * 32) == []
    assert tap.feed(encode(EnquireLink(), sequence=1)) == []


NOW = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("000000000100000R", 60.0),
        ("000002000000000R", 2 * 86400.0),
        ("231114221320000+", 0.0),
        ("231114231320000+", 3600.0),
        ("231115011320012+", 0.0),
        ("231114191320012-", 0.0),
        ("231114221220000+", -60.0),
    ],
)
def test_times_are_relative_or_absolute(text: str, seconds: float | None) -> None:
    assert seconds_until(text, NOW) == seconds


@pytest.mark.parametrize("text", ["x", "0000000001000000R", "231314221320000+", "231114221320000?"])
def test_a_time_in_another_format_is_the_peers_fault(text: str) -> None:
    with pytest.raises(PeriodError):
        seconds_until(text, NOW)


def test_the_gateways_clock_may_skip_ahead_of_the_wire() -> None:
    wire = ManualClock(now=1.0, epoch_ms=1000)
    clock = SkippingClock(wire)
    clock.skip(3600.0)
    wire.advance(1.0)
    assert (clock.monotonic(), clock.epoch_ms()) == (3602.0, 3_602_000)
    assert wire.monotonic() == 2.0
