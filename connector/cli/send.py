"""`connector send`: one message from options, or many out of a file."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from connector.cli.common import (
    EXIT_FAILED,
    EXIT_USAGE,
    ConfigOption,
    assignments,
    fail,
    interruptible,
    load_config,
    unreachable,
)
from connector.cli.fields import METADATA, FieldError, field_of, known_fields, message_of
from connector.cli.outgoing import Outgoing
from connector.cli.rows import Format
from connector.cli.send_many import STDIN, Batches, Source, conclude, examine, new_id, send_all
from connector.cli.send_told import foreseen, give_up, refused, sent, show, took
from connector.cli.send_wait import Until, watcher
from connector.domain.kinds import ANSWER_KINDS
from connector.domain.messages import Action, Coding, Kind, OutboundMessage, Priority, UnknownPolicy
from connector.kafka.clients import KafkaError, OutRecord, Producer
from connector.kafka.records import Codec
from connector.kafka.registry import open_registry
from connector.stages.settings import StageConfig

PATIENCE = {Until.RESPONSE: 30.0, Until.RECEIPT: 120.0}

_MESSAGE = "The message"
_FILE = "Many messages out of a file"
_RARE = "Rare fields"


class SendCommand(TyperCommand):
    """Lets `--wait` stand alone, which means `--wait response`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spelled_out(args))


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """The arguments with a value behind every `--wait`."""
    spelled = []
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        spelled.append(argument)
        if argument == "--wait" and (not following or following.startswith("-")):
            spelled.append(Until.RESPONSE.value)
    return spelled


