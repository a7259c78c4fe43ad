"""Rules of the tree, beyond what ruff, mypy and import-linter hold. One that is broken fails the build by name."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from connector.telemetry import TABLE, Kind, Metric
from connector.telemetry.spans import ATTRIBUTES

ROOT = Path(__file__).parent.parent
LONGEST = 400
# A test file is a list of rules, read by name and not from top to bottom.
LONGEST_TEST = 600

# Tables may be long; stories may not. Each of these is a table, or says why it is one story.
TABLES = frozenset(
    {
        "connector/smpp/bodies.py",  # one class of fields for each PDU of the specification
        "connector/smpp/session.py",  # the state machine's hot path; a call across a file costs it a tenth of its speed
    }
)

# What an attribute of this name holds belongs in no log line and no exception's message.
PRIVATE = frozenset(
    {
        "comment",
        "dest_addr",
        "destination_addr",
        "password",
        "payload",
        "recipient",
        "sender",
        "short_message",
        "source_addr",
        "subject",
        "text",
    }
)

# Written so that this file does not break its own rules.
FOREIGN = {
    "a package registry's host": r"hosted[.]org|pypi[.]org|[.]org/simple|maven[.]org|org/maven[2]|registry[.]npm"
    r"|crates[.]io|proxy[.]golang|go[p]roxy|deb[.]debian",
    "a path of one machine": r"(?<![\w.*{}$-])/(?:root|wor[k]|far[m]|Users|home/[a-z]+)/",
}


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the tree."""
    tops = [
        path
        for path in ROOT.iterdir()
        if path.name in (".ci", ".gitignore", ".dockerignore") or not path.name.startswith(".")
    ]
    left = {"__pycache__", "run", "dist", "build"}
    found = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    return tuple(sorted(path for path in found if not left & set(path.relative_to(ROOT).parts)))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python(*under: str) -> list[Path]:
    return [path for path in files() if path.suffix == ".py" and name(path).startswith(under)]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Each call with what is called, such as "telemetry.count" or "print"."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node, ast.unparse(node.func)


@pytest.mark.parametrize("what", FOREIGN)
def test_nothing_ties_the_tree_to_one_machine_or_registry(what: str) -> None:
    pattern = re.compile(FOREIGN[what])
    found = []
    for path in files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{name(path)}:{n}: {line.strip()[:80]}" for n, line in enumerate(lines, 1) if pattern.search(line)]
    assert not found, f"{what}:\n" + "\n".join(found)


def test_only_what_talks_to_a_person_prints() -> None:
    found = [
        f"{name(path)}:{call.lineno}"
        for path in python("connector/")
        if not name(path).startswith(("connector/cli/", "connector/demo/"))
        for call, function in calls(path)
        if function in ("print", "pprint", "pprint.pprint")
    ]
    assert not found, "print in:\n" + "\n".join(found)


def test_a_file_that_outgrows_its_noun_is_two_files() -> None:
    long = {
        name(path): lines
        for path in python("connector/", "tests/")
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > (LONGEST_TEST if name(path).startswith("tests/") else LONGEST)
    }
    assert not long.keys() - TABLES, f"over {LONGEST} lines: { {k: v for k, v in long.items() if k not in TABLES} }"


def test_every_file_says_what_it_is_for() -> None:
    found = [
        name(path)
        for path in python("connector/", "tests/")
        if path.stat().st_size and not ast.get_docstring(parsed(path))
    ]
    assert not found, "no head in:\n" + "\n".join(found)


def test_logs_and_errors_name_nothing_private() -> None:
    """`raise X(f"... {message.text}")` or `log.info("%s", message.recipient)`; a length or a presence of it is fine."""
    found = []
    for path in python("connector/"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                shown: list[ast.expr] = [
                    part.value
                    for argument in node.exc.args
                    if isinstance(argument, ast.JoinedStr)
                    for part in argument.values
                    if isinstance(part, ast.FormattedValue)
                ]
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) in ("log", "logger", "_log", "logging", "self._log", "self.log")
            ):
                shown = list(node.args)
            else:
                continue
            found += [
                f"{name(path)}:{node.lineno}: {ast.unparse(part)}"
                for part in shown
                if isinstance(part, ast.Attribute) and part.attr in PRIVATE
            ]
    assert not found, "private values shown:\n" + "\n".join(found)


