"""`connector send` can say everything that an outbound event can say, from options and from files, for every kind.

Nothing is sent here: a dry run judges by the router's rules and ends before any broker is asked.
"""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from connector.cli.fields import known_fields
from connector.cli.outgoing import Outgoing, Prospect
from connector.cli.send import spelled_out
from connector.domain.messages import Action, Coding, Kind, OutboundMessage, Priority, UnknownPolicy
from tests.cli.commands import Done, configuration, typed

TO = "79990000001"
ADDRESS = "someone@example.com"
SMS = OutboundMessage(id="", recipient=TO, sender="Shop", text="Hello")

# What is meant, and the words that say it.
KINDS: list[tuple[OutboundMessage, dict[str, str]]] = [
    (SMS, {"text": "Hello"}),
    (replace(SMS, flash=True, comment="for us"), {"text": "Hello", "flash": "", "comment": "for us"}),
    (replace(SMS, coding=Coding.UCS2, receipt=False), {"text": "Hello", "coding": "ucs2", "no-receipt": ""}),
    (
        replace(SMS, kind=Kind.EMAIL, recipient=ADDRESS, subject="Order"),
        {"kind": "email", "to": ADDRESS, "subject": "Order", "text": "Hello"},
    ),
    (
        replace(SMS, kind=Kind.VOICE, voice="w2", language="en", call_parameters="a=1"),
        {"kind": "voice", "voice": "w2", "language": "en", "call-parameters": "a=1", "text": "Hello"},
    ),
    (replace(SMS, kind=Kind.VIBER), {"kind": "viber", "text": "Hello"}),
    (replace(SMS, kind=Kind.SOCIAL), {"kind": "social", "text": "Hello"}),
    (replace(SMS, kind=Kind.TELEGRAM_CODE, text="123456"), {"kind": "telegram_code", "text": "123456"}),
    (
        replace(SMS, kind=Kind.TELEGRAM_BOT, bot="shop_bot"),
        {"kind": "telegram_bot", "bot": "shop_bot", "text": "Hello"},
    ),
    (replace(SMS, kind=Kind.HLR, text=None), {"kind": "hlr"}),
    (replace(SMS, kind=Kind.PING, text=None), {"kind": "ping"}),
    (replace(SMS, kind=Kind.BINARY, text="00fF"), {"kind": "binary", "text": "00fF"}),
    (
        replace(SMS, kind=Kind.BINARY, text=None, payload=b"\x01\xff", udh=b"\x06\x05\x04\x0b\x84\x23\xf0"),
        {"kind": "binary", "payload": "01ff", "udh": "0605040b8423f0"},
    ),
    (replace(SMS, kind=Kind.WAP_PUSH, text=None, payload=b"\x01\x06"), {"kind": "wap_push", "payload": "01 06"}),
    (
        replace(
            SMS,
            priority=Priority.BULK,
            account="main",
            campaign_id="autumn",
            scheduled_at=1_990_000_000_000,
            expires_at=1_990_000_060_000,
            validity_minutes=60,
            unknown_outcome=UnknownPolicy.AT_MOST_ONCE,
            sender_ton=5,
            sender_npi=1,
            recipient_ton=1,
            recipient_npi=1,
            metadata={"Tenant": "a=b"},
        ),
        {
            "text": "Hello",
            "priority": "bulk",
            "account": "main",
            "campaign": "autumn",
            "schedule-at": "1990000000000",
            "expires-at": "1990000060000",
            "validity": "60",
            "unknown-outcome": "at_most_once",
            "sender-ton": "5",
            "sender-npi": "1",
            "recipient-ton": "1",
            "recipient-npi": "1",
            "meta": "Tenant=a=b",
        },
    ),
]
each_kind = pytest.mark.parametrize(
    ("message", "options"), KINDS, ids=[f"{number}-{message.kind}" for number, (message, _) in enumerate(KINDS)]
)


class Desk:
    """A command line and what it understood."""

    def __init__(self, config: Path, seen: list[OutboundMessage]) -> None:
        self._config = config
        self.seen = seen

    def send(self, *arguments: str) -> Done:
        return typed("send", *arguments, "--dry-run", "--json", "--config", str(self._config))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    seen: list[OutboundMessage] = []
    real = Outgoing.prospect

    def prospect(self: Outgoing, message: OutboundMessage, now_ms: int) -> Prospect:
        seen.append(replace(message, id=""))
        return real(self, message, now_ms)

    monkeypatch.setattr(Outgoing, "prospect", prospect)
    return Desk(configuration(tmp_path, "127.0.0.1:1", "t."), seen)


def test_every_field_of_the_event_has_a_word() -> None:
    known = set(known_fields().split(", "))
    assert {field.name for field in fields(OutboundMessage)} - {"metadata"} <= known
    assert "metadata.<key>" in known


@each_kind
def test_options_say_it(desk: Desk, message: OutboundMessage, options: dict[str, str]) -> None:
    given = {"to": TO, "sender": "Shop"} | options
    words = [word for name, value in given.items() for word in ([f"--{name}", value] if value else [f"--{name}"])]
    done = desk.send(*words)
    assert done.code == 0, done.err + done.out
    assert desk.seen == [message]
    assert done.json["nothing_sent"] == "dry run"
    assert done.json["parts"] == done.json["billed"] == 1


