"""What the two readers of the outbound topic do with what they read: decide, pack into frames, write, all or nothing.

Rule: when `forward` returns, every record it was given is durable in a lane or among the dead letters, or belongs to
the other reader; one that cannot be read or packed stops none of those behind it. Comes from: `express`, `route`.
Decisions: `routing`. Next station: the lanes.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from connector import telemetry
from connector.domain.events import LaneMessage
from connector.domain.messages import Lane
from connector.kafka.clients import OutRecord, Producer, Record
from connector.kafka.records import Codec, RecordError, UnknownSchemaId
from connector.kafka.registry import Registry
from connector.kafka.topics import Topics
from connector.stages.dead_letters import dead_letter, internal_error, most_octets, tell
from connector.stages.learning import learn
from connector.stages.routing import Decision, Entrance, Forward, NotMine, Refused, Routing
from connector.stages.sending import send_durably
from connector.stages.settings import StageConfig
from connector.stages.trials import WHOLE

# Records decided in full before the loop gets a turn: some 5 ms.
_TURN: Final = 64


class Forwarder:
    """One reader's way to the lanes."""

    def __init__(
        self,
        config: StageConfig,
        entrance: Entrance,
        codec: Codec,
        registry: Registry | None,
        producer: Producer,
        *,
        epoch_ms: Callable[[], int],
    ) -> None:
        self._stage = entrance.value
        self._routing = Routing(config, codec, entrance)
        self._codec = codec
        self._registry = registry
        self._producer = producer
        self._topics = Topics(config.kafka.topic_prefix)
        self._most = most_octets(config.kafka)
        self._epoch_ms = epoch_ms

    async def forward(self, records: Iterable[Record]) -> None:
        """Waits while Kafka or the registry is away. Raises `KafkaError` where either of them refuses for good."""
        now_ms = self._epoch_ms()
        forwards: dict[tuple[Lane, int], list[tuple[Record, LaneMessage]]] = {}
        out: list[OutRecord] = []
        decided = 0
        for record in records:
            match await self._decide(record, now_ms):
                case Forward(message=message):
                    forwards.setdefault((message.lane, message.slot), []).append((record, message))
                case Refused() as refused:
                    out.append(self._letter(record, refused, now_ms))
                case NotMine():
                    continue
            decided += 1
            if decided % _TURN == 0:
                await asyncio.sleep(0)
        counts: Counter[Lane] = Counter()
        for (lane, slot), pairs in forwards.items():
            values, refusals = self._packed(pairs, now_ms)
            out += [OutRecord(topic=self._topics.lane(lane), value=value, partition=slot) for value in values]
            out += refusals
            counts[lane] += len(pairs) - len(refusals)
        await send_durably(self._producer, out, stage=self._stage)
        for lane, count in counts.items():
            telemetry.count(telemetry.Metric.EVENTS, count, stage=self._stage, lane=lane.value, result="forwarded")

    async def bury(self, record: Record, item: int = WHOLE) -> None:
        """A record that has ended too many processes: its dead letter is durable when this returns, unless the other
        reader is the one to write it."""
        now_ms = self._epoch_ms()
        decision = self._routing.poison(record)
        if isinstance(decision, Refused):
            await send_durably(self._producer, [self._letter(record, decision, now_ms)], stage=self._stage)

    async def _decide(self, record: Record, now_ms: int) -> Decision:
        while True:
            try:
                return self._routing.decide(record, now_ms=now_ms)
            except UnknownSchemaId as unknown:
                if self._registry is None:
                    raise
                await learn(self._registry, unknown.schema_id, stage=self._stage)

    def _packed(self, pairs: Sequence[tuple[Record, LaneMessage]], now_ms: int) -> tuple[list[bytes], list[OutRecord]]:
        """The frames of one slot, and dead letters for what no frame can hold."""
        try:
            return self._codec.frames([message for _, message in pairs]), []
        except Exception:  # one of them is at fault, and is found below
            pass
        frames, refusals = [], []
        for record, message in pairs:
            try:
                frames += self._codec.frames([message])
            except Exception as error:  # the stage's edge
                fault = error if isinstance(error, RecordError) else internal_error(error, stage=self._stage)
                refused = Refused(code=fault.code, reason=fault.reason, message_id=message.message_id)
                refusals.append(self._letter(record, refused, now_ms))
        return frames, refusals

    def _letter(self, record: Record, refused: Refused, now_ms: int) -> OutRecord:
        tell(self._stage, refused.code)
        return dead_letter(
            record,
            topic=self._topics.dead_letters,
            stage=self._stage,
            code=refused.code,
            reason=refused.reason,
            now_ms=now_ms,
            message_id=refused.message_id,
            most=self._most,
        )
