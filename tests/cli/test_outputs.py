"""A command that cannot write, or is told to work where it cannot, says so in a line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import PATIENCE, environment, typed

COMMAND = f"{sys.executable} -m connector"
ROOT = Path(__file__).parent.parent.parent


def shell(line: str, *, buffered: bool) -> subprocess.CompletedProcess[str]:
    """A line as a person types it, `connector` being the command."""
    environ = environment() | {"PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(
        ["bash", "-c", line.replace("connector", COMMAND)],
        env=environ if buffered else environ | {"PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="writes to /dev/full")
@pytest.mark.parametrize(("command", "buffered"), [("config --example", False), ("explain-text hello", True)])
def test_a_full_disk_behind_the_output_is_one_line(command: str, buffered: bool) -> None:
    done = shell(f"connector {command} > /dev/full", buffered=buffered)
    assert (done.returncode, done.stderr) == (
        1,
        "error: the output cannot be written (No space left on device); make room, or write it elsewhere\n",
    )


@pytest.mark.parametrize(
    ("line", "buffered"), [("connector topics --help | true", True), ("connector topics --help >&-", False)]
)
def test_an_output_that_nobody_reads_is_no_fault(line: str, buffered: bool) -> None:
    assert shell(line, buffered=buffered).stderr == ""


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--bootstrap-servers", "nonsense", "--bootstrap-servers: found 'nonsense'; allowed is host:port"),
        ("--data-dir", "/dev/null/demo", "--data-dir: found '/dev/null/demo', where nothing can be written"),
        ("--data-dir", "/proc/self", "--data-dir: found '/proc/self', where nothing can be written"),
    ],
)
def test_the_demo_refuses_an_option_before_it_starts(option: str, value: str, words: str) -> None:
    done = typed("demo", option, value)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {words}")


def test_the_demo_names_the_broker_that_is_away() -> None:
    done = typed("demo", "--bootstrap-servers", "127.0.0.1:1")
    assert done.code == 3
    assert "is a broker at 127.0.0.1:1 (--bootstrap-servers)?" in done.err
