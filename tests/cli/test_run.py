"""`connector run`: whatever ends it, it ends in one line and the right status, and leaves no process behind."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.bind.settings import SettingsUnreadable
from connector.cli.endings import trail, verdict
from connector.cli.run import EXIT_GRACE, _patience
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import KafkaRefused, KafkaUnavailable, TopicMissing
from connector.kafka.registry import RegistryUnavailable
from connector.stages.leaving import stops_within
from connector.stages.settings import StageConfig
from connector.stages.worker import StageStopped
from connector.telemetry import EndpointError
from tests.cli.commands import PATIENCE, Done, configuration, ended, run, started, typed

STAGES = ("route", "express", "submit", "collect")


def errors_of(done: Done) -> list[str]:
    return [line for line in done.err.splitlines() if line.startswith("error: ")]


def one(stage: str) -> list[str]:
    """What runs this stage and no other."""
    return [stage, "--alone"] if stage == "route" else [stage]


@pytest.mark.parametrize("stages", [("submit",), ("express",), ("submit", "collect")])
def test_alone_is_for_route_which_brings_express_with_it(stages: tuple[str, ...]) -> None:
    done = typed("run", "--alone", *stages)
    assert done.code == 2
    assert done.err.startswith(f"error: --alone: found with {' '.join(stages)}, and only `route` brings another stage")


async def test_a_broker_that_is_away_is_one_line_and_status_3(tmp_path: Path) -> None:
    config = configuration(tmp_path, "127.0.0.1:1", "t.")
    ends = await asyncio.gather(*(run("run", *one(stage), "--config", str(config)) for stage in STAGES))
    for stage, done in zip(STAGES, ends, strict=True):
        (error,) = errors_of(done)
        assert done.code == 3
        assert error.startswith(f"error: {stage}: could not connect to Kafka")
        assert "is a broker at 127.0.0.1:1 (kafka.bootstrap_servers)? `connector check` says more" in error


async def test_missing_topics_are_one_line_with_the_remedy(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    config = configuration(tmp_path, kafka.bootstrap_servers, prefix)
    stages = ("route", "submit", "collect")
    for done in await asyncio.gather(*(run("run", *one(stage), "--config", str(config)) for stage in stages)):
        (error,) = errors_of(done)
        assert done.code == 3
        assert "run `connector topics create`" in error


async def test_without_accounts_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text("kafka: {}\n")
    done = await run("run", cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: accounts: none configured")


WHERE = "is a broker at 127.0.0.1:9092 (kafka.bootstrap_servers)? `connector check` says more"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ExceptionGroup("tasks", [KafkaUnavailable("Kafka is away")]), 3, f"Kafka is away; {WHERE}"),
        (ExceptionGroup("tasks", [ValueError("x"), ExceptionGroup("", [TopicMissing("none")])]), 3, "none"),
        (ExceptionGroup("tasks", [KafkaUnavailable("away"), KafkaRefused("no rights")]), 3, "no rights"),
        (RegistryUnavailable("the registry is away"), 3, "the registry is away; is the registry at http://a (kafka.re"),
        (SettingsUnreadable("password_file: gone"), 2, "password_file: gone"),
        (EndpointError("port 9464 is taken"), 2, "port 9464 is taken"),
        (StageStopped("route broke down"), 1, "route broke down"),
        (KeyError("79990000001"), 1, "broke down by a fault of its own: KeyError"),
    ],
)
def test_the_most_telling_error_of_a_group_speaks(error: Exception, code: int, words: str) -> None:
    config = StageConfig.model_validate({"kafka": {"registry": {"url": "http://a"}}})
    found = verdict(error, config)
    assert found.code == code
    assert found.words.startswith(words)


def test_a_fault_of_our_own_is_told_by_its_place_and_not_by_its_words() -> None:
    from connector.cli.times import moment

    with pytest.raises(ValueError, match="no time") as caught:
        moment("79990000001", 0)
    told = verdict(caught.value, StageConfig()).words
    assert "79990000001" not in told
    assert "at connector/cli/times.py:" in told


@pytest.mark.parametrize(("route", "collect"), [(20.0, 20.0), (0.5, 60.0), (300.0, 1.0)])
def test_no_stage_is_killed_in_the_time_it_may_take_to_stop(route: float, collect: float) -> None:
    settings = StageConfig.model_validate({"route": {"drain_seconds": route}, "collect": {"drain_seconds": collect}})
    assert _patience(settings) >= stops_within(max(route, collect)) + EXIT_GRACE


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(number) for number in found]


def alive(process: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def logs_under(folder: Path) -> list[Path]:
    """The logs of demos that had their temporary files there."""
    return list(folder.glob("sms-connector-demo-*/connector.log"))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # other processes set no events here
            await asyncio.sleep(0.05)


async def until_started(process: asyncio.subprocess.Process) -> list[int]:
    """The children, once there are as many as stages."""
    await until(lambda: len(children(process.pid)) == len(STAGES))
    return children(process.pid)


async def until_bound(process: asyncio.subprocess.Process) -> None:
    """Until the submitter has taken its slot, so that a stage is at work and not only starting."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while b"is open" not in await process.stderr.readline():
            pass


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks for processes under /proc")
async def test_kill_9_of_the_supervisor_ends_every_stage(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    config = configuration(tmp_path, kafka.bootstrap_servers, prefix)
    assert (await run("topics", "create", "--config", str(config))).code == 0
    async with started("run", "--config", str(config), cwd=tmp_path) as process:
        found = await until_started(process)
        try:
            await until_bound(process)
            process.send_signal(signal.SIGKILL)
            await until(lambda: not any(alive(child) for child in found))
        finally:
            for child in filter(alive, found):
                os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks for processes under /proc")
async def test_a_demo_that_fails_says_why_and_keeps_its_logs(tmp_path: Path, kafka: EmbeddedKafka) -> None:
    """Broken by: naming a log that went with the demo's folder."""
    at = ("--bootstrap-servers", kafka.bootstrap_servers)
    async with started("demo", "--bulk", "1000", *at, cwd=tmp_path, temporary=tmp_path) as process:
        await until(lambda: len([each for child in children(process.pid) for each in children(child)]) == len(STAGES))
        (supervisor,) = children(process.pid)
        os.kill(children(supervisor)[0], signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            _, said = await process.communicate()
    assert process.returncode == 1
    line = said.decode().strip().splitlines()[-1]
    assert "process was ended by signal 9; stopping the others); see " in line
    assert Path(line.rpartition("see ")[2]) in logs_under(tmp_path)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks for processes under /proc")
async def test_ctrl_c_while_everything_starts_is_clean(tmp_path: Path) -> None:
    config = configuration(tmp_path, "127.0.0.1:1", "t.")
    async with started("run", "--config", str(config), cwd=tmp_path) as process:
        found = await until_started(process)
        done = await ended(process, signal.SIGINT)
    assert done.code == 0
    assert "Traceback" not in done.err
    assert not any(alive(child) for child in found)


def test_the_trail_of_a_fault_holds_places_and_no_words() -> None:
    """It is logged at DEBUG, for an error that may quote what it failed on."""

    def encoding() -> None:
        try:
            raise KeyError("79990000001")
        except KeyError as error:
            raise ValueError("the code is 48151") from error

    def broken() -> None:
        try:
            encoding()
        except ValueError as error:
            raise ExceptionGroup("79990000001", [error]) from None

    with pytest.raises(ExceptionGroup) as caught:
        broken()
    told = trail(caught.value)
    for word in ("ExceptionGroup at", "ValueError at", "KeyError at", "cli/test_run.py:"):
        assert word in told
    for word in ("7999", "48151", "the code"):
        assert word not in told
