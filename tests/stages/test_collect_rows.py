"""Rows of the collector's tables."""

from decimal import Decimal

import pytest

from connector.domain.assembling import Assembly, Part, Told
from connector.domain.joining import Known, Mark, Messages, Parked, Waiting
from connector.domain.rolling import PartDone, Rollup
from connector.kafka.records import Codec
from connector.stages.collect_rows import RowError, RowKind, Rows, head_of
from tests.stages.deliveries import AT, inbound, receipt, submitted

ROWS = Rows(Codec())

MESSAGES = Messages(
    known=(
        Known(
            submitted=submitted(metadata={"order": "a"}),
            marks=(Mark(1, (2**64 - 1, 3)), Mark(2**64 - 1, (0,))),
            final="UNDELIV",
            final_polled=True,
            polls=3,
            poll_at=AT + 7,
            expires_at=AT,
        ),
        Known(submitted=submitted("102"), expires_at=AT - 1),
    )
)
ROLLUP = Rollup(
    item=submitted(ids=3),
    parts=(
        PartDone(1, "DELIVRD", 0, Decimal("1.2300")),
        PartDone(2, "EXPIRED", None, None),
        PartDone(255, "REJECTD", 0xFFFF, Decimal("-0.5000")),
    ),
    told=True,
    expires_at=AT + 3,
)
WAITING = Waiting(
    receipts=(
        Parked(receipt=receipt(), mark=5, copy=1),
        Parked(receipt=receipt(err=1), mark=6, copy=2, repeat=True, told=True),
    ),
    due_at=AT + 1,
    expires_at=AT + 2,
)
ASSEMBLIES = (
    Assembly(
        total=2,
        parts=(Part(index=1, mark=7, item=inbound("a", index=1, total=2)),),
        first_at=AT,
        due_at=AT + 5,
        expires_at=AT + 9,
    ),
    Assembly(
        total=255,
        parts=(Part(index=255, mark=8, item=None),),
        first_at=AT,
        due_at=None,
        expires_at=AT + 10,
        told=Told.WHOLE,
    ),
)
ALL = {
    "messages": ROWS.from_messages(MESSAGES),
    "rollup": ROWS.from_rollup(ROLLUP),
    "waiting": ROWS.from_waiting(WAITING),
    "assemblies": ROWS.from_assemblies(ASSEMBLIES),
}


def read(row: bytes) -> object:
    match head_of(row).kind:
        case RowKind.MESSAGES:
            return ROWS.to_messages(row)[0]
        case RowKind.ROLLUP:
            return ROWS.to_rollup(row)
        case RowKind.WAITING:
            return ROWS.to_waiting(row)
        case RowKind.ASSEMBLIES:
            return ROWS.to_assemblies(row)


@pytest.mark.parametrize(
    ("name", "value"), [("messages", MESSAGES), ("rollup", ROLLUP), ("waiting", WAITING), ("assemblies", ASSEMBLIES)]
)
def test_a_row_reads_as_it_was_written(name: str, value: object) -> None:
    assert read(ALL[name]) == value


def test_the_sweeper_reads_only_the_head() -> None:
    assert head_of(ROWS.from_messages(MESSAGES)) == (RowKind.MESSAGES, AT, AT + 7)
    assert head_of(ROWS.from_rollup(ROLLUP)) == (RowKind.ROLLUP, AT + 3, None)
    assert head_of(ROWS.from_waiting(WAITING)) == (RowKind.WAITING, AT + 2, AT + 1)
    assert head_of(ROWS.from_assemblies(ASSEMBLIES)) == (RowKind.ASSEMBLIES, AT + 10, AT + 5)


def test_a_message_need_not_be_encoded_again() -> None:
    row = ROWS.from_messages(MESSAGES)
    messages, frame = ROWS.to_messages(row)
    assert ROWS.from_messages(messages, frame) == row


@pytest.mark.parametrize("row", ALL.values(), ids=ALL)
def test_a_damaged_row_is_a_row_error_and_nothing_else(row: bytes) -> None:
    for end in range(len(row)):
        with pytest.raises(RowError):
            read(row[:end])
    with pytest.raises(RowError):
        read(row + b"x")
    with pytest.raises(RowError):
        read(b"\x09" + row[1:])
