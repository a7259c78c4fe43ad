"""A session under any octets, in any pieces, in both roles, while its owner goes on working.

An input is a small programme: an octet of flags, then steps. A step is an octet (its last three bits say which), and
for `receive` two octets of length and the octets. It is run twice, whole and in pieces; both must come to the same.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random
from struct import pack

from connector.smpp.bodies import Header
from connector.smpp.constants import MAX_SEQUENCE, RESPONSE, CommandId
from connector.smpp.errors import SessionStateError
from connector.smpp.events import (
    BindRefused,
    BindRequested,
    Bound,
    Closed,
    Event,
    LateResponse,
    MalformedReceived,
    OneWayReceived,
    PeerUnbound,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    Unbound,
    UnexpectedResponse,
)
from connector.smpp.layouts import LAYOUTS
from connector.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    Body,
    DeliverSm,
    EnquireLink,
    QuerySm,
    SubmitSm,
    Unbind,
    UnknownPdu,
    decode,
    encode,
)
from connector.smpp.session import Role, Session, SessionSettings
from connector.smpp.waiting import LATE_KEPT
from tests.fuzz.mutating import NUMBERS, damaged
from tests.fuzz.targets.pdu import frame

WINDOW = 4
SMALL, LARGE = 512, 65536
SERVER, TIGHT, WRAPPING, BOUND = 1, 2, 4, 8
RECEIVE, REQUEST, RESPOND, NACK, WAIT, CLOSE = 0, 3, 4, 5, 6, 7
REQUESTS: tuple[Body, ...] = (
    SubmitSm(source_addr="SHOP", destination_addr="79990000001", short_message=b"Hello"),
    DeliverSm(source_addr="79990000001", destination_addr="SHOP", short_message=b"STOP"),
    QuerySm(message_id="17"),
    EnquireLink(),
    Unbind(),
    BindTransceiver(system_id="login", password="secret"),
    UnknownPdu(command_id=0x00010200, body=b"vendor"),
)
PIECES = (1, 3, 16, 7, 64, 2, 300)


def step(code: int, data: bytes = b"") -> bytes:
    """One step of a programme; `data` belongs to RECEIVE alone."""
    return bytes((code,)) + (pack(">H", len(data)) + data if code & 7 < REQUEST else b"")


def steps_of(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """The steps of a programme, (octet, data); one that is cut short has less data."""
    at = 1
    while at < len(octets):
        code, at = octets[at], at + 1
        data = b""
        if code & 7 < REQUEST:
            size, at = int.from_bytes(octets[at : at + 2], "big"), at + 2
            data, at = octets[at : at + size], at + size
        yield code, data


def programme(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A programme of the corpus with steps lost, repeated and damaged, garbage and damaged PDUs among them."""
    octets = rng.choice(seeds)
    flags = octets[0] if rng.random() < 0.7 else rng.randrange(16)
    steps = list(steps_of(octets))
    frames = [data for _, data in steps if len(data) >= 16] or [encode(EnquireLink(), sequence=1)]
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(steps) + 1)
        kind = rng.random()
        if kind < 0.35:
            steps.insert(at, (RECEIVE, numbered(rng, frame(rng, frames))))
        elif kind < 0.45:
            steps.insert(at, (RECEIVE, rng.randbytes(rng.choice((1, 4, 16, 40)))))
        elif kind < 0.65:
            steps.insert(at, (rng.choice((REQUEST, RESPOND, NACK, WAIT)) | rng.randrange(32) << 3, b""))
        elif kind < 0.75 and steps:
            steps.insert(at, rng.choice(steps))
        elif kind < 0.85 and steps:
            del steps[rng.randrange(len(steps))]
        elif steps:
            place = rng.randrange(len(steps))
            code, data = steps[place]
            steps[place] = (code, damaged(rng, data, others=frames)[:0xFFFF] if data else data)
    return bytes((flags,)) + b"".join(step(code, data) for code, data in steps)


