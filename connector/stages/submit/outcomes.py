"""What is written down about a message: intent, done, the public outcome, and what a receipt will be joined with."""

from connector.domain.events import Delivery, DeliveryType, LedgerEntry, LedgerType, Outcome, SubmitResponse
from connector.domain.kinds import ANSWER_KINDS
from connector.domain.messages import OutboundMessage
from connector.kafka.events import event_id
from connector.kafka.ledger import NOTED
from connector.smpp.constants import status_name
from connector.stages.submit.work import Work
from connector.translate import DialectSettings, LearnedIds, lost_key, recipient_of, submitted_key, submitted_keys

HOSTS_APART = ","
"""Between the hosts of an intent whose parts go to more than one."""


def intent(work: Work, now_ms: int) -> LedgerEntry:
    """Durable before any byte of the message leaves, and anew before a part of it goes to another host."""
    hosts = {host for part in work.parts for host in (part.host or "").split(HOSTS_APART)} | {work.intent_host or ""}
    return LedgerEntry(
        type=LedgerType.INTENT,
        message_id=work.item.message_id,
        account=work.item.account,
        lane=work.lane,
        lane_offset=work.lane_offset,
        source_topic=work.item.source_topic,
        source_partition=work.item.source_partition,
        source_offset=work.item.source_offset,
        at=now_ms,
        attempt=work.attempt,
        fingerprints=work.plan.fingerprints if work.plan else (),
        submitted_at=work.submitted_at,
        host=HOSTS_APART.join(sorted(hosts - {""})),
        number=work.number,
        planned_at=work.planned_at,
    )


def done(work: Work, now_ms: int) -> LedgerEntry:
    """Durable before the outcome is published; holds all that a publication after a crash needs."""
    result = work.result
    assert result is not None, "a work is written down as done after it is settled"
    return LedgerEntry(
        type=LedgerType.DONE,
        message_id=work.item.message_id,
        account=work.item.account,
        lane=work.lane,
        lane_offset=work.lane_offset,
        source_topic=work.item.source_topic,
        source_partition=work.item.source_partition,
        source_offset=work.item.source_offset,
        at=now_ms,
        attempt=result.attempts,
        outcome=result.outcome,
        reason=result.reason,
        command_status=result.command_status,
        part_message_ids=result.part_message_ids,
        parts_accepted=result.parts_accepted,
        possible_duplicate=result.possible_duplicate,
        submitted_at=now_ms if result.reason == NOTED else result.submitted_at,
        responded_at=result.responded_at,
        coding=work.plan.alphabet if work.plan else None,
        correction=work.correction,
        action=work.message.action if work.ancillary else None,
        target_id=work.message.target_id if work.ancillary else None,
    )


def response(work: Work, settings: DialectSettings, now_ms: int) -> SubmitResponse:
    """The terminal outcome. Its event id comes from the outbound record alone, so a repeat can be dropped; a correction
    is another event."""
    result, item, message = work.result, work.item, work.message
    assert result is not None, "only a settled work has an outcome"
    status = result.command_status
    ids = tuple(dict.fromkeys(name for name in result.part_message_ids if name))
    return SubmitResponse(
        event_id=event_id(
            "submit-correction" if work.correction else "submit-response",
            item.source_topic,
            item.source_partition,
            item.source_offset,
        ),
        message_id=item.message_id,
        account=item.account,
        kind=message.kind,
        campaign_id=message.campaign_id,
        sender=_sender(message, settings),
        recipient=recipient_of(message, settings),
        lane=work.lane,
        outcome=result.outcome,
        reason=result.reason,
        command_status=status,
        status_name=status_name(status) if status is not None else None,
        gateway_message_id=ids[0] if ids else None,
        part_message_ids=result.part_message_ids,
        parts=len(work.plan.pdus) if work.plan else len(result.part_message_ids),
        parts_accepted=result.parts_accepted,
        coding=work.plan.alphabet if work.plan else result.coding,
        attempts=result.attempts,
        possible_duplicate=result.possible_duplicate,
        slot=work.slot,
        received_at=item.received_at,
        routed_at=item.routed_at,
        submitted_at=result.submitted_at,
        responded_at=result.responded_at,
        completed_at=result.completed_at or now_ms,
        source_topic=item.source_topic,
        source_partition=item.source_partition,
        source_offset=item.source_offset,
        metadata=message.metadata,
        action=message.action,
        target_id=message.target_id,
        correction=work.correction,
    )


