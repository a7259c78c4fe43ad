"""Starts and kills stages for the tests of this folder."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from connector.kafka.settings import KafkaSettings

REPOSITORY = Path(__file__).parents[2]


class StageProcess:
    """One stage, one process. Its configuration is written to `folder`."""

    def __init__(self, stage: str, kafka: KafkaSettings, folder: Path, **sections: Any) -> None:
        self._stage = stage
        self._config = folder / f"{stage}.json"
        account = {"name": "main", "system_id": "login", "password": "secret", "binds": 2}
        settings = {"kafka": kafka.model_dump(mode="json"), "accounts": [account], **sections}
        self._config.write_text(json.dumps(settings))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *die: str) -> None:
        """Start it; `die` is a step and how often it is reached before."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.stage_process", self._stage, str(self._config), *die),
            stdout=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )

    async def ready(self, seconds: float = 30.0) -> None:
        """Wait until it has its partitions."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        assert line == b"ready\n", f"the {self._stage} process ended before it was ready"

    async def died(self, seconds: float = 30.0) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        assert self._process is not None
        await asyncio.wait_for(self._process.communicate(), seconds)
        assert self._process.returncode is not None
        return self._process.returncode

    async def held(self, seconds: float = 30.0) -> dict[str, int]:
        """What it holds in memory; once it is ready."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGUSR1)
        found: dict[str, int] = json.loads(await asyncio.wait_for(self._process.stdout.readline(), seconds))
        return found

    def send(self, number: int) -> None:
        """A signal that does not end it."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        await self._signal(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM, and wait for the end; the exit code."""
        await self._signal(signal.SIGTERM)
        assert self._process is not None
        assert self._process.returncode is not None
        return self._process.returncode

    async def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self.died()
