"""Compressed batches, unpacked up to a limit: who writes to a topic must not be able to fill a reader's memory.

Rule: aiokafka unpacks without a limit, and goes on fetching a batch that does not unpack for ever. Here such a batch
becomes one record without key and value, at the batch's last offset, with a header that says why; the stage makes a
dead letter of it and moves on. The functions are put in place of aiokafka's when this file is imported, for the whole
process (Faust's consumer is aiokafka's too); tests/kafka/test_unpacking.py notices when they are no longer used.
Next station: `consumer`.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.structs import ConsumerRecord

# A batch is 1 MiB at most as it travels; ordinary text packs to a tenth of itself.
MAX_UNPACKED_OCTETS: Final = 32 << 20
# Header of the record that stands for a batch that did not unpack.
UNPACKING_HEADER: Final = "dl_unpacking"

_LZ4_RATIO: Final = 255
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER_OCTETS: Final = 16

_theirs: Any = fetcher.PartitionRecords


class Unreadable(Exception):
    """The batch does not unpack, or to too much; the text says which."""


def _too_much(codec: str) -> Unreadable:
    return Unreadable(f"the {codec} batch unpacks to more than {MAX_UNPACKED_OCTETS} octets")


def gzip(payload: bytes) -> bytes:
    """Raises `Unreadable`."""
    unpacked = bytearray()
    rest = bytes(payload)
    try:
        while rest:
            # 16 more than the window's size asks for the gzip format.
            stream = zlib.decompressobj(wbits=31)
            unpacked += stream.decompress(rest, MAX_UNPACKED_OCTETS + 1 - len(unpacked))
            if len(unpacked) > MAX_UNPACKED_OCTETS:
                raise _too_much("gzip")
            if not stream.eof:
                raise Unreadable("the gzip batch is damaged")
            rest = stream.unused_data
    except zlib.error as error:
        raise Unreadable("the gzip batch is damaged") from error
    return bytes(unpacked)


def snappy(payload: bytes) -> bytes:
    """Raises `Unreadable`. Both of Kafka's ways: one raw block, or the Java library's sequence of blocks."""
    data = bytes(payload)
    try:
        if not data.startswith(_XERIAL_MAGIC):
            blocks = [data]
        else:
            blocks, at = [], _XERIAL_HEADER_OCTETS
            if len(data) < at:
                raise Unreadable("the snappy batch is damaged")
            while at < len(data):
                (length,) = struct.unpack_from("!i", data, at)
                if length <= 0 or at + 4 + length > len(data):
                    raise Unreadable("the snappy batch is damaged")
                blocks.append(data[at + 4 : at + 4 + length])
                at += 4 + length
        if sum(cramjam.snappy.decompress_raw_len(block) for block in blocks) > MAX_UNPACKED_OCTETS:
            raise _too_much("snappy")
        return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)
    except (cramjam.DecompressionError, struct.error) as error:
        raise Unreadable("the snappy batch is damaged") from error


def lz4(payload: bytes) -> bytes:
    """Raises `Unreadable`."""
    if len(payload) * _LZ4_RATIO <= MAX_UNPACKED_OCTETS:
        try:
            return bytes(cramjam.lz4.decompress(payload))
        except cramjam.DecompressionError as error:
            raise Unreadable("the lz4 batch is damaged") from error
    return _growing("lz4", cramjam.lz4.decompress_into, payload)


def zstd(payload: bytes) -> bytes:
    """Raises `Unreadable`."""
    return _growing("zstd", cramjam.zstd.decompress_into, payload)


def _growing(codec: str, into: Callable[[bytes, bytearray], int], payload: bytes) -> bytes:
    """Unpack into a buffer, and into a larger one where it did not fit."""
    room = min(MAX_UNPACKED_OCTETS, max(1 << 16, 8 * len(payload)))
    while True:
        buffer = bytearray(room)
        try:
            length = into(payload, buffer)
        except cramjam.DecompressionError as error:
            # Damage looks the same as lack of room.
            if room == MAX_UNPACKED_OCTETS:
                raise Unreadable(
                    f"the {codec} batch is damaged, or unpacks to more than {MAX_UNPACKED_OCTETS} octets"
                ) from error
            room = min(MAX_UNPACKED_OCTETS, room * 8)
        else:
            return bytes(memoryview(buffer)[:length])


class _Batches:
    """aiokafka's sequence of batches, remembering the one that is being unpacked."""

    __slots__ = ("_inner", "current")

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.current: Any = None

    def has_next(self) -> bool:
        return bool(self._inner.has_next())

    def next_batch(self) -> Any:
        self.current = self._inner.next_batch()
        return self.current


class GuardedRecords(_theirs):  # type: ignore[misc]  # aiokafka has no types
    """The records of one partition's fetch; an unreadable batch is one record of them."""

    def __init__(self, tp: Any, records: Any, *rest: Any, **named: Any) -> None:
        self._batches = _Batches(records)
        super().__init__(tp, self._batches, *rest, **named)

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except Unreadable as error:
            batch = self._batches.current
            # The generator ended with its failure; a new one goes on with the next batch.
            self.next_fetch_offset = batch.next_offset
            self._records_iterator = self._unpack_records()
            return ConsumerRecord(
                topic=self._tp.topic,
                partition=self._tp.partition,
                offset=batch.next_offset - 1,
                timestamp=batch.max_timestamp,
                timestamp_type=batch.timestamp_type,
                key=None,
                value=None,
                checksum=None,
                serialized_key_size=-1,
                serialized_value_size=-1,
                headers=((UNPACKING_HEADER, str(error).encode()),),
            )


def _install() -> None:
    import aiokafka.record.default_records as chosen
    import aiokafka.record.legacy_records as chosen_legacy

    # The compiled or the pure module, whichever aiokafka itself picked.
    for cls in (chosen.DefaultRecordBatch, chosen_legacy.LegacyRecordBatch):
        module = __import__(cls.__module__, fromlist=["*"])
        for name, function in (("gzip", gzip), ("snappy", snappy), ("lz4", lz4), ("zstd", zstd)):
            if hasattr(module, f"{name}_decode"):
                setattr(module, f"{name}_decode", function)
    fetcher.PartitionRecords = GuardedRecords


_install()
