"""No number, text, code or password shows: not in a log at any level, a span, a label, an exception, a repr, a refusal.

Canaries are planted in every input and looked for in everything that is not the message's own way. The decisions run
here without Kafka; test_canaries_stages.py has the processes.
"""

import logging
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typer.testing import CliRunner

from connector import telemetry
from connector.bind.tls import context
from connector.cli.app import app
from connector.config import ConfigError, load
from connector.domain.composing import RefusedMessage
from connector.domain.events import LaneMessage, Outcome
from connector.domain.hlr import parse_hlr
from connector.domain.kinds import addresses_of, body_of, validate
from connector.domain.messages import Action, Coding, Kind, Lane, OutboundMessage, Priority
from connector.domain.parts import parse_udh, read_part
from connector.domain.receipts import parse_receipt
from connector.domain.text import Alphabet, Concatenation, encode, segment
from connector.domain.text import decode as read_text
from connector.kafka.clients import OutRecord, Record
from connector.kafka.ledger import Ledger
from connector.kafka.records import Codec, RecordError
from connector.smpp.constants import CommandStatus, Tag
from connector.smpp.errors import SmppError
from connector.smpp.pdu import BindTransceiver, DataSm, DeliverSm, Header, SubmitSm, SubmitSmResp, UnknownPdu, decode
from connector.smpp.pdu import encode as encode_pdu
from connector.stages.collect_batch import Batch
from connector.stages.forwarding import Forwarder
from connector.stages.routing import Entrance
from connector.stages.settings import StageConfig
from connector.stages.submit.figures import Figures
from connector.stages.submit.outcomes import done, intent, response, submissions
from connector.stages.submit.slot import Slot
from connector.telemetry import spans
from connector.telemetry.spans import Tracing
from connector.translate import plan, to_inbound_part
from tests.bind.support import Stage, pool, settings, until
from tests.fuzz.canaries import hatched, told_by
from tests.fuzz.targets.deliveries import FRAME, Tables, item, sent
from tests.smpp.pairs import bound_client
from tests.stages.test_forwarding import TOPICS, Kept
from tests.support.smsc import Peer, smsc

C = hatched(20)
CODEC = Codec()
NOW = 1_790_000_000_000
HOUR = 3_600_000
SAMPLED = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LOGIN = {"system_id": "login", "password": C.password}
CONFIG = StageConfig.model_validate(
    {
        "accounts": [
            {"name": "main", **LOGIN},
            {"name": "iso", **LOGIN, "iso": True},
            {"name": "regional", **LOGIN, "default_region": "RU"},
            {"name": "receiver", **LOGIN, "bind_mode": "receiver"},
        ],
        "default_account": "main",
    }
)
NO_DEFAULT = CONFIG.model_copy(update={"default_account": None})
MAIN = CONFIG.accounts[0]
PLAIN = OutboundMessage(
    id="m-1", sender=C.sender, recipient=C.number, text=C.text, comment=C.text, metadata={"note": C.text, C.number: "x"}
)


@dataclass
class Watch:
    """Everything that is not the message's own way: what shows there is collected, and searched at the end."""

    caplog: pytest.LogCaptureFixture
    spans: InMemorySpanExporter
    shown: list[object] = field(default_factory=list)

    def see(self, *things: object) -> None:
        """`repr` and `str` of values, texts as they are, all that an exception tells."""
        for thing in things:
            if isinstance(thing, str | bytes):
                self.shown.append(thing)
            elif isinstance(thing, BaseException):
                self.shown.append(told_by(thing))
            else:
                self.shown += [repr(thing), str(thing)]

    def letters(self, records: list[OutRecord]) -> None:
        """Dead letters hold what they refuse; the headers that say why do not. Records say their size."""
        for record in records:
            self.see(repr(record), *(value for name, value in record.headers if name.startswith("dl_")))

    def all(self) -> Iterator[object]:
        yield from self.shown
        for record in self.caplog.records:
            yield from (record.getMessage(), record.args, record.exc_text)
            if record.exc_info and record.exc_info[1] is not None:
                yield told_by(record.exc_info[1])
        for span in self.spans.get_finished_spans():
            yield span.to_json()
        for metric in telemetry.Metric:
            yield [series.labels for series in telemetry.snapshot(metric)]


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Iterator[Watch]:
    telemetry.reset()
    caplog.set_level(logging.DEBUG)
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use(Tracing(tracer=provider.get_tracer("test"), ratio=1.0, limit=1e9, tokens=1e9, filled_at=0.0))
    watching = Watch(caplog, exporter)
    yield watching
    spans.use(None)
    provider.shutdown()
    seen = [(C.seen_in(shown), str(shown)[:300]) for shown in watching.all() if C.seen_in(shown)]
    telemetry.reset()
    assert not seen, "\n".join(f"{names}: {shown}" for names, shown in seen[:20])


