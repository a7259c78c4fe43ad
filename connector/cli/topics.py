"""`connector topics`: create what is missing, name what is wrong, show what is there."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated

import typer

from connector.cli.common import (
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    ConfigOption,
    fail,
    interruptible,
    load_config,
    out,
    unreachable,
)
from connector.cli.tables import show_table
from connector.kafka import topics as kafka_topics
from connector.kafka.clients import Admin, KafkaError, TopicSpec
from connector.kafka.topics import TopicFault, TopicReport, Topics
from connector.stages.settings import StageConfig

app = typer.Typer(
    no_args_is_help=True,
    help="""Create, check and show the topics that this configuration needs.

    Examples:

        connector topics create --config connector.yaml

        connector topics check && connector run

        connector topics show
    """,
)

JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of lines for a person.")]


@app.command()
def create(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Create the topics that are missing, and give the lanes and the ledger the partitions they lack.

    Nothing is ever deleted, and the settings of a topic that exists are left as they are.

    Examples:

        connector topics create --config connector.yaml
    """
    settings = load_config(config)
    wanted = wanted_of(settings)
    with interruptible():
        changed = asyncio.run(_create(settings, wanted))
    if as_json:
        typer.echo(json.dumps({"changed": changed, "unchanged": len(wanted) - len(changed)}))
        return
    for name in changed:
        out.print(f"created or enlarged {name}", markup=False)
    out.print(f"{len(changed)} topics changed, {len(wanted) - len(changed)} were as they should be", markup=False)


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say what is wrong with the topics, each fault with its remedy; exit status 3 where one stops a start.

    Examples:

        connector topics check

        connector topics check --json | jq -r '.faults[].topic'
    """
    settings = load_config(config)
    with interruptible():
        faults = faults_of(asyncio.run(_show(settings, wanted_of(settings))), settings)
    fatal = any(fault.fatal for fault in faults)
    if as_json:
        found = [
            {"topic": fault.topic, "problem": fault.problem, "remedy": fault.remedy, "fatal": fault.fatal}
            for fault in faults
        ]
        typer.echo(json.dumps({"ok": not fatal, "faults": found}))
    else:
        for fault in faults:
            word = "fault" if fault.fatal else "warning"
            out.print(f"{word}: {fault.topic}: {fault.problem}; remedy: {fault.remedy}", markup=False)
        if not faults:
            out.print("all topics are as they should be", markup=False)
    if fatal:
        raise typer.Exit(EXIT_UNREACHABLE)


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every topic as it is beside what the configuration wants.

    Examples:

        connector topics show --config connector.yaml
    """
    settings = load_config(config)
    with interruptible():
        reports = asyncio.run(_show(settings, wanted_of(settings)))
    if as_json:
        typer.echo(json.dumps([_plain(report) for report in reports], indent=2))
        return
    show_table(
        ["topic", "partitions", "wanted", "replicas", "retention", "cleanup"],
        [_row(report) for report in reports],
        numbers=("partitions", "wanted", "replicas"),
    )


def wanted_of(config: StageConfig) -> list[TopicSpec]:
    """The topics of this configuration; ends the command where there are no accounts to size them by."""
    if not config.accounts:
        fail("accounts: none configured; the lanes have one partition for each bind of each account", EXIT_USAGE)
    # Loads the stages, and with them Faust, which takes a second.
    from connector.stages.inventory import wanted_topics

    return wanted_topics(config)


def faults_of(reports: Sequence[TopicReport], config: StageConfig) -> list[TopicFault]:
    """What is wrong with these topics."""
    slotted = Topics(config.kafka.topic_prefix).slotted
    return [fault for report in reports for fault in kafka_topics.faults(report, report.spec.name in slotted)]


async def _create(config: StageConfig, wanted: Sequence[TopicSpec]) -> list[str]:
    slotted = Topics(config.kafka.topic_prefix).slotted
    try:
        async with Admin(config.kafka) as admin:
            return await kafka_topics.create(admin, wanted, slotted=slotted)
    except KafkaError as error:
        unreachable(config, error)


async def _show(config: StageConfig, wanted: Sequence[TopicSpec]) -> list[TopicReport]:
    try:
        async with Admin(config.kafka) as admin:
            return await kafka_topics.show(admin, wanted)
    except KafkaError as error:
        unreachable(config, error)


def _plain(report: TopicReport) -> dict[str, object]:
    spec, state = report.spec, report.state
    return {
        "topic": spec.name,
        "exists": state is not None,
        "partitions": None if state is None else state.partitions,
        "replicas": None if state is None else state.replicas,
        "wanted_partitions": spec.partitions,
        "wanted_replicas": spec.replicas,
        "wanted_configs": dict(spec.configs),
        "configs": {name: value for name, value in report.configs.items() if name in spec.configs},
    }


def _row(report: TopicReport) -> list[str]:
    spec, state = report.spec, report.state
    if state is None:
        return [spec.name, "missing", str(spec.partitions), "", "", ""]
    return [
        spec.name,
        str(state.partitions),
        str(spec.partitions),
        str(state.replicas),
        _kept(report.configs.get("retention.ms", "")),
        report.configs.get("cleanup.policy", ""),
    ]


def _kept(milliseconds: str) -> str:
    if not milliseconds.isdigit():
        return "for ever" if milliseconds == "-1" else milliseconds
    hours = int(milliseconds) / 3_600_000
    return f"{hours / 24:g} d" if hours >= 48 else f"{hours:g} h"
