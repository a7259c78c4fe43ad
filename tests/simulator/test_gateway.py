"""The rules of gateway.md, each with the time injected: what a submit_sm gets, and what becomes of it."""

import pytest
from pydantic import SecretStr

from connector.domain.messages import Kind
from connector.simulator.gateway import Decision, Gateway, Origin
from connector.simulator.messages import Due
from connector.simulator.plans import MessageType
from connector.simulator.player import Player
from connector.simulator.script import FollowUp, Host, IdForm, Receipts, ReceiptState, Script, SubmitRule, When
from connector.simulator.settings import (
    AccountSettings,
    DuplicateSettings,
    FloodSettings,
    PartsSettings,
    Scope,
    SimulatorSettings,
)
from connector.smpp.constants import VERSION_5_0, CommandStatus, MessageState, Tag
from connector.smpp.pdu import SubmitSm
from connector.smpp.tlv import lookup
from tests.simulator.esme import parts, sms

EPOCH = 1_700_000_000_000
BIND = Origin(login="demo", connection=1, host=Host.PRIMARY, iso=False, single=False)
DUPLICATE = DuplicateSettings().status
THROTTLED = CommandStatus.ESME_RTHROTTLED


Told = tuple[int | str | bytes | None, int | str | bytes | None, int]


class Bench:
    """A gateway and its clock."""

    def __init__(self, script: Script | None = None, *, speed: int = 1000, **settings: object) -> None:
        account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=speed)
        self.settings = SimulatorSettings.model_validate({"accounts": (account,), **settings})
        self.gateway = Gateway(self.settings, Player(script or Script(), seed=1, began=0.0))
        self.now = 0.0

    def submit(self, pdu: SubmitSm, at: float | None = None, origin: Origin = BIND) -> Decision:
        if at is not None:
            self.now = at
        return self.gateway.submit(origin, pdu, self.now, EPOCH + round(self.now * 1000))

    def told(self, decision: Decision, tag: int) -> int | str | bytes | None:
        """A parameter of the receipt that the gateway would deliver."""
        (parcel,) = self.gateway.settle(decision.dues[-1], EPOCH)
        return lookup(parcel.body.tlvs, tag)

    def receipts(self, dues: tuple[Due, ...] | list[Due]) -> list[Told]:
        """(id, state, err) of the receipts that the gateway would deliver for these."""
        found = []
        for due in dues:
            for parcel in self.gateway.settle(due, EPOCH + round(due.at * 1000)):
                tlvs = parcel.body.tlvs
                error = lookup(tlvs, Tag.NETWORK_ERROR_CODE)
                assert isinstance(error, bytes)
                found.append(
                    (
                        lookup(tlvs, Tag.RECEIPTED_MESSAGE_ID),
                        lookup(tlvs, Tag.MESSAGE_STATE),
                        int.from_bytes(error[1:], "big"),
                    )
                )
        return found


# Speed


def test_above_the_speed_the_answer_is_throttled() -> None:
    bench = Bench(speed=2)
    assert [bench.submit(sms(n), 0.1 * n).status for n in range(4)] == [0, 0, THROTTLED, THROTTLED]
    assert bench.submit(sms(9), 1.1).status == 0


def test_on_a_bind_in_5_0_the_answers_may_tell_how_near_the_speed_is() -> None:
    bench = Bench(speed=4, congestion=True)
    five = BIND._replace(version=VERSION_5_0)
    loads = [lookup(bench.submit(sms(n), origin=five).tlvs, Tag.CONGESTION_STATE) for n in range(6)]
    assert loads == [25, 50, 75, 100, 100, 100]
    assert lookup(bench.submit(sms(9), 1.5, origin=five).tlvs, Tag.CONGESTION_STATE) == 25
    assert bench.submit(sms(10)).tlvs == (), "3.4 does not know the parameter"
    assert Bench().submit(sms(), origin=five).tlvs == (), "off unless it is asked for"


def test_the_speed_counts_parts_and_all_binds_of_the_login() -> None:
    bench = Bench(speed=3)
    other = BIND._replace(connection=2)
    statuses = [
        bench.submit(part, origin=origin).status for part, origin in zip(parts(), (BIND, other, BIND), strict=True)
    ]
    assert statuses == [0, 0, 0]
    assert bench.submit(sms(2), origin=other).status == THROTTLED


