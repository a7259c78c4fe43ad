"""When to try again and where: the policy alone, with the time in our hands."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bind.reconnect import PERMANENT, Attempt, Ending, Reconnect, refusal
from connector.smpp.constants import VERSION_3_4, VERSION_5_0, CommandStatus


def policy(*, hosts: int = 1, version: int = VERSION_3_4, seed: int = 1) -> Reconnect:
    return Reconnect(
        hosts=hosts, version=version, shortest=0.5, longest=60.0, permanent_wait=300.0, random=Random(seed)
    )


def test_the_first_attempt_goes_to_the_primary_at_once() -> None:
    assert policy(hosts=2).first() == Attempt(0.0, 0, VERSION_3_4)


def test_waits_double_up_to_the_longest_with_jitter() -> None:
    made = policy()
    waits = [made.after(Ending.UNREACHABLE, 0.0).wait for _ in range(12)]
    for number, wait in enumerate(waits):
        full = min(60.0, 0.5 * 2**number)
        assert full / 2 <= wait <= full
    assert len(set(waits)) == len(waits)


def test_two_binds_do_not_come_back_together() -> None:
    assert policy(seed=1).after(Ending.LOST, 0.0) != policy(seed=2).after(Ending.LOST, 0.0)


def test_the_backup_is_tried_at_once_and_the_wait_is_between_rounds() -> None:
    made = policy(hosts=2)
    attempts = [made.after(Ending.UNREACHABLE, 0.0) for _ in range(6)]
    assert [attempt.host for attempt in attempts] == [1, 0, 1, 0, 1, 0]
    assert all(attempt.wait <= 0.5 for attempt in attempts[::2])
    assert attempts[5].wait >= 1.0


def test_a_lost_bind_tries_its_own_host_first() -> None:
    made = policy(hosts=2)
    made.after(Ending.UNREACHABLE, 0.0)
    made.bound(0.0)
    assert made.after(Ending.LOST, 500.0).host == 1
    assert made.after(Ending.UNREACHABLE, 501.0).host == 0


@pytest.mark.parametrize(
    "status",
    [
        CommandStatus.ESME_RINVPASWD,
        CommandStatus.ESME_RINVSYSID,
        CommandStatus.ESME_RINVSYSTYP,
    ],
)
def test_what_time_does_not_heal_waits_long(status: CommandStatus) -> None:
    ending, words = refusal(status)
    assert ending in PERMANENT
    assert status.name in words
    assert 270.0 <= policy(hosts=2).after(ending, 0.0, status).wait <= 330.0


def test_every_other_refusal_may_pass() -> None:
    for status in CommandStatus:
        ending, words = refusal(status)
        assert (ending in PERMANENT) == (status.name in ("ESME_RINVPASWD", "ESME_RINVSYSID", "ESME_RINVSYSTYP"))
        assert status.name in words
    assert refusal(0x440) == (Ending.REFUSED, "the gateway refuses the bind (0x00000440)")


def test_already_bound_gives_the_gateway_time_to_notice() -> None:
    ending, _ = refusal(CommandStatus.ESME_RALYBND)
    made = policy(hosts=2)
    attempt = made.after(ending, 0.0)
    assert 4.0 <= attempt.wait <= 8.0
    assert attempt.host == 0


def test_a_bind_that_is_kicked_again_and_again_backs_off() -> None:
    made = policy()
    made.bound(0.0)
    assert made.judge(Ending.ENDED_BY_GATEWAY, 1000.0) is Ending.ENDED_BY_GATEWAY
    assert made.after(Ending.ENDED_BY_GATEWAY, 1000.0).wait <= 0.5, "a settled bind comes back at once"
    made.bound(1001.0)
    assert made.after(Ending.ENDED_BY_GATEWAY, 1002.0).wait <= 1.0, "once may be a restart"
    made.bound(1003.0)
    assert made.judge(Ending.ENDED_BY_GATEWAY, 1004.0) is Ending.KICKED
    assert 30.0 <= made.after(Ending.ENDED_BY_GATEWAY, 1004.0).wait <= 60.0


def test_two_processes_with_one_login_do_not_fight() -> None:
    """Each bind ends the other's: in an hour there are few of them, whatever the jitter."""
    for seed in range(20):
        ours, theirs = policy(seed=seed), policy(seed=seed + 100)
        now, binds = 0.0, 0
        due = {ours: 0.0, theirs: 5.0}
        holder: Reconnect | None = None
        while now < 3600:
            who = min(due, key=lambda each: due[each])
            now = due.pop(who)
            who.bound(now)
            binds += 1
            if holder is not None:
                due[holder] = now + holder.after(Ending.ENDED_BY_GATEWAY, now).wait
            holder = who
            if not due:
                break
        assert binds <= 130


