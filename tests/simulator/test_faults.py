"""What the gateway does wrong on request, each as a client sees it on a real connection (faults.md)."""

import asyncio
from contextlib import suppress
from functools import partial

import pytest
from pydantic import SecretStr

from connector.simulator import AccountSettings, ManualClock, Simulator, SimulatorSettings
from connector.simulator.script import (
    Action,
    BindAnswer,
    BindRule,
    Broken,
    ConnectRule,
    Cut,
    Host,
    IdForm,
    Misaddressed,
    Nacked,
    Noise,
    Prompt,
    Receipts,
    Reply,
    Script,
    Shuffled,
    Silent,
    Step,
    SubmitRule,
    When,
)
from connector.smpp.constants import CommandId, CommandStatus, Tag
from connector.smpp.events import Closed, MalformedReceived, OneWayReceived, UnexpectedResponse
from connector.smpp.pdu import BindTransceiver, EnquireLink, GenericNack, Outbind, SubmitSmResp
from connector.smpp.tlv import lookup
from tests.simulator.esme import Esme, sms

NO_RECEIPTS = Receipts(send=False, delay=0.0)


def simulator(script: Script, **fields: object) -> Simulator:
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=1000)
    return Simulator(SimulatorSettings.model_validate({"accounts": (account,), **fields}), script)


def replying(reply: Reply, **fields: object) -> Script:
    """Every submit_sm is answered so."""
    rule = SubmitRule(reply=reply, **fields)  # type: ignore[arg-type]  # a test's own fields
    return Script(submits=(rule,), receipts=NO_RECEIPTS)


# Responses


