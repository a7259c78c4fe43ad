"""The replicas of all stages: real processes, run as an operator runs them, and started again when they end.

Rule: what a process does is its own; here it is only started, signalled and, where it ended by itself (as a stage does
that cannot reach Kafka at its start), started again after a moment, as Kubernetes would. Every process is ended by its
id when the fleet is, and by its leash should this process die.
"""

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

STOPS_WITHIN: Final = 60.0
_AGAIN_AFTER: Final = 1.0


class Replica:
    """One process of a stage, over all its lives."""

    def __init__(self, stage: str, number: int, config: Path, log: Path) -> None:
        self.stage = stage
        self.number = number
        self.log = log
        self.deaths: list[int] = []
        """Exit codes of the lives that it ended by itself."""
        self.slow = 0
        """Times that it did not stop when told."""
        self.refused: list[int] = []
        """Exit codes other than 0 after SIGTERM."""
        self.lock = asyncio.Lock()
        """Held by the fault that it suffers."""
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.number}"

    async def start(self) -> None:
        """Starts it, and keeps it running."""
        self._wanted = True
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep(), name=f"keeps {self.name}")

    def send(self, number: signal.Signals) -> None:
        """A signal, where there is a process."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL; it stays dead until `start`."""
        await self._let_go()
        self.send(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM; killed where that takes too long."""
        await self._let_go()
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(process.wait(), STOPS_WITHIN)
        except TimeoutError:
            self.slow += 1
            await self.kill()
            return
        # Before Python can handle it, SIGTERM ends a process that had not begun.
        if code not in (0, -signal.SIGTERM):
            self.refused.append(code)

    async def _let_go(self) -> None:
        self._wanted = False
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None

    async def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "connector", "run", self.stage, "--leash"),
                *(["--alone"] if self.stage == "route" else []),
                *("--config", str(self._config)),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _keep(self) -> None:
        while self._wanted:
            assert self._process is not None
            self.deaths.append(await self._process.wait())
            await asyncio.sleep(_AGAIN_AFTER)
            await self._spawn()


class Fleet:
    """All replicas."""

    def __init__(self, folder: Path, configs: Mapping[tuple[str, int], Path]) -> None:
        self.replicas = [
            Replica(stage, number, config, folder / f"{stage}-{number}.log")
            for (stage, number), config in configs.items()
        ]

    def of(self, stage: str) -> list[Replica]:
        return [replica for replica in self.replicas if replica.stage == stage]

    async def __aenter__(self) -> Self:
        for replica in self.replicas:
            await replica.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.gather(*(replica.kill() for replica in self.replicas))

    async def stop(self) -> None:
        """In order, as at the end of a day."""
        await asyncio.gather(*(replica.stop() for replica in self.replicas))