def test_the_search_finds_a_canary_in_every_form() -> None:
    for shown in (
        f"to {C.number}",
        C.text.upper(),
        C.text.encode("utf-16-be"),
        repr(C.text.encode("utf-16-be")),
        C.password.encode().hex(),
        {"x": (C.code,)},
        told_by(ValueError(C.imsi)),
    ):
        assert C.seen_in(shown), shown
    assert not C.seen_in("Record(sms.outbound[0]@7, 120 octets)")


# Outbound events


def refused() -> list[OutboundMessage]:
    """One for every reason there is to refuse an event."""
    mail = replace(PLAIN, kind=Kind.EMAIL, recipient=C.address, subject=C.text)
    bare = replace(PLAIN, comment=None)
    binary = replace(bare, kind=Kind.BINARY, text=None)
    call = replace(bare, kind=Kind.VOICE)
    return [
        *(replace(PLAIN, id=name) for name in ("", "x" * 256)),
        replace(PLAIN, campaign_id=C.text * 20),
        replace(PLAIN, metadata={f"{C.word}{number}": C.text for number in range(101)}),
        replace(PLAIN, metadata={"x": C.text * 5000}),
        replace(PLAIN, sender_ton=300),
        replace(mail, recipient=f"{C.number} at home"),
        replace(PLAIN, recipient=C.number + "x"),
        replace(PLAIN, recipient="+" + C.number.ljust(20, "0"), recipient_ton=0),
        replace(PLAIN, sender=C.sender + "é"),
        replace(PLAIN, sender="Shop" + C.sender),
        replace(PLAIN, text="  "),
        replace(bare, kind=Kind.HLR),
        replace(bare, text=f"{C.text}\n~~~\n{C.code}"),
        replace(PLAIN, subject=C.text),
        replace(bare, text=f"__TGM__: {C.code}"),
        replace(mail, subject=None),
        replace(mail, subject=f"{C.text}\n{C.text}"),
        replace(call, voice=C.code),
        replace(call, language=C.code),
        replace(bare, kind=Kind.TELEGRAM_BOT, bot=C.text),
        replace(bare, kind=Kind.TELEGRAM_CODE, text=C.code + "9"),
        replace(bare, kind=Kind.TELEGRAM_CODE),
        replace(mail, text=f"{C.text}\nsubj:{C.text}"),
        replace(binary, text="00", payload=C.text.encode()),
        replace(binary, text=C.code + "a"),
        replace(binary, text=C.word),
        replace(binary),
        replace(binary, payload=f"__TGM__: {C.code}".encode()),
        replace(binary, payload=b"x", udh=b"\x40" + C.text.encode()),
        replace(binary, payload=b"x", udh=b"\x01" + C.text.encode()),
        replace(binary, payload=b"x", udh=bytes((200, 0x70, 198)) + C.text.encode().ljust(198, b" ")),
        replace(binary, payload=C.text.encode() * 9, udh=b"\x05\x00\x03\x01\x02\x01"),
        replace(binary, payload=C.text.encode() * 2000),
        replace(PLAIN, text=C.text * 3000),
        replace(PLAIN, text=f"{C.text}\0"),
        replace(PLAIN, text=f"{C.text} привет", coding=Coding.GSM),
        replace(PLAIN, text=f"{C.text} привет", coding=Coding.LATIN1),
        replace(PLAIN, account="iso", coding=Coding.GSM),
        replace(PLAIN, validity_minutes=0),
        replace(PLAIN, expires_at=1 << 60),
        replace(PLAIN, scheduled_at=NOW + 2 * HOUR, expires_at=NOW + HOUR),
        replace(PLAIN, scheduled_at=NOW + 2 * HOUR, validity_minutes=5),
        replace(PLAIN, expires_at=NOW - HOUR),
        replace(PLAIN, account=C.number),
        replace(PLAIN, account="receiver"),
        replace(PLAIN, account="regional", recipient=f"+7{C.number}"),
        *asked(),
    ]