@pytest.mark.parametrize(("counted", "status"), [(False, 0), (True, THROTTLED)])
def test_whether_throttled_requests_count_is_a_setting(counted: bool, status: int) -> None:
    bench = Bench(speed=1, throttled_count=counted)
    bench.submit(sms(1), 0.0)
    bench.submit(sms(2), 0.9)
    assert bench.submit(sms(3), 1.0).status == status


# Identical requests


def test_the_second_identical_request_within_a_minute_is_rejected() -> None:
    bench = Bench()
    assert bench.submit(sms(), 0.0).status == 0
    assert bench.submit(sms(), 59.9).status == DUPLICATE
    assert bench.submit(sms(), 60.0).status == 0


@pytest.mark.parametrize(
    "other",
    [
        sms(2),
        sms(source_addr="Other"),
        sms(data_coding=4),
        sms(esm_class=3),
        sms(text=b"Another text"),
    ],
)
def test_a_request_that_differs_is_not_identical(other: SubmitSm) -> None:
    bench = Bench()
    bench.submit(sms(), 0.0)
    assert bench.submit(other, 1.0).status == 0


def test_parts_of_one_message_are_not_identical_but_repeat() -> None:
    bench = Bench()
    assert [bench.submit(part).status for part in parts()] == [0, 0, 0]
    assert [bench.submit(part).status for part in parts()] == [DUPLICATE] * 3
    assert [bench.submit(part).status for part in parts(reference=8)] == [0, 0, 0]


def test_the_same_text_with_another_sar_reference_is_not_identical() -> None:
    def sar(reference: int) -> SubmitSm:
        return sms(tlvs=((0x020C, reference.to_bytes(2, "big")), (0x020E, b"\x02"), (0x020F, b"\x01")))

    bench = Bench()
    assert [bench.submit(sar(n)).status for n in (1, 2, 1)] == [0, 0, DUPLICATE]


@pytest.mark.parametrize("text", [b"\x11\x11HLR\x11\x11", b"\x11\x11PING\x11\x11"])
def test_a_second_hlr_or_ping_to_one_number_is_identical(text: bytes) -> None:
    bench = Bench()
    assert bench.submit(sms(text=text)).status == 0
    assert bench.submit(sms(text=text, source_addr="Other")).status == DUPLICATE


@pytest.mark.parametrize(
    ("scope", "same_bind", "same_host", "anywhere"),
    [
        (Scope.LOGIN, DUPLICATE, DUPLICATE, DUPLICATE),
        (Scope.HOST, DUPLICATE, DUPLICATE, 0),
        (Scope.BIND, DUPLICATE, 0, 0),
    ],
)
def test_how_far_the_duplicate_guard_looks_is_a_setting(
    scope: Scope, same_bind: int, same_host: int, anywhere: int
) -> None:
    bench = Bench(duplicates=DuplicateSettings(scope=scope))
    bench.submit(sms())
    assert bench.submit(sms()).status == same_bind
    assert bench.submit(sms(), origin=BIND._replace(connection=2)).status == same_host
    assert bench.submit(sms(), origin=BIND._replace(connection=3, host=Host.BACKUP)).status == anywhere


@pytest.mark.parametrize(("arms", "status"), [(False, 0), (True, DUPLICATE)])
def test_whether_a_throttled_request_arms_the_guard_is_a_setting(arms: bool, status: int) -> None:
    bench = Bench(speed=1, duplicates=DuplicateSettings(throttled_arm=arms))
    bench.submit(sms(1), 0.0)
    assert bench.submit(sms(2), 0.5).status == THROTTLED
    assert bench.submit(sms(2), 2.0).status == status


@pytest.mark.parametrize(("arms", "status"), [(False, 0), (True, DUPLICATE)])
def test_whether_a_refused_request_arms_the_guard_is_a_setting(arms: bool, status: int) -> None:
    rule = SubmitRule(when=When(limit=1), status=CommandStatus.ESME_RMSGQFUL)
    bench = Bench(Script(submits=(rule,)), duplicates=DuplicateSettings(refused_arm=arms))
    assert bench.submit(sms()).status == CommandStatus.ESME_RMSGQFUL
    assert bench.submit(sms()).status == status


