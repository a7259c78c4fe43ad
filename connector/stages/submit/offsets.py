"""Which offset of a lane may be committed: never past a record that still has an item under way."""

from collections import deque


class OffsetTracker:
    """Counts the unfinished items of each record of one partition; records are opened in the order of their offsets."""

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._left: dict[int, int] = {}
        self._committable: int | None = None
        self.last = -1
        """The offset of the newest record that was opened."""

    def opened(self, offset: int, items: int) -> None:
        """A record with `items` items was read (0 items: finished at once)."""
        assert not self._order or offset > self._order[-1], "an assignment's records are opened once, in order"
        self._order.append(offset)
        self._left[offset] = items
        self.last = offset
        self._advance()

    def finished(self, offset: int) -> None:
        """One item of the record is done; a record that is not open is ignored."""
        if offset in self._left:
            self._left[offset] -= 1
            self._advance()

    @property
    def empty(self) -> bool:
        """Whether nothing that was opened is unfinished."""
        return not self._order

    @property
    def committable(self) -> int | None:
        """The offset to commit (the next one to read), or None while nothing is finished."""
        return self._committable

    def _advance(self) -> None:
        while self._order and self._left[self._order[0]] <= 0:
            offset = self._order.popleft()
            del self._left[offset]
            self._committable = offset + 1
