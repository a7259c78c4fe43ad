"""Domain to PDU and back, in the dialect of an account: what goes out, what an answer means, what comes in. Pure."""

from connector.domain.kinds import LongKinds, Refusal, RefusedMessage, recipient_of
from connector.domain.outcomes import Verdict
from connector.domain.receipts import ReceiptError
from connector.translate.ancillary import Ancillary, AncillaryPlan, ancillary
from connector.translate.deliveries import (
    delivery_key,
    is_receipt,
    lost_key,
    other_key,
    other_reading,
    rollup_key,
    submitted_key,
    submitted_keys,
    verdict,
)
from connector.translate.ids import LearnedIds, canonical_id, guesses_ids
from connector.translate.inbound import InboundPiece, assemble, to_inbound_part
from connector.translate.outbound import Plan, fingerprint, plan
from connector.translate.receipts import may_answer, may_name, shows_whole, to_polled_report, to_report
from connector.translate.settings import DialectSettings, ExtraTlv, IdFormat, TimeFormat

__all__ = [
    "Ancillary",
    "AncillaryPlan",
    "DialectSettings",
    "ExtraTlv",
    "IdFormat",
    "InboundPiece",
    "LearnedIds",
    "LongKinds",
    "Plan",
    "ReceiptError",
    "Refusal",
    "RefusedMessage",
    "TimeFormat",
    "Verdict",
    "ancillary",
    "assemble",
    "canonical_id",
    "delivery_key",
    "fingerprint",
    "guesses_ids",
    "is_receipt",
    "lost_key",
    "may_answer",
    "may_name",
    "other_key",
    "other_reading",
    "plan",
    "recipient_of",
    "rollup_key",
    "shows_whole",
    "submitted_key",
    "submitted_keys",
    "to_inbound_part",
    "to_polled_report",
    "to_report",
    "verdict",
]
