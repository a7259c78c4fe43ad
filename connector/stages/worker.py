"""Faust inside our own process: the app a stage runs in, started and stopped by us instead of by Faust's command line.

What is used of Faust: the group membership in a thread of its own, the agent, tables, changelogs and their recovery.
What is off: its web server (it binds 0.0.0.0:6066), its producer (ours waits for acknowledgements), topics made on the
fly, settings from the process environment (they would win over ours), a redirected stdout, its own restarts of agents.

A stage either finishes what it took, or stops without having committed it. Next station: `route` and `collect`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faust
from faust.app.base import BootStrategy
from yarl import URL

from connector.kafka.clients import METADATA_MS, KafkaRefused, KafkaUnavailable, ssl_context
from connector.kafka.partitions import Partition
from connector.kafka.settings import KafkaSettings
from connector.kafka.values import Record
from connector.stages.careful import Bury, Careful, Sift
from connector.stages.leaving import CLOSE_SECONDS, LEAVE_GROUP_SECONDS, within
from connector.stages.polling import PollingTransport, PollSchema, SteadyFlow
from connector.stages.positions import Poll, Slice
from connector.stages.recovering import PatientTables

log = logging.getLogger(__name__)

Handler = Callable[[Poll], Awaitable[None]]

# Fetches that may wait while one is being handled.
_WAITING_POLLS: Final = 2
_LOOK_EVERY: Final = 0.05
_FETCH_OCTETS: Final = 4 << 20


class StageStopped(RuntimeError):
    """The stage cannot go on; it has committed nothing that it did not finish. Start it again."""


class NotOurs(Exception):
    """What was read is, or may be, another member's to work on by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a stage says about its app. `store` is Faust's URL of the tables, `data_dir` their folder."""

    group: str
    kafka: KafkaSettings
    batch_records: int
    commit_seconds: float
    instance_id: str | None = None
    store: str = "memory://"
    data_dir: Path = Path("data")
    standby_replicas: int = 0


class _Boot(BootStrategy):  # type: ignore[misc]  # Faust's classes come without types
    enable_web = False
    enable_kafka_producer = False


class StageApp(faust.App):  # type: ignore[misc]  # Faust's classes come without types
    """The Faust app of one stage: one topic, one agent, one handler."""

    logger = logging.getLogger("faust.app")

    BootStrategy = _Boot

    def __init__(self, settings: WorkerSettings) -> None:
        self._failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._release: Callable[[], Awaitable[None]] | None = None
        self._ending = False
        self._session_timeout = settings.kafka.session_timeout
        self.moving = False
        """True from when partitions are given up until they are assigned anew."""
        self.assignments = 0
        """How often partitions were assigned to this member. Kafka's generation does not tell assignments apart: who
        joins again within one, as after a change of the topics, is given all it had once more, from what was committed.
        """
        self._steady = SteadyFlow()
        self.careful: Careful
        kafka = settings.kafka
        super().__init__(
            settings.group,
            env={},
            broker=[URL(f"kafka://{server}") for server in kafka.servers],
            broker_credentials=_credentials(kafka),
            broker_client_id=f"{kafka.client_id}-{settings.group}",
            broker_session_timeout=kafka.session_timeout,
            broker_heartbeat_interval=kafka.heartbeat_interval,
            broker_rebalance_timeout=kafka.rebalance_timeout,
            broker_request_timeout=max(kafka.request_timeout, kafka.session_timeout),
            broker_max_poll_records=settings.batch_records,
            broker_commit_interval=settings.commit_seconds,
            consumer_max_fetch_size=max(_FETCH_OCTETS, kafka.max_record_bytes),
            consumer_auto_offset_reset="earliest",
            consumer_metadata_max_age_ms=METADATA_MS,
            consumer_group_instance_id=settings.instance_id,
            key_serializer="raw",
            value_serializer="raw",
            TableManager=PatientTables,
            store=settings.store,
            datadir=str(settings.data_dir),
            table_standby_replicas=settings.standby_replicas,
            stream_recovery_delay=0.0,
            stream_wait_empty=True,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            worker_redirect_stdouts=False,
        )

    @property
    def flow_control(self) -> SteadyFlow:
        """See `SteadyFlow`."""
        return self._steady

    @property
    def failure(self) -> "asyncio.Future[Exception]":
        """Done when the handler has raised; the agent stands still from then on."""
        return self._failure

    def fail(self, error: Exception) -> None:
        """Stop the app because of `error`; the first one counts."""
        if not self._failure.done():
            self._failure.set_result(error)

    def owned(self, topic: str) -> frozenset[int]:
        """The partitions this member may work on now: none while they move or tables are recovered."""
        if self._ending or self.rebalancing or self.in_recovery or self.should_stop:
            return frozenset()
        return frozenset(tp.partition for tp in self.consumer.assignment() if tp.topic == topic)

    async def require_lease(self, assignment: int) -> None:
        """Returns when the group certainly has this member's partitions down as its own, as in this assignment.

        A process that stood still does not know that it was put out until it hears so. Raises `NotOurs`.
        """
        while self.consumer.lease_age >= self._session_timeout:
            if self.moving or self._ending or assignment != self.assignments:
                break
            await asyncio.sleep(_LOOK_EVERY)
        else:
            if assignment == self.assignments:
                return
        raise NotOurs

    def end(self) -> None:
        """From now on nothing is owned; `release` then waits for whoever still works with it."""
        self._ending = True

    async def release(self) -> None:
        """Called by the consumer before partitions move, and before the app ends."""
        if self._release is not None:
            await self._release()

    def abandon(self) -> None:
        """Nobody waits for the app's end any more: whatever of it is cancelled now must not be started again, as Faust
        does with an agent, or the event loop could never be closed."""
        for agent in self.agents.values():
            for service in (agent, agent.supervisor):
                if service is not None:
                    service._stopped.set()

    def handle(
        self,
        topic: str,
        handler: Handler,
        *,
        bury: Bury,
        sift: Sift | None = None,
        release: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Give every fetch of `topic` to `handler`, one by one; what `careful` calls poison goes to `bury` instead.
        `release` is awaited before partitions move."""
        self._release = release
        self.careful = Careful(_Member(self), handle=_by_partition(self, handler), bury=bury, sift=sift)
        channel = self.topic(topic, schema=PollSchema(), maxsize=_WAITING_POLLS)

        async def take(stream: faust.Stream) -> None:
            async for poll in stream:
                positions = self.consumer.positions
                if self.moving or poll.assignment != self.assignments:
                    # Partitions move, or have moved while it waited here: whoever has them then fetches it anew.
                    continue
                try:
                    if not positions.continues(poll):
                        raise StageStopped(f"records of {topic} went astray between fetching and handling")
                    if self.careful.settled((piece.partition, piece.records[0].offset) for piece in poll.slices):
                        await handler(poll)
                    elif not await self._work(poll):
                        continue
                except NotOurs:
                    continue
                except Exception as error:
                    # The stage's edge. Faust must not see the failure, or it would start the agent again with what
                    # follows; and it need not wait for this fetch, which `Positions` keeps from being committed.
                    self.fail(error)
                    self.consumer.ack(stream.current_event.message)
                    await asyncio.Event().wait()
                if poll.assignment == self.assignments:
                    positions.delivered(poll)

        self.agent(channel, name=f"{self.conf.id}-agent")(take)

    async def _work(self, poll: Poll) -> bool:
        """Partition by partition; False where the rest of it is to be read again."""
        for piece in poll.slices:
            if poll.assignment != self.assignments:
                return False
            if not await self.careful.work(piece.partition, piece.records):
                return False
        return True

    def _new_transport(self) -> PollingTransport:
        return PollingTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        if self.tables:
            self.conf.tabledir.mkdir(parents=True, exist_ok=True)