@pytest.mark.parametrize("status", [CommandStatus.ESME_RMSGQFUL, CommandStatus.ESME_RTHROTTLED, 0x440])
async def test_a_refusal_by_rule_comes_for_a_while(status: int) -> None:
    rule = SubmitRule(when=When(until=60.0), status=status)
    async with simulator(Script(submits=(rule,))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        assert (await esme.submit(sms()))[0][0] == status
        sim.skip(60.0)
        assert (await esme.submit(sms()))[0][0] == 0


async def test_half_of_the_submits_are_throttled_alike_with_one_seed() -> None:
    rule = SubmitRule(when=When(share=0.5), status=CommandStatus.ESME_RTHROTTLED)
    runs = []
    for _ in range(2):
        async with simulator(Script(submits=(rule,))) as sim, await Esme.connect(sim.port) as esme:
            await esme.bind()
            runs.append([status for status, _ in await esme.submit(*(sms(n) for n in range(100)))])
    assert runs[0] == runs[1]
    assert 30 < sum(status == 0 for status in runs[0]) < 70


async def test_no_response_ever_though_the_message_was_taken() -> None:
    script = Script(submits=(SubmitRule(reply=Silent()),), receipts=Receipts(delay=0.0))
    async with simulator(script) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        esme.request(sms())
        await esme.until(lambda: esme.deliveries)
        assert not esme.responses
        assert sim.bound("demo")[0].unanswered == 1


async def test_a_response_may_come_forty_minutes_late() -> None:
    async with simulator(replying(Prompt(delay=2400.0))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        esme.request(sms())
        await sim.until(lambda: len(sim.record.submits()) == 1)
        sim.skip(2399.0)
        await asyncio.sleep(0)
        assert not esme.responses
        sim.skip(1.0)
        await esme.until(lambda: esme.responses)


async def test_a_response_may_come_twice() -> None:
    async with simulator(replying(Prompt(copies=2))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms())
        await esme.until(lambda: esme.events)
        assert [type(event) for event in esme.events] == [UnexpectedResponse]


async def test_responses_may_come_in_another_order() -> None:
    async with simulator(replying(Shuffled(batch=20))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        answers = await esme.submit(*(sms(n) for n in range(20)))
        arrived = [header.sequence for header, _, _ in esme.responses]
        assert arrived != sorted(arrived)
        assert [message_id for _, message_id in answers] == [str(854019 + n) for n in range(20)]


async def test_held_responses_come_in_the_end() -> None:
    async with simulator(replying(Shuffled(batch=20, within=0.5))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        esme.request(sms())
        await sim.until(lambda: len(sim.record.submits()) == 1)
        sim.skip(0.5)
        await esme.until(lambda: esme.responses)


@pytest.mark.parametrize(
    ("reply", "sequence", "command"),
    [
        (Misaddressed(sequence=0), 0, CommandId.SUBMIT_SM_RESP),
        (Misaddressed(sequence=0x7FFFFFFF), 0x7FFFFFFF, CommandId.SUBMIT_SM_RESP),
        (Misaddressed(command_id=CommandId.QUERY_SM_RESP), 2, CommandId.QUERY_SM_RESP),
        (Misaddressed(command_id=0x80010200), 2, 0x80010200),
    ],
)
async def test_a_response_may_name_a_wrong_sequence_or_command(reply: Reply, sequence: int, command: int) -> None:
    async with simulator(replying(reply)) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        esme.request(sms())
        await esme.until(lambda: any(isinstance(event, UnexpectedResponse) for event in esme.events))
        event = esme.events[-1]
        assert isinstance(event, UnexpectedResponse)
        assert (event.header.sequence, event.header.command_id) == (sequence, command)
        assert not esme.responses


async def test_a_generic_nack_may_stand_for_the_response() -> None:
    async with simulator(replying(Nacked(status=8))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        status, body = await esme.ask(sms())
        assert (status, body) == (8, GenericNack())


@pytest.mark.parametrize(
    ("message_id", "id_form", "shown"),
    [
        ("", IdForm.DECIMAL, ""),
        ("00D0803", IdForm.DECIMAL, "00D0803"),
        (None, IdForm.LONG, "854019".rjust(65, "0")),
        (None, IdForm.HEX_LOWER, "d0803"),
    ],
)
async def test_message_ids_may_be_odd(message_id: str | None, id_form: IdForm, shown: str) -> None:
    async with (
        simulator(replying(Prompt(message_id=message_id)), id_form=id_form) as sim,
        await Esme.connect(sim.port) as esme,
    ):
        await esme.bind()
        assert await esme.submit(sms()) == [(0, shown)]


async def test_a_response_may_tell_congestion() -> None:
    reply = Prompt(tlvs=((int(Tag.CONGESTION_STATE), "5a"),))
    async with simulator(replying(reply)) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind(version=0x50)
        _, body = await esme.ask(sms())
        assert isinstance(body, SubmitSmResp)
        assert lookup(body.tlvs, Tag.CONGESTION_STATE) == 0x5A


# Connections that break


@pytest.mark.parametrize("cut", list(Cut))
async def test_a_connection_may_end_around_the_response(cut: Cut) -> None:
    async with simulator(replying(Broken(cut=cut))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        bound = len(esme.octets)
        esme.request(sms())
        await esme.until(lambda: esme.closed)
        whole = 16 + len("854019") + 1
        expected = {Cut.BEFORE: 0, Cut.MIDDLE: whole // 2, Cut.AFTER: whole}
        assert len(esme.octets) - bound == expected[cut]
        assert sim.record.submits()[0].accepted


async def test_a_submit_may_be_lost_with_its_connection_or_taken_all_the_same() -> None:
    for taken, status in ((False, 0), (True, 0x45)):
        rule = SubmitRule(when=When(limit=1), reply=Broken(), taken=taken)
        async with simulator(Script(submits=(rule,), receipts=NO_RECEIPTS)) as sim:
            async with await Esme.connect(sim.port) as first:
                await first.bind()
                first.request(sms())
                await first.until(lambda one=first: one.closed)
            async with await Esme.connect(sim.port) as second:
                await second.bind()
                assert (await second.submit(sms()))[0][0] == status


async def test_a_connection_may_be_reset_in_the_middle_of_what_the_client_writes() -> None:
    script = Script(connections=(ConnectRule(end_after_octets=100),))
    async with simulator(script) as sim:
        esme = await Esme.connect(sim.port)
        await esme.bind()
        with suppress(ConnectionError):
            esme.request(sms(text=b"x" * 100))
        await esme.until(lambda: esme.closed)
        assert sim.record.submits() == []


async def test_a_frozen_connection_is_half_open_until_it_thaws() -> None:
    async with simulator(Script(receipts=NO_RECEIPTS)) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        sim.freeze("demo")
        esme.request(sms())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not esme.responses
        assert not esme.closed
        sim.thaw("demo")
        await esme.until(lambda: esme.responses)


async def test_octets_may_come_one_by_one() -> None:
    script = Script(connections=(ConnectRule(segment=1),), receipts=Receipts(delay=0.0))
    async with simulator(script) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms())
        await esme.until(lambda: esme.deliveries)


async def test_everything_may_lag() -> None:
    script = Script(connections=(ConnectRule(lag=0.02),), receipts=NO_RECEIPTS)
    async with simulator(script) as sim, await Esme.connect(sim.port) as esme:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await esme.bind()
        assert loop.time() - began >= 0.02


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".hex(),
        "7fffffff00000004",
        "0000000f00000000",
    ],
)
async def test_what_is_no_pdu_may_come(octets: str) -> None:
    async with simulator(replying(Noise(octets=octets))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        esme.request(sms())
        await esme.until(lambda: any(isinstance(event, Closed) for event in esme.events))


async def test_a_vendor_command_may_come_before_the_response() -> None:
    reply = Noise(octets="00000010000102000000000000000005")
    async with simulator(replying(reply)) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        assert (await esme.submit(sms()))[0][0] == 0
        assert [type(event) for event in esme.events] == [MalformedReceived]


@pytest.mark.parametrize("rule", [ConnectRule(close=True), ConnectRule(end_after=0.0)])
async def test_a_connection_may_end_at_once(rule: ConnectRule) -> None:
    async with simulator(Script(connections=(rule,))) as sim:
        with suppress(ConnectionError):
            esme = await Esme.connect(sim.port)
            await esme.until(lambda: esme.closed)


async def test_a_connection_may_be_greeted_with_another_protocol() -> None:
    script = Script(connections=(ConnectRule(greeting=b"220 mail.example ESMTP\r\n".hex()),))
    async with simulator(script) as sim, await Esme.connect(sim.port) as esme:
        await esme.until(lambda: bool(esme.octets))
        assert esme.octets.startswith(b"220 ")


# Binds


@pytest.mark.parametrize("status", [0x05, 0x0D, 0x0E, 0x0F, 0x53, 0x58, 0x440])
async def test_a_bind_may_be_refused_with_each_status(status: int) -> None:
    script = Script(binds=(BindRule(when=When(limit=1), status=status),))
    async with simulator(script) as sim:
        async with await Esme.connect(sim.port) as esme:
            assert await esme.bind() == status
        async with await Esme.connect(sim.port) as esme:
            assert await esme.bind() == 0


@pytest.mark.parametrize("answer", [BindAnswer.CLOSE, BindAnswer.RESET])
async def test_a_bind_may_end_the_connection(answer: BindAnswer) -> None:
    async with simulator(Script(binds=(BindRule(answer=answer),))) as sim:
        esme = await Esme.connect(sim.port)
        esme.request(BindTransceiver(system_id="demo", password="demo"))
        await esme.until(lambda: esme.closed)
        assert esme.bind_status is None


def _binds(sim: Simulator, number: int) -> bool:
    return sim.record.commands[CommandId.BIND_TRANSCEIVER] == number


async def test_a_bind_may_be_answered_late_or_never() -> None:
    clock = ManualClock()
    account = AccountSettings(system_id="demo", password=SecretStr("demo"))
    script = Script(binds=(BindRule(when=When(limit=1), answer=BindAnswer.SILENT), BindRule(delay=5.0)))
    async with (
        Simulator(SimulatorSettings(accounts=(account,)), script, clock=clock) as sim,
        await Esme.connect(sim.port) as silent,
        await Esme.connect(sim.port) as late,
    ):
        for number, esme in enumerate((silent, late), start=1):
            esme.request(BindTransceiver(system_id="demo", password="demo"))
            await sim.until(partial(_binds, sim, number))
        assert late.bind_status is None
        clock.advance(5.0)
        sim.wake()
        await late.until(lambda: late.bind_status == 0)
        assert silent.bind_status is None


# From the gateway's side


async def test_the_gateway_may_unbind() -> None:
    async with simulator(Script()) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        sim.unbind("demo")
        await esme.until(lambda: esme.closed)
        assert sim.record.counts["kicked"] == 1


async def test_the_gateway_may_send_an_outbind() -> None:
    async with simulator(Script()) as sim, await Esme.connect(sim.port) as esme:
        await sim.until(lambda: bool(sim.connections()))
        sim.outbind()
        await esme.until(lambda: esme.events)
        event = esme.events[0]
        assert isinstance(event, OneWayReceived)
        assert event.body == Outbind(system_id="GATEWAY")


async def test_the_gateway_may_flood_with_enquire_link() -> None:
    async with simulator(Script()) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        sim.enquire_flood(500, "demo")
        await sim.until(lambda: sim.record.commands[CommandId.ENQUIRE_LINK_RESP] == 500)
        assert not esme.closed


async def test_a_host_may_go_down_and_come_back_on_its_port() -> None:
    async with simulator(Script()) as sim:
        esme = await Esme.connect(sim.port)
        await esme.bind()
        sim.host_down(Host.PRIMARY)
        await esme.until(lambda: esme.closed)
        with pytest.raises(ConnectionError):
            await Esme.connect(sim.port)
        async with await Esme.connect(sim.backup_port) as other:
            assert await other.bind() == 0
        await sim.host_up(Host.PRIMARY)
        async with await Esme.connect(sim.port) as again:
            assert await again.bind() == 0


async def test_steps_act_at_their_time_and_again() -> None:
    clock = ManualClock()
    script = Script(steps=(Step(at=10.0, action=Action.RESET, every=5.0),))
    async with Simulator(SimulatorSettings(), script, clock=clock) as sim:
        for seconds in (10.0, 5.0, 5.0):
            esme = await Esme.connect(sim.port)
            await esme.bind()
            clock.advance(seconds)
            sim.wake()
            await esme.until(lambda one=esme: one.closed)


@pytest.mark.parametrize(
    ("step", "event"),
    [
        (Step(at=1.0, action=Action.OUTBIND), MalformedReceived),
        (Step(at=1.0, action=Action.OCTETS, octets="00000010000102000000000000000005"), MalformedReceived),
    ],
)
async def test_steps_send_what_does_not_belong(step: Step, event: type[object]) -> None:
    clock = ManualClock()
    async with (
        Simulator(SimulatorSettings(), Script(steps=(step,)), clock=clock) as sim,
        await Esme.connect(sim.port) as esme,
    ):
        await esme.bind()
        clock.advance(1.0)
        sim.wake()
        await esme.until(lambda: any(isinstance(each, event) for each in esme.events))


async def test_another_script_may_be_played_and_the_old_ones_steps_end() -> None:
    clock = ManualClock()
    async with (
        Simulator(SimulatorSettings(), Script(steps=(Step(at=1.0, action=Action.RESET),)), clock=clock) as sim,
        await Esme.connect(sim.port) as esme,
    ):
        await esme.bind()
        sim.play(Script(submits=(SubmitRule(status=CommandStatus.ESME_RMSGQFUL),)))
        clock.advance(2.0)
        sim.wake()
        assert (await esme.submit(sms()))[0][0] == CommandStatus.ESME_RMSGQFUL


# What a client may do wrong


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\nHost: gateway.example\r\n\r\n", b"\x00" * 16, b"\xff" * 64])
async def test_a_client_that_speaks_no_smpp_is_closed(octets: bytes) -> None:
    async with simulator(Script()) as sim:
        esme = await Esme.connect(sim.port)
        esme.write(octets)
        await esme.until(lambda: esme.closed)


async def test_a_client_that_binds_twice_keeps_its_bind() -> None:
    async with simulator(Script(receipts=NO_RECEIPTS)) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        esme.write(bytes.fromhex("00000017 00000009 00000000 00000063 00 00 00 34 00 00 00"))
        esme.request(EnquireLink(), context="probe")
        await esme.until(lambda: esme.responses)
        assert (await esme.submit(sms()))[0][0] == 0
