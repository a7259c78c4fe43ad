"""Messages from subscribers as a script states them: alphabets, parts, order, carriers, acknowledgements, times."""

from collections import Counter
from random import Random

import pytest
from pydantic import SecretStr

from connector.domain.parts import read_part
from connector.domain.text import Alphabet, Concatenation
from connector.simulator import ManualClock, Simulator, SimulatorSettings
from connector.simulator.inbound import parts_of
from connector.simulator.script import Inbound, Script
from connector.simulator.settings import AccountSettings
from connector.simulator.subscribers import Carrier, InboundType, PartOrder
from connector.smpp.constants import CommandId, Tag
from connector.smpp.pdu import BindReceiver, DataSm, DeliverSm, decode, encode
from connector.smpp.tlv import lookup, raw
from tests.simulator.esme import Esme


def inbound(text: str = "Yes", **fields: object) -> Inbound:
    values: dict[str, object] = {"login": "demo", "source": "79990000001", "destination": "15550100001", **fields}
    return Inbound(text=text, **values)  # type: ignore[arg-type]  # a test's own fields


def made(what: Inbound, turn: int = 0) -> list[DeliverSm | DataSm]:
    bodies = parts_of(what, turn, iso=False, random=Random(1))
    for body in bodies:
        assert decode(encode(body, sequence=1))[1] == body
    return bodies


def payload(body: DeliverSm | DataSm) -> bytes:
    return body.short_message if isinstance(body, DeliverSm) else raw(body.tlvs, Tag.MESSAGE_PAYLOAD) or b""


def numbers(bodies: list[DeliverSm | DataSm]) -> list[int]:
    """Which parts these are, by their header or their parameters."""
    found = []
    for body in bodies:
        part = read_part(payload(body), esm_class=body.esm_class, tlvs=body.tlvs).part
        assert part is not None
        found.append(part.index)
    return found


LONG = {
    Alphabet.GSM: "Straße über dem Fluß, 5€ [heute] " * 12,
    Alphabet.LATIN1: "Crème brûlée à volonté · " * 12,
    Alphabet.UCS2: "Ваш заказ в пути 🚚 " * 12,
}


@pytest.mark.parametrize("carrier", list(Carrier))
@pytest.mark.parametrize("concatenation", list(Concatenation))
@pytest.mark.parametrize("alphabet", list(Alphabet))
def test_every_alphabet_travels_in_every_concatenation_and_command(
    alphabet: Alphabet, concatenation: Concatenation, carrier: Carrier
) -> None:
    bodies = made(inbound(LONG[alphabet], alphabet=alphabet, concatenation=concatenation, carrier=carrier))
    assert {type(body) for body in bodies} == {DataSm if carrier is Carrier.DATA_SM else DeliverSm}
    if concatenation is Concatenation.PAYLOAD:
        assert len(bodies) == 1
    else:
        assert numbers(bodies) == list(range(1, len(bodies) + 1))
        assert len(bodies) > 1


def test_parts_may_be_turned_round_left_out_and_repeated() -> None:
    long = "x" * 600
    assert numbers(made(inbound(long))) == [1, 2, 3, 4]
    assert numbers(made(inbound(long, order=PartOrder.BACKWARD, repeated=(2,)))) == [4, 3, 2, 2, 1]
    assert numbers(made(inbound(long, missing=(3,)))) == [1, 2, 4]
    shuffled = numbers(made(inbound(long * 4, order=PartOrder.SHUFFLED, repeated=(1, 1))))
    assert shuffled != sorted(shuffled)
    assert Counter(shuffled)[1] == 3


def test_every_repetition_has_the_next_reference() -> None:
    references = [
        lookup(
            made(inbound("x" * 200, concatenation=Concatenation.SAR, reference=9), turn)[0].tlvs, Tag.SAR_MSG_REF_NUM
        )
        for turn in range(3)
    ]
    assert references == [9, 10, 11]


@pytest.mark.parametrize(
    ("type_", "bits"), [(InboundType.MESSAGE, 0x00), (InboundType.DELIVERY_ACK, 0x08), (InboundType.USER_ACK, 0x10)]
)
def test_a_subscriber_may_send_an_acknowledgement(type_: InboundType, bits: int) -> None:
    (body,) = made(inbound("ok", type=type_, tlvs=((Tag.RECEIPTED_MESSAGE_ID, "38353430313900"),)))
    assert body.esm_class & 0x3C == bits
    assert lookup(body.tlvs, Tag.RECEIPTED_MESSAGE_ID) == "854019"
    parts = made(inbound("x" * 200, type=type_))
    assert {part.esm_class for part in parts} == {bits | 0x40}


