"""What both readers of the outbound topic do with a batch. No broker: what would be written is kept in a list."""

from collections.abc import Iterable, Sequence

import pytest

from connector.domain.events import LaneMessage
from connector.domain.messages import Kind, Lane, OutboundMessage, Priority
from connector.kafka import schemas
from connector.kafka.clients import OutRecord, Producer, Record
from connector.kafka.records import MAX_FRAME_ITEMS, MAX_FRAME_OCTETS, Codec, Item, RecordError
from connector.kafka.registry import Registry, RegistryUnavailable
from connector.kafka.settings import KafkaSettings, RegistrySettings
from connector.kafka.topics import Topics
from connector.stages import learning
from connector.stages.forwarding import Forwarder
from connector.stages.routing import Entrance
from connector.stages.settings import AccountSettings, LaneRule, LaneSettings, StageConfig, SubmitSettings

CODEC = Codec()
NOW = 1_790_000_000_000
TOPICS = Topics("sms.")
CONFIG = StageConfig(
    accounts=(AccountSettings.model_validate({"name": "main", "system_id": "login", "password": "secret"}),)
)
OF_EACH = {Entrance.EXPRESS: Priority.URGENT, Entrance.ROUTER: Priority.NORMAL}


class Kept(Producer):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings())
        self.records: list[OutRecord] = []

    async def send_all(self, records: Iterable[OutRecord]) -> None:
        self.records += records

    def ids(self) -> list[str]:
        return [
            item.message_id
            for record in self.records
            if record.topic != TOPICS.dead_letters
            for item in CODEC.decode_frame(LaneMessage, record.value)
        ]

    def letters(self) -> list[tuple[bytes, bytes]]:
        found = [dict(record.headers) for record in self.records if record.topic == TOPICS.dead_letters]
        return [(headers["dl_stage"], headers["dl_code"]) for headers in found]


def event(name: str, priority: Priority, **fields: object) -> bytes:
    return CODEC.encode(
        OutboundMessage(id=name, recipient="79990000001", text="48151", priority=priority, **fields)  # type: ignore[arg-type]
    )


def record(value: bytes, offset: int = 0, at: int = NOW) -> Record:
    return Record(TOPICS.outbound, 0, offset, at, None, value, ())


class Narrow(Codec):
    """Has no frame for the second message."""

    def frames(
        self, items: Sequence[Item], max_items: int = MAX_FRAME_ITEMS, max_bytes: int = MAX_FRAME_OCTETS
    ) -> list[bytes]:
        if any(isinstance(item, LaneMessage) and item.message_id == "m-2" for item in items):
            raise RecordError("too-large", "it does not fit")
        return super().frames(items, max_items, max_bytes)


@pytest.mark.parametrize("entrance", Entrance)
async def test_what_no_frame_can_hold_is_a_dead_letter_and_stops_nobody(entrance: Entrance) -> None:
    kept = Kept()
    forwarder = Forwarder(CONFIG, entrance, Narrow(), None, kept, epoch_ms=lambda: NOW)
    await forwarder.forward([record(event(f"m-{number}", OF_EACH[entrance]), number) for number in range(1, 4)])
    assert kept.ids() == ["m-1", "m-3"]
    assert kept.letters() == [(entrance.value.encode(), b"too-large")]


class Late(Registry):
    """Away at first."""

    def __init__(self) -> None:
        super().__init__(RegistrySettings(url="http://127.0.0.1:1"), {})
        self.asked = 0

    async def fetch(self, schema_id: int) -> None:
        self.asked += 1
        if self.asked < 5:
            raise RegistryUnavailable("the registry does not answer")
        self._schemas[schema_id] = schemas.load("OutboundMessage")


