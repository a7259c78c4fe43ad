"""CPU time of reading and writing records: ours against fastavro with a dataclass built from its dict.

Run: python -m tests.bench.records
"""

import dataclasses
import io
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import fastavro

from connector.domain.events import LaneMessage
from connector.kafka import schemas
from connector.kafka.records import Codec, Event, Item, priority_of
from tests.support import samples

_ROUNDS = 7


def microseconds(call: Callable[[], object], times: int) -> float:
    """CPU microseconds for one call, the best of some rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        begin = time.process_time()
        for _ in range(times):
            call()
        best = min(best, time.process_time() - begin)
    return best / times * 1e6


def fastavro_pair(record: Event | Item) -> tuple[Callable[[], object], Callable[[], object]]:
    """Writing and reading the same record the plain way: dataclass, dict, fastavro, and back."""
    cls: Any = type(record)
    # Parsed without logical types, as ours are: datetimes would cost it more.
    parsed = schemas.load(cls.__name__).parsed
    names = [member.name for member in dataclasses.fields(record)]

    def write() -> bytes:
        body = io.BytesIO()
        fastavro.schemaless_writer(body, parsed, {name: getattr(record, name) for name in names})
        return body.getvalue()

    data = write()

    def read() -> object:
        return cls(**fastavro.schemaless_reader(io.BytesIO(data), parsed, None))

    return write, read


def main() -> None:
    codec = Codec()
    rows: list[Any] = [samples.TYPICAL_OUTBOUND, samples.SUBMIT_RESPONSE, samples.SUBMITTED, samples.LANE_MESSAGE]
    print(json.dumps({"unit": "CPU microseconds per record"}))
    for record in rows:
        cls = type(record)
        data = codec.encode(record)
        write, read = fastavro_pair(record)
        figures = {
            "record": cls.__name__,
            "octets": len(data),
            "write": microseconds(partial(codec.encode, record), 5000),
            "read": microseconds(partial(codec.decode, cls, data), 5000),
            "fastavro write": microseconds(write, 2000),
            "fastavro read": microseconds(read, 2000),
        }
        print(
            json.dumps(
                {name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()}
            )
        )
    data = codec.encode(samples.TYPICAL_OUTBOUND)
    frame = codec.encode_frame([samples.LANE_MESSAGE] * 50)
    print(json.dumps({"priority_of": round(microseconds(lambda: priority_of(data), 50_000), 3)}))
    print(
        json.dumps(
            {"frame of 50, per item": round(microseconds(lambda: codec.decode_frame(LaneMessage, frame), 200) / 50, 2)}
        )
    )


if __name__ == "__main__":
    main()
