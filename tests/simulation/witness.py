"""Sees every octet that a replica writes or hears, every record that lands and every offset that is committed.

What must hold at once is judged here, at the moment; what can only be said at the end is left to `promises`, with the
stories that were kept. The first broken promise ends the run.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf
from struct import Struct
from typing import cast

from connector.domain.events import (
    Delivery,
    DeliveryType,
    LaneMessage,
    LedgerEntry,
    LedgerType,
    Outcome,
    SubmitResponse,
)
from connector.domain.messages import Action, Lane, UnknownPolicy
from connector.kafka.clients import OutRecord, Partition, Record
from connector.kafka.records import Codec
from connector.kafka.topics import Topics
from connector.smpp.bodies import Header
from connector.smpp.constants import CommandId
from connector.smpp.pdu import CancelSm, QuerySm, ReplaceSm, SubmitSm, SubmitSmResp, decode_body
from connector.translate import plan
from tests.simulation.group import Group
from tests.simulation.known import Known
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.seeds import BASE_MS, Posted, Scene
from tests.simulation.story import Broken, Key, Promise, Story, Write, key_of, unanswered
from tests.simulation.wire import End

_HEADER = Struct(">4I").unpack_from
_ACTIONS = {CancelSm: Action.CANCEL, ReplaceSm: Action.REPLACE, QuerySm: Action.QUERY}
_SECOND = 1.0
_MINUTE = 60.0
_SLACK_MS = 5_000
_MOVING = 3.0
"""Seconds after a slot was given to another replica in which its share of the rate may be what is seen."""
_SETTLING = 3.0
"""Seconds after a strike in which the order of the lanes is not judged."""


class Witness:
    """One for a world; the network's watcher, and told by log and group."""

    def __init__(self, scene: Scene, codec: Codec, topics: Topics, loop: VirtualLoop) -> None:
        self.scene = scene
        self.codec = codec
        self.topics = topics
        self.loop = loop
        self.group = cast(Group, None)
        self.broken: Broken | None = None
        self.closed = False
        """True once the run is being taken down, which counts for nothing."""
        self.on_broken: Callable[[], None] = lambda: None
        self.on_step: Callable[[Process, str], None] = lambda process, step: None
        self.note: Callable[[str, str], None] = lambda who, what: None
        self.lease_age: Callable[[Process], float] = lambda process: 0.0
        self.troubled_until = 0.0
        self.writing_troubled_until = 0.0
        self.submitted: set[tuple[str, str]] = set()
        self.polled: set[str] = set()
        self.stories: list[Story] = []
        self.replays: dict[tuple[Process, int], float] = {}
        """When a replica last began to read the ledger of a slot."""
        self.went_on: dict[Process, float] = {}
        """When a replica that stood still went on."""
        self.doubts = 0
        """Crashes and changes of owner so far, each of which may leave an outcome unknown."""
        self._by_key: dict[Key, list[Story]] = defaultdict(list)
        self._by_id: dict[tuple[str, int], list[Story]] = defaultdict(list)
        self._speeds = {account.name: account.rate for account in scene.config.accounts}
        self._windows = {account.name: account.window for account in scene.config.accounts}
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._lanes = {topics.lane(lane) for lane in Lane}
        self._records: dict[Partition, list[list[Story]]] = defaultdict(list)
        self._checked: dict[Partition, int] = defaultdict(int)
        self._waiting: dict[tuple[End, int], Write] = {}
        self._slots: dict[End, int] = {}
        self._asking: dict[tuple[End, int], tuple[Action, Story]] = {}
        self._named: dict[str, Story] = {}
        self._instead: dict[Key, Key] = {}
        self._deliveries: dict[tuple[End, int], bytes] = {}
        self._durable: set[bytes] = set()
        self._urgent: dict[int, list[Story]] = defaultdict(list)
        self._entries: dict[bytes, list[LedgerEntry]] = {}
        self._begun: dict[tuple[Process, bytes], float] = {}
        self._moved_at: dict[str, float] = {}
        self._grants: dict[int, list[tuple[float, Process]]] = defaultdict(list)
        for posted in scene.posted:
            self._begin(posted)

    def _begin(self, posted: Posted) -> None:
        account = next(each for each in self.scene.config.accounts if each.name == posted.account)
        pdus = () if posted.about is not None else plan(posted.message, account, now_ms=BASE_MS).pdus
        story = Story(
            posted=posted,
            keys=tuple(key_of(pdu) for pdu in pdus),
            policy=posted.message.unknown_outcome or account.unknown_outcome,
        )
        self.stories.append(story)
        self._by_id[posted.message.id, posted.slot].append(story)
        for key in story.keys:
            self._by_key[key].append(story)
        if posted.about is not None and posted.message.action is Action.REPLACE:
            target = self.stories[posted.about]
            changed = replace(target.posted.message, text=posted.message.text)
            (pdu,) = plan(changed, account, now_ms=BASE_MS).pdus
            target.instead = key_of(pdu)
            self._instead[target.instead] = target.keys[0]

    def key_of(self, pdu: SubmitSm) -> Key:
        """What is the same in every request with a part, be it with the text that was put in place of its own."""
        key = key_of(pdu)
        return self._instead.get(key, key)

    def accuse(self, promise: Promise, seen: str, known: Known | None = None) -> None:
        """A promise is broken; the first one counts."""
        if self.broken is None and not self.closed:
            self.broken = Broken(promise, f"{seen} at {self.loop.time():.3f} s", known)
            self.note("", f"BROKEN: {self.broken}")
            self.on_broken()

    def stories_of(self, key: Key) -> list[Story]:
        """The events with a part of this content (two, for twins)."""
        return self._by_key.get(key, [])

    def trouble(self, seconds: float, *, writing: bool = False) -> None:
        """Something strikes for so long; the order of the lanes is not judged meanwhile. `writing`: writes may wait."""
        self.troubled_until = max(self.troubled_until, self.loop.time() + seconds + _SETTLING)
        if writing:
            self.writing_troubled_until = max(self.writing_troubled_until, self.loop.time() + seconds + 10.0)

    # What the replicas write and hear

    def written(self, end: End, octets: bytes) -> None:
        process = end.process
        assert process is not None, "only replicas are watched"
        for header, at, last in _pdus(octets):
            if header.command_id == CommandId.SUBMIT_SM:
                pdu = decode_body(header, octets, at + 16, last)
                assert isinstance(pdu, SubmitSm)
                self._submitted(process, end, header.sequence, pdu)
            elif header.command_id in (CommandId.CANCEL_SM, CommandId.REPLACE_SM, CommandId.QUERY_SM):
                pdu = decode_body(header, octets, at + 16, last)
                assert isinstance(pdu, CancelSm | ReplaceSm | QuerySm)
                self._asked(process, end, header.sequence, pdu)
            elif header.command_id == CommandId.DELIVER_SM_RESP and header.status == 0:
                raw = self._deliveries.get((end, header.sequence))
                if raw is not None and raw not in self._durable:
                    self.accuse(Promise.DELIVERY_FIRST, f"{process.name} answered a delivery that is in no topic")

    def _submitted(self, process: Process, end: End, sequence: int, pdu: SubmitSm) -> None:
        now, key = self.loop.time(), self.key_of(pdu)
        candidates = self._by_key.get(key, [])
        begun = [each for each in candidates if each.intent is not None]
        # Of twins the one that may go: the other may be done, or wait for its answer.
        story = next((each for each in begun if each.done is None and not unanswered(each, key)), None)
        story = story or next(iter(begun), None)
        if story is None:
            self.accuse(Promise.INTENT_FIRST, f"{process.name} wrote {candidates[0].name} without an intent in the log")
            return
        part, posted = story.keys.index(key), story.posted
        self.note(process.name, f"writes {story.name} part {part} as {sequence} on connection {end.number}")
        self._lease(process, story)
        self._speed(process, posted.account)
        self._again(process, story, part)
        if not any(write.kept for write in story.writes):
            self._first(process, story)
        elif len(story.keys) > 1 and len(candidates) == 1 and now - story.writes[0].at > _MINUTE:
            seen = f"part {part} of {story.name} went {now - story.writes[0].at:.1f} s after the first"
            self.accuse(Promise.PARTS, seen, Known.CLOCK_PUT_BACK if process.wall_ms < -_SLACK_MS else None)
        if self._slots.setdefault(end, posted.slot) != posted.slot:
            self.accuse(Promise.PARTS, f"{story.name} went on the bind of slot {self._slots[end]}")
        if posted.lane is Lane.BULK:
            self._overtakes(posted.slot)
        write = Write(at=now, process=process, story=story, part=part, end=end)
        story.writes.append(write)
        self._waiting[end, sequence] = write
        self.on_step(process, "bytes")

    def _asked(self, process: Process, end: End, sequence: int, pdu: CancelSm | ReplaceSm | QuerySm) -> None:
        target, action = self._named[pdu.message_id], _ACTIONS[type(pdu)]
        self.note(process.name, f"asks for {action} of {target.name} as {sequence} on connection {end.number}")
        self._lease(process, target)
        self._speed(process, target.posted.account)
        self._asking[end, sequence] = action, target

    def _lease(self, process: Process, story: Story) -> None:
        slot = story.posted.slot
        owner = self.group.granted.get(slot)
        age = self.lease_age(process)
        if age >= self.scene.config.kafka.session_timeout:
            self.accuse(Promise.LEASE, f"{process.name} wrote {story.name} with a lease of {age:.1f} s")
        elif owner is None or owner[0] is not process:
            other = "nobody" if owner is None else owner[0].name
            self.accuse(Promise.LEASE, f"{process.name} wrote {story.name}, but slot {slot} is {other}'s")

    def _speed(self, process: Process, account: str) -> None:
        now, recent = self.loop.time(), self._recent[account]
        recent.append(now)
        while recent[0] <= now - _SECOND:
            recent.popleft()
        if len(recent) > self._speeds[account]:
            seen = f"{len(recent)} PDUs of account {account} within a second, the last by {process.name}"
            moved = now - self._moved_at.get(account, -inf) < _MOVING
            stalled = any(now - at <= _SECOND for at in self.went_on.values())
            known = Known.SHARE_TAKEN_AT_ONCE if moved else Known.STALLED_BEFORE_THE_WRITE if stalled else None
            self.accuse(Promise.RATE, seen, known)

    def _again(self, process: Process, story: Story, part: int) -> None:
        if story.policy is UnknownPolicy.AT_MOST_ONCE and unanswered(story, story.keys[part]):
            self.accuse(Promise.NOT_TWICE, f"{process.name} wrote {story.name} again, unanswered, against its policy")
        if len(self._by_key[story.keys[part]]) > 1:
            return  # nobody can tell twins apart by what is written
        owner = self.group.granted.get(story.posted.slot)
        settled = min([at for at, _ in story.outcomes], default=None)
        if settled is not None and owner is not None and settled < owner[1]:
            known = Known.OUTCOME_WITHOUT_TRACE if story.untraced else None
            if self._remembers_wrongly(process, story.posted.slot):
                known = Known.STALE_MEMORY
            seen = f"{process.name} wrote {story.name}, whose outcome was there before it came"
            self.accuse(Promise.NOT_TWICE, seen, known)

    def _first(self, process: Process, story: Story) -> None:
        posted = story.posted
        for other in self._by_id[posted.message.id, posted.slot]:
            if other is not story and other.writes:
                known = Known.OUTCOME_WITHOUT_TRACE if story.untraced or other.untraced else None
                self.accuse(
                    Promise.NOT_TWICE, f"{process.name} wrote {story.name}, whose id {other.name} has used", known
                )
        if story in self._urgent[posted.slot]:
            self._urgent[posted.slot].remove(story)

    def _overtakes(self, slot: int) -> None:
        now, owner = self.loop.time(), self.group.granted.get(slot)
        if now < self.troubled_until or owner is None or now - owner[1] < _SECOND:
            return
        for story in self._urgent[slot]:
            if len(self._by_key[story.keys[0]]) > 1:
                continue  # the guard holds a twin while the other has no answer
            if story.appended is not None and now - story.appended > 0.3:
                story.overtaken += 1
                if story.overtaken > self._windows[story.posted.account] + 3:
                    self.accuse(
                        Promise.URGENT, f"{story.overtaken} parts of bulk went before {story.name} in slot {slot}"
                    )

    def unwritten(self, end: End, octets: bytes) -> None:
        for header, _, _ in _pdus(octets):
            write = self._waiting.get((end, header.sequence))
            if write is not None:
                write.kept = False

    def heard(self, end: End, octets: bytes) -> None:
        process = end.process
        assert process is not None, "only replicas are watched"
        for header, at, last in _pdus(octets):
            if header.command_id == CommandId.SUBMIT_SM_RESP:
                write = self._waiting.get((end, header.sequence))
                if write is not None:
                    write.status, write.heard = header.status, min(write.heard, self.loop.time())
                    self.note(process.name, f"hears {header.status:#x} for {write.story.name} part {write.part}")
                    body = decode_body(header, octets, at + 16, last)
                    if isinstance(body, SubmitSmResp) and body.message_id:
                        self._named[body.message_id] = write.story
                    self.on_step(process, "answer")
            elif (end, header.sequence) in self._asking and header.status == 0:
                action, target = self._asking[end, header.sequence]
                target.granted.add(action)
            elif header.command_id == CommandId.DELIVER_SM:
                self._deliveries[end, header.sequence] = octets[at:last]

    # What the log and the group tell

    def noticed(self, process: Process, when: str, records: Sequence[OutRecord]) -> None:
        """A write was sent, has landed, or was acknowledged; a step of the messages it is about."""
        topic = records[0].topic
        if topic == self.topics.ledger:
            entries = self._entries_of(records[0].value or b"")
            kind = "intent" if entries[0].type is LedgerType.INTENT else "done"
            self._ownership(process, when, records)
        elif topic == self.topics.submit_responses:
            kind = "outcome"
        elif topic == self.topics.deliveries:
            kind = "delivery"
        else:
            return
        self.note(process.name, f"{kind} {when}")
        self.on_step(process, f"{kind} {when}")

    def _ownership(self, process: Process, when: str, records: Sequence[OutRecord]) -> None:
        """Notices who writes down an outcome though the slot was given away, or given anew, since he began to."""
        for record in records:
            begun = self._begun.setdefault((process, record.value or b""), self.loop.time())
            owner = self.group.granted.get(record.partition or 0)
            late = owner is None or owner[0] is not process or owner[1] > begun
            for entry in self._entries_of(record.value or b"") if when == "landed" else ():
                story = self.stories[entry.source_offset]
                if entry.type is not LedgerType.DONE:
                    continue
                answered = entry.command_status is not None
                heard = any(write.process is process and owner and write.heard >= owner[1] for write in story.writes)
                if self._remembers_wrongly(process, record.partition or 0):
                    story.wrongly = Known.STALE_MEMORY
                elif late or (answered and not heard):
                    story.wrongly = Known.STALE_OUTCOME

    def _entries_of(self, value: bytes) -> list[LedgerEntry]:
        found = self._entries.get(value)
        if found is None:
            found = self._entries[value] = self.codec.decode_frame(LedgerEntry, value)
        return found

    def landed(self, record: Record) -> None:
        """A record is durable."""
        now = self.loop.time()
        if record.topic in self._lanes:
            self._laid(record, now)
        elif record.topic == self.topics.ledger:
            for entry in self._entries_of(record.value or b""):
                story = self.stories[entry.source_offset]
                if entry.type is LedgerType.INTENT:
                    self._expiry(story, entry)
                    story.intent = now if story.intent is None else story.intent
                elif story.done is None:
                    story.done = now
        elif record.topic == self.topics.submit_responses:
            self._ended(self.codec.decode(SubmitResponse, record.value), now)
        elif record.topic == self.topics.dead_letters:
            number = next(int(value) for name, value in record.headers if name == "dl_offset")
            self.stories[number].letters += 1
        elif record.topic == self.topics.deliveries:
            for item in self.codec.decode_frame(Delivery, record.value):
                if item.type is DeliveryType.RECEIVED:
                    self._durable.add(item.pdu or b"")
                elif item.type is DeliveryType.POLLED:
                    self.polled.add(item.message_id or "")
                elif item.type is DeliveryType.SUBMITTED:
                    self.submitted.add((item.message_id or "", item.gateway_message_id or ""))

    def _expiry(self, story: Story, entry: LedgerEntry) -> None:
        """An intent that waits for the broker may come late; one that is begun anew may not."""
        expires = story.posted.message.expires_at
        late = entry.at - (expires or entry.at)
        if (
            late > 1000
            and entry.attempt == 1
            and story.intent is None
            and self.loop.time() > self.writing_troubled_until
        ):
            self.accuse(Promise.EXPIRY, f"{story.name} was begun {late / 1000:.1f} s after its expiry")

    def _laid(self, record: Record, now: float) -> None:
        stories = [self.stories[each.source_offset] for each in self.codec.decode_frame(LaneMessage, record.value)]
        place = Partition(record.topic, record.partition)
        self._records[place].append(stories)
        for story in stories:
            posted = story.posted
            story.moved = story.moved or posted.partition != posted.slot == record.partition
            plain = story.keys and posted.readable and posted.repeats is None and posted.partition == posted.slot
            if story.appended is None and posted.lane is Lane.URGENT and plain:
                self._urgent[posted.slot].append(story)
            story.appended = now if story.appended is None else story.appended

    def _ended(self, response: SubmitResponse, now: float) -> None:
        story = self.stories[response.source_offset]
        self.note("", f"outcome of {story.name}: {response.outcome} {response.reason or ''}")
        if story.writes and story.done is None:
            self.accuse(Promise.ONE_OUTCOME, f"{story.name} was published as {response.outcome} before it was done")
        if story.outcomes:
            first = story.outcomes[0][1]
            if response.correction and first.outcome == Outcome.UNKNOWN:
                return  # an event of its own, that says what the unknown outcome came to
            if response.event_id != first.event_id:
                self.accuse(Promise.ONE_OUTCOME, f"{story.name} was published again under another event id")
            elif response.outcome != first.outcome:
                seen = f"{story.name} was {first.outcome}, and now is {response.outcome}"
                known = story.wrongly or (Known.OUTCOME_WITHOUT_TRACE if story.untraced else None)
                self.accuse(Promise.ONE_OUTCOME, seen, known)
        else:
            story.untraced = story.done is None
        story.outcomes.append((now, response))
        if story in self._urgent[story.posted.slot]:
            self._urgent[story.posted.slot].remove(story)

    def committing(self, process: Process, place: Partition, offset: int) -> None:
        """The group takes an offset."""
        self.note(process.name, f"commits {place.topic}[{place.partition}] at {offset}")
        records = self._records[place]
        for number in range(self._checked[place], offset):
            for story in records[number]:
                stray = story.posted.slot != place.partition
                if not (story.settled or (stray and story.moved)):
                    self.accuse(Promise.OUTCOME_FIRST, f"{process.name} committed {story.name}, which has no outcome")
        self._checked[place] = max(self._checked[place], offset)

    def _remembers_wrongly(self, process: Process, slot: int) -> bool:
        """Whether a replica has not read the slot's ledger since it was given back by another that owned it."""
        read = self.replays.get((process, slot), inf)
        others = [at for at, other in self._grants[slot] if other is not process]
        again = [at for at, other in self._grants[slot] if other is process and others and at > others[0]]
        return bool(again) and read < again[-1]

    def granted(self, slot: int, process: Process) -> None:
        """The group tells a replica that a slot is its own."""
        before = self.group.granted.get(slot)
        self.doubts += before is not None
        self._grants[slot].append((self.loop.time(), process))
        if before is not None and before[0] is not process:
            owner = self.scene.config.slot_map().owner(slot)
            assert owner is not None, "only slots of the configuration are given away"
            self._moved_at[owner.account] = self.loop.time()
        self.note(process.name, f"is given slot {slot}")

    def all_committed(self) -> bool:
        """Whether nothing in the lanes would be read again."""
        return all(self.group.offsets.get(place, 0) == len(records) for place, records in self._records.items())


def _pdus(octets: bytes) -> Iterator[tuple[Header, int, int]]:
    """The whole PDUs in what was written at once; a broken rest is left alone."""
    at = 0
    while at + 16 <= len(octets):
        header = Header(*_HEADER(octets, at))
        end = at + header.length
        if end > len(octets) or header.length < 16:
            return
        yield header, at, end
        at = end
