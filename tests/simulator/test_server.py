"""The gateway on real ports: binds and whom they end, submits, receipts that are never lost, inbound messages."""

import asyncio
from ipaddress import ip_network
from itertools import pairwise

import pytest
from pydantic import SecretStr

from connector.domain.text import Alphabet, Concatenation
from connector.simulator import AccountSettings, ManualClock, Simulator, SimulatorSettings
from connector.simulator.record import Way
from connector.simulator.script import ConnectRule, FollowUp, Form, Host, Receipts, Route, Script
from connector.smpp.constants import CommandId, CommandStatus, MessageState, Tag
from connector.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    DataSm,
    DeliverSm,
    EnquireLink,
    GenericNack,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
)
from connector.smpp.tlv import lookup
from tests.simulator.esme import Esme, parts, sms

AT_ONCE = Script(receipts=Receipts(delay=0.0))
HOUR = 3600.0


def gateway(**fields: object) -> SimulatorSettings:
    """Settings with one fast login."""
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=1000)
    return SimulatorSettings.model_validate({"accounts": (account,), **fields})


def simulator(script: Script = AT_ONCE, **fields: object) -> Simulator:
    return Simulator(gateway(**fields), script)


def ids(esme: Esme) -> list[object]:
    """The ids in the receipts that a client got, in their order."""
    return [lookup(body.tlvs, Tag.RECEIPTED_MESSAGE_ID) for body in esme.deliveries]


# Binds


@pytest.mark.parametrize("kind", [BindTransceiver, BindTransmitter, BindReceiver])
async def test_every_kind_of_bind_is_accepted(kind: type[BindTransceiver]) -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        assert await esme.bind(kind) == 0
        assert getattr(esme.bind_response, "system_id", "") == "GATEWAY"


@pytest.mark.parametrize("version", [0x34, 0x50])
async def test_both_versions_of_the_protocol_are_spoken(version: int) -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        assert await esme.bind(version=version) == 0
        assert esme.bind_response is not None
        tlvs = getattr(esme.bind_response, "tlvs", ())
        assert lookup(tlvs, Tag.SC_INTERFACE_VERSION) == version


@pytest.mark.parametrize(
    ("login", "password", "system_type", "status"),
    [
        ("nobody", "demo", "", CommandStatus.ESME_RINVSYSID),
        ("demo", "wrong", "", CommandStatus.ESME_RINVPASWD),
        ("demo", "demo", "MCON10", CommandStatus.ESME_RINVSYSTYP),
    ],
)
async def test_a_wrong_bind_is_refused_with_its_status(
    login: str, password: str, system_type: str, status: int
) -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        assert await esme.bind(system_id=login, password=password, system_type=system_type) == status


async def test_a_stranger_is_refused_or_closed() -> None:
    others = (ip_network("192.0.2.0/24"),)
    async with simulator(allowed_networks=others, stranger="refuse") as sim, await Esme.connect(sim.port) as esme:
        assert await esme.bind() == CommandStatus.ESME_RBINDFAIL
    async with simulator(allowed_networks=others) as sim:
        esme = await Esme.connect(sim.port)
        await esme.until(lambda: esme.closed)
        assert not esme.octets


async def test_a_new_bind_of_the_login_ends_the_earlier_one_on_either_host() -> None:
    async with simulator() as sim:
        first, second, third = [await Esme.connect(port) for port in (sim.port, sim.backup_port, sim.port)]
        for earlier, later in pairwise((first, second, third)):
            await earlier.bind() if earlier is first else None
            await later.bind()
            await earlier.until(lambda one=earlier: one.closed)
        assert [each.number for each in sim.bound("demo")] == [3]
        assert sim.record.counts_of("demo")["kicked"] == 2


async def test_a_transmitter_and_a_receiver_stay_together() -> None:
    async with simulator() as sim:
        sender, receiver = await Esme.connect(sim.port), await Esme.connect(sim.port)
        await sender.bind(BindTransmitter)
        await receiver.bind(BindReceiver)
        ((status, message_id),) = await sender.submit(sms())
        await receiver.until(lambda: receiver.deliveries)
        assert (status, ids(receiver)) == (0, [message_id])
        assert not sender.closed
        assert len(sim.bound("demo")) == 2