def test_reports_fit_the_table_of_instruments() -> None:
    """`count`, `gauge` and `record` check this at run time too, but only on the lines that run."""
    kinds = {"count": Kind.COUNTER, "gauge": Kind.GAUGE, "record": Kind.HISTOGRAM}
    found = []
    for path in python("connector/"):
        for call, function in calls(path):
            word = function.removeprefix("telemetry.")
            row = ast.unparse(call.args[0]).removeprefix("telemetry.") if call.args else ""
            if word not in kinds or not row.startswith("Metric."):
                continue
            metric = Metric[row.removeprefix("Metric.")]
            labels = {keyword.arg for keyword in call.keywords}
            if TABLE[metric].kind is not kinds[word] or (None not in labels and labels != set(TABLE[metric].labels)):
                found.append(f"{name(path)}:{call.lineno}: {ast.unparse(call)}")
    assert not found, "does not fit connector/telemetry/table.py:\n" + "\n".join(found)


def test_span_attributes_come_from_the_list() -> None:
    words = re.compile(r"(sms|messaging|server)\.[a-z_.]+")
    found = [
        f"{name(path)}:{node.lineno}: {node.value}"
        for path in python("connector/")
        if not name(path).startswith("connector/telemetry/") and "span(" in path.read_text(encoding="utf-8")
        for call, function in calls(path)
        if function in ("span", "telemetry.span") or function.endswith("span.set")
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and words.fullmatch(node.value)
        if node.value not in ATTRIBUTES
    ]
    assert not found, "not in connector/telemetry/spans.py:\n" + "\n".join(found)


LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(lock: str) -> dict[str, Version]:
    """What a lock pins; fails on a line that is neither a pin, nor a hash, nor a comment."""
    pins: dict[str, Version] = {}
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
        requirement, *hashes = line.split(" --hash=")
        parts = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[a-z,-]+\])?==([^\s;]+)(?: *;.*)?", requirement.strip())
        assert parts, f"{lock}: not a pin: {line[:80]}"
        assert hashes, f"{lock}: {parts[1]} has no hash"
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", one.strip()) for one in hashes), f"{lock}: hashes of {parts[1]}"
        pins[canonicalize_name(parts[1])] = Version(parts[2])
    return pins


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_versions_and_hashes_and_no_place(lock: str) -> None:
    assert locked(lock)
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


def test_the_tests_run_what_the_image_ships() -> None:
    runtime, development = (locked(lock) for lock in LOCKS)
    assert {name: development.get(name) for name in runtime} == runtime, "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_follows_the_project_file(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    if lock == "requirements-dev.lock":
        wanted += [one for extra in project["optional-dependencies"].values() for one in extra]
    pins = locked(lock)
    for requirement in map(Requirement, wanted):
        if canonicalize_name(requirement.name) != canonicalize_name(project["name"]):
            pin = pins.get(canonicalize_name(requirement.name))
            assert pin is not None, f"{requirement.name} is not in {lock}: run `make lock`"
            assert requirement.specifier.contains(pin, prereleases=True), f"{requirement} is not {pin}: run `make lock`"


def unexplained(text: str) -> list[str]:
    """Dependencies in a project file without a comment in the line above."""
    project = tomllib.loads(text)
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    listed = {f'"{one}"' for group in (project["build-system"]["requires"], *groups) for one in group}
    lines = [line.strip() for line in text.splitlines()]
    shown = [(above, line) for above, line in pairwise(lines) if any(one in line for one in listed)]
    assert len(shown) >= len(listed), "a dependency stands on a line of its own"
    return [line for above, line in shown if not above.startswith("# ")]


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert unexplained(text) == []
    bare = re.sub(r'^ *# .*\n(?= *"ruff)', "", text, flags=re.MULTILINE)
    assert [line.partition(">")[0] for line in unexplained(bare)] == ['"ruff']


def test_every_word_of_make_is_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert declared
    assert set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE)) == set(declared[1].split())
