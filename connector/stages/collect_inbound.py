"""Inbound messages in a batch of the collector: each part to its message, whole messages and overdue ones to the topic.

Comes from: `collect_batch`. Decisions: `domain.assembling`; readings: `translate.inbound`.
"""

from hashlib import blake2b

from connector.domain import assembling
from connector.domain.assembling import Assemblies, Assembly, Told
from connector.domain.events import Delivery
from connector.smpp.pdu import DataSm, DeliverSm
from connector.stages.collect_sheet import Place, Sheet, TableName, pdu_of
from connector.translate import assemble, to_inbound_part
from connector.translate.inbound import InboundPiece


class Inbound:
    """Writes onto the sheet of its batch."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def received(self, partition: int, item: Delivery, pdu: DeliverSm | DataSm) -> None:
        """A message from a subscriber, or a part of one."""
        piece = to_inbound_part(pdu, account=item.account, received_at=item.at)
        if piece.total == 1:
            self._publish([piece])
            return
        place = Place(TableName.WAITING, partition, item.key.encode())
        found = self._sheet.value(place)
        added = assembling.add_part(
            found if isinstance(found, tuple) else (),
            item,
            total=piece.total,
            index=piece.index,
            mark=_digest(piece),
            now_ms=self._sheet.now_ms,
            rules=self._sheet.desk.assemblies,
        )
        if added.assemblies is None:
            self._sheet.inbound[item.account, "repeated"] += 1
            return
        self._sheet.put(place, added.assemblies)
        self._publish_all(partition, added.publish)

    def due(self, place: Place, assemblies: Assemblies) -> None:
        """The time of some may be up."""
        publish, kept = assembling.overdue(assemblies, now_ms=self._sheet.now_ms)
        self._publish_all(place.partition, publish)
        self._sheet.put(place, kept or None)

    def tell_all(self, place: Place, assemblies: Assemblies) -> None:
        """Publish what was not, since it cannot be kept."""
        self._publish_all(place.partition, tuple(each for each in assemblies if each.told is Told.NOTHING))

    def _publish_all(self, partition: int, assemblies: tuple[Assembly, ...]) -> None:
        for assembly in assemblies:
            items = [part.item for part in assembly.parts if part.item is not None]
            try:
                self._publish(
                    [to_inbound_part(pdu_of(item), account=item.account, received_at=item.at) for item in items]
                )
            except Exception as error:
                for item in items:
                    self._sheet.set_aside(item, self._sheet.origin(partition), error)

    def _publish(self, pieces: list[InboundPiece]) -> None:
        account = pieces[0].account
        message = assemble(pieces, self._sheet.desk.dialect(account), completed_at=self._sheet.now_ms)
        self._sheet.publish(message)
        self._sheet.inbound[account, "complete" if message.complete else "incomplete"] += 1


def _digest(piece: InboundPiece) -> int:
    """64 bits of what makes a part a repeat of another."""
    digest = blake2b(piece.payload, digest_size=8, salt=piece.data_coding.to_bytes(2, "big"))
    return int.from_bytes(digest.digest(), "big")
