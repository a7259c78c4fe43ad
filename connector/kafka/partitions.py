"""A partition, and which one a key belongs to.

Rule: the hash is that of Kafka's own default partitioner, so that other producers put a key where we do.
"""

import struct
from typing import Final, NamedTuple

_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


def partition_for(key: bytes, n: int) -> int:
    """The partition, 0 to n - 1, that Kafka's default partitioner picks for this key among n."""
    return (murmur2(key) & 0x7FFFFFFF) % n


def murmur2(data: bytes) -> int:
    """MurmurHash2 of Kafka's Java client, unsigned 32 bits (org.apache.kafka.common.utils.Utils.murmur2)."""
    whole = len(data) & ~3
    value = _SEED ^ len(data)
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        word = word * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        value = value * _M & _MASK ^ word
    if whole != len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    value = (value ^ value >> 13) * _M & _MASK
    return value ^ value >> 15
