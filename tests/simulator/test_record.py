"""The record's file, for judges in another process."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector.simulator import AccountSettings, ManualClock, Simulator, SimulatorSettings
from connector.simulator.lines import ConnectionLine, DeliveryLine, RecordFileError, SubmitLine, digest, read_lines
from connector.simulator.script import Receipts, Script
from connector.simulator.settings import RecordSettings
from tests.simulator.esme import Esme, parts, sms

AT_ONCE = Script(receipts=Receipts(delay=0.0))


def settings(path: Path, **record: object) -> SimulatorSettings:
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=100)
    return SimulatorSettings(accounts=(account,), record=RecordSettings.model_validate({"file": path, **record}))


async def test_the_file_tells_what_arrived_when(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    began, began_ms = time.monotonic(), time.time() * 1000
    async with (
        Simulator(settings(path, keep="counts"), AT_ONCE) as sim,
        await Esme.connect(sim.port) as esme,
    ):
        await esme.bind()
        await esme.submit(sms(), *parts(2))
        await sim.settled()
        await esme.unbind()
    lines = read_lines(path)
    submits = [line for line in lines if isinstance(line, SubmitLine)]
    assert [(line.destination, line.source, line.octets) for line in submits] == [
        (pdu.destination_addr, pdu.source_addr, digest(pdu.short_message)) for pdu in (sms(), *parts(2))
    ]
    assert [(line.reference, line.part, line.total) for line in submits] == [
        (None, None, None),
        (7, 1, 3),
        (7, 2, 3),
        (7, 3, 3),
    ]
    assert [line.message_id for line in submits] == ["854019", "854020", "854020", "854020"]
    assert all(began <= line.at <= time.monotonic() for line in submits)
    assert all(began_ms - 1 <= line.epoch_ms <= time.time() * 1000 for line in submits)
    deliveries = [line for line in lines if isinstance(line, DeliveryLine)]
    assert [(line.message_id, line.attempts, line.ending) for line in deliveries] == [
        ("854019", 1, "acknowledged"),
        ("854020", 1, "acknowledged"),
    ]
    changes = [line.change for line in lines if isinstance(line, ConnectionLine)]
    assert changes == ["opened", "bound", "closed"]


async def test_the_file_holds_no_text(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    async with Simulator(settings(path), AT_ONCE) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms(text=b"a secret code"))
    assert "secret" not in path.read_text()


async def test_the_file_is_written_while_the_gateway_runs(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    clock = ManualClock()
    async with Simulator(settings(path), AT_ONCE, clock=clock) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms())
        clock.advance(0.25)
        sim.wake()
        found = [line for line in read_lines(path) if isinstance(line, SubmitLine)]
        assert len(found) == 1


async def test_another_process_reads_every_finished_line(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    async with Simulator(settings(path), AT_ONCE) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms())
    with path.open("a") as file:
        file.write('{"event":"submit","at":1')
    program = (
        "import sys, pathlib; from connector.simulator.lines import read_lines;"
        "print(len(read_lines(pathlib.Path(sys.argv[1]))))"
    )
    told = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)  # noqa: ASYNC221
    assert int(told.stdout) == path.read_text().count("\n")


def test_a_line_that_is_not_ours_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text(json.dumps({"event": "weather"}) + "\n")
    with pytest.raises(RecordFileError, match="line 1"):
        read_lines(path)
    assert read_lines(tmp_path / "absent.jsonl") == []
