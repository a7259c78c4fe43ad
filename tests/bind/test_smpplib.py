"""Against an independent implementation: a gateway whose every PDU is read and written by smpplib."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from smpplib import smpp

from connector.smpp.pdu import DeliverSm
from tests.bind.support import Stage, bound, message, settings, until


class Gateway:
    """Answers binds, submits, enquiries and unbinds; sends one receipt for each submit."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: list[Any] = []
        self._sequence = 0

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = SimpleNamespace(sequence=0, next_sequence=self.next_sequence)
        try:
            while True:
                length = await reader.readexactly(4)
                pdu = smpp.parse_pdu(
                    length + await reader.readexactly(int.from_bytes(length, "big") - 4),
                    client=client,
                    allow_unknown_opt_params=True,
                )
                self.seen.append(pdu)
                if pdu.is_response():
                    continue
                message_id = f"id-{pdu.sequence}"
                fields: dict[str, object] = {}
                if pdu.command.startswith("bind"):
                    fields = {"system_id": "smpplib"}
                elif pdu.command == "submit_sm":
                    fields = {"message_id": message_id}
                answer = smpp.make_pdu(f"{pdu.command}_resp", client=client, **fields)
                answer.sequence = pdu.sequence
                writer.write(answer.generate())
                if pdu.command == "submit_sm":
                    receipt = smpp.make_pdu(
                        "deliver_sm",
                        client=client,
                        source_addr=pdu.destination_addr.decode(),
                        destination_addr=pdu.source_addr.decode(),
                        short_message=f"id:{message_id} stat:DELIVRD".encode(),
                        receipted_message_id=message_id,
                    )
                    receipt.sequence = self.next_sequence()
                    writer.write(receipt.generate())
                await writer.drain()
                if pdu.command == "unbind":
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    made = Gateway()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


async def test_a_whole_life_against_smpplib() -> None:
    stage = Stage()
    async with gateway() as peer:
        async with bound(settings(port=peer.port, enquire_link_interval=0.05), stage) as bind:
            for number in range(20):
                bind.submit(message(number, b"number %d" % number), number)
            await until(lambda: len(stage.answers) == 20 and len(stage.deliveries) == 20)
            assert [answer.context for answer in stage.answers] == list(range(20))
            assert all(answer.message_id.startswith("id-") for answer in stage.answers)
            for body, _, token in stage.deliveries:
                assert isinstance(body, DeliverSm)
                assert body.short_message.endswith(b"stat:DELIVRD")
                assert bind.respond(token)
            await until(lambda: any(pdu.command == "enquire_link" for pdu in peer.seen))
            await until(lambda: sum(pdu.command == "deliver_sm_resp" for pdu in peer.seen) == 20)
            assert stage.downs == []
        await until(lambda: peer.seen[-1].command == "unbind")
    texts = [pdu.short_message for pdu in peer.seen if pdu.command == "submit_sm"]
    assert texts == [b"number %d" % number for number in range(20)]
    assert peer.seen[0].system_id == b"login"
