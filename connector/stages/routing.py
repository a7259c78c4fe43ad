"""Where an outbound event goes: the one rule that the express entrance and the router share.

The two readers of the outbound topic divide the events without asking each other, and in a way that no change of
configuration can turn into a loss:

- explicit URGENT belongs to express alone, explicit NORMAL and BULK to the router alone: the schema decides that;
- AUTO belongs to the router, whatever the lane. Where the rule table says urgent, express forwards it as well, at once:
  both ask `LaneSettings.lane_of`, which knows that a Telegram code is urgent without a row of its own.

So an event that the table calls urgent reaches the urgent lane twice, under the same source coordinates, and the
submitter drops the later copy without a word. If the table changes while the two readers stand at different offsets,
the worst is a late code, not a lost one.

The submitter knows a copy again for as long as its ledger remembers (`submit.ledger_memory_hours`), so the two copies
must not lie further apart than that:

- express leaves an AUTO event alone that is older than half of it (by the record's time): after a long standstill the
  router has forwarded such events already, or is about to;
- the router forwards them at any age, since otherwise nobody might. So it must not lag behind express by more than the
  memory: a copy that comes later is taken for a new message, and the subscriber gets the code twice. Raise the
  memory before a longer backlog is worked off.

Next station: a lane, or the dead letters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from connector import telemetry
from connector.domain.ancillary import judge
from connector.domain.events import LaneMessage
from connector.domain.kinds import Refusal, recipient_of
from connector.domain.messages import Lane, OutboundMessage, Priority
from connector.kafka.clients import Record
from connector.kafka.events import trace_of
from connector.kafka.records import Codec, RecordError, UnknownSchemaId, priority_of
from connector.stages.dead_letters import internal_error
from connector.stages.settings import AccountSettings, StageConfig
from connector.stages.trials import POISON, REASON


class Entrance(Enum):
    """Who reads: EXPRESS takes what is urgent ahead of any backlog, ROUTER takes the rest."""

    EXPRESS = "express"
    ROUTER = "route"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Send `message` to partition `message.slot` of its lane."""

    message: LaneMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Send the record to the dead letters."""

    code: str
    reason: str
    message_id: str | None = None


class NotMine:
    """The other reader takes this record."""


NOT_MINE = NotMine()
Decision = Forward | Refused | NotMine


class Routing:
    """Decides for one reader; pure but for the spans it reports. `UnknownSchemaId` of the codec passes through."""

    def __init__(self, config: StageConfig, codec: Codec, entrance: Entrance) -> None:
        self._config = config
        self._codec = codec
        self._express = entrance is Entrance.EXPRESS
        self._entrance = entrance
        self._slots = config.slot_map()
        self._accounts: Mapping[str | None, AccountSettings | None] = {
            None: config.account(None),
            **{account.name: account for account in config.accounts},
        }
        self._most = config.kafka.max_record_bytes
        self._express_until_ms = int(config.submit.ledger_memory_hours * 3_600_000) // 2
        self._known = ", ".join(account.name for account in config.accounts) or "none"

    def decide(self, record: Record, *, now_ms: int) -> Decision:
        """What to do with an outbound record; every record is taken by at least one of the two readers."""
        priority = priority_of(record.value) if record.value is not None else None
        if self._express:
            if priority is not Priority.URGENT and priority is not Priority.AUTO:
                return NOT_MINE
            if priority is Priority.AUTO and now_ms - record.timestamp > self._express_until_ms:
                return NOT_MINE
        elif priority is Priority.URGENT:
            return NOT_MINE
        if record.value is None:
            return self._others_or(None, Refused(code="empty", reason="the record has no value"))
        if len(record.value) > self._most:
            # It came compressed. A lane would not take it, nor a producer of ours.
            octets = len(record.value)
            reason = f"the record has {octets} octets, at most {self._most} are taken (kafka.max_record_bytes)"
            return self._others_or(priority, Refused(code="too-large", reason=reason))
        message: OutboundMessage | None = None
        try:
            message = self._codec.decode(OutboundMessage, record.value)
            return self._route(record, message, priority, now_ms)
        except UnknownSchemaId:
            raise
        except Exception as error:
            # The stage's edge: one message must not end what all others go through.
            fault = error if isinstance(error, RecordError) else internal_error(error, stage=self._entrance.value)
            name = None if message is None else message.id
            return self._others_or(priority, Refused(code=fault.code, reason=fault.reason, message_id=name))

    def poison(self, record: Record) -> Decision:
        """For a record that ended one process after another: it is not decoded again."""
        priority = priority_of(record.value) if record.value is not None else None
        return self._others_or(priority, Refused(code=POISON, reason=REASON))

    def _others_or(self, priority: Priority | None, refused: Refused) -> Decision:
        """A refusal is spoken once: by express for URGENT, by the router for all else."""
        return NOT_MINE if self._express and priority is not Priority.URGENT else refused

    def _route(self, record: Record, message: OutboundMessage, priority: Priority | None, now_ms: int) -> Decision:
        account = self._accounts.get(message.account or None)
        if account is None:
            return self._others_or(priority, self._no_account(message))
        lane = self._config.lanes.lane_of(message, account.name)
        # The octet divides, not the decoded field: where a foreign schema makes them differ, one reader still takes it.
        if self._express and lane is not Lane.URGENT and priority is not Priority.URGENT:
            return NOT_MINE
        refusal: Refusal | None = judge(message, account, now_ms)
        if refusal is None and not account.submits:
            refusal = Refusal(code="account-receives-only", reason="the account is bound as receiver only")
        if refusal is not None:
            refused = Refused(code=refusal.code, reason=refusal.reason, message_id=message.id)
            return self._others_or(priority, refused)
        traceparent, tracestate = trace_of(record.headers)
        # The span begins with the record, so that a trace shows how long the event stood in the topic.
        with telemetry.span(
            "route",
            traceparent=traceparent,
            tracestate=tracestate,
            attributes=(("sms.account", account.name), ("sms.lane", lane.value), ("sms.kind", message.kind.value)),
            role="consumer",
            at_ms=record.timestamp,
        ) as span:
            return Forward(
                message=LaneMessage(
                    message_id=message.id,
                    account=account.name,
                    slot=self._slots.of(account.name, recipient_of(message, account)),
                    lane=lane,
                    source_topic=record.topic,
                    source_partition=record.partition,
                    source_offset=record.offset,
                    received_at=record.timestamp,
                    routed_at=now_ms,
                    traceparent=span.traceparent,
                    tracestate=span.tracestate,
                    event=record.value or b"",
                )
            )

    def _no_account(self, message: OutboundMessage) -> Refused:
        if message.account:
            reason = f"the event names an account that is not configured; configured: {self._known}"
            return Refused(code="account-unknown", reason=reason, message_id=message.id)
        reason = f"the event names no account and there is no default_account; configured: {self._known}"
        return Refused(code="account-missing", reason=reason, message_id=message.id)