@pytest.mark.parametrize(("extends", "status"), [(False, 0), (True, DUPLICATE)])
def test_whether_a_rejected_duplicate_extends_the_minute_is_a_setting(extends: bool, status: int) -> None:
    bench = Bench(duplicates=DuplicateSettings(rejected_extend=extends))
    bench.submit(sms(), 0.0)
    bench.submit(sms(), 50.0)
    assert bench.submit(sms(), 70.0).status == status


def test_status_and_compared_fields_of_a_duplicate_are_settings() -> None:
    bench = Bench(duplicates=DuplicateSettings(status=0x440, ignores=frozenset({"source"})))
    bench.submit(sms())
    assert bench.submit(sms(source_addr="Other")).status == 0x440


# Flood


def flood(bench: Bench) -> list[Decision]:
    return [bench.submit(sms(text=b"text %d" % n), float(n)) for n in range(51)]


def test_the_fifty_first_message_is_accepted_and_its_receipt_says_251() -> None:
    bench = Bench()
    decisions = flood(bench)
    assert all(decision.status == 0 for decision in decisions)
    assert bench.receipts(decisions[49].dues)[0][1:] == (MessageState.DELIVERED, 0)
    assert bench.receipts(decisions[50].dues)[0][1:] == (MessageState.UNDELIVERABLE, 251)


def test_the_flood_guard_may_refuse_instead() -> None:
    bench = Bench(flood=FloodSettings(blocked_as="refusal", status=0x441))
    assert [decision.status for decision in flood(bench)] == [0] * 50 + [0x441]


def test_the_flood_guard_counts_messages_and_not_parts() -> None:
    bench = Bench(flood=FloodSettings(limit=2))
    for reference in (1, 2):
        for part in parts(reference=reference):
            decision = bench.submit(part)
        assert bench.receipts(decision.dues)[0][2] == 0
    for part in parts(reference=3):
        decision = bench.submit(part)
    assert bench.receipts(decision.dues)[0][2] == 251


# Long messages


def test_a_long_message_has_one_id_and_one_receipt() -> None:
    bench = Bench()
    decisions = [bench.submit(part) for part in parts()]
    assert {decision.message_id for decision in decisions} == {"854019"}
    assert [len(decision.dues) for decision in decisions] == [0, 0, 1]
    due = decisions[2].dues[0]
    parcel = bench.gateway.settle(due, EPOCH)[0]
    assert lookup(parcel.body.tlvs, Tag.PARTS) == 3


def test_parts_may_come_in_any_order() -> None:
    bench = Bench()
    decisions = [bench.submit(part) for part in reversed(parts())]
    assert [len(decision.dues) for decision in decisions] == [0, 0, 1]


@pytest.mark.parametrize("by_account", [False, True])
def test_with_single_every_part_has_its_own_id_and_receipt(by_account: bool) -> None:
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=99, single=by_account)
    bench = Bench(accounts=(account,))
    origin = BIND if by_account else BIND._replace(single=True)
    decisions = [bench.submit(part, origin=origin) for part in parts()]
    ids = [decision.message_id for decision in decisions]
    assert len(set(ids)) == 3
    assert [found[0] for found in bench.receipts(decisions[2].dues)] == ids


def test_messages_with_one_reference_and_different_senders_do_not_mix() -> None:
    bench = Bench()
    first, other = parts(), parts(source="Other")
    ids = [bench.submit(part).message_id for pair in zip(first, other, strict=True) for part in pair]
    assert len(set(ids)) == 2


def test_parts_that_do_not_all_come_within_a_minute_end_with_241() -> None:
    bench = Bench()
    first, second, third = parts()
    bench.submit(first, 0.0)
    bench.submit(second, 1.0)
    assert bench.gateway.next_deadline() == 60.0
    assert bench.gateway.overdue(59.9) == []
    assert bench.receipts(bench.gateway.overdue(60.0)) == [("854019", MessageState.UNDELIVERABLE, 241)]
    assert bench.submit(third, 61.0).status == PartsSettings().status