def test_a_flapping_network_does_not_keep_a_settled_bind_waiting() -> None:
    made = policy()
    for start in range(0, 600, 20):
        made.bound(float(start))
        assert made.after(Ending.LOST, start + 15.0).wait <= 0.5


def test_a_network_that_breaks_at_once_waits_longer_each_time() -> None:
    made = policy()
    waits = []
    for start in range(0, 600, 60):
        made.bound(float(start))
        waits.append(made.after(Ending.LOST, start + 1.0).wait)
    assert waits[-1] >= 30.0


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (Ending.CLOSED_EARLY, None),
        (Ending.SILENT, None),
        (Ending.REFUSED, CommandStatus.ESME_RSYSERR),
        (Ending.REFUSED, CommandStatus.ESME_RBINDFAIL),
    ],
)
def test_version_5_falls_back_to_3_4_at_once(ending: Ending, status: int | None) -> None:
    made = policy(version=VERSION_5_0, hosts=2)
    assert made.first().version == VERSION_5_0
    assert made.after(ending, 0.0, status) == Attempt(0.0, 0, VERSION_3_4)
    made.bound(1.0)
    assert made.after(Ending.LOST, 500.0).version == VERSION_3_4, "what works is kept"


def test_where_3_4_is_refused_too_the_version_was_not_what_is_wrong() -> None:
    made = policy(version=VERSION_5_0)
    made.after(Ending.CLOSED_EARLY, 0.0)
    attempt = made.after(Ending.CLOSED_EARLY, 0.0)
    assert attempt.version == VERSION_5_0
    assert attempt.wait > 0


@pytest.mark.parametrize(
    "status", [CommandStatus.ESME_RINVPASWD, CommandStatus.ESME_RALYBND, CommandStatus.ESME_RTHROTTLED]
)
def test_a_refusal_that_has_nothing_to_do_with_the_version_does_not_change_it(status: int) -> None:
    ending, _ = refusal(status)
    attempt = policy(version=VERSION_5_0).after(ending, 0.0, status)
    assert attempt.version == VERSION_5_0
    assert attempt.wait > 0


endings = st.sampled_from(
    [each for each in Ending if each not in (Ending.KICKED, Ending.CLOSED)],
)


@given(
    st.lists(st.tuples(endings, st.floats(min_value=0, max_value=500), st.booleans()), max_size=80),
    st.integers(min_value=1, max_value=2),
    st.sampled_from([VERSION_3_4, VERSION_5_0]),
    st.integers(),
)
def test_every_history_leads_to_a_sane_attempt(
    history: list[tuple[Ending, float, bool]], hosts: int, version: int, seed: int
) -> None:
    made = policy(hosts=hosts, version=version, seed=seed)
    now, quick = 0.0, 0
    for ending, step, bound in history:
        if bound:
            made.bound(now)
            now += step
        attempt = made.after(ending, now)
        assert 0.0 <= attempt.wait <= 330.0
        assert 0 <= attempt.host < hosts
        assert attempt.version in (VERSION_3_4, version)
        # Never more than one attempt for each host and version without a real wait between.
        quick = quick + 1 if attempt.wait <= 0.1 and not bound else 0
        assert quick <= 4
