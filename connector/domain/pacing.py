"""How fast: tokens for PDUs, a rate that gives way to a gateway in trouble, and how much to have in flight.

Rule: every PDU of a submit (each part) takes one token before it goes to a bind. Times are seconds on one monotonic
clock, given as arguments; rates are PDUs a second. The submit stage holds one `Allowance`, one `Aimd` and one
`Congestion` per account and replica, and `lanes` says whose turn it is.
"""

from collections import deque
from dataclasses import dataclass
from math import ceil, floor

_ROUNDING = 1e-6
"""Tokens by which a bucket forgives the rounding of its sums. So many more in all, not for each take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a bucket is made of: tokens a second, and how many it holds at most.

    In any stretch of T seconds it lets no more than `burst + rate * T` PDUs through.
    """

    rate: float
    burst: float

    def __post_init__(self) -> None:
        if not self.rate > 0 or not self.burst >= 1:
            raise ValueError("a pace has a rate above 0 and a burst of at least 1")


class TokenBucket:
    """Tokens that trickle in; lower lanes leave the last `reserve` of them to urgent PDUs.

    It starts empty: what a process before this one sent in the last second nobody here knows.
    """

    __slots__ = ("_at", "_pace", "_reserve", "_tokens")

    def __init__(self, pace: Pace, now: float, *, reserve: float = 0.0) -> None:
        """Raises ValueError where the reserve leaves lower lanes less than one token."""
        if not 0 <= reserve <= pace.burst - 1:
            raise ValueError("the reserve leaves no whole token to lower lanes")
        self._pace = pace
        self._reserve = reserve
        self._tokens = 0.0
        self._at = now

    @property
    def pace(self) -> Pace:
        """What the bucket is made of now."""
        return self._pace

    def take(self, n: float, now: float, *, urgent: bool = False) -> bool:
        """Take n tokens, all or none. False: `wait` says for how long there will not be so many."""
        self._fill(now)
        left = self._tokens - n
        if left < (0.0 if urgent else self._reserve) - _ROUNDING:
            return False
        # A forgiven rounding is owed: it must not add up over the takes.
        self._tokens = left
        return True

    def wait(self, n: float, now: float, *, urgent: bool = False) -> float:
        """Seconds until `take` says yes, 0.0 where it would now.

        Raises ValueError for more than the bucket ever holds; such parts are taken one by one.
        """
        needed = n + (0.0 if urgent else self._reserve)
        if needed > self._pace.burst + _ROUNDING:
            raise ValueError("more tokens than the bucket holds: take them one by one")
        self._fill(now)
        missing = needed - self._tokens
        return missing / self._pace.rate if missing > _ROUNDING else 0.0

    def change(self, pace: Pace, now: float) -> None:
        """Another pace from now on: the account's slots moved, or the gateway throttled."""
        if not self._reserve <= pace.burst - 1:
            raise ValueError("the reserve leaves no whole token to lower lanes")
        self._fill(now)
        self._pace = pace
        self._tokens = min(self._tokens, pace.burst)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._pace.burst, self._tokens + (now - self._at) * self._pace.rate)
            self._at = now


class Allowance:
    """Whether a PDU may go now: evenly by a bucket, and in no second more than the gateway counts.

    The bucket alone would have to choose: with a small burst it loses tokens whenever the process wakes late, with a
    large one a gateway that counts the last second would see the burst on top of the rate. So the bucket may catch up
    `catch_up` seconds, and the times of what went in the last second are kept and hold it to the limit.

    `rate` is this replica's part of the account's rate; each part is rounded down to whole PDUs a second, so replicas
    together stay below the account's rate, as long as each part is 1 or more.
    """

    __slots__ = ("_bucket", "_catch_up", "_gone", "_leaving", "_rate", "_reserve")

    SECOND = 1.02
    """A second as seen from here: the network may push what went in a little more than one into one."""

    _SOON = 0.01
    """When to ask again while everything that may go in a second is about to."""

    def __init__(self, rate: float, now: float, *, reserve: int = 1, catch_up: float = 0.1) -> None:
        """`reserve`: PDUs of every second that only urgent ones may use."""
        self._rate = rate
        self._reserve = reserve
        self._catch_up = catch_up
        self._gone: deque[float] = deque()
        self._leaving = 0
        self._bucket = TokenBucket(self._pace(), now, reserve=float(reserve))

    @property
    def rate(self) -> float:
        """PDUs a second."""
        return self._rate

    def take(self, now: float, *, urgent: bool = False) -> bool:
        """Let one PDU go. False: `wait` says for how long none may."""
        if not self.begin(now, urgent=urgent):
            return False
        self.left(now)
        return True

    def begin(self, now: float, *, urgent: bool = False) -> bool:
        """As `take`, for a PDU that leaves later (its intent must be durable first): its place in the second stays
        taken until `left` or `stayed`, so that what a slow write held up cannot go on top of what comes after."""
        if self._second(now, urgent) > 0.0 or not self._bucket.take(1.0, now, urgent=urgent):
            return False
        self._leaving += 1
        return True

    def left(self, now: float) -> None:
        """One that began goes now."""
        self._leaving -= 1
        self._gone.append(now)

    def written(self, since: float, now: float) -> None:
        """What went since then is in its socket only now: a process may stand still in between."""
        count = 0
        while self._gone and self._gone[-1] >= since:
            self._gone.pop()
            count += 1
        self._gone.extend([now] * count)

    def stayed(self) -> None:
        """One that began does not go; its token is spent all the same."""
        self._leaving -= 1

    def wait(self, now: float, *, urgent: bool = False) -> float:
        """Seconds until `take` says yes, 0.0 where it would now."""
        return max(self._second(now, urgent), self._bucket.wait(1.0, now, urgent=urgent))

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on: the account's slots moved, or the gateway throttled."""
        self._rate = rate
        self._bucket.change(self._pace(), now)

    def restart(self, rate: float, now: float) -> None:
        """The same after a time without a part of the rate: the bucket is empty again."""
        self._rate = rate
        self._bucket = TokenBucket(self._pace(), now, reserve=float(self._reserve))

    def _pace(self) -> Pace:
        return Pace(rate=self._rate, burst=1.0 + self._reserve + self._rate * self._catch_up)

    def _second(self, now: float, urgent: bool) -> float:
        """Seconds until the last second has room for one more."""
        gone = self._gone
        while gone and gone[0] + self.SECOND <= now:
            gone.popleft()
        limit = max(1, floor(self._rate))
        if not urgent:
            limit = max(1, limit - self._reserve)
        limit -= self._leaving
        if limit <= 0:
            return self._SOON
        return 0.0 if len(gone) < limit else gone[len(gone) - limit] + self.SECOND - now


