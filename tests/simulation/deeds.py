"""What can befall a run, and when: values that `seeds` draws and `faults` does to the world.

`back` is seconds until a replica is started again, None for never. Next station: `faults`.
"""

from dataclasses import dataclass

STEPS = (
    "intent sent",
    "intent landed",
    "intent acked",
    "bytes",
    "answer",
    "done sent",
    "done landed",
    "done acked",
    "outcome sent",
    "outcome landed",
    "outcome acked",
    "commit sent",
    "commit acked",
    "delivery sent",
    "delivery acked",
)
"""The named steps of a message's way, at which something can strike the replica that takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """kill -9. `silent`: the machine with it, so that no connection is closed. `lost`: with what was on its way."""

    back: float | None
    silent: bool = False
    lost: bool = False
    changed: bool = False
    after_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """SIGSTOP, and SIGCONT so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """SIGTERM, as in a rolling restart; `changed`: it comes back with another configuration."""

    back: float | None
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """One replica more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connections of the replica break, and what is on its way out of or into it is lost, or not."""

    lose_out: bool
    lose_in: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The connections of the replica swallow everything from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """The gateway reads nothing from the replica's connections; then they break, or it goes on."""

    seconds: float
    breaks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """The replica does not reach the broker, but the gateway: its lease runs out."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """Nobody reaches the broker."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The broker stands still, and sessions run out meanwhile; then its group is `loading` for so many seconds."""

    seconds: float
    loading: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Requests to the broker take this much longer."""

    seconds: float
    extra: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky:
    """A share of the writes times out, some of them though they succeed; `late`: or after their time-out."""

    seconds: float
    share: float
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """The replica's wall clock jumps."""

    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDown:
    """The gateway's primary host is gone for a while, or both; not before `after` seconds, so that what is on its way
    comes."""

    seconds: float
    both: bool
    after: float = 0.0


Deed = Crash | Stop | Leave | Join | Reset | Silence | Stall | Away | Down | Frozen | Slow | Flaky | Wall | HostDown


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A deed at a time (seconds of the run), or at the `nth` time that anybody takes a step."""

    deed: Deed
    at: float | None = None
    step: str = ""
    nth: int = 1
    replica: int = 0
