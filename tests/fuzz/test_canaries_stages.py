"""The canaries on the real way: the stages as processes at DEBUG, Kafka, a gateway that says all kinds of things.

What is read at the end: the logs, /metrics of every stage, the traces and metrics of a collector, the headers that say
why of the dead letters.
"""

import asyncio
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from connector.domain.events import DeliveryReport, HlrResult, InboundMessage, SubmitResponse
from connector.domain.messages import OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka import topics
from connector.kafka.clients import Admin, OutRecord
from connector.simulator.script import HlrAnswer, Receipts, Script, SubmitRule, When
from connector.smpp.constants import CommandStatus
from connector.smpp.pdu import DeliverSm
from connector.stages.inventory import wanted_topics
from tests.fuzz.test_canaries import CODEC, MAIN, SAMPLED, C, damaged_pdus, deliveries, good, poisoned, refused
from tests.support.otlp import otlp_sink
from tests.support.world import World, world

T = TypeVar("T")
STAGES = ("route", "express", "submit", "collect")
REFUSED_BY_GATEWAY = "refused-there"


def script() -> Script:
    """Answers with the canaries; some messages are refused."""
    answer = HlrAnswer(imsi=C.imsi, msc=C.number, mcc="001", mnc="01", cn="Nowhere", net=C.word)
    return Script(
        submits=(
            SubmitRule(when=When(source=REFUSED_BY_GATEWAY[:11]), status=int(CommandStatus.ESME_RINVDSTADR)),
            SubmitRule(receipts=Receipts(hlr=answer)),
        )
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def scraped(port: int, path: str = "/metrics") -> str:
    def get() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            found: bytes = answer.read()
            return found.decode()

    return await asyncio.to_thread(get)


async def started(made: World) -> dict[str, int]:
    """Every stage with a metrics port of its own, which it has once it is ready.

    A second account has a password that the gateway refuses, and there are secrets that nobody asks for.
    """
    (main,) = made.tree["accounts"]
    made.tree["accounts"] = [main, {**main, "name": "other", "password": C.password, "reconnect_max": 1.0}]
    made.tree["default_account"] = "main"
    made.tree["kafka"]["security"] = {"password": C.password, "key_password": C.password}
    async with Admin(made.config.kafka) as admin:
        await topics.create(admin, wanted_topics(made.write(made.tree)), slotted=made.topics.slotted)
    ports = {}
    for stage in STAGES:
        ports[stage] = free_port()
        made.write({**made.tree, "telemetry": {**made.tree["telemetry"], "metrics_port": ports[stage]}})
        await made.start(stage)
        async with asyncio.timeout(60):
            while True:
                try:
                    await scraped(ports[stage], "/healthz/ready")
                    break
                except OSError:
                    assert made.processes[stage].returncode is None, made.log(stage)
                    await asyncio.sleep(0.1)
    return ports


def numbered(messages: list[OutboundMessage], letter: str) -> list[OutboundMessage]:
    """With ids and priorities of their own; no two requests are alike, so that the gateway finds no duplicate. An id
    that is the fault of its event stays."""
    return [
        replace(
            message,
            id=message.id if message.id in ("", message.target_id) else f"{letter}-{number}",
            priority=list(Priority)[number % 4],
        )
        for number, message in enumerate(messages)
    ]


def at_least(count: int) -> Callable[[list[T]], bool]:
    return lambda found: len(found) >= count


async def test_no_stage_shows_a_canary(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    sendable = numbered([*good(), replace(good()[0], sender=REFUSED_BY_GATEWAY[:11])], "g")
    # Accounts other than main are not configured here: those events are refused as well.
    unsendable = numbered([message for message in refused() if not message.id or message.account != "receiver"], "r")
    with otlp_sink() as sink:
        telemetry = {"otlp_endpoint": sink.endpoint, "otlp_interval": 1.0, "trace_limit": 1000.0}
        async with world(
            tmp_path,
            kafka.bootstrap_servers,
            prefix,
            script=script(),
            log_level="DEBUG",
            telemetry=telemetry,
            account={"default_sender": C.sender},
            collect={"data_dir": str(tmp_path / "collect"), "unmatched_after_seconds": 1, "inbound_timeout_seconds": 1},
        ) as made:
            ports = await started(made)
            headers = (("traceparent", SAMPLED),)
            values = [*(CODEC.encode(message) for message in (*sendable, *unsendable)), *poisoned()[:-1]]
            await made.producer.send_all(
                [OutRecord(made.topics.outbound, value, C.number.encode(), None, headers) for value in values]
            )
            letters = len(unsendable) + len(poisoned()) - 1
            await made.events(SubmitResponse, made.topics.submit_responses, at_least(len(sendable)))
            gateway = made.simulator
            gateway.deliver("demo", *(body for body in deliveries() if isinstance(body, DeliverSm)))
            gateway.stray_receipt("demo", message_id="424242", source=C.number, destination=C.sender)
            for octets in damaged_pdus():
                gateway.octets(octets, "demo")
            await made.events(HlrResult, made.topics.hlr_results, at_least(2))
            await made.events(InboundMessage, made.topics.inbound, at_least(2))
            await made.events(DeliveryReport, made.topics.delivery_reports, at_least(len(sendable) - 3))
            gateway.octets(C.text.encode() * 20, "demo")  # no SMPP: the bind is lost, and comes back
            await made.simulator.until(lambda: len(gateway.bound("demo")) == 0)
            await made.simulator.until(lambda: len(gateway.bound("demo")) == 1, timeout=30)
            dead = await made.records(made.topics.dead_letters, at_least(letters))
            pages = {stage: await scraped(port) for stage, port in ports.items()}
            health = {stage: await scraped(port, "/healthz/ready") for stage, port in ports.items()}
            codes = await made.stop()
    assert codes == dict.fromkeys(STAGES, 0)
    logs = {stage: made.log(stage) for stage in STAGES}
    why = [header for letter in dead for header in letter.headers if header[0].startswith("dl_")]
    shown: dict[str, object] = {
        **{f"log of {stage}": text for stage, text in logs.items()},
        **{f"metrics of {stage}": text for stage, text in pages.items()},
        **{f"health of {stage}": text for stage, text in health.items()},
        "traces": b"".join(request.SerializeToString() for request in sink.traces),
        "metrics of the collector": b"".join(request.SerializeToString() for request in sink.metrics),
        "why dead letters are": repr(why),
    }
    # Something was there to be searched.
    assert {span.name for span in sink.spans()} >= {"route", "submit", "collect"}
    assert all("sms_" in page for page in pages.values())
    assert " DEBUG " in logs["collect"]
    assert "PDU" in logs["submit"]
    assert "ESME_RINVPASWD" in logs["submit"]
    assert MAIN.name in pages["submit"]
    seen = {where: C.seen_in(text) for where, text in shown.items() if C.seen_in(text)}
    assert not seen, {where: context_of(str(shown[where])) for where in seen}


def context_of(text: str) -> list[str]:
    """The lines in which something shows."""
    return [line[:300] for line in text.splitlines() if C.seen_in(line)][:5]
