"""`python -m connector.embedded` fetches Kafka and its Java runtime, so that no later step downloads in silence."""

import sys

from connector.embedded.java import EmbeddedError, jars, java
from connector.embedded.kafka import _COORDINATES, VERSION

_MEGABYTE = 1_000_000


class _Shown:
    """Tells how much has come: on one line of a terminal, or as a line for every ten megabytes in a log."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._said = -1

    def __call__(self, name: str, done: int, total: int) -> None:
        self._done[name] = done
        megabytes = sum(self._done.values()) // _MEGABYTE
        step = 1 if sys.stderr.isatty() else 10
        if megabytes // step != self._said:
            self._said = megabytes // step
            end = "\r" if sys.stderr.isatty() else "\n"
            sys.stderr.write(f"Fetching Apache Kafka {VERSION}: {megabytes} MB of about 50{end}")
            sys.stderr.flush()


def main() -> int:
    """0 once everything is there; 1 with what to do about it."""
    try:
        java()
        jars(_COORDINATES, _Shown())
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
