"""`connector watch`: what goes by on the topics, decoded."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

import typer
from rich.text import Text

from connector.cli.common import (
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    ConfigOption,
    assignments,
    fail,
    interruptible,
    load_config,
    out,
    unreachable,
    warn,
)
from connector.cli.sightings import DEAD_LETTERS, NAMES, PUBLIC, Decoder, Sighting, matcher
from connector.cli.times import FORMS, clock_text, moment
from connector.domain.errors import ANSWER_OUTCOMES
from connector.domain.events import Outcome
from connector.domain.receipts import STATES
from connector.kafka.clients import Admin, Consumer, KafkaError, Partition, Record
from connector.kafka.records import Codec, UnknownSchemaId
from connector.kafka.registry import Registry, open_registry
from connector.kafka.topics import Topics
from connector.stages.settings import StageConfig

_POLL = 0.2

# What a line shows of an event, in this order; empty ones are left out.
_SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "outbound": ("id", "account", "kind", "priority", "sender", "recipient", "text", "campaign_id"),
    "submit-responses": (
        *("message_id", "outcome", "reason", "account", "kind", "recipient", "lane", "parts", "status_name"),
        *("gateway_message_id", "attempts", "possible_duplicate"),
    ),
    "delivery-reports": (
        *("message_id", "state", "match", "account", "kind", "recipient", "error_code", "error_name", "part"),
        *("gateway_message_id", "additional_status_name", "cost"),
    ),
    "hlr-results": (
        *("message_id", "state", "match", "account", "kind", "recipient", "error_code", "error_name"),
        *("mcc", "mnc", "country", "network"),
    ),
    "inbound": ("account", "sender", "recipient", "text", "parts_received", "parts", "complete", "coding"),
    DEAD_LETTERS: ("message_id", "dl_code", "dl_reason", "dl_stage", "dl_topic", "dl_partition", "dl_offset"),
    "deliveries": ("type", "account", "slot", "command", "message_id", "gateway_message_id", "part", "parts"),
    "ledger": ("type", "message_id", "account", "lane", "lane_offset", "attempt", "outcome", "reason"),
}
_LANE: Final = ("message_id", "account", "lane", "slot", "source_partition", "source_offset")
_BAD: Final = frozenset({"rejected", "expired", "unknown", "UNDELIV", "EXPIRED", "REJECTD", "DELETED"})
# Of submit responses, then of HLR results (`domain.hlr`).
_OUTCOMES: Final = tuple(
    dict.fromkeys((*(one.value for one in Outcome), "reachable", "pending", *ANSWER_OUTCOMES.values()))
)


def watch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Short names.", show_default="all public ones")
    ] = None,
    message_id: Annotated[str | None, typer.Option(help="Only of this message.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Only to this recipient.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Only submit responses, or HLR results, with this outcome.")
    ] = None,
    state: Annotated[str | None, typer.Option(help="Only receipts with this state, such as DELIVRD.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Only where a field has this value; repeatable.")
    ] = None,
    since: Annotated[
        str, typer.Option("--from", metavar="MOMENT", help="beginning, end, a time, or a distance such as -10m.")
    ] = "end",
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    idle_exit: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="End when nothing came for so long.")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show numbers and texts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show events as they go by, decoded, one line each; frames of internal topics are unpacked.

    Subscribers' numbers, texts and metadata are masked unless --reveal is given; filters work on the masked fields
    too. Topics: outbound, submit-responses, delivery-reports, hlr-results, inbound, dead-letters; and the internal ones
    lane.urgent, lane.normal, lane.bulk, deliveries, ledger. Nothing is committed: watching takes no event from anybody.

    Examples:

        connector watch

        connector watch submit-responses --outcome rejected --from -1h

        connector watch dead-letters --from beginning --idle-exit 2 --json

        connector watch --message-id 0192b6a0 --where metadata.tenant=shop --reveal
    """
    chosen = _chosen(names or PUBLIC)
    _check_words(outcome, state)
    settings = load_config(config)
    start = _start(since)
    filters = {"message_id": message_id, "account": account, "recipient": recipient, "outcome": outcome, "state": state}
    wanted = {name: value for name, value in filters.items() if value is not None} | _conditions(where or [])
    viewer = _Viewer(matcher(wanted), broken_too=not wanted, as_json=as_json, most=count)
    with interruptible():
        try:
            asyncio.run(_watch(settings, chosen, start, viewer, reveal=reveal, idle_exit=idle_exit))
        except KafkaError as error:
            unreachable(settings, error)


def _chosen(names: Sequence[str]) -> list[str]:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        fail(f"{unknown[0]!r} is none of our topics; known are {', '.join(NAMES)}", EXIT_USAGE)
    return list(dict.fromkeys(names))


