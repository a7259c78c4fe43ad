"""What the submitter tells of itself: figures for the instruments, and a span for each message.

Facts come in from `run`; nothing is decided here. Next station: `telemetry`.
"""

from collections.abc import Iterable, Mapping, Sequence

from connector import telemetry
from connector.domain.events import Outcome
from connector.domain.messages import Lane
from connector.smpp.constants import status_name
from connector.stages.submit.account import Account
from connector.stages.submit.lanes import Lanes
from connector.stages.submit.slot import Slot
from connector.stages.submit.work import Part, Work
from connector.telemetry import Metric
from connector.translate import Verdict

_OF_A_SLOT = (Metric.BOUND, Metric.IN_FLIGHT, Metric.WINDOW, Metric.LANE_HELD, Metric.LANE_BACKLOG)
_OF_AN_ACCOUNT = (Metric.RATE, Metric.RATE_CONFIGURED, Metric.CONGESTION)


class Figures:
    """One for all slots of a process."""

    def __init__(self) -> None:
        self._lost: set[int] = set()

    # Binds

    def bound(self, slot: Slot) -> None:
        """The bind is up; after a loss that was a reconnection."""
        if slot.number in self._lost:
            self._lost.discard(slot.number)
            telemetry.count(Metric.RECONNECTS, account=slot.account.name, slot=slot.number)

    def down(self, slot: Slot) -> None:
        """The bind of a slot that is still ours is gone."""
        self._lost.add(slot.number)

    # Messages

    def admitted(self, work: Work, *, now_ms: int) -> None:
        """The message's turn has come; its span begins with the first part's."""
        if work.span is None:
            work.span = telemetry.span(
                "request" if work.ancillary else "submit",
                traceparent=work.item.traceparent,
                tracestate=work.item.tracestate,
                role="client",
                at_ms=now_ms,
            )

    def sent(self, slot: Slot, part: Part, *, now_ms: int, first: bool) -> None:
        """A part went to the socket."""
        work, account = part.work, slot.account.name
        if work.ancillary:
            telemetry.count(Metric.REQUESTS, account=account, type=work.message.action.lower())
            return
        telemetry.count(Metric.SUBMITTED, account=account, lane=work.lane.value)
        if first:
            telemetry.record(Metric.SUBMIT_LATENCY, max(0, now_ms - work.item.received_at) / 1000, lane=work.lane.value)
        if part.doubted and not work.resent:
            work.resent = True
            telemetry.count(Metric.UNKNOWN_OUTCOMES, account=account, decision="resent")

    def answered(self, slot: Slot, status: int, verdict: Verdict | None, waited: float | None) -> None:
        """A response came, `waited` seconds after its request where that is known."""
        account = slot.account.name
        if waited is not None:
            telemetry.record(Metric.RESPONSE_TIME, waited, account=account)
        if verdict is not None:
            telemetry.count(Metric.RESPONSES, account=account, verdict=verdict.value, status=status_name(status))
        if verdict in (Verdict.THROTTLED, Verdict.QUEUE_FULL):
            telemetry.count(Metric.THROTTLED, account=account, status=status_name(status))

    def ended(self, works: Sequence[tuple[Slot, Work]], *, now_ms: int) -> None:
        """The outcomes of these messages are durable."""
        for slot, work in works:
            result, account = work.result, slot.account.name
            assert result is not None, "only a settled work has ended"
            if work.correction:
                telemetry.count(Metric.UNKNOWN_OUTCOMES, account=account, decision="corrected")
                continue
            if not work.ancillary:
                telemetry.count(Metric.OUTCOMES, account=account, lane=work.lane.value, outcome=result.outcome.value)
            if result.outcome is Outcome.UNKNOWN and not work.ancillary:
                telemetry.count(Metric.UNKNOWN_OUTCOMES, account=account, decision="given-up")
            if work.span is None:
                continue
            if work.span.recording:
                work.span.set("sms.account", account)
                work.span.set("sms.lane", work.lane.value)
                work.span.set("sms.slot", slot.number)
                work.span.set("sms.kind", work.message.kind.value)
                work.span.set("sms.parts", len(work.parts))
                work.span.set("sms.attempt", result.attempts)
                work.span.set("sms.outcome", result.outcome.value)
                if result.command_status:
                    work.span.set("sms.command_status", status_name(result.command_status))
            good = result.outcome is Outcome.ACCEPTED
            work.span.end(None if good else result.reason or result.outcome.value, at_ms=now_ms)

    # Now and then

    def report(self, accounts: Iterable[Account], lanes: Lanes) -> None:
        """All the gauges."""
        for account in accounts:
            self.account(account)
            for slot in account.slots.values():
                self.backlog(slot, lanes.backlog(slot))

    def account(self, account: Account) -> None:
        """How the account and its slots stand; an account without a slot here has no figures."""
        name = account.settings.name
        if not account.slots:
            for metric in _OF_AN_ACCOUNT:
                telemetry.forget(metric, account=name)
            return
        telemetry.gauge(Metric.RATE, account.rate, account=name)
        telemetry.gauge(Metric.RATE_CONFIGURED, account.share, account=name)
        if account.load is None:
            telemetry.forget(Metric.CONGESTION, account=name)
        else:
            telemetry.gauge(Metric.CONGESTION, account.load, account=name)
        for slot in account.slots.values():
            telemetry.gauge(Metric.IN_FLIGHT, slot.in_flight, account=name, slot=slot.number)
            telemetry.gauge(Metric.WINDOW, account.window, account=name, slot=slot.number)
            telemetry.gauge(Metric.BOUND, float(slot.ready), account=name, slot=slot.number)
            for lane in Lane:
                held = len(slot.queues[lane])
                telemetry.gauge(Metric.LANE_HELD, held, account=name, slot=slot.number, lane=lane.value)

    def backlog(self, slot: Slot, records: Mapping[Lane, int]) -> None:
        """How many records of each lane were not read yet; a record holds the messages of one tick."""
        for lane, waiting in records.items():
            telemetry.gauge(Metric.LANE_BACKLOG, waiting, account=slot.account.name, slot=slot.number, lane=lane.value)

    def moved_away(self, slot: Slot) -> None:
        """The slot is another's: its last figures must not stand here for ever."""
        self._lost.discard(slot.number)
        for metric in _OF_A_SLOT:
            telemetry.forget(metric, account=slot.account.name, slot=slot.number)