def test_with_single_every_part_that_came_ends_with_241() -> None:
    bench = Bench()
    origin = BIND._replace(single=True)
    for part in parts()[:2]:
        bench.submit(part, origin=origin)
    assert [found[2] for found in bench.receipts(bench.gateway.overdue(60.0))] == [241, 241]


@pytest.mark.parametrize(("late", "status", "receipts"), [("refusal", 0xFE, 0), ("receipt", 0, 1)])
def test_what_a_late_part_gets_is_a_setting(late: str, status: int, receipts: int) -> None:
    bench = Bench(parts={"late": late})
    first, second, _ = parts()
    bench.submit(first, 0.0)
    assert len(bench.gateway.overdue(60.0)) == receipts
    assert bench.submit(second, 61.0).status == status


def test_a_message_sent_anew_after_its_minute_is_no_late_part() -> None:
    bench = Bench()
    bench.submit(parts()[0], 0.0)
    bench.gateway.overdue(60.0)
    assert [bench.submit(part, 61.0).status for part in parts()] == [0, 0, 0]


@pytest.mark.parametrize("coding", [0x00, 0x04, 0x08])
def test_a_comment_is_not_billed_and_not_delivered(coding: int) -> None:
    def octets(text: str) -> bytes:
        if coding == 0x08:
            return text.encode("utf-16-be")
        return text.encode("latin-1") if coding else text.encode("latin-1").replace(b"~", b"\x1b=")

    bench = Bench()
    whole = octets("Hello " * 10 + "\n~~~\n" + "for the history " * 8)
    decision = bench.submit(sms(text=whole[:140], data_coding=coding))
    assert bench.told(decision, Tag.PARTS) == 1
    message = decision.dues[0].message
    assert message.text == octets("Hello " * 10)
    assert message.comment is not None

    halves = [whole[:100], whole[100:200]]
    for index, half in enumerate(halves, start=1):
        header = bytes((5, 0, 3, 9, 2, index))
        decision = bench.submit(sms(2, header + half, esm_class=0x40, data_coding=coding))
    assert bench.told(decision, Tag.PARTS) == 1, "two parts were sent, and one is billed"
    assert decision.dues[0].message.text == octets("Hello " * 10)


def test_what_follows_the_mark_in_a_voice_call_is_no_comment() -> None:
    decision = Bench().submit(sms(text=b"__CALL__: Hi\nvoice:m\n~~~\nx", data_coding=4))
    assert decision.kind is Kind.VOICE
    assert decision.dues[0].message.comment is None


def test_the_kind_of_a_long_message_stands_in_its_first_part_whichever_comes_first() -> None:
    bench = Bench()
    texts = [b"__VIBER__: " + b"x" * 100, b"and more"]
    for index in (2, 1):
        header = bytes((5, 0, 3, 9, 2, index))
        decision = bench.submit(sms(text=header + texts[index - 1], esm_class=0x40, data_coding=4))
    assert bench.told(decision, Tag.FLAGS) == MessageType.VIBER


# Fields


@pytest.mark.parametrize(
    ("pdu", "status"),
    [
        (sms(destination_addr="79990000001"), 0),
        (sms(destination_addr="+79990000001"), 0),
        (sms(destination_addr=""), CommandStatus.ESME_RINVDSTADR),
        (sms(destination_addr="not a number"), CommandStatus.ESME_RINVDSTADR),
        (sms(destination_addr="9" * 21), CommandStatus.ESME_RINVDSTADR),
        (sms(source_addr="ElevenChars"), 0),
        (sms(source_addr="TwelveChars!"), CommandStatus.ESME_RINVSRCADR),
        (sms(source_addr="15550100001"), 0),
        (sms(validity_period="000001000000000R"), 0),
        (sms(validity_period="soon"), CommandStatus.ESME_RINVEXPIRY),
        (sms(schedule_delivery_time="991399999999999+"), CommandStatus.ESME_RINVSCHED),
        (
            sms(destination_addr="somebody@mail.example", text=b"\x11\x11MAIL\x11\x11: Hello\nsubj:Hi"),
            0,
        ),
        (sms(text=b"\x11\x11MAIL\x11\x11: Hello\nsubj:Hi"), CommandStatus.ESME_RINVDSTADR),
    ],
)
def test_fields_out_of_order_are_refused(pdu: SubmitSm, status: int) -> None:
    assert Bench().submit(pdu).status == status


