"""Kafka for tests: one real broker for the whole run, and topics of its own for every test."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from connector.embedded.kafka import EmbeddedError, EmbeddedKafka
from connector.kafka import topics
from connector.kafka.clients import Admin, Producer
from connector.kafka.settings import KafkaSettings


def started() -> EmbeddedKafka:
    """A broker that runs; the test is skipped where there can be none, but fails in CI."""
    broker = EmbeddedKafka()
    try:
        broker.start()
    except EmbeddedError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no embedded Kafka: {error}")
    return broker


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """The broker all tests share. Leave it running and its other topics alone."""
    broker = started()
    yield broker
    broker.stop()


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """A broker for one test, to kill, freeze and restart."""
    broker = started()
    yield broker
    broker.stop()


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def kafka_settings(kafka: EmbeddedKafka, prefix: str) -> KafkaSettings:
    """Settings for the shared broker, under this test's prefix, with small topics."""
    return settings_for(kafka, prefix)


def settings_for(broker: EmbeddedKafka, prefix: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=broker.bootstrap_servers,
        topic_prefix=prefix,
        outbound_partitions=2,
        deliveries_partitions=2,
        results_partitions=1,
        session_timeout=6.0,
        heartbeat_interval=0.5,
        rebalance_timeout=8.0,
        request_timeout=10.0,
    )


async def make_topics(settings: KafkaSettings, slots: int = 1) -> topics.Topics:
    """Create all topics of these settings."""
    async with Admin(settings) as admin:
        await topics.create(admin, topics.specs(settings, slots))
    return topics.Topics(settings.topic_prefix)


@pytest.fixture
async def producer(kafka_settings: KafkaSettings) -> AsyncIterator[Producer]:
    """A producer on the shared broker."""
    async with Producer(kafka_settings) as running:
        yield running