def asked() -> list[OutboundMessage]:
    """One for every reason to refuse what is about an earlier message; ids are an operator's words and may show."""
    request = OutboundMessage(
        id="r-1", action=Action.CANCEL, target_id="m-1", sender=C.sender, recipient=C.number, metadata={"x": C.text}
    )
    return [
        replace(PLAIN, target_id="m-0"),
        replace(request, target_id=None),
        replace(request, target_id="m" * 256),
        replace(request, id="m-1"),
        replace(request, target_gateway_id="9" * 65),
        replace(request, text=C.text),
        replace(request, action=Action.REPLACE, kind=Kind.VIBER, text=C.text),
    ]


def poisoned() -> list[bytes | None]:
    """Octets of an event that are none any more."""
    good = CODEC.encode(replace(PLAIN, priority=Priority.NORMAL))
    return [
        None,
        b"",
        C.text.encode(),
        good[:-4],
        good + C.text.encode(),
        good.replace(C.word.encode(), C.word.encode()[:-3] + b"\xed\xa0\x80"),
        b"\xc3\x01" + bytes(8) + C.text.encode(),
        b"\0\0\0\0\7" + good[10:],
        good[:10] + b"\x09" + good[11:],
        good + C.text.encode() * 80_000,
    ]


SOURCES = (
    "domain/kinds",
    "domain/ancillary",
    "domain/composing",
    "domain/addresses",
    "domain/text/alphabets",
    "domain/text/segments",
)
UNREACHABLE = {
    "text-undecodable",  # of inbound texts alone
    "text-lone-surrogate",  # no record can hold one; `validate` is asked below
}


def codes_of_the_sources() -> set[str]:
    """Every code that these files can refuse an event under."""
    root = Path(__file__).parents[2] / "connector"
    found: set[str] = set()
    for name in (*SOURCES, "stages/routing"):
        text = (root / f"{name}.py").read_text(encoding="utf-8")
        found |= set(re.findall(r'code="([a-z0-9-]+)"', text))
        found |= set(re.findall(r'(?:TextError\(\s*|return )"([a-z0-9]+-[a-z0-9-]+)"', text))
    return found - UNREACHABLE


async def letters_of(config: StageConfig, values: list[bytes | None], watch: Watch) -> list[OutRecord]:
    """The dead letters that both entrances make of these."""
    kept = Kept()
    records = [
        Record(TOPICS.outbound, 0, number, NOW, C.number.encode(), value, (("traceparent", SAMPLED),))
        for number, value in enumerate(values)
    ]
    for entrance in Entrance:
        forwarder = Forwarder(config, entrance, CODEC, None, kept, epoch_ms=lambda: NOW)
        await forwarder.forward(records)
    watch.see(records[0])
    letters = [record for record in kept.records if record.topic == TOPICS.dead_letters]
    watch.letters(kept.records)
    return letters


