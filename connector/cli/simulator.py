"""`connector simulator`: the gateway on this machine, to try the connector against."""

import asyncio
import json
import os
import signal
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr, ValidationError

from connector.cli.common import EXIT_FAILED, EXIT_USAGE, fail, interruptible, out
from connector.cli.simulator_example import EXAMPLE
from connector.cli.tables import show_table
from connector.simulator import (
    AccountSettings,
    Simulator,
    SimulatorSettings,
    SimulatorSettingsError,
    load_settings,
)
from connector.simulator.listeners import ListenError, UnusableAddress, UnusableCertificate
from connector.simulator.record import SummaryRow
from connector.simulator.settings import TlsSettings

PORT = 2775
TLS_PORT = 3550
"""The ports that are registered for SMPP and for SMPP with TLS."""
SPEED = 30


def simulator(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file of the simulator.", show_default=False)
    ] = None,
    annotated: Annotated[
        bool, typer.Option("--example", help="Print an annotated settings file with every key, and end.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.", show_default=str(PORT))
    ] = None,
    backup_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of a backup host, which shares all state.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate in PEM; listens with TLS as well. Needs --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate, in PEM.")] = None,
    tls_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port with TLS.", show_default=str(TLS_PORT))
    ] = None,
    login: Annotated[str | None, typer.Option(help="The one login that may bind.", show_default="demo")] = None,
    password: Annotated[
        str | None,
        typer.Option(help="Its password.", envvar="SMS_SIMULATOR_PASSWORD", show_default="demo", show_envvar=True),
    ] = None,
    speed: Annotated[
        int | None, typer.Option(min=1, help="Its submit_sm a second; above, they are throttled.", show_default="30")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write what happens to this file, one JSON object a line.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything drawn by chance.", show_default="1")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object when it listens and one at the end.")
    ] = False,
) -> None:
    """Play the SMS gateway on this machine, until Ctrl-C or SIGTERM; then print what happened.

    It binds, throttles, refuses repeats, splits nothing, and sends receipts as the real one does. A settings file can
    hold several logins and a script of faults. The shortcuts --login, --password and --speed replace the file's logins.

    Examples:

        connector simulator

        connector simulator --port 2775 --login shop --speed 100 --record gateway.jsonl

        connector simulator --example > simulator.yaml && connector simulator --config simulator.yaml
    """
    if annotated:
        typer.echo(EXAMPLE, nl=False)
        return
    settings = _settings(config)
    changes: dict[str, Any] = {
        name: value
        for name, value in (("host", host), ("seed", seed), ("tls", _tls(tls_cert, tls_key)))
        if value is not None
    }
    given = settings.model_fields_set
    for name, asked, default in (
        ("port", port, PORT),
        ("tls_port", tls_port, TLS_PORT),
        ("backup_port", backup_port, None),
        ("backup_tls_port", None, None),
    ):
        if asked is not None or name not in given:
            changes[name] = asked if asked is not None else default
    if login is not None or password is not None or speed is not None or "accounts" not in given:
        changes["accounts"] = (_account(login or "demo", password or "demo", speed or SPEED),)
    keep = {} if "keep" in settings.record.model_fields_set else {"keep": "counts"}
    if "first_message_id" not in settings.model_fields_set:
        # An id given out twice would let a collector that remembers the first join a receipt with the wrong message.
        changes["first_message_id"] = time.time_ns() // 100_000
    changes["record"] = settings.record.model_copy(update=keep | ({} if record is None else {"file": record}))
    with interruptible():
        asyncio.run(_play(settings.model_copy(update=changes), as_json))


def _settings(config: Path | None) -> SimulatorSettings:
    try:
        return SimulatorSettings() if config is None else load_settings(config)
    except SimulatorSettingsError as error:
        fail(f"{error}; `connector simulator --example` shows every key", EXIT_USAGE)


def _tls(certificate: Path | None, key: Path | None) -> TlsSettings | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        fail("--tls-cert and --tls-key go together; give both, or neither", EXIT_USAGE)
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if not os.access(path, os.R_OK):
            fail(f"{option}: {path} is missing or cannot be read", EXIT_USAGE)
    return TlsSettings(cert_file=certificate, key_file=key)


def _account(login: str, password: str, speed: int) -> AccountSettings:
    try:
        return AccountSettings(system_id=login, password=SecretStr(password), speed=speed)
    except ValidationError as error:
        names = sorted({"--login" if fault["loc"][0] == "system_id" else "--password" for fault in error.errors()})
        fail(f"{' and '.join(names)}: only printable ASCII is allowed, a login of 1 to 15 characters", EXIT_USAGE)


async def _play(settings: SimulatorSettings, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        gateway = Simulator(settings)
        await gateway.start()
    except UnusableAddress as error:
        fail(f"{error}; give one that is with --host, such as 127.0.0.1, or 0.0.0.0 for all of them", EXIT_USAGE)
    except UnusableCertificate as error:
        fail(f"{error}; give others with --tls-cert and --tls-key, or in the settings file", EXIT_USAGE)
    except ListenError as error:
        fail(f"{error}; choose another with --port, --tls-port or --backup-port", EXIT_FAILED)
    except OSError as error:
        words = f"--record: found {str(settings.record.file)!r}, which cannot be written ({error.strerror})"
        fail(f"{words}; name a file in a folder that exists", EXIT_USAGE)
    except ValueError as error:
        # A script for other logins than --login has put in place; its words name the field and hold no text.
        fail(f"{error}; correct the script, or leave --login, --password and --speed out", EXIT_USAGE)
    try:
        _say_where(gateway, settings, as_json)
        await stop.wait()
    finally:
        await gateway.stop()
    _summary(gateway.summary(), as_json)


def _say_where(gateway: Simulator, settings: SimulatorSettings, as_json: bool) -> None:
    ports = {
        "plain": gateway.port,
        "tls": gateway.tls_port,
        "backup": gateway.backup_port,
        "backup with tls": gateway.backup_tls_port,
    }
    open_ports = {word: number for word, number in ports.items() if number is not None}
    logins = [account.system_id for account in settings.accounts]
    if as_json:
        listening = {word.replace(" ", "_"): number for word, number in open_ports.items()}
        typer.echo(json.dumps({"event": "listening", "host": settings.host, "ports": listening, "logins": logins}))
        return
    for word, number in open_ports.items():
        out.print(f"listening on {settings.host}:{number} ({word})", markup=False)
    out.print(f"logins: {', '.join(logins)}; end with Ctrl-C", markup=False)


def _summary(rows: list[SummaryRow], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"event": "summary", "logins": [asdict(row) for row in rows]}))
        return
    names = [field.name for field in fields(SummaryRow)]
    show_table(
        [name.replace("_", " ") for name in names],
        [[str(getattr(row, name)) for name in names] for row in rows],
        title="what reached the gateway",
        numbers=[name.replace("_", " ") for name in names if name != "login"],
    )