@pytest.mark.parametrize(("taken", "status"), [(True, 0), (False, CommandStatus.ESME_ROPTPARNOTALLWD)])
def test_whether_message_payload_is_taken_is_a_setting(taken: bool, status: int) -> None:
    bench = Bench(message_payload=taken)
    assert bench.submit(sms(text=b"", tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 200),))).status == status


def test_the_window_may_have_a_limit() -> None:
    bench = Bench(most_pending=2)
    statuses = [bench.gateway.submit(BIND, sms(n), 0.0, EPOCH, pending=n).status for n in (1, 2, 3)]
    assert statuses == [0, 0, CommandStatus.ESME_RMSGQFUL]


# What becomes of a message


@pytest.mark.parametrize(
    ("registered", "state", "receipts"),
    [
        (0, ReceiptState.DELIVRD, 0),
        (1, ReceiptState.DELIVRD, 1),
        (1, ReceiptState.UNDELIV, 1),
        (2, ReceiptState.DELIVRD, 0),
        (2, ReceiptState.UNDELIV, 1),
        (3, ReceiptState.DELIVRD, 1),
        (3, ReceiptState.UNDELIV, 0),
        (0x11, ReceiptState.DELIVRD, 2),
    ],
)
def test_receipts_come_as_registered_delivery_asks(registered: int, state: ReceiptState, receipts: int) -> None:
    bench = Bench(Script(receipts=Receipts(state=state)))
    decision = bench.submit(sms(registered_delivery=registered))
    assert len(bench.receipts(decision.dues)) == receipts


def test_a_message_whose_validity_ends_first_expires() -> None:
    bench = Bench(Script(receipts=Receipts(delay=120.0)))
    (due,) = bench.submit(sms(validity_period="000000000100000R")).dues
    assert (due.at, due.state) == (60.0, ReceiptState.EXPIRED)


def test_without_a_validity_it_is_1440_minutes() -> None:
    bench = Bench(Script(receipts=Receipts(delay=1e6)))
    (due,) = bench.submit(sms()).dues
    assert due.at == 1440 * 60


def test_a_scheduled_message_is_delivered_then() -> None:
    (due,) = Bench().submit(sms(schedule_delivery_time="000000010000000R")).dues
    assert due.at == pytest.approx(3600.05)


def test_a_message_may_be_delivered_then_read_then_its_link_clicked() -> None:
    plan = Receipts(follow_ups=(FollowUp(after=60, additional_status=2), FollowUp(after=90, additional_status=4)))
    dues = Bench(Script(receipts=plan)).submit(sms()).dues
    assert [(due.at, due.additional_status) for due in dues] == [(0.05, None), (60.05, 2), (90.05, 4)]


def test_the_script_decides_state_copies_and_ids_of_receipts() -> None:
    plan = Receipts(state=ReceiptState.UNDELIV, error=6, copies=10, message_id="never-given")
    bench = Bench(Script(receipts=plan))
    assert bench.receipts(bench.submit(sms()).dues) == [("never-given", MessageState.UNDELIVERABLE, 6)] * 10


def test_ids_are_written_as_the_settings_say() -> None:
    bench = Bench(id_form=IdForm.HEX_UPPER)
    assert bench.submit(sms()).message_id == "D0803"


def test_what_the_script_loses_on_the_way_leaves_no_trace() -> None:
    bench = Bench(Script(submits=(SubmitRule(when=When(limit=1), taken=False),)))
    lost = bench.submit(sms())
    assert (lost.taken, lost.dues) == (False, ())
    assert bench.submit(sms()).status == 0


def test_the_kind_is_told_with_the_decision() -> None:
    assert Bench().submit(sms(text=b"\x11\x11HLR\x11\x11")).kind is Kind.HLR
