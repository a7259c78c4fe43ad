"""`connector dead-letters`: what was refused and why, one of them in full, and back to where it came from."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from connector.cli.common import (
    EXIT_FAILED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    ConfigOption,
    err,
    fail,
    interruptible,
    load_config,
    out,
    unreachable,
    warn,
)
from connector.cli.letters import Letter, Place, Wanted, letters, replay_of
from connector.cli.run import Stage
from connector.cli.sightings import Decoder
from connector.cli.tables import show_table
from connector.cli.times import FORMS, clock_text, moment
from connector.cli.watch import printable
from connector.kafka.clients import Admin, Consumer, KafkaError, OutRecord, Producer, Record
from connector.kafka.records import Codec, UnknownSchemaId
from connector.kafka.registry import Registry, open_registry
from connector.kafka.topics import Topics
from connector.stages.settings import StageConfig

_BATCH: Final = 100
_BATCH_OCTETS: Final = 4 << 20
_TELL_EVERY: Final = 5.0
_SHOWN: Final = 20
"""Letters that stay behind and are named one by one; the rest is counted."""
_POISON: Final = "poison"


def dead_letters(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PLACE]...", help="PARTITION:OFFSET of letters; one alone is shown in full."),
    ] = None,
    stage: Annotated[list[Stage] | None, typer.Option(help="Only of this stage; repeatable.")] = None,
    code: Annotated[list[str] | None, typer.Option(help="Only with this code; repeatable.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Only from this topic, such as outbound; repeatable.")] = None,
    message_id: Annotated[list[str] | None, typer.Option(help="Only of this message; repeatable.")] = None,
    since: Annotated[str | None, typer.Option(metavar="MOMENT", help="Only since a time, or a distance: -2h.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Count them by stage and code.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Send them back to the topic they came from.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replay without asking.")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show numbers and texts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigOption = None,
) -> None:
    """List what was refused, show one letter in full, or send letters back to the topic they came from.

    A replay writes key, value and headers as they came, without the dl_ headers and with dl_replayed, to the same
    partition. The letter stays where it is, so that a second replay writes it again; the id of a message that was sent
    lately is known, and the repeat ends as duplicate. A letter that was too large to keep whole (dl_truncated) cannot
    be replayed. One with the code poison has ended a process three times: replay it only once you know why.

    Examples:

        connector dead-letters --since -1d

        connector dead-letters --summary

        connector dead-letters 0:17 --reveal

        connector dead-letters --code account-unknown --since -2h --replay

        connector dead-letters 0:17 0:19 --replay --yes
    """
    settings = load_config(config)
    if replay and summary:
        fail("--replay and --summary do not go together", EXIT_USAGE)
    if yes and not replay:
        fail("--yes goes with --replay", EXIT_USAGE)
    wanted = _wanted(settings, names, stage, code, topic, message_id, since)
    if replay and wanted == Wanted():
        fail("--replay needs to know which: give places, or a filter such as --code or --since", EXIT_USAGE)
    with interruptible():
        try:
            if replay:
                asyncio.run(_replay(settings, wanted, yes=yes, as_json=as_json))
            elif summary:
                asyncio.run(_summary(settings, wanted, as_json=as_json))
            elif len(wanted.places) == 1:
                asyncio.run(_show(settings, wanted, reveal=reveal, as_json=as_json))
            else:
                asyncio.run(_list(settings, wanted, as_json=as_json))
        except KafkaError as error:
            unreachable(settings, error)


def _wanted(
    config: StageConfig,
    names: list[str] | None,
    stages: list[Stage] | None,
    codes: list[str] | None,
    topics: list[str] | None,
    message_ids: list[str] | None,
    since: str | None,
) -> Wanted:
    places, at = set(), None
    for name in names or ():
        try:
            places.add(Place.read(name))
        except ValueError as error:
            fail(f"{name!r} {error}", EXIT_USAGE)
    if since is not None:
        try:
            at = moment(since, time.time_ns() // 1_000_000)
        except ValueError:
            fail(f"--since: {since!r} is no moment; allowed is {FORMS}", EXIT_USAGE)
    prefix = config.kafka.topic_prefix
    return Wanted(
        places=frozenset(places),
        stages=frozenset(one.value for one in stages or ()),
        codes=frozenset(codes or ()),
        topics=frozenset(name if name.startswith(prefix) else prefix + name for name in topics or ()),
        message_ids=frozenset(message_ids or ()),
        since=at,
    )


class _Codes:
    """The codes that are asked for beside those that there are: one with a slip of the pen would find nothing.

    Only what was read is known. A list of all codes would be wrong where letters of another release stand here.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted.codes
        self._seen: set[str] = set()

    def saw(self, letter: Letter) -> None:
        """One letter went by."""
        self._seen.add(letter.code)

    def warn(self) -> None:
        """Names what no letter has."""
        there = ", ".join(printable(code) for code in sorted(self._seen)) or "none"
        for code in sorted(self._wanted - self._seen):
            warn(f"--code: no letter that was read has {code!r}; the codes that they have: {there}")


