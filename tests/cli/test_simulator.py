"""`connector simulator`: it says where it listens, plays the gateway, and ends with its books."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from connector.cli.simulator_example import EXAMPLE
from connector.simulator.settings import SimulatorSettings
from connector.smpp.pdu import BindTransceiver, encode
from tests.cli.commands import ended, run, started, typed


async def test_it_listens_answers_and_ends_with_its_books(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    async with started("simulator", "--port", "0", "--json", "--login", "shop", "--record", str(record)) as process:
        assert process.stdout is not None
        listening = json.loads(await process.stdout.readline())
        assert (listening["event"], listening["logins"]) == ("listening", ["shop"])
        reader, writer = await asyncio.open_connection("127.0.0.1", listening["ports"]["plain"])
        writer.write(encode(BindTransceiver(system_id="shop", password="demo"), sequence=1))
        answer = await reader.readexactly(16)
        writer.close()
        done = await ended(process, signal.SIGTERM)
    assert answer[8:12] == b"\0\0\0\0", "bound"
    assert done.code == 0
    assert done.json["logins"][0]["login"] == "shop"
    assert '"bound"' in record.read_text(encoding="utf-8")


async def test_ctrl_c_ends_it_cleanly_with_a_plain_table() -> None:
    async with started("simulator", "--port", "0", "--backup-port", "0") as process:
        assert process.stdout is not None
        lines = [(await process.stdout.readline()).decode() for _ in range(3)]
        done = await ended(process, signal.SIGINT)
    assert lines[0].startswith("listening on 127.0.0.1:")
    assert lines[1].rstrip().endswith("(backup)")
    assert (done.code, done.err) == (0, "")
    header, row = done.out.splitlines()
    assert header.split("  ")[0] == "login"
    assert row.split()[0] == "demo"
    assert len(row) == len(header)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tls-cert", "x.pem"), "--tls-cert and --tls-key go together"),
        (("--tls-cert", "x.pem", "--tls-key", "x.key"), "--tls-cert: x.pem is missing"),
        (("--login", "логин"), "--login: only printable ASCII"),
        (("--config", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(arguments: tuple[str, ...], words: str) -> None:
    done = typed("simulator", *arguments)
    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", "192.0.2.1"), "host: found '192.0.2.1', which is no address of this machine; give one"),
        (("--host", "x" * 70), f"host: found '{'x' * 70}', which is no address"),
        (("--record", "/nowhere/x.jsonl"), "--record: found '/nowhere/x.jsonl', which cannot be written (No such file"),
        (
            ("--tls-cert", __file__, "--tls-key", __file__),
            f"tls.key_file {__file__}: no certificate and its key in PEM",
        ),
    ],
)
def test_what_cannot_be_used_is_named_and_is_status_2(arguments: tuple[str, ...], words: str) -> None:
    done = typed("simulator", "--port", "0", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port: many", "port: found 'many'; Input should be a valid integer"),
        ("script: {submits: [{when: {share: often}}]}", "script.submits.0.when.share: found 'often'; Input should be"),
        ("script: {steps: [{at: 1, action: explode}]}", "script.steps.0.action: found 'explode'; Input should be"),
        ("accounts: [{system_id: demo, password: [s3cret]}]", "accounts.0.password: Input should be"),
        ("accounts: [{system_id: [s3cret], password: a}]", "accounts.0.system_id: Input should be"),
        ("script: {submits: [{when: {destination: 79990000001}}]}", "script.submits.0.when.destination: Input should"),
        ("accounts: [{system_id: demo, password:s3cret}]", "accounts.0.<...>: Extra inputs"),
        ("seed: 2026-99-99", "is not YAML"),
        ("seed: 1\nport: 0\nseed: 2", "line 3: the key of line 1 stands once more in its section"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "simulator.yaml"
    path.write_text(text)
    done = typed("simulator", "--config", str(path))
    assert done.code == 2
    assert words in done.err
    assert "s3cret" not in done.err
    assert "7999" not in done.err


def test_a_script_for_a_login_that_an_option_has_replaced_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "simulator.yaml"
    path.write_text("script: {inbound: [{login: demo, source: '7', destination: '7', text: a}]}\n")
    done = typed("simulator", "--port", "0", "--login", "shop", "--config", str(path))
    assert done.code == 2
    assert "script.inbound.0.login: no such login in accounts; correct the script, or leave --login" in done.err


async def test_a_port_that_is_taken_is_an_error_with_a_way_out() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        done = await run("simulator", "--port", str(server.sockets[0].getsockname()[1]))
    assert done.code == 1
    assert "choose another with --port" in done.err


def uncommented() -> Any:
    """The example with its defaults in place; prose and the play, which is no default, left out."""
    lines = []
    for line in EXAMPLE.partition("# The play:")[0].splitlines():
        bare = line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line
        key = bare.strip().split(":")[0]
        if key.isidentifier() and key.islower():
            lines.append(bare)
        elif bare == line:
            lines.append(line)
    return yaml.safe_load("\n".join(lines))


def test_the_example_has_every_key_with_its_default() -> None:
    tree = uncommented()
    tls = tree.pop("tls")
    assert set(tls) == {"cert_file", "key_file", "client_ca_file"}
    settings = SimulatorSettings.model_validate(tree)
    default = SimulatorSettings()
    assert set(tree) | {"tls", "script"} == set(SimulatorSettings.model_fields)
    for name, value in settings:
        wanted = getattr(default, name)
        if isinstance(value, BaseModel) and name != "record":
            assert set(tree[name]) == set(type(value).model_fields)
        if name not in ("port", "record"):  # what a person wants of the command and not of a test
            assert value == wanted, name


def test_the_example_loads() -> None:
    printed = typed("simulator", "--example")
    settings = SimulatorSettings.model_validate(yaml.safe_load(printed.out))
    assert (settings.port, settings.record.keep) == (2775, "counts")


def test_the_play_of_the_example_can_be_played() -> None:
    lines = EXAMPLE.partition("# The play:")[2].splitlines()[1:]
    tree = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines))
    script = SimulatorSettings.model_validate(tree).script
    assert all(getattr(script, field) for field in ("submits", "inquiries", "inbound", "binds", "connections", "steps"))