async def test_no_refusal_of_an_event_shows_what_it_refuses(watch: Watch) -> None:
    """An event under each code: a new code needs one in `refused`."""
    codes: set[str] = set()
    for priority in (Priority.URGENT, Priority.NORMAL):
        values: list[bytes | None] = [CODEC.encode(replace(message, priority=priority)) for message in refused()]
        letters = await letters_of(CONFIG, values, watch)
        assert len(letters) == len(values), "each is refused, by one of the two"
        codes |= {dict(letter.headers)["dl_code"].decode() for letter in letters}
    letters = await letters_of(CONFIG, poisoned(), watch)
    assert len(letters) == len(poisoned())
    letters += await letters_of(NO_DEFAULT, [CODEC.encode(replace(PLAIN, priority=Priority.NORMAL))], watch)
    codes |= {dict(letter.headers)["dl_code"].decode() for letter in letters}
    assert not codes_of_the_sources() - codes, "plant canaries in an event that is refused so"


def test_the_rules_and_the_plan_show_nothing(watch: Watch) -> None:
    surrogate = replace(PLAIN, text=f"{C.text}\ud800", comment=None)
    watch.see(validate(surrogate, MAIN, NOW))
    for message in (*refused(), surrogate, *good()):
        # An operator's words, which these fields are, may show; here canaries stand in them to be refused.
        watch.see(replace(message, account=None, campaign_id=None, voice=None, language=None, bot=None))
        watch.see(addresses_of(message, MAIN), body_of(message), validate(message, MAIN, NOW))
        try:
            watch.see(plan(message, MAIN, now_ms=NOW))
        except RefusedMessage as error:
            watch.see(error)
        for concatenation in Concatenation:
            try:
                watch.see(plan(message, MAIN.model_copy(update={"concatenation": concatenation}), now_ms=NOW))
            except RefusedMessage as error:
                watch.see(error)


def good() -> list[OutboundMessage]:
    """One of each kind, and long ones."""
    bare = replace(PLAIN, comment=None)
    mail = replace(PLAIN, kind=Kind.EMAIL, recipient=C.address, subject=C.text)
    return [
        PLAIN,
        replace(PLAIN, text=C.text * 20),
        replace(PLAIN, text=f"{C.text} привет " * 20, flash=True),
        mail,
        replace(bare, kind=Kind.VOICE, call_parameters=C.text),
        replace(PLAIN, kind=Kind.VIBER),
        replace(PLAIN, kind=Kind.SOCIAL),
        replace(PLAIN, kind=Kind.TELEGRAM_CODE, text=C.code),
        replace(PLAIN, kind=Kind.TELEGRAM_BOT, bot="shop"),
        replace(bare, kind=Kind.BINARY, text=None, payload=C.text.encode() * 20, udh=b"\x03\x70\x01\x00"),
        replace(bare, kind=Kind.HLR, text=None),
        replace(bare, kind=Kind.PING, text=None),
    ]


def test_texts_parts_and_headers_show_sizes_alone(watch: Watch) -> None:
    octets = C.text.encode()
    watch.see(
        segment(C.text * 20, Alphabet.GSM, concatenation=Concatenation.UDH8, reference=7, elements=b"\x70\x01\x00"),
        parse_receipt(f"id:1 stat:DELIVRD text:{C.text}".encode()),
        parse_receipt(octets),
        parse_hlr(f"id:1 imsi:{C.imsi} msc:{C.number} mcc:001".encode()),
        parse_hlr(octets),
        read_part(b"\x05\x00\x03\x01\x02\x01" + octets, esm_class=0x40),
        read_part(octets, esm_class=0x40),
    )
    asked: list[Callable[[], object]] = [
        lambda: encode(f"{C.text}ў", Alphabet.GSM),
        lambda: encode(f"{C.text}\ud800", Alphabet.UCS2),
        lambda: segment(C.text * 3000, Alphabet.GSM, concatenation=Concatenation.UDH8, reference=1),
        lambda: read_text(b"\xd8\x00" + octets, 8, strict=True),
        lambda: parse_udh(b"\xff" + octets),
        lambda: CODEC.encode(replace(PLAIN, text=f"{C.text}\ud800")),
        lambda: CODEC.encode(replace(PLAIN, validity_minutes=C.number)),  # type: ignore[arg-type]  # a mistake
    ]
    for ask in asked:
        with pytest.raises((ValueError, RecordError)) as caught:
            ask()
        watch.see(caught.value)