@asynccontextmanager
async def _reading(config: StageConfig) -> AsyncIterator[tuple[Consumer, Topics]]:
    topics = Topics(config.kafka.topic_prefix)
    async with Admin(config.kafka, name="dead-letters") as admin:
        if topics.dead_letters not in await admin.topics([topics.dead_letters]):
            fail(f"the topic {topics.dead_letters} does not exist; run `connector topics create`", EXIT_UNREACHABLE)
    async with Consumer(config.kafka, name="dead-letters", fetch_wait=0.1) as consumer:
        yield consumer, topics


async def _list(config: StageConfig, wanted: Wanted, *, as_json: bool) -> None:
    rows = []
    codes = _Codes(wanted)
    async with _reading(config) as (consumer, topics):
        async for letter, _ in letters(consumer, topics, wanted, looked_at=codes.saw):
            if as_json:
                typer.echo(json.dumps(_object(letter), ensure_ascii=False))
            else:
                rows.append(_row(letter, topics))
    codes.warn()
    if not as_json:
        if rows:
            show_table(["place", "time", "stage", "code", "from", "message id", "reason"], rows)
        err.print(f"{len(rows)} dead letters", markup=False)


async def _summary(config: StageConfig, wanted: Wanted, *, as_json: bool) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    latest: dict[tuple[str, str], Letter] = {}
    codes = _Codes(wanted)
    async with _reading(config) as (consumer, topics):
        async for letter, _ in letters(consumer, topics, wanted, looked_at=codes.saw):
            counts[letter.stage, letter.code] += 1
            latest[letter.stage, letter.code] = letter
    codes.warn()
    if as_json:
        for (stage, code), count in counts.most_common():
            last = latest[stage, code]
            found = {"stage": stage, "code": code, "count": count, "latest": clock_text(last.at)}
            typer.echo(json.dumps({**found, "latest_place": str(last.place)}, ensure_ascii=False))
        return
    if counts:
        show_table(
            ["stage", "code", "count", "latest", "its place"],
            [
                [printable(stage), printable(code), str(count), clock_text(last.at), str(last.place)]
                for (stage, code), count in counts.most_common()
                for last in [latest[stage, code]]
            ],
            numbers=("count",),
        )
    err.print(f"{counts.total()} dead letters", markup=False)


async def _show(config: StageConfig, wanted: Wanted, *, reveal: bool, as_json: bool) -> None:
    (place,) = wanted.places
    async with _reading(config) as (consumer, topics):
        found = [pair async for pair in letters(consumer, topics, wanted)]
    if not found:
        fail(f"there is no such letter at {place}")
    ((letter, record),) = found
    async with open_registry(config.kafka) as registry:
        sighting = {} if letter.code == _POISON else await _decoded(record, topics, registry, reveal=reveal)
    shown: dict[str, object] = _object(letter)
    shown["headers"] = {
        name: value.decode("utf-8", "backslashreplace") if reveal or name.startswith("dl_") else "***"
        for name, value in record.headers
        if value is not None
    }
    shown["key"] = None if record.key is None else _octets(record.key, reveal)
    if sighting:
        shown["event"] = sighting
    else:
        # Of poison nothing is decoded here either.
        shown["value"] = _octets(record.value or b"", reveal)
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for name, value in shown.items():
        if isinstance(value, dict):
            out.print(f"{name}:", markup=False)
            for inner, each in value.items():
                if each not in (None, "", False):
                    out.print(f"  {printable(str(inner))}: {printable(str(each))}", markup=False)
        elif value is not None:
            out.print(f"{name}: {printable(str(value))}", markup=False)


