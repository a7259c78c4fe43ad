"""Addresses as they go on the wire: a type of number, a numbering plan and the characters.

The rule: an address is sent as it was given (a leading + becomes the type of number) or refused, never cut or mended.
What a message does not say is read off the characters, by Kannel's rule (gateway.md, "Source address autodetection").
Next station: `kinds`, which refuses, and `translate`, which puts the address into the PDU.
"""

import re
from typing import Final, NamedTuple

INTERNATIONAL: Final = 1
NETWORK_SPECIFIC: Final = 3
ALPHANUMERIC: Final = 5
"""Types of number (SMPP 3.4, section 5.2.5)."""

UNKNOWN_PLAN: Final = 0
ISDN: Final = 1
"""Numbering plans (SMPP 3.4, section 5.2.6)."""

ADDRESS_LIMIT: Final = 20
"""Characters of source_addr and destination_addr beside the NUL; an e-mail recipient alone may be longer."""

ALPHANUMERIC_LIMIT: Final = 11
"""Characters of an alphanumeric sender: eleven septets fill the address field of a short message. gateway.md makes no
exception for an e-mail's sender, as it does for its recipient."""

EMAIL_LIMIT: Final = 254
"""Characters of an e-mail address (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""

_NUMBER: Final = re.compile(r"\+?[0-9]{3,20}")
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)
_LOCAL_LIMIT: Final = 64


class Address(NamedTuple):
    """`ton`, `npi` and the characters of an address field; the characters are a subscriber's: never log them."""

    ton: int
    npi: int
    value: str

    def __repr__(self) -> str:
        return f"Address(ton={self.ton}, npi={self.npi}, value=<{len(self.value)}>)"


def is_number(text: str) -> bool:
    """Whether this can be a subscriber's number: 3 to 20 ASCII digits, a + before them at most."""
    return _NUMBER.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether this can be an e-mail address: ASCII, dots and atoms, a domain of two labels or more, 254 characters."""
    return len(text) <= EMAIL_LIMIT and _EMAIL.fullmatch(text) is not None and text.index("@") <= _LOCAL_LIMIT


def source_address(
    sender: str,
    *,
    ton: int | None = None,
    npi: int | None = None,
    alphanumeric_ton: int = ALPHANUMERIC,
    alphanumeric_npi: int = UNKNOWN_PLAN,
    short_code_max_digits: int = 6,
) -> Address:
    """The source address of a sender; `ton` and `npi` where the message or the account says them.

    Autodetected else: letters are alphanumeric, a short run of digits a short code (TON 3, NPI 0), a leading + or a
    longer run an international number (TON 1, NPI 1), whose + is left out. Does not judge: see `sender_fault`.
    """
    digits = sender[1:] if sender[:1] == "+" else sender
    if not (digits.isascii() and digits.isdigit()):
        found = Address(alphanumeric_ton, alphanumeric_npi, sender)
    elif len(digits) == len(sender) and len(digits) <= short_code_max_digits:
        found = Address(NETWORK_SPECIFIC, UNKNOWN_PLAN, digits)
    else:
        found = Address(INTERNATIONAL, ISDN, digits)
    if ton is None and npi is None:
        return found
    wanted = found.ton if ton is None else ton
    if npi is None:
        # A plan that fits the type of number asked for; the detected one may belong to another.
        plans = {found.ton: found.npi, alphanumeric_ton: alphanumeric_npi, INTERNATIONAL: ISDN}
        npi = plans.get(wanted, UNKNOWN_PLAN)
    return Address(wanted, npi, digits if wanted == INTERNATIONAL else sender)


def destination_address(recipient: str, *, ton: int = INTERNATIONAL, npi: int = ISDN) -> Address:
    """The destination address of a number or an e-mail address; an international number travels without its +."""
    if ton == INTERNATIONAL and recipient[:1] == "+":
        recipient = recipient[1:]
    return Address(ton, npi, recipient)


def sender_fault(address: Address) -> tuple[str, str] | None:
    """What keeps this source address off the wire, as (code, reason for a person), or None.

    Letters make a sender alphanumeric under any type of number, since the gateway goes by the characters.
    """
    size = len(address.value)
    if not (address.value.isascii() and address.value.isprintable()) or not address.value.strip():
        return "sender-characters", "the sender may hold only printable ASCII characters, and not blanks alone"
    alphanumeric = address.ton == ALPHANUMERIC or not address.value.removeprefix("+").isdigit()
    if alphanumeric and size > ALPHANUMERIC_LIMIT:
        return "sender-too-long", f"an alphanumeric sender has at most {ALPHANUMERIC_LIMIT} characters, found {size}"
    if size > ADDRESS_LIMIT:
        return "sender-too-long", f"a sender has at most {ADDRESS_LIMIT} characters, found {size}"
    return None
