"""The largest event that is taken: whatever the connector makes of it must fit into Kafka, or a stage would stop."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connector.domain.events import Delivery, DeliveryReport, DeliveryType, SubmitResponse
from connector.domain.joining import MOST_MARKS, MOST_REPEATS, Known, Mark, Messages
from connector.domain.kinds import ID_LIMIT, METADATA_ENTRIES, METADATA_OCTETS, validate
from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.kafka.clients import Admin, OutRecord, Producer, Record
from connector.kafka.records import MAX_FRAME_OCTETS, Codec
from connector.kafka.settings import KafkaSettings
from connector.kafka.topics import create
from connector.stages.collect import changelog_specs
from connector.stages.collect_rows import Rows
from connector.stages.collect_settings import CollectSettings
from connector.stages.collect_sheet import MOST_ROW_OCTETS
from connector.stages.dead_letters import most_octets
from connector.stages.forwarding import Forwarder
from connector.stages.routing import Entrance
from connector.stages.sending import send_durably
from connector.stages.settings import AccountSettings, StageConfig
from connector.translate import DialectSettings
from tests.stages.reading import read_all
from tests.support.kafka import make_topics
from tests.support.samples import AT

CODEC = Codec()
WIDE = "\U0001f4e6"
KEYS = [f"{number:02}" for number in range(METADATA_ENTRIES)]
LARGEST = OutboundMessage(
    id=WIDE * ID_LIMIT,
    campaign_id=WIDE * ID_LIMIT,
    priority=Priority.NORMAL,
    sender="SHOP",
    recipient="79990000001",
    text=WIDE,
    metadata=dict.fromkeys(KEYS, "v" * ((METADATA_OCTETS - 2 * METADATA_ENTRIES) // METADATA_ENTRIES)),
)
PART_IDS = tuple(f"{number:065}" for number in range(255))


def made_of_it() -> Iterator[tuple[str, bytes]]:
    """Each thing that is written down about it, with its name."""
    message = LARGEST
    yield (
        "response",
        CODEC.encode(
            SubmitResponse(
                event_id="e",
                message_id=message.id,
                account="a" * 64,
                kind=message.kind,
                campaign_id=message.campaign_id,
                sender=message.sender,
                recipient=message.recipient,
                lane="normal",
                outcome="accepted",
                part_message_ids=PART_IDS,
                received_at=AT,
                completed_at=AT,
                source_topic="t" * 249,
                source_partition=0,
                source_offset=0,
                metadata=message.metadata,
            )
        ),
    )
    yield (
        "report",
        CODEC.encode(
            DeliveryReport(
                event_id="e",
                message_id=message.id,
                account="a" * 64,
                match="matched",
                campaign_id=message.campaign_id,
                received_at=AT,
                metadata=message.metadata,
            )
        ),
    )
    submitted = Delivery(
        type=DeliveryType.SUBMITTED,
        key="k" * 200,
        account="a" * 64,
        at=AT,
        slot=0,
        message_id=message.id,
        campaign_id=message.campaign_id,
        metadata=message.metadata,
    )
    yield "item", CODEC.encode_frame([submitted])
    marks = tuple(Mark(event, tuple(range(MOST_REPEATS + 1))) for event in range(MOST_MARKS))
    known = Known(submitted=submitted, marks=marks, expires_at=AT)
    yield "row", Rows(CODEC).from_messages(Messages(known=(known,)))


def test_what_is_made_of_the_largest_event_stays_small() -> None:
    assert validate(LARGEST, DialectSettings(), AT) is None
    assert {name: len(value) < MOST_ROW_OCTETS // 4 for name, value in made_of_it()} == dict.fromkeys(
        ("response", "report", "item", "row"), True
    )


@pytest.mark.parametrize("fields", [{"id": "x" * 256}, {"campaign_id": "x" * 256}, {"metadata": {"k": "v" * 65_536}}])
def test_more_than_that_is_refused(fields: dict[str, object]) -> None:
    larger = OutboundMessage(**{"id": "m", "recipient": "79990000001", "text": "x", **fields})  # type: ignore[arg-type]
    assert validate(larger, DialectSettings(), AT) is not None


LEAST = 655_360


async def test_with_the_smallest_record_limit_everything_still_fits(kafka_settings: KafkaSettings) -> None:
    """Broken by: a limit below a frame or a row; forwarding what came compressed and unpacks to more than the limit."""
    kafka = kafka_settings.model_copy(update={"max_record_bytes": LEAST})
    topics = await make_topics(kafka)
    async with Admin(kafka) as admin:
        changelogs = changelog_specs(kafka, CollectSettings())
        await create(admin, changelogs)
    account = AccountSettings.model_validate({"name": "main", "system_id": "login", "password": "secret"})
    config = StageConfig(kafka=kafka, accounts=(account,))
    payload = OutboundMessage(id=LARGEST.id, recipient="79990000001", text="x", metadata=LARGEST.metadata)
    events = [
        CODEC.encode(payload),
        # As large as a record may be: no valid event is, but this one is read.
        CODEC.encode(replace(payload, payload=bytes(LEAST - len(CODEC.encode(payload)) - 3))),
        CODEC.encode(replace(payload, payload=bytes(LEAST))),
    ]
    headers = (("tracestate", b"a" * 200_000), ("traceparent", b"b" * 200_000))
    async with Producer(kafka) as producer:
        forwarder = Forwarder(config, Entrance.ROUTER, CODEC, None, producer, epoch_ms=lambda: AT)
        await forwarder.forward(
            [Record(topics.outbound, 0, n, AT, None, each, headers) for n, each in enumerate(events)]
        )
        internal = [
            OutRecord(topics.ledger, bytes(MAX_FRAME_OCTETS), partition=0),
            OutRecord(topics.deliveries, bytes(MAX_FRAME_OCTETS), partition=0),
            OutRecord(topics.inbound, bytes(most_octets(kafka) - 4096), b"key"),
            *(OutRecord(spec.name, bytes(MOST_ROW_OCTETS), b"k" * 300, 0) for spec in changelogs),
        ]
        await send_durably(producer, internal, stage="collect")
    names = [topics.lane(Lane.NORMAL), topics.dead_letters]
    found = await read_all(kafka, names, lambda records: len(records) >= len(events))
    letters = [dict(record.headers) for record in found if record.topic == topics.dead_letters]
    assert [(letter["dl_code"], letter["dl_offset"]) for letter in letters] == [
        (b"field-not-of-kind", b"1"),
        (b"too-large", b"2"),
    ]
