"""What the gateway's answer to a submit_sm means for the message. Which status means what is an account's setting."""

from enum import Enum


class Verdict(Enum):
    """ACCEPTED: it has an id. THROTTLED, QUEUE_FULL: a definite refusal for now, send it again and slow down.
    DUPLICATE: an identical request was taken within the minute. RETRY: a passing fault, send it again.
    REJECTED: it will not be taken."""

    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    QUEUE_FULL = "queue-full"
    DUPLICATE = "duplicate"
    RETRY = "retry"
    REJECTED = "rejected"
