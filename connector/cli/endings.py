"""What a stage that broke down says: one line for a person, and the exit status. Never a traceback.

Rule: this is a stage's edge, the one place where a catch-all may stand. Of an error that is none of ours only the type
and the place are told, since its words may quote a message.
"""

import traceback
from pathlib import Path
from typing import NamedTuple

from connector import telemetry
from connector.bind.settings import SettingsUnreadable
from connector.cli.common import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, with_remedy
from connector.kafka.clients import KafkaError, KafkaRefused, TopicMissing
from connector.stages.settings import StageConfig

_PACKAGE = Path(__file__).resolve().parent.parent


class Verdict(NamedTuple):
    """The exit status and the line."""

    code: int
    words: str


def verdict(error: BaseException, config: StageConfig) -> Verdict:
    """Of a group of errors the most telling one speaks: what a person can mend before what passes by itself."""
    return min((_judged(one, config) for one in _flat(error)), key=lambda found: found[0])[1]


def _flat(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [one for inner in error.exceptions for one in _flat(inner)]
    return [error]


def _judged(error: BaseException, config: StageConfig) -> tuple[int, Verdict]:
    """The rank, lowest first, and the verdict."""
    match error:
        case telemetry.EndpointError() | SettingsUnreadable():
            return 0, Verdict(EXIT_USAGE, str(error))
        case TopicMissing() | KafkaRefused():
            return 1, Verdict(EXIT_UNREACHABLE, str(error))
        case KafkaError():
            return 2, Verdict(EXIT_UNREACHABLE, with_remedy(config, error))
    # Only the stages that use Faust raise it, and they have loaded it already; importing it costs nobody else.
    if type(error).__name__ == "StageStopped":
        return 3, Verdict(EXIT_FAILED, str(error))
    return 4, Verdict(EXIT_FAILED, f"broke down by a fault of its own: {type(error).__name__}{_place(error)}")


def _place(error: BaseException) -> str:
    """Where in this project it happened: the innermost of its own frames."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            return f" at {path.relative_to(_PACKAGE.parent).as_posix()}:{frame.lineno}"
    return ""


def trail(error: BaseException) -> str:
    """For whoever looks for the fault: each error with its frames, innermost last, and the errors behind it. No words,
    which may quote a message, a number or a password."""
    told: list[str] = []
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        frames = " > ".join(
            f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}"
            for frame in traceback.extract_tb(one.__traceback__)
        )
        told.append(f"{type(one).__name__} at {frames or 'no frame'}")
        behind = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting.extend(next_one for next_one in (behind, *inner) if next_one is not None)
    return "; from ".join(told)
