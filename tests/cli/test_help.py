"""Every command explains itself with examples, and takes no two options of which one would be ignored."""

import pytest
from typer.main import get_command

from connector.cli.app import app
from tests.cli.commands import typed

COMMANDS = [*get_command(app).commands]  # type: ignore[attr-defined]  # a group has them


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples(command: str) -> None:
    done = typed(command, "--help")
    assert done.code == 0
    assert "Examples:" in done.out
    assert f"    connector {command}" in done.out


def test_the_example_of_a_configuration_is_not_json() -> None:
    done = typed("config", "--example", "--json")
    assert (done.code, done.out) == (2, "")
    assert "--example and --json do not go together" in done.err
