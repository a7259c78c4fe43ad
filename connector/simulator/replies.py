"""How a response to a submit_sm travels: at once, late, twice, shuffled, under a wrong number, or not at all.

What the response says was decided by `gateway`; here is only the manner, as the script's `Reply` wants it.
"""

import struct
from collections.abc import Callable
from random import Random

from connector.simulator.connection import Connection
from connector.simulator.script import PROMPT, Broken, Cut, Misaddressed, Nacked, Noise, Prompt, Reply, Shuffled, Silent
from connector.smpp.bodies import Body, Header
from connector.smpp.constants import CommandId
from connector.smpp.pdu import GenericNack, SubmitSmResp
from connector.smpp.tlv import Tlvs

_HEADER = struct.Struct(">4I")
_TLV = struct.Struct(">2H")
_COMMAND_AND_STATUS = struct.Struct(">2I")
_ID_LETTERS = 64


class Replies:
    """Sends responses. `later(seconds, call)` makes a call on the gateway's clock, `random` draws an order,
    `sent(connection, body, sequence, status)` hears of every response that went out.
    """

    def __init__(
        self,
        later: Callable[[float, Callable[[], None]], None],
        random: Callable[[], Random],
        sent: Callable[[Connection, Body, int, int], None],
    ) -> None:
        self._later = later
        self._random = random
        self._sent = sent
        self._held: list[Callable[[], None]] = []

    def send(
        self, connection: Connection, header: Header, status: int, message_id: str, reply: Reply, tlvs: Tlvs = ()
    ) -> None:
        """Answer the submit_sm of `header`, in the manner of `reply`; `tlvs` stand in whatever is a response of it."""
        if reply is PROMPT:
            self._answer(connection, header, status, message_id, tlvs)
            return
        match reply:
            case Prompt():
                self._prompt(connection, header, status, message_id, reply, tlvs)
            case Silent():
                pass
            case Shuffled():
                self._hold(lambda: self._answer(connection, header, status, message_id, tlvs), reply)
            case Misaddressed():
                sequence = header.sequence if reply.sequence is None else reply.sequence
                frame = _frame(sequence, status, message_id)
                if reply.command_id is not None:
                    frame = frame[:4] + _COMMAND_AND_STATUS.pack(reply.command_id, status) + frame[12:]
                connection.unanswered -= 1
                connection.raw(frame)
                self._sent(connection, SubmitSmResp(message_id=message_id), sequence, status)
            case Nacked():
                connection.unanswered -= 1
                connection.session.nack(header, reply.status)
                connection.touch()
                self._sent(connection, GenericNack(), header.sequence, reply.status)
            case Noise():
                connection.raw(bytes.fromhex(reply.octets))
                self._answer(connection, header, status, message_id, tlvs)
            case Broken():
                _break(connection, header, status, message_id, reply)

    def _answer(self, connection: Connection, header: Header, status: int, message_id: str, tlvs: Tlvs = ()) -> None:
        connection.unanswered -= 1
        body = SubmitSmResp(message_id=message_id, tlvs=tlvs)
        if len(message_id) > _ID_LETTERS:
            connection.raw(_frame(header.sequence, status, message_id, tlvs))
            self._sent(connection, body, header.sequence, status)
        elif connection.session.respond(header, body, status):
            self._sent(connection, body, header.sequence, status)
        connection.touch()

    def _prompt(
        self, connection: Connection, header: Header, status: int, message_id: str, reply: Prompt, own: Tlvs
    ) -> None:
        shown = message_id if reply.message_id is None else reply.message_id
        tlvs = (*((tag, bytes.fromhex(octets)) for tag, octets in reply.tlvs), *own)

        def answer() -> None:
            self._answer(connection, header, status, shown, tlvs)
            for _ in range(1, reply.copies):
                connection.raw(_frame(header.sequence, status, shown, tlvs))
                self._sent(connection, SubmitSmResp(message_id=shown, tlvs=tlvs), header.sequence, status)

        if reply.delay > 0:
            self._later(reply.delay, answer)
        else:
            answer()

    def _hold(self, answer: Callable[[], None], reply: Shuffled) -> None:
        if not self._held:
            self._later(reply.within, self._release)
        self._held.append(answer)
        if len(self._held) >= reply.batch:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        self._random().shuffle(held)
        for answer in held:
            answer()


def _frame(sequence: int, status: int, message_id: str, tlvs: Tlvs = ()) -> bytes:
    """A submit_sm_resp octet by octet: the codec would not write an id that is too long."""
    body = message_id.encode("latin-1") + b"\0"
    body += b"".join(_TLV.pack(tag, len(octets)) + octets for tag, octets in tlvs)
    return _HEADER.pack(16 + len(body), CommandId.SUBMIT_SM_RESP, status, sequence) + body


def _break(connection: Connection, header: Header, status: int, message_id: str, reply: Broken) -> None:
    """Before and in the middle of a response it may be a reset; behind one that must arrive it is an orderly end."""
    frame = _frame(header.sequence, status, message_id)
    match reply.cut:
        case Cut.BEFORE:
            connection.end("cut before the response", reset=reply.reset)
        case Cut.MIDDLE:
            connection.raw(frame[: len(frame) // 2])
            connection.end("cut within the response")
        case Cut.AFTER:
            connection.raw(frame)
            connection.end("cut after the response")
