"""When to try again, at which host, in which version: the policy of one bind, pure.

Rule: whatever ended an attempt or a connection is one `Ending`, and `Reconnect.after` turns it into the next
`Attempt`. Time and randomness are arguments; `bind` acts on the answer.
"""

from enum import Enum
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from connector.smpp.constants import VERSION_3_4, VERSION_5_0, CommandStatus, status_name

SETTLED = 2.0
"""A connection that the gateway ended counts as settled when it lived this many times the longest wait: above 1, so
that two processes that kick each other out of one login never see their waits start again from the shortest."""
SETTLED_LOST = 10.0
"""For one that the network lost, this many times the shortest wait will do: nobody is to be kept from fighting."""
KICKS = 2
"""Connections in a row that the gateway ended before they settled; from here on it looks like another process."""
BUSY_STEP = 4
"""An "already bound" waits as if so many attempts had failed: the gateway must first notice that the old one died."""


class Ending(Enum):
    """How an attempt, or a connection, came to its end. The value is the stable word that status and metrics show."""

    UNREACHABLE = "unreachable"
    NOT_TRUSTED = "not-trusted"
    SETTINGS = "settings"
    CLOSED_EARLY = "closed-early"
    SILENT = "silent"
    NOT_SMPP = "not-smpp"
    REFUSED = "refused"
    REFUSED_FOR_GOOD = "refused-for-good"
    ALREADY_BOUND = "already-bound"
    LOST = "lost"
    ENDED_BY_GATEWAY = "ended-by-gateway"
    KICKED = "kicked"
    NOT_ALLOWED = "not-allowed"
    CLOSED = "closed"


PERMANENT = frozenset({Ending.REFUSED_FOR_GOOD})
"""Endings that time alone does not heal; the wait is `permanent_refusal_wait`."""

_STATUS = MappingProxyType(
    {
        CommandStatus.ESME_RALYBND: (
            Ending.ALREADY_BOUND,
            "the login is bound already: another process uses it, or the gateway has not noticed yet that an earlier "
            "connection is dead",
        ),
        CommandStatus.ESME_RBINDFAIL: (
            # Some servers answer this to a wrong password, others while an earlier connection of the login lingers:
            # after a crash a slot must not wait five minutes for that.
            Ending.REFUSED,
            "the gateway refuses the bind: check login and password, the account's access list, and that it is active; "
            "after a crash it may still hold the earlier connection",
        ),
        CommandStatus.ESME_RINVPASWD: (
            Ending.REFUSED_FOR_GOOD,
            "the password is wrong: correct password or password_file",
        ),
        CommandStatus.ESME_RINVSYSID: (
            Ending.REFUSED_FOR_GOOD,
            "the login is unknown: correct system_id",
        ),
        CommandStatus.ESME_RINVSYSTYP: (
            Ending.REFUSED_FOR_GOOD,
            "the gateway does not accept system_type: correct system_type, or iso, single and binds it is composed of",
        ),
        CommandStatus.ESME_RTHROTTLED: (Ending.REFUSED, "the gateway takes no bind now: too many attempts"),
        CommandStatus.ESME_RSYSERR: (Ending.REFUSED, "the gateway takes no bind now: it reports a system error"),
    }
)
# A server that stumbles over version 5.0 has no status of its own for it; these are what it may answer instead.
_PERHAPS_VERSION = frozenset({Ending.CLOSED_EARLY, Ending.SILENT, Ending.REFUSED})
_PERHAPS_VERSION_STATUS = frozenset({CommandStatus.ESME_RBINDFAIL})
_NOT_VERSION_STATUS = frozenset({CommandStatus.ESME_RTHROTTLED})


def refusal(status: int) -> tuple[Ending, str]:
    """What a bind_resp with this command_status means, and in words; an unlisted status may pass by itself."""
    known = _STATUS.get(status)  # type: ignore[call-overload]  # any int may be looked up
    if known is not None:
        ending, words = known
        return ending, f"{words} ({status_name(status)})"
    return Ending.REFUSED, f"the gateway refuses the bind ({status_name(status)})"


class Attempt(NamedTuple):
    """Wait so many seconds, then bind to the host of this number (0 is the primary) in this version."""

    wait: float
    host: int
    version: int


