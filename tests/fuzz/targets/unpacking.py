"""Compressed batches: unpacked within the limit, or unreadable. The first octet of an input picks the codec."""

from collections.abc import Sequence
from random import Random

from connector.kafka import unpacking
from connector.kafka.unpacking import MAX_UNPACKED_OCTETS, Unreadable
from tests.fuzz.mutating import damaged

CODECS = (unpacking.gzip, unpacking.snappy, unpacking.lz4, unpacking.zstd)


def batch(rng: Random, seeds: Sequence[bytes]) -> bytes:
    octets = rng.choice(seeds)
    head = octets[:1] if rng.random() < 0.9 else rng.randbytes(1)
    # The head of a stream says how large it will be; the liar's place is there.
    cut = 1 + rng.choice((4, 12, 24))
    if rng.random() < 0.5:
        return head + damaged(rng, octets[1:cut]) + octets[cut:]
    return head + damaged(rng, octets[1:], others=seeds)


def check(octets: bytes) -> None:
    if not octets:
        return
    try:
        found = CODECS[octets[0] % 4](octets[1:])
    except Unreadable as error:
        assert str(error), "a person wants to know"
        return
    assert len(found) <= MAX_UNPACKED_OCTETS, "the limit does not hold"
