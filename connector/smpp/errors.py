"""What can go wrong in SMPP, named after who must act.

`EncodeError` and `SessionStateError` are our own misuse. `FramingError` and `MalformedPdu` are the peer's fault: the
first ends the session because the next PDU cannot be found, the second never does. `TlvError` is one unreadable
parameter of an otherwise good PDU. No message holds an address, a text or a password: fields are named, sizes are
given, values are not.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.smpp.bodies import Body, Header


class SmppError(Exception):
    """The root of every error of this room."""


class EncodeError(SmppError, ValueError):
    """A value does not fit its field on the wire. Correct the value; nothing was sent."""


class SessionStateError(SmppError):
    """The session does not allow this now (wrong state, window full). Ask `state` and `free_window` first."""


class FramingError(SmppError):
    """The octets are not a sequence of PDUs: command_length is below 16 or above the limit. Close the connection."""


class TlvError(SmppError, ValueError):
    """An optional parameter has a size its type does not allow. Treat the parameter as absent."""


class MalformedPdu(SmppError):
    """A PDU of a sane length whose body cannot be read. Refuse it with `nack_status` and go on.

    `header` is what the PDU said of itself. `partial` holds the fields before the damage, the rest at their defaults:
    for a response that is often all that matters (the id was there, the optional parameters were not). `complete`:
    only the optional parameters are damaged, and `partial` has those before the damage.
    """

    def __init__(
        self, header: "Header", nack_status: int, reason: str, partial: "Body | None" = None, *, complete: bool = False
    ) -> None:
        super().__init__(reason)
        self.header = header
        self.nack_status = nack_status
        self.reason = reason
        self.partial = partial
        self.complete = complete