def numbered(rng: Random, octets: bytes) -> bytes:
    """A PDU under a number that may be in flight."""
    if len(octets) < 16 or rng.random() < 0.3:
        return octets
    sequence = rng.choice((1, 2, 3, 4, MAX_SEQUENCE - 2, MAX_SEQUENCE, *NUMBERS))
    return octets[:12] + pack(">I", sequence) + octets[16:]


class Run:
    """One way through a programme, and the books of it."""

    def __init__(self, flags: int) -> None:
        self.role = Role.SMSC if flags & SERVER else Role.ESME
        self.largest = SMALL if flags & TIGHT else LARGE
        self.now = 0.0
        self.session = Session(
            role=self.role,
            settings=SessionSettings(window=WINDOW, response_timeout=20.0, idle_timeout=500.0, max_pdu=self.largest),
            first_sequence=MAX_SEQUENCE - 2 if flags & WRAPPING else 1,
            opened_at=0.0,
        )
        self.events: list[Event] = []
        self.out = bytearray()
        self.asked: list[Header] = []
        self.given: list[int] = []
        self.ended: Counter[object] = Counter()
        self.late: Counter[object] = Counter()
        self.answered = 0
        if flags & BOUND:
            self.bind()

    def bind(self) -> None:
        login = BindTransceiver(system_id="login", password="secret")
        if self.role is Role.ESME:
            sequence = self.session.request(login, 0.0)
            self.session.receive(encode(BindTransceiverResp(system_id="gateway"), sequence=sequence), 0.0)
        else:
            (asked,) = self.session.receive(encode(login, sequence=1), 0.0)
            assert isinstance(asked, BindRequested)
            self.session.respond(asked.header, BindTransceiverResp(system_id="gateway"))
        self.session.data_to_send()

    def take(self, code: int, data: bytes, pieces: bool) -> None:
        """One step."""
        match code & 7:
            case 3:
                self.request(REQUESTS[(code >> 3) % len(REQUESTS)])
            case 4 if self.asked:
                header = self.asked.pop(0)
                layout = LAYOUTS.get(header.command_id | RESPONSE)
                if layout is not None:
                    self.quietly(header, layout.body(), code >> 3)
            case 5 if self.asked:
                self.session.nack(self.asked.pop(0), 8)
            case 6:
                self.now += code >> 3
                self.account(self.session.on_timer(self.now))
            case 7 if code >> 3 == 0:
                self.account(self.session.close(self.now, "given up"))
            case 0 | 1 | 2:
                self.receive(data, pieces)
        self.out += self.session.data_to_send()
        self.bounded()

    def request(self, body: Body) -> None:
        context = None if isinstance(body, EnquireLink | Unbind | BindTransceiver) else len(self.given)
        try:
            self.session.request(body, self.now, context)
        except SessionStateError:
            return
        if context is not None:
            self.given.append(context)

    def quietly(self, header: Header, body: Body, status: int) -> None:
        try:
            self.session.respond(header, body, status)
        except SessionStateError:
            assert header.command_id in (1, 2, 9), "only a bind can be answered too late"

    def receive(self, data: bytes, pieces: bool) -> None:
        self.out += self.session.data_to_send()
        if not pieces:
            events = self.session.receive(data, self.now)
        else:
            events, at = [], 0
            for size in cycle(PIECES):
                if at >= len(data):
                    break
                events += self.session.receive(data[at : at + size], self.now)
                self.bounded()
                at += size
        out = self.session.data_to_send()
        self.answered += sum(1 for header, _ in pdus(out) if header.command_id & RESPONSE)
        self.out += out
        self.account(events)

    def account(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            repr(event)
            match event:
                case BindRequested() | RequestReceived():
                    self.asked.append(event.header)
                case ResponseReceived(context=int(context)) | RequestTimedOut(context=int(context)):
                    self.ended[context] += 1
                case LateResponse(context=context):
                    self.late[context] += 1
                case Closed():
                    self.ended.update(one.context for one in event.unanswered if isinstance(one.context, int))
                case _:
                    pass

    def bounded(self) -> None:
        """Whatever comes, no more is kept than this."""
        session = self.session
        assert len(session._partial) <= self.largest, "more is kept than one PDU"
        assert 0 <= session.in_flight <= WINDOW, "the window is overdrawn"
        assert len(session._waiting.late) <= LATE_KEPT


def pdus(out: bytes) -> list[tuple[Header, Body]]:
    """What a session has written must be PDUs."""
    found, at = [], 0
    while at < len(out):
        size = int.from_bytes(out[at : at + 4], "big")
        found.append(decode(bytes(out[at : at + size])))
        at += size
    return found


def check(octets: bytes) -> None:
    if not octets:
        return
    whole, pieces = Run(octets[0]), Run(octets[0])
    for code, data in steps_of(octets):
        whole.take(code, data, pieces=False)
        pieces.take(code, data, pieces=True)
    for run in (whole, pieces):
        run.account(run.session.close(run.now, "the end"))
        assert not run.session._partial, "an ended session keeps nothing"
        assert set(run.ended) == set(run.given), "a context is lost, or made up"
        assert set(run.ended.values()) <= {1}, "a context comes back once"
        assert all(count == 1 for context, count in run.late.items() if isinstance(context, int))
        nothing_vanishes(run, octets)
    assert whole.events == pieces.events, "the pieces matter"
    assert without_last_number(whole) == without_last_number(pieces), "the pieces matter"


def without_last_number(run: Run) -> bytes:
    """What went out. The nack for a wrong length names the PDU's number only where that had come by then."""
    out = bytes(run.out)
    last = next((event for event in run.events if isinstance(event, Closed)), None)
    wrong_length = last is not None and last.reason.startswith("command_length")
    return out[:-4] if wrong_length else out


def nothing_vanishes(run: Run, octets: bytes) -> None:
    """Every whole PDU before the first that cannot be one becomes an event or an answer; nothing else ends it."""
    requests = responses = 0
    stream = b"".join(data for code, data in steps_of(octets) if code & 7 < REQUEST)
    ended = next((event.reason for event in run.events if isinstance(event, Closed)), "")
    insane, at = False, 0
    while len(stream) - at >= 4:
        size = int.from_bytes(stream[at : at + 4], "big")
        insane = not 16 <= size <= run.largest
        if insane or len(stream) - at < size:
            break
        command = int.from_bytes(stream[at + 4 : at + 8], "big")
        requests += not command & RESPONSE
        responses += bool(command & RESPONSE)
        at += size
    if ended.startswith("command_length"):
        assert insane, "a session ended though every length was sane"
    if ended not in ("the end",) and not ended.startswith("command_length"):
        return  # it ended by itself or by its owner somewhere in between
    seen = Counter(type(event) for event in run.events)
    refused = sum(
        1 for event in run.events if isinstance(event, MalformedReceived) and not event.header.command_id & RESPONSE
    )
    asked = seen[BindRequested] + seen[RequestReceived] + seen[OneWayReceived]
    # Unbind is answered and told of; a wrong length is answered and is no PDU.
    answered = run.answered - ended.startswith("command_length")
    assert requests == asked + answered, f"{requests} requests came, {asked} were told of, {answered} answered"
    assert refused <= answered
    assert seen[PeerUnbound] <= answered
    kinds = (ResponseReceived, LateResponse, UnexpectedResponse, Bound, BindRefused, Unbound)
    swallowed = responses - sum(seen[kind] for kind in kinds)
    probes = sum(header.command_id == CommandId.ENQUIRE_LINK for header, _ in pdus(bytes(run.out)))
    assert 0 <= swallowed <= probes, "a response vanished"
