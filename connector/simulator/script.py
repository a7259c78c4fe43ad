"""What the gateway is told to do wrong, and what becomes of the messages it takes: a value, no code.

A `Script` is frozen data, so a test states its whole scenery in one expression and a YAML file can hold the same.
Rules are tried in order and the first that fires decides; where none does, the gateway behaves as gateway.md says.
`player.Player` keeps the counts and the random numbers of a script that is being played.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from connector.domain.messages import Kind
from connector.simulator.plans import FollowUp, Form, HlrAnswer, IdForm, Receipts, ReceiptState, Route
from connector.simulator.subscribers import Inbound
from connector.simulator.value import Value

__all__ = [
    "PROMPT",
    "Action",
    "BindAnswer",
    "BindRule",
    "Broken",
    "ConnectRule",
    "Cut",
    "FollowUp",
    "Form",
    "HlrAnswer",
    "Host",
    "IdForm",
    "Inbound",
    "Inquiry",
    "InquiryAnswer",
    "InquiryRule",
    "Misaddressed",
    "Nacked",
    "Noise",
    "Prompt",
    "ReceiptState",
    "Receipts",
    "Reply",
    "Route",
    "Script",
    "Shuffled",
    "Silent",
    "Step",
    "SubmitRule",
    "When",
]


class Host(StrEnum):
    """The two hosts of the gateway; each has a plain and, where it is configured, a TLS listener."""

    PRIMARY = "primary"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class When(Value):
    """The conditions of a rule; all that are given must hold.

    `destination` and `source` are shell patterns; an inquiry has those of the message it is about. `after` and `until`
    are seconds of the gateway's clock since the script began. Of the matches that remain, the first `skip` pass, then
    each `every`-th counts, at most `limit` times, and of those a `share` between 0 and 1 is drawn with the simulator's
    seed.
    """

    login: str | None = None
    host: Host | None = None
    destination: str | None = None
    source: str | None = None
    kind: Kind | None = None
    part: int | None = None
    after: float = 0.0
    until: float | None = None
    skip: int = 0
    every: int = 1
    limit: int | None = None
    share: float = 1.0


class Cut(StrEnum):
    """Where a connection breaks around the response to a request."""

    BEFORE = "before"
    MIDDLE = "middle"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(Value):
    """The response, as it should be but for what is asked here.

    `delay` in seconds of the gateway's clock; `copies` of 2 answers twice; `message_id` replaces the id in the
    response only; `tlvs` are (tag, value as hex) pairs added to the response, such as the congestion state of 5.0.
    """

    reply: Literal["prompt"] = "prompt"
    delay: float = 0.0
    copies: int = 1
    message_id: str | None = None
    tlvs: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(Value):
    """No response, ever."""

    reply: Literal["silent"] = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffled(Value):
    """Responses are held until `batch` of them wait or `within` seconds passed, and leave in a drawn order."""

    reply: Literal["shuffled"] = "shuffled"
    batch: int = 10
    within: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Misaddressed(Value):
    """The response under another sequence number, or as a response to another command; `None` leaves it right."""

    reply: Literal["misaddressed"] = "misaddressed"
    sequence: int | None = None
    command_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nacked(Value):
    """A generic_nack with this status instead of a response."""

    reply: Literal["nacked"] = "nacked"
    status: int = 0x00000003


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Value):
    """The connection ends before, within or after the response; `reset` sends RST where it would send FIN."""

    reply: Literal["broken"] = "broken"
    cut: Cut = Cut.BEFORE
    reset: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Value):
    """These octets (hex) go out before the response: garbage, an HTTP answer, an oversize header, a vendor PDU."""

    reply: Literal["noise"] = "noise"
    octets: str


Reply = Prompt | Silent | Shuffled | Misaddressed | Nacked | Broken | Noise

PROMPT = Prompt()
"""The response at once, as it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRule(Value):
    """What happens to the submit_sm that fire `when`.

    `status` refuses with that command_status. `taken` False: the gateway never saw it (no guard is armed, no receipt
    comes), which is what a connection lost on the way means. `reply` says how the response travels, `receipts`
    replaces the script's.
    """

    when: When = field(default_factory=When)
    status: int | None = None
    taken: bool = True
    reply: Reply = field(default_factory=Prompt)
    receipts: Receipts | None = None


class Inquiry(StrEnum):
    """The requests about a message that was taken."""

    QUERY = "query_sm"
    CANCEL = "cancel_sm"
    REPLACE = "replace_sm"


class InquiryAnswer(StrEnum):
    """What an inquiry gets where its rule names no status."""

    PROMPT = "prompt"
    SILENT = "silent"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryRule(Value):
    """What happens to the inquiries that fire `when`, to those of one `command` or to all.

    `status` refuses, and nothing is done. With every other answer it is done, whatever becomes of the response: that
    comes `delay` seconds of the gateway's clock late, never, or the connection ends instead.
    """

    when: When = field(default_factory=When)
    command: Inquiry | None = None
    answer: InquiryAnswer = InquiryAnswer.PROMPT
    status: int | None = None
    delay: float = 0.0


class BindAnswer(StrEnum):
    """What a bind gets where its rule names no status."""

    STATUS = "status"
    SILENT = "silent"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindRule(Value):
    """What happens to the binds that fire `when`: a status, silence, or the end of the connection."""

    when: When = field(default_factory=When)
    answer: BindAnswer = BindAnswer.STATUS
    status: int = 0
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRule(Value):
    """What happens to a new connection: closed at once, greeted with octets (hex), or served badly.

    `segment` writes so many octets at a time, each in a packet of its own; `lag` holds what leaves for so many seconds;
    `freeze_after` reads and writes nothing from then on; `end_after` resets. Seconds of the wire clock.
    `end_after_octets` resets once so many came from the client, in the middle of a PDU if need be. `first_sequence`
    numbers the gateway's own requests from there, to see the wrap at 0x7FFFFFFF.
    """

    when: When = field(default_factory=When)
    close: bool = False
    greeting: str = ""
    segment: int | None = None
    lag: float = 0.0
    freeze_after: float | None = None
    end_after: float | None = None
    end_after_octets: int | None = None
    first_sequence: int = 1


class Action(StrEnum):
    """What a step does to every bound connection it matches, or to a listener."""

    RESET = "reset"
    CLOSE = "close"
    UNBIND = "unbind"
    OUTBIND = "outbind"
    ENQUIRE_FLOOD = "enquire_flood"
    FREEZE = "freeze"
    THAW = "thaw"
    OCTETS = "octets"
    HOST_DOWN = "host_down"
    HOST_UP = "host_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Value):
    """One action at `at` seconds of the wire clock after the script began, again each `every` seconds if given."""

    at: float
    action: Action
    every: float | None = None
    login: str | None = None
    host: Host | None = None
    count: int = 100
    octets: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script(Value):
    """A whole play: rules by what they answer, steps and subscribers by time, what becomes of messages otherwise."""

    submits: tuple[SubmitRule, ...] = ()
    inquiries: tuple[InquiryRule, ...] = ()
    binds: tuple[BindRule, ...] = ()
    connections: tuple[ConnectRule, ...] = ()
    steps: tuple[Step, ...] = ()
    inbound: tuple[Inbound, ...] = ()
    receipts: Receipts = field(default_factory=Receipts)
