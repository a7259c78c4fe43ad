"""`connector topics` and `connector check`: every fault at once, each with a remedy and a status for scripts."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connector.embedded.kafka import EmbeddedKafka
from connector.simulator import AccountSettings, Simulator, SimulatorSettings
from tests.cli.commands import configuration, run, typed


def test_topics_are_created_grown_checked_and_shown(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    config = str(configuration(tmp_path, kafka.bootstrap_servers, prefix))
    missing = typed("topics", "check", "--config", config, "--json")
    assert missing.code == 3
    assert {fault["remedy"] for fault in missing.json["faults"]} == {"run `connector topics create`"}
    created = typed("topics", "create", "--config", config, "--json")
    assert len(created.json["changed"]) == len(missing.json["faults"])
    checked = typed("topics", "check", "--config", config)
    assert (checked.code, checked.out) == (0, "all topics are as they should be\n")

    configuration(tmp_path, kafka.bootstrap_servers, prefix, binds=3)
    small = typed("topics", "check", "--config", config)
    assert small.code == 3
    assert f"fault: {prefix}lane.urgent: too few partitions: 1, and the accounts have 3 slots" in small.out
    assert (typed("topics", "create", "--config", config)).code == 0
    shown = typed("topics", "show", "--config", config)
    header, *rows = shown.out.splitlines()
    assert header.split() == ["topic", "partitions", "wanted", "replicas", "retention", "cleanup"]
    assert next(row.split()[1:3] for row in rows if row.startswith(f"{prefix}lane.bulk ")) == ["3", "3"]


async def test_check_names_every_fault_in_one_go(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    login = AccountSettings(system_id="demo", password=SecretStr("other"))
    async with Simulator(SimulatorSettings(accounts=(login,))) as gateway:
        wide = {"binds": 9, "iso": True, "single": True}
        config = str(configuration(tmp_path, kafka.bootstrap_servers, prefix, port=gateway.port, **wide))
        done = await run("check", "--config", config, "--bind")
    assert done.code == 3
    assert "warning account main: system_type 'ISO,SINGLE,MCON9' has 16 characters" in done.out
    assert f"fault   topic {prefix}ledger: the topic does not exist" in done.out
    assert "the password is wrong" in done.out
    assert "demo" not in done.out
    assert all("remedy: " in line for line in done.out.splitlines() if line.startswith(("fault", "warning")))


async def test_check_binds_only_when_asked(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    async with Simulator() as gateway:
        config = str(configuration(tmp_path, kafka.bootstrap_servers, prefix, port=gateway.port))
        await run("topics", "create", "--config", config)
        quiet = await run("check", "--config", config, "--json")
        assert gateway.record.counts["bound"] == 0
        bound = await run("check", "--config", config, "--bind", "--json")
        assert gateway.record.counts["bound"] == 1
        await gateway.until(lambda: not gateway.bound("demo"))
    assert (quiet.code, quiet.json["ok"]) == (0, True)
    assert (bound.code, bound.json["ok"]) == (0, True)
    assert "bound in SMPP 3.4, and unbound" in [finding["words"] for finding in bound.json["findings"]]


@pytest.mark.parametrize("version_5", ["taken", "taken_as_3_4", "refused", "silent", "closed"])
async def test_check_binds_as_the_connector_does_and_falls_back_to_what_the_gateway_speaks(
    tmp_path: Path,
    kafka: EmbeddedKafka,
    prefix: str,
    version_5: Any,
) -> None:
    async with Simulator(SimulatorSettings(version_5=version_5)) as gateway:
        account = {"port": gateway.port, "interface_version": "5.0", "connect_timeout": 2.0}
        config = str(configuration(tmp_path, kafka.bootstrap_servers, prefix, **account))
        await run("topics", "create", "--config", config)
        found = await run("check", "--config", config, "--bind")
    version = "5.0" if version_5 == "taken" else "3.4"
    assert f"bound in SMPP {version}, and unbound" in found.out
    assert found.code == 0


def test_a_wrong_configuration_is_status_2_and_a_dead_broker_3(tmp_path: Path) -> None:
    config = configuration(tmp_path, "127.0.0.1:1", "t.", binds=10, rate=-1)
    wrong = typed("check", "--config", str(config))
    assert wrong.code == 2
    assert "accounts.0.binds: found 10" in wrong.err
    assert "accounts.0.rate: found -1" in wrong.err
    configuration(tmp_path, "127.0.0.1:1", "t.")
    for command in (("check",), ("topics", "check"), ("watch",), ("send", "--to", "79990000001", "--text", "hello")):
        away = typed(*command, "--config", str(config))
        assert away.code == 3, command
        assert "127.0.0.1:1" in away.out + away.err
