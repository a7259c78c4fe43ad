"""What the stages read of the configuration: accounts, the rule table of the lanes, and each stage's own section."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connector.bind.settings import BindSettings
from connector.domain.guards import DuplicateGuard, FloodGuard, GuardRules
from connector.domain.messages import Action, Kind, Lane, OutboundMessage, Priority, UnknownPolicy
from connector.domain.slots import SlotMap
from connector.kafka.settings import KafkaSettings
from connector.stages.collect_settings import CollectSettings
from connector.stages.route_settings import RouteSettings
from connector.telemetry import TelemetrySettings
from connector.translate import DialectSettings


class AccountSettings(DialectSettings, BindSettings):
    """One login at the gateway: how to reach it, how fast it may go, and how it speaks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] = Field(
        description="name of the account in outbound events, metrics and logs: letters, digits, dot, dash, underscore"
    )
    unknown_outcome: UnknownPolicy = Field(
        default=UnknownPolicy.DEDUPE_RETRY,
        description="what to do with a submit whose response never came: DEDUPE_RETRY, AT_MOST_ONCE or AT_LEAST_ONCE",
    )

    duplicate_guard: DuplicateGuard = Field(
        default=DuplicateGuard.REPORT,
        description="a request identical to one accepted within a minute: report it as duplicate, hold it back, or off",
    )
    duplicate_window_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="how long the gateway knows an identical request again"
    )
    flood_guard: FloodGuard = Field(
        default=FloodGuard.HOLD,
        description="a message that the gateway would block as one of too many to a number: hold it, refuse it, or off",
    )
    flood_limit: int = Field(default=50, ge=1, le=100_000, description="so many messages to one number are let through")
    flood_gap_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="messages to one number closer together than this count as one run"
    )

    heed_congestion: bool = Field(
        default=True, description="lower the rate when the gateway tells of its load (congestion_state, SMPP 5.0)"
    )

    @property
    def guards(self) -> GuardRules:
        """The rules of the guards."""
        return GuardRules(
            duplicates=self.duplicate_guard,
            duplicate_ms=int(self.duplicate_window_seconds * 1000),
            floods=self.flood_guard,
            flood_limit=self.flood_limit,
            flood_gap_ms=int(self.flood_gap_seconds * 1000),
        )

    @property
    def submits(self) -> bool:
        """Whether messages can leave through this account (a receiver-only account takes none)."""
        return self.bind_mode != "receiver"


class LaneRule(BaseModel):
    """One row of the table: all conditions that are given must hold; then the lane is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    campaign: bool | None = Field(default=None, description="true: only events with a campaign id; false: only without")
    kinds: tuple[Kind, ...] | None = Field(default=None, description="only these message kinds")
    senders: tuple[str, ...] | None = Field(default=None, description="only these senders, to the letter")
    accounts: tuple[str, ...] | None = Field(default=None, description="only these accounts")
    lane: Lane = Field(description="urgent, normal or bulk")

    @model_validator(mode="after")
    def _has_a_condition(self) -> "LaneRule":
        if self.campaign is None and not (self.kinds or self.senders or self.accounts):
            raise ValueError(
                "a rule needs a condition (campaign, kinds, senders or accounts); use lanes.default for the rest"
            )
        return self

    def matches(self, message: OutboundMessage, account: str) -> bool:
        """Whether every condition of this row holds for the event."""
        return (
            (self.campaign is None or self.campaign == (message.campaign_id is not None))
            and (self.kinds is None or message.kind in self.kinds)
            and (self.senders is None or message.sender in self.senders)
            and (self.accounts is None or account in self.accounts)
        )


class LaneSettings(BaseModel):
    """How an event with priority AUTO finds its lane: the first row that matches, else the default.

    A Telegram code is a login code, and urgent unless its event says otherwise (gateway.md): a table made for mailings
    does not slow it down, only a row that names its kind does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[LaneRule, ...] = Field(
        default=(LaneRule(kinds=(Kind.TELEGRAM_CODE,), lane=Lane.URGENT), LaneRule(campaign=True, lane=Lane.BULK)),
        description="rows tried from top to bottom for priority AUTO; of TELEGRAM_CODE only those that name it",
    )
    default: Lane = Field(
        default=Lane.NORMAL, description="the lane where no row matches; of TELEGRAM_CODE it is urgent"
    )

    def lane_of(self, message: OutboundMessage, account: str) -> Lane:
        """An explicit priority wins; AUTO goes through the table. What takes a message back or changes it is always
        urgent: it must overtake that message."""
        if message.action in (Action.CANCEL, Action.REPLACE):
            return Lane.URGENT
        if message.priority is not Priority.AUTO:
            return _EXPLICIT[message.priority]
        code = message.kind is Kind.TELEGRAM_CODE
        for rule in self.rules:
            if rule.matches(message, account) and (rule.kinds or not code):
                return rule.lane
        return Lane.URGENT if code else self.default


