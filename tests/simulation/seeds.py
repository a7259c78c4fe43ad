"""What a seed means: the accounts, the gateway's mood, the events and when they come, and what strikes when.

All of it is a value, drawn before the run begins and printed with a failure, so that a seed can be read. Next station:
`world`, and `faults` for what strikes.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from pydantic import SecretStr

from connector.domain.messages import Action, Kind, Lane, OutboundMessage, UnknownPolicy
from connector.simulator.script import (
    Broken,
    Cut,
    Prompt,
    Receipts,
    Reply,
    Route,
    Script,
    Shuffled,
    Silent,
    SubmitRule,
    When,
)
from connector.simulator.settings import AccountSettings as Login
from connector.simulator.settings import DuplicateSettings, RecordSettings, Scope, SimulatorSettings
from connector.smpp.constants import CommandStatus
from connector.stages.settings import StageConfig
from tests.simulation.deeds import (
    STEPS,
    Away,
    Crash,
    Deed,
    Down,
    Flaky,
    Frozen,
    HostDown,
    Join,
    Leave,
    Reset,
    Silence,
    Slow,
    Stall,
    Stop,
    Strike,
    Wall,
)

BASE_MS = 1_800_000_000_000
"""The time of day at which every run begins."""
PRIMARY, BACKUP = 2775, 2776
MOST_OF_ONE_PART = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """An outbound event. `number` is its offset in the outbound topic; the router puts it into partition `partition`
    of its lane at each of the `times`. `repeats` and `twin` name the event whose id, or whose content, it has too;
    `about` the one that it asks to take back, to change, or to tell of."""

    number: int
    message: OutboundMessage
    account: str
    lane: Lane
    slot: int
    partition: int
    times: tuple[float, ...]
    readable: bool = True
    repeats: int | None = None
    twin: int | None = None
    about: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything about one run."""

    seed: int
    config: StageConfig
    changed: StageConfig
    gateway: SimulatorSettings
    replicas: int
    posted: tuple[Posted, ...]
    strikes: tuple[Strike, ...]


def draw(seed: int) -> Scene:
    """The scene of a seed; the same seed gives the same scene."""
    random = Random(f"{seed}/scene")
    accounts = 2 if random.random() < 0.25 else 1
    binds = [random.choice((1, 1, 2, 2, 3)) if accounts == 1 else random.choice((1, 2)) for _ in range(accounts)]
    backup = random.random() < 0.35
    rates = [float(random.choice((6, 10, 15, 25, 40))) for _ in range(accounts)]
    raw = _config(random, binds, rates, backup)
    config = StageConfig.model_validate(raw)
    for account in raw["accounts"]:
        account["default_sender"] = "Other"
    changed = StageConfig.model_validate(raw)
    posted = _events(random, config)
    posted += _requests(Random(f"{seed}/requests"), posted)
    posted += _changes(Random(f"{seed}/changes"), posted)
    long_away = random.random() < 0.04
    strikes = _strikes(random, long_away=long_away, backup=backup)
    strikes += _frozen(Random(f"{seed}/frozen"), config.kafka.session_timeout)
    return Scene(
        seed=seed,
        config=config,
        changed=changed,
        gateway=_gateway(random, rates, backup),
        replicas=random.choice((1, 1, 2, 2, 2, 3)),
        posted=posted,
        strikes=strikes,
    )


