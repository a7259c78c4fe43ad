"""The text of an answer to an HLR request or a Ping, read: a receipt's fields and what the network said.

    id:855469 stat:DELIVRD err:000 imsi:001010000000001 msc:79990000000 mcc:250 mnc:02 cn:Some+Country net: rcn: rnet:

The rule is that of `receipts`: a value always, never an exception; an empty field is None. Codes stay strings, since
leading zeros matter. Source: gateway.md, "Delivery receipts". Next station: `translate.receipts`.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from connector.domain.errors import ANSWER_OUTCOMES
from connector.domain.receipts import STATES, ReceiptError, ReceiptText, receipt_of, split_fields

HLR_FIELDS: Final = ("imsi", "msc", "mcc", "mnc", "cn", "net", "rcn", "rnet")
_TEXT_LIMIT: Final = 255


class HlrText(NamedTuple):
    """What the answer says; `imsi` and `msc` belong to a subscriber. cn, net: registration; rcn, rnet: roaming.

    `roaming` is False where the answer knows the subscriber and leaves rcn and rnet empty, None where it has neither.
    """

    receipt: ReceiptText
    imsi: str | None = None
    msc: str | None = None
    mcc: str | None = None
    mnc: str | None = None
    cn: str | None = None
    net: str | None = None
    rcn: str | None = None
    rnet: str | None = None
    roaming: bool | None = None

    def __repr__(self) -> str:
        known = [name for name in HLR_FIELDS if getattr(self, name) is not None]
        return f"HlrText(stat={self.receipt.stat}, err={self.receipt.err}, known={known})"


def parse_hlr(text: bytes) -> HlrText | ReceiptError:
    """The fields of an HLR or Ping answer. A field that is no valid urlencoding is given as far as it can be read."""
    fields = split_fields(text.decode("latin-1"))
    receipt = receipt_of(fields)
    network = [urldecoded(fields.get(name, "")) for name in HLR_FIELDS]
    imsi, msc, mcc, mnc, cn, net, rcn, rnet = network
    if not any(network) and receipt == ReceiptText():
        return ReceiptError("hlr-unreadable", f"no field of an HLR answer in a text of {len(text)} octets")
    roaming = None
    if rcn or rnet:
        roaming = True
    elif any(network) and ("rcn" in fields or "rnet" in fields):
        roaming = False
    return HlrText(receipt, imsi, msc, mcc, mnc, cn, net, rcn, rnet, roaming)


def hlr_outcome(state: str | None, error: int | None) -> str:
    """What came of an HLR request or a Ping, in a word of the schema; `state` is the word of `stat`.

    The state decides where it says that the subscriber was found or that more will come, else the error.
    """
    found = ANSWER_OUTCOMES.get(error) if error is not None else None
    if state == "DELIVRD":
        return "test" if found == "test" else "reachable"
    return _PENDING.get(state or "") or found or _ENDED.get(state or "", "unknown")


def is_hlr(text: bytes) -> bool:
    """Whether the text has a field that only such answers have, even an empty one."""
    # The search is the cheap no for ordinary receipts; the fields are the yes, as a message may follow in `text:`.
    return _HINT.search(text) is not None and not _HLR_NAMES.isdisjoint(split_fields(text.decode("latin-1")))


_PENDING: Final = {state.word: "pending" for state in STATES if not state.final and state.word != "UNKNOWN"}
_ENDED: Final = {
    "EXPIRED": "expired",
    "DELETED": "failed",
    "UNDELIV": "failed",
    "REJECTD": "refused",
    "SKIPPED": "failed",
}
_HLR_NAMES: Final = frozenset(HLR_FIELDS)
_HINT: Final = re.compile(rb"(?:imsi|msc|mcc|mnc|cn|net)[ \t]?:", re.IGNORECASE)


def urldecoded(value: str) -> str | None:
    """The value with %XX and + undone: UTF-8, or ISO-8859-1 where it is none; a broken %XX stays as it is.

    None for nothing. Control characters become blanks, and more than 255 characters are not believed.
    """
    if not value:
        return None
    octets = unquote_to_bytes(value.replace("+", " ").encode("latin-1", "replace"))
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    text = text.strip()
    return text if 0 < len(text) <= _TEXT_LIMIT else None