@pytest.mark.parametrize("entrance", Entrance)
async def test_a_registry_that_is_away_is_waited_for(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_FIRST_WAIT", 0.0)
    kept, registry = Kept(), Late()
    forwarder = Forwarder(CONFIG, entrance, Codec(registry), registry, kept, epoch_ms=lambda: NOW)
    await forwarder.forward([record(b"\0\0\0\0\x07" + event("m-1", OF_EACH[entrance])[10:])])
    assert (kept.ids(), registry.asked) == (["m-1"], 5)


async def test_what_the_table_calls_urgent_takes_both_ways_under_one_source() -> None:
    """The submitter drops the later copy."""
    code = record(event("m-1", Priority.AUTO, kind=Kind.TELEGRAM_CODE))
    for entrance in Entrance:
        kept = Kept()
        await Forwarder(CONFIG, entrance, CODEC, None, kept, epoch_ms=lambda: NOW).forward([code])
        assert [out.topic for out in kept.records] == ["sms.lane.urgent"]


MAILINGS = LaneSettings(
    rules=(LaneRule(campaign=True, lane=Lane.BULK), LaneRule(accounts=("main",), lane=Lane.NORMAL)), default=Lane.BULK
)
SLOW_CODES = LaneSettings(rules=(LaneRule(kinds=(Kind.TELEGRAM_CODE,), lane=Lane.NORMAL),))


@pytest.mark.parametrize(
    ("lanes", "fields", "lane"),
    [
        (MAILINGS, {"kind": Kind.TELEGRAM_CODE}, Lane.URGENT),
        (MAILINGS, {"kind": Kind.TELEGRAM_CODE, "campaign_id": "logins"}, Lane.URGENT),
        (LaneSettings(rules=(), default=Lane.BULK), {"kind": Kind.TELEGRAM_CODE}, Lane.URGENT),
        (SLOW_CODES, {"kind": Kind.TELEGRAM_CODE}, Lane.NORMAL),
        (MAILINGS, {"campaign_id": "autumn"}, Lane.BULK),
        (MAILINGS, {}, Lane.NORMAL),
        (SLOW_CODES, {}, Lane.NORMAL),
    ],
)
async def test_a_telegram_code_is_urgent_under_any_table_that_does_not_name_it(
    lanes: LaneSettings, fields: dict[str, object], lane: Lane
) -> None:
    """Both readers say so: express forwards what is urgent, the router everything."""
    config = CONFIG.model_copy(update={"lanes": lanes})
    for entrance in Entrance:
        kept = Kept()
        forwarder = Forwarder(config, entrance, CODEC, None, kept, epoch_ms=lambda: NOW)
        await forwarder.forward([record(event("m-1", Priority.AUTO, **fields))])
        taken = entrance is Entrance.ROUTER or lane is Lane.URGENT
        assert [out.topic for out in kept.records] == [TOPICS.lane(lane)] * taken


@pytest.mark.parametrize("priority", [Priority.NORMAL, Priority.BULK])
async def test_the_event_itself_may_say_that_a_code_can_wait(priority: Priority) -> None:
    kept = Kept()
    code = record(event("m-1", priority, kind=Kind.TELEGRAM_CODE))
    await Forwarder(CONFIG, Entrance.ROUTER, CODEC, None, kept, epoch_ms=lambda: NOW).forward([code])
    assert [out.topic for out in kept.records] == [f"sms.lane.{priority.value.lower()}"]


def memory_of(hours: float) -> StageConfig:
    return CONFIG.model_copy(update={"submit": SubmitSettings(ledger_memory_hours=hours)})


@pytest.mark.parametrize(("minutes", "taken"), [(0, True), (59, True), (61, False), (60 * 24 * 7, False)])
async def test_express_leaves_alone_whose_copy_the_ledger_may_have_forgotten(minutes: int, taken: bool) -> None:
    """The router has forwarded it long ago; the code must not be sent again."""
    code = event("m-1", Priority.AUTO, kind=Kind.TELEGRAM_CODE)
    kept = Kept()
    forwarder = Forwarder(memory_of(2.0), Entrance.EXPRESS, CODEC, None, kept, epoch_ms=lambda: NOW)
    await forwarder.forward([record(code, at=NOW - minutes * 60_000)])
    assert kept.ids() == ["m-1"] * taken


@pytest.mark.parametrize("entrance", Entrance)
async def test_what_nobody_else_takes_is_taken_at_any_age(entrance: Entrance) -> None:
    events = {Entrance.EXPRESS: event("m-1", Priority.URGENT), Entrance.ROUTER: event("m-1", Priority.AUTO)}
    kept = Kept()
    forwarder = Forwarder(memory_of(0.1), entrance, CODEC, None, kept, epoch_ms=lambda: NOW)
    await forwarder.forward([record(events[entrance], at=NOW - 7 * 86_400_000)])
    assert kept.ids() == ["m-1"]


@pytest.mark.parametrize(
    ("entrance", "priority", "speaks"),
    [
        (Entrance.EXPRESS, Priority.URGENT, True),
        (Entrance.EXPRESS, Priority.AUTO, False),
        (Entrance.ROUTER, Priority.AUTO, True),
        (Entrance.ROUTER, Priority.BULK, True),
    ],
)
async def test_an_event_that_ended_both_readers_has_one_dead_letter(
    entrance: Entrance, priority: Priority, speaks: bool
) -> None:
    """Both look at an AUTO event, and both may die over it."""
    kept = Kept()
    await Forwarder(CONFIG, entrance, CODEC, None, kept, epoch_ms=lambda: NOW).bury(record(event("m-1", priority)))
    assert kept.letters() == [(entrance.value.encode(), b"poison")] * speaks