def send(
    to: Annotated[
        str | None,
        typer.Option("--to", help="Recipient: a number, or an address for e-mail.", rich_help_panel=_MESSAGE),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Text; `-` reads it from standard input.", rich_help_panel=_MESSAGE)
    ] = None,
    sender: Annotated[
        str | None, typer.Option("--sender", "--from", help="Sender: a name or a number.", rich_help_panel=_MESSAGE)
    ] = None,
    account: Annotated[str | None, typer.Option(help="Account of the configuration.", rich_help_panel=_MESSAGE)] = None,
    kind: Annotated[Kind | None, typer.Option(help="Kind.", case_sensitive=False, rich_help_panel=_MESSAGE)] = None,
    priority: Annotated[
        Priority | None, typer.Option(help="AUTO asks the rule table.", case_sensitive=False, rich_help_panel=_MESSAGE)
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Campaign id of a mailing.", rich_help_panel=_MESSAGE)] = None,
    meta: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Comes back in every event; repeatable.", rich_help_panel=_MESSAGE),
    ] = None,
    message_id: Annotated[
        str | None, typer.Option("--id", help="Message id; a UUID where left out.", rich_help_panel=_MESSAGE)
    ] = None,
    expires_at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Never send later: 2030-01-31T18:00Z, +10m.", rich_help_panel=_MESSAGE),
    ] = None,
    schedule_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="The gateway sends it then.", rich_help_panel=_MESSAGE)
    ] = None,
    validity: Annotated[
        int | None, typer.Option(metavar="MINUTES", help="How long the gateway tries.", rich_help_panel=_MESSAGE)
    ] = None,
    flash: Annotated[
        bool | None, typer.Option("--flash/--no-flash", help="Show at once.", rich_help_panel=_RARE)
    ] = None,
    receipt: Annotated[
        bool | None, typer.Option("--receipt/--no-receipt", help="Ask for receipts.", rich_help_panel=_RARE)
    ] = None,
    coding: Annotated[
        Coding | None, typer.Option(help="Force an alphabet.", case_sensitive=False, rich_help_panel=_RARE)
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Subject of an e-mail.", rich_help_panel=_RARE)] = None,
    voice: Annotated[str | None, typer.Option(help="Voice of a call: m, w2, ...", rich_help_panel=_RARE)] = None,
    language: Annotated[str | None, typer.Option(help="Language of a call.", rich_help_panel=_RARE)] = None,
    call_parameters: Annotated[str | None, typer.Option(help="Parameters of a call.", rich_help_panel=_RARE)] = None,
    bot: Annotated[str | None, typer.Option(help="Name of a Telegram bot.", rich_help_panel=_RARE)] = None,
    payload: Annotated[
        str | None, typer.Option(metavar="HEX", help="Octets of a binary message.", rich_help_panel=_RARE)
    ] = None,
    udh: Annotated[
        str | None, typer.Option(metavar="HEX", help="User data header, with its length.", rich_help_panel=_RARE)
    ] = None,
    comment: Annotated[str | None, typer.Option(help="For the gateway's history only.", rich_help_panel=_RARE)] = None,
    action: Annotated[
        Action | None,
        typer.Option(help="About an earlier message.", case_sensitive=False, rich_help_panel=_RARE),
    ] = None,
    target_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Id of the earlier message.", rich_help_panel=_RARE)
    ] = None,
    target_gateway_id: Annotated[
        str | None, typer.Option(metavar="ID", help="The gateway's id of it, if known.", rich_help_panel=_RARE)
    ] = None,
    unknown_outcome: Annotated[
        UnknownPolicy | None,
        typer.Option(help="What to do if the answer is lost.", case_sensitive=False, rich_help_panel=_RARE),
    ] = None,
    sender_ton: Annotated[int | None, typer.Option(help="TON of the sender.", rich_help_panel=_RARE)] = None,
    sender_npi: Annotated[int | None, typer.Option(help="NPI of the sender.", rich_help_panel=_RARE)] = None,
    recipient_ton: Annotated[int | None, typer.Option(help="TON of the recipient.", rich_help_panel=_RARE)] = None,
    recipient_npi: Annotated[int | None, typer.Option(help="NPI of the recipient.", rich_help_panel=_RARE)] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", "-f", help="CSV, TSV or JSON lines; `-` is standard input.", rich_help_panel=_FILE),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Where the file's name does not tell.", rich_help_panel=_FILE)
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=HEADER", help="A column with a name of its own; repeatable.", rich_help_panel=_FILE
        ),
    ] = None,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Pass over columns that are no field.", rich_help_panel=_FILE)
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Send nothing if any line is refused.", rich_help_panel=_FILE)
    ] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Messages a second, at most.", rich_help_panel=_FILE)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count the parts; send nothing.")] = False,
    wait: Annotated[
        Until | None,
        typer.Option("--wait", metavar="[response|receipt]", help="Wait for what becomes of a single message."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds to wait.", show_default="30, receipt 120")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines for a person.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send one message, or many out of a file, as a microservice would.

    What the router would refuse is refused here, before it is sent. In a file the first line (or the keys of the JSON
    objects) names the fields: recipient, text, sender, metadata.tenant and so on; options such as --text or --campaign
    fill in for rows that leave them out. Exit status 1: refused, not accepted, or no answer in time.

    Examples:

        connector send --to 79990000001 --sender Shop --text "Your order is ready" --wait

        connector send --to 79990000001 --kind hlr --wait receipt

        connector send --to 79990000001 --kind binary --udh 0605040b8423f0 --payload 0106 --dry-run

        connector send --to 79990000001 --sender Shop --action cancel --target-id 0192b6a0

        connector send --file clients.csv --text "Sale today" --campaign autumn --rate 500

        jq -c . clients.json | connector send --file - --format jsonl --dry-run
    """
    words: dict[str, object] = {
        "recipient": to,
        "text": text,
        "sender": sender,
        "account": account,
        "kind": kind,
        "priority": priority,
        "campaign_id": campaign,
        "id": message_id,
        "expires_at": expires_at,
        "scheduled_at": schedule_at,
        "validity_minutes": validity,
        "flash": flash,
        "receipt": receipt,
        "coding": coding,
        "subject": subject,
        "voice": voice,
        "language": language,
        "call_parameters": call_parameters,
        "bot": bot,
        "payload": payload,
        "udh": udh,
        "comment": comment,
        "unknown_outcome": unknown_outcome,
        "action": action,
        "target_id": target_id,
        "target_gateway_id": target_gateway_id,
        "sender_ton": sender_ton,
        "sender_npi": sender_npi,
        "recipient_ton": recipient_ton,
        "recipient_npi": recipient_npi,
        **_metadata(meta or []),
    }
    words = {name: word for name, word in words.items() if word is not None}
    if (to is None) == (file is None):
        fail("give either --to for one message, or --file for many", EXIT_USAGE)
    settings = load_config(config)
    with interruptible():
        if file is None:
            _unfit({"--format": form, "--column": column, "--strict": strict, "--rate": rate}, "--file")
            if text == STDIN:
                words["text"] = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").removesuffix("\n")
            message = _message(words)
            if wait is Until.RECEIPT:
                _awaitable(message)
            asyncio.run(_send_one(settings, message, dry_run=dry_run, wait=wait, timeout=timeout, as_json=as_json))
            return
        _unfit({"--id": message_id, "--wait": wait, "--timeout": timeout}, "--to")
        source = Source(
            file=file, form=form, columns=_columns(column or []), ignore_unknown=ignore_unknown, defaults=words
        )
        _send_file(settings, Batches(source), dry_run=dry_run, strict=strict, rate=rate, as_json=as_json)


def _awaitable(message: OutboundMessage) -> None:
    """Nobody waits for a receipt that cannot come under this id."""
    if message.action is not Action.SEND:
        fail(
            f"--wait receipt: what {message.action} brings comes under the id of the earlier message; wait for the "
            "response, or watch delivery-reports",
            EXIT_USAGE,
        )
    if not message.receipt and message.kind not in ANSWER_KINDS:
        fail("--wait receipt: found --no-receipt; leave one of the two out", EXIT_USAGE)


def _unfit(options: dict[str, object], with_option: str) -> None:
    for name, value in options.items():
        if value:
            fail(f"{name} goes with {with_option} only", EXIT_USAGE)


def _metadata(pairs: Sequence[str]) -> dict[str, str]:
    wanted = "--meta: write KEY=VALUE, such as --meta tenant=shop"
    return {f"{METADATA}.{key}": value for key, value in assignments(pairs, wanted).items()}


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    """Header to field."""
    found = {}
    for pair in pairs:
        name, sign, header = pair.partition("=")
        field = field_of(name)
        if not sign or not header:
            fail("--column: write FIELD=HEADER, such as --column recipient=Telephone", EXIT_USAGE)
        if field is None:
            fail(f"--column: {name!r} is no field; the fields are {known_fields()}", EXIT_USAGE)
        found[header] = field
    return found


def _message(words: dict[str, object]) -> OutboundMessage:
    try:
        return message_of(words, default_id=new_id, now_ms=_now_ms())
    except FieldError as error:
        fail(str(error), EXIT_USAGE)


async def _send_one(
    config: StageConfig,
    message: OutboundMessage,
    *,
    dry_run: bool,
    wait: Until | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    outgoing = Outgoing(config, Codec())
    refusal = outgoing.refusal(message, _now_ms())
    if refusal is not None:
        refused(message.id, refusal.code, refusal.reason, as_json)
    if dry_run:
        foreseen(message, outgoing.topic, outgoing.prospect(message, _now_ms()), as_json)
        return
    try:
        async with open_registry(config.kafka) as registry, Producer(config.kafka, name="send") as producer:
            codec = Codec(registry)
            record = Outgoing(config, codec).record(message)
            if not isinstance(record, OutRecord):
                refused(message.id, record.code, record.reason, as_json)
            if wait is None:
                placed = await producer.send_and_wait(record)
                sent(
                    message.id, {"topic": placed.topic, "partition": placed.partition, "offset": placed.offset}, as_json
                )
                return
            async with watcher(config, codec, registry, wait) as results:
                placed = await producer.send_and_wait(record)
                where = {"topic": placed.topic, "partition": placed.partition, "offset": placed.offset}
                if not as_json:
                    sent(message.id, where, as_json)
                found = {"id": message.id, **where, "answers": []}
                patience = timeout or PATIENCE[wait]
                try:
                    async with asyncio.timeout(patience):
                        good = True
                        async for answer in results.answers(message.id, placed, wait):
                            good = good and took(answer)
                            show(answer, found, as_json)
                except TimeoutError:
                    give_up(found, wait, patience, as_json)
    except KafkaError as error:
        unreachable(config, error)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    if not good:
        raise typer.Exit(EXIT_FAILED)


def _send_file(
    config: StageConfig, batches: Batches, *, dry_run: bool, strict: bool, rate: float | None, as_json: bool
) -> None:
    began = time.monotonic()
    outgoing = Outgoing(config, Codec())
    if dry_run or strict:
        totals = examine(batches, outgoing, with_parts=dry_run)
        if dry_run or totals.refused:
            why = "dry run" if dry_run else "--strict, and lines are refused"
            conclude(totals, outgoing, seconds=time.monotonic() - began, as_json=as_json, why_not=why)
            return

    async def run() -> None:
        try:
            async with open_registry(config.kafka) as registry, Producer(config.kafka, name="send") as producer:
                outgoing = Outgoing(config, Codec(registry))
                totals = await send_all(batches, outgoing, producer, rate)
        except KafkaError as error:
            unreachable(config, error)
        conclude(totals, outgoing, seconds=time.monotonic() - began, as_json=as_json, why_not=None)

    asyncio.run(run())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
