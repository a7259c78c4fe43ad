"""A dead letter says why, keeps what came, and can be written whatever came."""

import json
from collections import Counter
from pathlib import Path

import pytest

from connector.cli.letters import REPLAYED
from connector.kafka.clients import OutRecord, Producer, Record
from connector.kafka.settings import KafkaSettings
from connector.stages import dead_letters
from connector.stages.dead_letters import dead_letter, most_octets, tell
from connector.stages.sending import send_durably
from tests.stages.reading import read_all
from tests.support.kafka import make_topics

SCHEMA = Path(__file__).parent.parent.parent / "schemas" / "DeadLetterHeaders.avsc"
MOST = most_octets(KafkaSettings())


def letter(
    key: bytes | None = b"key",
    value: bytes | None = b"value",
    headers: tuple[tuple[str, bytes], ...] = (),
    *,
    topic: str = "sms.dead-letters",
    message_id: str | None = "m-1",
) -> OutRecord:
    record = Record("sms.outbound", 2, 17, 5, key, value, headers)
    return dead_letter(
        record, topic=topic, stage="route", code="too-large", reason="why", now_ms=6, message_id=message_id
    )


def octets(record: OutRecord) -> int:
    return len(record.key or b"") + len(record.value or b"") + sum(len(n) + len(v) for n, v in record.headers)


def test_what_fits_is_kept_as_it_came() -> None:
    made = letter(b"k", b"v" * (MOST - 10_000), (("tenant", b"a"),))
    assert (made.key, made.value) == (b"k", b"v" * (MOST - 10_000))
    assert made.headers[0] == ("tenant", b"a")
    assert "dl_truncated" not in dict(made.headers)


def test_of_what_does_not_fit_the_head_of_the_value_is_kept_and_the_letter_says_so() -> None:
    foreign = (("tenant", b"a"), ("dl_unpacking", b"damaged" * 1000))
    made = letter(b"k" * 500_000, b"head" + b"v" * (8 << 20), foreign)
    headers = dict(made.headers)
    assert (made.value or b"").startswith(b"head")
    assert MOST - 10_000 < octets(made) < MOST
    assert int(headers["dl_truncated"]) >= (8 << 20) + 500_000
    assert "tenant" not in headers
    assert headers["dl_unpacking"].startswith(b"damaged")


def test_headers_alone_may_be_too_much() -> None:
    made = letter(None, b"v", tuple((f"h{n}", bytes(50_000)) for n in range(30)))
    assert (made.key, made.value) == (None, b"v")
    assert octets(made) < 1000


def test_the_log_hears_of_the_first_letter_with_a_code_and_then_ever_more_seldom(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_told", Counter())
    for _ in range(11):
        tell("route", "too-large")
    tell("route", "empty", 250)
    assert [record.getMessage().split(" dead")[0] for record in caplog.records] == ["1", "10", "250"]
    assert all("`connector dead-letters`" in record.getMessage() for record in caplog.records)


def test_an_id_without_end_is_cut() -> None:
    assert dict(letter(message_id="\U0001f4e6" * 100_000).headers)["dl_message_id"] == "\U0001f4e6".encode() * 255


def test_every_header_is_documented() -> None:
    documented = {field["name"] for field in json.loads(SCHEMA.read_text())["fields"]}
    made = letter(b"", bytes(2 * MOST), (("dl_unpacking", b"x"),))
    # The last one is what a replay leaves.
    assert {name for name, _ in made.headers} | {REPLAYED} == documented


async def test_kafka_takes_the_largest_and_the_emptiest(producer: Producer, kafka_settings: KafkaSettings) -> None:
    """Each of them would stop its stage for good if Kafka, or our own client, refused it."""
    topics = await make_topics(kafka_settings)
    name = topics.dead_letters
    letters = [
        letter(b"k" * 500_000, bytes(8 << 20), topic=name),
        letter(b"k", bytes(MOST), topic=name, message_id="x" * 500_000),
        letter(None, bytes(MOST - 1500), topic=name),
        letter(None, None, topic=name),
    ]
    await send_durably(producer, letters, stage="route")
    found = await read_all(kafka_settings, [name], lambda records: len(records) >= len(letters))
    assert sorted(len(record.value or b"") for record in found) == sorted(len(made.value or b"") for made in letters)
