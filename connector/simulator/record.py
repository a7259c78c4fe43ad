"""What reached the gateway and what it sent: the evidence every promise is checked against.

With "full" every PDU is kept, with "counts" only the numbers. Times of a PDU are the wire clock (`time.monotonic` of
the machine, so two processes can compare them) and milliseconds since the epoch. `lines` writes the same to a file.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from connector.domain.messages import Kind
from connector.domain.parts import PartRef
from connector.simulator.plans import ReceiptState
from connector.simulator.script import Host
from connector.smpp.bodies import Body, Header
from connector.smpp.pdu import DataSm, DeliverSm, SubmitSm

_SECOND = 1.0


class Way(StrEnum):
    """IN: from the client. OUT: from the gateway."""

    IN = "in"
    OUT = "out"


class PduRecord(NamedTuple):
    """One PDU. `login` is empty before the bind."""

    time: float
    epoch_ms: int
    connection: int
    login: str
    host: Host
    way: Way
    header: Header
    body: Body


class SubmitRecord(NamedTuple):
    """One submit_sm with the gateway's answer.

    `message_id` is empty where it was refused, `part` None where it is whole, `taken` False where the script lost it.
    """

    time: float
    epoch_ms: int
    connection: int
    login: str
    host: Host
    sequence: int
    pdu: SubmitSm
    kind: Kind
    part: PartRef | None
    status: int
    message_id: str
    taken: bool = True

    @property
    def accepted(self) -> bool:
        """Whether the gateway took it."""
        return self.taken and self.status == 0


class Ending(StrEnum):
    """How a delivery ended."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "delivery_refused"


class DeliveryRecord(NamedTuple):
    """A deliver_sm or data_sm that the client answered for good; `attempts` counts how often it was sent."""

    time: float
    epoch_ms: int
    connection: int
    login: str
    body: DeliverSm | DataSm
    message_id: str
    attempts: int
    ending: Ending
    status: int


class MessageRecord(NamedTuple):
    """A message that reached its end. `text` is what the subscriber got, or would have got, in the alphabet of its
    data_coding; `comment` what the account's history shows beside it; `replaced` counts its replace_sm."""

    time: float
    epoch_ms: int
    login: str
    message_id: str
    kind: Kind
    destination: str
    state: ReceiptState
    error: int
    parts: int
    text: bytes
    comment: bytes | None
    replaced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """One login in numbers. `peak_speed` is the most submit_sm within any second, `waiting` what is undelivered."""

    login: str
    submits: int
    accepted: int
    throttled: int
    refused: int
    receipts: int
    acknowledged: int
    redelivered: int
    waiting: int
    inbound: int
    peak_speed: int
    peak_unanswered: int


class _Login:
    """The running numbers of one login."""

    __slots__ = ("arrivals", "counts", "peak_speed", "peak_unanswered")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.arrivals: deque[float] = deque()
        self.peak_speed = 0
        self.peak_unanswered = 0