# The submitter


@pytest.mark.parametrize("status", [0, CommandStatus.ESME_RINVDSTADR, CommandStatus.ESME_RTHROTTLED, 0x12345678])
def test_a_message_on_its_way_to_its_outcome_shows_nothing(watch: Watch, status: int) -> None:
    slot = Slot(
        number=0,
        account=MAIN,
        ledger=Ledger(memory_ms=HOUR),
        decode=lambda value: CODEC.decode(OutboundMessage, value),
        resend_ms=45_000,
    )
    slot.ready, figures = True, Figures()
    for number, message in enumerate((*good(), replace(PLAIN, expires_at=NOW - 1))):
        name = f"m-{number}"
        lane = sent_to_lane(CODEC.encode(replace(message, id=name)), name)
        slot.take(Lane.NORMAL, number, [lane], now_ms=NOW)
        while (admitted := slot.next_part(Lane.NORMAL, now_ms=NOW)) is not None:
            part = admitted.part
            figures.admitted(part.work, now_ms=NOW)
            slot.sent(part, now_ms=NOW)
            figures.sent(slot, part, now_ms=NOW, first=True)
            verdict = slot.answered(part, int(status), "17", now_ms=NOW)
            figures.answered(slot, int(status), verdict, 0.1)
            watch.see(admitted, part, part.work, intent(part.work, NOW))
            if status == CommandStatus.ESME_RTHROTTLED:
                part.work.settle(Outcome.REJECTED, "refused-by-gateway")
                slot.finished.append(part.work)
                break
    assert slot.finished
    for work in slot.finished:
        watch.see(done(work, NOW), response(work, MAIN, NOW), *submissions(work, MAIN, NOW))
    figures.ended([(slot, work) for work in slot.finished], now_ms=NOW)
    assert watch.spans.get_finished_spans()


def sent_to_lane(event: bytes, name: str) -> LaneMessage:
    return LaneMessage(
        message_id=name,
        account="main",
        slot=0,
        lane=Lane.NORMAL,
        source_topic="sms.outbound",
        source_partition=0,
        source_offset=0,
        received_at=NOW,
        routed_at=NOW,
        traceparent=SAMPLED.decode(),
        event=event,
    )


# The gateway


def deliveries() -> list[DeliverSm | DataSm]:
    """Receipts, HLR answers, inbound messages and rubbish, all about the canaries."""
    to: dict[str, Any] = {"source_addr": C.number, "destination_addr": C.sender}
    text = C.text.encode()
    bodies: list[DeliverSm | DataSm] = [
        DeliverSm(**to, esm_class=4, short_message=f"id:17 stat:DELIVRD err:000 text:{C.text}".encode()),
        DeliverSm(**to, esm_class=4, short_message=text),
        DeliverSm(**to, esm_class=4, short_message=f"id:{C.word * 9} stat:{C.word}".encode()),
        DeliverSm(**to, esm_class=4, short_message=f"id:18 stat:DELIVRD imsi:{C.imsi} msc:{C.number} cn:%zz".encode()),
        DeliverSm(
            **to, esm_class=4, short_message=f"id:1 stat:DELIVRD text:{C.text}".encode("utf-16-be"), data_coding=8
        ),
        DeliverSm(**to, short_message=text, tlvs=((0x1400, text), (int(Tag.MESSAGE_STATE), text))),
        DeliverSm(**to, short_message=text, esm_class=0x40),
        DeliverSm(**to, short_message=b"\x05\x00\x03\x07\x02\x01" + text, esm_class=0x40),
        DeliverSm(**to, short_message=b"\x05\x00\x03\x07\x02\x02" + text, esm_class=0x40, data_coding=0xF4),
        DataSm(**to, tlvs=((int(Tag.MESSAGE_PAYLOAD), text),)),
    ]
    return bodies