class _Member:
    """An app's consumer, as `careful` knows it; the app makes it when it starts."""

    def __init__(self, app: StageApp) -> None:
        self._app = app

    async def notes(self, partitions: Sequence[Partition]) -> Mapping[Partition, str]:
        found: Mapping[Partition, str] = await self._app.consumer.notes(partitions)
        return found

    async def mark(self, partition: Partition, offset: int, note: str) -> None:
        await self._app.consumer.mark(partition, offset, note)

    def passed(self, partition: Partition, end: int) -> None:
        self._app.consumer.positions.passed(partition, end)

    async def commit(self) -> None:
        await self._app.consumer.commit_passed()


def _by_partition(app: StageApp, handler: Handler) -> Callable[[Partition, Sequence[Record]], Awaitable[None]]:
    async def handle(partition: Partition, records: Sequence[Record]) -> None:
        piece = Slice(partition, None, records[-1].offset + 1, records)
        await handler(Poll(app.assignments, (piece,)))

    return handle


async def run_worker(app: StageApp, *, ready: Callable[[], None], stop: asyncio.Event, drain_seconds: float) -> None:
    """Run the app until `stop` is set; `ready` is called once partitions are assigned and tables are recovered.

    Finishes and commits the batch under way within `drain_seconds`, and returns `LEAVE_GROUP_SECONDS` and
    `CLOSE_SECONDS` later at most. Raises what the handler raised, `KafkaUnavailable` when Kafka cannot be reached at
    the start, or `StageStopped` when Faust gave up; nothing unfinished is committed.
    """
    for name in ("faust", "mode"):
        # Below this they talk to their own developers, and quote keys and values.
        logging.getLogger(name).setLevel(logging.WARNING)

    async def started() -> None:
        ready()

    app.on_startup_finished = started
    starting = asyncio.create_task(app.start(), name=f"start {app.conf.id}")
    stopping = asyncio.create_task(stop.wait())
    crashed = asyncio.create_task(app.wait_until_stopped())
    waits: set[asyncio.Future[Any]] = {starting, stopping, app.failure, crashed}  # what they return does not matter
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if done == {starting} and starting.exception() is None:
            await asyncio.wait(waits - {starting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        crashed.cancel()
        await _stop(app, starting, drain_seconds)
    error = _failure_of(app, starting)
    if error is not None:
        raise error


async def _stop(app: StageApp, starting: "asyncio.Task[None]", drain_seconds: float) -> None:
    """Ends the app. It must not take longer, nor end in an error: what is not committed is done again anyway."""
    deadline = asyncio.get_running_loop().time() + drain_seconds
    app.end()
    # Tasks of their own, since Faust cancels what waits for a consumer that broke down.
    releasing = asyncio.create_task(app.release(), name=f"release {app.conf.id}")
    await asyncio.wait({releasing}, timeout=drain_seconds)
    stopping = asyncio.create_task(app.stop(), name=f"stop {app.conf.id}")
    done, _ = await asyncio.wait({stopping}, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
    if not done:
        log.warning("%s: the batch under way did not finish in time and is left for the next start", app.conf.id)
        # Then it need not be waited for any more, nor blamed.
        await within(CLOSE_SECONDS, "taking back a mark", app.careful.give_back())
        app.consumer.forget_unfinished()
        await asyncio.wait({stopping}, timeout=LEAVE_GROUP_SECONDS)
    tasks = (releasing, stopping, starting)
    for task in tasks:
        task.cancel()
    ended, left = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
    for task in ended:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("%s did not end cleanly: %s", app.conf.id, type(error).__name__)
    if left:
        log.warning("%s was given up while it ended", app.conf.id)
        app.abandon()


def _failure_of(app: StageApp, starting: "asyncio.Task[None]") -> BaseException | None:
    if app.failure.done():
        return app.failure.result()
    if isinstance(app.crash_reason, StageStopped):
        return app.crash_reason
    if starting.done() and not starting.cancelled() and (error := starting.exception()) is not None:
        theirs = type(error).__module__.startswith("aiokafka")
        ours = (KafkaUnavailable if theirs else StageStopped)(f"{app.conf.id} could not start: {type(error).__name__}")
        ours.__cause__ = error
        return ours
    if app.crashed:
        return StageStopped(f"{app.conf.id} broke down: {type(app.crash_reason).__name__}")
    return None


def _credentials(kafka: KafkaSettings) -> faust.SSLCredentials | faust.SASLCredentials | None:
    """Raises `KafkaRefused` for files that do not serve."""
    security = kafka.security
    context = ssl_context(kafka)
    if not security.protocol.sasl:
        return None if context is None else faust.SSLCredentials(context)
    try:
        password = security.secret()
    except OSError as error:
        raise KafkaRefused("kafka.security.password_file cannot be read") from error
    return faust.SASLCredentials(
        username=security.username, password=password, mechanism=security.mechanism.value, ssl_context=context
    )
