"""Asking the gateway for the state of a message whose receipt is overdue: what is asked, and how much at once.

The rule: the same question has the same id and the same place of origin each time it is put, so that a crash asks
nothing twice. Comes from: the sweeper of `collect`, by way of `collect_receipts`. Next station: the lane `normal`; the
submitter sends query_sm, and stores the answer among the deliveries.
"""

from collections import defaultdict
from hashlib import blake2b

from connector.domain.events import LaneMessage
from connector.domain.identity import event_id
from connector.domain.joining import Known, PollRules
from connector.domain.messages import Action, Kind, Lane, OutboundMessage
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.translate import DialectSettings

_MINUTE_MS = 60_000


def poll_rules(dialect: DialectSettings) -> PollRules | None:
    """How the account asks; None where it does not."""
    if dialect.poll_after_minutes is None:
        return None
    return PollRules(
        after=int(dialect.poll_after_minutes * _MINUTE_MS),
        every=int(dialect.poll_every_minutes * _MINUTE_MS),
        most=dialect.poll_most,
    )


class Outstanding:
    """The questions of this process that have no answer yet, by account and row; as many as accounts allow at most."""

    def __init__(self) -> None:
        self._until: dict[str, dict[bytes, int]] = defaultdict(dict)

    def full(self, account: str, most: int, now_ms: int) -> bool:
        """Whether the account has to wait; what nobody answered in time does not count any more."""
        until = self._until[account]
        if len(until) < most:
            return False
        for key in [key for key, end in until.items() if end <= now_ms]:
            del until[key]
        return len(until) >= most

    def asked(self, account: str, key: bytes, until_ms: int) -> None:
        """A question leaves; it counts until it is answered, or until then."""
        self._until[account][key] = until_ms

    def answered(self, account: str, key: bytes) -> None:
        """An answer came, be it a refusal or for somebody who was here before."""
        self._until[account].pop(key, None)

    def clear(self) -> None:
        """Partitions move, and their questions with them."""
        self._until.clear()


def question(known: Known, *, codec: Codec, topics: Topics, partition: int, now_ms: int) -> LaneMessage | None:
    """The query about a message, as its slot's submitter takes it; None where nothing can be asked.

    The addresses are those the message was submitted with, in kind too: what was taken then is not refused now.
    The origin is the topic of deliveries; the offset is 63 bits of what is asked and of the how many-th time it is.
    """
    item = known.submitted
    kind = Kind.__members__.get(item.kind or "")
    if item.message_id is None or item.gateway_message_id is None or item.recipient is None or kind is None:
        return None
    name = event_id("poll", item.account, item.message_id, item.gateway_message_id, known.polls)
    query = OutboundMessage(
        id=name,
        account=item.account,
        kind=kind,
        sender=item.sender,
        sender_ton=item.sender_ton,
        sender_npi=item.sender_npi,
        recipient=item.recipient,
        recipient_ton=item.recipient_ton,
        recipient_npi=item.recipient_npi,
        action=Action.QUERY,
        target_id=item.message_id,
        target_gateway_id=item.gateway_message_id,
    )
    return LaneMessage(
        message_id=name,
        account=item.account,
        slot=item.slot,
        lane=Lane.NORMAL,
        source_topic=topics.deliveries,
        source_partition=partition,
        source_offset=int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 1,
        received_at=now_ms,
        routed_at=now_ms,
        traceparent=item.traceparent,
        event=codec.encode(query),
    )
