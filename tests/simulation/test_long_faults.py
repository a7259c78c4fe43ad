"""Faults that last for minutes, which no test on a real clock can wait for: each over ten drawn runs of its own.

The runs have the seeds' events and accounts, spread over the time of the fault, and nothing else strikes.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from connector.simulator.script import Receipts, Route, Script, SubmitRule, When
from connector.smpp.constants import CommandStatus
from tests.simulation.deeds import Deed, Down, Flaky, Frozen, HostDown, Join, Leave, Strike
from tests.simulation.seeds import Scene, draw
from tests.simulation.world import run

SEEDS = range(500_000, 500_010)
MINUTE = 60.0


def spread(scene: Scene, seconds: float, *strikes: Strike, throttled: float = 0.0) -> Scene:
    """The scene's events evenly over so many seconds, none of which expires, with these strikes and no others.

    `throttled`: the share of submits that the gateway refuses with ESME_RTHROTTLED meanwhile.
    """
    count = len(scene.posted)
    posted = tuple(
        replace(
            each,
            message=replace(each.message, expires_at=None),
            times=tuple(at - each.times[0] + seconds * each.number / count for at in each.times),
        )
        for each in scene.posted
        if each.about is None
    )
    rules: tuple[SubmitRule, ...] = ()
    if throttled:
        when = When(until=seconds, share=throttled)
        rules = (SubmitRule(when=when, status=int(CommandStatus.ESME_RTHROTTLED)),)
    gateway = replace_script(scene, Script(submits=rules, receipts=Receipts(send=True, delay=0.5, route=Route.ANY)))
    return replace(gateway, posted=posted, strikes=strikes)


def replace_script(scene: Scene, script: Script) -> Scene:
    return replace(scene, gateway=scene.gateway.model_copy(update={"script": script}))


def at(seconds: float, deed: Deed, replica: int = 0) -> Strike:
    return Strike(deed=deed, at=seconds, replica=replica)


def a_broker_down_for_five_minutes(scene: Scene) -> Scene:
    return spread(scene, 60.0, at(2.0, Down(seconds=5 * MINUTE)))


def a_broker_standing_still_for_five_minutes(scene: Scene) -> Scene:
    return spread(scene, 60.0, at(2.0, Frozen(seconds=5 * MINUTE, loading=3.0)))


def half_of_the_writes_to_the_broker_timing_out_for_five_minutes(scene: Scene) -> Scene:
    return spread(scene, 5 * MINUTE, at(0.5, Flaky(seconds=5 * MINUTE, share=0.5, late=scene.seed % 2 == 0)))


def half_of_the_submits_throttled_for_ten_minutes(scene: Scene) -> Scene:
    return spread(scene, 10 * MINUTE, throttled=0.5)


def all_submits_throttled_for_a_minute(scene: Scene) -> Scene:
    return spread(scene, MINUTE, throttled=1.0)


def members_that_join_and_leave_every_second_for_two_minutes(scene: Scene) -> Scene:
    leaving = [at(second, Leave(back=0.3 + second % 7 / 5), replica=int(second) % 3) for second in range(1, 120)]
    return spread(scene, 2 * MINUTE, at(0.5, Join()), at(0.7, Join()), *leaving)


def hosts_flapping_for_five_minutes(scene: Scene) -> Scene:
    down = [at(float(second), HostDown(seconds=6.0, both=second % 30 == 0)) for second in range(2, 300, 10)]
    return spread(scene, 5 * MINUTE, *down)


FAULTS = (
    a_broker_down_for_five_minutes,
    a_broker_standing_still_for_five_minutes,
    half_of_the_writes_to_the_broker_timing_out_for_five_minutes,
    half_of_the_submits_throttled_for_ten_minutes,
    all_submits_throttled_for_a_minute,
    members_that_join_and_leave_every_second_for_two_minutes,
    hosts_flapping_for_five_minutes,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.replace("_", " "))
def test_every_promise_is_kept_through(fault: Callable[[Scene], Scene]) -> None:
    for seed in SEEDS:
        ended = run(seed, scene=fault(draw(seed)))
        assert ended.broken is None, (seed, ended.broken)
