"""`connector dead-letters` on a topic with letters of every sort."""

from pathlib import Path

import pytest

from connector.domain.messages import OutboundMessage
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import OutRecord, Producer, Record
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.stages.dead_letters import dead_letter
from tests.cli.commands import Done, configuration, run, typed
from tests.stages.reading import read_all
from tests.support.kafka import make_topics, settings_for

CODEC = Codec()
NOW = 1_790_000_000_000
TO = "79990000001"
TEXT = "your code is 48151"
EVENT = CODEC.encode(OutboundMessage(id="order-1", recipient=TO, text=TEXT, sender="Shop"))
HEADERS = (("traceparent", b"00-aa"), ("phone", TO.encode()))


def letter(
    topics: Topics,
    code: str,
    *,
    stage: str = "route",
    message_id: str | None = None,
    most: int = 1 << 20,
    source: str | None = None,
    partition: int = 1,
    value: bytes = EVENT,
    at: int = NOW,
) -> OutRecord:
    record = Record(source or topics.outbound, partition, 40, NOW - 5, TO.encode(), value, HEADERS)
    return dead_letter(
        record,
        topic=topics.dead_letters,
        stage=stage,
        code=code,
        reason=f"reason of {code}\x1b[2J",
        now_ms=at,
        message_id=message_id,
        most=most,
    )


class Desk:
    """Letters in a topic of its own, and the command."""

    def __init__(self, config: Path, topics: Topics, kafka: EmbeddedKafka) -> None:
        self.config = config
        self.topics = topics
        self.settings = settings_for(kafka, topics.prefix)

    async def run(self, *arguments: str, given: bytes = b"") -> Done:
        return await run("dead-letters", *arguments, "--config", str(self.config), given=given)

    async def outbound(self, count: int) -> list[Record]:
        return await read_all(self.settings, [self.topics.outbound], lambda found: len(found) >= count)


