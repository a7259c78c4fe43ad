"""The clients under the names the rest of the project uses; what they share is in `door`."""

from connector.kafka.admin import Admin, TopicSpec, TopicState
from connector.kafka.consumer import AssignmentListener, Consumer
from connector.kafka.door import METADATA_MS
from connector.kafka.partitions import Partition, partition_for
from connector.kafka.producer import Producer
from connector.kafka.tls import ssl_context
from connector.kafka.values import (
    ClientClosed,
    Headers,
    KafkaError,
    KafkaRefused,
    KafkaUnavailable,
    OutRecord,
    PartitionLost,
    Placed,
    ProducerFull,
    Record,
    RecordTooLarge,
    TopicMissing,
)

__all__ = [
    "METADATA_MS",
    "Admin",
    "AssignmentListener",
    "ClientClosed",
    "Consumer",
    "Headers",
    "KafkaError",
    "KafkaRefused",
    "KafkaUnavailable",
    "OutRecord",
    "Partition",
    "PartitionLost",
    "Placed",
    "Producer",
    "ProducerFull",
    "Record",
    "RecordTooLarge",
    "TopicMissing",
    "TopicSpec",
    "TopicState",
    "partition_for",
    "ssl_context",
]
