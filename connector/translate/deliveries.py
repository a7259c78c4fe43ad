"""What a deliver_sm is, and the key that brings it together with what it belongs to.

The rule: a receipt and the message it is about get one key, whatever form either side gives the id (`ids`); a PDU of
any content has a key, and nothing here raises. The submitter asks before it stores a delivery; next station: `receipts`
or `inbound`.
"""

from collections.abc import Mapping

from connector.domain.outcomes import Verdict
from connector.domain.parts import read_part
from connector.domain.receipts import ReceiptError, parse_receipt
from connector.smpp.constants import ESM_TYPE_INTERMEDIATE, ESM_TYPE_MASK, ESM_TYPE_RECEIPT, CommandStatus, Tag
from connector.smpp.pdu import DataSm, DeliverSm
from connector.translate.ids import PADDING, LearnedIds, Side, readings, receipt_form, response_form
from connector.translate.settings import DialectSettings, IdFormat

Incoming = DeliverSm | DataSm


def verdict(status: int, settings: DialectSettings) -> Verdict:
    """What the command_status of a submit_sm_resp means for the message."""
    if status == CommandStatus.ESME_ROK:
        return Verdict.ACCEPTED
    if status == CommandStatus.ESME_RTHROTTLED:
        return Verdict.THROTTLED
    if status == CommandStatus.ESME_RMSGQFUL:
        return Verdict.QUEUE_FULL
    if status in settings.duplicate_statuses:
        return Verdict.DUPLICATE
    if status in settings.retry_statuses:
        return Verdict.RETRY
    return Verdict.REJECTED


def submitted_key(account: str, gateway_message_id: str, settings: DialectSettings) -> str:
    """The key under which the receipts of an accepted part will be looked for first."""
    return submitted_keys(account, gateway_message_id, settings)[0]


def submitted_keys(
    account: str, gateway_message_id: str, settings: DialectSettings, learned: LearnedIds | None = None
) -> tuple[str, ...]:
    """Every key under which the receipts of an accepted part may be looked for, the likelier first.

    Write it under each of them. `learned` is asked and taught; without it an id of digits alone has two keys where its
    form is `either`.
    """
    form = response_form(settings)
    base = _base(learned.responses, gateway_message_id, form) if learned is not None else None
    return tuple([f"{account}|{reading}" for reading in readings(gateway_message_id, form, base)])


def delivery_key(account: str, pdu: Incoming, settings: DialectSettings, learned: LearnedIds | None = None) -> str:
    """The key of a deliver_sm or data_sm; for a receipt under the likelier reading of its id (see `other_key`).

    A receipt: `account|id`, or `account|?|source|destination` without a readable id, which no message ever has. An
    inbound message: `account|>|source|destination|reference`, the reference with its width and the number of parts, or
    empty for one that stands alone.
    """
    if not is_receipt(pdu):
        part = read_part(message_octets(pdu), esm_class=pdu.esm_class, tlvs=pdu.tlvs).part
        reference = f"{part.reference}/{part.bits}.{part.total}" if part is not None and part.total > 1 else ""
        return f"{account}|>|{pdu.source_addr}|{pdu.destination_addr}|{reference}"
    found = receipt_id(pdu)
    if found is None:
        return f"{account}|?|{pdu.source_addr}|{pdu.destination_addr}"
    form = receipt_form(settings)
    base = _base(learned.receipts, found, form) if learned is not None else None
    return f"{account}|{readings(found, form, base)[0]}"


def other_key(account: str, pdu: Incoming, settings: DialectSettings, key: str) -> str | None:
    """The key of a receipt under the other reading of its id than `key`; None where it has one only."""
    form = receipt_form(settings)
    found = receipt_id(pdu) if form is IdFormat.EITHER else None
    keys = [f"{account}|{reading}" for reading in readings(found, form)] if found is not None else []
    return next((each for each in keys if each != key), None)


def other_reading(account: str, gateway_message_id: str, settings: DialectSettings, key: str) -> str | None:
    """The key of an accepted part under the other reading of its id than `key`; None where it has one only."""
    return next((each for each in submitted_keys(account, gateway_message_id, settings) if each != key), None)


def rollup_key(account: str, message_id: str) -> str:
    """The key that brings the parts of one message together; no gateway id makes it."""
    return f"{account}|=|{message_id}"


def lost_key(account: str, recipient: str) -> str:
    """The key under which a message waits whose id was lost; no gateway id makes it."""
    return f"{account}|~|{recipient.removeprefix('+')}"


def _base(side: Side, raw: str, form: IdFormat) -> int | None:
    if form is not IdFormat.EITHER:
        return None
    side.saw(raw)
    return side.base


def is_receipt(pdu: Incoming) -> bool:
    """Whether this is about a message of ours: esm_class says so, or receipted_message_id, which no handset can set."""
    kind = pdu.esm_class & ESM_TYPE_MASK
    if kind in (ESM_TYPE_RECEIPT, ESM_TYPE_INTERMEDIATE):
        return True
    return kind == 0 and any(tag == Tag.RECEIPTED_MESSAGE_ID for tag, _ in pdu.tlvs)


def receipt_id(pdu: Incoming) -> str | None:
    """The id a receipt names: receipted_message_id first, the text where it is missing; None where there is none."""
    for tag, value in pdu.tlvs:
        if tag == Tag.RECEIPTED_MESSAGE_ID:
            found = tlv_text(value)
            if found:
                return found
            break
    receipt = parse_receipt(receipt_octets(pdu))
    return None if isinstance(receipt, ReceiptError) else receipt.message_id


def message_octets(pdu: Incoming) -> bytes:
    """short_message, or message_payload where that is empty, as it always is in data_sm."""
    octets = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    if octets:
        return octets
    for tag, value in pdu.tlvs:
        if tag == Tag.MESSAGE_PAYLOAD:
            return value
    return b""


def receipt_octets(pdu: Incoming) -> bytes:
    """The text of a receipt, one octet a character, without a user data header; some servers write it in UCS2."""
    octets = message_octets(pdu)
    if pdu.esm_class & 0x40:
        octets = read_part(octets, esm_class=pdu.esm_class).payload
    if pdu.data_coding & 0x0C == 0x08 and b"\0" in octets:
        octets = octets.decode("utf-16-be", "replace").encode("latin-1", "replace")
    return octets


def tlv_text(value: bytes) -> str:
    """A C-octet string, with its NUL or without."""
    return value.split(b"\0", 1)[0].decode("latin-1").strip(PADDING)


def first_tlvs(tlvs: tuple[tuple[int, bytes], ...]) -> Mapping[int, bytes]:
    """The parameters by tag; of several with one tag the first."""
    return dict(reversed(tlvs)) if tlvs else {}
