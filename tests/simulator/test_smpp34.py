"""smpp34, a third implementation (Rust under Python), as the simulator's client: it keeps vendor TLVs."""

import asyncio

import smpp34
from pydantic import SecretStr

from connector.simulator import AccountSettings, Simulator, SimulatorSettings
from connector.simulator.script import Receipts, Script

SETTINGS = SimulatorSettings(accounts=(AccountSettings(system_id="demo", password=SecretStr("demo"), speed=100),))


async def test_it_binds_submits_and_reads_vendor_tlvs() -> None:
    async with Simulator(SETTINGS, Script(receipts=Receipts(delay=0.0))) as sim, asyncio.timeout(10):
        client = smpp34.Client("127.0.0.1", sim.port, "demo", "demo", bind_type="TRX")
        session = await client.connect()
        response = await session.submit_sm(
            "79990000001", b"Hello", source_addr="Shop", source_addr_ton=5, registered_delivery=1
        )
        assert response.is_success
        assert response.message_id == "854019"
        receipt = await session.next()
        assert isinstance(receipt, smpp34.DeliverSmEvent)
        tlvs = {tlv.tag: tlv.value for tlv in receipt.tlvs}
        assert receipt.short_message.startswith(b"id:854019 ")
        assert tlvs[0x001E] == b"854019\0"
        assert tlvs[0x0427] == b"\x02"
        assert tlvs[0x0423] == b"\x03\x00\x00"
        assert tlvs[0x2000] == b"0.0500"
        assert tlvs[0x2003] == b"25002"
        await sim.settled()
        await session.unbind()
        await client.stop()