def _check_words(outcome: str | None, state: str | None) -> None:
    """Outcomes are ours, so that another one is a mistake; the gateway may have states that we do not know."""
    if outcome is not None and outcome.lower() not in _OUTCOMES:
        fail(f"--outcome: {outcome!r} is none; known are {', '.join(_OUTCOMES)}", EXIT_USAGE)
    words = [known.word for known in STATES]
    if state is not None and state.upper() not in words:
        warn(f"--state: {state!r} is none that we know, which are {', '.join(words)}; watching for it all the same")


def _start(since: str) -> str | int:
    if since in ("beginning", "end"):
        return since
    try:
        return moment(since, time.time_ns() // 1_000_000)
    except ValueError:
        fail(f"--from: {since!r} is no moment; allowed is beginning, end, or {FORMS}", EXIT_USAGE)


def _conditions(pairs: Sequence[str]) -> dict[str, str]:
    wanted = "--where: write FIELD=VALUE, such as --where lane=urgent or --where metadata.tenant=shop"
    return assignments(pairs, wanted)


async def _watch(
    config: StageConfig,
    names: Sequence[str],
    start: str | int,
    viewer: "_Viewer",
    *,
    reveal: bool,
    idle_exit: float | None,
) -> None:
    topics = Topics(config.kafka.topic_prefix)
    full = [topics.prefix + name for name in names]
    async with Admin(config.kafka, name="watch") as admin:
        found = await admin.topics(full)
    missing = [name for name in full if name not in found]
    if missing:
        fail(f"the topic {missing[0]} does not exist; run `connector topics create`", EXIT_UNREACHABLE)
    places = [Partition(name, number) for name in full for number in range(found[name].partitions)]
    async with (
        open_registry(config.kafka) as registry,
        Consumer(config.kafka, name="watch", fetch_wait=0.1) as consumer,
    ):
        decoder = Decoder(topics, Codec(registry), reveal=reveal)
        consumer.assign(places)
        await _seek(consumer, places, start)
        heard = time.monotonic()
        while True:
            batches = await consumer.getmany(timeout=_POLL, max_records=500)
            # Partitions come one after the other; a person wants the order of time.
            records = sorted((record for batch in batches.values() for record in batch), key=lambda one: one.timestamp)
            for record in records:
                for sighting in await _sightings(decoder, record, registry):
                    if viewer.show(sighting):
                        return
            if records:
                heard = time.monotonic()
            elif idle_exit is not None and time.monotonic() - heard >= idle_exit:
                return


async def _seek(consumer: Consumer, places: Sequence[Partition], start: str | int) -> None:
    if start == "beginning":
        offsets = await consumer.beginning_offsets(places)
    else:
        offsets = await consumer.end_offsets(places)
        if isinstance(start, int):
            at = await consumer.offsets_for_time(places, start)
            offsets |= {place: offset for place, offset in at.items() if offset is not None}
    for place, offset in offsets.items():
        consumer.seek(place, offset)


async def _sightings(decoder: Decoder, record: Record, registry: Registry | None) -> list[Sighting]:
    while True:
        try:
            return decoder.sightings(record)
        except UnknownSchemaId as unknown:
            if registry is None:
                raise
            await registry.fetch(unknown.schema_id)


class _Viewer:
    """Prints what fits."""

    def __init__(self, fits: Callable[[Sighting], bool], *, broken_too: bool, as_json: bool, most: int | None) -> None:
        self._fits = fits
        self._broken_too = broken_too
        self._as_json = as_json
        self._most = most
        self._count = 0

    def show(self, sighting: Sighting) -> bool:
        """Whether that was enough."""
        if not (self._broken_too if sighting.fault is not None else self._fits(sighting)):
            return False
        if self._as_json:
            typer.echo(json.dumps(_object(sighting), ensure_ascii=False))
        else:
            out.print(_line(sighting))
        self._count += 1
        return self._count == self._most


def _object(sighting: Sighting) -> dict[str, object]:
    record = sighting.record
    found: dict[str, object] = {
        "topic": sighting.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": clock_text(record.timestamp),
        "headers": dict(sighting.headers),
    }
    return {**found, "event": sighting.event} if sighting.fault is None else {**found, "fault": sighting.fault}


def _line(sighting: Sighting) -> Text:
    record = sighting.record
    line = Text(f"{clock_text(record.timestamp)} {sighting.topic}[{record.partition}]@{record.offset}", style="dim")
    if sighting.fault is not None:
        return line.append(f" cannot be read: {sighting.fault}", style="red not dim")
    for name in _SHOWN.get(sighting.topic, _LANE):
        value = sighting.event.get(name)
        if value is None or value == "" or value is False:
            continue
        text = printable(str(value))
        bad = text in _BAD or name in ("dl_code", "dl_reason")
        style = "red not dim" if bad else "green not dim" if name in ("outcome", "state") else "not dim"
        line.append(" ").append(
            text if name in ("message_id", "id", "outcome", "state") else f"{name}={text}", style=style
        )
    return line


def printable(text: str) -> str:
    """What came from a stranger must not steer the terminal."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