async def test_mcon_holds_so_many_binds_and_one_more_ends_the_oldest() -> None:
    async with simulator() as sim:
        binds = [await Esme.connect(sim.port) for _ in range(4)]
        for esme in binds[:3]:
            assert await esme.bind(system_type="ISO,MCON3,SINGLE") == 0
        assert len(sim.bound("demo")) == 3
        await binds[3].bind(system_type="MCON3")
        await binds[0].until(lambda: binds[0].closed)
        assert [each.number for each in sim.bound("demo")] == [2, 3, 4]


async def test_a_login_may_refuse_one_bind_too_many() -> None:
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), over_most="refuse")
    async with simulator(accounts=(account,)) as sim:
        first, second = await Esme.connect(sim.port), await Esme.connect(sim.port)
        assert await first.bind() == 0
        assert await second.bind() == CommandStatus.ESME_RALYBND


async def test_a_kicked_bind_may_be_asked_to_unbind() -> None:
    async with simulator(kick="unbind") as sim:
        first, second = await Esme.connect(sim.port), await Esme.connect(sim.port)
        await first.bind()
        await second.bind()
        await first.until(lambda: first.closed)
        assert [each.header.command_id for each in sim.record.received(CommandId.UNBIND_RESP)] == [
            CommandId.UNBIND_RESP
        ]


async def test_several_logins_are_connected_at_once_and_their_receipts_stay_apart() -> None:
    accounts = tuple(
        AccountSettings(system_id=name, password=SecretStr("demo"), speed=100) for name in ("shop", "bank")
    )
    async with simulator(accounts=accounts) as sim:
        shop, bank = await Esme.connect(sim.port), await Esme.connect(sim.port)
        await shop.bind(system_id="shop")
        await bank.bind(system_id="bank")
        ((_, first),) = await shop.submit(sms())
        ((_, second),) = await bank.submit(sms())
        await sim.settled()
        assert (ids(shop), ids(bank)) == ([first], [second])
        assert [(row.login, row.submits, row.acknowledged) for row in sim.summary()] == [("shop", 1, 1), ("bank", 1, 1)]


async def test_an_idle_connection_is_cut_after_120_seconds() -> None:
    clock = ManualClock()
    async with Simulator(gateway(), AT_ONCE, clock=clock) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        for _ in range(3):
            clock.advance(119.0)
            sim.wake()
            esme.request(EnquireLink(), context="probe")
            count = len(esme.responses)
            await esme.until(lambda seen=count: len(esme.responses) > seen)
        clock.advance(120.0)
        sim.wake()
        await esme.until(lambda: esme.closed)
        assert sim.record.counts_of("demo")["closed"] == 1


async def test_a_connection_without_a_bind_is_cut() -> None:
    clock = ManualClock()
    async with Simulator(gateway(), clock=clock) as sim, await Esme.connect(sim.port) as esme:
        await sim.until(lambda: bool(sim.connections()))
        clock.advance(30.0)
        sim.wake()
        await esme.until(lambda: esme.closed)


async def test_the_gateway_asks_whether_the_link_lives_where_it_is_told_to() -> None:
    clock = ManualClock()
    async with (
        Simulator(gateway(enquire_interval=30), clock=clock) as sim,
        await Esme.connect(sim.port) as esme,
    ):
        await esme.bind()
        clock.advance(30.0)
        sim.wake()
        await sim.until(lambda: sim.record.commands[CommandId.ENQUIRE_LINK_RESP] == 1)


# Submits


async def test_throttling_sets_in_at_the_logins_speed() -> None:
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=30)
    async with (
        Simulator(gateway(accounts=(account,)), AT_ONCE, clock=ManualClock()) as sim,
        await Esme.connect(sim.port) as esme,
    ):
        await esme.bind()
        answers = await esme.submit(*(sms(n) for n in range(40)))
        assert [status for status, _ in answers] == [0] * 30 + [CommandStatus.ESME_RTHROTTLED] * 10
        row = sim.summary()[0]
        assert (row.submits, row.accepted, row.throttled, row.peak_speed) == (40, 30, 10, 40)


