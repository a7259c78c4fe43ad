"""What becomes of a frame that has ended too many processes: the item at fault is a dead letter, unread, and the items
behind it stand at the end of the same partition, each in a frame of its own.

Comes from: `careful`. Next station: the dead letters.
"""

from collections.abc import Callable, Sequence

from connector.kafka.clients import OutRecord, Producer, Record
from connector.kafka.records import Codec, Item, RecordError
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import Topics
from connector.stages.dead_letters import dead_letter, most_octets, tell
from connector.stages.sending import send_durably
from connector.stages.trials import POISON, REASON, WHOLE


class Burial:
    """For a stage that reads frames of `kind`."""

    def __init__(
        self,
        kafka: KafkaSettings,
        producer: Producer,
        codec: Codec,
        kind: type[Item],
        *,
        stage: str,
        epoch_ms: Callable[[], int],
    ) -> None:
        self._topic = Topics(kafka.topic_prefix).dead_letters
        self._most = most_octets(kafka)
        self._producer = producer
        self._codec = codec
        self._kind = kind
        self._stage = stage
        self._epoch_ms = epoch_ms

    def sift(self, record: Record) -> Sequence[Record]:
        """Its items, each as a frame in the place of the whole; none where there are no two."""
        try:
            items = self._codec.decode_frame(self._kind, record.value)
        except RecordError:  # whoever reads it makes a dead letter of it
            return ()
        return [record._replace(value=self._codec.encode_frame([item])) for item in items] if len(items) > 1 else ()

    async def bury(self, record: Record, item: int) -> None:
        """The dead letter is durable when this returns, and what stands behind it in the frame; what stands before it
        was handled by the process that died."""
        out: list[OutRecord] = []
        if item != WHOLE:
            record, *others = self.sift(record)[item:]
            out += [OutRecord(topic=other.topic, value=other.value, partition=other.partition) for other in others]
        letter = dead_letter(
            record,
            topic=self._topic,
            stage=self._stage,
            code=POISON,
            reason=REASON,
            now_ms=self._epoch_ms(),
            most=self._most,
        )
        await send_durably(self._producer, [letter, *out], stage=self._stage)
        tell(self._stage, POISON)
