"""Every outbound event that must be refused goes to the dead letters as it came, with its reason, and holds up nobody.

Through the real router and the real express entrance, over real Kafka; tests/domain/test_kinds.py has the rules.
"""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from connector.domain.events import LaneMessage
from connector.domain.messages import Coding, Kind, Lane, OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import Admin, OutRecord, Partition, Record
from connector.kafka.records import Codec
from tests.support.world import World, world

TO = "79990000001"
PLAIN = OutboundMessage(id="m", sender="Shop", recipient=TO, text="parcel for you")
HEADERS = (("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("tenant", b"\xff\x00"))
HOUR = 3_600_000


class Case(NamedTuple):
    """An outbound record and the code it is refused under."""

    code: str
    value: bytes | None
    priority: Priority


def refused_messages(now_ms: int) -> list[tuple[str, OutboundMessage]]:
    """The list of faults.md, message by message."""
    telegram = replace(PLAIN, kind=Kind.TELEGRAM_CODE)
    return [
        ("account-unknown", replace(PLAIN, account="nobody")),
        ("recipient-not-a-number", replace(PLAIN, recipient="7999abc")),
        ("recipient-not-an-address", replace(PLAIN, kind=Kind.EMAIL, subject="s", recipient="nobody at home")),
        ("sender-too-long", replace(PLAIN, sender="TwelveLetter")),
        ("text-empty", replace(PLAIN, text="")),
        ("text-empty", replace(PLAIN, text=None)),
        ("code-not-4-to-8-digits", replace(telegram, text="12a4")),
        ("code-not-4-to-8-digits", replace(telegram, text="123")),
        ("code-not-4-to-8-digits", replace(telegram, text="123456789")),
        ("voice-unknown", replace(PLAIN, kind=Kind.VOICE, voice="x9")),
        ("text-starts-with-mark", replace(PLAIN, text="__CALL__: parcel for you")),
        ("text-holds-comment-mark", replace(PLAIN, text="parcel\n~~~\nfor you")),
        ("text-too-long", replace(PLAIN, text="parcel for you " * 3_000)),
        ("text-too-long", replace(PLAIN, text="x" * 1_000_000)),
        ("binary-odd-hex", replace(PLAIN, kind=Kind.BINARY, text="abc")),
        ("expired", replace(PLAIN, expires_at=now_ms - HOUR)),
        ("scheduled-past-validity", replace(PLAIN, scheduled_at=now_ms + 2 * HOUR, expires_at=now_ms + HOUR)),
        ("text-nul", replace(PLAIN, text="parcel\0for you")),
        ("text-not-gsm", replace(PLAIN, text="готово", coding=Coding.GSM)),
    ]


def poisoned(codec: Codec) -> list[tuple[str, bytes | None]]:
    """Octets that are no outbound message."""
    good = codec.encode(replace(PLAIN, priority=Priority.NORMAL))
    surrogate = codec.encode(replace(PLAIN, priority=Priority.NORMAL, text="XXX")).replace(b"XXX", b"\xed\xa0\x80")
    return [
        ("empty", None),
        ("empty", b""),
        ("not-framed", b"hello, world"),
        ("not-framed", b"\xff" * 5_000),
        ("unknown-schema", b"\xc3\x01" + bytes(8) + b"\x04" * 5_000),
        ("no-registry", b"\x00\x00\x00\x00\x07" + b"\x04" * 100),
        ("truncated", good[:-4]),
        ("trailing-octets", good + b"\0"),
        ("bad-value", surrogate),
    ]


def cases(codec: Codec, now_ms: int) -> list[Case]:
    """Each refused message at every entrance, and the octets that are none."""
    found = [
        Case(code, codec.encode(replace(message, priority=priority, id=f"r{number}-{priority}")), priority)
        for number, (code, message) in enumerate(refused_messages(now_ms))
        for priority in (Priority.URGENT, Priority.NORMAL, Priority.AUTO)
    ]
    return [*found, *(Case(code, value, Priority.NORMAL) for code, value in poisoned(codec))]


async def test_what_cannot_be_sent_becomes_a_dead_letter_and_the_stream_goes_on(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    async with world(tmp_path, kafka.bootstrap_servers, prefix) as made:
        refused = cases(made.codec, time.time_ns() // 1_000_000)
        good = [replace(PLAIN, id=f"g{number}", priority=list(Priority)[number % 4]) for number in range(len(refused))]
        # A good one behind every bad one, in the same partition, so that none can be passed by.
        records = []
        for number, (case, message) in enumerate(zip(refused, good, strict=True)):
            bad = OutRecord(made.topics.outbound, case.value, f"k{number}".encode(), number % 2, HEADERS)
            records += [bad, OutRecord(made.topics.outbound, made.codec.encode(message), partition=number % 2)]
        await made.producer.send_all(records)
        await made.start("route", "express")
        letters = await made.records(made.topics.dead_letters, lambda found: len(found) >= len(refused))
        forwarded = [message for lane in Lane for message in await lane_messages(made, lane, good)]
        codes = await made.stop()
        await everything_is_committed(made, len(refused))

    assert codes == {"route": 0, "express": 0}
    assert len(letters) == len(refused), "each exactly once"
    by_key = {letter.key: letter for letter in letters}
    for number, case in enumerate(refused):
        check_letter(by_key[f"k{number}".encode()], case, made.topics.outbound)
    assert Counter(forwarded) == Counter(message.id for message in good)
    for stage in ("route", "express"):
        log = made.log(stage)
        assert TO not in log
        assert "parcel" not in log


def check_letter(letter: Record, case: Case, outbound: str) -> None:
    """As it came, with headers behind its own that say who refused what and why."""
    assert letter.value == case.value, case.code
    assert tuple(letter.headers[: len(HEADERS)]) == HEADERS
    told = {name: value.decode() for name, value in letter.headers[len(HEADERS) :]}
    assert told["dl_code"] == case.code
    assert told["dl_topic"] == outbound
    assert int(told["dl_offset"]) >= 0
    assert told["dl_partition"] in ("0", "1")
    assert told["dl_stage"] == ("express" if case.priority is Priority.URGENT else "route")
    reason = told["dl_reason"]
    assert len(reason.split()) >= 4, "a sentence for a person"
    assert not [word for word in (TO, "7999abc", "parcel", "12a4", "TwelveLetter", "готово") if word in reason]


async def lane_messages(made: World, lane: Lane, good: list[OutboundMessage]) -> list[str]:
    """The ids that reached a lane."""
    explicit = {Lane.URGENT: Priority.URGENT, Lane.BULK: Priority.BULK}
    # AUTO without a campaign goes to the normal lane by the default rules.
    wanted = {
        message.id
        for message in good
        if (message.priority is explicit[lane] if lane in explicit else message.priority not in explicit.values())
    }
    ids: list[str] = []

    def enough(records: list[Record]) -> bool:
        ids[:] = [item.message_id for record in records for item in made.codec.decode_frame(LaneMessage, record.value)]
        return wanted <= set(ids)

    await made.records(made.topics.lane(lane), enough)
    return ids


async def everything_is_committed(made: World, in_both: int) -> None:
    """Both readers' offsets stand behind the last record: nothing is waited for and nothing comes again."""
    async with Admin(made.config.kafka) as admin:
        for group in ("route", "express"):
            found = await admin.committed(f"{made.config.kafka.topic_prefix}{group}")
            ends = {Partition(made.topics.outbound, number): 2 * ((in_both + 1 - number) // 2) for number in range(2)}
            assert {where: found[where] for where in ends} == ends, group
