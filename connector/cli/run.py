"""`connector run`: one stage in this process, or several, each in a process of its own.

A stage never shares its event loop with another: a router busy with a million events must not delay a login code by a
millisecond. When one process dies the others are stopped too, so that whoever supervises this one (Kubernetes, systemd)
starts all of it again.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from connector import telemetry
from connector.cli.common import (
    EXIT_FAILED,
    EXIT_USAGE,
    ConfigOption,
    configure_logging,
    err,
    fail,
    load_config,
)
from connector.cli.endings import trail, verdict
from connector.cli.leash import hold_on
from connector.stages.leaving import stops_within
from connector.stages.settings import StageConfig

log = logging.getLogger(__name__)

STOP_GRACE = 15.0
"""Seconds beyond its own drain time before a submitter that does not end is killed."""

EXIT_GRACE = 5.0
"""Seconds that a process may take to end when its stage has, before it is killed."""

_NICENESS = 5
_GC_THRESHOLDS = (20_000, 20, 20)


class Stage(StrEnum):
    """What can be asked for on the command line; `route` brings the express entrance with it."""

    ROUTE = "route"
    EXPRESS = "express"
    SUBMIT = "submit"
    COLLECT = "collect"


Runner = Callable[[StageConfig, Callable[[], None], asyncio.Event], Awaitable[None]]

_PROCESSES: dict[Stage, tuple[Stage, ...]] = {
    Stage.ROUTE: (Stage.ROUTE, Stage.EXPRESS),
    Stage.EXPRESS: (Stage.EXPRESS,),
    Stage.SUBMIT: (Stage.SUBMIT,),
    Stage.COLLECT: (Stage.COLLECT,),
}


_YIELDING = frozenset({Stage.ROUTE, Stage.COLLECT})
"""Where all stages share one machine its processors are a queue too, and these two work through backlogs: they yield to
express and submit, through which the urgent messages go."""


def run(
    stages: Annotated[
        list[Stage] | None, typer.Argument(help="Stages to run: route, submit, collect, express.", show_default="all")
    ] = None,
    config: ConfigOption = None,
    alone: Annotated[bool, typer.Option("--alone", help="`route` without its express entrance.")] = False,
    port_offset: Annotated[int, typer.Option("--port-offset", hidden=True)] = 0,
    leash: Annotated[bool, typer.Option("--leash", hidden=True, help="Stop when standard input ends.")] = False,
) -> None:
    """Run the connector, or some of its stages.

    Without arguments all stages run, each in a process of its own. The first process answers on the configured metrics
    port (/metrics, /healthz/live, /healthz/ready), the others on the ports after it, in the order route, express,
    submit, collect. SIGTERM and Ctrl-C stop cleanly: what is in flight is finished, offsets are committed, binds end.

    Examples:

        connector run

        connector run submit --config /etc/connector/connector.yaml

        connector run route collect
    """
    if alone and stages and Stage.ROUTE not in stages:
        given = " ".join(stages)
        fail(
            f"--alone: found with {given}, and only `route` brings another stage with it; leave --alone out", EXIT_USAGE
        )
    settings = load_config(config)
    if not settings.accounts:
        fail("accounts: none configured; at least one is needed. `connector config --example` shows one", EXIT_USAGE)
    wanted: list[Stage] = []
    for stage in stages or [Stage.ROUTE, Stage.SUBMIT, Stage.COLLECT]:
        wanted.extend(name for name in ((stage,) if alone else _PROCESSES[stage]) if name not in wanted)
    if len(wanted) == 1:
        raise typer.Exit(_inline(wanted[0], settings, port_offset, leash))
    raise typer.Exit(asyncio.run(_supervise(wanted, config.as_posix() if config else None, settings)))


def _runner(stage: Stage) -> Runner:
    """Imports only what the stage needs: Faust alone takes a second to load."""
    match stage:
        case Stage.ROUTE:
            from connector.stages.route import run_route

            return run_route
        case Stage.EXPRESS:
            from connector.stages.express import run_express

            return run_express
        case Stage.SUBMIT:
            from connector.stages.submit.stage import run_submit

            return run_submit
        case Stage.COLLECT:
            from connector.stages.collect import run_collect

            return run_collect


def _inline(stage: Stage, settings: StageConfig, port_offset: int, leash: bool) -> int:
    configure_logging(settings, stage.value)
    if leash and stage in _YIELDING:
        os.nice(_NICENESS)
    # What is loaded now lives as long as the process; looking through it again and again costs a stage a twentieth.
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        return asyncio.run(_stage(stage, settings, port_offset, leash))
    except Exception as error:
        # The stage's edge: whatever it was, it ends in a stop, and nothing unfinished was committed.
        code, words = verdict(error, settings)
        err.print(f"error: {stage}: {words}", markup=False)
        log.debug("what ended the stage: %s", trail(error))
        return code


async def _stage(stage: Stage, settings: StageConfig, port_offset: int, leash: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if leash:
        hold_on(lambda: loop.call_soon_threadsafe(stop.set), grace=_patience(settings))
    own = settings.telemetry
    if own.metrics_port:
        own = own.model_copy(update={"metrics_port": own.metrics_port + port_offset})
    health = telemetry.start(own, stage.value)
    is_ready = False

    def ready() -> None:
        nonlocal is_ready
        is_ready = True
        health.ready(True, "running")
        log.info("ready%s", f"; /metrics and /healthz on port {own.metrics_port}" if own.metrics_port else "")

    stopping = asyncio.create_task(stop.wait())
    running = asyncio.ensure_future(_runner(stage)(settings, ready, stop))
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done() and not is_ready:
            # Nothing was taken yet, and what it waits for (a broker, a group) may never come.
            running.cancel()
        await running
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        stopping.cancel()
        await health.stop()
    return 0


def _patience(settings: StageConfig) -> float:
    """Seconds in which any stage has stopped, or will not."""
    readers = max(settings.route.drain_seconds, settings.collect.drain_seconds)
    return max(stops_within(readers) + EXIT_GRACE, settings.submit.drain_seconds + STOP_GRACE)


class _Child(NamedTuple):
    stage: Stage
    process: asyncio.subprocess.Process


async def _supervise(stages: list[Stage], config: str | None, settings: StageConfig) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    children: list[_Child] = []
    try:
        for offset, stage in enumerate(stages):
            children.append(_Child(stage, await _spawn(stage, config, offset)))
        waits = {asyncio.create_task(child.process.wait()): child for child in children}
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([*waits, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        ended = next((child for task, child in waits.items() if task.done()), None)
        if ended is None or stop.is_set():
            return await _stop(children, settings)
        code = ended.process.returncode
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
        err.print(f"error: the {ended.stage} process {how}; stopping the others", markup=False)
        await _stop(children, settings)
        return code if code is not None and code > 0 else EXIT_FAILED
    finally:
        for child in children:
            if child.process.returncode is None:
                child.process.kill()
                await child.process.wait()


async def _spawn(stage: Stage, config: str | None, offset: int) -> asyncio.subprocess.Process:
    command = [
        sys.executable,
        "-m",
        "connector",
        "run",
        stage.value,
        *(["--alone"] if stage is Stage.ROUTE else []),
        "--leash",
        "--port-offset",
        str(offset),
    ]
    if config is not None:
        command += ["--config", config]
    # A group of its own, so that Ctrl-C at the terminal reaches the children once, through us.
    # Its standard input is the leash: it ends when this process does, whatever ended it.
    return await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, start_new_session=True, env=os.environ
    )


async def _stop(children: list[_Child], settings: StageConfig) -> int:
    """Asks all stages to end at once, and waits until each has."""
    deadline = time.monotonic() + _patience(settings)
    worst = 0
    for child in children:
        if child.process.returncode is None:
            child.process.terminate()
    for child in children:
        try:
            code = await asyncio.wait_for(child.process.wait(), max(0.1, deadline - time.monotonic()))
        except TimeoutError:
            err.print(f"error: the {child.stage} process did not stop in time and was killed", markup=False)
            child.process.kill()
            code = await child.process.wait()
        if code == -signal.SIGTERM:
            # Our own signal met it before it could handle one, so it had not begun.
            code = 0
        worst = worst or (EXIT_FAILED if code < 0 else code)
    return worst