async def test_submit_multi_is_not_implemented() -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        several = SubmitMulti(dest_address=(SmeAddress(destination_addr="79990000001"),), short_message=b"x")
        status, body = await esme.ask(several)
        assert (status, body) == (CommandStatus.ESME_RINVCMDID, GenericNack())


async def test_query_cancel_and_replace_are_answered() -> None:
    async with simulator(Script(receipts=Receipts(delay=HOUR))) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        ((_, message_id),) = await esme.submit(sms())
        status, body = await esme.ask(QuerySm(message_id=message_id, source_addr="Shop"))
        assert isinstance(body, QuerySmResp)
        assert (status, body.message_state) == (0, MessageState.ENROUTE)
        assert (await esme.ask(ReplaceSm(message_id=message_id, source_addr="Shop", registered_delivery=1)))[0] == 0
        assert (await esme.ask(CancelSm(message_id=message_id)))[0] == 0
        await esme.until(lambda: esme.deliveries)
        assert lookup(esme.deliveries[0].tlvs, Tag.MESSAGE_STATE) == MessageState.DELETED
        assert (await esme.ask(CancelSm(message_id=message_id)))[0] == CommandStatus.ESME_RCANCELFAIL


async def test_a_receiver_may_not_submit() -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        await esme.bind(BindReceiver)
        esme.write(bytes.fromhex("00000010 00000004 00000000 00000009"))
        await esme.until(lambda: esme.events)
        assert esme.octets.endswith(bytes.fromhex("80000004 00000004 00000009"))


async def test_missing_parts_end_with_a_receipt_after_a_minute() -> None:
    clock = ManualClock()
    async with Simulator(gateway(), AT_ONCE, clock=clock) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        answers = await esme.submit(*parts()[:2])
        assert len({message_id for _, message_id in answers}) == 1
        clock.advance(60.0)
        sim.wake()
        await esme.until(lambda: esme.deliveries)
        assert lookup(esme.deliveries[0].tlvs, Tag.NETWORK_ERROR_CODE) == b"\x03\x00\xf1"
        assert (await esme.submit(parts()[2]))[0][0] == 0xFE


# Receipts


async def test_a_receipt_comes_after_the_response_by_default_and_before_it_by_script() -> None:
    for before, order in ((False, ["response", "delivery"]), (True, ["delivery", "response"])):
        script = Script(receipts=Receipts(delay=0.0, before_response=before))
        async with simulator(script) as sim, await Esme.connect(sim.port) as esme:
            await esme.bind()
            await esme.submit(sms())
            await esme.until(lambda one=esme: len(one.order) == 2)
            assert esme.order == order


async def test_receipts_wait_for_a_receiver_and_come_with_the_next_bind() -> None:
    async with simulator() as sim:
        async with await Esme.connect(sim.port) as sender:
            await sender.bind(BindTransmitter)
            answers = await sender.submit(*(sms(n) for n in range(5)))
        assert sim.waiting() == 5
        async with await Esme.connect(sim.backup_port) as esme:
            await esme.bind()
            await sim.settled()
            assert ids(esme) == [message_id for _, message_id in answers]


async def test_an_unacknowledged_receipt_is_sent_again_to_the_next_bind() -> None:
    async with simulator() as sim:
        killed = await Esme.connect(sim.port, mute=True)
        await killed.bind()
        answers = await killed.submit(*(sms(n) for n in range(5)))
        await killed.until(lambda: len(killed.deliveries) == 5)
        killed.abort()
        await sim.until(lambda: not sim.bound("demo"))
        assert sim.waiting("demo") == 5
        async with await Esme.connect(sim.port) as esme:
            await esme.bind()
            await sim.settled()
            assert ids(esme) == ids(killed) == [message_id for _, message_id in answers]
        assert sim.record.counts_of("demo")["redelivered"] == 5
        assert [each.attempts for each in sim.record.deliveries()] == [2] * 5


