"""What README.md and docs/ tell a newcomer to type does what they say; `support.readme` has the convention."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from connector.config import load
from tests.support.readme import Block, DocumentError, Terminal, blocks

ROOT = Path(__file__).parent.parent
DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))]

# The addresses the documents use; a test takes the embedded Kafka, and ports that are free.
KAFKA = re.compile(r"\blocalhost:9092\b")
PORTS = re.compile(r"\b(?:2775|2776|3550|9464)\b")


class Places:
    """Puts this run's addresses where the document has its own; the same ones throughout the document."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._ports: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        if KAFKA.search(text):
            servers: str = self._request.getfixturevalue("kafka").bootstrap_servers
            text = KAFKA.sub(servers, text)
        return PORTS.sub(lambda found: str(self._port(found[0])), text)

    def _port(self, written: str) -> int:
        if written not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._ports[written] = free.getsockname()[1]
        return self._ports[written]


def copy_of_the_tree(folder: Path) -> Path:
    """The tree as a clone has it, with an environment that `make` takes for its own finished work."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    environment = folder / ".venv"
    environment.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (environment / part).symlink_to(Path(sys.prefix) / part)
    for stamp in (".ready", ".kafka"):
        (environment / stamp).touch()
    return folder


def check(block: Block, text: str, folder: Path, terminal: Terminal) -> None:
    """Runs or reads one block, as its fence and its marker say."""
    options = block.options
    if "skip" in options:
        return
    if "file" in options:
        (folder / options["file"]).write_text(text, encoding="utf-8")
    said = ""
    match block.language:
        case "bash" if "background" in options:
            terminal.start(block, text)
        case "bash":
            said = terminal.run(block, text)
        case "python":
            path = folder / options.get("file", f"block-{block.line}.py")
            path.write_text(text, encoding="utf-8")
            said = terminal.run(block, shlex.join([sys.executable, str(path)]))
        case "yaml" if "plain" in options:
            yaml.safe_load(text)
        case "yaml":
            path = folder / options.get("file", f"block-{block.line}.yaml")
            path.write_text(text, encoding="utf-8")
            load(path, environ={})
        case "json":
            json.loads(text)
    if "expect" in options and not re.search(options["expect"], said, re.MULTILINE):
        raise DocumentError(f"{block.place}: did not say {options['expect']!r} but:\n{said[-2000:]}")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_does_what_it_says(document: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found = blocks(document, (ROOT / document).read_text(encoding="utf-8"))
    if not any(block.language in ("bash", "python", "yaml", "json") for block in found):
        pytest.skip("nothing in it to run")
    folder = copy_of_the_tree(tmp_path / "copy")
    (tmp_path / "home").mkdir()
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": "default", "COLUMNS": "120"}
    places = Places(request)
    with Terminal(folder, tmp_path / "home", environ) as terminal:
        for block in found:
            check(block, places(block.text), folder, terminal)


def one(text: str) -> Block:
    (block,) = blocks("x.md", text)
    return block


def test_a_marker_belongs_to_the_block_below_it() -> None:
    first, second = blocks(
        "x.md", '<!-- test: file=a.yaml expect="two words" -->\n```yaml\na: 1\n```\n\n```text\nb\n```\n'
    )
    assert (first.options, first.text, first.line) == ({"file": "a.yaml", "expect": "two words"}, "a: 1\n", 2)
    assert (second.options, second.language) == ({}, "text")


def test_a_block_inside_a_list_loses_its_indent() -> None:
    assert one("1. so:\n   ```bash\n   if true; then\n     echo\n   fi\n   ```\n").text == "if true; then\n  echo\nfi\n"


@pytest.mark.parametrize(
    "text",
    [
        "```\nls\n```",
        "```sh\nls\n```",
        "```bash\nls",
        "<!-- test: skip -->\n```bash\nls\n```",
        "<!-- test: background -->\n```bash\nls\n```",
        "<!-- test: whatever -->\n```bash\nls\n```",
        "<!-- test: plain -->\nwords between\n```yaml\na: 1\n```",
    ],
)
def test_no_block_escapes_by_its_name_or_marker(text: str) -> None:
    with pytest.raises(DocumentError, match=r"x\.md:\d"):
        blocks("x.md", text)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, tmp_path, os.environ)


def test_blocks_share_one_terminal(terminal: Terminal) -> None:
    block = one("```bash\n```")
    terminal.run(block, 'export NAME="a b"; mkdir -p "sub folder"; cd "sub folder"')
    assert terminal.run(block, 'echo "$NAME in $(basename "$PWD")"') == "a b in sub folder\n"


@pytest.mark.parametrize("text", ["false", "false | cat; true", "echo $NOT_SET_ANYWHERE", "exit 3"])
def test_a_block_that_fails_fails_the_document(terminal: Terminal, text: str) -> None:
    with pytest.raises(DocumentError, match=r"x\.md:1: exit code"):
        terminal.run(one("```bash\n```"), text)


def test_a_block_that_hangs_is_ended(terminal: Terminal) -> None:
    with pytest.raises(DocumentError, match="not done after 0 s"):
        terminal.run(one("<!-- test: timeout=0.2 -->\n```bash\n```"), "sleep 60 & wait")


def test_a_block_in_the_background_runs_until_the_end(tmp_path: Path) -> None:
    text = "trap 'echo bye > said; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    with Terminal(tmp_path, tmp_path, os.environ) as terminal:
        terminal.start(one('<!-- test: background until="^ready" -->\n```bash\n```'), text)
        assert not (tmp_path / "said").exists()
    assert (tmp_path / "said").read_text() == "bye\n"


def test_a_background_block_that_ends_early_is_told(terminal: Terminal) -> None:
    with pytest.raises(DocumentError, match="ended with 1\nno such thing"):
        terminal.start(one('<!-- test: background until="ready" -->\n```bash\n```'), "echo no such thing; exit 1")
