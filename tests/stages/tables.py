"""The collector's tables as dicts, for tests of what a batch comes to."""

from collections.abc import Iterable, Mapping

from connector.domain.assembling import AssemblyRules
from connector.domain.events import Delivery, DeliveryReport, InboundMessage
from connector.domain.joining import JoinRules
from connector.kafka.clients import OutRecord, Record
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.stages.collect_batch import Batch
from connector.stages.collect_sheet import Desk, Place, TableName, Write
from connector.translate import DialectSettings
from tests.stages.deliveries import AT, DIALECT

CODEC = Codec()
TOPICS = Topics("sms.")
FRAME = Record("sms.deliveries", 3, 17, AT, None, b"frame", (("h", b"1"),))
HOUR = 3_600_000


class Tables:
    """What the stage would keep, and a clock."""

    def __init__(self, accounts: Mapping[str, DialectSettings] | None = None) -> None:
        self.rows: dict[Place, bytes] = {}
        self.writes: list[Write] = []
        self.now_ms = AT + 5000
        self.desk = Desk(
            codec=CODEC,
            topics=TOPICS,
            accounts=accounts or {"main": DIALECT},
            joins=JoinRules(unmatched_after=300_000, retention=72 * HOUR),
            assemblies=AssemblyRules(timeout=600_000, retention=72 * HOUR),
            read=self.rows.get,
            deliveries_partitions=6,
        )

    def take(self, *items: Delivery) -> Batch:
        """A batch of these items, done."""
        batch = Batch(self.desk, now_ms=self.now_ms)
        for item in items:
            batch.take(FRAME, item)
        return self.done(batch)

    def due(self, key: str) -> Batch:
        batch = Batch(self.desk, now_ms=self.now_ms)
        batch.due(FRAME.partition, key.encode())
        return self.done(batch)

    def poll(self, key: str) -> Batch:
        batch = Batch(self.desk, now_ms=self.now_ms)
        batch.poll(FRAME.partition, key.encode())
        return self.done(batch)

    def done(self, batch: Batch) -> Batch:
        self.writes = batch.settle()
        for place, row, _ in self.writes:
            if row is None:
                self.rows.pop(place, None)
            else:
                self.rows[place] = row
        return batch

    def places(self, table: TableName) -> list[Place]:
        return [place for place in self.rows if place.table is table]


def reports(batch: Batch) -> list[DeliveryReport]:
    return [CODEC.decode(DeliveryReport, record.value) for record in on(batch, TOPICS.delivery_reports)]


def messages(batch: Batch) -> list[InboundMessage]:
    return [CODEC.decode(InboundMessage, record.value) for record in on(batch, TOPICS.inbound)]


def on(batch: Batch, topic: str) -> Iterable[OutRecord]:
    return [record for record in batch.events if record.topic == topic]


def header(record: OutRecord, name: str) -> bytes:
    return dict(record.headers)[name]


def forwarded(batch: Batch) -> list[Delivery]:
    """What the collector told itself."""
    return [item for record in on(batch, TOPICS.deliveries) for item in CODEC.decode_frame(Delivery, record.value)]
