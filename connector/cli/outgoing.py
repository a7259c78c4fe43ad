"""From messages to outbound records: judged by the router's own rules before they leave, so that nobody has to look for
their mistakes in the dead letters.

Next station: the outbound topic.
"""

from typing import NamedTuple

from connector.domain.ancillary import judge
from connector.domain.kinds import Refusal, recipient_of
from connector.domain.messages import Action, OutboundMessage
from connector.kafka.clients import OutRecord
from connector.kafka.records import Codec, RecordError
from connector.kafka.topics import Topics
from connector.stages.settings import StageConfig
from connector.translate import DialectSettings, RefusedMessage, plan


class Prospect(NamedTuple):
    """What the connector would make of a message; `account` None where the configuration has no accounts at all.

    `billed` leaves the comment out. What is about an earlier message has no parts and no alphabet.
    """

    account: str | None
    lane: str
    parts: int
    alphabet: str | None
    billed: int


class Outgoing:
    """One configuration's outbound topic.

    Without any account in the configuration (a machine that only produces) the defaults of an account stand in.
    """

    def __init__(self, config: StageConfig, codec: Codec) -> None:
        self._config = config
        self._codec = codec
        self.topic = Topics(config.kafka.topic_prefix).outbound

    def refusal(self, message: OutboundMessage, now_ms: int) -> Refusal | None:
        """Why the router would send this to the dead letters, or None."""
        account = self._config.account(message.account)
        if account is None and self._config.accounts:
            known = ", ".join(account.name for account in self._config.accounts)
            if message.account:
                return Refusal(code="account-unknown", reason=f"the account is not configured; configured: {known}")
            reason = f"no account is given and there is no default_account; configured: {known}"
            return Refusal(code="account-missing", reason=reason)
        refusal = judge(message, account or _ANY, now_ms)
        if refusal is None and account is not None and not account.submits:
            refusal = Refusal(code="account-receives-only", reason="the account is bound as receiver only")
        return refusal

    def prospect(self, message: OutboundMessage, now_ms: int) -> Prospect:
        """What becomes of a message without a refusal. Raises `RefusedMessage` all the same where it cannot be sent."""
        account = self._config.account(message.account)
        name = None if account is None else account.name
        lane = self._config.lanes.lane_of(message, name or "")
        if message.action is not Action.SEND:
            return Prospect(name, lane.value, 0, None, 0)
        planned = plan(message, account or _ANY, now_ms=now_ms)
        return Prospect(name, lane.value, len(planned.pdus), planned.alphabet, planned.billed_parts)

    def record(self, message: OutboundMessage) -> OutRecord | Refusal:
        """The record to produce; messages to one number share a partition, so they keep their order."""
        rules = self._config.account(message.account) or _ANY
        try:
            value = self._codec.encode(message)
        except RecordError as error:
            return Refusal(code=error.code, reason=error.reason)
        return OutRecord(topic=self.topic, value=value, key=recipient_of(message, rules).lstrip("+").encode())


_ANY = DialectSettings()

__all__ = ["Outgoing", "Prospect", "RefusedMessage"]
