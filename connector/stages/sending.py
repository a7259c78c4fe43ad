"""Writing what a batch came to: again and again while Kafka is away, since nothing may be committed before.

Records may be written twice that way; every event carries an id that tells. Next station: the topics.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from connector import telemetry
from connector.kafka.clients import KafkaUnavailable, OutRecord, Partition, Producer

log = logging.getLogger(__name__)

_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0

T = TypeVar("T")


class LeaseLost(Exception):
    """Kafka was away for so long that what was to be written may be somebody else's to write by now: leave it."""


def _always() -> bool:
    return True


async def send_durably(
    producer: Producer, records: Sequence[OutRecord], *, stage: str, allowed: Callable[[], bool] = _always
) -> None:
    """Returns once all records are durable.

    Waits for as long as Kafka is unavailable and this is `allowed`; cancel it to give up. Raises `LeaseLost`; and
    `KafkaRefused`, `RecordTooLarge` or `ClientClosed`, which do not pass by themselves.
    """
    await _until_available(lambda: producer.send_all(records), stage, allowed)


async def send_located(producer: Producer, records: Sequence[OutRecord], *, stage: str) -> dict[Partition, int]:
    """As `send_durably`, for records that name their partitions; the offset of the last one in each of those.

    A partition is left out where the broker did not say.
    """
    last = {Partition(record.topic, record.partition or 0): number for number, record in enumerate(records)}
    ends = [records[number] for number in last.values()]
    # The many go in batches, which tell no offsets; the last of each partition goes behind them and is told its own.
    behind = set(last.values())
    await send_durably(producer, [record for number, record in enumerate(records) if number not in behind], stage=stage)
    placed = await _until_available(lambda: asyncio.gather(*[producer.send(record) for record in ends]), stage)
    return {Partition(where.topic, where.partition): where.offset for where in placed if where.offset >= 0}


async def _until_available(send: Callable[[], Awaitable[T]], stage: str, allowed: Callable[[], bool] = _always) -> T:
    wait = _FIRST_WAIT
    while True:
        try:
            return await send()
        except KafkaUnavailable as error:
            telemetry.count(telemetry.Metric.KAFKA_FAULTS, stage=stage, fault="send")
            log.warning("Kafka does not take the records of %s (%s); trying again in %.1f s", stage, error, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
            if not allowed():
                raise LeaseLost from error
