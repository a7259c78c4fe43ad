"""What one chaos run consists of, drawn from its seed: accounts, replicas, messages, and which fault comes when.

Pure: the same seed and size give the same plan, so a failed run is named by its seed. How the processes of a busy
machine meet the faults differs from run to run all the same. Next station: `world`, which builds it, and `faults`.
"""

from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from connector.domain.messages import Kind, OutboundMessage, Priority, UnknownPolicy
from tests.chaos.kinds import Fault, Need

T = TypeVar("T")

STAGES: Final = ("route", "express", "submit", "collect")

MESSAGES_A_FAULT: Final = 400
"""So many messages come to one fault; and no run has fewer than `FEWEST` or more than `MOST` of them."""
FEWEST: Final = 4
MOST: Final = 30

_PRIORITIES: Final = ((Priority.URGENT, 2), (Priority.NORMAL, 4), (Priority.BULK, 3), (Priority.AUTO, 1))
_POLICIES: Final = (
    (None, 7),
    (UnknownPolicy.DEDUPE_RETRY, 1),
    (UnknownPolicy.AT_MOST_ONCE, 2),
    (UnknownPolicy.AT_LEAST_ONCE, 2),
)
_LENGTHS: Final = ((0, 6), (40, 2), (70, 2))
"""Words of five letters behind the number: one, two and three parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One account and its login at the gateway, under the same name."""

    name: str
    binds: int
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A fault, when this part of the PDUs has been accepted, for so long; `seed` draws what it meets."""

    at: float
    fault: Fault
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run. `static`: the replicas keep their place in the group over a restart. `scope`: how far the gateway looks
    for a request that repeats another."""

    seed: int
    logins: tuple[Login, ...]
    replicas: dict[str, int]
    static: bool
    scope: str
    messages: tuple[OutboundMessage, ...]
    faults: tuple[Planned, ...]
    inbound: int

    @property
    def told(self) -> str:
        """The run in a line."""
        accounts = ", ".join(f"{login.binds} x {login.rate}/s" for login in self.logins)
        replicas = " ".join(f"{stage} {count}" for stage, count in self.replicas.items())
        return f"binds {accounts}; replicas {replicas}; {'static' if self.static else 'dynamic'} members"


def drawn(seed: int, messages: int, needs: frozenset[Need], only: tuple[Fault, ...] = ()) -> Plan:
    """The plan of a seed. `needs`: what this machine has; faults that need more are left out. `only`: these alone."""
    dice = Random(f"chaos/{seed}")
    logins = tuple(
        Login(name=name, binds=dice.randint(1, 3), rate=dice.choice((80, 120, 200)))
        for name in ("first", "second", "third")[: dice.randint(2, 3)]
    )
    replicas = {stage: dice.randint(1, 3) for stage in STAGES}
    static = dice.random() < 0.5
    scope = dice.choice(("login", "host"))
    known = [fault for fault in (only or tuple(Fault)) if fault.needs <= needs]
    count = max(FEWEST, min(MOST, messages // MESSAGES_A_FAULT))
    faults = []
    for _ in range(count):
        (fault,) = dice.choices(known, [fault.weight for fault in known])
        shortest, longest = fault.lasts
        faults.append(
            Planned(
                at=dice.uniform(0.03, 0.9),
                fault=fault,
                seconds=dice.uniform(shortest, longest),
                seed=dice.getrandbits(32),
            )
        )
    return Plan(
        seed=seed,
        logins=logins,
        replicas=replicas,
        static=static,
        scope=scope,
        messages=tuple(_message(dice, number, logins) for number in range(messages)),
        faults=tuple(sorted(faults, key=lambda planned: planned.at)),
        inbound=max(10, messages // 50),
    )


def _message(dice: Random, number: int, logins: tuple[Login, ...]) -> OutboundMessage:
    """To a number of its own, so that every request on the wire tells whose it is."""
    code = dice.random() < 0.05
    text = f"order {number} " + "long " * _one(dice, _LENGTHS)
    return OutboundMessage(
        id=f"m{number}",
        account=dice.choice(logins).name,
        kind=Kind.TELEGRAM_CODE if code else Kind.SMS,
        priority=Priority.AUTO if code else _one(dice, _PRIORITIES),
        recipient=f"7999{number:07d}",
        sender="Shop",
        text="48151" if code else text.strip(),
        unknown_outcome=_one(dice, _POLICIES),
    )


def _one(dice: Random, weighted: tuple[tuple[T, int], ...]) -> T:
    values, weights = zip(*weighted, strict=True)
    found: T = dice.choices(values, weights)[0]
    return found
