"""Which bind a message belongs to: a slot is a bind is a partition.

Every bind of every account is one slot; slot *s* owns partition *s* of each lane and of the ledger. The recipient's
digest picks the slot within the account, so messages to one number and the parts of one message keep their order, and
the guards of that number live in one place. Routing asks `of`, the submitter asks `owner`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotOwner:
    """The account behind a slot, and the number of the bind within it, from 0."""

    account: str
    index: int
    count: int


class SlotMap:
    """The slots of all accounts in the order of the configuration; equal configurations give equal maps."""

    def __init__(self, binds: Sequence[tuple[str, int]]) -> None:
        """`binds`: account name and its number of binds (1 or more), in configuration order."""
        self._owners: list[SlotOwner] = []
        self._first: dict[str, tuple[int, int]] = {}
        for account, count in binds:
            self._first[account] = (len(self._owners), count)
            self._owners.extend(SlotOwner(account=account, index=index, count=count) for index in range(count))

    def __len__(self) -> int:
        return len(self._owners)

    def of(self, account: str, recipient: str) -> int:
        """The slot of a message; KeyError for an unknown account."""
        first, count = self._first[account]
        if count == 1:
            return first
        digest = blake2b(recipient.lstrip("+").encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return first + int.from_bytes(digest, "big") % count

    def slots(self, account: str) -> range:
        """All slots of an account; KeyError for an unknown account."""
        first, count = self._first[account]
        return range(first, first + count)

    def owner(self, slot: int) -> SlotOwner | None:
        """Whose bind a slot is, or None where the configuration has fewer slots than the topic has partitions."""
        return self._owners[slot] if 0 <= slot < len(self._owners) else None
