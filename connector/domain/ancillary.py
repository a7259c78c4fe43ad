"""Requests about a message that was sent earlier (cancel, replace, query): what of them is taken and what is not.

The rule is that of `kinds`: what cannot be done as it was meant is refused with a reason that holds nothing of the
message. `judge` is the one question for an outbound event of any action. Source: SMPP 3.4, sections 4.8 to 4.10.
Next station: `translate.ancillary`.
"""

from connector.domain.kinds import ID_LIMIT, KindRules, Refusal, addresses_of, id_fault, validate
from connector.domain.messages import Action, Kind, OutboundMessage

GATEWAY_ID_LIMIT = 64
"""Characters of a message_id (SMPP 3.4, 5.2.23)."""

_CONTENT = (
    "text",
    "subject",
    "voice",
    "language",
    "call_parameters",
    "bot",
    "payload",
    "udh",
    "flash",
    "comment",
    "scheduled_at",
)


def judge(message: OutboundMessage, rules: KindRules, now_ms: int) -> Refusal | None:
    """Why this event cannot be done, or None; `now_ms` is the epoch time it is judged at."""
    if message.action is Action.SEND:
        if message.target_id or message.target_gateway_id:
            reason = "target_id and target_gateway_id belong to the actions CANCEL, REPLACE and QUERY"
            return Refusal(code="target-not-of-action", reason=reason)
        return validate(message, rules, now_ms)
    return _target_fault(message) or _content_fault(message, rules, now_ms)


def _target_fault(message: OutboundMessage) -> Refusal | None:
    if not message.target_id:
        reason = f"the action {message.action} needs target_id, the id of the message it is about"
        return Refusal(code="target-missing", reason=reason)
    if len(message.target_id) > ID_LIMIT:
        return Refusal(code="target-too-long", reason=f"target_id has at most {ID_LIMIT} characters")
    if message.target_id == message.id:
        reason = f"the action {message.action} needs an id of its own, another than target_id"
        return Refusal(code="target-is-itself", reason=reason)
    name = message.target_gateway_id
    if name is None:
        return None
    if not 0 < len(name) <= GATEWAY_ID_LIMIT or not name.isascii() or not name.isprintable():
        reason = f"target_gateway_id is 1 to {GATEWAY_ID_LIMIT} printable ASCII characters"
        return Refusal(code="target-gateway-id", reason=reason)
    return None


def _content_fault(message: OutboundMessage, rules: KindRules, now_ms: int) -> Refusal | None:
    if message.action is Action.REPLACE:
        if message.kind is not Kind.SMS:
            return Refusal(code="replace-not-sms", reason="only the text of an SMS can be replaced")
        return validate(message, rules, now_ms)
    given = [name for name in _CONTENT if getattr(message, name)]
    if given:
        reason = f"the action {message.action} has no place for: {', '.join(given)}"
        return Refusal(code="field-not-of-action", reason=reason)
    unnamed = id_fault(message.id)
    if unnamed is not None:
        return unnamed
    addresses = addresses_of(message, rules)
    if isinstance(addresses, Refusal):
        return addresses
    if message.expires_at is not None and message.expires_at <= now_ms:
        return Refusal(code="expired", reason=f"the request expired {(now_ms - message.expires_at) // 1000} s ago")
    return None
