"""An event loop whose time is a number: it jumps to the next timer, so minutes pass in milliseconds.

What runs in a replica carries the replica's `Process` in its context. A stopped process' calls are kept until it goes
on, late timers included, which is what SIGSTOP does; one that is never let go on again is dead. Next station: `wire`.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from typing import Any

OWNER: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("owner", default=None)
"""The process that a call belongs to; None for the gateway, the broker and the simulation itself."""

_GRAIN = 1e-9


class Deadlock(RuntimeError):
    """Nothing is left that could happen."""


class Process:
    """What is stopped, let go on, or killed as one. `trap` is called once after so many more of its calls."""

    __slots__ = (
        "away_until",
        "calls",
        "dead",
        "kept",
        "lost_in_flight",
        "name",
        "stopped",
        "trap",
        "trap_at",
        "wall_ms",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.stopped = False
        self.dead = False
        self.kept: list[Call] = []
        self.calls = 0
        self.trap_at = -1
        self.trap: Callable[[], None] | None = None
        self.away_until = -1.0
        """Until then the broker cannot be reached from here."""
        self.lost_in_flight = False
        """Whether what it had sent to the broker when it died was lost on the way."""
        self.wall_ms = 0
        """How far its wall clock is off, in milliseconds."""


class _Task(asyncio.Task[Any]):
    """A task that sorts by its number in a set, and not by where it happens to lie in memory."""

    made = 0

    def __init__(self, coro: Coroutine[Any, Any, Any], **named: Any) -> None:
        _Task.made += 1
        self._number = _Task.made  # before asyncio puts the task into its own set
        super().__init__(coro, **named)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


def _task(loop: asyncio.AbstractEventLoop, coro: Any, **named: Any) -> Any:
    return _Task(coro, loop=loop, **named)


class Call:
    """Something to be called, at once or at its time; the handle that asyncio's users may cancel."""

    __slots__ = ("args", "at", "call", "context", "gone")

    def __init__(self, at: float, call: Callable[..., object], args: tuple[Any, ...], context: Any) -> None:
        self.at = at
        self.call = call
        self.args = args
        self.context = contextvars.copy_context() if context is None else context
        self.gone = False

    def cancel(self) -> None:
        self.gone = True
        self.args = ()

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self.at


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs everything of one world. Connections and listeners are the `network`'s, threads do not exist.

    Calls and timers are lighter than asyncio's own, which check on every call what cannot be wrong here.
    """

    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._calls: deque[Call] = deque()
        self._timers: list[tuple[float, int, Call]] = []
        self._order = 0
        self.network: Any = None
        self.faults: list[BaseException | str] = []
        self.root = contextvars.copy_context()
        self.root.run(OWNER.set, None)
        _Task.made = 0
        self.set_task_factory(_task)
        self.set_exception_handler(self._noted)

    def time(self) -> float:
        return self._now

    def outside(self, delay: float, call: Callable[..., object], *args: Any) -> Call:
        """A call that belongs to no process, however it was asked for."""
        return self.call_at(self._now + delay, call, *args, context=self.root)

    def let_go_on(self, process: Process) -> None:
        """What was kept while the process stood still runs now, in its old order."""
        process.stopped = False
        kept, process.kept = process.kept, []
        self._calls.extend(kept)

    def _noted(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.faults.append(context.get("exception") or str(context.get("message")))

    # What asyncio asks for

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Call:  # type: ignore[override]  # a lighter handle
        call = Call(self._now, callback, args, context)
        self._calls.append(call)
        return call

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Call:  # type: ignore[override]  # a lighter handle
        call = Call(when, callback, args, context)
        self._order += 1
        heappush(self._timers, (when, self._order, call))
        return call

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Call:  # type: ignore[override]  # a lighter handle
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        timers, calls = self._timers, self._calls
        while timers and timers[0][2].gone:
            heappop(timers)
        if not calls and not self._stopping:
            if not timers:
                raise Deadlock("nothing is left that could happen")
            self._now = max(self._now, timers[0][0])
        end = self._now + _GRAIN
        while timers and timers[0][0] < end:
            # Not ahead of its time: what looks at the clock and waits for the rest would do so for ever.
            self._now = max(self._now, timers[0][0])
            calls.append(heappop(timers)[2])
        for _ in range(len(calls)):
            call = calls.popleft()
            if call.gone:
                continue
            context = call.context
            process = context.get(OWNER)
            if process is not None and process.stopped:
                process.kept.append(call)
                continue
            try:
                context.run(call.call, *call.args)
            except Exception as error:
                self.call_exception_handler({"message": "a call failed", "exception": error})
            if process is not None:
                process.calls += 1
                if process.calls == process.trap_at and process.trap is not None:
                    process.trap()

    def _write_to_self(self) -> None:
        """Nobody waits in a selector."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]  # no thread, so no need for their types
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect(protocol_factory, port)

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return self.network.listen(protocol_factory, port)
