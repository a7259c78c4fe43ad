"""The topics: their names, how they should be, and what is wrong with them.

Rule: lanes and the ledger have one partition for every slot, because a slot is a bind is a partition; the partition
of every other topic follows from the key, so those never grow by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connector.domain.messages import Lane
from connector.kafka.admin import Admin, TopicSpec, TopicState
from connector.kafka.producer import OVERHEAD_OCTETS
from connector.kafka.settings import KafkaSettings


class Topics:
    """The names, under one prefix."""

    __slots__ = (
        "dead_letters",
        "deliveries",
        "delivery_reports",
        "hlr_results",
        "inbound",
        "ledger",
        "outbound",
        "prefix",
        "submit_responses",
    )

    def __init__(self, prefix: str = "sms.") -> None:
        self.prefix = prefix
        self.outbound = f"{prefix}outbound"
        self.submit_responses = f"{prefix}submit-responses"
        self.deliveries = f"{prefix}deliveries"
        self.delivery_reports = f"{prefix}delivery-reports"
        self.hlr_results = f"{prefix}hlr-results"
        self.inbound = f"{prefix}inbound"
        self.dead_letters = f"{prefix}dead-letters"
        self.ledger = f"{prefix}ledger"

    def lane(self, lane: Lane) -> str:
        return f"{self.prefix}lane.{lane.value}"

    @property
    def lanes(self) -> tuple[str, ...]:
        """In the order of precedence."""
        return tuple(self.lane(lane) for lane in Lane)

    @property
    def slotted(self) -> frozenset[str]:
        """Those with one partition for every slot."""
        return frozenset((*self.lanes, self.ledger))

    @property
    def all(self) -> tuple[str, ...]:
        return (
            self.outbound,
            *self.lanes,
            self.ledger,
            self.submit_responses,
            self.deliveries,
            self.delivery_reports,
            self.hlr_results,
            self.inbound,
            self.dead_letters,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFault:
    """Something wrong with a topic, and what to do. `fatal` ones stop a start."""

    topic: str
    problem: str
    remedy: str
    fatal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReport:
    """One line of `show`: the topic as it should be, and as it is (None where it does not exist)."""

    spec: TopicSpec
    state: TopicState | None
    configs: Mapping[str, str]


_CREATE: Final = "run `connector topics create`"


def specs(settings: KafkaSettings, slots: int) -> list[TopicSpec]:
    """Every topic as it should be for so many slots over all accounts; ValueError below one."""
    if slots < 1:
        raise ValueError("there is at least one slot")
    names = Topics(settings.topic_prefix)
    retention = settings.retention
    # A frame or a dead letter holds a whole outbound record and something besides.
    wide = settings.max_record_bytes + 2 * OVERHEAD_OCTETS
    table: list[tuple[str, int, int, int]] = [
        (names.outbound, settings.outbound_partitions, retention.outbound_ms, settings.max_record_bytes + 1024),
        *((lane, slots, retention.lanes_ms, wide) for lane in names.lanes),
        (names.ledger, slots, retention.ledger_ms, wide),
        (names.submit_responses, settings.results_partitions, retention.results_ms, wide),
        (names.deliveries, settings.deliveries_partitions, retention.deliveries_ms, wide),
        (names.delivery_reports, settings.results_partitions, retention.results_ms, wide),
        (names.hlr_results, settings.results_partitions, retention.results_ms, wide),
        (names.inbound, settings.results_partitions, retention.results_ms, wide),
        (names.dead_letters, 1, retention.dead_letters_ms, wide),
    ]
    replicas = settings.replication_factor
    in_sync = settings.min_insync_replicas or max(1, replicas - 1)
    return [
        TopicSpec(
            name=name,
            partitions=partitions,
            replicas=replicas,
            configs={
                "cleanup.policy": "delete",
                "retention.ms": str(kept),
                "max.message.bytes": str(octets),
                "min.insync.replicas": str(in_sync),
                # Times of records are the writer's: a report's time is when the event happened.
                "message.timestamp.type": "CreateTime",
            },
        )
        for name, partitions, kept, octets in table
    ]


async def create(admin: Admin, wanted: Sequence[TopicSpec], *, slotted: frozenset[str] = frozenset()) -> list[str]:
    """Create what is missing and give the topics named in `slotted` the partitions they lack; the names of both.

    Nothing is ever taken away, and no configuration of an existing topic changed. Raises `KafkaRefused`,
    `KafkaUnavailable`.
    """
    found = await admin.topics([spec.name for spec in wanted])
    missing = [spec for spec in wanted if spec.name not in found]
    await admin.create(missing)
    short = [
        spec
        for spec in wanted
        if spec.name in slotted and spec.name in found and found[spec.name].partitions < spec.partitions
    ]
    for spec in short:
        await admin.grow(spec.name, spec.partitions)
    return [spec.name for spec in (*missing, *short)]


async def show(admin: Admin, wanted: Sequence[TopicSpec]) -> list[TopicReport]:
    """Every topic as it should be beside what it is. Raises `KafkaRefused`, `KafkaUnavailable`."""
    found = await admin.topics([spec.name for spec in wanted])
    configs = await admin.configs(sorted(found))
    return [TopicReport(spec=spec, state=found.get(spec.name), configs=configs.get(spec.name, {})) for spec in wanted]


async def check(
    admin: Admin, wanted: Sequence[TopicSpec], *, slotted: frozenset[str] = frozenset()
) -> list[TopicFault]:
    """What is wrong with the topics; empty where all is well. Raises `KafkaRefused`, `KafkaUnavailable`."""
    return [fault for report in await show(admin, wanted) for fault in faults(report, report.spec.name in slotted)]


def faults(report: TopicReport, slotted: bool) -> list[TopicFault]:
    """What is wrong with one topic."""
    spec, state = report.spec, report.state
    if state is None:
        return [TopicFault(topic=spec.name, problem="the topic does not exist", remedy=_CREATE)]
    found = []
    if slotted and state.partitions < spec.partitions:
        found.append(
            TopicFault(
                topic=spec.name,
                problem=f"too few partitions: {state.partitions}, and the accounts have {spec.partitions} slots",
                remedy=f"{_CREATE}, which adds them",
            )
        )
    elif state.partitions != spec.partitions:
        found.append(
            TopicFault(
                topic=spec.name,
                problem=f"{state.partitions} partitions, and the settings say {spec.partitions}",
                remedy="nothing, or make the settings say what is there",
                fatal=False,
            )
        )
    meant = "compact" in spec.configs.get("cleanup.policy", "delete")
    if "compact" in report.configs.get("cleanup.policy", "delete") and not meant:
        found.append(
            TopicFault(
                topic=spec.name,
                problem="cleanup.policy compacts the topic, which loses records of one key",
                remedy="set cleanup.policy=delete",
            )
        )
    allowed = report.configs.get("max.message.bytes")
    if allowed is not None and int(allowed) < int(spec.configs.get("max.message.bytes", "0")):
        found.append(
            TopicFault(
                topic=spec.name,
                problem=f"max.message.bytes is {allowed}, and {spec.configs['max.message.bytes']} are needed",
                remedy="raise it, or lower kafka.max_record_bytes",
                fatal=False,
            )
        )
    kept = int(report.configs.get("retention.ms", "-1"))
    if 0 <= kept < int(spec.configs.get("retention.ms", "0")):
        found.append(
            TopicFault(
                topic=spec.name,
                problem=f"retention.ms is {kept}, and the settings say {spec.configs['retention.ms']}",
                remedy="raise it, or lower the setting",
                fatal=False,
            )
        )
    return found
