"""What the gateway answers, and what becomes of a message: every decision, no connection.

Pure: times are arguments (`now` in seconds of the gateway's clock, `epoch_ms` beside it), random numbers come from the
script's player. A submit_sm passes, in this order: the script, the fields, the speed, identical requests, the minute of
its parts, the flood guard. `server` writes what is decided here and keeps the timers.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from connector.domain.messages import Kind
from connector.domain.parts import PartRef
from connector.simulator import inquiries
from connector.simulator.guards import DuplicateGuard, FloodGuard, SpeedGuard
from connector.simulator.inquiries import Answer, InquiryBody
from connector.simulator.marks import comment_of
from connector.simulator.messages import Due, Message, written
from connector.simulator.outbox import Parcel, ParcelKind
from connector.simulator.parts import Assembly, Group, GroupKey
from connector.simulator.periods import seconds_until
from connector.simulator.player import Facts, Player
from connector.simulator.receipts import Style, receipt
from connector.simulator.requests import Request, asks_for, fault_of, identity_of, parts_of_text, read
from connector.simulator.script import PROMPT, Host, Inquiry, InquiryRule, Receipts, ReceiptState, Reply, SubmitRule
from connector.simulator.settings import AccountSettings, Scope, SimulatorSettings
from connector.smpp.constants import RECEIPT_INTERMEDIATE, VERSION_3_4, VERSION_5_0, Tag, command_name
from connector.smpp.pdu import CancelSm, QuerySm, ReplaceSm, SubmitSm, command_of
from connector.smpp.tlv import Tlvs

_DEFAULT_VALIDITY = 1440 * 60.0
_MISSING_PARTS = 241
_FLOODED = 251


class Origin(NamedTuple):
    """The bind a request came on."""

    login: str
    connection: int
    host: Host
    iso: bool
    single: bool
    version: int = VERSION_3_4


class Decision(NamedTuple):
    """The answer to a submit_sm: `status` and `message_id` for its response, how that travels, what is due later.

    `kind` and `part` say what it was; `taken` False means that the gateway never saw it, by the script's will. `tlvs`
    stand in the response.
    """

    kind: Kind
    part: PartRef | None
    reply: Reply
    status: int = 0
    message_id: str = ""
    dues: tuple[Due, ...] = ()
    receipt_first: bool = False
    taken: bool = True
    tlvs: Tlvs = ()


@dataclass(slots=True, kw_only=True)
class _Guards:
    speed: SpeedGuard
    flood: FloodGuard


class Gateway:
    """The accounts' guards, the messages taken, and the rules. It outlives every connection."""

    def __init__(self, settings: SimulatorSettings, player: Player) -> None:
        self._settings = settings
        self.player = player
        self._accounts = {account.system_id: account for account in settings.accounts}
        self._guards = {
            login: _Guards(
                speed=SpeedGuard(account.speed),
                flood=FloodGuard(
                    settings.flood.limit, settings.flood.gap, blocked_extend=settings.flood.blocked_extend
                ),
            )
            for login, account in self._accounts.items()
        }
        self._duplicates: dict[Hashable, DuplicateGuard] = {}
        self._assembly = Assembly(memory=10 * settings.parts.within)
        self._messages: dict[tuple[str, str], Message] = {}
        self._next_number = settings.first_message_id
        self._style = Style(
            id_form=settings.id_form,
            utc_offset_minutes=settings.receipt_utc_offset_minutes,
            seconds=settings.receipt_seconds,
            echo_reference=settings.echo_user_message_reference,
        )

    def account(self, login: str) -> AccountSettings | None:
        """The login's settings; None where there is no such login."""
        return self._accounts.get(login)

    @property
    def style(self) -> Style:
        """How receipts are written here."""
        return self._style

    def submit(self, origin: Origin, pdu: SubmitSm, now: float, epoch_ms: int, *, pending: int = 1) -> Decision:
        """Decide about one submit_sm; every call counts for the guards.

        `pending` is how many of the bind wait for their response, this one included.
        """
        decision = self._decide(origin, pdu, now, epoch_ms, pending)
        if self._settings.congestion and origin.version >= VERSION_5_0:
            load = self._guards[origin.login].speed.load(now)
            decision = decision._replace(tlvs=((Tag.CONGESTION_STATE, bytes((load,))),))
        return decision

    def _decide(self, origin: Origin, pdu: SubmitSm, now: float, epoch_ms: int, pending: int) -> Decision:
        request = read(pdu, iso=origin.iso)
        rule = self._rule(origin, request, now)
        decision = Decision(request.kind, request.part, PROMPT if rule is None else rule.reply)
        if rule is not None and not rule.taken:
            return decision._replace(status=rule.status or 0, taken=False)
        if rule is not None and rule.status is not None:
            return self._refuse(origin, request, decision, rule.status, now)
        settings, speed = self._settings, self._guards[origin.login].speed
        if settings.most_pending is not None and pending > settings.most_pending:
            return self._refuse(origin, request, decision, settings.pending_status, now)
        fault = fault_of(request, settings)
        if fault:
            return self._refuse(origin, request, decision, fault, now)
        if not speed.allows(now):
            if settings.throttled_count:
                speed.count(now)
            return self._refuse(origin, request, decision, settings.throttle_status, now)
        speed.count(now)
        identity = identity_of(request, self._settings.duplicates.ignores)
        if settings.duplicates.enabled:
            guard = self._duplicate_guard(origin)
            if guard.repeats(identity, now):
                if settings.duplicates.rejected_extend:
                    guard.arm(identity, now)
                return decision._replace(status=settings.duplicates.status)
        plan = self.player.script.receipts if rule is None or rule.receipts is None else rule.receipts
        taken = self._take(origin, request, plan, decision, now, epoch_ms)
        if settings.duplicates.enabled and taken.status == 0:
            self._duplicate_guard(origin).arm(identity, now)
        return taken

    def overdue(self, now: float) -> list[Due]:
        """Long messages whose minute ran out: the receipts with err 241 for the parts that came."""
        dues: list[Due] = []
        for group in self._assembly.overdue(now):
            if self._settings.parts.late == "refusal" or group.blocked:
                continue
            dues.extend(_due(now, message, ReceiptState.UNDELIV, _MISSING_PARTS) for message in group.messages)
        return dues

    def next_deadline(self) -> float | None:
        """When `overdue` has something at the earliest, in seconds of the gateway's clock."""
        return self._assembly.next_deadline()

    def settle(self, due: Due, epoch_ms: int) -> list[Parcel]:
        """What is due came true: change the message, and hand over the receipts to deliver, if it asked for any."""
        message = due.message
        if due.revision != message.revision or (message.cancelled and due.state is not ReceiptState.DELETED):
            return []
        message.state, message.error = due.state, due.error
        if due.state is not ReceiptState.ENROUTE and message.done_ms is None:
            message.done_ms = epoch_ms
        plan = message.plan
        if not plan.send or not asks_for(message.registered, due.state):
            return []
        body = receipt(due, done_ms=epoch_ms, style=self._style)
        return [
            Parcel(
                kind=ParcelKind.RECEIPT,
                login=message.login,
                body=body,
                message_id=message.message_id,
                route=plan.route,
                origin=message.connection,
            )
            for _ in range(plan.copies)
        ]

    def inquire(self, origin: Origin, pdu: InquiryBody, now: float, epoch_ms: int) -> Answer:
        """Answer query_sm, cancel_sm or replace_sm about a message of this login."""
        message = self._messages.get((origin.login, pdu.message_id))
        rule = self._inquiry_rule(origin, pdu, message, now)
        if rule is not None and rule.status is not None:
            return inquiries.refused(pdu, rule.status)._replace(rule=rule)
        if message is None:
            return inquiries.refused(pdu)._replace(rule=rule)
        match pdu:
            case QuerySm():
                answer = inquiries.query(message)
            case CancelSm():
                answer = inquiries.cancel(message, pdu, now)
            case ReplaceSm():
                revision = message.revision
                answer = inquiries.replace(message, pdu, now, epoch_ms, iso=origin.iso)
                if message.revision != revision:
                    dues = self._plan(message, message.plan, now, schedule=pdu.schedule_delivery_time, since=epoch_ms)
                    answer = answer._replace(dues=dues)
        return answer._replace(rule=rule)

    def _inquiry_rule(
        self, origin: Origin, pdu: InquiryBody, message: Message | None, now: float
    ) -> InquiryRule | None:
        if not self.player.script.inquiries:
            return None
        facts = Facts(
            login=origin.login,
            host=origin.host,
            source=pdu.source_addr if message is None else message.pdu.source_addr,
            destination=None if message is None else message.pdu.destination_addr,
            kind=None if message is None else message.kind,
        )
        return self.player.inquiry(Inquiry(command_name(command_of(pdu))), facts, now)

    def _rule(self, origin: Origin, request: Request, now: float) -> SubmitRule | None:
        if not self.player.has_submit_rules:
            return None
        facts = Facts(
            login=origin.login,
            host=origin.host,
            source=request.pdu.source_addr,
            destination=request.pdu.destination_addr,
            kind=request.kind,
            part=None if request.part is None else request.part.index,
        )
        return self.player.submit(facts, now)

    def _duplicate_guard(self, origin: Origin) -> DuplicateGuard:
        match self._settings.duplicates.scope:
            case Scope.LOGIN:
                key: Hashable = origin.login
            case Scope.HOST:
                key = (origin.login, origin.host)
            case Scope.BIND:
                key = (origin.login, origin.connection)
        guard = self._duplicates.get(key)
        if guard is None:
            guard = self._duplicates[key] = DuplicateGuard(self._settings.duplicates.window)
        return guard

    def _refuse(self, origin: Origin, request: Request, decision: Decision, status: int, now: float) -> Decision:
        settings = self._settings.duplicates
        arms = settings.throttled_arm if status == self._settings.throttle_status else settings.refused_arm
        if settings.enabled and arms:
            self._duplicate_guard(origin).arm(identity_of(request, self._settings.duplicates.ignores), now)
        return decision._replace(status=status)

    def _take(
        self, origin: Origin, request: Request, plan: Receipts, decision: Decision, now: float, epoch_ms: int
    ) -> Decision:
        settings, part, pdu = self._settings, request.part, request.pdu
        group = key = None
        if part is not None:
            key = GroupKey(origin.login, pdu.source_addr, pdu.destination_addr, part.bits, part.reference, part.total)
            if self._assembly.is_late(key, part.index, now) and settings.parts.late != "receipt":
                return self._refuse(origin, request, decision, settings.parts.status, now)
            group = self._assembly.waiting(key)
        blocked = False
        if group is None and settings.flood.enabled:
            blocked = self._guards[origin.login].flood.blocks(pdu.destination_addr, now)
            if blocked and settings.flood.blocked_as == "refusal":
                return self._refuse(origin, request, decision, settings.flood.status, now)
        if part is None or key is None:
            message = self._new(origin, request, plan, None, now, epoch_ms)
            dues = self._plan(message, plan, now, blocked=blocked)
            return decision._replace(message_id=message.message_id, dues=dues, receipt_first=plan.before_response)
        if group is None:
            limit = settings.parts.within if settings.parts.enabled else float("inf")
            group = Group(key=key, deadline=now + limit, plan=plan, blocked=blocked)
            self._assembly.begin(group)
        return self._join(origin, request, group, part.index, decision, now, epoch_ms)

    def _join(
        self, origin: Origin, request: Request, group: Group, index: int, decision: Decision, now: float, epoch_ms: int
    ) -> Decision:
        """One more part of a long message; the last one decides what is due for the whole."""
        single = origin.single or self._accounts[origin.login].single
        if single or not group.messages:
            message = self._new(origin, request, group.plan, 1 if single else group.key.total, now, epoch_ms)
            group.messages.append(message)
        else:
            message = group.messages[0]
            message.registered |= request.pdu.registered_delivery
        group.parts[index] = request
        dues: tuple[Due, ...] = ()
        if group.is_complete:
            self._assembly.finish(group)
            if not single:
                _assemble(message, group)
            dues = tuple(
                due for each in group.messages for due in self._plan(each, group.plan, now, blocked=group.blocked)
            )
        return decision._replace(message_id=message.message_id, dues=dues, receipt_first=group.plan.before_response)

    def _new(
        self, origin: Origin, request: Request, plan: Receipts, parts: int | None, now: float, epoch_ms: int
    ) -> Message:
        number = self._next_number
        self._next_number += 1
        pdu = request.pdu
        text, comment = comment_of(request.text, pdu.data_coding, request.kind, iso=request.iso)
        validity = seconds_until(pdu.validity_period, epoch_ms) if pdu.validity_period else None
        message = Message(
            number=number,
            message_id=written(number, self._settings.id_form),
            login=origin.login,
            connection=origin.connection,
            host=origin.host,
            pdu=pdu,
            kind=request.kind,
            parts=parts_of_text(text, pdu.data_coding, iso=request.iso) if parts is None else parts,
            text=text,
            comment=comment,
            plan=plan,
            registered=pdu.registered_delivery,
            taken_at=now,
            taken_ms=epoch_ms,
            expires_at=now + (_DEFAULT_VALIDITY if validity is None else validity),
        )
        messages = self._messages
        if len(messages) >= self._settings.remembered_messages:
            del messages[next(iter(messages))]
        messages[origin.login, message.message_id] = message
        return message

    def _plan(
        self, message: Message, plan: Receipts, now: float, *, blocked: bool = False, schedule: str = "", since: int = 0
    ) -> tuple[Due, ...]:
        if blocked:
            return (_due(now + plan.delay, message, ReceiptState.UNDELIV, _FLOODED),)
        at = now + plan.delay
        if plan.jitter:
            at += self.player.random.random() * plan.jitter
        schedule = schedule or message.pdu.schedule_delivery_time
        if schedule:
            at += max(0.0, seconds_until(schedule, since or message.taken_ms) or 0.0)
        dues: list[Due] = []
        if message.registered & RECEIPT_INTERMEDIATE:
            dues.append(_due(now, message, ReceiptState.ENROUTE))
        if at > message.expires_at:
            return (*dues, _due(max(now, message.expires_at), message, ReceiptState.EXPIRED))
        dues.append(_due(at, message, plan.state, plan.error))
        dues.extend(
            _due(at + each.after, message, each.state, each.error, each.additional_status) for each in plan.follow_ups
        )
        return tuple(dues)


def _due(at: float, message: Message, state: ReceiptState, error: int = 0, additional_status: int | None = None) -> Due:
    return Due(at, message, state, error, additional_status, message.revision)


def _assemble(message: Message, group: Group) -> None:
    """Every part came, in whatever order: the kind stands in the first, and the comment is not billed."""
    requests = [group.parts[index] for index in sorted(group.parts)]
    message.kind = requests[0].kind
    coding, iso = message.pdu.data_coding, requests[0].iso
    whole = b"".join(request.text for request in requests)
    message.text, message.comment = comment_of(whole, coding, message.kind, iso=iso)
    if message.comment is not None:
        message.parts = min(message.parts, parts_of_text(message.text, coding, iso=iso))
