"""The configuration: what a pod finds in its file, environment and secrets is what the connector accepts."""

from functools import cache
from pathlib import Path

import pytest
import trustme
import yaml

from connector.config import ConfigError, load
from connector.stages.settings import StageConfig
from tests.helm.charts import STAGES, VALUES, Helm, Tree, container_of, of_kind, pod_of, workloads

MINIMAL, FULL = VALUES["minimal"], VALUES["full"]
SECRETS = "/var/run/connector"


def _file(manifests: list[Tree]) -> str:
    (config,) = of_kind(manifests, "ConfigMap").values()
    text = config["data"]["connector.yaml"]
    assert isinstance(text, str)
    return text


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@cache
def _certificate() -> trustme.LeafCert:
    return _authority().issue_cert("client.example")


def _held_by(name: str) -> bytes:
    """What a secret's file of this name holds: PEM where TLS reads it, else a password."""
    match name:
        case "ca.crt":
            return _authority().cert_pem.bytes()
        case "tls.crt":
            return _certificate().cert_chain_pems[0].bytes()
        case "tls.key":
            return _certificate().private_key_pem.bytes()
    return b"s3cret\n"


def _as_a_pod_sees_it(manifests: list[Tree], stage: str, root: Path) -> StageConfig:
    """Lays out the pod's files below `root` and loads the configuration as its container would."""
    workload = workloads(manifests)[stage]
    mounts = {mount["name"]: mount["mountPath"] for mount in container_of(workload)["volumeMounts"]}
    for volume in pod_of(workload)["volumes"]:
        if "secret" in volume:
            folder = root / mounts[volume["name"]].lstrip("/")
            folder.mkdir(parents=True)
            items = volume["secret"].get("items") or [{"path": name} for name in ("ca.crt", "tls.crt", "tls.key")]
            for item in items:
                (folder / item["path"]).write_bytes(_held_by(item["path"]))
    environment = {}
    for variable in container_of(workload)["env"]:
        value = variable.get("value") or f"{workload['metadata']['name']}-0"
        environment[variable["name"]] = value.replace(SECRETS, f"{root}{SECRETS}")
    path = root / "connector.yaml"
    path.write_text(_file(manifests).replace(SECRETS, f"{root}{SECRETS}"), "utf-8")
    return load(path, environment)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("values", [MINIMAL, FULL], ids=lambda path: path.stem)
def test_the_connector_accepts_it(helm: Helm, values: Path, stage: str, tmp_path: Path) -> None:
    config = _as_a_pod_sees_it(helm.manifests(values), stage, tmp_path)
    assert [account.secret() for account in config.accounts] == ["s3cret"] * len(config.accounts)
    assert (config.telemetry.metrics_host, config.telemetry.metrics_port) == ("0.0.0.0", 9464)
    assert config.log_format == "json"
    identity = {"submit": config.submit.instance_id, "collect": config.collect.instance_id}
    name = "sms" if values == FULL else "rel-sms-connector"
    assert identity == {own: f"{name}-{own}-0" if own == stage else None for own in identity}
    if stage == "collect":
        assert config.collect.data_dir == Path("/var/lib/connector/collect")
    if values == FULL:
        assert config.kafka.security.secret() == "s3cret"
        assert config.kafka.registry is not None
        assert config.kafka.registry.secret() == "s3cret"


def test_the_file_is_the_value_word_for_word(helm: Helm) -> None:
    written = yaml.safe_load(FULL.read_text("utf-8"))["config"]
    written["kafka"]["replication_factor"] = 3
    assert yaml.safe_load(_file(helm.manifests(FULL))) == written


def test_numbers_arrive_as_they_were_written(helm: Helm, tmp_path: Path) -> None:
    """Helm reads numbers as floating point: large ones and versions are where that would show."""
    values = {
        "config.kafka.retention": {"ledger_ms": 604_800_000, "results_ms": 31_536_000_000},
        "config.accounts": [{"name": "main", "system_id": "acme", "interface_version": 5.0, "rate": 0.5}],
    }
    config = _as_a_pod_sees_it(helm.manifests(MINIMAL, values), "submit", tmp_path)
    assert config.kafka.retention.ledger_ms == 604_800_000
    assert config.kafka.retention.results_ms == 31_536_000_000
    assert (config.accounts[0].interface_version, config.accounts[0].rate) == ("5.0", 0.5)


def test_what_the_chart_does_not_know_the_connector_refuses(helm: Helm, tmp_path: Path) -> None:
    manifests = helm.manifests(MINIMAL, {"config.submit": {"look_behind": 1}})
    with pytest.raises(ConfigError, match=r"submit\.look_behind: unknown key"):
        _as_a_pod_sees_it(manifests, "submit", tmp_path)
