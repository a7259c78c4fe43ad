"""What the gateway would refuse or block for what came just before it: identical requests, and floods to one number.

The rule: the gateway counts when it sees a request, so this is asked when a message's turn has come, and told when it
left. One `Guards` serves all messages of a slot, which has all messages to a number. Times are milliseconds since the
epoch; `keys` are the digests of a message's requests, `number` that of its recipient: nothing here knows either.
Source: gateway.md, "Speed, priority, and the server's own guards". Next station: the submitter's slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

MARGIN_MS: Final = 1_000
"""A held message goes so much later than the rule asks: the gateway's clock starts when the first one arrives there."""

PENDING_MS: Final = 1_000
"""When to ask again while the answer to an identical request is on its way: only an accepted one makes a duplicate."""


class DuplicateGuard(StrEnum):
    """What becomes of a request identical to one that was accepted just before."""

    REPORT = "report"
    HOLD = "hold"
    OFF = "off"


class FloodGuard(StrEnum):
    """What becomes of a message that the gateway would block as one of too many to a number."""

    HOLD = "hold"
    REFUSE = "refuse"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """An account's rules; windows in milliseconds."""

    duplicates: DuplicateGuard = DuplicateGuard.REPORT
    duplicate_ms: int = 60_000
    floods: FloodGuard = FloodGuard.HOLD
    flood_limit: int = 50
    flood_gap_ms: int = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Nothing speaks against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Not before this time; ask again then."""

    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identical:
    """The gateway has accepted the same request within the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """It would be one of too many to its number."""


Advice = Go | Hold | Identical | Flood
GO: Final = Go()


class _Sent(NamedTuple):
    """One request that left; `accepted` once the gateway said so."""

    message_id: str
    at: int
    accepted: bool


class _Run(NamedTuple):
    """Messages to one number with gaps below the limit, and when the last one left."""

    length: int
    last: int


class Guards:
    """The memory of one slot: what left within the last minute."""

    def __init__(self, rules: GuardRules) -> None:
        self._rules = rules
        self._sent: dict[int, _Sent] = {}
        self._runs: dict[int, _Run] = {}
        self._keys: dict[str, tuple[int, ...]] = {}
        self._swept_at = 0

    def __len__(self) -> int:
        """How much is remembered; bounded by what can leave within the windows."""
        return len(self._sent) + len(self._runs) + len(self._keys)

    def advise(self, message_id: str, keys: Sequence[int], number: int, *, now_ms: int) -> Advice:
        """Whether a message may begin now."""
        return self._identical(message_id, keys, now_ms) or self._flooding(number, now_ms) or GO

    def left(self, message_id: str, keys: Sequence[int], number: int, *, at: int) -> None:
        """A message begins to leave: its intent is written, or was found in the ledger."""
        self._sweep(at)
        again = message_id in self._keys
        self._keys[message_id] = tuple(keys)
        for key in keys:
            self._sent[key] = _Sent(message_id, at, accepted=False)
        if not again:
            run = self._runs.get(number)
            goes_on = run is not None and at - run.last < self._rules.flood_gap_ms
            self._runs[number] = _Run(run.length + 1 if run is not None and goes_on else 1, at)

    def ended(self, message_id: str, *, accepted: bool) -> None:
        """It has its outcome. What was not accepted arms nothing; an unknown one counts as accepted."""
        for key in self._keys.get(message_id, ()):
            known = self._sent.get(key)
            if known is None or known.message_id != message_id:
                continue
            if accepted:
                self._sent[key] = known._replace(accepted=True)
            else:
                del self._sent[key]

    def clock_put_back(self, by_ms: int) -> None:
        """The wall clock went back: what left stays as old as it is."""
        self._sent = {key: sent._replace(at=sent.at - by_ms) for key, sent in self._sent.items()}
        self._runs = {number: run._replace(last=run.last - by_ms) for number, run in self._runs.items()}
        self._swept_at -= by_ms

    def none_after(self, now_ms: int) -> None:
        """Nothing has left in the future, whatever a clock has said: such a thing counts as just gone."""
        self._sent = {key: sent._replace(at=min(sent.at, now_ms)) for key, sent in self._sent.items()}
        self._runs = {number: run._replace(last=min(run.last, now_ms)) for number, run in self._runs.items()}
        self._swept_at = min(self._swept_at, now_ms)

    def _identical(self, message_id: str, keys: Sequence[int], now_ms: int) -> Advice | None:
        rules = self._rules
        if rules.duplicates is DuplicateGuard.OFF:
            return None
        for key in keys:
            known = self._sent.get(key)
            if known is None or known.message_id == message_id or now_ms - known.at >= rules.duplicate_ms:
                continue
            if rules.duplicates is DuplicateGuard.HOLD:
                return Hold(until=known.at + rules.duplicate_ms + MARGIN_MS)
            return Identical() if known.accepted else Hold(until=now_ms + PENDING_MS)
        return None

    def _flooding(self, number: int, now_ms: int) -> Advice | None:
        rules = self._rules
        run = self._runs.get(number)
        if run is None or rules.floods is FloodGuard.OFF or run.length < rules.flood_limit:
            return None
        if now_ms - run.last >= rules.flood_gap_ms:
            return None
        return Hold(until=run.last + rules.flood_gap_ms + MARGIN_MS) if rules.floods is FloodGuard.HOLD else Flood()

    def _sweep(self, now_ms: int) -> None:
        """Now and then, since what is too old is only looked over."""
        rules = self._rules
        if now_ms - self._swept_at < rules.duplicate_ms // 2:
            return
        self._swept_at = now_ms
        self._sent = {key: sent for key, sent in self._sent.items() if now_ms - sent.at < rules.duplicate_ms}
        self._runs = {key: run for key, run in self._runs.items() if now_ms - run.last < rules.flood_gap_ms}
        alive = {sent.message_id for sent in self._sent.values()}
        self._keys = {name: keys for name, keys in self._keys.items() if name in alive}
