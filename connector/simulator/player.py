"""A script being played: which rule fires for this request, at this time.

Pure; the time is an argument and the random numbers come from the seed, one stream for each rule, so that a rule's
draws do not depend on what other rules did.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from random import Random

from connector.domain.messages import Kind
from connector.simulator.script import BindRule, ConnectRule, Host, Inquiry, InquiryRule, Script, SubmitRule, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule may ask about a connection, a bind or a submit_sm; `None` where the question makes no sense."""

    login: str | None = None
    host: Host = Host.PRIMARY
    source: str | None = None
    destination: str | None = None
    kind: Kind | None = None
    part: int | None = None


class Condition:
    """One rule's `When` with its counts."""

    __slots__ = ("_destination", "_fired", "_random", "_seen", "_source", "_when")

    def __init__(self, when: When, random: Random) -> None:
        self._when = when
        self._random = random
        self._seen = 0
        self._fired = 0
        self._destination = _pattern(when.destination)
        self._source = _pattern(when.source)

    def fires(self, facts: Facts, elapsed: float) -> bool:
        """Count this request and tell whether the rule applies; `elapsed` in seconds since the script began."""
        when = self._when
        if elapsed < when.after or (when.until is not None and elapsed >= when.until):
            return False
        if when.login is not None and facts.login != when.login:
            return False
        if when.host is not None and facts.host is not when.host:
            return False
        if when.kind is not None and facts.kind is not when.kind:
            return False
        if when.part is not None and facts.part != when.part:
            return False
        if self._destination is not None and not self._destination(facts.destination or ""):
            return False
        if self._source is not None and not self._source(facts.source or ""):
            return False
        self._seen += 1
        turn = self._seen - when.skip
        if turn <= 0 or turn % when.every:
            return False
        if when.limit is not None and self._fired >= when.limit:
            return False
        if when.share < 1.0 and self._random.random() >= when.share:
            return False
        self._fired += 1
        return True


def _pattern(shell: str | None) -> Callable[[str], object] | None:
    return None if shell is None else re.compile(translate(shell)).match


class Player:
    """Plays one script from `began` (seconds of the gateway's clock) on."""

    def __init__(self, script: Script, *, seed: int, began: float) -> None:
        self.script = script
        self.random = Random(f"{seed}/draws")
        self._began = began
        self._submits = [(Condition(r.when, Random(f"{seed}/submit/{n}")), r) for n, r in enumerate(script.submits)]
        self._inquiries = [
            (Condition(r.when, Random(f"{seed}/inquiry/{n}")), r) for n, r in enumerate(script.inquiries)
        ]
        self._binds = [(Condition(r.when, Random(f"{seed}/bind/{n}")), r) for n, r in enumerate(script.binds)]
        self._connections = [
            (Condition(r.when, Random(f"{seed}/connection/{n}")), r) for n, r in enumerate(script.connections)
        ]

    @property
    def has_submit_rules(self) -> bool:
        """Whether `submit` can answer anything but None; gathering the facts costs time."""
        return bool(self._submits)

    def submit(self, facts: Facts, now: float) -> SubmitRule | None:
        """The rule for this submit_sm; ask once for each."""
        elapsed = now - self._began
        return next((rule for condition, rule in self._submits if condition.fires(facts, elapsed)), None)

    def inquiry(self, command: Inquiry, facts: Facts, now: float) -> InquiryRule | None:
        """The rule for this query_sm, cancel_sm or replace_sm; ask once for each."""
        elapsed = now - self._began
        return next(
            (
                rule
                for condition, rule in self._inquiries
                if rule.command in (None, command) and condition.fires(facts, elapsed)
            ),
            None,
        )

    def bind(self, facts: Facts, now: float) -> BindRule | None:
        """The rule for this bind request; ask once for each."""
        elapsed = now - self._began
        return next((rule for condition, rule in self._binds if condition.fires(facts, elapsed)), None)

    def connection(self, facts: Facts, now: float) -> ConnectRule | None:
        """The rule for this new connection; ask once for each."""
        elapsed = now - self._began
        return next((rule for condition, rule in self._connections if condition.fires(facts, elapsed)), None)
