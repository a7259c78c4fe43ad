"""Who is bound: binds that are taken, refused or left without an answer, and those that end for a newer one.

`admission` decides, the script may decide otherwise, and this acts. Next station: `desk`, which owns the connections.
"""

from collections.abc import Callable, Mapping

from connector.simulator.accounts import BindTable
from connector.simulator.admission import Admitted, Refused, Unanswered, admit, response_to, version_of
from connector.simulator.clock import Clock
from connector.simulator.connection import Connection
from connector.simulator.evidence import Evidence
from connector.simulator.gateway import Gateway, Origin
from connector.simulator.player import Facts
from connector.simulator.script import BindAnswer
from connector.simulator.settings import SimulatorSettings
from connector.smpp.bodies import Header
from connector.smpp.pdu import Bind, Unbind


class Binds:
    """The binds of all logins. `soon(seconds, call)` makes a call on the wire clock, `bound(login)` hears of a new one.

    Times are the wire clock.
    """

    def __init__(
        self,
        *,
        settings: SimulatorSettings,
        gateway: Gateway,
        evidence: Evidence,
        wire: Clock,
        clock: Clock,
        connections: Mapping[int, Connection],
        soon: Callable[[float, Callable[[], None]], None],
        bound: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._evidence = evidence
        self._wire = wire
        self._clock = clock
        self._connections = connections
        self._soon = soon
        self._bound = bound
        self._tables = {account.system_id: BindTable() for account in settings.accounts}

    def of(self, login: str) -> list[Connection]:
        """The connections that hold a bind of this login, oldest first."""
        return [self._connections[place.connection] for place in self._tables[login].places]

    def ask(self, connection: Connection, header: Header, body: Bind, now: float) -> None:
        """A client wants to bind."""
        rule = self._gateway.player.bind(Facts(login=body.system_id, host=connection.host), self._clock.monotonic())
        if rule is None:
            self._admit(connection, header, body, now)
            return
        match rule.answer:
            case BindAnswer.SILENT:
                pass
            case BindAnswer.CLOSE:
                connection.end("closed by the script")
            case BindAnswer.RESET:
                connection.end("reset by the script", reset=True)
            case BindAnswer.STATUS if rule.status:
                self._soon(rule.delay, lambda: self._refuse(connection, header, body, rule.status))
            case BindAnswer.STATUS:
                self._soon(rule.delay, lambda: self._admit(connection, header, body, self._wire.monotonic()))

    def leave(self, connection: Connection) -> None:
        """The bind is over, though the transport may still write."""
        if connection.origin is not None:
            self._tables[connection.origin.login].remove(connection.number)
            connection.direction = None

    def kick(self, connection: Connection, reason: str, *, unbind: bool) -> None:
        """End a bind from the gateway's side, with an unbind first if asked for."""
        now = self._wire.monotonic()
        self.leave(connection)
        self._evidence.changed(connection, "kicked", now, reason=reason)
        if unbind and connection.is_open:
            connection.ended_for = reason
            sequence = connection.session.request(Unbind(), now)
            self._evidence.sent(connection, Unbind(), sequence, now)
            connection.touch()
        else:
            connection.end(reason)

    def _admit(self, connection: Connection, header: Header, body: Bind, now: float) -> None:
        if not connection.is_open:
            return
        account = self._gateway.account(body.system_id)
        table = BindTable() if account is None else self._tables[account.system_id]
        match admit(body, account=account, table=table, settings=self._settings, peer=connection.peer):
            case Refused(status=status):
                self._refuse(connection, header, body, status)
            case Unanswered(closes=closes):
                if closes:
                    connection.end("closed for its version")
            case Admitted() as admitted:
                self._take(connection, header, body, admitted, now)

    def _take(self, connection: Connection, header: Header, body: Bind, admitted: Admitted, now: float) -> None:
        account = self._gateway.account(body.system_id)
        assert account is not None  # admit refuses a login there is not
        for number in admitted.ends:
            self.kick(self._connections[number], "another bind of the login", unbind=self._settings.kick == "unbind")
        parameters = admitted.parameters
        connection.direction = admitted.direction
        connection.parameters = parameters
        connection.origin = Origin(
            login=account.system_id,
            connection=connection.number,
            host=connection.host,
            iso=parameters.iso or account.iso,
            single=parameters.single or account.single,
            version=admitted.version,
        )
        self._tables[account.system_id].add(connection.number, admitted.direction)
        response = response_to(body, self._settings.system_id, version_of(admitted.version))
        connection.session.respond(header, response)
        connection.touch()
        self._evidence.sent(connection, response, header.sequence, now)
        self._evidence.changed(connection, "bound", now)
        self._bound(account.system_id)

    def _refuse(self, connection: Connection, header: Header, body: Bind, status: int) -> None:
        now = self._wire.monotonic()
        response = response_to(body, self._settings.system_id)
        connection.session.respond(header, response, status)
        connection.touch()
        self._evidence.sent(connection, response, header.sequence, now, status)
        self._evidence.changed(connection, "bind_refused", now, status=status)
