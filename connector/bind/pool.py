"""The binds of one account, by slot. The last station of this room: the submit stage holds one pool per account.

Rule: which slots there are is the stage's decision (a slot is a bind is a partition); the pool only keeps them.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from connector.bind.bind import Bind
from connector.bind.settings import BindSettings, system_type
from connector.bind.status import BindHandler, BindStatus


class Pool:
    """Use from one event loop. `clock` gives monotonic seconds; `may_write` is asked before octets leave, and a bind
    whose process has lost its lease ends its connection instead of writing.

    `iso` and `single` go into the composed system_type; `label` names the account in logs.
    """

    def __init__(
        self,
        settings: BindSettings,
        handler: BindHandler,
        *,
        label: str = "account",
        iso: bool = False,
        single: bool = False,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._settings = settings
        self._handler = handler
        self._label = label
        composed = system_type(binds=settings.binds, iso=iso, single=single)
        self._system_type = composed if settings.system_type is None else settings.system_type
        self._clock = clock
        self._random = random if random is not None else Random()
        self._may_write = may_write
        self._binds: dict[int, Bind] = {}
        self._leaving: dict[int, asyncio.Task[None]] = {}
        self._fault: asyncio.Future[None] | None = None

    @property
    def binds(self) -> Mapping[int, Bind]:
        """The binds by slot, those that are leaving not among them."""
        return MappingProxyType(self._binds)

    async def add(self, slot: int) -> Bind:
        """The bind of this slot, started where it is new; it becomes ready later (`on_ready`).

        Waits for an earlier bind of the slot that is still leaving, so that one slot never has two.
        """
        while (leaving := self._leaving.get(slot)) is not None:
            await asyncio.wait([leaving])
        known = self._binds.get(slot)
        if known is not None:
            return known
        bind = Bind(
            slot,
            self._settings,
            self._handler,
            system_type=self._system_type,
            label=self._label,
            clock=self._clock,
            random=self._random,
            may_write=self._may_write,
        )
        self._binds[slot] = bind
        bind.start().add_done_callback(self._ended)
        return bind

    async def remove(self, slot: int, deadline: float) -> None:
        """End the slot's bind cleanly: no more submits at once, answers in flight for at most `deadline` seconds from
        now, unbind, close. A slot that is not there is no error."""
        bind = self._binds.pop(slot, None)
        if bind is not None:
            self._leaving[slot] = asyncio.get_running_loop().create_task(self._leave(slot, bind, deadline))
        leaving = self._leaving.get(slot)
        if leaving is not None:
            await asyncio.shield(leaving)

    async def close(self, deadline: float) -> None:
        """End all the binds, together, as `remove` does."""
        slots = {*self._binds, *self._leaving}
        await asyncio.gather(*(self.remove(slot, deadline) for slot in slots))

    def status(self) -> list[BindStatus]:
        """Every bind, by slot."""
        return [self._binds[slot].status() for slot in sorted(self._binds)]

    async def watch(self) -> None:
        """Run beside the stage, in its task group: returns never, raises what a bind died of by a fault of ours."""
        if self._fault is None or self._fault.done():
            self._fault = asyncio.get_running_loop().create_future()
        await self._fault

    async def _leave(self, slot: int, bind: Bind, deadline: float) -> None:
        try:
            await bind.close(deadline)
        finally:
            del self._leaving[slot]

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if self._fault is not None and not self._fault.done():
            self._fault.set_exception(error)
        else:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a bind ended by a fault", "exception": error, "task": task}
            )
