"""The error codes of receipts, as gateway.md lists them ("Error codes in receipts").

The rule: one number means different things for an SMS and an e-mail, so the kind picks the table; a code that is in no
table is passed on as a number with no name. For HLR requests and Pings a second table says in a word what came of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connector.domain.messages import Kind

SMS_ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "none",
        1: "subscriber does not exist",
        6: "subscriber offline",
        11: "service not connected",
        12: "error in the phone",
        13: "subscriber blocked",
        21: "service not supported",
        200: "virtual sending (test mode)",
        219: "SIM card replaced (letter senders blocked 24 h)",
        220: "operator's queue overflowed",
        224: "insufficient funds",
        237: "no answer to the call",
        238: "no matching template",
        239: "forbidden IP address",
        240: "subscriber busy",
        241: "conversion error, or not all parts arrived",
        242: "answering machine",
        243: "no contract",
        244: "mailing prohibited, or prohibited link",
        245: "status not received within a day",
        246: "outside the allowed time",
        247: "daily message limit exceeded",
        248: "no route",
        249: "invalid number format",
        250: "number forbidden by the account's settings",
        251: "limit for one number exceeded",
        252: "number not permitted",
        253: "spam filter",
        254: "unregistered sender",
        255: "rejected by the operator",
    }
)
"""SMS, HLR and every kind that goes to a number."""

EMAIL_ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "none",
        1: "recipient does not exist",
        2: "mailbox full",
        3: "recipient server not found",
        4: "mailbox locked",
        239: "forbidden IP address",
        245: "status not received",
        248: "no route",
        249: "invalid address format",
        252: "address on the blacklist",
        253: "spam filter",
    }
)

# What a code says about the subscriber whom an HLR request or a Ping asked about; see `hlr.hlr_outcome`.
ANSWER_OUTCOMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "unknown-subscriber",
        6: "absent",
        11: "not-supported",
        12: "failed",
        13: "blocked",
        21: "not-supported",
        200: "test",
        219: "failed",
        220: "failed",
        224: "refused",
        237: "failed",
        238: "refused",
        239: "refused",
        240: "failed",
        241: "failed",
        242: "failed",
        243: "refused",
        244: "refused",
        245: "expired",
        246: "refused",
        247: "refused",
        248: "failed",
        249: "invalid-number",
        250: "refused",
        251: "refused",
        252: "refused",
        253: "refused",
        254: "refused",
        255: "refused",
    }
)


def error_name(kind: str | None, code: int | None) -> str | None:
    """What the code means for this kind (a `Kind` or its value; None counts as SMS), or None where nobody says."""
    if code is None:
        return None
    return (EMAIL_ERRORS if kind == Kind.EMAIL else SMS_ERRORS).get(code)
