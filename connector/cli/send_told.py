"""What `send` tells of a single message: refused, sent, answered, given up; lines for a person or JSON for a script."""

import json
from typing import Any, NoReturn

import typer

from connector.cli.common import EXIT_FAILED, err, fail, out
from connector.cli.events import plain
from connector.cli.outgoing import Prospect
from connector.cli.send_wait import Answer, DeadLetter, Until
from connector.domain.events import DeliveryReport, HlrResult, Outcome, SubmitResponse
from connector.domain.messages import Action, OutboundMessage


def foreseen(message: OutboundMessage, topic: str, prospect: Prospect, as_json: bool) -> None:
    """What a dry run has found."""
    if as_json:
        typer.echo(json.dumps({"id": message.id, "topic": topic, "nothing_sent": "dry run", **prospect._asdict()}))
    elif message.action is Action.SEND:
        typer.echo(
            f"would be sent as {prospect.parts} part(s) in {prospect.alphabet}, {prospect.billed} billed, "
            f"lane {prospect.lane}"
        )
    else:
        typer.echo(f"would go out as {message.action} of an earlier message, lane {prospect.lane}")


def refused(message_id: str, code: str, reason: str, as_json: bool) -> NoReturn:
    """Ends the command: nothing was sent, and why."""
    if as_json:
        typer.echo(json.dumps({"id": message_id, "refused": code, "reason": reason}))
        raise typer.Exit(EXIT_FAILED)
    fail(f"not sent: {code}: {reason}", EXIT_FAILED)


def sent(message_id: str, where: dict[str, object], as_json: bool) -> None:
    """The id on standard output, for a script; where the event stands beside it."""
    if as_json:
        typer.echo(json.dumps({"id": message_id, **where}))
    else:
        out.print(message_id, markup=False)
        err.print(f"sent to {where['topic']}[{where['partition']}] at offset {where['offset']}", markup=False)


def took(answer: Answer) -> bool:
    """Whether the answer is a good one."""
    return not isinstance(answer, DeadLetter) and not (
        isinstance(answer, SubmitResponse) and answer.outcome != Outcome.ACCEPTED
    )


def show(answer: Answer, found: dict[str, Any], as_json: bool) -> None:
    """One answer: a line, or one more item of `found`, which is printed at the end."""
    if isinstance(answer, DeadLetter):
        event: dict[str, object] = {"stage": answer.stage, "code": answer.code, "reason": answer.reason}
        line = f"dead letter: {answer.code}: {answer.reason}"
    elif isinstance(answer, SubmitResponse):
        event = plain(answer, reveal=False)
        line = f"submit response: {answer.outcome}, id {answer.gateway_message_id or 'none'}, {answer.parts} part(s)"
        if answer.outcome == Outcome.ACCEPTED:
            line += f": {answer.reason}" if answer.reason else ""
        else:
            line += f": {answer.reason or 'no reason given'} {answer.status_name or ''}".rstrip()
    else:
        event = plain(answer, reveal=False)
        error = f", error {answer.error_code} {answer.error_name or ''}".rstrip() if answer.error_code else ""
        line = f"receipt{_of_what(answer)}: {answer.state or 'no state'}{error}"
    if as_json:
        found["answers"].append({"type": type(answer).__name__, **event})
    else:
        out.print(line, markup=False)


def _of_what(answer: DeliveryReport | HlrResult) -> str:
    """Which part it is about, where parts have ids of their own; such a message has one more for the whole."""
    if isinstance(answer, DeliveryReport) and answer.rollup:
        return " of the whole"
    part = answer.part if isinstance(answer, DeliveryReport) else None
    return "" if part is None else f" of part {part}"


def give_up(found: dict[str, Any], wait: Until, patience: float, as_json: bool) -> NoReturn:
    """Ends the command: nothing came in time."""
    what = "submit response" if wait is Until.RESPONSE else "receipt"
    if as_json:
        typer.echo(json.dumps({**found, "gave_up_after": patience}, ensure_ascii=False))
        raise typer.Exit(EXIT_FAILED)
    fail(
        f"no {what} within {patience:g} s; it may still come: does the connector run? `connector check` looks",
        EXIT_FAILED,
    )