async def test_a_receipt_that_is_not_answered_in_time_is_sent_again() -> None:
    clock = ManualClock()
    async with (
        Simulator(gateway(deliver_timeout=20), AT_ONCE, clock=clock) as sim,
        await Esme.connect(sim.port, mute=True) as esme,
    ):
        await esme.bind()
        await esme.submit(sms())
        await esme.until(lambda: len(esme.deliveries) == 1)
        esme.mute = False
        clock.advance(20.0)
        sim.wake()
        await esme.until(lambda: len(esme.deliveries) == 2)
        await sim.until(lambda: not sim.waiting())


@pytest.mark.parametrize(
    "status", [CommandStatus.ESME_RX_T_APPN, CommandStatus.ESME_RMSGQFUL, CommandStatus.ESME_RSYSERR]
)
async def test_a_receipt_that_is_refused_for_now_comes_again_later(status: int) -> None:
    async with simulator() as sim, await Esme.connect(sim.port, refuse=status) as esme:
        await esme.bind()
        await esme.submit(sms())
        await sim.until(lambda: sim.record.received(CommandId.DELIVER_SM_RESP) != [])
        assert sim.waiting() == 1
        esme.refuse = 0
        sim.skip(5.0)
        await sim.settled()
        assert len(esme.deliveries) == 2


async def test_a_receipt_that_is_refused_for_good_comes_no_more() -> None:
    async with simulator() as sim, await Esme.connect(sim.port, refuse=CommandStatus.ESME_RX_P_APPN) as esme:
        await esme.bind()
        await esme.submit(sms())
        await sim.settled()
        assert sim.record.counts_of("demo")["delivery_refused"] == 1


async def test_receipts_that_are_days_late_cost_no_waiting_and_no_connection() -> None:
    plan = Receipts(delay=3 * 24 * HOUR, follow_ups=(FollowUp(after=HOUR, additional_status=2),))
    async with simulator(Script(receipts=plan)) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms(validity_period="000030000000000R"))
        sim.skip(3 * 24 * HOUR)
        await esme.until(lambda: len(esme.deliveries) == 1)
        sim.skip(HOUR)
        await esme.until(lambda: len(esme.deliveries) == 2)
        assert [lookup(body.tlvs, Tag.ADDITIONAL_STATUS) for body in esme.deliveries] == [None, 2]


@pytest.mark.parametrize(("route", "number"), [(Route.SUBMITTER, 0), (Route.OTHER, 1)])
async def test_a_receipt_may_come_on_another_bind(route: Route, number: int) -> None:
    async with simulator(Script(receipts=Receipts(delay=0.0, route=route))) as sim:
        binds = [await Esme.connect(sim.port) for _ in range(2)]
        for esme in binds:
            await esme.bind(system_type="MCON2")
        await binds[0].submit(sms())
        await sim.settled()
        assert [len(esme.deliveries) for esme in binds] == [1 if n == number else 0 for n in range(2)]


async def test_receipts_for_unknown_ids_repeated_and_as_data_sm() -> None:
    plan = Receipts(delay=0.0, copies=3, form=Form.DATA_SM)
    async with simulator(Script(receipts=plan)) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms())
        sim.stray_receipt("demo", message_id="never-given", source="Shop", destination="79990000001")
        await sim.settled()
        assert [type(body) for body in esme.deliveries] == [DataSm, DataSm, DataSm, DeliverSm]
        assert ids(esme) == ["854019"] * 3 + ["never-given"]


async def test_deliveries_keep_to_the_clients_window() -> None:
    async with simulator(deliver_window=10) as sim, await Esme.connect(sim.port, mute=True) as esme:
        await esme.bind()
        await esme.submit(*(sms(n) for n in range(50)))
        await esme.until(lambda: len(esme.deliveries) == 10)
        assert sim.bound("demo")[0].session.in_flight == 10
        assert sim.waiting() == 50


async def test_hlr_and_ping_are_answered_by_a_receipt() -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms(1, b"\x11\x11HLR\x11\x11"), sms(1, b"\x11\x11PING\x11\x11"))
        await sim.settled()
        hlr, ping = esme.deliveries
        assert isinstance(hlr, DeliverSm)
        assert b" imsi:25002" in hlr.short_message
        assert [lookup(body.tlvs, Tag.FLAGS) for body in (hlr, ping)] == [4, 5]


