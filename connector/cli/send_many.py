"""Many messages out of a file: read, judge, send, and say how far it is."""

import asyncio
import io
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from connector.cli.common import EXIT_FAILED, EXIT_USAGE, err, fail, out
from connector.cli.fields import FieldError, Words, message_of
from connector.cli.outgoing import Outgoing
from connector.cli.rows import FileFault, Format, decoded, format_of, rows_of
from connector.domain.messages import OutboundMessage
from connector.kafka.clients import OutRecord, Producer

STDIN = "-"
BATCH = 1_000
TELL_EVERY = 5.0
"""Seconds between the lines about progress in a pipe."""
SHOWN = 20
"""Refused lines that are shown as they come; the summary counts all of them."""
LISTED = 1_000
"""Refused lines that --json lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the messages come from. `defaults` are fields for rows that leave them out; `columns` maps headers."""

    file: str
    form: Format | None
    columns: Mapping[str, str]
    ignore_unknown: bool
    defaults: Words


class RefusedLine(NamedTuple):
    """A line that was not sent."""

    line: int
    code: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Totals:
    """The books of one file. `parts` are reckoned in a dry run only."""

    read: int = 0
    sent: int = 0
    parts: int = 0
    octets: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    listed: list[RefusedLine] = field(default_factory=list)

    @property
    def refused(self) -> int:
        return self.codes.total()

    def refuse(self, line: RefusedLine) -> None:
        self.codes[line.code] += 1
        if len(self.listed) < LISTED:
            self.listed.append(line)


class Batches:
    """Reads a file, as often as need be."""

    def __init__(self, source: Source) -> None:
        """Ends the command where the file cannot be read or its format is unknown."""
        self._source = source
        try:
            if source.file == STDIN:
                # To its end, so that --strict can read it twice.
                self._octets: bytes | None = sys.stdin.buffer.read()
                self.size = len(self._octets)
                if source.form is None:
                    raise FileFault("standard input has no name to tell the format by: give --format")
                self._form = source.form
            else:
                path = Path(source.file)
                self._octets = None
                self._form = source.form or format_of(path)
                self.size = path.stat().st_size
                path.open("rb").close()
        except FileFault as error:
            fail(f"{source.file}: {error}", EXIT_USAGE)
        except OSError as error:
            fail(f"{source.file}: cannot be read ({error.strerror or type(error).__name__})", EXIT_USAGE)

    def messages(self, totals: Totals, outgoing: Outgoing) -> Iterator[tuple[int, OutboundMessage]]:
        """The messages that can be sent, with their lines; the others go into the books."""

        def told(octets: int) -> None:
            totals.octets += octets

        source = self._source
        with self._open() as file:
            rows = rows_of(
                decoded(file, told), self._form, columns=source.columns, ignore_unknown=source.ignore_unknown
            )
            try:
                for row in rows:
                    totals.read += 1
                    now_ms = time.time_ns() // 1_000_000
                    if row.fault is not None:
                        totals.refuse(RefusedLine(row.line, "line-unreadable", row.fault))
                        continue
                    given = {name: word for name, word in row.words.items() if word is not None and word != ""}
                    try:
                        message = message_of({**source.defaults, **given}, default_id=new_id, now_ms=now_ms)
                    except FieldError as error:
                        totals.refuse(RefusedLine(row.line, "field-unreadable", str(error)))
                        continue
                    refusal = outgoing.refusal(message, now_ms)
                    if refusal is None:
                        yield row.line, message
                    else:
                        totals.refuse(RefusedLine(row.line, refusal.code, refusal.reason))
            except FileFault as error:
                fail(f"{source.file}: {error}", EXIT_USAGE)

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        file: IO[bytes] = (
            io.BytesIO(self._octets) if self._octets is not None else Path(self._source.file).open("rb")  # noqa: SIM115
        )
        with file:
            yield file


def new_id() -> str:
    """An id for a message that brings none."""
    return str(uuid.uuid4())


