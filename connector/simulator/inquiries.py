"""What query_sm, cancel_sm and replace_sm find and do (SMPP 3.4, 4.8 to 4.10).

Pure. A message can be cancelled or replaced until it has a final state, and asked about as long as it is remembered.
`gateway` finds the message, and plans anew what becomes of one whose times were changed.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from connector.simulator.marks import comment_of
from connector.simulator.messages import STATES, Due, Message
from connector.simulator.periods import PeriodError, seconds_until
from connector.simulator.requests import parts_of_text
from connector.simulator.script import InquiryRule, ReceiptState
from connector.smpp.constants import CommandStatus, Tag
from connector.smpp.pdu import (
    CancelSm,
    CancelSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
)
from connector.smpp.tlv import raw

InquiryBody = QuerySm | CancelSm | ReplaceSm
InquiryResp = QuerySmResp | CancelSmResp | ReplaceSmResp


class Answer(NamedTuple):
    """The response to an inquiry, what is due because of it, and the rule that says how it travels."""

    status: int
    body: InquiryResp
    dues: tuple[Due, ...] = ()
    rule: InquiryRule | None = None


def refused(pdu: InquiryBody, status: int | None = None) -> Answer:
    """Nothing is done: with this status, or with the command's own."""
    match pdu:
        case QuerySm():
            failed, body = CommandStatus.ESME_RQUERYFAIL, QuerySmResp(message_id=pdu.message_id)
            return Answer(failed if status is None else status, body)
        case CancelSm():
            return Answer(CommandStatus.ESME_RCANCELFAIL if status is None else status, CancelSmResp())
        case ReplaceSm():
            return Answer(CommandStatus.ESME_RREPLACEFAIL if status is None else status, ReplaceSmResp())


def query(message: Message) -> Answer:
    """The state of a message."""
    final = message.state is not ReceiptState.ENROUTE
    body = QuerySmResp(
        message_id=message.message_id,
        final_date=_absolute(message.done_ms) if final and message.done_ms is not None else "",
        message_state=STATES[message.state],
        error_code=message.error & 0xFF,
    )
    return Answer(CommandStatus.ESME_ROK, body)


def cancel(message: Message, pdu: CancelSm, now: float) -> Answer:
    """The message ends as DELETED, if it has no final state yet."""
    if not _is_on_its_way(message):
        return refused(pdu)
    message.cancelled = True
    deleted = Due(now, message, ReceiptState.DELETED, revision=message.revision)
    return Answer(CommandStatus.ESME_ROK, CancelSmResp(), (deleted,))


def replace(message: Message, pdu: ReplaceSm, now: float, epoch_ms: int, *, iso: bool) -> Answer:
    """The message has another text, and other times where they are given; the alphabet stays the submit_sm's.

    Its `revision` counts up where times were given: the caller plans anew then.
    """
    if not _is_on_its_way(message) or message.pdu.source_addr != pdu.source_addr:
        return refused(pdu)
    try:
        validity = seconds_until(pdu.validity_period, epoch_ms)
    except PeriodError:
        return refused(pdu, CommandStatus.ESME_RINVEXPIRY)
    try:
        seconds_until(pdu.schedule_delivery_time, epoch_ms)
    except PeriodError:
        return refused(pdu, CommandStatus.ESME_RINVSCHED)
    payload = raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD) if pdu.tlvs else None
    octets = pdu.short_message if payload is None else payload
    coding = message.pdu.data_coding
    message.text, message.comment = comment_of(octets, coding, message.kind, iso=iso)
    message.parts = parts_of_text(message.text, coding, iso=iso)
    message.registered = pdu.registered_delivery
    message.replaced += 1
    if validity is not None:
        message.expires_at = now + validity
    if pdu.validity_period or pdu.schedule_delivery_time:
        message.revision += 1
    return Answer(CommandStatus.ESME_ROK, ReplaceSmResp())


def _is_on_its_way(message: Message) -> bool:
    return message.state is ReceiptState.ENROUTE and not message.cancelled


def _absolute(epoch_ms: int) -> str:
    """A time in the specification's absolute format, UTC."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, tz=UTC)
    return moment.strftime("%y%m%d%H%M%S") + f"{epoch_ms // 100 % 10}00+"
