"""The one way to write to Kafka: acks=all, idempotent, in order, and every record answered.

Rule: a record given to `send` is answered by its future, whatever happens to the connection in between. aiokafka's
own producer can get stuck for good (a sequence number that the broker does not expect fails every later batch of
the partition): then it is drained and replaced, and what it failed is written again, in order, by the new one.
That may repeat a record, so events carry ids. Next station: the broker.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka import errors as theirs

from connector.kafka.chunks import BATCH_OCTETS, chunks
from connector.kafka.door import connection, door, translated
from connector.kafka.settings import KafkaSettings
from connector.kafka.values import ClientClosed, KafkaUnavailable, OutRecord, Placed, ProducerFull

# After any of these the producer's sequence numbers are worth nothing.
_STUCK: Final = (
    theirs.OutOfOrderSequenceNumber,
    theirs.InvalidProducerEpoch,
    theirs.InvalidProducerIdMapping,
    theirs.ProducerFenced,
    theirs.UnknownProducerId,
)
# Headers and framing that come on top of a value at its limit, as in a dead letter.
OVERHEAD_OCTETS: Final = 64 * 1024
# Records that are handed on before the loop gets a turn.
_TURN: Final = 64
_RETRY_SECONDS: Final = (0.1, 0.3, 1.0, 3.0)


class _Entry:
    """Records of one topic, and of one partition where they are several, with the future of their sender."""

    __slots__ = ("answer", "partition", "records")

    def __init__(self, records: Sequence[OutRecord], partition: int | None, answer: "asyncio.Future[Placed]") -> None:
        self.records = records
        self.partition = partition
        self.answer = answer


class _Topic:
    """The records of one topic that wait for their turn, and the task that hands them on."""

    __slots__ = ("failed", "pump", "queue")

    def __init__(self) -> None:
        self.queue: deque[_Entry] = deque()
        self.failed: list[_Entry] = []
        self.pump: asyncio.Task[None] | None = None


class Producer:
    """Writes records. Make it and use it in one event loop: `await start()`, `send*`, `await stop()`.

    `capacity` bounds how many records may wait for their answers at once. While Kafka is away they simply wait;
    records already handed over are written as soon as it is back, each once.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        name: str = "producer",
        linger_ms: int = 0,
        capacity: int = 50_000,
        make: Callable[..., Any] = AIOKafkaProducer,
    ) -> None:
        self._settings = settings
        self._name = name
        self._linger_ms = linger_ms
        self._capacity = capacity
        self._make = make
        self._inner: Any = None
        self._topics: dict[str, _Topic] = {}
        self._waiting = 0
        self._inner_waiting = 0
        self._inner_idle = asyncio.Event()
        self._inner_idle.set()
        self._rebuilding: asyncio.Task[None] | None = None
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._room = asyncio.Event()
        self.rebuilds = 0

    async def start(self) -> None:
        """Connect. Raises `KafkaUnavailable` or `KafkaRefused`."""
        self._inner = await self._connected()

    def send(self, record: OutRecord) -> "asyncio.Future[Placed]":
        """Queue a record; the future is done when all in-sync replicas have it, or with one of our errors.

        Records of one partition are written in the order of the calls. Cancelling the future takes back only a record
        that has not been handed over yet. Raises `ProducerFull` or `ClientClosed`.
        """
        if self._waiting >= self._capacity:
            raise ProducerFull(f"{self._waiting} records wait for Kafka already")
        return self._queued(record.topic, [record], record.partition)

    async def send_and_wait(self, record: OutRecord) -> Placed:
        """Write one record and wait until it is durable. Raises one of our errors."""
        return await self.send(record)

    async def send_all(self, records: Iterable[OutRecord]) -> None:
        """Write records and wait until all of them are durable.

        Raises the first failure's error after all have been answered: then some of them may have been written. More
        records than fit wait for room instead of raising `ProducerFull`. Many records of one partition travel as one
        batch, which costs a fifth of what they cost one by one (measured: 5 CPU microseconds a record against 30).
        """
        answers: list[asyncio.Future[Placed]] = []
        try:
            for topic, partition, chunk in chunks(records, self._partitions_known):
                while self._waiting + len(chunk) > self._capacity and self._waiting and not self._closed:
                    self._room.clear()
                    await self._room.wait()
                answers.append(self._queued(topic, chunk, partition))
            if answers:
                await asyncio.wait(answers)
        finally:
            # A failure that nobody awaits any more is not worth a complaint of the event loop.
            for answer in answers:
                answer.add_done_callback(_forget)
        for answer in answers:
            answer.result()

    def _queued(self, name: str, records: Sequence[OutRecord], partition: int | None) -> "asyncio.Future[Placed]":
        if self._closed or self._inner is None:
            raise ClientClosed("the producer is not running")
        answer: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        self._waiting += len(records)
        self._idle.clear()

        def answered(_: "asyncio.Future[Placed]") -> None:
            self._waiting -= len(records)
            self._room.set()
            if self._waiting == 0:
                self._idle.set()

        answer.add_done_callback(answered)
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = _Topic()
        topic.queue.append(_Entry(records, partition, answer))
        if topic.pump is None and self._rebuilding is None:
            topic.pump = asyncio.create_task(self._pump(topic), name=f"{self._name} {name}")
        return answer

    def _partitions_known(self, topic: str) -> int | None:
        """How many partitions the topic has, as far as is known without asking."""
        known = self._inner.client.cluster.partitions_for_topic(topic) if self._inner is not None else None
        return len(known) if known else None

    async def flush(self) -> None:
        """Wait until every record given so far, and meanwhile, is answered."""
        await self._idle.wait()

    @property
    def waiting(self) -> int:
        """Records without an answer."""
        return self._waiting

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has. Raises `TopicMissing` after the request time-out, `KafkaUnavailable`."""
        with door(f"look up {topic}"):
            return len(await self._inner.partitions_for(topic))

    async def stop(self, deadline: float = 10.0) -> None:
        """Wait up to `deadline` seconds for the answers, then close; what is left fails with `ClientClosed`."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), deadline)
        tasks = [topic.pump for topic in self._topics.values() if topic.pump is not None]
        if self._rebuilding is not None:
            tasks.append(self._rebuilding)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for topic in self._topics.values():
            for entry in (*topic.failed, *topic.queue):
                _fail(entry, ClientClosed("the producer was stopped before the record was written"))
        if self._inner is not None:
            await _closed(self._inner)

    async def __aenter__(self) -> "Producer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _connected(self) -> Any:
        inner = self._make(
            **connection(self._settings, self._name),
            acks="all",
            enable_idempotence=True,
            linger_ms=self._linger_ms,
            max_batch_size=BATCH_OCTETS,
            max_request_size=self._settings.max_record_bytes + OVERHEAD_OCTETS,
        )
        try:
            with door("connect to Kafka"):
                await inner.start()
        except BaseException:
            await _closed(inner)
            raise
        return inner

    async def _pump(self, topic: _Topic) -> None:
        """Hand the topic's records to aiokafka, in order, until none is left or the producer must be replaced."""
        try:
            turn = 0
            while topic.queue and self._rebuilding is None:
                entry = topic.queue.popleft()
                if not entry.answer.done():
                    await self._hand_over(topic, entry)
                turn += 1
                if turn % _TURN == 0:
                    await asyncio.sleep(0)
        finally:
            topic.pump = None

    async def _hand_over(self, topic: _Topic, entry: _Entry) -> None:
        name = entry.records[0].topic
        try:
            inner = await self._sent(entry)
        except asyncio.CancelledError:
            _fail(entry, ClientClosed("the producer was stopped before the record was written"))
            raise
        except theirs.UnknownTopicOrPartitionError as error:
            # aiokafka waited a whole request time-out for the topic; the others need not do so one by one.
            for missing in (entry, *topic.queue):
                _fail(missing, translated(error, f"write to {name}"), error)
            topic.queue.clear()
            return
        except Exception as error:
            self._failed(topic, entry, error)
            return
        self._inner_waiting += 1
        self._inner_idle.clear()

        def answered(future: "asyncio.Future[Any]") -> None:
            self._inner_waiting -= 1
            if self._inner_waiting == 0:
                self._inner_idle.set()
            if future.cancelled():
                _fail(entry, ClientClosed("the producer was stopped before the record was acknowledged"))
                return
            error = future.exception()
            if error is not None:
                self._failed(topic, entry, error)
            elif not entry.answer.done():
                metadata = future.result()
                # The answer to a repeated batch that the broker has forgotten holds no offsets: both are -1, and
                # aiokafka counts on from there.
                offset = -1 if metadata.log_start_offset == -1 else metadata.offset
                entry.answer.set_result(Placed(metadata.topic, metadata.partition, offset))

        inner.add_done_callback(answered)

    async def _sent(self, entry: _Entry) -> "asyncio.Future[Any]":
        """Hand an entry to aiokafka, waiting as long as Kafka is away."""
        asked = False
        while True:
            try:
                return await (self._sent_one(entry) if len(entry.records) == 1 else self._sent_batch(entry))
            except theirs.KafkaTimeoutError:
                # Its buffer was full for a request time-out; the entry is not in it.
                continue
            except AssertionError:
                # aiokafka asserts that it knows the partition; it may have been added since it last looked.
                if asked:
                    raise
                asked = await self._inner.client.force_metadata_update()
            except theirs.UnknownTopicOrPartitionError:
                # It says the same where no broker answered; one that answers now may know the topic.
                if not await self._inner.client.force_metadata_update():
                    continue
                if self._partitions_known(entry.records[0].topic) is None:
                    raise

    async def _sent_one(self, entry: _Entry) -> "asyncio.Future[Any]":
        (record,) = entry.records
        future: asyncio.Future[Any] = await self._inner.send(
            record.topic, record.value, record.key, record.partition, record.timestamp_ms, list(record.headers)
        )
        return future

    async def _sent_batch(self, entry: _Entry) -> "asyncio.Future[Any]":
        batch = self._inner.create_batch()
        for record in entry.records:
            added = batch.append(
                timestamp=record.timestamp_ms, key=record.key, value=record.value, headers=list(record.headers)
            )
            assert added is not None, "a chunk fits a batch"
        batch.close()
        future: asyncio.Future[Any] = await self._inner.send_batch(
            batch, entry.records[0].topic, partition=entry.partition
        )
        return future

    def _failed(self, topic: _Topic, entry: _Entry, error: BaseException) -> None:
        if self._is_stuck(error) and not self._closed:
            topic.failed.append(entry)
            if self._rebuilding is None:
                self._rebuilding = asyncio.create_task(self._rebuild(), name=f"{self._name} rebuild")
            return
        _fail(entry, translated(error, f"write to {entry.records[0].topic}"), error)

    def _is_stuck(self, error: BaseException) -> bool:
        if isinstance(error, _STUCK):
            return True
        # The sender's task ends only by a failure it has no answer to; then nothing is ever written again.
        sender = getattr(self._inner, "_sender", None)
        task = getattr(sender, "sender_task", None)
        return task is not None and task.done()

    async def _rebuild(self) -> None:
        """Let aiokafka finish what it can, replace it, and write again what it failed."""
        # Whatever still waits in the old one would otherwise be overtaken in its partition by the new one.
        pumps = [topic.pump for topic in self._topics.values() if topic.pump is not None]
        await asyncio.gather(*pumps, return_exceptions=True)
        await self._inner_idle.wait()
        await _closed(self._inner)
        attempt = 0
        while True:
            try:
                self._inner = await self._connected()
                break
            except KafkaUnavailable:
                await asyncio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
            except Exception as error:
                self._give_up(error)
                break
        self.rebuilds += 1
        self._rebuilding = None
        for name, topic in self._topics.items():
            topic.queue.extendleft(reversed(topic.failed))
            topic.failed.clear()
            if topic.queue and topic.pump is None:
                topic.pump = asyncio.create_task(self._pump(topic), name=f"{self._name} {name}")

    def _give_up(self, error: Exception) -> None:
        """Kafka refuses a new producer: answer everything, so that no stage waits for ever."""
        for topic in self._topics.values():
            for entry in (*topic.failed, *topic.queue):
                _fail(entry, translated(error, f"write to {entry.records[0].topic}"), error)
            topic.failed.clear()
            topic.queue.clear()


def _fail(entry: _Entry, error: Exception, cause: BaseException | None = None) -> None:
    if not entry.answer.done():
        error.__cause__ = cause
        entry.answer.set_exception(error)


def _forget(answer: "asyncio.Future[Placed]") -> None:
    if not answer.cancelled():
        answer.exception()


async def _closed(inner: Any) -> None:
    """Close an aiokafka producer that is no longer of use; there is nobody to hear of a failure."""
    stopping: Awaitable[None] = inner.stop()
    with contextlib.suppress(theirs.KafkaError, OSError):
        try:
            await asyncio.wait_for(stopping, 5.0)
        except TimeoutError:
            # It waits for batches that nobody takes; without them it can end its tasks.
            inner._message_accumulator.fail_all(theirs.ProducerClosed())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(inner._sender.close(), 5.0)
            await inner.client.close()
