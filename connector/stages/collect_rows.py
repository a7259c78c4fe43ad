"""The collector's tables as octets: what a key's value looks like in the store and in the changelog topic.

A row starts with its kind, when it expires and when it is due (0: never): the sweeper reads no more than that. Items of
`sms.deliveries` in it are an Avro frame, like those in the topic itself. A new form of a row is a new kind, and the old
ones go on being read. Next station: `collect_batch`.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import IntEnum
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple

from connector.domain.assembling import Assemblies, Assembly, Part, Told, due_at, expires_at
from connector.domain.events import Delivery
from connector.domain.joining import Known, Mark, Messages, Parked, Waiting
from connector.domain.receipts import STATE_BY_NUMBER, STATE_BY_WORD
from connector.domain.rolling import PartDone, Rollup
from connector.kafka.records import Codec, RecordError

_HEAD: Final = Struct(">Bqq")
_COUNT: Final = Struct(">H")
_KNOWN: Final = Struct(">qqBBBB")
_MARK: Final = Struct(">QB")
# One octet counts them.
_COPIES: Final = tuple(Struct(f">{count}Q") for count in range(256))
_PARKED: Final = Struct(">QQ??")
_ASSEMBLY: Final = Struct(">HBqqqH")
_PART: Final = Struct(">HQ?")
_DONE: Final = Struct(">HBqq")
_TOLD: Final = tuple(Told)
_NO_STATE: Final = 255
# Decimals of a price, as the events hold it.
_PLACES: Final = 4
# No error code and no price is as low as this.
_NOTHING: Final = -(1 << 63)


class RowKind(IntEnum):
    """The first octet of a row. 1 and 2 were forms of the first two before there were repeats and polls."""

    MESSAGES = 4
    WAITING = 5
    ASSEMBLIES = 3
    ROLLUP = 6


# Calling the class takes five times as long.
_KINDS: Final = {int(kind): kind for kind in RowKind}


class RowError(ValueError):
    """The row is not of this connector, or damaged: treat the key as unknown."""


class Head(NamedTuple):
    """What a row says of itself; times in milliseconds since the epoch."""

    kind: RowKind
    expires_at: int
    due_at: int | None


def head_of(row: bytes) -> Head:
    """Raises `RowError`."""
    try:
        kind, expires, due = _HEAD.unpack_from(row)
        return Head(_KINDS[kind], expires, due or None)
    except (StructError, KeyError) as fault:
        raise RowError("a row of the collector's tables cannot be read") from fault


def kind_of(row: bytes) -> RowKind:
    """What stands in the row. Raises `RowError`."""
    kind = _KINDS.get(row[0]) if row else None
    if kind is None:
        raise RowError("a row of the collector's tables cannot be read")
    return kind


class Rows:
    """Writes and reads rows. Reading raises `RowError`, writing `RecordError` for an item Avro cannot hold."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def from_messages(self, messages: Messages, frame: bytes | None = None) -> bytes:
        """A row of the table of submitted messages; `frame` spares encoding the messages again."""
        out = [
            _HEAD.pack(RowKind.MESSAGES, messages.expires_at, messages.poll_at or 0),
            _COUNT.pack(len(messages.known)),
        ]
        for known in messages.known:
            final = _NO_STATE if known.final is None else STATE_BY_WORD[known.final].number
            due = known.poll_at or 0
            out.append(_KNOWN.pack(known.expires_at, due, known.polls, final, known.final_polled, len(known.marks)))
            for event, copies in known.marks:
                out.append(_MARK.pack(event, len(copies)))
                out.append(_COPIES[len(copies)].pack(*copies))
        out.append(frame or self._codec.encode_frame([known.submitted for known in messages.known]))
        return b"".join(out)

    def to_messages(self, row: bytes) -> tuple[Messages, bytes]:
        """A row of the table of submitted messages, and the messages' frame in it."""
        reader = _Reader(row, RowKind.MESSAGES)
        notes = []
        for _ in range(reader.count()):
            expires, due, polls, final, final_polled, count = reader.take(_KNOWN)
            marks = []
            for _ in range(count):
                event, copies = reader.take(_MARK)
                marks.append(Mark(event, reader.take(_COPIES[copies])))
            notes.append((expires, due, polls, _word_of(final), final_polled, tuple(marks)))
        frame = reader.rest()
        items = self._items(frame, len(notes))
        if not items:
            raise RowError("a row of the collector's tables lacks items")
        known = [
            Known(
                submitted=item,
                marks=marks,
                final=final_word,
                final_polled=final_polled == 1,
                polls=polls,
                poll_at=due or None,
                expires_at=expires,
            )
            for item, (expires, due, polls, final_word, final_polled, marks) in zip(items, notes, strict=True)
        ]
        return Messages(known=tuple(known)), frame

    def from_waiting(self, waiting: Waiting) -> bytes:
        """A row of the table of what waits: receipts."""
        head = _HEAD.pack(RowKind.WAITING, waiting.expires_at, waiting.due_at or 0)
        parked = b"".join(_PARKED.pack(each.mark, each.copy, each.repeat, each.told) for each in waiting.receipts)
        items = [receipt.receipt for receipt in waiting.receipts]
        return head + _COUNT.pack(len(items)) + parked + self._codec.encode_frame(items)

    def to_waiting(self, row: bytes) -> Waiting:
        """A row of the table of what waits: receipts."""
        reader = _Reader(row, RowKind.WAITING)
        notes = [reader.take(_PARKED) for _ in range(reader.count())]
        items = self._items(reader.rest(), len(notes))
        receipts = tuple(
            Parked(receipt=item, mark=mark, copy=copy, repeat=bool(repeat), told=bool(told))
            for item, (mark, copy, repeat, told) in zip(items, notes, strict=True)
        )
        return Waiting(receipts=receipts, due_at=reader.head.due_at, expires_at=reader.head.expires_at)

    def from_rollup(self, rollup: Rollup) -> bytes:
        """A row of the table of submitted messages: the ends of one message's parts."""
        head = _HEAD.pack(RowKind.ROLLUP, rollup.expires_at, 0) + _COUNT.pack(rollup.told)
        parts = [
            _DONE.pack(
                each.part,
                STATE_BY_WORD[each.state].number,
                _NOTHING if each.error is None else each.error,
                _NOTHING if each.cost is None else int(each.cost.scaleb(_PLACES)),
            )
            for each in rollup.parts
        ]
        return b"".join((head, _COUNT.pack(len(parts)), *parts, self._codec.encode_frame([rollup.item])))

    def to_rollup(self, row: bytes) -> Rollup:
        """A row of the table of submitted messages: the ends of one message's parts."""
        reader = _Reader(row, RowKind.ROLLUP)
        told = bool(reader.count())
        parts = []
        for _ in range(reader.count()):
            part, number, error, cost = reader.take(_DONE)
            state = _word_of(number)
            if state is None:
                raise RowError("a row of the collector's tables cannot be read")
            price = None if cost == _NOTHING else Decimal(cost).scaleb(-_PLACES)
            parts.append(PartDone(part, state, None if error == _NOTHING else error, price))
        (item,) = self._items(reader.rest(), 1)
        return Rollup(item=item, parts=tuple(parts), told=told, expires_at=reader.head.expires_at)

    def from_assemblies(self, assemblies: Assemblies) -> bytes:
        """A row of the table of what waits: inbound parts. There is at least one assembly."""
        out = [
            _HEAD.pack(RowKind.ASSEMBLIES, expires_at(assemblies), due_at(assemblies) or 0),
            _COUNT.pack(len(assemblies)),
        ]
        items: list[Delivery] = []
        for each in assemblies:
            told, due = _TOLD.index(each.told), each.due_at or 0
            out.append(_ASSEMBLY.pack(each.total, told, each.first_at, due, each.expires_at, len(each.parts)))
            for part in each.parts:
                out.append(_PART.pack(part.index, part.mark, part.item is not None))
                if part.item is not None:
                    items.append(part.item)
        if items:
            out.append(self._codec.encode_frame(items))
        return b"".join(out)

    def to_assemblies(self, row: bytes) -> Assemblies:
        """A row of the table of what waits: inbound parts."""
        reader = _Reader(row, RowKind.ASSEMBLIES)
        notes = []
        for _ in range(reader.count()):
            total, told, first_at, due, expires, count = reader.take(_ASSEMBLY)
            notes.append((total, told, first_at, due, expires, [reader.take(_PART) for _ in range(count)]))
        items = iter(self._items(reader.rest(), sum(here for *_, parts in notes for _, _, here in parts)))
        try:
            return tuple(
                Assembly(
                    total=total,
                    parts=tuple(
                        Part(index=index, mark=mark, item=next(items) if here else None) for index, mark, here in parts
                    ),
                    first_at=first_at,
                    due_at=due or None,
                    expires_at=expires,
                    told=_TOLD[told],
                )
                for total, told, first_at, due, expires, parts in notes
            )
        except IndexError as fault:
            raise RowError("a row of the collector's tables cannot be read") from fault

    def _items(self, frame: bytes, count: int) -> Sequence[Delivery]:
        if count == 0 and not frame:
            return ()
        try:
            items = self._codec.decode_frame(Delivery, frame)
        except RecordError as fault:
            raise RowError("a row of the collector's tables cannot be read") from fault
        if len(items) != count:
            raise RowError("a row of the collector's tables lacks items")
        return items


def _word_of(number: int) -> str | None:
    """The word of a state, None for none."""
    if number == _NO_STATE:
        return None
    if number not in STATE_BY_NUMBER:
        raise RowError("a row of the collector's tables cannot be read")
    return STATE_BY_NUMBER[number].word


class _Reader:
    """Goes through a row from front to back."""

    __slots__ = ("_at", "_row", "head")

    def __init__(self, row: bytes, kind: RowKind) -> None:
        self.head = head_of(row)
        if self.head.kind is not kind:
            raise RowError("a row of the collector's tables is of another kind")
        self._row = row
        self._at = _HEAD.size

    def take(self, shape: Struct) -> tuple[int, ...]:
        try:
            found = shape.unpack_from(self._row, self._at)
        except StructError as fault:
            raise RowError("a row of the collector's tables is cut short") from fault
        self._at += shape.size
        return found

    def count(self) -> int:
        return self.take(_COUNT)[0]

    def rest(self) -> bytes:
        return self._row[self._at :]
