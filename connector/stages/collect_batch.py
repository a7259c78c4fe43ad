"""One batch of the collector: what its items come to, in events to publish and rows to write. No input or output.

The batch sees its own writes before the tables do, so a receipt and its message may stand in one frame. Nothing here is
done by halves: the stage publishes the events, then writes the rows, then lets the batch count as delivered.
Comes from: `collect`. Next station: `collect_receipts` or `collect_inbound`, which write onto one `collect_sheet`.
"""

from collections import Counter

from connector.domain.events import Delivery, DeliveryType
from connector.domain.joining import Messages, Waiting
from connector.domain.rolling import Rollup
from connector.kafka.clients import OutRecord, Record
from connector.kafka.records import RecordError
from connector.stages.collect_inbound import Inbound
from connector.stages.collect_losses import Losses
from connector.stages.collect_receipts import Receipts
from connector.stages.collect_sheet import Desk, Place, Sheet, TableName, Value, Write, pdu_of
from connector.translate import is_receipt


class Batch:
    """`take` items, `due` and `poll` keys, then `settle`; the results are its rows, `events`, and the counts."""

    def __init__(self, desk: Desk, *, now_ms: int) -> None:
        self._sheet = Sheet(desk, now_ms=now_ms)
        self._receipts = Receipts(self._sheet)
        self._inbound = Inbound(self._sheet)
        self._losses = Losses(self._sheet)

    def take(self, record: Record, item: Delivery) -> None:
        """One item of a frame; `record` is the frame. What cannot be read becomes a dead letter."""
        partition = record.partition
        try:
            match item.type:
                case DeliveryType.SUBMITTED:
                    self._receipts.submitted(partition, item)
                case DeliveryType.RECEIVED:
                    pdu = pdu_of(item)
                    receiver = self._receipts if is_receipt(pdu) else self._inbound
                    receiver.received(partition, item, pdu)
                case DeliveryType.POLLED:
                    self._receipts.polled(partition, item)
                case DeliveryType.TOLD:
                    self._receipts.told(partition, item)
                case DeliveryType.PART_DONE:
                    self._receipts.part_done(partition, item)
                case DeliveryType.LOST:
                    self._losses.lost(partition, item)
        except Exception as error:
            self._sheet.set_aside(item, record, error)

    def take_unreadable(self, record: Record, error: RecordError) -> None:
        """A frame that is none."""
        self._sheet.letter(record, error.code, error.reason)

    def due(self, partition: int, key: bytes) -> None:
        """The time of a waiting row may be up: publish what must not wait longer, forget what has expired."""
        place = Place(TableName.WAITING, partition, key)
        match self._sheet.value(place):
            case Waiting() as waiting:
                self._receipts.due(place, waiting)
            case tuple() as assemblies:
                self._inbound.due(place, assemblies)

    def poll(self, partition: int, key: bytes) -> None:
        """The receipt of a message may be overdue: ask for its state."""
        self._receipts.poll(Place(TableName.SUBMITTED, partition, key))

    def settle(self) -> list[Write]:
        """Every row that changed, as it is to be written; call it once, and before reading `events`."""
        return self._sheet.settle(self._tell_all)

    def _tell_all(self, place: Place, value: Value) -> None:
        match value:
            case Messages(known=known):
                # Their receipts will find nothing, and be told of as unmatched.
                self._sheet.receipts[known[-1].submitted.account, "forgotten"] += len(known)
            case Rollup(item=item):
                self._sheet.receipts[item.account, "forgotten"] += 1
            case Waiting() as waiting:
                self._receipts.give_up(place, waiting)
            case tuple() as assemblies:
                self._inbound.tell_all(place, assemblies)

    @property
    def events(self) -> list[OutRecord]:
        """What is to be published."""
        return self._sheet.events

    @property
    def receipts(self) -> Counter[tuple[str, str]]:
        """Receipts by account and what became of them."""
        return self._sheet.receipts

    @property
    def contradictions(self) -> Counter[str]:
        """Receipts by account whose TLVs and text disagree."""
        return self._sheet.contradictions

    @property
    def inbound(self) -> Counter[tuple[str, str]]:
        """Messages from subscribers by account and what became of them."""
        return self._sheet.inbound

    @property
    def dead(self) -> Counter[str]:
        """Dead letters by reason."""
        return self._sheet.dead
