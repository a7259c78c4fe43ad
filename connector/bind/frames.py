"""What stands in octets of ours that are on their way out: whole PDUs, one after another. Pure; `link` asks.

The offsets are those of the header (SMPP 3.4, 3.2): length at 0, command_id at 4, sequence_number at 12.
"""

from collections.abc import Iterator


def split(octets: bytes) -> Iterator[tuple[int, int]]:
    """Where each PDU starts and ends."""
    end = 0
    while end < len(octets):
        start = end
        end += int.from_bytes(octets[start : start + 4], "big")
        yield start, end


def answers(octets: bytes) -> bytes:
    """The responses alone: after an unbind no request of ours may leave any more."""
    return b"".join(octets[start:end] for start, end in split(octets) if octets[start + 4] & 0x80)


def unfinished(octets: bytes, passed_on: int) -> set[int]:
    """Sequence numbers of the requests whose last octet is not among the first `passed_on`."""
    return {
        int.from_bytes(octets[start + 12 : start + 16], "big")
        for start, end in split(octets)
        if end > passed_on and not octets[start + 4] & 0x80
    }
