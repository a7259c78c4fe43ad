"""The time of day, for what is written down; stages get it as an argument."""

import time


def epoch_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
