"""Writes the evidence as it happens: into the `Record`, and into the file of lines where one is asked for."""

from connector.simulator.clock import Clock
from connector.simulator.connection import Connection
from connector.simulator.gateway import Decision
from connector.simulator.lines import ConnectionLine, LineWriter, delivery_line, message_line, submit_line
from connector.simulator.messages import Message
from connector.simulator.outbox import Parcel, ParcelKind
from connector.simulator.record import DeliveryRecord, Ending, MessageRecord, PduRecord, Record, SubmitRecord, Way
from connector.smpp.bodies import Body, Header
from connector.smpp.constants import CommandStatus
from connector.smpp.pdu import EnquireLink, EnquireLinkResp, SubmitSm, Unbind, UnbindResp, command_of

# What a session answers or takes by itself and therefore never tells.
_UNTOLD: dict[int, Body] = {
    command_of(body): body for body in (EnquireLink(), EnquireLinkResp(), Unbind(), UnbindResp())
}


class Evidence:
    """One simulator's record. `now` is the wire clock's monotonic time of what is reported."""

    def __init__(self, record: Record, writer: LineWriter | None, clock: Clock, throttle_status: int) -> None:
        self.record = record
        self._writer = writer
        self._clock = clock
        self._throttle_status = throttle_status

    def headers(self, connection: Connection, headers: list[Header], now: float) -> None:
        """Everything that came on a connection, by its headers."""
        commands = self.record.commands
        for header in headers:
            commands[header.command_id] += 1
            if self.record.is_full:
                body = _UNTOLD.get(header.command_id)
                if body is not None:
                    self.pdu(connection, Way.IN, header, body, now)

    def pdu(self, connection: Connection, way: Way, header: Header, body: Body, now: float) -> None:
        """A PDU with its body."""
        if self.record.is_full:
            self.record.pdu(
                PduRecord(
                    now,
                    self._clock.epoch_ms(),
                    connection.number,
                    connection.login,
                    connection.host,
                    way,
                    header,
                    body,
                )
            )

    def sent(self, connection: Connection, body: Body, sequence: int, now: float, status: int = 0) -> None:
        """A PDU went out; its header's length is 0, since nobody measures it."""
        if self.record.is_full:
            self.pdu(connection, Way.OUT, Header(0, command_of(body), status, sequence), body, now)

    def submit(self, connection: Connection, header: Header, pdu: SubmitSm, decision: Decision, now: float) -> None:
        """A submit_sm was decided."""
        record = SubmitRecord(
            now,
            self._clock.epoch_ms(),
            connection.number,
            connection.login,
            connection.host,
            header.sequence,
            pdu,
            decision.kind,
            decision.part,
            decision.status,
            decision.message_id,
            decision.taken,
        )
        throttled = decision.status == self._throttle_status
        self.record.submit(record, throttled=throttled, unanswered=connection.unanswered)
        if self._writer is not None:
            self._writer.add(submit_line(record))

    def delivery_sent(self, connection: Connection, parcel: Parcel, sequence: int, now: float) -> None:
        """A deliver_sm went out, for the first time or again."""
        what = "inbound" if parcel.kind is ParcelKind.INBOUND else "receipts"
        self.record.count(parcel.login, what if parcel.attempts == 1 else "redelivered")
        self.sent(connection, parcel.body, sequence, now)

    def delivered(self, connection: Connection, parcel: Parcel, status: int, now: float) -> None:
        """A deliver_sm was answered for good."""
        ending = Ending.ACKNOWLEDGED if status == CommandStatus.ESME_ROK else Ending.REFUSED
        record = DeliveryRecord(
            now,
            self._clock.epoch_ms(),
            connection.number,
            parcel.login,
            parcel.body,
            parcel.message_id,
            parcel.attempts,
            ending,
            status,
        )
        self.record.delivery(record)
        if self._writer is not None:
            self._writer.add(delivery_line(record))

    def ended(self, message: Message, now: float) -> None:
        """A message reached its end."""
        if not self.record.is_full and self._writer is None:
            return
        record = MessageRecord(
            now,
            self._clock.epoch_ms(),
            message.login,
            message.message_id,
            message.kind,
            message.pdu.destination_addr,
            message.state,
            message.error,
            message.parts,
            message.text,
            message.comment,
            message.replaced,
        )
        self.record.message(record)
        if self._writer is not None:
            self._writer.add(message_line(record))

    def changed(self, connection: Connection, change: str, now: float, *, status: int = 0, reason: str = "") -> None:
        """A connection was opened, bound, refused, kicked or ended."""
        self.record.count(connection.login, change)
        if self._writer is not None:
            self._writer.add(
                ConnectionLine(
                    at=now,
                    epoch_ms=self._clock.epoch_ms(),
                    login=connection.login,
                    connection=connection.number,
                    host=connection.host.value,
                    change=change,
                    status=status,
                    reason=reason,
                )
            )

    def flush(self) -> None:
        """Have every line on disk."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Have every line on disk, and no more."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
