"""The subcommands, put together."""

import logging
import sys
from typing import Annotated

import typer

from connector import __version__
from connector.cli import check, config, dead_letters, demo, explain_text, run, send, simulator, topics, watch

app = typer.Typer(
    name="connector",
    no_args_is_help=True,
    add_completion=False,
    # Frames and colours are for a terminal; in a pipe help and errors are plain lines.
    rich_markup_mode="markdown" if sys.stdout.isatty() and sys.stderr.isatty() else None,
    pretty_exceptions_enable=False,
    help="Kafka to SMPP connector: outbound events in, SMS on the wire, receipts and inbound messages back as events.",
    epilog="Start with `connector demo`; `connector config --example` prints a configuration to begin from.",
)

app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("check")(check.check)
app.command("config")(config.show)
app.command("send", cls=send.SendCommand)(send.send)
app.command("explain-text")(explain_text.explain_text)
app.command("watch")(watch.watch)
app.command("dead-letters")(dead_letters.dead_letters)
app.command("simulator")(simulator.simulator)
app.add_typer(topics.app, name="topics")


@app.callback(invoke_without_command=True)
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False) -> None:
    # What the libraries log would stand between the lines of a command; `run` sets up its own logging.
    logging.getLogger().addHandler(logging.NullHandler())
    if version:
        typer.echo(__version__)
        raise typer.Exit
