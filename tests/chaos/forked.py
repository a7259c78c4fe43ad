"""A submitter in a process of its own, forked from one that has imported everything, for the many of a crash table.

A stage that is started anew spends more time on its imports than on the few messages it is to die with. Signals and
the way it dies are those of tests/faults/stage_process.py.
"""

import asyncio
import json
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from connector.stages.settings import StageConfig
from tests.faults.stage_process import arm, run

_MINUTES: Final = 180.0
"""Seconds; on a machine with other work a start may take long, and nothing here measures it."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.stage_process"])


class Forked:
    """One submitter; what it says goes to `log`."""

    def __init__(self, settings: Mapping[str, Any], log: Path) -> None:
        self._settings = json.dumps(settings)
        self._log = log
        self._process: Any = None
        self._heard: Connection | None = None

    async def start(self, die: Sequence[str] = ()) -> None:
        """Starts it and waits until it has its partitions; `die`: step, how often, whose message."""
        self._heard, said = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_submit, args=(self._settings, str(self._log), tuple(die), said))
        await asyncio.to_thread(self._process.start)
        said.close()
        assert await asyncio.to_thread(self._heard.poll, _MINUTES), "the submitter was not ready in time"
        try:
            self._heard.recv()
        except EOFError:
            raise AssertionError("the submitter ended before it was ready") from None

    async def died(self) -> int | None:
        """Waits for its end; the exit code, negative for a signal, or None where it did not end."""
        await asyncio.to_thread(self._process.join, _MINUTES)
        code: int | None = self._process.exitcode
        return code

    async def terminate(self) -> int | None:
        """SIGTERM, and waits for the end; the exit code."""
        self._process.terminate()
        return await self.died()

    def kill(self) -> None:
        """SIGKILL, if there is anything to kill, and no trace of it."""
        if self._process is not None and self._process.pid is not None:
            self._process.kill()
            self._process.join()
        if self._heard is not None:
            self._heard.close()


def _submit(settings: str, log: str, die: tuple[str, ...], said: Connection) -> None:
    """The child."""
    # Ctrl-C is for the process that started it, which then ends it by its id.
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    place = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(place, 1)
    os.dup2(place, 2)
    if die:
        arm("submit", die[0], int(die[1]), *die[2:])
    asyncio.run(run("submit", StageConfig.model_validate_json(settings), lambda: said.send(True)))
