"""Renders the chart, for the tests of it: helm itself, never an imitation of its templates."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm"
VALUES: Final = {name: CHART / "ci" / f"{name}-values.yaml" for name in ("minimal", "full")}
STAGES: Final = ("route", "express", "submit", "collect")

# Manifests and values as YAML gives them: what is asserted about them is their shape.
Tree: TypeAlias = dict[str, Any]


class Helm:
    """The binary, with no configuration but its own defaults."""

    def __init__(self, binary: str, home: Path) -> None:
        self._binary = binary
        self._environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home)}
        self._rendered: dict[str, list[Tree]] = {}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._binary, *arguments], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )

    def text(self, *values: Path | Mapping[str, Any], release: str = "rel") -> str:
        """The manifests as helm prints them. Raises `AssertionError` with helm's words where it refuses."""
        done = self._template(*values, release=release)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def manifests(self, *values: Path | Mapping[str, Any], release: str = "rel") -> list[Tree]:
        """The objects of a release in namespace `sms`. Later values win over earlier ones."""
        key = repr((values, release))
        if key not in self._rendered:
            documents = yaml.safe_load_all(self.text(*values, release=release))
            self._rendered[key] = [document for document in documents if document]
        return self._rendered[key]

    def refusal(self, *values: Path | Mapping[str, Any]) -> str:
        """What helm says when it refuses these values; fails the test if it does not."""
        done = self._template(*values)
        assert done.returncode != 0, "helm took values it should have refused"
        return done.stderr

    def _template(self, *values: Path | Mapping[str, Any], release: str = "rel") -> subprocess.CompletedProcess[str]:
        arguments = ["template", release, str(CHART), "--namespace", "sms"]
        for value in values:
            if isinstance(value, Path):
                arguments += ["--values", str(value)]
            else:
                for name, part in value.items():
                    arguments += ["--set-json", f"{name}={json.dumps(part)}"]
        return self.run(*arguments)


def find_helm() -> str:
    """The path of helm; skips the test where there is none, and fails it in CI, where there must be."""
    wanted = os.environ.get("SMS_CONNECTOR_HELM")
    binary = shutil.which(wanted or "helm")
    if binary is not None:
        return binary
    reason = (
        f"SMS_CONNECTOR_HELM names {wanted}, which cannot be run"
        if wanted
        else "helm is not on PATH; install helm 4, or name it in SMS_CONNECTOR_HELM"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def of_kind(manifests: list[Tree], kind: str) -> dict[str, Tree]:
    """The objects of one kind, by name."""
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def workloads(manifests: list[Tree]) -> dict[str, Tree]:
    """The Deployments and StatefulSets, by stage."""
    found = {**of_kind(manifests, "Deployment"), **of_kind(manifests, "StatefulSet")}
    return {workload["metadata"]["labels"]["app.kubernetes.io/component"]: workload for workload in found.values()}


def pod_of(workload: Tree) -> Tree:
    spec = workload["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def container_of(workload: Tree) -> Tree:
    (container,) = pod_of(workload)["containers"]
    assert isinstance(container, dict)
    return container
