"""One bind's share of the work: what waits in its lanes, what is under way, what is settled. Pure; time is given.

Messages come in by `take`, leave as parts by `next_part`, and come back as answers; `finished` holds what has an
outcome and is to be written down. Nothing leaves here without a durable intent: a part that needs one first says so.
"""

from collections.abc import Callable, Iterable, Sequence

from connector.domain.events import LaneMessage, Outcome
from connector.domain.guards import MARGIN_MS, Flood, Go, Guards, Hold, Identical
from connector.domain.messages import Lane, OutboundMessage
from connector.kafka.ledger import REPEATED_ID, Ledger, New, Open, Repeated, Settled, Unpublished, source_of
from connector.stages.settings import AccountSettings
from connector.stages.submit import ancillary
from connector.stages.submit.answers import answer
from connector.stages.submit.corrections import Corrections
from connector.stages.submit.doubt import Fate, Fitness, expired, fate_of, fitness_of, repeatable
from connector.stages.submit.offsets import OffsetTracker
from connector.stages.submit.queue import PARTS_WITHIN_MS, LaneQueue
from connector.stages.submit.recovery import reopen
from connector.stages.submit.requests import Requests
from connector.stages.submit.work import FINAL, Admitted, Part, PartState, Work, number_of, result_of
from connector.translate import AncillaryPlan, LearnedIds, RefusedMessage, Verdict, plan, verdict
from connector.translate import ancillary as pdu_of

MOST_HELD = 1_000
"""Messages of a lane that guards may hold in memory; more go back to the end of their lane."""

INTENT_FRESH_MS = 20_000
"""An intent older than this is written again before a further attempt, so that a crash finds a young one."""


