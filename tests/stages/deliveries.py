"""Items of `sms.deliveries` for tests, as the submitter would store them. Numbers are fictional."""

from dataclasses import replace

from connector.domain.events import Delivery, DeliveryType
from connector.smpp.constants import Tag
from connector.smpp.pdu import DeliverSm, QuerySmResp, encode
from connector.translate import DialectSettings, delivery_key, submitted_key, submitted_keys

DIALECT = DialectSettings()
TO = "79990000001"
FROM = "SHOP"
AT = 1_790_000_000_000


def submitted(
    gateway_id: str = "101", *, message_id: str = "m-1", account: str = "main", kind: str = "SMS", **fields: object
) -> Delivery:
    """The gateway took a message under this id."""
    item = Delivery(
        type=DeliveryType.SUBMITTED,
        key=submitted_key(account, gateway_id, DIALECT),
        account=account,
        at=AT,
        slot=0,
        gateway_message_id=gateway_id,
        message_id=message_id,
        kind=kind,
        sender=FROM,
        recipient=TO,
        parts=1,
    )
    return replace(item, **fields)  # type: ignore[arg-type]  # the few fields that a test cares about


def submissions(gateway_id: str, rules: DialectSettings, **fields: object) -> list[Delivery]:
    """The same under every reading of its id."""
    return [
        submitted(gateway_id, key=key, second_reading=number > 0, **fields)  # type: ignore[arg-type]  # as above
        for number, key in enumerate(submitted_keys("main", gateway_id, rules))
    ]


def received(
    pdu: DeliverSm, *, account: str = "main", at: int = AT + 1000, sequence: int = 1, rules: DialectSettings = DIALECT
) -> Delivery:
    """A deliver_sm as it came."""
    return Delivery(
        type=DeliveryType.RECEIVED,
        key=delivery_key(account, pdu, rules),
        account=account,
        at=at,
        slot=0,
        pdu=encode(pdu, sequence=sequence),
    )


def receipt(
    gateway_id: str = "101",
    *,
    stat: str = "DELIVRD",
    err: int = 0,
    status: int | None = None,
    cost: str | None = None,
    flags: int | None = None,
    mccmnc: str | None = None,
    state: int | None = None,
    source: str = TO,
    done: str = "2609211531",
    **options: object,
) -> Delivery:
    """A receipt; `status` is the additional status (2 read, 4 link clicked), `state` the message_state."""
    text = f"id:{gateway_id} sub:001 dlvrd:001 submit date:2609211530 done date:{done} stat:{stat} err:{err:03}"
    tlvs = [(int(Tag.RECEIPTED_MESSAGE_ID), gateway_id.encode() + b"\0")]
    if status is not None:
        tlvs.append((int(Tag.ADDITIONAL_STATUS), status.to_bytes(2, "big")))
    if cost is not None:
        tlvs.append((int(Tag.COST), cost.encode()))
    if flags is not None:
        tlvs.append((int(Tag.FLAGS), flags.to_bytes(2, "big")))
    if mccmnc is not None:
        tlvs.append((int(Tag.MCCMNC), mccmnc.encode()))
    if state is not None:
        tlvs.append((int(Tag.MESSAGE_STATE), bytes((state,))))
    pdu = DeliverSm(
        source_addr=source, destination_addr=FROM, esm_class=4, short_message=text.encode(), tlvs=tuple(tlvs)
    )
    return received(pdu, **options)  # type: ignore[arg-type]  # passed on as they are


def answered(item: Delivery, state: int, *, error: int = 0, status: int = 0, at: int = AT + 9000) -> Delivery:
    """The answer to a query_sm about a submitted message, as the submitter stores it."""
    body = QuerySmResp(message_id=item.gateway_message_id or "", message_state=state, error_code=error)
    return replace(item, type=DeliveryType.POLLED, at=at, pdu=encode(body, sequence=9, status=status))


def hlr_answer(gateway_id: str = "101") -> Delivery:
    """The answer to an HLR request."""
    text = f"id:{gateway_id} stat:DELIVRD err:000 imsi:001010000000001 msc:79990000000 mcc:001 mnc:01 cn:Nowhere net:"
    return received(DeliverSm(source_addr=TO, destination_addr=FROM, esm_class=4, short_message=text.encode()))


def inbound(
    text: str, *, index: int = 1, total: int = 1, reference: int = 7, at: int = AT + 1000, sender: str = TO
) -> Delivery:
    """A message from a subscriber, or a part of one."""
    octets = text.encode("ascii")
    if total > 1:
        octets = bytes((5, 0, 3, reference, total, index)) + octets
    pdu = DeliverSm(
        source_addr=sender, destination_addr="7700", esm_class=0x40 if total > 1 else 0, short_message=octets
    )
    return received(pdu, at=at)