class Record:
    """The evidence, kept in memory; queries answer lists in the order of arrival."""

    def __init__(self, *, full: bool = True) -> None:
        self._full = full
        self._logins: dict[str, _Login] = {}
        self.pdus: list[PduRecord] = []
        self._submits: list[SubmitRecord] = []
        self._deliveries: list[DeliveryRecord] = []
        self._messages: list[MessageRecord] = []
        self.commands: Counter[int] = Counter()
        self.counts: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether PDUs are kept, and not only counted."""
        return self._full

    def pdu(self, record: PduRecord) -> None:
        """A PDU came or went; only asked for where `is_full`."""
        self.pdus.append(record)

    def submit(self, record: SubmitRecord, *, throttled: bool, unanswered: int) -> None:
        """A submit_sm was decided."""
        if self._full:
            self._submits.append(record)
        login = self._login(record.login)
        arrivals, since = login.arrivals, record.time - _SECOND
        arrivals.append(record.time)
        while arrivals[0] <= since:
            arrivals.popleft()
        login.peak_speed = max(login.peak_speed, len(arrivals))
        login.peak_unanswered = max(login.peak_unanswered, unanswered)
        login.counts["submits"] += 1
        outcome = (
            "accepted" if record.accepted else "throttled" if throttled else "refused" if record.status else "lost"
        )
        login.counts[outcome] += 1

    def delivery(self, record: DeliveryRecord) -> None:
        """A delivery ended."""
        if self._full:
            self._deliveries.append(record)
        self.count(record.login, record.ending)

    def message(self, record: MessageRecord) -> None:
        """A message reached its end."""
        if self._full:
            self._messages.append(record)

    def count(self, login: str, what: str) -> None:
        """One more of something that has no record of its own; see `counts_of` for the words."""
        self.counts[what] += 1
        self._login(login).counts[what] += 1

    def submits(
        self,
        *,
        login: str | None = None,
        destination: str | None = None,
        accepted: bool | None = None,
        connection: int | None = None,
        host: Host | None = None,
    ) -> list[SubmitRecord]:
        """The submit_sm that fit every condition given. Needs "full"."""
        if login is None and destination is None and accepted is None and connection is None and host is None:
            return self._submits.copy()
        return [
            each
            for each in self._submits
            if (login is None or each.login == login)
            and (destination is None or each.pdu.destination_addr == destination)
            and (accepted is None or each.accepted == accepted)
            and (connection is None or each.connection == connection)
            and (host is None or each.host is host)
        ]

    def deliveries(self, *, login: str | None = None, message_id: str | None = None) -> list[DeliveryRecord]:
        """The deliveries that ended and fit every condition given. Needs "full"."""
        return [
            each
            for each in self._deliveries
            if (login is None or each.login == login) and (message_id is None or each.message_id == message_id)
        ]

    def messages(self, *, login: str | None = None, destination: str | None = None) -> list[MessageRecord]:
        """The messages that reached their end and fit every condition given. Needs "full"."""
        return [
            each
            for each in self._messages
            if (login is None or each.login == login) and (destination is None or each.destination == destination)
        ]

    def sent(self, command_id: int) -> list[PduRecord]:
        """The PDUs of this command that the gateway sent. Needs "full"."""
        return [each for each in self.pdus if each.way is Way.OUT and each.header.command_id == command_id]

    def received(self, command_id: int) -> list[PduRecord]:
        """The PDUs of this command that clients sent. Needs "full"."""
        return [each for each in self.pdus if each.way is Way.IN and each.header.command_id == command_id]

    def counts_of(self, login: str) -> Counter[str]:
        """Numbers of one login: submits (accepted, throttled, refused, lost), receipts, inbound, redelivered,
        acknowledged, delivery_refused, bound, bind_refused, kicked, closed."""
        return Counter(self._login(login).counts)

    def summary(self, waiting: Iterable[tuple[str, int]]) -> list[SummaryRow]:
        """A row for each of these logins, given with what still waits for them."""
        return [self._row(login, left) for login, left in waiting]

    def clear(self) -> None:
        """Forget everything; a long test may begin a new chapter."""
        self._logins.clear()
        self.pdus.clear()
        self._submits.clear()
        self._deliveries.clear()
        self._messages.clear()
        self.commands.clear()
        self.counts.clear()

    def _login(self, login: str) -> _Login:
        known = self._logins.get(login)
        if known is None:
            known = self._logins[login] = _Login()
        return known

    def _row(self, login: str, waiting: int) -> SummaryRow:
        known = self._login(login)
        counts = known.counts
        return SummaryRow(
            login=login,
            submits=counts["submits"],
            accepted=counts["accepted"],
            throttled=counts["throttled"],
            refused=counts["refused"],
            receipts=counts["receipts"],
            acknowledged=counts["acknowledged"],
            redelivered=counts["redelivered"],
            waiting=waiting,
            inbound=counts["inbound"],
            peak_speed=known.peak_speed,
            peak_unanswered=known.peak_unanswered,
        )