class Slot:
    """The works of one slot."""

    def __init__(
        self,
        *,
        number: int,
        account: AccountSettings,
        ledger: Ledger,
        decode: Callable[[bytes], OutboundMessage],
        resend_ms: int,
        guards: Guards | None = None,
    ) -> None:
        """`decode` reads an event; `resend_ms` bounds an identical resend; `guards` remember what left before."""
        self.number = number
        self.account = account
        self.ledger = ledger
        self.guards = Guards(account.guards) if guards is None else guards
        self.offsets: dict[Lane, OffsetTracker] = {lane: OffsetTracker() for lane in Lane}
        self.finished: list[Work] = []
        self.deferred: list[Work] = []
        self.put_off_at = 0
        self.unreadable: list[tuple[OffsetTracker, int, LaneMessage, Exception]] = []
        self.learned: LearnedIds | None = None
        self.ready = False
        self.writable = True
        self.host = ""
        self.in_flight = 0
        self._decode = decode
        self._resend_ms = resend_ms
        self._works: dict[str, Work] = {}
        self.queues: dict[Lane, LaneQueue] = {lane: LaneQueue() for lane in Lane}
        self._requests = Requests(self._works, self.queues, self.offsets, ledger, self._settle)
        self.corrections = Corrections()
        self._doubtful: list[Part] = []
        self._taken = 0

    # What comes in

    def take(self, lane: Lane, offset: int, items: Sequence[LaneMessage], *, now_ms: int) -> None:
        """A lane record was read; all its items belong to this slot (strays are sorted out before)."""
        self.offsets[lane].opened(offset, len(items))
        for item in items:
            self._take_one(lane, offset, item, now_ms)
        self._requests.read_on()

    def _take_one(self, lane: Lane, offset: int, item: LaneMessage, now_ms: int) -> None:
        known = self._works.get(item.message_id)
        if known is not None and source_of(known.item) == source_of(item):
            known.claims.append((self.offsets[lane], offset))
            return
        standing = self.ledger.standing(item) if known is None else Repeated()
        if isinstance(standing, Settled):
            self.offsets[lane].finished(offset)
            return
        try:
            message = self._decode(item.event)
        except Exception as error:  # the stage's edge: it becomes a dead letter, and stops nobody
            self.unreadable.append((self.offsets[lane], offset, item, error))
            return
        self._taken += 1
        claims = [(self.offsets[lane], offset)]
        work = Work(
            slot=self.number,
            lane=lane,
            item=item,
            message=message,
            lane_offset=offset,
            claims=claims,
            order=self._taken,
        )
        match standing:
            case New():
                self._works[item.message_id] = work
                if work.ancillary:
                    self._requests.take(work)
                elif self._requests.cancels(item.message_id):
                    self._settle(work, Outcome.CANCELLED, ancillary.IN_LANE)
                else:
                    self.queues[lane].fresh.append(work)
            case Repeated():
                work.settle(Outcome.DUPLICATE, REPEATED_ID)
                self.finished.append(work)
            case Unpublished(entry=entry):
                self._works[item.message_id] = work
                work.result, work.correction = result_of(entry), entry.correction
                work.recorded = True
                self._finish(work)
            case Open(entry=entry):
                self._works[item.message_id] = work
                if reopen(work, entry, self.account, slot=self.number, now_ms=now_ms):
                    self._doubtful += work.parts
                else:
                    self._settle(work, Outcome.UNKNOWN, "no-response-before-restart")

    # What goes out

    def waiting(self, lane: Lane, *, begin: bool = True) -> bool:
        """Whether a part of this lane could go; `begin`: or a message of which none has gone."""
        return self.queues[lane].waiting(begin)

    @property
    def begun(self) -> int:
        """Parts of messages under way that wait for their turn, while there is a bind to send them."""
        return sum(len(queue.begun) for queue in self.queues.values()) if self.ready else 0

    def queued(self, lane: Lane) -> int:
        """Messages of the lane that no intent was written for, and no guard holds."""
        return len(self.queues[lane].fresh)

    def next_part(self, lane: Lane, *, now_ms: int, begin: bool = True) -> Admitted | None:
        """The next part of the lane, counted as in flight from now on; None where nothing is fit to go."""
        queue = self.queues[lane]
        patient: list[Part] = []
        found: Admitted | None = None
        while queue.begun and found is None:
            part = queue.begun.popleft()
            if part.not_before > now_ms and part.state is PartState.WAITING:
                patient.append(part)
            elif self._fit(part, now_ms):
                found = self._admit(part, now_ms)
        queue.begun.extendleft(reversed(patient))
        while found is None and begin and queue.fresh:
            work = queue.fresh.popleft()
            if expired(work, now_ms):
                self._settle(work, Outcome.EXPIRED, "expired-in-lane")
            elif self._planned(work, now_ms) and self._guarded(work, now_ms):
                first, *rest = work.parts
                queue.begin(rest)
                found = self._admit(first, now_ms)
        return found

    def _planned(self, work: Work, now_ms: int) -> bool:
        try:
            if work.ancillary:
                pdus = [pdu_of(work.message, name, self.account, coding=work.coding) for name in work.asked]
                work.plan = AncillaryPlan(tuple(pdus))
            else:
                work.planned_at = now_ms
                work.plan = plan(work.message, self.account, now_ms=now_ms, first_ms=now_ms)
        except RefusedMessage as error:
            self._settle(work, Outcome.REJECTED, error.refusal.code)
            return False
        except Exception as error:  # the stage's edge: it becomes a dead letter, and stops nobody
            self._works.pop(work.item.message_id, None)
            self.unreadable += [(tracker, offset, work.item, error) for tracker, offset in work.claims]
            self._requests.resume(work)
            return False
        work.number = number_of(work.message.recipient)
        work.parts = [Part(work=work, index=index) for index in range(len(work.plan.pdus))]
        for part, name in zip(work.parts, work.asked, strict=False):
            part.gateway_message_id = name
        if work.ancillary or len(work.parts) <= max(1.0, self.account.rate * PARTS_WITHIN_MS / 1000):
            return True
        self._settle(work, Outcome.REJECTED, "parts-not-within-a-minute")
        return False

    def _guarded(self, work: Work, now_ms: int) -> bool:
        """Whether the message may begin now; else it is held or settled."""
        if work.ancillary:
            return True
        assert work.plan is not None, "a message is planned before its guards are asked"
        match self.guards.advise(work.item.message_id, work.plan.fingerprints, work.number, now_ms=now_ms):
            case Hold(until=until) if self.queues[work.lane].held < MOST_HELD:
                self.queues[work.lane].hold(work, until)
            case Hold():
                self.deferred.append(work)
            case Identical():
                self._settle(work, Outcome.DUPLICATE, "identical-within-a-minute")
            case Flood():
                self._settle(work, Outcome.REJECTED, "too-many-to-one-number")
            case Go():
                return True
        return False

    def _fit(self, part: Part, now_ms: int) -> bool:
        """Whether a started part should still go; else its message is settled as far as it can be."""
        found = fitness_of(part, self.account, host=self.host, resend_ms=self._resend_ms, now_ms=now_ms)
        if found is Fitness.EXPIRED:
            self._settle(part.work, Outcome.EXPIRED, "expired-in-lane")
        elif found is Fitness.ELSEWHERE:
            part.state = PartState.DOUBTFUL
            self._doubtful.append(part)
        elif found in (Fitness.FAILING, Fitness.LATE, Fitness.TOO_OLD):
            part.state = PartState.UNKNOWN if part.doubted else PartState.REJECTED
            self._settle_by_parts(part.work, "parts-not-within-a-minute" if found is Fitness.LATE else None)
        return found is Fitness.FIT

    def _admit(self, part: Part, now_ms: int) -> Admitted:
        work = part.work
        stale = work.intent_at is None or (not work.doubted and now_ms - work.intent_at > INTENT_FRESH_MS)
        intent_first = not work.ancillary and (stale or work.intent_host != self.host)
        if intent_first:
            if stale:
                work.intent_at = now_ms
                if work.plan is not None:
                    self.guards.left(work.item.message_id, work.plan.fingerprints, work.number, at=now_ms)
            work.intent_host, work.covered = self.host, False
            work.attempt += 1
        part.state = PartState.SENT
        self.in_flight += 1
        return Admitted(part=part, intent_first=intent_first, host=self.host, at=now_ms)

    def sent(self, part: Part, *, now_ms: int) -> None:
        """The bytes of the part go to the socket now."""
        work = part.work
        if part.doubted and not work.ancillary and not repeatable(part, self.host, self._resend_ms, now_ms):
            work.possible_duplicate = True
        part.attempts += 1
        part.host = self.host
        if work.submitted_at is None:
            work.submitted_at = now_ms

    def hold(self, part: Part) -> None:
        """The part did not leave (bind lost, lease lost, a long wait): it keeps its place at the head of its lane."""
        if part.state is PartState.SENT:
            self.in_flight -= 1
            part.state = PartState.WAITING
            self.queues[part.work.lane].put_back(part)

    def unfit(self, part: Part) -> None:
        """The part has no form on the wire: its message is refused."""
        self.in_flight -= 1
        part.state = PartState.REJECTED
        self._settle_by_parts(part.work, "not-encodable")

    # What comes back

    def answered(self, part: Part, status: int, gateway_message_id: str, *, now_ms: int) -> Verdict | None:
        """The response to a part, early or late; None where the part had been given up or answered already."""
        work = part.work
        queued = False
        if part.state is PartState.SENT:
            self.in_flight -= 1
        elif part.state is PartState.DOUBTFUL:
            self._doubtful.remove(part)
        elif part.state is PartState.WAITING and part.doubted:
            queued = True
        else:
            if part.state is PartState.UNKNOWN:
                self.corrections.late(part, verdict(status, self.account), gateway_message_id, status, now_ms)
            return None
        outcome = verdict(status, self.account)
        if work.ancillary and outcome is Verdict.DUPLICATE:
            outcome = Verdict.REJECTED
        part.command_status = status
        work.responded_at = now_ms
        window_ms = self.account.guards.duplicate_ms + MARGIN_MS
        if answer(part, outcome, gateway_message_id, queued=queued, window_ms=window_ms, now_ms=now_ms):
            self.queues[work.lane].put_back(part)
        if part.state in FINAL:
            self._settle_by_parts(work)
        return outcome

    def doubt(self, parts: Iterable[Part]) -> None:
        """No answer came and none is awaited: the bytes may have been accepted."""
        for part in parts:
            if part.state is PartState.SENT:
                self.in_flight -= 1
                part.state, part.doubted = PartState.DOUBTFUL, True
                self._doubtful.append(part)

    def review(self, *, now_ms: int) -> None:
        """Applies the unknown-outcome policies and expiry; call it about once a second and when the bind comes up."""
        self.finished += self.corrections.due()
        doubtful, self._doubtful = self._doubtful, []
        for part in doubtful:
            self._review_one(part, now_ms)
        for queue in self.queues.values():
            queue.release(now_ms)
            for part in list(queue.begun):
                # Of the others it is asked when their turn comes; while the bind is down it does not come.
                if (part.doubted or expired(part.work, now_ms)) and not self._fit(part, now_ms):
                    queue.begun.remove(part)
            late = [work for work in queue.works() if expired(work, now_ms)]
            for work in late:
                self._settle(work, Outcome.EXPIRED, "expired-in-lane")
            if late:
                queue.keep()

    def _review_one(self, part: Part, now_ms: int) -> None:
        work = part.work
        match fate_of(part, self.account, ready=self.ready, host=self.host, resend_ms=self._resend_ms, now_ms=now_ms):
            case Fate.GIVE_UP:
                part.state = PartState.UNKNOWN
                self._settle_by_parts(work)
            case Fate.RESEND:
                part.state = PartState.WAITING
                self.queues[work.lane].put_back(part)
            case Fate.WAIT:
                self._doubtful.append(part)

    def clock_put_back(self, by_ms: int) -> None:
        """The wall clock goes so much behind what it told before: all ages stay what they are."""
        self.guards.clock_put_back(by_ms)
        for queue in self.queues.values():
            queue.clock_put_back(by_ms)
        for work in self._works.values():
            work.clock_put_back(by_ms)

    # What is settled

    def published(self, work: Work) -> None:
        """The outcome is durable: the lane records that waited for it may be committed."""
        work.published = True
        if work.ancillary:
            self._requests.published(work)
        known = self._works.get(work.item.message_id)
        if known is work:
            del self._works[work.item.message_id]
            self.ledger.published(work.item.message_id)
        elif work.correction:
            self.ledger.published(work.item.message_id)
        for tracker, offset in work.claims:
            tracker.finished(offset)
        work.claims.clear()

    def sent_back(self, work: Work) -> None:
        """A deferred message stands at the end of its lane again, durably: here it is as if it had not come."""
        if self._works.get(work.item.message_id) is work:
            del self._works[work.item.message_id]
        self._requests.resume(work)
        for tracker, offset in work.claims:
            tracker.finished(offset)

    def forget_unstarted(self) -> None:
        """The partitions are about to be read again from the committed offset: drop what only waits in memory.

        What is settled and not yet published keeps its claims on the old trackers, which nobody commits any more.
        """
        dropped = [*self.deferred, *self._requests.forget()]
        self.deferred.clear()
        for queue in self.queues.values():
            dropped += queue.works()
            queue.keep(unsettled=False)
        for work in dropped:
            for each in (work, *work.requests):
                self._works.pop(each.item.message_id, None)
        for work in self._works.values():
            work.claims.clear()
        self.offsets.update({lane: OffsetTracker() for lane in Lane})

    def _settle(self, work: Work, outcome: Outcome, reason: str) -> None:
        work.settle(outcome, reason)
        self._finish(work)

    def _settle_by_parts(self, work: Work, reason: str | None = None) -> None:
        if not work.unsettled:
            return
        if work.failing:
            for other in work.parts:
                if other.state is PartState.WAITING:
                    other.state = PartState.UNKNOWN if other.doubted else PartState.REJECTED
        work.settle_by_parts()
        if work.result is not None:
            if reason is None and work.ancillary and work.result.outcome is Outcome.ACCEPTED:
                reason = ancillary.DONE_REASONS[work.message.action]
            if reason is not None:
                work.settle(work.result.outcome, reason)
            self._finish(work)

    def _finish(self, work: Work) -> None:
        if work.intent_at is not None and work.result is not None:
            accepted = work.result.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
            self.guards.ended(work.item.message_id, accepted=accepted)
        self.finished.append(work)
        self._requests.resume(work)