async def test_deliveries_wrap_their_sequence_numbers() -> None:
    script = Script(connections=(ConnectRule(first_sequence=0x7FFFFFFF),), receipts=Receipts(delay=0.0))
    async with simulator(script) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms(1), sms(2))
        await sim.settled()
        assert [each.header.sequence for each in sim.record.sent(CommandId.DELIVER_SM)] == [0x7FFFFFFF, 1]


# Inbound messages


@pytest.mark.parametrize("concatenation", list(Concatenation))
@pytest.mark.parametrize(
    ("alphabet", "letter", "count"), [(Alphabet.GSM, "a", 200), (Alphabet.LATIN1, "é", 200), (Alphabet.UCS2, "я", 100)]
)
async def test_inbound_messages_come_in_any_alphabet_and_in_parts(
    concatenation: Concatenation, alphabet: Alphabet, letter: str, count: int
) -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        sent = sim.inbound(
            "demo",
            source="79990000001",
            destination="15550100001",
            text=letter * count,
            alphabet=alphabet,
            concatenation=concatenation,
            reference=9,
        )
        await sim.settled()
        assert tuple(esme.deliveries) == sent
        assert len(sent) == (1 if concatenation is Concatenation.PAYLOAD else 2)
        assert all(body.esm_class & 0x3C == 0 for body in sent)


async def test_inbound_parts_may_be_delivered_in_any_order() -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        one, two = (
            DeliverSm(source_addr="79990000001", destination_addr="15550100001", short_message=text)
            for text in (b"1", b"2")
        )
        sim.deliver("demo", two, one, two)
        await sim.settled()
        assert esme.deliveries == [two, one, two]


# The record


async def test_the_record_holds_every_pdu_with_its_time_and_way() -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(sms())
        await sim.settled()
        await esme.unbind()

        def ways(way: Way) -> list[int]:
            return [each.header.command_id for each in sim.record.pdus if each.way is way]

        assert ways(Way.IN) == [
            CommandId.BIND_TRANSCEIVER,
            CommandId.SUBMIT_SM,
            CommandId.DELIVER_SM_RESP,
            CommandId.UNBIND,
        ]
        assert ways(Way.OUT) == [CommandId.BIND_TRANSCEIVER_RESP, CommandId.SUBMIT_SM_RESP, CommandId.DELIVER_SM]
        times = [each.time for each in sim.record.pdus]
        assert times == sorted(times)
        (submit,) = sim.record.submits(destination="79990000001", login="demo", accepted=True)
        assert (submit.host, submit.sequence, submit.message_id) == (Host.PRIMARY, 2, "854019")


async def test_with_counts_only_the_numbers_are_kept() -> None:
    async with simulator(record={"keep": "counts"}) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        await esme.submit(*(sms(n) for n in range(20)))
        await sim.settled()
        assert not sim.record.pdus
        assert sim.record.submits() == []
        assert sim.record.commands[CommandId.SUBMIT_SM] == 20
        row = sim.summary()[0]
        assert (row.submits, row.receipts, row.acknowledged, row.waiting) == (20, 20, 20, 0)


async def test_waiting_for_what_never_comes_ends() -> None:
    async with simulator() as sim:
        with pytest.raises(TimeoutError):
            await sim.until(lambda: False, timeout=0.01)


async def test_a_question_that_fails_is_told_to_who_asked() -> None:
    async with simulator() as sim, await Esme.connect(sim.port) as esme:
        seen: list[int] = []

        def asks() -> bool:
            return bool(sim.record.pdus and seen[0])

        waiting = asyncio.ensure_future(sim.until(asks))
        await esme.bind()
        with pytest.raises(IndexError):
            await waiting


async def test_a_stopped_gateway_ends_its_connections_and_a_second_stop_is_fine() -> None:
    sim = simulator()
    await sim.start()
    esme = await Esme.connect(sim.port)
    await esme.bind()
    await sim.stop()
    await esme.until(lambda: esme.closed)
    await sim.stop()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", sim.port)
