"""`connector check`: everything a start depends on, every fault at once, each with its remedy."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from connector.bind.settings import SettingsUnreadable, system_type, system_type_words
from connector.cli.common import EXIT_UNREACHABLE, EXIT_USAGE, ConfigOption, interruptible, load_config, out
from connector.cli.probe import probe
from connector.cli.topics import faults_of, wanted_of
from connector.kafka import topics
from connector.kafka.clients import Admin, KafkaError, KafkaUnavailable
from connector.kafka.registry import open_registry
from connector.smpp.constants import version_name
from connector.stages.settings import AccountSettings, StageConfig

SYSTEM_TYPE_LIMIT = 12
"""Characters before the NUL (SMPP 3.4, 5.2.3)."""


_PARAMETER = re.compile("ISO|SINGLE|MCON[1-9]")
_OTHERWISE = {
    "ISO": "texts would be read in another alphabet than they are written in",
    "SINGLE": "receipts would come otherwise than they are read",
}
_REMEDY = {
    "ISO": "add ISO to system_type, or leave system_type out: then it is composed",
    "SINGLE": "add SINGLE to system_type, unless it is set in the account's own settings at the gateway",
}

_BIND_REMEDY = "correct host, port, system_id, password or tls of the account, or have the gateway allow this address"


class Level(StrEnum):
    """OK, or how bad it is: a warning lets the connector start, a fault does not (or not all of it)."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


class Finding(NamedTuple):
    """One thing that was looked at. `code` is the exit status a fault asks for."""

    level: Level
    what: str
    words: str
    remedy: str = ""
    code: int = EXIT_UNREACHABLE