def test_a_file_of_json_says_it(desk: Desk, tmp_path: Path) -> None:
    rows = []
    for message, options in KINDS:
        row: dict[str, object] = {"recipient": TO, "sender": "Shop"}
        for name, value in options.items():
            match name:
                case "flash":
                    row["flash"] = True
                case "no-receipt":
                    row["receipt"] = False
                case "meta":
                    row["metadata"] = dict(message.metadata)
                case "to":
                    row["recipient"] = value
                case _:
                    row[name] = int(value) if value.isdigit() else value
        rows.append(json.dumps(row))
    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    done = desk.send("--file", str(path))
    assert done.code == 0, done.err + done.out
    assert desk.seen == [message for message, _ in KINDS]


def test_a_file_of_columns_says_it(desk: Desk, tmp_path: Path) -> None:
    names = ("kind", "to", "from", "text", "payload", "udh", "flash", "receipt", "comment", "subject", "metadata.T")
    rows = [
        ("sms", TO, "Shop", "Hello", "", "", "yes", "no", "for us", "", "x"),
        ("email", ADDRESS, "Shop", "Hello", "", "", "", "", "", "Order", ""),
        ("Binary", TO, "Shop", "", "01FF", "0605040b8423f0", "", "", "", "", ""),
        ("wap-push", TO, "Shop", "", "0106", "", "", "", "", "", ""),
        ("hlr", TO, "Shop", "", "", "", "", "", "", "", ""),
    ]
    path = tmp_path / "messages.tsv"
    path.write_text("\n".join("\t".join(row) for row in (names, *rows)), encoding="utf-8")
    assert desk.send("--file", str(path)).code == 0
    assert desk.seen == [
        replace(SMS, flash=True, receipt=False, comment="for us", metadata={"T": "x"}),
        replace(SMS, kind=Kind.EMAIL, recipient=ADDRESS, subject="Order"),
        replace(SMS, kind=Kind.BINARY, text=None, payload=b"\x01\xff", udh=b"\x06\x05\x04\x0b\x84\x23\xf0"),
        replace(SMS, kind=Kind.WAP_PUSH, text=None, payload=b"\x01\x06"),
        replace(SMS, kind=Kind.HLR, text=None),
    ]


@pytest.mark.parametrize("action", [Action.CANCEL, Action.REPLACE, Action.QUERY])
def test_what_is_about_an_earlier_message_is_passed_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    """What such an event needs is the router's business; here its words only have to arrive."""
    monkeypatch.setattr(Outgoing, "refusal", lambda *_: None)
    done = desk.send(
        *("--to", TO, "--sender", "Shop", "--text", "Hello"),
        *("--action", action.value.lower(), "--target-id", "m-1", "--target-gateway-id", "854019"),
    )
    assert done.code == 0, done.err
    assert desk.seen == [replace(SMS, action=action, target_id="m-1", target_gateway_id="854019")]
    assert (done.json["parts"], done.json["alphabet"]) == (0, None)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--text", ""), "text-empty", "the text is missing"),
        (("--kind", "email", "--text", "x", "--subject", "y"), "recipient-not-an-address", "not an e-mail address"),
        (("--kind", "voice", "--text", "x", "--voice", "m5"), "voice-unknown", "the voice is none of m, m2"),
        (("--kind", "viber", "--text", "x", "--flash"), "field-not-of-kind", "has no place for: flash"),
        (("--kind", "telegram_code", "--text", "12a"), "code-not-4-to-8-digits", "4 to 8 digits"),
        (("--kind", "telegram_bot", "--text", "x"), "bot-name", "the name of the bot is missing"),
        (("--kind", "hlr", "--text", "x"), "text-not-allowed", "carries no text"),
        (("--kind", "ping", "--text", "x"), "text-not-allowed", "carries no text"),
        (("--kind", "hlr", "--comment", "x"), "field-not-of-kind", "a message of kind HLR has no place for: comment"),
        (("--kind", "binary", "--text", "abc"), "binary-odd-hex", "odd number of digits"),
        (("--kind", "binary", "--payload", "00", "--udh", "0500"), "udh-malformed", "header is malformed"),
        (("--kind", "wap_push"), "payload-empty", "needs octets"),
        (("--kind", "social", "--text", "a\n~~~\nb"), "text-holds-comment-mark", "three tildes"),
        (("--text", "__HLR__"), "text-starts-with-mark", "mark of another message kind"),
        (("--text", "x", "--expires-at", "-1m"), "expired", "expired 60 s ago"),
        (("--text", "x", "--coding", "gsm", "--comment", "я"), "text-not-gsm", "1 x letter"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_words_before_it_is_produced(
    desk: Desk, tmp_path: Path, words: tuple[str, ...], code: str, reason: str
) -> None:
    """Without --dry-run too: the broker of this configuration does not exist, and nobody asks it."""
    done = desk.send("--to", TO, *words)
    assert (done.code, done.json["refused"]) == (1, code)
    assert reason in done.json["reason"]
    real = typed("send", "--to", TO, *words, "--config", str(tmp_path / "connector.yaml"))
    assert real.code == 1
    assert f"not sent: {code}: " in real.err
    assert TO not in real.err
    assert desk.seen == []


def test_a_dry_run_says_what_is_sent_and_what_is_billed(desk: Desk, tmp_path: Path) -> None:
    words = ("--to", TO, "--text", "a" * 160, "--comment", "for us", "--dry-run")
    done = typed("send", *words, "--config", str(tmp_path / "connector.yaml"))
    assert done.out == "would be sent as 2 part(s) in GSM, 1 billed, lane normal\n"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], []),
        (["--wait"], ["--wait", "response"]),
        (["--wait", "receipt"], ["--wait", "receipt"]),
        (["--wait", "--to", "1"], ["--wait", "response", "--to", "1"]),
    ],
)
def test_wait_may_stand_alone_and_nothing_at_all_is_no_fault(given: list[str], meant: list[str]) -> None:
    assert spelled_out(given) == meant
