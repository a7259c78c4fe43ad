"""What a session waits for, and until when.

Rule: times come in as arguments and go out as times; nothing here acts. `session` asks `endings` for what would end
it and `probe_due` for the next enquire_link, and does what is due.
"""

from collections.abc import Iterator, Mapping

from connector.smpp.constants import RESPONSE, CommandId, command_name
from connector.smpp.states import BOUND, Role, SessionSettings, State
from connector.smpp.waiting import Waiting


class Timers:
    """The instants a session is measured from: its opening, the last PDU received and the last request sent."""

    __slots__ = ("_opened", "_role", "_settings", "last_received", "last_sent", "started")

    def __init__(self, role: Role, settings: SessionSettings, opened_at: float | None) -> None:
        self._role = role
        self._settings = settings
        self.started = False
        self._opened = self.last_received = self.last_sent = 0.0
        if opened_at is not None:
            self.start(opened_at)

    def start(self, now: float) -> None:
        """Begin to measure, unless that was done."""
        if not self.started:
            self.started = True
            self._opened = self.last_received = self.last_sent = now

    def endings(self, state: State, control: Mapping[int, Waiting]) -> Iterator[tuple[float, str]]:
        """When the session ends if nothing comes, and why."""
        for answer, _, _, sent_at in control.values():
            yield self._control_due(answer, sent_at), f"{command_name(answer & ~RESPONSE)} was not answered"
        if self._settings.idle_timeout is not None:
            yield self.last_received + self._settings.idle_timeout, "idle for too long"
        if self._role is Role.SMSC and state is State.OPEN:
            yield self._opened + self._settings.bind_timeout, "no bind in time"

    def _control_due(self, answer: int, sent_at: float) -> float:
        match answer:
            case CommandId.UNBIND_RESP:
                return sent_at + self._settings.unbind_timeout
            case CommandId.ENQUIRE_LINK_RESP:
                # A busy peer answers late; one from which PDUs come is not dead.
                return max(sent_at, self.last_received) + self._settings.enquire_timeout
            case _:
                return sent_at + self._settings.bind_timeout

    def probe_due(self, state: State, control: Mapping[int, Waiting]) -> float | None:
        """When to send an enquire_link; None when not bound, or while one waits for its answer."""
        interval = self._settings.enquire_interval
        if interval is None or state not in BOUND:
            return None
        if any(answer == CommandId.ENQUIRE_LINK_RESP for answer, *_ in control.values()):
            return None
        return min(self.last_received, self.last_sent) + interval
