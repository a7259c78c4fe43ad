"""`connector explain-text`: what a text costs, and why."""

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from connector.cli.common import EXIT_USAGE, ConfigOption, fail, interruptible, load_config, out
from connector.domain.kinds import ANSWER_KINDS, OCTET_KINDS, Refusal, body_of, validate
from connector.domain.messages import Coding, Kind, OutboundMessage
from connector.domain.text import (
    MOST_PARTS,
    Alphabet,
    Concatenation,
    capacity,
    encode,
    lacking,
    named,
    plain,
    two_septets,
)
from connector.smpp.constants import ESM_UDHI, Tag
from connector.smpp.pdu import SubmitSm
from connector.smpp.tlv import raw
from connector.translate import DialectSettings, plan

STDIN = "-"
SHOWN = 5
"""Characters that are named, for each alphabet that lacks them."""

MOST_OCTETS = 4 * MOST_PARTS * capacity(Alphabet.GSM, 6)
"""No more is read: a character has 4 octets of UTF-8 at most, and no alphabet holds more of them than GSM."""

_UNITS = {Alphabet.GSM: "septets", Alphabet.LATIN1: "octets", Alphabet.UCS2: "units of 16 bits"}
_NAMES = {Alphabet.GSM: "GSM", Alphabet.LATIN1: "ISO-8859-1"}


class Sent(NamedTuple):
    """What a text becomes. `parts`: units and octets (a header's included) of each."""

    alphabet: Alphabet
    data_coding: int
    whole: str
    units: int
    parts: list[tuple[int, int]]
    billed: int


def explain_text(
    text: Annotated[str | None, typer.Argument(help="The text; `-` reads it from standard input.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from a file, as UTF-8.")] = None,
    kind: Annotated[Kind, typer.Option(help="Kind of the message.", case_sensitive=False)] = Kind.SMS,
    coding: Annotated[Coding, typer.Option(help="Force an alphabet.", case_sensitive=False)] = Coding.AUTO,
    flash: Annotated[bool, typer.Option("--flash", help="Show at once: another data_coding.")] = False,
    comment: Annotated[str | None, typer.Option(help="Comment for the gateway's history.")] = None,
    subject: Annotated[str | None, typer.Option(help="Subject of an e-mail.")] = None,
    bot: Annotated[str | None, typer.Option(help="Name of a Telegram bot.")] = None,
    voice: Annotated[str | None, typer.Option(help="Voice of a call: m, w2, ...")] = None,
    language: Annotated[str | None, typer.Option(help="Language of a call.")] = None,
    call_parameters: Annotated[str | None, typer.Option(help="Parameters of a call.")] = None,
    concatenation: Annotated[
        Concatenation | None, typer.Option(help="How parts are tied together.", show_default="the account's, else udh8")
    ] = None,
    iso: Annotated[
        bool | None, typer.Option("--iso/--no-iso", help="Coding 0 is ISO-8859-1.", show_default="the account's")
    ] = None,
    replace_typography: Annotated[
        bool | None,
        typer.Option(
            "--replace-typography/--keep-typography",
            help="Make quotes, dashes and blanks plain.",
            show_default="the account's",
        ),
    ] = None,
    account: Annotated[str | None, typer.Option(help="Take the settings of this account.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines for a person.")] = False,
    config: ConfigOption = None,
) -> None:
    """Explain what a text costs: its alphabet and why, its parts, what is billed, and what plain typography would save.

    Nothing is sent, and no Kafka is needed. The settings are those of --account, or of the default account; where there
    is none, the defaults. The characters that an alphabet lacks are named, so this is for your own eyes. Exit status 2:
    such a text is refused.

    Examples:

        connector explain-text "Your parcel’s here"

        connector explain-text "Ваш заказ" --comment "order 4711" --json

        connector explain-text "Code 4 7 1 1" --kind voice --language en

        connector explain-text --file letter.txt --kind viber --account main

        pbpaste | connector explain-text - --replace-typography
    """
    if kind in OCTET_KINDS or kind in ANSWER_KINDS:
        fail(f"--kind: a message of kind {kind} carries no text", EXIT_USAGE)
    with interruptible():
        given = _given(text, file)
    rules = _rules(
        account, config, {"concatenation": concatenation, "iso": iso, "replace_typography": replace_typography}
    )
    message = OutboundMessage(
        id="explained",
        recipient="nobody@example.com" if kind is Kind.EMAIL else "10000000000",
        kind=kind,
        text=given,
        coding=coding,
        flash=flash,
        comment=comment,
        subject=subject,
        bot=bot,
        voice=voice,
        language=language,
        call_parameters=call_parameters,
    )
    refusal = validate(message, rules, 0)
    if refusal is not None:
        if as_json:
            typer.echo(json.dumps({"refused": refusal.code, "reason": refusal.reason}))
            raise typer.Exit(EXIT_USAGE)
        fail(f"would be refused: {refusal.code}: {refusal.reason}", EXIT_USAGE)
    sent = _sent(message, rules)
    saving = _sent_plain(message, rules)
    if as_json:
        typer.echo(json.dumps(_as_json(message, rules, sent, saving), ensure_ascii=False))
    else:
        for word, line in _lines(message, rules, sent, saving):
            out.print(f"{word:<12}{line}", markup=False)