def test_what_the_gateway_delivers_shows_nothing_on_its_way(watch: Watch) -> None:
    for known in (False, True):
        tables = Tables()
        batch = Batch(tables.desk, now_ms=NOW)
        for body in deliveries():
            each = item(0, encode_pdu(body, sequence=1))
            watch.see(body, each, to_inbound_part(body, account="main", received_at=NOW))
            if known:
                batch.take(FRAME, replace(sent(each.key, "SMS", MAIN), recipient=C.number, sender=C.sender))
            batch.take(FRAME, each)
        for broken in (None, b"", C.text.encode(), encode_pdu(SubmitSm(short_message=C.text.encode()), sequence=1)):
            batch.take(FRAME, replace(each, pdu=broken))
        batch.take_unreadable(replace_value(FRAME, C.text.encode()), RecordError("truncated", "it ends early"))
        watch.see(*(value for value in batch._sheet._values.values() if value is not None))
        tables.settle(batch)
        watch.letters(batch.events)
        tables.now_ms += 24 * HOUR
        late = Batch(tables.desk, now_ms=tables.now_ms)
        for place in list(tables.rows):
            late.due(place.partition, place.key)
        tables.settle(late)
        watch.letters(late.events)


def replace_value(record: Record, value: bytes) -> Record:
    return record._replace(value=value, key=C.number.encode())


def damaged_pdus() -> list[bytes]:
    """A deliver_sm cut short at every octet and with a wrong length of everything, and other odd PDUs."""
    whole = encode_pdu(deliveries()[5], sequence=5)
    cut = [length.to_bytes(4, "big") + whole[4:length] for length in range(16, len(whole), 3)]
    long = encode_pdu(DeliverSm(source_addr=C.number), sequence=5).replace(C.number.encode(), C.number.encode() * 30)
    long = len(long).to_bytes(4, "big") + long[4:]
    return [
        *cut,
        long,
        encode_pdu(SubmitSmResp(message_id="17"), sequence=999),
        encode_pdu(UnknownPdu(command_id=0x00010200, body=C.text.encode()), sequence=6),
        encode_pdu(
            SubmitSm(source_addr=C.sender, destination_addr=C.number, short_message=C.text.encode()), sequence=6
        ),
        encode_pdu(BindTransceiver(system_id="login", password=C.password), sequence=6),
    ]


def test_what_cannot_be_read_is_told_without_its_words(watch: Watch) -> None:
    session = bound_client()
    session.request(
        SubmitSm(source_addr=C.sender, destination_addr=C.number, short_message=C.text.encode()), 0.0, "context"
    )
    for octets in damaged_pdus():
        try:
            watch.see(*decode(octets))
        except SmppError as error:
            watch.see(error, getattr(error, "partial", None))
        watch.see(*session.receive(octets, 0.0))
    watch.see(*session.receive(C.text.encode() * 9, 0.0))
    watch.see(*session.close(0.0, "the end"), Header(16, 4, 0, 1))


async def test_a_bind_shows_neither_its_password_nor_what_it_carries(watch: Watch) -> None:
    stage = Stage()
    statuses = [CommandStatus.ESME_RBINDFAIL, CommandStatus.ESME_RSYSERR, 0x440, 0]
    async with smsc() as gateway:
        gateway.on_bind = lambda peer, bind: statuses.pop(0) if statuses else CommandStatus.ESME_RINVPASWD
        config = settings(gateway, password=C.password)
        async with pool(config, stage, label="main") as binds:
            bind = await binds.add(0)
            await until(lambda: bind.ready)
            peer: Peer = gateway.living[-1]
            bind.submit(
                SubmitSm(source_addr=C.sender, destination_addr=C.number, short_message=C.text.encode()), ("context", 1)
            )
            for body in deliveries():
                peer.write_raw(encode_pdu(body, sequence=7))
            for octets in damaged_pdus():
                peer.write_raw(octets)
            await until(lambda: len(stage.deliveries) >= len(deliveries()) and stage.answers)
            peer.write_raw(C.text.encode() * 20)  # no SMPP: the link ends, and the next bind is refused
            await until(lambda: stage.downs and stage.refusals[-1].permanent)
            watch.see(bind.status(), config, *stage.refusals, *stage.answers, *stage.downs)
            watch.see(*(body for body, _, _ in stage.deliveries))
        assert gateway.binds[0].password == C.password, "the canary was there"
    assert any("PDU" in record.getMessage() for record in watch.caplog.records), "the oddities were logged"


