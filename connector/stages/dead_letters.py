"""What a refused record becomes: its bytes, key and headers as they came, and headers that say why.

Rule: a dead letter can always be written. What Kafka took compressed may unpack to many times of what the producer
takes, and a letter that is refused in its turn would stop its stage for good; so one over the limit keeps the head of
its value, and says so. The header names are documented in `schemas/DeadLetterHeaders.avsc`.
"""

import logging
from collections import Counter
from typing import Final

from connector import telemetry
from connector.kafka.clients import OutRecord, Record
from connector.kafka.producer import OVERHEAD_OCTETS
from connector.kafka.records import RecordError
from connector.kafka.settings import KafkaSettings
from connector.kafka.unpacking import UNPACKING_HEADER
from connector.kafka.values import Headers

log = logging.getLogger(__name__)

# As many as an event's id may have (`domain.kinds`).
_ID_CHARACTERS: Final = 255
_REASON_CHARACTERS: Final = 1000
# What is left of a key and of our unpacking's header where the whole is too large.
_KEY_OCTETS: Final = 1024
_NOTE_OCTETS: Final = 1024
# A header's lengths and a record's head in a batch, counted generously.
_HEADER_OCTETS: Final = 10
_RECORD_OCTETS: Final = 1024


_told: Final[Counter[tuple[str, str]]] = Counter()


def tell(stage: str, code: str, letters: int = 1) -> None:
    """Counts letters. The log hears of the first with a code, of the tenth, the hundredth and so on."""
    telemetry.count(telemetry.Metric.DEAD_LETTERS, letters, stage=stage, reason=code)
    before = _told[stage, code]
    _told[stage, code] = after = before + letters
    if not before or len(str(after)) > len(str(before)):
        log.warning("%d dead letters so far with the code %s; `connector dead-letters` shows them", after, code)


def most_octets(kafka: KafkaSettings) -> int:
    """The largest letter that a producer with these settings takes: key, value, headers and the batch's head."""
    return kafka.max_record_bytes + OVERHEAD_OCTETS


_DEFAULT_MOST: Final = most_octets(KafkaSettings())


def internal_error(error: Exception, *, stage: str) -> RecordError:
    """What a stage's edge makes of an error that nobody foresaw while one message was decided. Its text may quote the
    message, so only its type is told, and the log says where it came from."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = "an unknown place" if at is None else f"{at.tb_frame.f_code.co_qualname}, line {at.tb_lineno}"
    name = type(error).__name__
    log.error("%s could not decide about one message, which becomes a dead letter: %s in %s", stage, name, where)
    return RecordError("internal-error", f"the connector failed on this message by itself: {name}")


def dead_letter(
    record: Record,
    *,
    topic: str,
    stage: str,
    code: str,
    reason: str,
    now_ms: int,
    message_id: str | None = None,
    most: int = _DEFAULT_MOST,
) -> OutRecord:
    """The dead letter of `record`; `code` is a stable word, `reason` a sentence without anything of the message.

    `most`: see `most_octets`.
    """
    ours: list[tuple[str, bytes]] = [
        ("dl_stage", stage.encode()),
        ("dl_code", code.encode()),
        ("dl_reason", reason[:_REASON_CHARACTERS].encode("utf-8", "replace")),
        ("dl_topic", record.topic.encode()),
        ("dl_partition", str(record.partition).encode()),
        ("dl_offset", str(record.offset).encode()),
        ("dl_timestamp", str(record.timestamp).encode()),
        ("dl_at", str(now_ms).encode()),
    ]
    if message_id is not None:
        ours.append(("dl_message_id", message_id[:_ID_CHARACTERS].encode("utf-8", "replace")))
    key, value, theirs = record.key, record.value, record.headers
    if key is None and value is None:
        # The client writes no record without key and value.
        value = b""
    size = len(key or b"") + len(value or b"") + _size(theirs)
    if size + _size(ours) + _RECORD_OCTETS > most:
        ours.append(("dl_truncated", str(size).encode()))
        key = key and key[:_KEY_OCTETS]
        theirs = [(name, note[:_NOTE_OCTETS]) for name, note in theirs if name == UNPACKING_HEADER][:1]
        room = most - _RECORD_OCTETS - _size(ours) - _size(theirs) - len(key or b"")
        value = value and value[:room]
    return OutRecord(topic=topic, value=value, key=key, headers=(*theirs, *ours))


def _size(headers: Headers) -> int:
    return sum(len(name.encode("utf-8", "replace")) + len(value or b"") + _HEADER_OCTETS for name, value in headers)
