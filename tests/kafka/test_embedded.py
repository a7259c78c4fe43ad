"""The embedded broker: its data outlives it, it outlives nobody, and it says what is wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector.embedded.kafka import EmbeddedError, EmbeddedKafka
from connector.kafka.clients import Admin, OutRecord, Producer
from connector.kafka.settings import KafkaSettings
from tests.support.kafka import make_topics, settings_for
from tests.support.records import read_all


async def test_what_was_written_is_there_after_a_restart(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """`kafka` is asked for only so that the test is skipped where there is no Java."""
    async with EmbeddedKafka(tmp_path / "data") as broker:
        settings = settings_for(broker, "p.")
        names = await make_topics(settings)
        async with Producer(settings) as producer:
            await producer.send(OutRecord(names.ledger, b"kept", partition=0))
    async with EmbeddedKafka(tmp_path / "data") as broker:
        assert [record.value for record in await read_all(settings_for(broker, "p."), names.ledger)] == [b"kept"]


async def test_topics_do_not_appear_by_themselves(kafka_settings: KafkaSettings) -> None:
    async with Admin(kafka_settings) as admin:
        assert await admin.topics(["typing-error"]) == {}
        assert await admin.topics(["typing-error"]) == {}


def test_it_listens_on_the_loopback_only(kafka: EmbeddedKafka) -> None:
    host, port = kafka.bootstrap_servers.split(":")
    assert host == "127.0.0.1"
    table = Path("/proc/net/tcp6")
    if table.exists():
        wildcard = f"00000000000000000000000000000000:{int(port):04X}"
        assert wildcard not in table.read_text()


def test_two_of_them_do_not_share_a_folder(kafka: EmbeddedKafka) -> None:
    with pytest.raises(EmbeddedError, match="another embedded Kafka uses"):
        EmbeddedKafka(kafka.data_dir).start()


def test_a_port_that_is_taken_is_named(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(EmbeddedError, match=f"port {port} is taken"):
            EmbeddedKafka(tmp_path, port=port).start()


def test_it_ends_with_a_process_that_is_killed(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    code = (
        "import time, pathlib, sys\n"
        "from connector.embedded.kafka import EmbeddedKafka\n"
        "broker = EmbeddedKafka(pathlib.Path(sys.argv[1]))\n"
        "broker.start()\n"
        "print(broker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0]
    except (OSError, IndexError):
        return False
