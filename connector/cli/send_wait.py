"""Waiting for what becomes of one message: its submit response, its receipt, or its dead letter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TypeVar

from connector.domain.events import DeliveryReport, HlrResult, Outcome, SubmitResponse
from connector.kafka.clients import Consumer, Partition, Placed, Record
from connector.kafka.records import Codec, Event, RecordError, UnknownSchemaId
from connector.kafka.registry import Registry
from connector.kafka.topics import Topics
from connector.stages.settings import StageConfig

T = TypeVar("T", bound=Event)


class Until(StrEnum):
    """How long `send --wait` waits: for the gateway's answer, or for the last receipt."""

    RESPONSE = "response"
    RECEIPT = "receipt"


class DeadLetter:
    """The message was refused by a stage."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.code = headers.get("dl_code", "")
        self.reason = headers.get("dl_reason", "")
        self.stage = headers.get("dl_stage", "")


Answer = SubmitResponse | DeliveryReport | HlrResult | DeadLetter


class Watcher:
    """Reads the topics of results from where they ended when it was opened."""

    def __init__(self, consumer: Consumer, topics: Topics, codec: Codec, registry: Registry | None) -> None:
        self._consumer = consumer
        self._topics = topics
        self._codec = codec
        self._registry = registry

    async def answers(self, message_id: str, placed: Placed, until: Until) -> AsyncIterator[Answer]:
        """What happens to the message, as it happens; ends with what was waited for, or with what rules it out."""
        responded = reported = False
        while True:
            for records in (await self._consumer.getmany(timeout=0.5)).values():
                for record in records:
                    answer = await self._answer(record, message_id, placed)
                    if answer is None:
                        continue
                    yield answer
                    match answer:
                        case DeadLetter():
                            return
                        case SubmitResponse(outcome=outcome):
                            responded = True
                            if until is Until.RESPONSE or outcome in _HOPELESS:
                                return
                        case DeliveryReport(final=True, part=None):
                            # Of a message with an id for each part, the last report is that of the whole.
                            reported = True
                        case HlrResult():
                            reported = True
                    if responded and reported:
                        return

    async def _answer(self, record: Record, message_id: str, placed: Placed) -> Answer | None:
        topics = self._topics
        answer: SubmitResponse | DeliveryReport | HlrResult | None
        if record.topic == topics.dead_letters:
            headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
            source = tuple(headers.get(name, "") for name in ("dl_topic", "dl_partition", "dl_offset"))
            ours = source == tuple(map(str, placed)) or headers.get("dl_message_id") == message_id
            return DeadLetter(headers) if ours else None
        if record.topic == topics.submit_responses:
            answer = await self._decoded(SubmitResponse, record)
        elif record.topic == topics.delivery_reports:
            answer = await self._decoded(DeliveryReport, record)
        else:
            answer = await self._decoded(HlrResult, record)
        return answer if answer is not None and answer.message_id == message_id else None

    async def _decoded(self, kind: type[T], record: Record) -> T | None:
        """None for a record that is none of ours."""
        try:
            return self._codec.decode(kind, record.value)
        except RecordError:
            return None
        except UnknownSchemaId as unknown:
            if self._registry is None:
                return None
            await self._registry.fetch(unknown.schema_id)
            return await self._decoded(kind, record)


_HOPELESS = frozenset({Outcome.REJECTED, Outcome.EXPIRED, Outcome.DUPLICATE, Outcome.CANCELLED})
"""After these no receipt comes."""


@asynccontextmanager
async def watcher(config: StageConfig, codec: Codec, registry: Registry | None, until: Until) -> AsyncIterator[Watcher]:
    """Open it before the message is sent, so that no answer can come too early. Raises `KafkaError`."""
    topics = Topics(config.kafka.topic_prefix)
    names = [topics.submit_responses, topics.dead_letters]
    if until is Until.RECEIPT:
        names += [topics.delivery_reports, topics.hlr_results]
    async with Consumer(config.kafka, name="send", fetch_wait=0.1) as consumer:
        counts = await asyncio.gather(*(consumer.partitions(name) for name in names))
        places = [Partition(name, number) for name, count in zip(names, counts, strict=True) for number in range(count)]
        consumer.assign(places)
        for place, offset in (await consumer.end_offsets(places)).items():
            consumer.seek(place, offset)
        yield Watcher(consumer, topics, codec, registry)
