"""Records as octets: what is written reads back, every other octet string is refused with one of our errors."""

import pytest

from connector.domain.messages import OutboundMessage, Priority
from connector.kafka.records import Codec, Event, Item, RecordError, priority_of
from tests.support import samples

CODEC = Codec()


@pytest.mark.parametrize("record", [*samples.EVENTS, *samples.ITEMS], ids=lambda record: type(record).__name__)
def test_what_is_written_reads_back(record: Event | Item) -> None:
    assert CODEC.decode(type(record), CODEC.encode(record)) == record


@pytest.mark.parametrize("item", samples.ITEMS, ids=lambda item: type(item).__name__)
def test_a_frame_holds_its_items_in_order(item: Item) -> None:
    assert CODEC.decode_frame(type(item), CODEC.encode_frame([item] * 70)) == [item] * 70


@pytest.mark.parametrize("record", [*samples.EVENTS, *samples.ITEMS], ids=lambda record: type(record).__name__)
def test_a_record_cut_short_anywhere_is_refused(record: Event | Item) -> None:
    data = CODEC.encode(record)
    for length in range(len(data)):
        with pytest.raises(RecordError) as caught:
            CODEC.decode(type(record), data[:length])
        assert caught.value.code in ("empty", "truncated", "not-framed")


def test_octets_after_the_record_are_refused() -> None:
    with pytest.raises(RecordError, match="trailing-octets"):
        CODEC.decode(OutboundMessage, CODEC.encode(samples.OUTBOUND) + b"\0")


@pytest.mark.parametrize("priority", Priority)
def test_the_priority_shows_in_one_octet(priority: Priority) -> None:
    record = OutboundMessage(priority=priority, id="m", recipient=samples.TO)
    assert priority_of(CODEC.encode(record)) is priority
