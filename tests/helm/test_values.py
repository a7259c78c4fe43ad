"""Values: each has a comment and a place in the schema, and wrong ones are refused with the field's name."""

import json
import re
from typing import Any

import pytest
import yaml

from connector.stages.settings import StageConfig
from tests.helm.charts import CHART, VALUES, Helm, Tree

MINIMAL = VALUES["minimal"]


def _account(**fields: Any) -> list[Tree]:
    return [{"name": "main", "system_id": "acme", **fields}]


WRONG: list[tuple[str, Tree, str]] = [
    ("an unknown value", {"replicas": 3}, "additional properties 'replicas'"),
    ("an unknown value of a stage", {"submit.replica": 3}, "/submit"),
    ("replicas below none", {"submit.replicas": -1}, "/submit/replicas"),
    ("replicas as text", {"route.replicas": "2"}, "/route/replicas"),
    ("no accounts", {"config.accounts": []}, "/config/accounts"),
    ("an account without a login", {"config.accounts": [{"name": "main"}]}, "system_id"),
    ("an account with a blank in its name", {"config.accounts": [{"name": "a b", "system_id": "x"}]}, "/name"),
    ("an unknown section of the configuration", {"config.kafak": {}}, "additional properties 'kafak'"),
    ("no brokers", {"config.kafka.bootstrap_servers": ""}, "/config/kafka/bootstrap_servers"),
    ("a level that does not exist", {"config.log_level": "TRACE"}, "/config/log_level"),
    ("root", {"pod.userId": 0}, "/pod/userId"),
    ("a port out of range", {"metrics.port": 70000}, "/metrics/port"),
    ("a pull policy that does not exist", {"image.pullPolicy": "Sometimes"}, "/image/pullPolicy"),
    ("a digest cut short", {"image.digest": "sha256:0123"}, "/image/digest"),
    ("an upper-case Secret", {"secrets.kafka.secretName": "Acme_Kafka"}, "/secrets/kafka/secretName"),
    ("a password among the secrets", {"secrets.kafka.password": "x"}, "additional properties 'password'"),
    ("a Secret without a key", {"secrets.smpp": [{"account": "main", "secretName": "a"}]}, "'key'"),
    ("a budget that lets nothing go", {"podDisruptionBudget.maxUnavailable": 0}, "/podDisruptionBudget"),
    ("a probe every zero seconds", {"probes.liveness.periodSeconds": 0}, "/probes/liveness/periodSeconds"),
    ("memory without a number", {"submit.resources.limits.memory": "lots"}, "/submit/resources/limits/memory"),
    ("a volume of no size", {"collect.persistence.size": "0Gi"}, "/collect/persistence/size"),
    ("a label of helm's own", {"commonLabels": {"app.kubernetes.io/name": "x"}}, "'app.kubernetes.io/name'"),
    ("a spread that does not exist", {"pod.spread": "Maybe"}, "/pod/spread"),
    # What the schema cannot say, the templates do.
    ("a password in the configuration", {"config.accounts": _account(password="secret")}, "ConfigMap"),
    ("a key's password, deep down", {"config.accounts": _account(tls={"key_password": "secret"})}, "ConfigMap"),
    ("a password for Kafka", {"config.kafka.security": {"password": "secret"}}, "ConfigMap"),
    ("an account without a password", {"secrets.smpp": []}, 'no password for the account "main"'),
    ("an account with two", {"config.accounts": _account(password_file="/a")}, "has a password_file already"),
    (
        "a password for no account",
        {"secrets.smpp": [{"account": name, "secretName": "a", "key": "k"} for name in ("main", "other")]},
        'no account "other", only main',
    ),
    (
        "two passwords for one account",
        {"secrets.smpp": [{"account": "main", "secretName": "a", "key": "k"}] * 2},
        'the account "main" stands twice',
    ),
    ("two accounts of one name", {"config.accounts": _account() * 2}, 'the name "main" stands twice'),
    (
        "two accounts that share a variable",
        {"config.accounts": [{"name": name, "system_id": "x"} for name in ("main", "a-b", "a.b")]},
        "two names become the environment name A_B",
    ),
    (
        "less grace than the stage drains",
        {"config.submit": {"drain_seconds": 60}},
        "submit.terminationGracePeriodSeconds: 45 is not longer than config.submit.drain_seconds, 60",
    ),
]


@pytest.mark.parametrize(("values", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_values_are_refused_by_name(helm: Helm, values: Tree, words: str) -> None:
    refusal = helm.refusal(MINIMAL, values)
    assert words in refusal
    assert "secret" not in refusal.replace("secrets", "").replace("secretName", "")


def test_what_must_be_given_is_asked_for(helm: Helm) -> None:
    assert "/config/accounts" in helm.refusal()


def _leaves(tree: Tree, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found |= _leaves(value, (*path, key))
        else:
            found[*path, key] = value
    return found


def test_every_value_has_a_comment() -> None:
    before = ""
    bare = []
    for line in (CHART / "values.yaml").read_text("utf-8").splitlines():
        key = re.match(r"( *)([A-Za-z_]+):(.*)", line)
        if key and key[3] and not before.lstrip().startswith("#"):
            bare.append(line)
        before = line
    assert not bare


def test_every_value_is_in_the_schema_and_nothing_else_is_let_in() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))

    def at(node: Tree, key: str) -> Tree:
        if "$ref" in node:
            node = schema["definitions"][node["$ref"].rpartition("/")[2]]
        if "properties" in node:
            assert key in node["properties"], f"{key} is not in the schema"
            found = node["properties"][key]
        else:
            found = node["additionalProperties"]
        assert isinstance(found, dict)
        return found

    for path in _leaves(defaults):
        node = schema
        for depth, key in enumerate(path):
            # Below a section of the configuration the connector itself is the judge.
            closed = node.get("additionalProperties") is False or "$ref" in node
            assert closed or path[0] == "config", f"{'.'.join(path[:depth])} lets anything in"
            if path[:1] == ("config",) and depth > 1:
                break
            node = at(node, key)


def test_the_sections_of_the_configuration_are_those_of_the_connector() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    assert set(schema["properties"]["config"]["properties"]) == set(StageConfig.model_fields)
