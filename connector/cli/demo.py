"""`connector demo`: everything on one machine, in half a minute."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.common import EXIT_UNREACHABLE, EXIT_USAGE, fail, interruptible, out
from connector.config import PREFIX, ConfigError, load
from connector.kafka.clients import KafkaError, KafkaUnavailable


def demo(
    duration: Annotated[float, typer.Option(min=3, max=3600, help="Seconds the traffic lasts.")] = 30.0,
    rate: Annotated[int, typer.Option(min=1, max=5_000, help="The account's speed in PDUs a second.")] = 800,
    bulk: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="Messages of the mailing; default: what the duration can hold."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, with commands to try.")] = False,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="A Kafka cluster that exists, instead of the embedded one.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep Kafka's data and the logs here; a temporary folder without it.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Make the codes repeatable.")] = None,
) -> None:
    """Show the connector at work: a mailing far above the account's speed, with login codes sent among it.

    Starts real Kafka, a simulated SMS gateway and all stages on this machine, sends, and reckons every event from
    outbound to receipt. Ends by itself; status 0 means that everything was reconciled.

    Examples:

        connector demo

        connector demo --duration 60 --rate 500

        connector demo --keep
    """
    from connector.demo.run import Options, run
    from connector.demo.world import DemoError, FolderUnusable
    from connector.embedded.kafka import EmbeddedError

    if bootstrap_servers is not None:
        _check_servers(bootstrap_servers)
    options = Options(
        duration=duration,
        rate=rate,
        bulk=bulk,
        keep=keep,
        bootstrap_servers=bootstrap_servers,
        data_dir=data_dir,
        seed=seed,
    )
    with interruptible():
        try:
            code = asyncio.run(run(options, out))
        except FolderUnusable as error:
            fail(str(error), EXIT_USAGE)
        except (DemoError, EmbeddedError) as error:
            fail(str(error))
        except KafkaError as error:
            remedy = ""
            if bootstrap_servers is not None and isinstance(error, KafkaUnavailable):
                remedy = f"; is a broker at {bootstrap_servers} (--bootstrap-servers)?"
            fail(f"{error}{remedy}", EXIT_UNREACHABLE)
    raise typer.Exit(code)


def _check_servers(servers: str) -> None:
    """By the configuration's own rules, before anything starts."""
    variable = f"{PREFIX}KAFKA__BOOTSTRAP_SERVERS"
    try:
        load(None, {variable: servers})
    except ConfigError as error:
        words = str(error).removeprefix(f"{variable}: ")
        fail(words.replace("kafka.bootstrap_servers", "--bootstrap-servers"), EXIT_USAGE)
