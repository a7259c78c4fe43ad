"""The documents' code blocks, read and run as a newcomer would type them.

What a block is follows from its fence:

- `bash` is run, in the order of the document, in a fresh copy of the tree; variables and the folder carry over from
  block to block as in one terminal. `python` is run by the environment's interpreter.
- `yaml` must load as the connector's configuration; `json` must parse.
- `text` and `mermaid` are for the eye only. Any other fence is refused, so that no block escapes by its name.

A comment on the line above a block, which no reader sees, says more where it is needed:

    <!-- test: file=connector.yaml -->            written under this name into the copy, for the blocks that follow
    <!-- test: background until="every slot" -->  started, awaited until it says this, stopped at the document's end
    <!-- test: expect="delivered" -->             what it prints must match this expression
    <!-- test: timeout=300 -->                    seconds, where two minutes are not enough
    <!-- test: plain -->                          YAML that is not the connector's configuration (chart values)
    <!-- test: skip because="needs a cluster" --> not run; the reason is part of the marker

`PLACES` in the test maps the addresses that the document uses to those of the embedded Kafka and of free ports.
"""

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

RUN: Final = frozenset({"bash", "python", "yaml", "json"})
SHOWN: Final = frozenset({"text", "mermaid"})
OPTIONS: Final = frozenset({"file", "background", "until", "expect", "timeout", "plain", "skip", "because"})
TIMEOUT: Final = 120.0


class DocumentError(Exception):
    """A block or marker that this convention does not know, or a block that did not do what it says; names its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block. `line` is where its fence stands; `options` is what the marker above says."""

    document: str
    line: int
    language: str
    text: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[^`]*)$")
_MARKER = re.compile(r"^ *<!-- test: (?P<options>.*) -->$")


def blocks(document: str, text: str) -> list[Block]:
    """Every fenced block of a Markdown text. Raises `DocumentError` for one the convention does not know."""
    found: list[Block] = []
    lines = text.splitlines()
    marker: dict[str, str] | None = None
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if mark := _MARKER.match(line):
            marker = _options(mark["options"], f"{document}:{at}")
        elif opened := _FENCE.match(line):
            begun, body = at, []
            while at < len(lines) and lines[at].strip() != opened["fence"]:
                body.append(lines[at].removeprefix(opened["indent"]))
                at += 1
            if at == len(lines):
                raise DocumentError(f"{document}:{begun}: the block has no end")
            at += 1
            language = opened["language"].strip()
            if language not in RUN | SHOWN:
                raise DocumentError(f"{document}:{begun}: a block is one of {sorted(RUN | SHOWN)}, not {language!r}")
            found.append(
                Block(
                    document=document,
                    line=begun,
                    language=language,
                    text="\n".join(body) + "\n",
                    options=marker or {},
                )
            )
            marker = None
        elif marker is not None:
            raise DocumentError(f"{document}:{at}: a marker stands right above its block")
    return found


def _options(text: str, place: str) -> dict[str, str]:
    pairs = {key: value for key, _, value in (word.partition("=") for word in shlex.split(text))}
    if unknown := pairs.keys() - OPTIONS:
        raise DocumentError(f"{place}: a marker knows {sorted(OPTIONS)}, not {sorted(unknown)}")
    if ("skip" in pairs) != bool(pairs.get("because")):
        raise DocumentError(f'{place}: skip and because="..." go together')
    if ("background" in pairs) != bool(pairs.get("until")):
        raise DocumentError(f'{place}: background and until="..." go together')
    return pairs


class Terminal:
    """A bash session in `folder`: what one block exports, or where it goes, the next one finds.

    Blocks in the background are sent SIGTERM when the session ends and must then end in half a minute.
    """

    def __init__(self, folder: Path, home: Path, environ: Mapping[str, str]) -> None:
        self._home = home  # our own files: the state between blocks, and what the background says
        self._environ = dict(environ)
        self._state = home / "state"
        self._state.write_text(f"cd {shlex.quote(str(folder))}\n", encoding="utf-8")
        self._background: list[tuple[Block, subprocess.Popen[bytes], Path]] = []

    def run(self, block: Block, text: str) -> str:
        """Runs a block and gives what it printed, both streams. Raises `DocumentError` if it failed or was late."""
        script = f". {shlex.quote(str(self._state))}\nset -euo pipefail\n{text}\n{self._keep()}"
        seconds = float(block.options.get("timeout", TIMEOUT))
        log = self._log(block)
        with log.open("wb") as out:
            process = self._start(script, out.fileno())
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise DocumentError(f"{block.place}: not done after {seconds:.0f} s\n{_tail(log)}") from None
        said = log.read_text(encoding="utf-8", errors="replace")
        if code != 0:
            raise DocumentError(f"{block.place}: exit code {code}\n{_tail(log)}")
        return said

    def start(self, block: Block, text: str) -> None:
        """Starts a block and waits until it says what its marker awaits. Raises `DocumentError` if it does not."""
        log = self._log(block)
        with log.open("wb") as out:
            process = self._start(f". {shlex.quote(str(self._state))}\nset -euo pipefail\n{text}\n", out.fileno())
        self._background.append((block, process, log))
        awaited = re.compile(block.options["until"])
        until = time.monotonic() + float(block.options.get("timeout", TIMEOUT))
        while not awaited.search(log.read_text(encoding="utf-8", errors="replace")):
            if process.poll() is not None:
                raise DocumentError(f"{block.place}: ended with {process.returncode}\n{_tail(log)}")
            if time.monotonic() > until:
                raise DocumentError(f"{block.place}: never said {awaited.pattern!r}\n{_tail(log)}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        stuck = [(block, log) for block, process, log in reversed(self._background) if not _end(process)]
        if stuck and error is None:
            block, log = stuck[0]
            raise DocumentError(f"{block.place}: did not stop when asked to\n{_tail(log)}")

    def _start(self, script: str, out: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=self._environ,
            start_new_session=True,
        )

    def _keep(self) -> str:
        state = shlex.quote(str(self._state))
        return f'set +eu; {{ export -p; printf "cd %q\\n" "$PWD"; }} > {state}\n'

    def _log(self, block: Block) -> Path:
        return self._home / f"{Path(block.document).name}-{block.line}.log"


def _end(process: "subprocess.Popen[bytes]") -> bool:
    """Asks the block's processes to end, then ends them; whether asking was enough."""
    if process.poll() is not None:
        return True
    _signal(process, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()
        return False
    return True


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)  # the session that `_start` made: this block's processes and no others
    except ProcessLookupError:
        return


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