def _config(random: Random, binds: list[int], rates: list[float], backup: bool) -> dict[str, Any]:
    session = random.choice((6.0, 7.0, 8.0))
    away = {"backup_host": "two.example", "backup_port": BACKUP} if backup else {}
    return {
        "kafka": {
            "session_timeout": session,
            "heartbeat_interval": random.choice((0.5, 1.0, 2.0)),
            "rebalance_timeout": session + random.choice((0.0, 2.0)),
            "request_timeout": random.choice((1.0, 2.0, 4.0)),
        },
        "submit": {
            "look_ahead": random.choice((10, 20, 50)),
            "urgent_reserve": random.choice((1, 2, 4)),
            "lower_lane_share": random.choice((0.0, 0.05, 0.1)),
            "drain_seconds": random.choice((0.5, 3.0)),
        },
        "accounts": [
            {
                "name": f"a{number}",
                "host": "one.example",
                "port": PRIMARY,
                **away,
                "system_id": f"login{number}",
                "password": "secret",
                "binds": count,
                "rate": rate,
                "window": random.choice((5, 8, 12, 20)),
                "unknown_outcome": random.choice(("DEDUPE_RETRY", "DEDUPE_RETRY", "AT_MOST_ONCE", "AT_LEAST_ONCE")),
                "default_sender": "Shop",
                "response_timeout": random.choice((2.0, 4.0, 8.0)),
                "suspect_after": random.choice((1.0, 3.0)),
                "enquire_link_interval": random.choice((4.0, 10.0)),
                "enquire_link_timeout": 2.0,
                "connect_timeout": 2.0,
                "reconnect_min": random.choice((0.1, 0.5)),
                "reconnect_max": random.choice((1.0, 3.0)),
                "primary_retry_interval": random.choice((4.0, 20.0)),
            }
            for number, (count, rate) in enumerate(zip(binds, rates, strict=True))
        ],
    }


def _gateway(random: Random, rates: list[float], backup: bool) -> SimulatorSettings:
    return SimulatorSettings(
        port=PRIMARY,
        backup_port=BACKUP if backup else None,
        accounts=tuple(
            Login(system_id=f"login{number}", password=SecretStr("secret"), speed=int(rate))
            for number, rate in enumerate(rates)
        ),
        duplicates=DuplicateSettings(scope=random.choice((Scope.LOGIN, Scope.HOST))),
        idle_timeout=20.0,
        deliver_timeout=4.0,
        deliver_retry=1.0,
        record=RecordSettings(keep="full"),
        seed=random.randrange(1 << 30),
        script=_script(random),
    )


def _script(random: Random) -> Script:
    rules: list[SubmitRule] = []
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        after = random.random() * 4
        until = after + random.choice((0.5, 2.0, 5.0))
        when = When(after=after, until=until, share=random.choice((0.2, 0.5, 1.0)))
        once = When(after=after, skip=random.randrange(6), limit=random.choice((1, 2)))
        rules.append(_rule(random, when, once))
    receipts = Receipts(
        send=random.random() < 0.4,
        delay=random.choice((0.01, 0.5, 3.0)),
        before_response=random.random() < 0.2,
        route=random.choice((Route.SUBMITTER, Route.ANY, Route.OTHER)),
    )
    return Script(submits=tuple(rules), receipts=receipts)


def _rule(random: Random, when: When, once: When) -> SubmitRule:
    def answered(reply: Reply) -> SubmitRule:
        return SubmitRule(when=when, reply=reply)

    match random.randrange(11):
        case 0:
            return answered(Silent())
        case 1:
            return answered(Prompt(delay=random.choice((0.2, 3.0, 10.0, 40.0))))
        case 2:
            return answered(Prompt(delay=random.choice((0.0, 0.2)), copies=2))
        case 3:
            return answered(Shuffled(batch=random.choice((3, 6)), within=random.choice((0.2, 1.0))))
        case 4 | 5:
            return SubmitRule(when=when, status=int(CommandStatus.ESME_RTHROTTLED))
        case 6:
            return SubmitRule(when=when, status=int(CommandStatus.ESME_RMSGQFUL))
        case 7:
            return SubmitRule(when=once, status=int(CommandStatus.ESME_RINVDSTADR))
        case 8:
            return SubmitRule(when=once, taken=False, reply=Broken(cut=Cut.BEFORE))
        case 9:
            return SubmitRule(when=once, reply=Broken(cut=random.choice((Cut.BEFORE, Cut.MIDDLE))))
        case _:
            return SubmitRule(when=once, reply=Broken(cut=Cut.AFTER))


