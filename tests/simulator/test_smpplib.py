"""smpplib, an implementation that shares nothing with ours, as the simulator's client."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm
from pydantic import SecretStr

from connector.domain.text import Alphabet
from connector.simulator import AccountSettings, Simulator, SimulatorSettings
from connector.simulator.script import Receipts, Script
from connector.smpp.constants import CommandStatus

AT_ONCE = Script(receipts=Receipts(delay=0.0))


class Peer:
    """smpplib's client in a thread of its own; what it got."""

    def __init__(self, port: int) -> None:
        self.client: Any = smpplib.client.Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
        self.responses: list[Any] = []
        self.deliveries: list[Any] = []
        self.client.set_message_sent_handler(lambda pdu: self.responses.append(pdu))
        self.client.set_message_received_handler(self._received)
        self.client.set_error_pdu_handler(lambda pdu: self.responses.append(pdu))

    def _received(self, pdu: Any) -> None:
        self.deliveries.append(pdu)

    def bind(self, **fields: str) -> None:
        self.client.connect()
        self.client.bind_transceiver(**{"system_id": "demo", "password": "demo", "system_type": "", **fields})

    def send(self, text: bytes, number: str = "79990000001", **fields: int) -> None:
        self.client.send_message(
            source_addr_ton=5,
            source_addr_npi=0,
            source_addr="Shop",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=number,
            short_message=text,
            registered_delivery=True,
            **fields,
        )

    def read(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.client.read_once()

    def leave(self) -> None:
        if self.client.state != smpplib.consts.SMPP_CLIENT_STATE_OPEN:
            self.client.unbind()
        self.client.disconnect()


@pytest.fixture
def settings() -> SimulatorSettings:
    return SimulatorSettings(accounts=(AccountSettings(system_id="demo", password=SecretStr("demo"), speed=100),))


async def test_it_binds_submits_and_reads_receipts(settings: SimulatorSettings) -> None:
    def play(port: int) -> Peer:
        peer = Peer(port)
        peer.bind()
        for n in range(3):
            peer.send(b"Hello", f"7999000000{n}")
        peer.read(lambda: len(peer.responses) == 3 and len(peer.deliveries) == 3)
        peer.leave()
        return peer

    async with Simulator(settings, AT_ONCE) as sim:
        peer = await asyncio.to_thread(play, sim.port)
        ids = [pdu.message_id.decode() for pdu in peer.responses]
        assert ids == ["854019", "854020", "854021"]
        assert [pdu.receipted_message_id.decode() for pdu in peer.deliveries] == ids
        assert {pdu.message_state for pdu in peer.deliveries} == {smpplib.consts.SMPP_MESSAGE_STATE_DELIVERED}
        assert peer.deliveries[0].short_message.startswith(b"id:854019 sub:001 dlvrd:001 submit date:")
        assert sim.summary()[0].acknowledged == 3


async def test_its_parts_are_one_message(settings: SimulatorSettings) -> None:
    texts, data_coding, esm_class = smpplib.gsm.make_parts("a" * 400)

    def play(port: int) -> Peer:
        peer = Peer(port)
        peer.bind()
        for text in texts:
            peer.send(text, data_coding=data_coding, esm_class=esm_class)
        peer.read(lambda: len(peer.responses) == 3 and len(peer.deliveries) == 1)
        peer.leave()
        return peer

    async with Simulator(settings, AT_ONCE) as sim:
        peer = await asyncio.to_thread(play, sim.port)
        assert {pdu.message_id for pdu in peer.responses} == {b"854019"}
        assert b"sub:003 dlvrd:003" in peer.deliveries[0].short_message


async def test_it_understands_a_refusal(settings: SimulatorSettings) -> None:
    def play(port: int) -> Peer:
        peer = Peer(port)
        peer.bind()
        peer.send(b"Hello", "no number")
        peer.read(lambda: bool(peer.responses))
        peer.leave()
        return peer

    async with Simulator(settings, AT_ONCE) as sim:
        peer = await asyncio.to_thread(play, sim.port)
        assert peer.responses[0].status == CommandStatus.ESME_RINVDSTADR


async def test_a_wrong_password_is_refused(settings: SimulatorSettings) -> None:
    def play(port: int) -> int:
        peer = Peer(port)
        try:
            peer.bind(password="wrong")
        except smpplib.exceptions.PDUError as error:
            return int(error.args[1])
        finally:
            peer.leave()
        return 0

    async with Simulator(settings) as sim:
        assert await asyncio.to_thread(play, sim.port) == CommandStatus.ESME_RINVPASWD


@pytest.mark.parametrize(
    ("alphabet", "codec", "text"),
    [(Alphabet.LATIN1, "latin-1", "é" * 200), (Alphabet.UCS2, "utf-16-be", "я" * 100)],
)
async def test_it_reads_inbound_parts(settings: SimulatorSettings, alphabet: Alphabet, codec: str, text: str) -> None:
    def play(port: int) -> Peer:
        peer = Peer(port)
        peer.bind()
        peer.read(lambda: len(peer.deliveries) == 2)
        peer.leave()
        return peer

    async with Simulator(settings) as sim:
        sim.inbound("demo", source="79990000001", destination="15550100001", text=text, alphabet=alphabet)
        peer = await asyncio.to_thread(play, sim.port)
        assert all(pdu.esm_class & 0x40 for pdu in peer.deliveries)
        assert "".join(pdu.short_message[6:].decode(codec) for pdu in peer.deliveries) == text
        assert [pdu.short_message[:6] for pdu in peer.deliveries] == [bytes((5, 0, 3, 1, 2, n)) for n in (1, 2)]
