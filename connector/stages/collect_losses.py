"""Messages whose id was lost with their response, and the receipts that nobody claims: they meet by the recipient.

The rule: a receipt that was told of as unmatched may belong to a message that was taken without our learning its id;
the oldest one from the same sender to the same number that was submitted before the receipt's own time is it, unless
the gateway brings back the message's own number (user_message_reference), which tells outright. Then its id is known
to all receipts that follow, and its outcome is corrected, unless the receipt tells of some of its parts only.
Comes from: `collect_receipts`. Next station: the topics of submit responses and deliveries.
"""

from dataclasses import replace
from typing import Final

from connector.domain.events import Delivery, DeliveryType, Outcome, SubmitResponse
from connector.domain.identity import event_id
from connector.domain.joining import Known, Messages
from connector.kafka.records import RecordError, UnknownSchemaId
from connector.smpp.pdu import DataSm, DeliverSm
from connector.stages.collect_sheet import Place, Sheet, TableName, Unreadable
from connector.translate import delivery_key, lost_key, may_answer, may_name, shows_whole
from connector.translate.deliveries import receipt_id

MOST_LOST: Final = 64
"""Messages without an id to one number that are remembered; a connection that dies again and again makes them."""

_CLOCKS_MS: Final = 60_000
"""How far a receipt may seem to come before its message: the two were stamped by different processes."""


class Losses:
    """Writes onto the sheet of its batch."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def lost(self, partition: int, item: Delivery) -> None:
        """A message that was taken, or may have been, under an id that never came."""
        sheet, place = self._sheet, self._place(partition, item)
        before = sheet.messages(place)
        known = before.known if before is not None else ()
        if item.ids is not None:
            # A late answer has told what became of it: no receipt needs to.
            left = tuple(each for each in known if each.submitted.message_id != item.message_id)
            if left != known:
                sheet.put(place, Messages(known=left) if left else None)
            return
        if any(each.submitted.message_id == item.message_id for each in known):
            return
        fresh = Known(submitted=item, expires_at=sheet.now_ms + sheet.desk.joins.retention)
        sheet.put(place, Messages(known=(*known[1 - MOST_LOST :], fresh)))

    def ask(self, item: Delivery, pdu: DeliverSm | DataSm) -> None:
        """A receipt is told of as unmatched: look for its message by the number it comes from."""
        if pdu.source_addr and receipt_id(pdu) is not None:
            self._sheet.forward(replace(item, key=lost_key(item.account, pdu.source_addr), by_recipient=True))

    def found(self, partition: int, item: Delivery, pdu: DeliverSm | DataSm) -> None:
        """Such a receipt, where its message would be: the message gets its id, and its receipts find it."""
        sheet, place = self._sheet, self._place(partition, item)
        dialect = sheet.desk.dialect(item.account)
        messages, name = sheet.messages(place), receipt_id(pdu)
        known = [
            each
            for each in (messages.known if messages is not None else ())
            if each.expires_at > sheet.now_ms
            and _fits(each.submitted, item, pdu)
            and may_answer(pdu, each.submitted.kind)
            and may_name(pdu, each.submitted.message_id or "", dialect)
        ]
        if messages is None or not known or name is None:
            return
        lost = known[0].submitted
        left = tuple(each for each in messages.known if each is not known[0])
        sheet.put(place, Messages(known=left) if left else None)
        sheet.forward(
            replace(
                lost,
                type=DeliveryType.SUBMITTED,
                # Where its receipts wait: the id is known as receipts write it, which need not be as responses do.
                key=delivery_key(item.account, pdu, dialect),
                gateway_message_id=name,
                pdu=None,
                ids=1,
            )
        )
        sheet.receipts[item.account, "found-again"] += 1
        if shows_whole(pdu, lost.parts or 1, dialect):
            # Last: an outcome that cannot be read takes the correction away, and nothing else.
            self._correct(lost, name)

    def _correct(self, lost: Delivery, name: str) -> None:
        try:
            told = self._sheet.desk.codec.decode(SubmitResponse, lost.pdu)
        except RecordError as error:
            raise Unreadable(error.code, error.reason) from error
        except UnknownSchemaId as error:
            raise Unreadable("unknown-schema", str(error)) from error
        self._sheet.publish(
            replace(
                told,
                event_id=event_id("submit-correction", told.source_topic, told.source_partition, told.source_offset),
                outcome=Outcome.ACCEPTED,
                reason="receipt-came",
                gateway_message_id=name,
                completed_at=self._sheet.now_ms,
                correction=True,
            ),
            lost.traceparent,
        )

    def _place(self, partition: int, item: Delivery) -> Place:
        return Place(TableName.SUBMITTED, partition, item.key.encode())


def _fits(lost: Delivery, receipt: Delivery, pdu: DeliverSm | DataSm) -> bool:
    if lost.receipt is False:
        # None was asked for, so this is another message's.
        return False
    sender, named = (lost.sender or "").removeprefix("+"), pdu.destination_addr.removeprefix("+")
    return lost.at <= receipt.at + _CLOCKS_MS and (not sender or not named or sender == named)
