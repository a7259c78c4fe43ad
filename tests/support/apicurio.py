"""A real schema registry with Confluent's API for tests: Apicurio, started with the embedded Java."""

import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.embedded.java import EmbeddedError, artifact, java

VERSION = "2.6.13.Final"
_START_SECONDS = 90.0


@contextmanager
def registry() -> Iterator[str]:
    """The address of an empty registry that runs; the test is skipped where there can be none, but fails in CI."""
    try:
        archive = artifact("io.apicurio", "apicurio-registry-app", VERSION, classifier="all", packaging="tar.gz")
        command = java()
    except EmbeddedError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no schema registry: {error}")
    folder = Path(tempfile.mkdtemp(prefix="sms-connector-registry-"))
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (jar,) = folder.rglob("apicurio-registry-app-*-runner.jar")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(command), "-Xmx256m", "-XX:TieredStopAtLevel=1"),
                *("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}", "-jar", str(jar)),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    try:
        _wait_until_it_answers(process, url, folder / "registry.log")
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/subjects", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the schema registry did not start; it says: {log.read_text(errors='replace')[-2000:]}")
