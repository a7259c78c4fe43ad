"""What the gateway's answer makes of a part: final, or in line again. Pure.

The rule: a definite refusal for now (throttled, queue full) costs nothing but time, and is no doubt. Next station:
`slot`, which settles the message.
"""

from connector.stages.submit.work import Part, PartState
from connector.translate import Verdict

PATIENT_ATTEMPTS = 20
"""A part refused for now so many times lets others go first, and is tried again after a growing wait."""

LONGEST_WAIT_MS = 60_000
REFUSED_FOR_MS = 3_600_000
"""A message that was only ever refused for now is given up after so long; it would hold its lane's offsets for ever."""


def answer(part: Part, verdict: Verdict, gateway_message_id: str, *, queued: bool, window_ms: int, now_ms: int) -> bool:
    """Takes up an answer; whether the part is to be put back in line. `queued`: it stands there already, for a resend.

    A duplicate of a part in doubt is the one that was accepted, its id lost. One of a part that was only ever refused
    for now is an echo of that refusal (some gateways remember what they did not take), or somebody else's message: it
    goes again when the gateway has forgotten, after `window_ms`. The parts of a longer message cannot wait so long.
    """
    match verdict:
        case Verdict.ACCEPTED:
            part.state, part.gateway_message_id = PartState.ACCEPTED, gateway_message_id
        case Verdict.DUPLICATE if part.refused and not part.doubted and len(part.work.parts) == 1:
            part.state, part.refused, part.not_before = PartState.WAITING, False, now_ms + window_ms
            return True
        case Verdict.DUPLICATE:
            part.state = PartState.ACCEPTED if part.doubted else PartState.DUPLICATE
        case Verdict.REJECTED:
            # Of a resend that says nothing about the request before it, which may have been taken.
            unsure = part.doubted and not part.work.ancillary
            part.state = PartState.UNKNOWN if unsure else PartState.REJECTED
        case Verdict.THROTTLED | Verdict.QUEUE_FULL | Verdict.RETRY:
            return _refused_for_now(part, queued, now_ms)
    return False


def _refused_for_now(part: Part, queued: bool, now_ms: int) -> bool:
    part.state, part.refused = PartState.WAITING, True
    if queued:
        part.doubted = part.attempts > 1
        return False
    if now_ms - (part.work.submitted_at or now_ms) > REFUSED_FOR_MS:
        part.state = PartState.UNKNOWN if part.doubted else PartState.REJECTED
        return False
    doublings = min(part.attempts - PATIENT_ATTEMPTS, 8)
    part.not_before = now_ms + min(LONGEST_WAIT_MS, 250 << doublings) if doublings >= 0 else 0
    return True