async def test_a_failure_of_tls_shows_no_password(watch: Watch, tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    stage = Stage()
    async with smsc(server) as gateway:
        config = settings(gateway, password=C.password, tls={"enabled": True, "key_password": C.password})
        async with pool(config, stage, label="main") as binds:
            bind = await binds.add(0)
            await until(lambda: stage.refusals)
            watch.see(bind.status(), config, *stage.refusals)
    certificate = tmp_path / "client.pem"
    certificate.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    secret = tmp_path / "secret"
    secret.write_text(C.password)
    chosen = {"enabled": True, "cert_file": certificate, "key_password_file": secret}
    with pytest.raises(ValueError, match=r"tls\.cert_file") as caught:
        context(settings(password=C.password, tls=chosen).tls)
    watch.see(caught.value)


# The configuration


def documents() -> list[tuple[str, dict[str, str]]]:
    """Files with a password wherever one belongs, and faults beside it."""
    account = {"name": "main", "system_id": "login", "password": C.password}
    kafka = {
        "security": {"protocol": "SASL_PLAINTEXT", "username": "u", "password": C.password, "key_password": C.password}
    }
    registry = {"url": "http://127.0.0.1:1", "username": "u", "password": C.password}
    sound = {"accounts": [account], "kafka": {**kafka, "registry": registry}}
    broken: list[dict[str, Any]] = [
        {"accounts": [{**account, "password": C.password + "é"}]},
        {"accounts": [{**account, "password": [C.password]}]},
        {"accounts": [{**account, "password": {C.password: C.password}}]},
        {"accounts": [{**account, "password_file": C.password}]},
        {"accounts": [{**account, "window": 0}]},
        {"accounts": [{**account, "tls": {"key_password": C.password, "key_password_file": C.password}}]},
        {"accounts": {"main": account}},
        {"accounts": [account, account]},
        {"accounts": [{**account, "system_id": "логин"}]},
        {"kafka": {"security": {**kafka["security"], "mechanism": "x"}}},
        {"kafka": {"security": {"password": C.password, "password_file": C.password}}},
        {"kafka": {"registry": {**registry, "url": f"http://u:{C.password}@host"}}},
        {"kafka": {"registry": {**registry, "url": f"http://[{C.password}]"}}},
        {"telemetry": {"otlp_endpoint": f"http://u:{C.password}@host:4317"}},
    ]
    lines = [
        f"accounts: [{{name: main, system_id: login, password:{C.password}}}]",
        f"accounts:\n  - name: main\n    password: [{C.password}\n",
        f"kafka: {{security: password:{C.password}}}",
    ]
    environ = {
        "SMS_CONNECTOR__ACCOUNTS__MAIN__PASSWORD": f"[{C.password}",
        "SMS_CONNECTOR__KAFKA__SECURITY": f"{{password: {C.password}",
    }
    trees = [yaml.safe_dump(tree, allow_unicode=True) for tree in (sound, *broken)]
    return [*((text, {}) for text in (*trees, *lines)), (yaml.safe_dump(sound), environ)]


def test_no_configuration_shows_a_password(watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    taken = 0
    for text, environ in documents():
        path.write_text(text, encoding="utf-8")
        try:
            watch.see(load(path, environ))
            taken += 1
        except ConfigError as error:
            watch.see(error)
        for options in ([], ["--json"]):
            result = CliRunner().invoke(app, ["config", "--config", str(path), *options], env=environ)
            watch.see(result.output, result.stderr)
    assert taken == 1
