"""The submitter at work: reads the lanes, writes intents, submits over the binds, writes down what came of it.

The decisions are made in `account` and `slot`, `figures` tells of them; here are the loops that act and wait: reading,
pacing with the intents before it, outcomes, deliveries. A message's way is short on purpose: lane, intent, socket.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from connector import telemetry
from connector.bind.link import DeliveryToken
from connector.bind.pool import Pool
from connector.bind.status import BindRefusal
from connector.kafka.clients import Consumer
from connector.kafka.records import Codec
from connector.kafka.registry import Registry
from connector.kafka.topics import Topics
from connector.smpp.constants import CommandStatus, status_name
from connector.smpp.pdu import Body, QuerySmResp, SubmitSm, encode
from connector.smpp.tlv import Tlvs
from connector.stages.sending import LeaseLost
from connector.stages.settings import StageConfig
from connector.stages.submit.account import Account, sent_of
from connector.stages.submit.figures import Figures
from connector.stages.submit.intake import Intake
from connector.stages.submit.journal import Journal
from connector.stages.submit.lanes import Lanes
from connector.stages.submit.originals import Originals
from connector.stages.submit.received import Received
from connector.stages.submit.slot import Slot
from connector.stages.submit.wall import WallClock
from connector.stages.submit.work import Admitted, PartState
from connector.translate import Verdict

log = logging.getLogger(__name__)

TICK = 0.01
"""Seconds between two rounds of pacing at the least: small enough for a login code, large enough to gather a batch."""
OUTCOME_LINGER = 0.05
"""Seconds that outcomes gather before they are written: a write costs the same for one as for fifty."""
REVIEW_EVERY = 0.5
"""Seconds between rounds of housekeeping: unknown outcomes, expiry, commits, figures."""


class Submitter:
    """All that one process submits and receives. `Ownership` gives it slots and takes them away."""

    def __init__(
        self,
        config: StageConfig,
        *,
        consumer: Consumer,
        journal: Journal,
        codec: Codec,
        registry: Registry | None,
        clock: Callable[[], float],
        epoch_ms: Callable[[], int],
        rng: random.Random,
        originals: Originals | None = None,
    ) -> None:
        self.config = config
        self.consumer = consumer
        self.journal = journal
        journal.allowed, journal.owns = self.may_write, self.owns
        self.slots: dict[int, Slot] = {}
        self.frozen = False
        """True during a rebalance: no message is begun until it is known whose the slots are."""
        self.halted = False
        """True between two assignments: nothing at all leaves."""
        self.stopping = False
        """True at the end: no message is begun, and what was begun is finished."""
        self.figures = Figures()
        self.received = Received(journal, epoch_ms=epoch_ms)
        self.intake = Intake(
            config, journal, codec, registry, epoch_ms=epoch_ms, originals=originals or Originals(None)
        )
        self._clock = clock
        self._epoch_ms = WallClock(clock, epoch_ms, put_back=self._clock_put_back)
        self.lanes = Lanes(
            consumer,
            Topics(config.kafka.topic_prefix),
            self.intake,
            self.slots,
            look_ahead=config.submit.look_ahead,
            epoch_ms=epoch_ms,
        )
        self._map = config.slot_map()
        now = clock()
        self.accounts = {item.name: Account(item, config.submit, now=now) for item in config.accounts}
        self.pools = {
            item.name: Pool(
                item,
                self,
                label=item.name,
                iso=item.iso,
                single=item.single,
                clock=clock,
                random=rng,
                may_write=self.may_write,
            )
            for item in config.accounts
        }
        self._intents: list[tuple[Slot, Admitted]] = []
        self._unwritten: set[str] = set()
        self._wake = asyncio.Event()
        self._intents_wait = asyncio.Event()
        self._outcomes_wait = asyncio.Event()
        self._writing_outcomes = asyncio.Lock()

    # Slots come and go

    def opened(self, slot: Slot, *, since: float) -> None:
        """The slot's ledger is replayed: its lanes may be read now. It is ours `since` then."""
        self.slots[slot.number] = slot
        account = self.accounts[slot.account.name]
        # What its ledger told may be from a clock that was ahead.
        slot.guards.none_after(self._epoch_ms())
        account.open(slot, since=since, now=self._clock())
        bind = self.pools[slot.account.name].binds.get(slot.number)
        if bind is not None and bind.ready:
            self.on_ready(slot.number)
        self._wake.set()

    def closed(self, number: int) -> None:
        """The slot is another's now; what is under way here is no longer ours to report."""
        slot = self.slots.pop(number, None)
        if slot is not None:
            account = self.accounts[slot.account.name]
            account.slots.pop(number, None)
            # At once: the new owner begins with its share, and both count together at the gateway.
            account.repace(self._clock())
            self.figures.moved_away(slot)
            self.figures.account(account)

    def may_write(self) -> bool:
        """Whether this process may still believe that its slots are its own (no heartbeat, no writing)."""
        return self.consumer.lease_age(self._clock()) < self.config.kafka.session_timeout

    def owns(self, slot: Slot) -> bool:
        """Whether the slot is not another's by now."""
        return self.slots.get(slot.number) is slot

    def _clock_put_back(self, by_ms: int) -> None:
        log.warning("the wall clock was put back by %.1f s", by_ms / 1000)
        for slot in self.slots.values():
            slot.clock_put_back(by_ms)

    @property
    def under_way(self) -> int:
        """Parts that wait for an intent, their turn or an answer, and settled works that are not written down."""
        return sum(slot.in_flight + slot.begun + len(slot.finished) for slot in self.slots.values())

    # What the binds report

    def on_ready(self, number: int) -> None:
        slot = self.slots.get(number)
        if slot is None:
            return
        bind = self.pools[slot.account.name].binds.get(number)
        slot.ready, slot.host = True, bind.host if bind is not None else ""
        self.figures.bound(slot)
        slot.review(now_ms=self._epoch_ms())
        self._wake.set()

    def on_writable(self, number: int) -> None:
        self._wake.set()

    def on_answer(self, number: int, context: object, status: int, body: Body) -> None:
        _, part = sent_of(context)
        if isinstance(body, QuerySmResp) and status == CommandStatus.ESME_ROK:
            part.answer = encode(body, sequence=1)
        self._answered(context, status, part.gateway_message_id or "", late=False)

    def on_refused(self, number: int, refusal: BindRefusal) -> None:
        owner = self._map.owner(number)
        status = status_name(refusal.status) if refusal.status is not None else refusal.ending.value
        if owner is not None:
            telemetry.count(telemetry.Metric.BIND_REFUSED, account=owner.account, status=status)

    def on_response(self, number: int, context: object, status: int, message_id: str, tlvs: Tlvs) -> None:
        if tlvs:
            self.accounts[sent_of(context)[0].account.name].told(tlvs, self._clock())
        self._answered(context, status, message_id, late=False)

    def on_late_response(self, number: int, context: object, status: int, message_id: str) -> None:
        if context is not None:
            self._answered(context, status, message_id, late=True)

    def _answered(self, context: object, status: int, message_id: str, *, late: bool) -> None:
        slot, part = sent_of(context)
        if not self.owns(slot):
            return
        now = self._clock()
        account = self.accounts[slot.account.name]
        verdict = slot.answered(part, status, message_id, now_ms=self._epoch_ms())
        waited = None if late or part.sent_at is None else now - part.sent_at
        part.sent_at = None
        if waited is not None:
            account.answered_after(waited)
        if verdict in (Verdict.THROTTLED, Verdict.QUEUE_FULL):
            account.throttled(now)
        self.figures.answered(slot, status, verdict, waited)
        if slot.finished:
            self._outcomes_wait.set()
        if account.starving:
            self._wake.set()

    def on_timeout(self, number: int, context: object) -> None:
        slot, part = sent_of(context)
        if self.owns(slot):
            slot.doubt([part])

    def on_down(self, number: int, reason: str, unanswered: tuple[object, ...], unsent: tuple[object, ...]) -> None:
        slot = self.slots.get(number)
        if slot is not None:
            slot.ready = False
            self.figures.down(slot)
        for context in unanswered:
            owner, part = sent_of(context)
            owner.doubt([part])
        for context in unsent:
            owner, part = sent_of(context)
            owner.hold(part)

    def on_delivery(self, number: int, pdu: Body, raw: bytes, token: DeliveryToken) -> None:
        owner = self._map.owner(number)
        assert owner is not None, "binds deliver for our slots only"
        self.received.take(number, self.accounts[owner.account], pdu, raw, token)

    # The loops

    async def read(self) -> None:
        """Lane records into slots, no more than the look-ahead."""
        while True:
            if await self.lanes.read():
                self._outcomes_wait.set()
            self._wake.set()

    async def pace(self) -> None:
        """Parts whose turn has come: to the socket, or first to the ledger."""
        while True:
            self._wake.clear()
            wait = self.admit()
            # Not `wait_for`: in Python 3.11 it may swallow the cancellation that ends this loop.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            await asyncio.sleep(TICK)

    async def write_intents(self) -> None:
        """One write for all parts that came up while the last write was under way; the later parts of a message wait
        here for the intent that its first part asked for."""
        while True:
            await self._intents_wait.wait()
            self._intents_wait.clear()
            batch, self._intents = self._intents, []
            works = [(slot, each.part.work) for slot, each in batch if each.intent_first]
            try:
                await self.journal.intents(works)
            except LeaseLost:
                # They are held, as `_send` does with whatever is not ours, and ask again.
                for _, work in works:
                    work.intent_host = None
            for slot, each in batch:
                self._send(slot, each)

    async def write_outcomes(self) -> None:
        """What is settled, in batches."""
        while True:
            await self._outcomes_wait.wait()
            await asyncio.sleep(OUTCOME_LINGER)
            self._outcomes_wait.clear()
            await self.flush_outcomes()

    async def flush_outcomes(self) -> None:
        """Returns when everything that was settled before the call is durable and may be committed."""
        async with self._writing_outcomes:
            if not self.may_write():
                return
            slots = list(self.slots.values())
            for slot in slots:
                await self.intake.set_aside(slot)
                await self.intake.put_off(slot)
            # They stay on the slots' lists until they are written: this may be cancelled, and is then called again.
            works = [(slot, work) for slot in slots for work in slot.finished if self.owns(slot)]
            if works and self.may_write():
                try:
                    await self.journal.outcomes(works)
                except LeaseLost:
                    return
                for slot in slots:
                    slot.finished = [work for work in slot.finished if not work.published]
                # What was another's by then is not ours to count.
                self.figures.ended([each for each in works if each[1].published], now_ms=self._epoch_ms())

    async def housekeeping(self) -> None:
        """Unknown outcomes, expiry, recovery of the rate, commits and figures."""
        while True:
            await asyncio.sleep(REVIEW_EVERY)
            now, now_ms = self._clock(), self._epoch_ms()
            for slot in self.slots.values():
                # Without the lease the slot may be another's, who decides by what the ledger tells.
                if self.may_write():
                    slot.review(now_ms=now_ms)
                if slot.finished or slot.unreadable or slot.deferred:
                    self._outcomes_wait.set()
            for account in self.accounts.values():
                account.repace(now)
            self.figures.report(self.accounts.values(), self.lanes)
            if not self.frozen:
                if self.may_write():
                    with contextlib.suppress(LeaseLost):
                        await self.journal.renew(self.slots.values())
                await self.lanes.commit()
            self._wake.set()

    # The steps

    def admit(self) -> float:
        """One round of admissions; returns seconds until the next token matters."""
        if self.halted or not self.may_write():
            return 0.1
        begin = not (self.frozen or self.stopping)
        now = self._clock()
        wait = 0.25
        for account in self.accounts.values():
            if not account.slots:
                continue
            for slot in account.slots.values():
                bind = self.pools[slot.account.name].binds.get(slot.number)
                slot.writable = bind is not None and bind.free_window > 0
            now_ms = self._epoch_ms()
            round_ = account.admit(now=now, now_ms=now_ms, begin=begin)
            for slot, admitted in round_:
                self.figures.admitted(admitted.part.work, now_ms=now_ms)
                self._start(slot, admitted)
            needed = account.wait(now)
            # With a token and nothing fit to go, all that waits must wait for its own time, or for an answer.
            if needed is not None and (needed > 0 or round_):
                wait = min(wait, needed)
            if any(slot.finished for slot in account.slots.values()):
                self._outcomes_wait.set()
        if self._intents:
            self._intents_wait.set()
        self.lanes.flow()
        return wait

    def _start(self, slot: Slot, admitted: Admitted) -> None:
        if admitted.part.work.covered:
            self._send(slot, admitted)
        else:
            self._intents.append((slot, admitted))

    def _send(self, slot: Slot, admitted: Admitted) -> None:
        account = self.accounts[slot.account.name]
        if self._submitted(slot, admitted):
            now = self._clock()
            account.left(now)
            # The link writes in the next turn of the loop, and this comes after it.
            if account.settings.name not in self._unwritten:
                self._unwritten.add(account.settings.name)
                asyncio.get_running_loop().call_soon(self._written, account, now)
        else:
            account.stayed()

    def _written(self, account: Account, since: float) -> None:
        self._unwritten.discard(account.settings.name)
        account.written(since, self._clock())

    def _submitted(self, slot: Slot, admitted: Admitted) -> bool:
        part, now_ms = admitted.part, self._epoch_ms()
        # While it waited for its intent the slot may have gone, or a late answer have come.
        if not self.owns(slot) or part.state is not PartState.SENT:
            return False
        bind = self.pools[slot.account.name].binds.get(slot.number)
        work = part.work
        holds = admitted.holds(slot.host, now_ms)
        if bind is None or bind.free_window < 1 or not holds or self.halted or not self.may_write():
            slot.hold(part)
            return False
        assert work.plan is not None, "a part is made from its plan"
        first = work.submitted_at is None
        pdu = work.plan.pdus[part.index]
        try:
            if isinstance(pdu, SubmitSm):
                bind.submit(pdu, (slot, part))
            else:
                bind.request(pdu, (slot, part))
        except Exception as error:  # the stage's edge: a field that does not fit, or a fault of ours
            log.error("a message of account %s cannot be encoded: %s", slot.account.name, type(error).__name__)
            slot.unfit(part)
            self._outcomes_wait.set()
            return False
        slot.sent(part, now_ms=now_ms)
        part.sent_at = self._clock()
        self.figures.sent(slot, part, now_ms=now_ms, first=first)
        return True
