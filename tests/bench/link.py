"""Submits a second over one bind, and the processor time they cost, against a sink that answers at once.

`python -m tests.bench.link [window [messages]]`; the sink (`tests.bench.sink`) is a process of its own.
Compare ratios, not figures.
"""

import asyncio
import sys
import time
from typing import Any

from connector.bind.pool import Pool
from connector.bind.settings import BindSettings
from connector.smpp.pdu import SubmitSm
from connector.smpp.tlv import Tlvs


class Stage:
    """Keeps the window full."""

    def __init__(self, messages: int) -> None:
        self.left = messages
        self.answered = 0
        self.messages = messages
        self.ready = asyncio.Event()
        self.done = asyncio.Event()
        self.pool: Pool | None = None
        self.pdu = SubmitSm(
            source_addr="test",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="79990000001",
            registered_delivery=1,
            short_message=b"x" * 80,
        )

    def on_ready(self, slot: int) -> None:
        self.ready.set()

    def on_response(self, slot: int, context: object, status: int, message_id: str, tlvs: Tlvs) -> None:
        self.answered += 1
        if self.left:
            self.left -= 1
            assert self.pool is not None
            self.pool.binds[0].submit(self.pdu, self.left)
        if self.answered == self.messages:
            self.done.set()

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


async def measure(window: int, messages: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.sink", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    stage = Stage(messages)
    config = BindSettings(host="127.0.0.1", port=port, system_id="x", password="x", window=window)
    pool = stage.pool = Pool(config, stage)
    try:
        bind = await pool.add(0)
        await stage.ready.wait()
        before, cpu = time.perf_counter(), time.process_time()
        for _ in range(min(window, messages)):
            stage.left -= 1
            bind.submit(stage.pdu, stage.left)
        await stage.done.wait()
        took, cpu = time.perf_counter() - before, time.process_time() - cpu
        print(f"window {window}: {messages / took:,.0f}/s, {cpu * 1e5 / messages:.2f} CPU s per 100,000")
    finally:
        await pool.close(1.0)
        process.stdin.close()
        await process.wait()


def main() -> None:
    window = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    asyncio.run(measure(window, messages))


if __name__ == "__main__":
    main()
