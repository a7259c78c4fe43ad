"""Files of messages: rows, or one fault in words. The first octet of an input picks the format and the options."""

from collections.abc import Sequence
from io import BytesIO
from random import Random

from connector.cli.fields import FieldError, message_of
from connector.cli.rows import FileFault, Format, decoded, rows_of
from connector.domain.kinds import validate
from connector.kafka.records import Codec, RecordError
from connector.translate import DialectSettings
from tests.fuzz.mutating import damaged

CODEC = Codec()
DIALECT = DialectSettings()
NOW = 1_790_000_000_000
FORMATS = (Format.CSV, Format.TSV, Format.JSONL)
WORDS = (
    *(
        b'"',
        b'""',
        b",",
        b"\t",
        b"\r\n",
        b"\n",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xed\xa0\x80",
        b"recipient",
        b"text",
    ),
    *(
        b"metadata",
        b"metadata.x",
        b"meta.",
        b"kind",
        b"expires_at",
        b"+2h",
        b"0001-01-01T00:00+14:00",
        b"{",
        b"}",
        b"[" * 2000,
    ),
    *(b"null", b"1e999", b"NaN", b"9" * 5000, b'"\\ud800"', b"true", b'{"a":1}', "٣".encode() * 13, b"-9999999999d"),
)


def file(rng: Random, seeds: Sequence[bytes]) -> bytes:
    octets = rng.choice(seeds)
    head = octets[:1] if rng.random() < 0.9 else rng.randbytes(1)
    return head + damaged(rng, octets[1:], others=seeds, words=WORDS)


def check(octets: bytes) -> None:
    if not octets:
        return
    form, ignore = FORMATS[octets[0] % 3], bool(octets[0] & 4)
    columns = {"telefon": "recipient", "nachricht": "text"} if octets[0] & 8 else {}
    lines = decoded(BytesIO(octets[1:]), lambda size: None)
    before = 0
    try:
        for row in rows_of(lines, form, columns=columns, ignore_unknown=ignore):
            assert row.line > before, "lines count upwards"
            before = row.line
            if row.fault is not None:
                assert len(row.fault.splitlines()) == 1, "one line for one row"
                continue
            try:
                message = message_of(row.words, default_id=lambda: "made-up", now_ms=NOW)
            except FieldError as error:
                assert str(error).split(":")[0], "the field is named"
                continue
            repr(message)
            if validate(message, DIALECT, NOW) is None:
                try:
                    CODEC.encode(message)
                except RecordError as error:
                    assert error.code in ("bad-value", "too-large")
    except FileFault as fault:
        assert str(fault), "a person wants to know"
