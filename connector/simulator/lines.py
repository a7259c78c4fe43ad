"""The record as a file of JSON lines, for judges in another process, and its reader.

A line is written whole; a reader that comes while the file grows leaves an unfinished last line aside. The octets of a
message never stand here, only their digest; addresses do, since this is a test's evidence and no log.
"""

import json
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple

from connector.simulator.record import DeliveryRecord, MessageRecord, SubmitRecord
from connector.smpp.constants import Tag
from connector.smpp.tlv import raw


class RecordFileError(ValueError):
    """A finished line is not one of ours; the message names file and line number."""


class SubmitLine(NamedTuple):
    """One submit_sm: `at` monotonic seconds of its arrival, `octets` the digest of short_message (or payload)."""

    at: float
    epoch_ms: int
    login: str
    connection: int
    host: str
    sequence: int
    source: str
    destination: str
    octets: str
    esm_class: int
    data_coding: int
    registered_delivery: int
    kind: str
    reference: int | None
    part: int | None
    total: int | None
    status: int
    message_id: str
    taken: bool
    event: str = "submit"


class DeliveryLine(NamedTuple):
    """One deliver_sm that was answered for good; `ending` is "acknowledged" or "delivery_refused"."""

    at: float
    epoch_ms: int
    login: str
    connection: int
    message_id: str
    attempts: int
    ending: str
    status: int
    event: str = "delivery"


class MessageLine(NamedTuple):
    """A message reached its end. `octets` is the digest of the text that the subscriber got or would have got."""

    at: float
    epoch_ms: int
    login: str
    message_id: str
    kind: str
    destination: str
    state: str
    error: int
    parts: int
    octets: str
    comment: bool
    replaced: int
    event: str = "message"


class ConnectionLine(NamedTuple):
    """A connection was opened, bound (or refused, with the status), or ended for `reason`."""

    at: float
    epoch_ms: int
    login: str
    connection: int
    host: str
    change: str
    status: int = 0
    reason: str = ""
    event: str = "connection"


Line = SubmitLine | DeliveryLine | MessageLine | ConnectionLine
_encode = json.JSONEncoder(separators=(",", ":")).encode
_LINES: dict[str, type[SubmitLine] | type[DeliveryLine] | type[MessageLine] | type[ConnectionLine]] = {
    "submit": SubmitLine,
    "delivery": DeliveryLine,
    "message": MessageLine,
    "connection": ConnectionLine,
}


def digest(octets: bytes) -> str:
    """The digest that stands for a message's octets: 64 bits of BLAKE2b as hex digits."""
    return blake2b(octets, digest_size=8).hexdigest()


def submit_line(record: SubmitRecord) -> SubmitLine:
    """The line of a submit_sm."""
    pdu, part = record.pdu, record.part
    octets = pdu.short_message or raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    return SubmitLine(
        at=record.time,
        epoch_ms=record.epoch_ms,
        login=record.login,
        connection=record.connection,
        host=record.host.value,
        sequence=record.sequence,
        source=pdu.source_addr,
        destination=pdu.destination_addr,
        octets=digest(octets),
        esm_class=pdu.esm_class,
        data_coding=pdu.data_coding,
        registered_delivery=pdu.registered_delivery,
        kind=record.kind.value,
        reference=None if part is None else part.reference,
        part=None if part is None else part.index,
        total=None if part is None else part.total,
        status=record.status,
        message_id=record.message_id,
        taken=record.taken,
    )


def delivery_line(record: DeliveryRecord) -> DeliveryLine:
    """The line of a delivery."""
    return DeliveryLine(
        at=record.time,
        epoch_ms=record.epoch_ms,
        login=record.login,
        connection=record.connection,
        message_id=record.message_id,
        attempts=record.attempts,
        ending=record.ending.value,
        status=record.status,
    )


def message_line(record: MessageRecord) -> MessageLine:
    """The line of a message that ended."""
    return MessageLine(
        at=record.time,
        epoch_ms=record.epoch_ms,
        login=record.login,
        message_id=record.message_id,
        kind=record.kind.value,
        destination=record.destination,
        state=record.state.value,
        error=record.error,
        parts=record.parts,
        octets=digest(record.text),
        comment=record.comment is not None,
        replaced=record.replaced,
    )


class LineWriter:
    """Appends lines to a file; they are on disk after `flush` or `close`."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a", encoding="utf-8")
        self._waiting: list[str] = []

    def add(self, line: Line) -> None:
        """Keep one line for the next flush."""
        self._waiting.append(_encode(line._asdict()))

    def flush(self) -> None:
        """Write what was added."""
        if self._waiting:
            self._file.write("\n".join(self._waiting) + "\n")
            self._waiting.clear()
            self._file.flush()

    def close(self) -> None:
        """Write what was added, and close the file; a second call is fine."""
        if not self._file.closed:
            self.flush()
            self._file.close()


def read_lines(path: Path) -> list[Line]:
    """Every finished line of a record file; an absent file has none. Raises `RecordFileError`."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines: list[Line] = []
    for number, raw_line in enumerate(text.split("\n")[:-1], start=1):
        try:
            found = json.loads(raw_line)
            lines.append(_LINES[found["event"]](**found))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordFileError(f"{path}: line {number} is no line of a record") from error
    return lines
