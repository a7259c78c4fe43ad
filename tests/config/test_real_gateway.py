"""What README.md says of the habits that only the real gateway can tell: every key in that table exists."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from connector.simulator.settings import SimulatorSettings
from connector.stages.settings import AccountSettings

README = Path(__file__).parent.parent.parent / "README.md"
OURS, THEIRS = range(2)


def keys(column: int) -> set[str]:
    """The names in a column of the table, without the values in brackets."""
    _, _, table = README.read_text(encoding="utf-8").partition("| only the gateway knows |")
    rows = [row.strip("| ").split(" | ") for row in table.partition("\n\n")[0].splitlines()[2:]]
    assert rows
    bare = [re.sub(r"\([^)]*\)", "", row[1 + column]) for row in rows]
    return {name for cell in bare for name in re.findall(r"`([a-z][a-z_.]*_?[a-z]*)`", cell)}


def names(model: type[BaseModel]) -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        nested = names(inner) if isinstance(inner, type) and issubclass(inner, BaseModel) else set()
        found |= {name, *nested, *(f"{name}.{one}" for one in nested)}
    return found


@pytest.mark.parametrize(
    ("column", "model", "others"),
    [
        (OURS, AccountSettings, {"payload", "duplicate"}),
        (THEIRS, SimulatorSettings, {"login", "host", "bind", "status", "script.submits"}),
    ],
)
def test_every_key_that_is_named_exists(column: int, model: type[BaseModel], others: set[str]) -> None:
    assert keys(column) - others
    assert keys(column) - others <= names(model)
