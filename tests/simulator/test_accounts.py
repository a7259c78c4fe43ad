"""system_type parameters, and whom a new bind of a login ends (gateway.md)."""

from itertools import permutations

import pytest

from connector.simulator.accounts import BindTable, Direction, Parameters, parse_system_type

TX, RX, TRX = Direction.TRANSMIT, Direction.RECEIVE, Direction.BOTH


@pytest.mark.parametrize("words", list(permutations(("ISO", "SINGLE", "MCON3"))))
def test_parameters_stand_in_any_order(words: tuple[str, ...]) -> None:
    assert parse_system_type(",".join(words)) == Parameters(connections=3, iso=True, single=True)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", Parameters()),
        ("MCON9", Parameters(connections=9)),
        ("MCON1", Parameters(connections=1)),
        ("ISO", Parameters(iso=True)),
        ("SINGLE", Parameters(single=True)),
    ],
)
def test_parameters_stand_alone(text: str, parameters: Parameters) -> None:
    assert parse_system_type(text) == parameters


@pytest.mark.parametrize(
    "text", ["MCON0", "MCON10", "mcon3", "ISO, SINGLE", "ISO,ISO", "MCON2,MCON3", ",", "SMPP", "MCON"]
)
def test_unknown_doubled_or_blank_parameters_are_refused(text: str) -> None:
    assert parse_system_type(text) is None


def test_a_new_bind_ends_the_earlier_one() -> None:
    table = BindTable()
    table.add(1, TRX)
    assert table.over(TRX, 1) == (1,)


def test_a_transmitter_and_a_receiver_are_a_pair() -> None:
    table = BindTable()
    table.add(1, TX)
    assert table.over(RX, 1) == ()
    table.add(2, RX)
    assert table.over(TX, 1) == (1,)
    assert table.over(RX, 1) == (2,)
    assert table.over(TRX, 1) == (1, 2)


def test_a_transceiver_counts_in_both_directions() -> None:
    table = BindTable()
    table.add(1, TRX)
    assert table.over(TX, 1) == (1,)
    assert table.over(RX, 1) == (1,)


def test_mcon_allows_so_many_and_ends_the_oldest() -> None:
    table = BindTable()
    for connection in (1, 2, 3):
        assert table.over(TRX, 3) == ()
        table.add(connection, TRX)
    assert table.over(TRX, 3) == (1,)
    table.remove(2)
    assert table.over(TRX, 3) == ()


def test_a_smaller_mcon_ends_as_many_as_are_too_many() -> None:
    table = BindTable()
    for connection in (1, 2, 3):
        table.add(connection, TRX)
    assert table.over(TRX, 1) == (1, 2, 3)
