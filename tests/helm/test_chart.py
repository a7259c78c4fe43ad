"""The chart: what Kubernetes gets is valid, has no right it does not need, and runs each stage as the design has it."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import connector
from tests.helm.charts import CHART, STAGES, VALUES, Helm, Tree, container_of, find_helm, of_kind, pod_of, workloads

MINIMAL, FULL = VALUES["minimal"], VALUES["full"]
BOTH = pytest.mark.parametrize("values", [MINIMAL, FULL], ids=lambda path: path.stem)
KUBERNETES = ["1.27", "1.36"]
"""The oldest version the chart names, and a recent one."""


@BOTH
def test_helm_finds_no_fault(helm: Helm, values: Path) -> None:
    linted = helm.run("lint", "--strict", str(CHART), "--values", str(values))
    assert linted.returncode == 0, linted.stdout


@BOTH
@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_fits_the_schemas_of_kubernetes(helm: Helm, values: Path, version: str) -> None:
    manifests = helm.manifests(values)
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)
    assert len(manifests) == (18 if values == FULL else 14)


def test_rendering_is_repeatable(helm: Helm) -> None:
    assert helm.text(FULL) == helm.text(FULL)


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["appVersion"] == connector.__version__
    assert chart["kubeVersion"] == f">={KUBERNETES[0]}.0-0"


@BOTH
def test_no_pod_has_a_right_it_does_not_need(helm: Helm, values: Path) -> None:
    for workload in workloads(helm.manifests(values)).values():
        pod, container = pod_of(workload), container_of(workload)
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
        assert not any("hostPath" in volume or "hostPort" in volume for volume in pod["volumes"])
        assert "limits" in container["resources"]
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    for account in of_kind(helm.manifests(values), "ServiceAccount").values():
        assert account["automountServiceAccountToken"] is False
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Secret"} & {
        manifest["kind"] for manifest in helm.manifests(values)
    }


@BOTH
def test_only_the_data_and_tmp_can_be_written(helm: Helm, values: Path) -> None:
    for stage, workload in workloads(helm.manifests(values)).items():
        writable = {mount["mountPath"] for mount in container_of(workload)["volumeMounts"] if not mount.get("readOnly")}
        assert writable == {"/tmp", "/var/lib/connector"} if stage == "collect" else {"/tmp"}


@BOTH
def test_each_stage_runs_its_command_and_is_probed(helm: Helm, values: Path) -> None:
    commands = {"route": ["route", "--alone"], "express": ["express"], "submit": ["submit"], "collect": ["collect"]}
    found = workloads(helm.manifests(values))
    assert found.keys() == commands.keys()
    for stage, workload in found.items():
        container = container_of(workload)
        assert container["args"] == ["run", *commands[stage], "--config", "/etc/connector/connector.yaml"]
        assert "command" not in container, "the image's entry point"
        assert container["ports"] == [{"name": "metrics", "containerPort": 9464, "protocol": "TCP"}]
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz/live", "port": "metrics"}
        assert container["startupProbe"]["httpGet"] == {"path": "/healthz/live", "port": "metrics"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/healthz/ready", "port": "metrics"}


def test_the_stages_with_an_identity_have_the_pods_name_for_it(helm: Helm) -> None:
    found = workloads(helm.manifests(MINIMAL))
    assert {stage: workload["kind"] for stage, workload in found.items()} == {
        "route": "Deployment",
        "express": "Deployment",
        "submit": "StatefulSet",
        "collect": "StatefulSet",
    }
    for stage in ("submit", "collect"):
        environment = {variable["name"]: variable for variable in container_of(found[stage])["env"]}
        identity = environment[f"SMS_CONNECTOR__{stage.upper()}__INSTANCE_ID"]
        assert identity["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        assert found[stage]["spec"]["podManagementPolicy"] == "Parallel"
        assert found[stage]["spec"]["serviceName"] in of_kind(helm.manifests(MINIMAL), "Service")


def test_the_tables_of_collect_are_in_a_volume(helm: Helm) -> None:
    (claim,) = workloads(helm.manifests(FULL))["collect"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "20Gi"}},
    }
    without = workloads(helm.manifests(MINIMAL, {"collect.persistence.enabled": False}))["collect"]
    assert "volumeClaimTemplates" not in without["spec"]
    assert {"name": "data", "emptyDir": {"sizeLimit": "8Gi"}} in pod_of(without)["volumes"]


@BOTH
def test_selectors_find_their_own_pods_only(helm: Helm, values: Path) -> None:
    manifests = helm.manifests(values)
    pods = {
        stage: workload["spec"]["template"]["metadata"]["labels"] for stage, workload in workloads(manifests).items()
    }
    selectors: list[tuple[str, Tree]] = []
    for manifest in manifests:
        spec, stage = manifest.get("spec", {}), manifest["metadata"]["labels"].get("app.kubernetes.io/component")
        match manifest["kind"]:
            case "Deployment" | "StatefulSet" | "PodDisruptionBudget":
                selectors.append((stage, spec["selector"]["matchLabels"]))
            case "NetworkPolicy":
                selectors.append((stage, spec["podSelector"]["matchLabels"]))
            case "Service":
                selectors.append((stage, spec["selector"]))
    assert len(selectors) == (16 if values == FULL else 12)
    for stage, selector in selectors:
        assert [name for name, labels in pods.items() if selector.items() <= labels.items()] == [stage]
        assert "helm.sh/chart" not in selector, "a selector can never change"
    for stage, workload in workloads(manifests).items():
        for spread in pod_of(workload)["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"].items() <= pods[stage].items()


def test_one_pod_of_a_stage_may_be_away(helm: Helm) -> None:
    budgets = of_kind(helm.manifests(MINIMAL), "PodDisruptionBudget")
    assert len(budgets) == len(STAGES)
    for budget in budgets.values():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert not of_kind(helm.manifests(MINIMAL, {"podDisruptionBudget.enabled": False}), "PodDisruptionBudget")


def test_only_submit_may_reach_the_gateway(helm: Helm) -> None:
    assert not of_kind(helm.manifests(MINIMAL), "NetworkPolicy")
    for name, policy in of_kind(helm.manifests(FULL), "NetworkPolicy").items():
        ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        assert ports == {53, 9093, 443, 4317} | ({3700, 3443} if name == "sms-submit" else set())
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        (ingress,) = policy["spec"]["ingress"]
        assert [port["port"] for port in ingress["ports"]] == [9464]
        assert "monitoring" in str(ingress["from"])


def test_passwords_are_mounted_from_secrets_that_exist(helm: Helm) -> None:
    for workload in workloads(helm.manifests(FULL)).values():
        volumes = {volume["name"]: volume for volume in pod_of(workload)["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in container_of(workload)["volumeMounts"]}
        for path, secret, key in (
            ("smpp/codes", "acme-smpp", "codes"),
            ("smpp/mailing.1", "acme-smpp", "mailing"),
            ("kafka", "acme-kafka", "password"),
            ("registry", "acme-registry", "password"),
        ):
            mount = mounts[f"/var/run/connector/{path}"]
            assert mount["readOnly"] is True
            assert "subPath" not in mount, "a replaced secret would not arrive"
            assert volumes[mount["name"]]["secret"] == {
                "secretName": secret,
                "defaultMode": 0o440,
                "items": [{"key": key, "path": "password"}],
            }


def test_a_changed_configuration_restarts_the_pods(helm: Helm) -> None:
    def checksums(*values: Path | Tree) -> set[str]:
        return {
            workload["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            for workload in workloads(helm.manifests(*values)).values()
        }

    before = checksums(MINIMAL)
    assert len(before) == 1
    assert checksums(MINIMAL, {"metrics.port": 9500}) == before
    assert checksums(MINIMAL, {"config.submit": {"look_ahead": 100}}).isdisjoint(before)


def test_the_image(helm: Helm) -> None:
    def images(*values: Path | Tree) -> set[str]:
        return {container_of(workload)["image"] for workload in workloads(helm.manifests(*values)).values()}

    assert images(MINIMAL) == {f"sms-connector:{connector.__version__}"}
    assert images(MINIMAL, {"image.tag": "edge"}) == {"sms-connector:edge"}
    assert images(FULL, {"image.tag": "edge"}) == {"images.example.com/sms-connector@sha256:" + "0123456789abcdef" * 4}


@pytest.mark.parametrize("release", ["r", "sms-connector", "long-" * 10 + "one"])
def test_names_fit_whatever_the_release_is_called(helm: Helm, release: str) -> None:
    for manifest in helm.manifests(MINIMAL, release=release):
        # A StatefulSet's pods get "-<number>", and their label "controller-revision-hash" eleven characters more.
        assert len(manifest["metadata"]["name"]) <= 52
        for value in manifest["metadata"]["labels"].values():
            assert len(value) <= 63


def test_without_helm_the_tests_are_skipped_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_CONNECTOR_HELM", "/nowhere/helm")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="SMS_CONNECTOR_HELM names /nowhere/helm"):
        find_helm()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="cannot be run"):
        find_helm()
    monkeypatch.delenv("SMS_CONNECTOR_HELM")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match="not on PATH"):
        find_helm()
