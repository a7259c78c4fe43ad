"""The leash of a child process: the supervisor holds the other end of its standard input, and when that closes, however
the supervisor died, the child stops.

Rule: a thread of its own watches, so that a child whose event loop stands still ends as well. No handler runs on
kill -9; a closed pipe is the one thing that always tells.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

_STDIN: Final = 0


def hold_on(stop: Callable[[], object], *, grace: float) -> None:
    """Calls `stop` (from another thread) when standard input ends; `grace` seconds later the process is ended."""
    threading.Thread(target=_watch, args=(stop, grace), name="leash", daemon=True).start()


def _watch(stop: Callable[[], object], grace: float) -> None:
    try:
        while os.read(_STDIN, 4096):
            pass
    except OSError:
        pass
    try:
        stop()
    except RuntimeError:
        # The event loop is closed: the process is ending already.
        return
    time.sleep(grace)
    sys.stderr.write("error: the supervisor is gone and this process did not stop in time; it ends now\n")
    sys.stderr.flush()
    os._exit(1)
