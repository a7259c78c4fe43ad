"""A compressed batch fills no memory and holds up nobody."""

import gzip as standard_gzip
import os
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer, codec

from connector.kafka import unpacking
from connector.kafka.clients import OutRecord, Producer
from connector.kafka.settings import KafkaSettings
from connector.kafka.unpacking import MAX_UNPACKED_OCTETS, UNPACKING_HEADER, Unreadable
from tests.support.kafka import make_topics
from tests.support.records import read_all

CODECS: list[tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = [
    (codec.gzip_encode, unpacking.gzip),
    (codec.snappy_encode, unpacking.snappy),
    (codec.lz4_encode, unpacking.lz4),
    (codec.zstd_encode, unpacking.zstd),
]
NAMES = ["gzip", "snappy", "lz4", "zstd"]


@pytest.mark.parametrize(("pack", "unpack"), CODECS, ids=NAMES)
@pytest.mark.parametrize("size", [0, 1, 1000, 70_000, 1_000_000])
def test_what_was_packed_unpacks(pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes], size: int) -> None:
    for data in (os.urandom(size), b"text " * (size // 5)):
        assert unpack(pack(data)) == data


@pytest.mark.parametrize(("pack", "unpack"), CODECS, ids=NAMES)
def test_a_bomb_is_not_unpacked(pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Unreadable, match="more than"):
        unpack(pack(bytes(MAX_UNPACKED_OCTETS + 1)))


@pytest.mark.parametrize(("pack", "unpack"), CODECS, ids=NAMES)
def test_damage_is_unreadable(pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes]) -> None:
    packed = pack(os.urandom(100_000))
    for damaged in (packed[:-50], b"\xff" * 100, packed[:10]):
        with pytest.raises(Unreadable):
            unpack(damaged)


def test_concatenated_gzip_members_all_count() -> None:
    assert unpacking.gzip(standard_gzip.compress(b"a") + standard_gzip.compress(b"b")) == b"ab"


# A bomb of snappy is larger than the topic takes: it packs to a twentieth at best.
@pytest.mark.parametrize("name", ["gzip", "lz4", "zstd"])
async def test_the_records_around_a_bomb_are_read(kafka_settings: KafkaSettings, producer: Producer, name: str) -> None:
    names = await make_topics(kafka_settings)
    before, after = (OutRecord(names.inbound, word) for word in (b"before", b"after"))
    await producer.send(before)
    stranger = AIOKafkaProducer(
        bootstrap_servers=kafka_settings.bootstrap_servers, compression_type=name, max_request_size=1 << 30
    )
    await stranger.start()
    try:
        await stranger.send_and_wait(names.inbound, b"packed")
        await stranger.send_and_wait(names.inbound, bytes(MAX_UNPACKED_OCTETS))
    finally:
        await stranger.stop()
    await producer.send(after)
    read = await read_all(kafka_settings, names.inbound)
    assert [record.value for record in read] == [b"before", b"packed", None, b"after"]
    assert [record.offset for record in read] == [0, 1, 2, 3]
    (header,) = read[2].headers
    assert header[0] == UNPACKING_HEADER
