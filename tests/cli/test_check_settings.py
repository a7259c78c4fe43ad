"""`connector check` on what may be meant: no start is refused for it, and every oddity has a warning of its own."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.commands import typed

# An account's settings, and what is said of its system_type.
SYSTEM_TYPES: list[tuple[dict[str, Any], list[str]]] = [
    ({"binds": 3, "iso": True}, []),
    ({"system_type": "MCON3,ISO", "binds": 3, "iso": True}, []),
    ({"system_type": "SINGLE", "single": True}, []),
    ({"system_type": ""}, []),
    ({"system_type": "ISO"}, ["has ISO, and iso is false"]),
    ({"system_type": "MCON2", "iso": True}, ["iso is true, and system_type 'MCON2' has no ISO"]),
    ({"system_type": "", "iso": True}, ["iso is true, and system_type '' has no ISO"]),
    ({"system_type": "SINGLE"}, ["has SINGLE, and single is false"]),
    ({"system_type": "MCON1", "single": True}, ["single is true, and system_type 'MCON1' has no SINGLE"]),
    ({"system_type": "iso,MCON2", "iso": True}, ["has small letters"]),
    ({"system_type": "ISO, MCON2", "iso": True}, ["has blanks"]),
    ({"system_type": "ISO, mcon3", "binds": 3}, ["has ISO, and iso is false", "has small letters and blanks"]),
    ({"system_type": "vma"}, ["holds what this gateway does not know: vma"]),
    ({"system_type": "ISO,,MCON", "iso": True}, ["does not know: an empty word, MCON"]),
    ({"system_type": "MCON2,MCON3", "binds": 2}, ["has MCON more than once"]),
]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """Of every account, by its name. One run: there is no broker, and that takes a while to be sure of."""
    login = {"host": "127.0.0.1", "port": 1, "system_id": "demo", "password": "demo"}
    accounts = [{"name": f"a{number}", **login, **given} for number, (given, _) in enumerate(SYSTEM_TYPES)]
    path = tmp_path_factory.mktemp("check") / "connector.yaml"
    tree = {"kafka": {"bootstrap_servers": "127.0.0.1:1"}, "accounts": accounts, "default_account": "a0"}
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    done = typed("check", "--config", str(path), "--json")
    found: dict[str, list[dict[str, str]]] = {}
    for each in done.json["findings"]:
        found.setdefault(each["what"].removeprefix("account "), []).append(each)
    return found


@pytest.mark.parametrize(
    ("number", "row"), list(enumerate(SYSTEM_TYPES)), ids=[str(given) for given, _ in SYSTEM_TYPES]
)
def test_a_system_type_that_says_otherwise_than_the_settings_is_told(
    findings: dict[str, list[dict[str, str]]], number: int, row: tuple[dict[str, Any], list[str]]
) -> None:
    _, wanted = row
    found = findings.get(f"a{number}", [])
    assert len(found) == len(wanted), found
    for each, words in zip(found, wanted, strict=True):
        assert words in each["words"]
        assert (each["level"], bool(each["remedy"])) == ("warning", True)


def test_several_binds_without_their_mcon_are_no_start(tmp_path: Path) -> None:
    login = {"name": "main", "host": "127.0.0.1", "system_id": "demo", "password": "demo"}
    path = tmp_path / "connector.yaml"
    path.write_text(yaml.safe_dump({"accounts": [{**login, "binds": 3, "system_type": "ISO"}]}), encoding="utf-8")
    for command in (("check",), ("run",)):
        done = typed(*command, "--config", str(path))
        assert done.code == 2
        assert "it has no MCON, and binds is 3; MCON3 to MCON9 is allowed" in done.err
