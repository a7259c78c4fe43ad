"""An error that nobody foresaw, over one message: it becomes a dead letter, and stops neither its stage nor its lane.

The letter holds the original octets and names the type of the error; the error's own text may quote the message."""

from collections.abc import Sequence
from typing import Any

import pytest

from connector import translate
from connector.domain.events import LaneMessage
from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.kafka.clients import Partition, Record
from connector.kafka.records import Codec, Item
from connector.stages.forwarding import Forwarder
from connector.stages.routing import Entrance, Routing
from connector.stages.submit import intake as intake_room
from connector.stages.submit import slot as slot_room
from tests.stages.test_forwarding import CODEC, CONFIG, NOW, OF_EACH, Kept, event, record
from tests.stages.test_journal import T0, TOPICS, Stage, sms

SECRET = "79990000001 says 48151"
REASON = b"the connector failed on this message by itself: ZeroDivisionError"
PLACE = Partition(TOPICS.lane(Lane.NORMAL), 0)


def fail(*_: object, **__: object) -> Any:
    raise ZeroDivisionError(SECRET)


class Decoding(Codec):
    """Cannot read the second message."""

    def decode(self, cls: type[Any], data: bytes | None) -> Any:
        found = super().decode(cls, data)
        return fail() if isinstance(found, OutboundMessage) and found.id == "m-2" else found


class Packing(Codec):
    """Cannot pack the second message."""

    def frames(self, items: Sequence[Item], *limits: int) -> list[bytes]:
        if any(isinstance(item, LaneMessage) and item.message_id == "m-2" for item in items):
            fail()
        return super().frames(items, *limits)


@pytest.mark.parametrize("entrance", Entrance)
@pytest.mark.parametrize("codec", [Decoding, Packing])
async def test_an_outbound_event(entrance: Entrance, codec: type[Codec], caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    forwarder = Forwarder(CONFIG, entrance, codec(), None, kept, epoch_ms=lambda: NOW)
    await forwarder.forward([record(event(f"m-{number}", OF_EACH[entrance]), number) for number in range(1, 4)])
    assert kept.ids() == ["m-1", "m-3"]
    (letter,) = [each for each in kept.records if each.topic == TOPICS.dead_letters]
    headers = dict(letter.headers)
    assert letter.value == event("m-2", OF_EACH[entrance])
    assert (headers["dl_code"], headers["dl_reason"]) == (b"internal-error", REASON)
    assert SECRET not in caplog.text
    assert "ZeroDivisionError in fail, line" in caplog.text


async def test_a_decision_about_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Routing, "_route", fail)
    kept = Kept()
    await Forwarder(CONFIG, Entrance.ROUTER, CODEC, None, kept, epoch_ms=lambda: NOW).forward(
        [record(event("m-1", Priority.NORMAL))]
    )
    assert kept.letters() == [(b"route", b"internal-error")]
    assert dict(kept.records[0].headers)["dl_message_id"] == b"m-1"


async def test_an_event_that_both_readers_look_at_has_one_letter() -> None:
    letters = []
    for entrance in Entrance:
        kept = Kept()
        forwarder = Forwarder(CONFIG, entrance, Decoding(), None, kept, epoch_ms=lambda: NOW)
        await forwarder.forward([record(event("m-2", Priority.AUTO))])
        letters += kept.letters()
    assert letters == [(b"route", b"internal-error")]


async def letters(stage: Stage) -> list[tuple[bytes, bytes | None]]:
    stage.shelf.open.set()
    await stage.submitter.flush_outcomes()
    await stage.submitter.lanes.commit()
    return [
        (dict(each.headers)["dl_code"], each.value) for each in stage.shelf.written if each.topic == TOPICS.dead_letters
    ]


async def test_a_lane_record(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.shelf.open.set()
    slot = stage.open()
    monkeypatch.setattr(stage.codec, "decode_frame", fail)
    stage.reader.records.append(Record(PLACE.topic, 0, 4, T0, None, b"frame", ()))
    await stage.submitter.lanes.read()
    assert await letters(stage) == [(b"internal-error", b"frame")]
    assert slot.offsets[Lane.NORMAL].committable == 5


async def test_a_message_in_a_lane_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    slot = stage.open()
    decode = slot._decode
    monkeypatch.setattr(slot, "_decode", lambda value: fail() if decode(value).id == "m2" else decode(value))
    stage.lane_record(0, sms("m1"), sms("m2"), sms("m3"))
    await stage.submitter.lanes.read()
    assert slot.queued(Lane.NORMAL) == 2
    assert await letters(stage) == [(b"internal-error", CODEC.encode(sms("m2")))]


async def test_a_message_that_cannot_be_planned_when_its_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read twice by then, it has one letter, and both records are finished."""
    stage = Stage()
    slot = stage.open()
    plan = translate.plan
    monkeypatch.setattr(
        slot_room, "plan", lambda message, *rest, **told: (fail if message.id == "m1" else plan)(message, *rest, **told)
    )
    stage.lane_record(0, sms("m1"))
    await stage.submitter.lanes.read()
    stage.reader.records.append(
        Record(PLACE.topic, 0, 1, T0, None, stage.codec.encode_frame([stage_item(stage, "m1")]), ())
    )
    stage.lane_record(2, sms("m2"))
    await stage.submitter.lanes.read()
    admitted = slot.next_part(Lane.NORMAL, now_ms=T0)
    assert admitted is not None
    assert admitted.part.work.message.id == "m2"
    assert await letters(stage) == [(b"internal-error", CODEC.encode(sms("m1")))]
    assert slot.offsets[Lane.NORMAL].committable == 2


def stage_item(stage: Stage, name: str, *, slot: int = 0) -> LaneMessage:
    """What stands first in the first record, once more; or as if it had been meant for another slot."""
    return LaneMessage(
        message_id=name,
        account="main",
        slot=slot,
        lane=Lane.NORMAL,
        source_topic="sms.outbound",
        source_partition=0,
        source_offset=0,
        received_at=T0,
        routed_at=T0,
        event=stage.codec.encode(sms(name)),
    )


async def test_a_stray(monkeypatch: pytest.MonkeyPatch) -> None:
    """On its way to the slot that a changed configuration gives it to."""
    stage = Stage()
    stage.shelf.open.set()
    stage.open()
    monkeypatch.setattr(intake_room, "replace", fail)
    item = stage_item(stage, "m1", slot=7)
    stage.reader.records.append(Record(PLACE.topic, 0, 0, T0, None, stage.codec.encode_frame([item]), ()))
    await stage.submitter.lanes.read()
    assert await letters(stage) == [(b"internal-error", stage.codec.encode(sms()))]