def check(
    config: ConfigOption = None,
    bind: Annotated[
        bool,
        typer.Option("--bind", help="Bind to every host of every account as well. Not while a connector runs on them."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines for a person.")] = False,
) -> None:
    """Check the configuration, Kafka, the topics, the schema registry and, with --bind, the gateway.

    All that is wrong is named at once, each with what to do about it. A test bind uses the account's own login, and the
    gateway ends an older bind of a login when a newer one comes: with --bind a connector that runs would lose its binds
    for a moment. So binds are made only when asked for.

    Exit status: 0 nothing stands in the way (warnings may), 2 the configuration, 3 Kafka, the registry or the gateway.

    Examples:

        connector check --config connector.yaml

        connector check --bind && connector run

        connector check --json | jq '.findings[] | select(.level != "ok")'
    """
    settings = load_config(config)

    async def look() -> list[Finding]:
        findings = []
        async for finding in _findings(settings, bind):
            if not as_json:
                _print(finding)
            findings.append(finding)
        return findings

    with interruptible():
        findings = asyncio.run(look())
    faults = [finding for finding in findings if finding.level is Level.FAULT]
    warnings = [finding for finding in findings if finding.level is Level.WARNING]
    if as_json:
        found = [
            {"level": one.level.value, "what": one.what, "words": one.words, "remedy": one.remedy} for one in findings
        ]
        typer.echo(json.dumps({"ok": not faults, "findings": found}, ensure_ascii=False))
    else:
        out.print(f"{_count(len(faults), 'fault')}, {_count(len(warnings), 'warning')}", markup=False)
    if faults:
        raise typer.Exit(min(finding.code for finding in faults))


def _count(number: int, of: str) -> str:
    return f"{number} {of}" if number == 1 else f"{number} {of}s"


def _print(finding: Finding) -> None:
    colour = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "red"}[finding.level]
    remedy = f"; remedy: {finding.remedy}" if finding.remedy else ""
    out.print(f"{finding.level.value:<8}", style=colour, end="", markup=False)
    out.print(f"{finding.what}: {finding.words}{remedy}", markup=False)


async def _findings(config: StageConfig, bind: bool) -> AsyncIterator[Finding]:
    for finding in _configuration(config):
        yield finding
    for finding in await _kafka(config):
        yield finding
    if config.kafka.registry is None:
        yield Finding(Level.OK, "registry", "none is configured; events carry the fingerprint of their schema")
    else:
        yield await _registry(config)
    for account in config.accounts:
        for endpoint in account.endpoints() if bind else ():
            where = f"account {account.name}, {endpoint.word} host {endpoint.host}:{endpoint.port}"
            fault, version = await probe(account, endpoint)
            if fault is None:
                yield Finding(Level.OK, where, f"bound in SMPP {version_name(version or 0)}, and unbound")
            else:
                yield Finding(Level.FAULT, where, fault, _BIND_REMEDY)
    if config.accounts and not bind:
        yield Finding(Level.OK, "binds", "not tested; --bind tests them, and may end the binds of a running connector")


def _configuration(config: StageConfig) -> list[Finding]:
    """What the models cannot refuse, since it may be meant."""
    findings = []
    if not config.accounts:
        findings.append(
            Finding(
                Level.FAULT,
                "accounts",
                "none configured",
                "add one; `connector config --example` shows how",
                EXIT_USAGE,
            )
        )
    if len(config.accounts) > 1 and config.default_account is None:
        findings.append(
            Finding(
                Level.WARNING,
                "default_account",
                "not set, and there are several accounts: an event that names none becomes a dead letter",
                "name one, or let every event name its account",
            )
        )
    for account in config.accounts:
        findings += _account(account)
    if not any(finding.level is not Level.OK for finding in findings):
        findings.append(Finding(Level.OK, "configuration", _count(len(config.accounts), "account")))
    return findings


def _account(account: AccountSettings) -> list[Finding]:
    where = f"account {account.name}"
    findings = [Finding(Level.WARNING, where, *each) for each in _system_type(account)]
    if not account.tls.enabled and account.host not in ("127.0.0.1", "localhost", "::1"):
        findings.append(
            Finding(
                Level.WARNING,
                where,
                "no TLS: login, password and texts travel in the clear",
                "set tls.enabled, unless the way to the gateway is a private one",
            )
        )
    if account.tls.enabled and not account.tls.verify:
        findings.append(
            Finding(Level.WARNING, where, "the gateway's certificate is not checked", "leave tls.verify at true")
        )
    if account.bind_mode == "receiver":
        findings.append(
            Finding(Level.WARNING, where, "bound as receiver only: it submits nothing", "leave bind_mode, if not meant")
        )
    try:
        account.secret()
    except SettingsUnreadable as error:
        findings.append(Finding(Level.FAULT, where, str(error), "put the file back, or correct the field", EXIT_USAGE))
    return findings


def _system_type(account: AccountSettings) -> Iterator[tuple[str, str]]:
    """What is odd about the system_type, each with its remedy. What cannot be meant the settings have refused."""
    given = account.system_type
    sent = system_type(binds=account.binds, iso=account.iso, single=account.single) if given is None else given
    if len(sent) > SYSTEM_TYPE_LIMIT:
        yield (
            f"system_type {sent!r} has {len(sent)} characters, and the specification allows {SYSTEM_TYPE_LIMIT}; "
            "it is sent all the same",
            "have SINGLE set in the account's own settings at the gateway, and leave it out here",
        )
    if given is None:
        return
    words = system_type_words(given)
    known = [word.upper() for word in words if _PARAMETER.fullmatch(word.upper())]
    for name, field, wanted in (("ISO", "iso", account.iso), ("SINGLE", "single", account.single)):
        if wanted and name not in known:
            yield f"{field} is true, and system_type {given!r} has no {name}: {_OTHERWISE[name]}", _REMEDY[name]
        elif name in known and not wanted:
            fault = f"system_type {given!r} has {name}, and {field} is false: {_OTHERWISE[name]}"
            yield fault, f"set {field} to true, or take {name} out of system_type"
    small = any(word != word.upper() for word in words if word.upper() in known)
    odd = [name for name, found in (("small letters", small), ("blanks", " " in given)) if found]
    if odd:
        yield (
            f"system_type {given!r} has {' and '.join(odd)}, and the gateway takes capitals without blanks",
            f"write {','.join(word.upper() if word.upper() in known else word for word in words)}",
        )
    unknown = [word or "an empty word" for word in words if word.upper() not in known]
    if unknown:
        yield (
            f"system_type {given!r} holds what this gateway does not know: {', '.join(unknown)}",
            "it knows ISO, SINGLE and MCON1 to MCON9; leave the rest out, unless another gateway asks for it",
        )
    names = [word.rstrip("123456789") for word in known]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield f"system_type {given!r} has {' and '.join(twice)} more than once", "name each once"


async def _kafka(config: StageConfig) -> list[Finding]:
    servers = config.kafka.bootstrap_servers
    try:
        async with Admin(config.kafka, name="check") as admin:
            brokers = await admin.brokers()
            findings = [Finding(Level.OK, f"kafka {servers}", f"{brokers} brokers")]
            if brokers < config.kafka.replication_factor:
                findings.append(
                    Finding(
                        Level.FAULT,
                        "kafka.replication_factor",
                        f"is {config.kafka.replication_factor}, and the cluster has {brokers} brokers",
                        f"set it to {brokers} at most, or add brokers",
                        EXIT_USAGE,
                    )
                )
            if config.accounts:
                findings += _topics(config, await topics.show(admin, wanted_of(config)))
            return findings
    except KafkaError as error:
        remedy = "correct kafka.security, or the rights of its user"
        if isinstance(error, KafkaUnavailable):
            remedy = "start the broker, or correct kafka.bootstrap_servers; is kafka.security.protocol the broker's?"
        return [Finding(Level.FAULT, f"kafka {servers}", str(error), remedy)]


def _topics(config: StageConfig, reports: list[topics.TopicReport]) -> list[Finding]:
    faults = faults_of(reports, config)
    if not faults:
        return [Finding(Level.OK, "topics", f"{len(reports)} as they should be")]
    return [
        Finding(Level.FAULT if fault.fatal else Level.WARNING, f"topic {fault.topic}", fault.problem, fault.remedy)
        for fault in faults
    ]


async def _registry(config: StageConfig) -> Finding:
    assert config.kafka.registry is not None
    where = f"registry {config.kafka.registry.url}"
    try:
        async with open_registry(config.kafka):
            return Finding(Level.OK, where, "knows the schemas of all public events")
    except KafkaUnavailable as error:
        return Finding(Level.FAULT, where, str(error), "start it, or correct kafka.registry.url")
    except KafkaError as error:
        return Finding(Level.FAULT, where, str(error), "correct kafka.registry, or what the registry holds")
