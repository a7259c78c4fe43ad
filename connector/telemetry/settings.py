"""What an operator can say about metrics, traces and health. Next station: `service`, which starts them."""

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

_ENDPOINT: Final = "otlp_endpoint must be http://host:port, https://host:port or host:port"
_ADDRESS: Final = re.compile(r"(https?://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}/?")


class TelemetrySettings(BaseModel):
    """Where figures and traces go. Without `otlp_endpoint` nothing leaves the process but what a scrape asks for.

    OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE and the other standard variables of the OTLP exporter are honoured, so a
    token or a private authority needs no field here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    otlp_endpoint: str | None = Field(
        default=None, description="OTLP/gRPC collector: http://host:4317, https://host:4317 or host:4317."
    )
    otlp_insecure: bool = Field(default=False, description="No TLS, for an endpoint written without a scheme.")
    otlp_interval: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="Seconds between two exports of the metrics.")
    ] = 15.0
    trace_ratio: Annotated[
        float, Field(ge=0, le=1, description="Share of the events without a trace of their own that begin one.")
    ] = 1.0
    trace_limit: Annotated[
        float,
        Field(ge=0, description="New traces a second at most; what a sender has sampled is always followed."),
    ] = 50.0
    metrics_host: str = Field(default="127.0.0.1", min_length=1, description="Address of /metrics and /healthz.")
    metrics_port: Annotated[
        int | None,
        Field(
            ge=0,
            le=65_532,
            description="Port of /metrics and /healthz; 0 any free one, null none. `connector run` with all stages "
            "uses this one and the three after it.",
        ),
    ] = 9464
    liveness_timeout: Annotated[
        float, Field(gt=0, description="Seconds the event loop may be silent before the process counts as dead.")
    ] = 30.0
    service_name: str = Field(default="sms-connector", min_length=1, description="Prefix of service.name.")
    resource_attributes: dict[str, str] = Field(
        default_factory=dict, description="Added to the OpenTelemetry resource, such as deployment.environment."
    )

    @model_validator(mode="after")
    def _endpoint(self) -> "TelemetrySettings":
        if self.otlp_endpoint is None:
            return self
        found = self.otlp_endpoint
        # Strictly, and without quoting it: what stands in no user's place may be a password all the same.
        if "@" in found:
            raise ValueError("otlp_endpoint takes no user and password; set OTEL_EXPORTER_OTLP_HEADERS for them")
        if _ADDRESS.fullmatch(found) is None:
            raise ValueError(_ENDPOINT)
        if found.startswith("https:") and self.otlp_insecure:
            raise ValueError("otlp_insecure contradicts the https of otlp_endpoint; drop one of them")
        return self
