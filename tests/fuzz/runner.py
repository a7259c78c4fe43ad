"""Runs a target: input after input from a seed, and the first that breaks a promise is told so that it can be replayed.

An input depends on target, seed and its own number alone. Next station: `targets`, which hold the promises.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.fuzz import corpus

Check = Callable[[bytes], None]
"""Holds a reader to its promises on one input; any exception is a fault."""

Make = Callable[[Random, Sequence[bytes]], bytes]
"""(chance, the corpus) -> an input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that reads. `share`: how many of a hundred inputs are its own."""

    name: str
    check: Check
    make: Make
    share: float


class Found(AssertionError):
    """An input that breaks a promise; the message says how to see it again."""

    def __init__(self, target: Target, octets: bytes, error: BaseException, seed: int | None, number: int) -> None:
        origin = "of the corpus" if seed is None else f"{number} of seed {seed}"
        again = f"--input {octets.hex()}" if seed is None else f"--seed {seed} --first {number} --count 1"
        super().__init__(
            f"target {target.name}: input {origin}: {type(error).__name__}: {error}\n"
            f"input: {octets.hex()}\n"
            f"again: python -m tests.fuzz --target {target.name} {again}"
        )
        self.octets = octets


def made(target: Target, seed: int, number: int) -> bytes:
    """One input."""
    return target.make(Random(f"{target.name}/{seed}/{number}"), corpus.inputs(target.name))


def replay(target: Target, octets: bytes) -> None:
    """Raises `Found`."""
    _hold(target, octets, None, 0)


def run(target: Target, *, seed: int, count: int, first: int = 0, told: Callable[[int], None] | None = None) -> None:
    """So many inputs, from number `first` on. `told` hears now and then how many are done. Raises `Found`."""
    for done in range(count):
        _hold(target, made(target, seed, first + done), seed, first + done)
        if told is not None and done % 256 == 255:
            told(done + 1)


def _hold(target: Target, octets: bytes, seed: int | None, number: int) -> None:
    try:
        target.check(octets)
    except Exception as error:
        raise Found(target, octets, error, seed, number) from error


class Progress:
    """Says how far a target is: plain lines, one every few seconds."""

    EVERY = 5.0

    def __init__(self, name: str, count: int, say: Callable[[str], None]) -> None:
        self._name = name
        self._count = count
        self._say = say
        self._began = self._told = time.monotonic()

    def done(self, number: int) -> None:
        now = time.monotonic()
        if now - self._told >= self.EVERY:
            self._told = now
            self._say(f"{self._name}: {number} of {self._count}")

    def end(self) -> None:
        seconds = time.monotonic() - self._began
        self._say(f"{self._name}: {self._count} inputs in {seconds:.1f} s, no fault")