def _given(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        fail("give the text, `-` for standard input, or --file", EXIT_USAGE)
    if file is None and text != STDIN:
        return text or ""
    try:
        if file is None:
            octets = sys.stdin.buffer.read(MOST_OCTETS + 1)
        else:
            with file.open("rb") as opened:
                octets = opened.read(MOST_OCTETS + 1)
    except OSError as error:
        fail(f"{file}: cannot be read ({error.strerror or type(error).__name__})", EXIT_USAGE)
    if len(octets) > MOST_OCTETS:
        fail(f"would be refused: text-too-long: the text is more than {MOST_PARTS} parts can hold", EXIT_USAGE)
    try:
        return octets.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        fail(f"the text is not UTF-8: octet {error.start + 1} begins no character", EXIT_USAGE)


def _rules(account: str | None, config: Path | None, options: dict[str, object]) -> DialectSettings:
    """The account's settings, with what the options say instead; of no concern is to whom it would go."""
    settings = load_config(config)
    found = settings.account(account)
    if found is None and account is not None:
        known = ", ".join(one.name for one in settings.accounts) or "none"
        fail(f"--account: no such account; configured: {known}", EXIT_USAGE)
    rules: DialectSettings = found or DialectSettings()
    changes = {name: value for name, value in options.items() if value is not None}
    return rules.model_copy(update={**changes, "default_region": None})


def _sent(message: OutboundMessage, rules: DialectSettings) -> Sent:
    body = body_of(message, replace_typography=rules.replace_typography)
    assert not isinstance(body, Refusal), "what is refused does not come so far"
    planned = plan(message, rules, now_ms=0)
    alphabet = Alphabet(planned.alphabet)
    whole = body.text + body.tail
    parts = [_sizes(pdu, alphabet) for pdu in planned.pdus]
    units = len(encode(whole, alphabet)) // _width(alphabet)
    return Sent(alphabet, planned.pdus[0].data_coding, whole, units, parts, planned.billed_parts)


def _sent_plain(message: OutboundMessage, rules: DialectSettings) -> Sent | None:
    """What it would be with plain typography; None where that changes nothing, or is done already."""
    if rules.replace_typography:
        return None
    rules = rules.model_copy(update={"replace_typography": True})
    if body_of(message) == body_of(message, replace_typography=True) or validate(message, rules, 0) is not None:
        return None
    return _sent(message, rules)


def _sizes(pdu: SubmitSm, alphabet: Alphabet) -> tuple[int, int]:
    octets = pdu.short_message or raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    header = octets[0] + 1 if pdu.esm_class & ESM_UDHI else 0
    return (len(octets) - header) // _width(alphabet), len(octets)


def _width(alphabet: Alphabet) -> int:
    return 2 if alphabet is Alphabet.UCS2 else 1


def _lines(message: OutboundMessage, rules: DialectSettings, sent: Sent, saving: Sent | None) -> list[tuple[str, str]]:
    lines = [("alphabet", f"{sent.alphabet.value}, data_coding 0x{sent.data_coding:02X}")]
    lines += [("why", line) for line in _why(message, rules, sent)]
    added = len(sent.whole) - len(message.text or "")
    words = f"{len(sent.whole)}" + (f", {added} of them added by kind, comment or typography" if added > 0 else "")
    lines.append(("characters", words))
    lines.append(("units", f"{sent.units} {_UNITS[sent.alphabet]}"))
    for (units, octets), run in groupby(sent.parts):
        count = len(list(run))
        lines.append(
            ("part" if count == 1 else f"{count} parts", f"of {units} {_UNITS[sent.alphabet]}, {octets} octets")
        )
    lines.append(("sent", f"{len(sent.parts)} PDU(s), which count for the account's speed"))
    lines.append(("billed", f"{sent.billed} part(s)"))
    if message.comment and message.kind is Kind.SMS:
        bare = _sent(
            OutboundMessage(id="", recipient=message.recipient, text=message.text, coding=message.coding), rules
        )
        lines.append(("comment", f"not billed; without it {len(bare.parts)} PDU(s), {bare.billed} billed"))
    if saving is not None:
        saved = len(sent.parts) - len(saving.parts), sent.billed - saving.billed
        words = f"plain it is {saving.alphabet.value}, {len(saving.parts)} PDU(s), {saving.billed} billed"
        words += f": saves {saved[0]} PDU(s), {saved[1]} billed" if any(saved) else ": saves nothing"
        lines.append(("typography", words))
    return lines


def _why(message: OutboundMessage, rules: DialectSettings, sent: Sent) -> list[str]:
    if message.coding is not Coding.AUTO:
        return [f"{message.coding.value} was asked for"]
    if sent.alphabet is Alphabet.GSM:
        double = two_septets(sent.whole)
        return ["GSM has every character" + (f"; {double} of them take two septets" if double else "")]
    if rules.iso and sent.alphabet is Alphabet.LATIN1:
        return ["coding 0 of this account is ISO-8859-1, which has every character"]
    if sent.alphabet is Alphabet.LATIN1 and not lacking(sent.whole, Alphabet.GSM):
        return [f"GSM has every character, but {two_septets(sent.whole)} take two septets: this needs fewer parts"]
    found = {name: lacking(sent.whole, alphabet) for alphabet, name in _NAMES.items()}
    if rules.iso:
        del found[_NAMES[Alphabet.GSM]]
    plain_too = not rules.replace_typography
    if len(found) > 1 and len({tuple(one) for one in found.values()}) == 1:
        return [f"{' and '.join(found)} lack {_listed(next(iter(found.values())), plain_too=plain_too)}"]
    return [f"{name} lacks {_listed(one, plain_too=plain_too)}" for name, one in found.items() if one]


def _listed(found: list[tuple[str, int]], *, plain_too: bool) -> str:
    words = []
    for character, count in found[:SHOWN]:
        word = named(character) + (f" x{count}" if count > 1 else "")
        if plain_too and plain(character) != character:
            word += f" (plain: {plain(character)!r})"
        words.append(word)
    more = len(found) - SHOWN
    return ", ".join(words) + (f", and {more} more" if more > 0 else "")


def _as_json(message: OutboundMessage, rules: DialectSettings, sent: Sent, saving: Sent | None) -> dict[str, Any]:
    return {
        "kind": message.kind.value,
        "alphabet": sent.alphabet.value,
        "data_coding": sent.data_coding,
        "why": _why(message, rules, sent),
        **{
            f"not_in_{alphabet.value.lower()}": [
                {"character": named(each), "count": count, "plain": plain(each)}
                for each, count in lacking(sent.whole, alphabet)
            ]
            for alphabet in _NAMES
        },
        "two_septets": two_septets(sent.whole) if sent.alphabet is Alphabet.GSM else 0,
        "characters": len(sent.whole),
        "units": sent.units,
        "unit": _UNITS[sent.alphabet],
        "parts": [{"units": units, "octets": octets} for units, octets in sent.parts],
        "pdus": len(sent.parts),
        "billed_parts": sent.billed,
        "plain": None
        if saving is None
        else {
            "alphabet": saving.alphabet.value,
            "pdus": len(saving.parts),
            "billed_parts": saving.billed,
            "pdus_saved": len(sent.parts) - len(saving.parts),
            "billed_parts_saved": sent.billed - saving.billed,
        },
    }
