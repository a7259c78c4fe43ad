"""Once at the end of a turn of the event loop, however often it was asked for: what is sent goes out in one write."""

import asyncio
from collections.abc import Callable


class Turn:
    """Calls `ended` once for all the `ends` of one turn."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._due = False

    def ends(self) -> None:
        """Something happened that the end of this turn must look at."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self._due = False
        self._ended()
