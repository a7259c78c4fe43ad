"""The other end of the session bench: an SMPP server that reads lengths only and answers in batches.

Run as `python -m tests.bench.sink`: it prints its port on 127.0.0.1 and serves until its standard input ends. It must
be faster than every client it measures, so it looks at nothing but the header and gives every message the same id.
"""

import asyncio
import sys
from struct import Struct

_unpack = Struct(">4I").unpack_from
_pack = Struct(">4I9s").pack
_pack_bare = Struct(">4I").pack
_ID = b"10000001\0"

SUBMIT_SM, UNBIND, ENQUIRE_LINK = 0x04, 0x06, 0x15
BINDS = (0x01, 0x02, 0x09)


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        out = []
        while size - at >= 16:
            length, command, _, sequence = _unpack(data, at)
            if size - at < length:
                break
            at += length
            if command == SUBMIT_SM:
                out.append(_pack(25, 0x80000004, 0, sequence, _ID))
            elif command in BINDS:
                out.append(_pack_bare(21, 0x80000000 | command, 0, sequence) + b"sink\0")
            elif command in (UNBIND, ENQUIRE_LINK):
                out.append(_pack_bare(16, 0x80000000 | command, 0, sequence))
        self._rest = data[at:]
        self._transport.write(b"".join(out))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
