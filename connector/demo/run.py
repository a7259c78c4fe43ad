"""The demo: a mailing far above the account's speed, login codes among it, and the books at the end."""

import asyncio
import contextlib
import gc
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from rich.console import Console

from connector.demo.screen import Screen, gauges, summary
from connector.demo.tally import Tally
from connector.demo.traffic import Traffic
from connector.demo.world import PROCESSES, DemoError, FolderUnusable, World, ended, world
from connector.kafka.clients import Producer

LOOK_EVERY = 0.25
WARM_UP = 300
GAUGES_EVERY = 1.0
PARTS_A_TEXT = 1.08
"""Parts of an average text of the collection, rounded up."""
FILLED = 0.92
"""Share of the duration in which the mailing would go out at the account's speed; the rest is for the stragglers."""
GRACE = 60.0
"""Seconds beyond the duration after which the demo stops waiting and says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`duration` in seconds, `rate` in PDUs a second; `bulk` events, or as many as fit into the duration."""

    duration: float = 30.0
    rate: int = 800
    bulk: int | None = None
    keep: bool = False
    bootstrap_servers: str | None = None
    data_dir: Path | None = None
    seed: int | None = None

    @property
    def mailing(self) -> int:
        """How many bulk events are sent."""
        return self.bulk if self.bulk is not None else max(1, int(self.duration * FILLED * self.rate / PARTS_A_TEXT))


async def run(options: Options, console: Console) -> int:
    """Runs it whole; 0 where every event is reconciled, 1 where not, 130 where a signal ended it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:5.1f} s  {line}", markup=False)

    with _Folder(options.data_dir) as folder:
        starting = world(
            folder.path,
            rate=options.rate,
            bootstrap_servers=options.bootstrap_servers,
            say=say,
            data_dir=None if options.data_dir is None else options.data_dir / "kafka",
        )
        stack = AsyncExitStack()
        entering = asyncio.create_task(stack.enter_async_context(starting))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((entering, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not entering.done():
            say("interrupted while starting; stopping what runs already")
            entering.cancel()
            await asyncio.wait((entering,))
            return 130
        stopped.cancel()
        async with stack:
            made = entering.result()
            say(f"ready; logs of the stages in {made.log_file}")
            code = await _play(options, made, console, stop)
            folder.kept = folder.kept or code != 0
            if options.keep and not stop.is_set():
                _commands(console, made)
                await stop.wait()
                say("stopping")
                return code
            say("stopping")
    return 130 if stop.is_set() else code


async def _play(options: Options, made: World, console: Console, stop: asyncio.Event) -> int:
    # This process keeps every PDU and plays the gateway: looking through all of it would stop the gateway's clock for
    # half a second, and the connector would be throttled for what came in together afterwards.
    gc.disable()
    tally = Tally()
    rng = random.Random(options.seed)
    async with Producer(made.config.kafka, name="demo") as producer, aiohttp.ClientSession() as http:
        traffic = Traffic(made, tally, producer, rng)
        reading = asyncio.create_task(traffic.read())
        halted = asyncio.Event()
        await asyncio.sleep(LOOK_EVERY)
        console.print(f"warming up with {WARM_UP} ordinary messages", markup=False)
        warming = asyncio.create_task(traffic.warm_up(WARM_UP))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((warming, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        console.print(
            f"sending a mailing of {options.mailing:,} messages at once over an account of {options.rate:,} PDU/s, "
            "with a login code five times a second",
            markup=False,
        )
        sending = [
            asyncio.create_task(traffic.mailing(options.mailing)),
            asyncio.create_task(traffic.codes(halted)),
            asyncio.create_task(traffic.replies(halted)),
        ]
        try:
            with Screen(console, tally, speed=options.rate) as screen:
                await _watch(options, made, traffic, tally, screen, http, halted, stop)
        finally:
            halted.set()
            for task in (warming, *sending, reading):
                task.cancel()
            results = await asyncio.gather(warming, *sending, reading, return_exceptions=True)
        traffic.look_at_wire()
    for result in results:
        if isinstance(result, Exception):
            raise DemoError(f"a part of the demo failed: {type(result).__name__}; see {made.log_file}") from result
    faults = [] if stop.is_set() else tally.faults()
    summary(console, tally, faults=faults, interrupted=stop.is_set(), submits=len(made.simulator.record.submits()))
    return 1 if faults else 0


async def _watch(
    options: Options,
    made: World,
    traffic: Traffic,
    tally: Tally,
    screen: Screen,
    http: aiohttp.ClientSession,
    halted: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """Until everything that was sent is reconciled, the time is far over, or a signal comes."""
    began = time.monotonic()
    asked, figures = 0.0, await gauges(http, made.metrics_port + PROCESSES.index("submit"))
    while not stop.is_set():
        now = time.monotonic()
        if now - began >= options.duration * FILLED:
            halted.set()
        traffic.look_at_wire()
        if now - asked >= GAUGES_EVERY:
            asked, figures = now, await gauges(http, made.metrics_port + PROCESSES.index("submit"))
        screen.show(traffic.seen, figures)
        if (halted.is_set() and tally.done) or now - began > options.duration + GRACE:
            return
        if made.stages.returncode is not None:
            raise ended(made.stages, made.log_file)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)


def _commands(console: Console, made: World) -> None:
    """What to try in another shell while everything stays up."""
    at = f"--config {made.config_file}"
    console.print()
    kafka = made.config.kafka.bootstrap_servers
    console.print(f"Everything stays up; Kafka is at {kafka}. In another shell:", style="bold")
    for line in (
        f'export PATH="{Path(sys.executable).parent}:$PATH"',
        f"connector send {at} --to 79990000001 --sender Bank --text 'Your code is 123456' --wait receipt",
        f"connector watch {at} submit-responses --from end",
        f"connector topics show {at}",
        f"curl http://127.0.0.1:{made.metrics_port + PROCESSES.index('submit')}/metrics",
    ):
        console.print(f"  {line}", markup=False)
    console.print("Ctrl-C ends it.")


class _Folder:
    """Where everything is: a folder that was named, or one that goes with the demo, unless somebody will want its logs.

    Raises `FolderUnusable` for a name where nothing can be written.
    """

    def __init__(self, data_dir: Path | None) -> None:
        self.kept = data_dir is not None
        if data_dir is None:
            self.path = Path(tempfile.mkdtemp(prefix="sms-connector-demo-"))
            return
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=data_dir):
                pass
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no path"
            raise FolderUnusable(
                f"--data-dir: found {str(data_dir)!r}, where nothing can be written ({reason}); "
                "name a folder of yours, or one that can be made"
            ) from None
        self.path = data_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        # What a `DemoError` says ends with the place of the log.
        if not self.kept and not isinstance(error, DemoError):
            shutil.rmtree(self.path, ignore_errors=True)
