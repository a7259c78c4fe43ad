"""What a bind tells: its state for the status page, and what happens for the stage that owns it.

`BindHandler` is the seam to the submit stage; `bind` calls it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from connector.bind.handlers import DeliveryToken
from connector.bind.reconnect import Ending
from connector.smpp.pdu import Body
from connector.smpp.tlv import Tlvs


class BindState(StrEnum):
    """Where a bind is; the value is the word for status and metrics."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    BINDING = "binding"
    BOUND = "bound"
    HOLDING = "holding"
    """Bound, but takes no submits: it leaves, or returns to the primary, when what is in flight is answered."""
    REFUSED = "refused"
    """The gateway refused it for a reason that time alone does not heal; it waits long before it asks again."""
    SUSPENDED = "suspended"
    """This process may not write now (its lease is lost); the bind waits until it may."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindRefusal:
    """Why there is, or soon was, no bind; `words` say what to do and hold no address, login or password.

    `status` is the command_status of a bind_resp, where one came. `at` is on the pool's clock. `falls_back`: the bind
    is asked for in the lower version at once.
    """

    ending: Ending
    words: str
    host: str
    at: float
    permanent: bool = False
    status: int | None = None
    falls_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BindStatus:
    """A bind at one moment. `since` (of the state) and `next_attempt_at` are seconds on the pool's clock.

    `host` is "primary" or "backup" and `host_name` its name; `interface_version` is what was asked for (0x34, 0x50)
    and `gateway_version` what the gateway said it speaks.
    """

    slot: int
    state: BindState
    since: float
    ready: bool
    host: str
    host_name: str
    in_flight: int
    free_window: int
    writable: bool
    deliveries: int
    failures: int
    interface_version: int
    gateway_version: int | None
    next_attempt_at: float | None
    last_refusal: BindRefusal | None

    @property
    def version(self) -> int:
        """The version both ends speak: the lower of the two, and ours where the gateway names none."""
        return min(self.interface_version, self.gateway_version or self.interface_version)


class BindHandler(Protocol):
    """The stage that owns the binds. Every method is called on the loop's thread and must not block.

    What a context is, is the stage's own business; it comes back as it was given, exactly once in one of on_response,
    on_answer, on_timeout or on_down. After on_timeout an answer may still come: to on_late_response for a submit, to
    on_answer for anything else.
    """

    def on_ready(self, slot: int) -> None:
        """The slot takes submits from now on."""

    def on_writable(self, slot: int) -> None:
        """The socket was full (`free_window` was 0) and has room again."""

    def on_response(self, slot: int, context: object, status: int, message_id: str, tlvs: Tlvs) -> None:
        """The answer to a submit; `message_id` is empty where the gateway sent none (a refusal, a generic_nack)."""

    def on_answer(self, slot: int, context: object, status: int, body: Body) -> None:
        """The answer to what was asked with `Bind.request` (query_sm, cancel_sm, ...), perhaps after its time-out; a
        GenericNack where the gateway does not know the command."""

    def on_timeout(self, slot: int, context: object) -> None:
        """No answer within `response_timeout`: the outcome is unknown, and its place in the window is free."""

    def on_late_response(self, slot: int, context: object, status: int, message_id: str) -> None:
        """The answer to a submit came after its time-out."""

    def on_delivery(self, slot: int, pdu: Body, raw: bytes, token: DeliveryToken) -> None:
        """A deliver_sm or data_sm; answer with `Bind.respond(token)` when it is durable."""

    def on_refused(self, slot: int, refusal: BindRefusal) -> None:
        """An attempt failed, or the gateway ended the bind: for logs, metrics and alerts. It is tried again."""

    def on_down(self, slot: int, reason: str, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        """A bind that was ready is gone. What is `unsent` certainly never left this process; the gateway may have
        what is `unanswered`."""
