"""What a receipt says, put together from its TLVs and its text.

The rule: the TLVs have the last word, the text fills what they leave open, what cannot be read is None, and where the
two disagree the fact is named. Nothing here raises. Source: gateway.md, "Delivery receipts". Next station: `receipts`,
which makes the event.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from connector.domain.messages import Kind
from connector.domain.receipts import STATE_BY_NUMBER, STATE_BY_WORD, ReceiptText
from connector.smpp.constants import Tag
from connector.translate.deliveries import tlv_text
from connector.translate.ids import same_id

# Bits 0-3 of the flags (gateway.md): name, and the kind where it tells one. It has none for Telegram.
MESSAGE_TYPES: Final[Mapping[int, tuple[str, Kind | None]]] = {
    0: ("SMS", Kind.SMS),
    1: ("flash", Kind.SMS),
    2: ("binary", Kind.BINARY),
    3: ("WAP push", Kind.WAP_PUSH),
    4: ("HLR", Kind.HLR),
    5: ("Ping", Kind.PING),
    6: ("MMS", None),
    7: ("call", Kind.VOICE),
    8: ("e-mail", Kind.EMAIL),
    10: ("Viber", Kind.VIBER),
    12: ("social network", Kind.SOCIAL),
}
TEMPLATE_TYPES: Final = ("service", "transactional", "authorization", "advertising")
"""Bits 10 and 9 of the flags, for a template message."""

ADDITIONAL_STATUSES: Final[Mapping[int, str]] = {2: "read", 4: "link clicked"}

# Plain integers: looking up an enumeration's member costs as much as looking up the parameter.
_RECEIPTED_MESSAGE_ID: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_NETWORK_ERROR_CODE: Final = int(Tag.NETWORK_ERROR_CODE)
_MESSAGE_STATE: Final = int(Tag.MESSAGE_STATE)
COST: Final = int(Tag.COST)
FLAGS: Final = int(Tag.FLAGS)
PARTS: Final = int(Tag.PARTS)
MCCMNC: Final = int(Tag.MCCMNC)
ADDITIONAL_STATUS: Final = int(Tag.ADDITIONAL_STATUS)

_PRICE: Final = re.compile(r"-?(?:[0-9]{1,6}(?:\.[0-9]{0,4})?|\.[0-9]{1,4})", re.ASCII)
_OPERATOR: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_MOST: Final = 0x7FFFFFFF


class Flags(NamedTuple):
    """The flags, taken apart; all None where a receipt has none."""

    message_type: int | None = None
    name: str | None = None
    kind: Kind | None = None
    second_balance: bool | None = None
    template: bool | None = None
    template_type: str | None = None


class Facts(NamedTuple):
    """What TLVs and text come to; `contradiction` names what they disagree on, with commas between."""

    gateway_message_id: str | None
    state: str | None
    message_state: int | None
    final: bool
    error_code: int | None
    network_type: int | None
    contradiction: str | None


def facts_of(tlvs: Mapping[int, bytes], receipt: ReceiptText) -> Facts:
    """What the receipt says of its message."""
    disputed = []
    named = tlv_text(tlvs.get(_RECEIPTED_MESSAGE_ID, b"")) or None
    if named is not None and receipt.message_id not in (None, named) and not same_id(named, receipt.message_id or ""):
        disputed.append("id")
    number = integer(tlvs.get(_MESSAGE_STATE))
    known = STATE_BY_NUMBER.get(number) if number is not None else None
    written = STATE_BY_WORD.get(receipt.stat or "")
    if known is not None and receipt.stat is not None and written is not known:
        disputed.append("state")
    known = known or written
    if known is not None and number is None:
        number = known.number
    code, network = receipt.err, None
    network_error = tlvs.get(_NETWORK_ERROR_CODE)
    if network_error is not None and len(network_error) == 3:
        network, code = network_error[0], network_error[1] << 8 | network_error[2]
        if receipt.err not in (None, code):
            disputed.append("error")
    return Facts(
        named or receipt.message_id,
        known.word if known is not None else receipt.stat,
        number,
        known is not None and known.final,
        code,
        network,
        ",".join(disputed) or None,
    )


@lru_cache(maxsize=256)
def flags_of(value: bytes | None) -> Flags:
    """The flags of a receipt, taken apart."""
    flags = integer(value)
    if flags is None:
        return Flags()
    name, kind = MESSAGE_TYPES.get(flags & 0x0F, (None, None))
    template = bool(flags >> 8 & 1)
    return Flags(
        message_type=flags & 0x0F,
        name=name,
        kind=kind,
        second_balance=bool(flags >> 5 & 1),
        template=template,
        template_type=TEMPLATE_TYPES[flags >> 9 & 3] if template else None,
    )


def integer(value: bytes | None) -> int | None:
    """1 to 4 octets, big-endian; peers are careless about the size. None for anything the events cannot hold."""
    if not value or len(value) > 4:
        return None
    number = int.from_bytes(value, "big")
    return number if number <= _MOST else None


@lru_cache(maxsize=1024)
def cost_of(value: bytes | None) -> Decimal | None:
    """The price as it is written, with four decimals at most, as the events hold it."""
    text = tlv_text(value) if value else ""
    return Decimal(text) if _PRICE.fullmatch(text) else None


@lru_cache(maxsize=1024)
def mccmnc_of(value: bytes | None) -> str | None:
    """A country and operator code: up to six digits."""
    text = tlv_text(value) if value else ""
    return text if _OPERATOR.fullmatch(text) else None
