"""`python -m tests.bench.simulator`: submit_sm with their receipts a second of the simulator, and what they cost it.

The client runs in a process of its own with a window of 300 and answers every receipt. Rates are pairs (a submit_sm,
its response, a receipt, its response); the cost is the simulator's own CPU time. `--keep full` holds every PDU.
"""

import argparse
import asyncio
import multiprocessing
import time
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from connector.simulator import AccountSettings, Simulator, SimulatorSettings
from connector.simulator.script import Receipts, Script
from connector.simulator.settings import RecordSettings
from connector.smpp.events import RequestReceived
from connector.smpp.pdu import BindTransceiver, DeliverSmResp, SubmitSm
from connector.smpp.session import Role, Session, SessionSettings

WINDOW = 300
DEADLINE = 300.0


class Client(asyncio.Protocol):
    """Submits as fast as its window allows until `count` receipts came."""

    def __init__(self, count: int, done: "asyncio.Future[None]") -> None:
        self._session = Session(role=Role.ESME, settings=SessionSettings(window=WINDOW, enquire_interval=None))
        self._count = count
        self._sent = 0
        self._received = 0
        self._done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._session.request(BindTransceiver(system_id="demo", password="demo"), time.monotonic())
        self._transport.write(self._session.data_to_send())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        for event in self._session.receive(data, now):
            if isinstance(event, RequestReceived):
                self._session.respond(event.header, DeliverSmResp())
                self._received += 1
        while self._sent < self._count and self._session.free_window:
            self._session.request(
                SubmitSm(
                    source_addr_ton=5,
                    source_addr="BENCH",
                    dest_addr_ton=1,
                    dest_addr_npi=1,
                    destination_addr=f"7999{self._sent:07d}",
                    registered_delivery=1,
                    short_message=b"Your parcel has arrived and waits for you until Friday.",
                ),
                now,
            )
            self._sent += 1
        self._transport.write(self._session.data_to_send())
        if self._received >= self._count and not self._done.done():
            self._done.set_result(None)


def play_client(port: int, count: int) -> None:
    """The client's process."""

    async def play() -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        transport, _ = await loop.create_connection(lambda: Client(count, done), "127.0.0.1", port)
        async with asyncio.timeout(DEADLINE):
            await done
        transport.close()

    asyncio.run(play())


async def measure(count: int, record: RecordSettings, delay: float) -> tuple[float, float]:
    """Wall and CPU seconds of the simulator for so many pairs."""
    account = AccountSettings(system_id="demo", password=SecretStr("demo"), speed=10**6)
    settings = SimulatorSettings(accounts=(account,), record=record)
    async with Simulator(settings, Script(receipts=Receipts(delay=delay))) as sim:
        process = multiprocessing.get_context("spawn").Process(target=play_client, args=(sim.port, count))
        process.start()
        await sim.until(lambda: sim.record.counts["bound"] > 0, DEADLINE)
        wall, cpu = time.monotonic(), time.process_time()
        await sim.until(lambda: sim.record.counts["acknowledged"] >= count, DEADLINE)
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        await asyncio.to_thread(process.join)
    return wall, cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--keep", choices=("counts", "full"), default="counts")
    parser.add_argument("--record", type=Path, help="write the record's file too")
    parser.add_argument("--delay", type=float, default=0.5, help="seconds until a receipt")
    given = parser.parse_args()
    record = RecordSettings(keep=given.keep, file=given.record)
    wall, cpu = asyncio.run(measure(given.count, record, given.delay))
    print(f"{given.count / wall:,.0f} pairs/s, {given.count / cpu:,.0f} per CPU second, ", end="")
    print(f"{cpu / given.count * 1e5:.1f} CPU s per 100,000")


if __name__ == "__main__":
    main()
