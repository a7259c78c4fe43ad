"""The `connector` command: one file for each subcommand, put together in `app`.

Exit codes: 0 done, 1 something failed while running, 2 wrong usage or configuration, 3 Kafka or the gateway cannot be
reached or refuses, 130 interrupted.
"""

import errno
import os
import sys
from typing import TextIO

__all__ = ["main"]

_OUTPUT_FAILS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a write says where the disk behind the output is full or broken."""


def main() -> None:
    """The console script. Ctrl-C ends it cleanly from the first moment, while the rest is still being loaded."""
    # Without standard output or error (`>&-`) Python has None there, and nobody wants to hear.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    try:
        try:
            from connector.cli.app import app

            app()
        finally:
            # What was printed and cannot be written shows here, and not as the interpreter ends.
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, say) has enough; nothing is wrong.
        _give_up_output()
        sys.exit(0)
    except OSError as error:
        if error.errno not in _OUTPUT_FAILS or error.filename is not None:
            raise
        _give_up_output()
        sys.stderr.write(f"error: the output cannot be written ({error.strerror}); make room, or write it elsewhere\n")
        sys.exit(1)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _give_up_output() -> None:
    """Lets the interpreter end without another attempt to write what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
