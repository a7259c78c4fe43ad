"""Lane records on their way into a slot: what cannot be read is set aside, what belongs elsewhere is sent on.

Next station: `slot`.
"""

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from connector.domain.events import LaneMessage
from connector.domain.kinds import recipient_of
from connector.domain.messages import Action, Lane, OutboundMessage
from connector.kafka.clients import OutRecord, Record
from connector.kafka.ledger import New, source_of
from connector.kafka.records import Codec, RecordError, UnknownSchemaId
from connector.kafka.registry import Registry
from connector.kafka.topics import Topics
from connector.smpp.pdu import encode
from connector.stages.dead_letters import dead_letter, internal_error, most_octets, tell
from connector.stages.learning import learn
from connector.stages.settings import StageConfig
from connector.stages.submit.journal import Journal
from connector.stages.submit.originals import Originals
from connector.stages.submit.slot import Slot
from connector.stages.trials import POISON, REASON
from connector.translate import plan

log = logging.getLogger(__name__)

PUT_OFF_EVERY_MS = 1_000
"""Between two times that held messages go to the end of their lanes: each of them is written and read again."""


class Intake:
    """One for all slots of a process."""

    def __init__(
        self,
        config: StageConfig,
        journal: Journal,
        codec: Codec,
        registry: Registry | None,
        *,
        epoch_ms: Callable[[], int],
        originals: Originals,
    ) -> None:
        self._config = config
        self._originals = originals
        self._journal = journal
        self._codec = codec
        self._registry = registry
        self._epoch_ms = epoch_ms
        self._topics = Topics(config.kafka.topic_prefix)
        self._map = config.slot_map()
        self._most = most_octets(config.kafka)

    def decode(self, value: bytes) -> OutboundMessage:
        """An outbound event as it stands in a lane message."""
        return self._codec.decode(OutboundMessage, value)

    async def read(self, record: Record, slot: Slot) -> list[LaneMessage]:
        """What of a lane record is the slot's own; the rest is in the dead letters, or on its way, when this returns.

        That may take a while: ask afterwards whether the assignment is still the same before the slot takes it.
        """
        try:
            items = self._codec.decode_frame(LaneMessage, record.value or b"")
        except Exception as error:  # the stage's edge
            fault = _fault(error)
            await self.bury(record, fault.code, fault.reason)
            return []
        await self._fetch_schemas(items)
        # Only what was never begun here may move: of the rest this slot's ledger knows the fate, and no other does.
        strays = [
            item
            for item in items
            if (item.slot != slot.number or item.account != slot.account.name)
            and isinstance(slot.ledger.standing(item), New)
        ]
        if strays:
            await self._send_back(strays)
            items = [item for item in items if item not in strays]
        return items

    async def _fetch_schemas(self, items: Sequence[LaneMessage]) -> None:
        """An event written under a registry's id is decoded later, without waiting: learn the schema now."""
        if self._registry is None:
            return
        for schema_id in {int.from_bytes(item.event[1:5], "big") for item in items if item.event[:1] == b"\0"}:
            await learn(self._registry, schema_id, stage="submit")

    async def _send_back(self, items: Sequence[LaneMessage]) -> None:
        """Strays of a configuration that has changed: to the right slot, or to the dead letters without one."""
        records: list[OutRecord] = []
        refused: list[tuple[LaneMessage, RecordError]] = []
        for item in items:
            account = self._config.account(item.account)
            if account is None or not account.submits:
                refused.append((item, RecordError("account-unknown", "the account of a routed message is gone")))
                continue
            try:
                moved = replace(item, slot=self._map.of(account.name, recipient_of(self.decode(item.event), account)))
                value = self._codec.encode_frame([moved])
            except Exception as error:  # the stage's edge
                refused.append((item, _fault(error)))
                continue
            records.append(OutRecord(topic=self._topics.lane(item.lane), value=value, partition=moved.slot))
        log.warning("%d lane messages stood in a slot of another account; they were sent to their own", len(items))
        await self._journal.plain([*records, *await self._letters(refused)])

    def items_of(self, record: Record) -> list[LaneMessage]:
        """Its items; none where it cannot be read, which `read` deals with."""
        try:
            return self._codec.decode_frame(LaneMessage, record.value)
        except Exception:  # the stage's edge
            return []

    def rehearse(self, item: LaneMessage, slot: Slot) -> int | None:
        """All that is done with a message before its bytes leave, without any effect: one that ends the process does it
        here. Where a schema must be learned first, its id."""
        with contextlib.suppress(Exception):  # what is raised is dealt with when it is taken
            try:
                message = self.decode(item.event)
            except UnknownSchemaId as unknown:
                return unknown.schema_id
            if message.action is Action.SEND:
                for pdu in plan(message, slot.account, now_ms=self._epoch_ms()).pdus:
                    encode(pdu, sequence=1)
        return None

    async def learn(self, schema_id: int) -> None:
        """Returns when the codec has an answer for this id."""
        if self._registry is not None:
            await learn(self._registry, schema_id, stage="submit")

    async def bury_item(self, record: Record, number: int) -> None:
        """One message of a lane record to the dead letters, the others to the end of their lane; all of it is durable
        when this returns."""
        items = self.items_of(record)
        buried = items.pop(number)
        others = [
            OutRecord(topic=record.topic, value=self._codec.encode_frame([item]), partition=record.partition)
            for item in items
        ]
        await self._journal.plain([*await self._letters([(buried, RecordError(POISON, REASON))]), *others])

    async def set_aside(self, slot: Slot) -> None:
        """Dead letters for what the slot could not read, durable before their offsets are finished."""
        letters = tuple(slot.unreadable)
        if letters:
            # A message that failed when its turn came may have been read more than once by then: one letter for it.
            faults = {id(item): (item, _fault(error)) for _, _, item, error in letters}
            await self._journal.plain(await self._letters(list(faults.values())))
            del slot.unreadable[: len(letters)]
            for tracker, offset, _, _ in letters:
                tracker.finished(offset)

    async def put_off(self, slot: Slot) -> None:
        """What guards hold beyond what the memory is meant for goes to the end of its lane, as it came; now and then,
        since it may well be held again when it comes back."""
        deferred, now_ms = tuple(slot.deferred), self._epoch_ms()
        if not deferred or 0 <= now_ms - slot.put_off_at < PUT_OFF_EVERY_MS:
            return
        slot.put_off_at = now_ms
        by_lane: dict[Lane, list[LaneMessage]] = {}
        for work in deferred:
            by_lane.setdefault(work.lane, []).append(work.item)
        await self._journal.plain(
            [
                OutRecord(topic=self._topics.lane(lane), value=value, partition=slot.number)
                for lane, items in by_lane.items()
                for value in self._codec.frames(items)
            ]
        )
        # A rebalance meanwhile may have emptied the list, and filled it anew.
        written = set(deferred)
        slot.deferred = [work for work in slot.deferred if work not in written]
        for work in deferred:
            slot.sent_back(work)

    async def bury(self, record: Record, code: str, reason: str) -> None:
        """A whole lane record to the dead letters; it is there when this returns."""
        await self._journal.plain([self._addressed(record, code, reason)])
        tell("submit", code)

    async def _letters(self, refused: Sequence[tuple[LaneMessage, RecordError]]) -> list[OutRecord]:
        """Each as it stood on the outbound topic; where it is there no longer, what its lane has of it."""
        originals = await self._originals.find(item for item, _ in refused)
        letters = []
        for item, fault in refused:
            record = originals.get(source_of(item)) or Record(
                topic=item.source_topic,
                partition=item.source_partition,
                offset=item.source_offset,
                timestamp=item.received_at,
                key=None,
                value=item.event,
                headers=(),
            )
            tell("submit", fault.code)
            letters.append(self._addressed(record, fault.code, fault.reason, message_id=item.message_id))
        return letters

    def _addressed(self, record: Record, code: str, reason: str, *, message_id: str | None = None) -> OutRecord:
        return dead_letter(
            record,
            topic=self._topics.dead_letters,
            stage="submit",
            code=code,
            reason=reason,
            now_ms=self._epoch_ms(),
            message_id=message_id,
            most=self._most,
        )


def _fault(error: Exception) -> RecordError:
    """Why a message cannot be taken, whatever went wrong with it."""
    return error if isinstance(error, RecordError) else internal_error(error, stage="submit")
