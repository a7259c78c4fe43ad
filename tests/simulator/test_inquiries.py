"""query_sm, cancel_sm and replace_sm: what they tell and do, and what the script makes of them."""

from pathlib import Path

import pytest

from connector.simulator import Simulator
from connector.simulator.inquiries import Answer, InquiryBody
from connector.simulator.lines import MessageLine, digest, read_lines
from connector.simulator.script import Inquiry, InquiryAnswer, InquiryRule, Receipts, ReceiptState, Script, When
from connector.simulator.settings import RecordSettings, SimulatorSettings
from connector.smpp.constants import CommandStatus, MessageState, Tag
from connector.smpp.pdu import CancelSm, DeliverSm, QuerySm, QuerySmResp, ReplaceSm
from connector.smpp.tlv import lookup
from tests.simulator.esme import Esme, parts, sms
from tests.simulator.test_gateway import BIND, EPOCH, Bench

SLOW = Script(receipts=Receipts(delay=3600.0))


def ask(bench: Bench, pdu: InquiryBody, at: float = 1.0) -> Answer:
    return bench.gateway.inquire(BIND, pdu, at, EPOCH + round(at * 1000))


def replacement(message_id: str, text: bytes = b"new", **fields: object) -> ReplaceSm:
    values: dict[str, object] = {"source_addr": "Shop", "registered_delivery": 1, **fields}
    return ReplaceSm(message_id=message_id, short_message=text, **values)  # type: ignore[arg-type]  # a test's own


# query_sm


def test_without_a_receipt_query_sm_tells_the_state() -> None:
    bench = Bench()
    decision = bench.submit(sms(registered_delivery=0))
    asked = QuerySm(message_id=decision.message_id)
    found = ask(bench, asked).body
    assert isinstance(found, QuerySmResp)
    assert found.message_state == MessageState.ENROUTE
    bench.receipts(decision.dues)
    answer = ask(bench, asked)
    assert isinstance(answer.body, QuerySmResp)
    assert (answer.status, answer.body.message_state) == (0, MessageState.DELIVERED)
    assert answer.body.final_date == "231114221320000+"


@pytest.mark.parametrize(
    ("pdu", "status"),
    [
        (QuerySm(message_id="1"), CommandStatus.ESME_RQUERYFAIL),
        (CancelSm(message_id="1"), CommandStatus.ESME_RCANCELFAIL),
        (ReplaceSm(message_id="1"), CommandStatus.ESME_RREPLACEFAIL),
    ],
)
def test_nobody_asks_about_messages_of_another_login(pdu: InquiryBody, status: int) -> None:
    assert ask(Bench(), pdu).status == status


# cancel_sm


def test_cancel_sm_ends_a_message_that_is_on_its_way() -> None:
    bench = Bench()
    decision = bench.submit(sms())
    answer = ask(bench, CancelSm(message_id=decision.message_id))
    assert answer.status == 0
    assert bench.receipts(answer.dues)[0][1] == MessageState.DELETED
    assert bench.receipts(decision.dues) == []
    assert ask(bench, CancelSm(message_id=decision.message_id)).status == CommandStatus.ESME_RCANCELFAIL


# replace_sm


def test_replace_sm_needs_a_message_on_its_way_and_its_sender() -> None:
    bench = Bench()
    decision = bench.submit(sms())
    assert ask(bench, replacement(decision.message_id)).status == 0
    assert ask(bench, replacement(decision.message_id, source_addr="Other")).status == CommandStatus.ESME_RREPLACEFAIL
    bench.receipts(decision.dues)
    assert ask(bench, replacement(decision.message_id)).status == CommandStatus.ESME_RREPLACEFAIL


def test_the_new_text_is_what_is_delivered_and_billed() -> None:
    bench = Bench()
    for part in parts():
        decision = bench.submit(part)
    message = decision.dues[0].message
    assert (message.parts, message.replaced) == (3, 0)
    ask(bench, replacement(decision.message_id, b"short\n\x1b=\x1b=\x1b=\nwhy"))
    assert (message.text, message.comment, message.parts, message.replaced) == (b"short", b"why", 1, 1)
    assert bench.told(decision, Tag.PARTS) == 1


def test_5_0_may_carry_the_new_text_in_the_payload() -> None:
    bench = Bench()
    decision = bench.submit(sms())
    ask(bench, replacement(decision.message_id, b"", tlvs=((Tag.MESSAGE_PAYLOAD, b"y" * 300),)))
    assert (decision.dues[0].message.text, decision.dues[0].message.parts) == (b"y" * 300, 2)


@pytest.mark.parametrize(("registered", "receipts"), [(0, 0), (1, 1)])
def test_the_receipt_afterwards_is_the_one_that_replace_sm_asks_for(registered: int, receipts: int) -> None:
    bench = Bench()
    decision = bench.submit(sms(registered_delivery=1 - registered))
    ask(bench, replacement(decision.message_id, registered_delivery=registered))
    assert len(bench.receipts(decision.dues)) == receipts