@pytest.fixture
async def desk(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> Desk:
    settings = settings_for(kafka, prefix)
    topics = await make_topics(settings)
    async with Producer(settings) as producer:
        for out in (
            letter(topics, "text-empty", message_id="order-1"),
            letter(topics, "text-empty", message_id="order-2", at=NOW + 60_000),
            letter(topics, "truncated", stage="collect", source=topics.deliveries, value=b"no frame"),
            letter(topics, "too-large", value=b"x" * 9_000, most=4_000),
            letter(topics, "poison"),
            letter(topics, "text-empty", source="somewhere.else"),
            letter(topics, "expired", partition=17),
        ):
            await producer.send(out)
    return Desk(configuration(tmp_path, kafka.bootstrap_servers, prefix), topics, kafka)


async def test_letters_are_listed_filtered_and_counted(desk: Desk) -> None:
    listed = await desk.run()
    lines = listed.out.splitlines()
    assert lines[0].split()[:4] == ["place", "time", "stage", "code"]
    assert "0:0    2026-09-21T14:13:20.000Z  route    text-empty  outbound[1]@40" in lines[1]
    assert "\\x1b[2J" in lines[1]
    assert listed.err == "7 dead letters\n"
    assert TO not in listed.out

    def places(done: Done) -> list[str]:
        return [line["place"] for line in done.lines]

    assert places(await desk.run("--json", "--code", "text-empty", "--code", "poison")) == ["0:0", "0:1", "0:4", "0:5"]
    assert places(await desk.run("--json", "--stage", "collect", "--topic", "deliveries")) == ["0:2"]
    assert places(await desk.run("--json", "--message-id", "order-2")) == ["0:1"]
    assert places(await desk.run("--json", "--since", str(NOW + 1))) == ["0:1"]
    assert places(await desk.run("--json", "0:3", "6")) == ["0:3", "0:6"]
    counted = await desk.run("--summary", "--json")
    first = counted.lines[0]
    assert (first["code"], first["count"], first["latest_place"]) == ("text-empty", 3, "0:5")
    shown = (await desk.run("--summary")).out.splitlines()
    assert " ".join(shown[0].split()) == "stage code count latest its place"
    nothing = await desk.run("--code", "unheard-of")
    assert (nothing.code, nothing.out) == (0, "")
    there = "expired, poison, text-empty, too-large, truncated"
    assert nothing.err.splitlines() == [
        f"warning: --code: no letter that was read has 'unheard-of'; the codes that they have: {there}",
        "0 dead letters",
    ]
    known = await desk.run("--code", "poison", "--stage", "collect")
    assert known.err == "0 dead letters\n"


async def test_one_is_shown_masked_unless_it_is_revealed(desk: Desk) -> None:
    masked = await desk.run("0:0")
    assert "recipient: *********01" in masked.out
    assert "phone: ***" in masked.out
    assert TO not in masked.out
    assert TEXT not in masked.out
    bare = (await desk.run("0:0", "--reveal", "--json")).json
    assert (bare["event"]["text"], bare["key"], bare["headers"]["phone"]) == (TEXT, TO, TO)
    assert (bare["code"], bare["replayable"], bare["partition"], bare["offset"]) == ("text-empty", True, 1, 40)
    poison = (await desk.run("0:4", "--json")).json
    assert "event" not in poison, "what ended a process is not decoded here either"
    assert poison["value"] == f"<{len(EVENT)} octets>"
    absent = await desk.run("0:99")
    assert (absent.code, absent.err) == (1, "error: there is no such letter at 0:99\n")


async def test_a_replay_writes_what_came_to_where_it_came_from(desk: Desk) -> None:
    done = await desk.run("--code", "text-empty", "--code", "expired", "--replay", "--yes")
    assert done.code == 1
    assert done.out == "replayed 3 of 4 dead letters\n"
    assert done.err == "0:5 cannot be replayed: the topic it came from does not exist\n"
    found = await desk.outbound(3)
    assert {(each.key, each.value) for each in found} == {(TO.encode(), EVENT)}
    assert sorted(tuple(each.headers) for each in found) == [
        (*HEADERS, ("dl_replayed", place)) for place in (b"0:0", b"0:1", b"0:6")
    ]
    assert all(each.partition == 1 for each in found if dict(each.headers)["dl_replayed"] != b"0:6")


async def test_a_replay_asks_first_and_a_letter_that_was_cut_stays(desk: Desk) -> None:
    refused = await desk.run("0:2", "--replay", given=b"n\n")
    assert refused.code == 1
    assert "replay 1 dead letters to the topics they came from?" in refused.err
    cut = await desk.run("0:3", "0:2", "0:77", "--replay", "--json", given=b"y\n")
    assert cut.code == 1
    assert cut.json == {
        "replayed": 1,
        "refused": [
            {"place": "0:3", "reason": "it was too large to keep whole: only the head of its value is here"},
            {"place": "0:77", "reason": "there is no such letter"},
        ],
    }
    (again,) = await read_all(desk.settings, [desk.topics.deliveries], lambda found: len(found) >= 1)
    assert (again.value, again.partition) == (b"no frame", 1)


def test_a_mistake_on_the_command_line_is_named(tmp_path: Path) -> None:
    config = ("--config", str(configuration(tmp_path, "127.0.0.1:1", "t.")))
    for arguments, words in (
        (("x:1",), "'x:1' is no place; write PARTITION:OFFSET, such as 0:17"),
        (("--since", "soon"), "--since: 'soon' is no moment; allowed is"),
        (("--replay",), "--replay needs to know which"),
        (("--replay", "--summary", "0:1"), "--replay and --summary do not go together"),
        (("--yes",), "--yes goes with --replay"),
        (("--stage", "nosuch"), "'nosuch' is not one of 'route', 'express', 'submit', 'collect'"),
    ):
        done = typed("dead-letters", *arguments, *config)
        assert (done.code, words in done.err) == (2, True), (arguments, done.err)
