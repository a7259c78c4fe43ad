"""The headers in a stream of octets, without their bodies: what a session answers by itself is counted too. Pure."""

from struct import Struct

from connector.smpp.pdu import HEADER_SIZE, Header

_HEADER = Struct(">4I")


class HeaderTap:
    """Follows one direction of a connection. After octets that are no PDU it sees nothing more."""

    __slots__ = ("_begun", "_lost", "_skip")

    def __init__(self) -> None:
        self._begun = b""
        self._skip = 0
        self._lost = False

    def feed(self, data: bytes) -> list[Header]:
        """The headers that are complete with these octets."""
        headers: list[Header] = []
        if self._lost:
            return headers
        at = self._skip
        if self._begun:
            data, self._begun = self._begun + data, b""
        size = len(data)
        while at + HEADER_SIZE <= size:
            header = Header._make(_HEADER.unpack_from(data, at))
            if header.length < HEADER_SIZE:
                self._lost = True
                return headers
            headers.append(header)
            at += header.length
        if at < size:
            self._begun, self._skip = data[at:], 0
        else:
            self._skip = at - size
        return headers
