"""What the gateway takes and what it does not: every rule that an outbound message is held against.

The rule: what cannot be sent as it was meant is refused here, with a reason that a person understands and that holds
nothing of the message. The router asks `validate` before a message enters a lane. Sources: gateway.md, and faults.md
for the list of refusals. `composing` has the rules of the text; next station: `translate.outbound`.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol

from connector.domain.addresses import (
    ADDRESS_LIMIT,
    ALPHANUMERIC,
    INTERNATIONAL,
    ISDN,
    Address,
    destination_address,
    is_email,
    is_number,
    sender_fault,
    source_address,
)
from connector.domain.composing import ANSWER_KINDS, OCTET_KINDS, Body, Refusal, RefusedMessage, body_of, compose
from connector.domain.messages import Kind, OutboundMessage
from connector.domain.numbers import international, is_written_number
from connector.domain.text import (
    MOST_PARTS,
    Alphabet,
    Concatenation,
    TextError,
    billed_parts,
    capacity,
    choose,
    segment,
)

__all__ = [
    "ANSWER_KINDS",
    "OCTET_KINDS",
    "Body",
    "KindRules",
    "LongKinds",
    "Refusal",
    "RefusedMessage",
    "addresses_of",
    "alphabet_of",
    "body_of",
    "compose",
    "concatenation_of",
    "recipient_of",
    "times_fault",
    "validate",
]

MOST_VALIDITY_MINUTES: Final = 31 * 1440
"""The relative time format has a field of days up to 31; months have no fixed length."""

LAST_TIME_MS: Final = 4_102_444_800_000
"""2100-01-01: years are two digits on the wire."""

ID_LIMIT: Final = 255
"""Characters of an id, and of a campaign's id."""

METADATA_ENTRIES: Final = 100
METADATA_OCTETS: Final = 64 * 1024
"""Keys and values together, as UTF-8. They come back on every event about the message, and stand beside a receipt's
join for days: an event may hold a mebibyte, and what is made of it has to fit as well."""

# Up to here a text fits 255 parts whatever it holds: two units a character, parts at worst half empty.
_SURELY_FITS: Final = 4000
_NEVER_FITS: Final = MOST_PARTS * capacity(Alphabet.GSM, 6)


class LongKinds(StrEnum):
    """How a long message that is no SMS and no octets goes out: in parts like an SMS, or whole in message_payload."""

    CONCATENATION = "concatenation"
    PAYLOAD = "payload"


class KindRules(Protocol):
    """What an account decides about its messages; `translate.DialectSettings` is one."""

    @property
    def default_sender(self) -> str | None: ...
    @property
    def source_ton(self) -> int | None: ...
    @property
    def source_npi(self) -> int | None: ...
    @property
    def dest_ton(self) -> int: ...
    @property
    def dest_npi(self) -> int: ...
    @property
    def default_region(self) -> str | None: ...
    @property
    def alphanumeric_ton(self) -> int: ...
    @property
    def alphanumeric_npi(self) -> int: ...
    @property
    def short_code_max_digits(self) -> int: ...
    @property
    def iso(self) -> bool: ...
    @property
    def concatenation(self) -> Concatenation: ...
    @property
    def long_kinds(self) -> LongKinds: ...
    @property
    def replace_typography(self) -> bool: ...


def id_fault(message_id: str) -> Refusal | None:
    """Why this is no id of an event."""
    if not message_id:
        return Refusal(code="id-missing", reason=f"the event needs an id of 1 to {ID_LIMIT} characters")
    if len(message_id) > ID_LIMIT:
        reason = f"the id has {len(message_id)} characters, and at most {ID_LIMIT} are taken"
        return Refusal(code="id-too-long", reason=reason)
    return None


def validate(message: OutboundMessage, rules: KindRules, now_ms: int) -> Refusal | None:
    """Why this message cannot be sent, or None. `now_ms` is the epoch time it is judged at."""
    unnamed = id_fault(message.id)
    if unnamed is not None:
        return unnamed
    burden = _burden(message)
    if burden is not None:
        return burden
    addresses = addresses_of(message, rules)
    if isinstance(addresses, Refusal):
        return addresses
    body = body_of(message, replace_typography=rules.replace_typography)
    if isinstance(body, Refusal):
        return body
    return _unsendable(message, body, rules) or times_fault(message) or _untimely(message, now_ms)


