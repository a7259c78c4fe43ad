"""What travels on the topics, apart from the outbound message itself: one class for each Avro schema.

Field names and order are those of `schemas/<Name>.avsc`. Times are milliseconds since the epoch, UTC; names that end
in `_ms` are durations. Fields that hold a subscriber's number or a message never show in a `repr`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from connector.domain.messages import Lane


class Outcome(StrEnum):
    """How an outbound event ended; every event gets exactly one of these or a dead letter."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneMessage:
    """Internal: an outbound event on its way to a bind. A lane record is a frame of these.

    `event` is the value of the outbound record as it came, framing and all; `source_*` says where it came from and
    makes every event that is published about it deterministic.
    """

    message_id: str
    account: str
    slot: int
    lane: Lane
    source_topic: str
    source_partition: int
    source_offset: int
    received_at: int
    routed_at: int
    traceparent: str | None = None
    tracestate: str | None = None
    event: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResponse:
    """Public: the one terminal outcome of an outbound event that reached the submitter, or (`correction`) what an
    unknown one turned out to be.

    `received_at` is the outbound record's time, `submitted_at` when the first part's bytes went to the socket.
    """

    event_id: str
    message_id: str
    account: str
    kind: str
    campaign_id: str | None = None
    sender: str | None = field(default=None, repr=False)
    recipient: str = field(repr=False)
    lane: str
    outcome: str
    reason: str | None = None
    command_status: int | None = None
    status_name: str | None = None
    gateway_message_id: str | None = None
    part_message_ids: tuple[str, ...] = ()
    parts: int = 0
    parts_accepted: int = 0
    coding: str | None = None
    attempts: int = 0
    possible_duplicate: bool = False
    slot: int | None = None
    received_at: int
    routed_at: int | None = None
    submitted_at: int | None = None
    responded_at: int | None = None
    completed_at: int
    source_topic: str
    source_partition: int
    source_offset: int
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    action: str = "SEND"
    target_id: str | None = None
    correction: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """Public: one receipt for a message (a message may have several in its life: delivered, read, link clicked).

    `match` is "matched", or "unmatched" where nothing submitted is known for it. `rollup`: the whole of a message whose
    parts had a receipt each.
    """

    event_id: str
    message_id: str | None = None
    account: str
    match: str
    kind: str | None = None
    campaign_id: str | None = None
    sender: str | None = field(default=None, repr=False)
    recipient: str | None = field(default=None, repr=False)
    gateway_message_id: str | None = None
    part: int | None = None
    parts: int | None = None
    state: str | None = None
    message_state: int | None = None
    final: bool = False
    error_code: int | None = None
    error_name: str | None = None
    network_type: int | None = None
    parts_submitted: int | None = None
    parts_delivered: int | None = None
    cost: Decimal | None = None
    message_type: int | None = None
    message_type_name: str | None = None
    second_balance: bool | None = None
    template: bool | None = None
    template_type: str | None = None
    mccmnc: str | None = None
    additional_status: int | None = None
    additional_status_name: str | None = None
    polled: bool = False
    submit_date_text: str | None = None
    done_date_text: str | None = None
    submit_date: int | None = None
    done_date: int | None = None
    submitted_at: int | None = None
    received_at: int
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeat: bool = False
    late: bool = False
    contradiction: str | None = None
    rollup: bool = False
    tlvs: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HlrResult:
    """Public: the answer to an HLR request or a Ping. Country and operator codes are strings: leading zeros matter."""

    event_id: str
    message_id: str | None = None
    account: str
    match: str
    kind: str
    campaign_id: str | None = None
    recipient: str | None = field(default=None, repr=False)
    gateway_message_id: str | None = None
    state: str | None = None
    message_state: int | None = None
    error_code: int | None = None
    error_name: str | None = None
    imsi: str | None = field(default=None, repr=False)
    msc: str | None = field(default=None, repr=False)
    mcc: str | None = None
    mnc: str | None = None
    country: str | None = None
    network: str | None = None
    roaming_country: str | None = None
    roaming_network: str | None = None
    cost: Decimal | None = None
    mccmnc: str | None = None
    submitted_at: int | None = None
    received_at: int
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    outcome: str = "unknown"
    roaming: bool | None = None
    final: bool = False
    polled: bool = False
    repeat: bool = False
    late: bool = False
    contradiction: str | None = None
    network_type: int | None = None
    parts: int | None = None
    parts_submitted: int | None = None
    parts_delivered: int | None = None
    message_type: int | None = None
    message_type_name: str | None = None
    second_balance: bool | None = None
    template: bool | None = None
    template_type: str | None = None
    additional_status: int | None = None
    additional_status_name: str | None = None
    submit_date_text: str | None = None
    done_date_text: str | None = None
    submit_date: int | None = None
    done_date: int | None = None
    tlvs: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """Public: a message from a subscriber, whole, or what came of it before the time-out (`complete` is false).

    `type` is "message", or says that it answers a message of ours: "delivery-ack", "user-ack", "conversation-abort".
    Which one, `gateway_message_id` and `user_message_reference` say, where the gateway does.
    """

    event_id: str
    account: str
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    text: str | None = field(default=None, repr=False)
    payload: bytes | None = field(default=None, repr=False)
    coding: str
    data_coding: int
    parts: int = 1
    parts_received: int = 1
    complete: bool = True
    reference: int | None = None
    received_at: int
    completed_at: int
    type: str = "message"
    gateway_message_id: str | None = None
    user_message_reference: int | None = None


