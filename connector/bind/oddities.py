"""What a gateway sends that it should not: counted, and said in a log that a flood of it cannot fill. `link` asks."""

import logging

from connector.smpp.constants import command_name, status_name
from connector.smpp.pdu import Header

log = logging.getLogger(__name__)


class Oddities:
    """Those of one connection."""

    def __init__(self) -> None:
        self._count = 0

    def seen(self, header: Header, words: str) -> None:
        """Logs the first, the second, the fourth, the eighth, and so on."""
        self._count += 1
        if self._count & (self._count - 1) == 0:
            log.warning(
                "PDU %s with status %s from the gateway: %s (the %d. of the connection)",
                command_name(header.command_id),
                status_name(header.status),
                words,
                self._count,
            )