def test_new_times_take_the_place_of_the_old_ones() -> None:
    bench = Bench()
    decision = bench.submit(sms(schedule_delivery_time="000000010000000R"))
    answer = ask(bench, replacement(decision.message_id, schedule_delivery_time="000000020000000R"))
    assert [due.at for due in answer.dues] == [pytest.approx(7201.05)]
    assert bench.receipts(decision.dues) == [], "the old time is no more"
    assert len(bench.receipts(answer.dues)) == 1


def test_a_shorter_validity_lets_the_message_expire() -> None:
    bench = Bench(SLOW)
    decision = bench.submit(sms())
    answer = ask(bench, replacement(decision.message_id, validity_period="000000000100000R"))
    assert [(due.at, due.state) for due in answer.dues] == [(61.0, ReceiptState.EXPIRED)]


@pytest.mark.parametrize(
    ("field", "status"),
    [("validity_period", CommandStatus.ESME_RINVEXPIRY), ("schedule_delivery_time", CommandStatus.ESME_RINVSCHED)],
)
def test_a_time_that_is_none_is_refused_and_nothing_changes(field: str, status: int) -> None:
    bench = Bench()
    decision = bench.submit(sms())
    asked = replacement(decision.message_id, b"new", **{field: "soon"})
    assert ask(bench, asked).status == status
    assert decision.dues[0].message.replaced == 0


# On the wire


async def test_a_replaced_and_a_cancelled_message_end_as_they_were_told_to() -> None:
    async with Simulator(SimulatorSettings(), SLOW) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        (_, first), (_, second) = await esme.submit(sms(1), sms(2))
        assert (await esme.ask(replacement(first)))[0] == 0
        assert (await esme.ask(CancelSm(message_id=second)))[0] == 0
        sim.skip(3600.0)
        await sim.settled()
        told = {}
        for body in esme.deliveries:
            assert isinstance(body, DeliverSm)
            told[lookup(body.tlvs, Tag.RECEIPTED_MESSAGE_ID)] = lookup(body.tlvs, Tag.MESSAGE_STATE)
        assert told == {first: MessageState.DELIVERED, second: MessageState.DELETED}
        ended = {each.message_id: each for each in sim.record.messages(login="demo")}
        assert (ended[first].text, ended[first].replaced) == (b"new", 1)
        assert ended[second].state is ReceiptState.DELETED


async def test_the_file_tells_how_a_message_ended_and_not_its_text(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    settings = SimulatorSettings(record=RecordSettings(file=path, keep="counts"))
    async with Simulator(settings, SLOW) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        ((_, message_id),) = await esme.submit(sms())
        await esme.ask(replacement(message_id))
        sim.skip(3600.0)
        await sim.settled()
        assert sim.record.messages() == []
    (line,) = [line for line in read_lines(path) if isinstance(line, MessageLine)]
    assert (line.message_id, line.state, line.octets, line.replaced) == (message_id, "DELIVRD", digest(b"new"), 1)


@pytest.mark.parametrize("command", list(Inquiry))
async def test_the_script_may_refuse_one_command(command: Inquiry) -> None:
    rule = InquiryRule(command=command, when=When(destination="7999*"), status=CommandStatus.ESME_RSYSERR)
    script = Script(receipts=Receipts(delay=3600.0), inquiries=(rule,))
    async with Simulator(SimulatorSettings(), script) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        ((_, message_id),) = await esme.submit(sms())
        asked: dict[Inquiry, InquiryBody] = {
            Inquiry.QUERY: QuerySm(message_id=message_id),
            Inquiry.REPLACE: replacement(message_id),
            Inquiry.CANCEL: CancelSm(message_id=message_id),
        }
        statuses = {each: (await esme.ask(body))[0] for each, body in asked.items()}
        assert statuses == {each: CommandStatus.ESME_RSYSERR if each is command else 0 for each in asked}


async def test_an_inquiry_may_be_answered_late_or_never() -> None:
    late = InquiryRule(when=When(limit=1), delay=60.0)
    never = InquiryRule(answer=InquiryAnswer.SILENT)
    script = Script(receipts=Receipts(delay=3600.0), inquiries=(late, never))
    async with Simulator(SimulatorSettings(), script) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        ((_, message_id),) = await esme.submit(sms())
        first, second = esme.request(QuerySm(message_id=message_id)), esme.request(CancelSm(message_id=message_id))
        await esme.until(lambda: esme.deliveries)  # the message is cancelled, though nobody says so
        sim.skip(60.0)
        await esme.until(lambda: first in [header.sequence for header, _, _ in esme.responses])
        assert second not in [header.sequence for header, _, _ in esme.responses]


@pytest.mark.parametrize("answer", [InquiryAnswer.CLOSE, InquiryAnswer.RESET])
async def test_an_inquiry_may_end_the_connection(answer: InquiryAnswer) -> None:
    script = Script(inquiries=(InquiryRule(answer=answer),))
    async with Simulator(SimulatorSettings(), script) as sim:
        esme = await Esme.connect(sim.port)
        await esme.bind()
        esme.request(QuerySm(message_id="1"))
        await esme.until(lambda: esme.closed)
