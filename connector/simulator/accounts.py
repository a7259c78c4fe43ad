"""Who may bind, and whom a new bind ends (gateway.md, "system_type carries parameters").

Pure. A login holds at most its MCON number of binds in each direction; a transceiver counts in both, so a transmitter
and a receiver of one login are a pair and not a reconnection.
"""

import re
from dataclasses import dataclass
from enum import Flag, auto


class Direction(Flag):
    """Which way messages go on a bind."""

    TRANSMIT = auto()
    RECEIVE = auto()
    BOTH = TRANSMIT | RECEIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a system_type asks for; `connections` is the MCON number, 1 where it is left out."""

    connections: int = 1
    iso: bool = False
    single: bool = False


_MCON = re.compile(r"MCON([1-9])")


def parse_system_type(text: str) -> Parameters | None:
    """Read the parameters in any order and combination; None where one is unknown or stands twice."""
    connections, iso, single = None, False, False
    for word in text.split(",") if text else ():
        match = _MCON.fullmatch(word)
        if match is not None and connections is None:
            connections = int(match[1])
        elif word == "ISO" and not iso:
            iso = True
        elif word == "SINGLE" and not single:
            single = True
        else:
            return None
    return Parameters(connections=connections or 1, iso=iso, single=single)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A bind of a login: the connection that holds it and the directions it takes."""

    connection: int
    direction: Direction


class BindTable:
    """The binds of one login, oldest first."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: list[Place] = []

    @property
    def places(self) -> tuple[Place, ...]:
        """The binds there are, oldest first."""
        return tuple(self._places)

    def over(self, direction: Direction, connections: int) -> tuple[int, ...]:
        """The connections that a new bind would end so that each of its directions holds `connections` at most."""
        ended: list[int] = []
        for way in Direction.BOTH:
            if way not in direction:
                continue
            holders = [place.connection for place in self._places if way in place.direction]
            surplus = len([holder for holder in holders if holder not in ended]) + 1 - connections
            ended.extend([holder for holder in holders if holder not in ended][: max(0, surplus)])
        return tuple(ended)

    def add(self, connection: int, direction: Direction) -> None:
        """A bind was accepted."""
        self._places.append(Place(connection=connection, direction=direction))

    def remove(self, connection: int) -> None:
        """A connection ended; one that held no bind is fine."""
        self._places = [place for place in self._places if place.connection != connection]