def _events(random: Random, config: StageConfig) -> tuple[Posted, ...]:
    slots = config.slot_map()
    many = random.random() < 0.3
    count = random.randrange(10, 33)
    bursts = [random.random() * 2.5 for _ in range(random.choice((1, 2, 4)))]
    posted: list[Posted] = []
    for number in range(count):
        account = random.choice(config.accounts)
        lane = random.choices((Lane.URGENT, Lane.NORMAL, Lane.BULK), (1, 2, 12) if many else (3, 4, 4))[0]
        at = random.choice(bursts)
        parts = random.choices((1, 2, 3, 5), (20, 2, 2, 1))[0]
        words = " ".join(f"e{number}w{word}" for word in range(26 * (parts - 1) + 2))
        message = OutboundMessage(
            id=f"m{number}",
            account=account.name,
            kind=Kind.SMS,
            recipient=f"7999{number:07d}",
            sender=None if random.random() < 0.5 else "Bank",
            text=words,
            receipt=random.random() < 0.5,
            expires_at=None if random.random() < 0.85 else BASE_MS + int((at + random.choice((0.5, 3.0, 10.0))) * 1000),
            unknown_outcome=None if random.random() < 0.7 else random.choice(tuple(UnknownPolicy)),
        )
        slot = slots.of(account.name, message.recipient)
        event = Posted(
            number=number, message=message, account=account.name, lane=lane, slot=slot, partition=slot, times=(at,)
        )
        posted.append(_special(random, event, posted, slots_in_all=len(slots)))
    return tuple(posted)


def _special(random: Random, event: Posted, earlier: list[Posted], *, slots_in_all: int) -> Posted:
    """One event in a few is not plain."""
    kind = random.random()
    if kind < 0.06:
        late = random.choice((0.0, 0.3, 2.0, 6.0))
        return replace(event, times=(*event.times, event.times[0] + late))
    if kind < 0.10 and earlier:
        other = random.choice(earlier)
        if _is_plain(other):
            # Another event under the same id, to the same number: so the same slot remembers it.
            message = replace(
                event.message, id=other.message.id, recipient=other.message.recipient, account=other.account
            )
            return replace(_beside(random, event, other, message), repeats=other.number)
    if kind < 0.14 and earlier:
        other = random.choice(earlier)
        if _is_plain(other):
            message = replace(other.message, id=event.message.id)
            return replace(_beside(random, event, other, message), twin=other.number)
    if kind < 0.155:
        return replace(event, readable=False)
    if kind < 0.175 and slots_in_all > 1:
        return replace(event, partition=(event.slot + 1) % slots_in_all)
    return event


def _requests(random: Random, posted: tuple[Posted, ...]) -> tuple[Posted, ...]:
    """Cancellations of a few plain events, each ahead of its message, with it, or behind it."""
    if random.random() < 0.7:
        return ()
    shared = {other for each in posted for other in (each.repeats, each.twin)}
    targets = [each for each in posted if _is_plain(each) and each.number not in shared]
    chosen = random.sample(targets, min(len(targets), random.choice((1, 2, 4, 8))))
    requests: list[Posted] = []
    for number, target in enumerate(chosen, len(posted)):
        at = target.times[0] + random.choice((-1.0, -0.05, -0.01, 0.0, 0.0, 0.05, 0.5, 2.0, 6.0))
        message = OutboundMessage(
            id=f"c{number}",
            action=Action.CANCEL,
            target_id=target.message.id,
            account=target.account,
            recipient=target.message.recipient,
            sender=target.message.sender,
        )
        event = replace(target, number=number, message=message, lane=Lane.URGENT, times=(max(at, 0.0),))
        requests.append(replace(event, about=target.number))
    return tuple(requests)


def _changes(random: Random, posted: tuple[Posted, ...]) -> tuple[Posted, ...]:
    """Another text for a few plain events of one part, and questions about others."""
    if random.random() < 0.8:
        return ()
    shared = {other for each in posted for other in (each.repeats, each.twin, each.about)}
    targets = [each for each in posted if each.about is None and _is_plain(each) and each.number not in shared]
    chosen = random.sample(targets, min(len(targets), random.choice((1, 2, 4, 8))))
    requests: list[Posted] = []
    for number, target in enumerate(chosen, len(posted)):
        at = target.times[0] + random.choice((-0.05, 0.0, 0.0, 0.01, 0.05, 0.5, 2.0, 6.0))
        short = len(target.message.text or "") < MOST_OF_ONE_PART
        action = random.choice((Action.REPLACE, Action.REPLACE, Action.QUERY)) if short else Action.QUERY
        message = OutboundMessage(
            id=f"r{number}",
            action=action,
            target_id=target.message.id,
            account=target.account,
            recipient=target.message.recipient,
            sender=target.message.sender,
            text=f"n{target.number} instead" if action is Action.REPLACE else None,
        )
        lane = random.choice((Lane.URGENT, Lane.NORMAL, target.lane))
        event = replace(target, number=number, message=message, lane=lane, times=(max(at, 0.0),))
        requests.append(replace(event, about=target.number))
    return tuple(requests)


