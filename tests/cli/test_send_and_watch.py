"""`connector send` and `connector watch`, through a connector that runs."""

import asyncio
import json
from pathlib import Path

import pytest

from connector.cli.watch import _OUTCOMES
from connector.domain.hlr import hlr_outcome
from connector.domain.receipts import STATE_BY_WORD
from connector.embedded.kafka import EmbeddedKafka
from connector.kafka.clients import OutRecord
from tests.cli.commands import configuration, run, typed
from tests.support.world import world

TO = "79990000001"


async def test_a_message_is_sent_answered_and_watched(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    async with world(tmp_path, kafka.bootstrap_servers, prefix) as made:
        await made.start("route", "express", "submit", "collect")
        config = ("--config", str(made.config_file))
        one = await run("send", "--to", TO, "--text", "-", "--id", "m-1", "--wait", *config, given="Grüße".encode())
        assert one.code == 0
        assert one.out.splitlines()[0] == "m-1"
        assert "submit response: accepted" in one.out
        (submit,) = made.simulator.record.submits()
        assert submit.pdu.short_message == b"Gr\x7e\x1ee"

        hlr = await run("send", "--to", TO, "--kind", "hlr", "--wait", "receipt", "--json", "--meta", "a=b", *config)
        assert hlr.code == 0
        assert {answer["type"] for answer in hlr.json["answers"]} == {"SubmitResponse", "HlrResult"}

        cancel = ("--action", "CANCEL", "--target-id", "later", "--to", TO, "--id", "c-1")
        ahead = await run("send", *cancel, "--wait", "response", *config)
        assert "submit response: accepted, id none, 0 part(s): cancel-noted" in ahead.out

        bad = OutRecord(topic=made.topics.outbound, value=b"hello, world", headers=(("phone", TO.encode()),))
        await made.producer.send_all([bad])
        seen = await run("watch", *config, "--from", "beginning", "--count", "10", "--json")
        await made.stop("route")
        # Nobody routes it now, so nothing comes back.
        late = await run("send", "--to", TO, "--text", "x", "--wait", "--timeout", "0.5", *config)
    assert late.code == 1
    assert "no submit response within 0.5 s" in late.err

    events = seen.lines
    assert {event["topic"] for event in events} == {
        *("outbound", "submit-responses", "delivery-reports", "hlr-results", "dead-letters"),
    }
    assert TO not in seen.out
    assert "Grüße" not in seen.out
    (letter,) = [event for event in events if event["topic"] == "dead-letters"]
    assert letter["event"]["dl_code"] == "not-framed"
    assert letter["headers"]["phone"] == "***"


async def test_watch_filters_masks_and_unpacks(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    async with world(tmp_path, kafka.bootstrap_servers, prefix) as made:
        await made.start("route", "express")
        config = ("--config", str(made.config_file))
        rows = [
            {"to": f"7999000000{n}", "text": f"t\x1b[2J{n}", "id": f"m{n}", "meta": {"t": str(n)}} for n in range(4)
        ]
        given = "\n".join(map(json.dumps, rows)).encode()
        sent = await run("send", "--file", "-", "--format", "jsonl", "--sender", "Shop", "--json", *config, given=given)
        assert (sent.json["sent"], sent.json["refused"]) == (4, 0)
        since = ("--from", "beginning")
        await run("watch", "lane.normal", *since, "--count", "4", *config)
        lane, meta, shown, gone = await asyncio.gather(
            run("watch", "lane.normal", *since, "--idle-exit", "1", "--recipient", "+79990000002", *config),
            run("watch", "outbound", *since, "--count", "1", "--where", "metadata.t=3", *config),
            run("watch", "outbound", *since, "--idle-exit", "1", "--message-id", "m1", "--reveal", *config),
            run("watch", "outbound", "--from", "+1h", "--idle-exit", "0.2", *config),
        )
    (line,) = lane.out.splitlines()
    assert " m2 account=main lane=normal slot=0 " in line
    assert " m3 " in meta.out
    assert "recipient=*********03 text=<6 characters>" in meta.out
    (line,) = shown.out.splitlines()
    assert "recipient=79990000001 text=t\\x1b[2J1" in line
    assert gone.out == ""


def test_a_file_is_judged_line_by_line(tmp_path: Path) -> None:
    config = ("--config", str(configuration(tmp_path, "127.0.0.1:1", "t.")))
    table = tmp_path / "clients.csv"
    table.write_bytes(
        b"Telephone;ignored\n".replace(b";", b",")
        + b'79990000001,"a\nb"\n'
        + b"7999x,c\n"
        + b"79990000003\n"
        + b"\xff,d\n"
        + b"79990000005,e\n"
    )
    options = ("--file", str(table), "--column", "to=Telephone", "--ignore-unknown", "--text", "hello")
    done = typed("send", *options, "--dry-run", "--json", *config)
    assert done.code == 1
    assert [(line["line"], line["code"]) for line in done.json["refusals"]] == [
        (4, "recipient-not-a-number"),
        (5, "line-unreadable"),
        (6, "field-unreadable"),
    ]
    assert (done.json["read"], done.json["sent"], done.json["parts"]) == (5, 0, 2)
    # Nothing leaves, so that no broker is needed to say so.
    strict = typed("send", *options, "--strict", *config)
    assert strict.code == 1
    assert "sent nothing (--strict, and lines are refused); 2 of 5 messages can be sent" in strict.out
    assert "7999x" not in strict.out + strict.err


def test_every_outcome_of_an_hlr_request_can_be_watched_for() -> None:
    found = {hlr_outcome(state, error) for state in (None, *STATE_BY_WORD) for error in (None, *range(256))}
    assert found <= set(_OUTCOMES)


def test_a_mistake_on_the_command_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = ("--config", str(configuration(tmp_path, "127.0.0.1:1", "t.")))
    (tmp_path / "odd.csv").write_text("recipient,colour\n79990000001,red\n")
    (tmp_path / "data.txt").write_text("recipient\n")
    for arguments, code, words in (
        (("send",), 2, "give either --to for one message, or --file for many"),
        (("send", "--to", TO, "--text", "x", "--kind", "fax"), 2, "'fax' is not one of"),
        (("send", "--to", TO, "--text", "x", "--expires-at", "soon"), 2, "expires_at: is no time; allowed is"),
        (("send", "--to", "7999x", "--text", "x"), 1, "not sent: recipient-not-a-number"),
        (("send", "--to", TO, "--text", "x", "--account", "other"), 1, "not sent: account-unknown"),
        (("send", "--file", "nowhere.csv"), 2, "nowhere.csv: cannot be read"),
        (("send", "--file", "data.txt"), 2, "give --format csv, tsv or jsonl"),
        (("send", "--file", "odd.csv", "--dry-run"), 2, "the column 'colour' is no field"),
        (("send", "--to", TO, "--no-receipt", "--text", "x", "--wait", "receipt"), 2, "found --no-receipt"),
        (
            ("send", "--to", TO, "--action", "query", "--target-id", "m", "--wait", "receipt"),
            2,
            "of the earlier message",
        ),
        (("watch", "nothing"), 2, "'nothing' is none of our topics; known are outbound, "),
        (("watch", "--outcome", "nonsense"), 2, "--outcome: 'nonsense' is none; known are accepted, rejected, "),
        (("watch", "--state", "FOO"), 3, "warning: --state: 'FOO' is none that we know, which are SCHEDULED, "),
        (("watch", "--from", "soon"), 2, "--from: 'soon' is no moment"),
    ):
        done = typed(*arguments, *config)
        assert (done.code, words in done.err) == (code, True), (arguments, done.err)


@pytest.mark.parametrize(
    ("option", "word"), [("--outcome", "Accepted"), ("--outcome", "absent"), ("--state", "delivrd")]
)
def test_a_word_that_is_known_is_watched_for_without_a_word(tmp_path: Path, option: str, word: str) -> None:
    done = typed("watch", option, word, "--config", str(configuration(tmp_path, "127.0.0.1:1", "t.")))
    assert done.code == 3
    assert "warning" not in done.err
