"""A stage in a process of its own, that a test can kill: `python -m tests.faults.stage_process STAGE CONFIG [STEP N]`.

With a step the process kills itself (SIGKILL) the N-th time it gets there, so no step is missed by chance. Steps are
`before:` or `after:` one of the names in `STEPS`; a message id behind N counts only what that step does about this
message. With `poison` in place of a step, and the beginning of a message's id in place of N, it kills itself whenever
it sees such a message. With `pace` and a number the submitter's time of day goes so many times as fast. "ready" is
printed once partitions are assigned, and at SIGUSR1 what it holds in memory.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import connector.stages.collect
import connector.stages.express
import connector.stages.forwarding
import connector.stages.route
import connector.stages.submit.stage
from connector.bind.bind import Bind
from connector.bind.link import Link
from connector.domain.events import Delivery, LaneMessage
from connector.domain.messages import OutboundMessage
from connector.kafka.clients import Consumer, Record
from connector.kafka.records import Codec
from connector.stages.clock import epoch_ms
from connector.stages.collect_batch import Batch
from connector.stages.polling import PollingConsumer
from connector.stages.settings import StageConfig
from connector.stages.submit.journal import Journal
from connector.stages.submit.run import Submitter
from connector.stages.submit.work import Work
from connector.stages.tables import StageTable

# What each stage does with a batch, in this order: where to find it.
STEPS: dict[str, dict[str, tuple[object, str]]] = {
    "route": {
        "send": (connector.stages.forwarding, "send_durably"),
        "commit": (PollingConsumer, "_commit"),
    },
    "collect": {
        "events": (connector.stages.collect, "send_durably"),
        "changelog": (connector.stages.collect, "send_located"),
        "store": (StageTable, "persist"),
        "commit": (PollingConsumer, "_commit"),
    },
    "submit": {
        "intent": (Journal, "intents"),
        "write": (Bind, "submit"),
        "response": (Submitter, "on_response"),
        "done": (Journal, "_note"),
        "publish": (Journal, "_write"),
        "commit": (Consumer, "commit"),
        "read": (Submitter, "on_delivery"),
        "store": (Journal, "deliveries"),
        "acknowledge": (Link, "respond"),
    },
}

# Which calls count, where the function does more than its step: by its arguments behind self, and the message's id.
COUNTED: dict[str, Callable[[tuple[Any, ...], str], bool]] = {
    "intent": lambda given, name: any(work.item.message_id == name for _, work in given[0]),
    "write": lambda given, name: given[1][1].work.item.message_id == name,
    "response": lambda given, name: given[1][1].work.item.message_id == name,
    "done": lambda given, name: given[1] == "done" and any(entry.message_id == name for _, entry in given[0]),
    "publish": lambda given, name: any(
        record.topic.endswith("submit-responses") and record.key == name.encode() for record in given[0]
    ),
}

# What a link has queued leaves with the next turn of its loop; the step is over when the octets are with the kernel.
FLUSHED: dict[str, Callable[[Any], None]] = {
    "write": lambda bind: bind._sender._flush(),
    "acknowledge": lambda link: link._flush(),
}

RUNS: dict[str, Callable[[StageConfig, Callable[[], None], asyncio.Event], Coroutine[Any, Any, None]]] = {
    "route": connector.stages.route.run_route,
    "express": connector.stages.express.run_express,
    "collect": connector.stages.collect.run_collect,
    "submit": connector.stages.submit.stage.run_submit,
}


def arm(stage: str, step: str, count: int, message_id: str | None = None) -> None:
    """Make the process die at this step."""
    when, name = step.split(":")
    owner, attribute = STEPS[stage][name]
    original: Callable[..., Any] = getattr(owner, attribute)
    counts = COUNTED.get(name)
    flushed = FLUSHED.get(name)
    left = [count]

    def reached(moment: str, arguments: tuple[Any, ...]) -> None:
        if moment != when or (message_id is not None and counts is not None and not counts(arguments[1:], message_id)):
            return
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def patched(*arguments: Any, **options: Any) -> Any:
        reached("before", arguments)
        result = await original(*arguments, **options)
        reached("after", arguments)
        return result

    def patched_plain(*arguments: Any, **options: Any) -> Any:
        reached("before", arguments)
        result = original(*arguments, **options)
        if flushed is not None:
            flushed(arguments[0])
        reached("after", arguments)
        return result

    setattr(owner, attribute, patched if asyncio.iscoroutinefunction(original) else patched_plain)


def poison(start: str) -> None:
    """Make the process die as by a fault in a native library, wherever such a message is looked at."""
    decode, take = Codec.decode, Batch.take

    def see(name: str | None) -> None:
        if name is not None and name.startswith(start):
            os.kill(os.getpid(), signal.SIGKILL)

    def decoded(self: Codec, cls: type[Any], data: bytes | None) -> Any:
        found = decode(self, cls, data)
        if isinstance(found, OutboundMessage):
            see(found.id)
        return found

    def taken(self: Batch, record: Record, item: Delivery) -> None:
        see(item.message_id)
        take(self, record, item)

    Codec.decode, Batch.take = decoded, taken  # type: ignore[method-assign]


def held() -> dict[str, int]:
    """Messages in memory, by how they are kept; `rss`: all memory in kB, `cpu`: milliseconds so far."""
    kinds = {Work: "works", LaneMessage: "items", OutboundMessage: "events", Record: "records"}
    counts = Counter(kinds[type(each)] for each in gc.get_objects() if type(each) in kinds)
    found = {name: counts[name] for name in kinds.values()}
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else ()
    rss = next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
    return found | {"rss": rss, "cpu": int(time.process_time() * 1000)}


def pace(factor: float) -> None:
    """Let the time of day go faster from now on."""
    began = epoch_ms()
    name = "epoch_ms"
    setattr(connector.stages.submit.stage, name, lambda: began + int((epoch_ms() - began) * factor))


def say_ready() -> None:
    print("ready", flush=True)  # noqa: T201  # the test waits for it


async def run(stage: str, config: StageConfig, ready: Callable[[], None] = say_ready) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: print(json.dumps(held()), flush=True))  # noqa: T201  # as above
    await RUNS[stage](config, ready, stop)


if __name__ == "__main__":
    chosen, path, *die = sys.argv[1:]
    if die and die[0] == "poison":
        poison(die[1])
    elif die and die[0] == "pace":
        pace(float(die[1]))
    elif die:
        arm(chosen, die[0], int(die[1]), *die[2:])
    asyncio.run(run(chosen, StageConfig.model_validate(json.loads(Path(path).read_text()))))