class Reconnect:
    """The attempts of one bind. Ask `first` once, then report `bound` and `after` as things happen."""

    def __init__(
        self,
        *,
        hosts: int,
        version: int,
        shortest: float,
        longest: float,
        permanent_wait: float,
        random: Random,
    ) -> None:
        self._hosts = hosts
        self._wanted = version
        self._version = version
        self._fell_back = False
        self._shortest = shortest
        self._longest = longest
        self._permanent_wait = permanent_wait
        self._random = random
        self._host = 0
        self._tried = 0
        self._failures = 0
        self._kicks = 0
        self._bound_at: float | None = None

    @property
    def failures(self) -> int:
        """Rounds over all hosts that failed since the last settled connection."""
        return self._failures

    def first(self) -> Attempt:
        """The attempt to start with: the primary, at once."""
        return Attempt(0.0, 0, self._version)

    def bound(self, now: float) -> None:
        """The gateway took the bind."""
        self._bound_at = now
        self._tried = 0
        self._fell_back = False
        # Where 3.4 works and 5.0 did not, 5.0 is not asked for again as long as this process lives.
        self._wanted = self._version

    def elsewhere(self, host: int) -> None:
        """The bind leaves its host on purpose for this one (return to the primary); report `bound` or `after` next."""
        self._bound_at = None
        self._host = host
        self._tried = 0

    def judge(self, ending: Ending, now: float) -> Ending:
        """KICKED where the gateway ended young connections several times in a row; else the ending itself."""
        if self._bound_at is None or ending is not Ending.ENDED_BY_GATEWAY:
            return ending
        return Ending.KICKED if not self._settled(ending, now) and self._kicks + 1 >= KICKS else ending

    def after(self, ending: Ending, now: float, status: int | None = None) -> Attempt:
        """The next attempt, after this ending (with the command_status of a refusal)."""
        if self._bound_at is not None:
            return self._after_connection(self.judge(ending, now), now)
        if self._falls_back(ending, status):
            self._fell_back = True
            self._version = VERSION_3_4
            return Attempt(0.0, self._host, self._version)
        if self._fell_back:
            # Neither version was taken, so the version is not what is wrong.
            self._fell_back = False
            self._version = self._wanted
        if ending in PERMANENT:
            self._new_round()
            return Attempt(self._about(self._permanent_wait), self._host, self._version)
        if ending is Ending.ALREADY_BOUND:
            self._failures = max(self._failures, BUSY_STEP)
            return Attempt(self._back_off(), self._host, self._version)
        self._tried += 1
        if self._tried < self._hosts:
            self._host = (self._host + 1) % self._hosts
            return Attempt(self._random.uniform(0.0, self._shortest), self._host, self._version)
        self._new_round()
        return Attempt(self._back_off(), self._host, self._version)

    def _after_connection(self, ending: Ending, now: float) -> Attempt:
        settled = self._settled(ending, now)
        self._bound_at = None
        self._tried = 0
        self._fell_back = False
        if settled:
            self._failures = 0
        self._kicks = self._kicks + 1 if ending in (Ending.ENDED_BY_GATEWAY, Ending.KICKED) and not settled else 0
        if ending is Ending.KICKED:
            # Taking the login back at once would only kick the other one out, and it us.
            return Attempt(self._random.uniform(self._longest / 2, self._longest), self._host, self._version)
        # The same host first: duplicates are known there, and a restart is short.
        return Attempt(self._back_off(), self._host, self._version)

    def _settled(self, ending: Ending, now: float) -> bool:
        assert self._bound_at is not None  # asked only about connections
        by_gateway = ending in (Ending.ENDED_BY_GATEWAY, Ending.KICKED)
        enough = SETTLED * self._longest if by_gateway else SETTLED_LOST * self._shortest
        return now - self._bound_at >= enough

    def _falls_back(self, ending: Ending, status: int | None) -> bool:
        if self._version != VERSION_5_0 or self._fell_back or status in _NOT_VERSION_STATUS:
            return False
        return ending in _PERHAPS_VERSION or status in _PERHAPS_VERSION_STATUS

    def _new_round(self) -> None:
        self._tried = 0
        self._host = 0

    def _back_off(self) -> float:
        # Past 2**30 the power only overflows; the longest wait was reached long before.
        wait = min(self._longest, self._shortest * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return self._random.uniform(wait / 2, wait)

    def _about(self, wait: float) -> float:
        return self._random.uniform(wait * 0.9, wait * 1.1)
