"""The router's own section of the configuration."""

from pydantic import BaseModel, ConfigDict, Field


class RouteSettings(BaseModel):
    """How the router reads the outbound topic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_records: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description="outbound records taken at once, and forwarded before any is committed",
    )
    commit_seconds: float = Field(
        default=1.0, gt=0, le=60, description="how often the position in the outbound topic is committed"
    )
    drain_seconds: float = Field(
        default=20.0, gt=0, le=300, description="at shutdown: how long the batch under way may take"
    )
    instance_id: str | None = Field(default=None, description="static group membership: a name that outlives a restart")
