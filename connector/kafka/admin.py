"""Topics, partitions and group offsets, for the commands that look at them and the one that creates them.

Rule: answers are values of ours; an error code inside an answer is an error. Next station: `topics`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import errors as theirs
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from connector.kafka.door import connection, door, translated
from connector.kafka.partitions import Partition
from connector.kafka.settings import KafkaSettings
from connector.kafka.values import KafkaUnavailable

_POLL_SECONDS: Final = 0.05
_POLLS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """A topic as it should be. `configs` are Kafka's own names and values; replicas None is the cluster's default."""

    name: str
    partitions: int
    replicas: int | None = None
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """A topic as it is; `replicas` is the smallest number over its partitions."""

    name: str
    partitions: int
    replicas: int


class Admin:
    """Asks and changes the cluster. `await start()`, then the rest, then `await stop()`."""

    def __init__(self, settings: KafkaSettings, *, name: str = "admin") -> None:
        self._arguments = connection(settings, name)
        self._inner: Any = None

    async def start(self) -> None:
        """Connect. Raises `KafkaUnavailable` or `KafkaRefused`."""
        self._inner = AIOKafkaAdminClient(**self._arguments)
        try:
            with door("connect to Kafka"):
                await self._inner.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self._inner is not None:
            inner, self._inner = self._inner, None
            await inner.close()

    async def __aenter__(self) -> "Admin":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def topics(self, names: Sequence[str] | None = None) -> dict[str, TopicState]:
        """Those of the named topics (None: of all) that exist. Raises `KafkaUnavailable`, `KafkaRefused`."""
        with door("list topics"):
            # Asked for by name, a missing topic might be created on the spot; so all are asked for.
            described = await self._inner.describe_topics(None)
        found = {}
        for topic in described:
            if topic["error_code"] or (names is not None and topic["topic"] not in names):
                continue
            partitions = topic["partitions"]
            found[topic["topic"]] = TopicState(
                name=topic["topic"],
                partitions=len(partitions),
                replicas=min((len(partition["replicas"]) for partition in partitions), default=0),
            )
        return found

    async def create(self, specs: Sequence[TopicSpec]) -> None:
        """Create topics and wait until they are known everywhere; one that exists is left as it is.

        Raises `KafkaRefused` or `KafkaUnavailable`.
        """
        if not specs:
            return
        new = [
            NewTopic(
                name=spec.name,
                num_partitions=spec.partitions,
                replication_factor=-1 if spec.replicas is None else spec.replicas,
                topic_configs=dict(spec.configs),
            )
            for spec in specs
        ]
        with door("create topics"):
            response = await self._inner.create_topics(new)
        for name, code, *_ in response.topic_errors:
            error = theirs.for_code(code)
            if error not in (theirs.NoError, theirs.TopicAlreadyExistsError):
                raise translated(error(), f"create {name}")
        await self._known({spec.name: 1 for spec in specs})

    async def grow(self, name: str, partitions: int) -> None:
        """Give a topic more partitions and wait until they are known. Raises `KafkaRefused` or `KafkaUnavailable`."""
        with door(f"add partitions to {name}"):
            await self._inner.create_partitions({name: NewPartitions(total_count=partitions)})
        await self._known({name: partitions})

    async def _known(self, wanted: Mapping[str, int]) -> None:
        """The controller answers before the brokers have heard of a change."""
        for _ in range(_POLLS):
            found = await self.topics(list(wanted))
            if all(name in found and found[name].partitions >= partitions for name, partitions in wanted.items()):
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise KafkaUnavailable("the brokers do not hear of new topics or partitions")

    async def delete(self, names: Sequence[str]) -> None:
        """Delete topics; one that does not exist is passed over."""
        with door("delete topics"):
            response = await self._inner.delete_topics(list(names))
        for name, code, *_ in response.topic_error_codes:
            error = theirs.for_code(code)
            if error not in (theirs.NoError, theirs.UnknownTopicOrPartitionError):
                raise translated(error(), f"delete {name}")

    async def configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """The effective configuration of topics, in Kafka's own names. Raises `KafkaUnavailable`, `KafkaRefused`."""
        if not names:
            return {}
        with door("read the configuration of topics"):
            responses = await self._inner.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
            )
        found: dict[str, dict[str, str]] = {}
        for response in responses:
            for code, _, _, name, entries in response.resources:
                if code:
                    raise translated(theirs.for_code(code)(), f"read the configuration of {name}")
                found[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        return found

    async def committed(self, group: str) -> dict[Partition, int]:
        """Every offset a group has committed. Raises `KafkaUnavailable`, `KafkaRefused`."""
        return {where: offset for where, (offset, _) in (await self.noted(group)).items()}

    async def noted(self, group: str) -> dict[Partition, tuple[int, str]]:
        """Every offset a group has committed, with the note beside it. Raises `KafkaUnavailable`, `KafkaRefused`."""
        with door(f"read the offsets of the group {group}"):
            found = await self._inner.list_consumer_group_offsets(group)
        return {
            Partition(*where): (entry.offset, entry.metadata or "")
            for where, entry in found.items()
            if entry.offset >= 0
        }

    async def brokers(self) -> int:
        """How many brokers the cluster has."""
        with door("look at the cluster"):
            described = await self._inner.describe_cluster()
        if not described["brokers"]:
            raise KafkaUnavailable("the cluster names no brokers")
        return len(described["brokers"])
