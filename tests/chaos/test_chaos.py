"""The chaos runner itself: a short run with a fixed seed, its plan, and that its reckoning can say no."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from connector.domain.events import Outcome, SubmitResponse
from connector.domain.messages import Priority, UnknownPolicy
from connector.domain.parts import PartRef
from connector.simulator.record import SubmitRecord
from connector.simulator.script import Host
from connector.smpp.constants import CommandStatus
from connector.smpp.pdu import SubmitSm
from tests.chaos.audit import named
from tests.chaos.kinds import Fault, Need
from tests.chaos.network import VARIABLE, found_server, why_not
from tests.chaos.plan import drawn
from tests.support.evidence import Books, books, numbered
from tests.support.kafka import started

EVERYTHING = frozenset(Need)
SEED = 1
NETWORK = (
    Fault.KAFKA_ONE_WAY,
    Fault.KAFKA_RESET,
    Fault.KAFKA_TIMEOUT,
    Fault.GATEWAY_ONE_WAY,
    Fault.GATEWAY_RESET,
    Fault.GATEWAY_TIMEOUT,
)
SHORT = (Fault.KILL, Fault.KILL_ALL, Fault.ROLLING, Fault.STANDSTILL, Fault.BROKER_KILLED, Fault.RESET)


def test_a_seed_gives_the_same_run_again() -> None:
    """Broken by: anything drawn from another source than the seed."""
    plan = drawn(SEED, 2_000, EVERYTHING)
    assert plan == drawn(SEED, 2_000, EVERYTHING)
    assert plan != drawn(SEED + 1, 2_000, EVERYTHING)


def test_a_run_has_all_that_it_should_meet() -> None:
    plan = drawn(SEED, 5_000, EVERYTHING)
    assert {message.priority for message in plan.messages} == set(Priority)
    assert {message.unknown_outcome for message in plan.messages} == {None, *UnknownPolicy}
    assert {len(message.text or "") // 154 for message in plan.messages} == {0, 1, 2}
    assert len({message.recipient for message in plan.messages}) == 5_000
    assert {planned.fault for seed in range(40) for planned in drawn(seed, 5_000, EVERYTHING).faults} == set(Fault)


def test_what_the_machine_has_not_is_left_out() -> None:
    met = {planned.fault for seed in range(40) for planned in drawn(seed, 5_000, frozenset()).faults}
    assert met == {fault for fault in Fault if not fault.needs}


def test_a_short_run_keeps_its_promises_and_says_so() -> None:
    """As `make chaos` does it, in a process of its own. Without toxiproxy, so that every machine has the same run, and
    with the short faults. Broken by: anything that breaks a promise under them."""
    assert "left out: latency to Kafka" in short_run(SHORT, {VARIABLE: "/nonexistent"}, frozenset())


def test_a_short_run_over_a_bad_network_keeps_its_promises() -> None:
    """Writes that succeed without an answer, requests that stay away and connections that break, on both sides."""
    if found_server() is None:
        assert not os.environ.get("CI"), why_not()
        pytest.skip(why_not())
    short_run(NETWORK, {}, EVERYTHING)


def short_run(faults: tuple[Fault, ...], environment: Mapping[str, str], able: frozenset[Need]) -> str:
    """Two thousand messages under some of these faults; what it said on the way."""
    started().stop()
    size = ("--messages", "2000", "--seed", str(SEED), "--timeout", "300", "--json")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *size, *(word for fault in faults for word in ("--faults", fault.word))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert ended.returncode == 0, ended.stderr[-5_000:]
    row, sums = (json.loads(line) for line in ended.stdout.splitlines())
    assert (row["seed"], row["messages"], row["failed"], row["trouble"]) == (SEED, 2_000, False, [])
    assert row["findings"]["wrong"] == {}
    assert row["findings"]["outcomes"]["accepted"] > 1_500
    assert row["faults"] == Counter(each.fault.word for each in drawn(SEED, 2_000, able, faults).faults)
    assert sums["failed"] == []
    return ended.stderr


def test_a_fault_there_is_not_is_refused() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--faults", "earthquake"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "no fault 'earthquake'; there are: kill -9" in ended.stderr


# The reckoning: it must be able to find each thing it is there to find.

(MESSAGE,) = numbered(1)
ACCEPTED = SubmitResponse(
    event_id="e0",
    message_id=MESSAGE.id,
    account="main",
    kind="SMS",
    recipient=MESSAGE.recipient,
    lane="normal",
    outcome=Outcome.ACCEPTED,
    parts=1,
    parts_accepted=1,
    received_at=0,
    completed_at=0,
    source_topic="outbound",
    source_partition=0,
    source_offset=0,
)
REFUSED = replace(ACCEPTED, outcome=Outcome.REJECTED, parts_accepted=0)
TAKEN = SubmitRecord(
    time=0.0,
    epoch_ms=0,
    connection=1,
    login="main",
    host=Host.PRIMARY,
    sequence=1,
    pdu=SubmitSm(destination_addr=MESSAGE.recipient, short_message=b"order 0"),
    kind=MESSAGE.kind,
    part=None,
    status=0,
    message_id="1",
)
AGAIN = TAKEN._replace(sequence=2, message_id="2")
KNOWN = TAKEN._replace(sequence=2, message_id="", status=int(CommandStatus.ESME_RSUBMITFAIL))

FIGURES = ("lost", "two_ids", "changed", "taken_twice", "declared", "resent", "never_taken", "told_wrong", "corrected")


def wrong(found: Books) -> dict[str, int]:
    return {name: getattr(found, name) for name in FIGURES if getattr(found, name)}


@pytest.mark.parametrize(
    ("responses", "submits", "at_least_once", "figures"),
    [
        pytest.param([ACCEPTED], [TAKEN], (), {}, id="as it should be"),
        pytest.param([], [TAKEN], (), {"lost": 1}, id="no outcome"),
        pytest.param([ACCEPTED, ACCEPTED], [TAKEN], (), {}, id="published again"),
        pytest.param([ACCEPTED, replace(ACCEPTED, event_id="e1")], [TAKEN], (), {"two_ids": 1}, id="two ids"),
        pytest.param([REFUSED, ACCEPTED], [TAKEN], (), {"changed": 1}, id="another outcome under one id"),
        pytest.param([ACCEPTED], [TAKEN, AGAIN], (), {"taken_twice": 1}, id="doubled"),
        pytest.param([ACCEPTED], [TAKEN, AGAIN], (MESSAGE.id,), {"declared": 1}, id="doubled by its policy"),
        pytest.param(
            [replace(ACCEPTED, possible_duplicate=True)], [TAKEN, AGAIN], (), {"declared": 1}, id="doubled and told"
        ),
        pytest.param([ACCEPTED], [TAKEN, KNOWN], (), {"resent": 1}, id="sent again and recognised"),
        pytest.param([ACCEPTED], [KNOWN], (), {"resent": 1, "never_taken": 1}, id="told accepted, never taken"),
        pytest.param([REFUSED], [TAKEN], (), {"told_wrong": 1}, id="told refused, and taken"),
        pytest.param([replace(REFUSED, parts_accepted=1)], [TAKEN], (), {}, id="refused after a part was taken"),
        pytest.param(
            [replace(REFUSED, outcome=Outcome.UNKNOWN), replace(ACCEPTED, event_id="c0", correction=True)],
            [TAKEN],
            (),
            {"corrected": 1},
            id="unknown, and corrected",
        ),
    ],
)
def test_the_books_find_what_is_wrong(
    responses: list[SubmitResponse],
    submits: list[SubmitRecord],
    at_least_once: tuple[str, ...],
    figures: dict[str, int],
) -> None:
    assert wrong(books([MESSAGE.id], responses, submits, [], at_least_once)) == figures


def test_a_request_sent_again_is_found_where_the_policy_forbids_it() -> None:
    """A refusal for now (throttled, queue full) is an answer, and what follows it is no repeat."""
    once = replace(MESSAGE, unknown_outcome=UnknownPolicy.AT_MOST_ONCE)
    throttled = TAKEN._replace(message_id="", status=int(CommandStatus.ESME_RTHROTTLED))
    lost = TAKEN._replace(message_id="", taken=False)
    for submits, expected in (([throttled, throttled, TAKEN], []), ([TAKEN, KNOWN], ["m0"]), ([lost, TAKEN], ["m0"])):
        found = named({"m0": once}, [ACCEPTED], submits, {"1", "2"})
        assert found["resent_at_most_once"] == expected
        assert named({"m0": MESSAGE}, [ACCEPTED], submits, {"1", "2"})["resent_at_most_once"] == []


def test_parts_further_apart_than_a_minute_are_found() -> None:
    first = TAKEN._replace(part=PartRef(reference=1, total=2, index=1, bits=8))
    for seconds, expected in ((59.0, []), (61.0, ["m0"])):
        second = first._replace(
            time=seconds,
            pdu=replace(first.pdu, short_message=b"two"),
            part=PartRef(reference=1, total=2, index=2, bits=8),
        )
        assert named({"m0": MESSAGE}, [ACCEPTED], [first, second], {"1"})["late"] == expected


def test_an_accepted_id_without_a_report_is_found() -> None:
    assert named({"m0": MESSAGE}, [ACCEPTED], [TAKEN], {"1"})["without_receipt"] == []
    assert named({"m0": MESSAGE}, [ACCEPTED], [TAKEN], {"2"})["without_receipt"] == ["m0"]
