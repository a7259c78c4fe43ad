"""The collector's own section of the configuration."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CollectSettings(BaseModel):
    """How the collector joins receipts, and how long it remembers what they belong to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: Literal["rocksdb", "memory"] = Field(
        default="rocksdb", description="rocksdb keeps the tables on disk, memory reads them from Kafka at every start"
    )
    data_dir: Path = Field(
        default=Path("data/collect"), description="folder of the rocksdb store; one collector process per folder"
    )
    retention_hours: float = Field(
        default=72.0, gt=0, le=24 * 60, description="how long a submitted message is remembered for its receipts"
    )
    unmatched_after_seconds: float = Field(
        default=300.0,
        ge=1,
        le=24 * 3600,
        description="a receipt that matches nothing so long is published as unmatched",
    )
    inbound_timeout_seconds: float = Field(
        default=600.0,
        ge=1,
        le=24 * 3600,
        description="an inbound message that lacks parts so long is published as it is",
    )
    batch_records: int = Field(
        default=500, ge=1, le=10_000, description="frames taken at once; all is published before any is committed"
    )
    sweep_keys: int = Field(
        default=2000, ge=10, le=100_000, description="keys looked at each second, at most, in search of expired ones"
    )
    standby_replicas: int = Field(
        default=0, ge=0, le=5, description="other collectors that keep a copy of each partition's tables ready"
    )
    commit_seconds: float = Field(
        default=1.0, gt=0, le=60, description="how often the position in the deliveries topic is committed"
    )
    drain_seconds: float = Field(
        default=20.0, gt=0, le=300, description="at shutdown: how long the batch under way may take"
    )
    instance_id: str | None = Field(default=None, description="static group membership: a name that outlives a restart")