async def _decoded(record: Record, topics: Topics, registry: Registry | None, *, reveal: bool) -> dict[str, object]:
    """The event inside, masked; nothing where it cannot be read."""
    decoder = Decoder(topics, Codec(registry), reveal=reveal)
    while True:
        try:
            (sighting,) = decoder.sightings(record)
        except UnknownSchemaId as unknown:
            if registry is None:
                return {}
            await registry.fetch(unknown.schema_id)
            continue
        event = sighting.event.get("event")
        return dict(event) if isinstance(event, dict) else {}


def _octets(octets: bytes, reveal: bool) -> str:
    return octets.decode("utf-8", "backslashreplace") if reveal else f"<{len(octets)} octets>"


async def _replay(config: StageConfig, wanted: Wanted, *, yes: bool, as_json: bool) -> None:
    able, unable = 0, []
    missing = set(wanted.places)
    async with _reading(config) as (consumer, topics), Admin(config.kafka, name="dead-letters") as admin:
        partitions = {name: state.partitions for name, state in (await admin.topics()).items()}

        def why_not(letter: Letter) -> str | None:
            if letter.topic == topics.dead_letters or letter.topic not in partitions:
                return "the topic it came from does not exist"
            return letter.why_not

        chosen = set()
        codes = _Codes(wanted)
        async for letter, _ in letters(consumer, topics, wanted, looked_at=codes.saw):
            missing.discard(letter.place)
            reason = why_not(letter)
            if reason is None:
                able += 1
                chosen.add(letter.place)
            else:
                unable.append((letter.place, reason))
        codes.warn()
        unable += [(place, "there is no such letter") for place in sorted(missing)]
        for place, reason in unable[:_SHOWN]:
            err.print(f"{place} cannot be replayed: {reason}", markup=False)
        if len(unable) > _SHOWN:
            err.print(f"... and {len(unable) - _SHOWN} more that cannot be replayed", markup=False)
        if able and not yes:
            _confirmed(f"replay {able} dead letters to the topics they came from?")
        replayed = 0
        if able:
            async with Producer(config.kafka, name="dead-letters") as producer:
                with _progress(able) as tell:
                    # Read again: their values may be more than the memory holds.
                    async for batch in _batches(consumer, topics, Wanted(places=frozenset(chosen)), partitions):
                        await producer.send_all(batch)
                        replayed += len(batch)
                        tell(replayed)
    if as_json:
        refused = [{"place": str(place), "reason": reason} for place, reason in unable]
        typer.echo(json.dumps({"replayed": replayed, "refused": refused}, ensure_ascii=False))
    else:
        out.print(f"replayed {replayed} of {able + len(unable)} dead letters", markup=False)
    if unable:
        raise typer.Exit(EXIT_FAILED)


async def _batches(
    consumer: Consumer, topics: Topics, wanted: Wanted, partitions: dict[str, int]
) -> AsyncIterator[list[OutRecord]]:
    batch: list[OutRecord] = []
    octets = 0
    async for letter, record in letters(consumer, topics, wanted):
        batch.append(replay_of(record, letter, partitions))
        octets += letter.octets
        if len(batch) >= _BATCH or octets >= _BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """Yields what to tell how many are done: a bar on a terminal, else a line now and then."""
    told_at = time.monotonic()
    bar = Progress(TextColumn("replayed"), BarColumn(), MofNCompleteColumn(), console=err, disable=not err.is_terminal)
    task = bar.add_task("replayed", total=count)

    def tell(done: int) -> None:
        nonlocal told_at
        bar.update(task, completed=done)
        if not err.is_terminal and time.monotonic() - told_at >= _TELL_EVERY:
            told_at = time.monotonic()
            err.print(f"{done} of {count} replayed", markup=False)

    with bar:
        yield tell


def _confirmed(question: str) -> None:
    """Returns on a yes; a no, Ctrl-C or no answer at all ends the command."""
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort:
        # The cursor stands behind the question still.
        typer.echo(err=True)
        raise


def _object(letter: Letter) -> dict[str, object]:
    return {
        "place": str(letter.place),
        "time": clock_text(letter.at),
        "stage": letter.stage,
        "code": letter.code,
        "reason": letter.reason,
        "message_id": letter.message_id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "octets": letter.octets,
        "replayable": letter.why_not is None,
    }


def _row(letter: Letter, topics: Topics) -> list[str]:
    came_from = letter.topic.removeprefix(topics.prefix)
    if letter.partition is not None:
        came_from += f"[{letter.partition}]@{letter.offset}"
    cells = (letter.stage, letter.code, came_from, letter.message_id or "", letter.reason)
    return [str(letter.place), clock_text(letter.at), *map(printable, cells)]
