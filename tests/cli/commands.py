"""The commands as a person runs them: processes with pipes, so everything they print is plain."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from typer.testing import CliRunner

PATIENCE = 60.0


class Done(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as one JSON value."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """What it printed, as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment() -> dict[str, str]:
    """Ours without settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SMS_")} | {"COLUMNS": "200"}


def typed(*arguments: str) -> Done:
    """A command inside this process, where nothing depends on its being another: it takes a second less."""
    from connector.cli.app import app

    found = CliRunner().invoke(app, list(arguments), prog_name="connector")
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return Done(found.exit_code, found.stdout, found.stderr)


@asynccontextmanager
async def started(
    *arguments: str, stdin: int = asyncio.subprocess.DEVNULL, cwd: Path | None = None, temporary: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs; killed at the end, if it still does. `temporary`: where its temporary files go."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", *arguments),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment()
        | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)}
        | ({} if temporary is None else {"TMPDIR": str(temporary)}),
        cwd=cwd,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(*arguments: str, given: bytes = b"", cwd: Path | None = None) -> Done:
    """A command from start to end; never a traceback."""
    async with started(*arguments, stdin=asyncio.subprocess.PIPE, cwd=cwd) as process:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(given)
        assert process.returncode is not None
        done = Done(process.returncode, out.decode(), err.decode())
    assert "Traceback" not in done.err, done.err
    assert "\x1b" not in done.out + done.err, "no colours in a pipe"
    return done


async def ended(process: asyncio.subprocess.Process, how: signal.Signals) -> Done:
    """Sends a signal and waits for the end."""
    process.send_signal(how)
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


def configuration(folder: Path, bootstrap_servers: str, prefix: str, **account: Any) -> Path:
    """A configuration file with one account."""
    tree = {
        "kafka": {
            "bootstrap_servers": bootstrap_servers,
            "topic_prefix": prefix,
            "outbound_partitions": 2,
            "deliveries_partitions": 1,
            "results_partitions": 1,
        },
        "accounts": [
            {"name": "main", "host": "127.0.0.1", "port": 1, "system_id": "demo", "password": "demo", **account}
        ],
        "telemetry": {"metrics_port": None},
    }
    path = folder / "connector.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path