class Aimd:
    """A rate that is cut when the gateway throttles or its queue is full, and grows back steadily.

    One `cooldown` sees one cut, because a window full of requests is throttled as a whole; within it, growth waits.
    """

    __slots__ = ("_base", "_configured", "_cooldown", "_cut_at", "_factor", "_floor", "_increase", "_since")

    def __init__(
        self,
        configured_rate: float,
        *,
        floor: float,
        increase_per_second: float,
        decrease_factor: float = 0.5,
        cooldown: float = 1.0,
    ) -> None:
        if not 0 < floor <= configured_rate:
            raise ValueError("the floor is above 0 and not above the configured rate")
        if not 0 < decrease_factor < 1 or not increase_per_second > 0 or cooldown < 0:
            raise ValueError("decrease_factor is between 0 and 1, increase_per_second above 0, cooldown not below 0")
        self._configured = configured_rate
        self._floor = floor
        self._increase = increase_per_second
        self._factor = decrease_factor
        self._cooldown = cooldown
        self._base = configured_rate
        self._since: float | None = None
        self._cut_at: float | None = None

    def rate(self, now: float) -> float:
        """The rate to keep now."""
        if self._since is None:
            return self._configured
        grown = self._base + self._increase * max(0.0, now - self._since)
        return min(self._configured, grown)

    def throttled(self, now: float) -> float:
        """The gateway said that it is too much (ESME_RTHROTTLED, ESME_RMSGQFUL); the rate to keep from now on."""
        rate = self.rate(now)
        if self._cut_at is None or now - self._cut_at >= self._cooldown:
            self._cut_at = now
            rate = max(self._floor, rate * self._factor)
        self._base = rate
        self._since = now
        return rate

    def ease(self, share: float, most: float, now: float) -> None:
        """Fall towards this share of the configured rate, by at most `most` of it; the growth brings it back."""
        rate = self.rate(now)
        wanted = max(self._floor, share * self._configured, rate - most * self._configured)
        if wanted < rate:
            self._base = wanted
            self._since = now


class Congestion:
    """What a gateway says of its load (congestion_state, SMPP 5.0, 4.8.4.18), heeded before it has to throttle.

    The specification calls 80 to 90 the load to aim for, above it congestion is near, and 100 is all that the gateway
    can do. So up to 80 nothing changes; from there the rate falls along a parabola, a little at first, to the floor at
    100. Under a gateway that reports how much of the account's speed is used, it settles at about nine tenths.

    A single value decides nothing: values are smoothed over their time, and the rate falls so much a second at most. A
    value acts when it comes and not later, so that a gateway which has gone quiet holds nothing back.
    """

    __slots__ = ("_at", "_load")

    HEED = 80.0
    SMOOTHING = 0.5
    """Seconds of which the load is about the mean."""
    FRESH = 3.0
    """Seconds after which the last value says nothing any more."""
    FALL = 0.1
    """Part of the configured rate that may go in a second: twice what Aimd's growth usually is, so that the gateway
    wins, and so little that the rate does not swing about its load."""

    def __init__(self) -> None:
        self._load = 0.0
        self._at: float | None = None

    def load(self, now: float) -> float | None:
        """The load, smoothed, 0 to 100; None where nothing was heard lately."""
        return None if self._at is None or now - self._at > self.FRESH else self._load

    def heard(self, state: int, now: float, aimd: Aimd) -> None:
        """An answer carried this state; a number above 100 is none of the specification's and says nothing."""
        if not 0 <= state <= 100:
            return
        if self._at is None or now - self._at > self.FRESH:
            self._load, self._at = float(state), now
            return
        gap = max(0.0, now - self._at)
        self._at = now
        self._load += (state - self._load) * gap / (self.SMOOTHING + gap)
        over = max(0.0, self._load - self.HEED) / (100.0 - self.HEED)
        if over > 0:
            aimd.ease(1.0 - over * over, self.FALL * gap, now)


def in_flight_target(rate: float, round_trip: float, window: int, *, least: int = 4) -> int:
    """How many requests to have without an answer: twice what the rate needs, within the window, and a few at least.

    More would only queue at the gateway, where an urgent one would stand behind them.
    """
    return max(1, min(window, max(least, ceil(2.0 * rate * max(0.0, round_trip)))))


class RoundTrip:
    """The time from a submit to its answer, smoothed (RFC 6298's weight of an eighth), in seconds."""

    __slots__ = ("_value",)

    def __init__(self, initial: float = 0.2) -> None:
        self._value = initial

    @property
    def value(self) -> float:
        return self._value

    def seen(self, seconds: float) -> None:
        """One answer came after so long."""
        self._value += (max(0.0, seconds) - self._value) / 8