def _is_plain(other: Posted) -> bool:
    return other.repeats is None and other.twin is None and other.readable and other.partition == other.slot


def _beside(random: Random, event: Posted, other: Posted, message: OutboundMessage) -> Posted:
    """The event with this message, in the other's slot, with it or a while behind it."""
    at = max(event.times[0], other.times[0] + random.choice((0.0, 1.0, 4.0)))
    return replace(event, message=message, account=other.account, slot=other.slot, partition=other.slot, times=(at,))


def _strikes(random: Random, *, long_away: bool, backup: bool) -> tuple[Strike, ...]:
    strikes = [_strike(random, backup) for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3)))]
    if long_away:
        # Answers are lost, and nobody can ask before the gateway's minute is over, or nearly.
        step, nth = "bytes", random.choice((2, 3, 5, 8))
        strikes.append(Strike(step=step, nth=nth, deed=Reset(lose_out=False, lose_in=True)))
        gone = HostDown(seconds=random.choice((50.0, 62.0, 70.0)), both=True, after=0.05)
        strikes.append(Strike(step=step, nth=nth, deed=gone))
    return tuple(strikes)


def _frozen(random: Random, session: float) -> tuple[Strike, ...]:
    if random.random() < 0.94:
        return ()
    deed = Frozen(seconds=session + random.choice((-2.0, 0.3, 1.0, 4.0)), loading=random.choice((0.3, 1.0, 3.0)))
    return (Strike(at=random.random() * 3.5, deed=deed),)


def _strike(random: Random, backup: bool) -> Strike:
    deed = _deed(random, backup)
    if random.random() < 0.5 and not isinstance(deed, Down | Slow | Flaky | HostDown | Join):
        return Strike(deed=deed, step=random.choice(STEPS), nth=random.choice((1, 1, 2, 3, 5, 8)))
    return Strike(deed=deed, at=random.random() * 3.5, replica=random.randrange(3))


def _deed(random: Random, backup: bool) -> Deed:
    match random.randrange(24):
        case 0 | 1 | 2 | 3 | 4:
            return Crash(
                back=random.choice((0.2, 1.0, 9.0)),
                silent=random.random() < 0.2,
                lost=random.random() < 0.5,
                changed=random.random() < 0.4,
                after_calls=random.choice((0, 0, 1, 2, 5, 20)),
            )
        case 5 | 6 | 7:
            return Stop(seconds=random.choice((0.5, 3.0, 9.0, 12.0, 20.0)))
        case 8 | 9:
            return Leave(back=random.choice((0.2, 2.0)), changed=random.random() < 0.3)
        case 10:
            return Join()
        case 11 | 12 | 13 | 14:
            return Reset(lose_out=random.random() < 0.5, lose_in=random.random() < 0.7)
        case 15:
            return Silence()
        case 16:
            return Stall(seconds=random.choice((0.2, 1.5)), breaks=random.random() < 0.6)
        case 17 | 18:
            return Away(seconds=random.choice((2.0, 9.0, 15.0)))
        case 19:
            return Down(seconds=random.choice((1.0, 4.0, 10.0)))
        case 20:
            return Slow(seconds=random.choice((1.0, 4.0)), extra=random.choice((0.05, 0.4, 1.2)))
        case 21:
            return Flaky(seconds=random.choice((2.0, 5.0)), share=random.choice((0.2, 0.5)), late=random.random() < 0.5)
        case 22:
            return Wall(milliseconds=random.choice((-3_600_000, 3_600_000, -30_000, -3_000, 3_000)))
        case _:
            return HostDown(seconds=random.choice((2.0, 8.0)), both=not backup or random.random() < 0.3)
