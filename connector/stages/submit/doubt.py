"""What becomes of a part whose answer never came, and whether one in line should still go: policies and clock.

The rule (design.md): an identical request is repeated only where and while the gateway can recognise it, unless the
policy says otherwise; where nobody can tell how old the intent is, it is too old. Pure. Next station: `slot`.
"""

from enum import Enum, auto

from connector.domain.messages import UnknownPolicy
from connector.stages.settings import AccountSettings
from connector.stages.submit.ancillary import ATTEMPTS
from connector.stages.submit.queue import PARTS_WITHIN_MS
from connector.stages.submit.work import Part, PartState, Work

CLOCK_SLACK_MS = 5_000
"""An age this far below zero means that the wall clock was put back: nobody knows how old the intent is."""

_FOREVER_MS = 1 << 60


class Fate(Enum):
    """GIVE_UP: its outcome is unknown. RESEND: where that may make it twice, it is marked. WAIT: for its bind."""

    GIVE_UP = auto()
    RESEND = auto()
    WAIT = auto()


def fate_of(part: Part, account: AccountSettings, *, ready: bool, host: str, resend_ms: int, now_ms: int) -> Fate:
    """What to do about a doubtful part now; `host` is where the slot's bind is, if it is `ready`."""
    work = part.work
    if work.ancillary:
        # Asking twice does no harm.
        return Fate.GIVE_UP if part.attempts >= ATTEMPTS else Fate.RESEND if ready else Fate.WAIT
    policy, late = policy_of(work, account), age_of(work, now_ms) > resend_ms
    if policy is UnknownPolicy.AT_MOST_ONCE or (policy is UnknownPolicy.DEDUPE_RETRY and late):
        return Fate.GIVE_UP
    at_once = policy is UnknownPolicy.AT_LEAST_ONCE or repeatable(part, host, resend_ms, now_ms)
    return Fate.RESEND if ready and at_once else Fate.WAIT


def repeatable(part: Part, host: str, resend_ms: int, now_ms: int) -> bool:
    """Whether the gateway would know an identical request, sent to this host now, for the one it may have."""
    return age_of(part.work, now_ms) <= resend_ms and part.host in (None, host)


class Fitness(Enum):
    """Whether a part that stands in line should still go. GONE: its message is settled, or it has been sent. FAILING:
    another part has failed. LATE: its minute is over. TOO_OLD: an identical request would not be recognised now.
    ELSEWHERE: it would not be recognised where the bind is by now."""

    FIT = auto()
    GONE = auto()
    EXPIRED = auto()
    FAILING = auto()
    LATE = auto()
    TOO_OLD = auto()
    ELSEWHERE = auto()


def fitness_of(part: Part, account: AccountSettings, *, host: str, resend_ms: int, now_ms: int) -> Fitness:
    """What speaks against sending a begun part now, to this host."""
    work = part.work
    if not work.unsettled or part.state is not PartState.WAITING:
        return Fitness.GONE
    if expired(work, now_ms) and not any(other.doubted or other.state is not PartState.WAITING for other in work.parts):
        return Fitness.EXPIRED
    begun = work.submitted_at if len(work.parts) > 1 and not work.ancillary else None
    if begun is not None and not -CLOCK_SLACK_MS < now_ms - begun <= PARTS_WITHIN_MS:
        return Fitness.LATE
    if work.failing:
        return Fitness.FAILING
    if part.doubted and not work.ancillary and policy_of(work, account) is UnknownPolicy.DEDUPE_RETRY:
        if age_of(work, now_ms) > resend_ms:
            return Fitness.TOO_OLD
        if part.host not in (None, host):
            return Fitness.ELSEWHERE
    return Fitness.FIT


def policy_of(work: Work, account: AccountSettings) -> UnknownPolicy:
    """The message's own policy, else its account's."""
    return work.message.unknown_outcome or account.unknown_outcome


def age_of(work: Work, now_ms: int) -> int:
    """Milliseconds since the intent; beyond every limit where the clock was put back since."""
    age = now_ms - (work.intent_at if work.intent_at is not None else now_ms)
    return age if age > -CLOCK_SLACK_MS else _FOREVER_MS


def expired(work: Work, now_ms: int) -> bool:
    """Whether the message is pointless by now."""
    return work.message.expires_at is not None and work.message.expires_at <= now_ms
