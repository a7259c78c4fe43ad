"""Helpers of the session tests: real sessions talking to each other, with no wire in between."""

from connector.smpp.pdu import BindTransceiver, BindTransceiverResp, Body, Header, SubmitSm, encode
from connector.smpp.session import BindRequested, Bound, Event, Role, Session, SessionSettings, State

QUIET = SessionSettings(enquire_interval=None, response_timeout=None)
"""No timers, for tests that are not about time."""

MESSAGE = SubmitSm(source_addr="SHOP", destination_addr="79990000001", short_message=b"Hello")


def carry(source: Session, target: Session, now: float = 0.0) -> list[Event]:
    """Everything that waits in `source` goes to `target`; what `target` says of it."""
    return target.receive(source.data_to_send(), now)


def bound_pair(
    settings: SessionSettings = QUIET,
    *,
    bind: Body | None = None,
    answer: Body | None = None,
    first_sequence: int = 1,
    server_settings: SessionSettings | None = None,
) -> tuple[Session, Session]:
    """A client and a server, bound at time 0."""
    client = Session(role=Role.ESME, settings=settings, first_sequence=first_sequence)
    server = Session(role=Role.SMSC, settings=server_settings or settings)
    client.request(bind or BindTransceiver(system_id="account", password="secret"), 0.0)
    (asked,) = carry(client, server)
    assert isinstance(asked, BindRequested)
    assert server.respond(asked.header, answer or BindTransceiverResp(system_id="gateway"))
    (bound,) = carry(server, client)
    assert isinstance(bound, Bound)
    assert client.state is server.state
    return client, server


def bound_client(settings: SessionSettings = QUIET, first_sequence: int = 1) -> Session:
    """A bound client whose server the test plays by hand."""
    client = Session(role=Role.ESME, settings=settings, first_sequence=first_sequence)
    sequence = client.request(BindTransceiver(system_id="account", password="secret"), 0.0)
    client.data_to_send()
    client.receive(encode(BindTransceiverResp(system_id="gateway"), sequence=sequence), 0.0)
    assert client.state is State.BOUND_TRX
    return client


def header_of(frame: bytes) -> Header:
    """The header of the first PDU in some octets."""
    return Header(*(int.from_bytes(frame[at : at + 4], "big") for at in (0, 4, 8, 12)))