class DeliveryType(StrEnum):
    """SUBMITTED: the gateway took a part under an id. RECEIVED: a deliver_sm or data_sm, as it came. POLLED: the answer
    to a query_sm, as it came. PART_DONE: a part has reached its final state; the collector tells itself. LOST: the
    gateway took a message, or may have, and its id never came. TOLD: a final state was published where the message
    stands under another reading of its id; the collector tells itself."""

    SUBMITTED = "SUBMITTED"
    RECEIVED = "RECEIVED"
    POLLED = "POLLED"
    PART_DONE = "PART_DONE"
    LOST = "LOST"
    TOLD = "TOLD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Internal: one item of `sms.deliveries`. `key` puts a receipt and its message into one partition.

    SUBMITTED fills the fields of the message; RECEIVED and POLLED fill `pdu` (the whole PDU, header included);
    PART_DONE, TOLD and LOST have both, the last its outcome as it was published. `ids`: how many gateway ids the
    message has, None where a part of it has none. `second_reading`: the key is made of the less likely reading of an
    id. `by_recipient`: a receipt whose id nobody knows, under the key of its recipient. Types of number and numbering
    plans are there only where the message named them itself.
    """

    type: DeliveryType
    key: str = field(repr=False)
    account: str
    at: int
    slot: int
    pdu: bytes | None = field(default=None, repr=False)
    gateway_message_id: str | None = None
    message_id: str | None = None
    kind: str | None = None
    campaign_id: str | None = None
    sender: str | None = field(default=None, repr=False)
    recipient: str | None = field(default=None, repr=False)
    part: int | None = None
    parts: int | None = None
    traceparent: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    receipt: bool | None = None
    valid_until: int | None = None
    submitted_at: int | None = None
    ids: int | None = None
    second_reading: bool = False
    by_recipient: bool = False
    sender_ton: int | None = None
    sender_npi: int | None = None
    recipient_ton: int | None = None
    recipient_npi: int | None = None


class LedgerType(StrEnum):
    """INTENT is durable before the bytes leave, DONE before the outcome is published."""

    INTENT = "INTENT"
    DONE = "DONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """Internal: one item of `sms.ledger`. It holds no text and no number, only what a restart must know.

    `number` is a digest of the recipient, in an INTENT, for the guards; `planned_at` what its times were made from.
    `lane` and `lane_offset` name the lane record; `fingerprints` are 64-bit digests of the PDU bodies, part by part.
    `host` is where the parts of an intent go, several with commas between: only at a single one is an identical resend
    known to be recognised. `action` and `target_id` stand in the DONE of a request about an earlier message; where that
    was a cancellation noted ahead of its message, `submitted_at` is when it was noted.
    """

    type: LedgerType
    message_id: str
    account: str
    lane: str
    lane_offset: int
    source_topic: str
    source_partition: int
    source_offset: int
    at: int
    attempt: int = 1
    fingerprints: tuple[int, ...] = ()
    outcome: str | None = None
    reason: str | None = None
    command_status: int | None = None
    part_message_ids: tuple[str, ...] = ()
    parts_accepted: int = 0
    possible_duplicate: bool = False
    submitted_at: int | None = None
    responded_at: int | None = None
    host: str | None = None
    coding: str | None = None
    action: str | None = None
    target_id: str | None = None
    number: int | None = None
    correction: bool = False
    planned_at: int | None = None
