"""Real Apache Kafka for the demo, the tests and local work: one node, KRaft, no system Java, no Docker.

Rule: it listens on 127.0.0.1 only, keeps all it writes in its data directory, and does not outlive the process that
started it. Next station: `connector.kafka.clients`, by way of `bootstrap_servers`.
"""

import asyncio
import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from connector.embedded.java import EmbeddedError, Progress, jars, java

__all__ = ["EmbeddedError", "EmbeddedKafka", "Progress"]

VERSION: Final = "4.4.0"
# The broker leaves the binding of its logger to the distribution; without it Kafka is silent. The mark at the end keeps
# that artifact from pinning versions of everybody else's.
_COORDINATES: Final = f"org.apache.kafka:kafka_2.13:{VERSION}+org.apache.logging.log4j:log4j-slf4j-impl:2.25.5!"
_STARTED: Final = "Kafka Server started"
_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 20.0

# The shell waits for Kafka and, beside it, for the end of its own input: that end comes however this process dies.
_GUARDIAN: Final = """
exec 3<&0
"$@" </dev/null 3<&- &
kafka=$!
echo $kafka > "$PID_FILE"
{ cat <&3 >/dev/null; kill -9 $kafka 2>/dev/null; } &
exec 3<&-
wait $kafka
"""

# Small everywhere a single node without much to do can be small; the offsets topic starts with 50 partitions else. A
# broker that was killed may register again only when its last session has ended, which takes 9 s by default.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
"""

_LOG4J: Final = """\
Configuration:
  status: WARN
  Appenders:
    Console:
      name: out
      target: SYSTEM_OUT
      PatternLayout:
        pattern: "[%d] %p %m (%c)%n"
  Loggers:
    Root:
      level: INFO
      AppenderRef:
        - ref: out
"""


class EmbeddedKafka:
    """One broker. All methods block and may be called from any thread; `async with` runs them in one.

    `data_dir` None is a directory of its own that `stop` removes; a given one is kept and found again by the next
    start. `port` 0 takes a free port, which stays the same over `restart`. `progress` hears of downloads: about 80 MB,
    the first time on a machine.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int = 0,
        heap: str = "512m",
        progress: Progress | None = None,
    ) -> None:
        self._given = data_dir
        self._port = port
        self._controller = 0
        self._heap = heap
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self.data_dir: Path | None = data_dir

    @property
    def bootstrap_servers(self) -> str:
        """host:port, for `KafkaSettings`; valid once started, and over every restart."""
        return f"127.0.0.1:{self._port}"

    @property
    def log_file(self) -> Path:
        """What Kafka says."""
        return self._data() / "kafka.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the Java process, for tests that stop it with a signal. Raises `EmbeddedError` where none runs."""
        try:
            return int((self._data() / "kafka.pid").read_text())
        except (OSError, ValueError) as error:
            raise EmbeddedError("the embedded Kafka does not run") from error

    def start(self) -> None:
        """Start and wait until it answers: about 3 s on an idle machine. Raises `EmbeddedError`."""
        if self.running:
            return
        command = java()
        folders = jars(_COORDINATES, self._progress)
        if self.data_dir is None:
            self.data_dir = Path(tempfile.mkdtemp(prefix="sms-connector-kafka-"))
        data = self.data_dir
        (data / "log").mkdir(parents=True, exist_ok=True)
        self._claim(data)
        self._port = self._port or _free_port()
        self._controller = self._controller or _free_port()
        _format(data / "log")
        (data / "server.properties").write_text(
            _PROPERTIES.format(port=self._port, controller=self._controller, logs=data / "log"), encoding="utf-8"
        )
        (data / "log4j2.yaml").write_text(_LOG4J, encoding="utf-8")
        (data / "kafka.pid").unlink(missing_ok=True)
        class_path = os.pathsep.join(f"{folder}/*" for folder in folders)
        with self.log_file.open("ab") as log:
            said = log.tell()
            self._process = subprocess.Popen(
                [
                    *("/bin/sh", "-c", _GUARDIAN, "kafka"),
                    str(command),
                    *(f"-Xmx{self._heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
                    f"-Dlog4j2.configurationFile={data / 'log4j2.yaml'}",
                    *("-cp", class_path, "kafka.Kafka", str(data / "server.properties")),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "PID_FILE": str(data / "kafka.pid")},
                # Ctrl-C in a terminal is for the connector, which then stops its broker last.
                start_new_session=True,
            )
        try:
            self._wait_until_started(said)
        except BaseException:
            self.kill()
            self._release()
            raise

    def stop(self) -> None:
        """Stop in order and, where the data directory is our own, remove it."""
        self._end(signal.SIGTERM)
        self._release()
        if self._given is None and self.data_dir is not None:
            shutil.rmtree(self.data_dir, ignore_errors=True)
            self.data_dir = None

    def kill(self) -> None:
        """End it at once, as a power cut would; `restart` goes on with the same data and port."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again, on the same port and data, after `kill` or in order. Raises `EmbeddedError`."""
        self._end(signal.SIGTERM)
        self.start()

    def freeze(self) -> None:
        """Let it hold its connections and say nothing, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> "EmbeddedKafka":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> "EmbeddedKafka":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _data(self) -> Path:
        if self.data_dir is None:
            raise EmbeddedError("the embedded Kafka has not been started")
        return self.data_dir

    def _claim(self, data: Path) -> None:
        """Nobody else may start in this directory while this process has it."""
        if self._lock is not None:
            return
        lock = (data / "embedded.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise EmbeddedError(f"another embedded Kafka uses {data}: stop it first") from error
        self._lock = lock

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _wait_until_started(self, said: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with self.log_file.open("rb") as log:
                log.seek(said)
                text = log.read().decode("utf-8", "replace")
            if _STARTED in text:
                return
            if self._process.poll() is not None:
                raise EmbeddedError(f"the embedded Kafka ended at once; {self._why(text)}")
            time.sleep(0.05)
        raise EmbeddedError(f"the embedded Kafka did not start within {_START_SECONDS:.0f} s; {self._why(text)}")

    def _why(self, text: str) -> str:
        if "Failed to acquire lock" in text:
            return f"a Kafka that was left behind still uses {self.data_dir}: end it first"
        if "Address already in use" in text or "BindException" in text:
            return f"port {self._port} is taken"
        complaints = [
            line for line in text.splitlines() if " ERROR " in line or "Exception" in line or "Error:" in line
        ]
        return f"it says: {(complaints or text.splitlines() or ['nothing'])[0][:300]} (more in {self.log_file})"

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            try:
                os.kill(self.pid, how)
                if how is not signal.SIGKILL:
                    os.kill(self.pid, signal.SIGCONT)
                process.wait(_STOP_SECONDS)
            except (EmbeddedError, ProcessLookupError):
                pass
            except subprocess.TimeoutExpired:
                os.kill(self.pid, signal.SIGKILL)
        if process.stdin is not None:
            # The guardian ends with its input, and so does Kafka if it should still be there.
            process.stdin.close()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _format(logs: Path) -> None:
    """What `kafka-storage format` writes for one node, without the second that starting Java for it takes.

    Kafka supplies the rest of the metadata itself when there is none: its own newest version.
    """
    properties = logs / "meta.properties"
    if not properties.exists():
        properties.write_text(f"version=1\ncluster.id={_id()}\nnode.id=1\ndirectory.id={_id()}\n", encoding="ascii")


def _id() -> str:
    """A random id as Kafka writes it: a UUID in URL-safe base 64, not starting with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