def _burden(message: OutboundMessage) -> Refusal | None:
    """What is only passed through, and too much of it."""
    if message.campaign_id is not None and len(message.campaign_id) > ID_LIMIT:
        return Refusal(code="campaign-too-long", reason=f"a campaign_id has at most {ID_LIMIT} characters")
    metadata = message.metadata
    if not metadata:
        return None
    if len(metadata) > METADATA_ENTRIES:
        reason = f"metadata has at most {METADATA_ENTRIES} entries, found {len(metadata)}"
        return Refusal(code="metadata-too-large", reason=reason)
    octets = sum(
        len(name.encode("utf-8", "replace")) + len(note.encode("utf-8", "replace")) for name, note in metadata.items()
    )
    if octets > METADATA_OCTETS:
        reason = f"metadata has at most {METADATA_OCTETS} octets, keys and values together, found {octets}"
        return Refusal(code="metadata-too-large", reason=reason)
    return None


def addresses_of(message: OutboundMessage, rules: KindRules) -> tuple[Address, Address] | Refusal:
    """The source and the destination address of a message.

    A message without a sender, on an account without a default one, has an empty source address: the gateway then takes
    the sender of its own settings.
    """
    for field in (message.sender_ton, message.sender_npi, message.recipient_ton, message.recipient_npi):
        if field is not None and not 0 <= field <= 255:
            return Refusal(code="ton-npi-range", reason="a type of number and a numbering plan are 0 to 255")
    recipient = _recipient(message, rules)
    if isinstance(recipient, Refusal):
        return recipient
    destination = destination_address(
        recipient,
        ton=rules.dest_ton if message.recipient_ton is None else message.recipient_ton,
        npi=rules.dest_npi if message.recipient_npi is None else message.recipient_npi,
    )
    if message.kind is not Kind.EMAIL and len(destination.value) > ADDRESS_LIMIT:
        return Refusal(code="recipient-too-long", reason=f"a recipient has at most {ADDRESS_LIMIT} characters")
    ton = rules.source_ton if message.sender_ton is None else message.sender_ton
    npi = rules.source_npi if message.sender_npi is None else message.sender_npi
    sender = message.sender or rules.default_sender
    if not sender:
        return Address(ALPHANUMERIC if ton is None else ton, ISDN if npi is None else npi, ""), destination
    source = _source(
        sender,
        ton,
        npi,
        rules.alphanumeric_ton,
        rules.alphanumeric_npi,
        rules.short_code_max_digits,
    )
    return source if isinstance(source, Refusal) else (source, destination)


def recipient_of(message: OutboundMessage, rules: KindRules) -> str:
    """The recipient that goes out: in E.164 where the account has a `default_region`, else to the letter of the event.

    It picks the slot, so that one subscriber, however written, stays on one bind; that of a message which is refused
    is the event's own.
    """
    if rules.default_region is None:
        return message.recipient
    recipient = _recipient(message, rules)
    return message.recipient if isinstance(recipient, Refusal) else recipient


def _recipient(message: OutboundMessage, rules: KindRules) -> str | Refusal:
    recipient = message.recipient
    if message.kind is Kind.EMAIL:
        if not is_email(recipient):
            reason = "the recipient of an e-mail is not an e-mail address"
            return Refusal(code="recipient-not-an-address", reason=reason)
        return recipient
    # A number that names its own type of number, a short code say, is meant as it stands.
    if rules.default_region is None or message.recipient_ton not in (None, INTERNATIONAL):
        if not is_number(recipient):
            reason = f"the recipient is not a number: 3 to {ADDRESS_LIMIT} digits, with a leading + or without"
            return Refusal(code="recipient-not-a-number", reason=reason)
        return recipient
    if not is_written_number(recipient):
        reason = "the recipient is not a number: digits, blanks, dots, hyphens and brackets, a + before them or not"
        return Refusal(code="recipient-not-a-number", reason=reason)
    found = international(recipient, rules.default_region)
    if found is None:
        reason = (
            f"no such number can exist, neither in {rules.default_region} nor in international format; a short code "
            "needs its recipient_ton"
        )
        return Refusal(code="recipient-impossible", reason=reason)
    return found


