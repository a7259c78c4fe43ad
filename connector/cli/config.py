"""`connector config`: the effective configuration, or an annotated example."""

import json
from typing import Annotated

import typer

from connector.cli.common import EXIT_USAGE, ConfigOption, fail, load_config
from connector.config import dump, example, masked


def show(
    config: ConfigOption = None,
    annotated: Annotated[bool, typer.Option("--example", help="Print an annotated example with every key.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of YAML.")] = False,
) -> None:
    """Print the effective configuration, secrets masked.

    The file, then environment variables, then secret files; later ones win.

    Examples:

        connector config --example > connector.yaml    (then write your hosts, logins and password files into it)

        connector config --config connector.yaml

        SMS_CONNECTOR__KAFKA__BOOTSTRAP_SERVERS=broker:9092 connector config --json
    """
    if annotated and as_json:
        fail("--example and --json do not go together: the example lives by its comments; leave one out", EXIT_USAGE)
    if annotated:
        typer.echo(example(), nl=False)
        return
    effective = load_config(config)
    typer.echo(json.dumps(masked(effective), indent=2, ensure_ascii=False) if as_json else dump(effective).rstrip())
