"""The kept corpus: inputs that the readers take, to be damaged, and every input that was once a fault.

One file for each target, an input a line: its octets in hex, two blanks, what it is. Inputs of faults are added by hand
under the others and stay, whatever `seeds` makes.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "corpus"
MADE: Final = "made: "
"""Begins the name of a line that `seeds` writes, and may write anew."""


class Line(NamedTuple):
    """One input and what it is."""

    octets: bytes
    name: str


@cache
def lines(target: str) -> tuple[Line, ...]:
    """Every line of a target's file."""
    found = []
    for line in (FOLDER / f"{target}.txt").read_text(encoding="ascii").splitlines():
        octets, _, name = line.partition("  ")
        found.append(Line(bytes.fromhex(octets), name))
    return tuple(found)


def inputs(target: str) -> tuple[bytes, ...]:
    """What is damaged."""
    return tuple(line.octets for line in lines(target))


def write(target: str, made: Iterable[tuple[str, bytes]]) -> None:
    """Replaces the lines that were made; what was found stays."""
    path = FOLDER / f"{target}.txt"
    kept = [line for line in lines(target) if not line.name.startswith(MADE)] if path.exists() else []
    whole = [*(Line(octets, MADE + name) for name, octets in made), *kept]
    path.write_text("".join(f"{line.octets.hex()}  {line.name}\n" for line in whole), encoding="ascii")
    lines.cache_clear()
