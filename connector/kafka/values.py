"""What passes the door to Kafka, both ways: records, where they were put, and what can go wrong.

Rule: an error is named after what to do about it, and none quotes a key or a value.
"""

from collections.abc import Sequence
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes]]


class Record(NamedTuple):
    """A record that was read. `timestamp` is in milliseconds since the epoch, UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def __repr__(self) -> str:
        return f"Record({self.topic}[{self.partition}]@{self.offset}, {len(self.value or b'')} octets)"


class OutRecord(NamedTuple):
    """A record to write. Without a partition the key picks one, without a key any will do."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None

    def __repr__(self) -> str:
        return f"OutRecord({self.topic}[{self.partition}], {len(self.value or b'')} octets)"


class Placed(NamedTuple):
    """Where a record was put. `offset` is -1 where the broker only knew that it has the record already."""

    topic: str
    partition: int
    offset: int


class KafkaError(Exception):
    """What goes wrong between here and Kafka; always one of the classes below."""


class KafkaUnavailable(KafkaError):
    """Kafka does not answer, or not in time. Nothing is known about what was under way: try again."""


class KafkaRefused(KafkaError):
    """Kafka answers, and says no: a person must change the settings, the rights or the cluster."""


class TopicMissing(KafkaRefused):
    """A topic or a partition does not exist: create the topics."""


class RecordTooLarge(KafkaError):
    """The record is over a limit and was not written: write something smaller."""


class ProducerFull(KafkaError):
    """More records wait for Kafka than the producer holds; this one was not taken: wait for earlier ones first."""


class PartitionLost(KafkaError):
    """The partition belongs to another member of the group now: forget what was under way for it."""


class ClientClosed(KafkaError):
    """The client was stopped, and the record, if there was one, may or may not have been written."""