def polls(work: Work, settings: DialectSettings) -> list[Delivery]:
    """The answers of a query, as the collector reads them: each is a receipt that was asked for."""
    item, message = work.item, work.message
    return [
        Delivery(
            type=DeliveryType.POLLED,
            key=submitted_key(item.account, part.gateway_message_id or "", settings),
            account=item.account,
            at=work.responded_at or item.routed_at,
            slot=work.slot,
            pdu=part.answer,
            gateway_message_id=part.gateway_message_id,
            message_id=message.target_id,
            traceparent=work.traceparent,
        )
        for part in work.parts
        if part.answer is not None
    ]


def losses(work: Work, settings: DialectSettings, now_ms: int, told: bytes) -> list[Delivery]:
    """One item for a message that the gateway has, or may have, under an id that never came: a receipt from its
    recipient may tell. `told` is its outcome as it is published.

    One with `ids` where a late answer has told the ids, or a refusal: it is not lost any more."""
    result, item, message = work.result, work.item, work.message
    if result is None:
        return []
    lost = result.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) and not any(result.part_message_ids)
    if not lost and not work.correction:
        return []
    recipient = recipient_of(message, settings)
    return [
        Delivery(
            type=DeliveryType.LOST,
            key=lost_key(item.account, recipient),
            account=item.account,
            at=result.submitted_at or now_ms,
            slot=work.slot,
            pdu=told,
            message_id=item.message_id,
            kind=message.kind,
            campaign_id=message.campaign_id,
            sender=_sender(message, settings),
            recipient=recipient,
            parts=len(result.part_message_ids) or None,
            traceparent=work.traceparent,
            metadata=message.metadata,
            receipt=message.receipt or message.kind in ANSWER_KINDS,
            valid_until=_valid_until(message, settings, result.submitted_at or now_ms),
            ids=None if lost else sum(map(bool, result.part_message_ids)),
        )
    ]


def submissions(
    work: Work, settings: DialectSettings, now_ms: int, learned: LearnedIds | None = None
) -> list[Delivery]:
    """One item for each gateway id the message got: the other half of every receipt that will name this id.

    Two where an id may be read in two ways; `learned` spares the second once the account's ids have shown their base.
    """
    result, item, message = work.result, work.item, work.message
    if result is None:
        return []
    found: dict[str, int] = {}
    for index, name in enumerate(result.part_message_ids, start=1):
        if name:
            found.setdefault(name, index)
    whole = len(found) == 1
    at = result.submitted_at or now_ms
    return [
        Delivery(
            type=DeliveryType.SUBMITTED,
            key=key,
            account=item.account,
            at=at,
            slot=work.slot,
            gateway_message_id=name,
            message_id=item.message_id,
            kind=message.kind,
            campaign_id=message.campaign_id,
            sender=_sender(message, settings),
            recipient=recipient_of(message, settings),
            part=None if whole else index,
            parts=len(result.part_message_ids),
            traceparent=work.traceparent,
            metadata=message.metadata,
            receipt=message.receipt or message.kind in ANSWER_KINDS,
            valid_until=_valid_until(message, settings, at),
            ids=len(found) if all(result.part_message_ids) else None,
            second_reading=number > 0,
            sender_ton=message.sender_ton,
            sender_npi=message.sender_npi,
            recipient_ton=message.recipient_ton,
            recipient_npi=message.recipient_npi,
        )
        for name, index in found.items()
        for number, key in enumerate(submitted_keys(item.account, name, settings, learned))
    ]


def _sender(message: OutboundMessage, settings: DialectSettings) -> str | None:
    """The sender that goes out; None where the gateway takes the one of its own settings."""
    return message.sender or settings.default_sender


def _valid_until(message: OutboundMessage, settings: DialectSettings, at: int) -> int:
    """When the gateway gives it up, by what `translate.outbound` asks for."""
    if message.expires_at is not None:
        return message.expires_at
    if message.validity_minutes is not None:
        return at + message.validity_minutes * 60_000
    return max(at, message.scheduled_at or 0) + settings.validity_minutes * 60_000
