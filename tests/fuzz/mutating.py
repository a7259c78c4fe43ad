"""Damage: what happens to octets on a bad day, and what somebody does to them on purpose. Chance is an argument."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

NUMBERS: Final = (
    0,
    1,
    2,
    15,
    16,
    17,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
"""Lengths and counts at which readers go wrong."""


def damaged(rng: Random, octets: bytes, *, others: Sequence[bytes] = (), words: Sequence[bytes] = ()) -> bytes:
    """One to four kinds of damage; `others` are spliced in, `words` are what a reader of such octets looks for."""
    out = bytearray(octets)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        rng.choice(_KINDS)(rng, out, others, words)
    return bytes(out)


Damage = Callable[[Random, bytearray, Sequence[bytes], Sequence[bytes]], None]


def _place(rng: Random, out: bytearray) -> int:
    return rng.randrange(len(out) + 1)


def _flip(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    if out:
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)


def _set(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    if out:
        out[rng.randrange(len(out))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x20, rng.randrange(256)))


def _insert(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = _place(rng, out)
    out[at:at] = rng.randbytes(rng.choice((1, 1, 2, 4, 16)))


def _delete(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = _place(rng, out)
    del out[at : at + rng.choice((1, 1, 2, 4, 16))]


def _truncate(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    del out[_place(rng, out) :]


def _repeat(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = _place(rng, out)
    piece = out[at : at + rng.choice((1, 4, 16, 64))]
    out[at:at] = piece * rng.choice((1, 1, 2, 8))


def _number(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    size = rng.choice((1, 2, 4))
    at = _place(rng, out)
    number = rng.choice((*NUMBERS, len(out), max(0, len(out) - at), rng.getrandbits(32)))
    out[at : at + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, "big")


def _splice(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    if others:
        other = rng.choice(others)
        start = rng.randrange(len(other) + 1)
        at = _place(rng, out)
        out[at : at + rng.choice((0, 4, 64))] = other[start : start + rng.choice((4, 16, 64, 256))]


def _word(rng: Random, out: bytearray, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    if words:
        at = _place(rng, out)
        word = rng.choice(words)
        out[at : at + rng.choice((0, len(word)))] = word


_KINDS: Final[tuple[Damage, ...]] = (
    _flip,
    _set,
    _insert,
    _delete,
    _truncate,
    _repeat,
    _number,
    _splice,
    _word,
    _word,
)