def examine(batches: Batches, outgoing: Outgoing, *, with_parts: bool) -> Totals:
    """Reads all of it and sends nothing."""
    totals = Totals()
    with _progress(totals, batches.size, "checked") as tell:
        for _, message in batches.messages(totals, outgoing):
            if with_parts:
                totals.parts += outgoing.prospect(message, time.time_ns() // 1_000_000).parts
            tell()
    return totals


async def send_all(batches: Batches, outgoing: Outgoing, producer: Producer, rate: float | None) -> Totals:
    """Sends what can be sent, at most `rate` messages a second. Raises `KafkaError`; `Totals.sent` are durable."""
    totals = Totals()
    size = BATCH if rate is None else max(1, min(BATCH, int(rate / 10)))
    began = time.monotonic()
    batch: list[OutRecord] = []
    line = reached = 0

    async def flush() -> None:
        nonlocal reached
        await producer.send_all(batch)
        totals.sent += len(batch)
        reached = line
        batch.clear()
        if rate is not None:
            await asyncio.sleep(max(0.0, began + totals.sent / rate - time.monotonic()))

    try:
        with _progress(totals, batches.size, "sent") as tell:
            for line, message in batches.messages(totals, outgoing):
                record = outgoing.record(message)
                if isinstance(record, OutRecord):
                    batch.append(record)
                else:
                    totals.refuse(RefusedLine(line, record.code, record.reason))
                if len(batch) >= size:
                    await flush()
                tell()
            await flush()
    except asyncio.CancelledError:
        under_way = f", and up to {len(batch)} more may have been" if batch else ""
        err.print(
            f"interrupted: {totals.sent} messages were sent, down to line {reached}{under_way}; "
            "a file whose rows have an id can be sent again from its beginning, since repeated ids are dropped",
            markup=False,
        )
        raise
    return totals


@contextmanager
def _progress(totals: Totals, size: int, word: str) -> Iterator[Callable[[], None]]:
    """Yields what to call after every message: a bar on a terminal, else a line now and then. Refused lines show."""
    shown = 0
    told_at = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
    )
    task = bar.add_task(word, total=size)

    def refused() -> None:
        nonlocal shown
        while shown < min(len(totals.listed), SHOWN):
            one = totals.listed[shown]
            bar.console.print(f"line {one.line}: {one.code}: {one.reason}", markup=False)
            shown += 1

    def tell() -> None:
        nonlocal told_at
        refused()
        now = time.monotonic()
        if err.is_terminal:
            if now - told_at >= 0.1:
                told_at = now
                bar.update(task, completed=totals.octets, description=f"{word} {totals.read}, {totals.refused} refused")
        elif now - told_at >= TELL_EVERY:
            told_at = now
            share = 100 * totals.octets // max(1, size)
            err.print(f"{totals.read} read, {totals.sent} sent, {totals.refused} refused, {share} %", markup=False)

    with bar:
        yield tell
        refused()
        bar.update(task, completed=size)
    if totals.refused > shown:
        err.print(f"... and {totals.refused - shown} more refused lines", markup=False)


def conclude(totals: Totals, outgoing: Outgoing, *, seconds: float, as_json: bool, why_not: str | None) -> None:
    """Prints the summary and ends the command; `why_not` says why nothing was sent, where that was the plan."""
    if as_json:
        summary: dict[str, object] = {
            "topic": outgoing.topic,
            "read": totals.read,
            "sent": totals.sent,
            "refused": totals.refused,
            "by_code": dict(totals.codes),
            "refusals": [line._asdict() for line in totals.listed],
            "seconds": round(seconds, 3),
        }
        if why_not is not None:
            summary["nothing_sent"] = why_not
        if totals.parts:
            summary["parts"] = totals.parts
        typer.echo(json.dumps(summary, ensure_ascii=False))
    else:
        words = f"sent {totals.sent} of {totals.read} messages to {outgoing.topic} in {seconds:.1f} s"
        if why_not is not None:
            words = f"sent nothing ({why_not}); {totals.read - totals.refused} of {totals.read} messages can be sent"
        if totals.parts:
            words += f", in {totals.parts} parts"
        out.print(words, markup=False)
        if totals.refused:
            codes = ", ".join(f"{code} {count}" for code, count in totals.codes.most_common())
            out.print(f"refused {totals.refused}: {codes}", markup=False)
    if totals.refused:
        raise typer.Exit(EXIT_FAILED)