_EXPLICIT = {Priority.URGENT: Lane.URGENT, Priority.NORMAL: Lane.NORMAL, Priority.BULK: Lane.BULK}


class SubmitSettings(BaseModel):
    """The submitter's own section."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    look_ahead: int = Field(default=400, ge=10, le=100_000, description="messages held in memory per slot and lane")
    lower_lane_share: float = Field(
        default=0.05, ge=0.0, le=0.5, description="share of the rate that lower lanes keep while urgent ones never end"
    )
    urgent_reserve: int = Field(
        default=4, ge=0, le=100, description="window places of each bind kept for urgent messages"
    )
    ledger_memory_hours: float = Field(
        default=1.0, gt=0, le=72, description="how long the id of a finished message is remembered against repeats"
    )
    unknown_resend_seconds: float = Field(
        default=45.0, gt=0, le=55, description="an unanswered submit is sent again only this long after its intent"
    )
    drain_seconds: float = Field(
        default=10.0, ge=0, le=300, description="at shutdown: how long to wait for responses that are under way"
    )
    instance_id: str | None = Field(default=None, description="static group membership: a name that outlives a restart")


class StageConfig(BaseModel):
    """All that a stage may read. `connector.config` fills it from the file, the environment and secret files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="the cluster, its topics, the registry")
    accounts: tuple[AccountSettings, ...] = Field(default=(), description="logins at the gateway")
    default_account: str | None = Field(
        default=None, description="account of events that name none; without it a single account is the default"
    )
    lanes: LaneSettings = Field(default_factory=LaneSettings, description="the rule table for priority AUTO")
    route: RouteSettings = Field(default_factory=RouteSettings, description="the router")
    submit: SubmitSettings = Field(default_factory=SubmitSettings, description="the submitter")
    collect: CollectSettings = Field(default_factory=CollectSettings, description="the collector")
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings, description="traces, metrics, health")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="least level logged")
    log_format: Literal["text", "json"] = Field(default="text", description="text for people, json for collectors")

    @model_validator(mode="after")
    def _accounts_fit(self) -> "StageConfig":
        names = [account.name for account in self.accounts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"accounts: the name {twice[0]!r} stands {names.count(twice[0])} times; names must differ")
        if self.default_account is not None and self.default_account not in names:
            known = ", ".join(names) or "none"
            raise ValueError(f"default_account: {self.default_account!r} is no account; configured: {known}")
        return self

    def account(self, name: str | None) -> AccountSettings | None:
        """The account an event names, or the default for an event that names none."""
        wanted = name or self.default_account or (self.accounts[0].name if len(self.accounts) == 1 else None)
        return next((account for account in self.accounts if account.name == wanted), None)

    def slot_map(self) -> SlotMap:
        """The slots of all accounts, in the order of the file."""
        return SlotMap([(account.name, account.binds) for account in self.accounts])