def test_octets_go_under_any_data_coding_and_a_text_may_flash() -> None:
    (body,) = made(inbound(octets="00ff10", data_coding=0xF5))
    assert (payload(body), body.data_coding) == (b"\x00\xff\x10", 0xF5)
    assert made(inbound("now", flash=True))[0].data_coding & 0x10
    (empty,) = made(inbound(""))
    assert payload(empty) == b""


async def test_what_subscribers_sent_waits_for_a_bind_that_receives() -> None:
    script = Script(inbound=(inbound(), inbound("x" * 200, carrier=Carrier.DATA_SM, order=PartOrder.BACKWARD)))
    async with Simulator(SimulatorSettings(), script) as sim:
        await sim.until(lambda: sim.waiting("demo") == 3)
        async with await Esme.connect(sim.port) as esme:
            await esme.bind(BindReceiver)
            await sim.settled()
            assert [type(body) for body in esme.deliveries] == [DeliverSm, DataSm, DataSm]
            assert len(sim.record.received(CommandId.DATA_SM_RESP)) == 2
            assert sim.record.counts_of("demo")["inbound"] == 3


async def test_times_are_the_gateways_and_a_gap_parts_the_parts() -> None:
    clock = ManualClock()
    script = Script(inbound=(inbound("x" * 200, at=10.0, gap=5.0, every=60.0, times=2),))
    async with Simulator(SimulatorSettings(), script, clock=clock) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind()
        for seconds, count in ((9.9, 0), (0.1, 1), (4.9, 1), (0.1, 2), (55.0, 3), (5.0, 4), (600.0, 4)):
            sim.skip(seconds)
            await sim.settled()
            await esme.until(lambda wanted=count: len(esme.deliveries) == wanted)


async def test_another_script_ends_what_subscribers_would_have_sent() -> None:
    async with Simulator(SimulatorSettings(), Script(inbound=(inbound(at=10.0),))) as sim:
        sim.play(Script())
        sim.skip(20.0)
        assert sim.waiting() == 0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (inbound(login="nobody"), "script.inbound.0.login"),
        (inbound(octets="0g"), "script.inbound.0.octets"),
        (inbound(tlvs=((1, "xyz"),)), "script.inbound.0.octets, tlvs"),
        (inbound("секрет", alphabet=Alphabet.GSM), "script.inbound.0.text, alphabet"),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused_at_the_start(wrong: Inbound, named: str) -> None:
    with pytest.raises(ValueError, match=r"script\.inbound") as refusal:
        Simulator(SimulatorSettings(), Script(inbound=(wrong,)))
    assert named in str(refusal.value)
    assert "секрет" not in str(refusal.value)
    with pytest.raises(ValueError, match=r"script\.inbound"):
        SimulatorSettings(script=Script(inbound=(wrong,)))


def test_a_login_whose_coding_0_is_iso_has_no_text_in_gsm() -> None:
    accounts = (AccountSettings(system_id="demo", password=SecretStr("demo"), iso=True),)
    with pytest.raises(ValueError, match=r"script\.inbound\.0\.alphabet"):
        SimulatorSettings(accounts=accounts, script=Script(inbound=(inbound("hi", alphabet=Alphabet.GSM),)))
    octets = inbound(octets="6869", data_coding=0x00, alphabet=Alphabet.GSM)
    SimulatorSettings(accounts=accounts, script=Script(inbound=(inbound("hi"), octets)))


@pytest.mark.parametrize("alphabet", [None, Alphabet.GSM])
@pytest.mark.parametrize(("system_type", "octets"), [("ISO", "é".encode("latin-1")), ("", b"\x05")])
async def test_coding_0_is_what_the_system_type_of_the_bind_makes_of_it(
    system_type: str, octets: bytes, alphabet: Alphabet | None
) -> None:
    script = Script(inbound=(inbound("é", alphabet=alphabet, at=1.0),))
    async with Simulator(SimulatorSettings(), script) as sim, await Esme.connect(sim.port) as esme:
        await esme.bind(system_type=system_type)
        sim.skip(1.0)
        await esme.until(lambda: esme.deliveries)
        (body,) = esme.deliveries
        assert (body.data_coding, payload(body)) == (0, octets)
        (said,) = sim.inbound("demo", source="1", destination="2", text="é")
        assert (said.data_coding, said.short_message) == (0, octets)