# An account has few senders: each is judged once.
@lru_cache(maxsize=1024)
def _source(
    sender: str,
    ton: int | None,
    npi: int | None,
    alphanumeric_ton: int,
    alphanumeric_npi: int,
    short_code_max_digits: int,
) -> Address | Refusal:
    source = source_address(
        sender,
        ton=ton,
        npi=npi,
        alphanumeric_ton=alphanumeric_ton,
        alphanumeric_npi=alphanumeric_npi,
        short_code_max_digits=short_code_max_digits,
    )
    fault = sender_fault(source)
    return source if fault is None else Refusal(code=fault[0], reason=fault[1])


def concatenation_of(kind: Kind, rules: KindRules) -> Concatenation:
    """How a long message of this kind goes out: an SMS and octets by `concatenation`, the others by `long_kinds`."""
    if rules.long_kinds is LongKinds.PAYLOAD and kind is not Kind.SMS and kind not in OCTET_KINDS:
        return Concatenation.PAYLOAD
    return rules.concatenation


def alphabet_of(message: OutboundMessage, body: Body, rules: KindRules) -> Alphabet | Refusal:
    """The alphabet that the text of a body travels in, comment and all."""
    text = body.text + body.tail
    if len(text) > _NEVER_FITS:
        return Refusal(code="text-too-long", reason=f"{len(text)} characters are more than {MOST_PARTS} parts can hold")
    try:
        concatenation = concatenation_of(message.kind, rules)
        return choose(text, wanted=message.coding, iso=rules.iso, concatenation=concatenation)
    except TextError as error:
        return Refusal(code=error.code, reason=str(error))


def _unsendable(message: OutboundMessage, body: Body, rules: KindRules) -> Refusal | None:
    if body.octets is not None:
        return None
    alphabet = alphabet_of(message, body, rules)
    if isinstance(alphabet, Refusal):
        return alphabet
    text = body.text + body.tail
    if len(text) <= _SURELY_FITS:
        return None
    try:
        segment(text, alphabet, concatenation=concatenation_of(message.kind, rules), reference=0)
        billed = billed_parts(text, alphabet)
    except TextError as error:
        return Refusal(code=error.code, reason=str(error))
    if billed > MOST_PARTS:
        return Refusal(code="text-too-long", reason=f"{billed} parts, where at most {MOST_PARTS} can be sent")
    return None


def times_fault(message: OutboundMessage) -> Refusal | None:
    """What is wrong with the times of a message, whatever the time is now."""
    expires, scheduled, minutes = message.expires_at, message.scheduled_at, message.validity_minutes
    if expires is None and scheduled is None and minutes is None:
        return None
    if minutes is not None and not 1 <= minutes <= MOST_VALIDITY_MINUTES:
        reason = f"validity_minutes is 1 to {MOST_VALIDITY_MINUTES}, found {minutes}"
        return Refusal(code="validity-range", reason=reason)
    if any(time is not None and not 0 <= time < LAST_TIME_MS for time in (expires, scheduled)):
        return Refusal(code="time-range", reason="a time lies before 1970 or after 2099; times are milliseconds")
    if expires is not None and scheduled is not None and scheduled >= expires:
        return Refusal(code="scheduled-past-validity", reason="the message is scheduled for after it expires")
    return None


def _untimely(message: OutboundMessage, now_ms: int) -> Refusal | None:
    expires, scheduled, minutes = message.expires_at, message.scheduled_at, message.validity_minutes
    if expires is not None:
        if expires <= now_ms:
            return Refusal(code="expired", reason=f"the message expired {(now_ms - expires) // 1000} s ago")
    elif scheduled is not None and minutes is not None and scheduled >= now_ms + minutes * 60_000:
        reason = "the message is scheduled for after its validity period"
        return Refusal(code="scheduled-past-validity", reason=reason)
    return None
